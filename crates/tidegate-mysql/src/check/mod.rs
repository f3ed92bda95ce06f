//! Whether a server can be a source or a target: version, settings, rights. Asks every time, changes nothing, and says
//! what to change.

mod findings;
mod grants;
mod marks;
mod programs;
mod rules;
mod source;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use findings::log_kept_for;
pub(crate) use findings::look;
pub(crate) use grants::{Grants, Missing, Scope};
pub(crate) use marks::check_marks;
pub(crate) use programs::enabled_events;
pub(crate) use rules::{check_rules, read_rules};
pub(crate) use source::check_source;
pub(crate) use target::{check_databases, check_target};

use crate::connect::{Endpoint, Server, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Code, Error, Result};

const MYSQL_FIRST: (u16, u16, u16) = (5, 7, 0);
const MARIADB_FIRST: (u16, u16, u16) = (10, 5, 0);

/// Text that stays the same for this server over restarts, and differs for every other server.
pub(crate) async fn server_identity(conn: &mut Conn, server: Server) -> Result<String> {
    let name = if server.mariadb { "server_uid" } else { "server_uuid" };
    if let Some(value) = variable(conn, name).await?.filter(|value| !value.is_empty()) {
        return Ok(value);
    }
    // MariaDB before 10.6 has no name for itself. These do not change while the server stays where it is.
    let mut parts = Vec::new();
    for name in ["hostname", "port", "datadir", "server_id"] {
        parts.push(variable(conn, name).await?.unwrap_or_default());
    }
    Ok(parts.join("|"))
}

/// Whether the server takes `LOAD DATA LOCAL`.
pub(crate) async fn can_load_local(conn: &mut Conn) -> Result<bool> {
    Ok(variable(conn, "local_infile").await?.is_some_and(|value| is_on(&value)))
}

/// The account that we are logged in with, as a GRANT names it.
pub(crate) async fn current_account(conn: &mut Conn) -> Result<String> {
    let account: Option<String> = conn.query_first("SELECT CURRENT_USER()").await.map_err(understand)?;
    let account = account.unwrap_or_default();
    let (user, host) = account.rsplit_once('@').unwrap_or((&account, "%"));
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    Ok(format!("{}@{}", quoted(user), quoted(host)))
}

/// A global variable's value; `None` if the server has no such variable.
async fn variable(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    let row: Result<Option<Option<String>>, _> =
        conn.query_first(format!("SELECT CAST(@@GLOBAL.{name} AS CHAR)")).await;
    match row {
        Ok(value) => Ok(value.flatten()),
        Err(mysql_async::Error::Server(error)) if error.code == 1193 => Ok(None),
        Err(error) => Err(understand(error)),
    }
}

fn is_on(value: &str) -> bool {
    !matches!(value.to_ascii_uppercase().as_str(), "0" | "OFF" | "")
}

fn check_version(server: Server, endpoint: &Endpoint) -> Result<()> {
    let (name, first) = if server.mariadb { ("MariaDB", MARIADB_FIRST) } else { ("MySQL", MYSQL_FIRST) };
    if server.version >= first {
        return Ok(());
    }
    let (major, minor, patch) = server.version;
    Err(Error::new(Code::UnsupportedServer, format!("{endpoint} runs {name} {major}.{minor}.{patch}")))
}
