//! The tables of the load, and the random statements that change them.
//!
//! Statements may fail on the source (a duplicate key, a table that was just dropped): the client goes on, and what
//! counts is what the source has in the end.

use super::random::Random;
use tidegate_sandbox::Flavour;

/// The tables at the start, for an empty database.
pub(super) fn schema_of(flavour: Flavour) -> String {
    match flavour {
        Flavour::Mysql => SCHEMA.to_owned(),
        Flavour::Mariadb => SCHEMA
            .replace("utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_ci")
            .replace("cte_max_recursion_depth", "max_recursive_iterations"),
    }
}

const SCHEMA: &str = "
CREATE TABLE plain (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL DEFAULT 0, b VARCHAR(200), amount DECIMAL(20,4),
  at DATETIME(6), doc JSON, bytes VARBINARY(100), kind ENUM('a','b','c'), flags SET('x','y','z'), ratio DOUBLE,
  twice INT GENERATED ALWAYS AS (a * 2) VIRTUAL, KEY by_a (a));
CREATE TABLE swapped (id INT PRIMARY KEY, v INT UNIQUE, w VARCHAR(20) UNIQUE);
CREATE TABLE keyless (a INT, b VARCHAR(50));
CREATE TABLE counter (id INT PRIMARY KEY, n BIGINT NOT NULL);
CREATE TABLE parent (id INT PRIMARY KEY, x INT);
CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent_id INT, y INT,
  FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE words (word VARCHAR(40) COLLATE utf8mb4_0900_ai_ci, lang CHAR(2), n INT, PRIMARY KEY (word, lang));
CREATE TABLE big_id (id BIGINT UNSIGNED PRIMARY KEY, body TEXT);
SET SESSION cte_max_recursion_depth = 1000000;
INSERT INTO plain (a, b, amount, at, doc, bytes, kind, flags, ratio)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
  SELECT i % 97, LEFT(SHA2(i, 256), 32), i / 7, '2024-02-29 12:00:00.000001' + INTERVAL i SECOND, JSON_OBJECT('i', i, 'l', JSON_ARRAY(i)),
    UNHEX(SHA2(i, 256)), 1 + i % 3, i % 8, i / 3 FROM n;
INSERT INTO swapped WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
  SELECT i, i, CONCAT('w', i) FROM n;
INSERT INTO keyless WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
  SELECT i % 50, IF(i % 5 = 0, NULL, i % 20) FROM n;
INSERT INTO counter VALUES (1, 0), (2, 0), (3, 0);
INSERT INTO parent WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i, i FROM n;
INSERT INTO child (parent_id, y) SELECT id, id * 3 FROM parent;
INSERT INTO big_id VALUES (18446744073709551615, 'last'), (9223372036854775808, 'middle'), (1, REPEAT('t', 5000));
";

/// How many counters there are.
pub(super) const COUNTERS: u64 = 3;

const TEXTS: [&str; 9] = [
    "''",
    "'it''s'",
    "'back\\\\slash'",
    "'tab\\tline\\n'",
    "'日本語'",
    "'🐟🐟'",
    "'NULL'",
    "NULL",
    "'Ünïcödé'",
];
const WORDS: [&str; 8] = ["fish", "Tide", "gate", "größe", "niño", "été", "zulu", "açaí"];
/// Tables that come and go.
const PASSING: [&str; 4] = ["d0", "d1", "d2", "d3"];
const COLUMN_TYPES: [&str; 8] = [
    "INT",
    "INT NOT NULL DEFAULT 7",
    "VARCHAR(30) DEFAULT 'new'",
    "DATETIME(3) DEFAULT '2020-01-01 00:00:00.125'",
    "DECIMAL(8,3) NOT NULL DEFAULT 1.5",
    "JSON",
    "BIGINT UNSIGNED DEFAULT 18446744073709551615",
    "VARBINARY(8) DEFAULT 'ab'",
];

/// What one turn of a stream writes.
pub(super) struct Turn {
    pub(super) sql: String,
    /// The counter that it raises by one, if it does.
    pub(super) counter: Option<u64>,
}

/// Changes of rows.
pub(super) fn rows(random: &mut Random) -> Turn {
    let plain = |sql: String| Turn { sql, counter: None };
    match random.below(100) {
        0..=14 => {
            let id = 1 + random.below(COUNTERS);
            Turn { sql: format!("UPDATE counter SET n = n + 1 WHERE id = {id};"), counter: Some(id) }
        }
        15..=34 => plain(one_row(random)),
        35..=49 => plain(in_transaction(random)),
        50..=59 => plain(key_change(random)),
        60..=67 => plain(unique_swap(random)),
        68..=77 => plain(keyless(random)),
        78..=84 => plain(one_at_a_time(&family(random))),
        85..=91 => plain(words(random)),
        _ => plain(passing_rows(random)),
    }
}

fn one_row(random: &mut Random) -> String {
    let (id, a) = (1 + random.below(5000), random.below(100));
    let (text, amount) = (random.pick(&TEXTS), random.below(1_000_000_000));
    match random.below(7) {
        0 => format!("INSERT INTO plain (a, b, amount) VALUES ({a}, {text}, {amount} / 1000);"),
        1 => format!(
            "INSERT INTO plain (id, a, b, doc) VALUES ({id}, {a}, {text}, JSON_OBJECT('a', {a}, 't', {text})) \
                      ON DUPLICATE KEY UPDATE a = a + 1, doc = JSON_SET(doc, '$.n', {a});"
        ),
        2 => format!(
            "REPLACE INTO plain (id, a, b, at, bytes) VALUES ({id}, {a}, {text}, NOW(6), UNHEX(SHA2({amount}, 256)));"
        ),
        3 => format!(
            "UPDATE plain SET a = {a}, b = {text}, ratio = {amount} / 7e9, flags = {} WHERE id = {id};",
            a % 8
        ),
        4 => format!(
            "UPDATE plain SET doc = JSON_SET(COALESCE(doc, '{{}}'), '$.x', {text}), kind = {} WHERE id = {id};",
            1 + a % 3
        ),
        5 => format!("DELETE FROM plain WHERE id = {id};"),
        _ => format!(
            "INSERT INTO big_id VALUES (18446744073709551615 - {id}, REPEAT({text}, {a})) \
                      ON DUPLICATE KEY UPDATE body = CONCAT(body, {text});"
        ),
    }
}

fn in_transaction(random: &mut Random) -> String {
    let (id, a) = (1 + random.below(5000), random.below(100));
    match random.below(5) {
        0 => format!("UPDATE plain SET a = a + 1, at = NOW(6) WHERE id BETWEEN {id} AND {};", id + 50),
        1 => format!("DELETE FROM plain WHERE a = {a} LIMIT 20;"),
        2 => format!(
            "INSERT INTO plain (a, b, doc) SELECT a, b, doc FROM plain WHERE id BETWEEN {id} AND {};",
            id + 30
        ),
        3 => {
            let parts: Vec<String> = (0..2 + random.below(8)).map(|_| one_row(random)).collect();
            format!("START TRANSACTION; {} COMMIT;", parts.join(" "))
        }
        _ => {
            let parts: Vec<String> = (0..2 + random.below(4)).map(|_| one_row(random)).collect();
            format!(
                "START TRANSACTION; {} SAVEPOINT s; {} ROLLBACK TO s; COMMIT;",
                parts.join(" "),
                one_row(random)
            )
        }
    }
}

fn key_change(random: &mut Random) -> String {
    let (from, to) = (1 + random.below(5000), 1 + random.below(6000));
    match random.below(4) {
        0 => format!("UPDATE plain SET id = {to} WHERE id = {from};"),
        1 => format!(
            "UPDATE plain SET id = id + 1 WHERE id BETWEEN {from} AND {} ORDER BY id DESC;",
            from + 10
        ),
        2 => format!(
            "START TRANSACTION; UPDATE plain SET id = 100000000 WHERE id = {from}; \
                      UPDATE plain SET id = {from} WHERE id = {to}; UPDATE plain SET id = {to} WHERE id = 100000000; COMMIT;"
        ),
        _ => format!(
            "START TRANSACTION; DELETE FROM plain WHERE id = {from}; \
                      INSERT INTO plain (id, a, b) VALUES ({from}, 1, 'again'); UPDATE plain SET id = {to} WHERE id = {from}; COMMIT;"
        ),
    }
}

fn unique_swap(random: &mut Random) -> String {
    let (one, two) = (1 + random.below(100), 1 + random.below(100));
    match random.below(3) {
        0 => format!(
            "START TRANSACTION; SELECT v FROM swapped WHERE id = {one} INTO @x FOR UPDATE; \
                      SELECT v FROM swapped WHERE id = {two} INTO @y FOR UPDATE; \
                      UPDATE swapped SET v = NULL WHERE id = {one}; UPDATE swapped SET v = @x WHERE id = {two}; \
                      UPDATE swapped SET v = @y WHERE id = {one}; COMMIT;"
        ),
        1 => format!(
            "START TRANSACTION; SELECT w FROM swapped WHERE id = {one} INTO @w FOR UPDATE; \
                      DELETE FROM swapped WHERE id = {one}; UPDATE swapped SET w = @w WHERE id = {two}; \
                      INSERT INTO swapped VALUES ({one}, {two} + 1000, NULL); COMMIT;"
        ),
        _ => format!(
            "START TRANSACTION; UPDATE swapped SET v = v + 1 WHERE v >= {one} ORDER BY v DESC; COMMIT;"
        ),
    }
}

fn keyless(random: &mut Random) -> String {
    let (a, b) = (random.below(50), random.below(20));
    match random.below(4) {
        0 => format!("INSERT INTO keyless VALUES ({a}, {b}), ({a}, {b}), (NULL, {b});"),
        1 => format!("UPDATE keyless SET b = {b} WHERE a = {a} LIMIT 2;"),
        2 => format!("DELETE FROM keyless WHERE a = {a} LIMIT 1;"),
        _ => format!("UPDATE keyless SET a = a + 1, b = NULL WHERE b = {b} LIMIT 5;"),
    }
}

fn family(random: &mut Random) -> String {
    let (id, other) = (1 + random.below(60), 1 + random.below(60));
    match random.below(4) {
        0 => format!(
            "INSERT INTO parent VALUES ({id}, {other}); INSERT INTO child (parent_id, y) VALUES ({id}, 1), ({id}, 2);"
        ),
        1 => format!("DELETE FROM parent WHERE id = {id};"),
        2 => format!("UPDATE parent SET id = {other} WHERE id = {id};"),
        _ => format!("UPDATE child SET y = y + 1 WHERE parent_id = {id};"),
    }
}

/// MySQL from 9.6 on may log what a deadlock amid a cascade took back (TG-3012): there no two sessions are to meet in one.
fn one_at_a_time(family: &str) -> String {
    format!(
        "SELECT /*!90600 GET_LOCK('family', 60), */ 1; {family} SELECT /*!90600 RELEASE_LOCK('family'), */ 1;"
    )
}

fn words(random: &mut Random) -> String {
    let (word, n) = (random.pick(&WORDS), random.below(30));
    let lang = random.pick(&["de", "en", "es"]);
    match random.below(4) {
        0 => format!(
            "INSERT INTO words VALUES ('{word}{n}', '{lang}', {n}) ON DUPLICATE KEY UPDATE n = n + 1;"
        ),
        // The same key to the collation, other letters to the eye.
        1 => format!("UPDATE words SET word = UPPER(word) WHERE word = '{word}{n}';"),
        2 => format!("DELETE FROM words WHERE word = '{word}{n}' AND lang = '{lang}';"),
        _ => format!("UPDATE words SET lang = '{lang}' WHERE word = '{word}{n}' LIMIT 1;"),
    }
}

fn passing_rows(random: &mut Random) -> String {
    let (table, id) = (random.pick(&PASSING), random.below(200));
    match random.below(4) {
        0 | 1 => format!("INSERT INTO {table} (a, b) VALUES ({id}, 'p'), ({id} + 1, 'q');"),
        2 => format!("UPDATE {table} SET a = a + 1 WHERE id < {id};"),
        _ => format!("DELETE FROM {table} WHERE id = {id};"),
    }
}

/// Changes of tables.
pub(super) fn schema(random: &mut Random) -> Turn {
    let (table, other) = (random.pick(&PASSING), random.pick(&PASSING));
    let column = format!("x{}", random.below(4));
    let altered = if random.chance(40) { "plain" } else { table };
    let sql = match random.below(16) {
        0..=2 => format!(
            "CREATE TABLE IF NOT EXISTS {table} (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(20));"
        ),
        3 => format!("CREATE TABLE {table} LIKE {other};"),
        4 => format!("DROP TABLE IF EXISTS {table};"),
        5 => format!("RENAME TABLE {table} TO {other};"),
        6 => format!("RENAME TABLE {table} TO passing, {other} TO {table}, passing TO {other};"),
        7 => format!("TRUNCATE TABLE {table};"),
        8..=10 => {
            let place = random.pick(&["", " FIRST", " AFTER id"]);
            format!("ALTER TABLE {altered} ADD COLUMN {column} {}{place};", random.pick(&COLUMN_TYPES))
        }
        11 | 12 => format!("ALTER TABLE {altered} DROP COLUMN {column};"),
        13 => format!("CREATE INDEX by_{column} ON {altered} (b, a);"),
        14 => format!("DROP INDEX by_{column} ON {altered};"),
        _ => format!(
            "ALTER TABLE {altered} ADD COLUMN {column} INT, ADD INDEX by_{column} ({column}), ALGORITHM = INPLACE;"
        ),
    };
    // Rows that have the new shape at once.
    Turn {
        sql: format!("{sql} INSERT INTO {table} (a, b) VALUES ({}, 'ddl');", random.below(1000)),
        counter: None,
    }
}
