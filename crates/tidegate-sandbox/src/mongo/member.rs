//! One member of a replica set: its folder, its port and its process.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::install;
use super::set::Options;
use crate::boot::{Tether, free_port, log_since};
use crate::cache::create;
use crate::server::STOP_DEADLINE;
use crate::{process, wait};

const START_DEADLINE: Duration = Duration::from_secs(60);
/// Another process may take a port between the look and the server's own bind.
const PORT_ATTEMPTS: usize = 8;
/// What the server writes to its log once it has its port ("Waiting for connections").
const LISTENING: &str = "\"id\":23016";
/// So many of a log's lines go into a message.
const SHOWN_LINES: usize = 10;

/// What all members of a set have in common.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) set: String,
    pub(super) options: Options,
    /// With access control, the file that lets members know each other.
    pub(super) key: Option<PathBuf>,
    pub(super) tether: Tether,
}

#[derive(Debug)]
pub(super) struct Member {
    folder: PathBuf,
    port: u16,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// After an end, the number it had.
    pid: u32,
    child: Option<Child>,
}

enum Failure {
    PortTaken,
    Other(String),
}

impl Member {
    /// Starts a member in a folder of its own, on a free port.
    pub(super) fn start(settings: &Settings, folder: PathBuf) -> Result<Member, String> {
        create(&data(&folder))?;
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port()?;
            match boot(settings, &folder, port) {
                Ok(child) => {
                    let state = State { pid: child.id(), child: Some(child) };
                    return Ok(Member { folder, port, state: Mutex::new(state) });
                }
                Err(Failure::PortTaken) => {}
                Err(Failure::Other(text)) => return Err(text),
            }
        }
        Err(format!("{PORT_ATTEMPTS} ports in a row were taken by other processes; try again"))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn pid(&self) -> u32 {
        self.state().pid
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Shuts it down in order, or kills it if it does not end in time.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        let Some(mut child) = state.child.take() else { return };
        // A paused server would not see the request to end.
        let _ = process::signal(state.pid, "CONT");
        let _ = process::signal(state.pid, "TERM");
        if !matches!(wait::until(STOP_DEADLINE, || child.try_wait()), Ok(Some(_))) {
            end(&mut child);
        }
    }

    pub(super) fn kill(&self) {
        if let Some(mut child) = self.state().child.take() {
            end(&mut child);
        }
    }

    /// Starts it again with the same port and data, after stopping it if it runs.
    pub(super) fn restart(&self, settings: &Settings) -> Result<(), String> {
        self.stop();
        let child = boot(settings, &self.folder, self.port).map_err(|failure| match failure {
            Failure::PortTaken => {
                format!("port {} was taken by another process while the server was down", self.port)
            }
            Failure::Other(text) => text,
        })?;
        *self.state() = State { pid: child.id(), child: Some(child) };
        Ok(())
    }

    pub(super) fn signal(&self, name: &str) -> Result<(), String> {
        process::signal(self.pid(), name)
    }

    /// User plus system seconds this run of it has used.
    pub(super) fn cpu_seconds(&self) -> f64 {
        process::cpu_seconds(self.pid())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = state.child.take() {
            end(&mut child);
        }
    }
}

impl Member {
    /// Leaves the process running when this value is dropped.
    pub(super) fn release(&self) {
        self.state().child = None;
    }
}

/// Whether the process is the server of this folder and not another one that was given its number.
pub(super) fn owns(folder: &Path, pid: u32) -> bool {
    let data = format!("--dbpath {} ", data(folder).display());
    process::alive(pid) && process::command_line(pid).contains(&data)
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn boot(settings: &Settings, folder: &Path, port: u16) -> Result<Child, Failure> {
    let mut command = command(settings, folder, port).map_err(Failure::Other)?;
    let [log, said] = ["mongod.log", "output.log"].map(|name| folder.join(name));
    let start = fs::metadata(&log).map(|file| file.len()).unwrap_or(0);
    // Before the server has opened its log, the loader and the option parser write to stdout and stderr.
    let output = File::create(&said)
        .and_then(|file| file.try_clone().map(|copy| (file, copy)))
        .map_err(|error| Failure::Other(format!("cannot create {}: {error}", said.display())))?;
    command.stdin(Stdio::null()).stdout(output.0).stderr(output.1).process_group(0);
    let spawned = match settings.tether {
        Tether::Tied => process::spawn_tethered(command),
        Tether::Free => command.spawn(),
    };
    let mut child = spawned.map_err(|error| {
        Failure::Other(format!("cannot start mongod: {error}; is setpriv (package util-linux) installed?"))
    })?;
    match await_ready(&mut child, &log, start) {
        Ok(()) => Ok(child),
        Err(problem) => {
            end(&mut child);
            let text = log_since(&log, start);
            if text.contains("Address already in use") {
                return Err(Failure::PortTaken);
            }
            let said = log_since(&said, 0);
            Err(Failure::Other(format!(
                "mongod {problem}; its log {}:\n{}",
                log.display(),
                telling_lines(&said, &text)
            )))
        }
    }
}

fn command(settings: &Settings, folder: &Path, port: u16) -> Result<Command, String> {
    let server = install::server()?;
    let mut command = match settings.tether {
        Tether::Free => Command::new(server),
        Tether::Tied => {
            let mut tied = Command::new("setpriv");
            tied.args(["--pdeathsig", "KILL", "--"]).arg(server);
            tied
        }
    };
    let Options { cache_gb, oplog_mb, .. } = settings.options;
    command.arg("--dbpath").arg(data(folder));
    command.arg("--logpath").arg(folder.join("mongod.log")).arg("--logappend");
    command.args([
        "--replSet",
        &settings.set,
        "--port",
        &port.to_string(),
        "--bind_ip",
        "127.0.0.1",
        "--nounixsocket",
    ]);
    command.args(["--wiredTigerCacheSizeGB", &cache_gb.to_string(), "--oplogSize", &oplog_mb.to_string()]);
    if let Some(key) = &settings.key {
        command.arg("--keyFile").arg(key);
    }
    let parameters = [
        "enableTestCommands=0",
        "diagnosticDataCollectionEnabled=false",
        // On request to end, it would otherwise keep telling its clients so for fifteen seconds.
        "shutdownTimeoutMillisForSignaledShutdown=100",
    ];
    for parameter in parameters {
        command.args(["--setParameter", parameter]);
    }
    command.args(&settings.options.args);
    Ok(command)
}

fn await_ready(child: &mut Child, log: &Path, start: u64) -> Result<(), String> {
    let ready = wait::until(START_DEADLINE, || {
        match child.try_wait() {
            Ok(Some(status)) => return Err(format!("ended while starting ({status})")),
            Ok(None) => {}
            Err(error) => return Err(format!("cannot be observed: {error}")),
        }
        Ok(log_since(log, start).contains(LISTENING).then_some(()))
    })?;
    ready.ok_or_else(|| format!("did not listen within {} s", START_DEADLINE.as_secs()))
}

/// What it said before it had a log, and the errors in its log, or the last lines when there is neither.
fn telling_lines(said: &str, log: &str) -> String {
    let errors = log.lines().filter(|line| line.contains("\"s\":\"E\"") || line.contains("\"s\":\"F\""));
    let told: Vec<&str> = said.lines().chain(errors).take(SHOWN_LINES).collect();
    let lines: Vec<&str> = log.lines().collect();
    let shown = if told.is_empty() { &lines[lines.len().saturating_sub(SHOWN_LINES)..] } else { &told[..] };
    shown.iter().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::telling_lines;

    #[test]
    fn errors_are_preferred_to_last_lines() {
        let log = "{\"s\":\"I\",\"id\":1}\n{\"s\":\"E\",\"id\":2}\n{\"s\":\"I\",\"id\":3}\n";
        assert_eq!(telling_lines("", log), "  {\"s\":\"E\",\"id\":2}\n");
        assert_eq!(telling_lines("bad option\n", "a\nb\n"), "  bad option\n");
        assert_eq!(telling_lines("", "a\nb\n"), "  a\n  b\n");
    }
}
