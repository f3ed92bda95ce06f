//! What is written down about conflicts, in the target, and what people decide.

use crate::connect::{Endpoint, run};
use crate::session::WriteSession;
use crate::state;
use bson::{Bson, DateTime, Document, doc};
use mongodb::Client;
use tidegate_model::{Code, Decision, Error, FoundConflict, InstanceName, Policy, Result};

/// So many are answered at once, the oldest.
const LISTED_MAX: usize = 1_000;

fn parse(text: &str) -> Result<Decision> {
    let unknown = || {
        let what = format!("tidegate.conflict has a decision that is not known: '{text}'");
        Error::new(Code::CheckpointChanged, what)
    };
    Decision::ALL.into_iter().find(|one| one.name() == text).ok_or_else(unknown)
}

fn decision_of(found: &Document) -> Result<Option<Decision>> {
    found.get_str("decision").ok().map(parse).transpose()
}

/// One that was met, with the three versions of the document.
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

/// Where it lies in the log: the transaction's number and the document's place in it.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) place: (u64, u32),
    pub(crate) conflict: Conflict,
}

impl Noted {
    fn id(&self, instance: &InstanceName) -> Document {
        id_of(instance, self.place)
    }

    /// Whether a person saw what is met now.
    fn is_same(&self, found: &Document) -> bool {
        let Conflict { expected, found: is, wanted, .. } = &self.conflict;
        [("expected", expected), ("found", is), ("wanted", wanted)]
            .into_iter()
            .all(|(name, now)| state::text(found, name) == now)
    }

    /// Writes it down, or that what was decided about it was carried out. `before`: what is written of it.
    fn command(
        &self,
        instance: &InstanceName,
        before: Option<&Document>,
        settled_by: Option<Decision>,
    ) -> Document {
        let before = before.filter(|before| self.is_same(before));
        let kept = before.and_then(|before| before.get_str("decision").ok());
        let decision = kept.or(settled_by.map(Decision::name));
        let Conflict { object, expected, found, wanted } = &self.conflict;
        let change = doc! {
            "$set": {
                "object": object,
                "expected": expected,
                "found": found,
                "wanted": wanted,
                "decision": decision,
                "decided_by": before.and_then(|before| before.get_str("decided_by").ok()),
                "settled": settled_by.is_some(),
            },
            "$setOnInsert": { "seen_at": DateTime::now() },
        };
        state::update_command("conflict", doc! { "_id": self.id(instance) }, change, true)
    }
}

fn id_of(instance: &InstanceName, (seq, ordinal): (u64, u32)) -> Document {
    doc! { "instance": instance.as_str(), "seq": seq as i64, "ordinal": i64::from(ordinal) }
}

pub(crate) async fn policy(client: &Client, instance: &InstanceName) -> Result<Policy> {
    let found = state::find(client, "policy", doc! { "_id": state::id_of(instance) }).await?.pop();
    let Some(found) = found else { return Ok(Policy::USUAL) };
    let read = |name| match state::text(&found, name) {
        "ask" => Ok(None),
        text => parse(text).map(Some),
    };
    Ok(Policy { rows: read("conflicts")?, schema_changes: read("schema_changes")? })
}

/// What somebody has decided about it, if it still is what that person saw.
pub(crate) async fn decision_about(
    client: &Client,
    instance: &InstanceName,
    noted: &Noted,
) -> Result<Option<Decision>> {
    let found = state::find(client, "conflict", doc! { "_id": noted.id(instance) }).await?.pop();
    found.filter(|found| noted.is_same(found)).map_or(Ok(None), |found| decision_of(&found))
}

/// Writes one down, by itself.
pub(crate) async fn note(
    client: &Client,
    instance: &InstanceName,
    noted: &Noted,
    settled_by: Option<Decision>,
) -> Result<()> {
    let mut command = note_command(client, instance, noted, settled_by).await?;
    command.insert("writeConcern", doc! { "w": "majority" });
    run(client, state::DATABASE, &state::bytes_of(&command)?).await.map(|_| ())
}

/// The command that writes one down, for a transaction that is not open yet.
pub(crate) async fn note_command(
    client: &Client,
    instance: &InstanceName,
    noted: &Noted,
    settled_by: Option<Decision>,
) -> Result<Document> {
    let before = state::find(client, "conflict", doc! { "_id": noted.id(instance) }).await?.pop();
    Ok(noted.command(instance, before.as_ref(), settled_by))
}

/// Writes one down within a transaction.
pub(crate) async fn note_in(
    session: &mut WriteSession,
    instance: &InstanceName,
    noted: &Noted,
    settled_by: Option<Decision>,
) -> Result<()> {
    let before = session.find_control("conflict", doc! { "_id": noted.id(instance) }).await?.pop();
    session.control(&noted.command(instance, before.as_ref(), settled_by)).await.map(|_| ())
}

fn found_of(found: &Document) -> Result<FoundConflict> {
    let id = found.get_document("_id").map_err(|_| crate::raw::malformed())?;
    let text = |name| state::text(found, name).to_owned();
    let seen_at = found.get_datetime("seen_at").ok().and_then(|at| at.try_to_rfc3339_string().ok());
    Ok(FoundConflict {
        seq: state::unsigned(id, "seq"),
        ordinal: state::unsigned(id, "ordinal") as u32,
        object: text("object"),
        expected: text("expected"),
        found: text("found"),
        wanted: text("wanted"),
        decision: decision_of(found)?,
        decided_by: found.get_str("decided_by").ok().map(str::to_owned),
        settled: found.get_bool("settled").unwrap_or_default(),
        seen_at: seen_at.unwrap_or_default(),
    })
}

impl Endpoint {
    /// The conflicts that a link has met here, the oldest first; the settled ones too, if they are wanted.
    pub(crate) async fn noted_conflicts(
        &self,
        instance: &InstanceName,
        settled: bool,
    ) -> Result<Vec<FoundConflict>> {
        let mut filter = state::of_instance(instance);
        if !settled {
            filter.insert("settled", false);
        }
        let found = state::find(&self.client().await?, "conflict", filter).await?;
        let mut found = found.iter().map(found_of).collect::<Result<Vec<_>>>()?;
        found.sort_by_key(|one| (one.seq, one.ordinal));
        found.truncate(LISTED_MAX);
        Ok(found)
    }

    /// Decides about conflicts that are open: one, or all. Answers about how many.
    pub(crate) async fn decide(
        &self,
        instance: &InstanceName,
        place: Option<(u64, u32)>,
        decision: Decision,
        by: &str,
    ) -> Result<u64> {
        let client = self.client().await?;
        let mut filter = match place {
            Some(place) => doc! { "_id": id_of(instance, place) },
            None => state::of_instance(instance),
        };
        filter.insert("settled", false);
        let change = doc! { "$set": { "decision": decision.name(), "decided_by": by } };
        let command = doc! {
            "update": "conflict",
            "updates": [{ "q": filter, "u": change, "multi": true }],
            "writeConcern": { "w": "majority" },
        };
        let answer = run(&client, state::DATABASE, &state::bytes_of(&command)?).await?;
        Ok(state::unsigned(&answer, "n"))
    }

    /// What a link does without asking.
    pub(crate) async fn read_policy(&self, instance: &InstanceName) -> Result<Policy> {
        policy(&self.client().await?, instance).await
    }

    pub(crate) async fn write_policy(&self, instance: &InstanceName, policy: Policy) -> Result<()> {
        let client = self.client().await?;
        state::prepare(&client).await?;
        let name = |decision: Option<Decision>| Bson::from(decision.map_or("ask", Decision::name));
        let change = doc! { "$set": { "conflicts": name(policy.rows), "schema_changes": name(policy.schema_changes) } };
        let filter = doc! { "_id": state::id_of(instance) };
        state::update(&client, "policy", filter, change, true).await.map(|_| ())
    }
}
