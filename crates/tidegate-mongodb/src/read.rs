//! Reading a collection in the order of its key.
//!
//! The bounds of the index are used (`hint`, `min`), not a comparison: a comparison would see values of one type only.

use crate::capture::Server;
use crate::catalog::Collection;
use crate::connect::{Endpoint, raw_document, understand};
use crate::position::ClusterTime;
use crate::raw::{self, Builder, kind};
use futures_util::StreamExt;
use mongodb::Client;
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use tidegate_model::{Chunk, Code, Error, Fut, Position, Result, TableName, TableReader};

/// Documents of a chunk, at most.
const CHUNK_ROWS: u64 = 2_000;
/// A chunk is handed over when it has so many bytes; the last document may make it longer.
const CHUNK_BYTES: usize = 4 << 20;

/// The largest of all values, which no bound of an index lies behind.
const MAX_KEY: u8 = 0x7f;

/// What is being read, in the order of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// In the order of `_id`.
    Keyed,
    /// The document whose `_id` is the largest of all values: where a lower bound is given, the upper one leaves it out.
    Last,
    /// In the order in which they lie.
    Natural,
    /// As before, after having searched in vain for the last one that was read: it is gone, and all are read again.
    NaturalAgain,
    Nothing,
}

impl Part {
    /// What comes after it. `resumed`: an earlier run has begun; `seeks`: its last document did not come; `at_max`: the last
    /// document that came has the largest of all values, as a collection clustered by `_id` answers it at once.
    fn next(self, resumed: bool, seeks: bool, at_max: bool) -> Self {
        match self {
            Self::Keyed if resumed && !at_max => Self::Last,
            Self::Natural if seeks => Self::NaturalAgain,
            _ => Self::Nothing,
        }
    }
}

pub(crate) struct CollectionReader {
    client: Client,
    name: TableName,
    uuid: Vec<u8>,
    /// `{_id: value}` of the last document of an earlier run.
    after: Option<Vec<u8>>,
    /// What the log has up to there is in what is read, whichever member answers.
    since: ClusterTime,
    part: Part,
    /// Whether the last document that came has the largest of all values as its `_id`.
    at_max: bool,
    /// Whether documents are passed over until that of `after` has come.
    seeks: bool,
    cursor: Option<RawBatchCursor>,
    batch: Option<RawBatch>,
    /// Where the next document begins in the batch's array.
    at: usize,
}

impl CollectionReader {
    /// `after`: a `last_key` of an earlier chunk.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        collection: &Collection,
        after: Option<&[u8]>,
    ) -> Result<Self> {
        let key = after.map(key_of).transpose()?;
        let part = match key {
            // The order in which they lie is the order that readers of a capped collection rely on.
            _ if collection.is_capped() => Part::Natural,
            Some(MAX_KEY) => Part::Nothing,
            _ => Part::Keyed,
        };
        let client = endpoint.client().await?;
        Ok(Self {
            since: Server::of(&client).await?.now,
            client,
            name: collection.name.clone(),
            uuid: collection.uuid.clone(),
            after: after.map(<[u8]>::to_vec),
            part,
            at_max: false,
            seeks: part == Part::Natural && after.is_some(),
            cursor: None,
            batch: None,
            at: 0,
        })
    }

    fn question(&self) -> Result<Vec<u8>> {
        let mut find = Builder::new();
        find.text("find", &self.name.table);
        let hint = if matches!(self.part, Part::Natural | Part::NaturalAgain) { "$natural" } else { "_id" };
        find.begin_document("hint").int32(hint, 1).end();
        match (self.part, &self.after) {
            (Part::Keyed, Some(after)) => {
                let id = raw::find(after, "_id")?.ok_or_else(broken_key)?;
                find.document("min", after).begin_document("filter").begin_document("_id");
                find.value("$ne", id.kind, id.value).end().end();
            }
            (Part::Last, _) => {
                find.begin_document("filter").value("_id", MAX_KEY, &[]).end();
            }
            _ => {}
        }
        if !self.uuid.is_empty() {
            // Another collection under the same name would be taken for the rest of this one.
            find.value("collectionUUID", kind::BINARY, &self.uuid);
        }
        find.int32("batchSize", CHUNK_ROWS as i32);
        find.begin_document("readConcern").text("level", "majority");
        find.timestamp("afterClusterTime", self.since).end();
        Ok(find.finish())
    }

    /// The next batch; `None` at the end of the collection.
    async fn fetch(&mut self) -> Result<Option<RawBatch>> {
        loop {
            let cursor = match &mut self.cursor {
                Some(cursor) => cursor,
                None if self.part == Part::Nothing => return Ok(None),
                None => {
                    let question = raw_document(self.question()?)?;
                    let database = self.client.database(&self.name.database);
                    let asked =
                        database.run_raw_cursor_command(question).batch_size(CHUNK_ROWS as u32).batch();
                    self.cursor.insert(asked.await.map_err(|error| self.changed(error))?)
                }
            };
            match cursor.next().await {
                Some(Ok(batch)) => return Ok(Some(batch)),
                Some(Err(error)) => return Err(self.changed(error)),
                None => {
                    self.cursor = None;
                    self.part = self.part.next(self.after.is_some(), self.seeks, self.at_max);
                    self.seeks = false;
                }
            }
        }
    }

    /// A collection that is not what it was when the copy began.
    fn changed(&self, error: DriverError) -> Error {
        match error.kind.as_ref() {
            // CollectionUUIDMismatch
            ErrorKind::Command(command) if command.code == 361 => {
                let what = format!("{} was dropped, renamed or made anew", self.name);
                Error::new(Code::SchemaChangedWhileCopying, what)
            }
            _ => understand(error).context(&self.name),
        }
    }

    async fn read_chunk(&mut self, chunk: &mut Chunk) -> Result<bool> {
        loop {
            if self.batch.is_none() {
                self.batch = self.fetch().await?;
                self.at = 4;
            }
            let Some(batch) = self.batch.take() else { return Ok(false) };
            let is_read = self.take(&batch, chunk)?;
            if !is_read {
                self.batch = Some(batch);
            }
            if chunk.rows >= CHUNK_ROWS || chunk.bytes.len() >= CHUNK_BYTES {
                return Ok(true);
            }
        }
    }

    /// Takes documents until the chunk is full; answers whether that was all of the batch.
    fn take(&mut self, batch: &RawBatch, chunk: &mut Chunk) -> Result<bool> {
        let documents = documents_of(batch)?;
        let mut rest = raw::elements_from(documents, self.at);
        let mut last = None;
        while chunk.rows < CHUNK_ROWS && chunk.bytes.len() < CHUNK_BYTES {
            let Some(element) = rest.next() else { break };
            let document = element?.document().ok_or_else(raw::malformed)?;
            self.at = rest.place();
            if self.seeks {
                self.seeks = !self.is_after(document)?;
                continue;
            }
            chunk.bytes.extend_from_slice(document);
            chunk.rows += 1;
            last = Some(document);
        }
        if let Some(document) = last {
            let id = raw::find(document, "_id")?.ok_or_else(raw::malformed)?;
            self.at_max = id.kind == MAX_KEY;
            let mut key = Builder::new();
            key.element(id);
            chunk.last_key = key.finish();
        }
        Ok(self.at + 1 >= documents.len())
    }

    /// Whether this is the last document of the earlier run.
    fn is_after(&self, document: &[u8]) -> Result<bool> {
        let id = raw::find(document, "_id")?.ok_or_else(raw::malformed)?;
        let after = self.after.as_deref().map(|after| raw::find(after, "_id")).transpose()?.flatten();
        Ok(after.is_some_and(|after| after.whole == id.whole))
    }
}

/// The array of the answer's documents.
fn documents_of(batch: &RawBatch) -> Result<&[u8]> {
    let cursor = raw::document(batch.as_raw_document().as_bytes(), "cursor")?;
    let named = |name| raw::find(cursor, name).map(|found| found.and_then(|found| found.document()));
    match named("nextBatch")? {
        Some(documents) => Ok(documents),
        None => named("firstBatch")?.ok_or_else(raw::malformed),
    }
}

/// The type of a key's `_id`.
fn key_of(after: &[u8]) -> Result<u8> {
    let id = raw::find(after, "_id").map_err(|_| broken_key())?;
    id.map(|id| id.kind).ok_or_else(broken_key)
}

fn broken_key() -> Error {
    Error::new(Code::CheckpointChanged, "a copy's last key is not readable")
}

impl TableReader for CollectionReader {
    fn next<'a>(&'a mut self, chunk: &'a mut Chunk) -> Fut<'a, bool> {
        Box::pin(self.read_chunk(chunk))
    }

    fn snapshot(&self) -> Option<Position> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        for (part, resumed, seeks, at_max, next) in [
            (Part::Keyed, false, false, false, Part::Nothing),
            (Part::Keyed, true, false, false, Part::Last),
            (Part::Keyed, true, false, true, Part::Nothing),
            (Part::Last, true, false, true, Part::Nothing),
            (Part::Natural, true, true, false, Part::NaturalAgain),
            (Part::Natural, true, false, false, Part::Nothing),
            (Part::NaturalAgain, true, false, false, Part::Nothing),
        ] {
            assert_eq!(part.next(resumed, seeks, at_max), next, "{part:?} {resumed} {seeks} {at_max}");
        }
    }

    #[test]
    fn keys_of_earlier_runs() {
        let mut key = Builder::new();
        key.int32("_id", 7);
        assert_eq!(key_of(&key.finish()).unwrap(), kind::INT32);
        for broken in [raw::EMPTY, &[], &[1, 2, 3], &[9, 0, 0, 0, 0x10, b'_', b'i', b'd', 0]] {
            assert_eq!(key_of(broken).unwrap_err().code(), Code::CheckpointChanged, "{broken:?}");
        }
    }
}
