//! What definitions become later: unique indexes once rows are only changed as the log has it, TTL indexes once
//! applications write here.

use crate::catalog::{Collection, Kind};
use crate::connect::understand;
use crate::definitions::normal;
use crate::definitions::normal::{Later, NEVER_S};
use crate::definitions::server::{self, Refused, number};
use crate::journal;
use crate::turn::Turn;
use bson::{Bson, Document, doc};
use mongodb::Client;
use tidegate_model::{Code, Error, InstanceName, Raised, Result, Retry, Selection, TableName};

const COLLECTION: &str = "put_off";
const TTL: &str = "expireAfterSeconds";
/// The source has said that documents have no age any more.
const OFF: &str = "off";

/// In whose turn, and where.
pub(crate) type At<'a> = (&'a Turn, &'a Client);

/// One of them. `index` is empty for the documents' own age in a clustered collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PutOff {
    /// Whoever put it off.
    id: Document,
    pub(crate) name: TableName,
    pub(crate) index: String,
    pub(crate) later: Later,
    /// What was their age before the source has said that they have none.
    ended: Option<i64>,
}

fn id_of(instance: &InstanceName, name: &TableName, index: &str) -> Document {
    let (database, collection) = (name.database.as_str(), name.table.as_str());
    doc! { "instance": instance.as_str(), "database": database, "collection": collection, "index": index }
}

impl PutOff {
    fn of(found: &Document) -> Option<Self> {
        let id = found.get_document("_id").ok()?.clone();
        let text = |name| id.get_str(name).ok().map(str::to_owned);
        let is_set = |name| found.get_bool(name).unwrap_or(false);
        let (age, is_off) = (found.get(TTL).and_then(server::whole), is_set(OFF));
        Some(Self {
            name: TableName::new(text("database")?, text("collection")?),
            index: text("index")?,
            later: Later {
                unique: is_set("unique"),
                prepare_unique: is_set("prepareUnique"),
                expire_after_s: age.filter(|_| !is_off),
            },
            ended: age.filter(|_| is_off),
            id,
        })
    }

    fn filter(&self) -> Document {
        doc! { "_id": self.id.clone() }
    }
}

/// All that is put off in this deployment, by whichever link; of one if it is named.
pub(crate) async fn read(client: &Client, instance: Option<&InstanceName>) -> Result<Vec<PutOff>> {
    let filter = instance.map_or_else(Document::new, |name| doc! { "_id.instance": name.as_str() });
    let found = server::control(client, COLLECTION, filter).await?;
    Ok(found.iter().filter_map(PutOff::of).collect())
}

/// Records what an index becomes later; safe to repeat. What is nothing is not recorded, and not forgotten either.
pub(crate) async fn record(
    client: &Client,
    instance: &InstanceName,
    name: &TableName,
    index: &str,
    later: Later,
) -> Result<()> {
    let mut fields = Document::new();
    if later.unique {
        fields.insert("unique", true);
    }
    if later.prepare_unique {
        fields.insert("prepareUnique", true);
    }
    if let Some(seconds) = later.expire_after_s {
        fields.insert(TTL, seconds);
    }
    if fields.is_empty() {
        return Ok(());
    }
    let mut change = doc! {};
    if fields.contains_key(TTL) {
        change.insert("$unset", doc! { OFF: "" });
    }
    change.insert("$set", fields);
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    let update = collection.update_one(doc! { "_id": id_of(instance, name, index) }, change).upsert(true);
    update.await.map(|_| ()).map_err(understand)
}

/// The source says that the documents of a clustered collection have no age. Either applications want that, or a link that
/// writes there has put it to rest: what is recorded stays, and a person decides.
pub(crate) async fn end_age(client: &Client, name: &TableName) -> Result<()> {
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    let (database, table) = (name.database.as_str(), name.table.as_str());
    let filter =
        doc! { "_id.database": database, "_id.collection": table, "_id.index": "", TTL: { "$exists": true } };
    collection.update_many(filter, doc! { "$set": { OFF: true } }).await.map(|_| ()).map_err(understand)
}

/// Forgets what is put off for an index, or for all of a collection.
pub(crate) async fn forget(client: &Client, name: &TableName, index: Option<&str>) -> Result<()> {
    let mut filter = doc! { "_id.database": name.database.as_str(), "_id.collection": name.table.as_str() };
    if let Some(index) = index {
        filter.insert("_id.index", index);
    }
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    collection.delete_many(filter).await.map(|_| ()).map_err(understand)
}

/// A collection is called otherwise from now on.
pub(crate) async fn rename(client: &Client, from: &TableName, to: &TableName) -> Result<()> {
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    let (database, table) = (from.database.as_str(), from.table.as_str());
    let filter = doc! { "_id.database": database, "_id.collection": table };
    for mut one in server::control(client, COLLECTION, filter).await? {
        let Ok(id) = one.get_document_mut("_id") else { continue };
        id.insert("database", to.database.as_str());
        id.insert("collection", to.table.as_str());
        let own = doc! { "_id": id.clone() };
        collection.replace_one(own, one).upsert(true).await.map_err(understand)?;
    }
    forget(client, from, None).await
}

/// Makes the link's unique indexes unique; safe to repeat. Fails with [`Code::DefinitionDiffers`] if documents are in the way.
pub(crate) async fn settle(turn: &Turn) -> Result<()> {
    let (client, instance) = (&turn.client, &turn.instance);
    let waiting: Vec<PutOff> = read(client, Some(instance)).await?;
    let waiting: Vec<PutOff> =
        waiting.into_iter().filter(|one| one.later.unique || one.later.prepare_unique).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let names: Vec<TableName> = waiting.iter().map(|one| one.name.clone()).collect();
    turn.demand().await?;
    journal::open(client, instance, &names).await?;
    let outcome = settle_all(turn, &waiting).await;
    journal::close(client, instance).await?;
    outcome
}

async fn settle_all(turn: &Turn, waiting: &[PutOff]) -> Result<()> {
    let client = &turn.client;
    for one in waiting {
        let outcome = if one.later.unique {
            make_unique(turn, one).await
        } else {
            modify(turn, one, doc! { "prepareUnique": true }).await.map_err(Error::from)
        };
        outcome.map_err(|error| error.context(format!("index {} of {}", one.index, one.name)))?;
        let collection = client.database("tidegate").collection::<Document>(COLLECTION);
        let done = match one.later.expire_after_s {
            None => collection.delete_one(one.filter()).await.map(|_| ()),
            Some(_) => {
                let rest = doc! { "$unset": { "unique": "", "prepareUnique": "" } };
                collection.update_one(one.filter(), rest).await.map(|_| ())
            }
        };
        done.map_err(understand)?;
    }
    Ok(())
}

/// `collMod` of one index.
async fn modify(turn: &Turn, one: &PutOff, change: Document) -> Result<(), Refused> {
    let mut index = doc! { "name": one.index.as_str() };
    index.extend(change);
    let command = doc! { "collMod": one.name.table.as_str(), "index": index };
    turn.change(&turn.client, &one.name.database, command, None).await.map(|_| ())
}

async fn make_unique(turn: &Turn, one: &PutOff) -> Result<()> {
    let found = crate::catalog::indexes(&turn.client, &one.name.database, &one.name.table).await?;
    let found = found.iter().map(|index| server::decoded(index)).collect::<Result<Vec<_>>>()?;
    let own =
        found.into_iter().find(|index| index.get("name").and_then(Bson::as_str) == Some(one.index.as_str()));
    let gone = || Error::new(Code::DefinitionDiffers, "it was made by this link and is not there any more");
    let own = own.ok_or_else(|| gone().with_remedy("make it again as the source has it, then run again"))?;
    if own.get_bool("unique").unwrap_or(false) {
        return Ok(());
    }
    let prepared = modify(turn, one, doc! { "prepareUnique": true }).await;
    let outcome = match prepared {
        Ok(()) => modify(turn, one, doc! { "unique": true }).await,
        refused => refused,
    };
    match outcome {
        Err(refused) if number::UNKNOWN_OPTION.contains(&refused.number) => make_again(turn, one, own).await,
        Err(refused) => Err(explain(refused)),
        Ok(()) => Ok(()),
    }
}

/// For servers that cannot make an index unique. A crash between the two leaves none, and [`crate::definitions`] makes it anew.
async fn make_again(turn: &Turn, one: &PutOff, mut spec: Document) -> Result<()> {
    let (database, table) = (&one.name.database, one.name.table.as_str());
    let found = server::existing(&turn.client, std::slice::from_ref(&one.name)).await?;
    let found = found.get(&one.name);
    let collated = found.is_some_and(Collection::has_collation);
    spec.insert("unique", true);
    let drop = doc! { "dropIndexes": table, "index": one.index.as_str() };
    turn.change(&turn.client, database, drop, found).await?;
    let create = doc! { "createIndexes": table, "indexes": [normal::complete(&spec, collated)] };
    turn.change(&turn.client, database, create, found).await.map(|_| ()).map_err(explain)
}

fn explain(refused: Refused) -> Error {
    if !matches!(refused.number, number::CANNOT_CONVERT_TO_UNIQUE | number::DUPLICATE_KEY) {
        return refused.error;
    }
    let what = format!("it cannot be unique, as it is at the source: {}", refused.error.message());
    Error::new(Code::DefinitionDiffers, what)
        .with_remedy("remove the documents that are there twice from the target, then run again")
}

/// `to` is what applications will write to: its TTL indexes begin to act. `from` is what they have written to: its TTL
/// indexes rest, because their deletions come through the other link from now on. `link` writes to `to`, and reads `from`.
/// Safe to repeat.
pub(crate) async fn hand_over(
    from: &Client,
    to: &Client,
    link: &InstanceName,
    selection: &Selection,
) -> Result<Raised> {
    let mut raised = Raised::default();
    let turn = Turn::current(to, link).await?;
    let writers = journal::writers(from, &crate::source::deployment_id(to).await?).await?;
    let resting = rest((&turn, from), &writers, selection, &mut raised.behind).await?;
    let there: Vec<PutOff> = read(to, None).await?;
    let mine = |one: &PutOff| {
        let is_image = |name: &TableName| selection.map(&name.database, &name.table) == one.name;
        one.id.get("instance").and_then(Bson::as_str) == Some(link.as_str()) || resting.iter().any(is_image)
    };
    let there: Vec<PutOff> = there.into_iter().filter(mine).collect();
    let (there, others): (Vec<PutOff>, Vec<PutOff>) =
        there.into_iter().partition(|one| one.later.expire_after_s.is_some());
    let is_known =
        |one: &PutOff| there.iter().any(|other| other.name == one.name && other.index == one.index);
    raised.behind.extend(others.iter().filter(|one| !is_known(one)).filter_map(ended));
    if there.is_empty() {
        return Ok(raised);
    }
    let names: Vec<TableName> = there.iter().map(|one| one.name.clone()).collect();
    journal::open(to, link, &names).await?;
    let outcome = wake_all(&turn, &there, &mut raised).await;
    journal::close(to, link).await?;
    outcome.map(|()| raised)
}

/// Nothing is known of the one that it was about: it comes again, or is somebody else's.
fn is_no_answer(error: &Error) -> bool {
    error.retry() == Retry::Auto || error.code() == Code::CheckpointChanged
}

/// What a person is told about an age that nobody knows to be wanted.
fn ended(one: &PutOff) -> Option<String> {
    let seconds = one.ended?;
    Some(format!(
        "{}: its documents had an age of {seconds} seconds until the source turned that off; if it is wanted, set it with \
         collMod",
        one.name
    ))
}

async fn wake_all(turn: &Turn, there: &[PutOff], raised: &mut Raised) -> Result<()> {
    for one in there {
        match wake(turn, one).await {
            Ok(()) => raised.raised += 1,
            Err(error) if is_no_answer(&error) => return Err(error),
            Err(error) => raised.behind.push(format!("{} {}: {error}", one.name, one.index)),
        }
    }
    Ok(())
}

/// `collMod` of an age. What has gone since needs none.
async fn set_age((turn, client): At<'_>, name: &TableName, index: &str, seconds: Bson) -> Result<()> {
    let command = age_command(name, index, seconds);
    let outcome = turn.change(client, &name.database, command, None).await;
    match outcome {
        Err(refused) if matches!(refused.number, number::NAMESPACE_NOT_FOUND | number::INDEX_NOT_FOUND) => {
            Ok(())
        }
        outcome => outcome.map(|_| ()).map_err(Error::from),
    }
}

fn age_command(name: &TableName, index: &str, seconds: Bson) -> Document {
    let mut command = doc! { "collMod": name.table.as_str() };
    if index.is_empty() {
        command.insert(TTL, seconds);
    } else {
        command.insert("index", doc! { "name": index, TTL: seconds });
    }
    command
}

/// From now on documents live forever: of an index, or, if it has no name, of a clustered collection.
pub(crate) async fn still(at: At<'_>, name: &TableName, index: &str) -> Result<()> {
    // The server refuses ages of collections that reach back before 1970.
    let never = if index.is_empty() { Bson::String("off".to_owned()) } else { Bson::Int64(NEVER_S) };
    set_age(at, name, index, never).await
}

async fn wake(turn: &Turn, one: &PutOff) -> Result<()> {
    let Some(seconds) = one.later.expire_after_s else { return Ok(()) };
    let to = &turn.client;
    set_age((turn, to), &one.name, &one.index, Bson::Int64(seconds)).await?;
    let collection = to.database("tidegate").collection::<Document>(COLLECTION);
    let update = collection.update_one(one.filter(), doc! { "$unset": { TTL: "" } }).await;
    update.map_err(understand)?;
    if one.later.unique || one.later.prepare_unique {
        return Ok(());
    }
    collection.delete_one(one.filter()).await.map(|_| ()).map_err(understand)
}

/// An age that acts: of which collection, of which index (none if it is the collection's own), in seconds.
type Age = (TableName, String, i64);

fn ages(found: &[Collection]) -> Result<Vec<Age>> {
    let mut ages = Vec::new();
    for one in found {
        if let Some(seconds) = one.option(TTL)?.and_then(|value| value.integer()) {
            ages.push((one.name.clone(), String::new(), seconds));
        }
        for index in &one.indexes {
            let index = server::decoded(index)?;
            if let Some(seconds) = index.get(TTL).and_then(server::whole) {
                ages.push((one.name.clone(), index.get_str("name").unwrap_or_default().to_owned(), seconds));
            }
        }
    }
    ages.retain(|(_, _, seconds)| *seconds != NEVER_S);
    Ok(ages)
}

/// Puts the TTL indexes of the selected collections to rest; answers all selected collections. `writers`: who writes to
/// `from`. Readers of `from` know them, and take what happens between for ours.
async fn rest(
    (turn, from): At<'_>,
    writers: &[InstanceName],
    selection: &Selection,
    behind: &mut Vec<String>,
) -> Result<Vec<TableName>> {
    let link = &turn.instance;
    let databases = crate::catalog::databases(from).await?;
    let databases: Vec<String> =
        databases.into_iter().filter(|database| selection.touches_database(database)).collect();
    let mut found =
        crate::catalog::read(from, &databases, &|database, name| selection.selects(database, name)).await?;
    found.retain(|one| one.kind == Kind::Collection);
    let work = ages(&found)?;
    let names: Vec<TableName> = found.into_iter().map(|one| one.name).collect();
    if work.is_empty() {
        return Ok(names);
    }
    let touched: Vec<TableName> = work.iter().map(|(name, _, _)| name.clone()).collect();
    let outcome = match journal::open_for(from, writers, link, &touched).await {
        Ok(()) => rest_all((turn, from), &work, behind).await,
        Err(error) => Err(error),
    };
    journal::close_for(from, link).await?;
    outcome.map(|()| names)
}

async fn rest_all((turn, from): At<'_>, work: &[Age], behind: &mut Vec<String>) -> Result<()> {
    for (name, index, seconds) in work {
        let later = Later { expire_after_s: Some(*seconds), ..Later::default() };
        let rested = async {
            record(from, &turn.instance, name, index, later).await?;
            still((turn, from), name, index).await
        };
        match rested.await {
            Err(error) if is_no_answer(&error) => return Err(error),
            Err(error) => behind.push(format!("{name} {index}: it still removes documents: {error}")),
            Ok(()) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_off(fields: Document) -> PutOff {
        let name = TableName::new("shop", "a");
        let mut found = doc! { "_id": id_of(&InstanceName::parse("one").unwrap(), &name, "") };
        found.extend(fields);
        PutOff::of(&found).unwrap()
    }

    #[test]
    fn an_age_that_the_source_turned_off_does_not_act_and_is_not_lost() {
        let waits = put_off(doc! { TTL: 60_i64 });
        assert_eq!((waits.later.expire_after_s, ended(&waits)), (Some(60), None));
        let off = put_off(doc! { TTL: 60, OFF: true });
        assert_eq!(off.later.expire_after_s, None);
        assert!(ended(&off).unwrap().contains("60 seconds"));
    }

    #[test]
    fn ages_that_act() {
        let index = |spec: Document| spec.to_vec().unwrap();
        let one = Collection {
            name: TableName::new("shop", "a"),
            kind: Kind::Collection,
            options: doc! { TTL: 5_i64 }.to_vec().unwrap(),
            uuid: Vec::new(),
            indexes: vec![
                index(doc! { "name": "rests", TTL: NEVER_S as i32 }),
                index(doc! { "name": "acts", TTL: 9.0 }),
                index(doc! { "name": "plain" }),
            ],
        };
        let name = one.name.clone();
        assert_eq!(
            ages(&[one]).unwrap(),
            [(name.clone(), String::new(), 5), (name.clone(), "acts".to_owned(), 9)]
        );
        let off = age_command(&name, "", Bson::String("off".to_owned()));
        assert_eq!(off, doc! { "collMod": "a", TTL: "off" });
        let never = age_command(&name, "acts", Bson::Int64(NEVER_S));
        assert_eq!(never, doc! { "collMod": "a", "index": { "name": "acts", TTL: NEVER_S } });
    }
}
