//! What runs by itself in the target and would change what the link writes.

use super::findings::{NAMES_MAX, some};
use crate::connect::{quote, understand};
use crate::definitions::is_guarded;
use crate::fence::NOT_OURS;
use crate::source::selected_tables;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::HashSet;
use tidegate_model::{Result, Selection, TableName};

/// Triggers of the target that fire for the link's rows: those that the source has too get a guard.
pub(super) async fn triggers(source: &mut Conn, target: &mut Conn, selection: &Selection) -> Result<()> {
    let tables: HashSet<TableName> = written_tables(source, selection).await?.collect();
    let brought: HashSet<TableName> = list_triggers(source)
        .await?
        .into_iter()
        .map(|(name, table, _)| (name, selection.map(&table.database, &table.table)))
        .map(|(name, table)| TableName::new(table.database, name.table))
        .collect();
    let stray = list_triggers(target)
        .await?
        .into_iter()
        .filter(|(name, table, body)| tables.contains(table) && !brought.contains(name) && !is_guarded(body));
    let mut stray: Vec<TableName> = stray.map(|(name, ..)| name).collect();
    stray.sort();
    let statements = stray.iter().take(NAMES_MAX).map(|name| format!("DROP TRIGGER {}", quoted(name)));
    let advice = format!("{} on the target", statements.collect::<Vec<_>>().join("; "));
    let names: Vec<String> = stray.iter().map(ToString::to_string).collect();
    some(&names, "triggers of the target that fire for replicated rows too", &advice)
}

/// Events that run in the target's databases while the link writes there.
pub(super) async fn events(source: &mut Conn, target: &mut Conn, selection: &Selection) -> Result<()> {
    let databases: HashSet<String> =
        written_tables(source, selection).await?.map(|table| table.database).collect();
    let mut running = enabled_events(target).await?;
    running.retain(|event| databases.contains(&event.database));
    let statements =
        running.iter().take(NAMES_MAX).map(|name| format!("ALTER EVENT {} DISABLE", quoted(name)));
    let advice = format!("{} on the target", statements.collect::<Vec<_>>().join("; "));
    let names: Vec<String> = running.iter().map(ToString::to_string).collect();
    some(&names, "events that run in the target and may write beside the link", &advice)
}

async fn written_tables(source: &mut Conn, selection: &Selection) -> Result<impl Iterator<Item = TableName>> {
    let tables = selected_tables(source, selection).await?;
    Ok(tables.into_iter().map(|table| selection.map(&table.name.database, &table.name.table)))
}

/// Every event of the server that is to run.
pub(crate) async fn enabled_events(conn: &mut Conn) -> Result<Vec<TableName>> {
    let question = "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE STATUS = 'ENABLED' \
                    ORDER BY EVENT_SCHEMA, EVENT_NAME";
    let rows: Vec<(String, String)> = conn.query(question).await.map_err(understand)?;
    Ok(rows.into_iter().map(|(database, name)| TableName::new(database, name)).collect())
}

/// Name, table and body of every trigger.
async fn list_triggers(conn: &mut Conn) -> Result<Vec<(TableName, TableName, String)>> {
    let question = format!(
        "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, ACTION_STATEMENT \
         FROM information_schema.TRIGGERS WHERE {NOT_OURS}"
    );
    let rows: Vec<(String, String, String, String, String)> =
        conn.query(question).await.map_err(understand)?;
    let triggers = rows.into_iter().map(|(schema, name, database, table, body)| {
        (TableName::new(schema, name), TableName::new(database, table), body)
    });
    Ok(triggers.collect())
}

fn quoted(name: &TableName) -> String {
    format!("{}.{}", quote(&name.database), quote(&name.table))
}
