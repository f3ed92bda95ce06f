//! Links that must go no further, and say why.

use crate::compare::assert_same;
use crate::link::{Link, endpoint};
use crate::servers::Pair;
use bson::doc;
use tidegate_model::{Code, Database};

#[test]
fn a_document_that_somebody_else_changed() {
    const DATABASE: &str = "clash";
    let pair = Pair::new();
    let whole = |id: i32| doc! { "_id": id, "v": "as it was", "other": id };
    pair.source.insert(DATABASE, "t", &[whole(1), whole(2), whole(3)]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    pair.target.update(DATABASE, "t", doc! { "_id": 2 }, doc! { "$unset": { "v": "" } });
    for id in [1, 2, 3] {
        pair.source.update(DATABASE, "t", doc! { "_id": id }, doc! { "$set": { "v": "as it is" } });
    }
    for _ in 0..2 {
        // It stays so until somebody does something.
        let error = link.fails();
        assert_eq!((error.code(), error.code().as_str()), (Code::Conflict, "TG-4005"), "{error}");
        assert!(error.message().contains("clash.t"), "{error}");
        let noted = endpoint(&pair.target);
        let noted = link.wait_for(noted.conflicts(link.name(), false)).expect("what was noted");
        assert_eq!(noted.len(), 1, "{noted:?}");
        let shown = format!("{:?}", noted[0]);
        assert!(shown.contains("clash.t") && shown.contains("as it is"), "{shown}");
    }
    let found = pair.target.found(DATABASE, "t");
    assert!(!found[1].contains_key("v"), "{found:?}");
    pair.target.update(DATABASE, "t", doc! { "_id": 2 }, whole(2));
    link.catch_up();
    assert_same(&pair, DATABASE, "put right");
}

#[test]
fn a_document_that_somebody_else_removed() {
    const DATABASE: &str = "clash_removed";
    let pair = Pair::new();
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1, "v": 1 }, doc! { "_id": 2 }]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    pair.target.delete(DATABASE, "t", doc! { "_id": 1 });
    pair.source.update(DATABASE, "t", doc! { "_id": 1 }, doc! { "$inc": { "v": 1 } });
    let error = link.fails();
    assert_eq!(error.code(), Code::Conflict, "{error}");
    assert!(pair.target.found(DATABASE, "t").len() == 1);
}

#[test]
fn a_time_series_collection() {
    const DATABASE: &str = "series";
    let pair = Pair::new();
    let create = doc! { "create": "s", "timeseries": { "timeField": "at" } };
    pair.source.run(DATABASE, &create);
    let error = Link::of(&pair, DATABASE).fails();
    assert_eq!(error.code(), Code::UnsupportedColumn, "{error}");
    assert!(error.message().contains("series.s"), "{error}");
    assert!(error.remedy().contains("--exclude 'series.s'"), "{}", error.remedy());
}

#[test]
fn a_time_series_collection_made_later() {
    const DATABASE: &str = "series_later";
    let pair = Pair::new();
    pair.source.insert(DATABASE, "t", &[doc! { "_id": 1 }]);
    let link = Link::of(&pair, DATABASE);
    link.catch_up();
    pair.source.run(DATABASE, &doc! { "create": "s", "timeseries": { "timeField": "at" } });
    let error = link.fails();
    assert!(error.to_string().contains("series_later.s"), "{error}");
    assert!(error.remedy().contains("--exclude"), "{}", error.remedy());
}
