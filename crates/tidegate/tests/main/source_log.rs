//! What somebody does to the source's log: nothing is skipped silently.

use crate::link::Link;
use crate::servers::{Pair, ask_until, make, sql};
use tidegate_sandbox::{Flavour, Server};

#[test]
fn what_a_mysql_source_no_longer_logs_is_not_skipped() {
    let pair = Pair::start(Flavour::Mysql);
    one_id_for_two(&pair);
    a_statement_aside(&pair, Flavour::Mysql);
    a_statement(&pair, "spoken", "USE spoken");
    purged(&pair);
    rewound(&pair, "RESET BINARY LOGS AND GTIDS");
    a_statement(&pair, "nowhere", "DO 1");
}

#[test]
fn what_a_mariadb_source_no_longer_logs_is_not_skipped() {
    let pair = Pair::start(Flavour::Mariadb);
    one_id_for_two(&pair);
    a_statement_aside(&pair, Flavour::Mariadb);
    a_statement(&pair, "spoken", "USE spoken");
    purged(&pair);
    rewound(&pair, "RESET MASTER");
    a_statement(&pair, "nowhere", "DO 1");
}

/// The source throws the first reader out when a second comes under the same id: one of the two must end.
fn one_id_for_two(pair: &Pair) {
    for name in ["first", "second"] {
        make(&pair.source(), name);
    }
    let first = Link::new(pair, "first");
    let second = Link::new(pair, "second").with(&["--server-id", "4711"]);
    let mut losing = first.with(&["--server-id", "4711"]).start();
    losing.streams();
    let mut winning = second.start();
    winning.streams();
    losing.ends().fault("TG-3005").says("source: ").advises("--server-id");
    sql(&pair.source(), "INSERT INTO second.t VALUES (10, 'ten')");
    winning.applies(1);
    sql(&pair.source(), "INSERT INTO first.t VALUES (10, 'ten')");
    first.with(&["--server-id", "4712"]).goes_on();
    sql(&pair.source(), "INSERT INTO second.t VALUES (11, 'eleven')");
    winning.applies(2);
    winning.stop();
    second.is_identical();
}

/// A session that logs what it does as statements, in a database or in none.
fn a_statement(pair: &Pair, name: &str, default: &str) {
    make(&pair.source(), name);
    let link = Link::new(pair, name);
    link.goes_on();
    let statements = format!(
        "{default}; INSERT INTO {name}.t VALUES (10, 'ten'); \
         SET SESSION binlog_format = 'STATEMENT'; INSERT INTO {name}.t VALUES (11, 'eleven'); \
         SET SESSION binlog_format = 'ROW'; INSERT INTO {name}.t VALUES (12, 'twelve')"
    );
    sql(&pair.source(), &statements);
    let fault = link.run().fault("TG-3008");
    fault.says("source: ").says(&format!("INSERT INTO {name}.t VALUES (11")).advises("binlog_format=ROW");
    // It cannot be passed.
    link.run().fault("TG-3008");
    let reached = sql(&pair.target(), &format!("SELECT MAX(id) FROM {name}.t"));
    assert!(["3", "10"].contains(&reached.as_str()), "{reached}");
    link.forget();
    link.goes_on();
}

/// A trigger may carry a statement from a database of no concern into a selected one.
fn a_statement_aside(pair: &Pair, flavour: Flavour) {
    make(&pair.source(), "reached");
    let aside = "CREATE DATABASE aside; CREATE TABLE aside.q (id INT PRIMARY KEY); CREATE TABLE aside.r LIKE aside.q; \
         CREATE TRIGGER aside.carry AFTER INSERT ON aside.q FOR EACH ROW INSERT INTO reached.t VALUES (NEW.id, 'carried')";
    sql(&pair.source(), aside);
    let link = Link::new(pair, "reached");
    link.goes_on();
    if flavour == Flavour::Mysql {
        sql(&pair.source(), "SET SESSION binlog_format = 'STATEMENT'; INSERT INTO aside.r VALUES (1)");
        link.goes_on();
    }
    sql(&pair.source(), "USE aside; SET SESSION binlog_format = 'STATEMENT'; INSERT INTO q VALUES (20)");
    link.run().fault("TG-3008").says("INSERT INTO q VALUES (20)");
}

fn purged(pair: &Pair) {
    make(&pair.source(), "late");
    let link = Link::new(pair, "late");
    link.goes_on();
    sql(&pair.source(), "INSERT INTO late.t VALUES (10, 'ten'); FLUSH BINARY LOGS");
    let logs = sql(&pair.source(), "SHOW BINARY LOGS");
    let newest = logs.lines().last().and_then(|line| line.split('\t').next()).expect("a log");
    // As long as the server holds a file for one of its own threads it is not purged.
    let purge = format!("PURGE BINARY LOGS TO '{newest}'; SHOW BINARY LOGS");
    ask_until(&pair.source(), &purge, |logs| logs.lines().count() == 1);
    sql(&pair.source(), "INSERT INTO late.t VALUES (11, 'eleven')");
    link.refuses("TG-3004").says("source: ").says("1236").advises("new copy");
    link.forget();
    link.goes_on();
}

/// Restored, or another server at the same address: it has never heard of what was read from it.
fn rewound(pair: &Pair, reset: &str) {
    make(&pair.source(), "back");
    let link = Link::new(pair, "back");
    link.goes_on();
    sql(&pair.source(), &format!("{reset}; INSERT INTO back.t VALUES (10, 'ten')"));
    let fault = link.refuses("TG-3006");
    fault.says("source: ").says(&last_read(&pair.target())).advises("tidegate verify");
    link.forget();
    link.goes_on();
}

/// The last transaction's number, which the source no longer has.
fn last_read(target: &Server) -> String {
    let position =
        "SELECT position FROM tidegate.checkpoint WHERE instance = 'back' ORDER BY seq DESC LIMIT 1";
    let position = sql(target, position);
    let digits = position.len() - position.trim_end_matches(|last: char| last.is_ascii_digit()).len();
    position[position.len() - digits..].to_owned()
}
