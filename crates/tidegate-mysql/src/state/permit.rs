//! The right to write, of a link that is one of a pair.

use super::move_versions;
use crate::connect::understand;
use crate::session::run;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Code, Error, InstanceName, Permit, Result};

/// `lock` is empty or `FOR UPDATE`. A target that an older version prepared has none.
pub(crate) async fn read(conn: &mut Conn, instance: &InstanceName, lock: &str) -> Result<Option<Permit>> {
    let question = format!("SELECT held, epoch FROM tidegate.permit WHERE instance = '{instance}' {lock}");
    let found: Option<(bool, u64)> = conn.query_first(question).await.map_err(understand)?;
    Ok(found.map(|(held, epoch)| Permit { held, epoch }))
}

/// Changes the permit, and with it every version: whoever has the right after this begins with taking over.
pub(crate) async fn change(
    conn: &mut Conn,
    instance: &InstanceName,
    before: Option<Permit>,
    held: bool,
) -> Result<Permit> {
    let after = Permit { held, epoch: before.map_or(0, |permit| permit.epoch) + 1 };
    let (held, epoch) = (u8::from(held), after.epoch);
    run(conn, "BEGIN").await?;
    let statement = match before {
        None => format!("INSERT IGNORE INTO tidegate.permit VALUES ('{instance}', {held}, {epoch})"),
        Some(before) => format!(
            "UPDATE tidegate.permit SET held = {held}, epoch = {epoch} WHERE instance = '{instance}' AND epoch = {}",
            before.epoch
        ),
    };
    if run(conn, &statement).await?.affected_rows != 1 {
        run(conn, "ROLLBACK").await?;
        let what = format!("somebody else has changed who may write for {instance} at this moment");
        return Err(Error::new(Code::GenerationChanged, what));
    }
    // Who writes already goes on: it had the right before there was a permit.
    if before.is_some() || held == 0 {
        move_versions(conn, instance).await?;
    }
    run(conn, "COMMIT").await.map(|_| after)
}

pub(crate) fn refused(instance: &InstanceName) -> Error {
    Error::new(
        Code::NotItsTurn,
        format!("the target says that {instance} may not write: the other direction may"),
    )
}
