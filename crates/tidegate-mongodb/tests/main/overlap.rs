//! Where the log overlaps with the copy.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::Pair;
use bson::doc;
use tidegate_model::{Code, Phase, Target};

/// The log begins before the collections are looked at, and speaks of some that are gone by then.
#[test]
fn collections_that_were_gone_before_they_were_copied() {
    const DATABASE: &str = "gone";
    let pair = Pair::new();
    let source = &pair.source;
    for collection in ["stays", "dropped", "renamed"] {
        source.insert(DATABASE, collection, &[doc! { "_id": 1, "v": 1 }]);
    }
    let link = Link::of(&pair, DATABASE);
    link.begin();
    for collection in ["stays", "dropped", "renamed"] {
        source.insert(DATABASE, collection, &[doc! { "_id": 2, "v": 2 }]);
        source.update(DATABASE, collection, doc! { "_id": 1 }, doc! { "$set": { "v": 3 } });
        let index = doc! { "key": { "v": 1 }, "name": "v_1" };
        source.run(DATABASE, &doc! { "createIndexes": collection, "indexes": [index] });
        source.run(DATABASE, &doc! { "collMod": collection, "index": { "name": "v_1", "hidden": true } });
        source.delete(DATABASE, collection, doc! { "_id": 1 });
    }
    source.run("admin", &doc! { "renameCollection": "gone.renamed", "to": "gone.other" });
    source.insert(DATABASE, "other", &[doc! { "_id": 3 }]);
    source.run(DATABASE, &doc! { "dropIndexes": "other", "index": "v_1" });
    source.run(DATABASE, &doc! { "drop": "other" });
    source.run(DATABASE, &doc! { "drop": "dropped" });
    link.catch_up();
    assert_same(&pair, DATABASE, "the copy began anew");
    for collection in ["stays", "dropped"] {
        source.insert(DATABASE, collection, &[doc! { "_id": 7 }]);
    }
    link.catch_up();
    assert_same(&pair, DATABASE, "it came anew");
}

/// What the link has copied is not left out because somebody has removed it.
#[test]
fn a_copied_collection_that_somebody_removed() {
    const DATABASE: &str = "removed";
    let pair = Pair::new();
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1 }]);
    pair.source.insert(DATABASE, "u", &[doc! { "_id": 1 }]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    // As if it had been stopped before anything was applied.
    link.wait_for(link.target().enter(Phase::CatchingUp { until: tidegate_model::Seq(1_000_000) }))
        .expect("a phase");
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 2 }]);
    pair.target.run(DATABASE, &doc! { "drop": "t" });
    let error = link.fails();
    assert_eq!(error.code(), Code::MissingTable, "{error}");
    assert!(error.message().contains("removed.t"), "{error}");
}
