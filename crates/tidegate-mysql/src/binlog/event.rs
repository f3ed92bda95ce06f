//! Event type codes, the 19-byte header, and the small events. A `body` is always the event's data: after the
//! header, without the checksum.

use super::Malformed;
use super::bytes::{self, Bytes};

/// Event type codes.
pub(crate) mod code {
    pub(crate) const QUERY: u8 = 2;
    pub(crate) const STOP: u8 = 3;
    pub(crate) const ROTATE: u8 = 4;
    pub(crate) const INTVAR: u8 = 5;
    pub(crate) const RAND: u8 = 13;
    pub(crate) const USER_VAR: u8 = 14;
    pub(crate) const FORMAT_DESCRIPTION: u8 = 15;
    pub(crate) const XID: u8 = 16;
    pub(crate) const BEGIN_LOAD_QUERY: u8 = 17;
    pub(crate) const EXECUTE_LOAD_QUERY: u8 = 18;
    pub(crate) const TABLE_MAP: u8 = 19;
    pub(crate) const WRITE_ROWS_V1: u8 = 23;
    pub(crate) const UPDATE_ROWS_V1: u8 = 24;
    pub(crate) const DELETE_ROWS_V1: u8 = 25;
    pub(crate) const INCIDENT: u8 = 26;
    pub(crate) const HEARTBEAT: u8 = 27;
    pub(crate) const IGNORABLE: u8 = 28;
    pub(crate) const ROWS_QUERY: u8 = 29;
    pub(crate) const WRITE_ROWS: u8 = 30;
    pub(crate) const UPDATE_ROWS: u8 = 31;
    pub(crate) const DELETE_ROWS: u8 = 32;
    pub(crate) const GTID: u8 = 33;
    pub(crate) const ANONYMOUS_GTID: u8 = 34;
    pub(crate) const PREVIOUS_GTIDS: u8 = 35;
    pub(crate) const TRANSACTION_CONTEXT: u8 = 36;
    pub(crate) const VIEW_CHANGE: u8 = 37;
    pub(crate) const XA_PREPARE: u8 = 38;
    pub(crate) const PARTIAL_UPDATE_ROWS: u8 = 39;
    pub(crate) const TRANSACTION_PAYLOAD: u8 = 40;
    pub(crate) const HEARTBEAT_V2: u8 = 41;
    pub(crate) const GTID_TAGGED: u8 = 42;
    pub(crate) const MARIA_ANNOTATE_ROWS: u8 = 160;
    pub(crate) const MARIA_BINLOG_CHECKPOINT: u8 = 161;
    pub(crate) const MARIA_GTID: u8 = 162;
    pub(crate) const MARIA_GTID_LIST: u8 = 163;
    pub(crate) const MARIA_START_ENCRYPTION: u8 = 164;
    pub(crate) const MARIA_QUERY_COMPRESSED: u8 = 165;
    pub(crate) const MARIA_WRITE_ROWS_COMPRESSED_V1: u8 = 166;
    pub(crate) const MARIA_UPDATE_ROWS_COMPRESSED_V1: u8 = 167;
    pub(crate) const MARIA_DELETE_ROWS_COMPRESSED_V1: u8 = 168;
}

/// Header flag: made by the server for this reader (a fake ROTATE), not in the file.
pub(crate) const FLAG_ARTIFICIAL: u16 = 0x20;
/// Header flag: a reader that does not know the type may skip the event.
pub(crate) const FLAG_IGNORABLE: u16 = 0x80;

/// The header of every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Seconds since 1970, when the statement began.
    pub(crate) timestamp: u32,
    pub(crate) event_type: u8,
    pub(crate) server_id: u32,
    /// Bytes of the whole event: header, body and checksum.
    pub(crate) size: u32,
    /// Offset of the next event in the file modulo 2³²; 0 inside a transaction payload.
    pub(crate) log_pos: u32,
    pub(crate) flags: u16,
}

impl Header {
    pub(crate) const SIZE: usize = 19;

    pub(crate) fn parse(event: &[u8]) -> Result<Header, Malformed> {
        let mut b = Bytes::new(event, "event header");
        Ok(Header {
            timestamp: b.u32()?,
            event_type: b.u8()?,
            server_id: b.u32()?,
            size: b.u32()?,
            log_pos: b.u32()?,
            flags: b.u16()?,
        })
    }
}

/// ROTATE: the log goes on at `position` of file `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotate {
    pub(crate) position: u64,
    pub(crate) name: String,
}

impl Rotate {
    pub(crate) fn parse(body: &[u8]) -> Result<Rotate, Malformed> {
        let mut b = Bytes::new(body, "ROTATE");
        Ok(Rotate { position: b.u64()?, name: bytes::text(b.rest(), "ROTATE: file name")? })
    }
}

/// XA_PREPARE: the end of a transaction that waits for `XA COMMIT` or `XA ROLLBACK`, a later QUERY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XaPrepare {
    /// `XA COMMIT … ONE PHASE`: committed here.
    pub(crate) one_phase: bool,
    pub(crate) format_id: i32,
    /// Global id and branch qualifier, at most 64 bytes each.
    pub(crate) gtrid: Vec<u8>,
    pub(crate) bqual: Vec<u8>,
}

impl XaPrepare {
    pub(crate) fn parse(body: &[u8]) -> Result<XaPrepare, Malformed> {
        let mut b = Bytes::new(body, "XA_PREPARE");
        let one_phase = b.u8()? != 0;
        let format_id = b.u32()? as i32;
        let (gtrid, bqual) = (b.u32()?, b.u32()?);
        if gtrid > 64 || bqual > 64 {
            return Err(b.bad(&format!("id lengths {gtrid} and {bqual}")));
        }
        let gtrid = b.take(gtrid as usize)?.to_vec();
        let bqual = b.take(bqual as usize)?.to_vec();
        Ok(XaPrepare { one_phase, format_id, gtrid, bqual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header() {
        let bytes = [1, 0, 0, 0, 19, 2, 0, 0, 0, 60, 0, 0, 0, 4, 1, 0, 0, 0x80, 0];
        let expected = Header {
            timestamp: 1,
            event_type: code::TABLE_MAP,
            server_id: 2,
            size: 60,
            log_pos: 260,
            flags: FLAG_IGNORABLE,
        };
        assert_eq!(Header::parse(&bytes).unwrap(), expected);
        assert!(Header::parse(&bytes[..18]).is_err());
    }

    #[test]
    fn small_events() {
        let rotate = Rotate::parse(b"\x04\0\0\0\0\0\0\0bin.000002").unwrap();
        assert_eq!(rotate, Rotate { position: 4, name: "bin.000002".to_owned() });
        assert!(Rotate::parse(b"\x04\0\0\0\0\0\0\0\xFF").is_err());
    }

    #[test]
    fn xa_prepare() {
        let xa = XaPrepare::parse(b"\0\x01\0\0\0\x02\0\0\0\x01\0\0\0ggb").unwrap();
        assert_eq!((xa.one_phase, xa.format_id), (false, 1));
        assert_eq!((xa.gtrid.as_slice(), xa.bqual.as_slice()), (&b"gg"[..], &b"b"[..]));
        assert!(XaPrepare::parse(b"\0\x01\0\0\0\xFF\xFF\xFF\xFF\x01\0\0\0gg").is_err());
    }
}
