//! What must never be found one without the other: rows and the checkpoint that counts them, the change log and the
//! position that it is read up to.

use crate::link::Link;
use crate::servers::{Pair, Session, ask_until, make, sql};
use std::path::PathBuf;
use tidegate_sandbox::Flavour;

/// The checkpoint cannot be moved: then the rows are not there either, and come once.
#[test]
fn rows_and_their_checkpoint() {
    let pair = Pair::start(Flavour::Mysql);
    make(&pair.source(), "joint");
    // Without a key a row that comes twice is there twice.
    sql(&pair.source(), "CREATE TABLE joint.bag (v INT)");
    let link = Link::new(&pair, "joint");
    let mut running = link.start();
    running.streams();
    sql(&pair.source(), "INSERT INTO joint.bag VALUES (1)");
    running.applies(1);
    let mut root = Session::open(&pair.target());
    root.run("BEGIN; SELECT COUNT(*) FROM tidegate.checkpoint FOR UPDATE");
    sql(&pair.source(), "INSERT INTO joint.bag VALUES (2)");
    let waiting = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'repl' \
                   AND INFO LIKE '%UPDATE tidegate.checkpoint%'";
    let ids = ask_until(&pair.target(), waiting, |ids| !ids.is_empty());
    assert_eq!(
        sql(&pair.target(), "SELECT COUNT(*) FROM joint.bag"),
        "1",
        "rows came without their checkpoint"
    );
    for id in ids.lines() {
        sql(&pair.target(), &format!("KILL {id}"));
    }
    root.run("ROLLBACK");
    running.applies(2);
    running.stop();
    link.is_identical();
}

fn last_segment(link: &Link<'_>) -> PathBuf {
    let entries = std::fs::read_dir(link.folder().join("log")).expect("a log");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().expect("a segment")
}

/// A power cut takes what was read and not applied yet: it is read again.
#[test]
fn the_log_and_its_position() {
    let pair = Pair::start(Flavour::Mysql);
    make(&pair.source(), "cut");
    let link = Link::new(&pair, "cut");
    let mut running = link.start();
    running.streams();
    sql(&pair.source(), "INSERT INTO cut.t VALUES (10, 'ten')");
    running.applies(1);
    let mut root = Session::open(&pair.target());
    root.run("BEGIN; UPDATE cut.t SET v = 'held' WHERE id = 1");
    let segment = last_segment(&link);
    let synced = std::fs::metadata(&segment).expect("a segment").len();
    sql(&pair.source(), "UPDATE cut.t SET v = 'read' WHERE id = 1");
    // Once it is being written it has been read.
    let waiting =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl' AND INFO LIKE '%`cut`.`t`%'";
    ask_until(&pair.target(), waiting, |count| count == "1");
    drop(running);
    let file = std::fs::File::options().write(true).open(&segment).expect("a segment");
    assert!(file.metadata().expect("a file").len() > synced);
    file.set_len(synced).expect("a shorter file");
    root.run("ROLLBACK");
    link.catches_up();
    let value = sql(&pair.target(), "SELECT v FROM cut.t WHERE id = 1");
    assert_eq!(value, "read", "a transaction was passed over");
    link.is_identical();
}
