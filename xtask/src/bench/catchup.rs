//! Applying what the source did meanwhile, beside native replication.

use tidegate_sandbox::Server;

use super::Bench;
use super::report::{Measure, Measured, Sample};
use super::servers::{self, in_parallel};

const SEED_ROWS: u64 = 100_000;
const SINGLE_TRANSACTIONS: u64 = 300_000;
const BATCH_TRANSACTIONS: u64 = 3_000;
const BATCH_ROWS: u64 = 100;
/// Sessions that make the traffic.
const SESSIONS: u64 = 2;

const PEER: &str = "native replication, 4 workers";

/// Makes traffic inside the server, where it is fastest. It lies in a database of its own, and is there before any
/// target is seeded.
const TRAFFIC: &str = "
CREATE DATABASE traffic;
USE traffic;
DELIMITER //
CREATE PROCEDURE single(session INT, changes INT, span INT) BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE one INT;
  WHILE i < changes DO
    IF i % 2 = 0 THEN
      INSERT INTO sbtest.sbtest1 (k, c, pad) VALUES (1 + RAND() * span, LEFT(REPEAT(RAND(), 9), 119), LEFT(REPEAT(RAND(), 5), 59));
    ELSE
      -- RAND() in a condition would be asked anew for every row.
      SET one = 1 + FLOOR(RAND() * span);
      UPDATE sbtest.sbtest1 SET k = k + 1, c = LEFT(REPEAT(RAND(), 9), 119) WHERE id = one;
    END IF;
    SET i = i + 1;
  END WHILE;
END //
CREATE PROCEDURE batch(session INT, transactions INT, span INT) BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE first INT;
  WHILE i < transactions DO
    SET first = 1 + FLOOR(RAND() * (span - 100));
    IF i % 2 = 0 THEN
      INSERT INTO sbtest.sbtest1 (k, c, pad)
        SELECT k + 1, c, pad FROM sbtest.sbtest1 WHERE id BETWEEN first AND first + 99;
    ELSE
      UPDATE sbtest.sbtest1 SET k = k + 1, c = LEFT(REPEAT(RAND(), 9), 119) WHERE id BETWEEN first AND first + 99;
    END IF;
    SET i = i + 1;
  END WHILE;
END //
DELIMITER ;
";

pub(super) fn single(bench: &Bench) -> Result<Vec<Measured>, String> {
    let changes = bench.scaled(SINGLE_TRANSACTIONS);
    let measure = Measure {
        scenario: "mysql-catchup-single",
        unit: "changes/s",
        peer_name: PEER,
        higher_is_better: true,
    };
    compare(bench, measure, "single", changes, changes)
}

pub(super) fn batch(bench: &Bench) -> Result<Vec<Measured>, String> {
    let transactions = bench.scaled(BATCH_TRANSACTIONS);
    let measure = Measure {
        scenario: "mysql-catchup-batch",
        unit: "changes/s",
        peer_name: PEER,
        higher_is_better: true,
    };
    compare(bench, measure, "batch", transactions, transactions * BATCH_ROWS)
}

/// One run's two targets. They are stopped while others work.
struct Pair {
    ours: Server,
    peer: Server,
    name: String,
}

fn compare(
    bench: &Bench,
    measure: Measure,
    procedure: &str,
    calls: u64,
    changes: u64,
) -> Result<Vec<Measured>, String> {
    let source = servers::source(&bench.folder)?;
    source.sql(TRAFFIC)?;
    servers::sysbench_tables(&source, 1, SEED_ROWS)?;
    // A span of keys without gaps, so that every update finds its row.
    source.sql("SET @n = 0; UPDATE sbtest.sbtest1 SET id = (@n := @n + 1) ORDER BY id")?;
    let mut pairs = Vec::new();
    for run in 0..bench.runs {
        pairs.push(seed(bench, &source, run)?);
    }
    let each = calls / SESSIONS;
    let scripts =
        (0..SESSIONS).map(|session| format!("CALL traffic.{procedure}({session}, {each}, {SEED_ROWS})"));
    in_parallel(&source, &scripts.collect::<Vec<_>>())?;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for pair in &mut pairs {
        pair.ours.restart(&[])?;
        let route = servers::route(&source, &pair.ours, "sbtest", &bench.folder, &pair.name);
        let sample = servers::sync(&bench.program, &route, &source, &pair.ours)?;
        ours.push(Sample { value: changes as f64 / sample.seconds, rows: changes, ..sample });
        expect_same(&source, &pair.ours)?;
        pair.ours.stop();
        pair.peer.restart(&[])?;
        let sample = servers::replicate(&source, &pair.peer)?;
        peer.push(Sample { value: changes as f64 / sample.seconds, rows: changes, ..sample });
        expect_same(&source, &pair.peer)?;
        pair.peer.stop();
    }
    Ok(vec![Measured::new(measure, &ours, &peer)])
}

fn seed(bench: &Bench, source: &Server, run: u16) -> Result<Pair, String> {
    let name = format!("catchup-{run}");
    let id = 10 + 2 * u32::from(run);
    let mut ours = servers::target(&bench.folder, &format!("ours-{run}"), id)?;
    let route = servers::route(source, &ours, "sbtest", &bench.folder, &name);
    servers::sync(&bench.program, &route, source, &ours)?;
    ours.stop();
    let mut peer = servers::target(&bench.folder, &format!("peer-{run}"), id + 1)?;
    servers::seed_replica(source, &peer, "sbtest")?;
    peer.stop();
    Ok(Pair { ours, peer, name })
}

/// A fast answer that is wrong counts nothing.
fn expect_same(source: &Server, target: &Server) -> Result<(), String> {
    let sql = "SELECT COUNT(*), SUM(id), SUM(k), SUM(CRC32(c)), SUM(CRC32(pad)) FROM sbtest.sbtest1";
    let (left, right) = (source.sql(sql)?, target.sql(sql)?);
    if left == right { Ok(()) } else { Err(format!("the target has {right}, the source {left}")) }
}
