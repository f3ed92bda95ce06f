//! Tables that are not carried over as they are: fewer rows, fewer columns, other names, fewer kinds of changes.

use crate::link::Link;
use crate::servers::{Pair, sql};
use tidegate_sandbox::Flavour;

#[test]
fn rules_hold_on_mysql() {
    hold(Flavour::Mysql);
}

#[test]
fn rules_hold_on_mariadb() {
    hold(Flavour::Mariadb);
}

fn hold(flavour: Flavour) {
    let pair = Pair::start(flavour);
    rows_and_columns(&pair);
    kinds_of_changes(&pair);
    a_rename_does_not_pass_a_filter(&pair);
    rows_that_were_there_stay(&pair);
    what_cannot_be_is_refused(&pair);
}

const FILTER: &str = "ruled.orders: tenant IN (1, 2) AND NOT (amount < 10.50 OR created < '2024-01-01') \
                      OR BINARY name = 'Always'";

/// The same question of both sides, in the words of the server and not of the program.
fn rows_are_the_same(pair: &Pair) {
    let chosen = sql(
        &pair.source(),
        "SELECT id, tenant, amount, name, created, note FROM ruled.orders WHERE tenant IN (1, 2) AND amount >= 10.50 \
         AND created >= '2024-01-01' OR CAST(name AS BINARY) = 'Always' ORDER BY id",
    );
    let there =
        sql(&pair.target(), "SELECT id, tenant, total, label, created, note FROM store.orders ORDER BY id");
    assert_eq!(there, chosen);
    assert!(chosen.lines().count() > 10, "{chosen}");
}

/// Rows go in and out of the filter, while they are copied and after it.
fn rows_and_columns(pair: &Pair) {
    sql(
        &pair.source(),
        "CREATE DATABASE ruled; USE ruled; CREATE TABLE orders (id INT PRIMARY KEY, tenant INT, amount DECIMAL(8,2), \
         name VARCHAR(40), created DATETIME(3), note JSON, secret TEXT NOT NULL, UNIQUE KEY by_name (name, id), \
         KEY by_secret (secret(10))); \
         INSERT INTO orders WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 900) \
         SELECT i, NULLIF(i % 4, 3), i / 4, IF(i % 50 = 0, 'Always', 'always'), \
         DATE_ADD('2023-01-01', INTERVAL i DAY), JSON_OBJECT('a', i, 'b', REPEAT('x', 100)), 'canary' FROM s",
    );
    let objects = ["--include", "ruled.*", "--rename", "ruled.*=store.*", "--where", FILTER];
    let columns = ["--columns", "ruled.orders: id, tenant, amount=total, name=label, created, note"];
    let link = Link::new(pair, "ruled").of(&[&objects[..], &columns[..]].concat());
    link.goes_on();
    rows_are_the_same(pair);
    sql(
        &pair.source(),
        "USE ruled; UPDATE orders SET tenant = 1 WHERE id BETWEEN 500 AND 700; UPDATE orders SET tenant = 9 WHERE id > 850; \
         UPDATE orders SET amount = 10.49 WHERE id = 801; UPDATE orders SET id = id + 2000 WHERE id % 7 = 0; \
         DELETE FROM orders WHERE id % 11 = 0; UPDATE orders SET name = 'Always' WHERE id = 3; \
         UPDATE orders SET note = JSON_SET(note, '$.a', 'changed'), tenant = 2 WHERE id BETWEEN 701 AND 799; \
         UPDATE orders SET secret = 'nobody sees it'; INSERT INTO orders VALUES (5000, 1, 99, 'new', '2025-01-01', '1', ''), \
         (5001, 3, 99, 'new', '2025-01-01', '1', ''); ALTER TABLE orders COMMENT 'stops'",
    );
    let fault = link.run().fault("TG-4008");
    fault.says("other columns, by its rule").advises("fingerprint = 'done'");
    let done = "UPDATE tidegate.ddl SET fingerprint = 'done' WHERE instance = 'ruled'";
    sql(&pair.target(), done);
    sql(&pair.target(), "ALTER TABLE store.orders COMMENT 'stops'");
    link.goes_on();
    rows_are_the_same(pair);
    let made = sql(&pair.target(), "SHOW CREATE TABLE store.orders");
    assert!(!made.contains("secret") && made.contains("(`label`,`id`)"), "{made}");
}

/// An archive: what is deleted at the source stays, and so does a table that is dropped.
fn kinds_of_changes(pair: &Pair) {
    sql(
        &pair.source(),
        "CREATE DATABASE archive; USE archive; CREATE TABLE t (id INT PRIMARY KEY, v INT); \
         CREATE TABLE gone (id INT PRIMARY KEY); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)",
    );
    let kinds = ["--changes", "archive.*: insert, update", "--schema-changes", "archive.*: create, alter"];
    let link = Link::new(pair, "archive").of(&[&["--include", "archive.*"][..], &kinds[..]].concat());
    link.goes_on();
    sql(
        &pair.source(),
        "USE archive; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (4, 4); UPDATE t SET v = 10 WHERE id = 1; \
         DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (4, 40); TRUNCATE TABLE t; DROP TABLE gone; \
         ALTER TABLE t ADD COLUMN w INT DEFAULT 7; INSERT INTO t VALUES (5, 5, 5), (1, 100, 1)",
    );
    link.catches_up();
    let kept =
        sql(&pair.target(), "SELECT * FROM archive.t ORDER BY id; SHOW TABLES FROM archive LIKE 'gone'");
    assert_eq!(kept, "1\t100\t1\n2\t2\t7\n3\t3\t7\n4\t40\t7\n5\t5\t5\ngone");
}

/// As tools for schema changes do it: the table under the rule is another one afterwards.
fn a_rename_does_not_pass_a_filter(pair: &Pair) {
    sql(
        &pair.source(),
        "CREATE DATABASE swap; USE swap; CREATE TABLE t (id INT PRIMARY KEY, tenant INT); INSERT INTO t VALUES (1, 1), (2, 2)",
    );
    let link = Link::new(pair, "swap").of(&["--include", "swap.*", "--where", "swap.t: tenant = 1"]);
    link.goes_on();
    sql(
        &pair.source(),
        "USE swap; CREATE TABLE _t LIKE t; INSERT INTO _t SELECT * FROM t; RENAME TABLE t TO _old, _t TO t",
    );
    link.run().fault("TG-4008").says("under another rule");
    assert_eq!(sql(&pair.target(), "SELECT id FROM swap.t"), "1");
}

fn rows_that_were_there_stay(pair: &Pair) {
    sql(
        &pair.source(),
        "CREATE DATABASE merge; USE merge; CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (2, 2)",
    );
    sql(
        &pair.target(),
        "CREATE DATABASE merge; USE merge; CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (2, 20), (9, 90)",
    );
    let link = Link::new(pair, "merge");
    link.refuses("TG-4002").advises("--existing keep");
    let link = link.of(&["--include", "merge.*", "--existing", "keep"]);
    link.catches_up();
    sql(
        &pair.source(),
        "USE merge; UPDATE t SET v = 3 WHERE id = 2; INSERT INTO t VALUES (9, 9); DELETE FROM t WHERE id = 1",
    );
    link.catches_up();
    assert_eq!(sql(&pair.target(), "SELECT * FROM merge.t ORDER BY id"), "2\t3\n9\t9");
}

fn what_cannot_be_is_refused(pair: &Pair) {
    sql(
        &pair.source(),
        "CREATE DATABASE odd; USE odd; CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(9), v TIME); \
         CREATE TABLE keyless (a INT)",
    );
    for (option, text, says) in [
        ("--where", "odd.t: LENGTH(name) > 3", "is not understood here"),
        ("--where", "odd.*: id = 1", "need one table"),
        ("--where", "odd.t: nothing = 1", "no column nothing"),
        ("--where", "odd.t: name = 'x'", "write BINARY name"),
        ("--where", "odd.t: v = '1'", "only be asked for NULL"),
        ("--columns", "odd.t: name", "must be taken too"),
        ("--columns", "odd.t: id, wrong", "no column wrong"),
        ("--changes", "odd.keyless: insert", "has no key"),
        ("--changes", "odd.t: upsert", "upsert"),
        ("--changes", "odd.t", "has no colon"),
    ] {
        let link = Link::new(pair, "odd").of(&["--include", "odd.*", option, text]);
        link.refuses("TG-1004").says(says);
    }
}
