//! Applications on the side in use: sysbench with an account of its own, and somebody who changes tables now and then.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{iter, sync::Arc};

use tidegate_sandbox::Server;

use crate::process::{Process, tied};
use crate::soak::failback::DATABASE;
use crate::soak::failback::stage::Load;
use crate::wait::{self, Stop};

/// Who writes there. The links log in as somebody else, so that it can be seen when the last of these has gone.
const ACCOUNT: &str = "application";
const TABLES: u64 = 3;
const RATE: &str = "--rate=200";
const SCHEMA_CHANGE_EVERY: Duration = Duration::from_millis(1500);
/// A session whose client was killed is rolled back by the server, or comes to the end of its commit.
const GONE_DEADLINE: Duration = Duration::from_secs(60);

/// Makes the account.
pub(super) fn admit(server: &Server) -> Result<(), String> {
    server
        .sql(&format!(
            "CREATE USER {ACCOUNT}@'127.0.0.1'; GRANT ALL ON {DATABASE}.* TO {ACCOUNT}@'127.0.0.1'"
        ))
        .map(drop)
}

/// Makes the tables.
pub(super) fn prepare(server: &Server) -> Result<(), String> {
    server.sql(&format!("CREATE DATABASE {DATABASE}"))?;
    let output = sysbench(server)?.arg("prepare").output();
    let output = output.map_err(|error| format!("cannot run sysbench: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("sysbench prepare failed: {}", String::from_utf8_lossy(&output.stdout).trim()))
}

fn sysbench(server: &Server) -> Result<Command, String> {
    let mut command = tidegate_sandbox::sysbench()?;
    command.args(["oltp_write_only", "--db-driver=mysql", "--mysql-host=127.0.0.1"]);
    command.arg(format!("--mysql-user={ACCOUNT}")).arg(format!("--mysql-port={}", server.port()));
    command.arg(format!("--mysql-db={DATABASE}")).arg(format!("--tables={TABLES}"));
    command.args(["--table-size=5000", "--db-ps-mode=disable"]);
    // What two sessions do to each other, and a change of a table to both, is no reason to stop.
    command.arg("--mysql-ignore-errors=1213,1020,1205,1062,1412");
    Ok(command)
}

/// It runs until it is stopped.
pub(super) struct Traffic<'a> {
    server: &'a Server,
    sysbench: Process,
    stop: Arc<Stop>,
    changes: JoinHandle<Result<u64, String>>,
}

impl<'a> Traffic<'a> {
    /// `number` tells this one's tables and columns from those of every other; without one no table changes.
    pub(super) fn start(server: &'a Server, folder: &Path, number: Option<u64>) -> Result<Self, String> {
        let path = folder.join("sysbench.log");
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let mut command = tied(&sysbench(server)?);
        command.args([RATE, "--threads=4", "--time=0", "run"]).stdin(Stdio::null());
        command.stderr(log.try_clone().map_err(|error| error.to_string())?).stdout(log);
        let sysbench = Process::start("sysbench", command)?;
        let stop = Arc::new(Stop::default());
        let (asked, mut client) = (stop.clone(), server.client("mysql")?);
        client.args(["--default-character-set=utf8mb4", DATABASE, "-e"]);
        let changes = thread::spawn(move || change_tables(&client, &asked, number));
        Ok(Self { server, sysbench, stop, changes })
    }
}

impl Load for Traffic<'_> {
    fn stop(mut self: Box<Self>) -> Result<u64, String> {
        let ended_early = self.sysbench.has_ended();
        self.stop.ask();
        self.sysbench.kill();
        let changes =
            self.changes.join().map_err(|_| "the thread that changes tables panicked".to_owned())??;
        if ended_early {
            return Err("sysbench ended by itself; see sysbench.log".to_owned());
        }
        let sessions =
            format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{ACCOUNT}'");
        let gone = wait::until(GONE_DEADLINE, || Ok((self.server.sql(&sessions)? == "0").then_some(())))?;
        gone.ok_or_else(|| "the sessions of the load do not end".to_owned())?;
        Ok(changes)
    }
}

/// New columns and new tables with rows, in turn.
fn change_tables(client: &Command, stop: &Stop, number: Option<u64>) -> Result<u64, String> {
    let mut changes = 0;
    let Some(number) = number else { return Ok(changes) };
    for (turn, table) in iter::zip(0_u64.., (1..=TABLES).cycle()) {
        if stop.within(SCHEMA_CHANGE_EVERY) {
            break;
        }
        let sql = if turn.is_multiple_of(2) {
            format!("ALTER TABLE sbtest{table} ADD COLUMN added_{number}_{turn} INT NOT NULL DEFAULT {turn}")
        } else {
            let made = format!("made_{number}_{turn}");
            format!(
                "CREATE TABLE {made} (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO {made} VALUES (1, 'a'), (2, 'b')"
            )
        };
        let mut command = Command::new(client.get_program());
        command.args(client.get_args()).arg(&sql);
        command.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().map_err(|error| format!("cannot run the mysql client: {error}"))?;
        if !output.status.success() {
            return Err(format!("\"{sql}\" failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        changes += 1;
    }
    Ok(changes)
}
