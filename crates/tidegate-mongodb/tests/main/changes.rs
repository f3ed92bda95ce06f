//! Transactions and unique values on their way through several lanes.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::{Pair, Site};
use bson::{Document, doc};
use mongodb::options::ReadConcern;
use std::sync::atomic::{AtomicBool, Ordering};

const ACCOUNTS: i32 = 8;
const TRANSFERS: i32 = 60;

/// Everything or nothing, as one transaction.
#[track_caller]
fn transaction(site: &Site, database: &str, updates: &[(&str, Document, Document)]) {
    site.wait_for(async {
        let mut session = site.client().start_session().await.expect("a session");
        session.start_transaction().await.expect("a transaction");
        for (collection, filter, update) in updates {
            let collection = site.client().database(database).collection::<Document>(collection);
            let sent = collection.update_one(filter.clone(), update.clone()).session(&mut session).await;
            assert_eq!(sent.expect("an update").matched_count, 1);
        }
        session.commit_transaction().await.expect("a commit");
    });
}

/// All accounts of both collections, at one moment.
fn snapshot(site: &Site, database: &str) -> Vec<Document> {
    site.wait_for(async {
        let mut session = site.client().start_session().await.expect("a session");
        let begun = session.start_transaction().read_concern(ReadConcern::snapshot());
        begun.await.expect("a transaction");
        let mut found = Vec::new();
        for name in ["here", "there"] {
            let collection = site.client().database(database).collection::<Document>(name);
            let mut cursor = collection.find(doc! {}).session(&mut session).await.expect("a cursor");
            while let Some(one) = cursor.next(&mut session).await {
                found.push(one.expect("a document"));
            }
        }
        session.commit_transaction().await.expect("an end");
        found
    })
}

fn whole_number(one: &Document, name: &str) -> i32 {
    one.get_i32(name).unwrap_or_else(|error| panic!("{one}: {error}"))
}

/// What a reader on the target sees until it is told to end: each moment one that the source had.
fn watch(site: &Site, database: &str, ended: &AtomicBool) -> usize {
    let (mut last, mut seen) = (0, 0);
    while !ended.load(Ordering::Acquire) {
        let found = snapshot(site, database);
        let total: i32 = found.iter().map(|one| whole_number(one, "amount")).sum();
        assert_eq!(total, 2 * ACCOUNTS * 100, "half of a transfer: {found:?}");
        let mut numbers: Vec<i32> = found.iter().map(|one| whole_number(one, "transfer")).collect();
        numbers.sort_unstable();
        let newest = numbers[numbers.len() - 1];
        assert!(newest >= last, "transfer {newest} came to be seen after {last}");
        // A transfer leaves its number in a document of either collection.
        assert!(newest == 0 || numbers[numbers.len() - 2] == newest, "half of transfer {newest}");
        (last, seen) = (newest, seen + 1);
    }
    seen
}

#[test]
fn transactions_are_whole_and_in_order() {
    const DATABASE: &str = "transfers";
    let pair = Pair::new();
    for name in ["here", "there"] {
        let accounts: Vec<Document> =
            (0..ACCOUNTS).map(|id| doc! { "_id": id, "amount": 100, "transfer": 0 }).collect();
        pair.source.insert(DATABASE, name, &accounts);
    }
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    let mut running = link.stream();
    running.wait();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| watch(&pair.target, DATABASE, &ended));
        for number in 1..=TRANSFERS {
            let one = |by: i32| doc! { "$inc": { "amount": by }, "$set": { "transfer": number } };
            let (from, to) = (number * 3 % ACCOUNTS, number * 5 % ACCOUNTS);
            let updates =
                [("here", doc! { "_id": from }, one(-number)), ("there", doc! { "_id": to }, one(number))];
            transaction(&pair.source, DATABASE, &updates);
        }
        running.wait();
        ended.store(true, Ordering::Release);
        assert!(reader.join().expect("every moment is whole") > 0);
    });
    running.finish();
    assert_same(&pair, DATABASE, "transferred");
}

#[test]
fn unique_values_change_hands() {
    const DATABASE: &str = "hands";
    let pair = Pair::new();
    let documents: Vec<Document> = (0..20).map(|id| doc! { "_id": id, "u": id, "n": { "u": -id } }).collect();
    pair.source.insert(DATABASE, "t", &documents);
    let indexes = [
        doc! { "key": { "u": 1 }, "name": "u_1", "unique": true },
        doc! { "key": { "n.u": -1 }, "name": "n", "unique": true, "sparse": true },
    ];
    pair.source.run(DATABASE, &doc! { "createIndexes": "t", "indexes": indexes.to_vec() });
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    assert_same(&pair, DATABASE, "copied");
    let mut running = link.stream();
    running.wait();
    let set = |id: i32, u: i32| (doc! { "_id": id }, doc! { "$set": { "u": u, "n.u": -u } });
    for round in 0..30 {
        let (one, other) = (round % 20, (round * 7 + 3) % 20);
        let value = |id: i32| {
            let found = pair.source.found(DATABASE, "t");
            let own = found.iter().find(|found| whole_number(found, "_id") == id);
            whole_number(own.expect("it is there"), "u")
        };
        if one == other {
            continue;
        }
        let (of_one, of_other) = (value(one), value(other));
        let steps = [set(one, 1_000 + round), set(other, of_one), set(one, of_other)];
        if round % 2 == 0 {
            steps.into_iter().for_each(|(filter, update)| pair.source.update(DATABASE, "t", filter, update));
        } else {
            let steps = steps.map(|(filter, update)| ("t", filter, update));
            transaction(&pair.source, DATABASE, &steps);
        }
        if round % 5 == 0 {
            // The value goes over to a new document.
            pair.source.delete(DATABASE, "t", doc! { "_id": one });
            pair.source.insert(
                DATABASE,
                "t",
                &[doc! { "_id": 100 + round, "u": of_other, "n": { "u": -of_other } }],
            );
            pair.source.delete(DATABASE, "t", doc! { "_id": 100 + round });
            pair.source.insert(DATABASE, "t", &[doc! { "_id": one, "u": of_other, "n": { "u": -of_other } }]);
        }
    }
    running.finish();
    assert_same(&pair, DATABASE, "exchanged");
}
