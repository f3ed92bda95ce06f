//! Numbers of several runs, their medians, and where they go.

use std::fs;
use std::path::PathBuf;
use std::thread;

use serde::Serialize;
use tidegate_sandbox::workspace_root;

/// What one run of one side took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// In the scenario's unit.
    pub(super) value: f64,
    /// Of our process, or of the peer's client programs; the servers' threads are in theirs.
    pub(super) engine_cpu: f64,
    pub(super) source_cpu: f64,
    pub(super) target_cpu: f64,
    pub(super) rss_mb: f64,
    /// Rows that went through.
    pub(super) rows: u64,
    /// Seconds that the engine's time spread over.
    pub(super) seconds: f64,
}

/// One scenario's result: medians of all runs.
#[derive(Serialize)]
pub(super) struct Measured {
    pub(super) scenario: String,
    ours: f64,
    peer: f64,
    peer_name: &'static str,
    unit: &'static str,
    /// Ours by the peer's.
    ratio: f64,
    better: &'static str,
    engine_cpu_us_per_row: f64,
    engine_core_percent: f64,
    rss_mb: f64,
    rows: u64,
    ours_runs: Vec<f64>,
    peer_runs: Vec<f64>,
    ours_cpu_seconds: CpuSeconds,
    peer_cpu_seconds: CpuSeconds,
}

/// Who used the processor.
#[derive(Serialize)]
struct CpuSeconds {
    engine: f64,
    source: f64,
    target: f64,
}

/// What is measured and in which unit.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) scenario: &'static str,
    pub(super) unit: &'static str,
    pub(super) peer_name: &'static str,
    pub(super) higher_is_better: bool,
}

impl Measured {
    pub(super) fn new(measure: Measure, ours: &[Sample], peer: &[Sample]) -> Measured {
        let (our_value, peer_value) = (median(ours, |one| one.value), median(peer, |one| one.value));
        let rows = ours.first().map_or(0, |one| one.rows);
        let engine = median(ours, |one| one.engine_cpu);
        Measured {
            scenario: measure.scenario.to_owned(),
            ours: rounded(our_value),
            peer: rounded(peer_value),
            peer_name: measure.peer_name,
            unit: measure.unit,
            ratio: rounded(our_value / peer_value.max(f64::MIN_POSITIVE)),
            better: if measure.higher_is_better { "higher" } else { "lower" },
            engine_cpu_us_per_row: rounded(engine * 1e6 / (rows.max(1) as f64)),
            engine_core_percent: rounded(median(ours, |one| 100.0 * one.engine_cpu / one.seconds.max(0.001))),
            rss_mb: rounded(median(ours, |one| one.rss_mb)),
            rows,
            ours_runs: ours.iter().map(|one| rounded(one.value)).collect(),
            peer_runs: peer.iter().map(|one| rounded(one.value)).collect(),
            ours_cpu_seconds: CpuSeconds::of(ours),
            peer_cpu_seconds: CpuSeconds::of(peer),
        }
    }
}

impl Measured {
    /// A row of the table.
    pub(super) fn line(&self) -> String {
        format!(
            "{:<22} {:>10.1} {:>10.1} {:<10} {:>6.2}  {:>10.2} {:>7.0} {:>8.0}  {}",
            self.scenario,
            self.ours,
            self.peer,
            self.unit,
            self.ratio,
            self.engine_cpu_us_per_row,
            self.engine_core_percent,
            self.rss_mb,
            self.peer_name
        )
    }
}

impl CpuSeconds {
    fn of(samples: &[Sample]) -> CpuSeconds {
        CpuSeconds {
            engine: rounded(median(samples, |one| one.engine_cpu)),
            source: rounded(median(samples, |one| one.source_cpu)),
            target: rounded(median(samples, |one| one.target_cpu)),
        }
    }
}

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

/// To three places, or to whole numbers where there are many.
fn rounded(value: f64) -> f64 {
    if value.abs() >= 1000.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

/// Under what the results were measured.
pub(super) struct Report {
    commit: String,
    machine: String,
}

#[derive(Serialize)]
struct File<'a> {
    commit: &'a str,
    machine: &'a str,
    results: [&'a Measured; 1],
}

impl Report {
    pub(super) fn of_this_machine() -> Report {
        Report { commit: commit().unwrap_or_else(|| "unknown".to_owned()), machine: machine() }
    }

    /// Writes bench/results/SCENARIO.json.
    pub(super) fn write(&self, measured: &Measured) -> Result<(), String> {
        let folder = workspace_root().join("bench").join("results");
        let path = folder.join(format!("{}.json", measured.scenario));
        let file = File { commit: &self.commit, machine: &self.machine, results: [measured] };
        let text = serde_json::to_string_pretty(&file)
            .map_err(|error| format!("cannot write the results as JSON: {error}"))?;
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, text + "\n"))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

/// The commit that is checked out, read from git's own files.
fn commit() -> Option<String> {
    let git = workspace_root().join(".git");
    // In a second working tree it is a file that says where the rest is.
    let own =
        fs::read_to_string(&git).ok().and_then(|text| Some(text.strip_prefix("gitdir: ")?.trim().into()));
    let own: PathBuf = own.unwrap_or(git);
    let shared =
        fs::read_to_string(own.join("commondir")).map_or_else(|_| own.clone(), |text| own.join(text.trim()));
    let head = fs::read_to_string(own.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    if let Ok(commit) = fs::read_to_string(shared.join(name)) {
        return Some(commit.trim().to_owned());
    }
    let packed = fs::read_to_string(shared.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.ends_with(&format!(" {name}")))?;
    line.split(' ').next().map(str::to_owned)
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let processor =
        after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = after(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kib: u64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} × {processor}, {} GB, Linux {}", (kib * 1024).div_ceil(1_000_000_000), kernel.trim())
}

/// All results as one table.
pub(super) fn print(all: &[Measured]) {
    println!();
    println!(
        "{:<22} {:>10} {:>10} {:<10} {:>6}  {:>10} {:>7} {:>8}  PEER",
        "SCENARIO", "OURS", "PEER", "UNIT", "RATIO", "CPU us/row", "CPU %", "RSS MB"
    );
    for one in all {
        println!("{}", one.line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        let sample =
            |value, engine_cpu| Sample { value, engine_cpu, rows: 100, seconds: 2.0, ..Sample::default() };
        let measure = Measure { scenario: "a", unit: "rows/s", peer_name: "b", higher_is_better: true };
        let ours = [sample(30.0, 0.1), sample(10.0, 0.3), sample(20.0, 0.2)];
        let measured = Measured::new(measure, &ours, &[sample(5.0, 0.0), sample(15.0, 0.0)]);
        assert_eq!((measured.ours, measured.peer, measured.ratio), (20.0, 10.0, 2.0));
        assert_eq!((measured.engine_cpu_us_per_row, measured.engine_core_percent), (2000.0, 10.0));
        assert_eq!(measured.ours_runs, [30.0, 10.0, 20.0]);
    }
}
