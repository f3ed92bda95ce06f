//! A server that belongs to the process that started it.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::boot::{self, Home, Tether};
use crate::flavour::Flavour;
use crate::{client, process, wait};

/// How long an orderly shutdown may take before the server is killed.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    pub flavour: Flavour,
    /// Unique among servers that replicate from each other.
    pub server_id: u32,
    /// Further server arguments (`--name=value`); they come last and override the defaults.
    pub args: Vec<String>,
    /// Whether every commit reaches the disk. Off by default: tests that do not cut the power gain speed.
    pub durable: bool,
}

impl Options {
    pub fn new(flavour: Flavour, server_id: u32) -> Options {
        Options { flavour, server_id, args: Vec::new(), durable: false }
    }

    /// Adds one server argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Options {
        self.args.push(argument.into());
        self
    }

    /// Sets whether every commit reaches the disk.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Options {
        self.durable = durable;
        self
    }
}

/// A running server. It ends when this value is dropped, and also when this process is killed.
#[derive(Debug)]
pub struct Server {
    options: Options,
    home: Home,
    port: u16,
    pid: u32,
    child: Option<Child>,
    kept: bool,
}

impl Server {
    /// Installs what is missing, creates `home` (which must not exist or be empty) and starts a server
    /// there with an empty data directory and a free port. Returns when it accepts clients.
    pub fn start(options: Options, home: &Path) -> Result<Server, String> {
        let home = Home::prepare(home, options.flavour)?;
        let (child, port) = boot::on_free_port(&options, &home, Tether::Tied)?;
        Ok(Server { options, home, port, pid: child.id(), child: Some(child), kept: false })
    }

    pub fn flavour(&self) -> Flavour {
        self.options.flavour
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process number; after a stop, the number it had.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The folder given to `start`, absolute.
    pub fn home(&self) -> &Path {
        &self.home.folder
    }

    /// An address for the server's administrator, who has no password.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/", self.port)
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Shuts the server down in order; the data stays, for `restart`. Kills it if it does not end in time.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // A paused server would not see the request to end.
        let _ = process::signal(self.pid, "CONT");
        let _ = process::signal(self.pid, "TERM");
        let ended = wait::until(STOP_DEADLINE, || child.try_wait());
        if !matches!(ended, Ok(Some(_))) {
            end(&mut child);
        }
    }

    /// Ends the server as a crash would: no shutdown, recovery at the next start.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }

    /// Stops the server if it runs and starts it again with the same port and data. `extra_args` hold for
    /// this run only and override everything else.
    pub fn restart(&mut self, extra_args: &[&str]) -> Result<(), String> {
        self.stop();
        let extra: Vec<String> = extra_args.iter().map(|argument| (*argument).to_owned()).collect();
        let child = boot::on_port(&self.options, &self.home, self.port, &extra, Tether::Tied)?;
        self.pid = child.id();
        self.child = Some(child);
        Ok(())
    }

    /// Freezes the process: connections stay open and nothing answers, as with a hanging host.
    pub fn pause(&self) -> Result<(), String> {
        process::signal(self.pid, "STOP")
    }

    /// Lets a paused server go on.
    pub fn resume(&self) -> Result<(), String> {
        process::signal(self.pid, "CONT")
    }

    /// Leaves the folder in place when this value is dropped, to look at a failed test's data and logs.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Runs SQL statements as root through the flavour's own client. Rows come one a line, columns
    /// separated by tabs, NULL written as NULL.
    pub fn sql(&self, statements: &str) -> Result<String, String> {
        client::sql(self.options.flavour, self.port, statements)
    }

    /// One of the flavour's client programs (`mysql`, `mysqldump`, ...), already pointed at this server.
    pub fn client(&self, tool: &str) -> Result<Command, String> {
        client::connected(self.options.flavour, tool, self.port)
    }

    /// User plus system seconds this run of the server has used.
    pub fn cpu_seconds(&self) -> f64 {
        process::cpu_seconds(self.pid)
    }
}

/// Ends a process at once and waits for it, so that its port and files are free.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.kept {
            self.stop();
        } else {
            // The data goes away with the server, so a second of orderly shutdown would gain nothing.
            self.kill();
            self.home.remove(self.port);
        }
    }
}
