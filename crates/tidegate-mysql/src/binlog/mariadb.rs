//! Events that only MariaDB writes: GTID, GTID_LIST and the compressed ones.

use super::Malformed;
use super::bytes::{Bytes, be};
use super::column_zip::inflate;
use super::event::code;

/// `flags` of a [`MariaGtid`].
pub(crate) mod flag {
    /// The event group is this event and the next one; no COMMIT or XID ends it.
    pub(crate) const STANDALONE: u8 = 1;
    pub(crate) const GROUP_COMMIT_ID: u8 = 2;
    pub(crate) const PREPARED_XA: u8 = 64;
    pub(crate) const COMPLETED_XA: u8 = 128;
}

/// `flags_extra` of a [`MariaGtid`]: a two-phase ALTER TABLE.
pub(crate) mod extra {
    pub(crate) const COMMIT_ALTER: u8 = 4;
    pub(crate) const ROLLBACK_ALTER: u8 = 8;
}

/// The start of an event group. The GTID is `domain`-(server id of the header)-`seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MariaGtid {
    pub(crate) seq: u64,
    pub(crate) domain: u32,
    pub(crate) flags: u8,
    /// Transactions with the same id were committed together.
    pub(crate) commit_id: Option<u64>,
    /// Format id, global id and branch qualifier, with one of the XA flags.
    pub(crate) xa: Option<(u32, Vec<u8>, Vec<u8>)>,
    pub(crate) flags_extra: u8,
    /// Sequence number of the GTID that started the ALTER which this group commits or rolls back.
    pub(crate) start_alter_seq: Option<u64>,
}

impl MariaGtid {
    pub(crate) fn parse(body: &[u8]) -> Result<MariaGtid, Malformed> {
        let mut b = Bytes::new(body, "MariaDB GTID");
        let (seq, domain, flags) = (b.u64()?, b.u32()?, b.u8()?);
        let commit_id = if flags & flag::GROUP_COMMIT_ID != 0 { Some(b.u64()?) } else { None };
        let mut xa = None;
        if flags & (flag::PREPARED_XA | flag::COMPLETED_XA) != 0 {
            let format_id = b.u32()?;
            let [gtrid, bqual] = b.array()?;
            let gtrid = b.take(usize::from(gtrid))?.to_vec();
            xa = Some((format_id, gtrid, b.take(usize::from(bqual))?.to_vec()));
        }
        // Older servers stop here or pad with zeros to 19 bytes.
        let flags_extra = if b.is_empty() { 0 } else { b.u8()? };
        if flags_extra & 1 != 0 {
            b.u8()?; // count of further engines
        }
        let altered = flags_extra & (extra::COMMIT_ALTER | extra::ROLLBACK_ALTER) != 0;
        let start_alter_seq = if altered { Some(b.u64()?) } else { None };
        Ok(MariaGtid { seq, domain, flags, commit_id, xa, flags_extra, start_alter_seq })
    }

    pub(crate) fn is_standalone(&self) -> bool {
        self.flags & flag::STANDALONE != 0
    }
}

/// The compressed part of an event: a byte with the high bit set, the algorithm (0: zlib) in bits 4–6 and in
/// bits 0–2 the count (1–4) of bytes of the big-endian plain length that follows; then the stream. The plain
/// length may be at most `limit`.
pub(crate) fn uncompress(data: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    let mut b = Bytes::new(data, "compressed event");
    let header = b.u8()?;
    let length_bytes = usize::from(header & 7);
    if header & 0xF8 != 0x80 || !(1..=4).contains(&length_bytes) {
        return Err(b.bad(&format!("header byte {header:#04x}")));
    }
    let length = be(b.take(length_bytes)?);
    if length > limit as u64 {
        return Err(b.bad(&format!("{length} bytes uncompressed, the limit is {limit}")));
    }
    inflate(b.rest(), true, length)
}

/// A compressed row event (166–168) as the type (23–25) and body of the plain event that it stands for. Table
/// id, flags, column count and bitmaps are not compressed, the rows are.
pub(crate) fn uncompress_rows(event_type: u8, body: &[u8], limit: usize) -> Result<(u8, Vec<u8>), Malformed> {
    let mut b = Bytes::new(body, "compressed row event");
    let (plain_type, bitmaps) = match event_type {
        code::MARIA_WRITE_ROWS_COMPRESSED_V1 => (code::WRITE_ROWS_V1, 1),
        code::MARIA_UPDATE_ROWS_COMPRESSED_V1 => (code::UPDATE_ROWS_V1, 2),
        code::MARIA_DELETE_ROWS_COMPRESSED_V1 => (code::DELETE_ROWS_V1, 1),
        other => return Err(b.bad(&format!("event type {other}"))),
    };
    b.take(8)?; // table id, flags
    let columns = b.lenenc()?;
    for _ in 0..bitmaps {
        b.take_u64(columns.div_ceil(8))?;
    }
    let head = &body[..b.at()];
    let rows = uncompress(b.rest(), limit)?;
    Ok((plain_type, [head, &rows].concat()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    #[test]
    fn gtids() {
        // seq 12, domain 0, standalone DDL, padded
        let padded = [12, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0];
        let gtid = MariaGtid::parse(&padded).unwrap();
        assert_eq!((gtid.seq, gtid.domain), (12, 5));
        assert!(gtid.is_standalone());
        let mut xa = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, flag::GROUP_COMMIT_ID | flag::PREPARED_XA];
        xa.extend([3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, b'g', b'g', b'b']);
        xa.extend([extra::COMMIT_ALTER, 9, 0, 0, 0, 0, 0, 0, 0]);
        let gtid = MariaGtid::parse(&xa).unwrap();
        assert_eq!((gtid.commit_id, gtid.start_alter_seq), (Some(3), Some(9)));
        assert_eq!(gtid.xa, Some((1, b"gg".to_vec(), b"b".to_vec())));
        assert!(MariaGtid::parse(&xa[..20]).is_err());
    }

    fn compress(plain: &[u8]) -> Vec<u8> {
        let length = (plain.len() as u16).to_be_bytes();
        let mut encoder = ZlibEncoder::new(vec![0x82, length[0], length[1]], Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_events() {
        let plain = b"INSERT ".repeat(60);
        let packed = compress(&plain);
        assert_eq!(uncompress(&packed, 420).unwrap(), plain);
        assert!(uncompress(&packed, 419).is_err());
        assert!(uncompress(&packed[..9], 420).is_err());
        assert!(uncompress(&[0x92, 1, 1], 420).is_err() && uncompress(&[0x85], 420).is_err());
        let head = [9, 0, 0, 0, 0, 0, 1, 0, 10, 0xFF, 3, 0xFF, 3];
        let body = [&head[..], &packed].concat();
        let (plain_type, plain_body) = uncompress_rows(167, &body, 1000).unwrap();
        assert_eq!((plain_type, plain_body), (24, [&head[..], &plain].concat()));
        assert!(uncompress_rows(23, &body, 1000).is_err());
    }
}
