//! What others than a link have written in its target, by the target's own log: a reverse that begins later than that
//! would not bring it back.

use crate::capture::{Server, StreamCapture};
use crate::check::{ask, ask_in};
use crate::connect::{Endpoint, understand};
use crate::entry::{Entry, Op, entries};
use crate::position::{ClusterTime, MongoCursor, MongoPosition, parse};
use crate::raw;
use bson::{Bson, Document, Timestamp, doc};
use mongodb::Client;
use std::collections::HashSet;
use tidegate_model::{
    Capture, CaptureSink, Code, Commit, Cursor, Error, InstanceName, Position, Result, Selection, Written,
    WrittenChange,
};

/// So many changes are told one by one.
const TOLD_MAX: usize = 1_000;
/// So many keys are kept, to find documents that both sides have changed.
const KEYS_MAX: usize = 200_000;
/// So many characters of a key are told.
const KEY_CHARACTERS: usize = 1_000;
const ANSWER_MS: i32 = 1_000;

/// Reads the log of the links' target up to now, and counts what they have not written. `selection` is what the reverse
/// would bring. Without a position to begin at, it is read from where the links began; if the log does not go back so far,
/// from its oldest entry.
pub(crate) async fn written_by_others(
    endpoint: &Endpoint,
    selection: &Selection,
    links: &[InstanceName],
    from: Option<&Position>,
) -> Result<Written> {
    let client = endpoint.client().await?;
    let goal = MongoPosition::Time(Server::of(&client).await?.now).into_position();
    let (begin, is_whole) = match from {
        Some(from) => (parse(from)?, true),
        None => {
            let oldest = oldest(&client).await?;
            match beginning(&client, links, oldest, parse(&goal)?.time()).await? {
                Some(began) => (MongoPosition::Time(before(began)), true),
                None => (MongoPosition::Time(before(oldest)), false),
            }
        }
    };
    let mut capture = StreamCapture::open(endpoint, &begin, selection, links).await?;
    let mut finder = Finder::at(begin);
    while !finder.cursor.covers(&goal)? {
        capture.next(&mut finder).await?;
        if let Some(error) = finder.failed.take() {
            return Err(error);
        }
    }
    Ok(Written { end: Some(goal), is_whole, ..finder.found })
}

/// The place before a time.
fn before((seconds, increment): ClusterTime) -> ClusterTime {
    match increment.checked_sub(1) {
        Some(increment) => (seconds, increment),
        None => (seconds.saturating_sub(1), u32::MAX),
    }
}

/// The time of the log's first entry. A sharded cluster has several logs, and does not say.
async fn oldest(client: &Client) -> Result<ClusterTime> {
    let question = doc! {
        "find": "oplog.rs", "sort": { "$natural": 1 }, "limit": 1, "singleBatch": true, "projection": { "ts": 1 },
    };
    let answer = ask(client, "local", question).await?;
    let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).ok();
    let entry = batch.and_then(|batch| batch.first()).and_then(Bson::as_document);
    let time = entry.and_then(|entry| entry.get_timestamp("ts").ok());
    let time = time.ok_or_else(|| Error::new(Code::LogOff, "the oplog is empty"))?;
    // The server moves its end on while it is read.
    Ok((time.time.saturating_add(1), 0))
}

/// When the first of the links came into this target, if the log goes back so far. The server looks for it.
async fn beginning(
    client: &Client,
    links: &[InstanceName],
    oldest: ClusterTime,
    until: ClusterTime,
) -> Result<Option<ClusterTime>> {
    let names: Vec<&str> = links.iter().map(InstanceName::as_str).collect();
    let begins = doc! {
        "ns": { "db": "tidegate", "coll": "link" },
        "operationType": "insert",
        "documentKey._id.instance": { "$in": names },
    };
    let from = Timestamp { time: oldest.0, increment: oldest.1 };
    let question = doc! {
        "aggregate": 1,
        "pipeline": [
            { "$changeStream": { "allChangesForCluster": true, "showExpandedEvents": true, "startAtOperationTime": from } },
            { "$match": begins },
            { "$project": { "clusterTime": 1 } },
        ],
        "cursor": { "batchSize": 1 },
    };
    let mut reader = client.start_session().await.map_err(understand)?;
    let mut answer = ask_in(&mut reader, "admin", question).await?;
    loop {
        let cursor = answer.get_document("cursor").map_err(|_| raw::malformed())?;
        let id = cursor.get_i64("id").unwrap_or_default();
        let batch = cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch")).ok();
        let first = batch.and_then(|batch| batch.first()).and_then(Bson::as_document);
        let found = first.and_then(|event| event.get_timestamp("clusterTime").ok());
        if found.is_some() || has_passed(cursor, until)? {
            let close = doc! { "killCursors": "$cmd.aggregate", "cursors": [id] };
            // It ends by itself too.
            let _ = ask_in(&mut reader, "admin", close).await;
            return Ok(found.map(|time| (time.time, time.increment)));
        }
        let question =
            doc! { "getMore": id, "collection": "$cmd.aggregate", "batchSize": 1, "maxTimeMS": ANSWER_MS };
        answer = ask_in(&mut reader, "admin", question).await?;
    }
}

fn has_passed(cursor: &Document, until: ClusterTime) -> Result<bool> {
    let token =
        cursor.get_document("postBatchResumeToken").ok().and_then(|token| token.get_str("_data").ok());
    token.map_or(Ok(false), |token| Ok(MongoPosition::parse(token)?.time() >= until))
}

struct Finder {
    cursor: MongoCursor,
    transaction: Vec<u8>,
    found: Written,
    failed: Option<Error>,
}

impl Finder {
    fn at(begin: MongoPosition) -> Self {
        let found = Written { keys: Some(HashSet::new()), ..Written::default() };
        Self { cursor: MongoCursor(begin), transaction: Vec::new(), found, failed: None }
    }

    fn take(&mut self, commit: Commit<'_>) -> Result<()> {
        if !self.transaction.is_empty() {
            let found = &mut self.found;
            found.start.get_or_insert_with(|| self.cursor.position());
            found.transactions += 1;
            if found.first_at_us == 0 {
                found.first_at_us = commit.committed_at_us;
            }
            found.last_at_us = commit.committed_at_us;
            for entry in entries(&self.transaction) {
                count(found, &entry?)?;
            }
            self.transaction.clear();
        }
        self.cursor.advance(commit.mark)
    }
}

fn count(found: &mut Written, entry: &Entry<'_>) -> Result<()> {
    let kind = match entry.op {
        Op::Schema => {
            found.schema_changes += 1;
            if found.changes.len() < TOLD_MAX {
                let what = change_text(entry)?;
                found.changes.push(WrittenChange { kind: "schema", table: String::new(), what });
            }
            return Ok(());
        }
        Op::Insert => "insert",
        Op::Update | Op::Replace => "update",
        Op::Delete => "delete",
    };
    let table = format!("{}.{}", entry.database, entry.collection);
    let tells = found.changes.len() < TOLD_MAX;
    if tells || found.keys.is_some() {
        let key = key_text(entry)?;
        if let Some(keys) = &mut found.keys {
            keys.insert((table.clone(), key.clone()));
        }
        found.keys.take_if(|keys| keys.len() > KEYS_MAX);
        if tells {
            found.changes.push(WrittenChange { kind, table: table.clone(), what: key });
        }
    }
    *found.rows.entry(table).or_default() += 1;
    Ok(())
}

/// `_id=1`, `_id="a"`, as mongosh shows a value.
fn key_text(entry: &Entry<'_>) -> Result<String> {
    let key = Document::from_reader(entry.key).map_err(|_| raw::malformed())?;
    let id = key.get("_id").ok_or_else(raw::malformed)?;
    Ok(format!("_id={}", cut(&id.to_string())))
}

/// `dropIndexes shop.orders`.
fn change_text(entry: &Entry<'_>) -> Result<String> {
    let kind = raw::find(entry.body, "operationType")?.and_then(|kind| kind.text()).unwrap_or("change");
    let name = if entry.collection.is_empty() {
        entry.database.to_owned()
    } else {
        format!("{}.{}", entry.database, entry.collection)
    };
    Ok(format!("{kind} {name}"))
}

fn cut(text: &str) -> String {
    text.chars().take(KEY_CHARACTERS).collect()
}

impl CaptureSink for Finder {
    fn data(&mut self, piece: &[u8]) {
        self.transaction.extend_from_slice(piece);
    }

    fn commit(&mut self, commit: Commit<'_>) {
        if let Err(error) = self.take(commit) {
            self.failed.get_or_insert(error);
        }
    }

    fn rollback(&mut self) {
        self.transaction.clear();
    }

    fn is_full(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::push_entry;

    #[test]
    fn what_is_written_is_counted() {
        let begin = MongoPosition::Time((1_795_395_369, 1));
        let mut finder = Finder::at(begin.clone());
        let change = doc! { "operationType": "createIndexes" }.to_vec().unwrap();
        for (op, id, body) in
            [(Op::Insert, 1, &[][..]), (Op::Update, 1, &[]), (Op::Delete, 2, &[]), (Op::Schema, 0, &change)]
        {
            let key = doc! { "_id": id }.to_vec().unwrap();
            let mut data = Vec::new();
            push_entry(
                &mut data,
                &Entry { op, database: "shop", collection: "a", key: &key, before: None, body },
            );
            finder.data(&data);
        }
        finder.commit(Commit { mark: b"time:1795395369.7", committed_at_us: 7 });
        finder.data(b"x");
        finder.rollback();
        finder.commit(Commit { mark: b"time:1795395369.9", committed_at_us: 9 });
        assert!(finder.failed.is_none());
        let found = finder.found;
        assert_eq!(
            (found.transactions, found.schema_changes, found.first_at_us, found.last_at_us),
            (1, 1, 7, 7)
        );
        assert_eq!(found.rows["shop.a"], 3);
        assert_eq!(found.start, Some(begin.into_position()));
        assert_eq!(found.keys.unwrap().len(), 2);
        let told: Vec<(&str, &str)> = found.changes.iter().map(|one| (one.kind, one.what.as_str())).collect();
        let expected = [
            ("insert", "_id=1"),
            ("update", "_id=1"),
            ("delete", "_id=2"),
            ("schema", "createIndexes shop.a"),
        ];
        assert_eq!(told, expected);
        assert_eq!(finder.cursor.position().as_str(), "time:1795395369.9");
    }
}
