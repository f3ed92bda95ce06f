//! Segment files: their names, their header, and what is left of the last one after a crash.

use super::frame::{self, Kind, Look};
use super::{MakeCursor, io};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidegate_model::{Code, Cursor, Error, Position, Result, Seq};

const MAGIC: &[u8; 8] = b"TGLOG01\n";
const HEADER_FIXED: usize = 24;
const HEADER_BYTES_MAX: usize = 64 << 20;
const BLOCK_BYTES: usize = 1 << 20;

/// A segment file as far as it holds whole transactions.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// The segments' own order, and their names: two in a row may begin with the same transaction, if the first holds
    /// nothing but idle marks.
    pub(crate) number: u64,
    pub(crate) first_seq: Seq,
    /// Offset after the header.
    pub(crate) start: u64,
    committed: AtomicU64,
}

impl Segment {
    fn new(path: PathBuf, number: u64, first_seq: Seq, start: u64, committed: u64) -> Arc<Self> {
        Arc::new(Self { path, number, first_seq, start, committed: AtomicU64::new(committed) })
    }

    /// Offset after the last whole transaction. Readers see it move also when the segment was removed meanwhile.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    pub(crate) fn commit_up_to(&self, offset: u64) {
        self.committed.store(offset, Ordering::Release);
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.seg"))
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".seg")?.parse().ok()
}

/// Writes and syncs a new segment's header, then gives the file its name.
///
/// `magic | crc u32 | position length u32 | first seq u64 | position`, the CRC over all that follows it.
pub(crate) fn create(
    folder: &Path,
    number: u64,
    first_seq: Seq,
    position: &Position,
) -> Result<(Arc<Segment>, File)> {
    let path = path_of(folder, number);
    let text = position.as_str().as_bytes();
    let mut rest = Vec::with_capacity(12 + text.len());
    rest.extend_from_slice(&(text.len() as u32).to_le_bytes());
    rest.extend_from_slice(&first_seq.0.to_le_bytes());
    rest.extend_from_slice(text);
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
    header.extend_from_slice(&rest);
    let unnamed = path.with_extension("new");
    let mut options = File::options();
    let opened = options.read(true).write(true).create(true).truncate(true).open(&unnamed);
    let mut file = opened.map_err(|e| io(&unnamed, "create", e))?;
    file.write_all(&header).map_err(|e| io(&unnamed, "write", e))?;
    file.sync_all().map_err(|e| io(&unnamed, "sync", e))?;
    std::fs::rename(&unnamed, &path).map_err(|e| io(&path, "name", e))?;
    super::sync_folder(folder)?;
    let start = header.len() as u64;
    Ok((Segment::new(path, number, first_seq, start, start), file))
}

/// All segments of a folder in order. A last segment whose header was never finished is removed: it holds nothing.
pub(crate) fn list(folder: &Path) -> Result<Vec<Arc<Segment>>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(folder, "read the folder", e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| io(folder, "read the folder", e))?.path();
        found.extend(number_of(&path).map(|number| (number, path)));
    }
    found.sort();
    let mut segments = Vec::with_capacity(found.len());
    let last = found.last().map(|(number, _)| *number);
    for (number, path) in found {
        let bytes = std::fs::metadata(&path).map_err(|e| io(&path, "look at", e))?.len();
        match read_header(&path)? {
            Some((first_seq, _, start)) => segments.push(Segment::new(path, number, first_seq, start, bytes)),
            None if Some(number) == last => {
                std::fs::remove_file(&path).map_err(|e| io(&path, "remove", e))?
            }
            None => return Err(damaged(&path, 0, "the segment's header is not readable")),
        }
    }
    Ok(segments)
}

/// First seq, position before it, and the header's length; `None` if the header is not whole.
pub(crate) fn read_header(path: &Path) -> Result<Option<(Seq, Position, u64)>> {
    let mut file = File::open(path).map_err(|e| io(path, "open", e))?;
    let mut fixed = [0u8; HEADER_FIXED];
    match file.read_exact(&mut fixed) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(io(path, "read", e)),
    }
    let length = u32::from_le_bytes(fixed[12..16].try_into().expect("four bytes")) as usize;
    if &fixed[..8] != MAGIC || length > HEADER_BYTES_MAX {
        return Ok(None);
    }
    let mut rest = fixed[12..].to_vec();
    rest.resize(12 + length, 0);
    if file.read_exact(&mut rest[12..]).is_err() {
        return Ok(None);
    }
    let crc = u32::from_le_bytes(fixed[8..12].try_into().expect("four bytes"));
    let Ok(text) = std::str::from_utf8(&rest[12..]) else { return Ok(None) };
    if crc32fast::hash(&rest) != crc {
        return Ok(None);
    }
    let first_seq = Seq(u64::from_le_bytes(fixed[16..24].try_into().expect("eight bytes")));
    Ok(Some((first_seq, Position::new(text), (HEADER_FIXED + length) as u64)))
}

/// The end of the last segment after its torn tail was cut.
pub(crate) struct Recovered {
    pub(crate) seq: Seq,
    pub(crate) cursor: Box<dyn Cursor>,
}

/// Reads the last segment through: verifies every frame, folds every mark, cuts what is not a whole transaction.
pub(crate) fn recover(segment: &Segment, make_cursor: MakeCursor<'_>) -> Result<Recovered> {
    let path = segment.path.clone();
    let Some((first_seq, position, start)) = read_header(&path)? else {
        return Err(damaged(&path, 0, "the segment's header is not readable"));
    };
    let file = File::options().read(true).write(true).open(&path).map_err(|e| io(&path, "open", e))?;
    let length = file.metadata().map_err(|e| io(&path, "look at", e))?.len();
    let mut recovered = Recovered { seq: Seq(first_seq.0 - 1), cursor: make_cursor(&position)? };
    let (mut offset, mut committed) = (start, start);
    let mut block = Vec::new();
    let mut used = 0;
    loop {
        match frame::look(&block[used..]) {
            Look::Frame { frame, bytes } => {
                used += bytes;
                offset += bytes as u64;
                if matches!(frame.kind, Kind::Piece) {
                    continue;
                }
                if matches!(frame.kind, Kind::Whole | Kind::End) {
                    if frame.seq != recovered.seq.next() {
                        return Err(damaged(&path, offset, "transactions are not in sequence"));
                    }
                    recovered.seq = frame.seq;
                }
                recovered.cursor.advance(frame.mark)?;
                committed = offset;
            }
            Look::Short { need } => {
                if offset + need as u64 > length {
                    break;
                }
                block = read_block(&file, &path, offset, need.max(BLOCK_BYTES))?;
                used = 0;
            }
            Look::Damaged(why) => {
                if !is_torn_tail(&file, &path, offset, length)? {
                    return Err(damaged(&path, offset, why));
                }
                break;
            }
        }
    }
    if committed < length {
        file.set_len(committed).map_err(|e| io(&path, "cut the torn end of", e))?;
        file.sync_all().map_err(|e| io(&path, "sync", e))?;
    }
    segment.commit_up_to(committed);
    Ok(recovered)
}

/// A power cut may leave the last writes undone, as zeros or partly. Damage that is followed by a readable frame is not
/// that: then bytes in the middle went bad.
fn is_torn_tail(file: &File, path: &Path, offset: u64, length: u64) -> Result<bool> {
    let head = read_block(file, path, offset, frame::PREFIX_BYTES)?;
    let Some(prefix) = head.first_chunk::<{ frame::PREFIX_BYTES }>() else { return Ok(true) };
    let claimed = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
    let next = offset + frame::PREFIX_BYTES as u64 + u64::from(claimed);
    if claimed > frame::FRAME_BYTES_MAX || next >= length {
        return Ok(true);
    }
    let following = read_block(file, path, next, (length - next).min(64 << 20) as usize)?;
    Ok(!matches!(frame::look(&following), Look::Frame { .. }))
}

/// Up to `want` bytes from `offset` on; fewer at the file's end.
pub(crate) fn read_block(file: &File, path: &Path, offset: u64, want: usize) -> Result<Vec<u8>> {
    let mut block = vec![0; want];
    let mut filled = 0;
    while filled < want {
        match file.read_at(&mut block[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(io(path, "read", e)),
        }
    }
    block.truncate(filled);
    Ok(block)
}

pub(crate) fn damaged(path: &Path, offset: u64, why: &str) -> Error {
    Error::new(Code::ChangeLogDamaged, format!("{} at byte {offset}: {why}", path.display()))
}
