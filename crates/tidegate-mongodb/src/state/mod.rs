//! Our own database in the target: what a link knows about itself, in the deployment that it is true of.
//!
//! Every document's `_id` is a document that begins with `instance`: by that the reverse of a link knows whose writes they
//! are. All is written by a majority and read from the primary as a majority has it.

pub(crate) mod copied;
mod moves;
pub(crate) mod permit;

pub(crate) use copied::{MadeFor, keep, kept_tables, read_copied, record_made};
pub(crate) use moves::{begin, forget, move_versions, reselect, take_over};

use crate::connect::{run, understand};
use bson::oid::ObjectId;
use bson::{Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::Client;
use tidegate_model::{
    Checkpoint, Code, Error, InstanceName, LaneCheckpoint, LinkState, Phase, Position, Result, Seq, SeqSet,
};

pub(crate) const DATABASE: &str = "tidegate";

const TURN: &str = "turn";

/// Made up front: a transaction that makes a collection on the way waits for locks and is refused by some servers.
const COLLECTIONS: [&str; 13] = [
    "link",
    "checkpoint",
    "copy",
    "copy_part",
    "permit",
    "fence",
    "ddl",
    "conflict",
    "policy",
    "session",
    "put_off",
    "kept",
    "probe",
];

/// Makes the collections that are not there.
pub(crate) async fn prepare(client: &Client) -> Result<()> {
    let there = client.database(DATABASE).list_collection_names().await.map_err(understand)?;
    for name in COLLECTIONS.iter().filter(|name| !there.iter().any(|one| one == *name)) {
        let made =
            run(client, DATABASE, &bytes_of(&doc! { "create": *name, "writeConcern": majority() })?).await;
        match made {
            // NamespaceExists: another link makes them at this moment.
            Err(error) if error.message().ends_with("(error 48)") => {}
            made => made.map(|_| ()).map_err(|error| error.context("make the database tidegate"))?,
        }
    }
    Ok(())
}

/// What the target has of the link; `None` if it has nothing, or is forgetting it.
pub(crate) async fn read(client: &Client, instance: &InstanceName) -> Result<Option<LinkState>> {
    let Some(link) = link(client, instance).await? else { return Ok(None) };
    if link.get_bool("resetting").unwrap_or_default() {
        return Ok(None);
    }
    let phase = match text(&link, "phase") {
        "copying" => Phase::Copying,
        "catching-up" => Phase::CatchingUp { until: Seq(unsigned(&link, "until")) },
        other => return Err(Error::new(Code::CheckpointChanged, format!("the link's phase is '{other}'"))),
    };
    Ok(Some(LinkState {
        phase,
        start: Position::new(text(&link, "start")),
        source: text(&link, "source").to_owned(),
        selection: text(&link, "selection").to_owned(),
        lanes: read_lanes(client, instance).await?,
        copied: read_copied(client, instance).await?,
    }))
}

async fn link(client: &Client, instance: &InstanceName) -> Result<Option<Document>> {
    Ok(find(client, "link", doc! { "_id": id_of(instance) }).await?.pop())
}

/// The selection that the link was begun with.
pub(crate) async fn selection(client: &Client, instance: &InstanceName) -> Result<Option<String>> {
    Ok(link(client, instance).await?.map(|link| text(&link, "selection").to_owned()))
}

pub(crate) async fn is_resetting(client: &Client, instance: &InstanceName) -> Result<bool> {
    Ok(link(client, instance).await?.is_some_and(|link| link.get_bool("resetting").unwrap_or_default()))
}

/// Whose turn it is: see [`crate::turn`].
pub(crate) async fn turn(client: &Client, instance: &InstanceName) -> Result<Option<ObjectId>> {
    Ok(link(client, instance).await?.and_then(|link| link.get_object_id(TURN).ok()))
}

/// Marks the link as one that is being forgotten: from now on there is no way but to go on with that.
/// `before`: whose turn it may be, where that is known. Nothing to forget is in order too.
pub(crate) async fn begin_reset(
    client: &Client,
    instance: &InstanceName,
    before: &[ObjectId],
    turn: ObjectId,
) -> Result<()> {
    let change = doc! { "$set": { "resetting": true, TURN: turn } };
    let mut filter = doc! { "_id": id_of(instance) };
    if !before.is_empty() {
        filter.insert(TURN, doc! { "$in": before });
    }
    if update(client, "link", filter, change, false).await? == 0 && link(client, instance).await?.is_some() {
        return Err(crate::turn::lost(instance));
    }
    Ok(())
}

pub(crate) async fn enter(client: &Client, instance: &InstanceName, phase: Phase) -> Result<()> {
    let (name, until) = in_words(phase);
    let change = doc! { "$set": { "phase": name, "until": until } };
    update(client, "link", doc! { "_id": id_of(instance) }, change, false).await.map(|_| ())
}

fn in_words(phase: Phase) -> (&'static str, i64) {
    match phase {
        Phase::Copying => ("copying", 0),
        Phase::CatchingUp { until } => ("catching-up", until.0 as i64),
    }
}

async fn read_lanes(client: &Client, instance: &InstanceName) -> Result<Vec<LaneCheckpoint>> {
    let found = find(client, "checkpoint", of_instance(instance)).await?;
    let mut lanes = found.iter().map(lane_of).collect::<Result<Vec<_>>>()?;
    lanes.sort_by_key(|lane| lane.lane);
    Ok(lanes)
}

fn lane_of(found: &Document) -> Result<LaneCheckpoint> {
    let lane = found.get_document("_id").map(|id| integer(id, "lane")).unwrap_or_default() as u16;
    let done = found.get_binary_generic("done").ok().and_then(|bytes| SeqSet::decode(bytes));
    let low = Checkpoint {
        seq: Seq(unsigned(found, "low_seq")),
        position: Position::new(text(found, "low_position")),
    };
    let broken = || Error::new(Code::CheckpointChanged, format!("lane {lane}'s done-set is not readable"));
    Ok(LaneCheckpoint { lane, version: unsigned(found, "version"), low, done: done.ok_or_else(broken)? })
}

/// A lane's checkpoint as a document of its fields, without `_id` and `version`.
fn fields_of(checkpoint: &LaneCheckpoint) -> Document {
    doc! {
        "low_seq": checkpoint.low.seq.0 as i64,
        "low_position": checkpoint.low.position.as_str(),
        "done": bytes(checkpoint.done.encode()),
    }
}

/// The first command of every target transaction of a lane, on [`DATABASE`]: the checkpoint, the marker, and the proof that
/// nobody else wrote in between, all in one. Its `n` must be 1.
pub(crate) fn checkpoint_command(instance: &InstanceName, checkpoint: &LaneCheckpoint) -> Document {
    let mut fields = fields_of(checkpoint);
    fields.insert("version", checkpoint.version as i64);
    let filter = doc! {
        "_id": { "instance": instance.as_str(), "lane": i32::from(checkpoint.lane) },
        "version": checkpoint.version.wrapping_sub(1) as i64,
    };
    update_command("checkpoint", filter, doc! { "$set": fields }, false)
}

/// A lane's checkpoint command changed nothing. Who moved it: our own commit whose answer was lost, or somebody else?
/// Looking again tells.
pub(crate) fn moved(lane: u16) -> Error {
    Error::new(Code::TargetBusy, format!("lane {lane}'s checkpoint is not where it was"))
}

/// The version of a lane's checkpoint, as a majority has it.
pub(crate) async fn lane_version(client: &Client, instance: &InstanceName, lane: u16) -> Result<u64> {
    let id = doc! { "instance": instance.as_str(), "lane": i32::from(lane) };
    let found = find(client, "checkpoint", doc! { "_id": id }).await?.pop();
    let gone = || Error::new(Code::CheckpointChanged, format!("lane {lane}'s checkpoint is gone"));
    Ok(unsigned(&found.ok_or_else(gone)?, "version"))
}

pub(crate) fn id_of(instance: &InstanceName) -> Document {
    doc! { "instance": instance.as_str() }
}

/// Chooses all documents of the instance in a collection of [`DATABASE`].
pub(crate) fn of_instance(instance: &InstanceName) -> Document {
    doc! { "_id.instance": instance.as_str() }
}

fn majority() -> Document {
    doc! { "w": "majority" }
}

/// Documents of a collection of [`DATABASE`].
pub(crate) async fn find(client: &Client, collection: &str, filter: Document) -> Result<Vec<Document>> {
    let collection = client.database(DATABASE).collection::<Document>(collection);
    collection.find(filter).await.map_err(understand)?.try_collect().await.map_err(understand)
}

/// Changes one document of [`DATABASE`], by itself; answers how many it found or made.
pub(crate) async fn update(
    client: &Client,
    collection: &str,
    filter: Document,
    change: Document,
    upsert: bool,
) -> Result<i64> {
    control(client, update_command(collection, filter, change, upsert)).await
}

/// Runs a command that writes to [`DATABASE`], by itself; answers how many documents it met.
pub(crate) async fn control(client: &Client, mut command: Document) -> Result<i64> {
    command.insert("writeConcern", majority());
    Ok(integer(&run(client, DATABASE, &bytes_of(&command)?).await?, "n"))
}

/// Deletes documents of [`DATABASE`], by itself.
pub(crate) async fn delete(client: &Client, collection: &str, filter: Document) -> Result<()> {
    let mut command = delete_command(collection, filter);
    command.insert("writeConcern", majority());
    run(client, DATABASE, &bytes_of(&command)?).await.map(|_| ())
}

pub(crate) fn update_command(collection: &str, filter: Document, change: Document, upsert: bool) -> Document {
    doc! { "update": collection, "updates": [{ "q": filter, "u": change, "upsert": upsert }] }
}

fn update_all_command(collection: &str, filter: Document, change: Document) -> Document {
    doc! { "update": collection, "updates": [{ "q": filter, "u": change, "multi": true }] }
}

pub(crate) fn delete_command(collection: &str, filter: Document) -> Document {
    doc! { "delete": collection, "deletes": [{ "q": filter, "limit": 0 }] }
}

pub(crate) fn insert_command(collection: &str, document: Document) -> Document {
    doc! { "insert": collection, "documents": [document] }
}

pub(crate) fn bytes_of(document: &Document) -> Result<Vec<u8>> {
    let raw = RawDocumentBuf::try_from(document);
    raw.map(RawDocumentBuf::into_bytes).map_err(|_| Error::new(Code::Internal, "a command is not BSON"))
}

pub(crate) fn bytes(bytes: Vec<u8>) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes }
}

/// A whole number of whatever type; 0 if there is none.
pub(crate) fn integer(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(bson::Bson::Int32(value)) => i64::from(*value),
        Some(bson::Bson::Int64(value)) => *value,
        Some(bson::Bson::Double(value)) => *value as i64,
        _ => 0,
    }
}

pub(crate) fn unsigned(document: &Document, name: &str) -> u64 {
    integer(document, name).max(0) as u64
}

pub(crate) fn text<'a>(document: &'a Document, name: &str) -> &'a str {
    document.get_str(name).unwrap_or_default()
}
