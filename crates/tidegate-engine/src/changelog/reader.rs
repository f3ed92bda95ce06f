use super::frame::{self, Frame, Kind, Look};
use super::segment::{self, Segment};
use super::{Shared, io};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use tidegate_model::{Code, Error, Result, Seq};
use tokio::sync::watch;

/// What is read from the file at once.
const BLOCK_BYTES: u64 = 1 << 20;

/// Reads a log from some transaction on, through all its segments, and follows it while it grows.
pub struct Reader {
    shared: Arc<Shared>,
    grown: watch::Receiver<u64>,
    segment: Segment,
    file: Arc<File>,
    /// File offset after `block`.
    offset: u64,
    block: Arc<Vec<u8>>,
    used: usize,
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            grown: self.grown.clone(),
            segment: self.segment.clone(),
            file: self.file.clone(),
            offset: self.offset,
            block: self.block.clone(),
            used: self.used,
        }
    }
}

/// A record of the log. It keeps the block that it lies in alive.
#[derive(Clone, Debug)]
pub struct Record {
    block: Arc<Vec<u8>>,
    data: Range<usize>,
    mark: Range<usize>,
    pub kind: RecordKind,
    pub seq: Seq,
    pub committed_at_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A whole transaction.
    Transaction,
    /// A part of a big one; more follow, the last is an `End`.
    Piece,
    End,
    /// A mark only.
    Idle,
}

impl Record {
    pub fn data(&self) -> &[u8] {
        &self.block[self.data.clone()]
    }

    pub fn mark(&self) -> &[u8] {
        &self.block[self.mark.clone()]
    }
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: Seq) -> Result<Self> {
        let grown = shared.grown.subscribe();
        let segment = {
            let segments = shared.lock();
            let at = segments.partition_point(|segment| segment.first_seq <= from);
            match at.checked_sub(1).and_then(|at| segments.get(at)) {
                Some(segment) => segment.clone(),
                None => return Err(Error::new(Code::ChangeLogDamaged, format!("transaction {from} is not in the log"))),
            }
        };
        let file = open(&segment)?;
        let offset = segment.start;
        let mut reader = Self { shared, grown, segment, file, offset, block: Arc::default(), used: 0 };
        reader.skip_to(from)?;
        Ok(reader)
    }

    /// Moves to just before transaction `from`, or to the end if it is not there yet.
    fn skip_to(&mut self, from: Seq) -> Result<()> {
        loop {
            let before = self.clone();
            let Some(record) = self.try_next()? else { return Ok(()) };
            if record.kind == RecordKind::Piece {
                let start = before;
                let mut end = record;
                while end.kind == RecordKind::Piece {
                    end = self.try_next()?.ok_or_else(|| self.damaged("a big transaction has no end"))?;
                }
                if end.seq >= from {
                    *self = start;
                    return Ok(());
                }
            } else if record.seq >= from && record.kind != RecordKind::Idle {
                *self = before;
                return Ok(());
            }
        }
    }

    /// The next record, as soon as there is one. Cancel-safe.
    pub async fn next(&mut self) -> Result<Record> {
        loop {
            self.grown.mark_unchanged();
            if let Some(record) = self.try_next()? {
                return Ok(record);
            }
            if self.grown.changed().await.is_err() {
                return Err(Error::new(Code::Internal, "the log's writer is gone"));
            }
        }
    }

    /// Waits until [`Reader::try_next`] may answer something again. Cancel-safe.
    pub async fn grown(&mut self) {
        if self.grown.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The next record, or `None` at the log's end as it is now.
    pub fn try_next(&mut self) -> Result<Option<Record>> {
        loop {
            match frame::look(&self.block[self.used..]) {
                Look::Frame { frame, bytes } => {
                    let record = self.record(&frame);
                    self.used += bytes;
                    return Ok(Some(record));
                }
                Look::Short { need } => {
                    if !self.fill(need as u64)? && !self.enter_next_segment()? {
                        return Ok(None);
                    }
                }
                Look::Damaged(why) => return Err(self.damaged(why)),
            }
        }
    }

    fn record(&self, frame: &Frame<'_>) -> Record {
        let base = self.block.as_ptr() as usize;
        let range = |bytes: &[u8]| {
            let start = bytes.as_ptr() as usize - base;
            start..start + bytes.len()
        };
        Record {
            block: self.block.clone(),
            data: range(frame.data),
            mark: range(frame.mark),
            kind: match frame.kind {
                Kind::Whole => RecordKind::Transaction,
                Kind::Piece => RecordKind::Piece,
                Kind::End => RecordKind::End,
                Kind::Idle => RecordKind::Idle,
            },
            seq: frame.seq,
            committed_at_us: frame.committed_at_us,
        }
    }

    /// Reads a block that holds at least `need` bytes from the first unused one on; `false` if the log does not have
    /// them yet.
    fn fill(&mut self, need: u64) -> Result<bool> {
        let from = self.offset - (self.block.len() - self.used) as u64;
        if self.segment.committed < from + need {
            let segments = self.shared.lock();
            if let Some(now) = segments.iter().find(|segment| segment.first_seq == self.segment.first_seq) {
                self.segment.committed = now.committed;
            }
        }
        if self.segment.committed < from + need {
            return Ok(false);
        }
        let want = (self.segment.committed - from).min(BLOCK_BYTES.max(need));
        let block = segment::read_block(&self.file, &self.segment.path, from, want as usize)?;
        if (block.len() as u64) < need {
            return Err(self.damaged("the file is shorter than it was"));
        }
        self.offset = from + block.len() as u64;
        self.block = Arc::new(block);
        self.used = 0;
        Ok(true)
    }

    fn enter_next_segment(&mut self) -> Result<bool> {
        let next = {
            let segments = self.shared.lock();
            let at = segments.partition_point(|segment| segment.first_seq <= self.segment.first_seq);
            let here = at.checked_sub(1).map(|at| segments[at].committed);
            if here.is_some_and(|committed| committed > self.offset - (self.block.len() - self.used) as u64) {
                return Ok(true);
            }
            segments.get(at).cloned()
        };
        let Some(next) = next else { return Ok(false) };
        self.file = open(&next)?;
        self.offset = next.start;
        self.segment = next;
        self.block = Arc::default();
        self.used = 0;
        Ok(true)
    }

    fn damaged(&self, why: &str) -> Error {
        segment::damaged(&self.segment.path, self.offset - (self.block.len() - self.used) as u64, why)
    }
}

fn open(segment: &Segment) -> Result<Arc<File>> {
    File::open(&segment.path).map(Arc::new).map_err(|e| io(&segment.path, "open", e))
}
