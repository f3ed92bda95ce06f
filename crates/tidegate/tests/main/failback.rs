//! An instance and its reverse: never both write, nothing is lost, nothing goes round in circles.

use crate::link::DEADLINE;
use crate::program::Ended;
use crate::servers::{Pair, ask_until, make, sql};
use crate::service::Service;
use serde_json::Value;
use std::time::Instant;
use tidegate_sandbox::{Flavour, Server};

#[test]
fn there_and_back_on_mysql() {
    there_and_back(Flavour::Mysql);
}

#[test]
fn there_and_back_on_mariadb() {
    there_and_back(Flavour::Mariadb);
}

fn there_and_back(flavour: Flavour) {
    let pair = Pair::start(flavour);
    let service = Service::start("failback");
    written_before_the_reverse(&pair, &service);
    begins(&pair, &service);
    the_three_steps(&pair, &service);
    for cycle in 1..=3 {
        a_cycle(&pair, &service, cycle);
    }
    ends(&pair, &service);
}

/// Rows, transactions and a schema change.
pub(crate) fn writes(server: &Server, turn: u32) {
    let base = turn * 100;
    sql(
        server,
        &format!(
            "USE home; BEGIN; INSERT INTO t (id, v) VALUES ({base}, 'a'), ({base} + 1, 'b'), ({base} + 2, 'c'); \
             UPDATE t SET v = CONCAT(v, '{turn}') WHERE id < {base}; DELETE FROM t WHERE id = {base} + 1; \
             INSERT INTO numbered VALUES (), (); DELETE FROM numbered; COMMIT; \
             ALTER TABLE t ADD COLUMN c{turn} INT DEFAULT {turn}; INSERT INTO t (id, v) VALUES ({base} + 3, 'after'); \
             CREATE TABLE made_{turn} (id INT PRIMARY KEY); INSERT INTO made_{turn} VALUES ({turn})"
        ),
    );
}

fn state(server: &Server) -> String {
    sql(
        server,
        "CHECKSUM TABLE home.t; SELECT COUNT(*), SUM(id) FROM home.t; SHOW TABLES FROM home; SHOW CREATE TABLE home.t",
    )
}

/// Both sides come to hold the same.
#[track_caller]
pub(crate) fn are_level(pair: &Pair, from: &Server) {
    let expected = state(from);
    let other = if from.url() == pair.source().url() { pair.target() } else { pair.source() };
    let until = Instant::now() + DEADLINE;
    while state(&other) != expected {
        assert!(Instant::now() < until, "they differ:\n{expected}\n{}", state(&other));
    }
}

/// Applications have moved before anybody thought of the way back.
fn written_before_the_reverse(pair: &Pair, service: &Service) {
    // What was there before the instance began is nobody's change.
    sql(
        &pair.target(),
        "CREATE DATABASE early; CREATE TABLE early.t (id INT PRIMARY KEY, v VARCHAR(20)); \
         INSERT INTO early.t VALUES (1, 'before'); DELETE FROM early.t",
    );
    make(&pair.source(), "early");
    service.create(pair, "early");
    service.does(&["start", "early"]);
    service.does(&["wait", "early", "--for", "caught-up"]);
    sql(&pair.source(), "INSERT INTO early.t VALUES (10, 'forward')");
    ask_until(&pair.target(), "SELECT COUNT(*) FROM early.t", |count| count == "4");
    sql(
        &pair.target(),
        "INSERT INTO early.t VALUES (20, 'app'), (21, 'app'); UPDATE early.t SET v = 'moved' WHERE id = 1; \
         CREATE TABLE early.made (id INT PRIMARY KEY)",
    );
    refused(service.runs(&["reverse", "create", "early"]), "3 transactions from");
    refused(service.runs(&["reverse", "create", "early"]), "3 rows of early.t, 1 schema changes");
    refused(service.runs(&["reverse", "create", "early", "--from", "nowhere"]), "from: ");
    // The precheck wants the same definitions on both sides.
    sql(&pair.target(), "DROP TABLE early.made");
    runs(service, &["reverse", "create", "early", "--from", "cutover"]);
    service.does(&["wait", "early-reverse", "--for", "Collecting"]);
    let preview = runs(service, &["reverse", "preview", "early", "--json"]);
    let preview: Value = serde_json::from_str(&preview).expect("JSON");
    let counts = (&preview["transactions"], &preview["rows"]["early.t"], &preview["schema_changes"]);
    assert_eq!(counts, (&4.into(), &3.into(), &2.into()), "{preview}");
    runs(service, &["switchover", "early"]);
    let preview = runs(service, &["reverse", "preview", "early"]);
    assert!(preview.contains("schema changes"), "{preview}");
    let rows = "SELECT * FROM early.t ORDER BY id";
    let expected = sql(&pair.target(), rows);
    assert!(expected.contains("1\tmoved") && expected.contains("21\tapp"), "{expected}");
    ask_until(&pair.source(), rows, |found| found == expected);
}

/// An instance that runs, with a reverse that collects.
pub(crate) fn a_pair(pair: &Pair, service: &Service) {
    begins(pair, service);
    runs(service, &["reverse", "create", "home"]);
    service.does(&["wait", "home-reverse", "--for", "Collecting"]);
}

fn begins(pair: &Pair, service: &Service) {
    sql(
        &pair.source(),
        "CREATE DATABASE home; CREATE TABLE home.t (id INT PRIMARY KEY, v VARCHAR(200)); INSERT INTO home.t VALUES (1, 'one'); \
         CREATE TABLE home.numbered (id INT AUTO_INCREMENT PRIMARY KEY)",
    );
    service.create(pair, "home");
    refused(service.runs(&["reverse", "create", "home"]), "it is Not Started");
    service.does(&["start", "home"]);
    service.does(&["wait", "home", "--for", "caught-up"]);
    writes(&pair.source(), 1);
    are_level(pair, &pair.source());
    refused(service.runs(&["switchover", "home"]), "has no reverse");
}

#[track_caller]
pub(crate) fn refused(ended: Ended, why: &str) {
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.err.contains(why), "{ended}");
}

#[track_caller]
pub(crate) fn runs(service: &Service, args: &[&str]) -> String {
    let ended = service.runs(args);
    assert_eq!(ended.code, Some(0), "{args:?}: {ended}");
    ended.out
}

/// Creating, pausing, starting, as the hosted service has it, and everything in the wrong order.
fn the_three_steps(pair: &Pair, service: &Service) {
    runs(service, &["reverse", "create", "home"]);
    service.does(&["wait", "home-reverse", "--for", "Collecting"]);
    refused(service.runs(&["reverse", "create", "home"]), "has a reverse already");
    refused(service.runs(&["reverse", "create", "home-reverse"]), "it is a reverse itself");
    refused(service.runs(&["reverse", "start", "home"]), "the other direction can still write");
    // Whatever the instance writes now is no news for its reverse.
    writes(&pair.source(), 2);
    are_level(pair, &pair.source());
    service.does(&["wait", "home", "--for", "caught-up"]);
    service.does(&["pause", "home"]);
    service.does(&["wait", "home", "--for", "Paused"]);
    // Applications that did not stop: what they wrote would be lost.
    sql(&pair.source(), "INSERT INTO home.t (id, v) VALUES (77, 'late')");
    runs(service, &["reverse", "start", "home"]);
    let shown = declined(service, "home-reverse", "Collecting");
    assert!(
        shown["why"]["detail"].as_str().expect("a reason").contains("has not applied 1 transactions"),
        "{shown}"
    );
    service.does(&["resume", "home"]);
    service.does(&["wait", "home", "--for", "caught-up"]);
    service.does(&["pause", "home"]);
    service.does(&["wait", "home", "--for", "Paused"]);
    // Applications write to the other side before the reverse is started: it has collected that.
    writes(&pair.target(), 3);
    runs(service, &["reverse", "start", "home"]);
    service.does(&["wait", "home-reverse", "--for", "caught-up"]);
    are_level(pair, &pair.target());
    refused(service.ask(&["resume", "home"]), "its reverse has the right to write");
    refused(service.ask(&["start", "home"]), "its reverse has the right to write");
    writes(&pair.target(), 4);
    are_level(pair, &pair.target());
    only_one_may_write(pair, "home-reverse", service);
}

#[track_caller]
fn declined(service: &Service, name: &str, back_to: &str) -> Value {
    let until = Instant::now() + DEADLINE;
    loop {
        let shown = service.gets(&["show", name]);
        if shown["status"] == back_to && !shown["why"].is_null() {
            return shown;
        }
        assert!(Instant::now() < until, "{shown}");
    }
}

/// By the word of both databases.
#[track_caller]
pub(crate) fn only_one_may_write(pair: &Pair, name: &str, service: &Service) {
    let (forward, reverse) = (service.gets(&["show", "home"]), service.gets(&["show", "home-reverse"]));
    let permit = |server: &Server, shown: &Value| {
        let id = shown["id"].as_str().expect("an id");
        sql(server, &format!("SELECT held FROM tidegate.permit WHERE instance = '{id}'"))
    };
    let (there, here) = (permit(&pair.target(), &forward), permit(&pair.source(), &reverse));
    let expected = if name == "home" { ("1", "0") } else { ("0", "1") };
    assert_eq!((there.as_str(), here.as_str()), expected);
    let may = |shown: &Value| shown["may_write"].as_bool().expect("a flag");
    assert_eq!((may(&forward), may(&reverse)), (name == "home", name != "home"));
}

/// Back to the source, and there again, without a new copy.
fn a_cycle(pair: &Pair, service: &Service, cycle: u32) {
    let said = runs(service, &["failback", "home", "--dry-run"]);
    assert!(said.contains("point of no return") && !said.contains("refused"), "{said}");
    runs(service, &["failback", "home"]);
    only_one_may_write(pair, "home", service);
    assert!(next_number(&pair.source()) >= next_number(&pair.target()), "numbers are given out twice");
    writes(&pair.source(), 10 * cycle);
    are_level(pair, &pair.source());
    runs(service, &["switchover", "home"]);
    only_one_may_write(pair, "home-reverse", service);
    assert!(next_number(&pair.target()) >= next_number(&pair.source()), "numbers are given out twice");
    writes(&pair.target(), 10 * cycle + 1);
    are_level(pair, &pair.target());
    for name in ["home", "home-reverse"] {
        let shown = service.gets(&["show", name]);
        assert!(shown["why"].is_null(), "{shown}");
    }
    nothing_went_round(pair, service, cycle);
}

/// What the next row would get, of rows that come and go within a transaction.
fn next_number(server: &Server) -> u64 {
    let fresh =
        if server.flavour() == Flavour::Mysql { "SET information_schema_stats_expiry = 0;" } else { "" };
    let next = "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'home' AND TABLE_NAME = 'numbered'";
    sql(server, &format!("{fresh} {next}")).parse().expect("a number")
}

/// Each link has captured what applications wrote at its source, and nothing that the other has brought there.
fn nothing_went_round(pair: &Pair, service: &Service, cycle: u32) {
    let rows = "SELECT COUNT(*) - COUNT(DISTINCT id) FROM home.t";
    ask_until(&pair.source(), rows, |count| count == "0");
    // Five transactions each time; at the source twice before, and the late one; at the target twice.
    for (name, captured) in [("home", 11 + 5 * cycle), ("home-reverse", 10 + 5 * cycle)] {
        let shown = service.gets(&["show", name]);
        assert_eq!(shown["progress"]["seq_captured"], captured, "{name}");
    }
}

/// The way back is given up. What it has brought is no news to the instance, with it or without it.
fn ends(pair: &Pair, service: &Service) {
    refused(service.ask(&["release", "home"]), "it has a reverse");
    runs(service, &["failback", "home"]);
    service.does(&["terminate", "home-reverse"]);
    service.does(&["wait", "home-reverse", "--for", "Completed"]);
    service.does(&["wait", "home", "--for", "caught-up"]);
    let captured = service.gets(&["show", "home"])["progress"]["seq_captured"].clone();
    service.does(&["release", "home-reverse"]);
    service.does(&["pause", "home"]);
    service.does(&["wait", "home", "--for", "Paused"]);
    service.does(&["resume", "home"]);
    writes(&pair.source(), 70);
    are_level(pair, &pair.source());
    let after = service.gets(&["show", "home"])["progress"]["seq_captured"].clone();
    assert_eq!(after.as_u64(), captured.as_u64().map(|captured| captured + 5));
    refused(service.runs(&["reverse", "create", "home"]), "had a reverse before");
    service.does(&["terminate", "home"]);
    service.does(&["wait", "home", "--for", "Completed"]);
    service.does(&["release", "home"]);
}
