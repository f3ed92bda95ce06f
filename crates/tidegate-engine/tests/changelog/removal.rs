//! Old segments go, and nothing that somebody still needs.

use super::{Book, SMALL, read_all, read_from};
use crate::support::PlaceCursor;
use tidegate_model::{Code, Seq};

#[test]
fn what_follows_the_done_stays() {
    for seed in 0..10 {
        let mut book = Book::new(SMALL, seed);
        for _ in 0..100 {
            book.add_any();
            book.writer.publish().unwrap();
        }
        let all = book.files().len();
        for done in 0..=book.seq {
            book.log.remove_up_to(Seq(done)).unwrap();
            assert!(book.log.first_seq().0 <= done + 1);
            let (mut reader, cursor) = book.log.reader(Seq(done + 1), &PlaceCursor::begin).unwrap();
            let rest: Vec<_> = book.entries.iter().filter(|entry| entry.seq.0 > done).cloned().collect();
            let first = rest.iter().position(|entry| !entry.idle).unwrap_or(rest.len());
            assert_eq!(read_all(&mut reader).unwrap(), rest[first..], "seed {seed}, done {done}");
            let before = book.entries.len() - rest[first..].len();
            let end = book.entries[..before].last().map_or(0, super::entry_end);
            assert_eq!(cursor.position(), crate::support::position(end));
        }
        assert_eq!(book.files().len(), 1, "of {all}");
        let gone = read_from(&book.log, 1).unwrap_err();
        assert_eq!(gone.code(), Code::ChangeLogDamaged);
    }
}

/// The transactions of a segment may all be done while a reader has not come to the idle marks at its end.
#[test]
fn a_reader_ends_a_segment_that_was_removed() {
    let mut book = Book::new(SMALL, 2);
    let (mut reader, _) = book.log.reader(Seq(1), &PlaceCursor::begin).unwrap();
    for _ in 0..3 {
        book.add(1, 100);
    }
    book.writer.publish().unwrap();
    let mut seen = read_all(&mut reader).unwrap();
    while book.files().len() < 3 {
        book.add(0, 0);
        book.writer.publish().unwrap();
    }
    book.log.remove_up_to(Seq(3)).unwrap();
    assert_eq!(book.files().len(), 1);
    seen.extend(read_all(&mut reader).unwrap());
    assert!(seen.len() > 4, "the idle marks of the reader's own segment");
    assert_eq!(seen, book.entries[..seen.len()]);
}

#[test]
fn a_missing_segment_is_noticed() {
    let mut book = Book::new(SMALL, 4);
    for _ in 0..60 {
        book.add(1, 30);
        book.writer.publish().unwrap();
    }
    let files = book.files();
    std::fs::remove_file(&files[1]).unwrap();
    let (log, _, _) = super::reopen(book.folder.path(), SMALL, &book.entries).unwrap().unwrap();
    let (mut reader, _) = log.reader(Seq(1), &PlaceCursor::begin).unwrap();
    assert_eq!(read_all(&mut reader).unwrap_err().code(), Code::ChangeLogDamaged);
}
