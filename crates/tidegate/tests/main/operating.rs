//! A running instance and what befalls it: servers that go away, statements that are under way, other objects.

use crate::link::DEADLINE;
use crate::servers::{Pair, Session, ask_until, make, sql};
use crate::service::Service;
use crate::webhook::Webhook;
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
    it_begins_anew(&pair, &service);
    other_addresses(&pair, &service);
    a_warning_is_passed_over(&pair, &service);
    a_file_makes_the_same(&service);
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
    let webhook = Webhook::open();
    let told = service.runs(&["alerts", "set", "--webhook", &webhook.url, "--free", "1KiB"]);
    assert!(
        told.code == Some(0) && told.out.contains("127.0.0.1") && !told.out.contains("canary-path"),
        "{told}"
    );
    assert_eq!(service.runs(&["alerts", "test"]).out, "it has arrived\n");
    webhook.hears("firing", "test", None);
    pair.source_mut().kill();
    service.does(&["wait", "away", "--for", "retrying", "--timeout", "60s"]);
    service
        .ask(&["wait", "short", "--for", "completed", "--timeout", "120s"])
        .fault("TG-7003")
        .says("gave up");
    let said = webhook.hears("firing", "failed", Some("short"));
    assert!(
        said["subject"] == "Tidegate: short has failed"
            && said["text"].as_str().is_some_and(|text| text.contains("gave up"))
    );
    let shown = service.runs(&["alerts", "list"]).out;
    assert!(shown.contains("short has failed") && !shown.contains("canary-path"), "{shown}");
    assert!(service.runs(&["status"]).out.contains("! Tidegate: short has failed"));
    pair.restart_source(&[]);
    sql(&pair.source(), "INSERT INTO away.t VALUES (50, 'back'); INSERT INTO short.t VALUES (50, 'back')");
    service.does(&["wait", "away", "--for", "synchronizing", "--timeout", "90s"]);
    service.is_level(pair, "away");
    service.does(&["resume", "short"]);
    service.is_level(pair, "short");
    webhook.hears("resolved", "failed", Some("short"));
}

/// A reset drops what was copied, and nothing else; the next start copies again.
fn it_begins_anew(pair: &Pair, service: &Service) {
    runs(pair, service, "anew");
    sql(&pair.target(), "CREATE TABLE anew.other (id INT)");
    service.ask(&["reset", "anew"]).fault("TG-7003").says("pause it first");
    service.does(&["pause", "anew"]);
    service.does(&["wait", "anew", "--for", "paused"]);
    let said = service.does(&["reset", "anew", "--dry-run"]);
    assert!(said.contains("1 table") && said.contains("anew.t") && said.contains("3 rows copied"), "{said}");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM anew.t"), "3");
    service.does(&["reset", "anew"]);
    service.does(&["wait", "anew", "--for", "notstarted"]);
    assert_eq!(sql(&pair.target(), "SHOW TABLES IN anew"), "other");
    let state =
        "SELECT COUNT(*) FROM tidegate.link JOIN tidegate.copy USING (instance) WHERE database_name = 'anew'";
    assert_eq!(sql(&pair.target(), state), "0");
    service.does(&["start", "anew"]);
    service.is_level(pair, "anew");
}

/// Addresses may change, servers may not: positions and logs are a server's own.
fn other_addresses(pair: &Pair, service: &Service) {
    let url = |url: String| url.replace("root@", "repl@");
    let (source, target) = (url(pair.source().url()), url(pair.target().url()));
    service.ask(&["endpoints", "anew", "--source", &source]).fault("TG-7003").says("while it is paused");
    service.does(&["pause", "anew"]);
    service.does(&["wait", "anew", "--for", "paused"]);
    let swapped = service.ask(&["endpoints", "anew", "--source", &target]).fault("TG-7003");
    swapped.says("source: ").says("another server").advises("duplicate");
    let moved = source.replace("127.0.0.1", "localhost");
    service.does(&["endpoints", "anew", "--source", &moved]);
    assert_eq!(service.gets(&["show", "anew"])["source"]["url"], moved);
    service.does(&["resume", "anew"]);
    service.is_level(pair, "anew");
}

fn a_warning_is_passed_over(pair: &Pair, service: &Service) {
    let mode = sql(&pair.target(), "SELECT @@global.sql_mode");
    sql(&pair.target(), "SET GLOBAL sql_mode = 'ANSI_QUOTES'");
    service.does(&["duplicate", "anew", "warned"]);
    let results = |code: &str| {
        let shown = service.gets(&["show", "warned"]);
        let items = shown["precheck"].as_array().cloned().unwrap_or_default();
        items.into_iter().find(|item| item["code"] == code).expect("an item")["result"].clone()
    };
    service.does(&["precheck", "warned"]);
    service.ask(&["wait", "warned", "--for", "precheckpassed"]);
    let shown = service.gets(&["show", "warned"]);
    let items = shown["precheck"].as_array().expect("items");
    let warning = "SQL_MODE".to_owned();
    assert_eq!(results(&warning), "warning");
    service.does(&["skip", "warned", &warning, "--reason", "known"]);
    service.does(&["precheck", "warned"]);
    service.ask(&["wait", "warned", "--for", "precheckpassed"]);
    assert_eq!(results(&warning), "skipped");
    assert!(service.does(&["recheck", "warned", &warning]).contains("passed over: known (admin)"));
    service.does(&["skip", "warned", &warning, "--undo"]);
    assert!(service.does(&["recheck", "warned", &warning]).starts_with("Warning"));
    assert_eq!(results(&warning), "warning");
    let blocking = items.iter().find(|item| item["blocks"] == true).expect("an item that blocks");
    let code = blocking["code"].as_str().expect("a code");
    service.ask(&["skip", "warned", code, "--reason", "no"]).fault("TG-7003").says("cannot be passed over");
    service.ask(&["recheck", "warned", "NOTHING"]).fault("TG-7007");
    sql(&pair.target(), &format!("SET GLOBAL sql_mode = '{mode}'"));
}

fn a_file_makes_the_same(service: &Service) {
    let text = service.does(&["export", "anew"]);
    assert!(text.contains("[source]") && !text.contains("password"), "{text}");
    let file = service.home.0.join("anew.toml");
    std::fs::write(&file, &text).expect("a file");
    let file = file.display().to_string();
    service.does(&["import", &file, "--name", "again"]);
    let again = service.does(&["export", "again"]);
    assert_eq!(again.replace("again", "anew"), text);
    std::fs::write(&file, text.replace("[source]", "[source]\npassword = \"p\"")).expect("a file");
    service.ask(&["import", &file]).fault("TG-1007").says("a password stands in the file");
    let found = service.gets(&["list", "--search", "AGAI"]);
    assert_eq!((&found["total"], &found["instances"][0]["name"]), (&1.into(), &"again".into()));
}
