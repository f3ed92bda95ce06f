//! MariaDB's zlib: `COMPRESSED` columns (types 140 and 141) and compressed events.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::Malformed;
use super::bytes::{Bytes, be};

/// The plain value of a `COMPRESSED` column's cell.
///
/// An empty cell is an empty value. Else the first byte's high nibble is the method (0: plain bytes follow;
/// 8: zlib); for zlib bit 3 says that the stream has no zlib wrapper, bits 0–2 are the count of bytes of the
/// big-endian plain length that follows.
pub(crate) fn uncompress(cell: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    let mut b = Bytes::new(cell, "COMPRESSED column");
    if b.is_empty() {
        return Ok(Cow::Borrowed(cell));
    }
    let header = b.u8()?;
    match header >> 4 {
        0 => Ok(Cow::Borrowed(b.rest())),
        8 => {
            let length = be(b.take(usize::from(header & 7))?);
            inflate(b.rest(), header & 8 == 0, length).map(Cow::Owned)
        }
        method => Err(b.bad(&format!("compression method {method}"))),
    }
}

/// Inflates `data` to exactly `length` bytes. The buffer grows with what comes out of the stream, at most
/// about a thousand times the input, so a false `length` allocates nothing.
pub(crate) fn inflate(data: &[u8], zlib_wrapper: bool, length: u64) -> Result<Vec<u8>, Malformed> {
    let mut plain = Vec::with_capacity(length.min(data.len() as u64 * 4) as usize);
    let limit = length.saturating_add(1);
    let result = if zlib_wrapper {
        ZlibDecoder::new(data).take(limit).read_to_end(&mut plain)
    } else {
        DeflateDecoder::new(data).take(limit).read_to_end(&mut plain)
    };
    match result {
        Ok(_) if plain.len() as u64 == length => Ok(plain),
        Ok(_) => {
            Err(Malformed::new(format!("zlib: {length} bytes announced, {} or more found", plain.len())))
        }
        Err(e) => Err(Malformed::new(format!("zlib: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn all_three_forms() {
        let plain = b"abcabcabcabc".repeat(50);
        assert_eq!(uncompress(b"").unwrap().as_ref(), b"");
        assert_eq!(uncompress(b"\0xyz").unwrap().as_ref(), b"xyz");
        let mut wrapped = ZlibEncoder::new(vec![0x82, 2, 88], Compression::default());
        wrapped.write_all(&plain).unwrap();
        assert_eq!(uncompress(&wrapped.finish().unwrap()).unwrap().as_ref(), plain);
        let mut raw = DeflateEncoder::new(vec![0x8A, 2, 88], Compression::default());
        raw.write_all(&plain).unwrap();
        let raw = raw.finish().unwrap();
        assert_eq!(uncompress(&raw).unwrap().as_ref(), plain);
        assert!(uncompress(&raw[..raw.len() - 3]).is_err(), "cut short");
        let mut false_length = raw.clone();
        false_length[2] = 87;
        assert!(uncompress(&false_length).is_err());
        assert!(uncompress(&[0x87, 255, 255, 255, 255, 255, 255, 255]).is_err());
        assert!(uncompress(&[0x90, 1]).is_err());
    }
}
