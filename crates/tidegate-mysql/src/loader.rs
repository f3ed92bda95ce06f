//! Loading copied chunks: LOAD DATA LOCAL where the target allows it, large multi-row statements elsewhere.

use crate::binlog::charset::introducer;
use crate::catalog::TableInfo;
use crate::check;
use crate::connect::{Endpoint, has_rows, hex, quote, quote_text};
use crate::read::written_columns;
use crate::session::{self, Marker, Outcome, run, run_all, warnings};
use crate::state::{self, MadeFor, made_statement};
use futures_util::StreamExt;
use mysql_async::Conn;
use std::sync::Arc;
use std::time::Instant;
use tidegate_model::{
    Chunk, Code, CopyProgress, CopyStep, Error, Fut, InstanceName, Loader, Position, Result, TableName,
};

/// An INSERT is closed at this size.
const STATEMENT_BYTES: usize = 1 << 20;

const LOCK_SECONDS: u32 = 3;

/// Rows that the table has from before the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsBefore {
    /// There must be none.
    None,
    /// They are welcome.
    MayBe,
    /// There are some, which stay.
    Kept,
}

pub(crate) struct TableLoader {
    endpoint: Endpoint,
    marker: Marker,
    instance: InstanceName,
    /// The table's name in the source: what its progress is stored under.
    source_name: TableName,
    info: Arc<TableInfo>,
    conn: Conn,
    opened: Instant,
    rows_before: RowsBefore,
    local: bool,
    buffer: Vec<u8>,
    shapes: Vec<Shape>,
}

/// How a cell becomes a literal or a LOAD DATA field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Number,
    /// Read as a double, not as a decimal: so -0 keeps its sign.
    Float,
    /// Through a user variable in LOAD DATA, because a number as text means something else there.
    Index,
    /// Text of a type that takes no bytes for it, in this character set.
    Converted(&'static str),
    Quoted,
    Text(String),
    Binary,
}

fn shape(data_type: &str, charset: Option<&str>) -> Shape {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Shape::Number,
        "float" | "double" => Shape::Float,
        "enum" | "set" | "bit" => Shape::Index,
        "json" => Shape::Converted("utf8mb4"),
        "date" | "time" | "datetime" | "timestamp" | "year" => Shape::Quoted,
        "inet4" | "inet6" | "uuid" => Shape::Converted("latin1"),
        _ => charset.map_or(Shape::Binary, |charset| Shape::Text(charset.to_owned())),
    }
}

impl TableLoader {
    pub(crate) async fn open(
        endpoint: &Endpoint,
        instance: InstanceName,
        source_name: TableName,
        info: Arc<TableInfo>,
        rows_before: RowsBefore,
    ) -> Result<Self> {
        let marker = Marker::new(instance.clone());
        let mut conn = open_session(endpoint, &marker).await?;
        let local = check::can_load_local(&mut conn).await?;
        let shapes = written_columns(&info)
            .map(|column| shape(&column.data_type, column.charset.as_deref()))
            .collect();
        let (endpoint, buffer, opened) = (endpoint.clone(), Vec::new(), Instant::now());
        Ok(Self {
            opened,
            rows_before,
            endpoint,
            marker,
            instance,
            source_name,
            info,
            conn,
            local,
            buffer,
            shapes,
        })
    }

    fn table(&self) -> String {
        format!("{}.{}", quote(&self.info.name.database), quote(&self.info.name.table))
    }

    fn condition(&self) -> String {
        format!(
            "instance = '{}' AND database_name = _utf8mb4{} AND table_name = _utf8mb4{}",
            self.instance,
            quote_text(&self.source_name.database),
            quote_text(&self.source_name.table)
        )
    }

    /// The progress is moved on first: who fails at that must not touch the table.
    async fn begin_anew(&mut self, version: u64, snapshot: Option<Position>) -> Result<()> {
        let snapshot_is_needed = snapshot.is_some();
        let snapshot = snapshot.map_or("NULL".to_owned(), |position| quote_text(position.as_str()));
        if version == 0 {
            run(&mut self.conn, &made_statement(&self.instance, &self.source_name, MadeFor::Copy)).await?;
        }
        session::claim_definitions(&mut self.conn, &self.instance).await?;
        let table = self.table();
        let is_filled = has_rows(&mut self.conn, &table).await?;
        if version == 0 && is_filled && self.rows_before != RowsBefore::None {
            self.keep_rows(snapshot_is_needed).await?;
        } else if version == 0 && is_filled {
            let what = format!("{table} has got rows since the link was begun, and not from it");
            return Err(Error::new(Code::TargetNotEmpty, what));
        }
        let statement = format!(
            "UPDATE tidegate.copy SET version = version + 1, row_total = 0, last_key = NULL, done = 0, \
             snapshot = {snapshot} WHERE {} AND version = {version}",
            self.condition()
        );
        let outcome = run(&mut self.conn, &statement).await?;
        self.expect_moved(outcome)?;
        if is_filled && self.rows_before != RowsBefore::Kept {
            run(&mut self.conn, &format!("TRUNCATE TABLE {table}")).await?;
        }
        session::release_definitions(&mut self.conn, &self.instance).await
    }

    /// Rows without a key would come twice, and a table that is copied at one moment must be empty before.
    async fn keep_rows(&mut self, snapshot_is_needed: bool) -> Result<()> {
        if snapshot_is_needed {
            let what = format!(
                "{} has rows and can keep none: it has no key, or foreign keys change its rows unseen",
                self.table()
            );
            let remedy = format!("TRUNCATE TABLE {} on the target, or exclude it", self.table());
            return Err(Error::new(Code::TargetNotEmpty, what).with_remedy(remedy));
        }
        run(&mut self.conn, &state::keep_statement(&self.instance, &self.source_name)).await?;
        self.rows_before = RowsBefore::Kept;
        Ok(())
    }

    fn expect_moved(&self, outcome: Outcome) -> Result<()> {
        if outcome.affected_rows == 1 {
            return Ok(());
        }
        let what = format!("the copy of {} was moved on by another", self.table());
        Err(Error::new(Code::CheckpointChanged, what))
    }

    async fn fill(&mut self, chunk: &Chunk) -> Result<()> {
        run(&mut self.conn, "BEGIN").await?;
        if chunk.rows == 0 {
            return Ok(());
        }
        if self.local { self.load_local(chunk).await } else { self.insert(chunk).await }
    }

    async fn settle(&mut self, step: CopyStep<'_>) -> Result<()> {
        let last_key = if step.last_key.is_empty() { "last_key".to_owned() } else { hex(step.last_key) };
        let progress = format!(
            "UPDATE tidegate.copy SET version = version + 1, row_total = row_total + {}, last_key = {last_key}, \
             done = {} WHERE {} AND version = {}",
            step.rows,
            u8::from(step.done),
            self.condition(),
            step.version
        );
        let outcome = run(&mut self.conn, &progress).await?;
        self.expect_moved(outcome)?;
        run(&mut self.conn, "COMMIT").await.map(|_| ())
    }

    async fn load_local(&mut self, chunk: &Chunk) -> Result<()> {
        let mut fields = std::mem::take(&mut self.buffer);
        fields.clear();
        fields.reserve(chunk.bytes.len() + chunk.bytes.len() / 8);
        let zeros = self.push_fields(chunk, &mut fields)?;
        let statement = self.load_statement();
        let (returned, taken) = tokio::sync::oneshot::channel();
        let data = Lent::new(fields, returned);
        self.conn.set_infile_handler(async move { Ok(data.into_stream()) });
        // A server that refuses the statement at once does not ask for the file, and nothing comes back.
        let outcome = run(&mut self.conn, &statement).await?;
        self.buffer = taken.await.unwrap_or_default();
        self.verify(outcome, chunk.rows, zeros).await
    }

    fn load_statement(&self) -> String {
        let mut columns = Vec::new();
        let mut settings = Vec::new();
        for (place, (column, shape)) in written_columns(&self.info).zip(&self.shapes).enumerate() {
            let name = quote(&column.name);
            let variable = format!("@tidegate_{place}");
            match shape {
                Shape::Index => settings.push(format!("{name} = CAST({variable} AS UNSIGNED)")),
                Shape::Converted(charset) => {
                    settings.push(format!("{name} = CONVERT({variable} USING {charset})"))
                }
                _ => {
                    columns.push(name);
                    continue;
                }
            }
            columns.push(variable);
        }
        let settings =
            if settings.is_empty() { String::new() } else { format!(" SET {}", settings.join(", ")) };
        format!(
            "LOAD DATA LOCAL INFILE 'chunk' {}INTO TABLE {} CHARACTER SET binary FIELDS TERMINATED BY '\\t' \
             ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({}){settings}",
            if self.replaces() { "REPLACE " } else { "" },
            self.table(),
            columns.join(", ")
        )
    }

    /// Appends the chunk's rows as lines; answers how many ENUM cells hold index 0, each worth a warning.
    fn push_fields(&self, chunk: &Chunk, out: &mut Vec<u8>) -> Result<u64> {
        let mut zeros = 0;
        let mut cells = Cells(&chunk.bytes);
        let last = self.shapes.len() - 1;
        for _ in 0..chunk.rows {
            for (place, shape) in self.shapes.iter().enumerate() {
                match cells.next()? {
                    None => out.extend_from_slice(b"\\N"),
                    Some(cell) => {
                        zeros += u64::from(*shape == Shape::Index && cell == b"0" && self.is_enum(place));
                        push_field(out, cell);
                    }
                }
                out.push(if place == last { b'\n' } else { b'\t' });
            }
        }
        Ok(zeros)
    }

    /// A value may have moved from a row that was read to one that is read later. If more than the key is unique, the row
    /// that had it gives way; its own new state is in the log, because it was changed after it was read. A table without
    /// a key is read in one snapshot, in which nothing moves.
    fn replaces(&self) -> bool {
        self.rows_before == RowsBefore::Kept
            || self.info.key().is_some() && (self.info.unique.len() > 1 || self.info.unique_expression)
    }

    fn is_enum(&self, place: usize) -> bool {
        written_columns(&self.info).nth(place).is_some_and(|column| column.data_type == "enum")
    }

    async fn insert(&mut self, chunk: &Chunk) -> Result<()> {
        let columns =
            written_columns(&self.info).map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ");
        let verb = if self.replaces() { "REPLACE" } else { "INSERT" };
        let head = format!("{verb} INTO {} ({columns}) VALUES ", self.table());
        let mut cells = Cells(&chunk.bytes);
        let (mut left, mut rows, mut zeros) = (chunk.rows, 0, 0);
        let mut statement = head.clone().into_bytes();
        while left > 0 {
            statement.extend_from_slice(if rows == 0 { b"(" } else { b",(" });
            for (place, shape) in self.shapes.iter().enumerate() {
                if place > 0 {
                    statement.push(b',');
                }
                let cell = cells.next()?;
                zeros += u64::from(*shape == Shape::Index && cell == Some(b"0") && self.is_enum(place));
                push_literal(&mut statement, cell, shape);
            }
            statement.push(b')');
            (left, rows) = (left - 1, rows + 1);
            if left == 0 || statement.len() >= STATEMENT_BYTES {
                let outcome = run_all(&mut self.conn, &statement, 1).await?[0];
                self.verify(outcome, rows, zeros).await?;
                statement.truncate(head.len());
                (rows, zeros) = (0, 0);
            }
        }
        Ok(())
    }

    async fn verify(&mut self, outcome: Outcome, rows: u64, zeros: u64) -> Result<()> {
        if outcome.warnings != zeros.min(u64::from(u16::MAX)) {
            let what = warnings(&mut self.conn).await?;
            return Err(Error::new(
                Code::WriteRefused,
                format!("the target would change values of {}: {what}", self.table()),
            ));
        }
        // A row that another has replaced counts once more.
        if outcome.affected_rows > rows && self.replaces() {
            let replaced = outcome.affected_rows - rows;
            tracing::info!(
                table = self.table(),
                replaced,
                "rows gave way to others with their unique values"
            );
        }
        let is_right = outcome.affected_rows == rows || (self.replaces() && outcome.affected_rows > rows);
        if !is_right {
            let what = format!("{} took {} of {rows} rows", self.table(), outcome.affected_rows);
            return Err(Error::new(Code::Conflict, what));
        }
        Ok(())
    }

    async fn connect_again(&mut self) -> Result<Option<CopyProgress>> {
        let (before, opened) = (self.conn.id(), self.opened);
        (self.conn, self.opened) = (open_session(&self.endpoint, &self.marker).await?, Instant::now());
        // The old session may still be loading, or even committing: end it, then wait for what it did.
        session::end_earlier(&mut self.conn, before, opened).await;
        let condition = format!("{} FOR UPDATE", self.condition());
        Ok(state::read_copied(&mut self.conn, &condition).await?.pop())
    }
}

/// A session that does not wait long for a lock: if it is one that the next chunk's session holds, that one waits for it
/// in turn, which no server can see.
async fn open_session(endpoint: &Endpoint, marker: &Marker) -> Result<Conn> {
    let (mut conn, _) = session::open(endpoint, marker).await?;
    let waits = format!(
        "SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, SESSION lock_wait_timeout = {LOCK_SECONDS}"
    );
    run(&mut conn, &waits).await?;
    Ok(conn)
}

impl Loader for TableLoader {
    fn restart(&mut self, version: u64, snapshot: Option<Position>) -> Fut<'_, ()> {
        Box::pin(self.begin_anew(version, snapshot))
    }

    fn load<'a>(&'a mut self, chunk: &'a Chunk) -> Fut<'a, ()> {
        Box::pin(self.fill(chunk))
    }

    fn commit<'a>(&'a mut self, step: CopyStep<'a>) -> Fut<'a, ()> {
        Box::pin(self.settle(step))
    }

    fn recover(&mut self) -> Fut<'_, Option<CopyProgress>> {
        Box::pin(self.connect_again())
    }
}

/// A buffer that the driver sends as a file's contents and then gives back.
struct Lent {
    bytes: Arc<Vec<u8>>,
    returned: Option<tokio::sync::oneshot::Sender<Vec<u8>>>,
}

/// The driver sends a packet for each piece.
const PIECE_BYTES: usize = 256 << 10;

impl Lent {
    fn new(bytes: Vec<u8>, returned: tokio::sync::oneshot::Sender<Vec<u8>>) -> Self {
        Self { bytes: Arc::new(bytes), returned: Some(returned) }
    }

    fn into_stream(self) -> mysql_async::InfileData {
        let pieces = self.bytes.len().div_ceil(PIECE_BYTES);
        let pieces = (0..pieces).map(move |piece| {
            let end = ((piece + 1) * PIECE_BYTES).min(self.bytes.len());
            Ok(bytes::Bytes::copy_from_slice(&self.bytes[piece * PIECE_BYTES..end]))
        });
        futures_util::stream::iter(pieces).boxed()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(returned), Some(bytes)) = (self.returned.take(), Arc::get_mut(&mut self.bytes)) {
            // Nobody waits for it if the load was given up.
            let _ = returned.send(std::mem::take(bytes));
        }
    }
}

/// Reads a chunk's cells.
struct Cells<'a>(&'a [u8]);

impl<'a> Cells<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>> {
        let broken = || Error::new(Code::Internal, "a chunk ends in the middle of a row");
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or_else(broken)?;
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 {
            self.0 = rest;
            return Ok(None);
        }
        let (cell, rest) = rest.split_at_checked(length - 1).ok_or_else(broken)?;
        self.0 = rest;
        Ok(Some(cell))
    }
}

fn push_field(out: &mut Vec<u8>, cell: &[u8]) {
    let mut plain = 0;
    for (at, byte) in cell.iter().enumerate() {
        let escape = match byte {
            b'\\' => b'\\',
            b'\t' => b't',
            b'\n' => b'n',
            0 => b'0',
            _ => continue,
        };
        out.extend_from_slice(&cell[plain..at]);
        out.extend_from_slice(&[b'\\', escape]);
        plain = at + 1;
    }
    out.extend_from_slice(&cell[plain..]);
}

fn push_literal(out: &mut Vec<u8>, cell: Option<&[u8]>, shape: &Shape) {
    let Some(cell) = cell else { return out.extend_from_slice(b"NULL") };
    match shape {
        Shape::Number | Shape::Index => out.extend_from_slice(cell),
        Shape::Float => {
            out.extend_from_slice(cell);
            out.extend_from_slice(if cell.contains(&b'e') { b"" } else { b"e0" });
        }
        Shape::Quoted => {
            out.push(b'\'');
            out.extend_from_slice(cell);
            out.push(b'\'');
        }
        Shape::Converted(charset) => push_introduced(out, charset, cell),
        Shape::Text(charset) => push_introduced(out, charset, cell),
        Shape::Binary => push_introduced(out, "binary", cell),
    }
}

/// In hexadecimal: right for every character set, whatever its bytes mean.
fn push_introduced(out: &mut Vec<u8>, charset: &str, cell: &[u8]) {
    out.extend_from_slice(format!("_{} ", introducer(charset)).as_bytes());
    out.extend_from_slice(hex(cell).as_bytes());
}
