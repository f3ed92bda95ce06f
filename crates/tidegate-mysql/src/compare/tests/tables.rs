//! Tables of every kind, with the corruptions that are planted in them.

use tidegate_sandbox::Flavour;

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) only: Option<Flavour>,
    pub(super) rows: u64,
    /// What stands between the parentheses of CREATE TABLE, and after them.
    definition: &'static str,
    /// What stands after INSERT INTO …: once for each.
    inserts: &'static [&'static str],
    /// A statement, and what is to be found.
    pub(super) damages: &'static [(&'static str, &'static [&'static str])],
}

impl Case {
    pub(super) fn script(&self) -> String {
        let name = self.quoted();
        let inserts: Vec<String> =
            self.inserts.iter().map(|it| format!("INSERT INTO {name} {it};\n")).collect();
        format!("CREATE TABLE {name} {};\n{}", self.definition, inserts.concat())
    }

    pub(super) fn quoted(&self) -> String {
        crate::connect::quote(self.name)
    }

    /// The pattern that selects it.
    pub(super) fn pattern(&self) -> String {
        self.name.chars().flat_map(|c| ['\\', c]).collect()
    }
}

/// Forty rows of an expression over `n`, from 0 to 39.
macro_rules! forty {
    ($what:literal) => {
        &[concat!(
            "WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 39) SELECT ",
            $what,
            " FROM s"
        )]
    };
}

/// A table whose key has the given type, with forty rows, of which one is changed, one is lost and one is added.
macro_rules! key {
    ($name:literal, $definition:literal, $value:literal, $damages:expr) => {
        Case {
            name: $name,
            only: None,
            rows: 40,
            definition: concat!("(k ", $definition, " PRIMARY KEY, v INT)"),
            inserts: forty!($value),
            damages: $damages,
        }
    };
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![numbers(), negative_zero(), texts(), others(), json(), set64()];
    cases.extend(special_keys());
    cases.extend(number_and_time_keys());
    cases.extend(text_keys());
    cases.extend(unsorted());
    cases
}

fn numbers() -> Case {
    Case {
        name: "numbers",
        only: None,
        rows: 5,
        definition: "(id INT PRIMARY KEY, i MEDIUMINT, u BIGINT UNSIGNED, z INT(6) ZEROFILL, m DECIMAL(40,10), f FLOAT, \
                     d DOUBLE, fd FLOAT(9,3), b BIT(64), g INT AS (i + 1) VIRTUAL, h INT AS (i * 2) STORED)",
        inserts: &["(id, i, u, z, m, f, d, fd, b) VALUES (1, -1, 18446744073709551615, 42, 0, 0, 0, 0, 0), \
             (2, 1, 1, 1, 123456789012345678901234567890.0123456789, 1.1, 0.1, 1.5, b'1'), \
             (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (4, 0, 0, 0, -0.5, -0e0, -0e0, -1, x'ffffffffffffffff'), \
             (5, 8388607, 9223372036854775808, 1, 1, 3.402823e38, 1.7976931348623157e308, 1, x'8000000000000000')"],
        damages: &[
            // An underflow: MariaDB drops the sign of a literal.
            ("UPDATE numbers SET f = -1e-60 WHERE id = 1", &["id=1 f"]),
            ("UPDATE numbers SET f = 1.1000001 WHERE id = 2", &["id=2 f"]),
            ("UPDATE numbers SET d = 0.10000000000000002 WHERE id = 2", &["id=2 d"]),
            ("UPDATE numbers SET d = 1.7976931348623155e308 WHERE id = 5", &["id=5 d"]),
            ("UPDATE numbers SET fd = 1.501 WHERE id = 2", &["id=2 fd"]),
            ("UPDATE numbers SET m = m + 0.0000000001 WHERE id = 2", &["id=2 m"]),
            ("UPDATE numbers SET u = 18446744073709551614 WHERE id = 1", &["id=1 u"]),
            ("UPDATE numbers SET b = x'fffffffffffffffe' WHERE id = 4", &["id=4 b"]),
            ("UPDATE numbers SET z = 0 WHERE id = 3", &["id=3 z"]),
            ("UPDATE numbers SET i = 2 WHERE id = 2", &["id=2 i g h"]),
            (
                "ALTER TABLE numbers MODIFY g INT AS (i + 2) VIRTUAL",
                &["id=1 g", "id=2 g", "id=4 g", "id=5 g"],
            ),
            ("DELETE FROM numbers WHERE id = 5", &["id=5 missing"]),
            ("DELETE FROM numbers WHERE id = 1", &["id=1 missing"]),
            ("INSERT INTO numbers (id) VALUES (-7)", &["id=-7 extra"]),
            ("INSERT INTO numbers (id) VALUES (77)", &["id=77 extra"]),
        ],
    }
}

fn negative_zero() -> Case {
    Case {
        name: "zero",
        only: Some(Flavour::Mysql),
        rows: 2,
        definition: "(d DOUBLE PRIMARY KEY, f FLOAT)",
        inserts: &["VALUES (0, 0), (1, -0e0)"],
        damages: &[
            ("UPDATE zero SET f = -0e0 WHERE d = 0", &["d=0 f"]),
            ("UPDATE zero SET f = 0 WHERE d = 1", &["d=1 f"]),
            (
                "DELETE FROM zero WHERE d = 0; INSERT INTO zero VALUES (-0e0, 0)",
                &["d=-0 extra", "d=0 missing"],
            ),
        ],
    }
}

fn texts() -> Case {
    Case {
        name: "größe `x`",
        only: None,
        rows: 3,
        definition: "(`i``d` INT PRIMARY KEY, s VARCHAR(99), `ß` VARCHAR(99) CHARSET latin1, w VARCHAR(99) CHARSET utf16, \
                     c CHAR(9), n BINARY(4), v VARBINARY(99), t LONGTEXT, b LONGBLOB)",
        inserts: &[
            "VALUES (1, 'Straße', 'é', '😀', 'a', x'61000000', x'6100', REPEAT('ä', 99999), REPEAT(x'00ff', 50000))",
            "VALUES (2, '', '', '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        ],
        damages: &[
            ("UPDATE `größe ``x``` SET s = 'STRASSE' WHERE s > ''", &["i`d=1 s"]),
            ("UPDATE `größe ``x``` SET s = 'Straße ' WHERE s > ''", &["i`d=1 s"]),
            ("UPDATE `größe ``x``` SET `ß` = 'è' WHERE s > ''", &["i`d=1 ß"]),
            ("UPDATE `größe ``x``` SET w = '😁' WHERE s > ''", &["i`d=1 w"]),
            ("UPDATE `größe ``x``` SET c = 'A' WHERE s > ''", &["i`d=1 c"]),
            ("UPDATE `größe ``x``` SET n = x'61000001' WHERE s > ''", &["i`d=1 n"]),
            ("UPDATE `größe ``x``` SET v = x'61' WHERE s > ''", &["i`d=1 v"]),
            ("UPDATE `größe ``x``` SET v = x'610000' WHERE s > ''", &["i`d=1 v"]),
            ("UPDATE `größe ``x``` SET t = CONCAT(REPEAT('ä', 99998), 'Ä') WHERE s > ''", &["i`d=1 t"]),
            ("UPDATE `größe ``x``` SET b = INSERT(b, 70000, 1, x'01') WHERE s > ''", &["i`d=1 b"]),
            ("UPDATE `größe ``x``` SET s = NULL, b = NULL WHERE s = ''", &["i`d=2 s b"]),
            ("UPDATE `größe ``x``` SET v = '', `ß` = '' WHERE s IS NULL", &["i`d=3 ß v"]),
        ],
    }
}

fn others() -> Case {
    Case {
        name: "others",
        only: None,
        rows: 3,
        definition: "(id INT PRIMARY KEY, d DATE, t TIME(6), dt DATETIME(6), ts TIMESTAMP(3) NULL, y YEAR, \
                     e ENUM('a','b','') NULL, s SET('x','y','z'), g GEOMETRY)",
        inserts: &[
            "VALUES (1, '2024-02-31', '-838:59:58.999999', '2024-01-02 03:04:05.000001', '2001-09-09 01:46:40.123', 2024, \
             'a', 'x,z', ST_GeomFromText('POINT(1 2)'))",
            "VALUES (2, '0000-00-00', 0, '0000-00-00 00:00:00', '0000-00-00 00:00:00', 0, '', '', NULL)",
            "VALUES (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        ],
        damages: &[
            ("UPDATE others SET d = '2024-02-30' WHERE id = 1", &["id=1 d"]),
            ("UPDATE others SET d = NULL WHERE id = 2", &["id=2 d"]),
            ("UPDATE others SET t = '-838:59:58.999998' WHERE id = 1", &["id=1 t"]),
            ("UPDATE others SET dt = '2024-01-02 03:04:05.000002' WHERE id = 1", &["id=1 dt"]),
            ("UPDATE others SET ts = '2001-09-09 01:46:40.124' WHERE id = 1", &["id=1 ts"]),
            ("UPDATE others SET y = 2000 WHERE id = 2", &["id=2 y"]),
            ("UPDATE others SET e = 'b' WHERE id = 1", &["id=1 e"]),
            ("UPDATE IGNORE others SET e = 'nonsense' WHERE id = 2", &["id=2 e"]),
            ("UPDATE others SET s = 'x,y,z' WHERE id = 1", &["id=1 s"]),
            (
                "UPDATE others SET g = ST_GeomFromText('POINT(1 2.0000000000000004)') WHERE id = 1",
                &["id=1 g"],
            ),
            ("UPDATE others SET g = ST_GeomFromText('POINT(1 2)', 3857) WHERE id = 1", &["id=1 g"]),
        ],
    }
}

fn json() -> Case {
    Case {
        name: "json",
        only: Some(Flavour::Mysql),
        rows: 3,
        definition: "(id INT PRIMARY KEY, j JSON)",
        inserts: &[r#"VALUES (1, '{"a": 1, "b": [true, null, "x"]}'), (2, 'null'), (3, NULL)"#],
        damages: &[
            (
                r#"UPDATE json SET j = NULL WHERE id = 1; UPDATE json SET j = '{"a": 1.0, "b": [true, null, "x"]}' WHERE id = 1"#,
                &["id=1 j"],
            ),
            (r#"UPDATE json SET j = '{"a": 1, "b": ["x", true, null]}' WHERE id = 1"#, &["id=1 j"]),
            ("UPDATE json SET j = NULL WHERE id = 2", &["id=2 j"]),
            ("UPDATE json SET j = 'null' WHERE id = 3", &["id=3 j"]),
        ],
    }
}

/// Numbers of sets with 64 members need all 64 bits.
fn set64() -> Case {
    Case {
        name: "set64",
        only: None,
        rows: 2,
        definition: "(k SET('0','1','2','3','4','5','6','7','8','9','a','b','c','d','e','f','g','h','i','j','k','l','m','n','o',\
                     'p','q','r','s','t','u','v','w','x','y','z','00','01','02','03','04','05','06','07','08','09','0a','0b',\
                     '0c','0d','0e','0f','0g','0h','0i','0j','0k','0l','0m','0n','0o','0p','0q','0r') PRIMARY KEY, v INT)",
        inserts: &["VALUES (18446744073709551615, 1), (9223372036854775809, 2)"],
        damages: &[
            (
                "UPDATE set64 SET k = 9223372036854775811 WHERE v = 2",
                &["k=9223372036854775809 missing", "k=9223372036854775811 extra"],
            ),
            ("UPDATE set64 SET v = 7 WHERE v = 2", &["k=9223372036854775809 v"]),
        ],
    }
}

fn special_keys() -> Vec<Case> {
    vec![
        Case {
            name: "composite",
            only: None,
            rows: 40,
            definition: "(a VARCHAR(9), v INT, b INT UNSIGNED, c BINARY(2), PRIMARY KEY (a, b, c))",
            inserts: forty!("CONCAT('t', n DIV 10), n, n DIV 2 MOD 5, UNHEX(LPAD(HEX(n MOD 2), 4, '0'))"),
            damages: &[
                (
                    "UPDATE composite SET v = 0 WHERE a = 't2' AND b = 3 AND c = x'0001'",
                    &["a='t2', b=3, c=0x0001 v"],
                ),
                ("DELETE FROM composite WHERE v = 21", &["a='t2', b=0, c=0x0001 missing"]),
                ("INSERT INTO composite VALUES ('t2', 0, 0, x'0002')", &["a='t2', b=0, c=0x0002 extra"]),
                ("INSERT INTO composite VALUES ('t9', 0, 0, x'0000')", &["a='t9', b=0, c=0x0000 extra"]),
            ],
        },
        Case {
            name: "unique key",
            only: None,
            rows: 40,
            definition: "(n INT, v INT NOT NULL, UNIQUE (n), UNIQUE KEY `by v` (v))",
            inserts: &[
                "(v) WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 39) SELECT n FROM s",
            ],
            damages: &[("DELETE FROM `unique key` WHERE v = 7", &["v=7 missing"])],
        },
        Case {
            name: "descending",
            only: None,
            rows: 40,
            definition: "(a INT, b INT, PRIMARY KEY (a DESC, b DESC))",
            inserts: forty!("n DIV 7, n"),
            damages: &[("DELETE FROM descending WHERE b = 39", &["a=5, b=39 missing"])],
        },
        Case {
            name: "mixed",
            only: None,
            rows: 40,
            definition: "(a INT, b INT, PRIMARY KEY (a, b DESC))",
            inserts: forty!("n DIV 7, n"),
            damages: &[("DELETE FROM mixed WHERE b = 39", &["a=5, b=39 missing"])],
        },
    ]
}

fn number_and_time_keys() -> Vec<Case> {
    vec![
        key!(
            "k_float",
            "FLOAT",
            "(n - 20) / 7e0, n",
            &[("UPDATE k_float SET v = -1 WHERE v = 21", &["k=0.1428571492433548 v"])]
        ),
        key!(
            "k_double",
            "DOUBLE",
            "(n - 20) / 7e0, n",
            &[("UPDATE k_double SET v = -1 WHERE v = 27", &["k=1 v"])]
        ),
        key!(
            "k_decimal",
            "DECIMAL(9,3)",
            "(n - 20) / 8, n",
            &[("DELETE FROM k_decimal WHERE v = 0", &["k=-2.500 missing"])]
        ),
        key!(
            "k_bit",
            "BIT(64)",
            "n << 58, n",
            &[("DELETE FROM k_bit WHERE v = 39", &["k=11240984669916758016 missing"])]
        ),
        key!(
            "k_year",
            "YEAR",
            "IF(n = 0, 0, 1990 + n), n",
            &[
                ("DELETE FROM k_year WHERE v = 0", &["k=0000 missing"]),
                ("UPDATE k_year SET v = -1 WHERE v = 10", &["k=2000 v"]),
            ]
        ),
        key!(
            "k_date",
            "DATE",
            "IF(n = 0, '0000-00-00', '2024-01-31' + INTERVAL n DAY), n",
            &[("UPDATE k_date SET v = -1 WHERE v IN (0, 8)", &["k=0000-00-00 v", "k=2024-02-08 v"]),]
        ),
        key!(
            "k_time",
            "TIME(6)",
            "SEC_TO_TIME((n - 20) * 1000.000001), n",
            &[("DELETE FROM k_time WHERE v = 0", &["k=-05:33:20.000020 missing"]),]
        ),
        key!(
            "k_datetime",
            "DATETIME(6)",
            "'2024-01-01' + INTERVAL n * 100001 MICROSECOND, n",
            &[("DELETE FROM k_datetime WHERE v = 11", &["k=2024-01-01 00:00:01.100011 missing"]),]
        ),
        key!(
            "k_timestamp",
            "TIMESTAMP(3)",
            "FROM_UNIXTIME(1000000000 + n), n",
            &[("DELETE FROM k_timestamp WHERE v = 1", &["k=2001-09-09 01:46:41.000 missing"]),]
        ),
    ]
}

fn text_keys() -> Vec<Case> {
    vec![
        key!(
            "k_char",
            "CHAR(5)",
            "CHAR(48 + n USING utf8mb4), n",
            &[
                ("UPDATE k_char SET v = -1 WHERE k = '@'", &["k='@' v"]),
                ("UPDATE k_char SET k = 'a' WHERE k = 'A'", &["k='A' missing", "k='a' extra"]),
            ]
        ),
        key!(
            "k_latin",
            "VARCHAR(9) CHARSET latin1 COLLATE latin1_bin",
            "CHAR(200 + n USING latin1), n",
            &[("DELETE FROM k_latin WHERE v = 1", &["k=0xc9 missing"]),]
        ),
        key!(
            "k_utf16",
            "VARCHAR(9) CHARSET utf16",
            "CONCAT('a', n), n",
            &[("DELETE FROM k_utf16 WHERE v = 2", &["k=0x00610032 missing"]),]
        ),
        key!(
            "k_binary",
            "BINARY(3)",
            "UNHEX(LPAD(HEX(n * 256), 6, '0')), n",
            &[("UPDATE k_binary SET k = x'000001' WHERE v = 0", &["k=0x000000 missing", "k=0x000001 extra"]),]
        ),
        key!(
            "k_varbinary",
            "VARBINARY(9)",
            "CONCAT(REPEAT(x'00', n DIV 5), UNHEX(LPAD(HEX(n), 4, '0'))), n",
            &[("UPDATE k_varbinary SET v = -1 WHERE v = 0", &["k=0x0000 v"]),]
        ),
        Case {
            name: "k_enum",
            only: None,
            rows: 9,
            definition: "(k ENUM('z','y','x','w','v','u','t','s','r') PRIMARY KEY, v INT)",
            inserts: &["VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9)"],
            damages: &[("DELETE FROM k_enum WHERE k = 'y'", &["k=2 missing"])],
        },
    ]
}

/// Tables that cannot be read in ranges of a key.
fn unsorted() -> Vec<Case> {
    vec![
        Case {
            name: "keyless",
            only: None,
            rows: 6,
            definition: "(a INT, s VARCHAR(9), f FLOAT)",
            inserts: &[
                "VALUES (1, 'x', 0), (1, 'x', 0), (NULL, NULL, NULL), (2, '', 1), (2, '', 1), (2, '', 1)",
            ],
            damages: &[
                ("DELETE FROM keyless WHERE a = 2 LIMIT 1", &["a=2, s='', f=1 missing"]),
                ("DELETE FROM keyless WHERE a = 2 LIMIT 2", &["a=2, s='', f=1 (2 times) missing"]),
                (
                    "INSERT INTO keyless SELECT * FROM keyless WHERE a IS NULL",
                    &["a=NULL, s=NULL, f=NULL extra"],
                ),
                (
                    "UPDATE keyless SET f = -1e-60 WHERE a = 1 LIMIT 1",
                    &["a=1, s='x', f=-0 extra", "a=1, s='x', f=0 missing"],
                ),
            ],
        },
        Case {
            name: "hashed",
            only: None,
            rows: 40,
            definition: "(k INT, v INT, PRIMARY KEY (k) USING HASH) ENGINE = MEMORY",
            inserts: forty!("n, n"),
            damages: &[
                ("UPDATE hashed SET v = 0 WHERE k = 7", &["k=7 v"]),
                ("DELETE FROM hashed WHERE k = 7", &["k=7 missing"]),
            ],
        },
        Case {
            name: "versioned",
            only: Some(Flavour::Mariadb),
            rows: 40,
            definition: "(k INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
            inserts: forty!("n, n"),
            damages: &[("UPDATE versioned SET v = 0 WHERE k = 7", &["k=7 v"])],
        },
        Case {
            name: "periods",
            only: Some(Flavour::Mariadb),
            rows: 40,
            definition: "(k UUID PRIMARY KEY, v INT, i INET6, b TIMESTAMP(6) GENERATED ALWAYS AS ROW START, \
                         e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (b, e)) WITH SYSTEM VERSIONING",
            inserts: &[
                "(k, v, i) WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 39) \
                 SELECT CONCAT('00000000-0000-1000-8000-0000000000', n + 10), n, CONCAT('::', n) FROM s",
            ],
            damages: &[(
                "UPDATE periods SET i = '::ffff' WHERE v = 7",
                &["k=00000000-0000-1000-8000-000000000017 i"],
            )],
        },
    ]
}
