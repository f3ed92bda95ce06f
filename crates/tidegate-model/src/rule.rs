use crate::Pattern;
use std::collections::BTreeMap;
use std::fmt;

/// How some of the selected tables are carried over, if not as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub tables: Pattern,
    /// A condition over one row, in the source's own language: rows for which it is not true do not take part.
    pub filter: Option<String>,
    pub columns: Columns,
    pub changes: Changes,
    pub schema_changes: SchemaChanges,
}

/// Which columns take part, and what they are called in the target. Case does not tell names of columns apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// By their names in the source.
    named: BTreeMap<String, String>,
    /// Whether those that are not named take part too, as they are.
    others: bool,
}

/// Which changes of rows are carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

/// Which changes of a table itself are carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaChanges {
    pub create: bool,
    pub alter: bool,
    pub drop: bool,
    pub rename: bool,
    pub truncate: bool,
}

impl Changes {
    pub const ALL: Self = Self { insert: true, update: true, delete: true };
}

impl SchemaChanges {
    pub const ALL: Self = Self { create: true, alter: true, drop: true, rename: true, truncate: true };
}

impl Rule {
    /// A rule that changes nothing.
    pub fn new(tables: Pattern) -> Self {
        Self {
            tables,
            filter: None,
            columns: Columns::all(),
            changes: Changes::ALL,
            schema_changes: SchemaChanges::ALL,
        }
    }

    /// Whether it speaks of columns.
    pub fn reads_names(&self) -> bool {
        self.filter.is_some() || !self.columns.are_all()
    }

    /// What is against it by itself.
    pub(crate) fn objection(&self) -> Option<String> {
        let one_table = self.tables.literal().is_some();
        let text = self.tables.as_str();
        if self.reads_names() && !one_table {
            return Some(format!(
                "rule for '{text}': columns and a condition need one table, as shop.orders"
            ));
        }
        let Changes { insert, update, delete } = self.changes;
        (!insert && !update && !delete).then(|| {
            format!("rule for '{text}': none of insert, update and delete is left; exclude the table")
        })
    }

    pub(crate) fn fingerprint(&self) -> String {
        let mut text = format!("{}:", self.tables.as_str());
        if let Some(filter) = &self.filter {
            text.push_str(&format!(" where({filter})"));
        }
        if !self.columns.are_all() {
            text.push_str(&format!(" columns({})", self.columns));
        }
        if self.changes != Changes::ALL {
            text.push_str(&format!(" {:?}", self.changes));
        }
        if self.schema_changes != SchemaChanges::ALL {
            text.push_str(&format!(" {:?}", self.schema_changes));
        }
        text
    }
}

impl Columns {
    /// Every column under its name.
    pub fn all() -> Self {
        Self { named: BTreeMap::new(), others: true }
    }

    pub fn are_all(&self) -> bool {
        self.others && self.named.is_empty()
    }

    /// Reads `id, amount=total` (these two), or `*, amount=total` (all, one under another name). Errors say how it
    /// should look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Self { named: BTreeMap::new(), others: false };
        let mut known = Vec::new();
        for part in text.split(',').map(str::trim) {
            if part == "*" {
                columns.others = true;
                continue;
            }
            let (from, to) = part.split_once('=').unwrap_or((part, part));
            let (from, to) = (from.trim(), to.trim());
            if from.is_empty() || to.is_empty() {
                return Err(format!("columns '{text}' are not understood; write id, amount=total"));
            }
            let twice = [("source", from), ("target", to)].into_iter().find_map(|(side, name)| {
                let key = (side, name.to_lowercase());
                let is_known = known.contains(&key);
                known.push(key);
                is_known.then_some((side, name))
            });
            if let Some((side, name)) = twice {
                return Err(format!("columns '{text}': {name} of the {side} is there twice"));
            }
            columns.named.insert(from.to_owned(), to.to_owned());
        }
        Ok(columns)
    }

    /// The column's name in the target; `None` if it does not take part.
    pub fn target_name<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let folded = name.to_lowercase();
        match self.named.iter().find(|(from, _)| from.to_lowercase() == folded) {
            Some((_, to)) => Some(to),
            None => self.others.then_some(name),
        }
    }

    /// Columns of the source that must be there.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }
}

/// As [`Columns::parse`] reads it.
impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.then(|| "*".to_owned());
        let pair =
            |(from, to): (&String, &String)| if from == to { from.clone() } else { format!("{from}={to}") };
        let all: Vec<String> = others.into_iter().chain(self.named.iter().map(pair)).collect();
        f.write_str(&all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read() {
        let columns = Columns::parse("id, amount = total").unwrap();
        assert_eq!(columns.target_name("ID"), Some("id"));
        assert_eq!(columns.target_name("amount"), Some("total"));
        assert_eq!(columns.target_name("other"), None);
        let renamed = Columns::parse("*, amount=total").unwrap();
        assert_eq!(
            (renamed.target_name("Amount"), renamed.target_name("other")),
            (Some("total"), Some("other"))
        );
        assert_eq!(renamed.to_string(), "*,amount=total");
        assert!(Columns::all().are_all() && Columns::parse("*").unwrap().are_all() && !renamed.are_all());
        for (bad, why) in [
            ("", "not understood"),
            ("a,,b", "not understood"),
            ("a=", "not understood"),
            ("a=x,b=X", "X of the target is there twice"),
            ("a,A=b", "A of the source is there twice"),
        ] {
            assert!(Columns::parse(bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
