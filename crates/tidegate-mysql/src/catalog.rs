//! What a server says about its tables: columns, keys, foreign keys. Read in a few questions for many tables at once.

use crate::connect::{quote_text, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeMap, HashMap};
use tidegate_model::{Result, TableName};

/// Schemas that belong to the server, and ours.
pub(crate) const OWN_SCHEMAS: [&str; 5] =
    ["mysql", "sys", "information_schema", "performance_schema", "tidegate"];

#[derive(Clone, Debug)]
pub(crate) struct TableInfo {
    pub(crate) name: TableName,
    pub(crate) columns: Vec<ColumnInfo>,
    /// Unique indexes over plain columns, the primary key first.
    pub(crate) unique: Vec<UniqueKey>,
    /// Whether there is a unique index over an expression: its values cannot be known from a row image.
    pub(crate) unique_expression: bool,
    pub(crate) parents: Vec<ForeignKey>,
    /// A sequence of MariaDB: its one row is the state, and writing a row sets it.
    pub(crate) sequence: bool,
    /// Rows for which this condition is not true do not take part.
    pub(crate) filter: Option<String>,
    pub(crate) rows_estimated: u64,
    pub(crate) bytes_estimated: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ColumnInfo {
    pub(crate) name: String,
    /// `int`, `varchar`, …
    pub(crate) data_type: String,
    pub(crate) nullable: bool,
    pub(crate) unsigned: bool,
    /// The collation's number, for columns that have one.
    pub(crate) collation: Option<u32>,
    pub(crate) charset: Option<String>,
    pub(crate) generated: bool,
    /// Whether it takes part.
    pub(crate) chosen: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct UniqueKey {
    pub(crate) name: String,
    /// Places in `columns`.
    pub(crate) columns: Vec<usize>,
    /// Whether every column is indexed in its whole length.
    pub(crate) whole: bool,
    pub(crate) nullable: bool,
}

/// A foreign key of this table.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    /// Places in the child's `columns`, in the order of `parent_columns`.
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: TableName,
    pub(crate) parent_columns: Vec<String>,
    /// Whether a delete or an update of the parent changes the child.
    pub(crate) cascades: bool,
}

impl TableInfo {
    /// A table of which nothing else is known.
    pub(crate) fn named(name: TableName) -> Self {
        Self {
            name,
            columns: Vec::new(),
            unique: Vec::new(),
            unique_expression: false,
            parents: Vec::new(),
            sequence: false,
            filter: None,
            rows_estimated: 0,
            bytes_estimated: 0,
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The columns that tell every row apart: the primary key, or the first unique key without NULLs.
    pub(crate) fn key(&self) -> Option<&UniqueKey> {
        self.unique.iter().find(|key| !key.nullable && key.whole)
    }
}

/// Reads every table of the databases that `wanted` chooses.
pub(crate) async fn read(
    conn: &mut Conn,
    databases: &[String],
    wanted: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Result<Vec<TableInfo>> {
    if databases.is_empty() {
        return Ok(Vec::new());
    }
    let list = databases.iter().map(|name| quote_text(name)).collect::<Vec<_>>().join(", ");
    let mut tables = read_tables(conn, &list, wanted).await?;
    read_columns(conn, &list, &mut tables).await?;
    read_unique_keys(conn, &list, &mut tables).await?;
    read_foreign_keys(conn, &list, &mut tables).await?;
    Ok(tables.into_values().collect())
}

/// The databases of the server that are neither its own nor ours.
pub(crate) async fn databases(conn: &mut Conn) -> Result<Vec<String>> {
    let names: Vec<String> =
        conn.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA").await.map_err(understand)?;
    Ok(names.into_iter().filter(|name| !OWN_SCHEMAS.contains(&name.to_lowercase().as_str())).collect())
}

type Tables = BTreeMap<TableName, TableInfo>;

async fn read_tables(
    conn: &mut Conn,
    list: &str,
    wanted: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Result<Tables> {
    type Row = (String, String, String, Option<u64>, Option<u64>);
    let rows: Vec<Row> = conn
        .query(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES \
             WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') AND TABLE_SCHEMA IN ({list})"
        ))
        .await
        .map_err(understand)?;
    let chosen = rows.into_iter().filter(|row| wanted(&row.0, &row.1));
    let tables = chosen.map(|(database, table, kind, rows, bytes)| {
        let name = TableName::new(database, table);
        let info = TableInfo {
            sequence: kind == "SEQUENCE",
            rows_estimated: rows.unwrap_or(0),
            bytes_estimated: bytes.unwrap_or(0),
            ..TableInfo::named(name.clone())
        };
        (name, info)
    });
    Ok(tables.collect())
}

async fn read_columns(conn: &mut Conn, list: &str, tables: &mut Tables) -> Result<()> {
    let collations: Vec<(String, Option<u32>)> = conn
        .query("SELECT COLLATION_NAME, ID FROM information_schema.COLLATIONS WHERE ID IS NOT NULL")
        .await
        .map_err(understand)?;
    let collations: HashMap<String, u32> =
        collations.into_iter().filter_map(|(name, id)| Some((name, id?))).collect();
    type Row = (String, String, String, String, String, String, Option<String>, Option<String>, String);
    let rows: Vec<Row> = conn
        .query(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, \
             COLLATION_NAME, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({list}) \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
        ))
        .await
        .map_err(understand)?;
    for (database, table, name, data_type, column_type, nullable, charset, collation, extra) in rows {
        let Some(info) = tables.get_mut(&TableName::new(database, table)) else { continue };
        let extra = extra.to_uppercase();
        info.columns.push(ColumnInfo {
            name,
            data_type: data_type.to_lowercase(),
            nullable: nullable == "YES",
            unsigned: column_type.contains("unsigned"),
            collation: collation.and_then(|name| collations.get(&name).copied()),
            charset,
            chosen: true,
            generated: extra.contains("VIRTUAL GENERATED")
                || extra.contains("STORED GENERATED")
                || extra.contains("PERSISTENT")
                || extra.contains("INVISIBLE SYSTEM"),
        });
    }
    Ok(())
}

async fn read_unique_keys(conn: &mut Conn, list: &str, tables: &mut Tables) -> Result<()> {
    type Row = (String, String, String, Option<String>, Option<u64>);
    let rows: Vec<Row> = conn
        .query(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS \
             WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA IN ({list}) \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
        ))
        .await
        .map_err(understand)?;
    for (database, table, index, column, prefix) in rows {
        let Some(info) = tables.get_mut(&TableName::new(database, table)) else { continue };
        let Some(place) = column.as_deref().and_then(|column| info.column(column)) else {
            info.unique_expression = true;
            continue;
        };
        let nullable = info.columns[place].nullable;
        if info.unique.last().is_none_or(|key| key.name != index) {
            info.unique.push(UniqueKey { name: index, columns: Vec::new(), whole: true, nullable: false });
        }
        let key = info.unique.last_mut().expect("pushed just now");
        key.columns.push(place);
        key.whole &= prefix.is_none();
        key.nullable |= nullable;
    }
    Ok(())
}

async fn read_foreign_keys(conn: &mut Conn, list: &str, tables: &mut Tables) -> Result<()> {
    type Row = (String, String, String, String, String, String, String, String, String);
    let rows: Vec<Row> = conn
        .query(format!(
            "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, \
             k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE \
             FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
             ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
             AND r.TABLE_NAME = k.TABLE_NAME \
             WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.TABLE_SCHEMA IN ({list}) \
             ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
        ))
        .await
        .map_err(understand)?;
    let mut last = None;
    for (database, table, constraint, column, parent_database, parent, parent_column, on_delete, on_update) in
        rows
    {
        let name = TableName::new(database, table);
        let Some(info) = tables.get_mut(&name) else { continue };
        let Some(place) = info.column(&column) else { continue };
        let changes = |rule: &str| !matches!(rule, "RESTRICT" | "NO ACTION");
        let this = Some((name, constraint));
        if last != this {
            let parent = TableName::new(parent_database, parent);
            let cascades = changes(&on_delete) || changes(&on_update);
            info.parents.push(ForeignKey {
                columns: Vec::new(),
                parent,
                parent_columns: Vec::new(),
                cascades,
            });
            last = this;
        }
        let key = info.parents.last_mut().expect("pushed just now");
        key.columns.push(place);
        key.parent_columns.push(parent_column);
    }
    Ok(())
}
