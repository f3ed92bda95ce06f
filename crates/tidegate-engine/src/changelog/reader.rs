use super::frame::{self, Frame, Kind, Look};
use super::segment::{self, Segment};
use super::{MakeCursor, Shared, io};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use tidegate_model::{Code, Cursor, Error, Result, Seq};
use tokio::sync::watch;

/// What is read from the file at once.
const BLOCK_BYTES: u64 = 1 << 20;

/// Reads a log from some transaction on, through all its segments, and follows it while it grows.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
    grown: watch::Receiver<u64>,
    segment: Arc<Segment>,
    file: Arc<File>,
    /// The last transaction that was read: the next one must follow it.
    last: Seq,
    /// File offset after `block`.
    offset: u64,
    block: Arc<Vec<u8>>,
    used: usize,
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
    pub(super) fn new(
        shared: Arc<Shared>,
        from: Seq,
        make_cursor: MakeCursor<'_>,
    ) -> Result<(Self, Box<dyn Cursor>)> {
        let grown = shared.grown.subscribe();
        let segment = {
            let segments = shared.lock();
            let at = segments.partition_point(|segment| segment.first_seq <= from);
            match at.checked_sub(1).and_then(|at| segments.get(at)) {
                Some(segment) => segment.clone(),
                None => {
                    return Err(Error::new(
                        Code::ChangeLogDamaged,
                        format!("transaction {from} is not in the log"),
                    ));
                }
            }
        };
        let Some((_, position, _)) = segment::read_header(&segment.path)? else {
            return Err(segment::damaged(&segment.path, 0, "the segment's header is not readable"));
        };
        let mut cursor = make_cursor(&position)?;
        let file = open(&segment)?;
        let (last, offset) = (Seq(segment.first_seq.0 - 1), segment.start);
        let mut reader = Self { shared, grown, segment, file, last, offset, block: Arc::default(), used: 0 };
        reader.skip_to(from, cursor.as_mut())?;
        Ok((reader, cursor))
    }

    /// Moves to just before transaction `from`, or to the end if it is not there yet.
    fn skip_to(&mut self, from: Seq, cursor: &mut dyn Cursor) -> Result<()> {
        loop {
            let before = self.clone();
            let Some(mut record) = self.try_next()? else { return Ok(()) };
            while record.kind == RecordKind::Piece {
                record = self.try_next()?.ok_or_else(|| self.damaged("a big transaction has no end"))?;
            }
            if record.seq >= from && record.kind != RecordKind::Idle {
                *self = before;
                return Ok(());
            }
            cursor.advance(record.mark())?;
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
                    self.follow(&record)?;
                    self.used += bytes;
                    return Ok(Some(record));
                }
                Look::Short { need } => {
                    let committed = self.segment.committed();
                    if self.at() + need as u64 <= committed {
                        self.fill(need, committed)?;
                    } else if self.at() < committed {
                        return Err(self.damaged("a frame is cut short"));
                    } else if !self.enter_next_segment()? {
                        return Ok(None);
                    }
                }
                Look::Damaged(why) => return Err(self.damaged(why)),
            }
        }
    }

    /// Offset in the file of the next frame.
    fn at(&self) -> u64 {
        self.offset - (self.block.len() - self.used) as u64
    }

    /// No transaction may be missing.
    fn follow(&mut self, record: &Record) -> Result<()> {
        let expected = match record.kind {
            RecordKind::Piece => return Ok(()),
            RecordKind::Idle => self.last,
            RecordKind::Transaction | RecordKind::End => self.last.next(),
        };
        if record.seq != expected {
            return Err(self.damaged("transactions are not in sequence"));
        }
        self.last = expected;
        Ok(())
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

    /// Reads a block that holds at least `need` bytes from the first unused one on; they lie before `committed`.
    fn fill(&mut self, need: usize, committed: u64) -> Result<()> {
        let from = self.at();
        let want = (committed - from).min(BLOCK_BYTES.max(need as u64));
        let block = segment::read_block(&self.file, &self.segment.path, from, want as usize)?;
        if block.len() < need {
            return Err(self.damaged("the file is shorter than it was"));
        }
        self.offset = from + block.len() as u64;
        self.block = Arc::new(block);
        self.used = 0;
        Ok(())
    }

    /// Goes on to the segment that follows, if there is one; `false` at the log's end.
    fn enter_next_segment(&mut self) -> Result<bool> {
        let next = {
            let segments = self.shared.lock();
            let at = segments.partition_point(|segment| segment.number <= self.segment.number);
            segments.get(at).cloned()
        };
        let Some(next) = next else { return Ok(false) };
        // Closed now, but it may have grown after it was looked at last.
        if self.at() < self.segment.committed() {
            return Ok(true);
        }
        if next.first_seq != self.last.next() {
            return Err(self.damaged("a segment that follows is missing"));
        }
        self.file = open(&next)?;
        self.offset = next.start;
        self.segment = next;
        self.block = Arc::default();
        self.used = 0;
        Ok(true)
    }

    fn damaged(&self, why: &str) -> Error {
        segment::damaged(&self.segment.path, self.at(), why)
    }
}

fn open(segment: &Segment) -> Result<Arc<File>> {
    File::open(&segment.path).map(Arc::new).map_err(|e| io(&segment.path, "open", e))
}
