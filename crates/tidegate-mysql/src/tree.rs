//! What a server has, for somebody who chooses.

use crate::catalog::{self, OWN_SCHEMAS};
use crate::connect::{Endpoint, Server, question_setup, quote_text, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{FoundTable, Result, TableName};

impl Endpoint {
    /// What answers here: `MySQL 9.7.4`.
    pub(crate) async fn version_text(&self) -> Result<String> {
        let mut conn = self.connect(&question_setup()).await?;
        let Server { mariadb, version: (major, minor, patch) } = Server::of(&mut conn).await?;
        let family = if mariadb { "MariaDB" } else { "MySQL" };
        Ok(format!("{family} {major}.{minor}.{patch}"))
    }

    /// All tables, by name; of one database with their columns.
    pub(crate) async fn find_tables(&self, database: Option<&str>) -> Result<Vec<FoundTable>> {
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
