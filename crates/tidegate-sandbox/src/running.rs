//! A server that stays when the process that started it ends, as `cargo xtask sandbox up` wants it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::boot::{self, Home, Tether};
use crate::flavour::Flavour;
use crate::server::{Options, STOP_DEADLINE};
use crate::{client, process, wait};

/// The record of a detached server, inside its folder.
const RECORD: &str = "server.json";
/// How long a killed process may take to disappear.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// A detached server, found again through the record in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    pub flavour: Flavour,
    pub server_id: u32,
    pub port: u16,
    pub pid: u32,
    pub url: String,
    /// The server's folder, absolute.
    pub home: PathBuf,
}

impl Running {
    /// Starts a server as `Server::start` does, but one that outlives this process, and records it in its
    /// folder.
    pub fn start(options: Options, home: &Path) -> Result<Running, String> {
        let home = Home::prepare(home, options.flavour)?;
        let (mut child, port) = boot::on_free_port(&options, &home, Tether::Free)?;
        let running = Running {
            flavour: options.flavour,
            server_id: options.server_id,
            port,
            pid: child.id(),
            url: format!("mysql://root@127.0.0.1:{port}/"),
            home: home.folder,
        };
        running.record().inspect_err(|_| {
            // Without a record nobody could find the server again.
            let _ = child.kill();
            let _ = child.wait();
        })?;
        Ok(running)
    }

    /// The server recorded in `home`, whether it still runs or not; none when there is no record.
    pub fn find(home: &Path) -> Result<Option<Running>, String> {
        let path = home.join(RECORD);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let found = serde_json::from_str(&text).map_err(|error| {
            format!("{} is not a server's record: {error}; delete {}", path.display(), home.display())
        })?;
        Ok(Some(found))
    }

    /// Whether the recorded process is still there and is this folder's server.
    pub fn is_alive(&self) -> bool {
        self.as_home().owns(self.pid)
    }

    /// Stops the server if it runs (another process with the same number is left alone) and deletes its
    /// folder.
    pub fn remove(&self) -> Result<(), String> {
        for (signal, deadline) in [("TERM", STOP_DEADLINE), ("KILL", KILL_DEADLINE)] {
            if self.is_alive() {
                // It may end between the look and the signal, so a refused signal is no failure.
                let _ = process::signal(self.pid, signal);
                let _ = wait::until::<_, String>(deadline, || Ok((!self.is_alive()).then_some(())));
            }
        }
        if self.is_alive() {
            return Err(format!("the server with process number {} does not end", self.pid));
        }
        self.as_home().remove(self.port);
        Ok(())
    }

    /// Runs SQL statements as root; see `Server::sql`.
    pub fn sql(&self, statements: &str) -> Result<String, String> {
        client::sql(self.flavour, self.port, statements)
    }

    fn as_home(&self) -> Home {
        Home { folder: self.home.clone() }
    }

    fn record(&self) -> Result<(), String> {
        let path = self.home.join(RECORD);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| format!("cannot describe the server: {error}"))?;
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}
