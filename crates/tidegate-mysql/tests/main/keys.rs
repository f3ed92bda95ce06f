//! Tables by their keys: every sensible type of key, in more rows than one question of the copy asks for, changed while
//! they are copied and afterwards.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::{Pair, sql};
use tidegate_sandbox::Flavour::{self, Mariadb, Mysql};

/// Rows of a table at first, and what makes them large: the copy asks for 4 MiB at once.
const ROWS: usize = 300;
const FILLER: usize = 20_000;

/// A table whose key is made from a number `n`.
struct Keyed {
    name: &'static str,
    /// Columns of the key, with their expressions of `n`; none for columns that the server makes.
    columns: &'static [(&'static str, &'static str, &'static str)],
    key: &'static str,
}

const fn one(name: &'static str, columns: &'static [(&'static str, &'static str, &'static str)]) -> Keyed {
    Keyed { name, columns, key: "PRIMARY KEY (k)" }
}

const COMMON: &[Keyed] = &[
    one("k_int", &[("k", "INT", "n * 7919 % 10007 - 5000")]),
    one("k_bigint", &[("k", "BIGINT UNSIGNED", "18446744073709551615 - n")]),
    one("k_decimal", &[("k", "DECIMAL(30,10)", "(n - 150) / 7")]),
    one("k_double", &[("k", "DOUBLE", "(n - 150) / 7e0")]),
    one("k_float", &[("k", "FLOAT", "(n - 150) / 7e0")]),
    one(
        "k_text",
        &[(
            "k",
            "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
            "CONCAT(ELT(n % 6 + 1, 'a', 'B', '\u{e9}', '\u{df}', '\u{6f22}', '~'), n)",
        )],
    ),
    one(
        "k_text_bin",
        &[(
            "k",
            "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "CONCAT(ELT(n % 4 + 1, 'a', 'A', '\u{1f600}', '\\\\'), n)",
        )],
    ),
    one(
        "k_gbk",
        &[("k", "VARCHAR(30) CHARACTER SET gbk", "CONCAT(ELT(n % 3 + 1, '\u{8a89}', 'y', '~'), n)")],
    ),
    one("k_ucs2", &[("k", "CHAR(10) CHARACTER SET ucs2", "CONCAT(ELT(n % 2 + 1, '\u{6f22}', 'x'), n)")]),
    one("k_bytes", &[("k", "VARBINARY(16)", "UNHEX(LEFT(SHA2(n, 256), 32))")]),
    one("k_binary", &[("k", "BINARY(4)", "UNHEX(LPAD(HEX(n * 65536), 8, '0'))")]),
    one("k_datetime", &[("k", "DATETIME(6)", "'2024-02-28 23:59:58.999000' + INTERVAL n * 333 MICROSECOND")]),
    one("k_timestamp", &[("k", "TIMESTAMP(3)", "'2024-02-28 23:59:58.5' + INTERVAL n * 333000 MICROSECOND")]),
    one("k_date", &[("k", "DATE", "'1999-12-01' + INTERVAL n DAY")]),
    one("k_time", &[("k", "TIME(1)", "SEC_TO_TIME((n - 150) * 1000.5)")]),
    one("k_bit", &[("k", "BIT(60)", "(1 << 59) + n * 3")]),
    Keyed {
        name: "k_mixed",
        columns: &[
            ("e", "ENUM('z','y','a')", "n % 3 + 1"),
            ("s", "SET('a','b','c')", "n % 7"),
            ("k", "VARCHAR(20)", "CONCAT('K', n % 10)"),
            ("d", "DECIMAL(9,2)", "-n / 4"),
        ],
        key: "PRIMARY KEY (e, s, k, d)",
    },
    Keyed {
        name: "k_unique",
        columns: &[
            ("a", "SMALLINT NOT NULL", "n % 10"),
            ("k", "CHAR(12) NOT NULL", "CONCAT(n, 'x')"),
            ("o", "INT", "NULL"),
        ],
        key: "UNIQUE KEY (o, a), UNIQUE KEY (a, k)",
    },
    // Only a part of the key's text is unique, so rows are found by all that they hold.
    Keyed { name: "k_prefix", columns: &[("k", "TEXT", "CONCAT(n, ' prefix')")], key: "PRIMARY KEY (k(8))" },
    Keyed { name: "k_nullable", columns: &[("k", "INT", "IF(n % 2, NULL, n)")], key: "UNIQUE KEY (k)" },
];

const MYSQL: &[Keyed] = &[
    Keyed {
        name: "k_stored",
        columns: &[("a", "INT", "n"), ("k", "INT AS (a * 3 - 400) STORED NOT NULL", "")],
        key: "PRIMARY KEY (k)",
    },
    Keyed {
        name: "k_virtual",
        columns: &[("a", "INT NOT NULL", "n"), ("k", "VARCHAR(20) AS (CONCAT('v', a)) VIRTUAL NOT NULL", "")],
        key: "UNIQUE KEY (k)",
    },
    Keyed {
        name: "k_expression",
        columns: &[("k", "VARCHAR(20) COLLATE utf8mb4_bin", "CONCAT('Ex', n)")],
        key: "PRIMARY KEY (k), UNIQUE KEY ((LOWER(k)))",
    },
    Keyed {
        name: "k_descending",
        columns: &[("a", "INT", "n % 5"), ("k", "INT", "n")],
        key: "PRIMARY KEY (a DESC, k)",
    },
];

const MARIADB: &[Keyed] = &[
    one(
        "k_uuid",
        &[("k", "UUID", "CONCAT(LEFT(SHA2(n, 256), 8), '-1234-1234-9234-', LEFT(SHA2(n, 256), 12))")],
    ),
    one("k_inet6", &[("k", "INET6", "CONCAT('fe80::', HEX(n * 7))")]),
    one("k_inet4", &[("k", "INET4", "CONCAT('10.', n % 256, '.', n DIV 256, '.32')")]),
];

impl Keyed {
    fn create(&self) -> String {
        let columns =
            self.columns.iter().map(|(name, kind, _)| format!("{name} {kind}, ")).collect::<String>();
        format!("CREATE TABLE {} ({columns}n INT, filler MEDIUMTEXT, {});\n", self.name, self.key)
    }

    fn written(&self) -> impl Iterator<Item = &(&'static str, &'static str, &'static str)> {
        self.columns.iter().filter(|(_, _, expression)| !expression.is_empty())
    }

    fn insert(&self, from: usize, to: usize, filler: usize) -> String {
        let names = self.written().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
        let values = self.written().map(|(_, _, value)| *value).collect::<Vec<_>>().join(", ");
        format!(
            "INSERT INTO {} ({names}, n, filler) SELECT {values}, n, REPEAT('x', {filler}) FROM numbers.numbers \
             WHERE n >= {from} AND n < {to};\n",
            self.name
        )
    }

    /// Changes of rows, of keys, and rows that go and come back; each a transaction of its own.
    fn change(&self, round: usize) -> String {
        let name = self.name;
        let shifted =
            self.written().map(|(column, _, value)| format!("{column} = {}, ", shift(value, 1000 * round)));
        let shifted = shifted.collect::<String>();
        let first = 400 * round;
        format!(
            "{}UPDATE {name} SET filler = CONCAT('u', n) WHERE n % 5 = {round};\n\
             UPDATE {name} SET {shifted}n = n + {by} WHERE n % 11 = {round} AND n < 1000;\n\
             DELETE FROM {name} WHERE n % 7 = {round};\n\
             {}DELETE FROM {name} WHERE n = {first};\n{}\
             UPDATE {name} SET filler = 'again' WHERE n = {first};\n",
            self.insert(first, first + 20, 10),
            self.insert(first + 20, first + 21, 10),
            self.insert(first, first + 1, 10),
            by = 1000 * round
        )
    }
}

/// The expression with its `n` moved on.
fn shift(expression: &str, by: usize) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let chars: Vec<char> = expression.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        if *c == 'n' && !is_word(before) && !is_word(chars.get(at + 1).copied()) {
            out.push_str(&format!("(n + {by})"));
        } else {
            out.push(*c);
        }
    }
    out
}

fn run(flavour: Flavour) {
    let pair = Pair::new(flavour, flavour);
    let own = if flavour == Mysql { MYSQL } else { MARIADB };
    let tables = || COMMON.iter().chain(own);
    let script = |part: &dyn Fn(&Keyed) -> String| {
        format!("USE the_keys;\n{}", tables().map(part).collect::<String>())
    };
    let numbers = (1..2_000).map(|n| format!("({n})")).collect::<Vec<_>>().join(",");
    sql(
        &pair.source,
        &format!(
            "CREATE DATABASE numbers; CREATE TABLE numbers.numbers (n INT PRIMARY KEY);\n\
             INSERT INTO numbers.numbers VALUES {numbers};\nCREATE DATABASE the_keys CHARACTER SET utf8mb4;\n"
        ),
    );
    sql(&pair.source, &script(&|table| table.create() + &table.insert(1, ROWS + 1, FILLER)));
    // Rows that are much larger than those before them.
    sql(
        &pair.source,
        "USE the_keys; CREATE TABLE growing (n INT PRIMARY KEY, filler LONGTEXT);\n\
         INSERT INTO growing SELECT n, REPEAT('x', IF(n < 400, 100, 1 << 20)) FROM numbers.numbers WHERE n < 424;\n\
         INSERT INTO growing SELECT n, REPEAT('x', 100) FROM numbers.numbers WHERE n >= 424;\n\
         INSERT INTO growing VALUES (-1, REPEAT('20 MB', 4000000));",
    );
    let link = Link::new(&pair, &format!("keys-{flavour}"), &["the_keys.*"]);
    let mut running = link.stream();
    sql(&pair.source, &script(&|table| table.change(1)));
    running.wait();
    assert_same(&pair, "the_keys", "changed while it was copied");

    sql(&pair.source, &script(&|table| table.change(2)));
    running.wait();
    assert_same(&pair, "the_keys", "changed after that");
    running.finish();
}

#[test]
fn mysql() {
    run(Mysql);
}

#[test]
fn mariadb() {
    run(Mariadb);
}
