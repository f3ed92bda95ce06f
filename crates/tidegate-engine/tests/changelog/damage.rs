//! Crashes and bad disks: what is read back is what was written, as far as it goes, or the log says that it is damaged.

use super::{Book, Entry, Limits, ONE, SMALL, read_all, read_from, reopen};
use crate::support::{Folder, PlaceCursor};
use std::path::Path;
use tidegate_model::{CaptureSink, Code, Commit, Seq};

/// A log with something of every kind, and the length of its last file after each entry.
fn sample(limits: Limits, entries: usize) -> (Book, Vec<u64>) {
    let mut book = Book::new(limits, 11);
    let mut ends = Vec::new();
    for at in 0..entries {
        match at % 5 {
            1 => book.add(0, 0),
            3 => book.add(4, 40),
            _ => book.add(1, 25),
        }
        book.writer.publish().unwrap();
        ends.push(std::fs::metadata(book.last_file()).unwrap().len());
    }
    (book, ends)
}

/// Copies a log's files to another folder; `change` may do as it likes with the one named.
fn copy(book: &Book, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Folder {
    let folder = Folder::new();
    let mut change = Some(change);
    for from in book.files() {
        let mut bytes = std::fs::read(&from).unwrap();
        if from == file {
            change.take().unwrap()(&mut bytes);
        }
        std::fs::write(folder.path().join(from.file_name().unwrap()), bytes).unwrap();
    }
    folder
}

/// The log opens, holds exactly the first `expected` entries, and goes on.
fn assert_holds(folder: &Path, limits: Limits, entries: &[Entry], expected: usize) {
    let Some((log, mut writer, count)) = reopen(folder, limits, entries).unwrap() else {
        assert_eq!(expected, 0);
        return;
    };
    assert_eq!(count, expected);
    assert_eq!(read_from(&log, 1).unwrap(), drop_leading_idle(&entries[..expected]));
    if let Some(next) = entries.get(expected) {
        if !next.idle {
            writer.data(&next.data);
        }
        writer.commit(Commit { mark: &next.mark, committed_at_us: next.at_us });
        writer.publish().unwrap();
        assert_eq!(read_from(&log, 1).unwrap(), drop_leading_idle(&entries[..=expected]));
        drop((log, writer));
        assert_eq!(reopen(folder, limits, entries).unwrap().unwrap().2, expected + 1);
    }
}

fn drop_leading_idle(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().skip_while(|entry| entry.idle).cloned().collect()
}

#[test]
fn a_log_cut_at_every_byte_is_a_prefix() {
    let (book, ends) = sample(ONE, 9);
    let file = book.last_file();
    for cut in 0..=*ends.last().unwrap() {
        let folder = copy(&book, &file, |bytes| bytes.truncate(cut as usize));
        let expected = ends.iter().filter(|end| **end <= cut).count();
        assert_holds(folder.path(), ONE, &book.entries, expected);
    }
}

#[test]
fn the_last_of_many_segments_cut_at_every_byte() {
    let (book, _) = sample(SMALL, 40);
    let file = book.last_file();
    let length = std::fs::metadata(&file).unwrap().len();
    let mut least = usize::MAX;
    for cut in 0..=length {
        let folder = copy(&book, &file, |bytes| bytes.truncate(cut as usize));
        let (log, _, count) = reopen(folder.path(), SMALL, &book.entries).unwrap().unwrap();
        assert_eq!(read_from(&log, 1).unwrap(), book.entries[..count]);
        least = least.min(count);
    }
    assert!(least < book.entries.len() && least > book.entries.len() / 2, "{least} are left at least");
}

#[test]
fn a_tail_of_zeros_is_cut_off() {
    let (book, ends) = sample(ONE, 40);
    let file = book.last_file();
    let plain = std::fs::read(&file).unwrap();
    for zeros in 0..=plain.len().min(4096) {
        let from = plain.len() - zeros;
        let folder = copy(&book, &file, |bytes| bytes[from..].fill(0));
        // Bytes that were zeros before are none the worse for it.
        let whole = plain[from..].iter().position(|byte| *byte != 0).map_or(plain.len(), |at| from + at);
        let expected = ends.iter().filter(|end| **end as usize <= whole).count();
        assert_holds(folder.path(), ONE, &book.entries, expected);
    }
}

/// A file that was made longer in advance, or by a write that never arrived.
#[test]
fn zeros_after_the_end_are_cut_off() {
    let (book, _) = sample(ONE, 9);
    for zeros in [1, 7, 8, 21, 29, 30, 4096, 70_000] {
        let folder = copy(&book, &book.last_file(), |bytes| bytes.resize(bytes.len() + zeros, 0));
        assert_holds(folder.path(), ONE, &book.entries, book.entries.len());
    }
}

/// Opens and reads everything; answers how much it was.
fn read_damaged(folder: &Path, limits: Limits, entries: &[Entry]) -> Result<usize, Code> {
    let Some((log, _, _)) = reopen(folder, limits, entries).map_err(|error| error.code())? else {
        return Ok(0);
    };
    let (mut reader, _) = log.reader(Seq(1), &PlaceCursor::begin).map_err(|error| error.code())?;
    let read = read_all(&mut reader).map_err(|error| error.code())?;
    assert_eq!(read, entries[..read.len()], "a wrong record was handed out");
    Ok(read.len())
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (book, _) = sample(ONE, 6);
    let file = book.last_file();
    let length = std::fs::metadata(&file).unwrap().len();
    let (mut shorter, mut damaged) = (0, 0);
    for bit in 0..length * 8 {
        let folder = copy(&book, &file, |bytes| bytes[bit as usize / 8] ^= 1 << (bit % 8));
        match read_damaged(folder.path(), ONE, &book.entries) {
            Ok(count) => {
                assert!(count < book.entries.len(), "bit {bit} was not noticed");
                shorter += 1;
            }
            Err(code) => {
                assert_eq!(code, Code::ChangeLogDamaged, "bit {bit}");
                damaged += 1;
            }
        }
    }
    assert!(shorter > 0 && damaged > 0);
}

/// A segment that is not the last has no torn end: nothing of it may be left out.
#[test]
fn every_flipped_bit_of_a_closed_segment_is_damage() {
    let (book, _) = sample(SMALL, 30);
    let files = book.files();
    assert!(files.len() >= 3);
    let length = std::fs::metadata(&files[1]).unwrap().len();
    for bit in 0..length * 8 {
        let folder = copy(&book, &files[1], |bytes| bytes[bit as usize / 8] ^= 1 << (bit % 8));
        let outcome = read_damaged(folder.path(), SMALL, &book.entries);
        assert_eq!(outcome, Err(Code::ChangeLogDamaged), "bit {bit}");
    }
}

#[test]
fn a_closed_segment_cut_at_every_byte_is_damage() {
    let (book, _) = sample(SMALL, 30);
    let files = book.files();
    let length = std::fs::metadata(&files[1]).unwrap().len();
    for cut in 0..length {
        let folder = copy(&book, &files[1], |bytes| bytes.truncate(cut as usize));
        let outcome = read_damaged(folder.path(), SMALL, &book.entries);
        assert_eq!(outcome, Err(Code::ChangeLogDamaged), "cut at {cut}");
    }
}

/// Whole frames that are missing have no wrong checksum.
#[test]
fn a_transaction_cut_out_of_a_closed_segment_is_damage() {
    let (book, _) = sample(SMALL, 30);
    let file = &book.files()[1];
    let folder = copy(&book, file, |bytes| {
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let mut frame = 24 + number(12);
        while bytes[frame + 8] != 1 {
            frame += 8 + number(frame);
        }
        let after = frame + 8 + number(frame);
        bytes.drain(frame..after);
    });
    assert_eq!(read_damaged(folder.path(), SMALL, &book.entries), Err(Code::ChangeLogDamaged));
}

/// What a torn end held must not be found behind what is written after it.
#[test]
fn a_torn_end_leaves_nothing_behind() {
    let (mut book, _) = sample(SMALL, 5);
    let file = book.last_file();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend([0x5a; 3_000]);
    std::fs::write(&file, bytes).unwrap();
    let (log, writer, count) = reopen(book.folder.path(), SMALL, &book.entries).unwrap().unwrap();
    assert_eq!(count, book.entries.len());
    (book.log, book.writer) = (log, writer);
    while book.files().len() < 4 {
        book.add(1, 20);
        book.writer.publish().unwrap();
    }
    let (again, _, _) = reopen(book.folder.path(), SMALL, &book.entries).unwrap().unwrap();
    assert_eq!(read_from(&again, 1).unwrap(), book.entries);
}
