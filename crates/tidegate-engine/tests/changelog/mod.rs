//! The change log on a real folder.

mod damage;
mod order;
mod removal;

use crate::support::{Folder, PlaceCursor, Random, mark, position};
use std::path::{Path, PathBuf};
use tidegate_engine::changelog::{ChangeLog, Limits, LogEnd, Reader, RecordKind, Writer};
use tidegate_model::{CaptureSink, Commit, Result, Seq};

/// Segments of a few transactions, pieces of a few dozen bytes.
pub(crate) const SMALL: Limits = Limits { segment_bytes: 700, piece_bytes: 64 };
/// Everything in one segment.
pub(crate) const ONE: Limits = Limits { segment_bytes: 1 << 30, piece_bytes: 64 };

/// A transaction or an idle mark as it was written, or as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    idle: bool,
    seq: Seq,
    at_us: u64,
    mark: Vec<u8>,
    data: Vec<u8>,
}

/// A log that is being written, and everything that it ought to hold.
pub(crate) struct Book {
    pub(crate) folder: Folder,
    pub(crate) log: ChangeLog,
    pub(crate) writer: Writer,
    pub(crate) entries: Vec<Entry>,
    random: Random,
    seq: u64,
    id: u64,
}

impl Book {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        let folder = Folder::new();
        let after = LogEnd { seq: Seq(0), position: position(0) };
        let (log, writer) = ChangeLog::create(folder.path(), &after, limits, &PlaceCursor::begin).unwrap();
        Self { folder, log, writer, entries: Vec::new(), random: Random(seed), seq: 0, id: 0 }
    }

    /// Adds a transaction of so many pieces of so many bytes; without pieces an idle mark.
    pub(crate) fn add(&mut self, pieces: u64, bytes: u64) {
        let mut data = Vec::new();
        for _ in 0..pieces {
            let piece = self.random.bytes(bytes);
            self.writer.data(&piece);
            data.extend(piece);
        }
        let (first, last) = (self.id + 1, self.id + 1 + self.random.below(3));
        self.id = last;
        self.seq += u64::from(pieces > 0);
        let entry = Entry {
            idle: pieces == 0,
            seq: Seq(self.seq),
            at_us: self.random.next(),
            mark: mark(first, last).to_vec(),
            data,
        };
        self.writer.commit(Commit { mark: &entry.mark, committed_at_us: entry.at_us });
        self.entries.push(entry);
    }

    /// Something of every kind: small and big transactions, idle marks, transactions that break off.
    pub(crate) fn add_any(&mut self) {
        match self.random.below(10) {
            0..=1 => self.add(0, 0),
            2..=6 => {
                let (pieces, bytes) = (1 + self.random.below(3), self.random.below(20));
                self.add(pieces, bytes);
            }
            7..=8 => {
                let (pieces, bytes) = (2 + self.random.below(8), 30 + self.random.below(60));
                self.add(pieces, bytes);
            }
            _ => self.break_off(),
        }
    }

    /// A transaction whose end never comes; some of its pieces may be in the file already.
    pub(crate) fn break_off(&mut self) {
        for _ in 0..self.random.below(8) {
            let piece = self.random.bytes(40);
            self.writer.data(&piece);
            if self.random.percent(50) {
                self.writer.publish().unwrap();
            }
        }
        self.writer.rollback();
    }

    /// The last segment's file.
    pub(crate) fn last_file(&self) -> PathBuf {
        self.files().pop().unwrap()
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// Opens the log in a folder, and checks that its end is the end of its first `entries`.
pub(crate) fn reopen(
    folder: &Path,
    limits: Limits,
    entries: &[Entry],
) -> Result<Option<(ChangeLog, Writer, usize)>> {
    let Some((log, writer)) = ChangeLog::open(folder, limits, &PlaceCursor::begin)? else { return Ok(None) };
    let count = entries
        .iter()
        .take_while(|entry| entry_end(entry) <= writer.end().position.as_str().parse().unwrap())
        .count();
    let end = entries[..count].last();
    assert_eq!(writer.end().seq, end.map_or(Seq(0), |entry| entry.seq));
    assert_eq!(writer.end().position, position(end.map_or(0, entry_end)));
    Ok(Some((log, writer, count)))
}

pub(crate) fn entry_end(entry: &Entry) -> u64 {
    *crate::support::read_mark(&entry.mark).unwrap().end()
}

/// Everything that the reader has now, big transactions put together.
pub(crate) fn read_all(reader: &mut Reader) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut pieces = Vec::new();
    while let Some(record) = reader.try_next()? {
        pieces.extend_from_slice(record.data());
        if record.kind == RecordKind::Piece {
            continue;
        }
        entries.push(Entry {
            idle: record.kind == RecordKind::Idle,
            seq: record.seq,
            at_us: record.committed_at_us,
            mark: record.mark().to_vec(),
            data: std::mem::take(&mut pieces),
        });
    }
    assert!(pieces.is_empty(), "a reader sees whole transactions only");
    Ok(entries)
}

/// What a log holds from transaction `from` on.
pub(crate) fn read_from(log: &ChangeLog, from: u64) -> Result<Vec<Entry>> {
    let (mut reader, _) = log.reader(Seq(from), &PlaceCursor::begin)?;
    read_all(&mut reader)
}
