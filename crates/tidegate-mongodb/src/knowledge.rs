//! What the target's collections are, shared by everything that writes. Renewed when a schema change was carried out.

use crate::catalog::{self, Collection, Kind, OWN_DATABASES, SYSTEM};
use crate::connect::{run, understand};
use crate::footprint::Hash;
use crate::position::{self, MongoPosition};
use crate::{connect, state};
use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::Client;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use tidegate_model::{Code, Error, InstanceName, Result, Selection, TableName};

pub(crate) struct Knowledge {
    pub(crate) selection: Selection,
    instance: InstanceName,
    inner: RwLock<Arc<Known>>,
    /// Whether the log that is applied overlaps with the copy.
    overlaps: AtomicBool,
}

/// One state of the knowledge.
#[derive(Default)]
pub(crate) struct Known {
    /// Counts up with every change, so that what was derived from it can be thrown away.
    pub(crate) generation: u64,
    /// By the names in the target.
    pub(crate) collections: HashMap<TableName, Arc<KnownCollection>>,
    /// By the names in the source: changes up to there are in the copy already.
    pub(crate) snapshots: HashMap<TableName, MongoPosition>,
    /// By the names in the source: collections whose counterparts had documents before.
    pub(crate) kept: HashSet<TableName>,
    /// By the names in the source, while the log overlaps with the copy: collections that the link has copied, or made by the
    /// log. `None` after that.
    with_copy: Option<HashSet<TableName>>,
    /// Databases of the target that the account may not look into, and what the server says.
    closed: HashMap<String, String>,
}

/// What writing to a collection depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownCollection {
    pub(crate) name: TableName,
    /// Changes to different documents may get in each other's way: an index beside that of `_id` is unique or is going to
    /// be, or texts that differ may be equal.
    pub(crate) ordered: bool,
    /// Takes no writes in a transaction.
    pub(crate) capped: bool,
    pub(crate) view: bool,
    /// Has a validator. What the source has stored is not for the target to judge.
    pub(crate) validated: bool,
    /// The fields of its shard key, if it has one.
    pub(crate) shard_key: Vec<String>,
}

impl Knowledge {
    pub(crate) fn new(selection: Selection, instance: InstanceName) -> Self {
        Self { selection, instance, inner: RwLock::default(), overlaps: AtomicBool::new(false) }
    }

    /// Reads everything before applying begins: the log overlaps with the copy.
    pub(crate) async fn begin_overlap(&self, client: &Client) -> Result<()> {
        self.overlaps.store(true, Ordering::Relaxed);
        self.renew(client).await
    }

    /// Everything of the overlap is applied.
    pub(crate) async fn end_overlap(&self, client: &Client) -> Result<()> {
        self.overlaps.store(false, Ordering::Relaxed);
        self.renew(client).await
    }

    pub(crate) fn current(&self) -> Arc<Known> {
        self.inner.read().expect("no holder panics").clone()
    }

    /// Reads all collections anew. Which of the source's stands behind one is not asked here, so all are read that the
    /// account may look at: others may have databases of their own beside the link's.
    pub(crate) async fn renew(&self, client: &Client) -> Result<()> {
        let (mut found, mut closed) = (Vec::new(), HashMap::new());
        for database in catalog::databases(client).await? {
            match catalog::read(client, std::slice::from_ref(&database), &|_, _| true).await {
                Err(error) if error.code() == Code::MissingGrant => {
                    tracing::debug!(%error, database, "a database is not looked into");
                    closed.insert(database, error.message().to_owned());
                }
                read => found.extend(read?),
            }
        }
        let put_off = unique_later(client, &self.instance).await?;
        let mut shard_keys = shard_keys(client).await?;
        let (mut snapshots, mut with_copy) = (HashMap::new(), HashSet::new());
        for progress in state::read_copied(client, &self.instance).await? {
            if progress.is_begun() {
                with_copy.insert(progress.table.clone());
            }
            if let Some(at) = progress.snapshot {
                snapshots.insert(progress.table, position::parse(&at)?);
            }
        }
        let kept = state::kept_tables(client, &self.instance).await?;
        let collections = found.into_iter().map(|one| {
            let shard_key = shard_keys.remove(&one.name).unwrap_or_default();
            let known = known_of(one, &put_off, shard_key);
            (known.name.clone(), Arc::new(known))
        });
        let collections = collections.collect();
        let with_copy = self.overlaps.load(Ordering::Relaxed).then_some(with_copy);
        let mut inner = self.inner.write().expect("no holder panics");
        let generation = inner.generation + 1;
        *inner = Arc::new(Known { generation, collections, snapshots, kept, with_copy, closed });
        Ok(())
    }
}

impl Known {
    /// Whether the collection was gone before the copy came to it, although the log begins before that. `source` is its
    /// name there, `target` that of its counterpart.
    pub(crate) fn was_gone(&self, source: &TableName, target: &TableName) -> bool {
        let with_copy = self.with_copy.as_ref();
        with_copy.is_some_and(|with_copy| !with_copy.contains(source))
            && !self.collections.contains_key(target)
            && !self.closed.contains_key(&target.database)
    }
}

fn known_of(found: Collection, put_off: &HashSet<TableName>, shard_key: Vec<String>) -> KnownCollection {
    KnownCollection {
        ordered: found.has_unique_index() || found.has_collation() || put_off.contains(&found.name),
        capped: found.is_capped(),
        view: found.kind == Kind::View,
        validated: found.option("validator").is_ok_and(|validator| validator.is_some()),
        shard_key,
        name: found.name,
    }
}

/// Collections that have an index which is to become unique, by their names in the target.
async fn unique_later(client: &Client, instance: &InstanceName) -> Result<HashSet<TableName>> {
    let mut filter = state::of_instance(instance);
    filter.insert("unique", true);
    let found = state::find(client, "put_off", filter).await?;
    let ids = found.iter().filter_map(|found| found.get_document("_id").ok());
    Ok(ids.map(|id| TableName::new(state::text(id, "database"), state::text(id, "collection"))).collect())
}

/// Only routers know of any.
async fn shard_keys(client: &Client) -> Result<HashMap<TableName, Vec<String>>> {
    let hello = run(client, "admin", &connect::command("hello")).await?;
    if state::text(&hello, "msg") != "isdbgrid" {
        return Ok(HashMap::new());
    }
    let collections = client.database("config").collection::<Document>("collections");
    let found: Vec<Document> =
        collections.find(doc! {}).await.map_err(understand)?.try_collect().await.map_err(understand)?;
    let keys = found.iter().filter_map(|one| {
        let (database, collection) = one.get_str("_id").ok()?.split_once('.')?;
        let key = one.get_document("key").ok()?.keys().cloned().collect();
        Some((TableName::new(database, collection), key))
    });
    Ok(keys.collect())
}

/// The log has something of it, and the copy has not.
pub(crate) fn gone(source: &TableName) -> Error {
    Error::new(Code::SchemaChangedWhileCopying, format!("{source} was gone before it was copied"))
}

/// Where the changes of one of the source's collections go.
pub(crate) struct Plan {
    /// Tells it from the others of the same lookup.
    pub(crate) number: u32,
    pub(crate) target: Arc<KnownCollection>,
    /// What its documents' hashes begin with.
    pub(crate) hash: Hash,
    /// Changes up to there are in the copy.
    pub(crate) snapshot: Option<MongoPosition>,
}

/// Finds plans by the source's names, without a copy of the names for each change.
pub(crate) struct Lookup {
    knowledge: Arc<Knowledge>,
    known: Arc<Known>,
    plans: HashMap<String, HashMap<String, Option<Arc<Plan>>>>,
    count: u32,
}

impl Lookup {
    pub(crate) fn new(knowledge: Arc<Knowledge>) -> Self {
        let known = knowledge.current();
        Self { knowledge, known, plans: HashMap::new(), count: 0 }
    }

    /// Takes up what was learnt since.
    pub(crate) fn refresh(&mut self) {
        let known = self.knowledge.current();
        if known.generation != self.known.generation {
            *self =
                Self { known, plans: HashMap::new(), knowledge: self.knowledge.clone(), count: self.count };
        }
    }

    /// `None` if the collection takes no part.
    pub(crate) fn plan(&mut self, database: &str, collection: &str) -> Result<Option<&Arc<Plan>>> {
        if self.plans.get(database).is_none_or(|plans| !plans.contains_key(collection)) {
            let plan = self.make(database, collection)?;
            self.plans.entry(database.to_owned()).or_default().insert(collection.to_owned(), plan);
        }
        Ok(self.plans[database][collection].as_ref())
    }

    fn make(&mut self, database: &str, collection: &str) -> Result<Option<Arc<Plan>>> {
        let selection = &self.knowledge.selection;
        let is_own = OWN_DATABASES.contains(&database) || collection.starts_with(SYSTEM);
        if is_own || !selection.selects(database, collection) {
            return Ok(None);
        }
        let source = TableName::new(database, collection);
        let name = selection.map(database, collection);
        if self.known.was_gone(&source, &name) {
            return Err(gone(&source));
        }
        let missing = || match self.known.closed.get(&name.database) {
            Some(why) => Error::new(Code::MissingGrant, format!("{name}: {why}")),
            None => Error::new(Code::MissingTable, format!("{name} is not in the target")),
        };
        let target = self.known.collections.get(&name).ok_or_else(missing)?.clone();
        let snapshot = self.known.snapshots.get(&source).cloned();
        self.count += 1;
        let hash = Hash::of_collection(&name);
        Ok(Some(Arc::new(Plan { number: self.count, target, hash, snapshot })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_and_what_may_not_be_looked_at() {
        let selection = Selection::new(&[], &[], &["shop.*=store.*".to_owned()]).unwrap();
        let knowledge = Knowledge::new(selection, InstanceName::parse("link").unwrap());
        let closed = HashMap::from([("store".to_owned(), "not allowed".to_owned())]);
        *knowledge.inner.write().unwrap() = Arc::new(Known { closed, ..Known::default() });
        let mut lookup = Lookup::new(Arc::new(knowledge));
        for (database, expected) in [("shop", Code::MissingGrant), ("crm", Code::MissingTable)] {
            assert_eq!(lookup.plan(database, "a").err().map(|error| error.code()), Some(expected));
        }
        assert!(lookup.plan("local", "a").unwrap().is_none());
    }
}
