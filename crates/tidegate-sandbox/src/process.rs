//! Starting, signalling and observing server processes.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// Kernel clock ticks per second as /proc reports them; fixed at 100 on every Linux Debian runs on.
const TICKS_PER_SECOND: f64 = 100.0;

type Job = (Command, Sender<io::Result<Child>>);

/// Starts a command that must not outlive this process.
///
/// The caller wraps the command in `setpriv --pdeathsig`; the kernel sends that signal when the *thread*
/// that spawned the child ends, and test threads end early. So one thread, which lives as long as the
/// process, does all the spawning.
pub(crate) fn spawn_tethered(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::spawn(move || {
            for (mut command, reply) in jobs {
                if let Err(mpsc::SendError(Ok(mut orphan))) = reply.send(command.spawn()) {
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        });
        sender
    });
    let (reply, answer) = mpsc::channel();
    spawner.send((command, reply)).map_err(|_| io::Error::other("the spawning thread has ended"))?;
    answer.recv().map_err(|_| io::Error::other("the spawning thread has ended"))?
}

/// Sends a signal by name ("TERM", "STOP", ...) to one process, through the shell's built-in `kill`: the
/// system call itself would need unsafe code, and a separate `kill` program is not on every machine.
pub(crate) fn signal(pid: u32, name: &str) -> Result<(), String> {
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run sh to signal process {pid}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("process {pid} could not be sent SIG{name}")) }
}

/// Whether the process exists and has not ended; a zombie counts as ended.
pub(crate) fn alive(pid: u32) -> bool {
    stat_fields(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z" && state != "X"))
}

/// The command line of a process, arguments separated by single spaces; empty when it is gone.
pub(crate) fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// User plus system seconds the process has used so far; 0 when it is gone.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    // Fields 14 and 15 of /proc/PID/stat; the list starts at field 3.
    let Some(fields) = stat_fields(pid) else { return 0.0 };
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// The fields of /proc/PID/stat from the third (the state) on. The second field, the program's name, may
/// hold spaces and brackets, so the list starts after the last closing bracket.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_uses_time() {
        let pid = std::process::id();
        assert!(alive(pid));
        assert!(cpu_seconds(pid) >= 0.0);
        assert!(command_line(pid).contains("tidegate_sandbox"));
    }

    #[test]
    fn an_absent_process_is_not_alive() {
        assert!(!alive(u32::MAX));
        assert!(signal(u32::MAX, "TERM").is_err());
    }
}
