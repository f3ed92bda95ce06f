//! A bounds-checked cursor over a byte slice. All multi-byte integers are little-endian unless named `_be`.

use super::Malformed;

/// Cursor over `data`. `what` names the structure for error messages ("TABLE_MAP", "JSON" …).
#[derive(Debug, Clone)]
pub(crate) struct Bytes<'a> {
    data: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(data: &'a [u8], what: &'static str) -> Self {
        Bytes { data, at: 0, what }
    }

    /// Offset of the next byte, from the start of the slice given to `new`.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.data.len() - self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.data.len()
    }

    /// All bytes not read yet; the cursor moves to the end.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.data[self.at..];
        self.at = self.data.len();
        rest
    }

    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        match self.data[self.at..].get(..n) {
            Some(taken) => {
                self.at += n;
                Ok(taken)
            }
            None => Err(self.short(n)),
        }
    }

    /// As [`take`](Self::take), for a length read from the bytes themselves.
    pub(crate) fn take_u64(&mut self, n: u64) -> Result<&'a [u8], Malformed> {
        match usize::try_from(n) {
            Ok(n) => self.take(n),
            Err(_) => Err(self.bad(&format!("length {n} does not fit"))),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        match self.data[self.at..].first_chunk::<N>() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(self.short(N)),
        }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// `n` ≤ 8 bytes, little-endian.
    pub(crate) fn uint(&mut self, n: usize) -> Result<u64, Malformed> {
        Ok(le(self.take(n)?))
    }

    /// A length-encoded integer: 1, 3, 4 or 9 bytes. 0xFB (NULL) and 0xFF do not occur in the log.
    pub(crate) fn lenenc(&mut self) -> Result<u64, Malformed> {
        match self.u8()? {
            short @ 0..=0xFA => Ok(u64::from(short)),
            0xFC => self.uint(2),
            0xFD => self.uint(3),
            0xFE => self.u64(),
            other => Err(self.bad(&format!("{other:#04x} starts no length-encoded integer"))),
        }
    }

    /// A length-encoded length, then that many bytes.
    pub(crate) fn lenenc_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let n = self.lenenc()?;
        self.take_u64(n)
    }

    /// One byte of length, then that many bytes.
    pub(crate) fn short_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let n = self.u8()?;
        self.take(usize::from(n))
    }

    /// The bytes before the next NUL; the NUL is read too.
    pub(crate) fn until_nul(&mut self) -> Result<&'a [u8], Malformed> {
        let Some(n) = self.data[self.at..].iter().position(|&b| b == 0) else {
            return Err(self.bad("no NUL ends the string"));
        };
        let taken = self.take(n)?;
        self.at += 1;
        Ok(taken)
    }

    /// The variable-length unsigned integer of MySQL's serialization library: the count of trailing one bits
    /// of the first byte is the count of bytes that follow, the value lies above the zero bit that ends them.
    pub(crate) fn varlen(&mut self) -> Result<u64, Malformed> {
        let first = self.data.get(self.at).copied().ok_or_else(|| self.short(1))?;
        let more = first.trailing_ones() as usize;
        if more == 8 {
            self.at += 1;
            return self.u64();
        }
        Ok(self.uint(more + 1)? >> (more + 1))
    }

    /// As [`varlen`](Self::varlen), zig-zag signed.
    pub(crate) fn varlen_signed(&mut self) -> Result<i64, Malformed> {
        let raw = self.varlen()?;
        let magnitude = (raw >> 1) as i64;
        Ok(if raw & 1 == 0 { magnitude } else { -magnitude - 1 })
    }

    /// An error about the bytes just before the cursor.
    #[cold]
    #[inline(never)]
    pub(crate) fn bad(&self, why: &str) -> Malformed {
        Malformed(format!("{}: {why} (offset {} of {})", self.what, self.at, self.data.len()))
    }

    #[cold]
    #[inline(never)]
    fn short(&self, n: usize) -> Malformed {
        self.bad(&format!("{n} bytes wanted, {} left", self.left()))
    }
}

/// Little-endian unsigned integer of at most 8 bytes (more are ignored).
#[inline]
pub(crate) fn le(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let n = bytes.len().min(8);
    word[..n].copy_from_slice(&bytes[..n]);
    u64::from_le_bytes(word)
}

/// Big-endian unsigned integer of at most 8 bytes (more are ignored).
#[inline]
pub(crate) fn be(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Bit `index` of a bitmap whose first bit is the lowest of the first byte; a bit past the end is 0.
#[inline]
pub(crate) fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// Bit `index` of a bitmap whose first bit is the highest of the first byte (optional metadata).
pub(crate) fn bit_msb(bitmap: &[u8], index: usize) -> bool {
    bitmap.get(index / 8).is_some_and(|byte| byte << (index % 8) & 0x80 != 0)
}

/// UTF-8 text, or an error that names the structure.
pub(crate) fn text(bytes: &[u8], what: &str) -> Result<String, Malformed> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Malformed::new(format!("{what} is not UTF-8: {:?}", String::from_utf8_lossy(bytes)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_length_encoding() {
        let mut b = Bytes::new(&[7, 0xFC, 1, 2, 0xFD, 1, 2, 3, 0xFE, 1, 0, 0, 0, 0, 0, 0, 0, 0xFB], "t");
        assert_eq!(b.lenenc().unwrap(), 7);
        assert_eq!(b.lenenc().unwrap(), 0x0201);
        assert_eq!(b.lenenc().unwrap(), 0x03_0201);
        assert_eq!(b.lenenc().unwrap(), 1);
        assert!(b.lenenc().unwrap_err().0.contains("0xfb"));
    }

    #[test]
    fn short_slices_say_where() {
        let mut b = Bytes::new(&[1, 2], "HEAD");
        b.u8().unwrap();
        let e = b.u32().unwrap_err();
        assert_eq!(e.0, "HEAD: 4 bytes wanted, 1 left (offset 1 of 2)");
        assert_eq!(b.u8().unwrap(), 2, "a failed read does not move the cursor");
        assert!(b.take_u64(u64::MAX).is_err());
    }

    #[test]
    fn varlen_of_the_serialization_library() {
        for (bytes, value) in [
            (&[0b0000_0010][..], 1),
            (&[0b1111_1110], 127),
            (&[0b0000_0001, 0b0000_0010], 128),
            (&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], u64::MAX),
        ] {
            assert_eq!(Bytes::new(bytes, "t").varlen().unwrap(), value);
        }
        assert_eq!(Bytes::new(&[0b0000_0110], "t").varlen_signed().unwrap(), -2);
        let min = [0xFF; 9];
        assert_eq!(Bytes::new(&min, "t").varlen_signed().unwrap(), i64::MIN);
        assert!(Bytes::new(&[0x01], "t").varlen().is_err());
        assert!(Bytes::new(&[], "t").varlen().is_err());
    }

    #[test]
    fn bitmaps_both_ways() {
        assert!(bit(&[0b10], 1) && !bit(&[0b10], 0) && !bit(&[], 9));
        assert!(bit_msb(&[0x40], 1) && !bit_msb(&[0x40], 0) && bit_msb(&[0, 0x80], 8));
    }
}
