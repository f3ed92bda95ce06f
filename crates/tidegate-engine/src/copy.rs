//! The full copy: tables side by side, each in key order, a chunk a transaction. While one chunk is loaded the next is
//! read.

use crate::progress::{Progress, TableProgress};
use crate::retry::Backoff;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_model::{
    Chunk, Code, CopyProgress, Error, Loader, Position, Result, Retry, Selection, Source, Table, TableName,
    Target,
};
use tokio::sync::mpsc;
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
}

/// Copies what is not copied yet. Answers `false` if it was stopped before the end.
pub(crate) async fn run(
    context: &Context,
    mut tables: Vec<Table>,
    copied: Vec<CopyProgress>,
    workers: usize,
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
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let (context, queue) = (context.clone(), queue.clone());
        tasks.spawn(async move {
            loop {
                let next = queue.lock().expect("no holder panics").pop_front();
                let Some((before, table)) = next else { return Ok(()) };
                if context.stop.is_cancelled() {
                    return Ok(());
                }
                copy_table(&context, &table, before)
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

async fn copy_table(context: &Context, table: &Table, mut before: Option<CopyProgress>) -> Result<()> {
    let mut backoff = Backoff::new(context.retry_window);
    let mut loader = context.target.loader(table, &context.selection).await?;
    loop {
        let copied = copy_from(context, table, before.take(), loader.as_mut(), &mut backoff).await;
        let error = match copied {
            Ok(()) => return Ok(()),
            Err(error) if error.retry() == Retry::Auto => error,
            Err(error) => return Err(error),
        };
        tracing::info!(table = %table.name, %error, "copying again");
        before = loop {
            tokio::select! {
                waited = backoff.wait(&error) => waited?,
                () = context.stop.cancelled() => return Ok(()),
            }
            match loader.recover().await {
                Ok(progress) => break progress,
                Err(again) if again.retry() == Retry::Auto => {}
                Err(definite) => return Err(definite),
            }
        };
        if before.as_ref().is_some_and(|one| one.done) {
            return Ok(());
        }
    }
}

async fn copy_from(
    context: &Context,
    table: &Table,
    before: Option<CopyProgress>,
    loader: &mut dyn Loader,
    backoff: &mut Backoff,
) -> Result<()> {
    let after = before.and_then(|one| one.last_key).filter(|_| table.keyed);
    let mut reader = context.source.read(table, after.as_deref()).await?;
    if after.is_none() {
        let snapshot: Option<Position> = reader.snapshot();
        loader.restart(snapshot).await?;
        context.progress.uncopied(&table.name);
    }
    let (full, mut filled) = mpsc::channel::<(Chunk, bool)>(1);
    let (empty, mut emptied) = mpsc::channel::<Chunk>(2);
    for _ in 0..2 {
        empty.try_send(Chunk::default()).map_err(|_| Error::new(Code::Internal, "no room for a chunk"))?;
    }
    let reading = async move {
        while let Some(mut chunk) = emptied.recv().await {
            chunk.clear();
            let more = reader.next(&mut chunk).await?;
            if full.send((chunk, !more)).await.is_err() || !more {
                break;
            }
        }
        Ok::<(), Error>(())
    };
    let loading = async {
        while let Some((chunk, last)) = filled.recv().await {
            loader.load(&chunk, last).await?;
            context.progress.copied(&table.name, chunk.rows, chunk.bytes.len() as u64, last);
            if table.keyed {
                backoff.reset();
            }
            if last || context.stop.is_cancelled() {
                break;
            }
            // A reader that has ended no longer takes chunks back.
            let _ = empty.send(chunk).await;
        }
        drop(filled);
        drop(empty);
        Ok::<(), Error>(())
    };
    tokio::try_join!(reading, loading).map(|_| ())
}
