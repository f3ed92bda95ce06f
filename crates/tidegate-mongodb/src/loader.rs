//! Loading copied chunks: inserts in a transaction that ends with the copy's progress.

use crate::capped;
use crate::catalog;
use crate::connect::run;
use crate::knowledge::KnownCollection;
use crate::raw::{Builder, kind};
use crate::send::{COMMAND_BYTES, has_empty_time, push_replacement};
use crate::session::WriteSession;
use crate::state::copied::{self, Part};
use crate::state::{self, MadeFor};
use crate::writer::id_of;
use mongodb::Client;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tidegate_model::{
    Chunk, Code, CopyProgress, CopyStep, Error, Fut, InstanceName, Loader, Position, Result, TableName,
};

/// So many documents are deleted in one transaction when a copy begins anew.
const EMPTIED_AT_ONCE: i32 = 5_000;

/// Servers take 100,000 documents in a command.
const COMMAND_COUNT: usize = 50_000;

/// Documents that the collection has from before the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsBefore {
    /// There must be none.
    None,
    /// They are welcome.
    MayBe,
    /// There are some, which stay.
    Kept,
}

/// Numbers that loaders bear while they are there, so that each has a document of its own to write to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<BTreeSet<u32>>>);

#[derive(Debug)]
struct Place {
    number: u32,
    places: Places,
}

impl Places {
    fn take(&self) -> Place {
        let mut taken = self.0.lock().expect("no holder panics");
        let number = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        taken.insert(number);
        Place { number, places: self.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.lock().expect("no holder panics").remove(&self.number);
    }
}

pub(crate) struct CollectionLoader {
    client: Client,
    instance: InstanceName,
    /// The collection's name in the source: what its progress is stored under.
    source_name: TableName,
    target: Arc<KnownCollection>,
    session: WriteSession,
    part: Part,
    place: Place,
    rows_before: RowsBefore,
    /// Of a capped collection: what the next commit writes.
    kept: Vec<u8>,
}

impl CollectionLoader {
    pub(crate) async fn open(
        client: &Client,
        instance: &InstanceName,
        source_name: TableName,
        target: Arc<KnownCollection>,
        rows_before: RowsBefore,
        places: &Places,
    ) -> Result<Self> {
        let place = places.take();
        let session = WriteSession::open(client, instance, format!("copy {}", place.number)).await?;
        let part = Part::claim(client, instance, &source_name, place.number).await?;
        let (client, instance) = (client.clone(), instance.clone());
        Ok(Self {
            client,
            instance,
            source_name,
            target,
            session,
            part,
            place,
            rows_before,
            kept: Vec::new(),
        })
    }

    /// The progress is moved on first: who fails at that must not touch the collection.
    async fn begin_anew(&mut self, version: u64, snapshot: Option<Position>) -> Result<()> {
        if version == 0 {
            let made = state::record_made(&self.instance, &self.source_name, MadeFor::Copy);
            state::control(&self.client, made).await?;
        }
        let is_filled = is_filled(&self.client, &self.target.name).await?;
        if version == 0 && is_filled && self.rows_before != RowsBefore::None {
            self.keep_rows(snapshot.is_some()).await?;
        } else if version == 0 && is_filled {
            let what =
                format!("{} has got documents since the link was begun, and not from it", self.target.name);
            return Err(Error::new(Code::TargetNotEmpty, what));
        }
        self.session.begin().await?;
        copied::restart(&mut self.session, &self.instance, &self.source_name, version, snapshot.as_ref())
            .await?;
        self.session.commit().await?;
        if is_filled && self.rows_before != RowsBefore::Kept {
            self.empty().await?;
        }
        Ok(())
    }

    /// A collection that is copied at one moment must be empty before.
    async fn keep_rows(&mut self, snapshot_is_needed: bool) -> Result<()> {
        if snapshot_is_needed || self.target.capped {
            let what = format!("{} has documents and can keep none", self.target.name);
            let remedy = format!("empty or drop {} in the target, or exclude it", self.target.name);
            return Err(Error::new(Code::TargetNotEmpty, what).with_remedy(remedy));
        }
        state::keep(&self.client, &self.instance, &self.source_name).await?;
        self.rows_before = RowsBefore::Kept;
        Ok(())
    }

    /// In transactions that say whose they are: the reverse of a link is not to take it for news.
    async fn empty(&mut self) -> Result<()> {
        let name = self.target.name.clone();
        if self.target.capped {
            let mut builder = Builder::new();
            builder.text("delete", &name.table).begin_array("deletes").push_document();
            builder.begin_document("q").end().int32("limit", 0).end().end();
            builder.begin_document("writeConcern").text("w", "majority").end();
            return run(&self.client, &name.database, &builder.finish()).await.map(|_| ());
        }
        loop {
            self.session.begin().await?;
            self.say(&self.part.touch_command()).await?;
            let mut question = Builder::new();
            question.text("find", &name.table).begin_document("projection").int32("_id", 1).end();
            question.int32("limit", EMPTIED_AT_ONCE).int32("batchSize", EMPTIED_AT_ONCE + 1);
            let found = self.session.find(&name.database, question.finish()).await?;
            let mut builder = Builder::new();
            builder.text("delete", &name.table).begin_array("deletes").push_document();
            builder.begin_document("q").begin_document("_id").begin_array("$in");
            let documents = found.documents()?;
            for document in &documents {
                let (of_kind, value) = id_of(document)?;
                builder.push(of_kind, value);
            }
            if documents.is_empty() {
                self.session.abort().await;
                return Ok(());
            }
            builder.end().end().end().int32("limit", 0).end().end();
            self.session.run(&name.database, builder.finish()).await?;
            self.session.commit().await?;
        }
    }

    /// Writes to the part, which must be as it was.
    async fn say(&mut self, command: &bson::Document) -> Result<()> {
        if self.session.control(command).await? == 1 {
            return Ok(());
        }
        self.session.abort().await;
        Err(copied::moved(&self.target.name))
    }

    async fn fill(&mut self, chunk: &Chunk) -> Result<()> {
        if self.target.capped {
            self.kept.clear();
            self.kept.extend_from_slice(&chunk.bytes);
            return Ok(());
        }
        self.session.begin().await?;
        let (mut inserts, mut replacements) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for document in capped::documents(&chunk.bytes) {
            let document = document?;
            if bytes > 0 && bytes + document.len() > COMMAND_BYTES || inserts.len() == COMMAND_COUNT {
                self.insert(&mut inserts, bytes).await?;
                bytes = 0;
            }
            if self.rows_before == RowsBefore::Kept || has_empty_time(document)? {
                replacements.push(document);
            } else {
                bytes += document.len() + 8;
                inserts.push(document);
            }
        }
        self.insert(&mut inserts, bytes).await?;
        self.replace(&replacements).await
    }

    async fn insert(&mut self, documents: &mut Vec<&[u8]>, bytes: usize) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let name = &self.target.name;
        let mut builder = Builder::with_room(bytes + 1024);
        builder.text("insert", &name.table);
        if self.target.validated {
            builder.flag("bypassDocumentValidation", true);
        }
        builder.begin_array("documents");
        for document in documents.drain(..) {
            builder.push(kind::DOCUMENT, document);
        }
        match self.session.run(&name.database, builder.finish()).await {
            Err(error) if error.code() == Code::Conflict => {
                let remedy =
                    "see who writes to the target besides the link; then begin the link anew with a new copy";
                Err(error
                    .context(format!("{name} has got a document that is being copied"))
                    .with_remedy(remedy))
            }
            inserted => inserted.map(|_| ()).map_err(|error| error.context(name)),
        }
    }

    /// For documents that may be there, and those that servers would change when they are inserted.
    async fn replace(&mut self, documents: &[&[u8]]) -> Result<()> {
        let name = &self.target.name;
        let mut left = documents;
        while !left.is_empty() {
            let mut builder = Builder::new();
            builder.text("update", &name.table);
            if self.target.validated {
                builder.flag("bypassDocumentValidation", true);
            }
            builder.begin_array("updates");
            let mut count = 0;
            for document in left {
                if count > 0 && (builder.len() + document.len() > COMMAND_BYTES || count == COMMAND_COUNT) {
                    break;
                }
                push_replacement(&mut builder, &self.target, id_of(document)?, document, true)?;
                count += 1;
            }
            left = &left[count..];
            let sent = self.session.run(&name.database, builder.finish()).await;
            sent.map_err(|error| error.context(name))?;
        }
        Ok(())
    }

    async fn settle(&mut self, step: CopyStep<'_>) -> Result<()> {
        if self.target.capped {
            self.session.begin().await?;
            self.say(&self.part.touch_command()).await?;
            self.session.commit().await?;
            let kept = std::mem::take(&mut self.kept);
            let documents = capped::documents(&kept).collect::<Result<Vec<_>>>()?;
            capped::load(&self.client, &self.target, &documents).await?;
            self.session.begin().await?;
        }
        self.say(&self.part.commit_command(step)).await?;
        self.session.commit().await
    }

    async fn connect_again(&mut self) -> Result<Option<CopyProgress>> {
        self.kept.clear();
        self.session.renew().await?;
        self.part = Part::claim(&self.client, &self.instance, &self.source_name, self.place.number).await?;
        // Loaders that are gone may have left something under way as well.
        copied::wait_for_parts(&self.client, &self.instance, &self.source_name).await?;
        let copied = state::read_copied(&self.client, &self.instance).await?;
        Ok(copied.into_iter().find(|one| one.table == self.source_name))
    }
}

/// Whether the collection has documents. One that is not there has none.
pub(crate) async fn is_filled(client: &Client, name: &TableName) -> Result<bool> {
    let mut question = Builder::new();
    question.text("find", &name.table).int32("limit", 1).flag("singleBatch", true);
    question.document("projection", &{
        let mut id = Builder::new();
        id.int32("_id", 1);
        id.finish()
    });
    Ok(!catalog::answers(client, &name.database, question.finish()).await?.is_empty())
}

impl Loader for CollectionLoader {
    fn restart(&mut self, version: u64, snapshot: Option<Position>) -> Fut<'_, ()> {
        Box::pin(self.begin_anew(version, snapshot))
    }

    fn load<'a>(&'a mut self, chunk: &'a Chunk) -> Fut<'a, ()> {
        Box::pin(self.fill(chunk))
    }

    fn commit<'a>(&'a mut self, step: CopyStep<'a>) -> Fut<'a, ()> {
        Box::pin(self.settle(step))
    }

    fn recover(&mut self) -> Fut<'_, Option<CopyProgress>> {
        Box::pin(self.connect_again())
    }
}
