//! The replica sets that the tests of this program share: a source and a target.

use bson::{Document, RawDocumentBuf, doc};
use futures_util::StreamExt;
use mongodb::Client;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tidegate_sandbox::mongo::{Options, ReplicaSet};
use tidegate_sandbox::scratch;
use tokio::runtime::Runtime;

/// A set lives as long as any test uses it: a static value would never be dropped, nor its folder removed.
static SITES: Mutex<[Weak<Site>; 2]> = Mutex::new([const { Weak::new() }; 2]);

/// A replica set and a client of it that carries raw documents.
pub(crate) struct Site {
    client: Client,
    runtime: Runtime,
    pub(crate) set: ReplicaSet,
}

/// Where a link goes from and to.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) source: Arc<Site>,
    pub(crate) target: Arc<Site>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self { source: shared(0), target: shared(1) }
    }
}

fn shared(slot: usize) -> Arc<Site> {
    // A test that failed to start a set leaves the other as it was.
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = sites[slot].upgrade() {
        return site;
    }
    // Whatever expires does so at once.
    let site = Arc::new(Site::start(Options::new(1).arg("--setParameter").arg("ttlMonitorSleepSecs=1")));
    sites[slot] = Arc::downgrade(&site);
    site
}

impl Site {
    pub(crate) fn start(options: Options) -> Self {
        let home = scratch("mongo").expect("a scratch folder");
        let set = ReplicaSet::start(options, &home).expect("a running set");
        let runtime = Runtime::new().expect("a runtime");
        let client = runtime.block_on(Client::with_uri_str(set.known_url())).expect("a client");
        Self { client, runtime, set }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn wait_for<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// A command that must succeed, in bytes.
    #[track_caller]
    pub(crate) fn raw(&self, database: &str, command: Vec<u8>) -> Document {
        self.try_raw(database, command).unwrap_or_else(|why| panic!("{database}: {why}"))
    }

    /// Answers what the server has against it otherwise.
    pub(crate) fn try_raw(&self, database: &str, command: Vec<u8>) -> Result<Document, String> {
        let command = RawDocumentBuf::from_bytes(command).expect("a document");
        let asked = async { self.client.database(database).run_raw_command(command).await };
        let answer = self.wait_for(asked).map_err(|error| error.to_string())?;
        match answer.get_array("writeErrors") {
            Ok(errors) => Err(format!("{errors:?}")),
            Err(_) => Ok(answer),
        }
    }

    #[track_caller]
    pub(crate) fn run(&self, database: &str, command: &Document) -> Document {
        self.raw(database, command.to_vec().expect("a document"))
    }

    #[track_caller]
    pub(crate) fn insert(&self, database: &str, collection: &str, documents: &[Document]) {
        self.run(database, &doc! { "insert": collection, "documents": documents });
    }

    /// Each an operator's document or a pipeline.
    #[track_caller]
    pub(crate) fn update(
        &self,
        database: &str,
        collection: &str,
        filter: Document,
        update: impl Into<bson::Bson>,
    ) {
        let one = doc! { "q": filter, "u": update.into(), "multi": false };
        let answer = self.run(database, &doc! { "update": collection, "updates": [one] });
        assert_eq!(answer.get_i32("n").ok(), Some(1), "{answer}");
    }

    #[track_caller]
    pub(crate) fn delete(&self, database: &str, collection: &str, filter: Document) {
        let one = doc! { "q": filter, "limit": 0 };
        self.run(database, &doc! { "delete": collection, "deletes": [one] });
    }

    /// What a command answers with a cursor, byte for byte.
    #[track_caller]
    pub(crate) fn answers(&self, database: &str, question: &Document) -> Vec<Vec<u8>> {
        let question = RawDocumentBuf::try_from(question).expect("a document");
        self.wait_for(async {
            let asked = self.client.database(database).run_raw_cursor_command(question).batch().await;
            let mut batches = asked.expect("a cursor");
            let mut found = Vec::new();
            while let Some(batch) = batches.next().await {
                for one in batch.expect("a batch").doc_slices().expect("documents") {
                    let one = one.expect("an element").as_document().expect("a document");
                    found.push(one.as_bytes().to_vec());
                }
            }
            found
        })
    }

    /// In the order of `_id`, or of their place where that means something.
    #[track_caller]
    pub(crate) fn documents(&self, database: &str, collection: &str, natural: bool) -> Vec<Vec<u8>> {
        let order = if natural {
            doc! { "$natural": 1 }
        } else {
            doc! { "_id": 1 }
        };
        self.answers(database, &doc! { "find": collection, "sort": order })
    }

    /// The same, understood.
    #[track_caller]
    pub(crate) fn found(&self, database: &str, collection: &str) -> Vec<Document> {
        let found = self.documents(database, collection, false);
        found.iter().map(|one| Document::from_reader(one.as_slice()).expect("a document")).collect()
    }
}
