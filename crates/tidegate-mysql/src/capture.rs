//! Reading the binary log: transactions are recognised and handed over as the server's own events; nothing is decoded
//! that need not be.
//!
//! A transaction's data is a sequence of entries, `kind u8 | length u32 | event body`: the table maps and row events of
//! selected tables, or one QUERY event for a schema change.

use crate::binlog::event::{self, Rotate, code};
use crate::binlog::{gtid as gtid_event, mariadb, query::Query, rows, table_map};
use crate::connect::{Endpoint, Server, question_setup, understand};
use crate::ddl::{self, Kind, Transaction};
use crate::decode::{MARIADB, push_entry};
use crate::gtid::{MysqlPosition, Uuid, encode_file, encode_gtid, encode_mariadb};
use crate::source::selects;
use futures_util::{FutureExt, StreamExt};
use mysql_async::prelude::Queryable;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, GnoInterval, Sid};
use mysql_common::binlog::events::Event;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tidegate_model::{Capture, CaptureSink, Code, Commit, Error, Fut, Result, Selection};

/// The server speaks at least so often, if only to say that it is there.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// A server that is silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Marks of unselected traffic are written together, so often.
const IDLE_MARK_EVERY: Duration = Duration::from_millis(100);
/// A compressed event may become so big in memory.
const INFLATED_BYTES_MAX: usize = 1 << 30;

pub(crate) struct BinlogCapture {
    stream: BinlogStream,
    selection: Selection,
    server: Server,
    /// Whether positions are GTIDs; else they are places in files.
    by_gtid: bool,
    /// Table ids of this file's table maps: whether the table is selected.
    tables: HashMap<u64, bool>,
    file: String,
    offset: u64,
    transaction: Option<Open>,
    /// What the position gained since the last commit that was handed over.
    mark: Vec<u8>,
    skipped: Option<Skipped>,
    marked_at: Instant,
    entry: Vec<u8>,
}

/// The transaction that is being read.
struct Open {
    id: Gtid,
    committed_at_us: u64,
    has_data: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Gtid {
    Mysql { uuid: Uuid, tag: String, gno: u64 },
    Mariadb { domain: u32, server: u32, seq: u64 },
    None,
}

/// GTIDs in sequence that are not in `mark` yet.
struct Skipped {
    uuid: Uuid,
    tag: String,
    first: u64,
    last: u64,
}

impl BinlogCapture {
    pub(crate) async fn open(
        endpoint: &Endpoint,
        server_id: u32,
        from: MysqlPosition,
        selection: &Selection,
    ) -> Result<Self> {
        let mut conn = endpoint.connect(&question_setup()).await?;
        let server = Server::of(&mut conn).await?;
        prepare(&mut conn, server, server_id, &from).await?;
        let (file, offset) = match &from {
            MysqlPosition::File { file, offset } => (file.clone(), *offset),
            _ => (String::new(), 4),
        };
        let request = BinlogStreamRequest::new(server_id);
        let request = match &from {
            MysqlPosition::Gtid(set) => {
                let sids = set.iter().map(|(uuid, tag, ranges)| sid(uuid, tag, ranges)).collect::<Result<Vec<_>>>()?;
                request.with_gtid().with_gtid_set(sids)
            }
            MysqlPosition::Mariadb(_) => request,
            MysqlPosition::File { .. } => request.with_filename(file.as_bytes()).with_pos(offset),
        };
        let stream = conn.get_binlog_stream(request).await.map_err(understand)?;
        Ok(Self {
            stream,
            selection: selection.clone(),
            server,
            by_gtid: !matches!(from, MysqlPosition::File { .. }),
            tables: HashMap::new(),
            file,
            offset,
            transaction: None,
            mark: Vec::new(),
            skipped: None,
            marked_at: Instant::now(),
            entry: Vec::new(),
        })
    }

    async fn read(&mut self, sink: &mut dyn CaptureSink) -> Result<()> {
        let first = match tokio::time::timeout(SILENCE_MAX, self.stream.next()).await {
            Ok(event) => event,
            Err(_) => {
                let seconds = SILENCE_MAX.as_secs();
                return Err(Error::new(Code::Silent, format!("the source has sent nothing for {seconds} s")));
            }
        };
        self.take(first, sink)?;
        while !sink.is_full() {
            let Some(event) = self.stream.next().now_or_never() else { break };
            self.take(event, sink)?;
        }
        if self.transaction.is_none() && self.marked_at.elapsed() >= IDLE_MARK_EVERY {
            self.flush_idle(sink);
        }
        Ok(())
    }

    fn take(&mut self, event: Option<mysql_async::Result<Event>>, sink: &mut dyn CaptureSink) -> Result<()> {
        match event {
            Some(Ok(event)) => self.event(&event, sink).map_err(|error| {
                let at = format!("{} at {}", self.file, event.header().log_pos());
                error.context(at)
            }),
            Some(Err(error)) => Err(understand(error)),
            None => Err(Error::new(Code::ConnectionLost, "the source ended the stream of its log")),
        }
    }

    fn event(&mut self, event: &Event, sink: &mut dyn CaptureSink) -> Result<()> {
        let header = event.header();
        let kind = header.event_type_raw();
        let artificial = header.flags_raw() & event::FLAG_ARTIFICIAL != 0 || header.log_pos() == 0;
        if !artificial {
            verify_checksum(event)?;
            self.move_offset(header.log_pos());
        }
        let body = event.data();
        match kind {
            code::TABLE_MAP => self.table_map(body, sink),
            code::WRITE_ROWS_V1..=code::DELETE_ROWS_V1 | code::WRITE_ROWS..=code::DELETE_ROWS | code::PARTIAL_UPDATE_ROWS => {
                self.rows(kind, body, sink)
            }
            code::MARIA_WRITE_ROWS_COMPRESSED_V1..=code::MARIA_DELETE_ROWS_COMPRESSED_V1 => {
                let (kind, plain) = mariadb::uncompress_rows(kind, body, INFLATED_BYTES_MAX)?;
                self.rows(kind, &plain, sink)
            }
            code::XID => self.commit(sink),
            code::QUERY => self.query(body, sink),
            code::MARIA_QUERY_COMPRESSED => self.query(&plain_query(body)?, sink),
            code::GTID | code::ANONYMOUS_GTID | code::GTID_TAGGED => self.begin_mysql(kind, body),
            code::MARIA_GTID => self.begin_mariadb(body, header.server_id(), header.timestamp()),
            code::ROTATE => self.rotate(body),
            code::FORMAT_DESCRIPTION => {
                self.tables.clear();
                Ok(())
            }
            code::XA_PREPARE => Err(Error::new(Code::MalformedLog, "an XA transaction was prepared in two phases")
                .with_remedy("XA across two phases is not supported yet: exclude the tables it writes")),
            code::BEGIN_LOAD_QUERY | code::EXECUTE_LOAD_QUERY => {
                Err(Error::new(Code::StatementInLog, "LOAD DATA was logged as a statement"))
            }
            code::INCIDENT => Err(Error::new(Code::MalformedLog, "the source reports an incident: its log has a gap")
                .with_remedy("begin a new link with a new copy")),
            _ if is_harmless(kind) || header.flags_raw() & event::FLAG_IGNORABLE != 0 => Ok(()),
            other => Err(Error::new(Code::MalformedLog, format!("an event of unknown type {other}"))),
        }
    }

    /// The header has the low 32 bits only; files may be larger.
    fn move_offset(&mut self, log_pos: u32) {
        let low = u64::from(log_pos);
        let candidate = (self.offset & !u64::from(u32::MAX)) | low;
        self.offset = if candidate < self.offset { candidate + (1 << 32) } else { candidate };
    }

    fn rotate(&mut self, body: &[u8]) -> Result<()> {
        let rotate = Rotate::parse(without_stray_checksum(body))?;
        self.file = rotate.name;
        self.offset = rotate.position;
        self.tables.clear();
        Ok(())
    }

    fn begin_mysql(&mut self, kind: u8, body: &[u8]) -> Result<()> {
        self.refuse_open()?;
        let read = gtid_event::Gtid::parse(kind, body)?;
        let id = if kind == code::ANONYMOUS_GTID || !self.by_gtid {
            Gtid::None
        } else {
            Gtid::Mysql { uuid: read.sid, tag: read.tag, gno: read.gno }
        };
        let at = read.original_commit_timestamp_us.or(read.immediate_commit_timestamp_us);
        self.transaction = Some(Open { id, committed_at_us: at.unwrap_or(0), has_data: false });
        Ok(())
    }

    fn begin_mariadb(&mut self, body: &[u8], server: u32, timestamp: u32) -> Result<()> {
        self.refuse_open()?;
        let read = mariadb::MariaGtid::parse(body)?;
        let id = if self.by_gtid { Gtid::Mariadb { domain: read.domain, server, seq: read.seq } } else { Gtid::None };
        self.transaction = Some(Open { id, committed_at_us: u64::from(timestamp) * 1_000_000, has_data: false });
        Ok(())
    }

    /// A transaction that begins before the last one ended means that something was lost between them: a compressed
    /// transaction that could not be unpacked looks so.
    fn refuse_open(&self) -> Result<()> {
        match &self.transaction {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::MalformedLog, "a transaction begins before the one before it has ended")),
        }
    }

    fn table_map(&mut self, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let (id, database, table) = table_map::peek(body)?;
        let name = |bytes| std::str::from_utf8(bytes).map_err(|_| malformed("a table's name is not UTF-8"));
        let selected = selects(&self.selection, name(database)?, name(table)?);
        self.tables.insert(id, selected);
        if selected {
            self.data(code::TABLE_MAP, body, sink);
        }
        Ok(())
    }

    fn rows(&mut self, kind: u8, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let id = rows::peek_table_id(body)?;
        match self.tables.get(&id) {
            Some(true) => self.data(kind, body, sink),
            Some(false) => {}
            None if id == rows::DUMMY_TABLE_ID => {}
            None => return Err(malformed("rows of a table that the log did not name")),
        }
        Ok(())
    }

    fn query(&mut self, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let query = Query::parse(body)?;
        match query.statement {
            b"BEGIN" => return Ok(()),
            b"COMMIT" => return self.commit(sink),
            _ => {}
        }
        let scanned = ddl::scan(query.statement, &crate::schema::scan_options(&query, self.server))
            .map_err(|why| unreadable(query.statement, &why.to_string()))?;
        match &scanned.kind {
            Kind::Transaction(Transaction::Commit) => self.commit(sink),
            Kind::Transaction(Transaction::Rollback) => {
                sink.rollback();
                if let Some(open) = &mut self.transaction {
                    open.has_data = false;
                }
                self.commit(sink)
            }
            Kind::Transaction(_) => Ok(()),
            Kind::Xa { .. } | Kind::Empty => Ok(()),
            Kind::Dml => self.statement(&query, &scanned),
            Kind::Unknown => Err(unreadable(query.statement, "its kind is unknown")),
            _ => self.schema_change(body, &scanned, sink),
        }
    }

    /// Rows logged as a statement: definite loss if they belong to a selected database.
    fn statement(&self, query: &Query<'_>, scanned: &ddl::Scanned) -> Result<()> {
        let named = scanned.tables.iter().filter_map(|name| scanned.database_of(name));
        let mut databases = named.chain([query.database.as_str()]).filter(|database| !database.is_empty());
        if databases.any(|database| self.selection.touches_database(database)) {
            return Err(Error::new(Code::StatementInLog, excerpt(query.statement)));
        }
        Ok(())
    }

    fn schema_change(&mut self, body: &[u8], scanned: &ddl::Scanned, sink: &mut dyn CaptureSink) -> Result<()> {
        let selected = crate::schema::is_selected(scanned, &self.selection)?;
        if selected {
            self.data(code::QUERY, body, sink);
        }
        if scanned.start_transaction_span.is_some() {
            // CREATE TABLE … SELECT: the rows follow in the same transaction, and get one of their own here.
            if selected {
                let at = self.transaction.as_ref().map_or(0, |open| open.committed_at_us);
                sink.commit(Commit { mark: &[], committed_at_us: at });
                if let Some(open) = &mut self.transaction {
                    open.has_data = false;
                }
            }
            return Ok(());
        }
        self.commit(sink)
    }

    fn data(&mut self, kind: u8, body: &[u8], sink: &mut dyn CaptureSink) {
        let origin = if self.server.mariadb { MARIADB } else { 0 };
        self.entry.clear();
        push_entry(&mut self.entry, kind | origin, body);
        sink.data(&self.entry);
        if let Some(open) = &mut self.transaction {
            open.has_data = true;
        }
    }

    fn commit(&mut self, sink: &mut dyn CaptureSink) -> Result<()> {
        let Some(open) = self.transaction.take() else {
            if self.by_gtid {
                return Err(malformed("a commit without a transaction"));
            }
            self.push_mark(&Gtid::None);
            return Ok(());
        };
        self.push_mark(&open.id);
        if open.has_data {
            self.settle_skipped();
            sink.commit(Commit { mark: &self.mark, committed_at_us: open.committed_at_us });
            self.mark.clear();
            self.marked_at = Instant::now();
        }
        Ok(())
    }

    /// Adds a transaction to the mark; GTIDs in sequence become one range.
    fn push_mark(&mut self, id: &Gtid) {
        match id {
            Gtid::Mysql { uuid, tag, gno } => {
                if let Some(skipped) = &mut self.skipped
                    && skipped.uuid == *uuid
                    && skipped.tag == *tag
                    && skipped.last + 1 == *gno
                {
                    skipped.last = *gno;
                    return;
                }
                self.settle_skipped();
                self.skipped = Some(Skipped { uuid: *uuid, tag: tag.clone(), first: *gno, last: *gno });
            }
            Gtid::Mariadb { domain, server, seq } => encode_mariadb(&mut self.mark, *domain, *server, *seq),
            Gtid::None => {
                self.mark.clear();
                encode_file(&mut self.mark, &self.file, self.offset);
            }
        }
    }

    fn settle_skipped(&mut self) {
        if let Some(skipped) = self.skipped.take() {
            encode_gtid(&mut self.mark, &skipped.uuid, &skipped.tag, skipped.first, skipped.last);
        }
    }

    fn flush_idle(&mut self, sink: &mut dyn CaptureSink) {
        self.settle_skipped();
        if !self.mark.is_empty() {
            sink.commit(Commit { mark: &self.mark, committed_at_us: 0 });
            self.mark.clear();
        }
        self.marked_at = Instant::now();
    }
}

impl Capture for BinlogCapture {
    fn next<'a>(&'a mut self, sink: &'a mut dyn CaptureSink) -> Fut<'a, ()> {
        Box::pin(self.read(sink))
    }
}

/// Tells the server who reads and how it should speak.
async fn prepare(conn: &mut Conn, server: Server, server_id: u32, from: &MysqlPosition) -> Result<()> {
    let heartbeat = HEARTBEAT.as_nanos();
    let uuid = format!("71de9a7e-0000-4000-8000-{server_id:012x}");
    let mut settings = format!(
        "SET @master_heartbeat_period = {heartbeat}, @source_heartbeat_period = {heartbeat}, \
         @slave_uuid = '{uuid}', @replica_uuid = '{uuid}'"
    );
    if server.mariadb {
        settings.push_str(", @mariadb_slave_capability = 4");
    }
    if let MysqlPosition::Mariadb(position) = from {
        settings.push_str(&format!(
            ", @slave_connect_state = '{position}', @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0"
        ));
    }
    conn.query_drop(settings).await.map_err(understand)?;
    if let MysqlPosition::Gtid(set) = from {
        let executed: Option<String> = conn.query_first("SELECT @@GLOBAL.gtid_executed").await.map_err(understand)?;
        let executed: crate::gtid::GtidSet =
            executed.unwrap_or_default().parse().map_err(|why| malformed(&format!("gtid_executed: {why}")))?;
        if !executed.contains_set(set) {
            let mut missing = set.clone();
            missing.subtract(&executed);
            let what = format!("the source no longer has transactions that were read from it: {missing}");
            return Err(Error::new(Code::SourceRewound, what));
        }
    }
    Ok(())
}

fn sid(uuid: &Uuid, tag: &str, ranges: &[(u64, u64)]) -> Result<Sid<'static>> {
    let intervals = ranges.iter().map(|(first, last)| GnoInterval::new(*first, last + 1)).collect();
    let sid = Sid::new(*uuid).with_intervals(intervals);
    if tag.is_empty() {
        return Ok(sid);
    }
    let tag = mysql_common::packets::Tag::new(tag.to_owned()).map_err(|_| malformed("a GTID's tag is not readable"))?;
    Ok(sid.with_tag(tag))
}

fn verify_checksum(event: &Event) -> Result<()> {
    let (Some(expected), Ok(Some(algorithm))) = (event.checksum(), event.footer().get_checksum_alg()) else {
        return Ok(());
    };
    if algorithm == mysql_common::binlog::consts::BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32
        && event.calc_checksum(algorithm) != u32::from_le_bytes(expected)
    {
        return Err(malformed("an event's checksum is wrong"));
    }
    Ok(())
}

/// Events that say nothing about data.
fn is_harmless(kind: u8) -> bool {
    matches!(
        kind,
        code::STOP
            | code::INTVAR
            | code::RAND
            | code::USER_VAR
            | code::HEARTBEAT
            | code::HEARTBEAT_V2
            | code::IGNORABLE
            | code::ROWS_QUERY
            | code::PREVIOUS_GTIDS
            | code::TRANSACTION_CONTEXT
            | code::VIEW_CHANGE
            // The driver unpacks it and hands over what is inside next.
            | code::TRANSACTION_PAYLOAD
            | code::MARIA_ANNOTATE_ROWS
            | code::MARIA_BINLOG_CHECKPOINT
            | code::MARIA_GTID_LIST
            | code::MARIA_START_ENCRYPTION
    )
}

/// MariaDB leaves its checksum behind the name in the first ROTATE of a stream. Log files end in a dot and digits.
fn without_stray_checksum(body: &[u8]) -> &[u8] {
    let is_file = |bytes: &[u8]| {
        let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && bytes.iter().rev().nth(digits) == Some(&b'.')
    };
    match body.len().checked_sub(4) {
        Some(shorter) if !is_file(body) && is_file(&body[..shorter]) => &body[..shorter],
        _ => body,
    }
}

/// A compressed QUERY event with its statement unpacked.
fn plain_query(body: &[u8]) -> Result<Vec<u8>> {
    let packed = Query::parse(body)?.statement;
    let head = body.len() - packed.len();
    let mut plain = body[..head].to_vec();
    plain.extend_from_slice(&mariadb::uncompress(packed, INFLATED_BYTES_MAX)?);
    Ok(plain)
}

fn malformed(why: &str) -> Error {
    Error::new(Code::MalformedLog, why)
}

impl From<crate::binlog::Malformed> for Error {
    fn from(malformed: crate::binlog::Malformed) -> Self {
        Error::new(Code::MalformedLog, malformed.to_string())
    }
}

fn unreadable(statement: &[u8], why: &str) -> Error {
    Error::new(Code::MalformedLog, format!("a statement cannot be understood: {why}: {}", excerpt(statement)))
}

/// The beginning of a statement, for messages.
pub(crate) fn excerpt(statement: &[u8]) -> String {
    const CHARS_MAX: usize = 200;
    let text = String::from_utf8_lossy(statement);
    let mut short: String = text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > CHARS_MAX {
        short.push('…');
    }
    short
}
