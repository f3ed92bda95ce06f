//! What somebody does to the target: the link stops at it, says what it is, and goes on when it was put right.

use crate::link::Link;
use crate::servers::{Pair, make, sql};
use tidegate_sandbox::Flavour;

#[test]
fn what_is_in_a_mysql_target_is_respected() {
    let pair = Pair::start(Flavour::Mysql);
    rows_of_its_own(&pair);
    other_definitions(&pair);
    another_selection(&pair);
    a_table_is_dropped(&pair);
    the_checkpoint_is_edited(&pair);
    read_only_in_between(&pair);
    conflicts(&pair);
}

#[test]
fn what_is_in_a_mariadb_target_is_respected() {
    let pair = Pair::start(Flavour::Mariadb);
    rows_of_its_own(&pair);
    other_definitions(&pair);
    the_checkpoint_is_edited(&pair);
    conflicts(&pair);
}

fn rows_of_its_own(pair: &Pair) {
    make(&pair.source(), "own");
    make(&pair.target(), "own");
    let link = Link::new(pair, "own");
    let fault = link.refuses("TG-4002");
    fault.says("target: ").says("own.t has rows that this link did not copy").advises("exclude it");
    // Another way out: without the table. The link has copied nothing yet, so it is begun with what is selected now.
    sql(&pair.source(), "CREATE TABLE own.other (id INT PRIMARY KEY); INSERT INTO own.other VALUES (7)");
    let without = link.of(&["--include", "own.*", "--exclude", "own.t"]);
    without.goes_on();
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM own.t"), "3");
    let both = link.named("both");
    both.refuses("TG-4002").says("and 1 more");
    sql(&pair.target(), "DROP TABLE `own`.other");
    sql(&pair.target(), &fault.statements());
    both.goes_on();
}

fn other_definitions(pair: &Pair) {
    make(&pair.source(), "other");
    sql(
        &pair.target(),
        "CREATE DATABASE other CHARACTER SET greek; \
         CREATE TABLE other.t (id INT PRIMARY KEY, v VARCHAR(19)) CHARACTER SET utf8mb4",
    );
    let link = Link::new(pair, "other");
    let fault = link.refuses("TG-4004");
    fault.says("target: ").says("database other").advises("ALTER DATABASE");
    sql(&pair.target(), &fault.statements());
    let fault = link.refuses("TG-4004");
    fault.says("table other.t").says("varchar(19)").advises("DROP TABLE `other`.`t`");
    sql(&pair.target(), &fault.statements());
    link.goes_on();
}

fn another_selection(pair: &Pair) {
    make(&pair.source(), "chosen");
    sql(&pair.source(), "CREATE TABLE chosen.u (id INT PRIMARY KEY)");
    let link = Link::new(pair, "chosen");
    link.goes_on();
    for objects in [
        &["--include", "chosen.t"][..],
        &["--include", "chosen.*", "--exclude", "chosen.u"],
        &["--include", "chosen.*", "--rename", "chosen.u=chosen.w"],
    ] {
        let changed = link.of(objects);
        changed.refuses("TG-1006").says("include[chosen.*] exclude[] rename[]").advises("--name");
    }
    link.goes_on();
}

fn a_table_is_dropped(pair: &Pair) {
    make(&pair.source(), "gone");
    let link = Link::new(pair, "gone");
    link.goes_on();
    sql(&pair.target(), "RENAME TABLE gone.t TO gone.kept");
    sql(&pair.source(), "UPDATE gone.t SET v = 'changed' WHERE id = 2");
    link.refuses("TG-4003").says("gone.t is not in the target");
    sql(&pair.target(), "RENAME TABLE gone.kept TO gone.t");
    link.goes_on();
    sql(&pair.target(), "DROP DATABASE gone");
    sql(&pair.source(), "DELETE FROM gone.t WHERE id = 2");
    link.refuses("TG-4003").says("gone.t is not in the target");
    sql(&pair.target(), "CREATE DATABASE gone");
    link.forget();
    link.goes_on();
}

fn conflicts(pair: &Pair) {
    make(&pair.source(), "clash");
    let link = Link::new(pair, "clash");
    link.goes_on();
    for (by_hand, change, remedy) in [
        (
            "DELETE FROM clash.t WHERE id = 2",
            "UPDATE clash.t SET v = 'new' WHERE id = 2",
            "INSERT INTO clash.t VALUES (2, 'two')",
        ),
        (
            "DELETE FROM clash.t WHERE id = 3",
            "DELETE FROM clash.t WHERE id = 3",
            "INSERT INTO clash.t VALUES (3, 'three')",
        ),
        (
            "INSERT INTO clash.t VALUES (4, 'mine')",
            "INSERT INTO clash.t VALUES (4, 'four'), (5, 'five')",
            "DELETE FROM clash.t WHERE id = 4",
        ),
    ] {
        sql(&pair.target(), by_hand);
        sql(&pair.source(), change);
        for _ in 0..2 {
            // Again and again, until somebody has put it right.
            let fault = link.refuses("TG-4005");
            assert!(fault.error.replace('`', "").contains("clash.t"), "no table in {fault}");
            fault.says("target: ").advises("put the target's right");
        }
        sql(&pair.target(), remedy);
        link.goes_on();
    }
}

fn the_checkpoint_is_edited(pair: &Pair) {
    make(&pair.source(), "moved");
    let link = Link::new(pair, "moved");
    let mut running = link.start();
    running.streams();
    let of_link = "WHERE instance = 'moved'";
    sql(&pair.target(), &format!("UPDATE tidegate.checkpoint SET version = version + 7 {of_link}"));
    sql(&pair.source(), "INSERT INTO moved.t VALUES (10, 'ten')");
    running.ends().fault("TG-4007").says("lane 0").advises("which other process");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM moved.t"), "3");
    link.goes_on();
    // While it does not run, only what cannot be read is noticed.
    sql(&pair.target(), "CREATE TABLE tidegate.saved AS SELECT * FROM tidegate.checkpoint");
    let restore = "REPLACE INTO tidegate.checkpoint SELECT * FROM tidegate.saved";
    sql(&pair.source(), "DELETE FROM moved.t WHERE id = 10");
    for edit in [
        "UPDATE tidegate.checkpoint SET position = 'somewhere'",
        "UPDATE tidegate.checkpoint SET done = x'80'",
        "UPDATE tidegate.link SET phase = 'waning'",
        "DELETE FROM tidegate.checkpoint",
    ] {
        sql(&pair.target(), &format!("{edit} {of_link}"));
        link.refuses("TG-4007").says("target: ");
        sql(&pair.target(), &format!("{restore}; UPDATE tidegate.link SET phase = 'catching-up' {of_link}"));
    }
    for lane in [0, 1, 7] {
        sql(&pair.target(), &format!("DELETE FROM tidegate.checkpoint {of_link} AND lane = {lane}"));
        link.refuses("TG-4007").says("target: ");
        sql(&pair.target(), restore);
    }
    sql(&pair.target(), "DROP TABLE tidegate.saved");
    link.goes_on();
}

/// The target becomes a replica of another server while the link runs.
fn read_only_in_between(pair: &Pair) {
    make(&pair.source(), "halted");
    let link = Link::new(pair, "halted");
    let mut running = link.start();
    running.streams();
    sql(&pair.target(), "SET GLOBAL super_read_only = 1");
    sql(&pair.source(), "INSERT INTO halted.t VALUES (10, 'ten')");
    let fault = running.ends().fault("TG-4001");
    fault.says("target: ").says("super-read-only");
    sql(&pair.target(), &fault.statements());
    link.goes_on();
}
