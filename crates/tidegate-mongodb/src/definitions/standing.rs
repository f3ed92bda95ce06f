//! What the target has already, alike, of what is to be made: it goes by the same rules.

use super::Item;
use super::make::find;
use super::normal::{self, Later};
use super::server::{self, decoded};
use crate::catalog::{Collection, Kind};
use tidegate_model::Stage;

const TTL: &str = "expireAfterSeconds";

/// An index, or with no name the collection itself, and what is to be recorded of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) index: String,
    pub(super) later: Later,
    /// It removes documents now.
    pub(super) acts: bool,
}

/// Records may have been there before: those of an earlier link are gone with it.
pub(super) fn rests(item: &Item, found: &Collection) -> Vec<Rest> {
    if found.kind != Kind::Collection || item.stage == Stage::View {
        return Vec::new();
    }
    let mut rests = Vec::new();
    let wanted = item.options.get(TTL).and_then(server::whole);
    let now = decoded(&found.options).ok().and_then(|options| options.get(TTL).and_then(server::whole));
    let later = Later { expire_after_s: wanted.or(now), ..Later::default() };
    // The definitions of indexes come without options.
    if item.stage == Stage::Table && !later.is_nothing() {
        rests.push(Rest { index: String::new(), later, acts: now.is_some() });
    }
    for spec in &item.indexes {
        let Some(found) = find(found, spec) else { continue };
        let (wanted, now) = (normal::put_off(spec).1, normal::put_off(&found).1);
        let later = Later {
            unique: wanted.unique && !now.unique,
            prepare_unique: wanted.prepare_unique && !now.prepare_unique && !now.unique,
            expire_after_s: wanted.expire_after_s.or(now.expire_after_s),
        };
        if !later.is_nothing() {
            let index = spec.get_str("name").unwrap_or_default().to_owned();
            rests.push(Rest { index, later, acts: now.expire_after_s.is_some() });
        }
    }
    rests
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Document, doc};
    use tidegate_model::TableName;

    fn check(stage: Stage, options: [Document; 2], indexes: [Document; 2]) -> Vec<Rest> {
        let name = TableName::new("shop", "a");
        let [wanted, now] = options;
        let [spec, standing] = indexes;
        let item =
            Item { stage, source: name.clone(), name: name.clone(), options: wanted, indexes: vec![spec] };
        let found = Collection {
            name,
            kind: Kind::Collection,
            options: now.to_vec().unwrap(),
            uuid: Vec::new(),
            indexes: vec![standing.to_vec().unwrap()],
        };
        rests(&item, &found)
    }

    #[test]
    fn what_stands_there_goes_by_the_same_rules() {
        let index = |more: Document| {
            let mut index = doc! { "key": { "x": 1 }, "name": "x_1" };
            index.extend(more);
            index
        };
        let age = |seconds: i64| index(doc! { TTL: seconds });
        let rest = |unique, expire_after_s, acts| Rest {
            index: "x_1".to_owned(),
            later: Later { unique, prepare_unique: false, expire_after_s },
            acts,
        };
        let none = || [doc! {}, doc! {}];
        let unique = || index(doc! { "unique": true });
        for (indexes, wanted) in [
            ([age(60), age(60)], vec![rest(false, Some(60), true)]),
            // An earlier link has left it so.
            ([age(60), age(normal::NEVER_S)], vec![rest(false, Some(60), false)]),
            // The source rests.
            ([age(normal::NEVER_S), age(60)], vec![rest(false, Some(60), true)]),
            ([age(normal::NEVER_S), age(normal::NEVER_S)], vec![]),
            ([unique(), index(doc! {})], vec![rest(true, None, false)]),
            ([unique(), unique()], vec![]),
            ([index(doc! {}), index(doc! {})], vec![]),
        ] {
            assert_eq!(check(Stage::Routine, none(), indexes), wanted);
        }
        let own = |acts| {
            let later = Later { expire_after_s: Some(7), ..Later::default() };
            vec![Rest { index: String::new(), later, acts }]
        };
        let plain = || [index(doc! {}), index(doc! {})];
        assert_eq!(check(Stage::Table, [doc! { TTL: 7 }, doc! { TTL: 9 }], plain()), own(true));
        assert_eq!(check(Stage::Table, [doc! { TTL: 7 }, doc! {}], plain()), own(false));
    }
}
