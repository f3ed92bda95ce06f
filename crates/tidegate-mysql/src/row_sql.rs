//! SQL text of rows: tuples of values, and the conditions that find a row again.

use crate::binlog::json_diff;
use crate::binlog::literal::{self, Style};
use crate::binlog::rows::Cell;
use crate::binlog::table_map::Kind;
use crate::plan::Plan;
use tidegate_model::{Code, Error, Result};

pub(crate) fn names(plan: &Plan) -> String {
    plan.written.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(",")
}

/// What stands before, between and after keys in a condition that finds their rows.
pub(crate) fn around_keys(plan: &Plan) -> (String, &'static str, &'static str) {
    if is_compared_apart(plan) {
        return (String::new(), " OR ", "");
    }
    let names = plan.key.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(",");
    let (open, close) = if plan.key.len() == 1 { ("", "") } else { ("(", ")") };
    (format!("{open}{names}{close} IN ("), ",", ")")
}

/// MySQL finds no number of an ENUM or a SET in a list of tuples.
fn is_compared_apart(plan: &Plan) -> bool {
    let is_listed = |cell: usize| matches!(plan.map.columns[cell].kind, Kind::Enum { .. } | Kind::Set { .. });
    plan.key.len() > 1 && plan.key.iter().any(|(cell, _)| is_listed(*cell))
}

pub(crate) fn push_key(out: &mut Vec<u8>, plan: &Plan, row: &[Cell<'_>]) -> Result<()> {
    let tuple = plan.key.len() > 1;
    out.extend_from_slice(if tuple { b"(" } else { b"" });
    if is_compared_apart(plan) {
        push_same_row(out, plan, row)?;
    } else {
        for (at, (cell, _)) in plan.key.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b"," } else { b"" });
            push_value(out, plan, *cell, &[], row)?;
        }
    }
    out.extend_from_slice(if tuple { b")" } else { b"" });
    Ok(())
}

/// `(value, …)` of the written columns; answers how many cells cost a warning.
pub(crate) fn push_row(out: &mut Vec<u8>, plan: &Plan, before: &[Cell<'_>], row: &[Cell<'_>]) -> Result<u32> {
    let mut zeros = 0;
    for (at, (cell, _)) in plan.written.iter().enumerate() {
        out.push(if at == 0 { b'(' } else { b',' });
        zeros += push_value(out, plan, *cell, before, row)?;
    }
    out.push(b')');
    Ok(zeros)
}

pub(crate) fn push_value(
    out: &mut Vec<u8>,
    plan: &Plan,
    cell: usize,
    before: &[Cell<'_>],
    row: &[Cell<'_>],
) -> Result<u32> {
    let column = &plan.map.columns[cell];
    match (row[cell], before.get(cell)) {
        (Cell::Null | Cell::Absent, _) => out.extend_from_slice(b"NULL"),
        (Cell::Bytes(bytes), _) => {
            literal::write(out, column, bytes, Style::Quoted).map_err(|why| at_column(why, plan, cell))?;
            let zero = matches!(column.kind, Kind::Enum { .. }) && bytes.iter().all(|byte| *byte == 0);
            return Ok(u32::from(zero));
        }
        (Cell::Partial(diffs), Some(Cell::Bytes(old))) => {
            literal::json_text(out, Style::Quoted, |out| json_diff::apply(out, old, diffs))
                .map_err(|why| at_column(why, plan, cell))?;
        }
        (Cell::Partial(_), _) => {
            return Err(Error::new(
                Code::MalformedLog,
                format!("{}: a JSON change without its base", plan.source_name()),
            ));
        }
    }
    Ok(0)
}

fn at_column(why: crate::binlog::Malformed, plan: &Plan, cell: usize) -> Error {
    Error::from(why).context(format!("{}, column {}", plan.source_name(), cell + 1))
}

/// The condition that finds the row: its key, or all that it holds.
pub(crate) fn push_same_row(out: &mut Vec<u8>, plan: &Plan, row: &[Cell<'_>]) -> Result<()> {
    if plan.key.is_empty() {
        return push_all_equal(out, plan, row);
    }
    for (at, (cell, name)) in plan.key.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b" AND " } else { b"" });
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        push_value(out, plan, *cell, &[], row)?;
    }
    Ok(())
}

/// The condition that finds the row only if it holds what it held: its key, for the index, and every column.
pub(crate) fn push_row_as_it_was(out: &mut Vec<u8>, plan: &Plan, row: &[Cell<'_>]) -> Result<()> {
    out.push(b'(');
    if !plan.key.is_empty() {
        push_same_row(out, plan, row)?;
        out.extend_from_slice(b" AND ");
    }
    push_all_equal(out, plan, row)?;
    out.push(b')');
    Ok(())
}

/// Every written column equal to the row's, NULL to NULL, text byte for byte.
fn push_all_equal(out: &mut Vec<u8>, plan: &Plan, row: &[Cell<'_>]) -> Result<()> {
    for (at, (cell, name)) in plan.written.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b" AND " } else { b"" });
        if row[*cell] == Cell::Null {
            out.extend_from_slice(format!("{name} IS NULL").as_bytes());
            continue;
        }
        let (before, between, after) = match plan.map.columns[*cell].kind {
            // Documents are the same when their texts are: 1 is equal to 1.0 otherwise.
            Kind::Json { .. } if plan.is_json(*cell) => {
                // Both read anew: decimals in documents come out of the log as floating point.
                (
                    "CAST(CAST(CAST(",
                    " AS CHAR CHARACTER SET utf8mb4) AS JSON) AS BINARY)<=>CAST(CAST(",
                    " AS JSON) AS BINARY)",
                )
            }
            Kind::Json { .. }
            | Kind::VarChar { .. }
            | Kind::Char { .. }
            | Kind::Blob { .. }
            | Kind::VarCharCompressed { .. }
            | Kind::BlobCompressed { .. }
            | Kind::Geometry { .. }
            | Kind::Vector { .. } => ("CAST(", " AS BINARY)<=>CAST(", " AS BINARY)"),
            // Signed: MariaDB has a warning for a SET of 64 members that becomes an unsigned number.
            Kind::Enum { .. } | Kind::Set { .. } => ("CAST(", " AS SIGNED)<=>CAST(", " AS SIGNED)"),
            _ => ("", "<=>", ""),
        };
        out.extend_from_slice(format!("{before}{name}{between}").as_bytes());
        push_value(out, plan, *cell, &[], row)?;
        out.extend_from_slice(after.as_bytes());
    }
    Ok(())
}

/// ` AS new ON DUPLICATE KEY UPDATE …`: the row is there, its key is the only unique one, so it is the one updated.
pub(crate) fn update_clause(plan: &Plan, values_function: bool) -> String {
    let is_key = |cell: &usize| plan.key.iter().any(|(key, _)| key == cell);
    let mut columns: Vec<&str> =
        plan.written.iter().filter(|(cell, _)| !is_key(cell)).map(|(_, name)| name.as_str()).collect();
    if columns.is_empty() {
        columns.extend(plan.key.first().map(|(_, name)| name.as_str()));
    }
    let (alias, set): (&str, Vec<String>) = if values_function {
        ("", columns.iter().map(|name| format!("{name}=VALUES({name})")).collect())
    } else {
        (" AS tidegate_new", columns.iter().map(|name| format!("{name}=tidegate_new.{name}")).collect())
    };
    format!("{alias} ON DUPLICATE KEY UPDATE {}", set.join(","))
}
