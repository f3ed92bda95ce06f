//! A lane's connection: one target transaction at a time.

use crate::batch::{Affected, Batch, Statements};
use crate::binlog::event::code;
use crate::conflict;
use crate::connect::{Endpoint, Server, understand};
use crate::decode::{Decoder, entries, is_rows};
use crate::schema;
use crate::session::{self, Marker, Outcome, run, run_all, run_each, warnings};
use crate::state;
use crate::target::Knowledge;
use crate::xa;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::sync::Arc;
use std::time::Instant;
use tidegate_model::{Code, Error, Fut, InstanceName, LaneCheckpoint, Mode, Result, Transaction, Writer};

/// A batch is sent when it has grown to this, its transaction still open.
const FLUSH_BYTES: usize = 4 << 20;

pub(crate) struct LaneWriter {
    pub(crate) endpoint: Endpoint,
    pub(crate) instance: InstanceName,
    pub(crate) lane: u16,
    pub(crate) knowledge: Arc<Knowledge>,
    pub(crate) conn: Conn,
    opened: Instant,
    pub(crate) server: Server,
    pub(crate) decoder: Decoder,
    batch: Batch,
    statements: Statements,
    /// The statement that opens the target transaction; empty once it was sent.
    opening: String,
    mode: Mode,
    packet_bytes_max: usize,
    marked: bool,
    /// Of a pair: there are others who write, and nothing of theirs may be overwritten.
    pub(crate) strict: bool,
}

impl LaneWriter {
    pub(crate) async fn open(
        endpoint: Endpoint,
        instance: InstanceName,
        lane: u16,
        knowledge: Arc<Knowledge>,
    ) -> Result<Self> {
        let (mut conn, server, marked, strict) = open_lane(&endpoint, &instance).await?;
        let packet_bytes_max = packet_bytes_max(&mut conn).await?;
        Ok(Self {
            endpoint,
            instance,
            lane,
            decoder: Decoder::new(knowledge.clone()),
            knowledge,
            conn,
            opened: Instant::now(),
            server,
            batch: Batch::default(),
            statements: Statements::default(),
            opening: String::new(),
            mode: Mode::Overlap,
            packet_bytes_max,
            marked,
            strict,
        })
    }

    async fn write_alone(
        &mut self,
        transaction: Transaction<'_>,
        checkpoint: &LaneCheckpoint,
        mode: Mode,
    ) -> Result<u64> {
        let first = entries(transaction.data).next().transpose()?;
        match first.map(|entry| entry.kind) {
            Some(code::QUERY) => schema::carry_out(self, transaction, checkpoint, mode).await.map(|()| 0),
            Some(xa::PREPARED | xa::COMMITTED | xa::ROLLED_BACK) => {
                xa::carry_out(self, transaction, checkpoint, mode).await
            }
            _ => {
                self.begin(checkpoint, mode);
                let written = async {
                    let rows = self.take_in(transaction).await?;
                    self.finish().await?;
                    Ok::<_, Error>(rows)
                };
                match written.await {
                    Err(error) if error.code() == Code::Conflict && mode == Mode::Exact => {
                        conflict::write_carefully(self, &[transaction], checkpoint).await
                    }
                    written => written,
                }
            }
        }
    }

    pub(crate) async fn take_in(&mut self, transaction: Transaction<'_>) -> Result<u64> {
        let mut rows = 0;
        for entry in entries(transaction.data) {
            let entry = entry?;
            match entry.kind {
                code::TABLE_MAP => self.decoder.table_map(&entry)?,
                kind if is_rows(kind) => {
                    let (batch, mode, values_function) = (&mut self.batch, self.mode, self.server.mariadb);
                    self.decoder.rows(&entry, |change| {
                        if is_in_copy(change.plan.snapshot.as_ref(), transaction.mark)? {
                            return Ok(());
                        }
                        rows += 1;
                        batch.add(&change, mode, values_function)
                    })?;
                    if self.batch.bytes() >= FLUSH_BYTES {
                        self.flush().await?;
                    }
                }
                other => {
                    return Err(Error::new(Code::Internal, format!("an entry of kind {other} among rows")));
                }
            }
        }
        Ok(rows)
    }

    /// Sends what is there; the transaction stays open.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let mut statements = std::mem::take(&mut self.statements);
        statements.sql.clear();
        statements.expected.clear();
        let opening = std::mem::take(&mut self.opening);
        let opens = !opening.is_empty();
        if opens {
            statements.sql.extend_from_slice(opening.as_bytes());
        }
        self.batch.take(self.mode, self.server.mariadb, &mut statements);
        let sent = self.send(&statements, opens).await;
        self.statements = statements;
        sent
    }

    async fn send(&mut self, statements: &Statements, opens: bool) -> Result<()> {
        let sql = statements.sql.strip_suffix(b";").unwrap_or(&statements.sql);
        if sql.is_empty() {
            return Ok(());
        }
        if sql.len() > self.packet_bytes_max {
            let what =
                format!("a batch of {} bytes is larger than the target's max_allowed_packet", sql.len());
            let remedy = format!(
                "SET GLOBAL max_allowed_packet={} on the target",
                (sql.len() * 2).next_multiple_of(1 << 20)
            );
            return Err(Error::new(Code::WriteRefused, what).with_remedy(remedy));
        }
        let before = if opens { 2 } else { 0 };
        let mut outcomes = Vec::new();
        let count = before + statements.expected.len();
        if let Err(error) = run_each(&mut self.conn, sql, count, &mut outcomes).await {
            let failed = outcomes.len().checked_sub(before).and_then(|at| statements.expected.get(at));
            return Err(match failed {
                Some((_, table)) => error.context(table),
                None => error,
            });
        }
        if opens && outcomes[1].affected_rows != 1 {
            return Err(state::moved(self.lane));
        }
        for (outcome, (expected, table)) in outcomes[before..].iter().zip(&statements.expected) {
            if outcome.warnings > expected.warnings_max {
                let what = self.last_warnings().await;
                return Err(Error::new(
                    Code::WriteRefused,
                    format!("{table}: the target would change a value: {what}"),
                ));
            }
            if !expected.affected.holds(*outcome) {
                return Err(met(table, expected.affected, *outcome));
            }
        }
        Ok(())
    }

    async fn last_warnings(&mut self) -> String {
        match warnings(&mut self.conn).await {
            Ok(text) if !text.is_empty() => text,
            _ => "the server has forgotten its warning".to_owned(),
        }
    }

    pub(crate) async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        run(&mut self.conn, "COMMIT").await.map(|_| ())
    }

    /// A transaction of one statement and the checkpoint.
    pub(crate) async fn settle(&mut self, checkpoint: &LaneCheckpoint, statement: &str) -> Result<()> {
        let text = format!("BEGIN;{};{statement}", state::checkpoint_statement(&self.instance, checkpoint));
        let outcomes = run_all(&mut self.conn, text.as_bytes(), 3).await?;
        if outcomes[1].affected_rows != 1 {
            return Err(state::moved(self.lane));
        }
        run(&mut self.conn, "COMMIT").await.map(|_| ())
    }

    async fn connect_again(&mut self) -> Result<u64> {
        let (before, opened) = (self.conn.id(), self.opened);
        let (conn, server, marked, strict) = open_lane(&self.endpoint, &self.instance).await?;
        (self.conn, self.server, self.opened) = (conn, server, Instant::now());
        (self.marked, self.strict) = (marked, strict);
        // The old session may still hold locks, or even be committing: end it, then wait for what it did.
        session::end_earlier(&mut self.conn, before, opened).await;
        self.batch = Batch::default();
        let version = state::lane_version(&mut self.conn, &self.instance, self.lane).await?;
        self.knowledge.renew(&mut self.conn, &self.instance).await?;
        Ok(version)
    }
}

/// A session of a lane, whether it is marked, and whether it is of a pair: then it must be.
async fn open_lane(endpoint: &Endpoint, instance: &InstanceName) -> Result<(Conn, Server, bool, bool)> {
    let marker = Marker::new(instance.clone());
    let (mut conn, server) = session::open(endpoint, &marker).await?;
    let marked = session::is_marked(&mut conn, server, &marker).await?;
    let paired = state::permit::read(&mut conn, instance, "").await?.is_some();
    if paired && !marked {
        let what = "the account may not mark what it writes, and the other direction could not tell it from others' writes";
        return Err(Error::new(Code::MissingGrant, what).with_remedy(
            "GRANT TRANSACTION_GTID_TAG, REPLICATION_APPLIER (MariaDB: BINLOG REPLAY) ON *.* to the target's account",
        ));
    }
    Ok((conn, server, marked, paired))
}

impl Writer for LaneWriter {
    fn begin(&mut self, checkpoint: &LaneCheckpoint, mode: Mode) {
        self.decoder.refresh();
        self.batch = Batch::new(self.strict);
        self.mode = mode;
        self.opening = format!("BEGIN;{};", state::checkpoint_statement(&self.instance, checkpoint));
    }

    fn add<'a>(&'a mut self, transaction: Transaction<'a>) -> Fut<'a, u64> {
        Box::pin(self.take_in(transaction))
    }

    fn commit(&mut self) -> Fut<'_, ()> {
        Box::pin(self.finish())
    }

    fn alone<'a>(
        &'a mut self,
        transaction: Transaction<'a>,
        checkpoint: &'a LaneCheckpoint,
        mode: Mode,
    ) -> Fut<'a, u64> {
        Box::pin(self.write_alone(transaction, checkpoint, mode))
    }

    fn write_carefully<'a>(
        &'a mut self,
        transactions: Vec<Transaction<'a>>,
        checkpoint: &'a LaneCheckpoint,
    ) -> Fut<'a, u64> {
        Box::pin(async move { conflict::write_carefully(self, &transactions, checkpoint).await })
    }

    fn is_marked(&self) -> bool {
        self.marked
    }

    fn recover(&mut self) -> Fut<'_, u64> {
        Box::pin(self.connect_again())
    }
}

/// Whether the table's copy was made after the transaction.
pub(crate) fn is_in_copy(snapshot: Option<&crate::gtid::MysqlPosition>, mark: &[u8]) -> Result<bool> {
    let Some(snapshot) = snapshot else { return Ok(false) };
    snapshot
        .covers(mark)
        .map_err(|why| Error::new(Code::ChangeLogDamaged, format!("a mark is not readable: {why}")))
}

async fn packet_bytes_max(conn: &mut Conn) -> Result<usize> {
    let bytes: Option<usize> = conn.query_first("SELECT @@max_allowed_packet").await.map_err(understand)?;
    Ok(bytes.unwrap_or(1 << 20))
}

/// A statement did not do what it should.
fn met(table: &str, expected: Affected, outcome: Outcome) -> Error {
    let affected = outcome.affected_rows;
    let what = match expected {
        Affected::Rows(rows) => {
            format!("{table}: {rows} rows were to be written or deleted, {affected} were")
        }
        Affected::Found(rows) => {
            format!("{table}: {} of {rows} rows are not what they were at the source", rows - outcome.rows)
        }
        Affected::Updates { sure, .. } => {
            format!("{table}: {sure} rows were to be updated, and some were missing or equal already")
        }
        Affected::Any => format!("{table}: {affected} rows"),
    };
    Error::new(Code::Conflict, what)
}
