//! A replica set that stays when the process that started it ends, as `cargo xtask sandbox up` wants it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::member;
use super::python::Address;
use super::set::{Options, ReplicaSet, folder_of};
use crate::boot::Tether;
use crate::server::STOP_DEADLINE;
use crate::{process, wait};

/// The record of a detached set, inside its folder.
const RECORD: &str = "set.json";
/// How long a killed process may take to disappear.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// A detached replica set without access control, found again through the record in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunningSet {
    /// The set's own name.
    pub set: String,
    pub ports: Vec<u16>,
    pub pids: Vec<u32>,
    pub url: String,
    /// The set's folder, absolute.
    pub home: PathBuf,
}

impl RunningSet {
    /// Starts a set as `ReplicaSet::start` does, but one that outlives this process, and records it in its folder.
    pub fn start(options: Options, home: &Path) -> Result<RunningSet, String> {
        let set = ReplicaSet::tethered(Options { auth: false, ..options }, home, Tether::Free)?;
        let running = RunningSet {
            set: set.name().to_owned(),
            ports: set.ports(),
            pids: set.pids(),
            url: set.url(),
            home: set.home().to_owned(),
        };
        // Without a record nobody could find the set again: it then ends here.
        running.record()?;
        set.release();
        Ok(running)
    }

    /// The set recorded in `home`, whether it still runs or not; none when there is no record.
    pub fn find(home: &Path) -> Result<Option<RunningSet>, String> {
        let path = home.join(RECORD);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let found = serde_json::from_str(&text).map_err(|error| {
            format!("{} is not a replica set's record: {error}; delete {}", path.display(), home.display())
        })?;
        Ok(Some(found))
    }

    /// Whether all its members are still there.
    pub fn is_alive(&self) -> bool {
        (0..self.pids.len()).all(|at| self.owns(at))
    }

    /// Stops the members that run (other processes with the same numbers are left alone) and deletes the folder.
    pub fn remove(&self) -> Result<(), String> {
        for (signal, deadline) in [("TERM", STOP_DEADLINE), ("KILL", KILL_DEADLINE)] {
            for at in (0..self.pids.len()).filter(|at| self.owns(*at)) {
                // It may end between the look and the signal, so a refused signal is no failure.
                let _ = process::signal(self.pids[at], signal);
            }
            let none_runs = || !(0..self.pids.len()).any(|at| self.owns(at));
            if wait::until::<_, String>(deadline, || Ok(none_runs().then_some(())))?.is_some() {
                return fs::remove_dir_all(&self.home)
                    .map_err(|error| format!("cannot delete {}: {error}", self.home.display()));
            }
        }
        Err(format!("the replica set {} does not end", self.set))
    }

    /// Runs Python; see `ReplicaSet::python`.
    pub fn python(&self, script: &str) -> Result<String, String> {
        Address { set: self.set.clone(), ports: self.ports.clone(), password: None }.script(script)
    }

    fn owns(&self, at: usize) -> bool {
        member::owns(&folder_of(&self.home, at), self.pids[at])
    }

    fn record(&self) -> Result<(), String> {
        let path = self.home.join(RECORD);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| format!("cannot describe the replica set: {error}"))?;
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}
