//! Transactions in the change log: one entry for each event, as slices of the event's own BSON.

use crate::raw;
use tidegate_model::{Code, Error, Result};

/// What an event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `body`: the document.
    Insert = 1,
    /// `body`: the document that stands in place of the old one.
    Replace = 2,
    /// `body`: the difference, as the source's oplog has it (`diff` of `{$v: 2}`): see `diff.rs`.
    Update = 3,
    /// No `body`.
    Delete = 4,
    /// A change of definitions. `body`: the whole event; no `key`.
    Schema = 5,
}

impl Op {
    fn of(byte: u8) -> Option<Self> {
        [Self::Insert, Self::Replace, Self::Update, Self::Delete, Self::Schema]
            .into_iter()
            .find(|op| *op as u8 == byte)
    }
}

/// One event of a transaction. All documents are BSON as the server sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) op: Op,
    pub(crate) database: &'a str,
    pub(crate) collection: &'a str,
    /// `documentKey`: `_id`, and the fields of the shard key where there is one.
    pub(crate) key: &'a [u8],
    /// The document before, where the source keeps such images.
    pub(crate) before: Option<&'a [u8]>,
    pub(crate) body: &'a [u8],
}

const HAS_BEFORE: u8 = 0x80;

/// Appends an entry: `op, lengths of the five parts, the parts`.
pub(crate) fn push_entry(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let before = entry.before.unwrap_or_default();
    out.push(entry.op as u8 | if entry.before.is_some() { HAS_BEFORE } else { 0 });
    let parts = [entry.database.as_bytes(), entry.collection.as_bytes(), entry.key, before, entry.body];
    for part in parts {
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The entries of a transaction, or of a piece of one.
pub(crate) fn entries(mut data: &[u8]) -> impl Iterator<Item = Result<Entry<'_>>> {
    std::iter::from_fn(move || {
        if data.is_empty() {
            return None;
        }
        let entry = take(&mut data);
        if entry.is_none() {
            data = &[];
        }
        Some(entry.ok_or_else(|| Error::new(Code::ChangeLogDamaged, "a transaction's entries are not whole")))
    })
}

fn take<'a>(data: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (head, mut rest) = data.split_first_chunk::<21>()?;
    let op = Op::of(head[0] & !HAS_BEFORE)?;
    let mut parts = [&rest[..0]; 5];
    for (at, part) in parts.iter_mut().enumerate() {
        let length = u32::from_le_bytes(head[1 + at * 4..5 + at * 4].try_into().ok()?) as usize;
        *part = rest.get(..length)?;
        rest = &rest[length..];
    }
    *data = rest;
    let [database, collection, key, before, body] = parts;
    Some(Entry {
        op,
        database: std::str::from_utf8(database).ok()?,
        collection: std::str::from_utf8(collection).ok()?,
        key,
        before: (head[0] & HAS_BEFORE != 0).then_some(before),
        body,
    })
}

impl<'a> Entry<'a> {
    /// The `_id`: its type and its value.
    pub(crate) fn id(&self) -> Result<(u8, &'a [u8])> {
        let id = raw::find(self.key, "_id")?;
        id.map(|id| (id.kind, id.value)).ok_or_else(|| Error::new(Code::MalformedLog, "an event has no _id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_went_in() {
        let key = raw::Builder::new().finish();
        let full = Entry {
            op: Op::Update,
            database: "shop",
            collection: "orders",
            key: &key,
            before: Some(raw::EMPTY),
            body: raw::EMPTY,
        };
        let bare = Entry { op: Op::Delete, before: None, body: &[], ..full };
        let mut data = Vec::new();
        push_entry(&mut data, &full);
        push_entry(&mut data, &bare);
        assert_eq!(entries(&data).collect::<Result<Vec<_>>>().unwrap(), [full, bare]);
        for end in 1..data.len() {
            let whole = entries(&data[..end]).filter(Result::is_ok).count();
            assert!(whole < 2, "{end}");
        }
    }
}
