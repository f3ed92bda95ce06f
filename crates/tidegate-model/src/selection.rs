use crate::{Rule, TableName};
use std::collections::BTreeMap;

/// `database.table` with `*` and `?` in either part; `\` takes the next character as it is. A part may be in
/// back-ticks, so that a dot in a name is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    database: Vec<Piece>,
    table: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    One(char),
    Any,
    Many,
}

impl Pattern {
    /// Reads `shop.*`, `shop.order_?`, `` `odd.name`.t ``. Errors say what is wrong and how it should look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = split(text)
            .map_err(|why| format!("pattern '{text}': {why}; write database.table, as in shop.*"))?;
        let [database, table] = <[Vec<Piece>; 2]>::try_from(parts)
            .map_err(|_| format!("pattern '{text}' has no table part; write database.table, as in shop.*"))?;
        if database.is_empty() || table.is_empty() {
            return Err(format!("pattern '{text}' has an empty part; write database.table, as in shop.*"));
        }
        Ok(Self { text: text.to_owned(), database, table })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, database: &str, table: &str) -> bool {
        fits(&self.database, database) && fits(&self.table, table)
    }

    fn may_match_in(&self, database: &str) -> bool {
        fits(&self.database, database)
    }

    fn covers(&self, database: &str) -> bool {
        fits(&self.database, database) && self.table == [Piece::Many]
    }

    /// The one table that it means, if it has no `*` and no `?`.
    pub(crate) fn literal(&self) -> Option<TableName> {
        let plain = |pieces: &[Piece]| {
            pieces
                .iter()
                .map(|piece| if let Piece::One(c) = piece { Some(*c) } else { None })
                .collect::<Option<String>>()
        };
        Some(TableName { database: plain(&self.database)?, table: plain(&self.table)? })
    }
}

fn split(text: &str) -> Result<Vec<Vec<Piece>>, &'static str> {
    let mut parts = vec![Vec::new()];
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let part = parts.last_mut().expect("there is always one part");
        match c {
            '`' => quoted = !quoted,
            '\\' => part.push(Piece::One(chars.next().ok_or("it ends in a backslash")?)),
            '.' if !quoted => parts.push(Vec::new()),
            '*' if !quoted => part.push(Piece::Many),
            '?' if !quoted => part.push(Piece::Any),
            other => part.push(Piece::One(other)),
        }
    }
    if quoted { Err("a back-tick is not closed") } else { Ok(parts) }
}

fn fits(pieces: &[Piece], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while read < name.len() {
        match pieces.get(at) {
            Some(Piece::Many) => {
                retry = Some((at + 1, read));
                at += 1;
            }
            Some(Piece::Any) => (at, read) = (at + 1, read + 1),
            Some(Piece::One(c)) if *c == name[read] => (at, read) = (at + 1, read + 1),
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    (at, read) = (after_star, from + 1);
                }
                None => return false,
            },
        }
    }
    pieces[at..].iter().all(|piece| *piece == Piece::Many)
}

/// Which tables take part, and what they are called in the target.
///
/// An empty `include` means everything that the adapter does not hold for the server's own. `exclude` wins over
/// `include`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    rename_tables: BTreeMap<TableName, TableName>,
    rename_databases: BTreeMap<String, String>,
    rules: Vec<Rule>,
    keeps_rows: bool,
    /// What this selects does not take part.
    beyond: Option<Box<Selection>>,
}

impl Selection {
    /// What this selects and `other` does not, under the names that this gives.
    pub fn beyond(mut self, other: Selection) -> Self {
        self.beyond = Some(Box::new(other));
        self
    }

    /// `renames` are `a.b=c.d` (one table) or `a.*=c.*` (a whole database). Errors name the text at fault.
    pub fn new(include: &[String], exclude: &[String], renames: &[String]) -> Result<Self, String> {
        let read =
            |texts: &[String]| texts.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>();
        let mut selection = Self { include: read(include)?, exclude: read(exclude)?, ..Self::default() };
        for text in renames {
            selection.add_rename(text)?;
        }
        Ok(selection)
    }

    /// How tables are carried over that are not carried over as they are. Errors name the rule at fault.
    pub fn with_rules(mut self, rules: Vec<Rule>) -> Result<Self, String> {
        if let Some(objection) = rules.iter().find_map(Rule::objection) {
            return Err(objection);
        }
        self.rules = rules;
        Ok(self)
    }

    /// Rows that tables of the target have before the link begins stay there, unless the source has one with their key.
    pub fn keeping_rows(mut self, keeps_rows: bool) -> Self {
        self.keeps_rows = keeps_rows;
        self
    }

    pub fn keeps_rows(&self) -> bool {
        self.keeps_rows
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule for a table: the first whose pattern fits.
    pub fn rule(&self, database: &str, table: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.tables.matches(database, table))
    }

    fn add_rename(&mut self, text: &str) -> Result<(), String> {
        let shape = || format!("rename '{text}' is not understood; write a.b=c.d, or a.*=c.* for a database");
        let (from, to) = text.split_once('=').ok_or_else(shape)?;
        let (from, to) = (Pattern::parse(from)?, Pattern::parse(to)?);
        if let (Some(from), Some(to)) = (from.literal(), to.literal()) {
            return match self.rename_tables.insert(from.clone(), to) {
                Some(_) => Err(format!("rename: {from} is renamed twice; keep one of them")),
                None => Ok(()),
            };
        }
        let database = |pattern: &Pattern| match pattern.table.as_slice() {
            [Piece::Many] => Pattern { table: vec![Piece::One('t')], ..pattern.clone() }
                .literal()
                .map(|name| name.database),
            _ => None,
        };
        let (from, to) = (database(&from).ok_or_else(shape)?, database(&to).ok_or_else(shape)?);
        match self.rename_databases.insert(from.clone(), to) {
            Some(_) => Err(format!("rename: database {from} is renamed twice; keep one of them")),
            None => Ok(()),
        }
    }

    pub fn selects(&self, database: &str, table: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(database, table));
        (self.include.is_empty() || any(&self.include))
            && !any(&self.exclude)
            && !self.beyond.as_ref().is_some_and(|beyond| beyond.selects(database, table))
    }

    /// Whether some table of the database may be selected: worth a look.
    pub fn touches_database(&self, database: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.may_match_in(database)))
            && !self.exclude.iter().any(|pattern| pattern.covers(database))
    }

    /// Whether the database as a whole (its options, its creation and its end) belongs to the link.
    pub fn selects_database(&self, database: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.covers(database)))
            && !self.exclude.iter().any(|pattern| pattern.covers(database))
            && !self.beyond.as_ref().is_some_and(|beyond| beyond.selects_database(database))
    }

    /// The table's name in the target.
    pub fn map(&self, database: &str, table: &str) -> TableName {
        let name = TableName::new(database, table);
        match self.rename_tables.get(&name) {
            Some(to) => to.clone(),
            None => TableName::new(self.map_database(database), table),
        }
    }

    /// The database's name in the target.
    pub fn map_database(&self, database: &str) -> String {
        self.rename_databases.get(database).cloned().unwrap_or_else(|| database.to_owned())
    }

    /// One line that is equal for equal selections: stored with the link, so that a changed selection is noticed.
    pub fn fingerprint(&self) -> String {
        let texts =
            |patterns: &[Pattern]| patterns.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" ");
        let tables = self.rename_tables.iter().map(|(from, to)| format!("{from}={to}"));
        let databases = self.rename_databases.iter().map(|(from, to)| format!("{from}.*={to}.*"));
        let renames = tables.chain(databases).collect::<Vec<_>>().join(" ");
        let rules: Vec<String> = self.rules.iter().map(Rule::fingerprint).collect();
        let rules = if rules.is_empty() { String::new() } else { format!(" rules[{}]", rules.join("; ")) };
        let keeps_rows = if self.keeps_rows { " keeping rows" } else { "" };
        let beyond = self.beyond.as_ref().map(|beyond| format!(" beyond[{}]", beyond.fingerprint()));
        format!(
            "include[{}] exclude[{}] rename[{renames}]{rules}{keeps_rows}{}",
            texts(&self.include),
            texts(&self.exclude),
            beyond.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str], renames: &[&str]) -> Result<Selection, String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Selection::new(&owned(include), &owned(exclude), &owned(renames))
    }

    #[test]
    fn patterns() {
        for (pattern, database, table, expected) in [
            ("shop.*", "shop", "order", true),
            ("shop.*", "shop2", "order", false),
            ("s*p.o?d*", "shop", "order", true),
            ("s*p.o?d*", "shop", "oder", false),
            ("*.*", "a.b", "", true),
            ("`a.b`.t", "a.b", "t", true),
            ("`a*`.t", "ab", "t", false),
            (r"a\*.t", "a*", "t", true),
            ("*a*b.t", "xaxbxb", "t", true),
            ("größe.表*", "größe", "表1", true),
        ] {
            let read = Pattern::parse(pattern).expect(pattern);
            assert_eq!(read.matches(database, table), expected, "{pattern} on {database}.{table}");
        }
        for bad in ["shop", "", ".", "a.", ".b", "a.b.c", "`a.b", "a.b\\"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn selection_and_names() {
        let chosen =
            selection(&["shop.*", "crm.a"], &["shop.tmp_*"], &["shop.a=x.b", "shop.*=store.*"]).unwrap();
        assert!(chosen.selects("shop", "order") && chosen.selects("crm", "a"));
        assert!(
            !chosen.selects("shop", "tmp_1") && !chosen.selects("crm", "b") && !chosen.selects("other", "a")
        );
        assert!(chosen.selects_database("shop") && !chosen.selects_database("crm"));
        assert!(chosen.touches_database("crm") && !chosen.touches_database("other"));
        assert_eq!(chosen.map("shop", "a"), TableName::new("x", "b"));
        assert_eq!(chosen.map("shop", "order"), TableName::new("store", "order"));
        assert_eq!(chosen.map("crm", "a"), TableName::new("crm", "a"));
    }

    #[test]
    fn what_one_selects_beyond_another() {
        let before = selection(&["shop.*", "crm.a"], &["shop.tmp_*"], &[]).unwrap();
        let after = selection(&["shop.*", "crm.*", "new.*"], &[], &["new.*=fresh.*"]).unwrap();
        let added = after.clone().beyond(before);
        for (database, table, expected) in [
            ("shop", "order", false),
            ("shop", "tmp_1", true),
            ("crm", "a", false),
            ("crm", "b", true),
            ("new", "t", true),
            ("other", "t", false),
        ] {
            assert_eq!(added.selects(database, table), expected, "{database}.{table}");
        }
        assert!(
            !added.selects_database("shop") && added.selects_database("crm") && added.selects_database("new")
        );
        assert_eq!(added.map("new", "t"), TableName::new("fresh", "t"));
        assert_ne!(added.fingerprint(), after.fingerprint());
    }

    #[test]
    fn the_first_rule_that_fits() {
        let rule = |tables: &str, filter: Option<&str>| Rule {
            filter: filter.map(str::to_owned),
            ..Rule::new(Pattern::parse(tables).unwrap())
        };
        let rules = vec![rule("shop.order", Some("id > 5")), rule("shop.*", None)];
        let plain = selection(&["shop.*"], &[], &[]).unwrap();
        let chosen = plain.clone().with_rules(rules.clone()).unwrap();
        assert_eq!(chosen.rule("shop", "order"), Some(&rules[0]));
        assert_eq!(chosen.rule("shop", "item"), Some(&rules[1]));
        assert_eq!(chosen.rule("crm", "order"), None);
        assert!(chosen.fingerprint().contains("where(id > 5)"));
        assert!(!plain.fingerprint().contains("rules"));
        let error = plain.with_rules(vec![rule("shop.*", Some("id > 5"))]).unwrap_err();
        assert!(error.contains("'shop.*'") && error.contains("need one table"), "{error}");
    }

    #[test]
    fn bad_renames_are_named() {
        for bad in ["a.b", "a.b=c", "a.*=c.d", "a?.*=b.*"] {
            assert!(selection(&[], &[], &[bad]).is_err(), "{bad}");
        }
        assert!(selection(&[], &[], &["a.b=c.d", "a.b=e.f"]).unwrap_err().contains("a.b"));
    }
}
