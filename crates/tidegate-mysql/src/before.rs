//! What others than a link have written in its target, by the target's own log: a reverse that begins later than that
//! would not bring it back.

use crate::binlog::event::code;
use crate::binlog::rows::{RowReader, RowsEvent};
use crate::binlog::table_map::TableMap;
use crate::capture::BinlogCapture;
use crate::connect::{Endpoint, Server, question_setup, understand};
use crate::decode::{entries, is_rows};
use crate::gtid::MysqlPosition;
use crate::session::Marker;
use crate::source::{parse, position_of, without_marks};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeMap, HashMap};
use tidegate_model::{Capture, CaptureSink, Commit, InstanceName, Position, Result, Selection};

/// What applications have written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub transactions: u64,
    /// When the first and the last were committed, in microseconds since 1970.
    pub first_at_us: u64,
    pub last_at_us: u64,
    /// Changed rows by table.
    pub rows: BTreeMap<String, u64>,
    pub schema_changes: u64,
    /// Where the log is to be read from so that all of it is read.
    pub start: Option<Position>,
    /// Whether the log goes back to where the link began: else there may be more.
    pub is_whole: bool,
}

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
    let mut found = Finder { position, transaction: Vec::new(), found: Written::default(), failed: None };
    while !found.position.contains(&goal) {
        capture.next(&mut found).await?;
        if let Some(error) = found.failed.take() {
            return Err(error);
        }
    }
    Ok(Written { is_whole: is_whole && capture.has_seen_peer(), ..found.found })
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

struct Finder {
    position: MysqlPosition,
    transaction: Vec<u8>,
    found: Written,
    failed: Option<tidegate_model::Error>,
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
                        let mut reader = RowReader::new(&event, map)?;
                        let (mut before, mut after) = (Vec::new(), Vec::new());
                        let rows = found.rows.entry(format!("{}.{}", map.schema, map.table)).or_default();
                        while reader.next(&mut before, &mut after)? {
                            *rows += 1;
                        }
                    }
                    _ => found.schema_changes += 1,
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
