use super::frame::{self, Kind};
use super::segment::{self, Segment};
use super::{LogEnd, Shared, io};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tidegate_model::{CaptureSink, Commit, Cursor, Result, Seq};

/// The one writer of a log: takes what a capture reads, and makes it visible to readers by [`Writer::publish`].
pub struct Writer {
    shared: Arc<Shared>,
    segment: Arc<Segment>,
    file: Arc<File>,
    /// Folds every mark written: the position that the next segment's header needs.
    cursor: Box<dyn Cursor>,
    seq: Seq,
    /// Frames not yet in the file.
    buffer: Vec<u8>,
    /// Where in `buffer` the frame begins that is being filled, if one is.
    open_frame: Option<usize>,
    /// Whether the open transaction has left pieces before the open frame.
    open_pieces: bool,
    /// End of the last whole transaction in `buffer`.
    buffer_committed: usize,
    /// End of what the file holds, pieces of the open transaction included.
    written: u64,
    /// End of the last whole transaction in the file.
    committed: u64,
    /// Whether the file goes on beyond `written` with pieces that were rolled back.
    leftover: bool,
    unsynced: bool,
    moved: bool,
    bytes: u64,
    committed_at_us: u64,
}

impl Writer {
    pub(super) fn begin(shared: Arc<Shared>, after: Seq, cursor: Box<dyn Cursor>) -> Result<Self> {
        let (segment, file) = segment::create(&shared.folder, 0, after.next(), &cursor.position())?;
        shared.lock().push(segment.clone());
        Ok(Self::over(shared, segment, file, after, cursor))
    }

    pub(super) fn resume(
        shared: Arc<Shared>,
        last: Arc<Segment>,
        seq: Seq,
        cursor: Box<dyn Cursor>,
    ) -> Result<Self> {
        let file =
            File::options().read(true).write(true).open(&last.path).map_err(|e| io(&last.path, "open", e))?;
        Ok(Self::over(shared, last, file, seq, cursor))
    }

    fn over(
        shared: Arc<Shared>,
        segment: Arc<Segment>,
        file: File,
        seq: Seq,
        cursor: Box<dyn Cursor>,
    ) -> Self {
        let committed = segment.committed();
        Self {
            buffer: Vec::with_capacity(shared.limits.piece_bytes * 3 / 2),
            shared,
            segment,
            file: Arc::new(file),
            cursor,
            seq,
            open_frame: None,
            open_pieces: false,
            buffer_committed: 0,
            written: committed,
            committed,
            leftover: false,
            unsynced: false,
            moved: false,
            bytes: 0,
            committed_at_us: 0,
        }
    }

    /// Where the log ends: the last whole transaction, published or not.
    pub fn end(&self) -> LogEnd {
        LogEnd { seq: self.seq, position: self.cursor.position() }
    }

    pub fn cursor(&self) -> &dyn Cursor {
        self.cursor.as_ref()
    }

    /// Bytes that went through this writer into files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the last transaction since the last call was committed at the source; 0 if there was none.
    pub fn take_committed_at_us(&mut self) -> u64 {
        std::mem::take(&mut self.committed_at_us)
    }

    /// Whether the log's end has moved since the last call.
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Writes what is buffered to the file and shows readers the whole transactions in it. Answers the file's end.
    pub fn publish(&mut self) -> Result<()> {
        let ready = self.open_frame.unwrap_or(self.buffer.len());
        if ready > 0 {
            let path = &self.segment.path;
            if std::mem::take(&mut self.leftover) {
                self.file.set_len(self.written).map_err(|e| io(path, "cut", e))?;
            }
            self.file.write_all_at(&self.buffer[..ready], self.written).map_err(|e| io(path, "write", e))?;
            if self.buffer_committed > 0 {
                self.committed = self.written + self.buffer_committed as u64;
            }
            self.written += ready as u64;
            self.bytes += ready as u64;
            self.buffer.drain(..ready);
            self.open_frame = self.open_frame.map(|_| 0);
            self.unsynced = true;
        }
        if self.buffer_committed > 0 {
            self.buffer_committed = 0;
            self.moved = true;
            self.segment.commit_up_to(self.committed);
            self.shared.grown.send_modify(|count| *count += 1);
            let is_full = self.committed > self.shared.limits.segment_bytes;
            if is_full && !self.open_pieces && self.open_frame.is_none() {
                self.roll()?;
            }
        }
        Ok(())
    }

    /// The file to sync if something was written since the last call. A failed sync must stop the link: what the
    /// kernel dropped it will not report twice.
    pub fn take_unsynced(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.unsynced).then(|| self.file.clone())
    }

    fn roll(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| io(&self.segment.path, "sync", e))?;
        let (number, first) = (self.segment.number + 1, self.seq.next());
        let (segment, file) = segment::create(&self.shared.folder, number, first, &self.cursor.position())?;
        self.written = segment.committed();
        self.committed = self.written;
        self.file = Arc::new(file);
        self.shared.lock().push(segment.clone());
        self.segment = segment;
        self.shared.grown.send_modify(|count| *count += 1);
        Ok(())
    }

    fn open(&mut self) -> usize {
        *self.open_frame.get_or_insert_with(|| {
            let start = self.buffer.len();
            self.buffer.resize(start + frame::PREFIX_BYTES + frame::FIXED_BYTES, 0);
            start
        })
    }
}

impl CaptureSink for Writer {
    fn data(&mut self, piece: &[u8]) {
        let start = self.open();
        let filled = self.buffer.len() - start;
        if filled > frame::PREFIX_BYTES + frame::FIXED_BYTES
            && filled + piece.len() > self.shared.limits.piece_bytes
        {
            frame::seal(&mut self.buffer, start, Kind::Piece, Seq(0), 0, 0);
            self.open_frame = None;
            self.open_pieces = true;
            self.open();
        }
        self.buffer.extend_from_slice(piece);
    }

    fn commit(&mut self, commit: Commit<'_>) {
        let kind = match (self.open_frame, self.open_pieces) {
            (None, false) => Kind::Idle,
            (_, false) => Kind::Whole,
            (_, true) => Kind::End,
        };
        let start = self.open();
        self.buffer.extend_from_slice(commit.mark);
        if kind != Kind::Idle {
            self.seq = self.seq.next();
        }
        self.committed_at_us = commit.committed_at_us;
        let mark = commit.mark.len() as u32;
        frame::seal(&mut self.buffer, start, kind, self.seq, commit.committed_at_us, mark);
        self.cursor.advance(commit.mark).expect("a capture's marks fit its own cursor");
        self.open_frame = None;
        self.open_pieces = false;
        self.buffer_committed = self.buffer.len();
    }

    fn rollback(&mut self) {
        self.buffer.truncate(self.buffer_committed);
        self.open_frame = None;
        self.open_pieces = false;
        // Pieces that are in the file already lie behind its last commit: the next write cuts them off, and if there is
        // none, opening the log does.
        if self.buffer_committed == 0 && self.written > self.committed {
            self.written = self.committed;
            self.leftover = true;
        }
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= self.shared.limits.piece_bytes / 2
    }
}
