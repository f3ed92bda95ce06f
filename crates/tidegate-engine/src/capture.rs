//! Capture: from the source's log into the change log, over lost connections, up to a limit of disk.

use crate::changelog::{ChangeLog, Writer};
use crate::progress::Progress;
use crate::retry::Backoff;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_model::{CaptureSink, Code, Commit, Cursor, Error, Position, Result, Retry, Selection, Source};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two syncs of the change log: what a power cut may take, to be captured again. While a file system syncs, a write
/// to the file may wait for it, and with it every transaction in that moment: so not for every few of them.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How often a capture that waits for room looks again.
const ROOM_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Context {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) selection: Arc<Selection>,
    pub(crate) log: ChangeLog,
    pub(crate) log_bytes_max: u64,
    pub(crate) progress: Arc<Progress>,
    pub(crate) retry_window: Duration,
    pub(crate) stop: CancellationToken,
}

/// Captures until `stop`, or until an error that does not pass by itself.
pub(crate) async fn run(context: Context, mut writer: Writer) -> Result<()> {
    let (unsynced, files) = watch::channel(None);
    let ended = CancellationToken::new();
    let syncing = tokio::spawn(sync_files(files, ended.clone()));
    let captured = capture_until_stopped(&context, &mut writer, &unsynced).await;
    ended.cancel();
    drop(unsynced);
    let synced = syncing.await.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the sync task panicked")));
    captured.and(synced)
}

async fn capture_until_stopped(
    context: &Context,
    writer: &mut Writer,
    unsynced: &watch::Sender<Option<Arc<File>>>,
) -> Result<()> {
    let mut backoff = Backoff::new(context.retry_window);
    loop {
        let captured = tokio::select! {
            captured = capture_one_connection(context, writer, unsynced, &mut backoff) => captured,
            () = context.stop.cancelled() => Ok(()),
        };
        writer.rollback();
        match captured {
            Ok(()) => {
                writer.publish()?;
                context.progress.published(writer.end());
                return Ok(());
            }
            Err(error) if error.retry() == Retry::Auto => {
                tracing::info!(%error, "capturing again");
                tokio::select! {
                    waited = backoff.wait(&error) => waited?,
                    () = context.stop.cancelled() => return Ok(()),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Never answers `Ok`: a log has no end.
async fn capture_one_connection(
    context: &Context,
    writer: &mut Writer,
    unsynced: &watch::Sender<Option<Arc<File>>>,
    backoff: &mut Backoff,
) -> Result<()> {
    let from = writer.end().position;
    let mut capture = context.source.capture(&from, &context.selection).await?;
    loop {
        capture.next(writer).await?;
        backoff.reset();
        writer.publish()?;
        context.progress.bytes_captured.store(writer.bytes(), Ordering::Relaxed);
        context.progress.heard(writer.take_committed_at_us(), context.log.bytes());
        if writer.take_moved() {
            context.progress.published(writer.end());
        }
        if let Some(file) = writer.take_unsynced()
            && unsynced.send(Some(file)).is_err()
        {
            return Err(Error::new(Code::ChangeLogIo, "the change log could not be synced"));
        }
        while context.log.bytes() > context.log_bytes_max {
            tokio::time::sleep(ROOM_EVERY).await;
        }
    }
}

/// Reads up to a place that the source has passed, and no selected transaction beyond it.
pub(crate) async fn up_to(context: &Context, mut writer: Writer, goal: &Position) -> Result<Writer> {
    let mut backoff = Backoff::new(context.retry_window);
    loop {
        match up_to_over_one_connection(context, &mut writer, goal, &mut backoff).await {
            Ok(()) => return Ok(writer),
            Err(error) if error.retry() == Retry::Auto && error.code() != Code::TargetBusy => {
                writer.rollback();
                tracing::info!(%error, "capturing again");
                backoff.wait(&error).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn up_to_over_one_connection(
    context: &Context,
    writer: &mut Writer,
    goal: &Position,
    backoff: &mut Backoff,
) -> Result<()> {
    let from = writer.end().position;
    let (at, beyond) = (context.source.cursor(&from)?, context.source.cursor(goal)?);
    if at.covers(goal)? {
        if beyond.covers(&from)? {
            return Ok(());
        }
        return Err(Error::new(Code::TargetBusy, format!("{from} was read already, which is beyond {goal}")));
    }
    let mut bounded = Bounded { writer, at, goal, beyond, reached: false, failed: None };
    let mut capture = context.source.capture(&from, &context.selection).await?;
    loop {
        capture.next(&mut bounded).await?;
        backoff.reset();
        if let Some(error) = bounded.failed.take() {
            return Err(error);
        }
        bounded.writer.publish()?;
        if bounded.reached {
            return Ok(());
        }
    }
}

/// Lets through what lies before a place.
struct Bounded<'a> {
    writer: &'a mut Writer,
    /// Where the transactions that were seen lead.
    at: Box<dyn Cursor>,
    goal: &'a Position,
    /// At the goal.
    beyond: Box<dyn Cursor>,
    reached: bool,
    failed: Option<Error>,
}

impl Bounded<'_> {
    /// A mark stands for the unselected transactions before its own too: so the goal may lie in the middle of it, and what
    /// counts is whether the transaction itself lies before the goal.
    fn take(&mut self, commit: Commit<'_>) -> Result<()> {
        self.at.advance(commit.mark)?;
        if self.beyond.covers(&self.at.position())? {
            self.writer.commit(commit);
            self.reached = self.at.covers(self.goal)?;
        } else {
            self.writer.rollback();
            self.reached = true;
        }
        Ok(())
    }
}

impl CaptureSink for Bounded<'_> {
    fn data(&mut self, piece: &[u8]) {
        if !self.reached {
            self.writer.data(piece);
        }
    }

    fn commit(&mut self, commit: Commit<'_>) {
        if !self.reached
            && self.failed.is_none()
            && let Err(error) = self.take(commit)
        {
            self.writer.rollback();
            self.failed = Some(error);
        }
    }

    fn rollback(&mut self) {
        self.writer.rollback();
    }

    fn is_full(&self) -> bool {
        self.reached || self.writer.is_full()
    }
}

/// Makes what was published durable, a group at a time. Ends with the first error: after a failed sync the kernel may
/// have dropped the pages, and a second sync would say that all is well.
async fn sync_files(mut files: watch::Receiver<Option<Arc<File>>>, ended: CancellationToken) -> Result<()> {
    while files.changed().await.is_ok() {
        let Some(file) = files.borrow_and_update().clone() else { continue };
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        match synced {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(
                    Error::new(Code::ChangeLogIo, format!("sync the change log: {error}")).with_source(error)
                );
            }
            Err(_) => return Err(Error::new(Code::Internal, "the sync task panicked")),
        }
        tokio::select! {
            () = tokio::time::sleep(SYNC_EVERY) => {}
            () = ended.cancelled() => {}
        }
    }
    Ok(())
}
