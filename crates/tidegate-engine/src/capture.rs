//! Capture: from the source's log into the change log, over lost connections, up to a limit of disk.

use crate::changelog::{ChangeLog, Writer};
use crate::progress::Progress;
use crate::retry::Backoff;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_model::{CaptureSink, Code, Error, Result, Retry, Selection, Source};
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
            Ok(()) => return writer.publish(),
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
