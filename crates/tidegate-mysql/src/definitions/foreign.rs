//! MariaDB prints the names of foreign keys and of their columns without doubling back-ticks in them
//! (`CONSTRAINT `a`b``). Such lines are put together anew from what the server knows.

use super::text::words;
use crate::connect::{quote, quote_text, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;
use tidegate_model::Result;

const KEYWORDS: [&str; 18] = [
    "CONSTRAINT",
    "FOREIGN",
    "KEY",
    "REFERENCES",
    "ON",
    "DELETE",
    "UPDATE",
    "CASCADE",
    "SET",
    "NULL",
    "DEFAULT",
    "NO",
    "ACTION",
    "RESTRICT",
    "(",
    ")",
    ",",
    ".",
];

fn is_foreign_key(line: &str) -> bool {
    line.starts_with("  CONSTRAINT `") && line.contains("` FOREIGN KEY (`")
}

/// Whether the line is made of names and the words of a foreign key only.
fn is_sound(line: &str) -> bool {
    let whole = |text: &str| text.len() > 2 && text.starts_with('`') && text.ends_with('`');
    words(line).iter().all(|word| whole(word.text) || KEYWORDS.iter().any(|keyword| word.is(keyword)))
}

/// The statement with sound foreign keys.
pub(super) async fn repaired(conn: &mut Conn, database: &str, table: &str, text: String) -> Result<String> {
    if text.lines().filter(|line| is_foreign_key(line)).all(is_sound) {
        return Ok(text);
    }
    let keys = read(conn, database, table).await?;
    let mut lines: Vec<&str> = text.lines().filter(|line| !is_foreign_key(line)).collect();
    let Some(end) = lines.iter().position(|line| line.starts_with(')')) else { return Ok(text) };
    let before = lines[end - 1].trim_end_matches(',').to_owned();
    let last = if keys.is_empty() { "" } else { "," };
    let new = format!("{before}{last}\n{}", keys.join(",\n"));
    lines[end - 1] = new.trim_end();
    Ok(lines.join("\n"))
}

async fn read(conn: &mut Conn, database: &str, table: &str) -> Result<Vec<String>> {
    type Row = (String, String, String, String, String, String, String);
    let question = format!(
        "SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, \
         k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k \
         JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA \
         AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME \
         WHERE k.TABLE_SCHEMA = {database} AND k.TABLE_NAME = {table} AND r.CONSTRAINT_SCHEMA = {database} \
         AND r.TABLE_NAME = {table} ORDER BY k.CONSTRAINT_NAME, k.ORDINAL_POSITION",
        database = quote_text(database),
        table = quote_text(table),
    );
    let rows: Vec<Row> = conn.query(question).await.map_err(understand)?;
    // By name: columns here and there, and the rest.
    let mut keys = BTreeMap::<String, (Vec<String>, Vec<String>, String, String)>::new();
    for (name, column, parent_database, parent, parent_column, on_delete, on_update) in rows {
        let parent = if parent_database == database {
            quote(&parent)
        } else {
            format!("{}.{}", quote(&parent_database), quote(&parent))
        };
        let rule = |event: &str, rule: &str| match rule {
            "RESTRICT" => String::new(),
            other => format!(" ON {event} {other}"),
        };
        let rules = format!("{}{}", rule("DELETE", &on_delete), rule("UPDATE", &on_update));
        let key = keys.entry(name).or_insert_with(|| (Vec::new(), Vec::new(), parent, rules));
        key.0.push(quote(&column));
        key.1.push(quote(&parent_column));
    }
    let line = |(name, (columns, parent_columns, parent, rules)): (String, _)| {
        let (columns, parent_columns): (Vec<String>, Vec<String>) = (columns, parent_columns);
        format!(
            "  CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {parent} ({}){rules}",
            quote(&name),
            columns.join(", "),
            parent_columns.join(", ")
        )
    };
    Ok(keys.into_iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsound_lines_are_seen() {
        for (line, sound) in [
            ("  CONSTRAINT `a``b` FOREIGN KEY (`é`) REFERENCES `d`.`p` (`id`) ON DELETE SET NULL,", true),
            ("  CONSTRAINT `a`b` FOREIGN KEY (`é`) REFERENCES `p` (`id`)", false),
            ("  CONSTRAINT `a`b`c` FOREIGN KEY (`é`) REFERENCES `p` (`id`)", false),
            ("  CONSTRAINT `a` FOREIGN KEY (`x``) REFERENCES `p` (`id`)", false),
        ] {
            assert!(is_foreign_key(line) && is_sound(line) == sound, "{line}");
        }
    }
}
