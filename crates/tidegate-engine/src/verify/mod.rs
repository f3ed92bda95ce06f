//! The full comparison of two databases: every row, bit for bit, in memory that does not grow with the tables.
//!
//! A table whose key sorts alike on both sides is read in ranges of its key ([`ordered`]); any other is summed up in
//! buckets by hash, and only buckets that differ are looked into ([`scan`]). Whatever looks different is then looked up
//! by its key on both sides ([`settle`]) before it counts: the link between the two may be running.
//!
//! Nothing of the copy or of applying takes part: no counter, no checkpoint, no reader of theirs.

mod layout;
mod ordered;
mod scan;
mod settle;
mod side;
#[cfg(test)]
mod tests;

use self::layout::Pair;
use self::settle::Suspects;
use self::side::Side;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate_model::{Code, Comparable, Error, Result, Selection, TableName};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Differences that a report lists for one table; the others are counted.
pub const LISTED_MAX: usize = 100;

#[derive(Clone, Debug)]
pub struct Options {
    pub selection: Selection,
    /// Tables that are compared at a time. Each takes two connections a side at most, and about 60 MB at worst.
    pub workers: usize,
    pub recheck: Recheck,
}

/// How often a row that differs is read again before it counts, and how long to wait before each time. On a link that
/// runs, the waits together should be longer than its lag.
#[derive(Clone, Copy, Debug)]
pub struct Recheck {
    pub times: u32,
    pub wait: Duration,
}

/// How far a comparison is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub tables: u64,
    pub tables_done: u64,
    /// Rows of the source that were read.
    pub rows: u64,
    pub rows_estimated: u64,
    pub differences: u64,
}

#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of their names.
    pub tables: Vec<TableReport>,
    /// Definitions that differ, by their names in the source.
    pub definitions: Vec<(TableName, String)>,
    /// Whether neither a row nor a definition differs.
    pub identical: bool,
    pub seconds: f64,
}

#[derive(Clone, Debug)]
pub struct TableReport {
    pub name: TableName,
    pub target: TableName,
    pub rows_source: u64,
    pub rows_target: u64,
    /// The first [`LISTED_MAX`].
    pub differences: Vec<Difference>,
    pub difference_count: u64,
    /// Whether `difference_count` is only a lower bound: so much differs that not all of it was looked into.
    pub at_least: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row for a person: its key (`id=42`), or its content if it has none.
    pub key: String,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The source has it, the target does not.
    Missing,
    /// The target has it, the source does not.
    Extra,
    /// Both have it; these columns differ.
    Different { columns: Vec<String> },
}

/// Compares everything selected. An error means that there is no verdict; differences are no error.
pub async fn run(
    source: Arc<dyn Comparable>,
    target: Arc<dyn Comparable>,
    options: Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report> {
    let began = Instant::now();
    let mut definitions = source.definition_differences(target.as_ref(), &options.selection).await?;
    let (pairs, absent) = layout::pairs(source.as_ref(), target.as_ref(), &options.selection).await?;
    for (table, what) in absent {
        // The adapter's own words are better, if it has any.
        if !definitions.iter().any(|(name, _)| *name == table) {
            definitions.push((table, what));
        }
    }
    let shared = Arc::new(Shared::new(&pairs));
    let mut tables = compare_all(&Both { source, target }, pairs, &options, &shared, progress).await?;
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    let identical = definitions.is_empty() && tables.iter().all(|table| table.difference_count == 0);
    Ok(Report { tables, definitions, identical, seconds: began.elapsed().as_secs_f64() })
}

#[derive(Clone)]
struct Both {
    source: Arc<dyn Comparable>,
    target: Arc<dyn Comparable>,
}

/// What the workers share: counters for the progress, and the room for what a scan collects.
#[derive(Debug)]
struct Shared {
    tables: u64,
    rows_estimated: u64,
    tables_done: AtomicU64,
    rows: AtomicU64,
    differences: AtomicU64,
    moved: Notify,
    /// Held while a scan collects rows, so that the memory for it is needed once only.
    collecting: tokio::sync::Mutex<()>,
}

impl Shared {
    fn new(pairs: &[Pair]) -> Self {
        Self {
            tables: pairs.len() as u64,
            rows_estimated: pairs.iter().map(|pair| pair.rows_estimated).sum(),
            tables_done: AtomicU64::default(),
            rows: AtomicU64::default(),
            differences: AtomicU64::default(),
            moved: Notify::new(),
            collecting: tokio::sync::Mutex::default(),
        }
    }

    fn add(&self, counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Relaxed);
        self.moved.notify_one();
    }

    fn progress(&self) -> Progress {
        Progress {
            tables: self.tables,
            tables_done: self.tables_done.load(Relaxed),
            rows: self.rows.load(Relaxed),
            rows_estimated: self.rows_estimated,
            differences: self.differences.load(Relaxed),
        }
    }
}

/// The comparison of one table.
struct Job {
    source: Side,
    target: Side,
    recheck: Recheck,
    shared: Arc<Shared>,
    suspects: Suspects,
    report: TableReport,
}

impl Job {
    fn new(both: &Both, pair: &Pair, recheck: Recheck, shared: Arc<Shared>) -> Self {
        Self {
            source: Side::new(both.source.clone(), pair.source.clone(), pair.layout.clone()),
            target: Side::new(both.target.clone(), pair.target.clone(), pair.layout.clone()),
            recheck,
            shared,
            suspects: Suspects::default(),
            report: TableReport {
                name: pair.source.clone(),
                target: pair.target.clone(),
                rows_source: 0,
                rows_target: 0,
                differences: Vec::new(),
                difference_count: 0,
                at_least: false,
            },
        }
    }

    /// `count` rows differ; `listed` is the first of them, if the list is not full.
    fn differs(&mut self, count: u64, listed: Option<Difference>) {
        self.report.difference_count += count;
        if self.report.differences.len() < LISTED_MAX {
            self.report.differences.extend(listed);
        }
        self.shared.add(&self.shared.differences, count);
    }
}

async fn compare_all(
    both: &Both,
    mut pairs: Vec<Pair>,
    options: &Options,
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<TableReport>> {
    let tables = pairs.len();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.rows_estimated));
    let queue = Arc::new(Mutex::new(VecDeque::from(pairs)));
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut workers = JoinSet::new();
    for _ in 0..options.workers.clamp(1, tables.max(1)) {
        let (both, queue, done, shared) = (both.clone(), queue.clone(), done.clone(), shared.clone());
        let recheck = options.recheck;
        workers.spawn(async move {
            loop {
                let next = queue.lock().expect("no holder panics").pop_front();
                let Some(pair) = next else { return Ok(()) };
                let report =
                    compare_table(Job::new(&both, &pair, recheck, shared.clone()), pair.ordered).await?;
                done.lock().expect("no holder panics").push(report);
                shared.add(&shared.tables_done, 1);
            }
        });
    }
    // An error ends the loop and, with the set, all workers.
    loop {
        tokio::select! {
            () = shared.moved.notified() => {}
            ended = workers.join_next() => match ended {
                Some(ended) => ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "a comparing task panicked")))?,
                None => break,
            },
        }
        progress(shared.progress());
    }
    let reports = std::mem::take(&mut *done.lock().expect("no holder panics"));
    if reports.len() != tables {
        return Err(Error::new(
            Code::Internal,
            format!("{} of {tables} tables were compared", reports.len()),
        ));
    }
    Ok(reports)
}

async fn compare_table(mut job: Job, ordered: bool) -> Result<TableReport> {
    if ordered {
        ordered::compare(&mut job).await?;
    } else {
        Box::pin(scan::compare(&mut job)).await?;
    }
    job.settle().await?;
    Ok(job.report)
}
