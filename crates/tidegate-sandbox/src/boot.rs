//! Turns options and a folder into a running server process.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cache::{absolute, create};
use crate::flavour::Flavour;
use crate::install::Bundle;
use crate::server::Options;
use crate::{process, template, wait};

/// How long a server may take until it answers; crash recovery under load is the slow case.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long one greeting may take.
const GREETING_DEADLINE: Duration = Duration::from_secs(1);
/// How many ports to try; another process may take one between the look and the server's own bind.
const PORT_ATTEMPTS: usize = 8;
/// The longest socket path Linux takes (sun_path has 108 bytes, one of them the closing zero).
const SOCKET_PATH_LIMIT: usize = 107;

/// The folder of one server and the names inside it.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) folder: PathBuf,
}

impl Home {
    /// Creates the folder and fills it with a fresh data directory.
    pub(crate) fn prepare(folder: &Path, flavour: Flavour) -> Result<Home, String> {
        let home = Home { folder: absolute(folder) };
        if fs::read_dir(&home.folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(format!(
                "{} is not empty; a server needs a folder of its own: delete it or name another",
                home.folder.display()
            ));
        }
        create(&home.folder.join("tmp"))?;
        template::copy(flavour, &home.data())?;
        Ok(home)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn error_log(&self) -> PathBuf {
        self.folder.join("error.log")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("server.pid")
    }

    /// The server's socket; in the system's temporary folder when the home's path is too long for one.
    fn socket(&self, port: u16) -> PathBuf {
        let inside = self.folder.join("s.sock");
        if inside.as_os_str().len() <= SOCKET_PATH_LIMIT {
            return inside;
        }
        std::env::temp_dir().join(format!("tidegate-{port}.sock"))
    }

    /// Deletes the folder and a socket outside it. Failures are ignored: the server is stopped, and the
    /// next sweep of the scratch folder tries again.
    pub(crate) fn remove(&self, port: u16) {
        let socket = self.socket(port);
        for file in [socket.with_extension("sock.lock"), socket] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Whether the process is the server of this folder and not another one that was given its number.
    pub(crate) fn owns(&self, pid: u32) -> bool {
        let data = format!("--datadir={} ", self.data().display());
        process::alive(pid) && process::command_line(pid).contains(&data)
    }
}

/// Whether a server ends with the process that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tether {
    Tied,
    Free,
}

enum Failure {
    PortTaken,
    Other(String),
}

/// Starts a server on a free port.
pub(crate) fn on_free_port(options: &Options, home: &Home, tether: Tether) -> Result<(Child, u16), String> {
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port()?;
        match boot(options, home, port, &[], tether) {
            Ok(child) => return Ok((child, port)),
            Err(Failure::PortTaken) => {}
            Err(Failure::Other(text)) => return Err(text),
        }
    }
    Err(format!("{PORT_ATTEMPTS} ports in a row were taken by other processes; try again"))
}

/// Starts a server again on the port it had.
pub(crate) fn on_port(
    options: &Options,
    home: &Home,
    port: u16,
    extra: &[String],
    tether: Tether,
) -> Result<Child, String> {
    boot(options, home, port, extra, tether).map_err(|failure| match failure {
        Failure::PortTaken => format!("port {port} was taken by another process while the server was down"),
        Failure::Other(text) => text,
    })
}

/// A port nobody listens on, below the range from which the kernel takes the ports of outgoing
/// connections: a client that keeps trying to reach a stopped server could otherwise be given the server's
/// own port (it would then connect to itself) and the server could not come back.
pub(crate) fn free_port() -> Result<u16, String> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let low = range.split_whitespace().next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    const FIRST: u64 = 10_000;
    const TRIES: u32 = 50;
    if low > FIRST + 1_000 {
        for _ in 0..TRIES {
            let offset = RandomState::new().build_hasher().finish() % (low - FIRST);
            let port = u16::try_from(FIRST + offset).unwrap_or(0);
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                && let Ok(address) = listener.local_addr()
            {
                return Ok(address.port());
            }
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}

fn boot(
    options: &Options,
    home: &Home,
    port: u16,
    extra: &[String],
    tether: Tether,
) -> Result<Child, Failure> {
    let mut command = command(options, home, port, extra, tether).map_err(Failure::Other)?;
    let _ = fs::remove_file(home.pid_file());
    let log_start = fs::metadata(home.error_log()).map(|file| file.len()).unwrap_or(0);
    let log = File::options().create(true).append(true).open(home.error_log());
    let log =
        log.map_err(|error| Failure::Other(format!("cannot open {}: {error}", home.error_log().display())))?;
    // Before the server has opened its log itself, the loader and the option parser write to stderr.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
    let spawned = match tether {
        Tether::Tied => process::spawn_tethered(command),
        Tether::Free => command.spawn(),
    };
    let mut child = spawned.map_err(|error| {
        Failure::Other(format!(
            "cannot start the server: {error}; is setpriv (package util-linux) installed?"
        ))
    })?;
    let ready = await_ready(&mut child, port, &home.pid_file());
    ready
        .map_err(|problem| {
            let _ = child.kill();
            let _ = child.wait();
            let log = log_since(&home.error_log(), log_start);
            if log.contains("Address already in use") {
                return Failure::PortTaken;
            }
            let text =
                format!("the {} server {problem}; its log {}:", options.flavour, home.error_log().display());
            Failure::Other(format!("{text}\n{}", telling_lines(&log)))
        })
        .map(|()| child)
}

/// The server's whole command line. The caller's own arguments come last, so they override ours.
fn command(
    options: &Options,
    home: &Home,
    port: u16,
    extra: &[String],
    tether: Tether,
) -> Result<Command, String> {
    let unpacked = Bundle::of(options.flavour).unpacked()?;
    let server = match options.flavour {
        Flavour::Mysql => unpacked.command("mysqld")?,
        Flavour::Mariadb => unpacked.command("mariadbd")?,
    };
    let mut command = match tether {
        Tether::Free => server,
        Tether::Tied => {
            let mut tied = Command::new("setpriv");
            tied.args(["--pdeathsig", "KILL", "--"]).arg(server.get_program()).args(server.get_args());
            tied
        }
    };
    let show = |path: PathBuf| path.display().to_string();
    command.args(template::base_arguments(options.flavour, &unpacked));
    command.arg(format!("--datadir={}", show(home.data())));
    command.arg(format!("--tmpdir={}", show(home.folder.join("tmp"))));
    command.arg(format!("--log-error={}", show(home.error_log())));
    command.arg(format!("--pid-file={}", show(home.pid_file())));
    command.arg(format!("--socket={}", show(home.socket(port))));
    command.arg(format!("--port={port}")).arg("--bind-address=127.0.0.1");
    command.args(defaults(options)).args(&options.args).args(extra);
    Ok(command)
}

/// The settings every server starts with: a complete row-based binary log, as Tidegate needs it on a
/// source, and sizes that let a handful of servers share one small machine.
fn defaults(options: &Options) -> Vec<String> {
    let mut arguments = vec![format!("--server-id={}", options.server_id)];
    let common = [
        "--log-bin=binlog",
        "--binlog-format=ROW",
        "--binlog-row-image=FULL",
        "--binlog-row-metadata=FULL",
        "--innodb-buffer-pool-size=256M",
        "--max-allowed-packet=1G",
        "--local-infile=1",
        "--performance-schema=OFF",
    ];
    let own: &[&str] = match options.flavour {
        Flavour::Mysql => {
            &["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--innodb-redo-log-capacity=512M"]
        }
        // MariaDB always writes GTIDs, but a replica logs what it applies only when told to.
        Flavour::Mariadb => &["--log-slave-updates=ON", "--innodb-log-file-size=512M"],
    };
    let durability: &[&str] = if options.durable {
        &["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"]
    } else {
        &["--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"]
    };
    arguments.extend(common.iter().chain(own).chain(durability).map(|argument| (*argument).to_owned()));
    arguments
}

/// Waits until the server greets a client. The process number in its pid file, written once it has the
/// port, shows that the greeting is this server's.
fn await_ready(child: &mut Child, port: u16, pid_file: &Path) -> Result<(), String> {
    let pid = child.id().to_string();
    let ready = wait::until(START_DEADLINE, || {
        match child.try_wait() {
            Ok(Some(status)) => return Err(format!("ended while starting ({status})")),
            Ok(None) => {}
            Err(error) => return Err(format!("cannot be observed: {error}")),
        }
        let listening = fs::read_to_string(pid_file).is_ok_and(|text| text.trim() == pid);
        Ok((listening && greets(port)).then_some(()))
    })?;
    ready.ok_or_else(|| format!("did not answer within {} s", START_DEADLINE.as_secs()))
}

/// Whether a client that connects receives a greeting: a packet that begins with protocol version 10.
fn greets(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, GREETING_DEADLINE) else { return false };
    let mut start = [0_u8; 5];
    stream.set_read_timeout(Some(GREETING_DEADLINE)).is_ok()
        && stream.read_exact(&mut start).is_ok()
        && start[4] == 10
}

/// What the log holds beyond `start`: earlier runs of a restarted server are not this run's problem.
pub(crate) fn log_since(path: &Path, start: u64) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let start = usize::try_from(start).unwrap_or(0).min(bytes.len());
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}

/// The errors in a log, or its last lines when it names none.
fn telling_lines(log: &str) -> String {
    const SHOWN: usize = 10;
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("[ERROR]")).take(SHOWN).collect();
    let lines: Vec<&str> = log.lines().collect();
    let shown = if errors.is_empty() { &lines[lines.len().saturating_sub(SHOWN)..] } else { &errors[..] };
    shown.iter().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port().expect("a free port");
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }

    #[test]
    fn errors_are_preferred_to_last_lines() {
        assert_eq!(telling_lines("a\n1 [ERROR] b\nc\n"), "  1 [ERROR] b\n");
        assert_eq!(telling_lines("a\nb\n"), "  a\n  b\n");
    }

    #[test]
    fn a_long_home_gets_a_short_socket() {
        let home = Home { folder: PathBuf::from(format!("/{}", "x".repeat(200))) };
        assert!(home.socket(65_535).as_os_str().len() <= SOCKET_PATH_LIMIT);
    }
}
