//! What others than a link have written in its target, by the target's own log: a reverse that begins later than that
//! would not bring it back.

use crate::binlog::event::code;
use crate::binlog::literal::{self, Style};
use crate::binlog::query::Query;
use crate::binlog::rows::{Cell, Op, RowReader, RowsEvent};
use crate::binlog::table_map::TableMap;
use crate::capture::{BinlogCapture, excerpt};
use crate::catalog::TableInfo;
use crate::connect::{Endpoint, Server, question_setup, understand};
use crate::decode::{entries, is_rows};
use crate::gtid::MysqlPosition;
use crate::session::Marker;
use crate::source::{parse, position_of, selected_tables, without_marks};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{HashMap, HashSet};
use tidegate_model::{
    Capture, CaptureSink, Commit, InstanceName, Position, Result, Selection, TableName, Written,
    WrittenChange,
};

/// So many changes are told one by one.
const TOLD_MAX: usize = 1_000;
/// So many keys are kept, to find rows that both sides have changed.
const KEYS_MAX: usize = 200_000;

/// Reads the log of the links' target up to now, and counts what they have not written. `selection` is what the reverse
/// would bring. Without a position to begin at, it is read from its oldest place, and what was written before the links
/// began does not count.
pub async fn written_by_others(
    endpoint: &Endpoint,
    server_id: u32,
    selection: &Selection,
    links: &[InstanceName],
    from: Option<&Position>,
) -> Result<Written> {
    let mut conn = endpoint.connect(&question_setup()).await?;
    let peers: Vec<Marker> = links.iter().cloned().map(Marker::new).collect();
    let plain = |position: &Position| parse(&without_marks(position, &peers)?);
    let goal = plain(&position_of(&mut conn).await?)?;
    let (position, mut capture, is_whole) = match from {
        Some(from) => {
            let begin = plain(from)?;
            let capture = BinlogCapture::open(endpoint, server_id, begin.clone(), selection, peers).await?;
            (begin, capture, true)
        }
        None => {
            // With the peers' marks, or the server would be asked for what it has no more.
            let oldest = beginning(&mut conn).await?;
            let begin = plain(&oldest)?;
            let is_whole = match parse(&oldest)? {
                MysqlPosition::Gtid(set) => MysqlPosition::Gtid(set) == begin,
                _ => oldest.as_str() == "mariadb:",
            };
            let from = parse(&oldest)?;
            let capture = BinlogCapture::open_after_peer(endpoint, server_id, from, selection, peers).await?;
            (begin, capture, is_whole)
        }
    };
    let key_columns = key_columns(&mut conn, selection).await?;
    let found = Written { keys: Some(HashSet::new()), ..Written::default() };
    let mut found = Finder { position, transaction: Vec::new(), found, failed: None, key_columns };
    while !found.position.contains(&goal) {
        capture.next(&mut found).await?;
        if let Some(error) = found.failed.take() {
            return Err(error);
        }
    }
    // Where nobody else has ever written there is nothing to read, and nothing to miss.
    let nothing = goal_is_empty(&goal);
    let end = Some(Position::new(goal.to_string()));
    Ok(Written { end, is_whole: is_whole && (nothing || capture.has_seen_peer()), ..found.found })
}

/// Where the oldest log that the server has begins.
async fn beginning(conn: &mut Conn) -> Result<Position> {
    if !Server::of(conn).await?.mariadb {
        let purged: Option<String> =
            conn.query_first("SELECT @@GLOBAL.gtid_purged").await.map_err(understand)?;
        return Ok(Position::new(format!("gtid:{}", purged.unwrap_or_default().replace(['\n', ' '], ""))));
    }
    let first: Option<(String, u64)> = conn.query_first("SHOW BINARY LOGS").await.map_err(understand)?;
    let file = first.map(|(file, _)| file).unwrap_or_default();
    let question = format!("SELECT BINLOG_GTID_POS('{file}', 4)");
    let position: Option<Option<String>> = conn.query_first(question).await.map_err(understand)?;
    Ok(Position::new(format!("mariadb:{}", position.flatten().unwrap_or_default())))
}

/// Whether the log has nothing but what the links wrote.
fn goal_is_empty(goal: &MysqlPosition) -> bool {
    matches!(goal.to_string().as_str(), "gtid:" | "mariadb:")
}

/// By table: names and places of the key's columns.
type KeyColumns = HashMap<TableName, Vec<(String, usize)>>;

async fn key_columns(conn: &mut Conn, selection: &Selection) -> Result<KeyColumns> {
    let tables = selected_tables(conn, selection).await?;
    let of = |table: TableInfo| {
        let key = table.key().map_or(Vec::new(), |key| key.columns.clone());
        let columns = key.into_iter().map(|place| (table.columns[place].name.clone(), place)).collect();
        (table.name, columns)
    };
    Ok(tables.into_iter().map(of).collect())
}

struct Finder {
    position: MysqlPosition,
    transaction: Vec<u8>,
    found: Written,
    failed: Option<tidegate_model::Error>,
    key_columns: KeyColumns,
}

impl Finder {
    fn take(&mut self, commit: Commit<'_>) -> Result<()> {
        if !self.transaction.is_empty() {
            let found = &mut self.found;
            found.start.get_or_insert_with(|| Position::new(self.position.to_string()));
            found.transactions += 1;
            if found.first_at_us == 0 {
                found.first_at_us = commit.committed_at_us;
            }
            found.last_at_us = commit.committed_at_us;
            let mut maps = HashMap::new();
            for entry in entries(&self.transaction) {
                let entry = entry?;
                match entry.kind {
                    code::TABLE_MAP => {
                        let map = TableMap::parse(entry.body, entry.origin)?;
                        maps.insert(map.table_id, map);
                    }
                    kind if is_rows(kind) => {
                        let event = RowsEvent::parse(kind, entry.body)?;
                        let Some(map) = maps.get(&event.table_id) else { continue };
                        count_rows(found, &event, map, &self.key_columns)?;
                    }
                    kind => {
                        found.schema_changes += 1;
                        if found.changes.len() < TOLD_MAX {
                            let what = statement_of(kind, entry.body)?;
                            found.changes.push(WrittenChange { kind: "schema", table: String::new(), what });
                        }
                    }
                }
            }
            self.transaction.clear();
        }
        self.position.advance(commit.mark).map_err(|why| {
            tidegate_model::Error::new(
                tidegate_model::Code::MalformedLog,
                format!("a mark is not readable: {why}"),
            )
        })
    }
}

/// The text of a schema change; of a prepared transaction, what it is.
fn statement_of(kind: u8, body: &[u8]) -> Result<String> {
    if kind != code::QUERY {
        return Ok("part of a prepared XA transaction".to_owned());
    }
    Ok(excerpt(Query::parse(body)?.statement))
}

fn count_rows(found: &mut Written, event: &RowsEvent<'_>, map: &TableMap, keys: &KeyColumns) -> Result<()> {
    let table = format!("{}.{}", map.schema, map.table);
    let mut reader = RowReader::new(event, map)?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let columns = keys.get(&TableName::new(&map.schema, &map.table));
    let mut count = 0;
    while reader.next(&mut before, &mut after)? {
        count += 1;
        let tells = found.changes.len() < TOLD_MAX;
        if !tells && found.keys.is_none() {
            continue;
        }
        let kind = match event.op {
            Op::Insert => "insert",
            Op::Update => "update",
            Op::Delete => "delete",
        };
        let key = key_text(if before.is_empty() { &after } else { &before }, map, columns)?;
        if let Some(keys) = &mut found.keys {
            keys.insert((table.clone(), key.clone()));
            // A row that moves is written under both keys.
            if event.op == Op::Update {
                keys.insert((table.clone(), key_text(&after, map, columns)?));
            }
        }
        found.keys.take_if(|keys| keys.len() > KEYS_MAX);
        if tells {
            found.changes.push(WrittenChange { kind, table: table.clone(), what: key });
        }
    }
    *found.rows.entry(table).or_default() += count;
    Ok(())
}

/// `a=1, b='x'`; empty if the table has no key, or has changed since.
fn key_text(row: &[Cell<'_>], map: &TableMap, columns: Option<&Vec<(String, usize)>>) -> Result<String> {
    let mut text = Vec::new();
    for (name, place) in columns.into_iter().flatten() {
        let (Some(Cell::Bytes(bytes)), Some(column)) = (row.get(*place), map.columns.get(*place)) else {
            return Ok(String::new());
        };
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        literal::write(&mut text, column, bytes, Style::Quoted)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl CaptureSink for Finder {
    fn data(&mut self, piece: &[u8]) {
        self.transaction.extend_from_slice(piece);
    }

    fn commit(&mut self, commit: Commit<'_>) {
        if let Err(error) = self.take(commit) {
            self.failed.get_or_insert(error);
        }
    }

    fn rollback(&mut self) {
        self.transaction.clear();
    }

    fn is_full(&self) -> bool {
        false
    }
}
