//! The servers of a scenario, and MySQL's own replication between them.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_sandbox::{Flavour, Options, Server};

use super::report::Sample;
use crate::process::{Process, tied};
use crate::program::{Program, Route};

/// A single measurement may take so long.
pub(super) const DEADLINE: Duration = Duration::from_secs(3600);
/// So long native replication may take; the server counts it itself.
const REPLICATION_SECONDS: u64 = 3600;

/// The same settings on both sides and for both contestants.
fn options(id: u32) -> Options {
    Options::new(Flavour::Mysql, id).arg("--innodb-buffer-pool-size=1G")
}

pub(super) fn source(folder: &Path) -> Result<Server, String> {
    Server::start(options(1), &folder.join("source"))
}

/// A target, which logs what is written to it, whoever does (as servers do unless told otherwise).
pub(super) fn target(folder: &Path, name: &str, id: u32) -> Result<Server, String> {
    let options = options(id).arg("--skip-replica-start=ON");
    let options = options.arg("--replica-parallel-workers=4").arg("--replica-preserve-commit-order=ON");
    Server::start(options, &folder.join(name))
}

pub(super) fn route(source: &Server, target: &Server, database: &str, folder: &Path, name: &str) -> Route {
    Route {
        source: source.url(),
        target: target.url(),
        include: vec![format!("{database}.*")],
        name: name.to_owned(),
        folder: folder.join(format!("tidegate-{name}")),
    }
}

/// Runs the program until it has caught up; the value is the seconds it took.
pub(super) fn sync(
    program: &Program,
    route: &Route,
    source: &Server,
    target: &Server,
) -> Result<Sample, String> {
    let before = (source.cpu_seconds(), target.cpu_seconds());
    let ended = program.sync(route, &["--until-caught-up"])?.finish(DEADLINE)?.expect_success(route)?;
    Ok(Sample {
        value: ended.usage.seconds,
        engine_cpu: ended.usage.cpu_seconds,
        source_cpu: source.cpu_seconds() - before.0,
        target_cpu: target.cpu_seconds() - before.1,
        rss_mb: ended.usage.peak_mb,
        rows: ended.last.rows_copied + ended.last.rows_applied,
        seconds: ended.usage.seconds,
    })
}

/// Runs one program against the server to its end with its output thrown away, and answers its processor time.
pub(super) fn quietly(name: &'static str, command: &Command) -> Result<f64, String> {
    let mut command = tied(command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let usage = Process::start(name, command)?.finish(DEADLINE)?;
    if usage.status.success() {
        Ok(usage.cpu_seconds)
    } else {
        Err(format!("{name} failed ({})", usage.status))
    }
}

/// `mysqldump | mysql`; answers the two programs' processor time.
pub(super) fn dump_and_load(
    source: &Server,
    target: &Server,
    database: &str,
    with_gtids: bool,
) -> Result<f64, String> {
    let mut dump = tied(&source.client("mysqldump")?);
    let gtids = if with_gtids { "--set-gtid-purged=ON" } else { "--set-gtid-purged=OFF" };
    dump.args(["--single-transaction", gtids, "--databases", database]);
    // It always warns that a dump of one database takes along all GTIDs.
    let log = source.home().join("mysqldump.log");
    let said = File::create(&log).map_err(|error| format!("cannot create {}: {error}", log.display()))?;
    dump.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
    let mut dump = Process::start("mysqldump", dump)?;
    let pipe = dump.child.stdout.take().ok_or("mysqldump has no output")?;
    let mut load = tied(&target.client("mysql")?);
    load.arg("--max-allowed-packet=1G").stdin(pipe).stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut load = Process::start("mysql", load)?;
    let (loaded, dumped) = (load.finish(DEADLINE)?, dump.finish(DEADLINE)?);
    if loaded.status.success() && dumped.status.success() {
        return Ok(loaded.cpu_seconds + dumped.cpu_seconds);
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    Err(format!("mysqldump | mysql failed ({}, {}): {}", dumped.status, loaded.status, said.trim()))
}

/// Makes a server ready to replicate natively from where the source is now. It does not start yet.
pub(super) fn seed_replica(source: &Server, replica: &Server, database: &str) -> Result<(), String> {
    dump_and_load(source, replica, database, true)?;
    replica.sql(&replica_of(source)).map(drop)
}

/// The statement that makes a server a replica of another.
pub(super) fn replica_of(source: &Server) -> String {
    format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {}, SOURCE_USER = 'root', \
         SOURCE_PASSWORD = '', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
        source.port()
    )
}

/// Starts native replication and waits until it has all that the source has; the value is the seconds it took.
pub(super) fn replicate(source: &Server, replica: &Server) -> Result<Sample, String> {
    let before = (source.cpu_seconds(), replica.cpu_seconds());
    let goal = executed(source)?;
    let started = Instant::now();
    let sql = format!("START REPLICA; SELECT WAIT_FOR_EXECUTED_GTID_SET('{goal}', {REPLICATION_SECONDS})");
    let answer = replica.sql(&sql)?;
    let seconds = started.elapsed().as_secs_f64();
    if answer.trim() != "0" {
        let status = replica.sql("SHOW REPLICA STATUS").unwrap_or_default();
        return Err(format!("native replication did not come to its end: {status}"));
    }
    Ok(Sample {
        value: seconds,
        source_cpu: source.cpu_seconds() - before.0,
        target_cpu: replica.cpu_seconds() - before.1,
        seconds,
        ..Sample::default()
    })
}

/// Everything that the server has committed.
pub(super) fn executed(server: &Server) -> Result<String, String> {
    Ok(server.sql("SELECT @@GLOBAL.gtid_executed")?.replace("\\n", "").replace('\n', ""))
}

/// Runs SQL in several sessions at once.
pub(super) fn in_parallel(server: &Server, scripts: &[String]) -> Result<(), String> {
    thread::scope(|scope| {
        let sessions: Vec<_> = scripts.iter().map(|sql| scope.spawn(|| server.sql(sql).map(drop))).collect();
        sessions
            .into_iter()
            .try_for_each(|one| one.join().map_err(|_| "a session's thread panicked".to_owned())?)
    })
}

/// Tables of sysbench's shape, filled.
pub(super) fn sysbench_tables(source: &Server, tables: u64, rows: u64) -> Result<(), String> {
    source.sql("CREATE DATABASE sbtest")?;
    let mut command = tidegate_sandbox::sysbench()?;
    command.args(["oltp_read_write", "--db-driver=mysql", "--mysql-host=127.0.0.1", "--mysql-user=root"]);
    command.arg(format!("--mysql-port={}", source.port())).arg("--mysql-db=sbtest").arg("--threads=2");
    command.arg(format!("--tables={tables}")).arg(format!("--table-size={rows}")).arg("prepare");
    quietly("sysbench prepare", &command).map(drop)
}

/// Bytes of all files below a folder.
pub(super) fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_in(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
