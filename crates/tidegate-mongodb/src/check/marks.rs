//! Whether what our sessions write comes back out of the deployment's own log with our mark.

use super::ask_in;
use crate::connect::{Endpoint, understand};
use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::options::{ReadConcern, WriteConcern};
use mongodb::{Client, ClientSession};
use std::time::Duration;
use tidegate_model::{Code, Error, Result};
use tokio::time::Instant;

const WITHIN: Duration = Duration::from_secs(10);
const ANSWER_MS: i32 = 500;

/// Commits a document of ours as a link does, in a transaction, and reads it back from the log with the rights of a reverse.
pub(crate) async fn check_marks(endpoint: &Endpoint) -> Result<()> {
    let client = endpoint.client().await?;
    let probe = ObjectId::new();
    let id = doc! { "instance": "precheck", "probe": probe };
    let mut reader = client.start_session().await.map_err(understand)?;
    let mut cursor = open(&mut reader).await?;
    let outcome = async {
        write(&client, &id).await?;
        find(&mut reader, &mut cursor, &id).await
    }
    .await;
    close(&mut reader, cursor).await;
    outcome.map_err(|error| error.context(endpoint))
}

/// All changes from now on of our own database, as capture asks for them.
async fn open(reader: &mut ClientSession) -> Result<i64> {
    let question = doc! {
        "aggregate": 1,
        "pipeline": [
            { "$changeStream": { "allChangesForCluster": true, "showExpandedEvents": true } },
            { "$match": { "ns.db": "tidegate" } },
        ],
        "cursor": {},
    };
    let answer = ask_in(reader, "admin", question).await?;
    cursor_of(&answer)
}

fn cursor_of(answer: &Document) -> Result<i64> {
    let id = answer.get_document("cursor").ok().and_then(|cursor| cursor.get_i64("id").ok());
    id.ok_or_else(|| Error::new(Code::MalformedLog, "a change stream has no cursor"))
}

async fn write(client: &Client, id: &Document) -> Result<()> {
    let probes = client.database("tidegate").collection::<Document>("probe");
    let mut session = client.start_session().await.map_err(understand)?;
    let started = session.start_transaction().write_concern(WriteConcern::majority());
    started.read_concern(ReadConcern::snapshot()).await.map_err(understand)?;
    probes.insert_one(doc! { "_id": id }).session(&mut session).await.map_err(understand)?;
    session.commit_transaction().await.map_err(understand)?;
    probes.delete_one(doc! { "_id": id }).await.map_err(understand)?;
    Ok(())
}

async fn find(reader: &mut ClientSession, cursor: &mut i64, id: &Document) -> Result<()> {
    let deadline = Instant::now() + WITHIN;
    while Instant::now() < deadline {
        let question = doc! { "getMore": *cursor, "collection": "$cmd.aggregate", "maxTimeMS": ANSWER_MS };
        let answer = ask_in(reader, "admin", question).await?;
        *cursor = cursor_of(&answer)?;
        let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("nextBatch"));
        let mut events = batch.ok().into_iter().flatten().filter_map(Bson::as_document);
        if events.any(|event| is_ours(event, id)) {
            return Ok(());
        }
    }
    let what =
        format!("a transaction did not come out of the deployment's log within {} s", WITHIN.as_secs());
    Err(Error::new(Code::Silent, what)
        .with_remedy("see rs.status(): only what a majority of the members has comes out of the log"))
}

fn is_ours(event: &Document, id: &Document) -> bool {
    event.get_document("documentKey").and_then(|key| key.get_document("_id")).is_ok_and(|found| found == id)
}

async fn close(reader: &mut ClientSession, cursor: i64) {
    let question = doc! { "killCursors": "$cmd.aggregate", "cursors": [cursor] };
    // It ends by itself too.
    let _ = ask_in(reader, "admin", question).await;
}
