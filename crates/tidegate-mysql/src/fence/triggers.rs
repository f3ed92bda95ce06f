//! A trigger before each insert, update and delete on each table, which refuses whoever is not a writing session of ours.

use super::held;
use crate::check::{Grants, Missing, Scope};
use crate::connect::{Server, quote, quote_text, understand};
use crate::session::{hash_of, run};
use crate::source::selected_tables;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeSet, HashSet};
use tidegate_model::{Code, InstanceName, Result, Selection, TableName};

const EVENTS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// Trigger names of one link begin so.
fn prefix(instance: &InstanceName) -> String {
    format!("tidegate_fence_{:08x}_", hash_of(instance.as_str().as_bytes()) as u32)
}

pub(super) async fn offer(conn: &mut Conn, server: Server, selection: &Selection) -> Result<Result<()>> {
    let grants = Grants::read(conn, server).await?;
    let mut missing = Missing::of(&grants);
    let tables = selected_tables(conn, selection).await?;
    let databases: BTreeSet<String> = tables.into_iter().map(|table| table.name.database).collect();
    for database in databases {
        missing.need("TRIGGER", &Scope::Database(database));
    }
    let trusts: Option<bool> =
        conn.query_first("SELECT @@GLOBAL.log_bin_trust_function_creators").await.map_err(understand)?;
    if !trusts.unwrap_or_default() {
        missing.need("SUPER", &Scope::Server);
    }
    Ok(missing.into_result())
}

/// Waits for each table's transactions; so when a trigger is there, nothing that began before it is under way.
pub(super) async fn close(conn: &mut Conn, instance: &InstanceName, selection: &Selection) -> Result<()> {
    let prefix = prefix(instance);
    let there = ours(conn, &prefix).await?;
    let names: HashSet<&str> = there.iter().map(|trigger| trigger.name.table.as_str()).collect();
    let message = format!("closed to applications by Tidegate: {instance} writes here");
    let message = quote_text(&message.chars().take(128).collect::<String>());
    for table in selected_tables(conn, selection).await? {
        let TableName { database, table: name } = &table.name;
        for event in EVENTS {
            let stands = |trigger: &Trigger| {
                trigger.event == event && trigger.table == *name && trigger.name.database == *database
            };
            if there.iter().any(stands) {
                continue;
            }
            // A table that was renamed has taken its triggers along, and their names.
            let named = |turn: u32| {
                format!("{prefix}{:016x}_{turn}_{}", hash_of(name.as_bytes()), event.to_lowercase())
            };
            let trigger = (0..).map(named).find(|name| !names.contains(name.as_str())).unwrap_or_default();
            let statement = format!(
                "CREATE TRIGGER {db}.{} BEFORE {event} ON {db}.{} FOR EACH ROW IF @tidegate_apply IS NULL THEN SIGNAL \
                 SQLSTATE '45000' SET MESSAGE_TEXT = {message}; END IF",
                quote(&trigger),
                quote(name),
                db = quote(database),
            );
            run(conn, &statement).await.map_err(|error| match error.code() {
                Code::ConnectionLost | Code::MissingGrant => error,
                _ => held(error, &format!("{} could not be closed", table.name)),
            })?;
        }
    }
    Ok(())
}

pub(super) async fn removal(conn: &mut Conn, instance: &InstanceName) -> Result<Vec<String>> {
    let triggers = ours(conn, &prefix(instance)).await?;
    let statement = |trigger: Trigger| {
        let TableName { database, table } = &trigger.name;
        format!("DROP TRIGGER IF EXISTS {}.{}", quote(database), quote(table))
    };
    Ok(triggers.into_iter().map(statement).collect())
}

struct Trigger {
    name: TableName,
    table: String,
    event: String,
}

async fn ours(conn: &mut Conn, prefix: &str) -> Result<Vec<Trigger>> {
    let question = format!(
        "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
         WHERE LEFT(TRIGGER_NAME, {}) = '{prefix}'",
        prefix.len()
    );
    let rows: Vec<(String, String, String, String)> = conn.query(question).await.map_err(understand)?;
    let read =
        |(database, name, table, event)| Trigger { name: TableName::new(database, name), table, event };
    Ok(rows.into_iter().map(read).collect())
}
