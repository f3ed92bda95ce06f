//! Collections that cannot be carried over, or that stand in the way in the target.

use super::ask;
use super::findings::some;
use crate::catalog::{self, Collection, Kind, OWN_DATABASES, SYSTEM};
use crate::raw;
use bson::doc;
use mongodb::Client;
use std::collections::BTreeMap;
use tidegate_model::{Code, Error, Result, Selection, TableName};

/// Bytes of `database.collection`.
const NAMESPACE_MAX: usize = 255;
/// Bytes.
const DATABASE_MAX: usize = 63;
/// Options that say what a collection is: where they differ, documents are refused, or found in another order.
const OPTIONS: [&str; 9] = [
    "capped",
    "size",
    "max",
    "collation",
    "clusteredIndex",
    "viewOn",
    "pipeline",
    "validator",
    "validationAction",
];
/// What the target may have otherwise for as long as the link runs, or which version of the server made it.
const INDEX_PASSING: [&str; 6] = ["v", "ns", "background", "unique", "prepareUnique", "expireAfterSeconds"];

/// What is selected here.
pub(crate) async fn selected(client: &Client, selection: &Selection) -> Result<Vec<Collection>> {
    let mut databases = catalog::databases(client).await?;
    databases.retain(|database| selection.touches_database(database));
    catalog::read(client, &databases, &|database, name| selection.selects(database, name)).await
}

fn names(collections: &[Collection], wanted: impl Fn(&Collection) -> bool) -> Vec<String> {
    collections.iter().filter(|one| wanted(one)).map(|one| one.name.to_string()).collect()
}

fn exclude(names: &[String]) -> String {
    let options = names.iter().take(super::findings::NAMES_MAX).map(|name| format!("--exclude '{name}'"));
    options.collect::<Vec<_>>().join(" ")
}

/// Its change log does not show what is written to them.
pub(super) fn refuse_time_series(collections: &[Collection]) -> Result<()> {
    let found = names(collections, |one| one.kind == Kind::TimeSeries);
    some(&found, "time-series: the log does not have what is written to them", &exclude(&found))
}

/// Its server keeps collections beside them, which only the driver of an application understands.
pub(super) fn refuse_encrypted(collections: &[Collection]) -> Result<()> {
    let found = names(collections, |one| one.option("encryptedFields").is_ok_and(|found| found.is_some()));
    some(&found, "queryable encryption: it cannot be carried over", &exclude(&found))
}

pub(super) fn capped(collections: &[Collection]) -> Vec<String> {
    names(collections, Collection::is_capped)
}

/// Refuses for a pair: documents of a capped collection go by themselves on each side, and not the same ones.
pub(crate) async fn refuse_capped(client: &Client, selection: &Selection) -> Result<()> {
    let found = capped(&selected(client, selection).await?);
    let what = "capped: there is no way back for them, because each side removes documents by itself";
    some(&found, what, &format!("{} on both instances, or begin without a way back", exclude(&found)))
}

/// Collections with an index whose documents go after a time.
pub(super) fn expiring(collections: &[Collection]) -> Vec<String> {
    let expires = |index: &Vec<u8>| raw::find(index, "expireAfterSeconds").is_ok_and(|found| found.is_some());
    names(collections, |one| one.indexes.iter().any(expires))
}

/// Names that no server takes, or that mean something to it.
pub(super) fn check_names(collections: &[Collection], selection: &Selection) -> Result<()> {
    for one in collections {
        let to = selection.map(&one.name.database, &one.name.table);
        if let Some(why) = objection(&to) {
            let what = format!("{} would be called {to} in the target: {why}", one.name);
            return Err(Error::new(Code::BadPattern, what).with_remedy("choose another name with --rename"));
        }
    }
    Ok(())
}

fn objection(name: &TableName) -> Option<&'static str> {
    let TableName { database, table } = name;
    if OWN_DATABASES.contains(&database.as_str()) {
        return Some("this database is the server's, or ours");
    }
    if database.is_empty() || database.len() > DATABASE_MAX {
        return Some("a database's name has 1 to 63 bytes");
    }
    if database.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
        return Some("a database's name has none of / \\ . \" $ and no space");
    }
    if table.is_empty() || table.contains(['$', '\0']) || table.starts_with(SYSTEM) {
        return Some("a collection's name has no $ and does not begin with system.");
    }
    (database.len() + 1 + table.len() > NAMESPACE_MAX)
        .then_some("a name has at most 255 bytes with its database")
}

/// Collections with documents, or other definitions, under the names that the copy needs.
pub(super) async fn in_the_way(source: &[Collection], target: &Client, selection: &Selection) -> Result<()> {
    let wanted: BTreeMap<TableName, &Collection> =
        source.iter().map(|one| (selection.map(&one.name.database, &one.name.table), one)).collect();
    let mut databases = catalog::databases(target).await?;
    check_case(&wanted, &databases)?;
    databases.retain(|database| wanted.keys().any(|name| name.database == *database));
    let is_wanted = |database: &str, name: &str| wanted.contains_key(&TableName::new(database, name));
    let found = catalog::read(target, &databases, &is_wanted).await?;
    for there in &found {
        if let Some(here) = wanted.get(&there.name) {
            compare(here, there)?;
        }
    }
    if selection.keeps_rows() {
        return Ok(());
    }
    let mut full = Vec::new();
    for there in found.iter().filter(|there| there.kind == Kind::Collection) {
        if has_documents(target, &there.name).await? {
            full.push(there.name.to_string());
        }
    }
    some(&full, "already has documents of its own", Code::TargetNotEmpty.remedy())
        .map_err(|error| Error::new(Code::TargetNotEmpty, error.message().to_owned()))
}

/// A server does not take two databases whose names differ in case only.
fn check_case(wanted: &BTreeMap<TableName, &Collection>, databases: &[String]) -> Result<()> {
    for name in wanted.keys() {
        let same = |other: &&String| {
            **other != name.database && other.to_lowercase() == name.database.to_lowercase()
        };
        if let Some(other) = databases.iter().find(same) {
            let what = format!(
                "the target has a database {other}, and takes none called {} beside it",
                name.database
            );
            let remedy = format!("--rename '{}.*={other}.*', or remove that database", name.database);
            return Err(Error::new(Code::DefinitionDiffers, what).with_remedy(remedy));
        }
    }
    Ok(())
}

async fn has_documents(client: &Client, name: &TableName) -> Result<bool> {
    let question = doc! { "find": &name.table, "limit": 1, "singleBatch": true, "projection": { "_id": 1 } };
    let answer = ask(client, &name.database, question).await?;
    let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    Ok(batch.is_ok_and(|batch| !batch.is_empty()))
}

fn compare(here: &Collection, there: &Collection) -> Result<()> {
    let differs = |what: &str| {
        let what = format!("{} of the target differs from {} of the source: {what}", there.name, here.name);
        Err(Error::new(Code::DefinitionDiffers, what))
    };
    if here.kind != there.kind {
        return differs("one of them is a view");
    }
    for name in OPTIONS {
        let value = |one: &Collection| {
            Ok::<_, Error>(one.option(name)?.map(|found| (found.kind, found.value.to_vec())))
        };
        // A view stands on a collection that may have another name in the target.
        let is_renamed = matches!(name, "viewOn" | "pipeline") && here.name != there.name;
        if !is_renamed && value(here)? != value(there)? {
            return differs(name);
        }
    }
    let by_name = |one: &Collection| {
        let named = one.indexes.iter().map(|index| Ok((index_name(index)?, index.clone())));
        named.collect::<Result<BTreeMap<String, Vec<u8>>>>()
    };
    let (here, there) = (by_name(here)?, by_name(there)?);
    for (name, index) in &there {
        match here.get(name) {
            Some(other) if parts(other)? != parts(index)? => return differs(&format!("index {name}")),
            None if is_unique(index) => {
                return differs(&format!("only the target has the unique index {name}"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn index_name(index: &[u8]) -> Result<String> {
    Ok(raw::find(index, "name")?.and_then(|name| name.text()).unwrap_or_default().to_owned())
}

fn is_unique(index: &[u8]) -> bool {
    ["unique", "prepareUnique"]
        .iter()
        .any(|name| raw::find(index, name).is_ok_and(|one| one.is_some_and(|one| one.is_true())))
}

/// What the index is, whatever order the server tells it in.
fn parts(index: &[u8]) -> Result<BTreeMap<&str, (u8, &[u8])>> {
    let mut parts = BTreeMap::new();
    for element in raw::elements(index) {
        let element = element?;
        if !INDEX_PASSING.contains(&element.name) {
            parts.insert(element.name, (element.kind, element.value));
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(name: &str, options: &bson::Document, indexes: &[bson::Document]) -> Collection {
        Collection {
            name: TableName::new("shop", name),
            kind: Kind::Collection,
            options: options.to_vec().unwrap(),
            uuid: Vec::new(),
            indexes: indexes.iter().map(|index| index.to_vec().unwrap()).collect(),
        }
    }

    #[test]
    fn names_that_no_server_takes() {
        let long = "x".repeat(251);
        for (database, table, good) in [
            ("shop", "a", true),
            ("shop", "a.b", true),
            ("tidegate", "a", false),
            ("sh op", "a", false),
            (&"d".repeat(63), "a", true),
            (&"d".repeat(64), "a", false),
            ("shop", "system.views", false),
            ("shop", &long[..250], true),
            ("shop", &long, false),
        ] {
            assert_eq!(objection(&TableName::new(database, table)).is_none(), good, "{database}.{table}");
        }
    }

    #[test]
    fn definitions_that_a_link_cannot_use() {
        let index = |extra: bson::Document| {
            let mut index = doc! { "v": 2, "key": { "x": 1 }, "name": "x_1" };
            index.extend(extra);
            index
        };
        let plain = collection("a", &doc! {}, &[index(doc! { "unique": true })]);
        let passing = collection("a", &doc! {}, &[index(doc! { "prepareUnique": true })]);
        assert!(compare(&plain, &passing).is_ok());
        for (there, what) in [
            (collection("a", &doc! { "capped": true, "size": 4096 }, &[]), "capped"),
            (collection("a", &doc! { "validator": { "x": 1 } }, &[]), "validator"),
            (collection("a", &doc! {}, &[index(doc! { "sparse": true })]), "index x_1"),
            (
                collection("a", &doc! {}, &[doc! { "key": { "y": 1 }, "name": "y", "unique": true }]),
                "unique index y",
            ),
        ] {
            let error = compare(&plain, &there).unwrap_err();
            assert_eq!(error.code(), Code::DefinitionDiffers);
            assert!(error.message().contains(what), "{error}");
        }
    }
}
