//! Sessions that write: transactions with a snapshot, committed by a majority, and noted in the target, so that a later run
//! can end what an earlier one has under way.

use crate::connect::{raw_document, run, run_in, understand};
use crate::raw;
use crate::state;
use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::options::{ReadConcern, WriteConcern};
use mongodb::raw_batch_cursor::RawBatch;
use mongodb::{Client, ClientSession};
use std::sync::LazyLock;
use tidegate_model::{Code, Error, InstanceName, Result};

pub(crate) struct WriteSession {
    pub(crate) client: Client,
    session: ClientSession,
    instance: InstanceName,
    who: String,
    open: bool,
}

/// What a find has answered at once.
pub(crate) struct Found {
    batch: RawBatch,
    /// Whether that was all.
    pub(crate) whole: bool,
}

impl Found {
    pub(crate) fn documents(&self) -> Result<Vec<&[u8]>> {
        let mut found = Vec::new();
        for one in self.batch.doc_slices().map_err(understand)? {
            let one = one.ok().and_then(|one| one.as_document()).ok_or_else(raw::malformed)?;
            found.push(one.as_bytes());
        }
        Ok(found)
    }
}

impl WriteSession {
    /// `who`: one session of the instance bears the name at a time. What one of a process before has under way is ended.
    pub(crate) async fn open(client: &Client, instance: &InstanceName, who: String) -> Result<Self> {
        let others = doc! { "_id": id_of(instance, &who), "process": { "$ne": this_process() } };
        let earlier = state::find(client, "session", others).await?;
        kill(client, sessions_of(&earlier)).await?;
        let session = client.start_session().await.map_err(understand)?;
        note(client, instance, &who, session.id()).await?;
        Ok(Self { client: client.clone(), session, instance: instance.clone(), who, open: false })
    }

    /// A transaction; one that is open already is given up.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.abort().await;
        let started = self.session.start_transaction();
        let started = started.read_concern(ReadConcern::snapshot()).write_concern(WriteConcern::majority());
        started.await.map_err(understand)?;
        self.open = true;
        Ok(())
    }

    /// A command within the transaction.
    pub(crate) async fn run(&mut self, database: &str, command: Vec<u8>) -> Result<Document> {
        run_in(&mut self.session, &self.client, database, command).await
    }

    /// The same, whatever is said of single documents.
    pub(crate) async fn run_loosely(&mut self, database: &str, command: Vec<u8>) -> Result<Document> {
        let database = self.client.database(database);
        let answer = database.run_raw_command(raw_document(command)?).session(&mut self.session).await;
        answer.map_err(understand)
    }

    /// A command on the control database within the transaction; answers its `n`.
    pub(crate) async fn control(&mut self, command: &Document) -> Result<i64> {
        let answer = self.run(state::DATABASE, state::bytes_of(command)?).await?;
        Ok(state::integer(&answer, "n"))
    }

    /// Documents of the control database as the transaction sees them.
    pub(crate) async fn find_control(&mut self, collection: &str, filter: Document) -> Result<Vec<Document>> {
        let collection = self.client.database(state::DATABASE).collection::<Document>(collection);
        let mut cursor = collection.find(filter).session(&mut self.session).await.map_err(understand)?;
        cursor.stream(&mut self.session).try_collect().await.map_err(understand)
    }

    /// What a `find` within the transaction answers in its first batch.
    pub(crate) async fn find(&mut self, database: &str, command: Vec<u8>) -> Result<Found> {
        let database = self.client.database(database);
        let question = database.run_raw_cursor_command(raw_document(command)?).session(&mut self.session);
        let mut cursor = question.batch().await.map_err(understand)?;
        let first = cursor.stream(&mut self.session).next().await;
        let batch = first.ok_or_else(raw::malformed)?.map_err(understand)?;
        let of_cursor = raw::document(batch.as_raw_document().as_bytes(), "cursor")?;
        let whole = raw::find(of_cursor, "id")?.and_then(|id| id.integer()) == Some(0);
        Ok(Found { batch, whole })
    }

    /// After an error the outcome is open: what the transaction wrote about itself tells.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.open = false;
        self.session.commit_transaction().await.map_err(understand)
    }

    /// Gives up the transaction, if one is open. What is not heard of it ends at the server by itself.
    pub(crate) async fn abort(&mut self) {
        if std::mem::take(&mut self.open)
            && let Err(error) = self.session.abort_transaction().await
        {
            tracing::debug!(%error, who = self.who, "a transaction was not given up in order");
        }
    }

    /// A new session in place of this one, whose transaction is ended. What is read from here on by a majority holds all that
    /// it has committed: the note about the new one comes after that, and is there by a majority.
    pub(crate) async fn renew(&mut self) -> Result<()> {
        self.abort().await;
        kill(&self.client, vec![self.session.id().clone()]).await?;
        let session = self.client.start_session().await.map_err(understand)?;
        note(&self.client, &self.instance, &self.who, session.id()).await?;
        self.session = session;
        Ok(())
    }
}

/// Sessions that end go back to the driver, which gives them out again: in one process a note may be older than who bears
/// its session now.
fn this_process() -> ObjectId {
    static PROCESS: LazyLock<ObjectId> = LazyLock::new(ObjectId::new);
    *PROCESS
}

fn id_of(instance: &InstanceName, who: &str) -> Document {
    doc! { "instance": instance.as_str(), "who": who }
}

fn sessions_of(notes: &[Document]) -> Vec<Document> {
    notes.iter().filter_map(|note| note.get_document("lsid").ok().cloned()).collect()
}

async fn note(client: &Client, instance: &InstanceName, who: &str, lsid: &Document) -> Result<()> {
    let change = doc! { "$set": { "lsid": lsid.clone(), "process": this_process() } };
    state::update(client, "session", doc! { "_id": id_of(instance, who) }, change, true).await.map(|_| ())
}

/// Ends what earlier runs of the instance have under way.
pub(crate) async fn end_earlier(client: &Client, instance: &InstanceName) -> Result<()> {
    let filter = state::of_instance(instance);
    let noted = state::find(client, "session", filter.clone()).await?;
    kill(client, sessions_of(&noted)).await?;
    state::delete(client, "session", filter).await
}

/// Without the right to it the versions alone keep the earlier run out; its locks stay until the server ends them.
async fn kill(client: &Client, sessions: Vec<Document>) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let sessions: Vec<Bson> = sessions.into_iter().map(Bson::Document).collect();
    match run(client, "admin", &state::bytes_of(&doc! { "killSessions": sessions })?).await {
        Err(error) if error.code() == Code::MissingGrant => {
            tracing::debug!(%error, "earlier sessions are left to the server");
            Ok(())
        }
        killed => killed.map(|_| ()).map_err(|error: Error| error.context("end earlier sessions")),
    }
}
