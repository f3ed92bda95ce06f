//! The full copy: tables side by side, each read in key order, a chunk a transaction.

mod table;

use crate::progress::{Progress, TableProgress};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use table::TableCopy;
use tidegate_model::{Code, CopyProgress, Error, Result, Selection, Source, Table, TableName, Target};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) selection: Arc<Selection>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) retry_window: Duration,
    pub(crate) stop: CancellationToken,
    /// Chunks loaded at the same time, of one table or of several.
    pub(crate) workers: usize,
}

/// Copies what is not copied yet. Answers `false` if it was stopped before the end.
pub(crate) async fn run(
    context: &Context,
    mut tables: Vec<Table>,
    copied: Vec<CopyProgress>,
) -> Result<bool> {
    let mut copied: HashMap<TableName, CopyProgress> =
        copied.into_iter().map(|one| (one.table.clone(), one)).collect();
    context
        .progress
        .set_tables(tables.iter().map(|table| begin_progress(table, copied.get(&table.name))).collect());
    tables.retain(|table| !copied.get(&table.name).is_some_and(|one| one.done));
    tables.sort_by_key(|table| std::cmp::Reverse(table.bytes_estimated));
    let queue: VecDeque<_> = tables.into_iter().map(|table| (copied.remove(&table.name), table)).collect();
    let queue = Arc::new(Mutex::new(queue));
    let places = Arc::new(Semaphore::new(context.workers));
    let mut tasks = JoinSet::new();
    for _ in 0..context.workers {
        let (context, queue, places) = (context.clone(), queue.clone(), places.clone());
        tasks.spawn(async move {
            loop {
                let next = queue.lock().expect("no holder panics").pop_front();
                let Some((before, table)) = next else { return Ok(()) };
                if context.stop.is_cancelled() {
                    return Ok(());
                }
                TableCopy::new(&context, &table, &places)
                    .run(before)
                    .await
                    .map_err(|e| e.context(format!("copy {}", table.name)))?;
            }
        });
    }
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "a copy task panicked")));
        if outcome.is_ok() && ended.is_err() {
            outcome = ended;
            tasks.abort_all();
        }
    }
    outcome.map(|()| !context.stop.is_cancelled())
}

fn begin_progress(table: &Table, before: Option<&CopyProgress>) -> TableProgress {
    TableProgress {
        name: table.name.clone(),
        rows: before.map_or(0, |one| one.rows),
        rows_estimated: table.rows_estimated,
        done: before.is_some_and(|one| one.done),
    }
}
