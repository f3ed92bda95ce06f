//! The whole server read-only.
//!
//! On MySQL in two steps: `super_read_only` stops whoever may pass `read_only` too, ourselves included; once nothing is left
//! to bring, `read_only` alone lets us through. MariaDB has the second only.

use super::held;
use crate::catalog;
use crate::check::{Grants, Missing, Scope, enabled_events};
use crate::connect::{Server, understand};
use crate::session::run;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tidegate_model::{Code, Error, Result, Selection};

/// So many names stand in a warning.
const NAMES_MAX: usize = 5;
/// Before this version MariaDB has no right of its own for it.
const MARIADB_OWN_RIGHT: (u16, u16, u16) = (10, 11, 0);

pub(super) async fn is_on(conn: &mut Conn) -> Result<bool> {
    let value: Option<bool> = conn.query_first("SELECT @@GLOBAL.read_only").await.map_err(understand)?;
    Ok(value.unwrap_or_default())
}

/// Whether we may, and what else it would do.
pub(super) async fn offer(
    conn: &mut Conn,
    server: Server,
    selection: &Selection,
) -> Result<(Result<()>, Vec<String>)> {
    let grants = Grants::read(conn, server).await?;
    let mut missing = Missing::of(&grants);
    let all = [("SUPER", Scope::Server)];
    if server.mariadb {
        let others: &[_] = if server.version < MARIADB_OWN_RIGHT { &all } else { &[] };
        missing.need_one(others, ("READ_ONLY ADMIN", Scope::Server));
    } else {
        missing.need_one(&all, ("SYSTEM_VARIABLES_ADMIN", Scope::Server));
        missing.need_one(&all, ("CONNECTION_ADMIN", Scope::Server));
        // No other right shows what is prepared.
        missing.need_one(&[], ("XA_RECOVER_ADMIN", Scope::Server));
    }
    let mut warnings = Vec::new();
    let mut others = catalog::databases(conn).await?;
    others.retain(|database| !selection.touches_database(database));
    if !others.is_empty() {
        warnings.push(format!("it would close other databases of this server too: {}", listed(&others)));
    }
    let events = running_events(conn, selection).await?;
    if !events.is_empty() {
        warnings.push(format!("events that run there may pass it: {}", listed(&events)));
    }
    let passing = passing_accounts(conn).await?;
    if !passing.is_empty() {
        warnings.push(format!("accounts that may pass it: {}", listed(&passing)));
    }
    Ok((missing.into_result(), warnings))
}

/// Accounts with a right to write to a read-only server, as far as we may see them; without our own, the server's own, and
/// root, which no application should use.
async fn passing_accounts(conn: &mut Conn) -> Result<Vec<String>> {
    let question = "SELECT DISTINCT GRANTEE FROM information_schema.USER_PRIVILEGES \
         WHERE PRIVILEGE_TYPE IN ('SUPER', 'CONNECTION_ADMIN', 'READ_ONLY ADMIN') \
         AND GRANTEE NOT LIKE '\\'root\\'@%' AND GRANTEE NOT LIKE '\\'mysql.%' AND GRANTEE NOT LIKE '\\'mariadb.%' \
         AND GRANTEE <> CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))";
    conn.query(question).await.map_err(understand)
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMES_MAX);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

async fn running_events(conn: &mut Conn, selection: &Selection) -> Result<Vec<String>> {
    let scheduler: Option<String> =
        conn.query_first("SELECT @@GLOBAL.event_scheduler").await.map_err(understand)?;
    if scheduler.is_none_or(|scheduler| scheduler != "ON") {
        return Ok(Vec::new());
    }
    let mut running = enabled_events(conn).await?;
    running.retain(|event| selection.touches_database(&event.database));
    Ok(running.iter().map(ToString::to_string).collect())
}

/// `admitted`: this link or another writes already, and it stays so.
pub(super) async fn close(conn: &mut Conn, server: Server, admitted: bool) -> Result<()> {
    let statements: &[&str] = match (server.mariadb, admitted) {
        (true, _) => &["SET GLOBAL read_only = 1"],
        // A restart must not open it.
        (false, true) => &["SET PERSIST read_only = 1"],
        (false, false) => &["SET PERSIST read_only = 1", "SET GLOBAL super_read_only = 1"],
    };
    for statement in statements {
        run(conn, statement).await.map_err(|error| match error.code() {
            Code::ConnectionLost | Code::MissingGrant => error,
            _ => held(error, "the server could not be made read-only"),
        })?;
    }
    Ok(())
}

/// What was prepared before could be committed although the server is read-only.
pub(super) async fn refuse_prepared(conn: &mut Conn) -> Result<()> {
    let prepared: Vec<Row> = conn.query("XA RECOVER").await.map_err(understand)?;
    if prepared.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{} XA transactions are prepared: they could be committed although the server is read-only",
        prepared.len()
    );
    Err(Error::new(Code::NotAllowed, what)
        .with_remedy("XA RECOVER shows them; XA COMMIT or XA ROLLBACK each, then ask again"))
}

pub(super) async fn admit(conn: &mut Conn, server: Server) -> Result<()> {
    if server.mariadb {
        return Ok(());
    }
    // This turns read_only off nowhere: it was set by itself.
    run(conn, "SET GLOBAL super_read_only = 0").await.map(|_| ())
}

/// What makes the server as it was.
pub(super) fn removal(server: Server, was_read_only: bool) -> Vec<String> {
    let statements: &[&str] = match (server.mariadb, was_read_only) {
        (true, true) => &[],
        (true, false) => &["SET GLOBAL read_only = 0"],
        (false, true) => &["SET GLOBAL super_read_only = 0"],
        (false, false) => &[
            "SET GLOBAL super_read_only = 0",
            "SET GLOBAL read_only = 0",
            "RESET PERSIST IF EXISTS read_only",
        ],
    };
    statements.iter().map(|statement| (*statement).to_owned()).collect()
}
