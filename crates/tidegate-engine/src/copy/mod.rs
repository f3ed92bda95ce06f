//! The full copy: tables side by side, each read in key order, or at one place of the log where it must be exact.

mod table;
mod unit;

use crate::progress::{Progress, TableProgress};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_model::{Code, CopyProgress, Error, Result, Selection, Source, Table, TableName, Target};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use unit::Unit;

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
pub(crate) async fn run(context: &Context, tables: Vec<Table>, copied: Vec<CopyProgress>) -> Result<bool> {
    let copied: HashMap<TableName, CopyProgress> =
        copied.into_iter().map(|one| (one.table.clone(), one)).collect();
    context
        .progress
        .set_tables(tables.iter().map(|table| begin_progress(table, copied.get(&table.name))).collect());
    let mut units: Vec<Unit> = units(tables, copied).into_iter().filter(|unit| !unit.is_done()).collect();
    units.sort_by_key(|unit| std::cmp::Reverse(unit.bytes_estimated()));
    let queue = Arc::new(Mutex::new(VecDeque::from(units)));
    let places = Arc::new(Semaphore::new(context.workers));
    let mut tasks = JoinSet::new();
    for _ in 0..context.workers {
        let (context, queue, places) = (context.clone(), queue.clone(), places.clone());
        tasks.spawn(async move {
            loop {
                let next = queue.lock().expect("no holder panics").pop_front();
                let Some(unit) = next else { return Ok(()) };
                if context.stop.is_cancelled() {
                    return Ok(());
                }
                unit.copy(&context, &places).await?;
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

/// Each table for itself, and those of a group together.
fn units(tables: Vec<Table>, mut copied: HashMap<TableName, CopyProgress>) -> Vec<Unit> {
    let mut parts: BTreeMap<TableName, Vec<(Table, Option<CopyProgress>)>> = BTreeMap::new();
    for table in tables {
        let before = copied.remove(&table.name);
        let unit = table.group.clone().unwrap_or_else(|| table.name.clone());
        parts.entry(unit).or_default().push((table, before));
    }
    parts.into_values().map(Unit::new).collect()
}

fn begin_progress(table: &Table, before: Option<&CopyProgress>) -> TableProgress {
    TableProgress {
        name: table.name.clone(),
        rows: before.map_or(0, |one| one.rows),
        rows_estimated: table.rows_estimated,
        done: before.is_some_and(|one| one.done),
    }
}

/// Refuses tables that were changed between two looks, or are there in one of them only: definitions that were read
/// between the two may lack them.
pub(crate) fn same_tables(before: &[Table], after: &[Table]) -> Result<()> {
    fn looks(side: &[Table]) -> HashSet<(&TableName, &str, Option<&TableName>)> {
        side.iter().map(|one| (&one.name, one.columns.as_str(), one.group.as_ref())).collect()
    }
    match looks(before).symmetric_difference(&looks(after)).next() {
        None => Ok(()),
        Some((table, ..)) => {
            let what = format!("{table} was changed while the tables were looked at");
            Err(Error::new(Code::SchemaChangedWhileCopying, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, columns: &str) -> Table {
        Table {
            name: TableName::new("shop", name),
            rows_estimated: 0,
            bytes_estimated: 0,
            group: None,
            columns: columns.to_owned(),
        }
    }

    #[test]
    fn tables_that_come_go_or_change_between_two_looks_are_refused() {
        let (a, b) = (table("a", "id int"), table("b", "id int"));
        let looks =
            |before: &[Table], after: &[Table]| same_tables(before, after).map_err(|error| error.code());
        let refused = Err(Code::SchemaChangedWhileCopying);
        assert_eq!(looks(&[a.clone(), b.clone()], &[b.clone(), a.clone()]), Ok(()));
        assert_eq!(looks(std::slice::from_ref(&a), &[a.clone(), b.clone()]), refused, "one came");
        assert_eq!(looks(&[a.clone(), b.clone()], std::slice::from_ref(&a)), refused, "one went");
        assert_eq!(looks(&[a, b], &[table("a", "id bigint"), table("b", "id int")]), refused, "one changed");
    }
}
