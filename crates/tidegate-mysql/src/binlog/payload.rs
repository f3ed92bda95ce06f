//! TRANSACTION_PAYLOAD: all events of a transaction in one zstd stream (`binlog_transaction_compression=ON`).

use std::io::Read;

use super::Malformed;
use super::bytes::Bytes;
use super::event::Header;

/// The event before its stream is read. Borrows from the event's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransactionPayload<'a> {
    pub(crate) compression: Compression,
    /// Bytes of all inner events as the server announces them; None where it does not.
    pub(crate) uncompressed_size: Option<u64>,
    payload: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Zstd,
    None,
}

/// Inner events are read at most this many bytes ahead of what arrives, so a false size allocates little.
const STEP: usize = 1 << 20;

/// log₂ of the largest zstd window accepted: 128 MiB, which compression level 22 uses. The decoder allocates
/// the window that the stream asks for, up to this.
const WINDOW_LOG: u32 = 27;

impl<'a> TransactionPayload<'a> {
    /// Fields of (type, length, value), types and lengths length-encoded: 1 size of the stream, 2 compression
    /// (0 zstd, 255 none), 3 size of the events, 0 the end, after which the stream begins.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut b = Bytes::new(body, "TRANSACTION_PAYLOAD");
        let (mut size, mut compression, mut uncompressed_size) = (None, None, None);
        loop {
            let field = b.lenenc()?;
            if field == 0 {
                break;
            }
            let mut value = Bytes::new(b.lenenc_bytes()?, "TRANSACTION_PAYLOAD field");
            match field {
                1 => size = Some(value.lenenc()?),
                2 => {
                    compression = Some(match value.lenenc()? {
                        0 => Compression::Zstd,
                        255 => Compression::None,
                        other => return Err(b.bad(&format!("compression type {other}"))),
                    });
                }
                3 => uncompressed_size = Some(value.lenenc()?),
                _ => {}
            }
        }
        let (Some(size), Some(compression)) = (size, compression) else {
            return Err(b.bad("size or compression type is missing"));
        };
        Ok(TransactionPayload { compression, uncompressed_size, payload: b.take_u64(size)? })
    }

    /// Calls `each` with the header and body of every inner event, in order; inner events have no checksum
    /// and `log_pos` 0. Holds one event at a time, none above `max_event` bytes. A stream that is cut,
    /// damaged or of another length than announced is an error: else a part of a transaction could pass for
    /// the whole.
    pub(crate) fn for_each<E: From<Malformed>>(
        &self,
        max_event: usize,
        each: impl FnMut(&Header, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.compression {
            Compression::None => self.events(self.payload, max_event, each),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(self.payload).map_err(stream)?;
                decoder.window_log_max(WINDOW_LOG).map_err(stream)?;
                self.events(decoder, max_event, each)
            }
        }
    }

    fn events<E: From<Malformed>>(
        &self,
        mut from: impl Read,
        max_event: usize,
        mut each: impl FnMut(&Header, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut event = Vec::new();
        let mut total = 0u64;
        loop {
            fill(&mut from, &mut event, Header::SIZE)?;
            if event.is_empty() {
                break;
            }
            let header = Header::parse(&event)?;
            let size = header.size as usize;
            if !(Header::SIZE..=max_event).contains(&size) {
                let why = format!("TRANSACTION_PAYLOAD: inner event of {size} bytes (limit {max_event})");
                return Err(Malformed::new(why).into());
            }
            let head = event.len();
            fill_more(&mut from, &mut event, size - head)?;
            if event.len() != size {
                let why =
                    format!("TRANSACTION_PAYLOAD: inner event of {size} bytes ends after {}", event.len());
                return Err(Malformed::new(why).into());
            }
            total += size as u64;
            each(&header, &event[Header::SIZE..])?;
        }
        match self.uncompressed_size {
            Some(announced) if announced != total => {
                let why = format!("TRANSACTION_PAYLOAD: {announced} bytes announced, {total} found");
                Err(Malformed::new(why).into())
            }
            _ => Ok(()),
        }
    }
}

/// Up to `n` bytes from `from` as the new content of `to`.
fn fill(from: &mut impl Read, to: &mut Vec<u8>, n: usize) -> Result<(), Malformed> {
    to.clear();
    fill_more(from, to, n)
}

/// Appends up to `n` bytes, fewer only at the end of the stream.
fn fill_more(from: &mut impl Read, to: &mut Vec<u8>, n: usize) -> Result<(), Malformed> {
    to.reserve(n.min(STEP));
    from.take(n as u64).read_to_end(to).map_err(stream)?;
    Ok(())
}

fn stream(e: std::io::Error) -> Malformed {
    Malformed::new(format!("TRANSACTION_PAYLOAD stream: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(event_type: u8, body: &[u8]) -> Vec<u8> {
        let mut event = vec![0, 0, 0, 0, event_type, 1, 0, 0, 0];
        event.extend((19 + body.len() as u32).to_le_bytes());
        event.extend([0; 6]);
        event.extend_from_slice(body);
        event
    }

    fn event(kind: &[u8], announced: u16, stream: &[u8]) -> Vec<u8> {
        let mut body = [&[2, kind.len() as u8][..], kind, &[3, 3, 0xFC]].concat();
        body.extend(announced.to_le_bytes());
        body.extend([1, 3, 0xFC]);
        body.extend((stream.len() as u16).to_le_bytes());
        body.push(0);
        body.extend_from_slice(stream);
        body
    }

    fn read(body: &[u8], limit: usize) -> Result<Vec<(u8, Vec<u8>)>, Malformed> {
        let mut found = Vec::new();
        TransactionPayload::parse(body)?.for_each(limit, |header, body| {
            found.push((header.event_type, body.to_vec()));
            Ok::<_, Malformed>(())
        })?;
        Ok(found)
    }

    #[test]
    fn events_come_out_whole_or_not_at_all() {
        let events = [inner(2, b"BEGIN"), inner(30, &[7; 3000]), inner(16, &[0; 8])].concat();
        let size = events.len() as u16;
        let zstd = zstd::stream::encode_all(&events[..], 3).unwrap();
        let expected = vec![(2, b"BEGIN".to_vec()), (30, vec![7; 3000]), (16, vec![0; 8])];
        assert_eq!(read(&event(&[0], size, &zstd), 4000).unwrap(), expected);
        assert_eq!(read(&event(&[0xFC, 255, 0], size, &events), 4000).unwrap(), expected);
        assert!(read(&event(&[0], size, &zstd), 3000).unwrap_err().0.contains("limit 3000"));
        assert!(read(&event(&[0], size - 1, &zstd), 4000).unwrap_err().0.contains("announced"));
        assert!(read(&event(&[0], size, &zstd[..zstd.len() - 4]), 4000).is_err(), "cut");
        assert!(read(&event(&[0], size, &events), 4000).is_err(), "no zstd stream");
        assert!(read(&event(&[9], size, &zstd), 4000).is_err());
        let cut = &events[..events.len() - 1];
        assert!(read(&event(&[0xFC, 255, 0], size, cut), 4000).unwrap_err().0.contains("ends after"));
        assert!(read(&[1, 1, 0, 0], 10).is_err(), "no compression type");
    }

    #[test]
    fn a_false_size_allocates_nothing() {
        let mut lie = inner(30, b"x");
        lie[9..13].copy_from_slice(&u32::MAX.to_le_bytes());
        let zstd = zstd::stream::encode_all(&lie[..], 3).unwrap();
        assert!(read(&event(&[0], 20, &zstd), usize::MAX).unwrap_err().0.contains("ends after 20"));
    }
}
