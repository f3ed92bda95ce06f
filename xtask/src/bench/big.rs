//! One transaction that is larger than anybody wants it in memory, beside native replication.

use super::Bench;
use super::report::{Measure, Measured, Sample};
use super::servers;

const PEER: &str = "native replication, 4 workers";
/// Bytes of one row.
const ROW_BYTES: u64 = 1000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Measured>, String> {
    let source = servers::source(&bench.folder)?;
    source.sql("CREATE DATABASE big; CREATE TABLE big.big (id INT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(1000) CHARACTER SET ascii)")?;
    let rows = (bench.scaled(bench.big_mb * 1_000_000 / ROW_BYTES)).max(1);
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        source.sql("TRUNCATE TABLE big.big; PURGE BINARY LOGS BEFORE NOW()")?;
        let target = servers::target(&bench.folder, &format!("ours-{run}"), 10 + u32::from(run))?;
        let route = servers::route(&source, &target, "big", &bench.folder, &format!("big-{run}"));
        servers::sync(&bench.program, &route, &source, &target)?;
        let replica = servers::target(&bench.folder, &format!("peer-{run}"), 100 + u32::from(run))?;
        servers::seed_replica(&source, &replica, "big")?;
        source.sql(&format!(
            "SET SESSION cte_max_recursion_depth = 4000000000; INSERT INTO big.big (body) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT LEFT(REPEAT(SHA2(i, 512), 8), {ROW_BYTES}) FROM n"
        ))?;
        let sample = servers::sync(&bench.program, &route, &source, &target)?;
        if sample.rows != rows {
            return Err(format!("{} rows were applied, not {rows}", sample.rows));
        }
        ours.push(sample);
        drop(target);
        peer.push(Sample { rows, ..servers::replicate(&source, &replica)? });
    }
    let measure =
        Measure { scenario: "mysql-big-transaction", unit: "s", peer_name: PEER, higher_is_better: false };
    Ok(vec![Measured::new(measure, &ours, &peer)])
}
