//! The low watermark: the last transaction up to which all are in the target, and the position after it.

use crate::changelog::Record;
use std::collections::VecDeque;
use tidegate_model::{Checkpoint, Cursor, Result, Seq};

pub(crate) struct LowWatermark {
    seq: Seq,
    cursor: Box<dyn Cursor>,
    /// Read and not all done, in the log's order; idle marks between them.
    pending: VecDeque<Pending>,
    last_read: Seq,
    /// How often it has moved; up to which move it is stored, and told.
    moves: u64,
    stored: u64,
    told: u64,
}

/// Not the record itself: it would keep its block of the log in memory for as long as one lane is held up.
struct Pending {
    /// A transaction's number; idle marks carry the number before them and are always done.
    seq: Seq,
    mark: Box<[u8]>,
    idle: bool,
    done: bool,
}

impl Pending {
    fn new(record: &Record, idle: bool) -> Self {
        Self { seq: record.seq, mark: record.mark().into(), idle, done: idle }
    }
}

impl LowWatermark {
    pub(crate) fn new(seq: Seq, cursor: Box<dyn Cursor>) -> Self {
        Self { seq, cursor, pending: VecDeque::new(), last_read: seq, moves: 0, stored: 0, told: 0 }
    }

    /// The last transaction that was read from the log.
    pub(crate) fn last_read(&self) -> Seq {
        self.last_read
    }

    /// Transactions that were read and are not below the watermark yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { seq: self.seq, position: self.cursor.position() }
    }

    /// Whether the watermark is ahead of what [`LowWatermark::stored`] saw.
    pub(crate) fn has_moved(&self) -> bool {
        self.moves != self.stored
    }

    /// Where it is, if that has changed since the last call.
    pub(crate) fn take_news(&mut self) -> Option<Checkpoint> {
        (std::mem::replace(&mut self.told, self.moves) != self.moves).then(|| self.checkpoint())
    }

    pub(crate) fn stored(&mut self) {
        self.stored = self.moves;
    }

    pub(crate) fn read(&mut self, record: &Record) {
        assert_eq!(record.seq, self.last_read.next(), "the log is read in order");
        self.last_read = record.seq;
        self.pending.push_back(Pending::new(record, false));
    }

    pub(crate) fn idle(&mut self, record: &Record) -> Result<()> {
        self.pending.push_back(Pending::new(record, true));
        self.advance()
    }

    pub(crate) fn done(&mut self, seq: Seq) -> Result<()> {
        // Transactions are dense, so the place is at most the distance from the front; idle marks only add to it.
        let first = self.pending.front().map_or(seq.0, |front| front.seq.0);
        let mut at = seq.0.saturating_sub(first) as usize;
        while self.pending.get(at).is_some_and(|entry| entry.idle || entry.seq < seq) {
            at += 1;
        }
        let entry = self.pending.get_mut(at).filter(|entry| entry.seq == seq);
        entry.expect("only what was read can be done").done = true;
        self.advance()
    }

    fn advance(&mut self) -> Result<()> {
        while self.pending.front().is_some_and(|front| front.done) {
            let entry = self.pending.pop_front().expect("looked at just now");
            self.cursor.advance(&entry.mark)?;
            self.moves += 1;
            if !entry.idle {
                self.seq = entry.seq;
            }
        }
        Ok(())
    }
}
