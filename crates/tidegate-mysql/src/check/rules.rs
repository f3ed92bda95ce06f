//! Whether the source's tables can be carried over as their rules say.

use super::variable;
use crate::catalog::TableInfo;
use crate::connect::{Endpoint, Server, question_setup, quote, understand};
use crate::definitions;
use crate::filter::Filter;
use crate::source::selected_tables;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Changes, Code, Error, Result, Rule, Selection, TableName};

/// Whether the rules can be understood at all: no server is asked.
pub(crate) fn read_rules(selection: &Selection) -> Result<()> {
    let filters = selection.rules().iter().filter_map(|rule| rule.filter.as_deref());
    filters.map(Filter::parse).try_for_each(|filter| filter.map(drop))
}

/// Whether the source can carry the rules out. Its server reads every filter.
pub(crate) async fn check_rules(endpoint: &Endpoint, selection: &Selection) -> Result<()> {
    let mut conn = endpoint.connect(&question_setup()).await?;
    let server = Server::of(&mut conn).await?;
    look_at_rules(&mut conn, server, selection).await
}

pub(super) async fn look_at_rules(conn: &mut Conn, server: Server, selection: &Selection) -> Result<()> {
    if selection.rules().is_empty() {
        return Ok(());
    }
    let tables = selected_tables(conn, selection).await?;
    let ruled = tables.iter().filter_map(|table| Some((table, rule_of(selection, &table.name)?)));
    let ruled: Vec<(&TableInfo, &Rule)> = ruled.collect();
    if ruled.iter().any(|(_, rule)| rule.reads_names()) {
        need_names(conn).await?;
    }
    for (table, rule) in ruled {
        if rule.changes != Changes::ALL && table.key().is_none() {
            let what = format!("{} has no key, and only some of its changes are wanted", table.name);
            return Err(Error::new(Code::BadPattern, what)
                .with_remedy("give the table a key, or take all of its changes, or exclude it"));
        }
        if let Some(filter) = &rule.filter {
            look_at_filter(conn, table, &Filter::parse(filter)?, &tables).await?;
        }
    }
    // What a choice of columns does to a definition is said where it is done.
    definitions::read(conn, server, selection).await.map(drop)
}

fn rule_of<'a>(selection: &'a Selection, table: &TableName) -> Option<&'a Rule> {
    selection.rule(&table.database, &table.table)
}

async fn need_names(conn: &mut Conn) -> Result<()> {
    let metadata = variable(conn, "binlog_row_metadata").await?;
    if metadata.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("FULL")) {
        return Ok(());
    }
    let found =
        metadata.map_or("this server has no such setting".to_owned(), |value| format!("it is {value}"));
    let what = format!("rules over columns need binlog_row_metadata = FULL, and {found}");
    Err(Error::new(Code::BadSetting, what)
        .with_remedy("SET GLOBAL binlog_row_metadata = 'FULL' on the source"))
}

async fn look_at_filter(
    conn: &mut Conn,
    table: &TableInfo,
    filter: &Filter,
    all: &[TableInfo],
) -> Result<()> {
    filter.fits(table)?;
    let child = all.iter().find(|other| other.parents.iter().any(|key| key.parent == table.name));
    if let Some(child) = child {
        let what = format!("the filter of {}: {} refers to its rows", table.name, child.name);
        return Err(Error::new(Code::BadPattern, what)
            .with_remedy("take all rows of the parent, or exclude the table that refers to it"));
    }
    let name = format!("{}.{}", quote(&table.name.database), quote(&table.name.table));
    let question = format!("EXPLAIN SELECT 1 FROM {name} WHERE {}", filter.sql());
    conn.query_drop(question)
        .await
        .map_err(|error| understand(error).context(format!("the filter of {}", table.name)))
}
