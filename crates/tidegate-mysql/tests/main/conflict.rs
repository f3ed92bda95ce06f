//! Rows that are not what the log expects: shown in all versions, settled by what somebody decides, never overwritten
//! before that.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::{Pair, sql};
use tidegate_model::{Code, Database, Decision, FoundConflict, Policy};
use tidegate_sandbox::Flavour;

#[test]
fn shown_and_settled_on_mysql() {
    shown_and_settled(&Pair::new(Flavour::Mysql, Flavour::Mysql), "clash");
}

#[test]
fn shown_and_settled_on_mariadb() {
    shown_and_settled(&Pair::new(Flavour::Mariadb, Flavour::Mariadb), "clash");
}

/// A link that is one of a pair, over a table with six rows.
fn begin(pair: &Pair, database: &str) -> Link {
    sql(
        &pair.source,
        &format!(
            "CREATE DATABASE {database}; CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(20), u INT UNIQUE); \
             INSERT INTO {database}.t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5), (6, 'f', 6)"
        ),
    );
    let link = Link::new(pair, database, &[&format!("{database}.*")]);
    link.catch_up();
    link.become_one_of_a_pair();
    link
}

fn conflicts(link: &Link, settled: bool) -> Vec<FoundConflict> {
    link.wait_for(link.endpoint().conflicts(link.name(), settled)).expect("conflicts")
}

fn decide(link: &Link, place: Option<(u64, u32)>, decision: Decision) -> u64 {
    link.wait_for(link.endpoint().decide_conflicts(link.name(), place, decision, "mara")).expect("a decision")
}

fn rows(server: &tidegate_sandbox::Server) -> String {
    sql(server, "SELECT id, v, u FROM clash.t ORDER BY id")
}

/// Without the server's own words.
fn shown(found: &str) -> &str {
    found.split_once(" is in the way").map_or(found, |(before, _)| before)
}

fn shown_and_settled(pair: &Pair, database: &str) {
    let link = begin(pair, database);
    // Somebody else writes to the target: other values, a row less, rows in the way by either key.
    sql(
        &pair.target,
        "UPDATE clash.t SET v = 'here' WHERE id IN (1, 2); DELETE FROM clash.t WHERE id IN (3, 4); \
         INSERT INTO clash.t VALUES (10, 'in the way', 10), (99, 'has its value', 11)",
    );
    let before = rows(&pair.target);
    // One of them is written twice, and rows that nobody touched are among them.
    sql(
        &pair.source,
        "BEGIN; UPDATE clash.t SET v = 'there' WHERE id = 1; DELETE FROM clash.t WHERE id = 2; \
         UPDATE clash.t SET v = 'gone' WHERE id = 3; DELETE FROM clash.t WHERE id = 4; COMMIT; \
         BEGIN; INSERT INTO clash.t VALUES (10, 'new', 10); INSERT INTO clash.t VALUES (11, 'unique', 11); \
         UPDATE clash.t SET v = 'E' WHERE id = 5; UPDATE clash.t SET v = 'twice' WHERE id = 1; COMMIT",
    );
    let met = link.fails();
    assert_eq!(met.code(), Code::Conflict, "{met}");
    assert!(met.message().contains("6 rows of 1 tables"), "{met}");
    assert_eq!(rows(&pair.target), before, "something was written");
    let found = conflicts(&link, false);
    let versions: Vec<_> =
        found.iter().map(|one| (one.expected.as_str(), shown(&one.found), one.wanted.as_str())).collect();
    assert_eq!(
        versions,
        [
            ("(id=1, v='a', u=1)", "(id=1, v='here', u=1)", "(id=1, v='there', u=1)"),
            ("(id=2, v='b', u=2)", "(id=2, v='here', u=2)", "not there"),
            ("(id=3, v='c', u=3)", "not there", "(id=3, v='gone', u=3)"),
            ("(id=4, v='d', u=4)", "not there", "not there"),
            ("not there", "(id=10, v='in the way', u=10)", "(id=10, v='new', u=10)"),
            ("not there", "not there, and another row", "(id=11, v='unique', u=11)"),
        ]
    );
    assert_eq!(link.fails().code(), Code::Conflict);
    assert_eq!(conflicts(&link, false).len(), 6, "they are noted once");
    // The source's version of all but one, whose row stays as it is here.
    assert_eq!(decide(&link, None, Decision::Source), 6);
    let kept = &found[4];
    assert_eq!(decide(&link, Some((kept.seq, kept.ordinal)), Decision::Target), 1);
    link.catch_up();
    let expected = rows(&pair.source).replace("new", "in the way");
    assert_eq!(rows(&pair.target), expected);
    assert!(conflicts(&link, false).is_empty());
    let settled = conflicts(&link, true);
    assert!(
        settled.iter().all(|one| one.settled && one.decided_by.as_deref() == Some("mara")),
        "{settled:?}"
    );
    by_policy(pair, &link);
    schema_changes_wait(pair, &link);
}

fn by_policy(pair: &Pair, link: &Link) {
    let keep = |rows| Policy { rows, ..Policy::USUAL };
    let put = |policy| link.wait_for(link.endpoint().put_policy(link.name(), policy)).expect("a policy");
    put(keep(Some(Decision::Target)));
    sql(&pair.target, "UPDATE clash.t SET v = 'stays' WHERE id = 6");
    sql(
        &pair.source,
        "UPDATE clash.t SET v = 'left out' WHERE id = 6; UPDATE clash.t SET v = 'EE' WHERE id = 5",
    );
    link.catch_up();
    assert_eq!(sql(&pair.target, "SELECT v FROM clash.t WHERE id IN (5, 6) ORDER BY id"), "EE\nstays");
    put(keep(Some(Decision::Source)));
    // Over what was left out before as well, and a row that was to stay is made like the source's.
    sql(&pair.source, "UPDATE clash.t SET v = 'wins' WHERE id IN (6, 10)");
    link.catch_up();
    assert_same(pair, "clash", "by the policy that the source wins");
    put(Policy::USUAL);
}

fn schema_changes_wait(pair: &Pair, link: &Link) {
    let put = |policy| link.wait_for(link.endpoint().put_policy(link.name(), policy)).expect("a policy");
    put(Policy { schema_changes: None, ..Policy::USUAL });
    sql(
        &pair.source,
        "ALTER TABLE clash.t ADD COLUMN w INT; INSERT INTO clash.t VALUES (20, 'after', 20, 1)",
    );
    let asks = link.fails();
    assert_eq!(asks.code(), Code::SchemaChangeAsks, "{asks}");
    assert!(asks.message().contains("ADD COLUMN w"), "{asks}");
    assert_eq!(link.fails().code(), Code::SchemaChangeAsks);
    assert_eq!(decide(link, None, Decision::Source), 1);
    link.catch_up();
    assert_same(pair, "clash", "a schema change that was let through");
    sql(&pair.source, "CREATE TABLE clash.left_out (id INT PRIMARY KEY)");
    assert_eq!(link.fails().code(), Code::SchemaChangeAsks);
    assert_eq!(decide(link, None, Decision::Target), 1);
    link.catch_up();
    put(Policy { schema_changes: Some(Decision::Target), ..Policy::USUAL });
    sql(
        &pair.source,
        "CREATE TABLE clash.left_out_too (id INT PRIMARY KEY); INSERT INTO clash.t VALUES (21, 'x', 21, 1)",
    );
    link.catch_up();
    assert_eq!(sql(&pair.target, "SHOW TABLES FROM clash"), "t");
    let left_out =
        conflicts(link, true).into_iter().filter(|one| one.object == "schema change" && one.settled);
    assert_eq!(left_out.count(), 3);
}

/// A change to a row that is not the one that it was changes nothing: the key alone does not tell.
#[test]
fn a_newer_row_is_never_overwritten() {
    let pair = Pair::new(Flavour::Mysql, Flavour::Mysql);
    let link = begin(&pair, "newer");
    sql(&pair.target, "UPDATE newer.t SET v = 'newer' WHERE id = 1");
    sql(&pair.source, "UPDATE newer.t SET v = 'older' WHERE id = 1");
    assert_eq!(link.fails().code(), Code::Conflict);
    assert_eq!(sql(&pair.target, "SELECT v FROM newer.t WHERE id = 1"), "newer");
    // Put right by hand, it goes on without any decision.
    sql(&pair.target, "UPDATE newer.t SET v = 'a' WHERE id = 1");
    link.catch_up();
    assert_same(&pair, "newer", "put right by hand");
}

/// The row is as it was, and another one has the unique value that it is to get.
#[test]
fn another_row_is_in_the_way() {
    let pair = Pair::new(Flavour::Mariadb, Flavour::Mariadb);
    let link = begin(&pair, "inway");
    sql(&pair.target, "INSERT INTO inway.t VALUES (98, 'other', 50)");
    sql(&pair.source, "UPDATE inway.t SET u = 50 WHERE id = 5");
    assert_eq!(link.fails().code(), Code::Conflict);
    let found = conflicts(&link, false);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].found.starts_with("(id=5, v='e', u=5), and another row is in the way"), "{found:?}");
    // What was decided about holds for what was seen, and for nothing else.
    assert_eq!(decide(&link, None, Decision::Source), 1);
    sql(&pair.target, "UPDATE inway.t SET v = 'meanwhile' WHERE id = 5");
    assert_eq!(link.fails().code(), Code::Conflict);
    assert_eq!(conflicts(&link, false)[0].decision, None);
    assert_eq!(decide(&link, None, Decision::Source), 1);
    link.catch_up();
    assert_same(&pair, "inway", "the source's version over both");
}

/// A transaction that lies in the log in pieces is settled as every other.
#[test]
fn a_big_transaction_is_settled_too() {
    let pair = Pair::new(Flavour::Mysql, Flavour::Mysql);
    sql(
        &pair.source,
        "CREATE DATABASE bulky; CREATE TABLE bulky.t (id INT PRIMARY KEY, v VARCHAR(2000)); SET cte_max_recursion_depth = 5000; \
         INSERT INTO bulky.t WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000) \
         SELECT id, REPEAT('a', 1500) FROM n",
    );
    let link = Link::new(&pair, "bulky", &["bulky.*"]);
    link.catch_up();
    link.become_one_of_a_pair();
    sql(&pair.target, "UPDATE bulky.t SET v = 'other' WHERE id = 1234");
    sql(&pair.source, "UPDATE bulky.t SET v = REPEAT('b', 1500)");
    assert_eq!(link.fails().code(), Code::Conflict);
    assert_eq!(conflicts(&link, false).len(), 1);
    assert_eq!(decide(&link, None, Decision::Source), 1);
    link.catch_up();
    assert_same(&pair, "bulky", "a big transaction");
}
