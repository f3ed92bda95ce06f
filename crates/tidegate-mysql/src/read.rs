//! Reading a table for the copy: key order, a bounded number of rows a question, values in the form in which they are
//! written again.
//!
//! A chunk is a sequence of rows; a row is a sequence of cells, one for each column that can be written, each
//! `length u32 + 1 | bytes`, or `0` for NULL.

use crate::catalog::{ColumnInfo, TableInfo};
use crate::connect::{Endpoint, data_setup, hex, quote, understand};
use crate::source::position_of;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Value};
use std::sync::{Arc, Mutex};
use tidegate_model::{Chunk, Code, Error, Fut, Position, Result, TableReader};
use tokio::sync::mpsc;

/// A chunk is to end at the first of these.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_ROWS: u64 = 20_000;
/// Where rows turn out to be larger than those before them, the answer is cut off at this.
const CHUNK_BYTES_MAX: usize = 2 * CHUNK_BYTES;
/// So long a read lock on the tables of a group is waited for, before it is tried again.
const LOCK_SECONDS: u32 = 5;

/// The columns that a copy carries, in the table's order.
pub(crate) fn written_columns(table: &TableInfo) -> impl Iterator<Item = &ColumnInfo> {
    table.columns.iter().filter(|column| column.chosen && !column.generated)
}

/// A column in a SELECT such that its text is exactly what is stored: a FLOAT is widened because its text has six
/// digits only (by a product, which keeps the sign of zero), ENUM, SET and BIT are numbers because their text is not
/// always theirs (by a cast, since a sum of 64 bits would be a double).
fn expression(column: &ColumnInfo) -> String {
    let name = quote(&column.name);
    match column.data_type.as_str() {
        "float" => format!("{name} * 1e0"),
        "enum" | "set" | "bit" => format!("CAST({name} AS UNSIGNED)"),
        _ => name,
    }
}

pub(crate) struct KeyedReader {
    endpoint: Endpoint,
    conn: Conn,
    /// `SELECT … FROM … WHERE …`, to which more conditions can be added.
    select: String,
    order: String,
    /// Names of the key's columns.
    key: Vec<String>,
    /// How a key's cell becomes a literal again.
    key_kinds: Vec<KeyKind>,
    /// Cells at the end of each row that are the key once more, as literals need them.
    columns: usize,
    after: Option<Vec<Vec<u8>>>,
    rows_per_question: u64,
}

/// How a key column's value is written in a comparison.
#[derive(Clone, Debug)]
enum KeyKind {
    Number,
    /// Text or bytes with their character set's introducer.
    Bytes(String),
    /// Dates and times.
    Quoted,
}

fn key_kind(column: &ColumnInfo) -> KeyKind {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "bit"
        | "enum" | "set" | "year" => KeyKind::Number,
        "date" | "time" | "datetime" | "timestamp" => KeyKind::Quoted,
        // Bytes would be taken for their binary form.
        "inet4" | "inet6" | "uuid" => KeyKind::Bytes("latin1".to_owned()),
        _ => KeyKind::Bytes(column.charset.clone().unwrap_or_else(|| "binary".to_owned())),
    }
}

impl KeyedReader {
    pub(crate) async fn open(endpoint: &Endpoint, table: &TableInfo, after: Option<&[u8]>) -> Result<Self> {
        let conn = endpoint.connect(&data_setup()).await?;
        let key =
            table.key().ok_or_else(|| Error::new(Code::Internal, format!("{} has no key", table.name)))?;
        let key_columns: Vec<&ColumnInfo> = key.columns.iter().map(|place| &table.columns[*place]).collect();
        let mut expressions: Vec<String> = written_columns(table).map(expression).collect();
        let columns = expressions.len();
        // The key's columns once more: a generated column may be a key and is not among the others.
        expressions.extend(key_columns.iter().map(|column| expression(column)));
        let order = key_columns.iter().map(|column| order_term(column)).collect::<Vec<_>>().join(", ");
        let row_bytes = (table.bytes_estimated / table.rows_estimated.max(1)).clamp(16, 1 << 20);
        Ok(Self {
            endpoint: endpoint.clone(),
            conn,
            select: select(table, &expressions),
            order,
            key: key_columns.iter().map(|column| column.name.clone()).collect(),
            key_kinds: key_columns.iter().map(|column| key_kind(column)).collect(),
            columns,
            after: after.map(decode_key).transpose()?,
            rows_per_question: (CHUNK_BYTES as u64 / row_bytes).clamp(16, CHUNK_ROWS),
        })
    }

    fn question(&self) -> String {
        let beyond = self.after.as_ref().map(|after| format!(" AND ({})", self.beyond(after)));
        let (select, beyond) = (&self.select, beyond.unwrap_or_default());
        format!("{select}{beyond} ORDER BY {} LIMIT {}", self.order, self.rows_per_question)
    }

    /// `(a, b) > (x, y)` in the form in which servers use an index.
    fn beyond(&self, after: &[Vec<u8>]) -> String {
        let literals: Vec<String> =
            after.iter().zip(&self.key_kinds).map(|(cell, kind)| literal(cell, kind)).collect();
        let mut alternatives = Vec::new();
        for last in (0..self.key.len()).rev() {
            let equal = (0..last).map(|at| format!("{} = {}", quote(&self.key[at]), literals[at]));
            let above = format!("{} > {}", quote(&self.key[last]), literals[last]);
            alternatives.push(equal.chain([above]).collect::<Vec<_>>().join(" AND "));
        }
        let first = format!("{} >= {}", quote(&self.key[0]), literals[0]);
        if self.key.len() == 1 {
            alternatives.remove(0)
        } else {
            format!("{first} AND (({}))", alternatives.join(") OR ("))
        }
    }

    async fn read_chunk(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let question = self.question();
        let id = self.conn.id();
        let mut result = self.conn.query_iter(question).await.map_err(changed)?;
        let mut last: Option<Vec<Value>> = None;
        let mut cut = false;
        while let Some(row) = result.next().await.map_err(understand)? {
            let mut values = row.unwrap();
            let key = values.split_off(self.columns);
            for value in values {
                push_cell(&mut chunk.bytes, value)?;
            }
            chunk.rows += 1;
            last = Some(key);
            cut = chunk.bytes.len() >= CHUNK_BYTES_MAX && chunk.rows < self.rows_per_question;
            if cut {
                break;
            }
        }
        if cut {
            interrupt(&self.endpoint, id).await?;
            // It ends with an error now, or as it would have; a second one may meet the statement that follows.
            let _ = result.drop_result().await;
            let _ = self.conn.query_drop("DO 0").await;
        }
        if let Some(key) = last {
            let cells = key.into_iter().map(bytes_of).collect::<Result<Vec<_>>>()?;
            chunk.last_key = encode_key(&cells);
            self.after = Some(cells);
        }
        let more = cut || chunk.rows == self.rows_per_question;
        self.adapt(chunk);
        Ok(more)
    }

    /// Estimates are often wrong: the next question asks for what fits.
    fn adapt(&mut self, chunk: &Chunk) {
        if let Some(row_bytes) = (chunk.bytes.len() as u64).checked_div(chunk.rows) {
            let row_bytes = row_bytes.max(1);
            self.rows_per_question = (CHUNK_BYTES as u64 / row_bytes).clamp(16, CHUNK_ROWS);
        }
    }
}

impl TableReader for KeyedReader {
    fn next<'a>(&'a mut self, chunk: &'a mut Chunk) -> Fut<'a, bool> {
        Box::pin(self.read_chunk(chunk))
    }

    fn snapshot(&self) -> Option<Position> {
        None
    }
}

/// Reads a table in a transaction whose place in the log is known exactly: the tables of its group are locked against
/// writes for the moment in which the transaction begins and the position is read.
pub(crate) struct SnapshotReader {
    endpoint: Endpoint,
    snapshot: Position,
    question: String,
    /// The one session of the group, when nobody reads with it.
    session: Arc<Mutex<Option<Conn>>>,
    chunks: Option<mpsc::Receiver<Result<Chunk>>>,
}

impl SnapshotReader {
    /// The readers of a group, to be used one after the other.
    pub(crate) async fn open(endpoint: &Endpoint, tables: &[TableInfo]) -> Result<Vec<Self>> {
        let mut locker = endpoint.connect(&data_setup()).await?;
        let mut conn = endpoint.connect(&data_setup()).await?;
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .await
            .map_err(understand)?;
        // While it waits, everybody who writes to one of the tables waits too.
        let patience = format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}");
        locker.query_drop(patience).await.map_err(understand)?;
        let name =
            |table: &TableInfo| format!("{}.{}", quote(&table.name.database), quote(&table.name.table));
        let locks: Vec<String> = tables.iter().map(|table| format!("{} READ", name(table))).collect();
        locker.query_drop(format!("LOCK TABLES {}", locks.join(", "))).await.map_err(|error| {
            let names: Vec<String> = tables.iter().map(|table| table.name.to_string()).collect();
            changed(error).context(format!("the copy needs a short read lock on {}", names.join(", ")))
        })?;
        conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await.map_err(understand)?;
        let snapshot = position_of(&mut locker).await?;
        locker.query_drop("UNLOCK TABLES").await.map_err(understand)?;
        let session = Arc::new(Mutex::new(Some(conn)));
        let readers = tables.iter().map(|table| {
            let expressions: Vec<String> = written_columns(table).map(expression).collect();
            Self {
                endpoint: endpoint.clone(),
                snapshot: snapshot.clone(),
                question: select(table, &expressions),
                session: session.clone(),
                chunks: None,
            }
        });
        Ok(readers.collect())
    }

    async fn take(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let chunks = match &mut self.chunks {
            Some(chunks) => chunks,
            None => {
                let started = self.start()?;
                self.chunks.insert(started)
            }
        };
        match chunks.recv().await {
            Some(Ok(next)) => *chunk = next,
            Some(Err(error)) => return Err(error),
            // Whoever has read to the end gives the session back; a reader that has panicked does not.
            None if self.session.lock().expect("no holder panics").is_some() => return Ok(false),
            None => return Err(Error::new(Code::Internal, "a table's reader has ended early")),
        }
        Ok(true)
    }

    /// Asks for the table, in the background.
    fn start(&self) -> Result<mpsc::Receiver<Result<Chunk>>> {
        let conn = self.session.lock().expect("no holder panics").take();
        let mut conn =
            conn.ok_or_else(|| Error::new(Code::Internal, "two tables of a group are read at once"))?;
        let (sender, chunks) = mpsc::channel(1);
        let (endpoint, question, session) =
            (self.endpoint.clone(), self.question.clone(), self.session.clone());
        tokio::spawn(async move {
            match stream_chunks(&mut conn, question, &sender).await {
                // Before the sender goes, which is the sign for the next table.
                Ok(true) => *session.lock().expect("no holder panics") = Some(conn),
                // The driver would read the rest of the answer; if this fails, it does.
                Ok(false) => drop(interrupt(&endpoint, conn.id()).await),
                // Nobody waits for it if the receiver is gone.
                Err(error) => drop(sender.send(Err(error)).await),
            }
            drop(sender);
        });
        Ok(chunks)
    }
}

/// Sends the answer in chunks; answers `false` if it ended early because nobody takes them any more.
async fn stream_chunks(
    conn: &mut Conn,
    question: String,
    sender: &mpsc::Sender<Result<Chunk>>,
) -> Result<bool> {
    let mut result = conn.query_iter(question).await.map_err(changed)?;
    let mut chunk = Chunk::default();
    while let Some(row) = result.next().await.map_err(changed)? {
        for value in row.unwrap() {
            push_cell(&mut chunk.bytes, value)?;
        }
        chunk.rows += 1;
        let full = chunk.rows == CHUNK_ROWS || chunk.bytes.len() >= CHUNK_BYTES;
        if full && sender.send(Ok(std::mem::take(&mut chunk))).await.is_err() {
            return Ok(false);
        }
    }
    // The last chunk may be empty; the receiver does not mind.
    let _ = sender.send(Ok(chunk)).await;
    Ok(true)
}

impl TableReader for SnapshotReader {
    fn next<'a>(&'a mut self, chunk: &'a mut Chunk) -> Fut<'a, bool> {
        Box::pin(self.take(chunk))
    }

    fn snapshot(&self) -> Option<Position> {
        Some(self.snapshot.clone())
    }
}

/// A table that is not what it was when the copy began: gone, renamed, without one of its columns, or defined anew
/// within a snapshot.
fn changed(error: mysql_async::Error) -> Error {
    match &error {
        mysql_async::Error::Server(server) if matches!(server.code, 1054 | 1146 | 1412) => {
            Error::new(Code::SchemaChangedWhileCopying, server.message.clone())
        }
        _ => understand(error),
    }
}

/// Ends the answer that a connection is sending.
async fn interrupt(endpoint: &Endpoint, connection: u32) -> Result<()> {
    let mut conn = endpoint.connect(&[]).await?;
    match conn.query_drop(format!("KILL QUERY {connection}")).await {
        // It is gone already.
        Ok(()) | Err(mysql_async::Error::Server(_)) => Ok(()),
        Err(error) => Err(understand(error)),
    }
}

fn select(table: &TableInfo, expressions: &[String]) -> String {
    let name = format!("{}.{}", quote(&table.name.database), quote(&table.name.table));
    let filter = table.filter.as_deref().unwrap_or("TRUE");
    format!("SELECT {} FROM {name} WHERE {filter}", expressions.join(", "))
}

/// Keys of ENUM and SET sort by number, as they compare here.
fn order_term(column: &ColumnInfo) -> String {
    quote(&column.name)
}

fn literal(cell: &[u8], kind: &KeyKind) -> String {
    match kind {
        KeyKind::Number => String::from_utf8_lossy(cell).into_owned(),
        KeyKind::Quoted => format!("'{}'", String::from_utf8_lossy(cell)),
        KeyKind::Bytes(charset) => {
            format!("_{charset} {}", hex(cell))
        }
    }
}

fn bytes_of(value: Value) -> Result<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => Err(Error::new(Code::Internal, format!("a key cell is {}", other.as_sql(false)))),
    }
}

fn push_cell(out: &mut Vec<u8>, value: Value) -> Result<()> {
    match value {
        Value::NULL => out.extend_from_slice(&0u32.to_le_bytes()),
        Value::Bytes(bytes) => {
            out.extend_from_slice(&(bytes.len() as u32 + 1).to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        other => return Err(Error::new(Code::Internal, format!("a text cell is {}", other.as_sql(false)))),
    }
    Ok(())
}

fn encode_key(cells: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in cells {
        out.extend_from_slice(&(cell.len() as u32).to_le_bytes());
        out.extend_from_slice(cell);
    }
    out
}

fn decode_key(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let broken = || Error::new(Code::CheckpointChanged, "a copy's last key is not readable");
    let mut cells = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(broken)?;
        let (cell, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(broken)?;
        cells.push(cell.to_vec());
        bytes = rest;
    }
    Ok(cells)
}
