//! What a running link tells about itself: counters that anyone may read at any time.

use crate::changelog::{LogEnd, Record};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_model::{Checkpoint, Position, Seq, TableName};
use tokio::sync::watch;

/// Counters of one link. Rates are the reader's business: it looks twice.
#[derive(Debug)]
pub struct Progress {
    pub bytes_captured: AtomicU64,
    pub rows_applied: AtomicU64,
    pub bytes_applied: AtomicU64,
    pub transactions_applied: AtomicU64,
    pub rows_copied: AtomicU64,
    pub bytes_copied: AtomicU64,
    /// From commit to commit.
    pub lag: LagHistogram,
    /// From the commit at the source to the change log.
    pub lag_capture: LagHistogram,
    /// Of the change log on disk.
    pub log_bytes: AtomicU64,
    /// When the source was last heard of, in microseconds since 1970; 0: never.
    pub heard_at_us: AtomicU64,
    /// How long the source keeps its log; 0: for ever, or not known.
    pub kept_for_seconds: AtomicU64,
    /// Whether the target's log does not tell what this run writes.
    pub unmarked: AtomicBool,
    step: watch::Sender<Step>,
    captured: watch::Sender<LogEnd>,
    applied: watch::Sender<Checkpoint>,
    settled: watch::Sender<bool>,
    tables: Mutex<Vec<TableProgress>>,
    notices: Mutex<Vec<String>>,
}

/// What the link is doing: observed, never commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Preparing,
    /// The source's log is read, and nothing is written to the target.
    Collecting,
    Copying,
    /// Applying, but what was captured while copying is not all in yet: the target is not consistent.
    CatchingUp,
    /// Applying; every committed source transaction up to the applied one is whole in the target.
    Streaming,
}

impl Step {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Collecting => "collecting",
            Self::Copying => "copying",
            Self::CatchingUp => "catching_up",
            Self::Streaming => "streaming",
        }
    }
}

/// One table's copy.
#[derive(Clone, Debug)]
pub struct TableProgress {
    pub name: TableName,
    pub rows: u64,
    pub rows_estimated: u64,
    pub done: bool,
}

impl Progress {
    pub fn new() -> Self {
        let nowhere = Position::new("");
        Self {
            bytes_captured: AtomicU64::new(0),
            rows_applied: AtomicU64::new(0),
            bytes_applied: AtomicU64::new(0),
            transactions_applied: AtomicU64::new(0),
            rows_copied: AtomicU64::new(0),
            bytes_copied: AtomicU64::new(0),
            lag: LagHistogram::new(),
            lag_capture: LagHistogram::new(),
            log_bytes: AtomicU64::new(0),
            heard_at_us: AtomicU64::new(0),
            kept_for_seconds: AtomicU64::new(0),
            unmarked: AtomicBool::new(false),
            step: watch::channel(Step::Preparing).0,
            captured: watch::channel(LogEnd { seq: Seq(0), position: nowhere.clone() }).0,
            applied: watch::channel(Checkpoint { seq: Seq(0), position: nowhere }).0,
            settled: watch::channel(false).0,
            tables: Mutex::default(),
            notices: Mutex::default(),
        }
    }

    /// The step, and a way to wait for the next.
    pub fn step(&self) -> watch::Receiver<Step> {
        self.step.subscribe()
    }

    /// Where the change log ends.
    pub fn captured(&self) -> watch::Receiver<LogEnd> {
        self.captured.subscribe()
    }

    /// Up to where everything is in the target.
    pub fn applied_up_to(&self) -> watch::Receiver<Checkpoint> {
        self.applied.subscribe()
    }

    pub fn tables(&self) -> Vec<TableProgress> {
        self.tables.lock().expect("no holder panics").clone()
    }

    /// What a person should know about the link's way so far.
    pub fn notices(&self) -> Vec<String> {
        self.notices.lock().expect("no holder panics").clone()
    }

    pub(crate) fn notice(&self, texts: Vec<String>) {
        self.notices.lock().expect("no holder panics").extend(texts);
    }

    /// Whether the target has become, after the overlap, what it was not while rows were copied.
    pub(crate) fn settled(&self) -> watch::Receiver<bool> {
        self.settled.subscribe()
    }

    pub(crate) fn set_settled(&self, settled: bool) {
        self.settled.send_replace(settled);
    }

    pub(crate) fn enter(&self, step: Step) {
        self.step.send_replace(step);
    }

    pub(crate) fn set_tables(&self, tables: Vec<TableProgress>) {
        *self.tables.lock().expect("no holder panics") = tables;
    }

    pub(crate) fn copied(&self, name: &TableName, rows: u64, bytes: u64, done: bool) {
        self.rows_copied.fetch_add(rows, Ordering::Relaxed);
        self.bytes_copied.fetch_add(bytes, Ordering::Relaxed);
        self.change_table(name, |table| {
            table.rows += rows;
            table.done = done;
        });
    }

    /// The table's copy begins anew.
    pub(crate) fn uncopied(&self, name: &TableName) {
        self.change_table(name, |table| {
            self.rows_copied.fetch_sub(table.rows, Ordering::Relaxed);
            table.rows = 0;
            table.done = false;
        });
    }

    fn change_table(&self, name: &TableName, change: impl FnOnce(&mut TableProgress)) {
        let mut tables = self.tables.lock().expect("no holder panics");
        if let Some(table) = tables.iter_mut().find(|table| &table.name == name) {
            change(table);
        }
    }

    /// The source was heard of; `committed_at_us` is of the last transaction that was read, if there was one.
    pub(crate) fn heard(&self, committed_at_us: u64, log_bytes: u64) {
        let now = now_us();
        self.heard_at_us.store(now, Ordering::Relaxed);
        self.log_bytes.store(log_bytes, Ordering::Relaxed);
        if committed_at_us > 0 {
            self.lag_capture.record(now.saturating_sub(committed_at_us));
        }
    }

    pub(crate) fn published(&self, end: LogEnd) {
        self.captured.send_replace(end);
    }

    pub(crate) fn applied(&self, records: &[Record], rows: u64) {
        let now = now_us();
        let mut bytes = 0;
        for record in records {
            bytes += record.data().len() as u64;
            if record.committed_at_us > 0 {
                self.lag.record(now.saturating_sub(record.committed_at_us));
            }
        }
        self.rows_applied.fetch_add(rows, Ordering::Relaxed);
        self.bytes_applied.fetch_add(bytes, Ordering::Relaxed);
        self.transactions_applied.fetch_add(records.len() as u64, Ordering::Relaxed);
    }

    /// Where applying begins; before what an earlier run reached, if the copy was begun anew.
    pub(crate) fn begun(&self, checkpoint: Checkpoint) {
        self.applied.send_replace(checkpoint);
    }

    pub(crate) fn moved(&self, checkpoint: Checkpoint) {
        let before = self.applied.borrow().seq;
        debug_assert!(checkpoint.seq >= before, "the low watermark only rises");
        self.applied.send_replace(checkpoint);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Time from a transaction's commit on the source to its commit on the target, by the two machines' clocks.
/// Sixteen buckets to a doubling: a read value is at most 5 % off.
pub struct LagHistogram {
    buckets: Vec<AtomicU64>,
}

impl std::fmt::Debug for LagHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:?} ms, p99 {:?} ms", self.quantile_ms(0.5), self.quantile_ms(0.99))
    }
}

const STEPS: u32 = 16;
const DOUBLINGS: u32 = 44;

impl LagHistogram {
    fn new() -> Self {
        Self { buckets: (0..STEPS * DOUBLINGS).map(|_| AtomicU64::new(0)).collect() }
    }

    fn record(&self, lag_us: u64) {
        self.buckets[bucket(lag_us)].fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets everything: what follows is measured for itself.
    pub fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    /// The lag, in milliseconds, that `share` (0 to 1) of the transactions did not exceed; `None` without any.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (at, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Some(upper_us(at) as f64 / 1000.0);
            }
        }
        None
    }
}

fn bucket(value: u64) -> usize {
    let value = value.max(u64::from(STEPS));
    let doubling = value.ilog2() - STEPS.ilog2();
    let step = (value >> doubling) as u32 - STEPS;
    ((doubling * STEPS + step).min(STEPS * DOUBLINGS - 1)) as usize
}

fn upper_us(bucket: usize) -> u64 {
    let (doubling, step) = (bucket as u32 / STEPS, bucket as u32 % STEPS);
    u64::from(STEPS + step + 1) << doubling
}

pub(crate) fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close_and_never_too_low() {
        let lags = LagHistogram::new();
        assert_eq!(lags.quantile_ms(0.5), None);
        for lag_us in 1..=10_000 {
            lags.record(lag_us);
        }
        for (share, exact) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0)] {
            let read = lags.quantile_ms(share).unwrap();
            assert!(read >= exact && read <= exact * 1.07, "{share}: {read}");
        }
        lags.record(u64::MAX);
        assert!(lags.quantile_ms(1.0).unwrap() > 1e6);
    }
}
