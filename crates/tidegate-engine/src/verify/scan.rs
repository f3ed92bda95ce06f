//! Tables without a key, and those whose key does not sort alike on both sides. Each side is read as a whole and summed up
//! in buckets by hash: of the key, or of the row if there is none. Only buckets that differ are read again, row by row.
//!
//! Sums, not exclusive ors: a row that is there twice must not vanish.

use super::side::{Restart, Side};
use super::{Difference, Job, Kind, LISTED_MAX, Shared};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tidegate_model::{Code, Error, Result, RowHash, RowSink};
use tokio::task::JoinSet;

const BUCKET_BITS: u32 = 16;
/// Rows whose hashes are held at a time, for each side: some 25 MB.
const COLLECTED_MAX: u64 = 1 << 18;
/// How often a table is read again for rows that differ. Beyond it, buckets are counted in place of rows.
const GROUPS_MAX: usize = 64;
const COUNTED_ROWS: u64 = 8192;

pub(super) async fn compare(job: &mut Job) -> Result<()> {
    let (source, target) = (Tally::new(job, true), Tally::new(job, false));
    let (source, target) = gather(job, source, target).await?;
    job.report.rows_source = source.rows();
    job.report.rows_target = target.rows();
    let mut groups = groups(&source, &target);
    if groups.is_empty() {
        return Ok(());
    }
    let shared = job.shared.clone();
    let _room = shared.collecting.lock().await;
    let rest: u64 = groups.iter().skip(GROUPS_MAX).map(|group| group.len() as u64).sum();
    groups.truncate(GROUPS_MAX);
    for group in groups {
        let open = look_into(job, group).await?;
        if job.source.layout().key.is_empty() {
            settle_rows(job, open).await?;
        } else {
            suspect(job, open).await?;
        }
    }
    if rest > 0 {
        job.report.at_least = true;
        job.differs(rest, None);
    }
    Ok(())
}

/// Reads both sides at once, each into its own sink.
async fn gather<S: Restart + 'static>(job: &mut Job, mut source: S, mut target: S) -> Result<(S, S)> {
    let mut side: Side = job.source.another();
    // Dropping the set ends the task.
    let mut reading = JoinSet::new();
    reading.spawn(async move { side.scan(&mut source).await.map(|()| source) });
    job.target.scan(&mut target).await?;
    match reading.join_next().await {
        Some(Ok(source)) => Ok((source?, target)),
        _ => Err(Error::new(Code::Internal, "a task that reads the source panicked")),
    }
}

/// What tells a row apart here.
fn identify(hash: &RowHash, key: &[u8], row: u128) -> u128 {
    if key.is_empty() { row } else { hash.of(key) }
}

fn bucket_of(id: u128) -> usize {
    (id >> (u128::BITS - BUCKET_BITS)) as usize
}

/// Rows by number and by the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hashes: u128,
}

impl Sum {
    fn add(&mut self, row: u128) {
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(row);
    }
}

/// Sums up a whole table.
struct Tally {
    hash: RowHash,
    buckets: Vec<Sum>,
    /// Where to count the rows for the progress.
    counter: Option<Arc<Shared>>,
    counted: u64,
    uncounted: u64,
}

impl Tally {
    fn new(job: &Job, counts: bool) -> Self {
        let counter = counts.then(|| job.shared.clone());
        Self {
            hash: job.source.layout().hash.clone(),
            buckets: Vec::new(),
            counter,
            counted: 0,
            uncounted: 0,
        }
    }

    fn rows(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.rows).sum()
    }
}

impl RowSink for Tally {
    fn row(&mut self, key: &[u8], hash: u128, _text: &dyn Fn() -> String) {
        self.buckets[bucket_of(identify(&self.hash, key, hash))].add(hash);
        self.uncounted += 1;
        if self.uncounted == COUNTED_ROWS
            && let Some(shared) = &self.counter
        {
            shared.add(&shared.rows, COUNTED_ROWS);
            self.counted += COUNTED_ROWS;
            self.uncounted = 0;
        }
    }
}

impl Restart for Tally {
    fn restart(&mut self) {
        self.buckets = vec![Sum::default(); 1 << BUCKET_BITS];
        if let Some(shared) = &self.counter {
            shared.rows.fetch_sub(self.counted, Relaxed);
        }
        (self.counted, self.uncounted) = (0, 0);
    }
}

/// The buckets that differ, in groups that can be collected at a time.
fn groups(source: &Tally, target: &Tally) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (at, (one, other)) in source.buckets.iter().zip(&target.buckets).enumerate() {
        if one == other {
            continue;
        }
        let rows = one.rows.max(other.rows);
        if groups.is_empty() || rows > room {
            groups.push(Vec::new());
            room = COLLECTED_MAX;
        }
        room = room.saturating_sub(rows);
        groups.last_mut().expect("pushed just now").push(at);
    }
    groups
}

#[derive(Clone)]
enum Choice {
    /// By bucket, whether it is chosen.
    Buckets(Arc<Vec<bool>>),
    Rows(Arc<HashSet<u128>>),
}

impl Choice {
    fn of_rows(open: &HashMap<u128, i64>) -> Self {
        Choice::Rows(Arc::new(open.keys().copied().collect()))
    }

    fn has(&self, id: u128) -> bool {
        match self {
            Choice::Buckets(chosen) => chosen[bucket_of(id)],
            Choice::Rows(chosen) => chosen.contains(&id),
        }
    }
}

/// Sums up chosen rows one by one.
#[derive(Clone)]
struct Collect {
    hash: RowHash,
    choice: Choice,
    found: HashMap<u128, Sum>,
}

impl RowSink for Collect {
    fn row(&mut self, key: &[u8], hash: u128, _text: &dyn Fn() -> String) {
        let id = identify(&self.hash, key, hash);
        if self.choice.has(id) {
            self.found.entry(id).or_default().add(hash);
        }
    }
}

impl Restart for Collect {
    fn restart(&mut self) {
        self.found.clear();
    }
}

/// The chosen rows that differ, with how many more of each the source has.
async fn collect(job: &mut Job, choice: Choice) -> Result<HashMap<u128, i64>> {
    let sink = Collect { hash: job.source.layout().hash.clone(), choice, found: HashMap::new() };
    let (source, mut target) = gather(job, sink.clone(), sink).await?;
    let mut differ = HashMap::new();
    for (id, one) in source.found {
        let other = target.found.remove(&id).unwrap_or_default();
        if one != other {
            differ.insert(id, one.rows as i64 - other.rows as i64);
        }
    }
    differ.extend(target.found.into_iter().map(|(id, other)| (id, -(other.rows as i64))));
    Ok(differ)
}

async fn look_into(job: &mut Job, group: Vec<usize>) -> Result<HashMap<u128, i64>> {
    let mut chosen = vec![false; 1 << BUCKET_BITS];
    for bucket in group {
        chosen[bucket] = true;
    }
    collect(job, Choice::Buckets(Arc::new(chosen))).await
}

/// For a table without a key: rows that go on to differ, the same way, are reported.
async fn settle_rows(job: &mut Job, mut open: HashMap<u128, i64>) -> Result<()> {
    for _ in 0..job.recheck.times {
        if open.is_empty() || job.rechecked_enough() {
            break;
        }
        tokio::time::sleep(job.recheck.wait).await;
        let now = collect(job, Choice::of_rows(&open)).await?;
        open.retain(|id, more| match now.get(id) {
            Some(still) if still.signum() == more.signum() => {
                *more = if still.abs() < more.abs() { *still } else { *more };
                true
            }
            _ => false,
        });
    }
    let room = LISTED_MAX.saturating_sub(job.report.differences.len());
    let listed: HashMap<u128, i64> = open.iter().take(room).map(|(id, more)| (*id, *more)).collect();
    let mut named = name_rows(job, &listed).await?;
    for (id, more) in open {
        let kind = if more > 0 { Kind::Missing } else { Kind::Extra };
        let difference =
            named.remove(&id).map(|key| Difference { key: times(key, more.unsigned_abs()), kind });
        job.differs(more.unsigned_abs(), difference);
    }
    job.report.differences.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(())
}

fn times(text: String, rows: u64) -> String {
    if rows == 1 { text } else { format!("{text} ({rows} times)") }
}

async fn name_rows(job: &mut Job, listed: &HashMap<u128, i64>) -> Result<HashMap<u128, String>> {
    if listed.is_empty() {
        return Ok(HashMap::new());
    }
    let (source, target) = name(job, Choice::of_rows(listed)).await?;
    let text = |id: &u128| {
        let found = source.found.get(id).or_else(|| target.found.get(id));
        found.map_or_else(|| "a row that has gone meanwhile".to_owned(), |named| named.text.clone())
    };
    Ok(listed.keys().map(|id| (*id, text(id))).collect())
}

/// For a table with a key: rows that differ are looked up like those of any other table.
async fn suspect(job: &mut Job, open: HashMap<u128, i64>) -> Result<()> {
    if job.rechecked_enough() {
        job.differs(open.len() as u64, None);
        return Ok(());
    }
    if open.is_empty() {
        return Ok(());
    }
    let (source, target) = name(job, Choice::of_rows(&open)).await?;
    let mut keys: Vec<Vec<u8>> =
        source.found.into_values().chain(target.found.into_values()).map(|named| named.key).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        job.suspects.add(&key);
        if job.suspects.is_full() {
            job.settle().await?;
        }
    }
    job.settle().await
}

async fn name(job: &mut Job, choice: Choice) -> Result<(Names, Names)> {
    let sink = Names { hash: job.source.layout().hash.clone(), choice, found: HashMap::new() };
    gather(job, sink.clone(), sink).await
}

/// What chosen rows are called.
#[derive(Clone)]
struct Names {
    hash: RowHash,
    choice: Choice,
    found: HashMap<u128, Named>,
}

#[derive(Clone)]
struct Named {
    key: Vec<u8>,
    text: String,
}

impl RowSink for Names {
    fn row(&mut self, key: &[u8], hash: u128, text: &dyn Fn() -> String) {
        let id = identify(&self.hash, key, hash);
        if self.choice.has(id) {
            let text = if key.is_empty() { text() } else { String::new() };
            self.found.insert(id, Named { key: key.to_vec(), text });
        }
    }
}

impl Restart for Names {
    fn restart(&mut self) {
        self.found.clear();
    }
}
