//! Comparing definitions of the source with those of the target.

use super::detail::{AFTER, COLLATION, COLUMNS, Detail, Key, SERVER, SQL_MODE, label};
use super::map::{scan, target_name, target_statement};
use super::normal::{self, Line};
use super::read::{self, Wanted};
use super::session::modes_for;
use super::text::{replaced, words};
use crate::connect::{Server, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeSet, HashMap, HashSet};
use tidegate_model::{Definition, Result, Selection, Stage, TableName};

/// Longer lines are cut in messages.
const SHOWN_CHARS: usize = 160;
const NOTHING: &str = "nothing";

/// The first lines that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    source: String,
    target: String,
}

impl Difference {
    fn new(source: &str, target: &str) -> Self {
        let cut = |text: &str| match text.char_indices().nth(SHOWN_CHARS) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None if text.is_empty() => NOTHING.to_owned(),
            None => text.to_owned(),
        };
        Self { source: cut(source), target: cut(target) }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the source has {}, the target has {}", self.source, self.target)
    }
}

/// How alike two servers print the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinship {
    SameVersion,
    SameFamily,
    Strangers,
}

fn kinship(one: &Detail, other: &Detail) -> Kinship {
    if one.get(SERVER) == other.get(SERVER) {
        Kinship::SameVersion
    } else if one.is_mariadb() == other.is_mariadb() {
        Kinship::SameFamily
    } else {
        Kinship::Strangers
    }
}

/// What differs between a definition of the source, whose statement with the target's names is given, and what the
/// target has. Between the two families of servers only what rows depend on is compared.
pub(super) fn difference(
    source: &Definition,
    statement: &str,
    target: &Definition,
) -> Result<Option<Difference>> {
    let (ours, theirs) = (Detail::of(source), Detail::of(target));
    let kin = kinship(&ours, &theirs);
    let target_text = target_statement(target, &Selection::default())?;
    Ok(match source.stage {
        Stage::Database => databases(statement, &target_text),
        Stage::Table => tables(&normal::table(statement), &normal::table(&target_text), kin),
        Stage::View if kin != Kinship::SameVersion => values(&ours, &theirs, COLUMNS),
        _ => {
            let text = programs(&bare(source, statement)?, &bare(target, &target_text)?, kin);
            text.or_else(|| settings(source, &ours, &theirs, kin))
        }
    })
}

/// Everything that differs in a table which another kind of server printed. The kinds put different brackets around
/// expressions.
pub(super) fn difference_in_print(statement: &str, target: &Definition) -> Result<Option<Difference>> {
    let plain = |text: &str| {
        let mut table = normal::table(text);
        for line in table.columns.iter_mut().chain(&mut table.keys).chain(&mut table.partitions) {
            line.words.retain(|word| word != "(" && word != ")");
        }
        table
    };
    let target_text = target_statement(target, &Selection::default())?;
    Ok(tables(&plain(statement), &plain(&target_text), Kinship::SameFamily))
}

/// Encryption is a matter of each server.
fn databases(source: &str, target: &str) -> Option<Difference> {
    let rest = |text: &str| {
        let text = text.trim_end_matches(" ENCRYPTION 'Y'");
        let from = words(text).get(3).map_or(0, |word| word.start);
        text[from..].replace("utf8mb3", "utf8").replace("DEFAULT ", "")
    };
    let (source, target) = (rest(source), rest(target));
    (source != target).then(|| Difference::new(&source, &target))
}

fn tables(source: &normal::Table, target: &normal::Table, kin: Kinship) -> Option<Difference> {
    if kin == Kinship::Strangers {
        let columns =
            |table: &normal::Table| reduced(&table.columns, |line| Some(normal::essential_column(line)));
        let keys = |table: &normal::Table| reduced(&table.keys, normal::essential_key);
        return in_order(&columns(source), &columns(target))
            .or_else(|| as_sets(&keys(source), &keys(target)));
    }
    in_order(&source.columns, &target.columns)
        .or_else(|| as_sets(&source.keys, &target.keys))
        .or_else(|| in_order(&source.options, &target.options))
        .or_else(|| in_order(&source.partitions, &target.partitions))
}

fn reduced(lines: &[Line], words: impl Fn(&Line) -> Option<Vec<String>>) -> Vec<Line> {
    lines.iter().filter_map(|line| Some(Line { words: words(line)?, shown: line.shown.clone() })).collect()
}

fn in_order(source: &[Line], target: &[Line]) -> Option<Difference> {
    let shown = |lines: &[Line], at: usize| lines.get(at).map_or(String::new(), |line| line.shown.clone());
    (0..source.len().max(target.len()))
        .find(|&at| source.get(at).map(|line| &line.words) != target.get(at).map(|line| &line.words))
        .map(|at| Difference::new(&shown(source, at), &shown(target, at)))
}

fn as_sets(source: &[Line], target: &[Line]) -> Option<Difference> {
    let missing = |these: &[Line], those: &[Line]| {
        let known: HashSet<&Vec<String>> = those.iter().map(|line| &line.words).collect();
        these.iter().find(|line| !known.contains(&line.words)).map(|line| line.shown.clone())
    };
    match (missing(source, target), missing(target, source)) {
        (None, None) => None,
        (ours, theirs) => Some(Difference::new(&ours.unwrap_or_default(), &theirs.unwrap_or_default())),
    }
}

/// Without its definer and, for an event, without its status: these are the target's own.
fn bare(definition: &Definition, statement: &str) -> Result<String> {
    let scanned = scan(definition, statement)?;
    let spans = scanned.definer_span.into_iter().chain(scanned.event_status_span);
    Ok(replaced(statement, spans.map(|span| (span, String::new())).collect()))
}

fn programs(source: &str, target: &str, kin: Kinship) -> Option<Difference> {
    let loose = kin != Kinship::SameVersion;
    let (ours, theirs) = (normal::program(source, loose), normal::program(target, loose));
    let at = (0..ours.len().max(theirs.len())).find(|&at| ours.get(at) != theirs.get(at))?;
    // A few words more show where it is.
    let shown = |words: &[String]| {
        words.iter().skip(at.saturating_sub(2)).take(12).cloned().collect::<Vec<_>>().join(" ")
    };
    Some(Difference::new(&shown(&ours), &shown(&theirs)))
}

fn settings(source: &Definition, ours: &Detail, theirs: &Detail, kin: Kinship) -> Option<Difference> {
    if source.stage == Stage::Sequence {
        return None;
    }
    let modes = |detail: &Detail| {
        let both = modes_for(&modes_for(detail.get(SQL_MODE), false), true);
        let mut list: Vec<&str> = both.split(',').collect();
        list.sort_unstable();
        list.join(",")
    };
    let (source_modes, target_modes) = (modes(ours), modes(theirs));
    if source_modes != target_modes {
        let shown = |modes: &str| format!("sql_mode '{modes}'");
        return Some(Difference::new(&shown(&source_modes), &shown(&target_modes)));
    }
    if kin == Kinship::Strangers {
        return None;
    }
    values(ours, theirs, COLLATION)
}

fn values(ours: &Detail, theirs: &Detail, key: &str) -> Option<Difference> {
    let plain = |detail: &Detail| detail.get(key).replace("utf8mb3_", "utf8_");
    let (source, target) = (plain(ours), plain(theirs));
    let shown = |value: &str| format!("{key} {value}");
    (source != target).then(|| Difference::new(&shown(&source), &shown(&target)))
}

/// Whether two triggers that both sides have run in another order. `known` tells whether both sides have a trigger.
fn order(ours: &Detail, theirs: &Detail, known: impl Fn(&str) -> bool) -> Option<Difference> {
    let (source, target) = (ours.get(AFTER), theirs.get(AFTER));
    let comparable = [source, target].iter().all(|name| name.is_empty() || known(name));
    let shown = |name: &str| if name.is_empty() { "it first".to_owned() } else { format!("it after {name}") };
    (comparable && source != target).then(|| Difference::new(&shown(source), &shown(target)))
}

/// Compares all selected definitions: what is missing in the target, what is there only, what differs. Definers, whether
/// events run, and the guard around triggers are the target's own and do not count.
pub(crate) async fn list_differences(
    source_conn: &mut Conn,
    source_server: Server,
    target_conn: &mut Conn,
    target_server: Server,
    selection: &Selection,
) -> Result<Vec<(TableName, String)>> {
    let source = read::read(source_conn, source_server, selection).await?;
    let fold = folds_names(target_conn).await?;
    let inverse = Inverse::new(selection, &source, fold);
    let wanted = Wanted {
        database: &|database| inverse.databases.contains_key(&folded(database, fold)),
        whole: &|_| true,
        object: &|database, name| inverse.selects(database, name),
    };
    let target = read::read_wanted(target_conn, target_server, &wanted).await?;
    let key = |definition: &Definition, name: &TableName| Key::new(definition, name, fold);
    let mut there: HashMap<Key, &Definition> = target.iter().map(|one| (key(one, &one.name), one)).collect();
    let both: HashSet<TableName> = (source.iter().filter(|one| one.stage == Stage::Trigger))
        .map(|one| (one, target_name(one, selection)))
        .filter_map(|(one, name)| there.contains_key(&key(one, &name)).then_some(name))
        .collect();
    let mut list = Vec::new();
    for definition in &source {
        let name = target_name(definition, selection);
        let Some(found) = there.remove(&key(definition, &name)) else {
            list.push((definition.name.clone(), format!("{} is missing", label(definition, &name))));
            continue;
        };
        if definition.stage == Stage::Database && !selection.selects_database(&definition.name.database) {
            continue;
        }
        let mut difference = difference(definition, &target_statement(definition, selection)?, found)?;
        if definition.stage == Stage::Trigger {
            let known = |trigger: &str| both.contains(&TableName::new(&name.database, trigger));
            difference = difference.or_else(|| order(&Detail::of(definition), &Detail::of(found), known));
        }
        if let Some(difference) = difference {
            list.push((definition.name.clone(), format!("{}: {difference}", label(definition, &name))));
        }
    }
    let mut extra: Vec<&Definition> =
        there.into_values().filter(|found| found.stage != Stage::Database).collect();
    extra.sort_by(|one, other| (one.stage, &one.name).cmp(&(other.stage, &other.name)));
    list.extend(
        extra.into_iter().map(|found| {
            (found.name.clone(), format!("{} is in the target only", label(found, &found.name)))
        }),
    );
    Ok(list)
}

/// Whether the server keeps the names of databases and tables in lower case.
pub(super) async fn folds_names(conn: &mut Conn) -> Result<bool> {
    let value: Option<u8> = conn.query_first("SELECT @@lower_case_table_names").await.map_err(understand)?;
    Ok(value.unwrap_or(0) != 0)
}

pub(super) fn folded(name: &str, fold: bool) -> String {
    if fold { name.to_lowercase() } else { name.to_owned() }
}

/// The way back from a name in the target.
struct Inverse<'a> {
    selection: &'a Selection,
    /// Databases of the target with those of the source that go there.
    databases: HashMap<String, BTreeSet<String>>,
    /// What the source has, by its names in the target.
    names: HashSet<(String, String)>,
    fold: bool,
}

impl<'a> Inverse<'a> {
    fn new(selection: &'a Selection, source: &[Definition], fold: bool) -> Self {
        let mut inverse = Self { selection, databases: HashMap::new(), names: HashSet::new(), fold };
        for definition in source {
            let there = target_name(definition, selection);
            let database = folded(&there.database, fold);
            inverse.databases.entry(database.clone()).or_default().insert(definition.name.database.clone());
            inverse.names.insert((database, there.table.to_lowercase()));
        }
        inverse
    }

    /// Whether the source has the object, or it would be selected if it had.
    fn selects(&self, database: &str, name: &str) -> bool {
        let database = folded(database, self.fold);
        let Some(sources) = self.databases.get(&database) else { return false };
        let would = |source: &String| {
            let there = self.selection.map(source, name);
            self.selection.selects(source, name)
                && folded(&there.database, self.fold) == database
                && there.table == name
        };
        sources.iter().any(would) || self.names.contains(&(database.clone(), name.to_lowercase()))
    }
}
