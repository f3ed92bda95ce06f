//! The demonstration with MongoDB: two replica sets, and a shop whose customers are Python programs with the official
//! driver.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tidegate_sandbox::mongo::{Options, ReplicaSet};

use super::failback::End;
use super::{Stage, Traffic, say};
use crate::process::{Process, tied};

const SHOP: &str = include_str!("mongodb/shop.py");
const MEMBERS: usize = 3;
/// What the customers are at must come to its end.
const END_DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Shop {
    source: ReplicaSet,
    target: ReplicaSet,
}

/// The shop's customers.
struct Customers(Process);

impl Stage for Shop {
    fn open(folder: &Path, rows: u64) -> Result<Self, String> {
        say(&format!("starting a source and a target: replica sets of {MEMBERS} members each"));
        let source = ReplicaSet::start(Options::new(MEMBERS), &folder.join("source"))?;
        let target = ReplicaSet::start(Options::new(MEMBERS), &folder.join("target"))?;
        say(&format!("filling the source: a shop of {rows} documents"));
        let mut command = source.python_command()?;
        let filled = command.args(["-c", SHOP, "fill", &rows.to_string()]).output();
        let filled = filled.map_err(|error| format!("cannot run python3: {error}"))?;
        if filled.status.success() {
            return Ok(Self { source, target });
        }
        Err(format!("the shop cannot be filled: {}", String::from_utf8_lossy(&filled.stderr).trim()))
    }

    fn databases(&self) -> Vec<&'static str> {
        vec!["shop"]
    }

    fn load(&self, folder: &Path) -> Result<Box<dyn Traffic>, String> {
        let path = folder.join("shop.log");
        let errors =
            File::create(&path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        let mut command = self.source.python_command()?;
        command.args(["-c", SHOP, "visit"]);
        let mut command = tied(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        Ok(Box::new(Customers(Process::start("the shop's customers", command)?)))
    }

    fn source(&self) -> &dyn End {
        &self.source
    }

    fn target(&self) -> &dyn End {
        &self.target
    }
}

impl Traffic for Customers {
    fn check(&self) -> Result<(), String> {
        if self.0.has_ended() { Err("the shop's customers ended by themselves".to_owned()) } else { Ok(()) }
    }

    fn stop(mut self: Box<Self>) -> Result<u64, String> {
        drop(self.0.child.stdin.take());
        let out = self.0.child.stdout.take();
        let usage = self.0.finish(END_DEADLINE)?;
        let mut text = String::new();
        out.map(|mut out| out.read_to_string(&mut text)).transpose().map_err(|error| error.to_string())?;
        text.trim()
            .parse()
            .map_err(|error| format!("the shop's customers failed ({}): {error}", usage.status))
    }
}

impl End for ReplicaSet {
    fn url(&self) -> String {
        ReplicaSet::url(self)
    }

    fn create_ledger(&self, database: &str) -> Result<(), String> {
        self.python(&format!("client.{database}.create_collection('entry')")).map(drop)
    }

    fn write(&self, database: &str, ids: Range<u64>, turn: u64) -> Result<(), String> {
        let Range { start, end } = ids;
        self.python(&format!(
            "for at in range({start}, {end}): client.{database}.entry.insert_one({{'_id': at, 'turn': {turn}}})"
        ))
        .map(drop)
    }

    fn rows(&self, database: &str) -> Result<u64, String> {
        let found = self.python(&format!("print(client.{database}.entry.count_documents({{}}))"))?;
        found.parse().map_err(|error| format!("{found}: {error}"))
    }
}
