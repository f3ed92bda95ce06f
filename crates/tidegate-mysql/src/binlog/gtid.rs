//! MySQL's GTID events: GTID (33), ANONYMOUS_GTID (34) and, from 8.3 on, GTID_TAGGED (42).

use super::Malformed;
use super::bytes::{self, Bytes};
use super::event::code;

/// The start of a transaction. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gtid {
    /// The UUID of the server (or group) that gave the number; zero for an anonymous transaction.
    pub(crate) sid: [u8; 16],
    /// Empty for an untagged GTID.
    pub(crate) tag: String,
    /// 0 for an anonymous transaction.
    pub(crate) gno: u64,
    /// The transaction may hold statements in text.
    pub(crate) may_have_statements: bool,
    /// Logical clock: this transaction may run in parallel with those after `last_committed`. Both 0 before
    /// 5.7.
    pub(crate) last_committed: u64,
    pub(crate) sequence_number: u64,
    /// When the server that we read committed it; None before 8.0.
    pub(crate) immediate_commit_timestamp_us: Option<u64>,
    /// When the server that ran it first committed it.
    pub(crate) original_commit_timestamp_us: Option<u64>,
    /// Bytes of all events of the transaction, uncompressed, this one included.
    pub(crate) transaction_length: Option<u64>,
}

impl Gtid {
    pub(crate) fn parse(event_type: u8, body: &[u8]) -> Result<Gtid, Malformed> {
        match event_type {
            code::GTID | code::ANONYMOUS_GTID => untagged(Bytes::new(body, "GTID")),
            code::GTID_TAGGED => tagged(body),
            other => Err(Malformed::new(format!("event type {other} is no GTID"))),
        }
    }

    fn empty() -> Gtid {
        Gtid {
            sid: [0; 16],
            tag: String::new(),
            gno: 0,
            may_have_statements: false,
            last_committed: 0,
            sequence_number: 0,
            immediate_commit_timestamp_us: None,
            original_commit_timestamp_us: None,
            transaction_length: None,
        }
    }
}

/// Fixed layout that grew at the end: 5.6 stops after the number, 5.7 after the logical clock. The second
/// timestamp follows only where bit 55 of the first is set.
fn untagged(mut b: Bytes<'_>) -> Result<Gtid, Malformed> {
    let mut gtid = Gtid::empty();
    gtid.may_have_statements = b.u8()? & 1 != 0;
    gtid.sid = b.array()?;
    gtid.gno = b.u64()?;
    if b.left() < 17 || b.u8()? != 2 {
        return Ok(gtid); // before 5.7.5
    }
    gtid.last_committed = b.u64()?;
    gtid.sequence_number = b.u64()?;
    if b.left() < 7 {
        return Ok(gtid);
    }
    const HAS_ORIGINAL: u64 = 1 << 55;
    let immediate = b.uint(7)?;
    let original = if immediate & HAS_ORIGINAL != 0 { b.uint(7)? } else { immediate };
    gtid.immediate_commit_timestamp_us = Some(immediate & !HAS_ORIGINAL);
    gtid.original_commit_timestamp_us = Some(original);
    if !b.is_empty() {
        gtid.transaction_length = Some(b.lenenc()?);
    }
    Ok(gtid) // server versions follow
}

/// MySQL's serialization library: version 2 (a byte), size of it all, last field that must be known, then
/// fields of (id, value), all integers variable-length. A field of unknown id has no known length either: one
/// that must be known is an error, behind any other the rest is unread.
fn tagged(body: &[u8]) -> Result<Gtid, Malformed> {
    let mut b = Bytes::new(body, "GTID_TAGGED");
    let version = b.u8()?;
    if version != 2 {
        return Err(b.bad(&format!("serialization version {version}")));
    }
    let size = b.varlen()?;
    let Some(body) = usize::try_from(size).ok().and_then(|size| body.get(..size)) else {
        return Err(b.bad(&format!("{size} bytes announced")));
    };
    let must_know = b.varlen()?;
    let Some(fields) = body.get(b.at()..) else {
        return Err(b.bad(&format!("{size} bytes announced")));
    };
    let mut b = Bytes::new(fields, "GTID_TAGGED fields");
    let mut gtid = Gtid::empty();
    let mut seen = 0u16;
    while !b.is_empty() {
        let id = b.varlen()?;
        match id {
            0 => gtid.may_have_statements = b.varlen()? & 1 != 0,
            1 => {
                for byte in &mut gtid.sid {
                    let value = b.varlen()?;
                    *byte = u8::try_from(value).map_err(|_| b.bad(&format!("UUID byte {value}")))?;
                }
            }
            2 => gtid.gno = count(&mut b)?,
            3 => gtid.tag = tag(&mut b)?,
            4 => gtid.last_committed = count(&mut b)?,
            5 => gtid.sequence_number = count(&mut b)?,
            6 => gtid.immediate_commit_timestamp_us = Some(b.varlen()?),
            7 => gtid.original_commit_timestamp_us = Some(b.varlen()?),
            8 => gtid.transaction_length = Some(b.varlen()?),
            9..=11 => drop(b.varlen()?), // server versions, commit group ticket
            unknown if unknown <= must_know => return Err(b.bad(&format!("field {unknown} is unknown"))),
            _ => break,
        }
        seen |= 1 << id.min(15);
    }
    if seen & 0b1110 != 0b1110 {
        return Err(b.bad("UUID, number or tag is missing"));
    }
    // Left out where it equals the other.
    gtid.original_commit_timestamp_us =
        gtid.original_commit_timestamp_us.or(gtid.immediate_commit_timestamp_us);
    Ok(gtid)
}

/// A signed integer that is never negative.
fn count(b: &mut Bytes<'_>) -> Result<u64, Malformed> {
    let value = b.varlen_signed()?;
    u64::try_from(value).map_err(|_| b.bad(&format!("number {value}")))
}

fn tag(b: &mut Bytes<'_>) -> Result<String, Malformed> {
    let length = b.varlen()?;
    if length > 32 {
        return Err(b.bad(&format!("tag of {length} bytes")));
    }
    bytes::text(b.take_u64(length)?, "GTID tag")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: [u8; 16] =
        [0x3E, 0x11, 0xFA, 0x47, 0x71, 0xCA, 0x11, 0xE1, 0x9E, 0x33, 0xC8, 0x0A, 0xA9, 0x42, 0x95, 0x62];

    fn untagged_body(tail: &[u8]) -> Vec<u8> {
        let mut body = vec![1];
        body.extend(SID);
        body.extend(23u64.to_le_bytes());
        body.extend_from_slice(tail);
        body
    }

    #[test]
    fn untagged_of_each_age() {
        let old = Gtid::parse(33, &untagged_body(&[])).unwrap();
        assert_eq!((old.sid, old.gno, old.may_have_statements), (SID, 23, true));
        assert_eq!(old.original_commit_timestamp_us, None);
        let mut tail = vec![2, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0];
        let clock = Gtid::parse(33, &untagged_body(&tail)).unwrap();
        assert_eq!((clock.last_committed, clock.sequence_number), (4, 5));
        tail.extend([9, 0, 0, 0, 0, 0, 0x80, 7, 0, 0, 0, 0, 0, 0, 0xFC, 0, 1, 1, 2, 3, 4]);
        let new = Gtid::parse(34, &untagged_body(&tail)).unwrap();
        assert_eq!(new.immediate_commit_timestamp_us, Some(9));
        assert_eq!(new.original_commit_timestamp_us, Some(7));
        assert_eq!(new.transaction_length, Some(256));
    }

    /// Variable-length encoding of a value < 2¹⁴.
    fn varlen(value: u64) -> Vec<u8> {
        if value < 128 { vec![(value << 1) as u8] } else { ((value << 2 | 1) as u16).to_le_bytes().to_vec() }
    }

    fn tagged_body(must_know: u64, fields: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut tail = varlen(must_know);
        for (id, value) in fields {
            tail.extend(varlen(*id));
            tail.extend_from_slice(value);
        }
        let mut body = vec![2];
        let size = 1 + 1 + tail.len() as u64;
        body.extend(varlen(if size < 128 { size } else { size + 1 }));
        body.extend(tail);
        body
    }

    fn sid() -> Vec<u8> {
        SID.iter().flat_map(|&byte| varlen(u64::from(byte))).collect()
    }

    #[test]
    fn tagged() {
        let mut fields = vec![
            (0, varlen(1)),
            (1, sid()),
            (2, varlen(42 << 1)),
            (3, [varlen(4), b"tag1".to_vec()].concat()),
        ];
        fields.extend([
            (4, varlen(10 << 1)),
            (5, varlen(11 << 1)),
            (6, varlen(1234)),
            (8, varlen(256)),
            (9, varlen(80)),
        ]);
        let mut body = tagged_body(8, &fields);
        body.extend([1, 2, 3]); // after the announced size
        let gtid = Gtid::parse(42, &body).unwrap();
        assert_eq!((gtid.sid, gtid.gno, gtid.tag.as_str()), (SID, 42, "tag1"));
        assert_eq!((gtid.last_committed, gtid.sequence_number), (10, 11));
        assert_eq!(gtid.original_commit_timestamp_us, Some(1234));
        assert_eq!(gtid.transaction_length, Some(256));
        fields.push((50, varlen(0)));
        assert!(Gtid::parse(42, &tagged_body(8, &fields)).is_ok(), "an ignorable field");
        assert!(Gtid::parse(42, &tagged_body(50, &fields)).is_err());
        assert!(Gtid::parse(42, &tagged_body(8, &fields[..3])).is_err(), "no tag");
        fields[2].1 = varlen(41 << 1 | 1);
        assert!(Gtid::parse(42, &tagged_body(8, &fields)).is_err(), "a negative number");
        assert!(Gtid::parse(42, &[1, 2]).is_err());
        assert!(Gtid::parse(42, &[2, 0, 0]).is_err());
    }
}
