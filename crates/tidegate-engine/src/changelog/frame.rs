//! How a transaction lies in a segment file.
//!
//! ```text
//! frame  = length u32 | crc u32 | body            (all numbers little-endian; the CRC-32 is the body's)
//! body   = kind u8 | seq u64 | committed_at_us u64 | mark_length u32 | data … | mark …
//! ```
//! A transaction is one `Whole` frame, or some `Piece`s and then an `End`. An `Idle` frame has a mark and nothing else:
//! traffic that was not selected.

use tidegate_model::Seq;

pub(crate) const PREFIX_BYTES: usize = 8;
pub(crate) const FIXED_BYTES: usize = 21;

/// A frame longer than this is damage, not data: the longest event that a server can send is 1 GiB.
pub(crate) const FRAME_BYTES_MAX: u32 = 1_100_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Whole = 1,
    Piece = 2,
    End = 3,
    Idle = 4,
}

/// A frame's fields, borrowed from a block of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) seq: Seq,
    pub(crate) committed_at_us: u64,
    pub(crate) data: &'a [u8],
    pub(crate) mark: &'a [u8],
}

/// What a look at the bytes after an offset finds.
pub(crate) enum Look<'a> {
    Frame {
        frame: Frame<'a>,
        bytes: usize,
    },
    /// More bytes are needed: so many in all.
    Short {
        need: usize,
    },
    Damaged(&'static str),
}

/// Fills in what was left open at `start` when the frame was begun.
pub(crate) fn seal(buffer: &mut [u8], start: usize, kind: Kind, seq: Seq, at_us: u64, mark: u32) {
    let frame = &mut buffer[start..];
    let length = (frame.len() - PREFIX_BYTES) as u32;
    let body = &mut frame[PREFIX_BYTES..];
    body[0] = kind as u8;
    body[1..9].copy_from_slice(&seq.0.to_le_bytes());
    body[9..17].copy_from_slice(&at_us.to_le_bytes());
    body[17..21].copy_from_slice(&mark.to_le_bytes());
    let crc = crc32fast::hash(body);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// Reads the frame at the beginning of `bytes` and checks its CRC.
pub(crate) fn look(bytes: &[u8]) -> Look<'_> {
    let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else { return Look::Short { need: PREFIX_BYTES } };
    let length = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
    let crc = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]);
    if length > FRAME_BYTES_MAX || (length as usize) < FIXED_BYTES {
        return Look::Damaged("a frame's length is impossible");
    }
    let need = PREFIX_BYTES + length as usize;
    let Some(body) = bytes.get(PREFIX_BYTES..need) else { return Look::Short { need } };
    if crc32fast::hash(body) != crc {
        return Look::Damaged("a frame's checksum is wrong");
    }
    let kind = match body[0] {
        1 => Kind::Whole,
        2 => Kind::Piece,
        3 => Kind::End,
        4 => Kind::Idle,
        _ => return Look::Damaged("a frame's kind is unknown"),
    };
    let u64_at = |at: usize| u64::from_le_bytes(body[at..at + 8].try_into().expect("eight bytes"));
    let u32_at = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes"));
    let mark_bytes = u32_at(17) as usize;
    let Some(data_end) = body.len().checked_sub(mark_bytes).filter(|end| *end >= FIXED_BYTES) else {
        return Look::Damaged("a frame's mark is longer than the frame");
    };
    let frame = Frame {
        kind,
        seq: Seq(u64_at(1)),
        committed_at_us: u64_at(9),
        data: &body[FIXED_BYTES..data_end],
        mark: &body[data_end..],
    };
    Look::Frame { frame, bytes: need }
}
