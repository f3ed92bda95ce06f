//! AUTO_INCREMENT: what the next row gets.
//!
//! Rows that were inserted and deleted again may never have reached the target, and their numbers would be given out once
//! more there: an order's number that an application knows would be another order's.

use crate::catalog;
use crate::connect::{Endpoint, Server, question_setup, quote, understand};
use crate::session::{self, Marker, run};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::HashMap;
use tidegate_model::{Code, InstanceName, Raised, Result, Selection, TableName};

/// So long a table may be held by a transaction.
const WAIT_SECONDS: u32 = 2;
const BEHIND_MAX: usize = 3;

/// Sees to it that no counter of the target is behind its table's at the source, as far as that can be had quickly.
pub(crate) async fn raise_counters(
    source: &Endpoint,
    target: &Endpoint,
    link: &InstanceName,
    selection: &Selection,
) -> Result<Raised> {
    let mut from = source.connect(&question_setup()).await?;
    let (mut to, _) = session::open(target, &Marker::new(link.clone())).await?;
    run(&mut to, &question_setup()[0]).await?;
    run(&mut to, &format!("SET SESSION lock_wait_timeout = {WAIT_SECONDS}")).await?;
    let there = counters(&mut to).await?;
    let mut raised = Raised::default();
    for (table, next) in counters(&mut from).await? {
        if !selection.selects(&table.database, &table.table) {
            continue;
        }
        let name = selection.map(&table.database, &table.table);
        if there.get(&name).is_some_and(|here| *here < next) {
            let (database, table) = (quote(&name.database), quote(&name.table));
            let statement = format!("ALTER TABLE {database}.{table} AUTO_INCREMENT = {next}");
            match run(&mut to, &statement).await {
                Ok(_) => raised.raised += 1,
                Err(error) if error.code() == Code::ConnectionLost => return Err(error),
                Err(error) => raised.behind.push(format!("{name}: {}", error.message())),
            }
            // Nobody can write meanwhile: the first that is held says enough.
            if raised.behind.len() == BEHIND_MAX {
                break;
            }
        }
    }
    Ok(raised)
}

async fn counters(conn: &mut Conn) -> Result<HashMap<TableName, u64>> {
    if !Server::of(conn).await?.mariadb {
        // Else the answer may be a day old. Servers before 8.0 have no such variable, and no such answers.
        let _ = run(conn, "SET SESSION information_schema_stats_expiry = 0").await;
    }
    let own = catalog::OWN_SCHEMAS.map(|name| format!("'{name}'")).join(", ");
    let question = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES \
         WHERE AUTO_INCREMENT IS NOT NULL AND TABLE_SCHEMA NOT IN ({own})"
    );
    let rows: Vec<(String, String, u64)> = conn.query(question).await.map_err(understand)?;
    Ok(rows.into_iter().map(|(database, table, next)| (TableName::new(database, table), next)).collect())
}
