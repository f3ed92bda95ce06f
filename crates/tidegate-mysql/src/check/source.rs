//! Whether a server can be a source.

use super::findings::{List, first_error};
use super::grants::{Grants, Missing, Scope};
use super::rules::look_at_rules;
use super::{check_version, is_on, variable};
use crate::cascade;
use crate::catalog;
use crate::connect::{Endpoint, Server, understand};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Selection, TableName};

/// A name that no pattern but one for everything fits.
const ANY_DATABASE: &str = "\u{1}any";

/// Refuses what would make the link lose something: log off or in the wrong form, missing rights, an old version.
/// Without a selection, rights on databases are not asked for.
pub(crate) async fn check_source(
    conn: &mut Conn,
    server: Server,
    endpoint: &Endpoint,
    selection: Option<&Selection>,
) -> Result<()> {
    first_error(source_findings(conn, server, endpoint, selection).await)
}

/// The same, all of it.
pub(super) async fn source_findings(
    conn: &mut Conn,
    server: Server,
    endpoint: &Endpoint,
    selection: Option<&Selection>,
) -> Vec<Finding> {
    let mut list = List::new(FindingSide::Source);
    list.need("SOURCE_VERSION", "The source's version is supported", check_version(server, endpoint));
    list.need("BINLOG", "The source writes a binary log", check_log(conn, endpoint).await);
    list.need("SERVER_ID", "The source sends its log", check_server_id(conn, endpoint).await);
    list.need("BINLOG_FORMAT", "The log holds rows", check_format(conn, endpoint).await);
    list.need("ROW_IMAGE", "The log holds whole rows", check_image(conn, endpoint).await);
    let rights = "The account may read";
    let status = match log_status(conn, server).await {
        Ok(status) => status,
        Err(error) => {
            list.need("SOURCE_RIGHTS", rights, Err(error));
            return list.findings;
        }
    };
    let may_ask = status.is_some();
    list.need("SOURCE_RIGHTS", rights, check_rights(conn, server, endpoint, selection, may_ask).await);
    if let (Some(selection), Some(status)) = (selection, status.flatten()) {
        let filters = check_filters(conn, endpoint, selection, &status).await;
        list.need("BINLOG_FILTER", "The log has the selected databases", filters);
    }
    if let Some(selection) = selection.filter(|selection| !selection.rules().is_empty()) {
        let rules = look_at_rules(conn, server, selection).await;
        list.need("RULES", "The tables can be carried over as their rules say", rules);
    }
    list.findings
}

async fn check_rights(
    conn: &mut Conn,
    server: Server,
    endpoint: &Endpoint,
    selection: Option<&Selection>,
    may_ask_status: bool,
) -> Result<()> {
    let grants = Grants::read(conn, server).await?;
    let mut missing = Missing::of(&grants);
    if !may_ask_status {
        let right = if server.mariadb { "BINLOG MONITOR" } else { "REPLICATION CLIENT" };
        missing.lack(right, &Scope::Server);
    }
    missing.need("REPLICATION SLAVE", &Scope::Server);
    if let Some(selection) = selection {
        need_reading(conn, server, selection, &mut missing).await?;
    }
    missing.into_result().map_err(|error| error.context(endpoint))
}

async fn check_log(conn: &mut Conn, endpoint: &Endpoint) -> Result<()> {
    if variable(conn, "log_bin").await?.is_some_and(|value| is_on(&value)) {
        return Ok(());
    }
    Err(Error::new(Code::LogOff, format!("{endpoint} runs without a binary log")))
}

async fn check_server_id(conn: &mut Conn, endpoint: &Endpoint) -> Result<()> {
    if variable(conn, "server_id").await?.is_none_or(|value| value != "0") {
        return Ok(());
    }
    let what = format!("{endpoint} has server_id 0 and sends its log to nobody");
    let remedy = "SET GLOBAL server_id = 1, or another number that no other server near it has";
    Err(Error::new(Code::LogOff, what).with_remedy(remedy))
}

async fn check_format(conn: &mut Conn, endpoint: &Endpoint) -> Result<()> {
    match variable(conn, "binlog_format").await?.filter(|value| !value.eq_ignore_ascii_case("ROW")) {
        None => Ok(()),
        Some(format) => Err(Error::new(Code::LogFormat, format!("{endpoint} has binlog_format={format}"))),
    }
}

async fn check_image(conn: &mut Conn, endpoint: &Endpoint) -> Result<()> {
    match variable(conn, "binlog_row_image").await?.filter(|value| !value.eq_ignore_ascii_case("FULL")) {
        None => Ok(()),
        Some(image) => Err(Error::new(Code::RowImage, format!("{endpoint} has binlog_row_image={image}"))),
    }
}

/// Where the log ends, with its filters; `None` if the account may not ask, `Some(None)` if the server has no answer.
async fn log_status(conn: &mut Conn, server: Server) -> Result<Option<Option<Row>>> {
    let new = server.is_mysql_from((8, 2, 0));
    let question = if new { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" };
    match conn.query_first(question).await {
        Ok(row) => Ok(Some(row)),
        Err(mysql_async::Error::Server(error)) if error.code == 1227 => Ok(None),
        Err(error) => Err(understand(error)),
    }
}

/// A database that the server does not log.
async fn check_filters(
    conn: &mut Conn,
    endpoint: &Endpoint,
    selection: &Selection,
    status: &Row,
) -> Result<()> {
    let list = |at: usize| {
        let text: Option<String> = status.get_opt(at).and_then(|value| value.ok()).flatten();
        let names: Vec<String> =
            text.unwrap_or_default().split(',').map(|name| name.trim().to_owned()).collect();
        names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>()
    };
    let (logged, ignored) = (list(2), list(3));
    let unlogged = |name: &String| {
        (!logged.is_empty() && !logged.contains(name)) || (logged.is_empty() && ignored.contains(name))
    };
    let databases = catalog::databases(conn).await?;
    match databases.iter().find(|name| selection.touches_database(name) && unlogged(name)) {
        None => Ok(()),
        Some(name) => {
            let option = if logged.is_empty() { "binlog_ignore_db" } else { "binlog_do_db" };
            let error =
                Error::new(Code::LogOff, format!("{endpoint} does not log database {name} ({option})"));
            Err(error.with_remedy(format!(
                "take {option} out of the server's configuration and restart it, or --exclude '{name}.*'"
            )))
        }
    }
}

/// What is not visible to the account would be left out silently: so rights are needed on whole databases where these
/// are selected, and on the server if everything is.
async fn need_reading(
    conn: &mut Conn,
    server: Server,
    selection: &Selection,
    missing: &mut Missing<'_>,
) -> Result<()> {
    need_routines(server, missing);
    if selection.selects_database(ANY_DATABASE) {
        for right in ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"] {
            missing.need(right, &Scope::Server);
        }
    }
    let mut databases = catalog::databases(conn).await?;
    databases.retain(|name| selection.touches_database(name));
    let tables =
        catalog::read(conn, &databases, &|database, table| selection.selects(database, table)).await?;
    let groups = cascade::groups_of(conn, server, &tables).await?;
    for database in databases {
        let whole = Scope::Database(database.clone());
        if selection.selects_database(&database) && !selection.selects_database(ANY_DATABASE) {
            for right in ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"] {
                missing.need(right, &whole);
            }
        }
        for table in tables.iter().filter(|table| table.name.database == database) {
            if !selection.selects_database(&database) {
                need_table(&table.name, missing);
            }
            if table.key().is_none() || groups.contains_key(&table.name) {
                // Copied from a short lock.
                missing.need("LOCK TABLES", &whole);
            }
        }
    }
    Ok(())
}

fn need_table(name: &TableName, missing: &mut Missing<'_>) {
    for right in ["SELECT", "TRIGGER"] {
        missing.need(right, &Scope::Table(name.clone()));
    }
}

/// The text of somebody else's routines has a right of its own.
pub(super) fn need_routines(server: Server, missing: &mut Missing<'_>) {
    if server.is_mysql_from((8, 0, 20)) {
        missing.need_one(&[("SELECT", Scope::Server)], ("SHOW_ROUTINE", Scope::Server));
    } else {
        let whole = [("SELECT", Scope::Server), ("SELECT", Scope::Database("mysql".to_owned()))];
        missing.need_one(&whole, ("SELECT", Scope::Table(TableName::new("mysql", "proc"))));
    }
}
