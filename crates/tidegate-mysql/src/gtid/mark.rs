//! The bytes of marks.
//!
//! A mark is any number of entries of one kind, each a byte for the kind and its numbers as LEB128:
//! 1: UUID (16 bytes), tag length, tag, first, last - first;
//! 2: domain, server, sequence number;
//! 3: length of the file name, file name, offset.

use super::mysql::is_tag;
use super::{MAX_GNO, Uuid};

const GTID: u8 = 1;
const MARIADB: u8 = 2;
const FILE: u8 = 3;

/// One entry, borrowing from the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    Gtid { uuid: &'a Uuid, tag: &'a str, first: u64, last: u64 },
    Mariadb { domain: u32, server: u32, seq: u64 },
    File { name: &'a str, offset: u64 },
}

impl Entry<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Gtid { .. } => "gtid",
            Self::Mariadb { .. } => "mariadb",
            Self::File { .. } => "file",
        }
    }
}

/// Appends the transactions `first` to `last` of a source, both included; the tag is empty where there is
/// none.
pub(crate) fn encode_gtid(out: &mut Vec<u8>, uuid: &Uuid, tag: &str, first: u64, last: u64) {
    out.push(GTID);
    out.extend_from_slice(uuid);
    put_text(out, tag);
    put(out, first);
    put(out, last.saturating_sub(first));
}

/// Appends the last transaction read of a domain.
pub(crate) fn encode_mariadb(out: &mut Vec<u8>, domain: u32, server: u32, seq: u64) {
    out.push(MARIADB);
    put(out, u64::from(domain));
    put(out, u64::from(server));
    put(out, seq);
}

/// Appends the place in the log that was reached.
pub(crate) fn encode_file(out: &mut Vec<u8>, name: &str, offset: u64) {
    out.push(FILE);
    put_text(out, name);
    put(out, offset);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// The entries of a mark in order; after an error there are no more.
pub(super) fn entries(mark: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, String>> {
    let mut rest = mark;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let offset = mark.len() - rest.len();
        let entry = take_entry(&mut rest);
        if entry.is_none() {
            rest = &[];
        }
        Some(entry.ok_or_else(|| format!("damaged mark: no valid entry at byte {offset} of {}", mark.len())))
    })
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (&kind, after) = rest.split_first()?;
    *rest = after;
    match kind {
        GTID => {
            let (uuid, after) = rest.split_first_chunk()?;
            *rest = after;
            let tag = take_text(rest).filter(|tag| tag.is_empty() || is_tag(tag))?;
            let first = take(rest)?;
            let last = first.checked_add(take(rest)?)?;
            (first >= 1 && last <= MAX_GNO).then_some(Entry::Gtid { uuid, tag, first, last })
        }
        MARIADB => {
            let domain = u32::try_from(take(rest)?).ok()?;
            let server = u32::try_from(take(rest)?).ok()?;
            Some(Entry::Mariadb { domain, server, seq: take(rest)? })
        }
        FILE => {
            let name = take_text(rest).filter(|name| !name.is_empty())?;
            Some(Entry::File { name, offset: take(rest)? })
        }
        _ => None,
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        // Of the tenth byte only one bit fits.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
