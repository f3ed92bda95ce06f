//! The statements that remove what a link has left: their text for mongosh, and back.

use bson::{Document, doc};
use std::fmt;
use tidegate_model::{Code, Error, Result};

/// Collections of ours in which every document belongs to a link. The link itself comes last.
pub(super) const COLLECTIONS: [&str; 13] = [
    "ddl",
    "kept",
    "put_off",
    "copy_part",
    "copy",
    "checkpoint",
    "permit",
    "fence",
    "policy",
    "conflict",
    "session",
    "probe",
    "link",
];

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    DropOurs,
    DropUser {
        database: String,
        user: String,
    },
    /// Applications may write again.
    OpenFence,
    /// Documents of a link in a collection of ours.
    Forget {
        collection: String,
        instance: String,
    },
    /// `change`: one field, as `collMod` has it. `index` is empty for the age of a clustered collection's documents.
    Index {
        database: String,
        collection: String,
        index: String,
        change: Document,
    },
}

const DROP_OURS: &str = r#"db.getSiblingDB("tidegate").dropDatabase()"#;

/// As a string of JavaScript, which all of these are.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DropOurs => f.write_str(DROP_OURS),
            Self::DropUser { database, user } => {
                write!(f, "db.getSiblingDB({}).dropUser({})", quoted(database), quoted(user))
            }
            Self::OpenFence => f.write_str(crate::fence::OPEN_STATEMENT),
            Self::Forget { collection, instance } => {
                write!(
                    f,
                    "db.getSiblingDB(\"tidegate\").{collection}.deleteMany({{\"_id.instance\": {}}})",
                    quoted(instance)
                )
            }
            Self::Index { database, collection, index, change } => {
                let (database, collection) = (quoted(database), quoted(collection));
                write!(f, "db.getSiblingDB({database}).runCommand({{collMod: {collection}")?;
                if !index.is_empty() {
                    write!(f, ", index: {{name: {}", quoted(index))?;
                }
                for (name, value) in change {
                    write!(f, ", {name}: {value}")?;
                }
                f.write_str(if index.is_empty() { "})" } else { "}})" })
            }
        }
    }
}

impl Statement {
    /// Reads one that we have written.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let statement = read(text);
        statement.ok_or_else(|| {
            let shown: String = text.chars().take(120).collect();
            Error::new(Code::NotAllowed, format!("'{shown}' is no statement of ours"))
                .with_remedy("run it in mongosh yourself, if it is right")
        })
    }
}

fn read(text: &str) -> Option<Statement> {
    if text == DROP_OURS {
        return Some(Statement::DropOurs);
    }
    if text == crate::fence::OPEN_STATEMENT {
        return Some(Statement::OpenFence);
    }
    let (database, rest) = string(text.strip_prefix("db.getSiblingDB(")?)?;
    if let Some(rest) = rest.strip_prefix(").dropUser(") {
        let (user, rest) = string(rest)?;
        return (rest == ")").then_some(Statement::DropUser { database, user });
    }
    if let Some(rest) = rest.strip_prefix(").runCommand({collMod: ") {
        let (collection, rest) = string(rest)?;
        let Some(index) = rest.strip_prefix(", index: {name: ") else {
            let change = read_change(rest.strip_prefix(", ")?.strip_suffix("})")?)?;
            let index = String::new();
            return change.contains_key("expireAfterSeconds").then_some(Statement::Index {
                database,
                collection,
                index,
                change,
            });
        };
        let (index, rest) = string(index)?;
        let change = read_change(rest.strip_prefix(", ")?.strip_suffix("}})")?)?;
        return Some(Statement::Index { database, collection, index, change });
    }
    let (collection, rest) = rest.strip_prefix(").")?.split_once(".deleteMany({\"_id.instance\": ")?;
    let (instance, rest) = string(rest)?;
    let is_ours = database == "tidegate" && COLLECTIONS.contains(&collection) && rest == "})";
    is_ours.then(|| Statement::Forget { collection: collection.to_owned(), instance })
}

fn read_change(text: &str) -> Option<Document> {
    match text.split_once(": ")? {
        (name @ ("unique" | "prepareUnique"), "true") => Some(doc! { name: true }),
        (name @ "expireAfterSeconds", seconds) => Some(doc! { name: seconds.parse::<i64>().ok()? }),
        _ => None,
    }
}

/// A string at the beginning, and what comes after it.
fn string(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &rest[at + 1..])),
            '\\' => match chars.next()?.1 {
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                c @ ('"' | '\\') => out.push(c),
                _ => return None,
            },
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_as_they_were_written() {
        let odd = "a\"b\\c\n\u{e4}";
        for statement in [
            Statement::DropOurs,
            Statement::OpenFence,
            Statement::DropUser { database: "admin".to_owned(), user: odd.to_owned() },
            Statement::Forget { collection: "link".to_owned(), instance: "shop".to_owned() },
            Statement::Index {
                database: odd.to_owned(),
                collection: "a.b".to_owned(),
                index: odd.to_owned(),
                change: doc! { "expireAfterSeconds": 60_i64 },
            },
            Statement::Index {
                database: "shop".to_owned(),
                collection: "a".to_owned(),
                index: "x_1".to_owned(),
                change: doc! { "unique": true },
            },
            Statement::Index {
                database: "shop".to_owned(),
                collection: "clustered".to_owned(),
                index: String::new(),
                change: doc! { "expireAfterSeconds": 60_i64 },
            },
        ] {
            assert_eq!(Statement::parse(&statement.to_string()).unwrap(), statement);
        }
    }

    #[test]
    fn nothing_else_is_run() {
        for text in [
            "",
            r#"db.getSiblingDB("shop").dropDatabase()"#,
            r#"db.getSiblingDB("tidegate").dropDatabase(); db.getSiblingDB("shop").dropDatabase()"#,
            r#"db.getSiblingDB("shop").orders.deleteMany({"_id.instance": "x"})"#,
            r#"db.getSiblingDB("tidegate").other.deleteMany({"_id.instance": "x"})"#,
            r#"db.getSiblingDB("admin").dropUser("a"#,
            r#"db.getSiblingDB("admin").dropUser("a") "#,
            r#"db.getSiblingDB("shop").runCommand({collMod: "a", index: {name: "x", hidden: true}})"#,
            r#"db.getSiblingDB("shop").runCommand({collMod: "a", index: {name: "x", unique: true}}); drop()"#,
            r#"db.getSiblingDB("shop").runCommand({collMod: "a", unique: true})"#,
            r#"db.getSiblingDB("shop").runCommand({collMod: "a", expireAfterSeconds: "off"})"#,
        ] {
            assert_eq!(Statement::parse(text).unwrap_err().code(), Code::NotAllowed, "{text}");
        }
    }
}
