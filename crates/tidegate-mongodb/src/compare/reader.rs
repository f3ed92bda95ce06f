//! Reads one collection for the comparison.
//!
//! A key is the BSON of `{_id: value}`. Ranges are bounds of the index of `_id`, not conditions: those see values of one
//! type only.

use super::{DOCUMENT, KEY};
use crate::connect::{raw_document, understand};
use crate::definitions::server::decoded;
use crate::raw;
use futures_util::StreamExt;
use mongodb::Client;
use tidegate_model::{
    Code, Error, FoundRow, Fut, Layout, Result, RowHash, RowReader, RowSink, Rows, TableName,
};

/// A page ends at about the first of these.
const PAGE_BYTES: u64 = 4 << 20;
const PAGE_DOCUMENTS: u64 = 20_000;
/// The type of the greatest value.
const MAX_KEY: u8 = 0x7f;
/// Before anything is known of the documents' size.
const FIRST_PAGE_DOCUMENTS: u64 = 1000;

pub(super) struct MongoReader {
    client: Client,
    name: TableName,
    columns: Vec<Column>,
    hash: RowHash,
    page_documents: u64,
    page_bytes: u64,
    row: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Column {
    Key,
    Document,
}

impl MongoReader {
    pub(super) fn new(client: Client, name: TableName, layout: &Layout) -> Result<Self> {
        let column = |name: &str| match name {
            KEY => Ok(Column::Key),
            DOCUMENT => Ok(Column::Document),
            other => Err(Error::new(Code::Internal, format!("a collection has no column {other}"))),
        };
        let columns = layout.columns.iter().map(|one| column(&one.name)).collect::<Result<_>>()?;
        Ok(Self {
            client,
            name,
            columns,
            hash: layout.hash.clone(),
            page_documents: FIRST_PAGE_DOCUMENTS,
            page_bytes: 0,
            row: Vec::new(),
        })
    }

    fn question(&self) -> raw::Builder {
        let mut question = raw::Builder::new();
        question.text("find", &self.name.table);
        question.begin_document("readConcern").text("level", "majority").end();
        question
    }

    /// Asks the question and calls `each` with the key and the document of every one.
    async fn ask(
        &mut self,
        question: raw::Builder,
        mut each: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<()> + Send,
    ) -> Result<()> {
        let database = self.client.database(&self.name.database);
        let question = raw_document(question.finish())?;
        let mut batches = database.run_raw_cursor_command(question).batch().await.map_err(understand)?;
        let mut key = Vec::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(understand)?;
            for document in batch.doc_slices().map_err(understand)? {
                let document = document.ok().and_then(|one| one.as_document()).ok_or_else(raw::malformed)?;
                let document = document.as_bytes();
                key_of(document, &mut key)?;
                each(self, &key, document)?;
            }
        }
        Ok(())
    }

    fn hash_of(&mut self, key: &[u8], document: &[u8]) -> u128 {
        self.row.clear();
        for column in &self.columns {
            let cell = if matches!(column, Column::Key) { key } else { document };
            self.hash.push_cell(&mut self.row, Some(cell));
        }
        self.page_bytes += document.len() as u64;
        self.hash.of(&self.row)
    }

    /// The key that is at the place of this one now: it may be a number of another type.
    async fn equal_key(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        let mut question = self.question();
        push_equal(&mut question, key)?;
        question.begin_document("projection").int32(KEY, 1).end();
        self.ask(question, |_, key, _| {
            found = Some(key.to_vec());
            Ok(())
        })
        .await?;
        Ok(found)
    }

    async fn read_page(
        &mut self,
        after: Option<&[u8]>,
        upto: Option<&[u8]>,
        rows: &mut Rows,
    ) -> Result<bool> {
        rows.clear();
        self.page_bytes = 0;
        // The lower bound is part of the range for the server, and not for us.
        let mut skipped = None;
        if let Some(after) = after {
            skipped = self.equal_key(after).await?;
        }
        let limit = self.page_documents + u64::from(skipped.is_some());
        let mut question = self.question();
        question.begin_document("hint").int32(KEY, 1).end();
        question.begin_document("sort").int32(KEY, 1).end();
        question.int64("limit", limit as i64);
        question.int32("batchSize", i32::MAX);
        for (name, bound) in [("min", after), ("max", upto)] {
            if let Some(bound) = bound {
                question.document(name, bound);
            }
        }
        let mut read = 0;
        self.ask(question, |reader, key, document| {
            read += 1;
            if skipped.as_deref() != Some(key) {
                let hash = reader.hash_of(key, document);
                rows.push(key, hash);
            }
            Ok(())
        })
        .await?;
        if let Some(document_bytes) = self.page_bytes.checked_div(rows.len() as u64) {
            self.page_documents = (PAGE_BYTES / document_bytes.max(1)).clamp(1, PAGE_DOCUMENTS);
        }
        // What was to be skipped may have gone meanwhile: the page is a row longer then.
        if read >= limit && !rows.is_empty() {
            return Ok(true);
        }
        // The upper bound is no part of the range for the server; where there is a lower one only, it takes the greatest
        // value of all for the upper one. In clustered collections it is part.
        let greatest = greatest_key();
        let upto = upto.or_else(|| after.is_some().then_some(greatest.as_slice()));
        if let Some(upto) = upto {
            let mut question = self.question();
            push_equal(&mut question, upto)?;
            self.ask(question, |reader, key, document| {
                if skipped.as_deref() != Some(key) && rows.last_key() != Some(key) {
                    let hash = reader.hash_of(key, document);
                    rows.push(key, hash);
                }
                Ok(())
            })
            .await?;
        }
        Ok(false)
    }

    async fn read_all(&mut self, sink: &mut (dyn RowSink + '_)) -> Result<()> {
        let question = self.question();
        self.ask(question, |reader, key, document| {
            let hash = reader.hash_of(key, document);
            sink.row(key, hash, &|| shown(key));
            Ok(())
        })
        .await
    }

    async fn read_rows(&mut self, keys: &[Vec<u8>]) -> Result<Vec<FoundRow>> {
        let mut question = self.question();
        question.begin_document("filter").begin_document(KEY).begin_array("$in");
        for key in keys {
            let (kind, value) = id_of(key)?;
            question.push(kind, value);
        }
        question.end().end().end();
        let mut found = Vec::new();
        self.ask(question, |reader, key, document| {
            let mut cells = Vec::with_capacity(reader.columns.len());
            for column in &reader.columns {
                reader.row.clear();
                let cell = if matches!(column, Column::Key) { key } else { document };
                reader.hash.push_cell(&mut reader.row, Some(cell));
                cells.push(reader.hash.of(&reader.row));
            }
            found.push(FoundRow { key: key.to_vec(), cells });
            Ok(())
        })
        .await?;
        Ok(found)
    }
}

fn greatest_key() -> Vec<u8> {
    let mut key = raw::Builder::new();
    key.value(KEY, MAX_KEY, &[]);
    key.finish()
}

fn push_equal(question: &mut raw::Builder, key: &[u8]) -> Result<()> {
    let (kind, value) = id_of(key)?;
    question.begin_document("filter").begin_document(KEY).value("$eq", kind, value).end().end();
    Ok(())
}

fn id_of(document: &[u8]) -> Result<(u8, &[u8])> {
    let id = raw::find(document, KEY)?;
    id.map(|id| (id.kind, id.value)).ok_or_else(|| Error::new(Code::MalformedLog, "a document has no _id"))
}

/// Writes the document's key over `key`.
fn key_of(document: &[u8], key: &mut Vec<u8>) -> Result<()> {
    let id =
        raw::find(document, KEY)?.ok_or_else(|| Error::new(Code::MalformedLog, "a document has no _id"))?;
    key.clear();
    key.extend_from_slice(&(id.whole.len() as u32 + 5).to_le_bytes());
    key.extend_from_slice(id.whole);
    key.push(0);
    Ok(())
}

/// `_id=ObjectId("…")`.
fn shown(key: &[u8]) -> String {
    let value = decoded(key).ok().and_then(|mut key| key.remove(KEY));
    let text = value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    format!("{KEY}={text}")
}

impl RowReader for MongoReader {
    fn page<'a>(
        &'a mut self,
        after: Option<&'a [u8]>,
        upto: Option<&'a [u8]>,
        rows: &'a mut Rows,
    ) -> Fut<'a, bool> {
        Box::pin(self.read_page(after, upto, rows))
    }

    fn scan<'a>(&'a mut self, sink: &'a mut (dyn RowSink + 'a)) -> Fut<'a, ()> {
        Box::pin(self.read_all(sink))
    }

    fn lookup<'a>(&'a mut self, keys: &'a [Vec<u8>]) -> Fut<'a, Vec<FoundRow>> {
        Box::pin(self.read_rows(keys))
    }

    fn describe(&self, key: &[u8]) -> String {
        shown(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::kind;

    #[test]
    fn keys_hold_the_id_with_its_type() {
        let document = |write: &dyn Fn(&mut raw::Builder)| {
            let mut builder = raw::Builder::new();
            builder.int32("a", 1);
            write(&mut builder);
            builder.finish()
        };
        let mut keys = Vec::new();
        for (write, text) in [
            (&(|b: &mut raw::Builder| _ = b.int32(KEY, 1)) as &dyn Fn(&mut raw::Builder), "_id=1"),
            (&|b: &mut raw::Builder| _ = b.int64(KEY, 1), "_id=1"),
            (
                &|b: &mut raw::Builder| _ = b.value(KEY, kind::OBJECT_ID, &[7; 12]),
                "_id=ObjectId(\"070707070707070707070707\")",
            ),
            (&|b: &mut raw::Builder| _ = b.text(KEY, "x"), "_id=\"x\""),
        ] {
            let mut key = vec![9; 3];
            key_of(&document(write), &mut key).unwrap();
            assert_eq!(shown(&key), text);
            assert_eq!(decoded(&key).unwrap().len(), 1);
            assert!(!keys.contains(&key));
            keys.push(key);
        }
        assert!(key_of(&document(&|_| ()), &mut Vec::new()).is_err());
        assert_eq!(shown(&[1, 2]), "_id=?");
    }
}
