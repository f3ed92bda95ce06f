//! What a server has, for somebody who chooses.

use crate::catalog::{self, OWN_SCHEMAS};
use crate::connect::{Endpoint, question_setup, quote_text, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Result, TableName};

/// A table as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTable {
    pub name: TableName,
    pub rows_estimated: u64,
    pub bytes_estimated: u64,
    /// Whether it has a key, and its columns with their types; only where one database was asked for.
    pub detail: Option<(bool, Vec<(String, String)>)>,
}

impl Endpoint {
    /// All tables, by name; of one database with their columns.
    pub async fn tree(&self, database: Option<&str>) -> Result<Vec<FoundTable>> {
        let mut conn = self.connect(&question_setup()).await?;
        match database {
            None => all(&mut conn).await,
            Some(database) => one(&mut conn, database).await,
        }
    }
}

async fn all(conn: &mut Conn) -> Result<Vec<FoundTable>> {
    let own = OWN_SCHEMAS.map(quote_text).join(", ");
    let question = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES \
         WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ({own}) ORDER BY 1, 2"
    );
    let rows: Vec<(String, String, Option<u64>, Option<u64>)> =
        conn.query(question).await.map_err(understand)?;
    let found = rows.into_iter().map(|(database, table, rows, bytes)| FoundTable {
        name: TableName::new(database, table),
        rows_estimated: rows.unwrap_or(0),
        bytes_estimated: bytes.unwrap_or(0),
        detail: None,
    });
    Ok(found.collect())
}

async fn one(conn: &mut Conn, database: &str) -> Result<Vec<FoundTable>> {
    let databases = catalog::databases(conn).await?;
    let databases: Vec<String> = databases.into_iter().filter(|name| name == database).collect();
    let mut found = catalog::read(conn, &databases, &|_, _| true).await?;
    found.sort_by(|one, two| one.name.cmp(&two.name));
    let found = found.into_iter().map(|table| FoundTable {
        rows_estimated: table.rows_estimated,
        bytes_estimated: table.bytes_estimated,
        detail: Some((
            table.key().is_some(),
            table.columns.into_iter().map(|column| (column.name, column.data_type)).collect(),
        )),
        name: table.name,
    });
    Ok(found.collect())
}
