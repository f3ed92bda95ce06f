//! How far the copies are.
//!
//! Loaders work side by side, and a document that two open transactions change makes the later one fail. So each loader has
//! a document of its own, a part; the progress is that of whichever part, or of the whole, has come furthest.

use super::{bytes, find, id_of, integer, of_instance, text, unsigned, update};
use crate::session::WriteSession;
use bson::{Bson, Document, doc};
use mongodb::Client;
use std::collections::{BTreeMap, HashSet};
use tidegate_model::{Code, CopyProgress, CopyStep, Error, InstanceName, Position, Result, TableName};

/// Why the link makes a collection in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MadeFor {
    Copy,
    /// A schema change of the log: there is nothing to copy.
    Change,
}

pub(crate) fn id_of_table(instance: &InstanceName, table: &TableName) -> Document {
    let mut id = id_of(instance);
    id.insert("database", table.database.as_str());
    id.insert("collection", table.table.as_str());
    id
}

pub(super) fn table_of(found: &Document) -> TableName {
    let name = |field| found.get_document("_id").map(|id| text(id, field).to_owned()).unwrap_or_default();
    TableName::new(name("database"), name("collection"))
}

/// The command that records, before a collection is made in the target, that this link makes it. `table` is its name in the
/// source.
pub(crate) fn record_made(instance: &InstanceName, table: &TableName, made_for: MadeFor) -> Document {
    let (done, made_for) = match made_for {
        MadeFor::Copy => (false, "copy"),
        MadeFor::Change => (true, "change"),
    };
    let fresh = doc! {
        "version": 0_i64, "rows": 0_i64, "last_key": null, "done": done, "snapshot": null, "made_for": made_for,
    };
    let update = doc! {
        "q": { "_id": id_of_table(instance, table) }, "u": { "$setOnInsert": fresh }, "upsert": true,
    };
    doc! { "update": "copy", "updates": [update] }
}

/// How far all copies of the link are, by the names in the source.
pub(crate) async fn read_copied(client: &Client, instance: &InstanceName) -> Result<Vec<CopyProgress>> {
    let wholes = find(client, "copy", of_instance(instance)).await?;
    let parts = find(client, "copy_part", of_instance(instance)).await?;
    Ok(joined(&wholes, &parts))
}

/// The same as a transaction sees it.
pub(super) async fn read_copied_in(
    session: &mut WriteSession,
    instance: &InstanceName,
) -> Result<Vec<CopyProgress>> {
    let wholes = session.find_control("copy", of_instance(instance)).await?;
    let parts = session.find_control("copy_part", of_instance(instance)).await?;
    Ok(joined(&wholes, &parts))
}

fn joined(wholes: &[Document], parts: &[Document]) -> Vec<CopyProgress> {
    let of_whole = |whole| (table_of(whole), progress_of(whole));
    let mut copied: BTreeMap<TableName, CopyProgress> = wholes.iter().map(of_whole).collect();
    for part in parts.iter().map(progress_of) {
        let Some(whole) = copied.get_mut(&part.table) else { continue };
        whole.rows += part.rows;
        if part.version > whole.version {
            (whole.version, whole.done, whole.last_key) = (part.version, part.done, part.last_key);
        }
    }
    copied.into_values().collect()
}

fn progress_of(found: &Document) -> CopyProgress {
    CopyProgress {
        table: table_of(found),
        version: unsigned(found, "version"),
        rows: unsigned(found, "rows"),
        last_key: found.get_binary_generic("last_key").ok().cloned(),
        done: found.get_bool("done").unwrap_or_default(),
        snapshot: found.get_str("snapshot").ok().map(Position::new),
    }
}

fn key_bytes(key: Option<&[u8]>) -> Bson {
    key.map_or(Bson::Null, |key| Bson::Binary(bytes(key.to_vec())))
}

/// What a loader writes about itself.
#[derive(Debug)]
pub(crate) struct Part {
    id: Document,
    /// A commit is valid only if it is what it was when the part was claimed.
    fence: i64,
}

impl Part {
    /// Waits for a commit to the same part that is on its way, and keeps others out from here on.
    pub(crate) async fn claim(
        client: &Client,
        instance: &InstanceName,
        table: &TableName,
        number: u32,
    ) -> Result<Self> {
        let mut id = id_of_table(instance, table);
        id.insert("part", number as i32);
        let change = doc! {
            "$inc": { "fence": 1_i64 },
            "$setOnInsert": { "version": 0_i64, "rows": 0_i64, "last_key": null, "done": false },
        };
        update(client, "copy_part", doc! { "_id": id.clone() }, change, true).await?;
        let found = find(client, "copy_part", doc! { "_id": id.clone() }).await?.pop();
        Ok(Self { id, fence: found.map_or(0, |found| integer(&found, "fence")) })
    }

    /// Says in a transaction whose it is. Its `n` must be 1.
    pub(crate) fn touch_command(&self) -> Document {
        let filter = doc! { "_id": self.id.clone(), "fence": self.fence };
        super::update_command("copy_part", filter, doc! { "$inc": { "touched": 1_i64 } }, false)
    }

    /// Comes last in a chunk's transaction. Its `n` must be 1.
    pub(crate) fn commit_command(&self, step: CopyStep<'_>) -> Document {
        let mut set = doc! { "version": step.version as i64 + 1, "done": step.done };
        if !step.last_key.is_empty() {
            set.insert("last_key", key_bytes(Some(step.last_key)));
        }
        let filter = doc! { "_id": self.id.clone(), "fence": self.fence };
        super::update_command(
            "copy_part",
            filter,
            doc! { "$set": set, "$inc": { "rows": step.rows as i64 } },
            false,
        )
    }
}

/// Waits for commits that are on their way; a transaction that has not come to its commit yet fails at it.
pub(crate) async fn wait_for_parts(
    client: &Client,
    instance: &InstanceName,
    table: &TableName,
) -> Result<()> {
    let change = doc! { "$inc": { "touched": 1_i64 } };
    let mut command = super::update_all_command("copy_part", parts_of(instance, table), change);
    command.insert("writeConcern", super::majority());
    crate::connect::run(client, super::DATABASE, &super::bytes_of(&command)?).await.map(|_| ())
}

pub(super) fn parts_of(instance: &InstanceName, table: &TableName) -> Document {
    doc! {
        "_id.instance": instance.as_str(),
        "_id.database": table.database.as_str(),
        "_id.collection": table.table.as_str(),
    }
}

/// Notes that a copy begins anew at `version` + 1; refused if it is not at `version`.
pub(crate) async fn restart(
    session: &mut WriteSession,
    instance: &InstanceName,
    table: &TableName,
    version: u64,
    snapshot: Option<&Position>,
) -> Result<()> {
    let now = read_copied_in(session, instance).await?;
    if !now.iter().any(|one| one.table == *table && one.version == version) {
        session.abort().await;
        return Err(moved(table));
    }
    let ids = id_of_table(instance, table);
    let parts = parts_of(instance, table);
    let emptied = doc! { "$set": { "version": 0_i64, "rows": 0_i64, "last_key": null, "done": false } };
    session.control(&super::update_all_command("copy_part", parts, emptied)).await?;
    let whole = doc! { "$set": {
        "version": version as i64 + 1,
        "rows": 0_i64,
        "last_key": null,
        "done": false,
        "snapshot": snapshot.map(|snapshot| snapshot.as_str()),
    } };
    session.control(&super::update_command("copy", doc! { "_id": ids }, whole, false)).await.map(|_| ())
}

pub(crate) fn moved(table: &TableName) -> Error {
    Error::new(Code::CheckpointChanged, format!("the copy of {table} was moved on by another"))
}

/// Moves the versions of copies that were begun, and what the parts know comes into the whole.
pub(super) async fn move_copies(session: &mut WriteSession, instance: &InstanceName) -> Result<()> {
    for copied in read_copied_in(session, instance).await?.into_iter().filter(|copied| copied.version > 0) {
        let whole = doc! { "$set": {
            "version": copied.version as i64 + 1,
            "last_key": key_bytes(copied.last_key.as_deref()),
            "done": copied.done,
        } };
        let filter = doc! { "_id": id_of_table(instance, &copied.table) };
        session.control(&super::update_command("copy", filter, whole, false)).await?;
    }
    let change = doc! { "$inc": { "fence": 1_i64 } };
    session.control(&super::update_all_command("copy_part", of_instance(instance), change)).await.map(|_| ())
}

/// The progress as one document, for another link to have.
pub(super) fn whole_of(instance: &InstanceName, copied: &CopyProgress) -> Document {
    doc! {
        "_id": id_of_table(instance, &copied.table),
        "version": copied.version as i64,
        "rows": copied.rows as i64,
        "last_key": key_bytes(copied.last_key.as_deref()),
        "done": copied.done,
        "snapshot": copied.snapshot.as_ref().map(|snapshot| snapshot.as_str()),
        "made_for": "copy",
    }
}

/// Notes that a collection had documents before, which stay. `table` is its name in the source.
pub(crate) async fn keep(client: &Client, instance: &InstanceName, table: &TableName) -> Result<()> {
    let filter = doc! { "_id": id_of_table(instance, table) };
    update(client, "kept", filter, doc! { "$set": { "kept": true } }, true).await.map(|_| ())
}

/// Collections that had documents before the link began, by their names in the source.
pub(crate) async fn kept_tables(client: &Client, instance: &InstanceName) -> Result<HashSet<TableName>> {
    Ok(find(client, "kept", of_instance(instance)).await?.iter().map(table_of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_part_tells_and_rows_are_added_up() {
        let instance = InstanceName::parse("shop").unwrap();
        let table = TableName::new("a", "b");
        let document = |version: i64, rows: i64, part: i32| {
            let mut id = id_of_table(&instance, &table);
            id.insert("part", part);
            doc! { "_id": id, "version": version, "rows": rows, "last_key": bytes(vec![part as u8]), "done": part == 2 }
        };
        let whole =
            doc! { "_id": id_of_table(&instance, &table), "version": 1_i64, "rows": 0_i64, "done": false };
        let copied =
            joined(std::slice::from_ref(&whole), &[document(2, 10, 1), document(3, 5, 2), document(0, 0, 3)]);
        assert_eq!(copied.len(), 1);
        assert_eq!((copied[0].version, copied[0].rows, copied[0].done), (3, 15, true));
        assert_eq!(copied[0].last_key.as_deref(), Some([2_u8].as_slice()));
        assert_eq!(joined(&[whole], &[])[0].version, 1);
    }
}
