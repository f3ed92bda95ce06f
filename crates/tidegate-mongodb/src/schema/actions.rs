//! What is to be done in the target for a change. Each action can be repeated.

use super::change::{Change, Kind};
use crate::definitions::normal::{self, Later, NEVER_S};
use crate::definitions::server::{number, whole};
use crate::definitions::views;
use crate::state::{self, MadeFor};
use bson::{Bson, Document, doc};
use tidegate_model::{Code, Error, InstanceName, Result, Selection, TableName};

const TTL: &str = "expireAfterSeconds";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// A command; errors of these numbers say that the target is as it should be.
    Run {
        database: String,
        command: Document,
        tolerated: Vec<i32>,
    },
    PutOff {
        name: TableName,
        index: String,
        later: Later,
    },
    Forget {
        name: TableName,
        index: Option<String>,
    },
    /// Documents of a clustered collection have no age at the source.
    EndAge(TableName),
    Renamed {
        from: TableName,
        to: TableName,
    },
    Note(String),
}

/// How changes are carried out.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) selection: &'a Selection,
    pub(super) instance: &'a InstanceName,
    /// The copy may have the change already.
    pub(super) overlap: bool,
    /// It ran before, in part at least.
    pub(super) again: bool,
    pub(super) sharded: bool,
}

impl Setting<'_> {
    fn is_lenient(&self) -> bool {
        self.overlap || self.again
    }

    fn map(&self, name: &TableName) -> TableName {
        self.selection.map(&name.database, &name.table)
    }
}

/// In the order in which they are to be done. `collated`: the target's collection has a collation of its own.
pub(super) fn of(change: &Change, setting: Setting<'_>, collated: bool) -> Result<Vec<Action>> {
    let name = setting.map(&change.name);
    match change.kind {
        Kind::Create => create(change, setting, name),
        Kind::Drop => {
            let command = doc! { "drop": name.table.as_str() };
            let drop = run(&name.database, command, &[number::NAMESPACE_NOT_FOUND]);
            Ok(vec![drop, Action::Forget { name, index: None }])
        }
        Kind::Rename => rename(change, setting, name),
        Kind::CreateIndexes => create_indexes(change, setting, name, collated),
        Kind::DropIndexes => drop_indexes(change, name),
        Kind::Modify => modify(change, setting, name),
        Kind::Shard | Kind::RefineShardKey | Kind::Reshard => Ok(shard(change, setting, &name)),
    }
}

fn run(database: &str, command: Document, tolerated: &[i32]) -> Action {
    Action::Run { database: database.to_owned(), command, tolerated: tolerated.to_vec() }
}

fn refused(why: &str) -> Error {
    Error::new(Code::SchemaChangeFailed, why)
}

fn create(change: &Change, setting: Setting<'_>, name: TableName) -> Result<Vec<Action>> {
    let tolerated: &[i32] = if setting.is_lenient() { &[number::NAMESPACE_EXISTS] } else { &[] };
    let mut command = doc! { "create": name.table.as_str() };
    if change.description.contains_key("timeseries") {
        return Err(refused("time-series collections are not carried over; exclude it"));
    }
    if change.description.contains_key("viewOn") {
        command.extend(views::renamed(&change.name, &change.description, setting.selection)?);
        return Ok(vec![run(&name.database, command, tolerated)]);
    }
    let mut actions = vec![record_made(setting.instance, &change.name)];
    for (option, value) in &change.description {
        match option.as_str() {
            "idIndex"
            | "storageEngine"
            | "indexOptionDefaults"
            | "flags"
            | "uuid"
            | "temp"
            | "autoIndexId" => {}
            TTL => {
                let later = Later { expire_after_s: whole(value), ..Later::default() };
                actions.push(Action::PutOff { name: name.clone(), index: String::new(), later });
            }
            _ => _ = command.insert(option, value.clone()),
        }
    }
    actions.push(run(&name.database, command, tolerated));
    Ok(actions)
}

/// Records that the link makes the collection, and that there is nothing to copy. `name` is that of the source.
fn record_made(instance: &InstanceName, name: &TableName) -> Action {
    run("tidegate", state::record_made(instance, name, MadeFor::Change), &[])
}

fn rename(change: &Change, setting: Setting<'_>, from: TableName) -> Result<Vec<Action>> {
    let source = change.to.as_ref().ok_or_else(|| refused("a rename without a new name"))?;
    let to = setting.map(source);
    let drops = change.description.get("dropTarget").is_some_and(|drops| *drops != Bson::Boolean(false));
    let mut command = doc! { "renameCollection": from.to_string(), "to": to.to_string() };
    if drops {
        command.insert("dropTarget", true);
    }
    let tolerated: &[i32] = if setting.is_lenient() { &[number::NAMESPACE_NOT_FOUND] } else { &[] };
    let mut actions = vec![record_made(setting.instance, source)];
    if drops && !setting.again {
        actions.push(Action::Forget { name: to.clone(), index: None });
    }
    actions.push(run("admin", command, tolerated));
    actions.push(Action::Renamed { from, to });
    Ok(actions)
}

fn specs(change: &Change) -> impl Iterator<Item = &Document> {
    let indexes = change.description.get("indexes").and_then(Bson::as_array);
    indexes.into_iter().flatten().filter_map(Bson::as_document)
}

fn index_name(spec: &Document) -> Result<String> {
    spec.get("name")
        .and_then(Bson::as_str)
        .map(str::to_owned)
        .ok_or_else(|| refused("an index without a name"))
}

fn create_indexes(
    change: &Change,
    setting: Setting<'_>,
    name: TableName,
    collated: bool,
) -> Result<Vec<Action>> {
    let (mut actions, mut made) = (Vec::new(), Vec::new());
    for spec in specs(change) {
        let complete = normal::complete(spec, collated);
        let (mut now, mut later) = normal::put_off(&complete);
        if !setting.overlap {
            // Documents are as the source has them: it holds there, so it holds here.
            for option in ["unique", "prepareUnique"] {
                if let Some(value) = complete.get(option) {
                    now.insert(option, value.clone());
                }
            }
            (later.unique, later.prepare_unique) = (false, false);
        }
        if !later.is_nothing() {
            actions.push(Action::PutOff { name: name.clone(), index: index_name(spec)?, later });
        }
        made.push(Bson::Document(now));
    }
    if made.is_empty() {
        return Ok(actions);
    }
    let mut tolerated = vec![number::INDEX_ALREADY_EXISTS];
    if setting.is_lenient() {
        // It was dropped and made otherwise later: what comes in the log puts that right.
        tolerated.extend([number::INDEX_OPTIONS_CONFLICT, number::INDEX_KEY_SPECS_CONFLICT]);
    }
    let command = doc! { "createIndexes": name.table.as_str(), "indexes": made };
    actions.push(run(&name.database, command, &tolerated));
    Ok(actions)
}

fn drop_indexes(change: &Change, name: TableName) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
    for spec in specs(change) {
        let index = index_name(spec)?;
        let command = doc! { "dropIndexes": name.table.as_str(), "index": index.as_str() };
        actions.push(run(&name.database, command, &[number::INDEX_NOT_FOUND, number::NAMESPACE_NOT_FOUND]));
        actions.push(Action::Forget { name: name.clone(), index: Some(index) });
    }
    Ok(actions)
}

fn modify(change: &Change, setting: Setting<'_>, name: TableName) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
    let mut command = doc! { "collMod": name.table.as_str() };
    let description = if change.description.contains_key("viewOn") {
        views::renamed(&change.name, &change.description, setting.selection)?
    } else {
        change.description.clone()
    };
    for (option, value) in description {
        match (option.as_str(), value) {
            ("index", Bson::Document(index)) => {
                let (index, later) = modified_index(index, setting.overlap)?;
                if !later.is_nothing() {
                    actions.push(Action::PutOff { name: name.clone(), index: index_name(&index)?, later });
                }
                if index.len() > 1 {
                    command.insert("index", index);
                }
            }
            (TTL, value) => match whole(&value) {
                Some(seconds) => {
                    let later = Later { expire_after_s: Some(seconds), ..Later::default() };
                    actions.push(Action::PutOff { name: name.clone(), index: String::new(), later });
                }
                None => {
                    actions.push(Action::EndAge(name.clone()));
                    command.insert(TTL, value);
                }
            },
            (_, value) => _ = command.insert(option, value),
        }
    }
    if command.len() > 1 {
        let tolerated: &[i32] =
            if setting.overlap { &[number::INDEX_NOT_FOUND, number::NAMESPACE_NOT_FOUND] } else { &[] };
        actions.push(run(&name.database, command, tolerated));
    }
    Ok(actions)
}

/// A changed index as it is now in the target, and what waits.
fn modified_index(mut index: Document, overlap: bool) -> Result<(Document, Later)> {
    let mut later = Later::default();
    if let Some(value) = index.get_mut(TTL) {
        // Ours is the value that means never; it says nothing about what was wanted.
        later.expire_after_s = whole(value).filter(|seconds| *seconds != NEVER_S);
        *value = Bson::Int64(NEVER_S);
    }
    if overlap {
        later.unique = index.remove("unique") == Some(Bson::Boolean(true));
        later.prepare_unique = index.remove("prepareUnique") == Some(Bson::Boolean(true));
    }
    index_name(&index).map(|_| (index, later))
}

fn shard(change: &Change, setting: Setting<'_>, name: &TableName) -> Vec<Action> {
    let word = match change.kind {
        Kind::Shard => "shardCollection",
        Kind::RefineShardKey => "refineCollectionShardKey",
        _ => {
            return vec![Action::Note(format!(
                "{}: how documents are spread is the target's own",
                change.text()
            ))];
        }
    };
    let Some(key) = change.description.get("shardKey").filter(|_| setting.sharded) else {
        return vec![Action::Note(format!("{}: the target is no sharded cluster", change.text()))];
    };
    let mut command = doc! { word: name.to_string(), "key": key.clone() };
    if change.kind == Kind::Shard && change.description.get("unique") == Some(&Bson::Boolean(true)) {
        command.insert("unique", true);
    }
    // IllegalOperation and AlreadyInitialized: it is sharded so already.
    vec![run("admin", command, if setting.is_lenient() { &[20, 23] } else { &[] })]
}
