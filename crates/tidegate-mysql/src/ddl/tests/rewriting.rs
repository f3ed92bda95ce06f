//! Names replaced, everything else as it was.

use super::*;

/// `db1` becomes `x`, any other database stays where it is; the table `t1` becomes `y`.
fn map(database: &str, table: &str) -> Option<(String, String)> {
    let database_to = if database == "db1" { "x" } else { database };
    let table_to = if table == "t1" { "y" } else { table };
    ((database, table) != (database_to, table_to)).then(|| (database_to.to_owned(), table_to.to_owned()))
}

fn map_database(database: &str) -> Option<String> {
    (database == "db1").then(|| "x".to_owned())
}

fn rewritten(statement: &str, default_database: Option<&str>) -> String {
    let options = Options { default_database, ..options(Flavour::Mysql) };
    let scanned = scan(statement.as_bytes(), &options).unwrap();
    let bytes = rewrite(statement.as_bytes(), &scanned, &map, &map_database).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn expect(default_database: Option<&str>, cases: &[(&str, &str)]) {
    for (statement, expected) in cases {
        assert_eq!(rewritten(statement, default_database), *expected, "{statement}");
    }
}

/// Replaces the names of a recorded statement by hand-written patterns: each stands for one place.
#[test]
fn changes_only_the_names_of_recorded_statements() {
    let mut changed = 0;
    for (flavour, statement) in corpus() {
        let scanned = scan(statement.as_bytes(), &options(flavour)).unwrap();
        let bytes = rewrite(statement.as_bytes(), &scanned, &map, &map_database).unwrap();
        let new = String::from_utf8(bytes).unwrap();
        // All recorded names precede their columns and options, so that plain replacements are unambiguous.
        let mut expected = statement.replace("db1.t1", "`x`.`y`").replace("db1.", "`x`.");
        for (verb, rest) in [
            ("ALTER TABLE ", ""),
            ("ALTER ONLINE TABLE ", ""),
            ("OR REPLACE TABLE ", ""),
            ("IF EXISTS ", " WAIT"),
            ("INSERT ON ", ""),
        ] {
            expected = expected.replacen(&format!("{verb}t1{rest}"), &format!("{verb}`db0`.`y`{rest}"), 1);
        }
        expected = expected.replace("`x`.a ", "`x`.`a` ").replace("`x`.b,", "`x`.`b`,");
        assert_eq!(new, expected);
        changed += usize::from(new != statement);
        let again = scan(new.as_bytes(), &options(flavour)).unwrap();
        assert_eq!((again.kind, again.tables.len()), (scanned.kind, scanned.tables.len()));
    }
    assert_eq!(changed, 29);
}

#[test]
fn maps_nothing_changes_nothing() {
    for (flavour, statement) in corpus() {
        let scanned = scan(statement.as_bytes(), &options(flavour)).unwrap();
        let bytes = rewrite(statement.as_bytes(), &scanned, &|_, _| None, &|_| None).unwrap();
        assert_eq!(bytes, statement.as_bytes());
    }
}

#[test]
fn qualifies_what_it_replaces() {
    expect(
        Some("db1"),
        &[
            ("DROP TABLE t1,t2 , db2.t1/* x */", "DROP TABLE `x`.`y`,`x`.`t2` , `db2`.`y`/* x */"),
            ("DROP TABLE db1 /*!50000 . t1 */, .t1", "DROP TABLE `x` /*!50000 . `y` */, `x`.`y`"),
            ("DROP TABLE . `t1`", "DROP TABLE `x`. `y`"),
            ("TRUNCATE TABLE`t1`", "TRUNCATE TABLE`x`.`y`"),
            ("ALTER TABLE t1 RENAME TO t2", "ALTER TABLE `x`.`y` RENAME TO `x`.`t2`"),
            (
                "ALTER TABLE p EXCHANGE PARTITION t1 WITH TABLE t1",
                "ALTER TABLE `x`.`p` EXCHANGE PARTITION t1 WITH TABLE `x`.`y`",
            ),
            ("CREATE TABLE db2.t LIKE t1", "CREATE TABLE db2.t LIKE `x`.`y`"),
            ("DROP VIEW t1", "DROP VIEW `x`.`y`"),
        ],
    );
    expect(None, &[("DROP TABLE t1, db1.t1", "DROP TABLE t1, `x`.`y`")]);
    let scanned = read("DROP TABLE a");
    let quoted =
        rewrite(b"DROP TABLE a", &scanned, &|_, _| Some(("d`e".into(), "f".into())), &|_| None).unwrap();
    assert_eq!(quoted, b"DROP TABLE `d``e`.`f`");
}

#[test]
fn foreign_keys_follow_their_table() {
    // Only some tables of db1 move; the parent is meant to be in the database of the child.
    let some = |database: &str, table: &str| {
        (database == "db1" && table != "stay").then(|| ("x".to_owned(), table.to_owned()))
    };
    let run = |text: &str| {
        let scanned = scan(text.as_bytes(), &options(Flavour::Mysql)).unwrap();
        String::from_utf8(rewrite(text.as_bytes(), &scanned, &some, &|_| None).unwrap()).unwrap()
    };
    assert_eq!(
        run("CREATE TABLE db1.c (a int, FOREIGN KEY (a) REFERENCES p (a))"),
        "CREATE TABLE `x`.`c` (a int, FOREIGN KEY (a) REFERENCES `x`.`p` (a))"
    );
    assert_eq!(
        run("CREATE TABLE db1.c (a int, FOREIGN KEY (a) REFERENCES stay (a))"),
        "CREATE TABLE `x`.`c` (a int, FOREIGN KEY (a) REFERENCES `db1`.`stay` (a))"
    );
    assert_eq!(
        run("CREATE TABLE db1.stay (a int, FOREIGN KEY (a) REFERENCES p (a))"),
        "CREATE TABLE db1.stay (a int, FOREIGN KEY (a) REFERENCES `x`.`p` (a))"
    );
    assert_eq!(
        run("ALTER TABLE c ADD FOREIGN KEY (a) REFERENCES p (a)"),
        "ALTER TABLE c ADD FOREIGN KEY (a) REFERENCES p (a)"
    );
    assert_eq!(
        run("ALTER TABLE db1.c ADD FOREIGN KEY (a) REFERENCES db2.p (a)"),
        "ALTER TABLE `x`.`c` ADD FOREIGN KEY (a) REFERENCES db2.p (a)"
    );
}

#[test]
fn databases_and_objects() {
    expect(
        Some("db1"),
        &[
            (
                "CREATE DATABASE IF NOT EXISTS db1 CHARSET utf8",
                "CREATE DATABASE IF NOT EXISTS `x` CHARSET utf8",
            ),
            ("DROP SCHEMA db2", "DROP SCHEMA db2"),
            ("ALTER DATABASE CHARACTER SET utf8", "ALTER DATABASE `x` CHARACTER SET utf8"),
            (
                "CREATE TRIGGER g BEFORE INSERT ON t1 FOR EACH ROW SET @a=1",
                "CREATE TRIGGER `x`.`g` BEFORE INSERT ON `x`.`y` FOR EACH ROW SET @a=1",
            ),
            (
                "CREATE TRIGGER db2.g BEFORE INSERT ON db2.t1 FOR EACH ROW SET @a=1",
                "CREATE TRIGGER db2.g BEFORE INSERT ON `db2`.`y` FOR EACH ROW SET @a=1",
            ),
            ("DROP TRIGGER IF EXISTS db1.g", "DROP TRIGGER IF EXISTS `x`.`g`"),
            ("DROP PROCEDURE t1", "DROP PROCEDURE `x`.`t1`"),
            ("ALTER EVENT e RENAME TO db2.e ENABLE", "ALTER EVENT `x`.`e` RENAME TO db2.e ENABLE"),
            ("CREATE INDEX t1 ON t1 (a)", "CREATE INDEX t1 ON `x`.`y` (a)"),
            ("SAVEPOINT t1", "SAVEPOINT t1"),
        ],
    );
}

#[test]
fn writes_in_the_charset_of_the_statement() {
    let run = |charset, table: &'static str| {
        let options = Options { charset, ..options(Flavour::Mysql) };
        let scanned = scan(b"DROP TABLE a", &options).unwrap();
        rewrite(b"DROP TABLE a", &scanned, &|_, _| Some(("d".into(), table.into())), &|_| None)
    };
    assert_eq!(run(Charset::Utf8, "ö").unwrap(), "DROP TABLE `d`.`ö`".as_bytes());
    assert_eq!(run(Charset::Latin1, "ö€").unwrap(), b"DROP TABLE `d`.`\xf6\x80`");
    let error = run(Charset::Latin1, "ж").unwrap_err();
    assert_eq!(
        error.to_string(),
        "name \"`d`.`ж`\" cannot be written in the statement's charset (Latin1) at byte 11"
    );
    assert!(run(Charset::Gbk, "ö").is_err());
    assert_eq!(run(Charset::Gbk, "b").unwrap(), b"DROP TABLE `d`.`b`");
}

#[test]
fn survives_a_scan_of_another_statement() {
    let scanned = read("DROP TABLE aaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbb");
    let everything = |_: &str, _: &str| Some(("x".to_owned(), "y".to_owned()));
    assert!(rewrite(b"DROP", &scanned, &everything, &|_| None).is_ok());
}
