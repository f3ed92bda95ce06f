//! Tables with a key that sorts alike on both sides. The source's pages set the ranges: each is read from the target
//! too, by the same bounds, and the last one without an upper bound, so that every row of either side lies in one.

use super::Job;
use super::side::Side;
use std::collections::HashMap;
use tidegate_model::{Code, Error, Result, Rows};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A page of the source.
struct Range {
    rows: Rows,
    after: Option<Vec<u8>>,
    /// `None` for the last one.
    upto: Option<Vec<u8>>,
}

pub(super) async fn compare(job: &mut Job) -> Result<()> {
    let (sender, mut ranges) = mpsc::channel(1);
    // Dropping the set ends the task.
    let mut reading = JoinSet::new();
    reading.spawn(read_source(job.source.another(), sender));
    while let Some(range) = ranges.recv().await {
        let rows = range.rows.len() as u64;
        compare_range(job, &range).await?;
        job.report.rows_source += rows;
        job.shared.add(&job.shared.rows, rows);
    }
    match reading.join_next().await {
        Some(Ok(outcome)) => outcome,
        _ => Err(Error::new(Code::Internal, "a task that reads the source panicked")),
    }
}

async fn read_source(mut source: Side, sender: mpsc::Sender<Range>) -> Result<()> {
    let mut after = None;
    loop {
        let mut rows = Rows::default();
        let more = source.page(after.as_deref(), None, &mut rows).await?;
        let last = rows.last_key().map(<[u8]>::to_vec);
        let upto = if more { Some(last.ok_or_else(endless)?) } else { None };
        let range = Range { rows, after, upto: upto.clone() };
        if sender.send(range).await.is_err() || !more {
            return Ok(());
        }
        after = upto;
    }
}

fn endless() -> Error {
    Error::new(Code::Internal, "a page without rows says that there are more")
}

async fn compare_range(job: &mut Job, range: &Range) -> Result<()> {
    let mut matching = Matching::new(&range.rows);
    let mut after = range.after.clone();
    let mut page = Rows::default();
    loop {
        let more = job.target.page(after.as_deref(), range.upto.as_deref(), &mut page).await?;
        matching.take(&page, &mut |key| job.suspects.add(key));
        job.report.rows_target += page.len() as u64;
        if job.suspects.is_full() {
            job.settle().await?;
        }
        if !more {
            break;
        }
        after = Some(page.last_key().ok_or_else(endless)?.to_vec());
    }
    matching.finish(&mut |key| job.suspects.add(key));
    if job.suspects.is_full() { job.settle().await } else { Ok(()) }
}

/// Matches the target's rows with a page of the source by their keys' bytes. That both come in the same order makes it
/// fast; it is not needed for the outcome.
pub(super) struct Matching<'a> {
    source: &'a Rows,
    seen: Vec<bool>,
    /// Where the next row of the target is expected.
    next: usize,
    /// All keys of the source; made when a row is not where it was expected.
    index: Option<HashMap<&'a [u8], usize>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(source: &'a Rows) -> Self {
        Self { source, seen: vec![false; source.len()], next: 0, index: None }
    }

    /// Calls `suspect` for every key that the source does not have so, or that came before.
    pub(super) fn take(&mut self, target: &Rows, suspect: &mut dyn FnMut(&[u8])) {
        for at in 0..target.len() {
            let key = target.key(at);
            let Some(place) = self.find(key) else {
                suspect(key);
                continue;
            };
            self.next = place + 1;
            if std::mem::replace(&mut self.seen[place], true) || self.source.hash(place) != target.hash(at) {
                suspect(key);
            }
        }
    }

    fn find(&mut self, key: &[u8]) -> Option<usize> {
        if self.next < self.source.len() && self.source.key(self.next) == key {
            return Some(self.next);
        }
        let source = self.source;
        let index =
            self.index.get_or_insert_with(|| (0..source.len()).map(|at| (source.key(at), at)).collect());
        index.get(key).copied()
    }

    /// Calls `suspect` for every key that the target does not have.
    pub(super) fn finish(self, suspect: &mut dyn FnMut(&[u8])) {
        for (at, seen) in self.seen.iter().enumerate() {
            if !seen {
                suspect(self.source.key(at));
            }
        }
    }
}
