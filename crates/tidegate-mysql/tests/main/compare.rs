//! Whether two servers hold the same, by what the servers themselves print: nothing of the program under test is used.

use crate::servers::{Pair, sql};
use std::collections::BTreeMap;
use tidegate_sandbox::Server;

/// Stands before each table's rows.
const MARK: &str = "==";
/// Database and table.
type Name = (String, String);
/// Columns of a table: name and type.
type Columns = Vec<(String, String)>;

/// Panics with the first rows that differ in the databases whose names fit the LIKE pattern.
#[track_caller]
pub(crate) fn assert_same(pair: &Pair, databases: &str, what: &str) {
    let (wanted, found) = (tables(&pair.source, databases), tables(&pair.target, databases));
    let names = |tables: &BTreeMap<Name, Columns>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&wanted), names(&found), "{what}: tables");
    assert!(!wanted.is_empty(), "{what}: nothing to compare");
    let (source, target) = std::thread::scope(|scope| {
        let target = scope.spawn(|| read(&pair.target, &found));
        (read(&pair.source, &wanted), target.join().expect("no panic"))
    });
    let mut report = String::new();
    for (name, columns) in &wanted {
        let (source, target) = (&source[name], &target[name]);
        if pair.is_one_flavour() && source.definition != target.definition {
            report.push_str(&format!("{}\n{}\n", source.definition, target.definition));
        }
        if source.rows != target.rows {
            report.push_str(&describe(name, columns, &source.rows, &target.rows));
        }
    }
    assert!(report.is_empty(), "{what}: source and target differ\n{report}");
}

/// The first of the sorted rows that differ.
fn describe(name: &Name, columns: &Columns, source: &[String], target: &[String]) -> String {
    let at = source.iter().zip(target).position(|(one, other)| one != other);
    let at = at.unwrap_or(source.len().min(target.len()));
    let mut text = format!("{}.{}: {} rows and {}\n", name.0, name.1, source.len(), target.len());
    match (source.get(at), target.get(at)) {
        (Some(one), Some(other)) if one.split('\t').next() == other.split('\t').next() => {
            for (cell, (one, other)) in one.split('\t').zip(other.split('\t')).enumerate() {
                if one != other {
                    let (name, kind) = &columns[cell];
                    text.push_str(&format!("  {name} {kind}: {} and {}\n", cut(one), cut(other)));
                }
            }
            text.push_str(&format!("  row {}\n", cut(one)));
        }
        (one, other) => {
            let shown = |row: Option<&String>| row.map_or("nothing".to_owned(), |row| cut(row));
            text.push_str(&format!("  source {}\n  target {}\n", shown(one), shown(other)));
        }
    }
    text
}

fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

fn tables(server: &Server, databases: &str) -> BTreeMap<Name, Columns> {
    let parts = ["c.TABLE_SCHEMA", "c.TABLE_NAME", "c.COLUMN_NAME", "c.COLUMN_TYPE"];
    // The client would escape some bytes of odd names.
    let parts = parts.map(|part| format!("HEX(CONVERT({part} USING utf8mb4))"));
    let text = sql(
        server,
        &format!(
            "SELECT {} FROM information_schema.COLUMNS c JOIN information_schema.TABLES t \
             ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND BINARY t.TABLE_NAME = BINARY c.TABLE_NAME \
             WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND c.TABLE_SCHEMA LIKE '{databases}' \
             ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION",
            parts.join(", ")
        ),
    );
    let mut tables = BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.split('\t').map(from_hex);
        let mut part = || parts.next().expect("four parts");
        let (name, column) = ((part(), part()), (part(), part()));
        tables.entry(name).or_insert_with(Columns::new).push(column);
    }
    tables
}

fn from_hex(text: &str) -> String {
    let bytes = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    });
    String::from_utf8(bytes.collect()).expect("a name in UTF-8")
}

/// What a server prints of a table.
struct Printed {
    definition: String,
    rows: Vec<String>,
}

fn read(server: &Server, tables: &BTreeMap<Name, Columns>) -> BTreeMap<Name, Printed> {
    let quote = |name: &str| format!("`{}`", name.replace('`', "``"));
    let mut script = String::new();
    for ((database, table), columns) in tables {
        let cells: Vec<String> = columns.iter().map(|(name, kind)| exact(&quote(name), kind)).collect();
        let (cells, name) = (cells.join(", "), format!("{}.{}", quote(database), quote(table)));
        script.push_str(&format!("SELECT '{MARK}'; SHOW CREATE TABLE {name}; SELECT {cells} FROM {name};\n"));
    }
    let text = sql(server, &script);
    let mut printed: Vec<Printed> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == MARK {
            let definition = without_counter(lines.next().expect("a definition"));
            printed.push(Printed { definition, rows: Vec::new() });
        } else {
            printed.last_mut().expect("a mark comes first").rows.push(line.to_owned());
        }
    }
    printed.iter_mut().for_each(|table| table.rows.sort());
    assert_eq!(printed.len(), tables.len());
    tables.keys().cloned().zip(printed).collect()
}

/// A definition without where its AUTO_INCREMENT stands: rows that came and went between move it on the source alone.
fn without_counter(definition: &str) -> String {
    match definition.split_once(" AUTO_INCREMENT=") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => definition.to_owned(),
    }
}

/// An expression whose text says exactly what is stored.
fn exact(column: &str, kind: &str) -> String {
    let word = kind.split(['(', ' ']).next().unwrap_or_default();
    match word {
        // The bytes of a double: its text has no room for every digit, nor everywhere for the sign of zero.
        "float" | "double" => format!("HEX(ST_AsBinary(POINT({column}, 0)))"),
        "bit" | "enum" | "set" => format!("CAST({column} AS UNSIGNED)"),
        "json" => short(&format!("CAST({column} AS CHAR CHARACTER SET utf8mb4)")),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "date" | "time"
        | "datetime" | "timestamp" | "year" | "uuid" | "inet4" | "inet6" => format!("CAST({column} AS CHAR)"),
        _ => short(column),
    }
}

/// Hexadecimal; of a long value its length and hash.
fn short(text: &str) -> String {
    format!("IF(LENGTH({text}) > 2000, CONCAT(LENGTH({text}), ':', SHA2({text}, 256)), HEX({text}))")
}
