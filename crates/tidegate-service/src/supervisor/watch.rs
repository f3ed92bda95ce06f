//! Looking at what runs, once a second: rates, lags, and whether it does what it should.

use super::Supervisor;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tidegate_api::{Activity, TableState};
use tidegate_engine::progress::{Progress, Step};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Lags are of so long.
const LAGS_OVER: Duration = Duration::from_secs(10);
/// Nothing moves for so long although there is something to do: longer than any wait for a lock of ours.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What was seen of one run.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) rows_per_second: f64,
    pub(crate) lag_ms_p50: Option<f64>,
    pub(crate) lag_ms_p99: Option<f64>,
    pub(crate) lag_capture_ms_p99: Option<f64>,
    pub(crate) activity: Activity,
    looked_at: Instant,
    rows: u64,
    moved: (u64, u64, Step),
    moved_at: Instant,
    /// When the target was last seen to have everything that was captured.
    level_at: Instant,
    lags_since: Instant,
}

impl Watched {
    pub(super) fn new(progress: &Progress, now: Instant) -> Self {
        Self {
            rows_per_second: 0.0,
            lag_ms_p50: None,
            lag_ms_p99: None,
            lag_capture_ms_p99: None,
            activity: Activity::Idle,
            looked_at: now,
            rows: rows(progress),
            moved: mark(progress),
            moved_at: now,
            level_at: now,
            lags_since: now,
        }
    }

    fn look(&mut self, progress: &Progress, now: Instant) {
        let (rows, mark) = (rows(progress), mark(progress));
        let passed = now.duration_since(self.looked_at).as_secs_f64();
        if passed > 0.0 {
            self.rows_per_second = rows.saturating_sub(self.rows) as f64 / passed;
        }
        let moves = mark != self.moved || rows != self.rows;
        (self.looked_at, self.rows, self.moved) = (now, rows, mark);
        if moves {
            self.moved_at = now;
        }
        let has_work = has_work(progress);
        if !has_work {
            self.level_at = now;
        }
        self.activity = match (has_work, now.duration_since(self.moved_at) >= STUCK_AFTER) {
            (false, _) => Activity::Idle,
            (true, false) => Activity::Working,
            (true, true) => Activity::Stuck,
        };
        if now.duration_since(self.lags_since) >= LAGS_OVER {
            self.lags_since = now;
            self.lag_ms_p50 = progress.lag.quantile_ms(0.5);
            self.lag_ms_p99 = progress.lag.quantile_ms(0.99);
            self.lag_capture_ms_p99 = progress.lag_capture.quantile_ms(0.99);
            progress.lag.clear();
            progress.lag_capture.clear();
        }
    }

    /// By the transactions that came through lately; if none did and some should have, by how long ago that was so.
    pub(crate) fn behind_seconds(&self) -> f64 {
        let since_level = self.looked_at.duration_since(self.level_at).as_secs_f64();
        match self.lag_ms_p99 {
            Some(ms) if self.activity != Activity::Stuck => ms / 1000.0,
            _ => since_level,
        }
    }
}

fn rows(progress: &Progress) -> u64 {
    progress.rows_copied.load(Ordering::Relaxed) + progress.rows_applied.load(Ordering::Relaxed)
}

/// What moves when something is done.
fn mark(progress: &Progress) -> (u64, u64, Step) {
    let applied = progress.applied_up_to().borrow().seq.0;
    (applied, progress.bytes_copied.load(Ordering::Relaxed), *progress.step().borrow())
}

fn has_work(progress: &Progress) -> bool {
    let behind = || progress.applied_up_to().borrow().seq < progress.captured().borrow().seq;
    match *progress.step().borrow() {
        Step::Preparing | Step::Copying => true,
        // It reads, and is not to do more.
        Step::Collecting => false,
        Step::CatchingUp | Step::Streaming => behind(),
    }
}

/// Looks at everything that runs, until the service ends.
pub(super) async fn watch(supervisor: Arc<Supervisor>) {
    let mut watched: HashMap<String, (Arc<Progress>, Watched)> = HashMap::new();
    while !supervisor.stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = supervisor.stop.cancelled() => return,
        }
        let now = Instant::now();
        let running = supervisor.running();
        watched.retain(|id, _| running.iter().any(|(one, _)| one == id));
        for (id, progress) in running {
            let entry = watched
                .entry(id.clone())
                .and_modify(|entry| {
                    // Another run begins with nothing.
                    if !Arc::ptr_eq(&entry.0, &progress) {
                        *entry = (progress.clone(), Watched::new(&progress, now));
                    }
                })
                .or_insert_with(|| (progress.clone(), Watched::new(&progress, now)));
            entry.1.look(&progress, now);
            supervisor.show_watched(&id, entry.1.clone());
            supervisor.samples.look(&id, &progress, &entry.1, now);
        }
        supervisor.samples.forget_old(now);
    }
}

/// What is told of a run.
pub(crate) fn told(progress: &Progress, watched: Option<&Watched>) -> tidegate_api::Progress {
    let step = progress.step().borrow().name();
    let applied = progress.applied_up_to().borrow().clone();
    let tables = progress.tables().into_iter().map(|table| TableState {
        name: table.name.to_string(),
        rows: table.rows,
        rows_estimated: table.rows_estimated,
        done: table.done,
    });
    tidegate_api::Progress {
        step: step.to_owned(),
        rows_copied: progress.rows_copied.load(Ordering::Relaxed),
        rows_applied: progress.rows_applied.load(Ordering::Relaxed),
        transactions_applied: progress.transactions_applied.load(Ordering::Relaxed),
        bytes_captured: progress.bytes_captured.load(Ordering::Relaxed),
        seq_captured: progress.captured().borrow().seq.0,
        seq_applied: applied.seq.0,
        position: applied.position.to_string(),
        position_captured: progress.captured().borrow().position.to_string(),
        lag_ms_p50: watched.and_then(|watched| watched.lag_ms_p50),
        lag_ms_p99: watched.and_then(|watched| watched.lag_ms_p99),
        lag_capture_ms_p99: watched.and_then(|watched| watched.lag_capture_ms_p99),
        behind_seconds: watched.map_or(0.0, Watched::behind_seconds),
        rows_per_second: watched.map_or(0.0, |watched| watched.rows_per_second),
        activity: watched.map_or(Activity::Working, |watched| watched.activity),
        log_bytes: progress.log_bytes.load(Ordering::Relaxed),
        tables: tables.collect(),
    }
}

/// Up to when the source keeps what is not read yet, if nothing more is read: seconds since 1970.
pub(super) fn kept_until(progress: &Progress) -> Option<i64> {
    let heard = progress.heard_at_us.load(Ordering::Relaxed) / 1_000_000;
    let kept = progress.kept_for_seconds.load(Ordering::Relaxed);
    (heard > 0 && kept > 0).then(|| i64::try_from(heard + kept).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_not_stuck() {
        let progress = Progress::new();
        let begun = Instant::now();
        let mut watched = Watched::new(&progress, begun);
        // Preparing is work, and this one does not get on.
        watched.look(&progress, begun + Duration::from_secs(5));
        assert_eq!(watched.activity, Activity::Working);
        progress.rows_copied.store(10, Ordering::Relaxed);
        watched.look(&progress, begun + Duration::from_secs(10));
        assert_eq!((watched.activity, watched.rows_per_second), (Activity::Working, 2.0));
        watched.look(&progress, begun + Duration::from_secs(69));
        assert_eq!(watched.activity, Activity::Working);
        watched.look(&progress, begun + Duration::from_secs(70));
        assert_eq!(watched.activity, Activity::Stuck);
        assert_eq!(watched.behind_seconds(), 70.0);
    }

    #[test]
    fn what_the_source_keeps() {
        let progress = Progress::new();
        assert_eq!(kept_until(&progress), None);
        progress.heard_at_us.store(5_000_000, Ordering::Relaxed);
        assert_eq!(kept_until(&progress), None, "for ever");
        progress.kept_for_seconds.store(3600, Ordering::Relaxed);
        assert_eq!(kept_until(&progress), Some(3605));
    }
}
