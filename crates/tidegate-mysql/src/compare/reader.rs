//! Reads one table for the comparison.
//!
//! A key is its cells, each `length u32 | bytes`.

use super::Pool;
use super::columns::Column;
use super::tables::{Description, Key};
use crate::connect::{quote, understand};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use std::sync::Arc;
use tidegate_model::{Code, Error, FoundRow, Fut, Layout, Result, RowHash, RowReader, RowSink, Rows};

/// A page ends at about the first of these.
const PAGE_BYTES: u64 = 4 << 20;
const PAGE_ROWS: u64 = if cfg!(test) { 7 } else { 20_000 };
/// Before anything is known of the rows' size.
const FIRST_PAGE_ROWS: u64 = if cfg!(test) { 3 } else { 1000 };
/// Characters of a row without a key that a person gets to see.
const SHOWN_CHARS: usize = 300;

pub(super) struct MysqlReader {
    pool: Arc<Pool>,
    /// `None` while a question runs: a connection that is left in the middle of one is not used again.
    conn: Option<Conn>,
    columns: Vec<Column>,
    exact: Vec<bool>,
    /// Places in `columns`.
    key: Vec<usize>,
    hash: RowHash,
    /// `SELECT … FROM …`.
    select: String,
    /// What is true of every row that takes part.
    filter: String,
    /// How it goes on for reading by the key.
    by_key: String,
    page_rows: u64,
    page_bytes: u64,
    row: Vec<u8>,
    row_key: Vec<u8>,
}

impl MysqlReader {
    pub(super) fn new(pool: Arc<Pool>, conn: Conn, table: &Description, layout: &Layout) -> Result<Self> {
        let gone = |name: &str| Error::new(Code::Internal, format!("{} has no column {name}", table.name));
        let place = |name: &str| table.column(name).ok_or_else(|| gone(name));
        let places = layout.columns.iter().map(|column| place(&column.name)).collect::<Result<Vec<_>>>()?;
        let columns: Vec<Column> = places.iter().map(|place| table.columns[*place].clone()).collect();
        let exact: Vec<bool> = layout.columns.iter().map(|column| column.exact).collect();
        let expressions: Vec<String> =
            columns.iter().zip(&exact).map(|(column, exact)| column.expression(*exact)).collect();
        // A table may have nothing in common with the other but its rows' number.
        let list = if expressions.is_empty() { "0".to_owned() } else { expressions.join(", ") };
        let name = format!("{}.{}", quote(&table.name.database), quote(&table.name.table));
        let key_columns: Vec<usize> = layout.key.iter().map(|place| places[*place]).collect();
        let own_key = |key: &&Key| key.columns == key_columns && key.sorted;
        let index = table.keys.iter().find(own_key).map(|key| format!(" FORCE INDEX ({})", quote(&key.name)));
        Ok(Self {
            pool,
            conn: Some(conn),
            columns,
            exact,
            key: layout.key.clone(),
            hash: layout.hash.clone(),
            select: format!("SELECT {list} FROM {name} AS t"),
            filter: table.filter.clone().unwrap_or_else(|| "TRUE".to_owned()),
            by_key: index.unwrap_or_default(),
            page_rows: FIRST_PAGE_ROWS,
            page_bytes: 0,
            row: Vec::new(),
            row_key: Vec::new(),
        })
    }

    /// Asks the question and calls `each` for every row.
    async fn ask(
        &mut self,
        question: String,
        mut each: impl FnMut(&mut Self, &Row) -> Result<()> + Send,
    ) -> Result<()> {
        let lost = || Error::new(Code::ConnectionLost, "the connection was left in the middle of an answer");
        let mut conn = self.conn.take().ok_or_else(lost)?;
        let mut result = conn.query_iter(question).await.map_err(understand)?;
        while let Some(row) = result.next().await.map_err(understand)? {
            each(self, &row)?;
        }
        drop(result);
        self.conn = Some(conn);
        Ok(())
    }

    /// Reads the row into `row` and its key into `row_key`; answers its hash.
    fn take_in(&mut self, row: &Row) -> Result<u128> {
        self.row.clear();
        for at in 0..self.columns.len() {
            self.hash.push_cell(&mut self.row, cell(row, at)?);
        }
        self.row_key.clear();
        for at in &self.key {
            let cell = cell(row, *at)?.ok_or_else(|| Error::new(Code::Internal, "a key cell is NULL"))?;
            self.row_key.extend_from_slice(&(cell.len() as u32).to_le_bytes());
            self.row_key.extend_from_slice(cell);
        }
        self.page_bytes += self.row.len() as u64;
        Ok(self.hash.of(&self.row))
    }

    fn literals(&self, key: &[u8]) -> Result<Vec<String>> {
        let cells = decode_key(key).filter(|cells| cells.len() == self.key.len());
        let cells = cells.ok_or_else(|| Error::new(Code::Internal, "a key is not readable"))?;
        Ok(self
            .key
            .iter()
            .zip(cells)
            .map(|(at, cell)| self.columns[*at].literal(cell, self.exact[*at]))
            .collect())
    }

    fn operand(&self, at: usize) -> String {
        self.columns[at].operand(self.exact[at])
    }

    /// `(a, b) > (x, y)` (or `<=`) in the form in which servers use an index.
    fn beyond(&self, bound: &[u8], operator: &str, last_operator: &str) -> Result<String> {
        let literals = self.literals(bound)?;
        let name = |at: usize| self.operand(self.key[at]);
        let alternatives = (0..self.key.len()).map(|last| {
            let operator = if last + 1 == self.key.len() { last_operator } else { operator };
            let equal = (0..last).map(|at| format!("{} = {}", name(at), literals[at]));
            let beyond = format!("{} {operator} {}", name(last), literals[last]);
            equal.chain([beyond]).collect::<Vec<_>>().join(" AND ")
        });
        Ok(format!("({})", alternatives.collect::<Vec<_>>().join(" OR ")))
    }

    async fn read_page(
        &mut self,
        after: Option<&[u8]>,
        upto: Option<&[u8]>,
        rows: &mut Rows,
    ) -> Result<bool> {
        rows.clear();
        let after = after.map(|bound| self.beyond(bound, ">", ">")).transpose()?;
        let upto = upto.map(|bound| self.beyond(bound, "<", "<=")).transpose()?;
        let conditions: Vec<String> = after.into_iter().chain(upto).collect();
        let filter = std::iter::once(self.filter.clone());
        let condition = filter.chain(conditions).collect::<Vec<_>>().join(" AND ");
        let order = self.key.iter().map(|at| self.operand(*at)).collect::<Vec<_>>().join(", ");
        let (select, by_key, limit) = (&self.select, &self.by_key, self.page_rows);
        let question = format!("{select}{by_key} WHERE {condition} ORDER BY {order} LIMIT {limit}");
        self.page_bytes = 0;
        self.ask(question, |reader, row| {
            let hash = reader.take_in(row)?;
            rows.push(&reader.row_key, hash);
            Ok(())
        })
        .await?;
        if let Some(row_bytes) = self.page_bytes.checked_div(rows.len() as u64) {
            self.page_rows = (PAGE_BYTES / row_bytes.max(1)).clamp(1, PAGE_ROWS);
        }
        Ok(rows.len() as u64 == limit)
    }

    async fn read_all(&mut self, sink: &mut (dyn RowSink + '_)) -> Result<()> {
        let question = format!("{} WHERE {}", self.select, self.filter);
        self.ask(question, |reader, row| {
            let hash = reader.take_in(row)?;
            sink.row(&reader.row_key, hash, &|| reader.show_row(row));
            Ok(())
        })
        .await
    }

    async fn read_rows(&mut self, keys: &[Vec<u8>]) -> Result<Vec<FoundRow>> {
        let mut wanted = Vec::new();
        for key in keys {
            let literals = self.literals(key)?;
            let equal = self
                .key
                .iter()
                .zip(literals)
                .map(|(at, literal)| format!("{} = {literal}", self.operand(*at)));
            wanted.push(format!("({})", equal.collect::<Vec<_>>().join(" AND ")));
        }
        let (select, by_key, filter) = (&self.select, &self.by_key, &self.filter);
        let question = format!("{select}{by_key} WHERE {filter} AND ({})", wanted.join(" OR "));
        let mut found = Vec::new();
        self.ask(question, |reader, row| {
            reader.take_in(row)?;
            let key = reader.row_key.clone();
            let cells =
                (0..reader.columns.len()).map(|at| reader.cell_hash(row, at)).collect::<Result<_>>()?;
            found.push(FoundRow { key, cells });
            Ok(())
        })
        .await?;
        Ok(found)
    }

    fn cell_hash(&mut self, row: &Row, at: usize) -> Result<u128> {
        self.row.clear();
        self.hash.push_cell(&mut self.row, cell(row, at)?);
        Ok(self.hash.of(&self.row))
    }

    fn show_row(&self, row: &Row) -> String {
        let mut text = String::new();
        for (at, column) in self.columns.iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            if text.chars().count() > SHOWN_CHARS {
                return text + ", …";
            }
            let shown = cell(row, at).map_or_else(|_| "?".to_owned(), |cell| column.show(cell));
            text += &format!("{between}{}={shown}", column.name);
        }
        text
    }

    fn show_key(&self, key: &[u8]) -> String {
        let cells = decode_key(key).unwrap_or_default();
        let shown = self.key.iter().zip(cells).map(|(at, cell)| {
            let column = &self.columns[*at];
            format!("{}={}", column.name, column.show(Some(cell)))
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

impl Drop for MysqlReader {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.give_back(conn);
        }
    }
}

impl RowReader for MysqlReader {
    fn page<'a>(
        &'a mut self,
        after: Option<&'a [u8]>,
        upto: Option<&'a [u8]>,
        rows: &'a mut Rows,
    ) -> Fut<'a, bool> {
        Box::pin(self.read_page(after, upto, rows))
    }

    fn scan<'a>(&'a mut self, sink: &'a mut (dyn RowSink + 'a)) -> Fut<'a, ()> {
        Box::pin(self.read_all(sink))
    }

    fn lookup<'a>(&'a mut self, keys: &'a [Vec<u8>]) -> Fut<'a, Vec<FoundRow>> {
        Box::pin(self.read_rows(keys))
    }

    fn describe(&self, key: &[u8]) -> String {
        self.show_key(key)
    }
}

fn cell(row: &Row, at: usize) -> Result<Option<&[u8]>> {
    match row.as_ref(at) {
        Some(Value::NULL) => Ok(None),
        Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
        other => Err(Error::new(Code::Internal, format!("a text cell is {other:?}"))),
    }
}

fn decode_key(mut key: &[u8]) -> Option<Vec<&[u8]>> {
    let mut cells = Vec::new();
    while !key.is_empty() {
        let (length, rest) = key.split_first_chunk::<4>()?;
        let (cell, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        cells.push(cell);
        key = rest;
    }
    Some(cells)
}
