//! From commit to visibility under a steady load, beside native replication.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tidegate_sandbox::Server;

use super::Bench;
use super::report::{Measure, Measured, Sample};
use super::servers::{self, DEADLINE};
use crate::process::{Process, tied};

const PEER: &str = "native replication, 4 workers";
const RATE: u64 = 500;
const SECONDS: u64 = 20;
const STREAMING_DEADLINE: Duration = Duration::from_secs(60);

/// What the example prints.
#[derive(Clone, Copy, Deserialize)]
struct Lag {
    p50_ms: f64,
    p99_ms: f64,
    transactions: u64,
    seconds: f64,
}

pub(super) fn run(bench: &Bench) -> Result<Vec<Measured>, String> {
    let probe = bench.example("lag")?;
    let source = servers::source(&bench.folder)?;
    source.sql(
        "CREATE DATABASE probe; CREATE TABLE probe.marks (id BIGINT PRIMARY KEY, body CHAR(100) NOT NULL)",
    )?;
    source.sql("INSERT INTO probe.marks VALUES (0, 'first')")?;
    let target = servers::target(&bench.folder, "ours", 2)?;
    let replica = servers::target(&bench.folder, "peer", 3)?;
    servers::seed_replica(&source, &replica, "probe")?;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        ours.push(of_ours(bench, &probe, &source, &target)?);
        peer.push(of_replica(&probe, &source, &replica)?);
    }
    let measure = |scenario| Measure { scenario, unit: "ms", peer_name: PEER, higher_is_better: false };
    let pick = |samples: &[(Lag, Sample)], value: fn(&Lag) -> f64| -> Vec<Sample> {
        samples.iter().map(|(lag, sample)| Sample { value: value(lag), ..*sample }).collect()
    };
    let [p50, p99]: [fn(&Lag) -> f64; 2] = [|lag| lag.p50_ms, |lag| lag.p99_ms];
    Ok(vec![
        Measured::new(measure("mysql-lag-p50"), &pick(&ours, p50), &pick(&peer, p50)),
        Measured::new(measure("mysql-lag-p99"), &pick(&ours, p99), &pick(&peer, p99)),
    ])
}

fn of_ours(bench: &Bench, probe: &Path, source: &Server, target: &Server) -> Result<(Lag, Sample), String> {
    let route = servers::route(source, target, "probe", &bench.folder, "lag");
    let mut link = bench.program.sync(&route, &[])?;
    link.wait_until_streaming(STREAMING_DEADLINE)
        .map_err(|text| format!("{text}; {}", route.last_words()))?;
    let before = (link.process.cpu_seconds(), source.cpu_seconds(), target.cpu_seconds());
    let lag = measure(probe, source, target)?;
    let after = (link.process.cpu_seconds(), source.cpu_seconds(), target.cpu_seconds());
    let ended = link.stop()?.expect_success(&route)?;
    let sample = Sample {
        engine_cpu: after.0 - before.0,
        source_cpu: after.1 - before.1,
        target_cpu: after.2 - before.2,
        rss_mb: ended.usage.peak_mb,
        rows: lag.transactions,
        seconds: lag.seconds,
        ..Sample::default()
    };
    Ok((lag, sample))
}

fn of_replica(probe: &Path, source: &Server, replica: &Server) -> Result<(Lag, Sample), String> {
    servers::replicate(source, replica)?;
    let before = (source.cpu_seconds(), replica.cpu_seconds());
    let lag = measure(probe, source, replica)?;
    let sample = Sample {
        source_cpu: source.cpu_seconds() - before.0,
        target_cpu: replica.cpu_seconds() - before.1,
        rows: lag.transactions,
        seconds: lag.seconds,
        ..Sample::default()
    };
    replica.sql("STOP REPLICA")?;
    Ok((lag, sample))
}

/// Runs the probe, which writes to one server and looks at the other.
fn measure(probe: &Path, source: &Server, target: &Server) -> Result<Lag, String> {
    let mut command = Command::new(probe);
    command.args([source.url(), target.url()]).args(["probe.marks", &RATE.to_string(), &SECONDS.to_string()]);
    let mut command = tied(&command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut process = Process::start("the lag example", command)?;
    let out = process.child.stdout.take().ok_or("the lag example has no output")?;
    let usage = process.finish(DEADLINE)?;
    serde_json::from_reader(out)
        .map_err(|error| format!("the lag example failed ({}): {error}", usage.status))
}
