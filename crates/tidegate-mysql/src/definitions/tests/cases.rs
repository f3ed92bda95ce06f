//! What is carried over, what is refused, what is told.

use super::*;
use mysql_async::prelude::Queryable;
use tidegate_model::Code;

async fn round_trip(flavour: Flavour) {
    let [source, target] = pair(flavour);
    source.sql(&fixture(flavour, "rt")).expect("a fixture");
    let mut pair = Pair::new(source, target, fixture_selection("rt", &[])).await;
    let definitions = pair.read().await;
    assert!(definitions.is_sorted_by_key(|definition| definition.stage));
    let notices = pair.make(&definitions).await.expect("made");
    println!("{notices:#?}");
    let told = |text: &str| notices.iter().any(|notice| notice.contains(text));
    assert!(told("view rt.b_view: definer 'gone'@'%' does not exist"));
    assert!(told("view rt.broken was not made"));
    let differences = pair.differences().await;
    let names: Vec<&str> = differences.iter().map(|one| one.1.as_str()).collect();
    assert_eq!(names, ["view rt.broken is missing"], "{differences:#?}");
    // Once more: everything is there.
    let mut again = pair.make(&definitions).await.expect("made again");
    again.retain(|notice| !notice.contains("rt.broken was not made"));
    assert_eq!(again, Vec::<String>::new());
    // A sequence, AUTO_INCREMENT and a trigger's guard are more than text.
    let next =
        "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA='rt' AND TABLE_NAME='order'";
    assert_eq!(target.sql(next).expect("a number"), "100");
    if flavour == Flavour::Mariadb {
        let next = source.sql("SELECT next_not_cached_value FROM rt.`sq ``☃`").expect("a number");
        assert_eq!(target.sql("SELECT NEXTVAL(rt.`sq ``☃`)").expect("a number"), next);
    }
    let quiet = "USE rt; SET @tidegate_apply = 1; INSERT INTO fired VALUES (1, 5); SELECT n FROM fired; SELECT count(*) FROM audit";
    assert_eq!(target.sql(quiet).expect("rows"), "5\n0");
    let loud = "USE rt; INSERT INTO fired VALUES (2, 5); SELECT n FROM fired WHERE id = 2; SELECT what FROM audit ORDER BY id";
    let fired = target.sql(loud).expect("rows");
    assert_eq!(fired, "6\nfirst\\\\\nins;2\\\\\nins;2\\\\\nlast\\\\");
    let statuses =
        "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'rt' ORDER BY EVENT_NAME";
    let statuses = target.sql(statuses).expect("events");
    assert!(
        ["SLAVESIDE_DISABLED\nDISABLED", "REPLICA_SIDE_DISABLED\nDISABLED"].contains(&statuses.as_str()),
        "{statuses}"
    );
}

#[tokio::test]
async fn everything_of_mysql_goes_round() {
    round_trip(Flavour::Mysql).await;
}

#[tokio::test]
async fn everything_of_mariadb_goes_round() {
    round_trip(Flavour::Mariadb).await;
}

async fn renamed(flavour: Flavour) {
    let [source, target] = pair(flavour);
    source.sql(&fixture(flavour, "rn")).expect("a fixture");
    let renames = ["rn.*=new `` '☃.*".replace("``", "\\`"), "rn.parent=rn else.eltern".to_owned()];
    let mut pair = Pair::new(source, target, fixture_selection("rn", &renames)).await;
    let notices = pair.carry().await.expect("made");
    println!("{notices:#?}");
    let named =
        |text: &str| notices.iter().any(|notice| notice.contains(text) && notice.contains("body names"));
    assert!(named("second"));
    let differences = pair.differences().await;
    let names: Vec<&str> = differences.iter().map(|one| one.1.as_str()).collect();
    assert_eq!(names, ["view new ` '☃.broken is missing"], "{differences:#?}");
    let tables = "SELECT REFERENCED_TABLE_SCHEMA FROM information_schema.KEY_COLUMN_USAGE \
                  WHERE REFERENCED_TABLE_NAME = 'eltern' ORDER BY 1 LIMIT 1";
    assert_eq!(target.sql(tables).expect("a name"), "rn else");
    assert_eq!(target.sql("SELECT count(*) FROM `new `` '☃`.a_view").expect("rows"), "1");
    assert_eq!(target.sql("SHOW DATABASES LIKE 'rn'").expect("names"), "");
    target.sql("USE `new `` '☃`; CREATE TABLE extra (a int); ALTER TABLE nokey ADD b int").expect("changes");
    let list = pair.differences().await;
    assert!(list.iter().any(|one| one.1 == "table new ` '☃.extra is in the target only"), "{list:#?}");
    assert!(
        list.iter().any(|one| one.1.contains("nokey: the source has nothing, the target has `b` int")),
        "{list:#?}"
    );
}

#[tokio::test]
async fn names_change_on_the_way_from_mysql() {
    renamed(Flavour::Mysql).await;
}

#[tokio::test]
async fn names_change_on_the_way_from_mariadb() {
    renamed(Flavour::Mariadb).await;
}

async fn refusals(flavour: Flavour) {
    let [source, target] = pair(flavour);
    source.sql("CREATE DATABASE rf; CREATE TABLE rf.a (id int PRIMARY KEY, n int); CREATE TABLE rf.b (id int PRIMARY KEY)")
        .expect("tables");
    let mut pair = Pair::new(source, target, selection(&["rf.*"], &[])).await;
    let definitions = pair.read().await;
    pair.make(&definitions).await.expect("made");
    target.sql("INSERT INTO rf.a VALUES (1, 1)").expect("a row");
    let error = pair.make(&definitions).await.expect_err("rows");
    assert_eq!(
        (error.code(), error.message()),
        (Code::TargetNotEmpty, "table rf.a has rows that this link did not copy")
    );
    assert!(error.remedy().contains("TRUNCATE TABLE `rf`.`a`"));
    let copy = |version, rows| CopyProgress {
        table: TableName::new("rf", "a"),
        version,
        rows,
        last_key: None,
        done: false,
        snapshot: None,
    };
    pair.make_beside(&definitions, &[copy(2, 1)]).await.expect("copied rows count");
    let error =
        pair.make_beside(&definitions, &[copy(0, 0)]).await.expect_err("rows in a table made, not copied");
    assert_eq!(error.code(), Code::TargetNotEmpty);
    target.sql("ALTER TABLE rf.a MODIFY n bigint NOT NULL").expect("a change");
    let error = pair.make_beside(&definitions, &[copy(2, 1)]).await.expect_err("changed since");
    assert_eq!(error.code(), Code::SchemaChangedWhileCopying);
    let error = pair.make_beside(&definitions, &[copy(0, 0)]).await.expect_err("somebody else's rows");
    assert_eq!(error.code(), Code::DefinitionDiffers);
    target.sql("RENAME TABLE rf.a TO rf.away").expect("gone");
    let error = pair.make_beside(&definitions, &[copy(2, 1)]).await.expect_err("copied rows are gone");
    assert_eq!(error.code(), Code::MissingTable);
    target.sql("RENAME TABLE rf.away TO rf.a").expect("back");
    let error = pair.make(&definitions).await.expect_err("another type");
    assert_eq!(error.code(), Code::DefinitionDiffers);
    assert!(error.message().contains("table rf.a: the source has `n` int"), "{error}");
    assert!(error.message().contains("the target has `n` bigint"), "{error}");
    target.sql("DROP TABLE rf.a; DROP TABLE rf.b; CREATE VIEW rf.a AS SELECT 1; ALTER DATABASE rf COLLATE utf8mb4_bin")
        .expect("another kind");
    let error = pair.make(&definitions).await.expect_err("two reasons");
    assert!(error.message().starts_with("this and 1 more: database rf:"), "{error}");
    assert!(error.remedy().starts_with("ALTER DATABASE `rf` DEFAULT CHARACTER SET"), "{}", error.remedy());
    assert_eq!(target.sql("SHOW TABLES IN rf").expect("names"), "a", "a refusal changes nothing");
    let error = pair.make(&definitions[1..]).await.expect_err("another kind");
    assert!(error.message().contains("table rf.a: the target has a view of this name"), "{error}");
}

#[tokio::test]
async fn what_is_different_or_full_is_refused_by_mysql() {
    refusals(Flavour::Mysql).await;
}

#[tokio::test]
async fn what_is_different_or_full_is_refused_by_mariadb() {
    refusals(Flavour::Mariadb).await;
}

/// A crash leaves any part of the list done.
async fn interrupted(flavour: Flavour) {
    let [source, target] = pair(flavour);
    source.sql(&fixture(flavour, "ix")).expect("a fixture");
    let mut pair = Pair::new(source, target, fixture_selection("ix", &[])).await;
    let definitions = pair.read().await;
    for done in (0..definitions.len()).step_by(9) {
        pair.make(&definitions[..done]).await.expect("a part");
    }
    pair.make(&definitions).await.expect("the rest");
    let differences = pair.differences().await;
    assert_eq!(differences.len(), 1, "{differences:#?}");
    // A person's own copy of a trigger gets the guard, in its place.
    target.sql("USE ix; SET sql_mode = '', NAMES utf8mb4; DROP TRIGGER labelled; DROP TRIGGER single; \
                CREATE TRIGGER single BEFORE INSERT ON fired FOR EACH ROW SET NEW.n = coalesce(NEW.n, 0) + 1; \
                CREATE TRIGGER mine AFTER UPDATE ON fired FOR EACH ROW SET @x = 1")
        .expect("a trigger");
    let notices = pair.make(&definitions).await.expect("made");
    assert!(notices.iter().any(|notice| notice.starts_with("trigger ix.single: made again")), "{notices:#?}");
    assert!(
        notices.iter().any(|notice| notice.starts_with("trigger ix.mine: it is in the target only")),
        "{notices:#?}"
    );
    let differences = pair.differences().await;
    assert_eq!(differences.len(), 2, "{differences:#?}");
}

#[tokio::test]
async fn half_of_it_is_no_obstacle_for_mysql() {
    interrupted(Flavour::Mysql).await;
}

#[tokio::test]
async fn half_of_it_is_no_obstacle_for_mariadb() {
    interrupted(Flavour::Mariadb).await;
}

#[tokio::test]
async fn the_other_family_gets_what_it_can_take() {
    let (mysql, mariadb) = (&pair(Flavour::Mysql)[0], &pair(Flavour::Mariadb)[0]);
    let text = "SET NAMES utf8mb4; CREATE DATABASE xf CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; USE xf; \
                CREATE TABLE a (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, s varchar(20) NOT NULL DEFAULT 'x', \
                t timestamp NULL, d datetime DEFAULT CURRENT_TIMESTAMP, n int DEFAULT 5, e enum('a','b'), UNIQUE (s), \
                dc decimal(10,2), CHECK (n > 0)); CREATE TABLE b (id int PRIMARY KEY, a bigint unsigned, \
                FOREIGN KEY (a) REFERENCES a (id)); CREATE VIEW v AS SELECT a.id, b.id AS bid FROM a JOIN b ON b.a = a.id; \
                CREATE PROCEDURE p() SELECT 1; CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW SET @x = 1";
    for (source, target, database) in [(mysql, mariadb, "xf"), (mariadb, mysql, "xg")] {
        source.sql(&text.replace("xf", database)).expect("a fixture");
        let mut pair = Pair::new(source, target, selection(&[&format!("{database}.*")], &[])).await;
        let notices = pair.carry().await.expect("made");
        println!("{notices:#?}");
        assert_eq!(pair.differences().await, Vec::new());
        let again = pair.carry().await.expect("made again");
        assert_eq!(again, Vec::<String>::new());
    }
    mysql.sql("CREATE DATABASE xh COLLATE utf8mb4_bin; CREATE TABLE xh.t (s varchar(9) COLLATE utf8mb4_0900_ai_ci)").expect("a table");
    let mut pair = Pair::new(mysql, mariadb, selection(&["xh.*"], &[])).await;
    let error = pair.carry().await.expect_err("no such collation");
    assert_eq!(error.code(), Code::DefinitionDiffers);
    assert_eq!(error.message(), "table xh.t: the target has no collation utf8mb4_0900_ai_ci");
}

#[tokio::test]
async fn only_what_is_selected_is_read() {
    let [source, target] = pair(Flavour::Mysql);
    source
        .sql(
            "CREATE DATABASE se; CREATE DATABASE se_none; USE se; CREATE TABLE a (id int PRIMARY KEY); \
                CREATE TABLE b (id int PRIMARY KEY, FOREIGN KEY (id) REFERENCES a (id)); \
                CREATE TRIGGER tr AFTER INSERT ON a FOR EACH ROW SET @x = 1; CREATE VIEW v AS SELECT 1",
        )
        .expect("a fixture");
    let mut pair = Pair::new(source, target, selection(&["se.b", "se_none.a"], &[])).await;
    let names: Vec<String> = pair.read().await.iter().map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["se.", "se.b"]);
    let notices = pair.carry().await.expect("made");
    assert_eq!(notices, ["table se.b: its foreign key needs se.a, which is not selected"]);
    assert_eq!(pair.differences().await, Vec::new());
    // The server's own and ours never count.
    source.sql("CREATE DATABASE tidegate; CREATE TABLE tidegate.t (a int)").expect("our schema");
    let mut all = Pair::new(source, target, Selection::default()).await;
    let own = |name: &TableName| crate::catalog::OWN_SCHEMAS.contains(&name.database.as_str());
    assert!(all.read().await.iter().all(|one| !own(&one.name)));
}

#[tokio::test]
async fn the_source_may_write_in_any_character_set() {
    let [source, target] = pair(Flavour::Mysql);
    let (mut conn, _) = open(source).await;
    conn.query_drop("CREATE DATABASE cs CHARACTER SET latin1").await.expect("a database");
    conn.query_drop("USE cs").await.expect("a database");
    conn.query_drop("SET NAMES latin1").await.expect("a charset");
    conn.query_drop(b"CREATE PROCEDURE p() SELECT '\xe9', concat('\xe9', 'x')".as_slice())
        .await
        .expect("a procedure");
    conn.query_drop(b"CREATE TABLE t (a varchar(9) DEFAULT '\xe9' COMMENT '\xe9')".as_slice())
        .await
        .expect("a table");
    let mut pair = Pair::new(source, target, selection(&["cs.*"], &[])).await;
    pair.carry().await.expect("made");
    assert_eq!(pair.differences().await, Vec::new());
    assert_eq!(target.sql("CALL cs.p()").expect("a row"), "é\téx");
    assert_eq!(target.sql("INSERT INTO cs.t VALUES (); SELECT hex(a) FROM cs.t").expect("a row"), "E9");
}

/// Definers that exist are kept, if the account may do so; a text that may not be seen is not passed over.
async fn accounts(flavour: Flavour) {
    let [source, target] = pair(flavour);
    let people = "CREATE USER boss@'%'; CREATE USER low@'127.0.0.1' IDENTIFIED BY 'pw'; CREATE USER low@localhost IDENTIFIED BY 'pw'; ";
    source
        .sql(&format!(
            "{people} CREATE DATABASE ac; CREATE TABLE ac.t (a int PRIMARY KEY); \
             CREATE DEFINER=boss@'%' VIEW ac.v AS SELECT a FROM ac.t; CREATE FUNCTION ac.f() RETURNS int DETERMINISTIC RETURN 1; \
             CREATE DEFINER=nobody@'%' PROCEDURE ac.p() SELECT 1; \
             GRANT SELECT, SHOW VIEW, EXECUTE ON ac.* TO low@'127.0.0.1'; GRANT SELECT, SHOW VIEW, EXECUTE ON ac.* TO low@localhost"
        ))
        .expect("a fixture");
    let (mut conn, server) = open_as(source, "low", Some("pw")).await;
    let error = read(&mut conn, server, &selection(&["ac.*"], &[])).await.expect_err("a hidden text");
    assert_eq!(error.code(), Code::MissingGrant);
    assert_eq!(error.message(), "function ac.f: the account may not see its definition");
    let both = |grant: &str| format!("{grant} TO low@'127.0.0.1'; {grant} TO low@localhost; ");
    let rights = [both("GRANT ALL PRIVILEGES ON ac.*"), both("GRANT ALL PRIVILEGES ON tidegate.*")].concat();
    target.sql(&format!("{people}{rights}")).expect("an account");
    let mut pair = Pair::new(source, target, selection(&["ac.*"], &[])).await;
    let definitions = pair.read().await;
    pair.target = open_as(target, "low", Some("pw")).await;
    let error = pair.make(&definitions).await.expect_err("no right to set definers");
    println!("{error}\n{}", error.remedy());
    assert_eq!(error.code(), Code::MissingGrant);
    let right =
        if flavour == Flavour::Mysql { "GRANT SET_ANY_DEFINER ON *.*" } else { "GRANT SET USER ON *.*" };
    assert!(error.remedy().starts_with(right), "{}", error.remedy());
    target.sql(&both(right)).expect("a right");
    if flavour == Flavour::Mysql {
        pair.target = open_as(target, "low", Some("pw")).await;
        let error = pair.make(&definitions).await.expect_err("the function is root's");
        assert!(error.remedy().starts_with("GRANT SYSTEM_USER ON *.*"), "{}", error.remedy());
        target.sql(&both("GRANT SYSTEM_USER ON *.*")).expect("a right");
    }
    pair.target = open_as(target, "low", Some("pw")).await;
    let notices = pair.make(&definitions).await.expect("made");
    println!("{notices:#?}");
    let nobody = notices
        .iter()
        .filter(|notice| notice.starts_with("procedure ac.p:") && notice.contains("definer"))
        .count();
    assert_eq!(nobody, 1);
    let definer = "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'ac'";
    assert_eq!(target.sql(definer).expect("a definer"), "boss@%");
    pair.selection = selection(&["ac.*"], &["ac.*=mysql.*"]);
    let error = pair.make(&definitions).await.expect_err("theirs");
    assert_eq!(error.code(), Code::BadPattern);
}

#[tokio::test]
async fn accounts_of_mysql() {
    accounts(Flavour::Mysql).await;
}

#[tokio::test]
async fn accounts_of_mariadb() {
    accounts(Flavour::Mariadb).await;
}
