use super::actions::of;
use super::*;
use crate::definitions::normal::{Later, NEVER_S};
use tidegate_model::InstanceName;

fn change(event: Document) -> Change {
    Change::of(&event).unwrap().unwrap()
}

fn event(operation: &str, description: Document) -> Document {
    doc! { "operationType": operation, "ns": { "db": "shop", "coll": "a" }, "operationDescription": description }
}

fn done(event: Document, overlap: bool) -> Vec<Action> {
    let selection = Selection::new(&[], &[], &["shop.*=store.*".to_owned()]).unwrap();
    let instance = InstanceName::parse("one").unwrap();
    let setting =
        Setting { selection: &selection, instance: &instance, overlap, again: false, sharded: false };
    of(&change(event), setting, false).unwrap()
}

fn commands(actions: &[Action]) -> Vec<&Document> {
    let command = |action: &Action| matches!(action, Action::Run { database, .. } if database != "tidegate");
    let run = actions.iter().filter(|action| command(action));
    run.map(|action| if let Action::Run { command, .. } = action { command } else { unreachable!() })
        .collect()
}

fn later(actions: &[Action]) -> Option<Later> {
    actions
        .iter()
        .find_map(|action| if let Action::PutOff { later, .. } = action { Some(*later) } else { None })
}

#[test]
fn changes_become_commands_under_the_targets_names() {
    let created = done(event("create", doc! { "capped": true, "size": 4096, "idIndex": { "v": 2 } }), false);
    assert_eq!(commands(&created), [&doc! { "create": "a", "capped": true, "size": 4096 }]);
    let view = done(event("create", doc! { "viewOn": "b", "pipeline": [] }), false);
    assert_eq!(commands(&view), [&doc! { "create": "a", "viewOn": "b", "pipeline": [] }]);
    assert_eq!(commands(&done(event("drop", doc! {}), false)), [&doc! { "drop": "a" }]);
    let mut renamed = event("rename", doc! { "to": { "db": "shop", "coll": "b" }, "dropTarget": "a uuid" });
    renamed.insert("to", doc! { "db": "shop", "coll": "b" });
    let command = doc! { "renameCollection": "store.a", "to": "store.b", "dropTarget": true };
    assert_eq!(commands(&done(renamed, false)), [&command]);
    let dropped =
        done(event("dropIndexes", doc! { "indexes": [{ "v": 2, "key": { "x": 1 }, "name": "x_1" }] }), false);
    assert_eq!(commands(&dropped), [&doc! { "dropIndexes": "a", "index": "x_1" }]);
    let sharded = done(event("shardCollection", doc! { "shardKey": { "x": 1 } }), false);
    assert!(matches!(sharded.as_slice(), [Action::Note(_)]));
    let together = done(event("unshardCollection", doc! {}), false);
    assert!(matches!(together.as_slice(), [Action::Note(_)]));
}

#[test]
fn what_would_act_by_itself_is_put_off() {
    let spec = doc! { "v": 2, "key": { "x": 1 }, "name": "x_1", "unique": true, "expireAfterSeconds": 5 };
    let made = event("createIndexes", doc! { "indexes": [spec] });
    let loose = doc! { "v": 2, "key": { "x": 1 }, "name": "x_1", "expireAfterSeconds": NEVER_S };
    let mut strict = loose.clone();
    strict.insert("unique", true);
    for (overlap, spec, unique) in [(true, loose, true), (false, strict, false)] {
        let actions = done(made.clone(), overlap);
        assert_eq!(commands(&actions), [&doc! { "createIndexes": "a", "indexes": [spec] }]);
        assert_eq!(later(&actions), Some(Later { unique, prepare_unique: false, expire_after_s: Some(5) }));
    }
    let modified = done(event("modify", doc! { "index": { "name": "x_1", "expireAfterSeconds": 9 } }), false);
    let command = doc! { "collMod": "a", "index": { "name": "x_1", "expireAfterSeconds": NEVER_S } };
    assert_eq!((commands(&modified), later(&modified).unwrap().expire_after_s), (vec![&command], Some(9)));
    let ours =
        done(event("modify", doc! { "index": { "name": "x_1", "expireAfterSeconds": NEVER_S } }), false);
    assert_eq!(later(&ours), None);
    let unique = done(event("modify", doc! { "index": { "name": "x_1", "unique": true } }), true);
    assert!(commands(&unique).is_empty() && later(&unique).unwrap().unique);
    let clustered = done(event("modify", doc! { "expireAfterSeconds": 7, "validator": {} }), false);
    assert_eq!(commands(&clustered), [&doc! { "collMod": "a", "validator": {} }]);
    let off = done(event("modify", doc! { "expireAfterSeconds": "off" }), false);
    assert!(!off.iter().any(|action| matches!(action, Action::Forget { .. })));
    assert!(off.contains(&Action::EndAge(TableName::new("store", "a"))));
}

#[test]
fn a_change_that_ran_before_finds_its_names_taken_or_gone() {
    let selection = Selection::default();
    let instance = InstanceName::parse("one").unwrap();
    let tolerated = |operation: &str, again| {
        let mut event = event(operation, doc! {});
        event.insert("to", doc! { "db": "shop", "coll": "b" });
        let setting =
            Setting { selection: &selection, instance: &instance, overlap: false, again, sharded: false };
        let actions = of(&change(event), setting, false).unwrap();
        let mut tolerated = actions.into_iter().filter_map(|action| match action {
            Action::Run { database, tolerated, .. } if database != "tidegate" => Some(tolerated),
            _ => None,
        });
        tolerated.next().unwrap()
    };
    assert_eq!((tolerated("create", false), tolerated("create", true)), (vec![], vec![48]));
    assert_eq!((tolerated("rename", false), tolerated("rename", true)), (vec![], vec![26]));
}

#[test]
fn what_is_selected() {
    let selection = Selection::new(&["shop.a".to_owned(), "shop.b".to_owned()], &[], &[]).unwrap();
    let rename = |from: &str, to: &str| {
        let (from, to) = (doc! { "db": "shop", "coll": from }, doc! { "db": "shop", "coll": to });
        change(doc! { "operationType": "rename", "ns": from, "to": to }).wanted(&selection)
    };
    assert_eq!((rename("a", "b"), rename("x", "y")), (Wanted::Yes, Wanted::No));
    assert!(matches!(rename("a", "x"), Wanted::Refused(_)) && matches!(rename("x", "a"), Wanted::Refused(_)));
    assert_eq!(change(event("drop", doc! {})).wanted(&selection), Wanted::Yes);
    assert!(Change::of(&doc! { "operationType": "dropDatabase", "ns": { "db": "shop" } }).unwrap().is_none());
    assert!(Change::of(&doc! { "operationType": "drop", "ns": { "db": "shop" } }).is_err());
    assert!(Change::of(&doc! { "operationType": "invalidate" }).is_err());
}
