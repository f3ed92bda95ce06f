//! Opening the stream at a place of the log.

use super::HEARTBEAT;
use super::unit::{CONTROL, Ends};
use super::window::{JOURNAL, Windows};
use crate::catalog;
use crate::connect::{command, raw_document, run, understand};
use crate::position::{ClusterTime, MongoPosition};
use crate::raw::{self, Builder, kind};
use bson::{Bson, Timestamp};
use mongodb::Client;
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::raw_batch_cursor::RawBatchCursor;
use tidegate_model::{Code, Error, Result, Retry};

/// What kind of server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Major, minor, patch.
    pub(crate) version: (i64, i64, i64),
    /// It is the door to several replica sets.
    pub(crate) is_sharded: bool,
    /// The last entry of the log.
    pub(crate) now: ClusterTime,
}

impl Server {
    pub(crate) async fn of(client: &Client) -> Result<Self> {
        let hello = run(client, "admin", &command("hello")).await?;
        let build = run(client, "admin", &command("buildInfo")).await?;
        let parts = build.get_array("versionArray").cloned().unwrap_or_default();
        let part = |at: usize| parts.get(at).and_then(Bson::as_i32).map_or(0, i64::from);
        let last_write = hello.get_document("lastWrite").and_then(|last| last.get_document("opTime"));
        let now = last_write
            .and_then(|time| time.get_timestamp("ts"))
            .or_else(|_| hello.get_timestamp("operationTime"));
        let now = now.map_err(|_| {
            Error::new(Code::LogOff, "the server is no member of a replica set: it keeps no log")
        });
        let now: Timestamp =
            now.map_err(|error| error.with_remedy("start it with --replSet and run rs.initiate()"))?;
        let is_sharded = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        // Any member answers this question. One that has just stepped down may not have what is in the log already.
        if !is_sharded && !hello.get_bool("isWritablePrimary").unwrap_or_default() {
            return Err(Error::new(Code::ConnectionLost, "the replica set's primary changes"));
        }
        Ok(Self { version: (part(0), part(1), part(2)), is_sharded, now: (now.time, now.increment) })
    }

    pub(super) fn ends(&self) -> Ends {
        match self {
            Self { is_sharded: true, .. } => Ends::LaterTime,
            Self { version: (6, 0, _), .. } => Ends::Transaction,
            _ => Ends::Time,
        }
    }

    fn splits_events(&self) -> bool {
        self.version >= (7, 0, 0) || self.version.0 == 6 && self.version.1 == 0 && self.version.2 >= 9
    }
}

/// A log that ends before the place is another one, or was set back. The stream itself would wait for that time to come.
pub(super) fn check_place(server: &Server, place: ClusterTime) -> Result<()> {
    if place <= server.now {
        return Ok(());
    }
    let ((seconds, increment), (now, now_increment)) = (place, server.now);
    let what = format!(
        "the source's log ends at {now}.{now_increment}, before {seconds}.{increment}, which was read already"
    );
    Err(Error::new(Code::SourceRewound, what))
}

/// The time at which a stream from a time begins: everything up to the position's own lies before it. A stream from a
/// token has none.
pub(super) fn first_time(from: &MongoPosition) -> Option<ClusterTime> {
    match from {
        MongoPosition::Time((seconds, increment)) => {
            let next = increment.checked_add(1).map(|next| (*seconds, next));
            Some(next.unwrap_or((seconds.saturating_add(1), 0)))
        }
        MongoPosition::Token(_) => None,
    }
}

/// Says in the stream's first stage where it begins.
fn begin(stage: &mut Builder, from: &MongoPosition) {
    if let Some(first) = first_time(from) {
        stage.timestamp("startAtOperationTime", first);
    }
    if let MongoPosition::Token(token) = from {
        stage.begin_document("resumeAfter").text("_data", &token.data);
        if let Some(bits) = &token.type_bits {
            stage.binary("_typeBits", bits);
        }
        stage.end();
    }
}

/// Opens a stream. `only`: for a look at what comes first; so many events, without their documents.
pub(super) async fn stream(
    client: &Client,
    server: &Server,
    from: &MongoPosition,
    only: Option<i32>,
) -> Result<RawBatchCursor> {
    let mut question = Builder::new();
    question.int32("aggregate", 1).begin_array("pipeline");
    let stage = question.push_document().begin_document("$changeStream");
    for option in
        ["allChangesForCluster", "showExpandedEvents", "showRawUpdateDescription", "showSystemEvents"]
    {
        stage.flag(option, true);
    }
    stage.text("fullDocumentBeforeChange", "whenAvailable");
    begin(stage, from);
    stage.end().end();
    if only.is_some() {
        question.push_document().begin_document("$project").int32("clusterTime", 1).end().end();
    }
    if server.splits_events() {
        question.push_document().begin_document("$changeStreamSplitLargeEvent").end().end();
    }
    // The first batch is small unless it is left out.
    question.end().begin_document("cursor").int32("batchSize", only.unwrap_or(0)).end();
    let question = raw_document(question.finish())?;
    let admin = client.database("admin");
    let asked = admin.run_raw_cursor_command(question).max_time(HEARTBEAT).batch();
    asked.await.map_err(understand_stream)
}

/// What an error of a stream means.
pub(super) fn understand_stream(error: DriverError) -> Error {
    let number = match error.kind.as_ref() {
        ErrorKind::Command(command) => command.code,
        _ => 0,
    };
    let understood = understand(error);
    let text = understood.message().to_owned();
    match number {
        // BSONObjectTooLarge
        10334 => Error::new(Code::MalformedLog, text).with_remedy(
            "upgrade the source to 6.0.9 or later, which splits such events, or turn off changeStreamPreAndPostImages of the collection; then begin the link anew",
        ),
        _ if understood.code() == Code::LogGone => understood.with_remedy(
            "begin a new link with a new copy, and give the source a longer log (replSetResizeOplog with minRetentionHours)",
        ),
        // What is refused here is no write.
        _ if understood.code() == Code::WriteRefused => Error::new(Code::MalformedLog, text),
        _ => understood,
    }
}

/// The schema changes of peers that run at a place of the log. Tokens know them; for a time the journal is asked as it
/// was then, or as it is now if the server does not know that any more.
pub(super) async fn running_changes(
    client: &Client,
    place: &MongoPosition,
    peers: &[String],
) -> Result<Windows> {
    let time = match place {
        MongoPosition::Token(token) => {
            return token.within.as_deref().map_or(Ok(Windows::default()), Windows::read);
        }
        MongoPosition::Time(_) if peers.is_empty() => return Ok(Windows::default()),
        MongoPosition::Time(time) => *time,
    };
    let documents = match journal(client, peers, Some(time)).await {
        Err(error) if is_forgotten(&error) => {
            tracing::debug!(%error, "the journal is read as it is now");
            journal(client, peers, None).await?
        }
        documents => documents?,
    };
    let mut windows = Windows::default();
    for document in documents {
        let id = raw::document(&document, "_id")?;
        if let Some(peer) = raw::find(id, "instance")?.and_then(|peer| peer.text()) {
            windows.journal(peer, &document)?;
        }
    }
    Ok(windows)
}

/// Whether the server does not know any more what was there at that time. SnapshotUnavailable is of this kind here: the
/// collection is younger than that, which waiting does not change.
fn is_forgotten(error: &Error) -> bool {
    let is_unavailable = error.message().ends_with("(error 246)");
    is_unavailable || error.retry() != Retry::Auto && error.code() != Code::MissingGrant
}

async fn journal(client: &Client, peers: &[String], at: Option<ClusterTime>) -> Result<Vec<Vec<u8>>> {
    let mut question = Builder::new();
    question.text("find", JOURNAL).begin_document("filter").begin_document("_id.instance").begin_array("$in");
    for peer in peers {
        let mut value = (peer.len() as u32 + 1).to_le_bytes().to_vec();
        value.extend_from_slice(peer.as_bytes());
        value.push(0);
        question.push(kind::STRING, &value);
    }
    question.end().end().end().begin_document("readConcern");
    match at {
        Some(time) => question.text("level", "snapshot").timestamp("atClusterTime", time),
        None => question.text("level", "majority"),
    };
    question.end();
    catalog::answers(client, CONTROL, question.finish()).await
}

/// Waits until everything up to a time is on a majority of the members: what is not might be taken back.
pub(crate) async fn wait_until_safe(client: &Client, time: ClusterTime) -> Result<()> {
    let mut question = Builder::new();
    question.text("find", JOURNAL).int32("limit", 1).begin_document("readConcern");
    question.text("level", "majority").timestamp("afterClusterTime", time).end();
    catalog::answers(client, CONTROL, question.finish()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_units_end_by_the_server() {
        for (version, is_sharded, expected) in [
            ((6, 0, 5), false, Ends::Transaction),
            ((6, 1, 0), false, Ends::Time),
            ((6, 3, 2), false, Ends::Time),
            ((7, 0, 1), false, Ends::Time),
            ((8, 0, 0), false, Ends::Time),
            ((6, 0, 5), true, Ends::LaterTime),
        ] {
            assert_eq!(Server { version, is_sharded, now: (0, 0) }.ends(), expected, "{version:?}");
        }
    }

    #[test]
    fn only_what_is_forgotten_is_read_as_it_is_now() {
        for (code, text, expected) in [
            (Code::WriteRefused, "too old (error 239)", true),
            (Code::TargetBusy, "unavailable (error 246)", true),
            (Code::TargetBusy, "too slow (error 50)", false),
            (Code::ConnectionLost, "it steps down (error 11602)", false),
            (Code::Unreachable, "nobody answers", false),
            (Code::MissingGrant, "not authorized (error 13)", false),
        ] {
            assert_eq!(is_forgotten(&Error::new(code, text)), expected, "{text}");
        }
    }
}
