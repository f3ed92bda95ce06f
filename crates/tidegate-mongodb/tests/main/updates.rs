//! Updates by every operator, odd names, large documents.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::Pair;
use crate::values::{double, int32, int64};
use bson::{Bson, Decimal128, doc};

/// The largest document that servers take.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

fn pipeline<const N: usize>(stages: [bson::Document; N]) -> Bson {
    Bson::Array(stages.into_iter().map(Bson::Document).collect())
}

/// Each is applied, in this order, to the same documents.
fn updates() -> Vec<Bson> {
    let mut updates: Vec<Bson> = [
        doc! { "$push": { "a": { "$each": [8, 9], "$position": 0 } } },
        doc! { "$push": { "a": { "$each": [{ "x": 1 }], "$position": -2 } } },
        doc! { "$pull": { "a": 3 } },
        doc! { "$pop": { "a": -1 } },
        doc! { "$pop": { "a": 1 } },
        doc! { "$push": { "a": { "$each": [5, 1, 4], "$slice": -4 } } },
        doc! { "$push": { "a": { "$each": [], "$slice": 2 } } },
        doc! { "$push": { "a": { "$each": [7, 3], "$sort": -1, "$slice": 4 } } },
        doc! { "$addToSet": { "a": { "$each": [7, 70] } } },
        doc! { "$pullAll": { "a": [7] } },
        doc! { "$set": { "a.9": "far" } },
        doc! { "$unset": { "a.1": "" } },
        doc! { "$set": { "a.2": { "in": [1, { "deep": [1, 2] }] } } },
        doc! { "$push": { "a.2.in.1.deep": { "$each": [0], "$position": 0 } } },
        doc! { "$inc": { "a.2.in.0": 5 } },
        doc! { "$unset": { "x": "", "n.p": "" } },
        doc! { "$set": { "x": "again", "n.p": "again" } },
        doc! { "$unset": { "x": "" }, "$set": { "fresh": 1 } },
        doc! { "$rename": { "y": "z", "n.q": "up" } },
        doc! { "$rename": { "z": "n.q" } },
        doc! { "$rename": { "n.q": "y" } },
        doc! { "$set": { "n": {} } },
        doc! { "$set": { "n.m.l.k": 1 } },
        doc! { "$unset": { "n.m.l.k": "" } },
        doc! { "$set": { "n": [] } },
        doc! { "$set": { "n": { "0": 1, "1": 2 } } },
        doc! { "$set": { "n.0": { "": 1 } } },
        doc! { "$mul": { "count": 2.5 } },
        doc! { "$bit": { "bits": { "xor": 5 } } },
        doc! { "$min": { "count": -1 }, "$max": { "bits": 1_i64 << 40 } },
        doc! { "$currentDate": { "at": { "$type": "timestamp" }, "on": true } },
        doc! { "$set": { "a": [] } },
        doc! { "$set": { "a": "no array" } },
        doc! { "$set": { "a": [[1, 2], [3, 4]] } },
        doc! { "$push": { "a.1": { "$each": [0], "$position": 0 } } },
    ]
    .into_iter()
    .map(Bson::Document)
    .collect();
    updates.extend([
        pipeline([doc! { "$set": { "a": { "$reverseArray": "$a" }, "sum": { "$add": ["$count", 1] } } }]),
        pipeline([doc! { "$unset": ["sum", "n"] }, doc! { "$set": { "n": { "b": 1, "a": "$$ROOT.a" } } }]),
        pipeline([doc! { "$set": { "n": { "$setField": { "field": "a.b", "input": "$n", "value": 1 } } } }]),
        pipeline([doc! { "$set": { "n": { "$setField":
            { "field": { "$literal": "$d" }, "input": "$n", "value": [1, { "x": 1 }] } } } }]),
        pipeline([doc! { "$replaceWith": { "$mergeObjects": [{ "first": 1 }, "$$ROOT", { "last": [] }] } }]),
        pipeline([doc! { "$replaceWith": { "$arrayToObject": { "$reverseArray": { "$objectToArray": "$$ROOT" } } } }]),
    ]);
    updates
}

#[test]
fn every_operator() {
    const DATABASE: &str = "operators";
    let pair = Pair::new();
    let whole = |id: i32| {
        doc! { "_id": id, "a": [1, 2, 3, 4, 5], "x": 1, "y": "y", "n": { "p": 1, "q": 2, "r": 3 },
        "count": id, "bits": 12_i64, "long": "l".repeat(2_000) }
    };
    pair.source.insert(DATABASE, "t", &[whole(0), whole(1)]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    let mut running = link.stream();
    pair.source.insert(DATABASE, "t", &[whole(2)]);
    for update in updates() {
        // One after the other, so that a difference that comes out wrong is not hidden by the next.
        pair.source.update(DATABASE, "t", doc! { "_id": 0 }, update.clone());
        running.wait();
        assert_same(&pair, DATABASE, &format!("{update}"));
    }
    for update in updates() {
        pair.source.update(DATABASE, "t", doc! { "_id": 1 }, update.clone());
        pair.source.update(DATABASE, "t", doc! { "_id": 2 }, update);
    }
    running.finish();
    assert_same(&pair, DATABASE, "at once");
}

/// A number of another type is another value, though they are equal.
#[test]
fn equal_numbers_of_several_types() {
    const DATABASE: &str = "equal_numbers";
    let pair = Pair::new();
    let link = Link::of(&pair, DATABASE);
    let decimals = ["1", "1.0", "1.00"].map(|text| text.parse::<Decimal128>().expect("a decimal"));
    let mut numbers: Vec<Bson> = vec![1_i32.into(), 1_i64.into(), 1.0.into()];
    numbers.extend(decimals.map(Bson::from));
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1, "v": 1, "a": [1, 1] }]);
    link.catch_up();
    let mut running = link.stream();
    for one in &numbers {
        let set = doc! { "$set": { "v": one, "a.1": one } };
        pair.source.update(DATABASE, "t", doc! { "_id": 1 }, set);
        running.wait();
        assert_same(&pair, DATABASE, &format!("{one:?}"));
    }
    // The document with an equal key of another type is another document.
    for one in &numbers {
        pair.source.delete(DATABASE, "t", doc! { "_id": 1 });
        pair.source.insert(DATABASE, "t", &[doc! { "_id": one, "v": one }]);
    }
    running.wait();
    assert_same(&pair, DATABASE, "keys");
    let zero = [double(0), double((-0.0_f64).to_bits()), int32(0), int64(0)];
    for one in zero {
        pair.source.delete(DATABASE, "t", doc! {});
        let whole = crate::values::document([("_id", &one), ("v", &one)]);
        let whole = crate::values::Value { name: String::new(), kind: 0x03, bytes: whole };
        let insert = [("insert", &crate::values::text("t")), ("documents", &crate::values::array(&[whole]))];
        pair.source.raw(DATABASE, crate::values::document(insert));
        running.wait();
        assert_same(&pair, DATABASE, &one.name);
    }
    running.finish();
}

#[test]
fn odd_names_of_fields() {
    const DATABASE: &str = "odd_fields";
    let pair = Pair::new();
    let odd = |id: i32| {
        doc! { "_id": id, "": 1, "a.b": 2, ".": 3, "$set": { "$x": 4, "x.y": { "": 5 } }, "0": 6, "00": 7,
        "é😀": 8, " ": 9, "n": { "$ref": "t", "$id": 1 }, "a": [{ "$a": 1, ".": 2 }], "u0": 1, "s0": 1, "l": 1 }
    };
    // A `$` at the beginning is only taken in what is inserted.
    pair.source.insert(DATABASE, "t", &[odd(1), odd(2), odd(3)]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let mut running = link.stream();
    running.wait();
    pair.source.insert(DATABASE, "t", &[odd(4), odd(5)]);
    for id in [1, 4] {
        pair.source.update(
            DATABASE,
            "t",
            doc! { "_id": id },
            doc! { "$set": { "0": 0, "a.0.x": 1, "u0": [] } },
        );
        pair.source.update(DATABASE, "t", doc! { "_id": id }, doc! { "$set": { "a.0": { "$b.c": [1] } } });
        let shift = doc! { "$push": { "a": { "$each": [{ "": 1 }], "$position": 0 } } };
        pair.source.update(DATABASE, "t", doc! { "_id": id }, shift);
    }
    let literal = |name: &str| doc! { "$literal": name };
    for name in ["$set", "a.b", ".", ""] {
        let input =
            doc! { "field": literal(name), "input": "$$ROOT", "value": { "$literal": { "$y": name } } };
        let set = pipeline([doc! { "$replaceWith": { "$setField": input } }]);
        pair.source.update(DATABASE, "t", doc! { "_id": 2 }, set);
    }
    // A replacement has no `$` at the top, but below.
    let new = doc! { "": { "$set": 1 }, "a.b": [], "n": { "$db": 1 } };
    pair.source.update(DATABASE, "t", doc! { "_id": 3 }, new);
    running.finish();
    assert_same(&pair, DATABASE, "changed");
}

/// A document of exactly `bytes`.
fn sized(id: i32, bytes: usize) -> bson::Document {
    let mut one = doc! { "_id": id, "n": { "x": 1 }, "a": [1, 2, 3], "s": "" };
    let rest = bytes - one.to_vec().expect("a document").len();
    one.insert("s", "x".repeat(rest));
    assert_eq!(one.to_vec().expect("a document").len(), bytes);
    one
}

#[test]
fn documents_as_large_as_they_get() {
    const DATABASE: &str = "large";
    let pair = Pair::new();
    for id in 0..3 {
        pair.source.insert(DATABASE, "t", &[sized(id, DOCUMENT_BYTES_MAX)]);
    }
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let mut running = link.stream();
    running.wait();
    pair.source.insert(DATABASE, "t", &[sized(3, DOCUMENT_BYTES_MAX)]);
    let set = |id: i32, set: bson::Document| {
        pair.source.update(DATABASE, "t", doc! { "_id": id }, doc! { "$set": set });
    };
    set(0, doc! { "n.x": 2 });
    set(1, doc! { "s": "y".repeat(DOCUMENT_BYTES_MAX - 200) });
    set(1, doc! { "a.2": 9 });
    pair.source.update(DATABASE, "t", doc! { "_id": 2 }, sized(2, DOCUMENT_BYTES_MAX));
    pair.source.update(DATABASE, "t", doc! { "_id": 2 }, sized(2, 100));
    pair.source.delete(DATABASE, "t", doc! { "_id": 0 });
    running.finish();
    assert_same(&pair, DATABASE, "changed");
}
