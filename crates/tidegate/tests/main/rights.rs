//! Rights that an account lacks: each is named, with the GRANT that gives it.

use crate::link::Link;
use crate::servers::{Pair, make, sql};
use tidegate_sandbox::{Flavour, Server};

/// A right and where it is needed, as a GRANT names it.
type Right = (&'static str, &'static str);

const DATABASE: &str = "`rights`.*";
const READING: [Right; 6] = [
    ("REPLICATION SLAVE", "*.*"),
    ("SELECT", DATABASE),
    ("SHOW VIEW", DATABASE),
    ("TRIGGER", DATABASE),
    ("EVENT", DATABASE),
    ("LOCK TABLES", DATABASE),
];
const READING_MYSQL: [Right; 2] = [("REPLICATION CLIENT", "*.*"), ("SHOW_ROUTINE", "*.*")];
const READING_MARIADB: [Right; 2] = [("BINLOG MONITOR", "*.*"), ("SELECT", "`mysql`.`proc`")];
const ROWS: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX"];
const OBJECTS: [&str; 7] =
    ["REFERENCES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "TRIGGER", "EVENT"];

#[test]
fn rights_on_mysql() {
    rights(Flavour::Mysql);
}

#[test]
fn rights_on_mariadb() {
    rights(Flavour::Mariadb);
}

fn rights(flavour: Flavour) {
    let pair = Pair::start(flavour);
    make(&pair.source(), "rights");
    // One of each kind that needs a right: a table without a key, a view, a trigger, a routine.
    sql(
        &pair.source(),
        "CREATE TABLE rights.nokey (a INT); INSERT INTO rights.nokey VALUES (1), (1); \
         CREATE VIEW rights.v AS SELECT id FROM rights.t; \
         CREATE TRIGGER rights.g BEFORE INSERT ON rights.t FOR EACH ROW SET NEW.v = UPPER(NEW.v); \
         CREATE PROCEDURE rights.p() SELECT 1",
    );
    let link = Link::new(&pair, "rights");
    let own = if flavour == Flavour::Mysql { READING_MYSQL } else { READING_MARIADB };
    let reading: Vec<Right> = READING.into_iter().chain(own).collect();
    only(&pair.source(), &reading);
    each(&pair.source(), &link, &reading, "source");
    let schema = ROWS.map(|right| (right, "`tidegate`.*"));
    let rows = ROWS.map(|right| (right, DATABASE));
    let objects = OBJECTS.map(|right| (right, DATABASE));
    let writing: Vec<Right> = schema.into_iter().chain(rows).chain(objects).collect();
    only(&pair.target(), &writing);
    each(&pair.target(), &link, &writing, "target");
    until_it_begins(&pair.target(), &link);
    while_it_goes_on(&pair, &link);
}

/// Leaves the account nothing but these.
fn only(server: &Server, rights: &[Right]) {
    sql(server, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM repl@'%'");
    let grants = rights.iter().map(|(right, scope)| format!("GRANT {right} ON {scope} TO repl@'%'"));
    sql(server, &grants.collect::<Vec<_>>().join("; "));
}

/// Takes each right away; the error names it and no other, and the remedy gives it back.
fn each(server: &Server, link: &Link<'_>, rights: &[Right], side: &str) {
    let before = link.sides();
    for (right, scope) in rights {
        sql(server, &format!("REVOKE {right} ON {scope} FROM repl@'%'"));
        let fault = link.run().fault("TG-2003");
        fault.says(&format!("{side}: "));
        assert!(
            fault.error.ends_with(&format!("the account 'repl'@'%' lacks {right} on {scope}")),
            "{fault}"
        );
        assert_eq!(fault.fix, format!("GRANT {right} ON {scope} TO 'repl'@'%'"));
        sql(server, &fault.fix);
    }
    assert_eq!(link.sides(), before);
}

/// What else a server wants when others' programs are made on it, it says itself: each remedy brings it further.
fn until_it_begins(server: &Server, link: &Link<'_>) {
    sql(server, "SET GLOBAL log_bin_trust_function_creators = 0");
    let mut seen = Vec::new();
    loop {
        let ended = link.run();
        if ended.code == Some(0) {
            break;
        }
        let fault = ended.fault("TG-2003");
        assert!(fault.error.starts_with("target: "), "{fault}");
        assert!(!seen.contains(&fault.error), "it does not help: {fault}");
        sql(server, &fault.statements());
        seen.push(fault.error);
    }
    assert!(!seen.is_empty(), "nothing was wanted for a trigger of somebody else");
    link.is_identical();
}

/// A right that is taken away from a link that was begun.
fn while_it_goes_on(pair: &Pair, link: &Link<'_>) {
    sql(&pair.source(), "INSERT INTO rights.t VALUES (10, 'x'); DELETE FROM rights.t WHERE id = 1");
    for right in ["INSERT", "DELETE"] {
        sql(&pair.target(), &format!("REVOKE {right} ON {DATABASE} FROM repl@'%'"));
        let fault = link.refuses("TG-2003");
        fault.says("target: ").says(right);
        sql(&pair.target(), &fault.statements());
    }
    link.goes_on();
    let grant = "REPLICATION SLAVE ON *.*";
    sql(&pair.source(), &format!("REVOKE {grant} FROM repl@'%'; INSERT INTO rights.t VALUES (11, 'y')"));
    let fault = link.refuses("TG-2003");
    sql(&pair.source(), &fault.fix);
    link.goes_on();
}
