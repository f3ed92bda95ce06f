//! Whether a server can be a target.

use super::grants::{Grants, Missing, Scope};
use super::{check_version, is_on, variable};
use crate::connect::{Endpoint, Server};
use mysql_async::Conn;
use tidegate_model::{Code, Error, Result, Selection};

/// Our own schema.
const OURS: &str = "tidegate";
const FOR_ROWS: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX"];
const FOR_OBJECTS: [&str; 7] =
    ["REFERENCES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "TRIGGER", "EVENT"];

/// Refuses what would make writing fail. Which databases will be written is not known here: see [`check_databases`].
pub(crate) async fn check_target(
    conn: &mut Conn,
    server: Server,
    endpoint: &Endpoint,
    _selection: &Selection,
) -> Result<()> {
    check_version(server, endpoint)?;
    for name in ["super_read_only", "read_only", "innodb_read_only", "tx_read_only", "transaction_read_only"]
    {
        if variable(conn, name).await?.is_some_and(|value| is_on(&value)) {
            let remedy = match name {
                "innodb_read_only" => "restart the target without innodb_read_only, or name the primary".to_owned(),
                "super_read_only" | "read_only" if !server.mariadb => {
                    "SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0 on the target, or name the primary".to_owned()
                }
                _ => format!("SET GLOBAL {name} = 0 on the target, or name the primary"),
            };
            return Err(
                Error::new(Code::TargetReadOnly, format!("{endpoint} has {name} set")).with_remedy(remedy)
            );
        }
    }
    check_databases(conn, server, &[]).await.map_err(|error| error.context(endpoint))
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
    missing.into_result()
}
