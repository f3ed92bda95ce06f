//! The journal of schema changes: what is about to run, with a fingerprint of all that it can change. After a crash the
//! fingerprint tells whether it ran.

use crate::connect::{hex, quote, quote_text, understand};
use crate::ddl::{self, Kind, Role, ScanError, Scanned};
use crate::session::{hash_of, run};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tidegate_model::{Error, InstanceName, Result, Retry, TableName};

/// What a schema change touches, as the target calls it.
pub(crate) struct Touched {
    pub(crate) tables: Vec<TableName>,
    /// Tables that give their rows away and keep everything else.
    pub(crate) emptied: Vec<TableName>,
    pub(crate) databases: Vec<String>,
    /// Of a RENAME: the table of ours that it renames too.
    pub(crate) token: Option<Token>,
}

/// Tables that change places look the same before and after. So a RENAME takes an empty table of ours along: servers
/// carry the statement out as a whole or not at all.
pub(crate) struct Token {
    before: TableName,
    after: TableName,
}

impl Token {
    pub(crate) fn new(instance: &InstanceName) -> Self {
        let name = |word: &str| {
            TableName::new("tidegate", format!("{word}_{:016x}", hash_of(instance.as_str().as_bytes())))
        };
        Self { before: name("renaming"), after: name("renamed") }
    }

    /// The statement with the table of ours in front of all others.
    pub(crate) fn put_into(
        &self,
        statement: &[u8],
        options: &ddl::Options<'_>,
    ) -> Result<Vec<u8>, ScanError> {
        let scanned = ddl::scan(statement, options)?;
        let first = scanned.tables.first().map_or(statement.len(), |name| {
            let start = name.database_span.as_ref().map_or(name.table_span.start, |span| span.start);
            name.leading_dot.unwrap_or(start)
        });
        // Names that need no quoting, because the statement decides what quotes are.
        let ours = format!("{} TO {}, ", self.before, self.after);
        Ok([&statement[..first], ours.as_bytes(), &statement[first..]].concat())
    }

    async fn make(&self, conn: &mut Conn) -> Result<()> {
        self.drop(conn).await?;
        run(conn, &format!("CREATE TABLE {} (id INT PRIMARY KEY) ENGINE=InnoDB", self.before))
            .await
            .map(|_| ())
    }

    pub(crate) async fn drop(&self, conn: &mut Conn) -> Result<()> {
        run(conn, &self.drop_statement()).await.map(|_| ())
    }

    pub(crate) fn drop_statement(&self) -> String {
        format!("DROP TABLE IF EXISTS {}, {}", self.before, self.after)
    }
}

impl Touched {
    /// Names are mapped by `table` (`None` if it takes no part) and `database`.
    pub(crate) fn of(
        scanned: &Scanned,
        instance: &InstanceName,
        table: &dyn Fn(&str, &str) -> Option<TableName>,
        database: &dyn Fn(&str) -> String,
    ) -> Self {
        let names = |wanted: &dyn Fn(Role) -> bool| {
            let names = scanned.tables.iter().filter(|name| wanted(name.role));
            names.filter_map(|name| table(scanned.database_of(name)?, &name.table)).collect()
        };
        Self {
            tables: names(&|_| true),
            emptied: names(&|role| role == Role::Exchange),
            databases: scanned.databases.iter().map(|one| database(&one.name)).collect(),
            token: (scanned.kind == Kind::RenameTable).then(|| Token::new(instance)),
        }
    }

    /// Everything about the objects that a schema change can change, as text.
    async fn fingerprint(&self, conn: &mut Conn) -> Result<String> {
        let mut text = String::new();
        for name in self.tables.iter().chain(self.token.iter().map(|token| &token.before)) {
            describe(conn, name, &mut text).await?;
        }
        for name in &self.emptied {
            let sum: Option<(String, Option<u64>)> =
                conn.query_first(format!("CHECKSUM TABLE {}", full(name))).await.map_err(understand)?;
            text.push_str(&format!("rows of {name}: {:?}\n", sum.and_then(|(_, sum)| sum)));
        }
        for name in &self.databases {
            let question = format!(
                "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = _utf8mb4{}",
                quote_text(name)
            );
            let found: Option<String> = conn.query_first(question).await.map_err(understand)?;
            text.push_str(&format!("database {name}: {}\n", found.is_some()));
        }
        Ok(text)
    }
}

fn full(name: &TableName) -> String {
    format!("{}.{}", quote(&name.database), quote(&name.table))
}

async fn describe(conn: &mut Conn, name: &TableName, text: &mut String) -> Result<()> {
    text.push_str(&full(name));
    let shown: Result<Option<Row>, Error> =
        conn.query_first(format!("SHOW CREATE TABLE {}", full(name))).await.map_err(understand);
    match shown {
        Ok(row) => text.push_str(&row.and_then(|row| row.get::<String, _>(1)).unwrap_or_default()),
        Err(error) if error.retry() == Retry::Auto => return Err(error),
        Err(_) => text.push_str(" is absent"),
    }
    let question = format!(
        "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = _utf8mb4{} \
         AND TABLE_NAME = _utf8mb4{}",
        quote_text(&name.database),
        quote_text(&name.table)
    );
    let made: Option<Option<String>> = conn.query_first(question).await.map_err(understand)?;
    text.push_str(&format!("; made {}\n", made.flatten().unwrap_or_default()));
    Ok(())
}

/// The fingerprint of a statement that the server has refused: it has changed nothing, whatever changes until the next
/// try.
const REFUSED: &str = "refused";

/// What an earlier try may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing.
    New,
    /// It was sent, and nothing shows that it was carried out.
    Begun,
    Ran,
}

/// Writes that the statement of the transaction `seq` is about to run, and answers what became of it before.
pub(crate) async fn begin(
    conn: &mut Conn,
    instance: &InstanceName,
    seq: u64,
    statement: &[u8],
    touched: &Touched,
) -> Result<Before> {
    let question =
        format!("SELECT fingerprint FROM tidegate.ddl WHERE instance = '{instance}' AND seq = {seq}");
    let before: Option<String> = conn.query_first(question).await.map_err(understand)?;
    if let Some(before) = before.filter(|before| before != REFUSED) {
        let has_run = before != touched.fingerprint(conn).await?;
        return Ok(if has_run { Before::Ran } else { Before::Begun });
    }
    if let Some(token) = &touched.token {
        token.make(conn).await?;
    }
    let now = quote_text(&touched.fingerprint(conn).await?);
    let entry =
        format!("REPLACE INTO tidegate.ddl VALUES ('{instance}', {seq}, {}, _utf8mb4{now})", hex(statement));
    run(conn, &entry).await.map(|_| Before::New)
}

/// The server has refused the statement.
pub(crate) async fn refuse(conn: &mut Conn, instance: &InstanceName, seq: u64) -> Result<()> {
    let statement = format!(
        "UPDATE tidegate.ddl SET fingerprint = '{REFUSED}' WHERE instance = '{instance}' AND seq = {seq}"
    );
    run(conn, &statement).await.map(|_| ())
}

/// The statement that takes the entry out, in the transaction of the checkpoint after it.
pub(crate) fn end_statement(instance: &InstanceName, seq: u64) -> String {
    format!("DELETE FROM tidegate.ddl WHERE instance = '{instance}' AND seq = {seq}")
}
