//! Reading definitions.

use super::detail::{
    AFTER, COLLATION, COLUMNS, DATABASE_COLLATION, Detail, EVENT, GUARDED, KIND, NEXT, ROUND, SQL_MODE,
    TABLE, TIME_ZONE,
};
use super::shape::shaped;
use super::text::printed;
use super::{foreign, guard, normal, session};
use crate::catalog;
use crate::connect::{Server, quote, quote_text, understand};
use crate::fence::NOT_OURS;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use std::collections::{BTreeMap, HashMap};
use tidegate_model::{Code, Definition, Error, Result, Selection, Stage, TableName};

/// The definitions of everything selected, in the order in which it can be made. Routines and events count as selected
/// by their own names, triggers by their table's.
pub(crate) async fn read(conn: &mut Conn, server: Server, selection: &Selection) -> Result<Vec<Definition>> {
    let wanted = Wanted {
        database: &|database| selection.touches_database(database),
        whole: &|database| selection.selects_database(database),
        object: &|database, name| selection.selects(database, name),
    };
    let mut found = read_wanted(conn, server, &wanted).await?;
    for definition in found.iter_mut().filter(|definition| definition.stage == Stage::Table) {
        definition.text = shaped(&definition.text, &definition.name, selection)?;
    }
    // What a trigger says may need columns that are not there.
    found.retain(|definition| {
        let table = Detail::of(definition).get(TABLE).to_owned();
        let rule = selection.rule(&definition.name.database, &table);
        definition.stage != Stage::Trigger || rule.is_none_or(|rule| rule.columns.are_all())
    });
    Ok(found)
}

/// Which definitions to read.
pub(super) struct Wanted<'a> {
    /// Databases worth a look.
    pub(super) database: &'a (dyn Fn(&str) -> bool + Sync),
    /// Databases that are wanted even if nothing in them is.
    pub(super) whole: &'a (dyn Fn(&str) -> bool + Sync),
    pub(super) object: &'a (dyn Fn(&str, &str) -> bool + Sync),
}

pub(super) async fn read_wanted(
    conn: &mut Conn,
    server: Server,
    wanted: &Wanted<'_>,
) -> Result<Vec<Definition>> {
    session::for_reading(conn, server).await?;
    let mut reader = Reader { conn, server, wanted, collations: HashMap::new(), found: Vec::new() };
    reader.collations = reader.default_collations().await?;
    let mut databases = catalog::databases(reader.conn).await?;
    databases.retain(|name| (wanted.database)(name));
    databases.sort();
    for database in databases {
        let before = reader.found.len();
        reader.tables(&database).await?;
        reader.routines(&database).await?;
        reader.triggers(&database).await?;
        reader.events(&database).await?;
        if reader.found.len() > before || (wanted.whole)(&database) {
            reader.database(&database).await?;
        }
    }
    let mut found = reader.found;
    found.sort_by_key(|definition| definition.stage);
    Ok(found)
}

struct Reader<'a> {
    conn: &'a mut Conn,
    server: Server,
    wanted: &'a Wanted<'a>,
    /// Each character set's collation when none is said.
    collations: HashMap<String, String>,
    found: Vec<Definition>,
}

impl Reader<'_> {
    fn push(&mut self, stage: Stage, database: &str, name: &str, text: String, detail: Detail) {
        let name = TableName::new(database, name);
        self.found.push(Definition { stage, name, text, detail: detail.to_text() });
    }

    async fn default_collations(&mut self) -> Result<HashMap<String, String>> {
        let question =
            "SELECT CHARACTER_SET_NAME, DEFAULT_COLLATE_NAME FROM information_schema.CHARACTER_SETS";
        let rows: Vec<(String, String)> = self.conn.query(question).await.map_err(understand)?;
        Ok(rows.into_iter().collect())
    }

    async fn database(&mut self, database: &str) -> Result<()> {
        let Some(row) = self.show(&format!("SHOW CREATE DATABASE {}", quote(database))).await? else {
            return Ok(());
        };
        let printed = column(&row, 1).unwrap_or_default();
        let question = format!(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA \
             WHERE SCHEMA_NAME = {}",
            quote_text(database)
        );
        let row: Option<(String, String)> = self.conn.query_first(question).await.map_err(understand)?;
        let Some((charset, collation)) = row else { return Ok(()) };
        let mut text = format!(
            "CREATE DATABASE {} DEFAULT CHARACTER SET {charset} COLLATE {collation}",
            quote(database)
        );
        if printed.contains("DEFAULT ENCRYPTION='Y'") {
            text.push_str(" ENCRYPTION 'Y'");
        }
        let detail = Detail::from_server(self.server);
        self.push(Stage::Database, database, "", text, detail);
        Ok(())
    }

    /// Tables, views and sequences: they share one space of names.
    async fn tables(&mut self, database: &str) -> Result<()> {
        let question = format!(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} ORDER BY TABLE_NAME",
            quote_text(database)
        );
        let mut rows: Vec<(String, String)> = self.conn.query(question).await.map_err(understand)?;
        rows.retain(|row| (self.wanted.object)(database, &row.0));
        let columns = self.view_columns(database, rows.iter().any(|row| row.1 == "VIEW")).await?;
        for (name, kind) in rows {
            match kind.as_str() {
                "BASE TABLE" | "SYSTEM VERSIONED" => self.table(database, &name).await?,
                "VIEW" => self.view(database, &name, columns.get(&name)).await?,
                "SEQUENCE" => self.sequence(database, &name).await?,
                _ => {}
            }
        }
        Ok(())
    }

    async fn table(&mut self, database: &str, name: &str) -> Result<()> {
        let question = format!("SHOW CREATE TABLE {}.{}", quote(database), quote(name));
        let Some(row) = self.show(&question).await? else { return Ok(()) };
        let mut text = required(&row, 1, "table", database, name)?;
        if self.server.mariadb {
            text = foreign::repaired(self.conn, database, name, text).await?;
        }
        let text = normal::explicit(&text, &self.collations);
        let detail = Detail::from_server(self.server);
        self.push(Stage::Table, database, name, text, detail);
        Ok(())
    }

    async fn sequence(&mut self, database: &str, name: &str) -> Result<()> {
        let full = format!("{}.{}", quote(database), quote(name));
        let Some(row) = self.show(&format!("SHOW CREATE SEQUENCE {full}")).await? else { return Ok(()) };
        let text = required(&row, 1, "sequence", database, name)?;
        let question =
            format!("SELECT CAST(next_not_cached_value AS CHAR), CAST(cycle_count AS CHAR) FROM {full}");
        let state: Option<(String, String)> = self
            .conn
            .query_first(question)
            .await
            .map_err(|error| understand(error).context(format!("{database}.{name}")))?;
        let (next, round) = state.unwrap_or_default();
        let detail = Detail::from_server(self.server).with(NEXT, next).with(ROUND, round);
        self.push(Stage::Sequence, database, name, text, detail);
        Ok(())
    }

    async fn view_columns(&mut self, database: &str, any: bool) -> Result<HashMap<String, String>> {
        let mut columns = HashMap::<String, String>::new();
        if !any {
            return Ok(columns);
        }
        let question = format!(
            "SELECT c.TABLE_NAME, c.COLUMN_NAME FROM information_schema.COLUMNS c JOIN information_schema.TABLES t \
             ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME WHERE c.TABLE_SCHEMA = {} \
             AND t.TABLE_SCHEMA = {} AND t.TABLE_TYPE = 'VIEW' ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION",
            quote_text(database),
            quote_text(database)
        );
        let rows: Vec<(String, String)> = self.conn.query(question).await.map_err(understand)?;
        for (view, column) in rows {
            let list = columns.entry(view).or_default();
            list.push_str(if list.is_empty() { "" } else { ", " });
            list.push_str(&quote(&column));
        }
        Ok(columns)
    }

    async fn view(&mut self, database: &str, name: &str, columns: Option<&String>) -> Result<()> {
        let question = format!("SHOW CREATE VIEW {}.{}", quote(database), quote(name));
        let Some(row) = self.show(&question).await? else { return Ok(()) };
        let text = required(&row, 1, "view", database, name)?;
        let detail = Detail::from_server(self.server)
            .with(COLLATION, column(&row, 3).unwrap_or_default())
            .with(COLUMNS, columns.cloned().unwrap_or_default());
        self.push(Stage::View, database, name, text, detail);
        Ok(())
    }

    async fn routines(&mut self, database: &str) -> Result<()> {
        let question = format!(
            "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {} \
             ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
            quote_text(database)
        );
        let rows: Vec<(String, String)> = self.conn.query(question).await.map_err(understand)?;
        for (name, kind) in rows.into_iter().filter(|row| (self.wanted.object)(database, &row.0)) {
            let kind = kind.to_lowercase();
            if !matches!(kind.as_str(), "procedure" | "function" | "package" | "package body") {
                continue;
            }
            let question = format!("SHOW CREATE {kind} {}.{}", quote(database), quote(&name));
            let Some(row) = self.show(&question).await? else { continue };
            let text = required(&row, 2, &kind, database, &name)?;
            let detail = Detail::from_server(self.server)
                .with(KIND, kind)
                .with(SQL_MODE, column(&row, 1).unwrap_or_default())
                .with(COLLATION, column(&row, 4).unwrap_or_default())
                .with(DATABASE_COLLATION, column(&row, 5).unwrap_or_default());
            self.push(Stage::Routine, database, &name, text, detail);
        }
        Ok(())
    }

    /// Built from the parts that the server knows: only these tell in which order the triggers of a table run.
    async fn triggers(&mut self, database: &str) -> Result<()> {
        let question = format!(
            "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, LOWER(CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION)), \
             ACTION_STATEMENT, DEFINER, SQL_MODE, COLLATION_CONNECTION, DATABASE_COLLATION \
             FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} AND {NOT_OURS} \
             ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER",
            quote_text(database)
        );
        let rows: Vec<Row> = self.conn.query(question).await.map_err(understand)?;
        let mut last = BTreeMap::<(String, String), String>::new();
        for row in rows {
            let cell = |at| column(&row, at).unwrap_or_default();
            let (name, table, event, body) = (cell(0), cell(1), cell(2), cell(3));
            if !(self.wanted.object)(database, &table) {
                continue;
            }
            let after = last.insert((table.clone(), event.clone()), name.clone()).unwrap_or_default();
            let inner = guard::unguarded(&body);
            let (user, host) =
                cell(4).rsplit_once('@').map(|(user, host)| (quote(user), quote(host))).unwrap_or_default();
            let definer = if host == "``" { user } else { format!("{user}@{host}") };
            let text = format!(
                "CREATE DEFINER={definer} TRIGGER {db}.{} {} ON {db}.{} FOR EACH ROW {}",
                quote(&name),
                event.to_uppercase(),
                quote(&table),
                inner.unwrap_or(&body),
                db = quote(database),
            );
            let detail = Detail::from_server(self.server)
                .with(TABLE, table)
                .with(EVENT, event)
                .with(AFTER, after)
                .with(GUARDED, if inner.is_some() { "1" } else { "0" })
                .with(SQL_MODE, cell(5))
                .with(COLLATION, cell(6))
                .with(DATABASE_COLLATION, cell(7));
            self.push(Stage::Trigger, database, &name, text, detail);
        }
        Ok(())
    }

    async fn events(&mut self, database: &str) -> Result<()> {
        let question = format!(
            "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {} ORDER BY EVENT_NAME",
            quote_text(database)
        );
        let names: Vec<String> = self.conn.query(question).await.map_err(understand)?;
        for name in names.into_iter().filter(|name| (self.wanted.object)(database, name)) {
            let question = format!("SHOW CREATE EVENT {}.{}", quote(database), quote(&name));
            let Some(row) = self.show(&question).await? else { continue };
            let text = required(&row, 3, "event", database, &name)?;
            let detail = Detail::from_server(self.server)
                .with(SQL_MODE, column(&row, 1).unwrap_or_default())
                .with(TIME_ZONE, column(&row, 2).unwrap_or_default())
                .with(COLLATION, column(&row, 5).unwrap_or_default())
                .with(DATABASE_COLLATION, column(&row, 6).unwrap_or_default());
            self.push(Stage::Event, database, &name, text, detail);
        }
        Ok(())
    }

    /// `None` if the object has gone since it was listed.
    async fn show(&mut self, question: &str) -> Result<Option<Row>> {
        match self.conn.query_first(question).await {
            Ok(row) => Ok(row),
            Err(mysql_async::Error::Server(error))
                if matches!(error.code, 1049 | 1146 | 1305 | 1360 | 1539 | 4091) =>
            {
                Ok(None)
            }
            Err(error) => Err(understand(error).context(question)),
        }
    }
}

/// A cell as text; `None` for NULL.
fn column(row: &Row, at: usize) -> Option<String> {
    match row.as_ref(at)? {
        mysql_async::Value::Bytes(bytes) => Some(printed(bytes.clone())),
        _ => None,
    }
}

/// The statement in a SHOW CREATE. The server leaves it out for accounts that may not see it.
fn required(row: &Row, at: usize, kind: &str, database: &str, name: &str) -> Result<String> {
    column(row, at).ok_or_else(|| {
        let what = format!("{kind} {database}.{name}: the account may not see its definition");
        Error::new(Code::MissingGrant, what).with_remedy(
            "GRANT SELECT ON mysql.proc (MariaDB, MySQL 5.7) or GRANT SHOW_ROUTINE ON *.* (MySQL 8.0 and later) to the \
             source's account",
        )
    })
}
