//! What all tests share: folders that go away again, chance that can be repeated, and a log position without a database.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tidegate_model::{Code, Cursor, Error, Position, Result};

/// A folder of one test, removed at its end. In memory where that is possible: a change log syncs often.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = parent.join(format!("tidegate-engine-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// SplitMix64: the same numbers for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `limit - 1`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(crate) fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// A set of source transactions, numbered from 1: as text `7` for the first seven, `7+9,10` with others beyond them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) upto: u64,
    pub(crate) beyond: BTreeSet<u64>,
}

impl Place {
    pub(crate) fn read(position: &Position) -> Result<Self> {
        let bad = || Error::new(Code::Internal, format!("'{position}' is no place"));
        let (upto, beyond) = position.as_str().split_once('+').unwrap_or((position.as_str(), ""));
        let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
        let beyond = beyond.split(',').filter(|text| !text.is_empty()).map(number).collect::<Result<_>>()?;
        Ok(Self { upto: number(upto)?, beyond })
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        id <= self.upto || self.beyond.contains(&id)
    }

    pub(crate) fn insert(&mut self, id: u64) {
        if id > self.upto {
            self.beyond.insert(id);
        }
        while self.beyond.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
    }
}

/// The position after the first `upto` transactions.
pub(crate) fn position(upto: u64) -> Position {
    Position::new(upto.to_string())
}

/// A mark for the transactions `first` to `last`.
pub(crate) fn mark(first: u64, last: u64) -> [u8; 8] {
    let mut mark = [0; 8];
    mark[..4].copy_from_slice(&(first as u32).to_le_bytes());
    mark[4..].copy_from_slice(&(last as u32).to_le_bytes());
    mark
}

pub(crate) fn read_mark(mark: &[u8]) -> Result<std::ops::RangeInclusive<u64>> {
    let bytes: [u8; 8] = mark.try_into().map_err(|_| Error::new(Code::Internal, "a mark has eight bytes"))?;
    let at = |from: usize| {
        u64::from(u32::from_le_bytes([bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]]))
    };
    Ok(at(0)..=at(4))
}

/// Folds marks into a [`Place`].
pub(crate) struct PlaceCursor(Place);

impl PlaceCursor {
    pub(crate) fn begin(position: &Position) -> Result<Box<dyn Cursor>> {
        Ok(Box::new(Self(Place::read(position)?)))
    }
}

impl Cursor for PlaceCursor {
    fn advance(&mut self, mark: &[u8]) -> Result<()> {
        read_mark(mark)?.for_each(|id| self.0.insert(id));
        Ok(())
    }

    fn position(&self) -> Position {
        let beyond: Vec<String> = self.0.beyond.iter().map(u64::to_string).collect();
        let plus = if beyond.is_empty() { "" } else { "+" };
        Position::new(format!("{}{plus}{}", self.0.upto, beyond.join(",")))
    }

    fn covers(&self, other: &Position) -> Result<bool> {
        let other = Place::read(other)?;
        Ok((self.0.upto + 1..=other.upto).chain(other.beyond).all(|id| self.0.contains(id)))
    }
}
