//! What was written is read back: each record once, in order, over segments and while the log grows.

use super::{Book, Entry, SMALL, read_all, read_from, reopen};
use crate::support::{PlaceCursor, position};
use tidegate_model::{CaptureSink, Seq};

fn from_on(entries: &[Entry], from: u64) -> Vec<Entry> {
    let first = entries.iter().position(|entry| !entry.idle && entry.seq.0 >= from).unwrap_or(entries.len());
    entries[first..].to_vec()
}

#[test]
fn what_is_written_is_read_from_every_transaction_on() {
    for seed in 0..20 {
        let mut book = Book::new(SMALL, seed);
        for _ in 0..150 {
            book.add_any();
            if seed % 2 == 0 || book.writer.is_full() {
                book.writer.publish().unwrap();
            }
        }
        book.writer.publish().unwrap();
        assert!(book.files().len() > 5, "only {} segments", book.files().len());
        let (again, _, count) = reopen(book.folder.path(), SMALL, &book.entries).unwrap().unwrap();
        assert_eq!(count, book.entries.len());
        for from in 1..=book.seq + 1 {
            for log in [&book.log, &again] {
                let (mut reader, cursor) = log.reader(Seq(from), &PlaceCursor::begin).unwrap();
                let expected = from_on(&book.entries, from);
                let before = book.entries.len() - expected.len();
                let end = book.entries[..before].last().map_or(0, super::entry_end);
                assert_eq!(cursor.position(), position(end), "the place before transaction {from}");
                assert_eq!(read_all(&mut reader).unwrap(), expected, "seed {seed}, from {from}");
            }
        }
    }
}

#[test]
fn a_reader_follows_a_growing_log() {
    for seed in 0..20 {
        let mut book = Book::new(SMALL, seed);
        let (mut reader, _) = book.log.reader(Seq(1), &PlaceCursor::begin).unwrap();
        let mut seen = Vec::new();
        for _ in 0..200 {
            book.add_any();
            if book.random.percent(50) {
                book.writer.publish().unwrap();
                seen.extend(read_all(&mut reader).unwrap());
                assert_eq!(seen, book.entries, "seed {seed}");
            }
        }
    }
}

#[tokio::test]
async fn a_waiting_reader_wakes_up_for_every_record() {
    let mut book = Book::new(SMALL, 3);
    let (mut reader, _) = book.log.reader(Seq(1), &PlaceCursor::begin).unwrap();
    let reading = tokio::spawn(async move {
        let mut seqs = Vec::new();
        while seqs.len() < 300 {
            let record = reader.next().await.unwrap();
            seqs.push(record.seq.0);
        }
        seqs
    });
    for _ in 0..300 {
        book.add(1, 10);
        book.writer.publish().unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(reading.await.unwrap(), (1..=300).collect::<Vec<_>>());
}

/// On a source where nothing selected happens the log grows by idle marks alone.
#[test]
fn segments_of_idle_marks_only() {
    let mut book = Book::new(SMALL, 5);
    let (mut reader, _) = book.log.reader(Seq(1), &PlaceCursor::begin).unwrap();
    let mut seen = Vec::new();
    for round in 0..300 {
        book.add(u64::from(round % 100 == 99), 10);
        book.writer.publish().unwrap();
        seen.extend(read_all(&mut reader).unwrap());
        assert_eq!(seen, book.entries);
    }
    assert!(book.files().len() > 10);
    let (again, _, count) = reopen(book.folder.path(), SMALL, &book.entries).unwrap().unwrap();
    assert_eq!(count, book.entries.len());
    assert_eq!(read_from(&again, 3).unwrap(), from_on(&book.entries, 3));
    book.log.remove_up_to(Seq(2)).unwrap();
    assert!(book.files().len() < 15);
    assert_eq!(read_from(&book.log, 3).unwrap(), from_on(&book.entries, 3));
}

/// Pieces that were in the file when their transaction broke off must not be found behind what was written later, also
/// not once the segment is closed.
#[test]
fn pieces_of_a_broken_transaction_leave_nothing_behind() {
    let mut book = Book::new(SMALL, 1);
    book.add(1, 10);
    book.writer.publish().unwrap();
    for _ in 0..60 {
        book.writer.data(&[7; 60]);
        book.writer.publish().unwrap();
    }
    book.writer.rollback();
    while book.files().len() < 3 {
        book.add(1, 20);
        book.writer.publish().unwrap();
    }
    assert_eq!(read_from(&book.log, 1).unwrap(), book.entries);
    let (again, _, _) = reopen(book.folder.path(), SMALL, &book.entries).unwrap().unwrap();
    assert_eq!(read_from(&again, 1).unwrap(), book.entries);
}
