//! Putting other names into a statement.

use std::ops::Range;

use super::names::{encode, quote_identifier};
use super::{Kind, Name, Reason, Role, ScanError, Scanned};

/// `(database, table)` to the new `(database, table)`; `None` leaves the name as it is.
pub(crate) type TableMap<'a> = dyn Fn(&str, &str) -> Option<(String, String)> + 'a;

/// A database to its new name; `None` leaves it as it is.
pub(crate) type DatabaseMap<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Replacements for byte ranges of the statement.
struct Edits<'a> {
    scanned: &'a Scanned,
    list: Vec<(Range<usize>, Vec<u8>)>,
}

/// The statement with its names replaced, every other byte as it was. A name is replaced where it stands,
/// always qualified and in back-ticks; one that maps to nothing stays as written.
///
/// `map` is asked for every table, view and sequence, with the database it is really in; `map_database` for
/// the databases of `CREATE/ALTER/DROP DATABASE` and of routines, events and (in `DROP TRIGGER`) triggers,
/// whose own names never change. A trigger goes where its table goes. Names without database in a statement
/// without default database are left alone: there is nothing to ask for.
///
/// The result means the same as before when run with the *same* default database: an unqualified
/// foreign-key parent, which follows its table's database, is qualified if the table has moved away from
/// it. Bodies of triggers, routines and events and queries of views are not touched; see
/// [`Scanned::body_start`].
///
/// # Errors
/// A new name cannot be written in the statement's charset.
pub(crate) fn rewrite(
    statement: &[u8],
    scanned: &Scanned,
    map: &TableMap<'_>,
    map_database: &DatabaseMap<'_>,
) -> Result<Vec<u8>, ScanError> {
    let mut edits = Edits { scanned, list: Vec::new() };
    let mapped = |name: &Name| map(scanned.database_of(name)?, &name.table);
    let target = scanned.target().and_then(|name| Some((scanned.database_of(name)?, mapped(name)?.0)));
    let moved = target.filter(|(old, new)| old != new);
    for name in &scanned.tables {
        if let Some((database, table)) = mapped(name) {
            edits.name(name, &database, &table)?;
        } else if let Some((old, _)) = &moved
            && name.role == Role::Reference
            && name.database.is_none()
        {
            edits.name(name, old, &name.table)?;
        }
    }
    for database in &scanned.databases {
        if let Some(new) = map_database(&database.name) {
            let blank = if database.span.is_empty() { " " } else { "" };
            edits.put(database.span.clone(), &format!("{blank}{}", quote_identifier(&new)))?;
        }
    }
    if scanned.kind == Kind::CreateTrigger {
        if let (Some(object), Some((_, new))) = (&scanned.object, &moved) {
            edits.name(object, new, &object.table)?;
        }
    } else if has_own_database(&scanned.kind) {
        for object in scanned.object.iter().chain(&scanned.renamed_object) {
            if let Some(new) = scanned.database_of(object).and_then(map_database) {
                edits.name(object, &new, &object.table)?;
            }
        }
    }
    Ok(edits.apply(statement))
}

/// True for kinds whose object is in a database but is not a table.
fn has_own_database(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::DropTrigger
            | Kind::CreateRoutine
            | Kind::AlterRoutine
            | Kind::DropRoutine
            | Kind::CreateEvent
            | Kind::AlterEvent
            | Kind::DropEvent
    )
}

impl Edits<'_> {
    fn put(&mut self, span: Range<usize>, text: &str) -> Result<(), ScanError> {
        let charset = self.scanned.charset;
        let bytes = encode(text, charset).ok_or_else(|| ScanError {
            offset: span.start,
            reason: Reason::NotInCharset(text.trim().to_owned(), charset),
        })?;
        self.list.push((span, bytes));
        Ok(())
    }

    /// Replaces the parts of a name one by one, so that what stands between them (blanks, comments, even
    /// the beginning of an executable comment) stays.
    fn name(&mut self, name: &Name, database: &str, table: &str) -> Result<(), ScanError> {
        let (database, table) = (quote_identifier(database), quote_identifier(table));
        if let Some(span) = &name.database_span {
            self.put(span.clone(), &database)?;
        } else if let Some(dot) = name.leading_dot {
            self.put(dot..dot, &database)?;
        } else {
            return self.put(name.table_span.clone(), &format!("{database}.{table}"));
        }
        self.put(name.table_span.clone(), &table)
    }

    fn apply(mut self, statement: &[u8]) -> Vec<u8> {
        self.list.sort_by_key(|(span, _)| span.start);
        let mut result = Vec::with_capacity(statement.len() + self.list.len() * 32);
        let mut done = 0;
        for (span, bytes) in &self.list {
            result.extend_from_slice(statement.get(done..span.start).unwrap_or_default());
            result.extend_from_slice(bytes);
            done = span.end;
        }
        result.extend_from_slice(statement.get(done..).unwrap_or_default());
        result
    }
}
