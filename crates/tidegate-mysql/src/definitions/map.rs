//! From the source's names to the target's.

use super::detail::{Detail, SQL_MODE, TABLE, label};
use super::text::{replaced, words};
use crate::connect::quote;
use crate::ddl::{self, Flavour, Options, Scanned};
use tidegate_model::{Code, Definition, Error, Result, Selection, Stage, TableName};

/// The functions with which a column's default reads a sequence.
const SEQUENCE_FUNCTIONS: [&str; 3] = ["nextval", "lastval", "setval"];

/// What the object is called in the target.
pub(super) fn target_name(definition: &Definition, selection: &Selection) -> TableName {
    let TableName { database, table } = &definition.name;
    match definition.stage {
        Stage::Table | Stage::View | Stage::Sequence => selection.map(database, table),
        Stage::Database | Stage::Routine | Stage::Event => {
            TableName::new(selection.map_database(database), table)
        }
        // A trigger goes where its table goes.
        Stage::Trigger => {
            TableName::new(selection.map(database, Detail::of(definition).get(TABLE)).database, table)
        }
    }
}

/// The definition's statement with the names that its objects have in the target, all of them qualified. Bodies of
/// routines, triggers and events stay as they are: nobody can tell every name in them.
pub(super) fn target_statement(definition: &Definition, selection: &Selection) -> Result<String> {
    let scanned = scan(definition, &definition.text)?;
    let name = |database: &str, table: &str| {
        let to = match definition.stage {
            Stage::Routine | Stage::Event | Stage::Database => {
                TableName::new(selection.map_database(database), table)
            }
            _ => selection.map(database, table),
        };
        Some((to.database, to.table))
    };
    let database = |name: &str| Some(selection.map_database(name));
    let bytes = ddl::rewrite(definition.text.as_bytes(), &scanned, &name, &database)
        .map_err(|error| unreadable(definition, &error))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match definition.stage {
        Stage::View => {
            let body = scan(definition, &text)?.body_start.unwrap_or(text.len());
            requalified(&text, body, selection, false)
        }
        Stage::Table => requalified(&text, 0, selection, true),
        _ => text,
    })
}

/// Finds names, definer and body in a statement of the definition (as it is, or rewritten).
pub(super) fn scan(definition: &Definition, text: &str) -> Result<Scanned> {
    let detail = Detail::of(definition);
    let modes = detail.get(SQL_MODE);
    let has = |mode: &str| modes.split(',').any(|one| one == mode);
    let flavour = if detail.is_mariadb() { Flavour::Mariadb } else { Flavour::Mysql };
    let options = Options {
        ansi_quotes: has("ANSI_QUOTES"),
        no_backslash_escapes: has("NO_BACKSLASH_ESCAPES"),
        ..Options::new(flavour, Some(&definition.name.database))
    };
    ddl::scan(text.as_bytes(), &options).map_err(|error| unreadable(definition, &error))
}

fn unreadable(definition: &Definition, error: &ddl::ScanError) -> Error {
    let name = label(definition, &definition.name);
    Error::new(Code::SchemaChangeFailed, format!("{name}: the definition is not understood: {error}"))
        .with_remedy(
            "make the object in the target by hand, or exclude it; and please report it with its definition",
        )
}

/// Replaces names in the query of a view as servers print it: every table with its database, everything in back-ticks.
/// With `sequences`, only those that stand in [`SEQUENCE_FUNCTIONS`].
fn requalified(text: &str, from: usize, selection: &Selection, sequences: bool) -> String {
    let found = words(&text[from..]);
    let mut edits = Vec::new();
    for (at, pair) in found.windows(3).enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(|index| found.get(index));
        if !pair[1].is(".") || before(1).is_some_and(|word| word.is(".")) {
            continue;
        }
        let (Some(database), Some(table)) = (pair[0].name(), pair[2].name()) else { continue };
        let in_function = before(2).is_some_and(|word| SEQUENCE_FUNCTIONS.iter().any(|name| word.is(name)));
        if sequences && !in_function {
            continue;
        }
        let new = if found.get(at + 3).is_some_and(|next| next.is("(")) {
            TableName::new(selection.map_database(&database), &table)
        } else if selection.selects(&database, &table) {
            selection.map(&database, &table)
        } else {
            continue;
        };
        if (&new.database, &new.table) != (&database, &table) {
            let span = from + pair[0].start..from + pair[2].end();
            edits.push((span, format!("{}.{}", quote(&new.database), quote(&new.table))));
        }
    }
    replaced(text, edits)
}

/// A name in the body of a routine, trigger or event that means something else in the target, because it was renamed on
/// the way.
pub(super) fn renamed_in_body(definition: &Definition, selection: &Selection) -> Option<String> {
    if !matches!(definition.stage, Stage::Routine | Stage::Trigger | Stage::Event) {
        return None;
    }
    let scanned = scan(definition, &definition.text).ok()?;
    let from = scanned.body_start.or(scanned.object.map(|name| name.table_span.end))?;
    let database = &definition.name.database;
    let found = words(&definition.text[from..]);
    let place = |at: usize| {
        let word = found.get(at)?;
        let name = word.name().unwrap_or_else(|| word.text.to_owned());
        let qualifies = found.get(at + 1).is_some_and(|next| next.is("."));
        let moved = selection.map_database(&name) != name;
        let renamed =
            selection.map(database, &name) != TableName::new(selection.map_database(database), &name);
        ((qualifies && moved) || (renamed && !word.text.starts_with('\''))).then_some(name)
    };
    (0..found.len()).find_map(place)
}
