//! Sessions that write to a target: their settings, the mark that tells our writes from an application's, and running
//! several statements in one round trip with every outcome looked at.

use crate::connect::{Endpoint, Server, data_setup, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::time::Instant;
use tidegate_model::{Code, Error, InstanceName, Result};

/// What the server said to one statement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) affected_rows: u64,
    /// Of a question: how many rows were answered.
    pub(crate) rows: u64,
    pub(crate) warnings: u64,
}

/// Who writes: tells our transactions in the target's own log from all others.
#[derive(Clone, Debug)]
pub(crate) struct Marker {
    instance: InstanceName,
}

impl Marker {
    pub(crate) fn new(instance: InstanceName) -> Self {
        Self { instance }
    }

    /// The tag of our GTIDs, for MySQL from 8.3 on: `[a-z_][a-z0-9_]{0,31}`.
    pub(crate) fn tag(&self) -> String {
        format!("tidegate_{:016x}", hash_of(self.instance.as_str().as_bytes()))
    }

    /// The session's server id, for MariaDB.
    pub(crate) fn server_id(&self) -> u32 {
        // Above what people choose by hand, below 2^32.
        3_000_000_000 + (hash_of(self.instance.as_str().as_bytes()) % 1_000_000_000) as u32
    }
}

/// FNV-1a: stable over versions and machines, which std's hasher is not.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether the session's mark took.
pub(crate) async fn is_marked(conn: &mut Conn, server: Server, marker: &Marker) -> Result<bool> {
    if server.mariadb {
        let id: Option<u32> = conn.query_first("SELECT @@SESSION.server_id").await.map_err(understand)?;
        return Ok(id == Some(marker.server_id()));
    }
    let next: Option<String> = conn.query_first("SELECT @@SESSION.gtid_next").await.map_err(understand)?;
    Ok(next.is_some_and(|next| next.ends_with(&marker.tag())))
}

/// Opens a session that writes. Rights that only some servers give are asked for and done without.
pub(crate) async fn open(endpoint: &Endpoint, marker: &Marker) -> Result<(Conn, Server)> {
    let mut conn = endpoint.connect(&data_setup()).await?;
    let server = Server::of(&mut conn).await?;
    run(&mut conn, "SET foreign_key_checks = 0, @tidegate_apply = 1").await?;
    let optional = if server.mariadb {
        vec![
            format!("SET SESSION server_id = {}", marker.server_id()),
            "SET SESSION in_predicate_conversion_threshold = 0".to_owned(),
        ]
    } else {
        vec![
            format!("SET SESSION gtid_next = 'AUTOMATIC:{}'", marker.tag()),
            "SET SESSION range_optimizer_max_mem_size = 0".to_owned(),
            "SET SESSION sql_require_primary_key = 0".to_owned(),
            "SET SESSION sql_generate_invisible_primary_key = 0".to_owned(),
        ]
    };
    for statement in &optional {
        match run(&mut conn, statement).await {
            Ok(_) => {}
            Err(error) if error.code() == Code::ConnectionLost => return Err(error),
            Err(error) => tracing::debug!(%error, statement, "done without"),
        }
    }
    Ok((conn, server))
}

/// So long it is waited for what an earlier session of the link has under way, before that is said.
const EARLIER_SECONDS: u32 = 20;

/// Waits until no earlier session of the link changes definitions any more: a server carries a statement out to its end
/// although the client that sent it is dead. None other does so before this session ends or gives it up.
pub(crate) async fn claim_definitions(conn: &mut Conn, instance: &InstanceName) -> Result<()> {
    claim_within(conn, instance, EARLIER_SECONDS).await
}

/// Ends the session that changes definitions, if there is one, and the statement that it has under way.
pub(crate) async fn end_definitions(conn: &mut Conn, instance: &InstanceName) -> Result<()> {
    let question = format!("SELECT IS_USED_LOCK('{}')", lock_name(instance));
    let holder: Option<Option<u64>> = conn.query_first(question).await.map_err(understand)?;
    if let Some(holder) = holder.flatten() {
        // It may have ended by itself meanwhile.
        let _ = run(conn, &format!("KILL {holder}")).await;
    }
    claim_within(conn, instance, 2).await?;
    release_definitions(conn, instance).await
}

async fn claim_within(conn: &mut Conn, instance: &InstanceName, seconds: u32) -> Result<()> {
    let question = format!("SELECT GET_LOCK('{}', {seconds})", lock_name(instance));
    let got: Option<Option<u8>> = conn.query_first(question).await.map_err(understand)?;
    if got.flatten() == Some(1) {
        return Ok(());
    }
    Err(Error::new(Code::TargetBusy, "a schema change that an earlier run began is still being carried out"))
}

/// Waits until no other session closes the link's target to applications, or opens it.
pub(crate) async fn claim_fence(conn: &mut Conn, instance: &InstanceName, seconds: u32) -> Result<()> {
    let question = format!("SELECT GET_LOCK('{}', {seconds})", fence_lock_name(instance));
    let got: Option<Option<u8>> = conn.query_first(question).await.map_err(understand)?;
    if got.flatten() == Some(1) {
        return Ok(());
    }
    Err(Error::new(Code::TargetBusy, "somebody else is closing or opening the server to applications"))
}

/// The same; who was at it is ended.
pub(crate) async fn end_fence(conn: &mut Conn, instance: &InstanceName, seconds: u32) -> Result<()> {
    let question = format!("SELECT IS_USED_LOCK('{}')", fence_lock_name(instance));
    let holder: Option<Option<u64>> = conn.query_first(question).await.map_err(understand)?;
    if let Some(holder) = holder.flatten() {
        // It may have ended by itself meanwhile.
        let _ = run(conn, &format!("KILL {holder}")).await;
    }
    claim_fence(conn, instance, seconds).await
}

fn fence_lock_name(instance: &InstanceName) -> String {
    format!("{}_fence", lock_name(instance))
}

/// Gives [`claim_definitions`] up.
pub(crate) async fn release_definitions(conn: &mut Conn, instance: &InstanceName) -> Result<()> {
    run(conn, &format!("DO RELEASE_LOCK('{}')", lock_name(instance))).await.map(|_| ())
}

/// At most 64 characters, and the same in all versions.
fn lock_name(instance: &InstanceName) -> String {
    format!("tidegate_{:016x}", hash_of(instance.as_str().as_bytes()))
}

/// Ends a session that we had, if the server still has it. After a restart of the server its number may be another's.
pub(crate) async fn end_earlier(conn: &mut Conn, id: u32, opened: Instant) {
    let question = "SHOW GLOBAL STATUS LIKE 'Uptime'";
    let up: Result<Option<(String, u64)>> = conn.query_first(question).await.map_err(understand);
    let Ok(Some((_, up))) = up else { return };
    if up > opened.elapsed().as_secs() {
        // It may have ended by itself meanwhile.
        let _ = run(conn, &format!("KILL {id}")).await;
    }
}

/// Runs one statement.
pub(crate) async fn run(conn: &mut Conn, statement: &str) -> Result<Outcome> {
    let outcomes = run_all(conn, statement.as_bytes(), 1).await?;
    Ok(outcomes[0])
}

/// Runs `count` statements, separated by `;`, in one round trip. The server stops at the first error, which is the
/// answer then.
pub(crate) async fn run_all(conn: &mut Conn, statements: &[u8], count: usize) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(count);
    run_each(conn, statements, count, &mut outcomes).await?;
    Ok(outcomes)
}

/// The same; after an error `outcomes` has one for each statement before the one that failed.
pub(crate) async fn run_each(
    conn: &mut Conn,
    statements: &[u8],
    count: usize,
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    let mut result = conn.query_iter(statements).await.map_err(understand)?;
    for _ in 0..count {
        let mut outcome = Outcome {
            affected_rows: result.affected_rows(),
            rows: 0,
            warnings: u64::from(result.warnings()),
        };
        // To the end of this answer. The driver keeps a statement's error back until its answer is asked for, which is
        // here: only what comes through is an outcome.
        while result.next().await.map_err(understand)?.is_some() {
            outcome.rows += 1;
        }
        outcomes.push(outcome);
    }
    result.drop_result().await.map_err(understand)
}

/// The warnings of the last statement, for messages.
pub(crate) async fn warnings(conn: &mut Conn) -> Result<String> {
    let rows: Vec<(String, u32, String)> = conn.query("SHOW WARNINGS LIMIT 3").await.map_err(understand)?;
    Ok(rows.into_iter().map(|(_, number, text)| format!("{text} ({number})")).collect::<Vec<_>>().join("; "))
}
