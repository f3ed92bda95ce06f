//! Collections, indexes and views: copied, and changed while the link runs.

use crate::compare::{assert_same, indexes};
use crate::link::{DEADLINE, Link};
use crate::servers::{Pair, Site};
use bson::{DateTime, Document, doc};
use std::time::Instant;

/// Carried out in this order; each is in the target before the next begins.
fn steps() -> Vec<Document> {
    vec![
        doc! { "create": "plain" },
        doc! { "create": "sorted", "collation": { "locale": "de", "strength": 2 } },
        doc! { "create": "checked", "validator": { "x": { "$type": "int" } }, "validationAction": "warn" },
        doc! { "create": "clustered", "clusteredIndex": { "key": { "_id": 1 }, "unique": true, "name": "own" } },
        doc! { "create": "seen", "changeStreamPreAndPostImages": { "enabled": true } },
        doc! { "create": "ring", "capped": true, "size": 4096, "max": 5 },
        doc! { "create": "shown", "viewOn": "plain", "pipeline": [{ "$match": { "x": { "$gt": 1 } } }] },
        doc! { "createIndexes": "sorted", "indexes": [
            { "key": { "a": 1, "b": -1 }, "name": "a_b", "unique": true },
            { "key": { "a": 1 }, "name": "simple", "collation": { "locale": "simple" } },
            { "key": { "t": "text" }, "name": "words", "weights": { "t": 3 }, "default_language": "german",
              "collation": { "locale": "simple" } },
        ] },
        doc! { "createIndexes": "plain", "indexes": [
            { "key": { "x": 1 }, "name": "some", "partialFilterExpression": { "x": { "$gt": 3 } } },
            { "key": { "$**": 1 }, "name": "all", "wildcardProjection": { "secret": 0 } },
            { "key": { "h": "hashed" }, "name": "hashed" },
            { "key": { "place": "2dsphere" }, "name": "place", "sparse": true },
        ] },
        doc! { "insert": "plain", "documents": [{ "_id": 1, "x": 1 }, { "_id": 2, "x": 5 }] },
        doc! { "insert": "sorted", "documents": [{ "_id": "ä", "a": 1, "b": 1, "t": "ein Wort" }] },
        doc! { "insert": "clustered", "documents": [{ "_id": 2 }, { "_id": 1 }] },
        doc! { "insert": "ring", "documents": [{ "_id": 3 }, { "_id": 1 }, { "_id": 2 }] },
        doc! { "createIndexes": "plain", "indexes": [{ "key": { "x": 1 }, "name": "late", "unique": true }] },
        doc! { "collMod": "plain", "index": { "name": "some", "hidden": true } },
        doc! { "collMod": "checked", "validator": { "y": { "$exists": true } }, "validationLevel": "moderate" },
        doc! { "collMod": "shown", "viewOn": "plain", "pipeline": [{ "$project": { "x": 1 } }] },
        doc! { "collMod": "seen", "changeStreamPreAndPostImages": { "enabled": false } },
        doc! { "dropIndexes": "plain", "index": ["hashed", "place"] },
        doc! { "dropIndexes": "plain", "index": "*" },
        doc! { "drop": "shown" },
        doc! { "drop": "ring" },
        doc! { "create": "ring", "capped": true, "size": 8192 },
        doc! { "insert": "ring", "documents": [{ "_id": 2 }, { "_id": 1 }] },
        doc! { "insert": "made by writing", "documents": [{ "_id": 1 }] },
    ]
}

#[track_caller]
fn rename(site: &Site, database: &str, from: &str, to: &str, drops: bool) {
    let command = doc! { "renameCollection": format!("{database}.{from}"), "to": format!("{database}.{to}"),
    "dropTarget": drops };
    site.run("admin", &command);
}

#[test]
fn changes_in_the_stream() {
    const DATABASE: &str = "ddl";
    let pair = Pair::new();
    pair.source.insert(DATABASE, "first", &[doc! { "_id": 1 }]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    let mut running = link.stream();
    for step in steps() {
        pair.source.run(DATABASE, &step);
        running.wait();
        assert_same(&pair, DATABASE, &step.to_string());
    }
    rename(&pair.source, DATABASE, "plain", "other", false);
    pair.source.insert(DATABASE, "other", &[doc! { "_id": 9 }]);
    pair.source.insert(DATABASE, "plain", &[doc! { "_id": "under the old name" }]);
    running.wait();
    assert_same(&pair, DATABASE, "renamed");
    rename(&pair.source, DATABASE, "other", "sorted", true);
    pair.source.insert(DATABASE, "sorted", &[doc! { "_id": 10 }]);
    running.wait();
    assert_same(&pair, DATABASE, "renamed over another");
    running.finish();
}

/// Without a pause between, so that everything of it may lie in one batch.
#[test]
fn a_database_dropped_and_made_again_at_once() {
    const DATABASE: &str = "again";
    let pair = Pair::new();
    let fill = |round: i32| {
        pair.source.insert(DATABASE, "t", &[doc! { "_id": 1, "round": round }, doc! { "_id": 2 }]);
        let index = doc! { "key": { "round": 1 }, "name": "round", "unique": true, "sparse": true };
        pair.source.run(DATABASE, &doc! { "createIndexes": "t", "indexes": [index] });
        pair.source.insert(DATABASE, &format!("of {round}"), &[doc! { "_id": 1 }]);
        pair.source.update(DATABASE, "t", doc! { "_id": 1 }, doc! { "$inc": { "round": 10 } });
    };
    fill(0);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    let mut running = link.stream();
    running.wait();
    for round in 1..4 {
        pair.source.run(DATABASE, &doc! { "dropDatabase": 1 });
        fill(round);
    }
    running.wait();
    assert_same(&pair, DATABASE, "made again");
    pair.source.run(DATABASE, &doc! { "dropDatabase": 1 });
    running.finish();
    assert_same(&pair, DATABASE, "dropped");
}

#[test]
fn capped_collections_keep_their_order() {
    const DATABASE: &str = "rings";
    let pair = Pair::new();
    pair.source.run(DATABASE, &doc! { "create": "t", "capped": true, "size": 1 << 20, "max": 500 });
    pair.source.run(DATABASE, &doc! { "create": "filled later", "capped": true, "size": 1 << 20 });
    let some = |range: std::ops::Range<i32>| -> Vec<Document> {
        range.map(|at| doc! { "_id": at * 7_919 % 10_007, "at": at, "n": 1 }).collect()
    };
    pair.source.insert(DATABASE, "t", &some(0..300));
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let running = link.stream();
    for at in (300..900).step_by(40) {
        pair.source.insert(DATABASE, "t", &some(at..at + 40));
        pair.source.insert(DATABASE, "filled later", &some(at..at + 40));
        pair.source.update(DATABASE, "t", doc! { "at": at }, doc! { "$inc": { "n": 1 } });
    }
    running.finish();
    assert_same(&pair, DATABASE, "changed");
}

fn passes(site: &Site) -> i64 {
    let status = site.run("admin", &doc! { "serverStatus": 1 });
    let ttl = status.get_document("metrics").and_then(|metrics| metrics.get_document("ttl"));
    ttl.and_then(|ttl| ttl.get_i64("passes")).expect("a count of passes")
}

#[test]
fn nothing_expires_in_the_target_and_unique_is_in_force() {
    const DATABASE: &str = "expiring";
    let pair = Pair::new();
    // The source lets nothing expire either: whatever went would have gone by itself in the target.
    pair.source.run("admin", &doc! { "setParameter": 1, "ttlMonitorEnabled": false });
    let old = DateTime::from_millis(946_684_800_000);
    let ttl = doc! { "key": { "at": 1 }, "name": "at_1", "expireAfterSeconds": 1 };
    let unique = doc! { "key": { "u": 1 }, "name": "u_1", "unique": true };
    let fill = |name: &str| {
        pair.source.insert(
            DATABASE,
            name,
            &[doc! { "_id": 1, "at": old, "u": 1 }, doc! { "_id": 2, "at": old }],
        );
        let indexes = vec![ttl.clone(), unique.clone()];
        pair.source.run(DATABASE, &doc! { "createIndexes": name, "indexes": indexes });
    };
    fill("copied");
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    let mut running = link.stream();
    running.wait();
    fill("streamed");
    let longer = doc! { "collMod": "copied", "index": { "name": "at_1", "expireAfterSeconds": 2 } };
    pair.source.run(DATABASE, &longer);
    running.wait();
    let (began, before) = (Instant::now(), passes(&pair.target));
    // The one that runs now may have passed by before the documents came.
    while passes(&pair.target) < before + 2 {
        assert!(began.elapsed() < DEADLINE, "the target looks for what has expired");
    }
    assert_same(&pair, DATABASE, "after the target has looked for what has expired");
    for name in ["copied", "streamed"] {
        let second = doc! { "_id": 3, "u": 1 };
        let insert = doc! { "insert": name, "documents": [second] };
        let refused = pair.target.try_raw(DATABASE, insert.to_vec().expect("a document"));
        assert!(refused.is_err_and(|why| why.contains("11000")), "{name} takes a value twice");
        assert_eq!(indexes(&pair.target, DATABASE, name).len(), 3);
    }
    running.finish();
}

#[test]
fn views_are_copied() {
    const DATABASE: &str = "views";
    let pair = Pair::new();
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1, "x": 1 }, doc! { "_id": 2, "x": 2 }]);
    let over = |name: &str, on: &str, pipeline: Vec<Document>| {
        let create = doc! { "create": name, "viewOn": on, "pipeline": pipeline,
        "collation": { "locale": "en", "strength": 1 } };
        pair.source.run(DATABASE, &create);
    };
    // In the order of their names each stands on one that comes later.
    over("c", "t", vec![doc! { "$match": { "x": { "$gte": 2 } } }]);
    over("b", "c", vec![doc! { "$set": { "y": "$x" } }]);
    over(
        "a",
        "b",
        vec![doc! { "$lookup": { "from": "t", "localField": "x", "foreignField": "x", "as": "all" } }],
    );
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    assert_eq!(pair.target.found(DATABASE, "a").len(), 1);
}
