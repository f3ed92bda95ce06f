//! What is written down about conflicts, in the target, and what people decide.

use crate::connect::{Endpoint, hex, question_setup, understand};
use crate::session::{self, Marker, run};
use crate::state;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Code, Decision, Error, FoundConflict, InstanceName, Policy, Result};

fn parse(text: &str) -> Result<Decision> {
    Decision::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
        Error::new(
            Code::CheckpointChanged,
            format!("tidegate.conflict has a decision that is not known: '{text}'"),
        )
    })
}

/// So many are answered at once, the oldest.
const LISTED_MAX: usize = 1_000;

/// One that was met, with the three versions of the row.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    pub(crate) object: String,
    /// At the source, before the change.
    pub(crate) expected: String,
    /// In the target.
    pub(crate) found: String,
    /// After the change.
    pub(crate) wanted: String,
}

/// Where it lies in the log: the transaction's number and the row's place in it.
pub(crate) struct Noted {
    pub(crate) place: (u64, u32),
    pub(crate) conflict: Conflict,
}

pub(crate) async fn policy(conn: &mut Conn, instance: &InstanceName) -> Result<Policy> {
    let question =
        format!("SELECT conflicts, schema_changes FROM tidegate.policy WHERE instance = '{instance}'");
    let found: Option<(String, String)> = conn.query_first(question).await.map_err(understand)?;
    let Some((rows, schema_changes)) = found else { return Ok(Policy::USUAL) };
    let read = |text: String| if text == "ask" { Ok(None) } else { parse(&text).map(Some) };
    Ok(Policy { rows: read(rows)?, schema_changes: read(schema_changes)? })
}

/// What somebody has decided about it, if it still is what that person saw.
pub(crate) async fn decision_about(
    conn: &mut Conn,
    instance: &InstanceName,
    noted: &Noted,
) -> Result<Option<Decision>> {
    let (seq, ordinal) = noted.place;
    let question = format!(
        "SELECT decision FROM tidegate.conflict WHERE instance = '{instance}' AND seq = {seq} AND ordinal = {ordinal} \
         AND expected = {} AND found = {} AND wanted = {}",
        literal(&noted.conflict.expected),
        literal(&noted.conflict.found),
        literal(&noted.conflict.wanted)
    );
    let found: Option<Option<String>> = conn.query_first(question).await.map_err(understand)?;
    found.flatten().map(|text| parse(&text)).transpose()
}

/// In hexadecimal: it runs in the sessions of lanes, which speak no character set.
fn literal(text: &str) -> String {
    format!("_utf8mb4 {} COLLATE utf8mb4_bin", hex(text.as_bytes()))
}

/// Writes one down, or that what was decided about it was carried out.
pub(crate) async fn note(
    conn: &mut Conn,
    instance: &InstanceName,
    noted: &Noted,
    settled_by: Option<Decision>,
) -> Result<()> {
    run(conn, &note_statement(instance, noted, settled_by)).await.map(|_| ())
}

/// The same, to be run with something else.
pub(crate) fn note_statement(instance: &InstanceName, noted: &Noted, settled_by: Option<Decision>) -> String {
    let (seq, ordinal) = noted.place;
    let Conflict { object, expected, found, wanted } = &noted.conflict;
    let (decision, settled) = settled_by.map_or(("NULL".to_owned(), 0), |by| (format!("'{}'", by.name()), 1));
    format!(
        "INSERT INTO tidegate.conflict (instance, seq, ordinal, object, expected, found, wanted, decision, decided_by, settled, \
         seen_at) VALUES ('{instance}', {seq}, {ordinal}, {}, {}, {}, {}, {decision}, NULL, {settled}, UTC_TIMESTAMP()) \
         ON DUPLICATE KEY UPDATE decision = IF(found = VALUES(found) AND expected = VALUES(expected) \
         AND wanted = VALUES(wanted), COALESCE(decision, {decision}), {decision}), settled = {settled}, \
         expected = VALUES(expected), found = VALUES(found), wanted = VALUES(wanted)",
        literal(object),
        literal(expected),
        literal(found),
        literal(wanted)
    )
}

impl Endpoint {
    /// The conflicts that a link has met here, the oldest first; the settled ones too, if they are wanted.
    pub(crate) async fn noted_conflicts(
        &self,
        instance: &InstanceName,
        settled: bool,
    ) -> Result<Vec<FoundConflict>> {
        type Row = (u64, u32, String, String, String, String, Option<String>, Option<String>, bool, String);
        let mut conn = ask(self).await?;
        let only = if settled { "" } else { "AND settled = 0" };
        let question = format!(
            "SELECT seq, ordinal, object, expected, found, wanted, decision, decided_by, settled, \
             DATE_FORMAT(seen_at, '%Y-%m-%dT%TZ') FROM tidegate.conflict WHERE instance = '{instance}' {only} \
             ORDER BY seq, ordinal LIMIT {LISTED_MAX}"
        );
        let rows: Result<Vec<Row>> = conn.query(question).await.map_err(understand);
        let rows = match rows {
            // No link of this version has run here.
            Err(error) if error.code() == Code::MissingTable => Vec::new(),
            rows => rows?,
        };
        let read =
            |(seq, ordinal, object, expected, found, wanted, decision, decided_by, settled, seen_at): Row| {
                let decision = decision.map(|text| parse(&text)).transpose()?;
                Ok(FoundConflict {
                    seq,
                    ordinal,
                    object,
                    expected,
                    found,
                    wanted,
                    decision,
                    decided_by,
                    settled,
                    seen_at,
                })
            };
        rows.into_iter().map(read).collect()
    }

    /// Decides about conflicts that are open: one, or all. Answers about how many.
    pub(crate) async fn decide(
        &self,
        instance: &InstanceName,
        place: Option<(u64, u32)>,
        decision: Decision,
        by: &str,
    ) -> Result<u64> {
        let mut conn = self.decider(instance).await?;
        let only = place.map(|(seq, ordinal)| format!("AND seq = {seq} AND ordinal = {ordinal}"));
        let statement = format!(
            "UPDATE tidegate.conflict SET decision = '{}', decided_by = _utf8mb4 {} WHERE instance = '{instance}' \
             AND settled = 0 {}",
            decision.name(),
            hex(by.as_bytes()),
            only.unwrap_or_default()
        );
        run(&mut conn, &statement).await.map(|outcome| outcome.affected_rows)
    }

    /// What a link does without asking.
    pub(crate) async fn read_policy(&self, instance: &InstanceName) -> Result<Policy> {
        let mut conn = ask(self).await?;
        match policy(&mut conn, instance).await {
            Err(error) if error.code() == Code::MissingTable => Ok(Policy::USUAL),
            found => found,
        }
    }

    pub(crate) async fn write_policy(&self, instance: &InstanceName, policy: Policy) -> Result<()> {
        let mut conn = self.decider(instance).await?;
        let name = |decision: Option<Decision>| decision.map_or("ask", Decision::name);
        let statement = format!(
            "REPLACE INTO tidegate.policy VALUES ('{instance}', '{}', '{}')",
            name(policy.rows),
            name(policy.schema_changes)
        );
        run(&mut conn, &statement).await.map(|_| ())
    }

    /// Writes as the link does: its own log tells it from what applications write.
    async fn decider(&self, instance: &InstanceName) -> Result<Conn> {
        let (mut conn, _) = session::open(self, &Marker::new(instance.clone())).await?;
        state::prepare(&mut conn).await?;
        Ok(conn)
    }
}

/// A session that asks for a person: text in and out as UTF-8.
async fn ask(endpoint: &Endpoint) -> Result<Conn> {
    endpoint.connect(&question_setup()).await
}
