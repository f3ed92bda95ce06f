//! What is copied as one: a table that is read in the order of its key, or a group of tables that are read at one place of
//! the log. A failure that may pass costs the first what was not committed, and the second everything.

use super::Context;
use super::table::TableCopy;
use crate::retry::Backoff;
use std::sync::Arc;
use tidegate_model::{Code, CopyProgress, Error, Result, Retry, Table};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(super) struct Unit {
    tables: Vec<Table>,
    /// Of each table.
    progress: Vec<Option<CopyProgress>>,
}

impl Unit {
    pub(super) fn new(tables: Vec<(Table, Option<CopyProgress>)>) -> Self {
        let (tables, progress) = tables.into_iter().unzip();
        Self { tables, progress }
    }

    pub(super) fn bytes_estimated(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes_estimated).sum()
    }

    pub(super) fn is_done(&self) -> bool {
        is_done(&self.progress)
    }

    /// Copies what is not copied yet. Ends early, without an error, when the link is stopped.
    pub(super) async fn copy(self, context: &Context, places: &Arc<Semaphore>) -> Result<()> {
        let Self { tables, mut progress } = self;
        let mut copies: Vec<TableCopy<'_>> =
            tables.iter().map(|table| TableCopy::new(context, table, places)).collect();
        let mut backoff = Backoff::new(context.retry_window);
        loop {
            let began = Instant::now();
            let error = match attempt(context, &tables, &progress, &mut copies).await {
                Ok(()) => return Ok(()),
                Err(error) if error.retry() == Retry::Auto => error,
                Err(error) => return Err(error),
            };
            // A group that is thrown back to its beginning gets no further by having come far, unless it came far.
            let lasted = began.elapsed() >= context.retry_window;
            let committed = copies.iter_mut().fold(false, |any, copy| copy.take_committed() | any);
            if committed && (lasted || tables.iter().all(goes_on)) {
                backoff.reset();
            }
            if error.code() == Code::TargetBusy {
                copies.iter_mut().for_each(TableCopy::slow_down);
            }
            tracing::info!(%error, "copying again");
            progress = loop {
                tokio::select! {
                    waited = backoff.wait(&error) => waited?,
                    () = context.stop.cancelled() => return Ok(()),
                }
                match recover(&mut copies).await {
                    Ok(progress) => break progress,
                    Err(again) if again.retry() == Retry::Auto => {}
                    Err(definite) => return Err(definite),
                }
            };
            if is_done(&progress) {
                return Ok(());
            }
        }
    }
}

/// Whether all are copied, and at the same place if they are a group.
fn is_done(progress: &[Option<CopyProgress>]) -> bool {
    let place =
        |one: &Option<CopyProgress>| one.as_ref().filter(|one| one.done).map(|one| one.snapshot.clone());
    let first = progress.first().and_then(place);
    first.is_some() && progress.iter().all(|one| place(one) == first)
}

/// Whether the table's copy goes on after its last key.
fn goes_on(table: &Table) -> bool {
    table.group.is_none()
}

async fn attempt(
    context: &Context,
    tables: &[Table],
    progress: &[Option<CopyProgress>],
    copies: &mut [TableCopy<'_>],
) -> Result<()> {
    let named = |table: &Table, error: Error| error.context(format!("copy {}", table.name));
    let readers = match tables {
        [table] if goes_on(table) => {
            let after = progress[0].as_ref().and_then(|one| one.last_key.as_deref());
            let reader = context.source.read(table, after).await.map_err(|error| named(table, error))?;
            vec![(reader, after.is_none())]
        }
        group => {
            // It may wait for a lock.
            let readers = tokio::select! {
                readers = context.source.snapshot(group) => readers.map_err(|error| named(&group[0], error))?,
                () = context.stop.cancelled() => return Ok(()),
            };
            readers.into_iter().map(|reader| (reader, true)).collect()
        }
    };
    for (at, (reader, anew)) in readers.into_iter().enumerate() {
        if context.stop.is_cancelled() {
            break;
        }
        let version = progress[at].as_ref().map_or(0, |one| one.version);
        copies[at].copy(reader, version, anew).await.map_err(|error| named(&tables[at], error))?;
        // A group may have hundreds of tables.
        copies[at].release();
    }
    Ok(())
}

async fn recover(copies: &mut [TableCopy<'_>]) -> Result<Vec<Option<CopyProgress>>> {
    let is_group = copies.len() > 1;
    let mut progress = Vec::with_capacity(copies.len());
    for copy in copies {
        progress.push(copy.recover().await?);
        if is_group {
            copy.release();
        }
    }
    Ok(progress)
}
