//! From a table map of the source's log to what applying its rows takes: which cells are written under which names, which
//! tell the row apart, which must not be touched by two lanes at once.

use crate::binlog::charset::{BINARY, UTF8MB4_0900_BIN, has_plain_ascii};
use crate::binlog::rows::Cell;
use crate::binlog::table_map::{Column, Kind, TableMap};
use crate::catalog::{ColumnInfo, ForeignKey, TableInfo};
use crate::connect::quote;
use crate::filter::Narrowing;
use crate::gtid::MysqlPosition;
use crate::hash::{Hash, seed};
use crate::target::Known;
use std::sync::Arc;
use tidegate_model::{Changes, Code, Columns, ConflictKey, Error, Mode, Result, Rule, TableName};

/// How rows of one table map are written to their target table.
pub(crate) struct Plan {
    pub(crate) map: TableMap,
    pub(crate) info: Arc<TableInfo>,
    /// `` `database`.`table` `` of the target.
    pub(crate) target: String,
    /// The cells that are written, with their names in the target; the rest is generated there.
    pub(crate) written: Vec<(usize, String)>,
    /// The cells of the key, with their names; empty for a table without one.
    pub(crate) key: Vec<(usize, String)>,
    /// For each cell, its column's place in `info`; `None` if it does not take part.
    places: Vec<Option<usize>>,
    /// What of the table's changes takes part, if not everything.
    pub(crate) narrowing: Option<Narrowing>,
    /// Whether the target may have other rows than the source: then changes find what they find.
    pub(crate) lenient: bool,
    /// Whether more than the key is unique: then rows are replaced, not updated in place.
    pub(crate) more_unique: bool,
    /// Cells of JSON columns: a server may hold 1 and 1.0 for equal and leave an update undone.
    json: Vec<usize>,
    /// Changes up to here are in the copy.
    pub(crate) snapshot: Option<MysqlPosition>,
    conflicts: Vec<Conflict>,
    /// Cells by whose values foreign keys act on child rows.
    cascading: Vec<usize>,
    /// A key that every change holds exclusively, where values do not tell rows apart.
    whole_table: Option<u64>,
}

/// Cells whose values make a conflict key.
struct Conflict {
    seed: u64,
    cells: Vec<(usize, Fold)>,
    shared: bool,
}

/// How a cell's bytes are made equal where the server holds the values for equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fold {
    Exact,
    /// Floating point: -0 is 0.
    Float,
    /// Text in a collation: letters of ASCII folded, trailing spaces dropped. Other characters are beyond us: a value
    /// with one conflicts with every value.
    Text,
    /// A part of the value counts, and how much we do not know.
    Nothing,
}

impl Plan {
    pub(crate) fn make(
        mut map: TableMap,
        info: Arc<TableInfo>,
        known: &Known,
        rule: Option<&Rule>,
    ) -> Result<Self> {
        let source = TableName::new(&map.schema, &map.table);
        let places = places(&map, &info, rule.map(|rule| &rule.columns))?;
        if !map.has_names {
            complete(&mut map, &info, &places);
        }
        let cell_of = |place: usize| places.iter().position(|at| *at == Some(place));
        let named = |place: usize| Some((cell_of(place)?, quote(&info.columns[place].name)));
        let taken =
            places.iter().enumerate().filter_map(|(cell, place)| Some((cell, &info.columns[(*place)?])));
        let written = taken.filter(|(_, column)| !column.generated);
        let written = written.map(|(cell, column)| (cell, quote(&column.name))).collect();
        let key = info.key().and_then(|key| key.columns.iter().map(|place| named(*place)).collect());
        let key: Vec<(usize, String)> = key.unwrap_or_default();
        let narrowing = rule.map(|rule| Narrowing::of(rule, &map)).transpose()?.flatten();
        let keeps_rows = known.kept.contains(&source);
        let mut plan = Self {
            target: format!("{}.{}", quote(&info.name.database), quote(&info.name.table)),
            written,
            more_unique: info.unique.len() > 1 || info.unique_expression,
            json: Vec::new(),
            snapshot: known.snapshots.get(&source).cloned(),
            conflicts: Vec::new(),
            cascading: Vec::new(),
            whole_table: (key.is_empty() || info.unique_expression).then(|| seed(&[&info.name.to_string()])),
            key,
            lenient: keeps_rows || rule.is_some_and(|rule| rule.changes != Changes::ALL),
            narrowing,
            places: Vec::new(),
            map,
            info,
        };
        let json = |column: &Column| matches!(column.kind, Kind::Json { .. });
        plan.json = (0..plan.map.columns.len()).filter(|at| json(&plan.map.columns[*at])).collect();
        plan.find_conflicts(&places, known);
        for column in known.cascading_columns(&plan.info.name) {
            let place = plan.info.column(&column);
            plan.cascading.extend(place.and_then(|place| places.iter().position(|at| *at == Some(place))));
        }
        plan.places = places;
        if plan.lenient && plan.key.is_empty() {
            let what = format!("{source} has no key, and only some of its changes are wanted");
            return Err(Error::new(Code::BadPattern, what)
                .with_remedy("give the table a key, or take it as it is, or leave it out"));
        }
        Ok(plan)
    }

    fn find_conflicts(&mut self, places: &[Option<usize>], known: &Known) {
        let info = self.info.clone();
        let table = info.name.to_string();
        for key in &info.unique {
            let seed = seed(&[&table, "unique", &key.name]);
            self.add_conflict(seed, &key.columns, false, places, !key.whole);
        }
        for columns in known.referred_columns(&info.name) {
            let at: Option<Vec<usize>> = columns.iter().map(|name| info.column(name)).collect();
            if let Some(at) = at {
                self.add_conflict(reference_seed(&info.name, &columns), &at, false, places, false);
            }
        }
        for ForeignKey { columns, parent, parent_columns, .. } in &info.parents {
            self.add_conflict(reference_seed(parent, parent_columns), columns, true, places, false);
        }
    }

    fn add_conflict(
        &mut self,
        seed: u64,
        columns: &[usize],
        shared: bool,
        places: &[Option<usize>],
        partial: bool,
    ) {
        let cells = columns.iter().map(|column| {
            let cell = places.iter().position(|place| *place == Some(*column))?;
            let fold = || fold(&self.map.columns[cell], &self.info.columns[*column]);
            Some((cell, if partial { Fold::Nothing } else { fold() }))
        });
        match cells.collect::<Option<Vec<_>>>() {
            Some(cells) => self.conflicts.push(Conflict { seed, cells, shared }),
            // A key over something that the log does not have: every change may meet every other.
            None => self.whole_table = Some(seed),
        }
    }

    /// Pushes what the change from `before` to `after` must not share with another lane. Either may be empty.
    pub(crate) fn push_conflicts(
        &self,
        before: &[Cell<'_>],
        after: &[Cell<'_>],
        keys: &mut Vec<ConflictKey>,
    ) {
        if let Some(hash) = self.whole_table {
            push_once(keys, ConflictKey { hash, shared: false });
        }
        for conflict in &self.conflicts {
            let same = !before.is_empty()
                && !after.is_empty()
                && conflict.cells.iter().all(|(at, _)| before[*at] == after[*at]);
            if !before.is_empty() {
                conflict.push(before, keys);
            }
            if !after.is_empty() && !same {
                conflict.push(after, keys);
            }
        }
    }

    /// Nearly the row's place in the key's order, by its first two columns. It need not be exact: a target writes rows
    /// faster that lie side by side.
    pub(crate) fn place(&self, row: &[Cell<'_>]) -> u128 {
        let of_cell = |cell: usize| match row[cell] {
            Cell::Bytes(bytes) => {
                let mut first = [0; 8];
                let taken = bytes.len().min(8);
                first[..taken].copy_from_slice(&bytes[..taken]);
                match self.map.columns[cell].kind {
                    Kind::Tiny | Kind::Short | Kind::Int24 | Kind::Long | Kind::LongLong => {
                        u64::from_le_bytes(first)
                    }
                    _ => u64::from_be_bytes(first),
                }
            }
            _ => 0,
        };
        let mut cells = self.key.iter().map(|(cell, _)| u128::from(of_cell(*cell)));
        (cells.next().unwrap_or(0) << 64) | cells.next().unwrap_or(0)
    }

    /// Whether an update in place might not store the new row.
    pub(crate) fn must_replace(&self, before: &[Cell<'_>], after: &[Cell<'_>]) -> bool {
        !before.is_empty() && self.json.iter().any(|at| before[*at] != after[*at])
    }

    /// Whether foreign keys change child rows when a row goes from `before` to `after`.
    pub(crate) fn cascades(&self, before: &[Cell<'_>], after: &[Cell<'_>]) -> bool {
        let same = |cell: &usize| !after.is_empty() && before[*cell] == after[*cell];
        !before.is_empty() && !self.cascading.iter().all(same)
    }

    /// Whether the cell's column is of the type JSON in the target.
    pub(crate) fn is_json(&self, cell: usize) -> bool {
        self.places[cell].is_some_and(|place| self.info.columns[place].data_type == "json")
    }

    /// What may be expected of the rows in the target.
    pub(crate) fn mode(&self, mode: Mode) -> Mode {
        if self.lenient { Mode::Overlap } else { mode }
    }

    pub(crate) fn source_name(&self) -> String {
        format!("{}.{}", self.map.schema, self.map.table)
    }
}

impl Conflict {
    fn push(&self, row: &[Cell<'_>], keys: &mut Vec<ConflictKey>) {
        let mut hash = Hash::new(self.seed);
        let (mut text, mut wild) = (false, false);
        for (at, fold) in &self.cells {
            let bytes = match row[*at] {
                Cell::Bytes(bytes) => bytes,
                // NULL is equal to nothing, and a part of JSON is no key.
                Cell::Null | Cell::Absent | Cell::Partial(_) => return,
            };
            match fold {
                Fold::Exact => hash.write(bytes),
                Fold::Float => hash.write(if is_zero(bytes) { &[] } else { bytes }),
                Fold::Text => {
                    text = true;
                    wild |= !hash.write_folded(bytes);
                }
                Fold::Nothing => {}
            }
        }
        if text {
            keys.push(ConflictKey { hash: Hash::new(self.seed ^ 1).finish(), shared: !wild });
            if wild {
                return;
            }
        }
        keys.push(ConflictKey { hash: hash.finish(), shared: self.shared });
    }
}

fn push_once(keys: &mut Vec<ConflictKey>, key: ConflictKey) {
    if keys.last() != Some(&key) {
        keys.push(key);
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.split_last().is_some_and(|(last, rest)| last & 0x7f == 0 && rest.iter().all(|byte| *byte == 0))
}

fn reference_seed(parent: &TableName, columns: &[String]) -> u64 {
    seed(&[&parent.to_string(), "reference", &columns.join("\0")])
}

/// The coarser of what the source and the target hold for equal.
fn fold(column: &Column, target: &ColumnInfo) -> Fold {
    match column.kind {
        Kind::Float | Kind::Double => Fold::Float,
        Kind::VarChar { .. } | Kind::Char { .. } | Kind::Blob { .. } => {
            let collations = [column.charset, target.collation].into_iter().flatten();
            collations.map(fold_of_collation).max().unwrap_or(Fold::Exact)
        }
        Kind::VarCharCompressed { .. } | Kind::BlobCompressed { .. } => Fold::Nothing,
        _ => Fold::Exact,
    }
}

fn fold_of_collation(id: u32) -> Fold {
    match id {
        BINARY => Fold::Exact,
        // Trailing spaces do not count in all others.
        UTF8MB4_0900_BIN => Fold::Exact,
        _ if has_plain_ascii(id) => Fold::Text,
        _ => Fold::Nothing,
    }
}

/// For each cell of the log's rows, the column of the target.
fn places(map: &TableMap, info: &TableInfo, columns: Option<&Columns>) -> Result<Vec<Option<usize>>> {
    let differs = |what: String| Error::new(Code::DefinitionDiffers, format!("{}: {what}", info.name));
    if map.has_names {
        let named = map.columns.iter().map(|column| {
            let name = column.name.as_deref().unwrap_or_default();
            let Some(name) = columns.map_or(Some(name), |columns| columns.target_name(name)) else {
                return Ok(None);
            };
            let place = info.column(name);
            place.map(Some).ok_or_else(|| differs(format!("column {name} is not in the target")))
        });
        return named.collect();
    }
    if map.columns.len() != info.columns.len() {
        let what =
            format!("the source logs {} columns, the target has {}", map.columns.len(), info.columns.len());
        return Err(differs(what).with_remedy(
            "make the definitions the same, or SET GLOBAL binlog_row_metadata='FULL' on the source so that columns have names",
        ));
    }
    for (column, target) in map.columns.iter().zip(&info.columns) {
        if !fits(column.kind, &target.data_type) {
            return Err(differs(format!(
                "column {} is {} in the target, the source logs {:?}",
                target.name, target.data_type, column.kind
            )));
        }
    }
    Ok((0..map.columns.len()).map(Some).collect())
}

/// What a server with less metadata leaves out stands in the target's own definition.
fn complete(map: &mut TableMap, info: &TableInfo, places: &[Option<usize>]) {
    for (column, place) in map.columns.iter_mut().zip(places) {
        let Some(place) = place else { continue };
        let target = &info.columns[*place];
        column.unsigned = target.unsigned;
        let textual = matches!(column.kind, Kind::VarChar { .. } | Kind::Char { .. } | Kind::Blob { .. });
        if textual && column.charset.is_none() {
            column.charset = Some(target.collation.unwrap_or(63));
        }
    }
}

fn fits(kind: Kind, data_type: &str) -> bool {
    let any = |names: &[&str]| names.contains(&data_type);
    match kind {
        Kind::Tiny => any(&["tinyint"]),
        Kind::Short => any(&["smallint"]),
        Kind::Int24 => any(&["mediumint"]),
        Kind::Long => any(&["int"]),
        Kind::LongLong => any(&["bigint"]),
        Kind::Float => any(&["float"]),
        Kind::Double => any(&["double"]),
        Kind::NewDecimal { .. } => any(&["decimal"]),
        Kind::Year => any(&["year"]),
        Kind::Bit { .. } => any(&["bit"]),
        Kind::Enum { .. } => any(&["enum"]),
        Kind::Set { .. } => any(&["set"]),
        Kind::Json { .. } => any(&["json", "longtext"]),
        Kind::VarChar { .. } | Kind::VarCharCompressed { .. } => any(&["varchar", "varbinary"]),
        Kind::Blob { .. } | Kind::BlobCompressed { .. } => {
            data_type.ends_with("text") || data_type.ends_with("blob")
        }
        _ => true,
    }
}
