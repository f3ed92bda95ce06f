//! Reading the source's log, without applying it, beside `mysqlbinlog`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use tidegate_sandbox::Server;

use super::Bench;
use super::report::{Measure, Measured, Sample};
use super::servers::{self, DEADLINE, bytes_in, executed, in_parallel};
use crate::process::{Process, tied};

const PEER: &str = "mysqlbinlog --raw";
/// Rows of large transactions, about 1 KB each.
const WIDE_ROWS: u64 = 500_000;
const WIDE_TRANSACTION_ROWS: u64 = 1_000;
/// Transactions of one small row.
const SMALL_TRANSACTIONS: u64 = 100_000;

/// What the example prints.
#[derive(Deserialize)]
struct Captured {
    transactions: u64,
    log_bytes: u64,
    seconds: f64,
}

pub(super) fn run(bench: &Bench) -> Result<Vec<Measured>, String> {
    let program = bench.example("capture")?;
    let source = servers::source(&bench.folder)?;
    let start = prepare(bench, &source)?;
    let file = traffic(bench, &source)?;
    let megabytes = log_bytes(&source, &file)? as f64 / 1e6;
    println!("    {megabytes:.0} MB of binary log");
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let folder = bench.folder.join(format!("capture-{run}"));
        ours.push(capture(&program, &source, &start, &folder, megabytes)?);
        peer.push(read_raw(&source, &file, &folder, megabytes)?);
        fs::remove_dir_all(&folder)
            .map_err(|error| format!("cannot delete {}: {error}", folder.display()))?;
    }
    let measure =
        Measure { scenario: "mysql-capture", unit: "MB/s", peer_name: PEER, higher_is_better: true };
    Ok(vec![Measured::new(measure, &ours, &peer)])
}

/// The tables; answers the position after them.
fn prepare(bench: &Bench, source: &Server) -> Result<String, String> {
    source.sql(&format!(
        "CREATE DATABASE logged; USE logged; CREATE TABLE wide (id INT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(1000)); \
         CREATE TABLE small (id INT AUTO_INCREMENT PRIMARY KEY, k INT, c CHAR(120)); \
         CREATE TABLE wanted (id INT PRIMARY KEY); SET SESSION cte_max_recursion_depth = 1000000; \
         INSERT INTO wanted WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {WIDE_TRANSACTION_ROWS}) \
         SELECT i FROM n; \
         \nDELIMITER //\nCREATE PROCEDURE large(times INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < times DO \
         INSERT INTO wide (body) SELECT LEFT(REPEAT(SHA2(id + i, 512), 8), 980) FROM wanted; SET i = i + 1; END WHILE; END //\n\
         CREATE PROCEDURE little(times INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < times DO \
         INSERT INTO small (k, c) VALUES (i, LEFT(REPEAT(RAND(), 9), 119)); SET i = i + 1; END WHILE; END //\nDELIMITER ;\n"
    ))?;
    println!("    writing {} rows of 1 KB and as many small transactions", bench.scaled(WIDE_ROWS));
    executed(source)
}

/// Fills new log files; answers the first of them.
fn traffic(bench: &Bench, source: &Server) -> Result<String, String> {
    source.sql("FLUSH BINARY LOGS")?;
    let logs = source.sql("SHOW BINARY LOGS")?;
    let last = logs.lines().last().and_then(|line| line.split('\t').next()).unwrap_or_default().to_owned();
    let large = bench.scaled(WIDE_ROWS) / WIDE_TRANSACTION_ROWS;
    let little = bench.scaled(SMALL_TRANSACTIONS);
    in_parallel(source, &[format!("CALL logged.large({large})"), format!("CALL logged.little({little})")])?;
    Ok(last)
}

/// Bytes of the log from one file on.
fn log_bytes(source: &Server, first: &str) -> Result<u64, String> {
    let logs = source.sql("SHOW BINARY LOGS")?;
    let files = logs.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?, fields.next()?.parse::<u64>().ok()?))
    });
    Ok(files.skip_while(|(name, _)| *name != first).map(|(_, bytes)| bytes).sum())
}

fn capture(
    program: &Path,
    source: &Server,
    start: &str,
    folder: &Path,
    megabytes: f64,
) -> Result<Sample, String> {
    let before = source.cpu_seconds();
    let mut command = Command::new(program);
    command.args([&source.url(), "logged.*"]).arg(folder.join("log")).arg(format!("gtid:{start}"));
    let mut command = tied(&command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut process = Process::start("the capture example", command)?;
    let out = process.child.stdout.take().ok_or("the capture example has no output")?;
    let usage = process.finish(DEADLINE)?;
    let captured: Captured = serde_json::from_reader(out)
        .map_err(|error| format!("the capture example failed ({}): {error}", usage.status))?;
    println!(
        "    {} transactions, {:.0} MB of change log in {:.1} s",
        captured.transactions,
        captured.log_bytes as f64 / 1e6,
        captured.seconds
    );
    Ok(Sample {
        value: megabytes / captured.seconds,
        engine_cpu: usage.cpu_seconds,
        source_cpu: source.cpu_seconds() - before,
        rss_mb: usage.peak_mb,
        rows: captured.transactions,
        seconds: captured.seconds,
        ..Sample::default()
    })
}

fn read_raw(source: &Server, file: &str, folder: &Path, megabytes: f64) -> Result<Sample, String> {
    let raw = folder.join("raw");
    fs::create_dir_all(&raw).map_err(|error| format!("cannot create {}: {error}", raw.display()))?;
    let before = source.cpu_seconds();
    let mut command = source.client("mysqlbinlog")?;
    command.args(["--read-from-remote-server", "--raw", "--to-last-log", file]);
    command.arg(format!("--result-file={}/", raw.display()));
    let mut command = tied(&command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let usage = Process::start("mysqlbinlog", command)?.finish(DEADLINE)?;
    let read = bytes_in(&raw) as f64 / 1e6;
    if !usage.status.success() || read < megabytes * 0.99 {
        return Err(format!("mysqlbinlog read {read:.0} of {megabytes:.0} MB ({})", usage.status));
    }
    Ok(Sample {
        value: megabytes / usage.seconds,
        engine_cpu: usage.cpu_seconds,
        source_cpu: source.cpu_seconds() - before,
        rss_mb: usage.peak_mb,
        seconds: usage.seconds,
        ..Sample::default()
    })
}
