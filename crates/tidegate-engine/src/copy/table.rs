//! Copying one table. One connection reads it; its chunks are loaded side by side and committed one after the other, so
//! that the copy goes on after the last key whatever happens.

use super::Context;
use crate::progress::Progress;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidegate_model::{
    Chunk, Code, CopyProgress, CopyStep, Error, Loader, Result, Retry, Table, TableName, TableReader,
};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) struct TableCopy<'a> {
    context: &'a Context,
    table: &'a Table,
    /// Chunks that may be loaded at the same time, of all tables.
    places: &'a Arc<Semaphore>,
    /// Those that have nothing to do.
    loaders: Vec<Box<dyn Loader>>,
    crew: JoinSet<Ended>,
    has_committed: bool,
    /// Loaders at most. Fewer after each wait for a lock: they may have waited for each other.
    loaders_max: usize,
}

/// A chunk on its way to a loader.
struct Job {
    chunk: Chunk,
    last: bool,
    /// Says the version that the chunk before has left; never if that one failed.
    before: oneshot::Receiver<u64>,
    after: oneshot::Sender<u64>,
    /// Places are taken in the chunks' order: so a chunk never waits for one that cannot begin.
    _place: OwnedSemaphorePermit,
}

/// What all loaders of one attempt have at hand.
#[derive(Clone)]
struct Shared {
    table: TableName,
    progress: Arc<Progress>,
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    emptied: mpsc::Sender<Chunk>,
    /// Jobs handed over and not finished.
    under_way: Arc<AtomicUsize>,
    failed: CancellationToken,
}

/// How a loader ended.
struct Ended {
    loader: Box<dyn Loader>,
    has_committed: bool,
    outcome: Result<()>,
}

impl<'a> TableCopy<'a> {
    pub(super) fn new(context: &'a Context, table: &'a Table, places: &'a Arc<Semaphore>) -> Self {
        let (loaders, crew) = (Vec::new(), JoinSet::new());
        let loaders_max = context.workers;
        Self { context, table, places, loaders, crew, has_committed: false, loaders_max }
    }

    /// Copies what `reader` reads; `anew` if that is the whole table, else what comes after the progress at `version`.
    /// Ends early, without an error, when the link is stopped.
    pub(super) async fn copy(
        &mut self,
        reader: Box<dyn TableReader>,
        mut version: u64,
        anew: bool,
    ) -> Result<()> {
        if self.loaders.is_empty() {
            self.loaders.push(open_loader(self.context, self.table).await?);
        }
        if anew {
            self.loaders[0].restart(version, reader.snapshot()).await?;
            version += 1;
            self.context.progress.uncopied(&self.table.name);
        }
        let (jobs, queue) = mpsc::channel(1);
        let (emptied, empty) = mpsc::channel(self.context.workers + 1);
        for _ in 0..=self.context.workers {
            emptied.try_send(Chunk::default()).map_err(|_| Error::new(Code::Internal, "no room"))?;
        }
        let shared = Shared {
            table: self.table.name.clone(),
            progress: self.context.progress.clone(),
            jobs: Arc::new(Mutex::new(queue)),
            emptied,
            under_way: Arc::default(),
            failed: CancellationToken::new(),
        };
        let failed = shared.failed.clone();
        let read = tokio::select! {
            read = self.read(reader, version, shared, jobs, empty) => read,
            () = failed.cancelled() => Ok(()),
        };
        self.gather(read).await
    }

    /// Reads chunk after chunk and hands it to a loader, up to the table's end or the link's stop.
    async fn read(
        &mut self,
        mut reader: Box<dyn TableReader>,
        version: u64,
        shared: Shared,
        jobs: mpsc::Sender<Job>,
        mut empty: mpsc::Receiver<Chunk>,
    ) -> Result<()> {
        let gone = || Error::new(Code::Internal, "the loaders are gone");
        let (first, mut before) = oneshot::channel();
        first.send(version).map_err(|_| gone())?;
        loop {
            let mut chunk = empty.recv().await.ok_or_else(gone)?;
            chunk.clear();
            let more = reader.next(&mut chunk).await?;
            let place = self.places.clone().acquire_owned().await.map_err(|_| gone())?;
            let is_short = shared.under_way.fetch_add(1, Ordering::Relaxed) >= self.crew.len();
            if is_short && self.crew.len() < self.loaders_max {
                let loader = match self.loaders.pop() {
                    Some(loader) => loader,
                    None => open_loader(self.context, self.table).await?,
                };
                self.crew.spawn(work(loader, shared.clone()));
            }
            let (after, next) = oneshot::channel();
            let before = std::mem::replace(&mut before, next);
            let job = Job { chunk, last: !more, before, after, _place: place };
            jobs.send(job).await.map_err(|_| gone())?;
            if !more || self.context.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Waits for the loaders to end and takes them back. Answers what went wrong: what no other try would change, if
    /// there is such.
    async fn gather(&mut self, read: Result<()>) -> Result<()> {
        let mut outcome = read;
        while let Some(ended) = self.crew.join_next().await {
            let ended = ended.map_err(|_| Error::new(Code::Internal, "a loading task panicked"))?;
            self.loaders.push(ended.loader);
            self.has_committed |= ended.has_committed;
            let is_definite = outcome.as_ref().is_err_and(|error| error.retry() != Retry::Auto);
            if ended.outcome.is_err() && !is_definite {
                outcome = ended.outcome;
            }
        }
        outcome
    }

    /// Whether anything has come into the target since the last call.
    pub(super) fn take_committed(&mut self) -> bool {
        std::mem::take(&mut self.has_committed)
    }

    /// Fewer loaders from now on.
    pub(super) fn slow_down(&mut self) {
        self.loaders_max = (self.loaders_max / 2).max(1);
    }

    /// Gives the connections up; nothing is under way on them.
    pub(super) fn release(&mut self) {
        self.loaders.clear();
    }

    /// The progress that is durable, with nothing under way any more.
    pub(super) async fn recover(&mut self) -> Result<Option<CopyProgress>> {
        if self.loaders.is_empty() {
            self.loaders.push(open_loader(self.context, self.table).await?);
        }
        let mut recovered = Ok(None);
        for loader in &mut self.loaders {
            // One may wait for what another has under way, so all are tried whatever one says.
            let progress = loader.recover().await;
            recovered = recovered.and(progress);
        }
        recovered
    }
}

async fn open_loader(context: &Context, table: &Table) -> Result<Box<dyn Loader>> {
    context.target.loader(table, &context.selection).await
}

/// Loads chunks until there are no more, or one fails.
async fn work(mut loader: Box<dyn Loader>, shared: Shared) -> Ended {
    let mut has_committed = false;
    let outcome = load_jobs(loader.as_mut(), &shared, &mut has_committed).await;
    if outcome.is_err() {
        shared.failed.cancel();
    }
    Ended { loader, has_committed, outcome }
}

async fn load_jobs(loader: &mut dyn Loader, shared: &Shared, has_committed: &mut bool) -> Result<()> {
    loop {
        let next = shared.jobs.lock().await.recv().await;
        let Some(job) = next else { return Ok(()) };
        loader.load(&job.chunk).await?;
        // Without an answer the chunk before has failed, and what was loaded here is not to be committed.
        let Ok(version) = job.before.await else { return Ok(()) };
        let Job { chunk, last, after, .. } = job;
        let step = CopyStep { version, rows: chunk.rows, last_key: &chunk.last_key, done: last };
        loader.commit(step).await?;
        *has_committed = true;
        shared.progress.copied(&shared.table, chunk.rows, chunk.bytes.len() as u64, last);
        // The last one has nobody after it; and a reader that has ended takes no chunks back.
        let _ = after.send(version + 1);
        shared.under_way.fetch_sub(1, Ordering::Relaxed);
        let _ = shared.emptied.try_send(chunk);
    }
}
