use crate::{Fut, Selection, TableName};
use std::any::Any;
use std::hash::{BuildHasher, RandomState};

/// A database that can be compared with another of the same engine. Reads only, and shares nothing with
/// [`crate::Source`] and [`crate::Target`]: an error there must not hide itself here.
pub trait Comparable: Any + Send + Sync {
    /// The tables as they are defined now.
    fn tables<'a>(&'a self, wanted: Wanted<'a>) -> Fut<'a, Vec<ComparedTable>>;

    /// Where the target's definitions are not what the source's (this side's) say: the object by its name in the source, and
    /// how it differs. Fails for a target of another engine.
    fn definition_differences<'a>(
        &'a self,
        target: &'a dyn Comparable,
        selection: &'a Selection,
    ) -> Fut<'a, Vec<(TableName, String)>>;

    /// Prepares to read a table.
    fn open<'a>(&'a self, table: &'a TableName, layout: &'a Layout) -> Fut<'a, Box<dyn RowReader>>;
}

/// Which tables [`Comparable::tables`] answers.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Of a source: the selected ones.
    Selected(&'a Selection),
    /// Of a target: those with one of these names, upper and lower case being the same. Missing ones are left out.
    Named(&'a [TableName]),
}

/// A table with what decides how two of them can be compared.
#[derive(Clone, Debug)]
pub struct ComparedTable {
    pub name: TableName,
    /// For progress bars only.
    pub rows_estimated: u64,
    /// Every column, generated ones too.
    pub columns: Vec<ComparedColumn>,
    /// The keys that tell every row apart, the best first.
    pub keys: Vec<ComparedKey>,
}

#[derive(Clone, Debug)]
pub struct ComparedColumn {
    pub name: String,
    /// Two columns of the same form are read in their exact stored form; two of different forms as text.
    pub form: String,
    /// Two columns of the same order sort alike.
    pub order: String,
}

#[derive(Clone, Debug)]
pub struct ComparedKey {
    /// Places in `columns`.
    pub columns: Vec<usize>,
    /// Whether rows can be read in its order without sorting the table.
    pub sorted: bool,
}

/// What is read of a table, the same on both sides.
#[derive(Clone, Debug)]
pub struct Layout {
    pub columns: Vec<LayoutColumn>,
    /// Places in `columns`; empty for a table without a key.
    pub key: Vec<usize>,
    pub hash: RowHash,
}

#[derive(Clone, Debug)]
pub struct LayoutColumn {
    pub name: String,
    /// Whether it is read in its stored form: the other side has the same. Else as text.
    pub exact: bool,
}

/// Reads one table. Every call is a question of its own: after an error a new reader can ask it again.
pub trait RowReader: Send {
    /// Empties `rows`, then reads rows in key order from after `after` up to and including `upto`, as many as the adapter
    /// finds good, at least one if there is one. Answers `false` when the range has no more.
    fn page<'a>(
        &'a mut self,
        after: Option<&'a [u8]>,
        upto: Option<&'a [u8]>,
        rows: &'a mut Rows,
    ) -> Fut<'a, bool>;

    /// Reads the whole table once, in any order, in one view of it.
    fn scan<'a>(&'a mut self, sink: &'a mut (dyn RowSink + 'a)) -> Fut<'a, ()>;

    /// The rows with these keys as they are now. May answer other rows too that the server holds for equal: the caller
    /// compares the keys' bytes.
    fn lookup<'a>(&'a mut self, keys: &'a [Vec<u8>]) -> Fut<'a, Vec<FoundRow>>;

    /// A key as a person reads it: `id=42`.
    fn describe(&self, key: &[u8]) -> String;
}

/// Takes in the rows of a scan.
pub trait RowSink: Send {
    /// `key` is empty for a layout without a key. `text` tells the key, or the row if it has none, to a person.
    fn row(&mut self, key: &[u8], hash: u128, text: &dyn Fn() -> String);
}

/// A row that was looked up: a hash for each column of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    pub key: Vec<u8>,
    pub cells: Vec<u128>,
}

/// Rows without their content: keys (bytes that are equal exactly for equal keys, in the adapter's own encoding, the
/// same on both sides) and hashes.
#[derive(Debug, Default)]
pub struct Rows {
    keys: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u128>,
}

impl Rows {
    pub fn clear(&mut self) {
        self.keys.clear();
        self.ends.clear();
        self.hashes.clear();
    }

    pub fn push(&mut self, key: &[u8], hash: u128) {
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
        self.hashes.push(hash);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn key(&self, at: usize) -> &[u8] {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.keys[begin..self.ends[at]]
    }

    pub fn hash(&self, at: usize) -> u128 {
        self.hashes[at]
    }

    pub fn last_key(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|at| self.key(at))
    }
}

/// The hash of one comparison: 128 bits, by keys that are drawn anew for each, so that no data can be made to collide.
#[derive(Clone, Debug, Default)]
pub struct RowHash {
    high: RandomState,
    low: RandomState,
}

/// Longer cells enter a row by their hash: a row's bytes stay few.
const CELL_BYTES_MAX: usize = 64 << 10;
const NULL: u64 = u64::MAX;
const HASHED: u64 = 1 << 63;

impl RowHash {
    pub fn of(&self, bytes: &[u8]) -> u128 {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            std::hash::Hasher::write(&mut hasher, bytes);
            std::hash::Hasher::finish(&hasher)
        };
        u128::from(half(&self.high)) << 64 | u128::from(half(&self.low))
    }

    /// Appends a cell to the bytes of a row, such that different rows have different bytes.
    pub fn push_cell(&self, row: &mut Vec<u8>, cell: Option<&[u8]>) {
        match cell {
            None => row.extend_from_slice(&NULL.to_le_bytes()),
            Some(bytes) if bytes.len() <= CELL_BYTES_MAX => {
                row.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                row.extend_from_slice(bytes);
            }
            Some(bytes) => {
                row.extend_from_slice(&(HASHED | bytes.len() as u64).to_le_bytes());
                row.extend_from_slice(&self.of(bytes).to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hash: &RowHash, cells: &[Option<&[u8]>]) -> u128 {
        let mut bytes = Vec::new();
        for cell in cells {
            hash.push_cell(&mut bytes, *cell);
        }
        hash.of(&bytes)
    }

    #[test]
    fn rows_that_differ_hash_differently() {
        let hash = RowHash::default();
        let long = vec![7; CELL_BYTES_MAX + 1];
        let mut changed = long.clone();
        changed[CELL_BYTES_MAX] ^= 1;
        let rows: [&[Option<&[u8]>]; 12] = [
            &[],
            &[None],
            &[Some(b"")],
            &[Some(b"\0")],
            &[Some(b"0")],
            &[Some(b"-0")],
            &[Some(b"a"), Some(b"bc")],
            &[Some(b"ab"), Some(b"c")],
            &[Some(b"ab"), None],
            &[None, Some(b"ab")],
            &[Some(&long)],
            &[Some(&changed)],
        ];
        for (at, one) in rows.iter().enumerate() {
            for (other_at, other) in rows.iter().enumerate() {
                assert_eq!(row(&hash, one) == row(&hash, other), at == other_at, "{at} {other_at}");
            }
        }
        assert_ne!(row(&RowHash::default(), rows[0]), row(&hash, rows[0]));
    }

    #[test]
    fn rows_keep_keys_and_hashes() {
        let mut rows = Rows::default();
        assert_eq!(rows.last_key(), None);
        rows.push(b"", 1);
        rows.push(b"abc", 2);
        assert_eq!((rows.len(), rows.key(0), rows.key(1), rows.hash(1)), (2, &b""[..], &b"abc"[..], 2));
        assert_eq!(rows.last_key(), Some(&b"abc"[..]));
        rows.clear();
        assert!(rows.is_empty());
    }
}
