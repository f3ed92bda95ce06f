//! Reading the binary log: transactions are recognised and handed over as the server's own events; nothing is decoded
//! that need not be.
//!
//! A transaction's data is a sequence of entries, `kind u8 | length u32 | event body`: the table maps and row events of
//! selected tables, or one QUERY event for a schema change.

mod event;
mod mark;
mod request;

pub(crate) use self::event::excerpt;
use self::event::{
    INFLATED_BYTES_MAX, is_harmless, plain_query, unreadable, verify_checksum, without_stray_checksum,
};
use self::mark::{Gtid, Skipped};
use self::request::{leave_out, prepare, sid};
use crate::binlog::event::{self as format, Rotate, XaPrepare, code};
use crate::binlog::payload::TransactionPayload;
use crate::binlog::{gtid as gtid_event, mariadb, query::Query, rows, table_map};
use crate::cascade;
use crate::connect::{Endpoint, Server, question_setup, understand};
use crate::ddl::{self, Kind, Transaction, XaVerb};
use crate::decode::{MARIADB, SILENT_CASCADES, push_entry};
use crate::gtid::MysqlPosition;
use crate::session::Marker;
use crate::source::selects;
use crate::xa;
use futures_util::{FutureExt, StreamExt};
use mysql_async::{BinlogStream, BinlogStreamRequest};
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

pub(crate) struct BinlogCapture {
    stream: BinlogStream,
    selection: Selection,
    /// Links of the other direction: what they have written here is no news.
    peers: Vec<Marker>,
    /// Nothing counts before the peer has written for the first time.
    awaits_peer: bool,
    /// Whether a mark never stands for unselected traffic and a transaction together.
    marks_apart: bool,
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
    /// Flags of every entry's kind: what kind of server this is.
    flags: u8,
    /// Whether the last event was a compressed transaction.
    unpacked: bool,
    /// The entries of an XA transaction that has not been prepared yet.
    xa: Option<Vec<u8>>,
}

/// The transaction that is being read.
struct Open {
    id: Gtid,
    committed_at_us: u64,
    has_data: bool,
    /// The link of the other direction has written it.
    is_echo: bool,
    /// Whether a commit follows even after a schema change: MariaDB says so at the beginning.
    grouped: bool,
}

impl BinlogCapture {
    pub(crate) async fn open(
        endpoint: &Endpoint,
        server_id: u32,
        from: MysqlPosition,
        selection: &Selection,
        peers: Vec<Marker>,
    ) -> Result<Self> {
        let mut conn = endpoint.connect(&question_setup()).await?;
        let server = Server::of(&mut conn).await?;
        prepare(&mut conn, server, server_id, &from).await?;
        let silent_cascades = !cascade::are_logged(&mut conn, server).await?;
        let (file, offset) = match &from {
            MysqlPosition::File { file, offset } => (file.clone(), *offset),
            _ => (String::new(), 4),
        };
        let request = BinlogStreamRequest::new(server_id);
        let request = match &from {
            MysqlPosition::Gtid(set) => {
                let mut wanted = set.clone();
                leave_out(&mut conn, &mut wanted, &peers).await?;
                let sids = wanted
                    .iter()
                    .map(|(uuid, tag, ranges)| sid(uuid, tag, ranges))
                    .collect::<Result<Vec<_>>>()?;
                request.with_gtid().with_gtid_set(sids)
            }
            MysqlPosition::Mariadb(_) => request,
            MysqlPosition::File { .. } => request.with_filename(file.as_bytes()).with_pos(offset),
        };
        let stream = conn.get_binlog_stream(request).await.map_err(understand)?;
        Ok(Self {
            stream,
            selection: selection.clone(),
            peers,
            awaits_peer: false,
            marks_apart: false,
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
            flags: if server.mariadb { MARIADB } else { 0 }
                | if silent_cascades { SILENT_CASCADES } else { 0 },
            unpacked: false,
            xa: None,
        })
    }

    /// As [`BinlogCapture::open`]; what was written before the peer began does not count either.
    pub(crate) async fn open_after_peer(
        endpoint: &Endpoint,
        server_id: u32,
        from: MysqlPosition,
        selection: &Selection,
        peers: Vec<Marker>,
    ) -> Result<Self> {
        // The server must send what the peer has written: it says where that begins.
        let capture = Self::open(endpoint, server_id, from, selection, Vec::new()).await?;
        Ok(Self { peers, awaits_peer: true, marks_apart: true, ..capture })
    }

    pub(crate) fn has_seen_peer(&self) -> bool {
        !self.awaits_peer
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
        let artificial = header.flags_raw() & format::FLAG_ARTIFICIAL != 0 || header.log_pos() == 0;
        if !artificial {
            verify_checksum(event)?;
            self.move_offset(header.log_pos());
        }
        if self.unpacked && header.log_pos() == 0 {
            // The driver hands over once more what was in the compressed transaction.
            return Ok(());
        }
        self.unpacked = kind == code::TRANSACTION_PAYLOAD;
        match kind {
            code::TRANSACTION_PAYLOAD => self.unpack(event.data(), sink),
            code::GTID | code::ANONYMOUS_GTID | code::GTID_TAGGED => self.begin_mysql(kind, event.data()),
            code::MARIA_GTID => self.begin_mariadb(event.data(), header.server_id(), header.timestamp()),
            code::ROTATE => self.rotate(event.data()),
            code::FORMAT_DESCRIPTION => {
                self.tables.clear();
                Ok(())
            }
            _ => self.inner(kind, header.flags_raw(), event.data(), sink),
        }
    }

    /// A compressed transaction. We unpack it ourselves: the driver says nothing when it cannot.
    fn unpack(&mut self, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let payload = TransactionPayload::parse(body)?;
        payload.for_each::<Error>(INFLATED_BYTES_MAX, |header, inner| {
            self.inner(header.event_type, header.flags, inner, sink)
        })
    }

    /// An event that may lie inside a compressed transaction.
    fn inner(&mut self, kind: u8, flags: u16, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        match kind {
            code::TABLE_MAP => self.table_map(body, sink),
            code::WRITE_ROWS_V1..=code::DELETE_ROWS_V1
            | code::WRITE_ROWS..=code::DELETE_ROWS
            | code::PARTIAL_UPDATE_ROWS => self.rows(kind, body, sink),
            code::MARIA_WRITE_ROWS_COMPRESSED_V1..=code::MARIA_DELETE_ROWS_COMPRESSED_V1 => {
                let (kind, plain) = mariadb::uncompress_rows(kind, body, INFLATED_BYTES_MAX)?;
                self.rows(kind, &plain, sink)
            }
            code::XID => self.commit(sink),
            code::QUERY => self.query(body, sink),
            code::MARIA_QUERY_COMPRESSED => self.query(&plain_query(body)?, sink),
            code::XA_PREPARE => self.xa_prepare(body, sink),
            code::BEGIN_LOAD_QUERY | code::EXECUTE_LOAD_QUERY => {
                Err(Error::new(Code::StatementInLog, "LOAD DATA was logged as a statement"))
            }
            code::INCIDENT => {
                Err(Error::new(Code::MalformedLog, "the source reports an incident: its log has a gap")
                    .with_remedy("begin a new link with a new copy"))
            }
            _ if is_harmless(kind) || flags & format::FLAG_IGNORABLE != 0 => Ok(()),
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
        let is_echo = self.meets_peer(|peer| peer.tag() == read.tag);
        let id = if kind == code::ANONYMOUS_GTID || !self.by_gtid {
            Gtid::None
        } else {
            Gtid::Mysql { uuid: read.sid, tag: read.tag, gno: read.gno }
        };
        let at = read.original_commit_timestamp_us.or(read.immediate_commit_timestamp_us);
        self.transaction =
            Some(Open { id, committed_at_us: at.unwrap_or(0), has_data: false, is_echo, grouped: false });
        Ok(())
    }

    fn begin_mariadb(&mut self, body: &[u8], server: u32, timestamp: u32) -> Result<()> {
        self.refuse_open()?;
        let read = mariadb::MariaGtid::parse(body)?;
        if read.flags & mariadb::flag::PREPARED_XA != 0 {
            // MariaDB says so here in place of a XA START.
            self.xa = Some(Vec::new());
        }
        let id = if self.by_gtid {
            Gtid::Mariadb { domain: read.domain, server, seq: read.seq }
        } else {
            Gtid::None
        };
        let (committed_at_us, grouped) = (u64::from(timestamp) * 1_000_000, !read.is_standalone());
        let is_echo = self.meets_peer(|peer| peer.server_id() == server);
        self.transaction = Some(Open { id, committed_at_us, has_data: false, is_echo, grouped });
        Ok(())
    }

    fn is_echo(&self) -> bool {
        self.awaits_peer || self.transaction.as_ref().is_some_and(|open| open.is_echo)
    }

    /// Whether the peer has written the transaction that begins.
    fn meets_peer(&mut self, is: impl Fn(&Marker) -> bool) -> bool {
        let is_echo = self.peers.iter().any(is);
        self.awaits_peer &= !is_echo;
        is_echo
    }

    /// A transaction that begins before the last one ended means that something was lost between them: a compressed
    /// transaction that could not be unpacked looks so.
    fn refuse_open(&self) -> Result<()> {
        match &self.transaction {
            None => Ok(()),
            Some(_) => {
                Err(Error::new(Code::MalformedLog, "a transaction begins before the one before it has ended"))
            }
        }
    }

    fn table_map(&mut self, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let (id, database, table) = table_map::peek(body)?;
        let name = |bytes| std::str::from_utf8(bytes).map_err(|_| malformed("a table's name is not UTF-8"));
        let selected = !self.is_echo() && selects(&self.selection, name(database)?, name(table)?);
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
            Kind::Xa { verb, xid, .. } => self.xa(*verb, xid, sink),
            Kind::Empty => Ok(()),
            Kind::Dml => self.statement(&query),
            Kind::Unknown => Err(unreadable(query.statement, "its kind is unknown")),
            _ => self.schema_change(body, &scanned, sink),
        }
    }

    /// Rows logged as a statement: definite loss if they belong to a selected table, be it by a trigger. MySQL says which
    /// databases were used; where nothing says so, nothing may pass.
    fn statement(&self, query: &Query<'_>) -> Result<()> {
        let elsewhere = |name: &String| !name.is_empty() && !self.selection.touches_database(name);
        match &query.databases_used {
            Some(used) if !used.is_empty() && used.iter().all(elsewhere) => Ok(()),
            _ => Err(Error::new(Code::StatementInLog, excerpt(query.statement))),
        }
    }

    fn schema_change(
        &mut self,
        body: &[u8],
        scanned: &ddl::Scanned,
        sink: &mut dyn CaptureSink,
    ) -> Result<()> {
        let selected = !self.is_echo() && crate::schema::is_selected(scanned, &self.selection)?;
        if selected {
            self.data(code::QUERY, body, sink);
        }
        let grouped = self.transaction.as_ref().is_some_and(|open| open.grouped);
        if grouped || scanned.start_transaction_span.is_some() {
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
        self.entry.clear();
        push_entry(&mut self.entry, kind | self.flags, body);
        if let Some(changes) = &mut self.xa {
            changes.extend_from_slice(&self.entry);
            return;
        }
        let begins = self.transaction.as_ref().is_some_and(|open| !open.has_data);
        if self.marks_apart && begins {
            self.flush_idle(sink);
        }
        sink.data(&self.entry);
        if let Some(open) = &mut self.transaction {
            open.has_data = true;
        }
    }

    fn xa(&mut self, verb: XaVerb, xid: &str, sink: &mut dyn CaptureSink) -> Result<()> {
        let kind = match verb {
            XaVerb::Start => {
                self.xa = Some(Vec::new());
                return Ok(());
            }
            XaVerb::Commit => xa::COMMITTED,
            XaVerb::Rollback => xa::ROLLED_BACK,
            XaVerb::End | XaVerb::Prepare => return Ok(()),
        };
        let mut body = Vec::new();
        xa::push_body(&mut body, &xa::canonical(xid), &[]);
        self.data(kind, &body, sink);
        self.commit(sink)
    }

    /// The end of an XA transaction's first group of events: it is done in one phase, or waits for its second.
    fn xa_prepare(&mut self, body: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let prepare = XaPrepare::parse(body)?;
        let changes = self.xa.take().unwrap_or_default();
        if prepare.one_phase {
            if !changes.is_empty() {
                sink.data(&changes);
                if let Some(open) = &mut self.transaction {
                    open.has_data = true;
                }
            }
            return self.commit(sink);
        }
        if changes.len() > xa::BYTES_MAX {
            let what = format!(
                "a prepared XA transaction has {} bytes of changes, {} are supported",
                changes.len(),
                xa::BYTES_MAX
            );
            return Err(Error::new(Code::MalformedLog, what)
                .with_remedy("commit such transactions without XA, or exclude their tables"));
        }
        let mut body = Vec::with_capacity(changes.len() + 64);
        xa::push_body(&mut body, &xa::name(&prepare.gtrid, &prepare.bqual, prepare.format_id), &changes);
        self.data(xa::PREPARED, &body, sink);
        self.commit(sink)
    }

    fn commit(&mut self, sink: &mut dyn CaptureSink) -> Result<()> {
        let Some(open) = self.transaction.take() else {
            if self.by_gtid {
                return Err(malformed("a commit without a transaction"));
            }
            self.push_mark(&Gtid::None);
            return Ok(());
        };
        // Positions of MySQL say nothing of echoes: what the server does not send could not be in them.
        if !(open.is_echo && matches!(open.id, Gtid::Mysql { .. })) {
            self.push_mark(&open.id);
        }
        if open.has_data {
            self.settle_skipped();
            sink.commit(Commit { mark: &self.mark, committed_at_us: open.committed_at_us });
            self.mark.clear();
            self.marked_at = Instant::now();
        }
        Ok(())
    }
}

impl Capture for BinlogCapture {
    fn next<'a>(&'a mut self, sink: &'a mut dyn CaptureSink) -> Fut<'a, ()> {
        Box::pin(self.read(sink))
    }
}

fn malformed(why: &str) -> Error {
    Error::new(Code::MalformedLog, why)
}

impl From<crate::binlog::Malformed> for Error {
    fn from(malformed: crate::binlog::Malformed) -> Self {
        Error::new(Code::MalformedLog, malformed.to_string())
    }
}
