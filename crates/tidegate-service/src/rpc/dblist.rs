//! The official list of objects (`DbList`) and ours, from one to the other.

use super::answer::Refusal;
use super::parameters::invalid;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tidegate_api::{ChangeKind, ObjectRule, Objects, SchemaChangeKind};

const BYTES_MAX: usize = 1 << 20;
/// Attributes that change nothing here: they are kept and told again.
const IGNORED: [&str; 4] = ["state", "type", "case_sen", "conflict"];

/// Reads a list. What would have another meaning here than it has there is refused.
pub(super) fn read(text: &str) -> Result<Objects, Refusal> {
    if text.len() > BYTES_MAX {
        return Err(bad(format!("it has more than {BYTES_MAX} bytes")));
    }
    let list: BTreeMap<String, Database> =
        serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    if list.is_empty() {
        return Err(bad("it names no database".to_owned()));
    }
    let mut objects = Objects::default();
    for (name, database) in &list {
        database.add(name, &mut objects)?;
    }
    Ok(objects)
}

/// Lets no rule follow schema changes.
pub(super) fn without_schema_changes(objects: &mut Objects) {
    for rule in &mut objects.rules {
        rule.schema_changes = Some(Vec::new());
    }
    let all =
        ObjectRule { tables: "*.*".to_owned(), schema_changes: Some(Vec::new()), ..ObjectRule::default() };
    objects.rules.push(all);
}

#[derive(serde::Deserialize)]
struct Database {
    name: Option<String>,
    all: Option<bool>,
    #[serde(rename = "Table", alias = "table", default)]
    tables: BTreeMap<String, Table>,
    dml_op: Option<String>,
    ddl_op: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(serde::Deserialize)]
struct Table {
    name: Option<String>,
    all: Option<bool>,
    filter: Option<String>,
    #[serde(default)]
    column: BTreeMap<String, Value>,
    dml_op: Option<String>,
    ddl_op: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Database {
    fn add(&self, name: &str, objects: &mut Objects) -> Result<(), Refusal> {
        known(name, &self.others)?;
        let (from, to) = (quoted(name)?, quoted(self.name.as_deref().unwrap_or(name))?);
        if from != to {
            objects.rename.push(format!("{from}.*={to}.*"));
        }
        // Some leave `all` out beside the tables; beside `all: true` they only say how single tables are.
        let is_whole = self.all.unwrap_or(self.tables.is_empty());
        if is_whole {
            objects.include.push(format!("{from}.*"));
        } else if self.tables.is_empty() {
            return Err(bad(format!("'{name}' has all: false, and names no table")));
        }
        for (table, given) in &self.tables {
            let place = given.add([&from, &to], name, table, self, objects)?;
            if !is_whole {
                objects.include.push(place);
            }
        }
        let rule = ObjectRule {
            changes: changes(self.dml_op.as_deref())?,
            schema_changes: schema_changes(self.ddl_op.as_deref())?,
            tables: format!("{from}.*"),
            ..ObjectRule::default()
        };
        push(rule, objects);
        Ok(())
    }
}

impl Table {
    /// Its rule and its name there; answers what selects it.
    fn add(
        &self,
        [from, to]: [&str; 2],
        database: &str,
        name: &str,
        of: &Database,
        objects: &mut Objects,
    ) -> Result<String, Refusal> {
        known(&format!("{database}.{name}"), &self.others)?;
        let table = quoted(name)?;
        let place = format!("{from}.{table}");
        if let Some(other) = self.name.as_deref().filter(|other| *other != name) {
            objects.rename.push(format!("{place}={to}.{}", quoted(other)?));
        }
        let columns = if self.column.is_empty() { None } else { Some(self.columns(name)?) };
        if columns.is_none() && self.all == Some(false) {
            return Err(bad(format!("'{database}.{name}' has all: false, and names no column")));
        }
        let filter = self.filter.as_deref().map(|text| text.trim().trim_end_matches(';').trim().to_owned());
        let rule = ObjectRule {
            filter: filter.filter(|text| !text.is_empty()),
            columns,
            changes: changes(self.dml_op.as_deref().or(of.dml_op.as_deref()))?,
            schema_changes: schema_changes(self.ddl_op.as_deref().or(of.ddl_op.as_deref()))?,
            tables: place.clone(),
        };
        push(rule, objects);
        Ok(place)
    }

    /// `id, amount=total`
    fn columns(&self, table: &str) -> Result<String, Refusal> {
        let names = self.column.iter().map(|(from, to)| {
            let to = match to {
                Value::String(to) => to,
                Value::Object(fields) => fields.get("name").and_then(Value::as_str).unwrap_or(from),
                _ => from,
            };
            let odd = |name: &str| name.contains([',', '=', '*']);
            if odd(from) || odd(to) {
                return Err(bad(format!("a column of '{table}' has one of , = * in its name")));
            }
            Ok(if from == to { from.clone() } else { format!("{from}={to}") })
        });
        Ok(names.collect::<Result<Vec<_>, _>>()?.join(", "))
    }
}

/// A rule that says something.
fn push(rule: ObjectRule, objects: &mut Objects) {
    let plain = ObjectRule { tables: rule.tables.clone(), ..ObjectRule::default() };
    if rule != plain {
        objects.rules.push(rule);
    }
}

fn known(place: &str, others: &Map<String, Value>) -> Result<(), Refusal> {
    let says = |value: &Value| !matches!(value, Value::Null) && value.as_str() != Some("");
    match others.iter().find(|(name, value)| says(value) && !IGNORED.contains(&name.as_str())) {
        Some((name, _)) => Err(bad(format!("'{place}' has the attribute '{name}', which is not done here"))),
        None => Ok(()),
    }
}

/// A name that means only itself in a pattern.
fn quoted(name: &str) -> Result<String, Refusal> {
    if name.is_empty() || name.contains('=') {
        return Err(bad(format!("'{name}' is no name that can be selected")));
    }
    Ok(name.chars().fold(String::new(), |mut text, letter| {
        if matches!(letter, '*' | '?' | '.' | '`' | '\\') {
            text.push('\\');
        }
        text.push(letter);
        text
    }))
}

fn changes(text: Option<&str>) -> Result<Option<Vec<ChangeKind>>, Refusal> {
    let read = |word: &str| match word {
        "i" | "insert" => Ok(ChangeKind::Insert),
        "u" | "update" => Ok(ChangeKind::Update),
        "d" | "delete" => Ok(ChangeKind::Delete),
        other => Err(bad(format!("dml_op: '{other}' is not insert, update or delete"))),
    };
    words(text).map(|words| words.iter().map(|word| read(word)).collect()).transpose()
}

fn schema_changes(text: Option<&str>) -> Result<Option<Vec<SchemaChangeKind>>, Refusal> {
    let read = |word: &str| match word.split(' ').next().unwrap_or_default() {
        "create" => Ok(SchemaChangeKind::Create),
        "alter" => Ok(SchemaChangeKind::Alter),
        "drop" => Ok(SchemaChangeKind::Drop),
        "rename" => Ok(SchemaChangeKind::Rename),
        "truncate" => Ok(SchemaChangeKind::Truncate),
        other => Err(bad(format!("ddl_op: '{other}' is not create, alter, drop, rename or truncate"))),
    };
    words(text).map(|words| words.iter().map(|word| read(word)).collect()).transpose()
}

/// None if nothing is said: then everything takes part.
fn words(text: Option<&str>) -> Option<Vec<String>> {
    let text = text?.trim();
    let words = text.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty());
    (!text.is_empty()).then(|| words.collect())
}

fn bad(why: String) -> Refusal {
    invalid("DbList", &why)
}

/// The list that means the same, if there is one: for what was configured elsewhere.
pub(super) fn write(objects: &Objects) -> Option<String> {
    if objects.include.is_empty() || !objects.exclude.is_empty() || !objects.rules.is_empty() {
        return None;
    }
    let plain = |text: &str| -> Option<(String, String)> {
        let (database, table) = text.split_once('.')?;
        let is_odd = |name: &str| name.contains(['*', '?', '`', '\\', '.', '=']);
        (!is_odd(database) && (table == "*" || !is_odd(table)))
            .then(|| (database.to_owned(), table.to_owned()))
    };
    let mut renames: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    for text in &objects.rename {
        let (from, to) = text.split_once('=')?;
        renames.insert(plain(from.trim())?, plain(to.trim())?);
    }
    let mut list = Map::new();
    for text in &objects.include {
        let (database, table) = plain(text)?;
        let to = renames.get(&(database.clone(), "*".to_owned()));
        let to = to.map_or_else(|| database.clone(), |(to, _)| to.clone());
        if table == "*" {
            if list.contains_key(&database) {
                return None;
            }
            list.insert(database, json!({ "name": to, "all": true }));
            continue;
        }
        let renamed = renames.remove(&(database.clone(), table.clone()));
        let name = match renamed {
            // To another database than its neighbours': there is no way to say so.
            Some((other, _)) if other != to => return None,
            Some((_, name)) => name,
            None => table.clone(),
        };
        let entry = list.entry(database).or_insert_with(|| json!({ "name": to, "all": false, "Table": {} }));
        let tables = entry.get_mut("Table")?.as_object_mut()?;
        tables.insert(table, json!({ "name": name, "all": true }));
    }
    // A table that is renamed within a whole database.
    if renames.keys().any(|(_, table)| table != "*") {
        return None;
    }
    Some(Value::Object(list).to_string())
}

#[cfg(test)]
mod tests;
