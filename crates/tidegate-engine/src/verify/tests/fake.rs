//! A database in memory: sorts and compares keys without regard to case, as many collations do.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tidegate_model::{
    Code, Comparable, ComparedColumn, ComparedKey, ComparedTable, Error, FoundRow, Fut, Layout, RowReader,
    RowSink, Rows, Selection, TableName, Wanted,
};

pub(super) type Cell = Option<Vec<u8>>;
pub(super) type Row = Vec<Cell>;
pub(super) type Change = Box<dyn FnOnce(&mut Vec<Row>) + Send>;

pub(super) fn text(text: &str) -> Cell {
    Some(text.as_bytes().to_vec())
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) columns: Vec<ComparedColumn>,
    pub(super) key: Vec<usize>,
    pub(super) sorted: bool,
    pub(super) rows: Vec<Row>,
    /// One is made after each lookup or scan.
    pub(super) changes: VecDeque<Change>,
}

impl Table {
    /// Columns `c0`, `c1`, …, of which the first `key` are the key.
    pub(super) fn new(columns: usize, key: usize, rows: Vec<Row>) -> Self {
        let column =
            |at| ComparedColumn { name: format!("c{at}"), form: String::new(), order: String::new() };
        let columns = (0..columns).map(column).collect();
        Self { columns, key: (0..key).collect(), sorted: true, rows, changes: VecDeque::new() }
    }
}

pub(super) struct Fake {
    pub(super) tables: Arc<Mutex<BTreeMap<TableName, Table>>>,
    pub(super) page_rows: usize,
    /// Every so many questions one fails; 0 for never.
    pub(super) fails_every: u64,
    pub(super) questions: Arc<AtomicU64>,
    pub(super) definitions: Vec<(TableName, String)>,
}

impl Fake {
    pub(super) fn new(page_rows: usize, tables: impl IntoIterator<Item = (TableName, Table)>) -> Self {
        Self {
            tables: Arc::new(Mutex::new(tables.into_iter().collect())),
            page_rows,
            fails_every: 0,
            questions: Arc::default(),
            definitions: Vec::new(),
        }
    }
}

impl Comparable for Fake {
    fn tables<'a>(&'a self, wanted: Wanted<'a>) -> Fut<'a, Vec<ComparedTable>> {
        let wanted = |name: &TableName| match wanted {
            Wanted::Selected(selection) => selection.selects(&name.database, &name.table),
            Wanted::Named(names) => {
                names.iter().any(|one| one.table.to_lowercase() == name.table.to_lowercase())
            }
        };
        let tables = self.tables.lock().unwrap();
        let found = tables.iter().filter(|(name, _)| wanted(name)).map(|(name, table)| {
            let key = ComparedKey { columns: table.key.clone(), sorted: table.sorted };
            let keys = if table.key.is_empty() { Vec::new() } else { vec![key] };
            let rows_estimated = table.rows.len() as u64;
            ComparedTable { name: name.clone(), rows_estimated, columns: table.columns.clone(), keys }
        });
        let found = found.collect();
        Box::pin(async { Ok(found) })
    }

    fn definition_differences<'a>(
        &'a self,
        _target: &'a dyn Comparable,
        _selection: &'a Selection,
    ) -> Fut<'a, Vec<(TableName, String)>> {
        Box::pin(async { Ok(self.definitions.clone()) })
    }

    fn open<'a>(&'a self, table: &'a TableName, layout: &'a Layout) -> Fut<'a, Box<dyn RowReader>> {
        let tables = self.tables.lock().unwrap();
        let names: Vec<String> = tables[table].columns.iter().map(|column| column.name.clone()).collect();
        let place = |column: &tidegate_model::LayoutColumn| {
            names.iter().position(|name| *name == column.name).unwrap()
        };
        let reader = Reader {
            tables: self.tables.clone(),
            name: table.clone(),
            places: layout.columns.iter().map(place).collect(),
            layout: layout.clone(),
            page_rows: self.page_rows,
            fails_every: self.fails_every,
            questions: self.questions.clone(),
        };
        Box::pin(async { Ok(Box::new(reader) as Box<dyn RowReader>) })
    }
}

struct Reader {
    tables: Arc<Mutex<BTreeMap<TableName, Table>>>,
    name: TableName,
    /// Of the layout's columns in the rows.
    places: Vec<usize>,
    layout: Layout,
    page_rows: usize,
    fails_every: u64,
    questions: Arc<AtomicU64>,
}

/// As cells, so that they can be ordered by the reader.
fn decode(mut key: &[u8]) -> Vec<Cell> {
    let mut cells = Vec::new();
    while let Some((length, rest)) = key.split_first() {
        let (cell, rest) = rest.split_at(*length as usize);
        cells.push(Some(cell.to_ascii_lowercase()));
        key = rest;
    }
    cells
}

impl Reader {
    fn ask(&self) -> tidegate_model::Result<()> {
        let number = self.questions.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fails_every > 0 && number.is_multiple_of(self.fails_every) {
            return Err(Error::new(Code::ConnectionLost, "a planned failure"));
        }
        Ok(())
    }

    fn key(&self, row: &Row) -> Vec<u8> {
        let mut key = Vec::new();
        for place in &self.layout.key {
            let cell = row[self.places[*place]].as_deref().expect("keys have no NULL");
            key.push(cell.len() as u8);
            key.extend_from_slice(cell);
        }
        key
    }

    fn hash(&self, row: &Row) -> u128 {
        let mut bytes = Vec::new();
        for place in &self.places {
            self.layout.hash.push_cell(&mut bytes, row[*place].as_deref());
        }
        self.layout.hash.of(&bytes)
    }

    fn find(&self, row: &Row) -> FoundRow {
        let cell = |place: &usize| {
            let mut bytes = Vec::new();
            self.layout.hash.push_cell(&mut bytes, row[*place].as_deref());
            self.layout.hash.of(&bytes)
        };
        FoundRow { key: self.key(row), cells: self.places.iter().map(cell).collect() }
    }

    fn read<T>(&self, changes: bool, read: impl FnOnce(&Vec<Row>) -> T) -> T {
        let mut tables = self.tables.lock().unwrap();
        let table = tables.get_mut(&self.name).unwrap();
        let answer = read(&table.rows);
        if changes && let Some(change) = table.changes.pop_front() {
            change(&mut table.rows);
        }
        answer
    }

    fn page_of(&self, after: Option<&[u8]>, upto: Option<&[u8]>, rows: &mut Rows) -> bool {
        let (after, upto) = (after.map(decode), upto.map(decode));
        let mut found: Vec<(Vec<Cell>, Vec<u8>, u128)> = self.read(false, |all| {
            all.iter().map(|row| (decode(&self.key(row)), self.key(row), self.hash(row))).collect()
        });
        found.retain(|one| after.as_ref().is_none_or(|after| one.0 > *after));
        found.retain(|one| upto.as_ref().is_none_or(|upto| one.0 <= *upto));
        found.sort();
        for (_, key, hash) in found.iter().take(self.page_rows) {
            rows.push(key, *hash);
        }
        // As an adapter that knows the end only when a page is not full.
        rows.len() == self.page_rows
    }
}

impl RowReader for Reader {
    fn page<'a>(
        &'a mut self,
        after: Option<&'a [u8]>,
        upto: Option<&'a [u8]>,
        rows: &'a mut Rows,
    ) -> Fut<'a, bool> {
        Box::pin(async move {
            rows.clear();
            let more = self.page_of(after, upto, rows);
            self.ask().map(|()| more && !rows.is_empty())
        })
    }

    fn scan<'a>(&'a mut self, sink: &'a mut (dyn RowSink + 'a)) -> Fut<'a, ()> {
        Box::pin(async move {
            let rows = self.read(true, Clone::clone);
            for (at, row) in rows.iter().enumerate() {
                if at == rows.len() / 2 {
                    self.ask()?;
                }
                sink.row(&self.key(row), self.hash(row), &|| show(row));
            }
            Ok(())
        })
    }

    fn lookup<'a>(&'a mut self, keys: &'a [Vec<u8>]) -> Fut<'a, Vec<FoundRow>> {
        Box::pin(async move {
            self.ask()?;
            let wanted: HashSet<Vec<u8>> = keys.iter().map(|key| key.to_ascii_lowercase()).collect();
            let equal = |row: &&Row| wanted.contains(&self.key(row).to_ascii_lowercase());
            Ok(self.read(true, |rows| rows.iter().filter(equal).map(|row| self.find(row)).collect()))
        })
    }

    fn describe(&self, key: &[u8]) -> String {
        show_key(key)
    }
}

/// The encoded key, for expectations.
pub(super) fn show_key(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

pub(super) fn show(row: &Row) -> String {
    let cells = row.iter().map(|cell| cell.as_ref().map_or("NULL".to_owned(), |cell| format!("{cell:?}")));
    cells.collect::<Vec<_>>().join(",")
}
