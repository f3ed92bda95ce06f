use super::*;

#[test]
fn what_is_read_and_what_the_server_is_asked() {
    for (text, sql) in [
        ("id > 10", "(`id` > 10)"),
        ("`od``d` != -1.50 AND not b is null", "((`od``d` <> -1.50) AND (NOT (`b` <=> NULL)))"),
        ("a in (1, 2) or b between 3 and 4", "(((`a` = 1) OR (`a` = 2)) OR ((`b` >= 3) AND (`b` <= 4)))"),
        ("a NOT IN (1)", "(NOT ((`a` = 1)))"),
        ("BINARY c = 'it''s'", "(CAST(`c` AS BINARY) = _binary x'69742773')"),
        ("binary = 'x'", ""),
        (
            "(d >= '2024-01-01') AND e IS NOT NULL",
            "((`d` >= _utf8mb4 x'323032342d30312d3031') AND (NOT (`e` <=> NULL)))",
        ),
    ] {
        match Filter::parse(text) {
            Ok(filter) => assert_eq!(filter.sql(), sql, "{text}"),
            Err(error) => assert!(sql.is_empty(), "{text}: {error}"),
        }
    }
}

#[test]
fn what_is_not_understood_is_named() {
    for (text, why) in [
        ("", "the end"),
        ("id", "the end"),
        ("id = ", "the end"),
        ("id = 1 OR", "the end"),
        ("LENGTH(name) > 3", "'('"),
        ("id = 1; DROP TABLE t", "';'"),
        ("id = 1 -- x", "the number '-'"),
        ("id % 2 = 0", "'%'"),
        ("name LIKE 'a%'", "'LIKE'"),
        ("1 = id", "'1'"),
        ("id = other", "'other'"),
        ("id = 'a\\'", "backslash"),
        ("id = 'a", "not closed"),
        ("id = 1x", "'1'"),
        ("(id = 1", "the end"),
        ("id = 1)", "')'"),
        ("id NOT = 1", "'='"),
    ] {
        let error = Filter::parse(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(error.message().contains(why), "{text}: {error}");
    }
    let deep = format!("{}id = 1{}", "(".repeat(60), ")".repeat(60));
    assert!(Filter::parse(&deep).err().unwrap().message().contains("brackets"));
}

fn column(name: &str, kind: Kind, charset: Option<u32>) -> Column {
    Column { name: Some(name.to_owned()), kind, charset, ..Column::new(kind) }
}

fn map() -> TableMap {
    let columns = vec![
        column("id", Kind::LongLong, None),
        column("price", Kind::NewDecimal { precision: 6, scale: 2 }, None),
        column("name", Kind::VarChar { max_len: 40 }, Some(46)),
        column("folded", Kind::VarChar { max_len: 40 }, Some(255)),
        column("real", Kind::Double, None),
        column("day", Kind::Date, None),
        column("hash", Kind::Char { max_len: 16 }, Some(BINARY)),
    ];
    let (schema, table) = ("shop".to_owned(), "order".to_owned());
    TableMap { table_id: 1, schema, table, columns, primary_key: None, has_names: true }
}

/// Rows of the first six columns.
fn takes(filter: &str, row: &[Cell<'_>]) -> Option<bool> {
    let map = map();
    let bound = Filter::parse(filter).unwrap().bind(&map).ok()?;
    Some(bound.takes(&map, row).unwrap())
}

#[test]
fn rows_are_decided_as_a_server_does() {
    let id = 7i64.to_le_bytes();
    let price = [0x80, 0x00, 0x0c, 0x22];
    let real = 0.5f64.to_le_bytes();
    // 2024-02-29
    let day = ((2024u32 << 9) | (2 << 5) | 29).to_le_bytes();
    let row = [
        Cell::Bytes(&id),
        Cell::Bytes(&price[1..]),
        Cell::Bytes(b"Abc "),
        Cell::Bytes(b"Abc "),
        Cell::Bytes(&real),
        Cell::Bytes(&day[..3]),
        Cell::Null,
    ];
    for (filter, expected) in [
        ("id = 7", true),
        ("ID > 7", false),
        ("id >= 7 AND id < 8", true),
        ("id IN (1, 7)", true),
        ("id NOT IN (1, 7)", false),
        ("NOT id = 8", true),
        ("name = 'Abc'", true),
        ("name = 'Abc  '", true),
        ("name = 'abc'", false),
        ("BINARY name = 'Abc'", false),
        ("BINARY folded = 'Abc '", true),
        ("BINARY folded > 'Abb'", true),
        ("real = 0.5", true),
        ("real < 0.25", false),
        ("day = '2024-02-29'", true),
        ("day >= '2024-02-29 00:00:01'", false),
        ("day BETWEEN '2024-01-01' AND '2024-12-31'", true),
        ("hash IS NULL", true),
        ("hash IS NOT NULL OR id = 7", true),
    ] {
        assert_eq!(takes(filter, &row), Some(expected), "{filter}");
    }
    let nothing = [Cell::Null; 7];
    for (filter, expected) in [
        ("id = 7", false),
        ("NOT id = 7", false),
        ("id = 7 OR hash IS NULL", true),
        ("NOT (id = 7 AND hash IS NULL)", false),
        ("NOT (id = 7 AND hash IS NOT NULL)", true),
    ] {
        assert_eq!(takes(filter, &nothing), Some(expected), "{filter}");
    }
}

#[test]
fn what_cannot_be_decided_alike_is_refused() {
    let map = map();
    for (filter, why) in [
        ("nothing = 1", "no column nothing"),
        ("folded = 'a'", "BINARY folded"),
        ("name < 'a'", "BINARY name"),
        ("hash = 'a'", "only be asked for NULL"),
        ("id = '7'", "without quotes"),
        ("id = 7.5", "whole numbers"),
        ("name = 7", "in quotes"),
        ("day = 'yesterday'", "in UTC"),
        ("day = '2024-13-01'", "in UTC"),
        ("day = '2024-01-01 00:00:00.5'", "in UTC"),
        ("BINARY id = '7'", "for text"),
    ] {
        let error =
            Filter::parse(filter).unwrap().bind(&map).err().unwrap_or_else(|| panic!("{filter} was taken"));
        assert!(error.message().contains(why), "{filter}: {error}");
    }
}

#[test]
fn decimals_compare_by_value() {
    let key = |text: &str| decimal_key(text.as_bytes());
    let ordered = ["-10.5", "-10.05", "-1", "0", "0.01", "0.1", "1", "1.5", "10", "100.25"];
    for (at, one) in ordered.iter().enumerate() {
        for (other_at, other) in ordered.iter().enumerate() {
            assert_eq!(compare_decimals(&key(one), &key(other)), at.cmp(&other_at), "{one} {other}");
        }
    }
    assert_eq!(key("-0.00"), key("0"));
    assert_eq!(key("007.50"), key("7.5"));
}
