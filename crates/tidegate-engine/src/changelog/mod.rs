//! Our durable, ordered store of captured transactions: one folder of segment files per link.
//!
//! The order of bytes is the order of commits on the source. A segment begins with a header that holds the position in
//! the source's log before its first transaction; every transaction carries the mark that its commit adds. So the
//! position after any transaction follows from what is in the file, and is stored nowhere else.
//!
//! Readers see whole transactions only. What was written but not yet synced is visible to them too: the target's
//! checkpoint, not the log, says what has been applied, and a tail that a power cut takes is captured again.

mod frame;
mod reader;
mod segment;
mod writer;

pub use reader::{Reader, Record, RecordKind};
pub use writer::Writer;

use segment::Segment;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tidegate_model::{Code, Cursor, Error, Position, Result, Seq};
use tokio::sync::watch;

/// How large the parts of a log become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A segment is closed at the first commit beyond this.
    pub segment_bytes: u64,
    /// A transaction's data beyond this goes to the file in pieces, so that memory stays bounded. A capture hands over
    /// when half of it is buffered.
    pub piece_bytes: usize,
}

impl Limits {
    /// For a log that is to keep within `total`: several segments have room in it, because the last one always stays.
    pub fn within(total: u64) -> Self {
        let segment_bytes = (total / 8).min(64 << 20);
        Self { segment_bytes, piece_bytes: (segment_bytes / 64) as usize }
    }
}

/// What every reader and the writer of one log share.
#[derive(Debug)]
pub(crate) struct Shared {
    folder: PathBuf,
    limits: Limits,
    segments: Mutex<Vec<Arc<Segment>>>,
    /// Counts up whenever whole transactions were added.
    grown: watch::Sender<u64>,
}

/// A log that is open for one writer and any number of readers.
#[derive(Clone, Debug)]
pub struct ChangeLog {
    shared: Arc<Shared>,
}

/// Where a log ends, found when it is opened.
#[derive(Clone, Debug)]
pub struct LogEnd {
    pub seq: Seq,
    pub position: Position,
}

/// Folds marks while a log is opened: given the header's position, makes the cursor that continues it.
pub type MakeCursor<'a> = &'a dyn Fn(&Position) -> Result<Box<dyn Cursor>>;

impl ChangeLog {
    /// Opens the log in `folder`. A torn end (a write that the machine did not finish) is cut off; damage anywhere else
    /// is an error. `None` if there is no log yet.
    pub fn open(
        folder: &Path,
        limits: Limits,
        make_cursor: MakeCursor<'_>,
    ) -> Result<Option<(Self, Writer)>> {
        let segments = segment::list(folder)?;
        let Some(last) = segments.last().cloned() else { return Ok(None) };
        let end = segment::recover(&last, make_cursor)?;
        let log = Self::over(folder, limits, segments);
        let writer = Writer::resume(log.shared.clone(), last, end.seq, end.cursor)?;
        Ok(Some((log, writer)))
    }

    /// Begins a log whose first transaction will be `after.seq + 1`. Whatever log was in the folder is removed.
    pub fn create(
        folder: &Path,
        after: &LogEnd,
        limits: Limits,
        make_cursor: MakeCursor<'_>,
    ) -> Result<(Self, Writer)> {
        std::fs::create_dir_all(folder).map_err(|e| io(folder, "make the folder", e))?;
        for old in segment::list(folder)? {
            std::fs::remove_file(&old.path).map_err(|e| io(&old.path, "remove", e))?;
        }
        let log = Self::over(folder, limits, Vec::new());
        let writer = Writer::begin(log.shared.clone(), after.seq, make_cursor(&after.position)?)?;
        Ok((log, writer))
    }

    fn over(folder: &Path, limits: Limits, segments: Vec<Arc<Segment>>) -> Self {
        let segments = Mutex::new(segments);
        let shared = Shared { folder: folder.to_owned(), limits, segments, grown: watch::channel(0).0 };
        Self { shared: Arc::new(shared) }
    }

    /// The first transaction that the log still holds, or would hold next if it is empty.
    pub fn first_seq(&self) -> Seq {
        self.shared.lock().first().map_or(Seq(1), |segment| segment.first_seq)
    }

    /// A reader that begins with transaction `from`, and the place in the source's log before it: with the idle marks
    /// that stand between it and the transaction before.
    pub fn reader(&self, from: Seq, make_cursor: MakeCursor<'_>) -> Result<(Reader, Box<dyn Cursor>)> {
        Reader::new(self.shared.clone(), from, make_cursor)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.shared.lock().iter().map(|segment| segment.committed()).sum()
    }

    /// Removes the segments that hold nothing above `done`. The last one always stays.
    pub fn remove_up_to(&self, done: Seq) -> Result<()> {
        let mut removed = Vec::new();
        {
            let mut segments = self.shared.lock();
            while segments.len() > 1 && segments[1].first_seq.0 <= done.0 + 1 {
                removed.push(segments.remove(0));
            }
        }
        for segment in &removed {
            std::fs::remove_file(&segment.path).map_err(|e| io(&segment.path, "remove", e))?;
        }
        if removed.is_empty() { Ok(()) } else { sync_folder(&self.shared.folder) }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Segment>>> {
        self.segments.lock().expect("no holder of the segment list panics")
    }
}

/// An error of the file system, told apart by what a person must do.
pub(crate) fn io(path: &Path, verb: &str, error: std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::ChangeLogFull,
        _ => Code::ChangeLogIo,
    };
    Error::new(code, format!("{verb} {}: {error}", path.display())).with_source(error)
}

/// Makes creation and removal of files in the folder durable.
fn sync_folder(folder: &Path) -> Result<()> {
    let handle = std::fs::File::open(folder).map_err(|e| io(folder, "open", e))?;
    handle.sync_all().map_err(|e| io(folder, "sync", e))
}
