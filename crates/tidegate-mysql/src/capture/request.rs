//! Asking the server for its log.

use super::{HEARTBEAT, malformed};
use crate::connect::{Server, understand};
use crate::gtid::{GtidSet, MysqlPosition, Uuid};
use crate::session::Marker;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, GnoInterval, Sid};
use tidegate_model::{Code, Error, Result};

/// Tells the server who reads and how it should speak.
pub(super) async fn prepare(
    conn: &mut Conn,
    server: Server,
    server_id: u32,
    from: &MysqlPosition,
) -> Result<()> {
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
        let executed: Option<String> =
            conn.query_first("SELECT @@GLOBAL.gtid_executed").await.map_err(understand)?;
        let executed: crate::gtid::GtidSet = executed
            .unwrap_or_default()
            .parse()
            .map_err(|why| malformed(&format!("gtid_executed: {why}")))?;
        if !executed.contains_set(set) {
            let mut missing = set.clone();
            missing.subtract(&executed);
            let what = format!("the source no longer has transactions that were read from it: {missing}");
            return Err(Error::new(Code::SourceRewound, what));
        }
    }
    Ok(())
}

/// Counts what links of the other direction have written as read: then the server does not send it. (What they will
/// write cannot be left out here: a server refuses a reader who knows more of its numbers than there are.)
pub(super) async fn leave_out(conn: &mut Conn, wanted: &mut GtidSet, peers: &[Marker]) -> Result<()> {
    if peers.is_empty() {
        return Ok(());
    }
    let executed: Option<String> =
        conn.query_first("SELECT @@GLOBAL.gtid_executed").await.map_err(understand)?;
    let executed: GtidSet =
        executed.unwrap_or_default().parse().map_err(|why| malformed(&format!("gtid_executed: {why}")))?;
    let is_peers = |tag: &str| peers.iter().any(|peer| peer.tag() == tag);
    for (uuid, tag, ranges) in executed.iter().filter(|(_, tag, _)| is_peers(tag)) {
        ranges.iter().for_each(|(first, last)| wanted.add_range(uuid, tag, *first, *last));
    }
    Ok(())
}

pub(super) fn sid(uuid: &Uuid, tag: &str, ranges: &[(u64, u64)]) -> Result<Sid<'static>> {
    let intervals = ranges.iter().map(|(first, last)| GnoInterval::new(*first, last + 1)).collect();
    let sid = Sid::new(*uuid).with_intervals(intervals);
    if tag.is_empty() {
        return Ok(sid);
    }
    let tag = mysql_common::packets::Tag::new(tag.to_owned())
        .map_err(|_| malformed("a GTID's tag is not readable"))?;
    Ok(sid.with_tag(tag))
}
