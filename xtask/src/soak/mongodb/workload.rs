//! The load on the source: several Python programs with the official driver, each with a random stream of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tidegate_sandbox::mongo::ReplicaSet;

use crate::process::{Process, tied};

const LOAD: &str = include_str!("load.py");
/// What a stream is at must come to its end before the load counts as over.
const END_DEADLINE: Duration = Duration::from_secs(60);
const PREPARATION: u64 = 0;
/// Each stream's number, and how many of a hundred of its turns change definitions.
const STREAMS: [(u64, u64); 3] = [(1, 0), (2, 0), (3, 40)];

pub(super) struct Load<'a> {
    pub(super) seed: u64,
    pub(super) set: &'a ReplicaSet,
    pub(super) database: &'a str,
    /// Where what the streams complain of is kept.
    pub(super) folder: &'a Path,
}

/// What one stream did.
#[derive(Debug, Deserialize)]
pub(super) struct Done {
    pub(super) turns: u64,
    /// Turns that the server refused.
    pub(super) refused: u64,
    /// Of each counter.
    pub(super) increments: Vec<u64>,
}

pub(super) struct Running(Vec<Stream>);

struct Stream {
    process: Process,
    input: ChildStdin,
}

impl Load<'_> {
    /// Makes what is there before everything.
    pub(super) fn prepare(&self) -> Result<(), String> {
        let output = self.command(PREPARATION, 0)?.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("the source cannot be filled: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    pub(super) fn start(&self) -> Result<Running, String> {
        let streams = STREAMS.into_iter().map(|(number, percent)| {
            let path = self.folder.join(format!("load-{number}.err"));
            let errors =
                File::create(&path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
            let mut command = tied(&self.command(number, percent)?);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
            let mut process = Process::start("the load", command)?;
            let input = process.child.stdin.take().ok_or("the load has no standard input")?;
            Ok(Stream { process, input })
        });
        streams.collect::<Result<_, String>>().map(Running)
    }

    fn command(&self, stream: u64, schema_percent: u64) -> Result<Command, String> {
        let mut command = self.set.python_command()?;
        command.args(["-c", LOAD, &self.seed.to_string(), &stream.to_string(), self.database]);
        command.args([&schema_percent.to_string(), &self.seed.is_multiple_of(2).to_string()]);
        Ok(command)
    }
}

impl Running {
    /// Tells the streams that the copy is done.
    pub(super) fn copied(&mut self) {
        for stream in &mut self.0 {
            // One that has ended says so when it is asked to end.
            let _ = stream.input.write_all(b"copied\n");
        }
    }

    pub(super) fn stop(self) -> Result<Vec<Done>, String> {
        // All are told before any is waited for.
        let processes: Vec<Process> = self
            .0
            .into_iter()
            .map(|Stream { process, input }| {
                drop(input);
                process
            })
            .collect();
        processes.into_iter().map(done).collect()
    }
}

fn done(mut process: Process) -> Result<Done, String> {
    let out = process.child.stdout.take();
    let usage = process.finish(END_DEADLINE)?;
    let mut text = String::new();
    out.map(|mut out| out.read_to_string(&mut text)).transpose().map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("the load failed ({}): {error}", usage.status))
}
