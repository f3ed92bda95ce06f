//! Whether our sessions can mark what they write, so that the log of this server tells it from what others write.

use crate::connect::{Endpoint, Server, quote_text, understand};
use crate::session::{self, Marker};
use crate::source::binlog_status;
use crate::state;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use tidegate_model::{Code, Error, InstanceName, Result};

/// From this version on MySQL has tags in its GTIDs.
const TAGS_SINCE: (u16, u16, u16) = (8, 3, 0);
/// So many events after a place of the log are looked at: others may write at the same moment.
const LOOKED_AT: u32 = 20_000;
/// The server may begin another file of its log while it is looked at.
const ROTATED_MAX: u32 = 3;

/// Opens a session as a link does, looks whether its mark took, and whether it comes back out of the server's own log.
pub(crate) async fn check_marks(endpoint: &Endpoint) -> Result<()> {
    let name = InstanceName::parse("precheck").map_err(|why| Error::new(Code::Internal, why))?;
    let marker = Marker::new(name);
    let (mut conn, server) = session::open(endpoint, &marker).await?;
    let marked = session::is_marked(&mut conn, server, &marker).await?;
    if server.mariadb {
        return match marked {
            true => round_trip(&mut conn, server, &marker).await,
            false => Err(lacking(endpoint, "BINLOG REPLAY")),
        };
    }
    if !server.is_mysql_from(TAGS_SINCE) {
        let what = "a way back needs MySQL 8.3 or later on both sides: older ones cannot mark schema changes";
        return Err(Error::new(Code::NotYet, what).with_remedy("upgrade the server"));
    }
    let mode: Option<String> = conn.query_first("SELECT @@GLOBAL.gtid_mode").await.map_err(understand)?;
    if mode.as_deref() != Some("ON") {
        let what = "a way back needs GTIDs: gtid_mode is off";
        return Err(Error::new(Code::BadSetting, what)
            .with_remedy("turn enforce_gtid_consistency and gtid_mode on, step by step, on this server"));
    }
    if marked {
        return round_trip(&mut conn, server, &marker).await;
    }
    Err(lacking(endpoint, "TRANSACTION_GTID_TAG, REPLICATION_APPLIER"))
}

/// Writes a transaction, and reads it back from the log with its mark.
async fn round_trip(conn: &mut Conn, server: Server, marker: &Marker) -> Result<()> {
    state::prepare(conn).await?;
    for _ in 0..ROTATED_MAX {
        let (file, from) = log_end(conn, server).await?;
        // By whatever number: another precheck may do the same at this moment.
        session::run(conn, "REPLACE INTO tidegate.probe VALUES (CONNECTION_ID(), NOW())").await?;
        session::run(conn, "DELETE FROM tidegate.probe WHERE id = CONNECTION_ID()").await?;
        if is_in_log(conn, server, marker, (&file, from)).await? {
            return Ok(());
        }
        if log_end(conn, server).await?.0 == file {
            break;
        }
    }
    let what = "a transaction that was marked came out of the server's log without its mark";
    Err(Error::new(Code::BadSetting, what).with_remedy(
        "a proxy or a trigger on connections may change sessions: let the account connect straight to the server",
    ))
}

/// Whether there is a transaction with the mark, from a place of the log on.
async fn is_in_log(
    conn: &mut Conn,
    server: Server,
    marker: &Marker,
    (file, from): (&str, u64),
) -> Result<bool> {
    let question = format!("SHOW BINLOG EVENTS IN {} FROM {from} LIMIT {LOOKED_AT}", quote_text(file));
    let mut events = conn.query_iter(question).await.map_err(understand)?;
    let mut found = false;
    while let Some(event) = events.next().await.map_err(understand)? {
        // Other sessions' statements may be in any character set.
        let text = |at: usize| match event.as_ref(at) {
            Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        found |= match server.mariadb {
            true => text(3) == marker.server_id().to_string(),
            false => text(2).to_lowercase().contains("gtid") && text(5).contains(&marker.tag()),
        };
    }
    Ok(found)
}

async fn log_end(conn: &mut Conn, server: Server) -> Result<(String, u64)> {
    let question = binlog_status(server);
    let row: Option<Row> = conn.query_first(question).await.map_err(understand)?;
    let end = row.and_then(|row| Some((row.get(0)?, row.get(1)?)));
    end.ok_or_else(|| Error::new(Code::LogOff, "the server writes no binary log"))
}

fn lacking(endpoint: &Endpoint, rights: &str) -> Error {
    let what = format!("the account {} may not mark its transactions", endpoint.user);
    Error::new(Code::MissingGrant, what).with_remedy(format!(
        "GRANT {rights} ON *.* TO the account on this server, then run the precheck again"
    ))
}
