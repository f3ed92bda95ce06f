//! What an earlier run has left half done, or still has under way in the target.

use crate::link::Link;
use crate::servers::{Pair, Session, ask_until, make, sql, until_loading_waits};
use tidegate_sandbox::Flavour;

#[test]
fn what_a_killed_run_left_in_mysql_is_taken_up() {
    is_taken_up(Flavour::Mysql);
}

#[test]
fn what_a_killed_run_left_in_mariadb_is_taken_up() {
    is_taken_up(Flavour::Mariadb);
}

fn is_taken_up(flavour: Flavour) {
    let pair = Pair::start(flavour);
    a_schema_change_goes_on(&pair);
    a_copy_was_being_dropped(&pair);
    a_table_changed_before_its_copy(&pair);
    a_unique_value_moves_while_copying(&pair);
    a_swap_is_not_undone(&pair);
    a_copy_that_begins_anew_leaves_nothing(&pair);
    a_table_changed_before_its_snapshot(&pair);
    a_refused_schema_change_is_tried_again(&pair);
}

/// A statement of which the killed run has not heard that it is waiting, or has ended.
fn sent(like: &str) -> String {
    format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl' AND INFO LIKE '{like}%'")
}

/// A server carries a statement out to its end although its client is dead. It must not be sent a second time.
fn a_schema_change_goes_on(pair: &Pair) {
    make(&pair.source(), "slow");
    let link = Link::new(pair, "slow");
    link.goes_on();
    let mut root = Session::open(&pair.target());
    root.run("BEGIN; SELECT COUNT(*) FROM slow.t");
    sql(&pair.source(), "ALTER TABLE slow.t ADD COLUMN x INT; INSERT INTO slow.t VALUES (10, 'ten', 10)");
    let killed = link.start();
    ask_until(&pair.target(), &sent("ALTER TABLE"), |count| count == "1");
    drop(killed);
    let mut running = link.start();
    ask_until(&pair.target(), &sent("SELECT GET_LOCK"), |count| count == "1");
    root.run("ROLLBACK");
    running.applies(1);
    running.stop();
    link.is_identical();
}

/// A link that begins anew drops its tables first: who is killed in between must not take them for copied.
fn a_copy_was_being_dropped(pair: &Pair) {
    make(&pair.source(), "dropped");
    let link = Link::new(pair, "dropped");
    link.goes_on();
    let state =
        "UPDATE tidegate.link SET phase = 'resetting' WHERE instance = 'dropped'; DROP TABLE dropped.t";
    sql(&pair.target(), state);
    // Under other names it would drop other tables.
    sql(
        &pair.target(),
        "CREATE DATABASE other; CREATE TABLE other.t (id INT PRIMARY KEY); INSERT INTO other.t VALUES (7)",
    );
    let renamed = link.of(&["--include", "dropped.*", "--rename", "dropped.*=other.*"]);
    renamed.run().fault("TG-1006").advises("the renames that it had");
    assert_eq!(sql(&pair.target(), "SELECT id FROM other.t"), "7");
    link.goes_on();
}

/// The run before has made a table as the source had it then, and copied nothing yet.
fn a_table_changed_before_its_copy(pair: &Pair) {
    make(&pair.source(), "early");
    sql(
        &pair.source(),
        "CREATE TABLE early.u (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO early.u VALUES (1)",
    );
    let link = Link::new(pair, "early");
    link.goes_on();
    let state = "UPDATE tidegate.link SET phase = 'copying' WHERE instance = 'early'; \
         UPDATE tidegate.copy SET version = 0, row_total = 0, done = 0, last_key = NULL WHERE instance = 'early'; \
         TRUNCATE TABLE early.t; TRUNCATE TABLE early.u";
    sql(&pair.target(), state);
    sql(&pair.source(), "ALTER TABLE early.u ADD COLUMN n INT");
    link.goes_on();
}

/// A row that was read early gives a unique value away to one that is read late.
fn a_unique_value_moves_while_copying(pair: &Pair) {
    let table = "CREATE DATABASE moved; CREATE TABLE moved.t (id INT PRIMARY KEY, v INT UNIQUE)";
    sql(&pair.source(), table);
    sql(&pair.target(), table);
    let mut rows = "INSERT INTO moved.t VALUES (1, 1)".to_owned();
    (2..=120_000).for_each(|id| rows.push_str(&format!(",({id},{id})")));
    sql(&pair.source(), &rows);
    let mut root = Session::open(&pair.target());
    root.run("LOCK TABLES moved.t READ");
    let link = Link::new(pair, "moved").with(&["--copy-workers", "1"]);
    let mut running = link.start();
    until_loading_waits(&pair.target(), "");
    sql(
        &pair.source(),
        "UPDATE moved.t SET v = -1 WHERE id = 1; UPDATE moved.t SET v = 1 WHERE id = 110000; \
         UPDATE moved.t SET v = 110000 WHERE id = 1",
    );
    root.run("UNLOCK TABLES");
    running.streams();
    running.stop();
    link.is_identical();
}

/// What changes places looks the same afterwards. Whoever is killed before the checkpoint must not do it a second time.
fn a_swap_is_not_undone(pair: &Pair) {
    let tables = "CREATE TABLE swapped.a (id INT PRIMARY KEY); CREATE TABLE swapped.b (id INT PRIMARY KEY); \
         CREATE TABLE swapped.u (id INT PRIMARY KEY); CREATE TABLE swapped.p (id INT PRIMARY KEY) \
         PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))";
    sql(&pair.source(), &format!("CREATE DATABASE swapped; {tables}"));
    sql(
        &pair.source(),
        "INSERT INTO swapped.a VALUES (1); INSERT INTO swapped.p VALUES (2), (12); \
         INSERT INTO swapped.u VALUES (3), (4)",
    );
    // Not even the second of their making tells them apart.
    loop {
        sql(&pair.target(), &format!("DROP DATABASE IF EXISTS swapped; CREATE DATABASE swapped; {tables}"));
        let seconds = "SELECT COUNT(DISTINCT CREATE_TIME) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = 'swapped'";
        if sql(&pair.target(), seconds) == "1" {
            break;
        }
    }
    let link = Link::new(pair, "swapped");
    link.goes_on();
    for (id, swap) in (100..).zip([
        "RENAME TABLE swapped.a TO swapped.c, swapped.b TO swapped.a, swapped.c TO swapped.b",
        "ALTER TABLE swapped.p EXCHANGE PARTITION p0 WITH TABLE swapped.u",
        "CREATE TRIGGER swapped.g BEFORE INSERT ON swapped.a FOR EACH ROW SET NEW.id = NEW.id",
        "DROP TRIGGER swapped.g",
    ]) {
        let mut reader = Session::open(&pair.target());
        reader.run("BEGIN; SELECT COUNT(*) FROM swapped.a, swapped.u");
        sql(&pair.source(), &format!("{swap}; INSERT INTO swapped.a VALUES ({id})"));
        let killed = link.start();
        ask_until(&pair.target(), &sent(&swap.split(' ').take(2).collect::<Vec<_>>().join("%")), |count| {
            count == "1"
        });
        let mut holder = Session::open(&pair.target());
        holder.run("BEGIN; SELECT seq FROM tidegate.ddl WHERE instance = 'swapped' FOR UPDATE");
        reader.run("ROLLBACK");
        ask_until(&pair.target(), &sent("%DELETE FROM tidegate.ddl"), |count| count == "1");
        drop(killed);
        holder.run("ROLLBACK");
        link.goes_on();
    }
}

/// Tables that were made while the link applied are its own too.
fn a_copy_that_begins_anew_leaves_nothing(pair: &Pair) {
    make(&pair.source(), "anew");
    make(&pair.target(), "anew");
    sql(&pair.target(), "TRUNCATE TABLE anew.t");
    let mut root = Session::open(&pair.target());
    root.run("LOCK TABLES anew.t READ");
    let mut running = Link::new(pair, "anew").start();
    until_loading_waits(&pair.target(), "");
    sql(
        &pair.source(),
        "CREATE TABLE anew.made (id INT PRIMARY KEY); INSERT INTO anew.made VALUES (1); \
         RENAME TABLE anew.made TO anew.named; ALTER TABLE anew.t ADD COLUMN x INT; DROP TABLE anew.named",
    );
    root.run("UNLOCK TABLES");
    running.streams();
    running.stop();
    Link::new(pair, "anew").goes_on();
    let tables = "SELECT GROUP_CONCAT(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'anew'";
    assert_eq!(sql(&pair.target(), tables), "t");
}

/// A table without a key is read at one place of the log. What changed it before is in its rows, but not in the target's
/// definition of it.
fn a_table_changed_before_its_snapshot(pair: &Pair) {
    make(&pair.source(), "shot");
    make(&pair.target(), "shot");
    sql(&pair.target(), "TRUNCATE TABLE shot.t");
    sql(&pair.source(), "CREATE TABLE shot.u (a INT) ENGINE=InnoDB; INSERT INTO shot.u VALUES (1), (2)");
    sql(
        &pair.source(),
        "INSERT INTO shot.t SELECT 100 + seq.n, REPEAT('x', 20) FROM (SELECT 1 n UNION SELECT 2) seq",
    );
    let rows: Vec<String> = (1000..4000).map(|id| format!("({id},'xxxxxxxxxxxxxxxxxxxx')")).collect();
    sql(
        &pair.source(),
        &format!("INSERT INTO shot.t VALUES {}; ANALYZE TABLE shot.t, shot.u", rows.join(",")),
    );
    let mut root = Session::open(&pair.target());
    root.run("LOCK TABLES shot.t READ");
    let link = Link::new(pair, "shot");
    let mut running = link.with(&["--copy-workers", "1"]).start();
    until_loading_waits(&pair.target(), "");
    sql(&pair.source(), "ALTER TABLE shot.u ADD COLUMN x INT; UPDATE shot.u SET x = a + 1");
    root.run("UNLOCK TABLES");
    running.streams();
    running.stop();
    link.goes_on();
}

/// Removing what is in the way is not the same as carrying the change out by hand.
fn a_refused_schema_change_is_tried_again(pair: &Pair) {
    make(&pair.source(), "refused");
    let link = Link::new(pair, "refused");
    link.goes_on();
    sql(&pair.target(), "CREATE INDEX i ON refused.t (id, v)");
    sql(&pair.source(), "CREATE INDEX i ON refused.t (v)");
    link.run().fault("TG-4008").says("CREATE INDEX i");
    sql(&pair.target(), "DROP INDEX i ON refused.t");
    link.goes_on();
    sql(&pair.target(), "CREATE INDEX j ON refused.t (id, v)");
    sql(&pair.source(), "CREATE INDEX j ON refused.t (v)");
    let fault = link.run().fault("TG-4008");
    sql(&pair.target(), "DROP INDEX j ON refused.t; CREATE INDEX j ON refused.t (v)");
    // Who has done it by hand says so.
    fault.advises("UPDATE tidegate.ddl SET fingerprint = 'done'");
    sql(&pair.target(), "UPDATE tidegate.ddl SET fingerprint = 'done' WHERE instance = 'refused'");
    link.goes_on();
}
