//! Every column type, copied and then inserted, updated and deleted through the log, bit for bit.
//!
//! A family is a table whose columns go through lists of values. Each is there twice: with a key, and without one, where
//! rows are found again by all that they hold.
//!
//! What a server cannot carry itself is left out. MySQL knows DECIMAL, dates, times and bytes inside of JSON; its text
//! has no form for them, so they arrive as the numbers and strings that the text says, and a DECIMAL such as 1.50 as 1.5.

use crate::compare::assert_same;
use crate::link::{Link, copy_with_insert};
use crate::servers::{Pair, sql};
use tidegate_sandbox::Flavour::{self, Mariadb, Mysql};

pub(crate) struct Family {
    name: &'static str,
    columns: Vec<(String, Vec<String>)>,
}

/// A type and what its columns hold, besides NULL.
fn column(kind: &str, values: &[&str]) -> (String, Vec<String>) {
    let values = values.iter().map(|value| (*value).to_owned()).chain(["NULL".to_owned()]);
    (kind.to_owned(), values.collect())
}

fn family(name: &'static str, columns: Vec<(String, Vec<String>)>) -> Family {
    Family { name, columns }
}

fn integers() -> Family {
    let mut columns = Vec::new();
    for (kind, bits) in [("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)] {
        let high = 1i128 << (bits - 1);
        let signed = [-high, high - 1, 0, -1, 1].map(|value| value.to_string());
        columns.push(column(kind, &signed.each_ref().map(String::as_str)));
        // A YEAR between them: it owns a sign bit in the log, too.
        columns.push(column("YEAR", &["0", "1901", "2155", "1999"]));
        let unsigned = [0, 1, high, high - 1, 2 * high - 1].map(|value| value.to_string());
        columns.push(column(&format!("{kind} UNSIGNED"), &unsigned.each_ref().map(String::as_str)));
    }
    columns.push(column("BOOL", &["TRUE", "FALSE", "-128"]));
    columns.push(column("INT(9) UNSIGNED ZEROFILL", &["42", "4294967295"]));
    family("integers", columns)
}

fn decimals() -> Family {
    let shapes =
        [(65, 30), (65, 0), (1, 0), (1, 1), (9, 9), (10, 2), (18, 9), (19, 0), (30, 30), (38, 10), (37, 7)];
    let columns = shapes.map(|(precision, scale)| {
        let whole = "9".repeat(precision - scale);
        let fraction = if scale > 0 { format!(".{}", "9".repeat(scale)) } else { String::new() };
        let least = if scale > 0 { format!("0.{}1", "0".repeat(scale - 1)) } else { "1".to_owned() };
        let values =
            [format!("{whole}{fraction}"), format!("-{whole}{fraction}"), least.clone(), format!("-{least}")];
        let mut column =
            column(&format!("DECIMAL({precision},{scale})"), &values.each_ref().map(String::as_str));
        column.1.push("0".to_owned());
        column
    });
    let more = [
        column("DECIMAL(10,3) UNSIGNED", &["0", "9999999.999", "0.001", "123.4"]),
        column("DECIMAL(12,4) ZEROFILL", &["1.5", "0"]),
    ];
    family("decimals", columns.into_iter().chain(more).collect())
}

fn floats() -> Family {
    let single = [
        "3.4028234663852886e38",
        "-3.4028234663852886e38",
        "1.1754943508222875e-38",
        "1.401298464324817e-45",
        "0",
        "1.1",
        "-1.1",
        "16777217",
        "0.1",
        "123456.789",
        "1e-10",
    ];
    let double = [
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "0e0",
        "1.1",
        "0.1",
        "1e22",
        "1e23",
        "9007199254740993",
        "123456789012345678e0",
        "-2.2250738585072011e-308",
    ];
    family(
        "floats",
        vec![
            column("FLOAT", &single),
            column("DOUBLE", &double),
            column("FLOAT UNSIGNED", &["0", "1.1", "3.4028234663852886e38"]),
            column("FLOAT(7,3)", &["1234.567", "-0.001", "0"]),
            column("DOUBLE(20,5)", &["123456789012345.12345", "-0.00001"]),
        ],
    )
}

fn bits() -> Family {
    let ones = format!("b'{}'", "1".repeat(64));
    let high = format!("b'1{}1'", "0".repeat(62));
    family(
        "bits",
        vec![
            column("BIT(1)", &["b'0'", "b'1'"]),
            column("BIT(8)", &["b'0'", "b'11111111'", "b'10000000'"]),
            column("BIT(10)", &["b'1111111111'", "b'1000000000'", "b'1'"]),
            column("BIT(64)", &[&ones, &high, "b'0'"]),
            column("BIT(5)", &["b'10101'"]),
            column("INT", &["-1"]),
        ],
    )
}

fn dates() -> Family {
    let mut columns = vec![column(
        "DATE",
        &[
            "'0000-00-00'",
            "'2020-00-00'",
            "'2020-01-00'",
            "'0000-01-01'",
            "'1000-01-01'",
            "'9999-12-31'",
            "'2024-02-29'",
            "'2023-02-31'",
        ],
    )];
    for digits in 0..=6 {
        columns.push(column(
            &format!("DATETIME({digits})"),
            &[
                "'0000-00-00 00:00:00'",
                "'9999-12-31 23:59:59'",
                "'2020-00-00 12:34:56.5'",
                "'1000-01-01 00:00:00'",
                "'2024-02-29 23:59:58.123456'",
                "'2023-02-31 01:02:03.000001'",
            ],
        ));
        columns.push(column(
            &format!("TIMESTAMP({digits}) NULL"),
            &[
                "'0000-00-00 00:00:00'",
                "'1970-01-01 00:00:01'",
                "'2038-01-19 03:14:06.999'",
                "'2001-09-09 01:46:40.000001'",
            ],
        ));
        columns.push(column(
            &format!("TIME({digits})"),
            &[
                "'-838:59:59'",
                "'838:59:59'",
                "'-00:00:00.5'",
                "'-00:00:01'",
                "'00:00:00'",
                "'23:59:58.123456'",
                "'-100:00:00.000001'",
                "'99:59:59.999'",
            ],
        ));
    }
    family("dates", columns)
}

/// Text that is hard to carry in statements and in files.
const TEXTS: [&str; 9] = [
    "''",
    "'a'",
    "'a   '",
    "'  b'",
    r#"'\0\\\'"%_'"#,
    r"'\n\r\t\Z\b'",
    r"'\\N'",
    "'\u{1f600}e\u{301}\u{6f22}'",
    "'NULL'",
];
const BYTES: [&str; 9] =
    ["''", "x'00'", "x'0000'", "x'ff00'", "x'20'", "x'6120'", "x'0020'", "x'5c27220a'", "x'f09f9880fe'"];

fn texts() -> Family {
    let mut columns = Vec::new();
    for kind in
        ["CHAR(10)", "CHAR(255)", "CHAR(0)", "VARCHAR(10)", "VARCHAR(63)", "VARCHAR(64)", "VARCHAR(300)"]
    {
        columns.push(column(kind, &TEXTS));
    }
    let sizes = [("TINYTEXT", 255), ("TEXT", 65_535), ("MEDIUMTEXT", 65_536), ("LONGTEXT", 300_000)];
    for (kind, size) in sizes {
        let long = format!("REPEAT('ab ', {})", size / 3);
        columns.push(column(kind, &[&TEXTS[..], &[&long]].concat()));
    }
    columns.push(column("VARCHAR(20) COLLATE utf8mb4_bin", &TEXTS));
    columns.push(column("VARCHAR(20) CHARACTER SET latin1", &["''", "_latin1 x'e4f6fc80'", "'a '", r"'\\'"]));
    family("texts", columns)
}

fn bytes() -> Family {
    let mut columns = Vec::new();
    for kind in ["BINARY(5)", "BINARY(255)", "BINARY(0)", "VARBINARY(10)", "VARBINARY(255)", "VARBINARY(256)"]
    {
        columns.push(column(kind, &BYTES));
    }
    let sizes = [("TINYBLOB", 255), ("BLOB", 65_535), ("MEDIUMBLOB", 65_536), ("LONGBLOB", 300_000)];
    for (kind, size) in sizes {
        let long = format!("REPEAT(x'00ff5c270a', {})", size / 5);
        columns.push(column(kind, &[&BYTES[..], &[&long]].concat()));
    }
    family("bytes", columns)
}

fn enums() -> Family {
    let many: Vec<String> = (1..=300).map(|at| format!("'m{at}'")).collect();
    let members: Vec<String> = (0..64).map(|at| format!("'s{at}'")).collect();
    let letters = "'a','b','','\u{e9}','x\\'y'";
    family(
        "enums",
        vec![
            column(&format!("ENUM({letters})"), &["'a'", "2", "''", "'nope'", "'\u{e9}'", "'x\\'y'"]),
            column(&format!("ENUM({})", many.join(",")), &["'m1'", "'m256'", "'m300'", "'nope'"]),
            column(&format!("SET({})", members[..3].join(",")), &["''", "'s0'", "'s0,s2'", "7"]),
            column(&format!("SET({})", members[..9].join(",")), &["0", "511", "256"]),
            column(&format!("SET({})", members[..24].join(",")), &["0", "16777215"]),
            column(
                &format!("SET({})", members.join(",")),
                &["0", "18446744073709551615", "9223372036854775809", "9007199254740993"],
            ),
            column("ENUM('\u{e4}','b') CHARACTER SET latin1", &["1", "2"]),
            column("ENUM('\u{6f22}','b') CHARACTER SET ucs2", &["1", "2"]),
        ],
    )
}

fn shapes() -> Family {
    let all = [
        "ST_GeomFromText('POINT(1 2)')",
        "ST_GeomFromText('LINESTRING(0 0,1 1,2.5 -3)')",
        "ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))')",
        "ST_GeomFromText('MULTIPOINT(1 2,3 4)')",
        "ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')",
        "ST_GeomFromText('MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0)))')",
        "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')",
        "ST_GeomFromText('POINT(1.1 -2.2e10)', 4326 - 4326)",
        "ST_GeomFromText('POINT(10 20)', 4326)",
    ];
    family(
        "shapes",
        vec![
            column("GEOMETRY", &all),
            column("POINT", &[all[0], all[8]]),
            column("LINESTRING", &[all[1]]),
            column("POLYGON", &[all[2]]),
            column("MULTIPOINT", &[all[3]]),
            column("MULTILINESTRING", &[all[4]]),
            column("MULTIPOLYGON", &[all[5]]),
        ],
    )
}

/// A type that each flavour calls by a name that the other does not know.
fn collections() -> Family {
    let values = ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')"];
    family("collections", vec![column("GEOMETRYCOLLECTION", &values)])
}

fn json(depth: usize) -> Family {
    let nested = format!("'{}{}'", "[".repeat(depth), "]".repeat(depth));
    let long = "CONCAT('[', REPEAT('{\"k\": \"0123456789\"}, ', 5000), '0]')";
    family(
        "json",
        vec![
            column(
                "JSON",
                &[
                    "'null'",
                    "'true'",
                    "'{}'",
                    "'[]'",
                    "'\"\"'",
                    "'0'",
                    "'-1'",
                    "'65536'",
                    "'9223372036854775807'",
                    "'-9223372036854775808'",
                    "'18446744073709551615'",
                ],
            ),
            column(
                "JSON",
                &[
                    "'1.0'",
                    "'-0.0'",
                    "'0.1'",
                    "'1e300'",
                    "'-1e-300'",
                    "'1.7976931348623157e308'",
                    "'123456789012345680000'",
                    "'1e15'",
                    "'1e16'",
                    "'123456789.123456789'",
                    "'5e-324'",
                ],
            ),
            column(
                "JSON",
                &[
                    r#"'"\\u0000\\u001f\\u20ac\\ud83d\\ude00\\"\\\\/\\b\\f\\n\\r\\t\\u007f"'"#,
                    r#"'{"": {"": []}, "a": 1, "b": [1, {"c": null}], "a b\\"": true}'"#,
                    r#"'{"zz": 1, "aaa": 2, "b": 3, "\\u00e9": 4, "漢": "\u{1f600}"}'"#,
                    &nested,
                    long,
                ],
            ),
        ],
    )
}

/// Types that MySQL has and MariaDB (10.11) has not.
fn mysql_only() -> Family {
    family(
        "mysql",
        vec![
            // MariaDB has no negative zero.
            column("FLOAT", &["-0e0", "0e0", "1e0"]),
            column("DOUBLE", &["-0e0", "0e0", "1e0"]),
            column("VECTOR(3)", &["STRING_TO_VECTOR('[1,-2.5,3e10]')", "STRING_TO_VECTOR('[0,0,0]')"]),
            column(
                "VECTOR",
                &["STRING_TO_VECTOR('[1]')", "STRING_TO_VECTOR(CONCAT('[', REPEAT('0.1,', 999), '1]'))"],
            ),
            column("POINT SRID 4326", &["ST_GeomFromText('POINT(10 20)', 4326)"]),
            column("GEOMETRY", &["ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')"]),
            column("VARCHAR(20) CHARACTER SET gb18030", &["'\u{6f22}\u{1f600}'", "'a\\\\'"]),
            column("VARCHAR(20) COLLATE utf8mb4_0900_bin", &TEXTS),
        ],
    )
}

/// Types that MariaDB has and MySQL has not.
fn mariadb_only() -> Family {
    family(
        "mariadb",
        vec![
            column("INET4", &["'0.0.0.0'", "'255.255.255.255'", "'10.32.0.32'", "'32.32.32.32'"]),
            column(
                "INET6",
                &[
                    "'::'",
                    "'::1'",
                    "'fe80::20'",
                    "'ffff:ffff::ffff'",
                    "'2020:2020:2020:2020:2020:2020:2020:2020'",
                ],
            ),
            column(
                "UUID",
                &[
                    "'00000000-0000-0000-0000-000000000000'",
                    "'123e4567-e89b-12d3-a456-426655440000'",
                    "'20202020-2020-2020-2020-202020202020'",
                    "'ffffffff-ffff-ffff-ffff-ffffffffff00'",
                ],
            ),
            column("VARCHAR(1000) COMPRESSED", &["''", "'a '", "REPEAT('abc ', 200)", "'\u{1f600}'"]),
            column("VARBINARY(1000) COMPRESSED", &["''", "x'00'", "REPEAT(x'00ff', 400)"]),
            column("TEXT COMPRESSED", &["''", "REPEAT('abc ', 10000)"]),
            column("LONGBLOB COMPRESSED", &["''", "REPEAT(x'00ff', 100000)"]),
        ],
    )
}

/// What both flavours have alike.
fn common() -> Vec<Family> {
    vec![integers(), decimals(), floats(), bits(), dates(), texts(), bytes(), enums(), shapes()]
}

fn families(flavour: Flavour) -> Vec<Family> {
    // Each has its limit of nesting.
    let own = if flavour == Mysql { [json(99), mysql_only()] } else { [json(30), mariadb_only()] };
    common().into_iter().chain(own).chain([collections()]).collect()
}

impl Family {
    fn rows(&self) -> usize {
        self.columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0)
    }

    fn tables(&self) -> [String; 2] {
        [self.name.to_owned(), format!("{}_nokey", self.name)]
    }

    fn create(&self) -> String {
        let columns = self.columns.iter().enumerate().map(|(at, (kind, _))| format!("c{at} {kind}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let [keyed, keyless] = self.tables();
        format!(
            "CREATE TABLE {keyed} (id INT PRIMARY KEY, {columns});\n\
             CREATE TABLE {keyless} (id INT, {columns});\n"
        )
    }

    /// The columns' values for row `row` when every list is turned by `turn`.
    fn values(&self, row: usize, turn: usize) -> impl Iterator<Item = &str> {
        self.columns.iter().map(move |(_, values)| values[(row + turn) % values.len()].as_str())
    }

    fn insert(&self, first: usize, script: &mut String) {
        for row in 0..self.rows() {
            let values = self.values(row, 0).collect::<Vec<_>>().join(", ");
            let id = first + row;
            let [keyed, keyless] = self.tables();
            script.push_str(&format!("INSERT INTO {keyed} VALUES ({id}, {values});\n"));
            script.push_str(&format!("INSERT INTO {keyless} VALUES ({id}, {values}), ({id}, {values});\n"));
        }
    }

    fn update(&self, first: usize, turn: usize, every: usize, script: &mut String) {
        for row in (0..self.rows()).step_by(every) {
            let settings = self.values(row, turn).enumerate().map(|(at, value)| format!("c{at} = {value}"));
            let settings = settings.collect::<Vec<_>>().join(", ");
            for table in self.tables() {
                script.push_str(&format!("UPDATE {table} SET {settings} WHERE id = {};\n", first + row));
            }
        }
    }

    fn delete(&self, first: usize, every: usize, script: &mut String) {
        for row in (0..self.rows()).step_by(every) {
            for table in self.tables() {
                script.push_str(&format!("DELETE FROM {table} WHERE id = {} LIMIT 1;\n", first + row));
            }
        }
    }
}

/// New rows; changes to those of the round before, and to some of the new ones.
fn traffic(families: &[Family], round: usize) -> String {
    let mut script = String::new();
    for family in families {
        let (before, now) = (round * 1000 - 1000, round * 1000);
        family.insert(now, &mut script);
        family.update(before, round, 1, &mut script);
        family.delete(before, 3, &mut script);
        script.push_str("BEGIN;\n");
        family.update(now, 1, 2, &mut script);
        family.update(now, 2, 3, &mut script);
        script.push_str("COMMIT;\n");
    }
    script
}

/// The settings of the source's log that a link must not depend on, and those that it starts with.
fn settings(flavour: Flavour) -> [&'static str; 2] {
    match flavour {
        Mysql => [
            "SET GLOBAL binlog_row_metadata = MINIMAL; SET GLOBAL binlog_transaction_compression = ON",
            "SET GLOBAL binlog_row_metadata = FULL; SET GLOBAL binlog_transaction_compression = OFF",
        ],
        Mariadb => [
            "SET GLOBAL binlog_row_metadata = NO_LOG; SET GLOBAL log_bin_compress = ON; \
             SET GLOBAL log_bin_compress_min_len = 10",
            "SET GLOBAL binlog_row_metadata = FULL; SET GLOBAL log_bin_compress = OFF",
        ],
    }
}

fn run(pair: &Pair, database: &str, families: &[Family]) {
    let script = |body: &str| format!("USE {database};\n{body}");
    let create: String = families.iter().map(Family::create).collect();
    // MySQL's own default is unknown to MariaDB.
    let collate = if pair.is_one_flavour() { "" } else { "COLLATE utf8mb4_unicode_ci" };
    sql(
        &pair.source,
        &format!("CREATE DATABASE {database} CHARACTER SET utf8mb4 {collate};\n{}", script(&create)),
    );
    let mut rows = String::new();
    families.iter().for_each(|family| family.insert(0, &mut rows));
    sql(&pair.source, &script(&rows));
    let link = Link::new(pair, &database.replace('_', "-"), &[&format!("{database}.*")]);
    link.catch_up();
    assert_same(pair, database, "copied");

    sql(&pair.source, &script(&traffic(families, 1)));
    link.catch_up();
    assert_same(pair, database, "changed while the link was down");

    // From here on every column of every row is looked at before it is written.
    link.become_one_of_a_pair();
    let mut running = link.stream();
    sql(&pair.source, &script(&traffic(families, 2)));
    running.wait();
    assert_same(pair, database, "changed while the link streamed");

    let [unlike, usual] = settings(pair.source.flavour());
    sql(&pair.source, unlike);
    sql(&pair.source, &script(&traffic(families, 3)));
    sql(&pair.source, usual);
    running.wait();
    assert_same(pair, database, "logged with less metadata and compressed");
    running.finish();
    copy_with_insert(pair, database);
}

#[test]
fn mysql_to_mysql() {
    run(&Pair::new(Mysql, Mysql), "types_mysql", &families(Mysql));
}

#[test]
fn mariadb_to_mariadb() {
    run(&Pair::new(Mariadb, Mariadb), "types_mariadb", &families(Mariadb));
}

#[test]
fn between_the_flavours() {
    run(&Pair::new(Mysql, Mariadb), "types_to_mariadb", &common());
    run(&Pair::new(Mariadb, Mysql), "types_to_mysql", &common());
}
