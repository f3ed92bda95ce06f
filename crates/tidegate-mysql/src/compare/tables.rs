//! The catalogue's tables, columns and unique keys.

use super::columns::Column;
use crate::catalog::OWN_SCHEMAS;
use crate::connect::{Server, quote_text, understand};
use crate::filter::Filter;
use mysql_async::Conn;
use mysql_async::prelude::{FromRow, Queryable};
use std::collections::{BTreeMap, HashSet};
use tidegate_model::{ComparedColumn, ComparedKey, ComparedTable, Result, Selection, TableName, Wanted};

#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) name: TableName,
    pub(super) rows_estimated: u64,
    /// Rows for which this condition is not true do not take part.
    pub(super) filter: Option<String>,
    pub(super) columns: Vec<Column>,
    /// Keys that tell every row apart, the primary key first.
    pub(super) keys: Vec<Key>,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    /// Places in `columns`.
    pub(super) columns: Vec<usize>,
    /// Whether rows can be read in its order.
    pub(super) sorted: bool,
}

impl Description {
    pub(super) fn compared(&self) -> ComparedTable {
        let column = |column: &Column| ComparedColumn {
            name: column.name.clone(),
            form: column.form(),
            order: column.order(),
        };
        let key = |key: &Key| ComparedKey { columns: key.columns.clone(), sorted: key.sorted };
        ComparedTable {
            name: self.name.clone(),
            rows_estimated: self.rows_estimated,
            columns: self.columns.iter().map(column).collect(),
            keys: self.keys.iter().map(key).collect(),
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let same = |column: &Column| column.name == name || column.name.to_lowercase() == name.to_lowercase();
        self.columns.iter().position(same)
    }
}

type Tables = BTreeMap<TableName, Description>;

pub(super) async fn read(conn: &mut Conn, server: Server, wanted: Wanted<'_>) -> Result<Vec<Description>> {
    let chosen = Chosen::new(wanted);
    let mut databases: Vec<(String,)> =
        ask(conn, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA").await?;
    databases.retain(|(database,)| chosen.touches(database));
    if databases.is_empty() {
        return Ok(Vec::new());
    }
    let list = databases.iter().map(|(name,)| quote_text(name)).collect::<Vec<_>>().join(", ");
    let mut tables = read_tables(conn, &list, &chosen).await?;
    read_columns(conn, &list, &mut tables, wanted).await?;
    read_keys(conn, server, &list, &mut tables).await?;
    Ok(tables.into_values().collect())
}

/// [`Wanted`] with its names in lower case.
struct Chosen<'a> {
    wanted: Wanted<'a>,
    databases: HashSet<String>,
    tables: HashSet<(String, String)>,
}

impl<'a> Chosen<'a> {
    fn new(wanted: Wanted<'a>) -> Self {
        let names = match wanted {
            Wanted::Selected(_) => &[],
            Wanted::Named(names) => names,
        };
        let folded = |name: &TableName| (name.database.to_lowercase(), name.table.to_lowercase());
        Self {
            wanted,
            databases: names.iter().map(|name| name.database.to_lowercase()).collect(),
            tables: names.iter().map(folded).collect(),
        }
    }

    fn touches(&self, database: &str) -> bool {
        let folded = database.to_lowercase();
        !OWN_SCHEMAS.contains(&folded.as_str())
            && match self.wanted {
                Wanted::Selected(selection) => selection.touches_database(database),
                Wanted::Named(_) => self.databases.contains(&folded),
            }
    }

    fn has(&self, database: &str, table: &str) -> bool {
        match self.wanted {
            Wanted::Selected(selection) => selection.selects(database, table),
            Wanted::Named(_) => self.tables.contains(&(database.to_lowercase(), table.to_lowercase())),
        }
    }
}

async fn ask<T: FromRow + Send + 'static>(conn: &mut Conn, question: &str) -> Result<Vec<T>> {
    conn.query(question).await.map_err(understand)
}

async fn read_tables(conn: &mut Conn, list: &str, chosen: &Chosen<'_>) -> Result<Tables> {
    let question = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES \
         WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA IN ({list})"
    );
    let rows: Vec<(String, String, Option<u64>)> = ask(conn, &question).await?;
    let rows = rows.into_iter().filter(|(database, table, _)| chosen.has(database, table));
    let tables = rows.map(|(database, table, rows)| {
        let name = TableName::new(database, table);
        let filter = match chosen.wanted {
            Wanted::Selected(selection) => filter_of(selection, &name)?,
            Wanted::Named(_) => None,
        };
        let rows_estimated = rows.unwrap_or(0);
        Ok((
            name.clone(),
            Description { name, rows_estimated, filter, columns: Vec::new(), keys: Vec::new() },
        ))
    });
    tables.collect()
}

fn filter_of(selection: &Selection, table: &TableName) -> Result<Option<String>> {
    let rule = selection.rule(&table.database, &table.table);
    let filter = rule.and_then(|rule| rule.filter.as_deref()).map(Filter::parse).transpose()?;
    Ok(filter.map(|filter| filter.sql()))
}

async fn read_columns(conn: &mut Conn, list: &str, tables: &mut Tables, wanted: Wanted<'_>) -> Result<()> {
    let question = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, \
         GENERATION_EXPRESSION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({list}) \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
    );
    type Row = (String, String, String, String, String, Option<String>, Option<String>, Option<String>);
    let rows: Vec<Row> = ask(conn, &question).await?;
    for (database, table, name, data_type, column_type, charset, collation, generated) in rows {
        let Some(found) = tables.get_mut(&TableName::new(database, table)) else { continue };
        // When each server wrote its row version: not the same, and not meant to be.
        if matches!(generated.as_deref(), Some("ROW START" | "ROW END")) {
            continue;
        }
        let own_name = name.clone();
        let rule = match wanted {
            Wanted::Selected(selection) => selection.rule(&found.name.database, &found.name.table),
            Wanted::Named(_) => None,
        };
        let target_name = rule.map_or(Some(name.as_str()), |rule| rule.columns.target_name(&name));
        let Some(name) = target_name.map(str::to_owned) else { continue };
        let data_type = data_type.to_lowercase();
        found.columns.push(Column { name, own_name, data_type, column_type, charset, collation });
    }
    Ok(())
}

/// One index while its columns are read.
struct Index {
    table: TableName,
    key: Key,
    direction: Option<String>,
    usable: bool,
}

async fn read_keys(conn: &mut Conn, server: Server, list: &str, tables: &mut Tables) -> Result<()> {
    // The server does not read by an index that it is told not to use.
    let hidden = match server {
        Server { mariadb: true, version } if version >= (10, 6, 0) => "IGNORED = 'YES'",
        Server { mariadb: false, version } if version >= (8, 0, 0) => "IS_VISIBLE = 'NO'",
        _ => "FALSE",
    };
    let question = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART IS NULL AND NULLABLE <> 'YES', \
         INDEX_TYPE = 'BTREE' AND NOT ({hidden}), COLLATION FROM information_schema.STATISTICS \
         WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA IN ({list}) \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
    );
    type Row = (String, String, String, Option<String>, bool, bool, Option<String>);
    let rows: Vec<Row> = ask(conn, &question).await?;
    let mut indexes: Vec<Index> = Vec::new();
    for (database, table, name, column, whole, sorted, direction) in rows {
        let table = TableName::new(database, table);
        let Some(found) = tables.get(&table) else { continue };
        // MariaDB appends the end of a row's version to the keys of a versioned table: current rows all have the same.
        let own = |name: &str| found.columns.iter().position(|column| column.own_name == name);
        if server.mariadb && column.as_deref().is_some_and(|column| own(column).is_none()) {
            continue;
        }
        let place = column.and_then(|column| own(&column));
        if indexes.last().is_none_or(|last| last.table != table || last.key.name != name) {
            let key = Key { name, columns: Vec::new(), sorted: true };
            indexes.push(Index { table, key, direction: direction.clone(), usable: true });
        }
        let index = indexes.last_mut().expect("pushed just now");
        index.key.columns.extend(place);
        index.key.sorted &= sorted && index.direction == direction;
        index.usable &= whole && place.is_some();
    }
    for Index { table, mut key, .. } in indexes.into_iter().filter(|index| index.usable) {
        let found = tables.get_mut(&table).expect("looked at before");
        key.sorted &= !key.columns.iter().any(|place| found.columns[*place].is_set());
        found.keys.push(key);
    }
    Ok(())
}
