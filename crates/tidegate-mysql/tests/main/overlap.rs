//! Where the log overlaps with the copy.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::{Pair, sql};
use tidegate_sandbox::Flavour;

/// The log begins before the tables are looked at, and speaks of some that are gone by then.
fn tables_that_were_gone_before_they_were_copied(flavour: Flavour) {
    let pair = Pair::new(flavour, flavour);
    let tables = ["stays", "dropped", "renamed"];
    let each = |statements: &str| tables.map(|table| statements.replace("$", table)).join(";");
    sql(
        &pair.source,
        &format!(
            "CREATE DATABASE gone; USE gone; {}",
            each("CREATE TABLE $ (id INT PRIMARY KEY, v INT); INSERT INTO $ VALUES (1, 1)")
        ),
    );
    let link = Link::new(&pair, "gone", &["gone.*"]);
    link.begin();
    sql(
        &pair.source,
        &format!(
            "USE gone; {};
             TRUNCATE TABLE dropped; INSERT INTO dropped VALUES (9, 9);
             ALTER TABLE dropped ADD w INT; UPDATE dropped SET w = 4;
             CREATE INDEX v ON dropped (v); DROP INDEX v ON dropped;
             CREATE TABLE alike LIKE dropped; INSERT INTO alike VALUES (1, 1, 1); DROP TABLE alike;
             RENAME TABLE renamed TO other; INSERT INTO other VALUES (3, 3); DROP TABLE dropped, other",
            each("INSERT INTO $ VALUES (2, 2); UPDATE $ SET v = 3 WHERE id = 1; DELETE FROM $ WHERE id = 2")
        ),
    );
    link.catch_up();
    assert_same(&pair, "gone", "the copy began anew");
    sql(
        &pair.source,
        "USE gone; INSERT INTO stays VALUES (7, 7); CREATE TABLE dropped (id INT PRIMARY KEY); INSERT INTO dropped VALUES (7)",
    );
    link.catch_up();
    assert_same(&pair, "gone", "it came anew");
}

#[test]
fn mysql_tables_that_were_gone_before_they_were_copied() {
    tables_that_were_gone_before_they_were_copied(Flavour::Mysql);
}

#[test]
fn mariadb_tables_that_were_gone_before_they_were_copied() {
    tables_that_were_gone_before_they_were_copied(Flavour::Mariadb);
}
