//! MongoDB with access control: the official Python driver on either side, logged in as an application, and the links as
//! accounts with the roles that the manual names and no others.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tidegate_sandbox::mongo::{Options, ReplicaSet};
use tidegate_sandbox::scratch;

use super::stage::{Load, Stage, Written};
use super::{DATABASE, Side};
use crate::process::{Process, tied};
use crate::soak::mongodb::{difference, keep};

const ACCOUNTS: &str = include_str!("mongodb/accounts.py");
const LOAD: &str = include_str!("mongodb/load.py");
const JOURNAL: &str = include_str!("mongodb/journal.py");
const MEMBERS: usize = 3;
/// Of the links' account.
const PASSWORD: &str = "of-the-links";
/// What applications are at must come to its end, and what is to expire must have done so.
const END_DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Mongodb {
    folder: PathBuf,
    /// By [`Side::at`].
    sets: [ReplicaSet; 2],
    /// Up to where each log was read.
    read: [String; 2],
}

/// The applications.
struct Clients {
    process: Process,
    input: Option<ChildStdin>,
}

/// What the journal prints.
#[derive(Deserialize)]
struct Found {
    end: String,
    by_applications: u64,
    by_links: u64,
}

impl Mongodb {
    pub(super) fn open() -> Result<Self, String> {
        let folder = scratch("soak")?;
        let start = |name: &str| {
            // What expires does so at once.
            let options = Options::new(MEMBERS).auth(true).arg("--setParameter").arg("ttlMonitorSleepSecs=1");
            ReplicaSet::start(options, &folder.join(name))
        };
        let stage =
            Self { sets: [start("source")?, start("target")?], read: [String::new(), String::new()], folder };
        for set in &stage.sets {
            run(set, ACCOUNTS, &[DATABASE, PASSWORD])?;
        }
        run(&stage.sets[0], LOAD, &[DATABASE, "prepare"])?;
        Ok(stage)
    }

    fn set(&self, side: Side) -> &ReplicaSet {
        &self.sets[side.at()]
    }

    fn journal(&self, side: Side, since: &str) -> Result<Found, String> {
        let said = run(self.set(side), JOURNAL, &[DATABASE, since])?;
        serde_json::from_str(&said).map_err(|error| format!("{error}: {said}"))
    }
}

fn command(set: &ReplicaSet, script: &str, words: &[&str]) -> Result<Command, String> {
    let mut command = set.python_command()?;
    command.args(["-c", script]).args(words);
    Ok(command)
}

/// Runs a script to its end; answers what it prints.
fn run(set: &ReplicaSet, script: &str, words: &[&str]) -> Result<String, String> {
    let output = command(set, script, words)?.output();
    let output = output.map_err(|error| format!("cannot run python3: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

impl Stage for Mongodb {
    fn name(&self) -> &'static str {
        "mongodb"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn url(&self, side: Side) -> String {
        self.set(side).url().replace("root@", "tidegate@")
    }

    fn password(&self) -> Option<&'static str> {
        Some(PASSWORD)
    }

    fn load(&self, side: Side, number: Option<u64>) -> Result<Box<dyn Load + '_>, String> {
        let path = self.folder.join("load.err");
        let errors = File::options().create(true).append(true).open(&path);
        let errors = errors.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let number = number.map(|number| number.to_string());
        let words = [DATABASE, "write", number.as_deref().unwrap_or("-")];
        let mut command = tied(&command(self.set(side), LOAD, &words)?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut process = Process::start("the applications", command)?;
        let input = process.child.stdin.take();
        Ok(Box::new(Clients { process, input }))
    }

    fn write_last(&self, side: Side, name: &str) -> Result<(), String> {
        self.set(side).python(&format!("client.{DATABASE}.{name}.insert_one({{'_id': 1}})")).map(drop)
    }

    fn has_last(&self, side: Side, name: &str) -> Result<bool, String> {
        let found = format!("print(client.{DATABASE}.{name}.count_documents({{}}))");
        Ok(self.set(side).python(&found)? == "1")
    }

    fn begin_journal(&mut self, side: Side) -> Result<(), String> {
        self.read[side.at()] = self.journal(side, "-")?.end;
        Ok(())
    }

    fn written(&mut self, side: Side) -> Result<Written, String> {
        let found = self.journal(side, &self.read[side.at()])?;
        self.read[side.at()] = found.end;
        Ok(Written { by_applications: found.by_applications, by_links: found.by_links })
    }

    fn difference(&self) -> Result<Option<String>, String> {
        difference(&self.sets[0], &self.sets[1], &[DATABASE.to_owned()])
    }

    fn keep(&mut self) -> Result<PathBuf, String> {
        let [source, target] = &mut self.sets;
        keep(&self.folder, [source, target])
    }
}

impl Load for Clients {
    fn stop(mut self: Box<Self>) -> Result<u64, String> {
        drop(self.input.take());
        let out = self.process.child.stdout.take();
        let usage = self.process.finish(END_DEADLINE)?;
        let mut text = String::new();
        out.map(|mut out| out.read_to_string(&mut text)).transpose().map_err(|error| error.to_string())?;
        text.trim()
            .parse()
            .map_err(|error| format!("the applications failed ({}): {error}; see load.err", usage.status))
    }
}

impl Drop for Mongodb {
    fn drop(&mut self) {
        for set in &self.sets {
            (0..set.ports().len()).for_each(|member| set.kill(member));
        }
        // Gone already when it was kept.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
