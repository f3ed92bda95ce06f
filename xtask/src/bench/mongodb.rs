//! Links between MongoDB deployments, beside what one would write by hand with the official Python driver.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tidegate_sandbox::mongo::{Options, ReplicaSet};

use super::Bench;
use super::report::{Measure, Measured, Sample};
use super::servers::DEADLINE;
use crate::process::{Process, Usage, tied};
use crate::program::{Program, Route};

const LOOP: &str = include_str!("mongodb/loop.py");
const COPIER: &str = include_str!("mongodb/copier.py");
const TAILER: &str = include_str!("mongodb/tailer.py");
const TRAFFIC: &str = include_str!("mongodb/traffic.py");

const DOCUMENTS: u64 = 1_000_000;
const SEED_DOCUMENTS: u64 = 100_000;
const CHANGES: u64 = 300_000;
const COPIER_THREADS: &str = "4";
const RATE: u64 = 200;
const SECONDS: u64 = 20;
const STREAMING_DEADLINE: Duration = Duration::from_secs(60);
/// The log must hold all that is written while nobody reads.
const OPLOG_MB: u32 = 4096;
/// The document that ends the traffic.
const LAST: &str = "last";

const LOOP_PEER: &str = "pymongo: find, insert_many";
const COPY_PEER: &str = "pymongo: raw documents, ranges, 4 threads";
const TAIL_PEER: &str = "pymongo: change stream, bulk_write";

fn set(bench: &Bench, name: &str) -> Result<ReplicaSet, String> {
    let options = Options::new(1).cache_gb(1.0).oplog_mb(OPLOG_MB);
    ReplicaSet::start(options, &bench.folder.join(name))
}

fn route(bench: &Bench, source: &ReplicaSet, target: &ReplicaSet, name: &str) -> Route {
    Route {
        source: source.url(),
        target: target.url(),
        include: vec!["bench.*".to_owned()],
        name: name.to_owned(),
        folder: bench.folder.join(format!("tidegate-{name}")),
    }
}

/// Runs one of the scripts against a set to its end.
fn script(set: &ReplicaSet, text: &str, words: &[&str]) -> Result<(String, Usage), String> {
    let mut command = set.python_command()?;
    command.args(["-c", text]).args(words);
    let mut command = tied(&command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut process = Process::start("the bench's Python", command)?;
    let out = process.child.stdout.take().ok_or("the bench's Python has no output")?;
    let usage = process.finish(DEADLINE)?;
    if !usage.status.success() {
        return Err(format!("the bench's Python failed at {words:?} ({})", usage.status));
    }
    let said = std::io::read_to_string(out).map_err(|error| error.to_string())?;
    Ok((said.trim().to_owned(), usage))
}

fn traffic(set: &ReplicaSet, words: &[&str]) -> Result<String, String> {
    script(set, TRAFFIC, words).map(|(said, _)| said)
}

/// A fast answer that is wrong counts nothing.
fn expect_same(source: &ReplicaSet, target: &ReplicaSet) -> Result<(), String> {
    let sum = ["sum", "bench", "rows"];
    let (left, right) = (traffic(source, &sum)?, traffic(target, &sum)?);
    if left == right { Ok(()) } else { Err(format!("the target has {right}, the source {left}")) }
}

/// Runs the program until it has caught up; the value is the seconds it took.
fn sync(
    program: &Program,
    route: &Route,
    source: &ReplicaSet,
    target: &ReplicaSet,
) -> Result<Sample, String> {
    let before = (source.cpu_seconds(), target.cpu_seconds());
    let ended = program.sync(route, &["--until-caught-up"])?.finish(DEADLINE)?.expect_success(route)?;
    Ok(sample(ended.usage, before, source, target))
}

fn sample(usage: Usage, before: (f64, f64), source: &ReplicaSet, target: &ReplicaSet) -> Sample {
    Sample {
        value: usage.seconds,
        engine_cpu: usage.cpu_seconds,
        source_cpu: source.cpu_seconds() - before.0,
        target_cpu: target.cpu_seconds() - before.1,
        rss_mb: usage.peak_mb,
        seconds: usage.seconds,
        ..Sample::default()
    }
}

fn per_second(rows: u64, sample: Sample) -> Sample {
    Sample { value: rows as f64 / sample.seconds, rows, ..sample }
}

pub(super) fn copy(bench: &Bench) -> Result<Vec<Measured>, String> {
    let rows = bench.scaled(DOCUMENTS);
    let (source, target) = (set(bench, "source")?, set(bench, "target")?);
    traffic(&source, &["fill", &rows.to_string()])?;
    let (mut ours, mut plain, mut tuned) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let route = route(bench, &source, &target, &format!("copy-{run}"));
        ours.push(per_second(rows, sync(&bench.program, &route, &source, &target)?));
        expect_same(&source, &target)?;
        target.python("client.drop_database('bench'); client.drop_database('tidegate')")?;
        let url = target.url();
        let words = [url.as_str(), "bench", "rows"];
        let tuned_words = [&words[..], &[COPIER_THREADS]].concat();
        let peers = [(LOOP, &words[..], &mut plain), (COPIER, &tuned_words[..], &mut tuned)];
        for (text, words, samples) in peers {
            let before = (source.cpu_seconds(), target.cpu_seconds());
            let (_, usage) = script(&source, text, words)?;
            samples.push(per_second(rows, sample(usage, before, &source, &target)));
            expect_same(&source, &target)?;
            target.python("client.drop_database('bench')")?;
        }
    }
    let measure =
        |scenario, peer_name| Measure { scenario, unit: "docs/s", peer_name, higher_is_better: true };
    Ok(vec![
        Measured::new(measure("mongo-copy", LOOP_PEER), &ours, &plain),
        Measured::new(measure("mongo-copy-tuned", COPY_PEER), &ours, &tuned),
    ])
}

pub(super) fn catchup_mixed(bench: &Bench) -> Result<Vec<Measured>, String> {
    catchup(bench, "mongo-catchup-mixed", "mixed")
}

pub(super) fn catchup_insert(bench: &Bench) -> Result<Vec<Measured>, String> {
    catchup(bench, "mongo-catchup-insert", "insert")
}

/// Both are seeded by a copy, then the source changes while neither runs, then each catches up alone.
fn catchup(bench: &Bench, scenario: &'static str, kind: &str) -> Result<Vec<Measured>, String> {
    let changes = bench.scaled(CHANGES);
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let [source, target, other] =
            ["source", "ours", "peer"].map(|name| set(bench, &format!("{name}-{run}")));
        let (source, target, other) = (source?, target?, other?);
        traffic(&source, &["fill", &bench.scaled(SEED_DOCUMENTS).to_string()])?;
        let route = route(bench, &source, &target, &format!("catchup-{run}"));
        sync(&bench.program, &route, &source, &target)?;
        script(&source, COPIER, &[&other.url(), "bench", "rows", COPIER_THREADS])?;
        let token = traffic(&source, &["token"])?;
        traffic(&source, &[kind, &changes.to_string()])?;
        ours.push(per_second(changes, sync(&bench.program, &route, &source, &target)?));
        expect_same(&source, &target)?;
        let before = (source.cpu_seconds(), other.cpu_seconds());
        let (_, usage) = script(&source, TAILER, &[&other.url(), "bench", "rows", &token, LAST])?;
        peer.push(per_second(changes, sample(usage, before, &source, &other)));
        expect_same(&source, &other)?;
    }
    let measure = Measure { scenario, unit: "changes/s", peer_name: TAIL_PEER, higher_is_better: true };
    Ok(vec![Measured::new(measure, &ours, &peer)])
}

/// What the probe prints.
#[derive(Clone, Copy, Deserialize)]
struct Lag {
    p50_ms: f64,
    p99_ms: f64,
    transactions: u64,
    seconds: f64,
}

pub(super) fn lag(bench: &Bench) -> Result<Vec<Measured>, String> {
    let (source, target, other) = (set(bench, "source")?, set(bench, "ours")?, set(bench, "peer")?);
    source.python("client.bench.marks.insert_one({'_id': 0})")?;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        ours.push(lag_of_ours(bench, &source, &target)?);
        peer.push(lag_of_tailer(&source, &other)?);
    }
    let measure = |scenario| Measure { scenario, unit: "ms", peer_name: TAIL_PEER, higher_is_better: false };
    let pick = |samples: &[(Lag, Sample)], value: fn(&Lag) -> f64| -> Vec<Sample> {
        samples.iter().map(|(lag, sample)| Sample { value: value(lag), ..*sample }).collect()
    };
    let [p50, p99]: [fn(&Lag) -> f64; 2] = [|lag| lag.p50_ms, |lag| lag.p99_ms];
    Ok(vec![
        Measured::new(measure("mongo-lag-p50"), &pick(&ours, p50), &pick(&peer, p50)),
        Measured::new(measure("mongo-lag-p99"), &pick(&ours, p99), &pick(&peer, p99)),
    ])
}

fn lag_of_ours(bench: &Bench, source: &ReplicaSet, target: &ReplicaSet) -> Result<(Lag, Sample), String> {
    let route = route(bench, source, target, "lag");
    let mut link = bench.program.sync(&route, &[])?;
    link.wait_until_streaming(STREAMING_DEADLINE)
        .map_err(|text| format!("{text}; {}", route.last_words()))?;
    let (lag, sample) = probe(&link.process, source, target)?;
    let ended = link.stop()?.expect_success(&route)?;
    Ok((lag, Sample { rss_mb: ended.usage.peak_mb, ..sample }))
}

fn lag_of_tailer(source: &ReplicaSet, other: &ReplicaSet) -> Result<(Lag, Sample), String> {
    let token = traffic(source, &["token"])?;
    // Before the token nobody has told the peer anything.
    other.python("client.bench.marks.delete_many({})")?;
    let mut command: Command = source.python_command()?;
    command.args(["-c", TAILER, &other.url(), "bench", "marks", &token, "-"]);
    let mut command = tied(&command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let tailer = Process::start("the tailer", command)?;
    probe(&tailer, source, other)
}

/// Writes to one side at a steady rate and looks at the other; what `engine` used meanwhile is in the sample.
fn probe(engine: &Process, source: &ReplicaSet, target: &ReplicaSet) -> Result<(Lag, Sample), String> {
    let before = (engine.cpu_seconds(), source.cpu_seconds(), target.cpu_seconds());
    let said = traffic(source, &["lag", &target.url(), &RATE.to_string(), &SECONDS.to_string()])?;
    let lag: Lag = serde_json::from_str(&said).map_err(|error| format!("{said}: {error}"))?;
    let sample = Sample {
        engine_cpu: engine.cpu_seconds() - before.0,
        source_cpu: source.cpu_seconds() - before.1,
        target_cpu: target.cpu_seconds() - before.2,
        rss_mb: engine.resident_mb(),
        rows: lag.transactions,
        seconds: lag.seconds,
        ..Sample::default()
    };
    Ok((lag, sample))
}
