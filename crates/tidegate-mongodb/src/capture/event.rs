//! One event of the stream, as slices of what the server sent.

use super::malformed;
use crate::entry::Op;
use crate::position::{ClusterTime, time_of};
use crate::raw::{self, kind};
use tidegate_model::{Code, Error, Result};

/// What an event is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A change of a document.
    Data(Op),
    Schema,
    Rename,
    DropDatabase,
    /// It changes nothing that a client could read.
    Nothing,
}

impl Kind {
    fn of(operation: &str) -> Option<Self> {
        Some(match operation {
            "insert" => Self::Data(Op::Insert),
            "update" => Self::Data(Op::Update),
            "replace" => Self::Data(Op::Replace),
            "delete" => Self::Data(Op::Delete),
            "rename" => Self::Rename,
            "dropDatabase" => Self::DropDatabase,
            "create"
            | "drop"
            | "createIndexes"
            | "dropIndexes"
            | "modify"
            | "shardCollection"
            | "refineCollectionShardKey"
            | "reshardCollection"
            | "unshardCollection" => Self::Schema,
            "startIndexBuild"
            | "abortIndexBuild"
            | "commitIndexBuild"
            | "endOfTransaction"
            | "reshardBegin"
            | "reshardBlockingWrites"
            | "reshardDoneCatchUp" => Self::Nothing,
            moved if moved.starts_with("migrate") => Self::Nothing,
            _ => return None,
        })
    }
}

/// `{_data: text, _typeBits: bytes}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenRef<'a> {
    pub(super) data: &'a str,
    pub(super) type_bits: Option<&'a [u8]>,
    pub(super) time: ClusterTime,
}

impl<'a> TokenRef<'a> {
    pub(super) fn read(document: &'a [u8]) -> Result<Self> {
        let (mut data, mut type_bits) = (None, None);
        for element in raw::elements(document) {
            let element = element?;
            match element.name {
                "_data" => data = element.text(),
                "_typeBits" if element.kind == kind::BINARY => type_bits = element.value.get(5..),
                _ => {}
            }
        }
        let known = data.and_then(|data| Some((data, time_of(data)?)));
        let (data, time) = known.ok_or_else(|| malformed("a resume token cannot be read"))?;
        Ok(Self { data, type_bits, time })
    }
}

/// The fields of an event that matter. Of a fragment some are not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    pub(super) whole: &'a [u8],
    pub(super) token: TokenRef<'a>,
    pub(super) operation: &'a str,
    pub(super) time: Option<ClusterTime>,
    /// Milliseconds since 1970 by the source's clock.
    wall_time_ms: Option<i64>,
    pub(super) namespace: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) full: Option<&'a [u8]>,
    pub(super) before: Option<&'a [u8]>,
    update: Option<&'a [u8]>,
    pub(super) to: Option<&'a [u8]>,
    pub(super) description: Option<&'a [u8]>,
    pub(super) in_transaction: bool,
    pub(super) split: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    pub(super) fn read(whole: &'a [u8]) -> Result<Self> {
        let mut token = None;
        let mut event = Self {
            whole,
            token: TokenRef { data: "", type_bits: None, time: (0, 0) },
            operation: "",
            time: None,
            wall_time_ms: None,
            namespace: raw::EMPTY,
            key: raw::EMPTY,
            full: None,
            before: None,
            update: None,
            to: None,
            description: None,
            in_transaction: false,
            split: None,
        };
        for element in raw::elements(whole) {
            let element = element?;
            match element.name {
                "_id" => token = element.document(),
                "operationType" => event.operation = element.text().unwrap_or_default(),
                "clusterTime" => event.time = element.timestamp(),
                "wallTime" if element.kind == kind::DATE => {
                    event.wall_time_ms = element.value.try_into().ok().map(i64::from_le_bytes);
                }
                "ns" => event.namespace = element.document().unwrap_or(raw::EMPTY),
                "documentKey" => event.key = element.document().unwrap_or(raw::EMPTY),
                "fullDocument" => event.full = element.document(),
                "fullDocumentBeforeChange" => event.before = element.document(),
                "rawUpdateDescription" => event.update = element.document(),
                "to" => event.to = element.document(),
                "operationDescription" => event.description = element.document(),
                "lsid" => event.in_transaction = true,
                "splitEvent" => event.split = element.document(),
                _ => {}
            }
        }
        event.token = TokenRef::read(token.ok_or_else(|| malformed("an event has no resume token"))?)?;
        Ok(event)
    }

    pub(super) fn kind(&self) -> Result<Kind> {
        Kind::of(self.operation).ok_or_else(|| {
            let operation: String = self.operation.chars().take(60).collect();
            malformed(format!("the kind of event '{operation}' is not known"))
        })
    }

    /// By the source's clock, in microseconds.
    pub(super) fn committed_at_us(&self, (seconds, _): ClusterTime) -> u64 {
        let wall = self.wall_time_ms.and_then(|ms| u64::try_from(ms).ok()?.checked_mul(1000));
        wall.unwrap_or(u64::from(seconds) * 1_000_000)
    }

    /// What the change log keeps beside the key.
    pub(super) fn body(&self, op: Op) -> Result<&'a [u8]> {
        match op {
            Op::Insert | Op::Replace => {
                self.full.ok_or_else(|| malformed(format!("an event '{}' has no document", self.operation)))
            }
            Op::Update => {
                let update = self.update.ok_or_else(|| malformed("an update has no rawUpdateDescription"))?;
                let version = raw::find(update, "$v")?.and_then(|version| version.integer());
                match raw::find(update, "diff")?.and_then(|diff| diff.document()) {
                    Some(diff) if version == Some(2) => Ok(diff),
                    _ => Err(malformed("an update's form is not known")),
                }
            }
            Op::Delete => Ok(&[]),
            Op::Schema => Ok(self.whole),
        }
    }
}

/// Database and collection of `{db: …, coll: …}`; no collection for a whole database.
pub(super) fn namespace(document: &[u8]) -> Result<(&str, &str)> {
    let text = |name| raw::find(document, name).map(|found| found.and_then(|one| one.text()));
    let database = text("db")?.ok_or_else(|| malformed("an event names no database"))?;
    Ok((database, text("coll")?.unwrap_or_default()))
}

/// An event that the server has split, because it would be larger than a document may be.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    bytes: Vec<u8>,
    taken: i64,
}

impl Fragments {
    /// Whether one is begun and not whole.
    pub(super) fn are_open(&self) -> bool {
        self.taken > 0
    }

    /// Takes a fragment; answers the event when this is its last.
    pub(super) fn take(&mut self, event: &Event<'_>, split: &[u8]) -> Result<Option<Vec<u8>>> {
        let number = |name| raw::find(split, name).map(|one| one.and_then(|one| one.integer()));
        let (Some(fragment), Some(of)) = (number("fragment")?, number("of")?) else {
            return Err(malformed("a split event does not say which part it is"));
        };
        if fragment != self.taken + 1 || fragment > of {
            return Err(Error::new(Code::MalformedLog, "the parts of a split event are not in order"));
        }
        if fragment == 1 {
            self.bytes.clear();
            self.bytes.extend_from_slice(&[0; 4]);
        }
        for element in raw::elements(event.whole) {
            let element = element?;
            // The token of the last part is that of the event.
            let is_own = element.name == "splitEvent" || element.name == "_id" && fragment < of;
            if !is_own {
                self.bytes.extend_from_slice(element.whole);
            }
        }
        self.taken = fragment;
        if fragment < of {
            return Ok(None);
        }
        self.taken = 0;
        self.bytes.push(0);
        let length = u32::try_from(self.bytes.len()).map_err(|_| malformed("a split event is too large"))?;
        self.bytes[..4].copy_from_slice(&length.to_le_bytes());
        Ok(Some(std::mem::take(&mut self.bytes)))
    }
}
