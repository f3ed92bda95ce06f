//! What passes by itself: connections that are cut and servers that restart while a link streams.

use crate::link::{Link, Running};
use crate::servers::{Pair, Session, ask_until, make, sql};
use tidegate_sandbox::Flavour;

#[test]
fn a_link_between_mysql_servers_goes_on_by_itself() {
    goes_on_by_itself(Flavour::Mysql);
}

#[test]
fn a_link_between_mariadb_servers_goes_on_by_itself() {
    goes_on_by_itself(Flavour::Mariadb);
}

fn goes_on_by_itself(flavour: Flavour) {
    let pair = Pair::start(flavour);
    make(&pair.source(), "steady");
    let link = Link::new(&pair, "steady");
    let mut running = link.start();
    running.streams();
    writer_killed(&pair, &mut running);
    reader_killed(&pair, &mut running);
    pair.crash_source();
    sql(&pair.source(), "INSERT INTO steady.t VALUES (20, 'twenty')");
    running.applies(4);
    sql(&pair.source(), "INSERT INTO steady.t VALUES (21, 'twenty-one')");
    pair.restart_target();
    sql(&pair.source(), "UPDATE steady.t SET v = 'twice' WHERE id = 21");
    running.applies(6);
    running.stop();
    link.is_identical();
}

/// A connection is killed in the middle of its transaction.
fn writer_killed(pair: &Pair, running: &mut Running) {
    let mut root = Session::open(&pair.target());
    root.run("BEGIN; UPDATE steady.t SET v = 'held' WHERE id = 2");
    sql(
        &pair.source(),
        "BEGIN; INSERT INTO steady.t VALUES (10, 'ten'); UPDATE steady.t SET v = 'new' WHERE id = 2; COMMIT",
    );
    let waiting =
        "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'repl' AND INFO LIKE '%`steady`.`t`%'";
    let id = ask_until(&pair.target(), waiting, |id| !id.is_empty());
    assert_eq!(id.lines().count(), 1, "one transaction, one writer: {id}");
    sql(&pair.target(), &format!("KILL {id}"));
    root.run("ROLLBACK");
    running.applies(2);
    assert_eq!(sql(&pair.target(), "SELECT v FROM steady.t WHERE id IN (2, 10) ORDER BY id"), "new\nten");
}

/// The connection on which the source sends its log is killed.
fn reader_killed(pair: &Pair, running: &mut Running) {
    let reading =
        "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'repl' AND COMMAND LIKE 'Binlog Dump%'";
    let id = sql(&pair.source(), reading);
    assert_eq!(id.lines().count(), 1, "one reader: {id}");
    sql(&pair.source(), &format!("KILL {id}; INSERT INTO steady.t VALUES (11, 'eleven')"));
    running.applies(3);
}
