//! A running instance and what befalls it: servers that go away, statements that are under way, other objects.

use crate::link::DEADLINE;
use crate::servers::{Pair, Session, ask_until, make, sql};
use crate::service::Service;
use std::time::Instant;
use tidegate_sandbox::Flavour;

#[test]
fn an_instance_on_mysql_is_operated() {
    is_operated(Flavour::Mysql);
}

#[test]
fn an_instance_on_mariadb_is_operated() {
    is_operated(Flavour::Mariadb);
}

fn is_operated(flavour: Flavour) {
    let pair = Pair::start(flavour);
    let service = Service::start("operating");
    nothing_comes_after_the_end(&pair, &service);
    a_pause_collects(&pair, &service);
    a_source_goes_away(&pair, &service);
}

fn runs(pair: &Pair, service: &Service, name: &str) {
    make(&pair.source(), name);
    service.create(pair, name);
    service.does(&["start", name]);
    service.is_level(pair, name);
}

/// A schema change that waits in the target is ended with its instance, not carried out some time later.
fn nothing_comes_after_the_end(pair: &Pair, service: &Service) {
    runs(pair, service, "ended");
    let mut root = Session::open(&pair.target());
    root.run("BEGIN; SELECT COUNT(*) FROM ended.t");
    sql(&pair.source(), "ALTER TABLE ended.t ADD COLUMN x INT");
    let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl' AND INFO LIKE 'ALTER TABLE%'";
    ask_until(&pair.target(), waiting, |count| count == "1");
    service.does(&["terminate", "ended"]);
    service.does(&["wait", "ended", "--for", "completed", "--timeout", "10s"]);
    assert_eq!(service.gets(&["show", "ended"])["why"], serde_json::Value::Null);
    assert_eq!(sql(&pair.target(), waiting), "0");
    root.run("ROLLBACK");
    let columns = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'ended'";
    assert_eq!(sql(&pair.target(), columns), "2");
}

/// While it is paused nothing is written, and what the source logs is kept, also when the source then forgets it.
fn a_pause_collects(pair: &Pair, service: &Service) {
    runs(pair, service, "paused");
    service.does(&["pause", "paused"]);
    service.does(&["wait", "paused", "--for", "paused"]);
    let captured = |more_than: u64| {
        let began = Instant::now();
        loop {
            let shown = service.gets(&["show", "paused"]);
            let progress = &shown["progress"];
            let seq = progress["seq_captured"].as_u64().unwrap_or(0);
            if progress["step"] == "collecting" && seq > more_than {
                return seq;
            }
            assert!(began.elapsed() < DEADLINE, "{shown}");
        }
    };
    sql(&pair.source(), "INSERT INTO paused.t VALUES (60, 'collected')");
    let first = captured(0);
    sql(&pair.source(), "INSERT INTO paused.t VALUES (61, 'also')");
    captured(first);
    sql(&pair.source(), "FLUSH BINARY LOGS");
    sql(&pair.source(), "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM paused.t WHERE id >= 60"), "0");
    service.does(&["resume", "paused"]);
    service.is_level(pair, "paused");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM paused.t WHERE id >= 60"), "2");
}

/// It says that it retries, goes on by itself, and gives up when its time is over.
fn a_source_goes_away(pair: &Pair, service: &Service) {
    runs(pair, service, "away");
    let url = |url: String| url.replace("root@", "repl@");
    let (source, target) = (url(pair.source().url()), url(pair.target().url()));
    make(&pair.source(), "short");
    let ends = ["--source", &source, "--target", &target, "--include", "short.*", "--retry-for", "12s"];
    service.does(&[&["create", "short"], &ends[..]].concat());
    service.does(&["start", "short"]);
    service.is_level(pair, "short");
    pair.source_mut().kill();
    service.does(&["wait", "away", "--for", "retrying", "--timeout", "60s"]);
    service
        .ask(&["wait", "short", "--for", "completed", "--timeout", "120s"])
        .fault("TG-7003")
        .says("gave up");
    pair.restart_source(&[]);
    sql(&pair.source(), "INSERT INTO away.t VALUES (50, 'back'); INSERT INTO short.t VALUES (50, 'back')");
    service.does(&["wait", "away", "--for", "synchronizing", "--timeout", "90s"]);
    service.is_level(pair, "away");
    service.does(&["resume", "short"]);
    service.is_level(pair, "short");
}
