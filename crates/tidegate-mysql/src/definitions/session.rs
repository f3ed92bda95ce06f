//! Settings of the sessions that read and make definitions.

use crate::connect::{Server, question_setup, quote, quote_text, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::Result;

/// Definitions are made by people at work, so a lock on them is waited for, but not for ever.
const LOCK_WAIT_S: u32 = 60;
/// Modes of one family or of old versions. They change nothing in a body that is already there, or are made of other
/// modes that are named beside them.
const MODES_OF_OLD: [&str; 11] = [
    "NO_AUTO_CREATE_USER",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "POSTGRESQL",
    "MSSQL",
    "DB2",
    "MAXDB",
    "MYSQL323",
    "MYSQL40",
    "ORACLE",
];
const MODES_OF_MARIADB: [&str; 4] =
    ["EMPTY_STRING_IS_NULL", "SIMULTANEOUS_ASSIGNMENT", "TIME_ROUND_FRACTIONAL", "IGNORE_BAD_TABLE_OPTIONS"];
const MODES_OF_MYSQL: [&str; 1] = ["TIME_TRUNCATE_FRACTIONAL"];

/// Back-ticks, plain words and no default database: so that every name is printed qualified.
pub(super) async fn for_reading(conn: &mut Conn, server: Server) -> Result<()> {
    for statement in question_setup() {
        conn.query_drop(statement).await.map_err(understand)?;
    }
    conn.query_drop("SET sql_quote_show_create = 1").await.map_err(understand)?;
    if !server.mariadb {
        may_fail(conn, "SET SESSION show_gipk_in_create_table_and_information_schema = ON").await?;
    }
    conn.query_drop("USE information_schema").await.map_err(understand)
}

/// What servers printed must be taken in, whatever was usual when it was made.
pub(super) async fn for_making(conn: &mut Conn, server: Server) -> Result<()> {
    let needed = format!(
        "SET NAMES utf8mb4, time_zone = '+00:00', foreign_key_checks = 0, lock_wait_timeout = {LOCK_WAIT_S}, \
         sql_mode = 'ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'"
    );
    conn.query_drop(needed).await.map_err(understand)?;
    may_fail(conn, "SET SESSION explicit_defaults_for_timestamp = ON").await?;
    let wishes: &[&str] = if server.mariadb {
        &["SET SESSION character_set_collations = ''"]
    } else {
        &[
            "SET SESSION sql_require_primary_key = OFF",
            "SET SESSION sql_generate_invisible_primary_key = OFF",
            "SET SESSION restrict_fk_on_non_standard_key = OFF",
        ]
    };
    for wish in wishes {
        may_fail(conn, wish).await?;
    }
    Ok(())
}

/// As [`question_setup`] leaves a session.
pub(super) async fn restore(conn: &mut Conn) -> Result<()> {
    for statement in question_setup() {
        conn.query_drop(statement).await.map_err(understand)?;
    }
    conn.query_drop("SET foreign_key_checks = DEFAULT, lock_wait_timeout = DEFAULT").await.map_err(understand)
}

/// A setting that this version may not have, or this account may not change.
async fn may_fail(conn: &mut Conn, statement: &str) -> Result<()> {
    match conn.query_drop(statement).await {
        Ok(()) | Err(mysql_async::Error::Server(_)) => Ok(()),
        Err(error) => Err(understand(error)),
    }
}

/// The settings under which a view, routine, trigger or event was made.
pub(super) fn for_program(database: &str, modes: &str, collation: &str, zone: &str) -> [String; 2] {
    // The client's own character set stays UTF-8: the text is sent so, and literals get theirs from the connection's
    // collation.
    let mut statement = format!("SET sql_mode = {}", quote_text(modes));
    if !collation.is_empty() {
        statement.push_str(&format!(", collation_connection = {}", quote_text(collation)));
    }
    if !zone.is_empty() {
        statement.push_str(&format!(", time_zone = {}", quote_text(zone)));
    }
    [format!("USE {}", quote(database)), statement]
}

/// The modes that a server of the target's family knows.
pub(super) fn modes_for(modes: &str, mariadb: bool) -> String {
    let unknown: &[&str] = if mariadb { &MODES_OF_MYSQL } else { &MODES_OF_MARIADB };
    let fits = |mode: &&str| !unknown.contains(mode) && (mariadb || !MODES_OF_OLD.contains(mode));
    modes.split(',').filter(fits).collect::<Vec<_>>().join(",")
}
