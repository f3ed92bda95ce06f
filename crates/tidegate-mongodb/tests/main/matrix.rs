//! Every type, copied, inserted, updated and replaced, under every kind of `_id`, byte for byte.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::Pair;
use crate::values::{Value, all, array, document, int32, nested};
use bson::doc;

/// What a server takes as no `_id`.
const NO_ID: [u8; 3] = [0x04, 0x06, 0x0b];

fn names(values: &[Value]) -> Vec<String> {
    (0..values.len()).map(|at| format!("v{at}")).collect()
}

fn command(word: &str, collection: &str, list: &str, item: Vec<u8>) -> Vec<u8> {
    let item = Value { name: String::new(), kind: 0x03, bytes: item };
    document([(word, &crate::values::text(collection)), (list, &array(&[item]))])
}

fn insert(pair: &Pair, database: &str, collection: &str, one: Vec<u8>) -> Result<(), String> {
    pair.source.try_raw(database, command("insert", collection, "documents", one)).map(drop)
}

#[track_caller]
fn update(pair: &Pair, database: &str, collection: &str, id: &Value, update: &Value) {
    // By its bytes, not by what is equal to it: NaN is equal to every other.
    let query = nested([("_id", id)]);
    let one = document([("q", &query), ("u", update)]);
    let answer = pair.source.raw(database, command("update", collection, "updates", one));
    assert_eq!(answer.get_i32("n").ok(), Some(1), "{}: {answer}", id.name);
}

/// Makes a document of each `_id`; answers where each came to lie. Those that are equal to another, as 1 and 1.0, go into
/// a further collection.
fn spread(
    pair: &Pair,
    database: &str,
    prefix: &str,
    whole: impl Fn(&Value) -> Vec<u8>,
) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    for id in all().into_iter().filter(|id| !NO_ID.contains(&id.kind)) {
        let place = (0..16).find_map(|at| {
            let name = format!("{prefix}_{at}");
            match insert(pair, database, &name, whole(&id)) {
                Ok(()) => Some(name),
                Err(why) if why.contains("E11000") => None,
                Err(why) => panic!("_id {}: {why}", id.name),
            }
        });
        places.push((place.unwrap_or_else(|| panic!("no room for _id {}", id.name)), id));
    }
    places
}

fn with_all<'a>(id: &'a Value, names: &'a [String], values: &'a [Value]) -> Vec<u8> {
    document(std::iter::once(("_id", id)).chain(names.iter().map(String::as_str).zip(values)))
}

#[test]
fn every_type_under_every_kind_of_id() {
    const DATABASE: &str = "matrix";
    let pair = Pair::new();
    let values = all();
    let names = names(&values);
    let old = int32(7);
    let sparse = |id: &Value| {
        let within = nested([("x", &old)]);
        document([("_id", id), ("kept", &old), ("n", &within), ("a", &array(&[old.clone(), old.clone()]))])
    };
    spread(&pair, DATABASE, "copied", |id| with_all(id, &names, &values));
    let updated = spread(&pair, DATABASE, "updated", sparse);
    let replaced = spread(&pair, DATABASE, "replaced", sparse);
    let removed = spread(&pair, DATABASE, "removed", sparse);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let mut running = link.stream();
    running.wait();
    spread(&pair, DATABASE, "inserted", |id| with_all(id, &names, &values));
    let paths: Vec<String> = names
        .iter()
        .cloned()
        .chain(names.iter().map(|name| format!("n.{name}")))
        .chain((0..values.len()).map(|at| format!("a.{at}")))
        .collect();
    let everything = nested(paths.iter().map(String::as_str).zip(values.iter().cycle()));
    let set = nested([("$set", &everything)]);
    for (collection, id) in &updated {
        update(&pair, DATABASE, collection, id, &set);
    }
    for (collection, id) in &replaced {
        let whole = Value { name: String::new(), kind: 0x03, bytes: with_all(id, &names, &values) };
        update(&pair, DATABASE, collection, id, &whole);
    }
    for (collection, id) in &removed {
        let one = document([("q", &nested([("_id", id)])), ("limit", &int32(1))]);
        let answer = pair.source.raw(DATABASE, command("delete", collection, "deletes", one));
        assert_eq!(answer.get_i32("n").ok(), Some(1), "{}: {answer}", id.name);
    }
    running.finish();
    assert_same(&pair, DATABASE, "changed");
    assert!(pair.target.documents(DATABASE, "removed_0", false).is_empty());
}

/// Each by itself, so that it is the whole of a difference in the log; and from each type to the next.
#[test]
fn every_type_takes_the_place_of_another() {
    const DATABASE: &str = "turns";
    let pair = Pair::new();
    let values = all();
    for (at, one) in values.iter().enumerate() {
        let within = nested([("x", one)]);
        let fields = [
            ("_id", &int32(at as i32)),
            ("v", one),
            ("n", &within),
            ("a", &array(std::slice::from_ref(one))),
        ];
        insert(&pair, DATABASE, "t", document(fields)).expect("it is inserted");
    }
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let mut running = link.stream();
    for turn in [1, 2, 7] {
        for at in 0..values.len() {
            let new = &values[(at + turn) % values.len()];
            let id = int32(at as i32);
            for path in ["v", "n.x", "a.0", "n.further"] {
                let set = nested([("$set", &nested([(path, new)]))]);
                update(&pair, DATABASE, "t", &id, &set);
            }
            let push = nested([("$push", &nested([("a", new)]))]);
            update(&pair, DATABASE, "t", &id, &push);
        }
        running.wait();
        assert_same(&pair, DATABASE, "in turn");
    }
    running.finish();
}

/// Servers fill in an empty time where it stands at the top of a new document; an update leaves it as it is.
#[test]
fn empty_times_stay_empty() {
    const DATABASE: &str = "empty_times";
    let pair = Pair::new();
    let empty = bson::Timestamp { time: 0, increment: 0 };
    let make = |ids: std::ops::Range<i32>| {
        for id in ids {
            pair.source.insert(DATABASE, "t", &[doc! { "_id": id, "x": 1, "n": { "t": empty } }]);
            pair.source.update(
                DATABASE,
                "t",
                doc! { "_id": id },
                doc! { "$set": { "t": empty, "u": empty } },
            );
        }
    };
    make(0..3);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let mut running = link.stream();
    running.wait();
    make(3..6);
    pair.source.update(DATABASE, "t", doc! { "_id": 0 }, doc! { "$inc": { "x": 1 } });
    let literal = bson::Bson::Array(vec![
        doc! { "$replaceWith": { "$literal": { "_id": 1, "t": empty, "$dollar": { "$x": empty } } } }.into(),
    ]);
    pair.source.update(DATABASE, "t", doc! { "_id": 1 }, literal);
    running.finish();
    assert_same(&pair, DATABASE, "changed");
    let found = pair.target.found(DATABASE, "t");
    assert!(found.iter().all(|one| one.get_timestamp("t").ok() == Some(empty)), "{found:?}");
}
