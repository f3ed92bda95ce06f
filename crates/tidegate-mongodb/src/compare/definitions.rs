//! Comparing definitions of the source with those of the target: as they are once nothing is put off any more.

use crate::catalog::{self, Collection, Kind};
use crate::definitions::normal::{self, Normal};
use crate::definitions::server::{self, decoded};
use crate::definitions::views;
use crate::put_off::{self, PutOff};
use bson::Bson;
use mongodb::Client;
use std::collections::{BTreeMap, HashSet};
use tidegate_model::{Result, Selection, TableName};

const TTL: &str = "expireAfterSeconds";

/// What is missing in the target, what is there only, what differs; by the names in the source.
pub(super) async fn list_differences(
    source: &Client,
    target: &Client,
    selection: &Selection,
) -> Result<Vec<(TableName, String)>> {
    let mut databases = catalog::databases(source).await?;
    databases.retain(|database| selection.touches_database(database));
    let ours = catalog::read(source, &databases, &|database, name| selection.selects(database, name)).await?;
    let names: Vec<TableName> =
        ours.iter().map(|one| selection.map(&one.name.database, &one.name.table)).collect();
    let mut theirs = server::existing(target, &names).await?;
    let (source_later, target_later) =
        (put_off::read(source, None).await?, put_off::read(target, None).await?);
    let mut list = Vec::new();
    for (one, name) in ours.iter().zip(&names) {
        let Some(image) = theirs.remove(name) else {
            list.push((one.name.clone(), format!("{} {name} is missing", kind_of(one))));
            continue;
        };
        let one = Side { collection: one, later: &source_later };
        let image = Side { collection: &image, later: &target_later };
        for difference in differences(&one, &image, selection)? {
            list.push((one.collection.name.clone(), difference));
        }
    }
    list.extend(strangers(target, &databases, &names, selection).await?);
    Ok(list)
}

fn kind_of(found: &Collection) -> &'static str {
    match found.kind {
        Kind::Collection => "collection",
        Kind::View => "view",
        Kind::TimeSeries => "time-series collection",
    }
}

/// Collections that the target has, and the source has not though it would be selected there.
async fn strangers(
    target: &Client,
    databases: &[String],
    known: &[TableName],
    selection: &Selection,
) -> Result<Vec<(TableName, String)>> {
    let known: HashSet<&TableName> = known.iter().collect();
    let would_be = |database: &str, name: &str| {
        let found = TableName::new(database, name);
        let is_image =
            |source: &String| selection.selects(source, name) && selection.map(source, name) == found;
        !known.contains(&found) && databases.iter().any(is_image)
    };
    let mut images: Vec<String> = databases.iter().map(|database| selection.map_database(database)).collect();
    images.sort();
    images.dedup();
    let found = catalog::read(target, &images, &would_be).await?;
    let text = |one: &Collection| format!("{} {} is in the target only", kind_of(one), one.name);
    Ok(found.iter().map(|one| (one.name.clone(), text(one))).collect())
}

/// A collection with what is put off where it is.
struct Side<'a> {
    collection: &'a Collection,
    later: &'a [PutOff],
}

impl Side<'_> {
    fn later(&self, index: &str) -> impl Iterator<Item = &PutOff> {
        let is_own = move |one: &&PutOff| one.name == self.collection.name && one.index == index;
        self.later.iter().filter(is_own)
    }

    fn options(&self) -> Result<Normal> {
        let mut options = normal::options(&decoded(&self.collection.options)?);
        if let Some(seconds) = self.later("").find_map(|one| one.later.expire_after_s) {
            options.insert(TTL.to_owned(), Bson::Int64(seconds));
        }
        Ok(options)
    }

    /// By their names.
    fn indexes(&self) -> Result<BTreeMap<String, Normal>> {
        let mut indexes = BTreeMap::new();
        for index in &self.collection.indexes {
            let mut index = normal::index(&decoded(index)?);
            let name = index.get("name").and_then(Bson::as_str).unwrap_or_default().to_owned();
            for one in self.later(&name) {
                if one.later.unique {
                    index.remove("prepareUnique");
                    index.insert("unique".to_owned(), Bson::Boolean(true));
                }
                if one.later.prepare_unique {
                    index.insert("prepareUnique".to_owned(), Bson::Boolean(true));
                }
                if let Some(seconds) = one.later.expire_after_s {
                    index.insert(TTL.to_owned(), Bson::Int64(seconds));
                }
            }
            indexes.insert(name, index);
        }
        Ok(indexes)
    }
}

fn differences(source: &Side<'_>, target: &Side<'_>, selection: &Selection) -> Result<Vec<String>> {
    let (one, other) = (source.collection, target.collection);
    if one.kind != other.kind {
        return Ok(vec![format!(
            "{}: the source has a {}, the target a {}",
            other.name,
            kind_of(one),
            kind_of(other)
        )]);
    }
    let ours = if one.kind == Kind::View {
        normal::options(&views::renamed(&one.name, &decoded(&one.options)?, selection)?)
    } else {
        source.options()?
    };
    let mut list: Vec<String> = normal::difference(&ours, &target.options()?)
        .map(|text| format!("{} {}: {text}", kind_of(one), other.name))
        .into_iter()
        .collect();
    let mut theirs = target.indexes()?;
    for (name, index) in source.indexes()? {
        let label = format!("index {name} of {}", other.name);
        match theirs.remove(&name) {
            None => list.push(format!("{label} is missing")),
            Some(image) => {
                list.extend(normal::difference(&index, &image).map(|text| format!("{label}: {text}")))
            }
        }
    }
    list.extend(
        theirs.into_keys().map(|name| format!("index {name} of {} is in the target only", other.name)),
    );
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Document, doc};

    fn collection(options: Document, indexes: &[Document]) -> Collection {
        Collection {
            name: TableName::new("shop", "a"),
            kind: Kind::Collection,
            options: options.to_vec().unwrap(),
            uuid: Vec::new(),
            indexes: indexes.iter().map(|index| index.to_vec().unwrap()).collect(),
        }
    }

    #[test]
    fn differences_are_named() {
        let selection = Selection::default();
        let check = |one: &Collection, other: &Collection| {
            let (one, other) = (Side { collection: one, later: &[] }, Side { collection: other, later: &[] });
            differences(&one, &other, &selection).unwrap()
        };
        let index = |name: &str, ttl: i32| doc! { "v": 2, "key": { "a": 1 }, "name": name, "expireAfterSeconds": ttl };
        let one = collection(doc! { "capped": true, "size": 4096 }, &[index("a", 1), index("b", 1)]);
        let other = collection(doc! { "size": 4096.0, "capped": true }, &[index("b", 2), index("c", 1)]);
        assert!(check(&one, &one).is_empty());
        assert_eq!(
            check(&one, &other),
            [
                "index a of shop.a is missing",
                "index b of shop.a: expireAfterSeconds: the source has 1, the target has 2",
                "index c of shop.a is in the target only",
            ]
        );
        let view = Collection { kind: Kind::View, ..other };
        assert_eq!(check(&one, &view), ["shop.a: the source has a collection, the target a view"]);
    }
}
