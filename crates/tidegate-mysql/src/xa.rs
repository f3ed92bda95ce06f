//! XA transactions in two phases: what a transaction that was only prepared did is kept in the target until the log says
//! what became of it. So it takes effect at the place of its commit, and survives everything in between.

use crate::connect::{hex, quote_text, understand};
use crate::decode::{Entry, entries};
use crate::session::run;
use crate::writer::LaneWriter;
use mysql_async::prelude::Queryable;
use tidegate_model::{Code, Error, LaneCheckpoint, Mode, Result, Transaction, Writer};

/// Entry kinds. Of a prepared transaction: `xid length u32 | xid | entries`; of the others: `xid length u32 | xid`.
pub(crate) const PREPARED: u8 = 38;
pub(crate) const COMMITTED: u8 = 50;
pub(crate) const ROLLED_BACK: u8 = 51;

/// What a transaction may do before it is prepared: it is kept as one value.
pub(crate) const BYTES_MAX: usize = 64 << 20;

/// The one spelling of an XA transaction's name, from `X'…',X'…',1`.
pub(crate) fn canonical(xid: &str) -> String {
    xid.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase()
}

/// The same from the parts of a prepare event.
pub(crate) fn name(gtrid: &[u8], bqual: &[u8], format: i32) -> String {
    format!("{},{},{format}", hex(gtrid), hex(bqual))
}

pub(crate) fn push_body(out: &mut Vec<u8>, xid: &str, changes: &[u8]) {
    out.extend_from_slice(&(xid.len() as u32).to_le_bytes());
    out.extend_from_slice(xid.as_bytes());
    out.extend_from_slice(changes);
}

fn read_body<'a>(entry: &Entry<'a>) -> Result<(&'a str, &'a [u8])> {
    let broken = || Error::new(Code::ChangeLogDamaged, "an XA entry is not readable");
    let (length, rest) = entry.body.split_first_chunk::<4>().ok_or_else(broken)?;
    let (xid, changes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(broken)?;
    Ok((std::str::from_utf8(xid).map_err(|_| broken())?, changes))
}

/// Keeps, applies or forgets what a prepared transaction did, with the checkpoint.
pub(crate) async fn carry_out(
    writer: &mut LaneWriter,
    transaction: Transaction<'_>,
    checkpoint: &LaneCheckpoint,
    mode: Mode,
) -> Result<u64> {
    let broken = || Error::new(Code::ChangeLogDamaged, "an XA transaction without an entry");
    let entry = entries(transaction.data).next().ok_or_else(broken)??;
    let (xid, changes) = read_body(&entry)?;
    let condition = format!("instance = '{}' AND xid = {}", writer.instance, quote_text(xid));
    match entry.kind {
        PREPARED => {
            let values = format!("('{}', {}, {})", writer.instance, quote_text(xid), hex(changes));
            writer.settle(checkpoint, &format!("REPLACE INTO tidegate.xa VALUES {values}")).await?;
            Ok(0)
        }
        ROLLED_BACK => {
            writer.settle(checkpoint, &format!("DELETE FROM tidegate.xa WHERE {condition}")).await?;
            Ok(0)
        }
        _ => {
            let question = format!("SELECT changes FROM tidegate.xa WHERE {condition}");
            let changes: Option<Vec<u8>> = writer.conn.query_first(question).await.map_err(understand)?;
            let changes = changes.ok_or_else(|| Error::new(Code::XaUnknown, format!("XA COMMIT {xid}")))?;
            writer.begin(checkpoint, mode);
            let rows = writer.take_in(Transaction { data: &changes, ..transaction }).await?;
            writer.flush().await?;
            run(&mut writer.conn, &format!("DELETE FROM tidegate.xa WHERE {condition}")).await?;
            writer.finish().await?;
            Ok(rows)
        }
    }
}
