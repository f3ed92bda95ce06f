//! A fast hash of cells for conflict keys and for finding rows of a batch: a multiply and a rotate for eight bytes.

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ MULTIPLIER)
    }

    /// Takes in a value; its length counts, so that "ab", "c" is not "a", "bc".
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.mix(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
        }
        let mut last = [0; 8];
        last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.mix(u64::from_le_bytes(last));
        self.mix(bytes.len() as u64);
    }

    /// Takes in a text such that texts which a collation may hold for equal are equal; `false` if it has characters of
    /// which that cannot be said here.
    pub(crate) fn write_folded(&mut self, bytes: &[u8]) -> bool {
        let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        let mut length = 0u64;
        for byte in &bytes[..end] {
            if !(0x20..0x7f).contains(byte) {
                return false;
            }
            self.mix(u64::from(byte.to_ascii_lowercase()));
            length += 1;
        }
        self.mix(length);
        true
    }

    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(MULTIPLIER);
    }

    pub(crate) fn finish(self) -> u64 {
        let folded = (self.0 ^ (self.0 >> 32)).wrapping_mul(MULTIPLIER);
        folded ^ (folded >> 29)
    }
}

/// A seed of words.
pub(crate) fn seed(words: &[&str]) -> u64 {
    let mut hash = Hash::new(0);
    for word in words {
        hash.write(word.as_bytes());
    }
    hash.finish()
}
