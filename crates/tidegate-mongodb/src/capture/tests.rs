//! Units, echoes and schema changes, from events as a server writes them.

use super::event::TokenRef;
use super::unit::{Ends, Units};
use super::window::Windows;
use crate::entry::entries;
use crate::position::MongoPosition;
use crate::raw::{self, Builder, kind};
use tidegate_model::{CaptureSink, Code, Commit, Result, Selection};

/// Text of what came: `insert shop.a` and so on, for each unit.
#[derive(Default)]
struct Sink {
    open: Vec<String>,
    units: Vec<Vec<String>>,
    marks: Vec<String>,
    at_us: u64,
}

impl CaptureSink for Sink {
    fn data(&mut self, piece: &[u8]) {
        for entry in entries(piece) {
            let entry = entry.unwrap();
            self.open.push(format!("{:?} {}.{}", entry.op, entry.database, entry.collection));
        }
    }

    fn commit(&mut self, commit: Commit<'_>) {
        self.marks.push(String::from_utf8(commit.mark.to_vec()).unwrap());
        if !self.open.is_empty() {
            self.units.push(std::mem::take(&mut self.open));
            self.at_us = commit.committed_at_us;
        }
    }

    fn rollback(&mut self) {
        self.open.clear();
    }

    fn is_full(&self) -> bool {
        false
    }
}

fn units(ends: Ends) -> Units {
    units_from(ends, None)
}

fn units_from(ends: Ends, first: Option<(u32, u32)>) -> Units {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let selection = Selection::new(&texts(&["shop.*", "crm.a"]), &texts(&["shop.tmp*"]), &[]).unwrap();
    Units::new(&selection, vec!["back".to_owned()], ends, first, Windows::default())
}

fn data(time: u32, place: u32) -> String {
    format!("82{:08X}{time:08X}{place:08X}", 1_000)
}

/// An event at a time, with more fields by `more`.
fn event(operation: &str, time: u32, place: u32, name: &str, more: impl Fn(&mut Builder)) -> Vec<u8> {
    let (database, collection) = name.split_once('.').unwrap_or((name, ""));
    let mut event = Builder::new();
    event.begin_document("_id").text("_data", &data(time, place)).end();
    event.text("operationType", operation).timestamp("clusterTime", (1_000, time));
    event.value("wallTime", kind::DATE, &1_000_123i64.to_le_bytes());
    event.begin_document("ns").text("db", database);
    if !collection.is_empty() {
        event.text("coll", collection);
    }
    event.end();
    more(&mut event);
    event.finish()
}

fn insert(time: u32, place: u32, name: &str) -> Vec<u8> {
    event("insert", time, place, name, |event| {
        event
            .begin_document("documentKey")
            .int32("_id", 1)
            .end()
            .begin_document("fullDocument")
            .int32("_id", 1)
            .end();
    })
}

fn in_transaction(time: u32, place: u32, name: &str) -> Vec<u8> {
    event("delete", time, place, name, |event| {
        event.begin_document("documentKey").int32("_id", 1).end().begin_document("lsid").end();
    })
}

fn schema(operation: &str, time: u32, name: &str) -> Vec<u8> {
    event(operation, time, 0, name, |_| {})
}

fn rename(time: u32, name: &str, database: &str, collection: &str) -> Vec<u8> {
    event("rename", time, 0, name, |event| {
        event.begin_document("to").text("db", database).text("coll", collection).end();
    })
}

/// A control document of an instance; for the journal with names.
fn control(operation: &str, time: u32, collection: &str, instance: &str, names: &[&str]) -> Vec<u8> {
    event(operation, time, 9, &format!("tidegate.{collection}"), |event| {
        event.begin_document("documentKey").begin_document("_id").text("instance", instance).end().end();
        event.begin_document("fullDocument").begin_array("names");
        for name in names {
            let mut value = (name.len() as u32 + 1).to_le_bytes().to_vec();
            value.extend_from_slice(name.as_bytes());
            value.push(0);
            event.push(kind::STRING, &value);
        }
        event.end().end();
    })
}

fn take(units: &mut Units, sink: &mut Sink, events: &[Vec<u8>]) -> Result<()> {
    events.iter().try_for_each(|event| units.event(event, sink))
}

fn end_batch(units: &mut Units, sink: &mut Sink, events: u64, time: u32, place: u32) {
    let mut token = Builder::new();
    token.text("_data", &data(time, place));
    units.end_batch(events, Some(TokenRef::read(&token.finish()).unwrap()), sink);
}

#[test]
fn a_unit_is_all_of_one_time() {
    let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
    let events = [
        in_transaction(1, 0, "shop.a"),
        in_transaction(1, 1, "other.a"),
        in_transaction(1, 2, "crm.a"),
        insert(2, 0, "shop.b"),
        insert(3, 0, "shop.system.views"),
        insert(4, 0, "shop.tmp1"),
        insert(5, 0, "admin.a"),
    ];
    take(&mut units, &mut sink, &events).unwrap();
    assert_eq!(sink.units, [vec!["Delete shop.a", "Delete crm.a"], vec!["Insert shop.b"]]);
    assert_eq!(sink.marks, [data(1, 2), data(2, 0)]);
    assert_eq!(sink.at_us, 1_000_123_000);
    end_batch(&mut units, &mut sink, 7, 5, 0);
    units.flush_idle(&mut sink);
    units.flush_idle(&mut sink);
    assert_eq!(sink.marks[2..], [data(5, 0)]);
    end_batch(&mut units, &mut sink, 0, 9, 0);
    units.flush_idle(&mut sink);
    assert_eq!(sink.marks[3..], [data(9, 0)]);
}

/// The source's log ends before that time: whoever believed the token would be ahead of the source, and would not wait
/// for what comes at that time.
#[test]
fn a_stream_is_not_where_it_begins_before_that_time_has_come() {
    for ends in [Ends::Transaction, Ends::Time, Ends::LaterTime] {
        let (mut units, mut sink) = (units_from(ends, Some((1_000, 5))), Sink::default());
        end_batch(&mut units, &mut sink, 0, 5, 0);
        units.flush_idle(&mut sink);
        assert!(sink.marks.is_empty(), "{ends:?}");
        take(&mut units, &mut sink, &[insert(5, 1, "shop.a")]).unwrap();
        end_batch(&mut units, &mut sink, 1, 6, 0);
        units.flush_idle(&mut sink);
        assert_eq!(sink.marks, [data(5, 1), data(6, 0)], "{ends:?}");
    }
}

#[test]
fn where_a_unit_ends_with_the_batch() {
    use Ends::{LaterTime, Time, Transaction};
    // Whether it is whole: at the batch's end, after an empty one, when the log was read to a later time.
    for (ends, single, whole) in [
        (Transaction, true, [true, true, true]),
        (Transaction, false, [false, true, true]),
        (Time, true, [false, true, true]),
        (Time, false, [false, true, true]),
        (LaterTime, true, [false, false, true]),
    ] {
        let (mut units, mut sink) = (units(ends), Sink::default());
        let first = if single { insert(1, 0, "shop.a") } else { in_transaction(1, 0, "shop.a") };
        take(&mut units, &mut sink, &[first]).unwrap();
        end_batch(&mut units, &mut sink, 1, 1, 0);
        assert_eq!(units.doubtful().is_some(), !whole[0] && ends != LaterTime);
        let mut seen = vec![!sink.units.is_empty()];
        units.flush_idle(&mut sink);
        assert_eq!(sink.marks.is_empty(), !seen[0], "no mark in the middle of a unit");
        end_batch(&mut units, &mut sink, 0, 1, 0);
        seen.push(!sink.units.is_empty());
        end_batch(&mut units, &mut sink, 0, 2, 0);
        seen.push(!sink.units.is_empty());
        assert_eq!(seen, whole, "{ends:?} {single}");
    }
}

#[test]
fn what_a_peer_has_written_is_no_news() {
    for (instance, expected) in [("back", 0), ("other", 1)] {
        // Its control document may come last.
        for place in [0, 1] {
            let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
            let mut events = vec![insert(1, 0, "shop.a"), insert(1, 1, "shop.b")];
            events.insert(place * 2, control("update", 1, "checkpoint", instance, &[]));
            take(&mut units, &mut sink, &events).unwrap();
            take(&mut units, &mut sink, &[insert(2, 0, "other.a")]).unwrap();
            assert_eq!((sink.units.len(), sink.open.len()), (expected, 0), "{instance} {place}");
            end_batch(&mut units, &mut sink, 1, 2, 0);
            units.flush_idle(&mut sink);
            assert_eq!(sink.marks.last().unwrap(), &data(2, 0));
        }
    }
}

#[test]
fn schema_changes_of_a_peer_are_no_news() {
    let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
    let events = [
        schema("createIndexes", 1, "shop.a"),
        control("insert", 2, "ddl", "back", &["shop.a", "crm"]),
        insert(3, 0, "shop.a"),
        schema("createIndexes", 4, "shop.a"),
        schema("drop", 5, "crm.a"),
        schema("dropDatabase", 6, "crm"),
        rename(7, "shop.x", "shop", "a"),
        schema("drop", 8, "shop.b"),
    ];
    take(&mut units, &mut sink, &events).unwrap();
    end_batch(&mut units, &mut sink, 8, 8, 0);
    assert_eq!(sink.units, [["Schema shop.a"], ["Insert shop.a"], ["Schema shop.b"]]);
    // Whoever goes on here has not seen the journal's document.
    let MongoPosition::Token(token) = MongoPosition::parse(sink.marks.last().unwrap()).unwrap() else {
        panic!()
    };
    assert_eq!(&*token.data, data(8, 0));
    let windows = Windows::read(token.within.as_deref().unwrap()).unwrap();
    let selection = Selection::new(&["shop.*".to_owned()], &[], &[]).unwrap();
    let mut later = Units::new(&selection, vec!["back".to_owned()], Ends::Transaction, None, windows);
    let mut sink = Sink::default();
    let events = [
        schema("drop", 9, "shop.a"),
        control("delete", 10, "ddl", "other", &[]),
        schema("drop", 11, "shop.a"),
        control("delete", 12, "ddl", "back", &[]),
        schema("create", 13, "shop.a"),
    ];
    take(&mut later, &mut sink, &events).unwrap();
    end_batch(&mut later, &mut sink, 5, 13, 0);
    assert_eq!((sink.units, sink.marks), (vec![vec!["Schema shop.a".to_owned()]], vec![data(13, 0)]));
}

#[test]
fn schema_changes_by_selection() {
    let series = |event: &mut Builder| {
        event.begin_document("operationDescription").begin_document("timeseries").end().end();
    };
    let more = event("create", 1, 0, "shop.a", series);
    for (event, expected) in [
        (schema("create", 1, "shop.a"), Ok(1)),
        (schema("modify", 1, "crm.b"), Ok(0)),
        (schema("dropDatabase", 1, "crm"), Ok(1)),
        (schema("dropDatabase", 1, "other"), Ok(0)),
        (schema("dropDatabase", 1, "admin"), Ok(0)),
        (schema("startIndexBuild", 1, "shop.a"), Ok(0)),
        (schema("migrateChunkToNewShard", 1, "shop.a"), Ok(0)),
        (schema("create", 1, "shop.system.views"), Ok(0)),
        (rename(1, "shop.a", "shop", "b"), Ok(1)),
        (rename(1, "crm.b", "crm", "c"), Ok(0)),
        (rename(1, "crm.b", "crm", "a"), Err(Code::MalformedLog)),
        (rename(1, "crm.a", "other", "a"), Err(Code::MalformedLog)),
        (schema("rename", 1, "shop.a"), Err(Code::MalformedLog)),
        (schema("invalidate", 1, "shop.a"), Err(Code::MalformedLog)),
        (schema("fromTheFuture", 1, "other.a"), Err(Code::MalformedLog)),
        (more, Err(Code::UnsupportedColumn)),
        (insert(1, 0, "shop.system.buckets.a"), Err(Code::UnsupportedColumn)),
        (insert(1, 0, "shop.system.buckets.tmp1"), Ok(0)),
        (schema("insert", 1, "shop.a"), Err(Code::MalformedLog)),
        (schema("update", 1, "shop.a"), Err(Code::MalformedLog)),
    ] {
        let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
        let taken = units.event(&event, &mut sink).map(|()| sink.open.len()).map_err(|error| error.code());
        assert_eq!(taken, expected, "{}", String::from_utf8_lossy(&event));
    }
}

#[test]
fn updates_are_kept_as_their_difference() {
    let update = |version: i32| {
        event("update", 1, 0, "shop.a", |event| {
            event
                .begin_document("rawUpdateDescription")
                .int32("$v", version)
                .begin_document("diff")
                .end()
                .end();
        })
    };
    let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
    units.event(&update(2), &mut sink).unwrap();
    assert_eq!(sink.open, ["Update shop.a"]);
    assert_eq!(units.event(&update(3), &mut sink).unwrap_err().code(), Code::MalformedLog);
}

#[test]
fn split_events_are_joined() {
    let fragment = |place: u32, number: i32, of: i32, more: &dyn Fn(&mut Builder)| {
        let mut part = Builder::new();
        part.begin_document("_id").text("_data", &data(1, place)).end();
        part.begin_document("splitEvent").int32("fragment", number).int32("of", of).end();
        more(&mut part);
        part.finish()
    };
    let whole = insert(1, 0, "shop.a");
    let elements: Vec<raw::Element<'_>> = raw::elements(&whole).map(Result::unwrap).collect();
    let push = |part: &mut Builder, elements: &[raw::Element<'_>]| {
        for element in elements {
            part.element(*element);
        }
    };
    let first = fragment(7, 1, 2, &|part| push(part, &elements[1..4]));
    let second = fragment(8, 2, 2, &|part| push(part, &elements[4..]));
    let (mut begun, mut sink) = (units(Ends::Transaction), Sink::default());
    begun.event(&first, &mut sink).unwrap();
    end_batch(&mut begun, &mut sink, 1, 2, 0);
    assert!(sink.open.is_empty() && sink.marks.is_empty());
    begun.event(&second, &mut sink).unwrap();
    end_batch(&mut begun, &mut sink, 1, 1, 8);
    assert_eq!((sink.units, sink.marks), (vec![vec!["Insert shop.a".to_owned()]], vec![data(1, 8)]));
    for wrong in [&second, &fragment(7, 3, 2, &|_| {}), &fragment(7, 0, 0, &|_| {})] {
        let error = units(Ends::Transaction).event(wrong, &mut Sink::default()).unwrap_err();
        assert_eq!(error.code(), Code::MalformedLog);
    }
    begun.event(&first, &mut Sink::default()).unwrap();
    assert!(begun.event(&whole, &mut Sink::default()).is_err());
}

#[test]
fn hostile_bytes_are_errors() {
    let events = [
        in_transaction(1, 0, "shop.a"),
        control("insert", 2, "ddl", "back", &["shop.a"]),
        rename(3, "shop.a", "shop", "b"),
        schema("dropDatabase", 4, "shop"),
    ];
    for whole in &events {
        for end in 0..whole.len() {
            let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
            assert!(units.event(&whole[..end], &mut sink).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let (mut units, mut sink) = (units(Ends::Transaction), Sink::default());
                // What it says matters not: it must come back.
                let _ = units.event(&bytes, &mut sink);
            }
        }
    }
}
