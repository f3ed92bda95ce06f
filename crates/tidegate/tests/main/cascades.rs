//! What foreign keys do to child rows. Only MySQL from 9.6 on has it in its log.

use crate::link::Link;
use crate::servers::{Pair, Session, make, sql, until_loading_waits};
use tidegate_sandbox::Flavour;

#[test]
fn children_follow_their_parents_in_mysql() {
    let pair = Pair::start(Flavour::Mysql);
    a_parent_goes_between_the_copies(&pair);
}

#[test]
fn children_follow_their_parents_in_mariadb() {
    let pair = Pair::start(Flavour::Mariadb);
    a_parent_goes_between_the_copies(&pair);
    let children = Link::new(&pair, "family").named("children").of(&["--include", "family.child"]);
    let fault = children.refuses("TG-3011");
    fault.says("family.child changes with family.parent, which is not selected").advises("family.parent");
    a_key_to_a_stranger_arrives(&pair);
}

/// The key comes with a schema change, and its parent is not selected.
fn a_key_to_a_stranger_arrives(pair: &Pair) {
    make(&pair.source(), "late");
    sql(
        &pair.source(),
        "CREATE TABLE late.p (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO late.p VALUES (1), (2), (3)",
    );
    let link = Link::new(pair, "late").of(&["--include", "late.t"]);
    link.goes_on();
    let mut running = link.start();
    running.streams();
    sql(
        &pair.source(),
        "ALTER TABLE late.t ADD FOREIGN KEY (id) REFERENCES late.p (id) ON DELETE CASCADE; \
         DELETE FROM late.p WHERE id = 1; INSERT INTO late.p VALUES (4); INSERT INTO late.t VALUES (4, 'four')",
    );
    running.ends().fault("TG-3011").says("late.t changes with late.p");
    assert_eq!(sql(&pair.target(), "SELECT MAX(id) FROM late.t"), "3");
    link.run().fault("TG-3011");
}

/// The child is read before, the parent after: nothing in either tells that rows of the child are to go.
fn a_parent_goes_between_the_copies(pair: &Pair) {
    sql(
        &pair.source(),
        "CREATE DATABASE family; CREATE TABLE family.parent (id INT PRIMARY KEY) ENGINE=InnoDB; \
         CREATE TABLE family.child (id INT PRIMARY KEY, parent INT, text VARCHAR(200), \
         FOREIGN KEY (parent) REFERENCES family.parent (id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB; \
         INSERT INTO family.parent VALUES (1), (2), (3)",
    );
    // A neighbour that does not change with its parent, but stands in the way of what its parent does.
    sql(
        &pair.source(),
        "CREATE TABLE family.neighbour (id INT PRIMARY KEY, parent INT, \
         FOREIGN KEY (parent) REFERENCES family.parent (id)) ENGINE=InnoDB",
    );
    let rows: Vec<String> = (1..2_000).map(|id| format!("({id},{},REPEAT('x',200))", id % 3 + 1)).collect();
    sql(&pair.source(), &format!("INSERT INTO family.child VALUES {}", rows.join(",")));
    sql(&pair.source(), "ANALYZE TABLE family.parent, family.child");
    let tables = sql(
        &pair.source(),
        "SHOW CREATE TABLE family.parent; SHOW CREATE TABLE family.child; SHOW CREATE TABLE family.neighbour",
    );
    let made = tables.lines().map(|line| line.split_once('\t').expect("a name").1.replace("\\n", " "));
    sql(
        &pair.target(),
        &format!("CREATE DATABASE family; USE family; {}", made.collect::<Vec<_>>().join("; ")),
    );
    let mut root = Session::open(&pair.target());
    root.run("LOCK TABLES family.child READ, family.parent READ, family.neighbour READ");
    let link = Link::new(pair, "family");
    let mut running = link.with(&["--copy-workers", "1"]).start();
    until_loading_waits(&pair.target(), "child");
    sql(
        &pair.source(),
        "DELETE FROM family.parent WHERE id = 1; UPDATE family.parent SET id = 4 WHERE id = 2; \
         INSERT INTO family.parent VALUES (1); INSERT INTO family.child VALUES (5000, 1, 'new'); \
         INSERT INTO family.neighbour VALUES (1, 1)",
    );
    root.run("UNLOCK TABLES");
    running.streams();
    running.stop();
    link.goes_on();
}
