//! The load on the source: several sessions of the `mysql` client, fed with random statements.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_sandbox::Server;

use super::random::Random;
use super::statements::{self, COUNTERS, Turn};
use crate::process::{Process, tied};
use crate::wait::Stop;

/// The client must come to the end of what it was fed before the load counts as over.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// While the copy runs, tables change so much less often.
const SELDOM: u64 = 25;

/// One session's part of the load.
#[derive(Clone, Copy)]
pub(super) struct Stream {
    pub(super) number: u64,
    /// So many of a hundred turns change tables; the others change rows.
    pub(super) schema_percent: u64,
    /// Turns between two pauses.
    pub(super) burst: u64,
    pub(super) pause: Duration,
}

/// What all sessions of a seed share.
pub(super) struct Load<'a> {
    pub(super) seed: u64,
    pub(super) server: &'a Server,
    pub(super) database: &'a str,
    /// Where everything written is kept, to run it again by hand.
    pub(super) folder: &'a Path,
    pub(super) stop: Stop,
    /// Whether tables change at all before the copy is done.
    pub(super) changes_while_copying: bool,
    /// Whether the copy is done.
    pub(super) copied: AtomicBool,
}

impl Load<'_> {
    fn schema_percent(&self, stream: Stream) -> u64 {
        match (self.copied.load(Ordering::Relaxed), self.changes_while_copying) {
            (true, _) => stream.schema_percent,
            // A copy begins anew with every change: seldom enough that it comes to an end at times.
            (false, true) => stream.schema_percent.div_ceil(SELDOM),
            (false, false) => 0,
        }
    }
}

/// What one session did.
#[derive(Default)]
pub(super) struct Done {
    pub(super) turns: u64,
    /// Increments of each counter.
    pub(super) increments: [u64; COUNTERS as usize],
}

/// Feeds one session until it is asked to stop.
pub(super) fn run(stream: Stream, load: &Load<'_>) -> Result<Done, String> {
    let path = |ending: &str| load.folder.join(format!("load-{}.{ending}", stream.number));
    let create = |ending: &str| {
        File::create(path(ending))
            .map_err(|error| format!("cannot create {}: {error}", path(ending).display()))
    };
    let mut command = tied(&load.server.client("mysql")?);
    command.args(["--force", "-N", "-B", "--default-character-set=utf8mb4", load.database]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(create("err")?);
    let mut client = Process::start("the load's mysql client", command)?;
    let pipe = client.child.stdin.take().ok_or("the load's mysql client has no standard input")?;
    let done = feed(stream, load, pipe, BufWriter::new(create("sql")?))?;
    // With --force it exits well whatever single statements did, unless the connection was lost.
    let usage = client.finish(END_DEADLINE)?;
    let errors = fs::read_to_string(path("err")).unwrap_or_default();
    if errors.contains("Lost connection") || usage.status.code().is_none() {
        return Err(format!(
            "the load's mysql client failed ({}); see {}",
            usage.status,
            path("err").display()
        ));
    }
    Ok(done)
}

fn feed(
    stream: Stream,
    load: &Load<'_>,
    mut pipe: ChildStdin,
    mut kept: BufWriter<File>,
) -> Result<Done, String> {
    let mut random = Random::new(load.seed, stream.number);
    let mut done = Done::default();
    while !load.stop.within(stream.pause) {
        for _ in 0..stream.burst {
            let Turn { sql, counter } = if random.chance(load.schema_percent(stream)) {
                statements::schema(&mut random)
            } else {
                statements::rows(&mut random)
            };
            let line = format!("{sql}\n");
            let fed = pipe.write_all(line.as_bytes()).and_then(|()| kept.write_all(line.as_bytes()));
            fed.map_err(|error| format!("the load's mysql client takes nothing more: {error}"))?;
            done.turns += 1;
            if let Some(counter) = counter {
                done.increments[(counter - 1) as usize] += 1;
            }
        }
    }
    Ok(done)
}
