//! Whether a server can be a target.

use super::findings::{List, first_error};
use super::grants::{Grants, Missing, Scope};
use super::source::need_routines;
use super::{check_version, is_on, variable};
use crate::connect::{Endpoint, Server, quote_text, understand, writable_again};
use crate::fence::is_read_only_for_a_link;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::BTreeSet;
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Selection};

/// Our own schema.
const OURS: &str = "tidegate";
const FOR_ROWS: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX"];
const FOR_OBJECTS: [&str; 7] =
    ["REFERENCES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "TRIGGER", "EVENT"];

/// Refuses what would make writing fail. Of the databases that will be written only those of a link that was begun are
/// known here: see [`check_databases`].
pub(crate) async fn check_target(
    conn: &mut Conn,
    server: Server,
    endpoint: &Endpoint,
    selection: &Selection,
) -> Result<()> {
    first_error(target_findings(conn, server, endpoint, selection).await)
}

/// The same, all of it.
pub(super) async fn target_findings(
    conn: &mut Conn,
    server: Server,
    endpoint: &Endpoint,
    selection: &Selection,
) -> Vec<Finding> {
    let mut list = List::new(FindingSide::Target);
    list.need("TARGET_VERSION", "The target's version is supported", check_version(server, endpoint));
    list.need("TARGET_WRITABLE", "The target can be written", check_writable(conn, endpoint).await);
    let rights = check_rights(conn, server, selection).await.map_err(|error| error.context(endpoint));
    list.need("TARGET_RIGHTS", "The account may write", rights);
    list.findings
}

async fn check_rights(conn: &mut Conn, server: Server, selection: &Selection) -> Result<()> {
    let databases = written_before(conn, selection).await?;
    check_databases(conn, server, &databases).await
}

async fn check_writable(conn: &mut Conn, endpoint: &Endpoint) -> Result<()> {
    for name in ["super_read_only", "read_only", "innodb_read_only", "tx_read_only", "transaction_read_only"]
    {
        if variable(conn, name).await?.is_some_and(|value| is_on(&value)) {
            if name == "read_only" && is_read_only_for_a_link(conn).await {
                continue;
            }
            let remedy = match name {
                "innodb_read_only" => {
                    "restart the target without innodb_read_only, or name the primary".to_owned()
                }
                _ => writable_again(name),
            };
            return Err(
                Error::new(Code::TargetReadOnly, format!("{endpoint} has {name} set")).with_remedy(remedy)
            );
        }
    }
    Ok(())
}

/// The databases that were copied into before; none if no link was begun, or if we may not look.
async fn written_before(conn: &mut Conn, selection: &Selection) -> Result<Vec<String>> {
    let copied = conn.query("SELECT database_name, table_name FROM tidegate.copy").await;
    let copied: Vec<(String, String)> = match copied {
        Ok(copied) => copied,
        Err(mysql_async::Error::Server(error)) if matches!(error.code, 1044 | 1049 | 1142 | 1146) => {
            Vec::new()
        }
        Err(error) => return Err(understand(error)),
    };
    let selected = copied.iter().filter(|(database, table)| selection.selects(database, table));
    let databases: BTreeSet<String> =
        selected.map(|(database, table)| selection.map(database, table).database).collect();
    Ok(databases.into_iter().collect())
}

/// Refuses if the account may not do in the given databases, and in our own, what a target needs.
pub(crate) async fn check_databases(conn: &mut Conn, server: Server, databases: &[String]) -> Result<()> {
    let grants = Grants::read(conn, server).await?;
    let mut missing = Missing::of(&grants);
    let scope = Scope::Database(OURS.to_owned());
    FOR_ROWS.iter().for_each(|right| missing.need(right, &scope));
    for database in databases {
        let scope = Scope::Database(database.clone());
        FOR_ROWS.iter().chain(&FOR_OBJECTS).for_each(|right| missing.need(right, &scope));
    }
    if hides_routines(conn, databases).await? {
        need_routines(server, &mut missing);
    }
    missing.into_result()
}

/// Whether the databases have routines whose text we may not see: it is compared with the source's.
async fn hides_routines(conn: &mut Conn, databases: &[String]) -> Result<bool> {
    if databases.is_empty() {
        return Ok(false);
    }
    let list = databases.iter().map(|name| quote_text(name)).collect::<Vec<_>>().join(", ");
    let question = format!(
        "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_DEFINITION IS NULL AND ROUTINE_SCHEMA IN ({list}) LIMIT 1"
    );
    let hidden: Option<u8> = conn.query_first(question).await.map_err(understand)?;
    Ok(hidden.is_some())
}
