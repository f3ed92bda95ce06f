//! Keeping applications from writing while a link writes.
//!
//! What each way stops was measured: `read_only` refuses the COMMIT of a transaction that was open before, but lets
//! through whoever has a right to pass it, events with such a definer, and an XA COMMIT of what was prepared before.
//! Triggers stop all of these, but neither TRUNCATE nor ALTER.

mod read_only;
mod triggers;

use crate::connect::{Endpoint, Server, question_setup, understand};
use crate::session::{self, Marker, run};
use crate::state;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::time::Duration;
use tidegate_model::{Code, Error, Fence, FenceOffer, FenceWay, Fut, InstanceName, Result, Selection};

/// Names of our triggers begin so.
pub(crate) const OWN_TRIGGERS: &str = "tidegate_fence_";
/// What information_schema.TRIGGERS has beside our own.
pub(crate) const NOT_OURS: &str = "TRIGGER_NAME NOT LIKE 'tidegate\\_fence\\_%'";
/// So long it is waited for statements and transactions that hold what is to be closed.
const WAIT_SECONDS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const TABLES_EVERY: Duration = Duration::from_secs(15);

/// A server that one link writes and applications do not.
pub struct MysqlFence {
    endpoint: Endpoint,
    instance: InstanceName,
    selection: Selection,
}

/// Our row about it.
struct Standing {
    way: FenceWay,
    was_read_only: bool,
    admitted: bool,
}

impl MysqlFence {
    /// `instance` is the link that writes here; `selection` says by the names on this server what applications may not
    /// write.
    pub fn new(endpoint: Endpoint, instance: InstanceName, selection: Selection) -> Self {
        Self { endpoint, instance, selection }
    }

    /// Its writes are no news to the link of the other direction.
    async fn administer(&self) -> Result<(Conn, Server)> {
        let (mut conn, server) = session::open(&self.endpoint, &Marker::new(self.instance.clone())).await?;
        run(&mut conn, &question_setup()[0]).await?;
        run(&mut conn, &format!("SET SESSION lock_wait_timeout = {WAIT_SECONDS}")).await?;
        Ok((conn, server))
    }

    async fn close_it(&self, way: FenceWay) -> Result<()> {
        let (mut conn, server) = self.administer().await?;
        session::claim_fence(&mut conn, &self.instance, WAIT_SECONDS).await?;
        let standing = standing(&mut conn, &self.instance).await?;
        if standing.as_ref().is_some_and(|standing| standing.way != way) {
            drop(conn);
            self.open_it(false).await?;
            return Box::pin(self.close_it(way)).await;
        }
        let others = others(&mut conn, &self.instance).await?;
        if standing.is_none() {
            state::prepare(&mut conn).await?;
            // Whoever else has closed it knows what was before.
            let was = match others.first() {
                Some(other) => other.was_read_only,
                None => read_only::is_on(&mut conn).await?,
            };
            let (was, way) = (u8::from(was), way.name());
            let statement =
                format!("INSERT INTO tidegate.fence VALUES ('{}', '{way}', {was}, 0)", self.instance);
            run(&mut conn, &statement).await?;
        }
        match way {
            FenceWay::ReadOnly => {
                let writes = |standing: &Standing| standing.admitted;
                let own_writes = standing.as_ref().is_some_and(writes);
                read_only::close(&mut conn, server, own_writes || others.iter().any(writes)).await?;
                if own_writes { Ok(()) } else { read_only::refuse_prepared(&mut conn).await }
            }
            FenceWay::Triggers => triggers::close(&mut conn, &self.instance, &self.selection).await,
        }
    }

    async fn admit_it(&self) -> Result<()> {
        let (mut conn, server) = self.administer().await?;
        let Some(standing) = standing(&mut conn, &self.instance).await? else { return Ok(()) };
        if standing.way == FenceWay::ReadOnly {
            read_only::admit(&mut conn, server).await?;
        }
        // Shows as well that we are let through.
        let statement =
            format!("UPDATE tidegate.fence SET admitted = 1 WHERE instance = '{}'", self.instance);
        run(&mut conn, &statement).await.map(|_| ())
    }

    async fn keep_it(&self) -> Result<()> {
        let mut conn = self.endpoint.connect(&question_setup()).await?;
        let Some(standing) = standing(&mut conn, &self.instance).await? else {
            return std::future::pending().await;
        };
        if standing.way == FenceWay::Triggers {
            drop(conn);
            // They outlive a restart; but tables are made, and take each other's names.
            loop {
                tokio::time::sleep(TABLES_EVERY).await;
                self.close_it(FenceWay::Triggers).await?;
            }
        }
        loop {
            if !read_only::is_on(&mut conn).await? {
                tracing::info!(instance = %self.instance, "the server is not read-only any more: it is closed again");
                self.close_it(FenceWay::ReadOnly).await?;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn open_it(&self, has_ended: bool) -> Result<()> {
        let (mut conn, _) = self.administer().await?;
        // Somebody may be closing it at this moment, without anybody waiting for that any more.
        session::end_fence(&mut conn, &self.instance, WAIT_SECONDS).await?;
        let statements = removal(&mut conn, &self.instance).await?;
        if statements.is_empty() {
            return Ok(());
        }
        let permit = state::permit::read(&mut conn, &self.instance, "").await?;
        if permit.is_some_and(|permit| permit.held) && !has_ended {
            let what = format!("{} has the right to write here: applications stay out", self.instance);
            return Err(Error::new(Code::NotAllowed, what));
        }
        for statement in statements {
            run(&mut conn, &statement).await.map_err(|error| match error.code() {
                Code::ConnectionLost => error,
                _ => error.context(format!("a fence could not be taken away within {WAIT_SECONDS} s")),
            })?;
        }
        Ok(())
    }
}

/// How the link has closed the server, if it has.
async fn standing(conn: &mut Conn, instance: &InstanceName) -> Result<Option<Standing>> {
    let question =
        format!("SELECT way, was_read_only, admitted FROM tidegate.fence WHERE instance = '{}'", instance);
    let found: Result<Option<(String, bool, bool)>> = conn.query_first(question).await.map_err(understand);
    let found = match found {
        Err(error) if error.code() == Code::MissingTable => None,
        found => found?,
    };
    let Some((way, was_read_only, admitted)) = found else { return Ok(None) };
    let way = FenceWay::ALL.into_iter().find(|known| known.name() == way).ok_or_else(|| {
        Error::new(Code::CheckpointChanged, format!("tidegate.fence has a way that is not known: '{way}'"))
    })?;
    Ok(Some(Standing { way, was_read_only, admitted }))
}

impl Fence for MysqlFence {
    fn offers(&self) -> Fut<'_, Vec<FenceOffer>> {
        Box::pin(async {
            let mut conn = self.endpoint.connect(&question_setup()).await?;
            let server = Server::of(&mut conn).await?;
            let (possible, warnings) = read_only::offer(&mut conn, server, &self.selection).await?;
            let read_only = FenceOffer { way: FenceWay::ReadOnly, possible, warnings };
            let possible = triggers::offer(&mut conn, server, &self.selection).await?;
            let triggers = FenceOffer {
                way: FenceWay::Triggers,
                possible,
                warnings: vec!["TRUNCATE and changes of definitions pass".to_owned()],
            };
            Ok(vec![read_only, triggers])
        })
    }

    fn closed(&self) -> Fut<'_, Option<FenceWay>> {
        Box::pin(async {
            let mut conn = self.endpoint.connect(&question_setup()).await?;
            Ok(standing(&mut conn, &self.instance).await?.map(|standing| standing.way))
        })
    }

    fn close(&self, way: FenceWay) -> Fut<'_, ()> {
        Box::pin(self.close_it(way))
    }

    fn admit(&self) -> Fut<'_, ()> {
        Box::pin(self.admit_it())
    }

    fn open(&self) -> Fut<'_, ()> {
        Box::pin(self.open_it(false))
    }

    fn give_up(&self) -> Fut<'_, ()> {
        Box::pin(self.open_it(true))
    }

    fn keep(&self) -> Fut<'_, ()> {
        Box::pin(self.keep_it())
    }
}

/// The statements that open the server again, for a person.
pub(crate) async fn removal(conn: &mut Conn, instance: &InstanceName) -> Result<Vec<String>> {
    // Triggers may be there without a row of ours: whoever made them was killed at it.
    let mut statements = triggers::removal(conn, instance).await?;
    let Some(standing) = standing(conn, instance).await? else { return Ok(statements) };
    let server = Server::of(conn).await?;
    // While another link has closed the server, it stays so.
    if standing.way == FenceWay::ReadOnly && others(conn, instance).await?.is_empty() {
        statements.extend(read_only::removal(server, standing.was_read_only));
    }
    statements.push(format!("DELETE FROM tidegate.fence WHERE instance = '{instance}'"));
    Ok(statements)
}

/// How other links have made the server read-only.
async fn others(conn: &mut Conn, instance: &InstanceName) -> Result<Vec<Standing>> {
    let question = format!(
        "SELECT was_read_only, admitted FROM tidegate.fence WHERE instance <> '{instance}' AND way = 'read-only'"
    );
    let found: Result<Vec<(bool, bool)>> = conn.query(question).await.map_err(understand);
    let found = match found {
        Err(error) if error.code() == Code::MissingTable => Vec::new(),
        found => found?,
    };
    let standing = |(was_read_only, admitted)| Standing { way: FenceWay::ReadOnly, was_read_only, admitted };
    Ok(found.into_iter().map(standing).collect())
}

/// Whether some link keeps applications out of this server by making it read-only: links write nevertheless.
pub(crate) async fn is_read_only_for_a_link(conn: &mut Conn) -> bool {
    let question = "SELECT 1 FROM tidegate.fence WHERE way = 'read-only' AND admitted = 1 LIMIT 1";
    conn.query_first::<u8, _>(question).await.is_ok_and(|found| found.is_some())
}

/// Something holds what is to be closed; `error` is the server's.
fn held(error: Error, what: &str) -> Error {
    Error::new(Code::TargetBusy, format!("{what} within {WAIT_SECONDS} s: {}", error.message())).with_remedy(
        "end the statements and transactions that hold it (SHOW PROCESSLIST; information_schema.INNODB_TRX), then ask again",
    )
}
