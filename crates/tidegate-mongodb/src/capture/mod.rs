//! Reading the log: one change stream over the whole deployment, its batches as the server sent them.

mod event;
mod open;
#[cfg(test)]
mod tests;
mod unit;
mod window;

use self::event::TokenRef;
pub(crate) use self::open::{Server, wait_until_safe};
use self::open::{check_place, first_time, running_changes, stream, understand_stream};
use self::unit::Units;
use crate::connect::Endpoint;
use crate::position::{ClusterTime, MongoPosition, Token};
use crate::raw;
use futures_util::{FutureExt, StreamExt};
use mongodb::Client;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use std::time::{Duration, Instant};
use tidegate_model::{Capture, CaptureSink, Code, Error, Fut, InstanceName, Result, Selection};

/// The server answers at least so often, if only to say that nothing has happened.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A server that is silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// A primary writes to its log every 10 s. Where nothing arrives for so long, the answers come from a member that has lost
/// the others: a cursor lives on where the primary was.
const STANDSTILL_MAX: Duration = Duration::from_secs(60);
/// Marks of unselected traffic are written together, so often.
const IDLE_MARK_EVERY: Duration = Duration::from_millis(100);
/// When nothing follows a transaction for so long, the server is asked whether it was whole.
const DOUBT_AFTER: Duration = Duration::from_millis(2);

pub(crate) struct StreamCapture {
    client: Client,
    server: Server,
    cursor: RawBatchCursor,
    batch: Option<Batch>,
    units: Units,
    marked_at: Instant,
    reached: Reached,
}

/// How far the server has read its log for us.
struct Reached {
    token: String,
    since: Instant,
}

/// An answer of the server, and how far it was read.
struct Batch {
    answer: RawBatch,
    /// Where the next event begins in the array.
    at: usize,
    events: u64,
}

impl StreamCapture {
    pub(crate) async fn open(
        endpoint: &Endpoint,
        from: &MongoPosition,
        selection: &Selection,
        peers: &[InstanceName],
    ) -> Result<Self> {
        let client = endpoint.client().await?;
        let server = Server::of(&client).await?;
        check_place(&server, from.time())?;
        let peers: Vec<String> = peers.iter().map(|peer| peer.as_str().to_owned()).collect();
        let windows = running_changes(&client, from, &peers).await?;
        let cursor = stream(&client, &server, from, None).await?;
        Ok(Self {
            units: Units::new(selection, peers, server.ends(), first_time(from), windows),
            client,
            server,
            cursor,
            batch: None,
            marked_at: Instant::now(),
            reached: Reached { token: String::new(), since: Instant::now() },
        })
    }

    async fn read(&mut self, sink: &mut dyn CaptureSink) -> Result<()> {
        if self.batch.is_none() {
            self.batch = self.wait(sink).await?;
        }
        while let Some(batch) = &mut self.batch {
            let is_read = take(batch, &mut self.units, &mut self.reached, sink)?;
            if is_read {
                self.batch = None;
            }
            if sink.is_full() {
                break;
            }
            if is_read && let Some(arrived) = self.cursor.next().now_or_never() {
                self.batch = Some(batch_of(arrived)?);
            }
        }
        if self.marked_at.elapsed() >= IDLE_MARK_EVERY {
            self.units.flush_idle(sink);
            self.marked_at = Instant::now();
        }
        Ok(())
    }

    /// The next batch. `None` when it was found out meanwhile that the last unit was whole.
    async fn wait(&mut self, sink: &mut dyn CaptureSink) -> Result<Option<Batch>> {
        if let Some((time, token)) = self.units.doubtful() {
            match tokio::time::timeout(DOUBT_AFTER, self.cursor.next()).await {
                Ok(arrived) => return batch_of(arrived).map(Some),
                Err(_) if is_whole(&self.client, &self.server, time, token?).await? => {
                    self.units.close(sink);
                    return Ok(None);
                }
                Err(_) => {}
            }
        }
        match tokio::time::timeout(SILENCE_MAX, self.cursor.next()).await {
            Ok(arrived) => batch_of(arrived).map(Some),
            Err(_) => {
                let seconds = SILENCE_MAX.as_secs();
                Err(Error::new(Code::Silent, format!("the source has sent nothing for {seconds} s")))
            }
        }
    }
}

/// Whether no event of that time follows. A stream's first batch is there at once: it has what there is, or is empty.
async fn is_whole(client: &Client, server: &Server, time: ClusterTime, last: Token) -> Result<bool> {
    let from = MongoPosition::Token(last);
    let mut rest = stream(client, server, &from, Some(1)).await?;
    let Ok(batch) = tokio::time::timeout(SILENCE_MAX, rest.next()).await else { return Ok(false) };
    let batch = batch_of(batch)?;
    let (_, events) = parts(&batch)?;
    match raw::elements(events).next().transpose()?.and_then(|first| first.document()) {
        Some(first) => Ok(event::Event::read(first)?.token.time != time),
        None => Ok(true),
    }
}

fn batch_of(arrived: Option<mongodb::error::Result<RawBatch>>) -> Result<Batch> {
    match arrived {
        Some(Ok(answer)) => Ok(Batch { answer, at: 4, events: 0 }),
        Some(Err(error)) => Err(understand_stream(error)),
        None => Err(Error::new(Code::ConnectionLost, "the source ended the stream of its log")),
    }
}

/// The cursor's part of the answer, and the array of events in it.
fn parts(batch: &Batch) -> Result<(&[u8], &[u8])> {
    let cursor = raw::document(batch.answer.as_raw_document().as_bytes(), "cursor")?;
    for element in raw::elements(cursor) {
        let element = element?;
        if matches!(element.name, "nextBatch" | "firstBatch")
            && let Some(events) = element.document()
        {
            return Ok((cursor, events));
        }
    }
    Err(malformed("an answer has no batch"))
}

/// Takes events until the sink is full; answers whether that was all of the batch.
fn take(
    batch: &mut Batch,
    units: &mut Units,
    reached: &mut Reached,
    sink: &mut dyn CaptureSink,
) -> Result<bool> {
    let (mut at, mut taken) = (batch.at, batch.events);
    let (cursor, events) = parts(batch)?;
    let mut rest = raw::elements_from(events, at);
    while let Some(element) = rest.next() {
        let event = element?.document().ok_or_else(|| malformed("an event is no document"))?;
        units.event(event, sink)?;
        (at, taken) = (rest.place(), taken + 1);
        if sink.is_full() {
            break;
        }
    }
    let is_read = at + 1 >= events.len();
    if is_read {
        let after = raw::find(cursor, "postBatchResumeToken")?.and_then(|token| token.document());
        let after = after.map(TokenRef::read).transpose()?;
        units.end_batch(taken, after, sink);
        after.map_or(Ok(()), |after| reached.look(after.data))?;
    }
    (batch.at, batch.events) = (at, taken);
    Ok(is_read)
}

impl Reached {
    fn look(&mut self, token: &str) -> Result<()> {
        if self.token != token {
            self.token.clear();
            self.token.push_str(token);
            self.since = Instant::now();
        } else if self.since.elapsed() >= STANDSTILL_MAX {
            let seconds = STANDSTILL_MAX.as_secs();
            return Err(Error::new(
                Code::Silent,
                format!("the source's log has stood still for {seconds} s"),
            ));
        }
        Ok(())
    }
}

/// The collection whose buckets these are.
fn is_bucket(collection: &str) -> Option<&str> {
    collection.strip_prefix("system.buckets.")
}

fn malformed(why: impl Into<String>) -> Error {
    Error::new(Code::MalformedLog, why)
}

impl Capture for StreamCapture {
    fn next<'a>(&'a mut self, sink: &'a mut dyn CaptureSink) -> Fut<'a, ()> {
        Box::pin(self.read(sink))
    }
}
