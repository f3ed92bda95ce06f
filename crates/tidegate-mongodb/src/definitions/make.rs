//! Making definitions in the target.

use super::normal::{self, Later, Normal};
use super::server::{self, control, decoded};
use super::{Item, plan, standing};
use crate::catalog::{Collection, Kind};
use crate::state::{self, MadeFor};
use crate::turn::Turn;
use crate::{journal, put_off};
use bson::{Bson, Document, doc};
use mongodb::Client;
use std::collections::{BTreeMap, HashMap};
use tidegate_model::{Code, Definition, Error, InstanceName, Result, Selection, Stage, TableName};

const TTL: &str = "expireAfterSeconds";

/// Makes what is missing in the target. What is there already must be defined alike and, if it is a collection whose copy was
/// not begun, be empty. Safe to repeat. Answers what a person should know.
pub(crate) async fn make(
    turn: &Turn,
    definitions: &[Definition],
    selection: &Selection,
) -> Result<Vec<String>> {
    let plan = plan(definitions, selection)?;
    let mut maker = Maker::new(turn, selection, &plan).await?;
    maker.vet(&plan).await?;
    let missing = plan.iter().filter(|item| maker.is_missing(item));
    let names: Vec<TableName> = missing.map(|item| item.name.clone()).collect();
    if names.is_empty() {
        return Ok(maker.notices);
    }
    turn.demand().await?;
    journal::open(&turn.client, &turn.instance, &names).await?;
    let outcome = maker.run(&plan).await;
    journal::close(&turn.client, &turn.instance).await?;
    outcome.map(|()| maker.notices)
}

/// What the link has copied of a collection.
#[derive(Clone, Copy, Debug, Default)]
struct Copied {
    begun: bool,
    documents: bool,
}

struct Maker<'a> {
    turn: &'a Turn,
    client: &'a Client,
    selection: &'a Selection,
    instance: &'a InstanceName,
    existing: BTreeMap<TableName, Collection>,
    /// By their names in the source.
    copied: HashMap<TableName, Copied>,
    notices: Vec<String>,
}

impl<'a> Maker<'a> {
    async fn new(turn: &'a Turn, selection: &'a Selection, plan: &[Item]) -> Result<Self> {
        let (client, instance) = (&turn.client, &turn.instance);
        let names: Vec<TableName> = plan.iter().map(|item| item.name.clone()).collect();
        let existing = server::existing(client, &names).await?;
        let copied = copied(client, instance).await?;
        Ok(Self { turn, client, selection, instance, existing, copied, notices: Vec::new() })
    }

    /// Runs a command about the item, which is what was looked at.
    async fn change(&self, item: &Item, command: Document) -> Result<()> {
        let only = self.existing.get(&item.name);
        Ok(self.turn.change(self.client, &item.name.database, command, only).await.map(|_| ())?)
    }

    fn copied(&self, item: &Item) -> Option<Copied> {
        self.copied.get(&item.source).copied()
    }

    /// Looks at what is there before anything is changed.
    async fn vet(&self, plan: &[Item]) -> Result<()> {
        let (mut first, mut further) = (None, 0);
        for item in plan {
            let objection = match self.existing.get(&item.name) {
                Some(found) => self.object_to(item, found).await?,
                None => self.lost(item),
            };
            match (objection, &first) {
                (Some(error), None) => first = Some(error),
                (Some(_), Some(_)) => further += 1,
                (None, _) => {}
            }
        }
        match first {
            None => Ok(()),
            Some(error) if further > 0 => Err(error.context(format!("this and {further} more"))),
            Some(error) => Err(error),
        }
    }

    async fn object_to(&self, item: &Item, found: &Collection) -> Result<Option<Error>> {
        let copied = self.copied(item);
        let begun = copied.is_some_and(|copied| copied.begun);
        if let Some(difference) = difference(item, found, begun)? {
            let what = format!("{}: {difference}", item.name);
            if copied.is_some() && item.stage == Stage::Table {
                return Ok(Some(Error::new(Code::SchemaChangedWhileCopying, what)));
            }
            let remedy = "make both definitions the same, or drop it on the target if it is not needed; then run again";
            return Ok(Some(Error::new(Code::DefinitionDiffers, what).with_remedy(remedy)));
        }
        let may_have = begun || item.stage != Stage::Table || self.selection.keeps_rows();
        if may_have || !server::has_documents(self.client, &item.name).await? {
            return Ok(None);
        }
        let what = format!("{} has documents that this link did not copy", item.name);
        Ok(Some(Error::new(Code::TargetNotEmpty, what).with_remedy(
            "drop the collection; or exclude it here, or rename it on the way, or keep its documents (--existing keep)",
        )))
    }

    /// A collection whose copied documents are gone: made anew it would stay without them.
    fn lost(&self, item: &Item) -> Option<Error> {
        let copied = self.copied(item).filter(|_| item.stage != Stage::View)?;
        let what = format!("{} was copied and is not in the target any more", item.name);
        copied.documents.then(|| Error::new(Code::MissingTable, what))
    }

    fn is_missing(&self, item: &Item) -> bool {
        match (self.existing.get(&item.name), item.stage) {
            (None, _) => true,
            (Some(found), Stage::Table) => {
                !self.refusing(item, found).is_empty() || !standing::rests(item, found).is_empty()
            }
            (Some(found), Stage::Routine) => {
                item.indexes.iter().any(|spec| find(found, spec).is_none())
                    || !standing::rests(item, found).is_empty()
            }
            (Some(_), _) => false,
        }
    }

    /// Names of the wanted indexes that are unique already, unless documents were copied with them.
    fn refusing(&self, item: &Item, found: &Collection) -> Vec<String> {
        if self.copied(item).is_some_and(|copied| copied.begun) {
            return Vec::new();
        }
        refusing(item, found)
    }

    async fn run(&mut self, plan: &[Item]) -> Result<()> {
        for item in plan {
            if !self.is_missing(item) {
                continue;
            }
            self.put_to_rest(item).await.map_err(|error| error.context(&item.name))?;
            let made = match (item.stage, self.existing.contains_key(&item.name)) {
                (Stage::Routine, _) => self.make_indexes(item).await,
                (Stage::Table, true) => self.loosen(item).await,
                (Stage::Table, false) => self.make_collection(item).await,
                _ => self.make_view(item).await,
            };
            made.map_err(|error| error.context(&item.name))?;
        }
        Ok(())
    }

    /// What is in the target already must not remove documents by itself either, and becomes what it is at the source.
    async fn put_to_rest(&self, item: &Item) -> Result<()> {
        let Some(found) = self.existing.get(&item.name) else { return Ok(()) };
        for one in standing::rests(item, found) {
            put_off::record(self.client, self.instance, &item.name, &one.index, one.later).await?;
            if one.acts {
                put_off::still((self.turn, self.client), &item.name, &one.index).await?;
            }
        }
        Ok(())
    }

    async fn make_collection(&mut self, item: &Item) -> Result<()> {
        self.record(item).await?;
        let mut command = doc! { "create": item.name.table.as_str() };
        for (name, value) in &item.options {
            match name.as_str() {
                "storageEngine" | "indexOptionDefaults" => {
                    self.notices.push(format!("{}: {name} is left to the target's own settings", item.name));
                }
                // What the server keeps for itself.
                "flags" | "uuid" | "temp" | "autoIndexId" | "idIndex" => {}
                TTL => {
                    let later = Later { expire_after_s: server::whole(value), ..Later::default() };
                    put_off::record(self.client, self.instance, &item.name, "", later).await?;
                }
                _ => _ = command.insert(name, value.clone()),
            }
        }
        self.change(item, command).await
    }

    /// Records that the link makes the collection: what a reset removes.
    async fn record(&self, item: &Item) -> Result<()> {
        let command = state::record_made(self.instance, &item.source, MadeFor::Copy);
        Ok(server::change(self.client, "tidegate", command).await.map(|_| ())?)
    }

    /// Unique indexes of an empty collection go: they come again after the copy.
    async fn loosen(&mut self, item: &Item) -> Result<()> {
        let Some(found) = self.existing.get(&item.name) else { return Ok(()) };
        let names = self.refusing(item, found);
        let Some(found) = self.existing.get_mut(&item.name) else { return Ok(()) };
        for name in names {
            let command = doc! { "dropIndexes": item.name.table.as_str(), "index": name.as_str() };
            self.turn.change(self.client, &item.name.database, command, Some(&*found)).await?;
            found
                .indexes
                .retain(|index| !decoded(index).is_ok_and(|index| name_of(&index) == Some(name.as_str())));
        }
        Ok(())
    }

    async fn make_indexes(&self, item: &Item) -> Result<()> {
        let found = self.existing.get(&item.name);
        let missing =
            item.indexes.iter().filter(|spec| found.is_none_or(|found| find(found, spec).is_none()));
        let mut specs = Vec::new();
        for spec in missing {
            let (now, later) = normal::put_off(spec);
            let name = now.get_str("name").unwrap_or_default();
            put_off::record(self.client, self.instance, &item.name, name, later).await?;
            specs.push(Bson::Document(now));
        }
        if specs.is_empty() {
            return Ok(());
        }
        self.change(item, doc! { "createIndexes": item.name.table.as_str(), "indexes": specs }).await
    }

    async fn make_view(&self, item: &Item) -> Result<()> {
        let mut command = doc! { "create": item.name.table.as_str() };
        command.extend(item.options.clone());
        self.change(item, command).await
    }
}

async fn copied(client: &Client, instance: &InstanceName) -> Result<HashMap<TableName, Copied>> {
    let mut copied: HashMap<TableName, Copied> = HashMap::new();
    for collection in ["copy", "copy_part"] {
        for one in control(client, collection, doc! { "_id.instance": instance.as_str() }).await? {
            let text = |name| one.get_document("_id").and_then(|id| id.get_str(name)).unwrap_or_default();
            let is_some = |name| one.get(name).and_then(server::whole).is_some_and(|value| value > 0);
            let entry = copied.entry(TableName::new(text("database"), text("collection"))).or_default();
            entry.begun |= is_some("version");
            entry.documents |= is_some("rows");
        }
    }
    Ok(copied)
}

fn name_of(index: &Document) -> Option<&str> {
    index.get("name").and_then(Bson::as_str)
}

/// The index of that name.
pub(super) fn find(found: &Collection, spec: &Document) -> Option<Document> {
    let name = spec.get_str("name").ok()?;
    let indexes = found.indexes.iter().filter_map(|index| decoded(index).ok());
    indexes.into_iter().find(|index| index.get("name").and_then(Bson::as_str) == Some(name))
}

/// Names of the wanted indexes that are unique already.
fn refusing(item: &Item, found: &Collection) -> Vec<String> {
    let own = item.indexes.iter().filter_map(|spec| find(found, spec));
    let unique =
        own.filter(|index| normal::put_off(index).1.unique || normal::put_off(index).1.prepare_unique);
    unique.filter_map(|index| index.get_str("name").ok().map(str::to_owned)).collect()
}

/// What differs between a definition and what the target has, as it is made now or as it will be.
fn difference(item: &Item, found: &Collection, begun: bool) -> Result<Option<String>> {
    let wanted = if item.stage == Stage::View { Kind::View } else { Kind::Collection };
    if found.kind != wanted {
        return Ok(Some(format!("the target has a {:?} of this name", found.kind).to_lowercase()));
    }
    let mut source = normal::options(&item.options);
    let mut target = normal::options(&decoded(&found.options)?);
    // How long documents live is put off; and the target may keep images of its own accord.
    for side in [&mut source, &mut target] {
        side.remove(TTL);
    }
    if !source.contains_key("changeStreamPreAndPostImages") {
        target.remove("changeStreamPreAndPostImages");
    }
    let options = normal::difference(&source, &target);
    if options.is_some() || item.stage == Stage::View {
        return Ok(options);
    }
    let indexes = item.indexes.iter().find_map(|spec| index_difference(spec, &find(found, spec)?));
    if indexes.is_some() || begun || item.stage != Stage::Table {
        return Ok(indexes);
    }
    let is_known =
        |name: &str| item.indexes.iter().any(|spec| spec.get("name").and_then(Bson::as_str) == Some(name));
    for index in &found.indexes {
        let index = decoded(index)?;
        let name = index.get_str("name").unwrap_or_default();
        if !is_known(name) {
            return Ok(Some(format!("index {name} is in the target only")));
        }
    }
    Ok(None)
}

/// An index may be in its final form, or in that in which it is made, or something between.
fn index_difference(spec: &Document, found: &Document) -> Option<String> {
    let bare = |spec: &Document| -> Normal { normal::index(&normal::put_off(spec).0) };
    let text = normal::difference(&bare(spec), &bare(found))?;
    Some(format!("index {}: {text}", spec.get_str("name").unwrap_or_default()))
}
