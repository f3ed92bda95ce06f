//! Definitions in a form in which only real differences are left.
//!
//! Servers of different versions print the same table in different words: integers with and without a width, `utf8` and
//! `utf8mb3`, a default that is spelled out or not. What is left after [`table`] and [`program`] is compared as it is.

use super::text::{Word, words};
use std::collections::HashMap;

const INTEGERS: [&str; 6] = ["tinyint", "smallint", "mediumint", "int", "integer", "bigint"];

/// A line as printed, and its words for comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: Vec<String>,
    pub(super) shown: String,
}

impl Line {
    fn new(text: &str) -> Self {
        let shown = text.trim().trim_end_matches(',').to_owned();
        Self { words: canonical(&words(&shown)), shown }
    }
}

/// A CREATE TABLE as servers print it, without the line that names the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Line>,
    /// Indexes and constraints. Their order means nothing.
    pub(super) keys: Vec<Line>,
    pub(super) options: Vec<Line>,
    pub(super) partitions: Vec<Line>,
}

pub(super) fn table(text: &str) -> Table {
    let mut table = Table::default();
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        if !table.options.is_empty() {
            let mut partition = Line::new(line);
            partition.words.iter_mut().for_each(|word| *word = word.trim_matches('`').to_lowercase());
            table.partitions.push(partition);
        } else if line.starts_with(')') {
            table.options.push(Line::new(line));
        } else if line.trim_start().starts_with('`') {
            table.columns.push(Line::new(line));
        } else {
            table.keys.push(Line::new(line));
        }
    }
    let collation = collation_of(&table.options);
    for line in &mut table.options {
        drop_option(&mut line.words, "auto_increment");
        drop_option(&mut line.words, "charset");
    }
    for line in &mut table.columns {
        drop_collation(&mut line.words, collation.as_deref());
    }
    for line in &mut table.keys {
        fold_references(&mut line.words);
    }
    table
}

fn collation_of(options: &[Line]) -> Option<String> {
    let words = &options.first()?.words;
    let at = words.iter().position(|word| word == "collate")?;
    words.get(at + 2).cloned()
}

/// Drops `[default] name = value`.
fn drop_option(words: &mut Vec<String>, name: &str) {
    let found = words.windows(2).position(|pair| pair[0] == name && pair[1] == "=");
    if let Some(at) = found {
        let from = if at > 0 && words[at - 1] == "default" { at - 1 } else { at };
        words.drain(from..(at + 3).min(words.len()));
    }
}

/// A column's character set follows from its collation; its collation need not be said if it is the table's.
fn drop_collation(words: &mut Vec<String>, of_table: Option<&str>) {
    if let Some(at) = words.windows(2).position(|pair| pair[0] == "character" && pair[1] == "set") {
        words.drain(at..(at + 3).min(words.len()));
    }
    let own = words.windows(2).position(|pair| pair[0] == "collate" && Some(pair[1].as_str()) == of_table);
    if let Some(at) = own {
        words.drain(at..at + 2);
    }
}

/// Some servers keep the names of tables in lower case.
fn fold_references(words: &mut [String]) {
    if let Some(at) = words.iter().position(|word| word == "references") {
        words.iter_mut().skip(at + 1).take(3).for_each(|word| *word = word.to_lowercase());
    }
}

/// The words of a routine, view, trigger, event or sequence. With `loose`, what versions of servers add by themselves
/// to character sets is left out.
pub(super) fn program(text: &str, loose: bool) -> Vec<String> {
    let mut out = canonical(&words(text));
    while loose && let Some(at) = out.iter().position(|word| word == "collate") {
        out.drain(at..(at + 2).min(out.len()));
    }
    out
}

/// Words in lower case, unless they are quoted, without what is only spelling.
fn canonical(found: &[Word<'_>]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(found.len());
    let is = |at: usize, text: &str| found.get(at).is_some_and(|word| word.is(text));
    let mut at = 0;
    while let Some(word) = found.get(at) {
        let last = out.last().map(String::as_str).unwrap_or_default();
        let new =
            if word.is_quoted() { default_number(last, word.text) } else { alias(&word.text.to_lowercase()) };
        let skipped = match new.as_str() {
            "using" if is(at + 1, "btree") => 2,
            "default" if is(at + 1, "null") => 2,
            "null" if last == "timestamp" || last == ")" => 1,
            _ => 0,
        };
        if skipped > 0 {
            at += skipped;
            continue;
        }
        let bracket = is(at + 1, "(");
        at += match new.as_str() {
            "current_timestamp" if bracket && is(at + 2, ")") => 3,
            "year" if bracket && is(at + 2, "4") && is(at + 3, ")") => 4,
            name if INTEGERS.contains(&name) && bracket && is(at + 3, ")") && !zerofill(found, at + 4) => 4,
            _ => 1,
        };
        out.push(new);
    }
    out
}

fn zerofill(found: &[Word<'_>], at: usize) -> bool {
    found.iter().skip(at).take(2).any(|word| word.is("zerofill"))
}

/// `default '5'` is `default 5`.
fn default_number(last: &str, text: &str) -> String {
    let inside = text.trim_matches('\'');
    let number =
        !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit() || b".-+e".contains(&byte));
    if last == "default" && number { inside.to_owned() } else { text.to_owned() }
}

fn alias(word: &str) -> String {
    match word {
        "utf8" => "utf8mb3".to_owned(),
        "_utf8" => "_utf8mb3".to_owned(),
        "integer" => "int".to_owned(),
        "slave" => "replica".to_owned(),
        _ => match word.strip_prefix("utf8_") {
            Some(rest) => format!("utf8mb3_{rest}"),
            None => word.to_owned(),
        },
    }
}

/// What of a column's line must be the same in both families of servers: name, type, whether it may be NULL.
pub(super) fn essential_column(line: &Line) -> Vec<String> {
    let mut words = line.words.iter();
    let mut out: Vec<String> = words.next().cloned().into_iter().collect();
    let kind = match line.words.get(1).map(String::as_str).unwrap_or_default() {
        "json" => "longtext",
        other => other,
    };
    out.push(kind.to_owned());
    if line.words.get(2).is_some_and(|word| word == "(") && !INTEGERS.contains(&kind) {
        let arguments = line.words.iter().skip(2).take_while(|word| *word != ")");
        out.extend(arguments.cloned());
    }
    let has = |word: &str| line.words.iter().any(|one| one == word);
    out.extend(
        ["unsigned", "auto_increment", "generated"].into_iter().filter(|word| has(word)).map(str::to_owned),
    );
    if line.words.windows(2).any(|pair| pair[0] == "not" && pair[1] == "null") {
        out.push("not null".to_owned());
    }
    out
}

/// A primary or unique key up to the end of its columns; `None` for other keys.
pub(super) fn essential_key(line: &Line) -> Option<Vec<String>> {
    if !matches!(line.words.first().map(String::as_str), Some("primary" | "unique")) {
        return None;
    }
    let mut depth = 0;
    let mut out = Vec::new();
    for word in &line.words {
        out.push(word.clone());
        depth += i32::from(word == "(") - i32::from(word == ")");
        if word == ")" && depth == 0 {
            break;
        }
    }
    Some(out)
}

/// A CREATE TABLE in which every character set has its collation: servers leave out what is *their* default, and
/// another server's is another.
pub(super) fn explicit(text: &str, defaults: &HashMap<String, String>) -> String {
    let found = words(text);
    let is = |at: usize, word: &str| found.get(at).is_some_and(|one| one.is(word));
    let mut edits = Vec::new();
    let mut depth = 0;
    for (at, word) in found.iter().enumerate() {
        depth += i32::from(word.is("(")) - i32::from(word.is(")"));
        let (name, joint) = match depth {
            1 if word.is("CHARACTER") && is(at + 1, "SET") => (at + 2, " "),
            0 if word.is("CHARSET") && is(at + 1, "=") => (at + 2, "="),
            _ => continue,
        };
        let Some(charset) = found.get(name).filter(|_| !is(name + 1, "COLLATE")) else { continue };
        if let Some(collation) = defaults.get(&charset.text.to_lowercase()) {
            edits.push((charset.end()..charset.end(), format!(" COLLATE{joint}{collation}")));
        }
    }
    super::text::replaced(text, edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) {
        assert_eq!(Line::new(one).words, Line::new(other).words, "{one} / {other}");
    }

    fn different(one: &str, other: &str) {
        assert_ne!(Line::new(one).words, Line::new(other).words, "{one} / {other}");
    }

    #[test]
    fn spelling_does_not_count() {
        same("  `a` int(11) DEFAULT NULL,", "`a` int");
        same("`a` int(10) unsigned NOT NULL DEFAULT '5'", "`a` int unsigned NOT NULL DEFAULT 5");
        same("`a` timestamp NULL DEFAULT NULL", "`a` timestamp");
        same("`a` datetime DEFAULT current_timestamp()", "`a` datetime DEFAULT CURRENT_TIMESTAMP");
        same(
            "`a` char(1) CHARACTER SET utf8 COLLATE utf8_bin",
            "`a` char(1) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
        );
        same("KEY `k` (`a`) USING BTREE", "KEY `k` (`a`)");
        same("`y` year(4) NOT NULL", "`y` year NOT NULL");
        same("`i` int /*!80023 INVISIBLE */", "`i` int INVISIBLE");
    }

    #[test]
    fn meaning_counts() {
        different("`a` int", "`A` int");
        different("`a` int", "`a` int NOT NULL");
        different("`a` int(5) unsigned zerofill", "`a` int(6) unsigned zerofill");
        different("`a` varchar(5) DEFAULT 'a'", "`a` varchar(5) DEFAULT 'A'");
        different("`a` timestamp DEFAULT current_timestamp(3)", "`a` timestamp DEFAULT current_timestamp()");
        let key = "CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `d`.`t` (`a`) ON DELETE";
        different(&format!("{key} SET NULL"), &format!("{key} CASCADE"));
        different("CONSTRAINT `c` CHECK ((`a` is null))", "CONSTRAINT `c` CHECK ((`a` is not null))");
    }

    #[test]
    fn tables_by_parts() {
        let one = "CREATE TABLE `d`.`t` (\n  `a` int(11) NOT NULL,\n  `b` varchar(5) CHARACTER SET latin1 COLLATE \
                   latin1_bin DEFAULT NULL,\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT \
                   CHARSET=latin1 COLLATE=latin1_bin\n/*!50100 PARTITION BY HASH (`a`)\nPARTITIONS 4 */";
        let other = "CREATE TABLE `x` (\n  `a` int NOT NULL,\n  `b` varchar(5),\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB \
                     COLLATE=latin1_bin\n PARTITION BY HASH (a)\nPARTITIONS 4";
        let (one, other) = (table(one), table(other));
        assert_eq!((one.columns.len(), one.keys.len(), one.partitions.len()), (2, 1, 2));
        let words = |lines: &[Line]| lines.iter().map(|line| line.words.clone()).collect::<Vec<_>>();
        assert_eq!(words(&one.columns), words(&other.columns));
        assert_eq!(words(&one.options), words(&other.options));
        assert_eq!(words(&one.partitions), words(&other.partitions));
    }

    #[test]
    fn collations_are_said() {
        let defaults = HashMap::from([("utf8mb4".to_owned(), "utf8mb4_general_ci".to_owned())]);
        let text = "CREATE TABLE `t` (\n `a` char(1) CHARACTER SET utf8mb4 DEFAULT 'x',\n `g` char(1) GENERATED ALWAYS \
                    AS (cast(`a` as char charset utf8mb4)) VIRTUAL\n) DEFAULT CHARSET=utf8mb4 COMMENT='CHARSET='";
        let expected = text
            .replace("utf8mb4 DEFAULT 'x'", "utf8mb4 COLLATE utf8mb4_general_ci DEFAULT 'x'")
            .replace("CHARSET=utf8mb4 COMMENT", "CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT");
        assert_eq!(explicit(text, &defaults), expected);
        assert_eq!(explicit(&expected, &defaults), expected);
    }
}
