//! What keeps the source busy: sysbench on tables of its own, and customers of the shop.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tidegate_sandbox::Server;

use super::shop;
use crate::process::{Process, tied};
use crate::wait::Stop;

/// Where sysbench has its tables.
pub(super) const DATABASE: &str = "sbtest";
/// Transactions a second, so that a machine of two cores has time left for the link and two servers.
const RATE: &str = "--rate=200";
/// Between two requests in the shop.
const SHOP_PAUSE: Duration = Duration::from_millis(20);
/// The client must come to the end of what it was fed.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// The running load.
pub(super) struct Load {
    sysbench: Process,
    stop: Arc<Stop>,
    shop: JoinHandle<Result<u64, String>>,
}

/// Makes sysbench's tables.
pub(super) fn prepare(source: &Server) -> Result<(), String> {
    source.sql(&format!("CREATE DATABASE {DATABASE}"))?;
    let output =
        sysbench(source)?.arg("prepare").output().map_err(|error| format!("cannot run sysbench: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("sysbench prepare failed: {}", String::from_utf8_lossy(&output.stdout).trim()))
}

fn sysbench(source: &Server) -> Result<Command, String> {
    let mut command = tidegate_sandbox::sysbench()?;
    command.args(["oltp_write_only", "--db-driver=mysql", "--mysql-host=127.0.0.1", "--mysql-user=root"]);
    command.arg(format!("--mysql-port={}", source.port())).arg(format!("--mysql-db={DATABASE}"));
    command.args(["--tables=2", "--table-size=10000", "--db-ps-mode=disable"]);
    // Two sessions that write the same row may end in a deadlock, which is no reason to stop.
    command.arg("--mysql-ignore-errors=1213,1020,1205,1062");
    Ok(command)
}

impl Load {
    /// Starts it; what its programs say goes to `folder`.
    pub(super) fn start(source: &Server, folder: &Path) -> Result<Load, String> {
        let log = |name: &str| {
            File::create(folder.join(name)).map_err(|error| format!("cannot create {name}: {error}"))
        };
        let mut command = tied(&sysbench(source)?);
        command.args([RATE, "--threads=2", "--time=0", "run"]);
        command.stdin(Stdio::null()).stdout(log("sysbench.log")?).stderr(Stdio::null());
        let sysbench = Process::start("sysbench", command)?;
        let mut client = source.client("mysql")?;
        client.args(["--force", "--default-character-set=utf8mb4", "shop"]);
        let errors = log("shop.log")?;
        let stop = Arc::new(Stop::default());
        let asked = stop.clone();
        let shop = thread::spawn(move || customers(&client, errors, &asked));
        Ok(Load { sysbench, stop, shop })
    }

    /// An error when sysbench has ended by itself: the link would then have nothing to do.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.sysbench.has_ended() { Err("sysbench ended by itself".to_owned()) } else { Ok(()) }
    }

    /// Ends it; answers how many requests the shop had.
    pub(super) fn stop(mut self) -> Result<u64, String> {
        self.sysbench.kill();
        self.stop.ask();
        self.shop.join().map_err(|_| "the shop's thread panicked".to_owned())?
    }
}

fn customers(client: &Command, errors: File, stop: &Stop) -> Result<u64, String> {
    let mut command = tied(client);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
    let mut client = Process::start("the shop's mysql client", command)?;
    let mut pipe = client.child.stdin.take().ok_or("the shop's mysql client has no standard input")?;
    let mut requests = 0;
    while !stop.within(SHOP_PAUSE) {
        pipe.write_all(format!("{}\n", shop::request(requests)).as_bytes())
            .map_err(|error| format!("the shop's mysql client takes nothing more: {error}"))?;
        requests += 1;
    }
    drop(pipe);
    client.finish(END_DEADLINE)?;
    Ok(requests)
}
