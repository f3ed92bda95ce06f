//! The comparison on real servers: what is the same is found identical, and one planted corruption is found alone and by
//! its key.

mod tables;

use self::tables::{Case, cases};
use super::MysqlComparable;
use crate::connect::Endpoint;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine::verify::{self, Difference, Kind, Options, Recheck, Report};
use tidegate_model::Selection;
use tidegate_sandbox::{Flavour, Server, scratch};

fn start(flavour: Flavour, label: &str) -> Server {
    let options = tidegate_sandbox::Options::new(flavour, 1).arg("--event-scheduler=OFF");
    let options = match flavour {
        Flavour::Mysql => options.arg("--innodb-redo-log-capacity=64M"),
        Flavour::Mariadb => options,
    };
    Server::start(options, &scratch(label).unwrap()).unwrap()
}

fn comparable(server: &Server) -> Arc<MysqlComparable> {
    Arc::new(MysqlComparable::new(Endpoint::from_url(&server.url()).unwrap()))
}

/// Compares tables of `a` with those of `b`.
fn compare(source: &Server, target: &Server, include: &str) -> Report {
    let texts = |text: &str| vec![text.to_owned()];
    let selection = Selection::new(&texts(include), &[], &texts("a.*=b.*")).unwrap();
    let recheck = Recheck { times: 0, wait: Duration::ZERO };
    let options = Options { selection, workers: 3, recheck };
    let run = verify::run(comparable(source), comparable(target), options, &|_| {});
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run).unwrap()
}

fn make(server: &Server, database: &str, statements: &str) {
    let mode = "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'";
    server
        .sql(&format!(
            "CREATE DATABASE IF NOT EXISTS {database} CHARSET utf8mb4; USE {database}; {mode}; {statements}"
        ))
        .unwrap();
}

fn found(report: &Report) -> Vec<(&str, String)> {
    let one = |difference: &Difference| {
        let kind = match &difference.kind {
            Kind::Missing => "missing".to_owned(),
            Kind::Extra => "extra".to_owned(),
            Kind::Different { columns } => columns.join(" "),
        };
        format!("{} {kind}", difference.key)
    };
    let tables = report.tables.iter();
    tables
        .flat_map(|table| table.differences.iter().map(move |it| (table.name.table.as_str(), one(it))))
        .collect()
}

fn every_corruption_is_found(flavour: Flavour) {
    let server = start(flavour, "verify");
    let cases: Vec<Case> =
        cases().into_iter().filter(|case| case.only.is_none_or(|only| only == flavour)).collect();
    let script: Vec<String> = cases.iter().map(Case::script).collect();
    for database in ["a", "b"] {
        make(&server, database, &script.concat());
    }
    let report = compare(&server, &server, "a.*");
    assert_eq!(found(&report), []);
    assert!(report.identical, "{:?}", report.definitions);
    assert_eq!(report.tables.len(), cases.len());
    for (table, case) in
        report.tables.iter().map(|table| (table, cases.iter().find(|it| it.name == table.name.table)))
    {
        let rows = case.unwrap().rows;
        assert_eq!((table.rows_source, table.rows_target), (rows, rows), "{}", table.name);
    }
    for case in &cases {
        for (damage, expected) in case.damages {
            make(&server, "b", damage);
            let report = compare(&server, &server, &format!("a.{}", case.pattern()));
            let mut found: Vec<String> = found(&report).into_iter().map(|(_, text)| text).collect();
            found.sort();
            assert_eq!(found, *expected, "{damage}");
            let twice = expected.iter().filter(|text| text.contains("(2 times)")).count();
            assert_eq!(report.tables[0].difference_count, (expected.len() + twice) as u64);
            assert!(!report.identical);
            make(&server, "b", &format!("DROP TABLE {}; {}", case.quoted(), case.script()));
        }
    }
    assert!(compare(&server, &server, "a.*").identical);
}

#[test]
fn mysql_finds_every_corruption() {
    every_corruption_is_found(Flavour::Mysql);
}

#[test]
fn mariadb_finds_every_corruption() {
    every_corruption_is_found(Flavour::Mariadb);
}

/// Between the two families: JSON as text, a collation that only one of them has, a key that only one of them has, other
/// character sets and other types of columns.
#[test]
fn mysql_and_mariadb_are_compared() {
    let (mysql, mariadb) = (start(Flavour::Mysql, "verify"), start(Flavour::Mariadb, "verify"));
    let rows = "INSERT INTO plain VALUES (1, 'a', '{\"k\": [1, 2.5]}', 0.1, -0.5, 'x'), (2, 'Ä', NULL, 1e-7, 1.1, 'y'); \
                INSERT INTO sorted VALUES ('a', 1), ('Ö', 2), ('b', 3), ('z', 4), ('🐟', 5); \
                INSERT INTO unkeyed VALUES (1, 'a'), (2, 'b'), (3, 'c');";
    let plain = "CREATE TABLE plain (id INT PRIMARY KEY, s VARCHAR(9) CHARSET";
    make(
        &mysql,
        "a",
        &format!(
            "{plain} latin1, j JSON, d DOUBLE, f FLOAT, e ENUM('x','y')); \
             CREATE TABLE sorted (s VARCHAR(20) CHARSET utf8mb4 COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, n INT); \
             CREATE TABLE unkeyed (n INT PRIMARY KEY, s VARCHAR(9)); {rows}"
        ),
    );
    make(
        &mariadb,
        "b",
        &format!(
            "{plain} utf8mb4, j JSON, d DOUBLE, f FLOAT, e ENUM('y','x')); \
             CREATE TABLE sorted (s VARCHAR(20) CHARSET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, n BIGINT); \
             CREATE TABLE unkeyed (n VARCHAR(9), s VARCHAR(9)); {rows}"
        ),
    );
    assert_eq!(found(&compare(&mysql, &mariadb, "a.*")), []);
    make(
        &mariadb,
        "b",
        "UPDATE plain SET f = 1.1000001, s = 'ä', j = '[]' WHERE id = 2; UPDATE plain SET e = 'y', f = 0 WHERE id = 1; \
         DELETE FROM sorted WHERE s = 'z'; INSERT INTO sorted VALUES ('A', 1); UPDATE sorted SET n = -2 WHERE n = 2; \
         INSERT INTO unkeyed VALUES ('1', 'a'), ('x OR 1', 'a')",
    );
    let expected = [
        ("plain", "id=1 f e"),
        ("plain", "id=2 s j f"),
        ("sorted", "s='A' extra"),
        ("sorted", "s='z' missing"),
        ("sorted", "s='Ö' n"),
        ("unkeyed", "n=1 extra"),
        ("unkeyed", "n=x OR 1 extra"),
    ];
    let report = compare(&mysql, &mariadb, "a.*");
    assert_eq!(found(&report), expected.map(|(table, text)| (table, text.to_owned())));
}
