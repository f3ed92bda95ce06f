//! Pristine data directories, made once and copied for every server: initialising takes seconds, a copy
//! takes a tenth of one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache::{self, RECIPE};
use crate::flavour::Flavour;
use crate::install::{Bundle, Unpacked};

/// MariaDB's own installation scripts, in the order mariadb-install-db feeds them.
const MARIADB_SCRIPTS: [&str; 6] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "fill_help_tables.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
];

/// MySQL creates only root@localhost, which does not match a TCP connection when a test turns name
/// resolution off.
const MYSQL_USERS: &str = "CREATE USER root@'127.0.0.1' IDENTIFIED BY '';\n\
    GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n\
    GRANT PROXY ON ''@'' TO root@'127.0.0.1' WITH GRANT OPTION;\n";

/// The template of one flavour, created now (with the packages) if it is not there yet.
pub(crate) fn folder(flavour: Flavour) -> Result<PathBuf, String> {
    let unpacked = Bundle::of(flavour).unpacked()?;
    cache::once(&format!("template-{flavour}-{RECIPE}"), |temporary| {
        eprintln!("sandbox: creating the {flavour} data-directory template …");
        let data = temporary.join("data");
        match flavour {
            Flavour::Mysql => initialise_mysql(&unpacked, temporary, &data)?,
            Flavour::Mariadb => initialise_mariadb(&unpacked, &data)?,
        }
        Ok(data)
    })
}

/// Copies the template into a new data directory. `auto.cnf` stays behind: it holds the server's UUID,
/// and two servers with the same one refuse to replicate.
pub(crate) fn copy(flavour: Flavour, data: &Path) -> Result<(), String> {
    let template = folder(flavour)?;
    let output = Command::new("cp")
        .args(["-a", "--reflink=auto", "--sparse=always", "--"])
        .args([template.as_path(), data])
        .output()
        .map_err(|error| format!("cannot run cp: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cannot copy {} to {}: {}",
            template.display(),
            data.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    Ok(())
}

/// The arguments that tell a server where its unpacked files are.
pub(crate) fn base_arguments(flavour: Flavour, unpacked: &Unpacked) -> Vec<String> {
    let usr = unpacked.usr();
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        format!("--basedir={}", usr.display()),
        format!("--lc-messages-dir={}", usr.join("share").join("mysql").display()),
        format!("--plugin-dir={}", usr.join("lib").join("mysql").join("plugin").display()),
        "--secure-file-priv=".to_owned(),
        "--user=root".to_owned(),
    ];
    if flavour == Flavour::Mysql {
        arguments.push("--mysqlx=OFF".to_owned());
    }
    arguments
}

fn initialise_mysql(unpacked: &Unpacked, temporary: &Path, data: &Path) -> Result<(), String> {
    let script = temporary.join("users.sql");
    fs::write(&script, MYSQL_USERS).map_err(|error| format!("cannot write {}: {error}", script.display()))?;
    let mut command = unpacked.command("mysqld")?;
    command
        .args(base_arguments(Flavour::Mysql, unpacked))
        .arg("--initialize-insecure")
        // The smallest redo log: it is copied with the template, and the server enlarges its own.
        .arg("--innodb-redo-log-capacity=8M")
        .arg(format!("--init-file={}", script.display()))
        .arg(format!("--datadir={}", data.display()));
    run(command, "")?;
    let identity = data.join("auto.cnf");
    fs::remove_file(&identity).map_err(|error| format!("cannot remove {}: {error}", identity.display()))
}

fn initialise_mariadb(unpacked: &Unpacked, data: &Path) -> Result<(), String> {
    cache::create(data)?;
    // A null socket user makes the scripts create root with an empty password instead of socket
    // authentication.
    let mut script = String::from("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n");
    for name in MARIADB_SCRIPTS {
        let path = unpacked.usr().join("share").join("mysql").join(name);
        let text =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        // As mariadb-install-db --cross-bootstrap: no account for this machine's own name.
        for line in text.lines().filter(|line| !line.contains("@current_hostname")) {
            script.push_str(line);
            script.push('\n');
        }
    }
    let mut command = unpacked.command("mariadbd")?;
    command
        .args(base_arguments(Flavour::Mariadb, unpacked))
        .args(["--bootstrap", "--log-warnings=0", "--enforce-storage-engine="])
        .args(["--max-allowed-packet=8M", "--net-buffer-length=16K", "--innodb-log-file-size=8M"])
        .arg(format!("--datadir={}", data.display()));
    run(command, &script)
}

/// Runs an initialising server to its end, feeding it `input`.
fn run(mut command: Command, input: &str) -> Result<(), String> {
    let shown = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot start {shown}: {error}"))?;
    let pipe = child.stdin.take();
    let (fed, output) = std::thread::scope(|scope| {
        let feeder = scope.spawn(move || pipe.map_or(Ok(()), |mut pipe| pipe.write_all(input.as_bytes())));
        let output = child.wait_with_output();
        (feeder.join(), output)
    });
    let output = output.map_err(|error| format!("cannot wait for {shown}: {error}"))?;
    if output.status.success() && matches!(fed, Ok(Ok(()))) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("initialising a data directory failed ({}): {shown}\n{}", output.status, text.trim()))
}
