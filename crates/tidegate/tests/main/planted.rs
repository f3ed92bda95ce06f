//! The precheck: each planted fault is found by its item, whose remedy, carried out as it stands, makes it pass.

use crate::servers::{Pair, make, sql};
use crate::service::Service;
use serde_json::Value;
use tidegate_sandbox::Flavour;

/// Where the fault is, what plants it, which item finds it, and what the item says then.
type Fault = (Side, &'static str, &'static str, &'static str);

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Source,
    Target,
}

const FAULTS: [Fault; 17] = [
    (Side::Source, "ALTER USER repl@'%' ACCOUNT LOCK", "SOURCE_CONNECT", "failed"),
    (Side::Target, "ALTER USER repl@'%' ACCOUNT LOCK", "TARGET_CONNECT", "failed"),
    (Side::Source, "CREATE TABLE planted.keyless (a INT)", "KEYS", "warning"),
    (
        Side::Target,
        "CREATE DATABASE planted; CREATE TABLE planted.t (id INT PRIMARY KEY, v VARCHAR(20)); \
         INSERT INTO planted.t VALUES (7, 'not ours')",
        "TARGET_OBJECTS",
        "failed",
    ),
    (Side::Target, "ALTER TABLE planted.t MODIFY v VARCHAR(21)", "TARGET_OBJECTS", "failed"),
    (
        Side::Target,
        "CREATE TABLE planted.t (id INT PRIMARY KEY, v VARCHAR(20)); CREATE TRIGGER planted.own AFTER INSERT ON planted.t FOR EACH ROW SET @x = 1",
        "TARGET_TRIGGERS",
        "warning",
    ),
    (
        Side::Target,
        "CREATE EVENT planted.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM planted.t",
        "TARGET_EVENTS",
        "warning",
    ),
    (Side::Source, "SET GLOBAL binlog_row_image = 'MINIMAL'", "ROW_IMAGE", "failed"),
    (Side::Source, "SET GLOBAL binlog_row_metadata = 'MINIMAL'", "ROW_METADATA", "warning"),
    (Side::Source, "SET GLOBAL binlog_expire_logs_seconds = 3600", "LOG_RETENTION", "warning"),
    (Side::Source, "REVOKE SELECT ON *.* FROM repl@'%'", "SOURCE_RIGHTS", "failed"),
    (Side::Target, "REVOKE INSERT, DROP ON *.* FROM repl@'%'", "TARGET_RIGHTS", "failed"),
    (Side::Target, "SET GLOBAL read_only = 1", "TARGET_WRITABLE", "failed"),
    (Side::Target, "SET GLOBAL local_infile = 0", "LOCAL_INFILE", "warning"),
    (Side::Target, "SET GLOBAL max_allowed_packet = 1048576", "TARGET_PACKET", "warning"),
    (Side::Target, "SET GLOBAL time_zone = '+03:00'", "TIME_ZONE", "warning"),
    (Side::Target, "SET GLOBAL sql_mode = 'ANSI_QUOTES'", "SQL_MODE", "warning"),
];
const OF_MARIADB: [Fault; 2] = [
    (Side::Source, "SET GLOBAL binlog_format = 'STATEMENT'", "BINLOG_FORMAT", "failed"),
    (Side::Target, "SET GLOBAL character_set_server = 'latin2'", "CHARACTER_SET", "warning"),
];
const OF_MYSQL: [Fault; 3] = [
    (Side::Source, "SET GLOBAL server_id = 0", "SERVER_ID", "failed"),
    (Side::Target, "SET GLOBAL super_read_only = 1", "TARGET_WRITABLE", "failed"),
    (Side::Target, "SET GLOBAL collation_server = 'utf8mb4_bin'", "COLLATION", "warning"),
];

#[test]
fn planted_faults_are_found_on_mysql() {
    are_found(Flavour::Mysql, &OF_MYSQL);
}

#[test]
fn planted_faults_are_found_on_mariadb() {
    are_found(Flavour::Mariadb, &OF_MARIADB);
}

fn are_found(flavour: Flavour, more: &[Fault]) {
    let pair = Pair::start(flavour);
    for (server, settings) in [
        (
            &pair.source(),
            "SET GLOBAL binlog_row_metadata = 'FULL'; SET GLOBAL binlog_expire_logs_seconds = 604800",
        ),
        (&pair.target(), "SET GLOBAL local_infile = 1; SET GLOBAL max_allowed_packet = 67108864"),
    ] {
        sql(server, settings);
    }
    make(&pair.source(), "planted");
    let service = Service::start("planted");
    service.create(&pair, "planted");
    let before = items(&service);
    let noted: Vec<&Value> = before.iter().filter(|item| item["result"] != "passed").collect();
    assert!(noted.iter().all(|item| item["code"] == "GTID"), "{noted:?}");
    for (side, plant, code, result) in FAULTS.iter().chain(more) {
        let server = if *side == Side::Source { pair.source() } else { pair.target() };
        sql(&server, plant);
        let found = items(&service);
        let item = found.iter().find(|item| item["code"] == *code).expect(code);
        assert_eq!(item["result"], *result, "{plant}: {item}");
        let others = found.iter().filter(|item| item["result"] == "failed" && item["code"] != *code);
        // Without a look at one server, much of the other is not known either.
        let follows = ["OBJECTS", "TOPOLOGY", "TARGET_OBJECTS"];
        assert!(
            others.clone().all(|other| follows.iter().any(|code| other["code"] == *code)),
            "{plant}: {:?}",
            others.collect::<Vec<_>>()
        );
        sql(&server, &statements(item["remedy"].as_str().expect("a remedy")));
        let after = items(&service);
        let item = after.iter().find(|item| item["code"] == *code).expect(code);
        assert_eq!(item["result"], "passed", "{plant}: {item}");
    }
}

fn items(service: &Service) -> Vec<Value> {
    service.does(&["precheck", "planted"]);
    loop {
        let shown = service.gets(&["show", "planted"]);
        if shown["status"] != "Prechecking" {
            return shown["precheck"].as_array().expect("items").clone();
        }
    }
}

/// The statements of a remedy, as a person would copy them.
fn statements(remedy: &str) -> String {
    let statement = |part: &str| {
        let from = ["GRANT ", "SET GLOBAL ", "TRUNCATE TABLE ", "DROP T", "ALTER "]
            .iter()
            .filter_map(|verb| part.find(verb))
            .min()?;
        let end = [" on the ", ", or another", " (or with"].iter().filter_map(|end| part.find(end)).min();
        Some(part[from..end.unwrap_or(part.len())].trim().to_owned())
    };
    let found: Vec<String> = remedy.split(';').filter_map(statement).collect();
    assert!(!found.is_empty(), "no statement in {remedy}");
    found.join("; ")
}
