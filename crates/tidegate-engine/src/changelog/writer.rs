use super::frame::{self, Kind};
use super::segment::{self, Segment};
use super::{LogEnd, Shared, io};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tidegate_model::{CaptureSink, Commit, Cursor, Result, Seq};

/// A segment is closed at the first commit beyond this.
const SEGMENT_BYTES: u64 = 64 << 20;
/// A transaction's data beyond this goes to the file in pieces, so that memory stays bounded.
const PIECE_BYTES: usize = 1 << 20;
/// A capture hands over when so much is buffered.
const BUFFER_BYTES: usize = 512 << 10;

/// The one writer of a log: takes what a capture reads, and makes it visible to readers by [`Writer::publish`].
pub struct Writer {
    shared: Arc<Shared>,
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
    unsynced: bool,
    moved: bool,
    bytes: u64,
}

impl Writer {
    pub(super) fn begin(shared: Arc<Shared>, after: Seq, cursor: Box<dyn Cursor>) -> Result<Self> {
        let (segment, file) = segment::create(&shared.folder, after.next(), &cursor.position())?;
        let committed = segment.committed;
        shared.lock().push(segment);
        Ok(Self::over(shared, file, after, cursor, committed))
    }

    pub(super) fn resume(shared: Arc<Shared>, seq: Seq, cursor: Box<dyn Cursor>) -> Result<Self> {
        let (path, committed) = {
            let segments = shared.lock();
            let last = segments.last().expect("a log that resumes has a segment");
            (last.path.clone(), last.committed)
        };
        let file = File::options().read(true).write(true).open(&path).map_err(|e| io(&path, "open", e))?;
        Ok(Self::over(shared, file, seq, cursor, committed))
    }

    fn over(shared: Arc<Shared>, file: File, seq: Seq, cursor: Box<dyn Cursor>, committed: u64) -> Self {
        Self {
            shared,
            file: Arc::new(file),
            cursor,
            seq,
            buffer: Vec::with_capacity(BUFFER_BYTES + PIECE_BYTES),
            open_frame: None,
            open_pieces: false,
            buffer_committed: 0,
            written: committed,
            committed,
            unsynced: false,
            moved: false,
            bytes: 0,
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

    /// Whether the log's end has moved since the last call.
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Writes what is buffered to the file and shows readers the whole transactions in it. Answers the file's end.
    pub fn publish(&mut self) -> Result<()> {
        let ready = self.open_frame.unwrap_or(self.buffer.len());
        if ready > 0 {
            let path = self.path();
            self.file.write_all_at(&self.buffer[..ready], self.written).map_err(|e| io(&path, "write", e))?;
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
            self.shared.lock().last_mut().expect("an open log has a segment").committed = self.committed;
            self.shared.grown.send_modify(|count| *count += 1);
            if self.committed > SEGMENT_BYTES && !self.open_pieces && self.open_frame.is_none() {
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
        let path = self.path();
        self.file.sync_data().map_err(|e| io(&path, "sync", e))?;
        let (segment, file) = segment::create(&self.shared.folder, self.seq.next(), &self.cursor.position())?;
        self.written = segment.committed;
        self.committed = segment.committed;
        self.file = Arc::new(file);
        self.shared.lock().push(segment);
        self.shared.grown.send_modify(|count| *count += 1);
        Ok(())
    }

    fn path(&self) -> std::path::PathBuf {
        self.shared.lock().last().map(|segment: &Segment| segment.path.clone()).unwrap_or_default()
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
        if filled > frame::PREFIX_BYTES + frame::FIXED_BYTES && filled + piece.len() > PIECE_BYTES {
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
        // Pieces that are in the file already lie behind its last commit: the next write goes over them, and if there
        // is none, opening the log cuts them off.
        if self.buffer_committed == 0 {
            self.written = self.committed;
        }
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER_BYTES
    }
}
