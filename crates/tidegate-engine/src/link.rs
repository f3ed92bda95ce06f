//! One link's run: first start, resume, retry and fail-over are one path. Read the target's state, decide, go on.

mod begin;
mod drain;

pub use begin::begin_at;

use crate::changelog::{ChangeLog, Limits, LogEnd, Writer};
use crate::progress::{Progress, Step};
use crate::retry::until_done;
use crate::{apply, capture, copy};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_model::{
    Code, Error, InstanceName, LinkState, Phase, Position, Result, Selection, Seq, Source, Stage, Target,
};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So often the copy begins anew by itself because a schema change came in its way.
const COPY_ATTEMPTS: u32 = 5;
/// So often it is looked at whether the source counts a commit that was read from its log.
const LOOKS_AT_END: u32 = 20;
/// At the start somebody waits for an answer: a connection that is lost again and again is told.
const LOST_AT_START: Duration = Duration::from_secs(30);
const LOOK_AT_END_EVERY: Duration = Duration::from_millis(100);

/// How a link is to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub instance: InstanceName,
    pub selection: Selection,
    /// The link's own folder: its change log and its lock.
    pub folder: PathBuf,
    /// Writing connections, 1 to [`apply::LANES_MAX`].
    pub lanes: u16,
    /// Chunks loaded at the same time, of one table or of several.
    pub copy_workers: usize,
    /// Capture waits when the change log is so large.
    pub log_bytes_max: u64,
    /// How long something that may pass by itself is tried again.
    pub retry_window: Duration,
    pub task: Task,
}

/// What a run is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Copy, then apply until it is stopped.
    Follow,
    /// End once everything is applied that the source had committed when the copy was done.
    CatchUp,
    /// Read nothing more of the source's log but what lies before this position, if there is one; apply everything that was
    /// read, and end. The target then has what the change log has, and nothing else. The copy must be done.
    Drain { upto: Option<Position> },
    /// Write nothing to the target, and go on reading the source's log into the change log, up to its limit.
    Collect,
}

/// How a run ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stopped,
    CaughtUp,
}

/// Runs the link until `stop`, until it has caught up if asked so, or until an error that needs a person.
pub async fn run(
    source: Arc<dyn Source>,
    target: Arc<dyn Target>,
    options: Options,
    progress: Arc<Progress>,
    stop: CancellationToken,
) -> Result<Outcome> {
    let _lock = lock(&options.folder)?;
    for _ in 1..COPY_ATTEMPTS {
        let link = Link::new(&source, &target, &options, &progress, &stop);
        match link.run().await {
            // Beside rows that were there before nobody could find the copied ones that the source has not any more.
            Err(error)
                if error.code() == Code::SchemaChangedWhileCopying && !options.selection.keeps_rows() =>
            {
                tracing::info!(%error, "the copy begins anew");
                link.at_start(|| target.reset()).await.map_err(at_target)?;
            }
            ended => return ended,
        }
    }
    Link::new(&source, &target, &options, &progress, &stop).run().await
}

struct Link {
    source: Arc<dyn Source>,
    target: Arc<dyn Target>,
    options: Options,
    selection: Arc<Selection>,
    progress: Arc<Progress>,
    /// Ends this run's tasks: when the caller stops the link, or when one of them has failed.
    stop: CancellationToken,
}

impl Link {
    fn new(
        source: &Arc<dyn Source>,
        target: &Arc<dyn Target>,
        options: &Options,
        progress: &Arc<Progress>,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            source: source.clone(),
            target: target.clone(),
            selection: Arc::new(options.selection.clone()),
            options: options.clone(),
            progress: progress.clone(),
            stop: stop.child_token(),
        }
    }

    async fn run(&self) -> Result<Outcome> {
        self.progress.enter(Step::Preparing);
        let state = match self.options.task {
            Task::Collect => self.at_start(|| self.look_only()).await?,
            Task::Follow | Task::CatchUp | Task::Drain { .. } => {
                Some(self.at_start(|| self.take_up()).await?)
            }
        };
        let Some(state) = state else {
            // Nothing was begun, so nothing of the source's log is needed.
            self.stop.cancelled().await;
            return Ok(Outcome::Stopped);
        };
        let kept = self.at_start(|| self.source.retention()).await.map_err(at_source)?;
        self.progress.kept_for_seconds.store(kept.map_or(0, |kept| kept.as_secs()), Ordering::Relaxed);
        let (log, writer) = self.open_log(&state)?;
        self.progress.published(writer.end());
        if let Task::Drain { upto } = &self.options.task {
            return self.drain(&state, log, writer, upto.as_ref()).await;
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(capture::run(self.capture_context(&log), writer));
        let work = async {
            if self.options.task != Task::Collect {
                return self.work(state, log).await;
            }
            self.progress.begun(state.low());
            self.progress.enter(Step::Collecting);
            self.stop.cancelled().await;
            Ok(Outcome::Stopped)
        };
        tokio::pin!(work);
        let outcome = tokio::select! {
            outcome = &mut work => outcome,
            Some(ended) = tasks.join_next() => match ended {
                Ok(Ok(())) => {
                    // Capture ends by itself only when the link is stopped: the rest ends at its next commit.
                    self.stop.cancel();
                    work.await
                }
                Ok(Err(error)) => {
                    self.stop.cancel();
                    work.await.and(Err(at_source(error)))
                }
                Err(_) => Err(Error::new(Code::Internal, "the capture task panicked")),
            },
        };
        self.stop.cancel();
        while let Some(ended) = tasks.join_next().await {
            let captured =
                ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the capture task panicked")));
            if outcome.is_ok() {
                captured.map_err(at_source)?;
            }
        }
        outcome
    }

    /// The link's state as it stands, without taking it over: nothing is written.
    async fn look_only(&self) -> Result<Option<LinkState>> {
        self.source.check().await.map_err(at_source)?;
        match self.target.state().await.map_err(at_target)? {
            Some(state) => self.fits(&state).await.map(|()| Some(state)),
            None => Ok(None),
        }
    }

    /// The link's state, which is this run's from here on.
    async fn take_up(&self) -> Result<LinkState> {
        self.check().await?;
        self.target.prepare().await.map_err(at_target)?;
        match self.target.state().await.map_err(at_target)? {
            Some(state) if self.may_begin_anew(&state) => {
                self.target.reset().await.map_err(at_target)?;
                self.begin().await
            }
            Some(state) => self.resume(state).await,
            None => self.begin().await,
        }
    }

    async fn check(&self) -> Result<()> {
        self.source.check().await.map_err(at_source)?;
        self.target.check().await.map_err(at_target)
    }

    /// Another selection is no loss as long as nothing was copied: what stands against the first one may be the reason.
    fn may_begin_anew(&self, state: &LinkState) -> bool {
        let untouched =
            matches!(state.phase, Phase::Copying) && state.copied.iter().all(|copy| copy.version == 0);
        untouched && state.selection != self.selection.fingerprint()
    }

    /// Looks at the state before anything is changed: a link that is named by mistake is not disturbed.
    async fn resume(&self, state: LinkState) -> Result<LinkState> {
        self.fits(&state).await?;
        let gone = || Error::new(Code::CheckpointChanged, "the link was forgotten at this moment");
        let state = self.target.take_over().await.map_err(at_target)?.ok_or_else(gone)?;
        if state.selection == self.selection.fingerprint() {
            return Ok(state);
        }
        // What gives it other objects was under way, and is done now.
        Err(Error::new(Code::TargetBusy, "the link has got another selection at this moment"))
    }

    /// Whether the state is of this link, and of a source whose log goes on from there.
    async fn fits(&self, state: &LinkState) -> Result<()> {
        let now = self.selection.fingerprint();
        if state.selection != now {
            let what = format!("it was begun with {}, now it is {now}", state.selection);
            return Err(Error::new(Code::SelectionChanged, what));
        }
        let lineage = self.source.lineage().await.map_err(at_source)?;
        if state.source != lineage {
            let what = format!(
                "the link was begun with positions of {}, the source now has those of {lineage}",
                state.source
            );
            return Err(Error::new(Code::SourceRewound, what));
        }
        self.look_at_lanes(state).map_err(at_target)
    }

    /// Every lane has its row from the beginning on, and every position can be read, unless somebody edited them.
    fn look_at_lanes(&self, state: &LinkState) -> Result<()> {
        if !state.lanes.iter().map(|lane| usize::from(lane.lane)).eq(0..apply::LANES_MAX) {
            return Err(Error::new(Code::CheckpointChanged, "lanes are missing in the checkpoint"));
        }
        state.lanes.iter().try_for_each(|lane| self.source.cursor(&lane.low.position).map(|_| ()))
    }

    /// The log as it was left, unless the target is ahead of it, or it was lost or is another run's: then it is begun
    /// anew at the target's checkpoint, and the source is asked once more for what follows.
    fn open_log(&self, state: &LinkState) -> Result<(ChangeLog, Writer)> {
        let folder = self.options.folder.join("log");
        let limits = Limits::within(self.options.log_bytes_max);
        let make_cursor = |position: &Position| self.source.cursor(position);
        let low = state.low();
        if let Some((log, writer)) = ChangeLog::open(&folder, limits, &make_cursor)?
            && writer.end().seq >= low.seq
            && log.first_seq() <= low.seq.next()
        {
            let (_, before_next) = log.reader(low.seq.next(), &make_cursor)?;
            if before_next.covers(&low.position)? {
                return Ok((log, writer));
            }
        }
        ChangeLog::create(&folder, &LogEnd { seq: low.seq, position: low.position }, limits, &make_cursor)
    }

    fn capture_context(&self, log: &ChangeLog) -> capture::Context {
        capture::Context {
            source: self.source.clone(),
            selection: self.selection.clone(),
            log: log.clone(),
            log_bytes_max: self.options.log_bytes_max,
            progress: self.progress.clone(),
            retry_window: self.options.retry_window,
            stop: self.stop.clone(),
        }
    }

    /// Everything but capture.
    async fn work(&self, state: LinkState, log: ChangeLog) -> Result<Outcome> {
        let until = match state.phase {
            Phase::CatchingUp { until } => until,
            Phase::Copying => match self.copy(&state, &log).await? {
                Some(until) => until,
                None => return Ok(Outcome::Stopped),
            },
        };
        let low = state.low();
        self.progress.enter(if low.seq >= until { Step::Streaming } else { Step::CatchingUp });
        self.progress.set_settled(false);
        let applying = self.apply(&state, &log, until);
        tokio::pin!(applying);
        tokio::select! {
            ended = &mut applying => return ended.map(|()| Outcome::Stopped),
            caught_up = self.watch(until) => match caught_up? {
                true => {}
                false => return applying.await.map(|()| Outcome::Stopped),
            },
        }
        self.stop.cancel();
        applying.await.map(|()| Outcome::CaughtUp)
    }

    /// Applies the log until this run is stopped.
    async fn apply(&self, state: &LinkState, log: &ChangeLog, overlap_until: Seq) -> Result<()> {
        self.again(|| self.target.learn(&self.selection)).await.map_err(at_target)?;
        self.progress.begun(state.low());
        let context = apply::Context {
            target: self.target.clone(),
            progress: self.progress.clone(),
            log: log.clone(),
            overlap_until,
            retry_window: self.options.retry_window,
            stop: self.stop.clone(),
        };
        apply::run(context, self.apply_start(state, log)?).await.map_err(at_target)
    }

    fn apply_start(&self, state: &LinkState, log: &ChangeLog) -> Result<apply::Start> {
        let low = state.low();
        let applied = state.done_after(low.seq);
        let lanes = state.lanes.iter().take(usize::from(self.options.lanes));
        // The cursor is the log's: idle marks after the low watermark are in it too.
        let (reader, cursor) = log.reader(low.seq.next(), &|position| self.source.cursor(position))?;
        Ok(apply::Start {
            reader,
            cursor,
            low: low.seq,
            applied,
            lanes: lanes.map(|lane| (lane.version, lane.done.clone())).collect(),
        })
    }

    /// Asks until there is an answer, now that the link is under way: a lost connection does not end it.
    async fn again<T, F: Future<Output = Result<T>>>(&self, call: impl Fn() -> F) -> Result<T> {
        until_done(self.options.retry_window, &self.stop, call).await
    }

    /// Waits, also at the start, for what passes by itself: what an earlier run may still have under way in the target, and,
    /// for a short time, a connection that was lost or a primary that has just stepped down.
    async fn at_start<T, F: Future<Output = Result<T>>>(&self, call: impl Fn() -> F) -> Result<T> {
        let began = Instant::now();
        let settled = || async {
            match call().await {
                Err(error) if error.code() == Code::TargetBusy => Err(error),
                Err(error) if error.code() == Code::ConnectionLost && began.elapsed() < LOST_AT_START => {
                    Err(error)
                }
                settled => Ok(settled),
            }
        };
        self.again(settled).await.and_then(|settled| settled)
    }

    /// Copies everything; answers the end of the overlap, or `None` if it was stopped.
    async fn copy(&self, state: &LinkState, log: &ChangeLog) -> Result<Option<Seq>> {
        let before = self.again(|| self.source.tables(&self.selection)).await.map_err(at_source)?;
        let definitions = self.again(|| self.source.definitions(&self.selection)).await.map_err(at_source)?;
        // What is read from now on must be what the definitions make in the target.
        let tables = self.again(|| self.source.tables(&self.selection)).await.map_err(at_source)?;
        copy::same_tables(&before, &tables)?;
        let (first, later): (Vec<_>, Vec<_>) =
            definitions.into_iter().partition(|one| one.stage <= Stage::Table);
        let notices = self.again(|| self.target.define(&first, &self.selection)).await.map_err(at_target)?;
        self.progress.notice(notices);
        self.again(|| self.target.learn(&self.selection)).await.map_err(at_target)?;
        self.progress.enter(Step::Copying);
        let context = copy::Context {
            source: self.source.clone(),
            target: self.target.clone(),
            selection: self.selection.clone(),
            progress: self.progress.clone(),
            retry_window: self.options.retry_window,
            stop: self.stop.clone(),
            workers: self.options.copy_workers,
        };
        if !copy::run(&context, tables, state.copied.clone()).await? {
            return Ok(None);
        }
        let notices = self.again(|| self.target.define(&later, &self.selection)).await.map_err(at_target)?;
        self.progress.notice(notices);
        let end = self.again(|| self.source.position()).await.map_err(at_source)?;
        // Nothing is applied yet, so nothing would make room in the log.
        let is_full = || log.bytes() > self.options.log_bytes_max;
        let Some(until) = self.captured_up_to(&end, is_full).await? else { return Ok(None) };
        self.again(|| self.target.enter(Phase::CatchingUp { until })).await.map_err(at_target)?;
        Ok(Some(until))
    }

    /// Waits until the change log covers `position`; answers its last transaction then, or `None` if stopped.
    async fn captured_up_to(&self, position: &Position, is_full: impl Fn() -> bool) -> Result<Option<Seq>> {
        let mut captured = self.progress.captured();
        loop {
            let end = captured.borrow_and_update().clone();
            if self.source.cursor(&end.position)?.covers(position)? {
                return Ok(Some(end.seq));
            }
            if is_full() {
                let what =
                    "the change log is at its limit, and what changed during the copy is not all in it";
                return Err(Error::new(Code::ChangeLogFull, what));
            }
            tokio::select! {
                changed = captured.changed() => changed.map_err(|_| Error::new(Code::Internal, "no progress"))?,
                () = self.stop.cancelled() => return Ok(None),
            }
        }
    }

    /// Ends when the link has caught up and was asked to end then; answers `false` if it was stopped before.
    async fn watch(&self, until: Seq) -> Result<bool> {
        self.applied_up_to(until).await?;
        let mut settled = self.progress.settled();
        settled.wait_for(|settled| *settled).await.map_err(|_| Error::new(Code::Internal, "no progress"))?;
        self.progress.enter(Step::Streaming);
        if self.options.task != Task::CatchUp {
            std::future::pending::<()>().await;
        }
        let read = self.progress.captured().borrow().position.clone();
        let goal = self.end_after(&read).await.map_err(at_source)?;
        let Some(seq) = self.captured_up_to(&goal, || false).await? else { return Ok(false) };
        self.applied_up_to(seq).await?;
        Ok(true)
    }

    /// Waits until everything up to there is in the target.
    async fn applied_up_to(&self, seq: Seq) -> Result<()> {
        let mut applied = self.progress.applied_up_to();
        while applied.borrow_and_update().seq < seq {
            applied.changed().await.map_err(|_| Error::new(Code::Internal, "no progress"))?;
        }
        Ok(())
    }

    /// The end of the source's log. What was read from it must lie before: in a source that went back it would look as if
    /// there were nothing left to read. A commit may stand in the log some moments before the source counts it.
    async fn end_after(&self, read: &Position) -> Result<Position> {
        let mut end = self.again(|| self.source.position()).await?;
        for _ in 0..LOOKS_AT_END {
            if self.source.cursor(&end)?.covers(read)? {
                return Ok(end);
            }
            tokio::time::sleep(LOOK_AT_END_EVERY).await;
            end = self.again(|| self.source.position()).await?;
        }
        Err(Error::new(Code::SourceRewound, format!("it is at {end}, and {read} was read from it")))
    }
}

/// Says on which side it is, where the error is a server's.
fn at_source(error: Error) -> Error {
    let of_server = matches!(error.code().as_str().as_bytes()[3], b'2' | b'3');
    if of_server { error.context("source") } else { error }
}

fn at_target(error: Error) -> Error {
    let of_server = matches!(error.code().as_str().as_bytes()[3], b'2' | b'4');
    if of_server { error.context("target") } else { error }
}

/// One process a link: held while the file is open.
fn lock(folder: &Path) -> Result<File> {
    let io = |e: std::io::Error| {
        Error::new(Code::ChangeLogIo, format!("lock {}: {e}", folder.display())).with_source(e)
    };
    std::fs::create_dir_all(folder).map_err(io)?;
    let file = File::options().create(true).append(true).open(folder.join("lock")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(Error::new(Code::LinkInUse, format!("{} is locked", folder.display())))
        }
        Err(std::fs::TryLockError::Error(e)) => Err(io(e)),
    }
}
