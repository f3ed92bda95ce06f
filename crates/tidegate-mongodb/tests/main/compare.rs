//! Whether two databases are the same, byte for byte.

use crate::servers::{Pair, Site};
use bson::{Document, RawDocument, doc};

/// What the target has otherwise for as long as the link runs.
const INDEX_PASSING: [&str; 1] = ["expireAfterSeconds"];

/// Every collection with its options, its indexes and its documents.
#[track_caller]
pub(crate) fn assert_same(pair: &Pair, database: &str, when: &str) {
    let (here, there) = (collections(&pair.source, database), collections(&pair.target, database));
    assert_eq!(here, there, "{when}: the collections of {database}");
    for one in &here {
        let name = one.get_str("name").expect("a name");
        if name.starts_with("system.") {
            continue;
        }
        let is_view = one.get_str("type").is_ok_and(|kind| kind == "view");
        if !is_view {
            let (here, there) =
                (indexes(&pair.source, database, name), indexes(&pair.target, database, name));
            assert_eq!(here, there, "{when}: the indexes of {database}.{name}");
        }
        let natural = one.get_document("options").is_ok_and(|options| options.contains_key("capped"));
        assert_same_documents(pair, database, name, natural, when);
    }
}

#[track_caller]
pub(crate) fn assert_same_documents(pair: &Pair, database: &str, name: &str, natural: bool, when: &str) {
    let here = pair.source.documents(database, name, natural);
    let there = pair.target.documents(database, name, natural);
    for (at, (one, other)) in here.iter().zip(&there).enumerate() {
        assert!(
            one == other,
            "{when}: document {at} of {database}.{name} differs:\n{}\n{}",
            shown(one),
            shown(other)
        );
    }
    assert_eq!(here.len(), there.len(), "{when}: documents of {database}.{name}");
}

fn collections(site: &Site, database: &str) -> Vec<Document> {
    let mut found = understood(site.answers(database, &doc! { "listCollections": 1 }));
    for one in &mut found {
        // The identity of each is its own.
        one.remove("info");
    }
    found.sort_by(|one, other| one.get_str("name").ok().cmp(&other.get_str("name").ok()));
    found
}

pub(crate) fn indexes(site: &Site, database: &str, collection: &str) -> Vec<Document> {
    let mut found = understood(site.answers(database, &doc! { "listIndexes": collection }));
    for one in &mut found {
        for name in INDEX_PASSING {
            one.remove(name);
        }
    }
    // In which order they were made means nothing, nor that of their options.
    found.sort_by(|one, other| one.get_str("name").ok().cmp(&other.get_str("name").ok()));
    let sorted = |one: Document| {
        let mut fields: Vec<_> = one.into_iter().collect();
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        fields.into_iter().collect()
    };
    found.into_iter().map(sorted).collect()
}

fn understood(found: Vec<Vec<u8>>) -> Vec<Document> {
    found.iter().map(|one| Document::from_reader(one.as_slice()).expect("a document")).collect()
}

/// The first part of it.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = match RawDocument::from_bytes(bytes) {
        Ok(document) => format!("{document:?}"),
        Err(error) => error.to_string(),
    };
    text.chars().take(2_000).collect()
}
