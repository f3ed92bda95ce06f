//! Our own schema in the target: what a link knows about itself, in the database that it is true of.

use crate::connect::{hex, quote_text, understand};
use crate::journal::Token;
use crate::session::run;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::HashSet;

use tidegate_model::{
    Checkpoint, Code, CopyProgress, Error, InstanceName, LaneCheckpoint, LinkState, Phase, Position,
    Reselection, Result, Seq, SeqSet, TableName,
};

pub(crate) mod permit;

const NAME: &str = "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL";
const OBJECT: &str = "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL";
const TEXT: &str = "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// Makes the schema `tidegate` if it is not there.
pub(crate) async fn prepare(conn: &mut Conn) -> Result<()> {
    let tables = [
        "CREATE DATABASE IF NOT EXISTS tidegate CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".to_owned(),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.link (instance {NAME}, phase VARCHAR(16) NOT NULL, \
             until_seq BIGINT UNSIGNED NOT NULL, start_position {TEXT} NOT NULL, source {TEXT} NOT NULL, \
             selection {TEXT} NOT NULL, PRIMARY KEY (instance)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.checkpoint (instance {NAME}, lane SMALLINT UNSIGNED NOT NULL, \
             version BIGINT UNSIGNED NOT NULL, epoch BIGINT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, \
             position {TEXT} NOT NULL, done LONGBLOB NOT NULL, PRIMARY KEY (instance, lane)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.copy (instance {NAME}, database_name {OBJECT}, table_name {OBJECT}, \
             version BIGINT UNSIGNED NOT NULL, row_total BIGINT UNSIGNED NOT NULL, last_key LONGBLOB NULL, \
             done TINYINT NOT NULL, snapshot {TEXT} NULL, PRIMARY KEY (instance, database_name, table_name)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.ddl (instance {NAME}, seq BIGINT UNSIGNED NOT NULL, \
             statement LONGBLOB NOT NULL, fingerprint {TEXT} NOT NULL, PRIMARY KEY (instance, seq)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.xa (instance {NAME}, xid VARCHAR(300) CHARACTER SET ascii \
             COLLATE ascii_bin NOT NULL, changes LONGBLOB NOT NULL, PRIMARY KEY (instance, xid)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.kept (instance {NAME}, database_name {OBJECT}, table_name {OBJECT}, \
             PRIMARY KEY (instance, database_name, table_name)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.permit (instance {NAME}, held TINYINT NOT NULL, \
             epoch BIGINT UNSIGNED NOT NULL, PRIMARY KEY (instance)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.fence (instance {NAME}, way VARCHAR(16) NOT NULL, \
             was_read_only TINYINT NOT NULL, admitted TINYINT NOT NULL, PRIMARY KEY (instance)) ENGINE=InnoDB"
        ),
        "CREATE TABLE IF NOT EXISTS tidegate.probe (id BIGINT UNSIGNED PRIMARY KEY, at DATETIME NOT NULL) ENGINE=InnoDB"
            .to_owned(),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.policy (instance {NAME}, conflicts VARCHAR(8) NOT NULL, \
             schema_changes VARCHAR(8) NOT NULL, PRIMARY KEY (instance)) ENGINE=InnoDB"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS tidegate.conflict (instance {NAME}, seq BIGINT UNSIGNED NOT NULL, \
             ordinal INT UNSIGNED NOT NULL, object {TEXT} NOT NULL, expected {TEXT} NOT NULL, found {TEXT} NOT NULL, \
             wanted {TEXT} NOT NULL, decision VARCHAR(8) NULL, decided_by {TEXT} NULL, settled TINYINT NOT NULL, \
             seen_at DATETIME NOT NULL, PRIMARY KEY (instance, seq, ordinal)) ENGINE=InnoDB"
        ),
    ];
    for statement in &tables {
        run(conn, statement).await.map_err(|e| e.context("make the schema tidegate"))?;
    }
    Ok(())
}

/// What the target has of the link; `None` if it has nothing.
pub(crate) async fn read(conn: &mut Conn, instance: &InstanceName) -> Result<Option<LinkState>> {
    let link: Option<(String, u64, String, String, String)> = conn
        .query_first(format!(
            "SELECT phase, until_seq, start_position, source, selection FROM tidegate.link WHERE instance = '{instance}'"
        ))
        .await
        .map_err(understand)?;
    let Some((phase, until, start, source, selection)) = link else { return Ok(None) };
    let phase = match phase.as_str() {
        "copying" => Phase::Copying,
        "catching-up" => Phase::CatchingUp { until: Seq(until) },
        other => return Err(Error::new(Code::CheckpointChanged, format!("the link's phase is '{other}'"))),
    };
    let (lanes, copied) =
        (read_lanes(conn, instance).await?, read_copied(conn, &of_instance(instance)).await?);
    Ok(Some(LinkState { phase, start: Position::new(start), source, selection, lanes, copied }))
}

/// Moves every version on and answers the state after that. A transaction that an earlier run has under way either
/// comes before, because the rows wait for it, or finds its version gone.
pub(crate) async fn take_over(conn: &mut Conn, instance: &InstanceName) -> Result<Option<LinkState>> {
    run(conn, "BEGIN").await?;
    if permit::read(conn, instance, "FOR UPDATE").await?.is_some_and(|permit| !permit.held) {
        run(conn, "ROLLBACK").await?;
        return Err(permit::refused(instance));
    }
    move_versions(conn, instance).await?;
    let state = read(conn, instance).await?;
    run(conn, "COMMIT").await.map(|_| state)
}

/// After this, who has written before finds another version than it left.
async fn move_versions(conn: &mut Conn, instance: &InstanceName) -> Result<()> {
    let lanes = format!("UPDATE tidegate.checkpoint SET version = version + 1 WHERE instance = '{instance}'");
    run(conn, &lanes).await?;
    // A copy at version 0 was not begun.
    let copies = format!(
        "UPDATE tidegate.copy SET version = version + 1 WHERE instance = '{instance}' AND version > 0"
    );
    run(conn, &copies).await.map(|_| ())
}

async fn read_lanes(conn: &mut Conn, instance: &InstanceName) -> Result<Vec<LaneCheckpoint>> {
    let rows: Vec<(u16, u64, u64, String, Vec<u8>)> = conn
        .query(format!(
            "SELECT lane, version, seq, position, done FROM tidegate.checkpoint WHERE instance = '{instance}' ORDER BY lane"
        ))
        .await
        .map_err(understand)?;
    let lanes = rows.into_iter().map(|(lane, version, seq, position, done)| {
        let broken =
            || Error::new(Code::CheckpointChanged, format!("lane {lane}'s done-set is not readable"));
        let low = Checkpoint { seq: Seq(seq), position: Position::new(position) };
        Ok(LaneCheckpoint { lane, version, low, done: SeqSet::decode(&done).ok_or_else(broken)? })
    });
    lanes.collect()
}

/// Why the link makes a table in the target.
#[derive(Clone, Copy)]
pub(crate) enum MadeFor {
    Copy,
    /// A schema change of the log: there is nothing to copy.
    Change,
}

/// Records, before a table is made in the target, that this link makes it. `table` is its name in the source.
pub(crate) fn made_statement(instance: &InstanceName, table: &TableName, made_for: MadeFor) -> String {
    let done = u8::from(matches!(made_for, MadeFor::Change));
    // In hexadecimal: the statement runs under all kinds of sessions.
    format!(
        "INSERT IGNORE INTO tidegate.copy VALUES ('{instance}', _utf8mb4 {}, _utf8mb4 {}, 0, 0, NULL, {done}, NULL)",
        hex(table.database.as_bytes()),
        hex(table.table.as_bytes())
    )
}

/// Marks the link as one that is being forgotten: from now on there is no way but to go on with that.
pub(crate) async fn begin_reset(conn: &mut Conn, instance: &InstanceName) -> Result<()> {
    let statement = format!("UPDATE tidegate.link SET phase = 'resetting' WHERE instance = '{instance}'");
    run(conn, &statement).await.map(|_| ())
}

/// The selection that the link was begun with.
pub(crate) async fn selection(conn: &mut Conn, instance: &InstanceName) -> Result<Option<String>> {
    let question = format!("SELECT selection FROM tidegate.link WHERE instance = '{instance}'");
    conn.query_first(question).await.map_err(understand)
}

pub(crate) async fn is_resetting(conn: &mut Conn, instance: &InstanceName) -> Result<bool> {
    let question =
        format!("SELECT 1 FROM tidegate.link WHERE instance = '{instance}' AND phase = 'resetting'");
    let found: Option<u8> = conn.query_first(question).await.map_err(understand)?;
    Ok(found.is_some())
}

pub(crate) fn of_instance(instance: &InstanceName) -> String {
    format!("instance = '{instance}'")
}

/// How far the copies are that the condition selects.
pub(crate) async fn read_copied(conn: &mut Conn, condition: &str) -> Result<Vec<CopyProgress>> {
    type Row = (String, String, u64, u64, Option<Vec<u8>>, bool, Option<String>);
    let rows: Vec<Row> = conn
        .query(format!(
            "SELECT database_name, table_name, version, row_total, last_key, done, snapshot FROM tidegate.copy \
             WHERE {condition}"
        ))
        .await
        .map_err(understand)?;
    let progress =
        rows.into_iter().map(|(database, table, version, rows, last_key, done, snapshot)| CopyProgress {
            table: TableName::new(database, table),
            version,
            rows,
            last_key,
            done,
            snapshot: snapshot.map(Position::new),
        });
    Ok(progress.collect())
}

/// Notes that a table had rows before, which stay. `table` is its name in the source.
pub(crate) fn keep_statement(instance: &InstanceName, table: &TableName) -> String {
    let (database, table) = (hex(table.database.as_bytes()), hex(table.table.as_bytes()));
    format!("INSERT IGNORE INTO tidegate.kept VALUES ('{instance}', _utf8mb4 {database}, _utf8mb4 {table})")
}

/// Tables that had rows before the link began, by their names in the source.
pub(crate) async fn kept_tables(conn: &mut Conn, instance: &InstanceName) -> Result<HashSet<TableName>> {
    let question =
        format!("SELECT database_name, table_name FROM tidegate.kept WHERE instance = '{instance}'");
    let rows: Vec<(String, String)> = conn.query(question).await.map_err(understand)?;
    Ok(rows.into_iter().map(|(database, table)| TableName::new(database, table)).collect())
}

/// Writes the rows of a new link.
pub(crate) async fn begin(conn: &mut Conn, instance: &InstanceName, state: &LinkState) -> Result<()> {
    let (phase, until) = in_words(state.phase);
    run(conn, "BEGIN").await?;
    run(
        conn,
        &format!(
            "INSERT INTO tidegate.link VALUES ('{instance}', '{phase}', {until}, {}, {}, {})",
            quote_text(state.start.as_str()),
            quote_text(&state.source),
            quote_text(&state.selection)
        ),
    )
    .await?;
    for lane in &state.lanes {
        let position = quote_text(lane.low.position.as_str());
        let values = format!("('{instance}', {}, 0, 1, {}, {position}, '')", lane.lane, lane.low.seq);
        run(conn, &format!("INSERT INTO tidegate.checkpoint VALUES {values}")).await?;
    }
    run(conn, "COMMIT").await.map(|_| ())
}

fn in_words(phase: Phase) -> (&'static str, u64) {
    match phase {
        Phase::Copying => ("copying", 0),
        Phase::CatchingUp { until } => ("catching-up", until.0),
    }
}

pub(crate) async fn enter(conn: &mut Conn, instance: &InstanceName, phase: Phase) -> Result<()> {
    let (name, until) = in_words(phase);
    run(
        conn,
        &format!(
            "UPDATE tidegate.link SET phase = '{name}', until_seq = {until} WHERE instance = '{instance}'"
        ),
    )
    .await
    .map(|_| ())
}

/// Gives a link that rests another selection, and what another one has copied.
pub(crate) async fn reselect(
    conn: &mut Conn,
    instance: &InstanceName,
    before: &str,
    change: Reselection<'_>,
) -> Result<()> {
    let joined = change.joined.map(of_instance);
    let all = joined.iter().cloned().chain([of_instance(instance)]).collect::<Vec<_>>().join(" OR ");
    run(conn, "BEGIN").await?;
    // Nobody else moves either of them from here on.
    run(conn, &format!("UPDATE tidegate.checkpoint SET version = version + 1 WHERE {all}")).await?;
    let prepared: Option<u64> = conn
        .query_first(format!("SELECT COUNT(*) FROM tidegate.xa WHERE {all}"))
        .await
        .map_err(understand)?;
    if prepared != Some(0) {
        run(conn, "ROLLBACK").await?;
        return Err(Error::new(
            Code::TargetBusy,
            "a prepared XA transaction is not committed yet at the source",
        ));
    }
    let lanes = read_lanes(conn, instance).await?;
    let beyond = |lane: &LaneCheckpoint| lane.low.seq.max(lane.done.last().unwrap_or(Seq(0))) > change.at.seq;
    if lanes.iter().any(beyond) {
        run(conn, "ROLLBACK").await?;
        let what = "somebody else has applied more than is known here";
        return Err(Error::new(Code::CheckpointChanged, what));
    }
    let own = of_instance(instance);
    for copied in read_copied(conn, &own).await? {
        let TableName { database, table } = &copied.table;
        if !change.selection.selects(database, table) {
            let name = format!(
                "database_name = _utf8mb4{} AND table_name = _utf8mb4{}",
                quote_text(database),
                quote_text(table)
            );
            for of_tables in ["copy", "kept"] {
                run(conn, &format!("DELETE FROM tidegate.{of_tables} WHERE {own} AND {name}")).await?;
            }
        }
    }
    if let Some(joined) = &joined {
        for of_tables in ["copy", "kept"] {
            let moved = format!("UPDATE tidegate.{of_tables} SET instance = '{instance}' WHERE {joined}");
            run(conn, &moved).await?;
        }
        for table in ["ddl", "checkpoint", "link"] {
            run(conn, &format!("DELETE FROM tidegate.{table} WHERE {joined}")).await?;
        }
    }
    let rests = format!(
        "UPDATE tidegate.checkpoint SET seq = {}, position = {}, done = '' WHERE {own}",
        change.at.seq,
        quote_text(change.at.position.as_str())
    );
    run(conn, &rests).await?;
    let moved = format!(
        "UPDATE tidegate.link SET selection = {} WHERE {own} AND selection = {}",
        quote_text(&change.selection.fingerprint()),
        quote_text(before)
    );
    if run(conn, &moved).await?.affected_rows != 1 {
        run(conn, "ROLLBACK").await?;
        let what = "somebody else has given the link another selection";
        return Err(Error::new(Code::SelectionChanged, what));
    }
    run(conn, "COMMIT").await.map(|_| ())
}

/// Forgets the link.
pub(crate) async fn forget(conn: &mut Conn, instance: &InstanceName) -> Result<()> {
    Token::new(instance).drop(conn).await?;
    run(conn, "BEGIN").await?;
    for table in ["xa", "ddl", "kept", "copy", "checkpoint", "permit", "fence", "policy", "conflict", "link"]
    {
        run(conn, &format!("DELETE FROM tidegate.{table} WHERE instance = '{instance}'")).await?;
    }
    run(conn, "COMMIT").await.map(|_| ())
}

/// The first statement of every target transaction of a lane: the checkpoint, the marker, and the proof that nobody
/// else wrote in between, all in one. It must change exactly one row.
pub(crate) fn checkpoint_statement(instance: &InstanceName, checkpoint: &LaneCheckpoint) -> String {
    format!(
        "UPDATE tidegate.checkpoint SET version = {version}, seq = {seq}, position = {position}, done = {done} \
         WHERE instance = '{instance}' AND lane = {lane} AND version = {before}",
        version = checkpoint.version,
        seq = checkpoint.low.seq,
        position = quote_text(checkpoint.low.position.as_str()),
        done = hex(&checkpoint.done.encode()),
        lane = checkpoint.lane,
        before = checkpoint.version - 1,
    )
}

/// A lane's checkpoint statement changed nothing. Who moved it: our own commit whose answer was lost, or somebody else?
/// Looking again tells.
pub(crate) fn moved(lane: u16) -> Error {
    Error::new(Code::TargetBusy, format!("lane {lane}'s checkpoint is not where it was"))
}

/// The version of a lane's checkpoint. Waits for a commit of it that is still on its way.
pub(crate) async fn lane_version(conn: &mut Conn, instance: &InstanceName, lane: u16) -> Result<u64> {
    let version: Option<u64> = conn
        .query_first(format!(
            "SELECT version FROM tidegate.checkpoint WHERE instance = '{instance}' AND lane = {lane} FOR UPDATE"
        ))
        .await
        .map_err(understand)?;
    version.ok_or_else(|| Error::new(Code::CheckpointChanged, format!("lane {lane}'s checkpoint is gone")))
}
