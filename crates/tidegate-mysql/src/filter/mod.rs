//! Row filters: a condition over one row, which the source's server decides while it is read, and we decide for every
//! change of its log. Both must come to the same answer, so only what both can decide alike is understood: what a
//! filter can say is read here, and what the server is asked is written from that, not from a person's text.

mod parse;
#[cfg(test)]
mod tests;

use crate::binlog::charset::{BINARY, UTF8MB4_0900_BIN, charset_of_collation};
use crate::binlog::literal::{self, Style};
use crate::binlog::rows::{Cell, Op};
use crate::binlog::table_map::{Column, Kind, TableMap};
use crate::catalog::{ColumnInfo, TableInfo};
use crate::connect::{hex, quote};
use std::cmp::Ordering;
use tidegate_model::{Changes, Code, Error, Result, Rule, TableName};

/// A filter as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    IsNull {
        column: String,
        negated: bool,
    },
    Compare {
        column: String,
        /// Whether texts are compared byte by byte (`BINARY column`).
        bytes: bool,
        operator: Operator,
        value: Literal,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    Number(String),
    Text(String),
}

/// What a column's values are when they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sort {
    Whole,
    Decimal,
    Real,
    /// Dates, with or without a time, in UTC, of these years: beyond them servers do not compare alike.
    Moment {
        years: std::ops::Range<u32>,
    },
    /// In this collation; 63 for bytes.
    Text(u32),
    /// Only whether it is NULL can be asked.
    Opaque,
}

const TIMESTAMP_YEARS: std::ops::Range<u32> = 1971..2038;

/// A filter's text, understood, but for no table yet.
pub(crate) struct Filter {
    condition: Condition,
}

/// A filter for the rows of one table map.
pub(crate) struct RowFilter {
    bound: Bound,
}

enum Bound {
    All(Vec<Bound>),
    Any(Vec<Bound>),
    Not(Box<Bound>),
    IsNull { cell: usize, negated: bool },
    Compare { cell: usize, operator: Operator, value: Value },
}

/// What a cell is compared with.
enum Value {
    Whole(i128),
    /// As [`decimal_key`] makes it.
    Decimal(DecimalKey),
    Real(f64),
    /// `2024-01-31 12:00:00.000000`
    Moment(String),
    Bytes {
        bytes: Vec<u8>,
        /// Trailing spaces do not count.
        padded: bool,
    },
}

impl Filter {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bad = |why: String| {
            Error::new(Code::BadPattern, format!("the filter '{text}': {why}"))
                .with_remedy("write a condition such as tenant_id = 7 AND created >= '2024-01-01'")
        };
        Ok(Self { condition: parse::parse(text).map_err(bad)? })
    }

    /// The condition for the server, in a session of any character set.
    pub(crate) fn sql(&self) -> String {
        sql(&self.condition)
    }

    /// Whether it can be decided for rows of a table.
    pub(crate) fn fits(&self, table: &TableInfo) -> Result<()> {
        let of = |name: &str| {
            let column = table.columns.iter().find(|one| one.name.to_lowercase() == name.to_lowercase())?;
            Some((0, sort_of_info(column)))
        };
        bind(&self.condition, &of).map(|_| ()).map_err(|why| unfit(&table.name, why))
    }

    /// The filter for rows of the log. The map must have the columns' names.
    pub(crate) fn bind(&self, map: &TableMap) -> Result<RowFilter> {
        let of = |name: &str| {
            let is = |column: &Column| {
                column.name.as_ref().is_some_and(|one| one.to_lowercase() == name.to_lowercase())
            };
            let cell = map.columns.iter().position(is)?;
            Some((cell, sort_of_column(&map.columns[cell])))
        };
        let name = TableName::new(&map.schema, &map.table);
        Ok(RowFilter { bound: bind(&self.condition, &of).map_err(|why| unfit(&name, why))? })
    }
}

fn unfit(table: &TableName, why: String) -> Error {
    Error::new(Code::BadPattern, format!("the filter of {table}: {why}"))
        .with_remedy("change the filter, or take the table out and add it again without one")
}

fn sql(condition: &Condition) -> String {
    let list = |list: &[Condition], word: &str| {
        let parts: Vec<String> = list.iter().map(sql).collect();
        format!("({})", parts.join(word))
    };
    match condition {
        Condition::All(parts) => list(parts, " AND "),
        Condition::Any(parts) => list(parts, " OR "),
        Condition::Not(inside) => format!("(NOT {})", sql(inside)),
        Condition::IsNull { column, negated } => {
            // Servers take '0000-00-00' for NULL where it says IS NULL.
            let is_null = format!("({} <=> NULL)", quote(column));
            if *negated { format!("(NOT {is_null})") } else { is_null }
        }
        Condition::Compare { column, bytes, operator, value } => {
            let sign = match operator {
                Operator::Equal => "=",
                Operator::Different => "<>",
                Operator::Less => "<",
                Operator::AtMost => "<=",
                Operator::Greater => ">",
                Operator::AtLeast => ">=",
            };
            let column = if *bytes { format!("CAST({} AS BINARY)", quote(column)) } else { quote(column) };
            let value = match value {
                Literal::Number(text) => text.clone(),
                Literal::Text(text) => {
                    format!("_{} {}", if *bytes { "binary" } else { "utf8mb4" }, hex(text.as_bytes()))
                }
            };
            format!("({column} {sign} {value})")
        }
    }
}

fn sort_of_info(column: &ColumnInfo) -> Sort {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Sort::Whole,
        "decimal" => Sort::Decimal,
        "float" | "double" => Sort::Real,
        "date" | "datetime" => Sort::Moment { years: 1..10_000 },
        "timestamp" => Sort::Moment { years: TIMESTAMP_YEARS },
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            Sort::Text(column.collation.unwrap_or(BINARY))
        }
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Sort::Text(BINARY),
        _ => Sort::Opaque,
    }
}

fn sort_of_column(column: &Column) -> Sort {
    match column.kind {
        Kind::Tiny | Kind::Short | Kind::Int24 | Kind::Long | Kind::LongLong => Sort::Whole,
        Kind::NewDecimal { .. } => Sort::Decimal,
        Kind::Float | Kind::Double => Sort::Real,
        Kind::Date | Kind::OldDateTime | Kind::DateTime2 { .. } => Sort::Moment { years: 1..10_000 },
        Kind::OldTimestamp | Kind::Timestamp2 { .. } => Sort::Moment { years: TIMESTAMP_YEARS },
        // The log cuts the zeros at the end of BINARY(n).
        Kind::Char { .. } if column.charset == Some(BINARY) => Sort::Opaque,
        Kind::VarChar { .. } | Kind::Char { .. } | Kind::Blob { .. } => {
            Sort::Text(column.charset.unwrap_or(BINARY))
        }
        _ => Sort::Opaque,
    }
}

fn bind(condition: &Condition, column_of: &dyn Fn(&str) -> Option<(usize, Sort)>) -> Result<Bound, String> {
    let all = |list: &[Condition]| list.iter().map(|one| bind(one, column_of)).collect::<Result<Vec<_>, _>>();
    let find = |name: &str| column_of(name).ok_or_else(|| format!("there is no column {name}"));
    Ok(match condition {
        Condition::All(list) => Bound::All(all(list)?),
        Condition::Any(list) => Bound::Any(all(list)?),
        Condition::Not(inside) => Bound::Not(Box::new(bind(inside, column_of)?)),
        Condition::IsNull { column, negated } => Bound::IsNull { cell: find(column)?.0, negated: *negated },
        Condition::Compare { column, bytes, operator, value } => {
            let (cell, sort) = find(column)?;
            let value = comparand(column, sort, *bytes, *operator, value)?;
            Bound::Compare { cell, operator: *operator, value }
        }
    })
}

fn comparand(
    column: &str,
    sort: Sort,
    bytes: bool,
    operator: Operator,
    literal: &Literal,
) -> Result<Value, String> {
    if bytes && !matches!(sort, Sort::Text(_)) {
        return Err(format!("BINARY is for text, and {column} is none"));
    }
    match (sort, literal) {
        (Sort::Whole, Literal::Number(text)) => text
            .parse()
            .map(Value::Whole)
            .map_err(|_| format!("{column} holds whole numbers; write one, not {text}")),
        (Sort::Decimal, Literal::Number(text)) => Ok(Value::Decimal(decimal_key(text.as_bytes()))),
        (Sort::Real, Literal::Number(text)) => {
            text.parse().map(Value::Real).map_err(|_| format!("{text} is no number"))
        }
        (Sort::Moment { years }, Literal::Text(text)) => moment(text, &years).map(Value::Moment).ok_or_else(|| {
            format!(
                "{column} is compared with '2024-01-31' or '2024-01-31 23:59:59' in UTC, not with '{text}'"
            )
        }),
        (Sort::Text(collation), Literal::Text(text)) => {
            let set = charset_of_collation(collation).map_or("", |set| set.name);
            if !text.is_ascii() && !matches!(set, "utf8mb4" | "utf8mb3" | "utf8") {
                return Err(format!(
                    "{column} is of another character set than UTF-8: compare it with ASCII only"
                ));
            }
            let exact = bytes || collation == BINARY || collation == UTF8MB4_0900_BIN;
            let orders = !matches!(operator, Operator::Equal | Operator::Different);
            if !exact && (orders || !is_binary_collation(collation)) {
                return Err(format!(
                    "which texts are equal or less is the collation's affair; write BINARY {column} to compare bytes"
                ));
            }
            let padded = !exact;
            let kept = if padded { text.trim_end_matches(' ') } else { text };
            Ok(Value::Bytes { bytes: kept.as_bytes().to_vec(), padded })
        }
        (Sort::Opaque, _) => Err(format!("{column} is of a type that can only be asked for NULL")),
        (Sort::Whole | Sort::Decimal | Sort::Real, Literal::Text(text)) => {
            Err(format!("{column} is a number; write it without quotes, not '{text}'"))
        }
        (Sort::Moment { .. } | Sort::Text(_), Literal::Number(text)) => {
            Err(format!("{column} is no number; write '{text}' in quotes"))
        }
    }
}

/// Collations by bytes, in which trailing spaces do not count: those of ASCII and UTF-8. (latin1_bin is 47, ascii_bin
/// 65, utf8mb3_bin 83, utf8mb4_bin 46.)
fn is_binary_collation(id: u32) -> bool {
    matches!(id, 46 | 47 | 65 | 83)
}

/// The text of a date or of a date with time in one form, so that the order of texts is the order of moments.
fn moment(text: &str, years: &std::ops::Range<u32>) -> Option<String> {
    let (date, clock) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let part = |text: &str, digits: usize| (text.len() == digits).then(|| text.parse::<u32>().ok()).flatten();
    let numbers = |text: &str, sign: char, digits: [usize; 3]| -> Option<Vec<u32>> {
        let parts: Vec<&str> = text.split(sign).collect();
        let parts = <[&str; 3]>::try_from(parts).ok()?;
        parts.iter().zip(digits).map(|(text, digits)| part(text, digits)).collect()
    };
    let (day, hour) = (numbers(date, '-', [4, 2, 2])?, numbers(clock, ':', [2, 2, 2])?);
    let is_day = years.contains(&day[0]) && (1..=12).contains(&day[1]) && (1..=31).contains(&day[2]);
    let is_clock = hour[0] < 24 && hour[1] < 60 && hour[2] < 60;
    (is_day && is_clock).then(|| format!("{date} {clock}.000000"))
}

/// A decimal number: whether it is negative, its whole part without zeros in front, its fraction without zeros behind.
type DecimalKey = (bool, Vec<u8>, Vec<u8>);

fn decimal_key(text: &[u8]) -> DecimalKey {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&digits[..dot], &digits[dot + 1..]),
        None => (digits, &[][..]),
    };
    let start = whole.iter().position(|byte| *byte != b'0').unwrap_or(whole.len());
    let end = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
    let (whole, fraction) = (whole[start..].to_vec(), fraction[..end].to_vec());
    let negative = text.starts_with(b"-") && !(whole.is_empty() && fraction.is_empty());
    (negative, whole, fraction)
}

fn compare_decimals(one: &DecimalKey, other: &DecimalKey) -> Ordering {
    let size = |a: &DecimalKey, b: &DecimalKey| {
        a.1.len().cmp(&b.1.len()).then_with(|| a.1.cmp(&b.1)).then_with(|| a.2.cmp(&b.2))
    };
    match (one.0, other.0) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => size(one, other),
        (true, true) => size(other, one),
    }
}

/// What of a table's changes takes part.
pub(crate) struct Narrowing {
    filter: Option<RowFilter>,
    changes: Changes,
}

impl Narrowing {
    /// `None` if everything does.
    pub(crate) fn of(rule: &Rule, map: &TableMap) -> Result<Option<Self>> {
        if rule.reads_names() && !map.has_names {
            let what =
                format!("{}.{}: the log does not name its columns, and a rule does", map.schema, map.table);
            return Err(Error::new(Code::BadSetting, what).with_remedy(
                "SET GLOBAL binlog_row_metadata = 'FULL' on the source, then reset the instance",
            ));
        }
        let filter = rule.filter.as_deref().map(Filter::parse).transpose()?;
        let filter = filter.map(|filter| filter.bind(map)).transpose()?;
        let narrows = filter.is_some() || rule.changes != Changes::ALL;
        Ok(narrows.then_some(Self { filter, changes: rule.changes }))
    }

    /// What a change is for the target, which has only rows that take part; `None` if it is none.
    pub(crate) fn narrow(
        &self,
        map: &TableMap,
        op: Op,
        before: &[Cell<'_>],
        after: &[Cell<'_>],
    ) -> Result<Option<Op>> {
        let takes = |row: &[Cell<'_>]| self.filter.as_ref().map_or(Ok(true), |filter| filter.takes(map, row));
        let op = match op {
            Op::Insert => takes(after)?.then_some(op),
            Op::Delete => takes(before)?.then_some(op),
            Op::Update => match (takes(before)?, takes(after)?) {
                (true, true) => Some(op),
                (true, false) => Some(Op::Delete),
                (false, true) => Some(Op::Insert),
                (false, false) => None,
            },
        };
        let Changes { insert, update, delete } = self.changes;
        Ok(op.filter(|op| match op {
            Op::Insert => insert,
            Op::Update => update,
            Op::Delete => delete,
        }))
    }
}

impl RowFilter {
    /// Whether a row takes part: the condition is true, not false and not unknown.
    pub(crate) fn takes(&self, map: &TableMap, row: &[Cell<'_>]) -> Result<bool> {
        Ok(decide(&self.bound, map, row)? == Some(true))
    }
}

/// In three values, as SQL has it: `None` is unknown.
fn decide(bound: &Bound, map: &TableMap, row: &[Cell<'_>]) -> Result<Option<bool>> {
    // One that decides it, however unknown the others are.
    let fold = |list: &[Bound], decisive: bool| -> Result<Option<bool>> {
        let mut answer = Some(!decisive);
        for one in list {
            match decide(one, map, row)? {
                Some(found) if found == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => answer = None,
            }
        }
        Ok(answer)
    };
    match bound {
        Bound::All(list) => fold(list, false),
        Bound::Any(list) => fold(list, true),
        Bound::Not(inside) => Ok(decide(inside, map, row)?.map(|found| !found)),
        Bound::IsNull { cell, negated } => Ok(Some((row[*cell] == Cell::Null) != *negated)),
        Bound::Compare { cell, operator, value } => match row[*cell] {
            Cell::Bytes(bytes) => {
                let order = order(&map.columns[*cell], bytes, value)?;
                Ok(order.map(|order| holds(*operator, order)))
            }
            _ => Ok(None),
        },
    }
}

fn holds(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::Different => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::AtLeast => order.is_ge(),
    }
}

/// How the cell compares with the value; `None` for what compares with nothing.
fn order(column: &Column, cell: &[u8], value: &Value) -> Result<Option<Ordering>> {
    if let Value::Bytes { bytes, padded } = value {
        let spaces = if *padded { cell.iter().rev().take_while(|byte| **byte == b' ').count() } else { 0 };
        return Ok(Some(cell[..cell.len() - spaces].cmp(bytes.as_slice())));
    }
    let mut text = Vec::with_capacity(40);
    literal::write(&mut text, column, cell, Style::Quoted)?;
    let text = text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")).unwrap_or(&text);
    let text = std::str::from_utf8(text).unwrap_or_default();
    let odd = || Error::new(Code::MalformedLog, format!("a value of the filter's column is '{text}'"));
    Ok(match value {
        Value::Whole(value) => Some(text.parse::<i128>().map_err(|_| odd())?.cmp(value)),
        Value::Decimal(value) => Some(compare_decimals(&decimal_key(text.as_bytes()), value)),
        Value::Real(value) => text.parse::<f64>().map_err(|_| odd())?.partial_cmp(value),
        Value::Moment(value) => {
            let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
            let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
            Some(format!("{date} {clock}.{fraction:0<6}").as_str().cmp(value))
        }
        Value::Bytes { .. } => None,
    })
}
