//! Applying the log: read, schedule, write in lanes, move the checkpoint.

mod lane;
mod low;
mod schedule;

use crate::changelog::{ChangeLog, Reader, Record, RecordKind};
use crate::progress::Progress;
use crate::retry::{Backoff, until_done};
use lane::{Done, Job, Settled, Work};
use low::LowWatermark;
use schedule::{Placement, Schedule};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_model::{
    Code, ConflictKey, Cursor, Error, Footprint, FootprintReader, LaneCheckpoint, Mode, Result, Seq, SeqSet,
    Target,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use schedule::LANES_MAX;

/// A batch is closed at so many rows, whichever of the limits comes first.
const BATCH_ROWS: u64 = 4_000;
const BATCH_BYTES: usize = 2 << 20;
/// No more transactions than this are read ahead of the low watermark: it bounds memory, and the done-sets that the
/// lanes store, when one lane is held up.
const PENDING_MAX: usize = 200_000;
/// Where nothing selected happens, the position in the target still moves every so often, so that the source may
/// remove its log.
const IDLE_CHECKPOINT: Duration = Duration::from_secs(10);

/// Where applying begins: what the target said.
pub(crate) struct Start {
    pub(crate) reader: Reader,
    /// Folds from the low watermark's position on.
    pub(crate) cursor: Box<dyn Cursor>,
    pub(crate) low: Seq,
    /// Transactions above `low` that are in the target already.
    pub(crate) applied: SeqSet,
    /// Version and done-set of each lane in use.
    pub(crate) lanes: Vec<(u64, SeqSet)>,
}

/// Shared with the rest of the link while applying runs.
pub(crate) struct Context {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) log: ChangeLog,
    /// Up to here (inclusive) the target may be ahead of the log.
    pub(crate) overlap_until: Seq,
    pub(crate) retry_window: Duration,
    pub(crate) stop: CancellationToken,
}

struct Lane {
    jobs: mpsc::Sender<Job>,
    version: u64,
    done: SeqSet,
    busy: Option<Held>,
    /// The batch that is being filled.
    open: Held,
}

/// Transactions and the conflict keys they hold.
#[derive(Default)]
struct Held {
    records: Vec<Record>,
    keys: Vec<ConflictKey>,
    rows: u64,
    bytes: usize,
}

impl Held {
    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }
}

/// A transaction that is to be placed, with what its footprint said, if it was read.
struct Stalled {
    record: Record,
    keys: Vec<ConflictKey>,
    rows: Option<u64>,
}

struct Apply {
    context: Context,
    reader: Reader,
    footprints: Box<dyn FootprintReader>,
    schedule: Schedule,
    lanes: Vec<Lane>,
    low: LowWatermark,
    applied: SeqSet,
    /// Read but not placed: it conflicts with more than one batch that is being filled, or there is no room where it may
    /// go, or it needs all lanes empty.
    stalled: Option<Stalled>,
    /// Before a big transaction's first piece.
    big: Option<Reader>,
    /// A job is under way that nothing may run beside: nothing is read until it is done.
    alone: bool,
    /// The overlap is over, and the target knows: nothing beyond its end is read before.
    settled: bool,
    preferred: usize,
    checkpoint_written: Instant,
}

/// Applies until `stop`, then ends at a commit of every lane; or until an error that does not pass by itself.
pub(crate) async fn run(context: Context, start: Start) -> Result<()> {
    let (done_sender, mut done) = mpsc::channel(start.lanes.len().max(1));
    let stop = context.stop.clone();
    let mut tasks = JoinSet::new();
    let mut lanes = Vec::new();
    for (number, (version, done_set)) in start.lanes.into_iter().enumerate() {
        let open = || context.target.writer(number as u16);
        let writer = until_done(context.retry_window, &stop, open).await?;
        context.progress.unmarked.fetch_or(!writer.is_marked(), Ordering::Relaxed);
        let (jobs, queue) = mpsc::channel(1);
        let (target, stop) = (context.target.clone(), context.stop.clone());
        let lane = lane::Lane { number, writer, target, retries: Backoff::new(context.retry_window), stop };
        tasks.spawn(lane.run(queue, done_sender.clone()));
        lanes.push(Lane { jobs, version, done: done_set, busy: None, open: Held::default() });
    }
    let mut apply = Apply {
        footprints: context.target.footprints(),
        context,
        reader: start.reader,
        schedule: Schedule::new(),
        lanes,
        low: LowWatermark::new(start.low, start.cursor),
        applied: start.applied,
        stalled: None,
        big: None,
        alone: false,
        settled: false,
        preferred: 0,
        checkpoint_written: Instant::now(),
    };
    let outcome = apply.drive(&mut done, &mut tasks).await;
    drop(apply);
    if outcome.is_err() {
        // Other lanes are not to go on trying for a link that has failed.
        stop.cancel();
    }
    while tasks.join_next().await.is_some() {}
    outcome
}

impl Apply {
    async fn drive(&mut self, done: &mut mpsc::Receiver<Done>, lanes: &mut JoinSet<()>) -> Result<()> {
        loop {
            let stopping = self.context.stop.is_cancelled();
            if !stopping && !self.alone {
                self.fill()?;
            }
            // What was read may be in the target already, or concern nobody.
            if let Some(checkpoint) = self.low.take_news() {
                self.context.progress.moved(checkpoint);
            }
            self.dispatch(stopping).await?;
            let idle = self.lanes.iter().all(|lane| lane.busy.is_none());
            if !stopping && idle && !self.settled && self.low.checkpoint().seq >= self.context.overlap_until {
                self.settle().await?;
                continue;
            }
            if stopping && idle {
                return Ok(());
            }
            let waits = self.stalled.is_some() || self.big.is_some() || self.alone;
            let blocked = waits || self.low.pending() >= PENDING_MAX;
            tokio::select! {
                biased;
                Some(finished) = done.recv() => self.finish(finished)?,
                Some(Err(_)) = lanes.join_next() => return Err(Error::new(Code::Internal, "a lane panicked")),
                () = self.reader.grown(), if !blocked && !stopping => {}
                () = self.context.stop.cancelled(), if !stopping => {}
                () = tokio::time::sleep(IDLE_CHECKPOINT), if idle => {}
            }
            while let Ok(finished) = done.try_recv() {
                self.finish(finished)?;
            }
        }
    }

    /// Everything of the overlap is in the target, and nothing of what follows is under way.
    async fn settle(&mut self) -> Result<()> {
        let Context { target, retry_window, stop, progress, .. } = &self.context;
        match until_done(*retry_window, stop, || target.settle()).await {
            // Stopped meanwhile: the next run does it.
            Err(_) if stop.is_cancelled() => Ok(()),
            done => {
                self.settled = done.is_ok();
                progress.set_settled(self.settled);
                done
            }
        }
    }

    /// Reads and places transactions until the log has no more, or one must wait.
    fn fill(&mut self) -> Result<()> {
        if let Some(stalled) = self.stalled.take()
            && !self.place(stalled)
        {
            return Ok(());
        }
        while self.big.is_none() && self.low.pending() < PENDING_MAX {
            if !self.settled && self.low.last_read() >= self.context.overlap_until {
                return Ok(());
            }
            let before = self.reader.clone();
            let Some(record) = self.reader.try_next()? else { return Ok(()) };
            match record.kind {
                RecordKind::Idle => self.low.idle(&record)?,
                RecordKind::Piece if self.applied.contains(self.low.last_read().next()) => self.skip_big()?,
                RecordKind::Piece => self.big = Some(before),
                RecordKind::End => {
                    return Err(Error::new(Code::Internal, "the end of a big transaction has no beginning"));
                }
                RecordKind::Transaction if self.applied.contains(record.seq) => {
                    self.low.read(&record);
                    self.low.done(record.seq)?;
                }
                RecordKind::Transaction => {
                    self.low.read(&record);
                    if !self.place(Stalled { record, keys: Vec::new(), rows: None }) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// A big transaction that the target already has.
    fn skip_big(&mut self) -> Result<()> {
        loop {
            match self.reader.try_next()? {
                Some(record) if record.kind == RecordKind::Piece => {}
                Some(record) => {
                    self.low.read(&record);
                    return self.low.done(record.seq);
                }
                None => return Err(Error::new(Code::Internal, "a big transaction has no end")),
            }
        }
    }

    /// Gives the transaction to a lane; keeps it as `stalled` and answers `false` if that is not possible now.
    fn place(&mut self, mut one: Stalled) -> bool {
        if one.rows.is_none() {
            match self.footprints.read(one.record.data(), &mut one.keys) {
                Ok(Footprint::Rows(rows)) => one.rows = Some(rows),
                // Errors wait too: everything before them is to be written first.
                Ok(Footprint::Alone) | Err(_) => {
                    one.keys.clear();
                    self.stalled = Some(one);
                    return false;
                }
            }
        }
        let before = self.schedule.before(&one.keys);
        let lane = match self.schedule.place(before) {
            Placement::Only(lane) => Some(lane).filter(|lane| !self.lanes[*lane].open.is_full()),
            Placement::Preferably(lane) => self.waiting_lane(lane),
            Placement::Anywhere => self.free_lane(),
            Placement::Wait => None,
        };
        let Some(number) = lane else {
            self.stalled = Some(one);
            return false;
        };
        self.schedule.hold(number, before, &one.keys);
        let open = &mut self.lanes[number].open;
        open.rows += one.rows.unwrap_or(0);
        open.bytes += one.record.data().len();
        open.keys.append(&mut one.keys);
        open.records.push(one.record);
        true
    }

    /// The lane to fill when any will do: the one being filled until its batch is full, so that its numbers stay
    /// contiguous; but a lane that is idle rather than one that is busy.
    fn free_lane(&mut self) -> Option<usize> {
        let lanes = &self.lanes;
        let usable = |lane: &Lane| !lane.open.is_full();
        let idle = |lane: &Lane| lane.busy.is_none() && usable(lane);
        if !idle(&lanes[self.preferred]) {
            let better = lanes.iter().position(idle).or_else(|| lanes.iter().position(usable));
            self.preferred = better?;
        }
        Some(self.preferred)
    }

    /// The lane to fill with what has to wait for a batch: not an idle one, which would wait with it.
    fn waiting_lane(&self, preferred: usize) -> Option<usize> {
        let usable = |lane: &Lane| lane.busy.is_some() && !lane.open.is_full();
        Some(preferred)
            .filter(|lane| usable(&self.lanes[*lane]))
            .or_else(|| self.lanes.iter().position(usable))
    }

    /// Starts every idle lane that has something to write, and what needs all lanes empty once they are.
    async fn dispatch(&mut self, stopping: bool) -> Result<()> {
        if !stopping {
            for number in 0..self.lanes.len() {
                let lane = &mut self.lanes[number];
                if !lane.open.records.is_empty() && self.schedule.may_start(number) {
                    let held = std::mem::take(&mut lane.open);
                    self.start_batch(number, held).await?;
                }
            }
        }
        if stopping || self.lanes.iter().any(|lane| lane.busy.is_some()) {
            return Ok(());
        }
        if let Some(reader) = self.big.take() {
            return self.start_alone(Work::Big { start: Box::new(reader), after: None }).await;
        }
        if let Some(one) = self.stalled.take() {
            match one.rows {
                Some(_) => self.stalled = Some(one),
                None => {
                    self.footprints.read(one.record.data(), &mut Vec::new())?;
                    return self.start_alone(Work::Alone(one.record)).await;
                }
            }
        }
        if self.low.has_moved() && self.checkpoint_written.elapsed() >= IDLE_CHECKPOINT {
            return self.start_alone(Work::Idle).await;
        }
        Ok(())
    }

    async fn start_batch(&mut self, number: usize, held: Held) -> Result<()> {
        let records = held.records.clone();
        for record in &records {
            self.lanes[number].done.insert(record.seq);
        }
        let mode = self.mode(records.first().map_or(Seq(0), |record| record.seq));
        self.lanes[number].busy = Some(held);
        self.schedule.start(number);
        self.send(number, Work::Batch(records), mode).await
    }

    /// Everything before is done: this one is all there is.
    async fn start_alone(&mut self, work: Work) -> Result<()> {
        let mode = match &work {
            Work::Alone(record) => {
                self.lanes[0].done.insert(record.seq);
                self.mode(record.seq)
            }
            Work::Big { .. } => {
                let seq = self.low.last_read().next();
                self.lanes[0].done.insert(seq);
                self.mode(seq)
            }
            Work::Batch(_) | Work::Idle => Mode::Exact,
        };
        self.lanes[0].busy = Some(Held::default());
        self.alone = true;
        self.send(0, work, mode).await
    }

    async fn send(&mut self, number: usize, work: Work, mode: Mode) -> Result<()> {
        let low = self.low.checkpoint();
        let lane = &mut self.lanes[number];
        lane.version += 1;
        lane.done.prune(low.seq);
        let checkpoint =
            LaneCheckpoint { lane: number as u16, version: lane.version, low, done: lane.done.clone() };
        self.low.stored();
        self.checkpoint_written = Instant::now();
        let sent = lane.jobs.send(Job { work, checkpoint, mode }).await;
        sent.map_err(|_| Error::new(Code::Internal, "a lane has ended"))
    }

    fn mode(&self, seq: Seq) -> Mode {
        if seq > self.context.overlap_until { Mode::Exact } else { Mode::Overlap }
    }

    fn finish(&mut self, finished: Done) -> Result<()> {
        let settled = finished.outcome?;
        let held = self.lanes[finished.lane].busy.take().unwrap_or_default();
        let Some(Settled { work, rows, low: stored }) = settled else { return Ok(()) };
        self.alone = false;
        match work {
            Work::Batch(_) => {
                self.schedule.end(finished.lane, &held.keys);
                for record in &held.records {
                    self.low.done(record.seq)?;
                }
                self.context.progress.applied(&held.records, rows);
            }
            Work::Alone(record) => {
                self.low.done(record.seq)?;
                self.context.progress.applied(&[record], rows);
            }
            Work::Big { after, .. } => {
                let (reader, record) =
                    *after.ok_or_else(|| Error::new(Code::Internal, "a lane lost its reader"))?;
                self.reader = reader;
                self.low.read(&record);
                self.low.done(record.seq)?;
                self.context.progress.applied(&[record], rows);
            }
            Work::Idle => {}
        }
        self.context.log.remove_up_to(stored)
    }
}
