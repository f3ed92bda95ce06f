//! Options and indexes in the form in which two of them are compared, and as they are made.

use super::server::whole;
use bson::{Bson, Document, doc};
use std::collections::BTreeMap;

/// Documents live so long under a TTL index that must not act yet: the longest time that servers take, 68 years.
pub(crate) const NEVER_S: i64 = i32::MAX as i64;

const TTL: &str = "expireAfterSeconds";

/// What an index becomes later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) unique: bool,
    pub(crate) prepare_unique: bool,
    pub(crate) expire_after_s: Option<i64>,
}

impl Later {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Top-level names and values, in no order.
pub(crate) type Normal = BTreeMap<String, Bson>;

fn is_off(value: &Bson) -> bool {
    *value == Bson::Boolean(false)
}

/// Numbers of one value and several types are the same number to the server here.
fn plain_numbers(value: Bson) -> Bson {
    match value {
        Bson::Document(document) => {
            Bson::Document(document.into_iter().map(|(name, value)| (name, plain_numbers(value))).collect())
        }
        other => whole(&other).map_or(other, Bson::Int64),
    }
}

/// What the server's library for languages is called differs from version to version.
fn plain_collation(normal: &mut Normal) {
    let Some(Bson::Document(collation)) = normal.get_mut("collation") else { return };
    collation.remove("version");
    if collation.get("locale").and_then(Bson::as_str) == Some("simple") {
        normal.remove("collation");
    }
}

/// An index, whichever form of it a server prints.
pub(crate) fn index(spec: &Document) -> Normal {
    let mut normal: Normal = spec.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    for name in ["v", "ns", "background", "storageEngine"] {
        normal.remove(name);
    }
    for name in ["unique", "sparse", "hidden", "prepareUnique"] {
        if normal.get(name).is_some_and(is_off) {
            normal.remove(name);
        }
    }
    for name in ["key", "weights", TTL, "bits", "min", "max"] {
        if let Some(value) = normal.remove(name) {
            normal.insert(name.to_owned(), plain_numbers(value));
        }
    }
    plain_collation(&mut normal);
    normal
}

/// A collection's options.
pub(crate) fn options(options: &Document) -> Normal {
    let mut normal: Normal = options.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    for name in ["storageEngine", "indexOptionDefaults", "flags", "uuid", "temp", "autoIndexId", "idIndex"] {
        normal.remove(name);
    }
    let usual = |name: &str, text: &str| normal.get(name).and_then(Bson::as_str) == Some(text);
    let usual = [("validationLevel", "strict"), ("validationAction", "error")]
        .map(|(name, text)| (name, usual(name, text)));
    for (name, _) in usual.iter().filter(|(_, usual)| *usual) {
        normal.remove(*name);
    }
    if normal.get("capped").is_some_and(is_off) {
        normal.remove("capped");
    }
    if let Some(Bson::Document(images)) = normal.get("changeStreamPreAndPostImages")
        && images.get("enabled").is_none_or(is_off)
    {
        normal.remove("changeStreamPreAndPostImages");
    }
    if let Some(Bson::Document(clustered)) = normal.get_mut("clusteredIndex") {
        clustered.remove("v");
    }
    for name in ["size", "max", TTL] {
        if let Some(value) = normal.remove(name) {
            normal.insert(name.to_owned(), plain_numbers(value));
        }
    }
    plain_collation(&mut normal);
    normal
}

/// The index as it is made: with what the server would take from the collection said outright. `collated`: the collection
/// has a collation of its own, and an index without one has the simple one.
pub(crate) fn complete(spec: &Document, collated: bool) -> Document {
    let mut spec = spec.clone();
    for name in ["ns", "background", "storageEngine"] {
        spec.remove(name);
    }
    let old = spec.get("v").and_then(whole).is_some_and(|version| version < 2);
    if collated && !old && !spec.contains_key("collation") {
        spec.insert("collation", doc! { "locale": "simple" });
    }
    spec
}

/// The index as it is while rows are copied, and what it becomes later.
pub(crate) fn put_off(spec: &Document) -> (Document, Later) {
    let mut now = spec.clone();
    let is_set = |found: Option<Bson>| found == Some(Bson::Boolean(true));
    let mut later = Later {
        unique: is_set(now.remove("unique")),
        prepare_unique: is_set(now.remove("prepareUnique")),
        expire_after_s: None,
    };
    if let Some(value) = now.get_mut(TTL) {
        later.expire_after_s = whole(value).filter(|seconds| *seconds != NEVER_S);
        *value = Bson::Int64(NEVER_S);
    }
    (now, later)
}

/// The order of fields counts, which documents that are held against each other do not see.
fn bytes(value: Option<&Bson>) -> Option<Vec<u8>> {
    value.and_then(|value| doc! { "": value }.to_vec().ok())
}

/// How two of them differ, for a person: the first option, as each side has it.
pub(crate) fn difference(source: &Normal, target: &Normal) -> Option<String> {
    let shown = |value: Option<&Bson>| {
        let text = value.map_or("nothing".to_owned(), |value| value.to_string());
        match text.char_indices().nth(160) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    };
    let names = source.keys().chain(target.keys());
    let differs = names.into_iter().find(|name| bytes(source.get(*name)) != bytes(target.get(*name)))?;
    let (one, other) = (shown(source.get(differs)), shown(target.get(differs)));
    Some(format!("{differs}: the source has {one}, the target has {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_found_the_same() {
        let one = doc! { "v": 2, "key": { "a": 1.0, "b": -1 }, "name": "i", "sparse": false, "ns": "x.y" };
        let same = doc! { "name": "i", "key": { "a": 1, "b": -1_i64 }, "background": true };
        assert_eq!(difference(&index(&one), &index(&same)), None);
        let other = doc! { "name": "i", "key": { "b": -1, "a": 1 } };
        assert!(difference(&index(&one), &index(&other)).is_some_and(|text| text.starts_with("key: ")));
        let plain = doc! { "collation": { "locale": "de", "version": "57.1" }, "validationLevel": "strict" };
        let newer = doc! { "collation": { "locale": "de", "version": "60.0" }, "storageEngine": { "wiredTiger": {} } };
        assert_eq!(difference(&options(&plain), &options(&newer)), None);
        let images = doc! { "changeStreamPreAndPostImages": { "enabled": true } };
        assert!(difference(&options(&images), &options(&doc! {})).is_some());
    }

    #[test]
    fn what_is_put_off() {
        let spec =
            doc! { "v": 2, "key": { "at": 1 }, "name": "at", "unique": true, "expireAfterSeconds": 60 };
        let (now, later) = put_off(&spec);
        assert_eq!(later, Later { unique: true, prepare_unique: false, expire_after_s: Some(60) });
        assert_eq!(now, doc! { "v": 2, "key": { "at": 1 }, "name": "at", "expireAfterSeconds": NEVER_S });
        assert!(put_off(&now).1.is_nothing());
        assert_eq!(complete(&now, true).get_document("collation").ok(), Some(&doc! { "locale": "simple" }));
        assert!(!complete(&now, false).contains_key("collation"));
    }
}
