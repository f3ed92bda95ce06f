//! Other objects for an instance that runs, under a load that does not stop for it.

use crate::link::DEADLINE;
use crate::servers::{Pair, Session, ask_until, make, sql};
use crate::service::Service;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tidegate_sandbox::{Flavour, Server};

#[test]
fn objects_come_and_go_on_mysql() {
    come_and_go(Flavour::Mysql);
}

#[test]
fn objects_come_and_go_on_mariadb() {
    come_and_go(Flavour::Mariadb);
}

fn come_and_go(flavour: Flavour) {
    let pair = Pair::start(flavour);
    let service = Service::start("objects");
    added_while_the_rest_goes_on(&pair, &service);
    removed_and_taken_back(&pair, &service);
    what_is_no_table(&pair, &service);
    refused(&pair, &service);
    stopped_on_the_way(&pair, &service);
}

fn tables_of(pair: &Pair, name: &str) {
    make(&pair.source(), name);
    let more = "CREATE TABLE u (id INT PRIMARY KEY, t_id INT, n BIGINT NOT NULL, v VARCHAR(40)); \
         INSERT INTO u WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 900) \
         SELECT i, i, 0, 'before' FROM s; \
         CREATE TABLE keyless (a INT, b INT); INSERT INTO keyless VALUES (1, 1), (1, 1), (2, NULL)";
    sql(&pair.source(), &format!("USE {name}; {more}"));
}

/// Writes to every table, in transactions across old and new ones, until it is told to stop.
fn load(source: &Server, name: &str, stop: &AtomicBool, changes_tables: bool) -> u32 {
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) || turn < 100 {
        turn += 1;
        let id = 1000 + turn;
        let statements = format!(
            "USE {name}; BEGIN; INSERT INTO t VALUES ({id}, 'load'); UPDATE u SET n = n + 1 WHERE id <= 50; \
             INSERT INTO u (id, n) VALUES ({id}, {turn}); INSERT INTO keyless VALUES ({turn}, 1); COMMIT; \
             DELETE FROM keyless WHERE a = 1 LIMIT 1; UPDATE u SET v = 'after' WHERE id = {}",
            turn % 900 + 1
        );
        sql(source, &statements);
        if changes_tables && turn % 40 == 0 {
            sql(source, &format!("ALTER TABLE {name}.u ADD COLUMN c{turn} INT DEFAULT {turn}"));
        }
    }
    turn
}

/// Every row of both sides, by an answer of the server itself.
#[track_caller]
fn same(pair: &Pair, service: &Service, name: &str, tables: &[&str]) {
    service.does(&["wait", name, "--for", "caught-up"]);
    for table in tables {
        let rows = format!("SELECT * FROM {name}.{table} ORDER BY 1, 2");
        let expected = sql(&pair.source(), &rows);
        ask_until(&pair.target(), &rows, |found| found == expected);
    }
}

#[track_caller]
fn until_changed(service: &Service, name: &str) {
    let began = Instant::now();
    loop {
        let shown = service.gets(&["show", name]);
        if shown["wanted"].is_null() {
            return;
        }
        assert!(shown["wanted"]["why"].is_null() && began.elapsed() < DEADLINE, "{shown}");
    }
}

fn added_while_the_rest_goes_on(pair: &Pair, service: &Service) {
    tables_of(pair, "grow");
    let url = |url: String| url.replace("root@", "repl@");
    let (source, target) = (url(pair.source().url()), url(pair.target().url()));
    service.does(&["create", "grow", "--source", &source, "--target", &target, "--include", "grow.t"]);
    let tree =
        ["tree", "--source", &source, "--database", "grow", "--include", "grow.t", "--rename", "grow.*=g.*"];
    let tables = service.gets(&tree);
    let found: Vec<_> =
        tables.as_array().expect("tables").iter().map(|table| (&table["name"], &table["selected"])).collect();
    assert_eq!(
        found,
        [(&"keyless".into(), &false.into()), (&"t".into(), &true.into()), (&"u".into(), &false.into())]
    );
    assert_eq!((&tables[1]["target"], &tables[0]["has_key"]), (&"g.t".into(), &false.into()));
    assert_eq!(tables[1]["columns"][1]["name"], "v");
    assert!(service.does(&["tree", "--source", &source]).contains("grow.keyless"));
    service.does(&["start", "grow"]);
    service.does(&["wait", "grow", "--for", "caught-up"]);
    let said = service.does(&["objects", "grow", "--include", "grow.*", "--dry-run"]);
    assert!(said.contains("grow.u would be added") && said.contains("grow.keyless"), "{said}");
    assert_eq!(sql(&pair.target(), "SHOW TABLES IN grow"), "t");
    let stop = AtomicBool::new(false);
    let server: &Server = &pair.source();
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(server, "grow", &stop, true));
        service.does(&["objects", "grow", "--include", "grow.*"]);
        until_changed(service, "grow");
        stop.store(true, Ordering::Relaxed);
        assert!(loading.join().expect("a load") > 0);
    });
    same(pair, service, "grow", &["t", "u", "keyless"]);
    let links = "SELECT COUNT(*) FROM tidegate.link WHERE instance LIKE '%-add'";
    assert_eq!(sql(&pair.target(), links), "0");
    sql(
        &pair.source(),
        "CREATE TABLE grow.later (id INT PRIMARY KEY, v INT); INSERT INTO grow.later VALUES (1, 1)",
    );
    same(pair, service, "grow", &["t", "u", "keyless", "later"]);
    let history = service.does(&["history", "grow"]);
    assert!(history.contains("objects wanted") && history.contains("objects changed"), "{history}");
    service.does(&["pause", "grow"]);
    service.does(&["wait", "grow", "--for", "paused"]);
    service.does(&["resume", "grow"]);
    same(pair, service, "grow", &["u"]);
}

fn removed_and_taken_back(pair: &Pair, service: &Service) {
    let said = service.does(&["objects", "grow", "--include", "grow.*", "--exclude", "grow.u"]);
    assert!(said.contains("grow.u is to be followed no more"), "{said}");
    until_changed(service, "grow");
    sql(&pair.source(), "UPDATE grow.u SET v = 'alone'; INSERT INTO grow.t VALUES (500000, 'followed')");
    same(pair, service, "grow", &["t"]);
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM grow.u WHERE v = 'alone'"), "0");
    // Its rows are there, so nobody knows what they are.
    service.does(&["objects", "grow", "--include", "grow.*"]);
    let began = Instant::now();
    let why = loop {
        let shown = service.gets(&["show", "grow"]);
        if let Some(code) = shown["wanted"]["why"]["code"].as_str() {
            break code.to_owned();
        }
        assert!(began.elapsed() < DEADLINE, "{shown}");
    };
    assert_eq!(why, "TG-4002");
    sql(&pair.source(), "INSERT INTO grow.t VALUES (500001, 'goes on')");
    same(pair, service, "grow", &["t"]);
    // With the cause removed it is asked for once more.
    sql(&pair.target(), "TRUNCATE TABLE grow.u");
    service.does(&["objects", "grow", "--include", "grow.*"]);
    until_changed(service, "grow");
    same(pair, service, "grow", &["t", "u"]);
}

/// What is no table needs no copy, and comes too.
fn what_is_no_table(pair: &Pair, service: &Service) {
    let made =
        "CREATE DATABASE seen; CREATE VIEW seen.all_t AS SELECT id FROM grow.t; CREATE DATABASE vacant";
    sql(&pair.source(), made);
    let wanted = ["objects", "grow", "--include", "grow.*", "--include", "seen.*", "--include", "vacant.*"];
    assert!(service.does(&wanted).contains("no table comes or goes"));
    until_changed(service, "grow");
    let views = "SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'seen'";
    assert_eq!(sql(&pair.target(), views), "1");
    sql(
        &pair.source(),
        "CREATE TABLE vacant.t (id INT PRIMARY KEY, v INT); INSERT INTO vacant.t VALUES (1, 2)",
    );
    service.does(&["wait", "grow", "--for", "caught-up"]);
    ask_until(&pair.target(), "SHOW TABLES IN vacant", |found| found == "t");
    service.does(&["objects", "grow", "--include", "grow.*"]);
    until_changed(service, "grow");
}

fn refused(pair: &Pair, service: &Service) {
    let renamed = ["objects", "grow", "--include", "grow.*", "--rename", "grow.*=other.*"];
    service.ask(&renamed).fault("TG-1004").says("would be called").advises("keeps its name");
    assert!(service.does(&["objects", "grow", "--include", "grow.*"]).contains("no table comes or goes"));
    make(&pair.source(), "never");
    sql(
        &pair.target(),
        "CREATE DATABASE never; CREATE TABLE never.t (id INT); INSERT INTO never.t VALUES (1)",
    );
    service.does(&["objects", "grow", "--include", "grow.*", "--include", "never.*"]);
    let third = ["objects", "grow", "--include", "grow.*", "--include", "third.*"];
    service.ask(&third).fault("TG-7003").says("take them back");
    service.does(&["objects", "grow", "--include", "grow.*"]);
    until_changed(service, "grow");
    assert_eq!(sql(&pair.target(), "SELECT id FROM never.t"), "1");
    service.does(&["pause", "grow"]);
    service.does(&["wait", "grow", "--for", "paused"]);
    service.ask(&third).fault("TG-7003").says("while it runs");
}

/// While the copy of what is added waits for a lock: a pause, its end, and the end of everything.
fn stopped_on_the_way(pair: &Pair, service: &Service) {
    make(&pair.source(), "stopped");
    sql(
        &pair.source(),
        "CREATE TABLE stopped.u (id INT PRIMARY KEY, v INT); INSERT INTO stopped.u VALUES (1, 1)",
    );
    let url = |url: String| url.replace("root@", "repl@");
    let (source, target) = (url(pair.source().url()), url(pair.target().url()));
    service.does(&["create", "stopped", "--source", &source, "--target", &target, "--include", "stopped.t"]);
    service.does(&["start", "stopped"]);
    service.does(&["wait", "stopped", "--for", "caught-up"]);
    sql(&pair.target(), "CREATE TABLE stopped.u (id INT PRIMARY KEY, v INT)");
    let mut root = Session::open(&pair.target());
    root.run("LOCK TABLES stopped.u READ");
    service.does(&["objects", "stopped", "--include", "stopped.*"]);
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl' \
         AND STATE LIKE '%metadata lock%' AND INFO LIKE '%stopped%u%'";
    ask_until(&pair.target(), waits, |count| count != "0");
    sql(&pair.source(), "INSERT INTO stopped.t VALUES (10, 'goes on')");
    let rows = "SELECT COUNT(*) FROM stopped.t WHERE id = 10";
    ask_until(&pair.target(), rows, |count| count == "1");
    service.does(&["pause", "stopped"]);
    service.does(&["wait", "stopped", "--for", "paused", "--timeout", "20s"]);
    root.run("UNLOCK TABLES");
    service.does(&["resume", "stopped"]);
    until_changed(service, "stopped");
    same(pair, service, "stopped", &["t", "u"]);
    sql(&pair.source(), "CREATE TABLE stopped.w (id INT PRIMARY KEY, v INT)");
    sql(&pair.source(), "CREATE DATABASE stopped_2; CREATE TABLE stopped_2.x (id INT PRIMARY KEY, v INT)");
    sql(&pair.target(), "CREATE DATABASE stopped_2; CREATE TABLE stopped_2.x (id INT PRIMARY KEY, v INT)");
    sql(&pair.source(), "INSERT INTO stopped_2.x VALUES (1, 1)");
    root.run("LOCK TABLES stopped_2.x READ");
    service.does(&["objects", "stopped", "--include", "stopped.*", "--include", "stopped_2.*"]);
    ask_until(&pair.target(), &waits.replace("stopped%u", "stopped_2%x"), |count| count != "0");
    service.does(&["terminate", "stopped"]);
    service.does(&["wait", "stopped", "--for", "completed", "--timeout", "10s"]);
    root.run("UNLOCK TABLES");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM stopped_2.x"), "0");
    let ours =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl' AND INFO LIKE '%stopped%'";
    assert_eq!(sql(&pair.target(), ours), "0");
    let id = service.gets(&["show", "stopped"])["id"].as_str().expect("an id").to_owned();
    let listed = service.does(&["cleanup", "stopped"]);
    assert!(listed.contains(&format!("{id}-add")) || listed.contains("DROP DATABASE tidegate"), "{listed}");
    service.does(&["release", "stopped"]);
    service.does(&["wait", &id, "--for", "released"]);
    let folders = service.home.0.join(".local/state/tidegate/server/instances");
    let left: Vec<_> =
        std::fs::read_dir(folders).expect("folders").flatten().map(|one| one.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(&id)), "{left:?}");
}

/// Wherever the service is killed on the way: both tables are followed in the end, once.
#[test]
fn a_crash_on_the_way_to_other_objects() {
    let pair = Pair::start(Flavour::Mysql);
    let mut service = Service::start("objects-crash");
    for point in ["main-rests", "both-rest", "reselected"] {
        let name = point.replace('-', "_");
        tables_of(&pair, &name);
        let url = |url: String| url.replace("root@", "repl@");
        let (source, target) = (url(pair.source().url()), url(pair.target().url()));
        let include = format!("{name}.t");
        service.does(&["create", &name, "--source", &source, "--target", &target, "--include", &include]);
        service.does(&["start", &name]);
        service.does(&["wait", &name, "--for", "caught-up"]);
        service.child.kill().expect("a kill");
        service.start_again(Some(point));
        let stop = AtomicBool::new(false);
        let server: &Server = &pair.source();
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| load(server, &name, &stop, false));
            service.does(&["wait", &name, "--for", "synchronizing"]);
            service.does(&["objects", &name, "--include", &format!("{name}.*")]);
            service.start_again(None);
            until_changed(&service, &name);
            stop.store(true, Ordering::Relaxed);
            loading.join().expect("a load");
        });
        same(&pair, &service, &name, &["t", "u", "keyless"]);
        service.does(&["terminate", &name]);
        service.does(&["wait", &name, "--for", "completed"]);
    }
}
