//! Writes to a source at a steady rate, watches a target, and tells how long each row took from commit to visibility:
//! `lag SOURCE TARGET TABLE RATE SECONDS`. For `cargo xtask bench mysql-lag-p50 mysql-lag-p99`.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the target: short beside what is measured, long enough to leave the target most of a core.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// The first part of the time does not count.
const WARM_UP: Duration = Duration::from_secs(2);
/// Everything must be visible so soon after the last commit.
const PATIENCE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Plan {
    source: String,
    target: String,
    table: String,
    rate: u64,
    seconds: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = match arguments.as_slice() {
        [source, target, table, rate, seconds] => {
            rate.parse().ok().zip(seconds.parse().ok()).map(|(rate, seconds)| Plan {
                source: source.clone(),
                target: target.clone(),
                table: table.clone(),
                rate,
                seconds,
            })
        }
        _ => None,
    };
    let Some(plan) = plan.filter(|plan| plan.rate > 0) else {
        eprintln!("usage: lag SOURCE TARGET TABLE RATE SECONDS");
        std::process::exit(2);
    };
    match measure(&plan) {
        Ok(text) => println!("{text}"),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}

fn measure(plan: &Plan) -> Outcome<String> {
    let first = block_on(async {
        let mut conn = Conn::new(Opts::from_url(&plan.source)?).await?;
        let last: Option<u64> = conn.query_first(format!("SELECT MAX(id) FROM {}", plan.table)).await?;
        Ok(last.unwrap_or(0) + 1)
    })?;
    let count = plan.rate * plan.seconds;
    let (committed, ids) = mpsc::channel();
    let started = Instant::now();
    let (written, seen) = thread::scope(|scope| {
        let writer = scope.spawn(|| block_on(write(plan, first, count, committed)));
        let watcher = scope.spawn(|| block_on(watch(plan, first, count)));
        (writer.join(), watcher.join())
    });
    written.map_err(|_| "the writing thread panicked")??;
    let seen = seen.map_err(|_| "the watching thread panicked")??;
    let seconds = started.elapsed().as_secs_f64();
    let mut lags: Vec<f64> = ids
        .iter()
        .filter(|(_, at): &(u64, Instant)| at.duration_since(started) >= WARM_UP)
        .filter_map(|(id, at)| Some(seen.get(&id)?.saturating_duration_since(at).as_secs_f64() * 1000.0))
        .collect();
    lags.sort_by(f64::total_cmp);
    let quantile =
        |share: f64| lags.get(((lags.len() as f64 * share) as usize).min(lags.len().saturating_sub(1)));
    let (p50, p99) =
        (quantile(0.50).ok_or("nothing was measured")?, quantile(0.99).ok_or("nothing was measured")?);
    Ok(format!(
        "{{\"p50_ms\":{p50:.3},\"p99_ms\":{p99:.3},\"transactions\":{count},\"seconds\":{seconds:.3}}}"
    ))
}

/// One runtime a thread: neither side waits for the other's turn.
fn block_on<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Commits one row after the other, each at its own time, and says when the server had answered.
async fn write(plan: &Plan, first: u64, count: u64, committed: mpsc::Sender<(u64, Instant)>) -> Outcome<()> {
    let mut conn = Conn::new(Opts::from_url(&plan.source)?).await?;
    let mut ticks = tokio::time::interval(Duration::from_nanos(1_000_000_000 / plan.rate));
    for id in first..first + count {
        ticks.tick().await;
        conn.query_drop(format!("INSERT INTO {} VALUES ({id}, REPEAT('x', 100))", plan.table)).await?;
        committed.send((id, Instant::now()))?;
    }
    Ok(())
}

/// Notes when each row was first to be seen. Rows may come in any order.
async fn watch(plan: &Plan, first: u64, count: u64) -> Outcome<BTreeMap<u64, Instant>> {
    let mut conn = Conn::new(Opts::from_url(&plan.target)?).await?;
    let mut seen = BTreeMap::new();
    // Everything up to here is visible.
    let mut low = first - 1;
    let deadline = Instant::now() + Duration::from_secs(plan.seconds) + PATIENCE;
    while low < first + count - 1 {
        let ids: Vec<u64> =
            conn.query(format!("SELECT id FROM {} WHERE id > {low} ORDER BY id", plan.table)).await?;
        let now = Instant::now();
        for id in ids {
            seen.entry(id).or_insert(now);
            if id == low + 1 {
                low = id;
            }
        }
        if now > deadline {
            return Err(format!("row {} did not become visible", low + 1).into());
        }
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(seen)
}
