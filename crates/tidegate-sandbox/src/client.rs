//! The client programs that come with the servers, and sysbench.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use crate::flavour::Flavour;
use crate::install::{Bundle, SYSBENCH, Unpacked};

/// Programs that read option files. They are told not to: a my.cnf on the machine must not change a test.
const READ_OPTION_FILES: [&str; 9] = [
    "mysql",
    "mysqladmin",
    "mysqlbinlog",
    "mysqlcheck",
    "mysqldump",
    "mysqlimport",
    "mysqlshow",
    "mysqlslap",
    "mysql_upgrade",
];

/// A command for one of the flavour's programs, by its MySQL name: `mysql`, `mysqldump`, `mysqlbinlog`, ...
/// (for MariaDB the names lead to its own programs). The caller adds the arguments; `--no-defaults` is
/// already there for programs that read option files.
pub fn client(flavour: Flavour, tool: &str) -> Result<Command, String> {
    let unpacked = Bundle::of(flavour).unpacked()?;
    let mut command = unpacked.command(tool)?;
    if READ_OPTION_FILES.contains(&tool) {
        command.arg("--no-defaults");
    }
    match flavour {
        Flavour::Mysql => {
            command.env("LIBMYSQL_PLUGIN_DIR", unpacked.usr().join("lib").join("mysql").join("plugin"))
        }
        Flavour::Mariadb => command.env("MARIADB_PLUGIN_DIR", connector_plugins(&unpacked)),
    };
    Ok(command)
}

/// A `sysbench` command that finds its own Lua scripts by their short names (`oltp_read_write`) and can
/// log in to MySQL's default authentication. The caller adds `--mysql-host`, `--mysql-port` and so on.
pub fn sysbench() -> Result<Command, String> {
    let unpacked = SYSBENCH.unpacked()?;
    let mut command = unpacked.command("sysbench")?;
    let scripts = unpacked.usr().join("share").join("sysbench").join("?.lua");
    // The closing ";;" keeps Lua's default path, so a benchmark's own scripts still load.
    command.env("LUA_PATH", format!("{};;", scripts.display()));
    command.env("MARIADB_PLUGIN_DIR", connector_plugins(&unpacked));
    Ok(command)
}

/// MariaDB's client library looks for authentication plugins in /usr, where nothing is installed.
fn connector_plugins(unpacked: &Unpacked) -> std::path::PathBuf {
    unpacked.libraries().join("libmariadb3").join("plugin")
}

/// A client program pointed at a server on this machine.
pub(crate) fn connected(flavour: Flavour, tool: &str, port: u16) -> Result<Command, String> {
    let mut command = client(flavour, tool)?;
    command.args(["--host=127.0.0.1", "--protocol=TCP", "--user=root"]).arg(format!("--port={port}"));
    Ok(command)
}

/// Runs SQL through the flavour's `mysql` program and returns the rows, one a line, columns separated by
/// tabs, without the last line's end.
pub(crate) fn sql(flavour: Flavour, port: u16, statements: &str) -> Result<String, String> {
    let mut command = connected(flavour, "mysql", port)?;
    command.args(["-N", "-B", "--default-character-set=utf8mb4", "--local-infile=1"]);
    command.arg("--max-allowed-packet=1G");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot start the mysql client: {error}"))?;
    let pipe = child.stdin.take();
    let output = thread::scope(|scope| {
        // Fed from a second thread: a long statement and a long answer would block each other otherwise.
        // A client that stops at an error closes the pipe; its own message says more than that failure.
        scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(statements.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("cannot wait for the mysql client: {error}"))?;
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Ok(text.trim_end_matches('\n').to_owned());
    }
    let shown: String = statements.chars().take(300).collect();
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{flavour} on port {port} refused \"{shown}\": {error}"))
}
