//! [`Definition::detail`]: what a CREATE statement does not say, as lines `key=value`.

use crate::connect::Server;
use tidegate_model::{Definition, Stage, TableName};

/// Which server the definition is from: `mysql 9.7`.
pub(super) const SERVER: &str = "server";
/// What it is, where the stage does not tell: `procedure`, `function`, `package`, `package body`.
pub(super) const KIND: &str = "kind";
pub(super) const SQL_MODE: &str = "sql_mode";
pub(super) const COLLATION: &str = "collation_connection";
pub(super) const DATABASE_COLLATION: &str = "database_collation";
pub(super) const TIME_ZONE: &str = "time_zone";
/// A trigger's table.
pub(super) const TABLE: &str = "table";
/// `before insert`, …: triggers of a table are ordered within these.
pub(super) const EVENT: &str = "event";
/// The trigger that runs just before this one.
pub(super) const AFTER: &str = "after";
/// Whether the trigger spares our own writes; see [`super::guard`].
pub(super) const GUARDED: &str = "guarded";
/// A view's columns.
pub(super) const COLUMNS: &str = "columns";
/// A sequence's next value and its round.
pub(super) const NEXT: &str = "next";
pub(super) const ROUND: &str = "round";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail(Vec<(String, String)>);

impl Detail {
    pub(super) fn of(definition: &Definition) -> Self {
        let pairs = definition.detail.lines().filter_map(|line| line.split_once('='));
        Self(pairs.map(|(key, value)| (key.to_owned(), unescape(value))).collect())
    }

    pub(super) fn from_server(server: Server) -> Self {
        let name = if server.mariadb { "mariadb" } else { "mysql" };
        Self::default().with(SERVER, format!("{name} {}.{}", server.version.0, server.version.1))
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    /// Empty if it is not there.
    pub(super) fn get(&self, key: &str) -> &str {
        self.0.iter().find(|pair| pair.0 == key).map_or("", |pair| pair.1.as_str())
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.get(SERVER).starts_with("mariadb")
    }

    pub(super) fn to_text(&self) -> String {
        self.0.iter().map(|(key, value)| format!("{key}={}\n", escape(value))).collect()
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            (_, Some('n')) => out.push('\n'),
            (_, Some('r')) => out.push('\r'),
            (_, Some(other)) => out.push(other),
            (c, None) => out.push(c),
        }
    }
    out
}

/// `table`, `procedure`, …
pub(super) fn kind_of(definition: &Definition) -> String {
    let word = match definition.stage {
        Stage::Database => "database",
        Stage::Sequence => "sequence",
        Stage::Table => "table",
        Stage::Routine => return Detail::of(definition).get(KIND).to_owned(),
        Stage::View => "view",
        Stage::Trigger => "trigger",
        Stage::Event => "event",
    };
    word.to_owned()
}

/// `trigger shop.tr`, for messages.
pub(super) fn label(definition: &Definition, name: &TableName) -> String {
    match definition.stage {
        Stage::Database => format!("database {}", name.database),
        _ => format!("{} {name}", kind_of(definition)),
    }
}

/// What makes two definitions the same object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    kind: String,
    name: TableName,
}

impl Key {
    /// `fold`: the server keeps names of tables in lower case. Those of routines and events never tell cases apart.
    pub(super) fn new(definition: &Definition, name: &TableName, fold: bool) -> Self {
        let lower = |text: &str, yes: bool| if yes { text.to_lowercase() } else { text.to_owned() };
        let free = matches!(definition.stage, Stage::Routine | Stage::Event);
        let name = TableName::new(lower(&name.database, fold), lower(&name.table, fold || free));
        Self { kind: kind_of(definition), name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_survive_their_text() {
        let detail = Detail::default().with("a", "x=y\n\\n\r").with("b", "");
        let name = TableName::new("d", "t");
        let text = detail.to_text();
        let definition = Definition { stage: Stage::Table, name, text: String::new(), detail: text };
        assert_eq!(Detail::of(&definition), detail);
        assert_eq!((Detail::of(&definition).get("a"), detail.get("none")), ("x=y\n\\n\r", ""));
    }
}
