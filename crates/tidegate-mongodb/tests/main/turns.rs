//! A run that slept while another has taken over, and goes on as if nothing had happened.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::Pair;
use bson::{Document, doc};
use tidegate_model::{Code, Phase, Source, Target};

#[test]
fn definitions_are_left_to_the_run_that_took_over() {
    const DATABASE: &str = "turns";
    let pair = Pair::new();
    let index = doc! { "key": { "v": 1 }, "name": "v_1", "unique": true };
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1, "v": 1 }]);
    pair.source.run(DATABASE, &doc! { "createIndexes": "t", "indexes": [index.clone()] });
    let link = Link::of(&pair, DATABASE);
    link.catch_up();

    let sleeper = link.target();
    link.wait_for(sleeper.take_over()).expect("a state");
    link.catch_up();

    pair.source.insert(DATABASE, "u", &[doc! { "_id": 1 }]);
    let definitions = link.wait_for(link.source().definitions(link.selection())).expect("definitions");
    let made = link.wait_for(sleeper.define(&definitions, link.selection()));
    let reset = link.wait_for(sleeper.reset());
    for (what, outcome) in [("define", made.map(drop)), ("reset", reset)] {
        let error = outcome.expect_err(what);
        assert_eq!(error.code(), Code::CheckpointChanged, "{what}: {error}");
        assert!(error.message().contains("another run of turns has taken over"), "{what}: {error}");
    }
    assert!(pair.target.found(DATABASE, "u").is_empty());
    link.catch_up();
    assert_same(&pair, DATABASE, "nothing was lost to the one that slept");

    // The one whose turn it is may.
    let next = link.target();
    link.wait_for(next.take_over()).expect("a state");
    link.wait_for(next.enter(Phase::Copying)).expect("a phase");
    link.wait_for(next.reset()).expect("a reset");
    assert!(pair.target.found(DATABASE, "t").is_empty());
    link.catch_up();
    assert_same(&pair, DATABASE, "copied anew");
}

#[test]
fn a_run_that_died_as_it_began_is_not_waited_for() {
    const DATABASE: &str = "begun";
    let pair = Pair::new();
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1 }]);
    let link = Link::of(&pair, DATABASE);
    link.wait_for(link.target().prepare()).expect("a prepared target");
    let id = doc! { "instance": DATABASE };
    let died = pair.target.wait_for(async {
        let own = pair.target.client().database("tidegate");
        let mut session = pair.target.client().start_session().await.expect("a session");
        let noted = doc! { "_id": { "instance": DATABASE, "who": "begin" }, "lsid": session.id().clone() };
        own.collection::<Document>("session").insert_one(noted).await.expect("a note");
        session.start_transaction().await.expect("a transaction");
        let begun = own.collection::<Document>("link");
        begun.insert_one(doc! { "_id": id }).session(&mut session).await.expect("a write");
        session
    });
    link.catch_up();
    assert_same(&pair, DATABASE, "begun by another");
    drop(died);
}
