//! The full copy beside `mysqldump | mysql`.

use std::time::Instant;

use tidegate_sandbox::Server;

use super::Bench;
use super::report::{Measure, Measured, Sample};
use super::servers::{self, dump_and_load};

const TABLES: u64 = 4;
const ROWS_PER_TABLE: u64 = 250_000;
const WIDE_ROWS: u64 = 200_000;

const PEER: &str = "mysqldump | mysql";

pub(super) fn sysbench(bench: &Bench) -> Result<Vec<Measured>, String> {
    let source = servers::source(&bench.folder)?;
    let rows = bench.scaled(ROWS_PER_TABLE);
    servers::sysbench_tables(&source, TABLES, rows)?;
    let measure = Measure { scenario: "mysql-copy", unit: "rows/s", peer_name: PEER, higher_is_better: true };
    compare(bench, measure, &source, "sbtest", rows * TABLES)
}

pub(super) fn wide(bench: &Bench) -> Result<Vec<Measured>, String> {
    let source = servers::source(&bench.folder)?;
    let rows = bench.scaled(WIDE_ROWS);
    source.sql(&wide_table(rows))?;
    let measure =
        Measure { scenario: "mysql-copy-1k", unit: "rows/s", peer_name: PEER, higher_is_better: true };
    compare(bench, measure, &source, "wide", rows)
}

/// A table with rows of about 1 KB.
fn wide_table(rows: u64) -> String {
    format!(
        "CREATE DATABASE wide; USE wide; CREATE TABLE wide (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         made DATETIME NOT NULL, amount DECIMAL(12,2) NOT NULL, body VARCHAR(1000) NOT NULL); \
         SET SESSION cte_max_recursion_depth = 4000000000; INSERT INTO wide (made, amount, body) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         SELECT '2025-01-01' + INTERVAL i SECOND, i / 7, LEFT(REPEAT(SHA2(i, 512), 8), 980) FROM n"
    )
}

fn compare(
    bench: &Bench,
    measure: Measure,
    source: &Server,
    database: &str,
    rows: u64,
) -> Result<Vec<Measured>, String> {
    let target = servers::target(&bench.folder, "target", 2)?;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let route = servers::route(source, &target, database, &bench.folder, &format!("copy-{run}"));
        let sample = servers::sync(&bench.program, &route, source, &target)?;
        expect_rows(sample.rows, rows)?;
        ours.push(Sample { value: rows as f64 / sample.seconds, rows, ..sample });
        target.sql(&format!("DROP DATABASE {database}; DROP DATABASE tidegate"))?;
        peer.push(copy_by_peer(source, &target, database, rows)?);
        target.sql(&format!("DROP DATABASE {database}"))?;
    }
    Ok(vec![Measured::new(measure, &ours, &peer)])
}

fn expect_rows(found: u64, expected: u64) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found} rows were copied, not {expected}")) }
}

fn copy_by_peer(source: &Server, target: &Server, database: &str, rows: u64) -> Result<Sample, String> {
    let before = (source.cpu_seconds(), target.cpu_seconds());
    let started = Instant::now();
    let engine_cpu = dump_and_load(source, target, database, false)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Sample {
        value: rows as f64 / seconds,
        engine_cpu,
        source_cpu: source.cpu_seconds() - before.0,
        target_cpu: target.cpu_seconds() - before.1,
        rows,
        seconds,
        ..Sample::default()
    })
}
