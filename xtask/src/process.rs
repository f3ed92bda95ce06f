//! Processes that this one starts, and what they use.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::wait;

/// Kernel clock ticks per second as /proc reports them; fixed at 100 on every Linux Debian runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that does not outlive this one, nor this value.
pub(crate) struct Process {
    pub(crate) child: Child,
    name: &'static str,
    started: Instant,
    peak_mb: f64,
}

/// What a process has used in its whole life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) status: ExitStatus,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mb: f64,
}

/// The same command, ended by the kernel when the thread that starts it ends. Streams are set afterwards.
pub(crate) fn tied(command: &Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    tied
}

impl Process {
    /// Starts a command; `name` is for messages.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Process, String> {
        let started = Instant::now();
        let child = command.spawn().map_err(|error| {
            format!("cannot start {name}: {error}; is setpriv (package util-linux) installed?")
        })?;
        Ok(Process { child, name, started, peak_mb: 0.0 })
    }

    /// Asks it to end in order, by the signal's name ("INT", "TERM").
    pub(crate) fn signal(&self, signal: &str) -> Result<(), String> {
        let pid = self.child.id().to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &pid])
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("cannot run sh to signal {}: {error}", self.name))?;
        if status.success() { Ok(()) } else { Err(format!("{} could not be sent SIG{signal}", self.name)) }
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// User plus system seconds so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        stat(self.child.id()).map_or(0.0, |stat| stat.cpu_seconds)
    }

    /// Resident now, in MB.
    pub(crate) fn resident_mb(&self) -> f64 {
        size_of(self.child.id(), "VmRSS:").unwrap_or(0.0)
    }

    pub(crate) fn has_ended(&self) -> bool {
        stat(self.child.id()).is_none_or(|stat| stat.ended)
    }

    /// Waits until it ends by itself, and answers what it has used: the kernel keeps the times of an ended process
    /// until somebody waits for it.
    pub(crate) fn finish(&mut self, deadline: Duration) -> Result<Usage, String> {
        let pid = self.child.id();
        let mut peak_mb = self.peak_mb;
        let ended = wait::until(deadline, || {
            peak_mb = peak_mb.max(peak_of(pid).unwrap_or(0.0));
            Ok(stat(pid).filter(|stat| stat.ended))
        })?;
        let seconds = self.started.elapsed().as_secs_f64();
        self.peak_mb = peak_mb;
        let Some(last) = ended else {
            self.kill();
            return Err(format!("{} did not end within {} s and was killed", self.name, deadline.as_secs()));
        };
        let status = self.child.wait().map_err(|error| format!("cannot wait for {}: {error}", self.name))?;
        Ok(Usage { status, seconds, cpu_seconds: last.cpu_seconds, peak_mb })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Stat {
    ended: bool,
    cpu_seconds: f64,
}

/// /proc/PID/stat; the fields begin behind the program's name, which may itself hold brackets.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Some(Stat {
        ended: matches!(fields.first(), Some(&"Z" | &"X")),
        cpu_seconds: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
    })
}

/// The largest resident size so far, in MB.
fn peak_of(pid: u32) -> Option<f64> {
    size_of(pid, "VmHWM:")
}

fn size_of(pid: u32, which: &str) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(which))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_process_still_tells_what_it_used() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3"]);
        let mut process = Process::start("sh", tied(&command)).unwrap();
        let usage = process.finish(Duration::from_secs(60)).unwrap();
        assert_eq!(usage.status.code(), Some(3));
        assert!(usage.cpu_seconds > 0.0 && usage.peak_mb > 0.1, "{usage:?}");
    }
}
