//! Commands that change many documents of one collection in a session's transaction, as large as a server takes them.

use crate::knowledge::KnownCollection;
use crate::raw::{self, Builder, kind};
use crate::session::WriteSession;
use crate::state::integer;
use tidegate_model::{Code, Error, Mode, Result};

/// A command is sent when it has grown to this. One document of any size still fits: servers take 16 MiB and 16 KiB.
pub(crate) const COMMAND_BYTES: usize = 12 << 20;

/// Servers take 100,000.
const COMMAND_COUNT: u32 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Delete,
    Update,
    Insert,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Delete, Self::Update, Self::Insert];

    fn command(self, collection: &KnownCollection) -> Builder {
        let (name, list) = match self {
            Self::Delete => ("delete", "deletes"),
            Self::Update => ("update", "updates"),
            Self::Insert => ("insert", "documents"),
        };
        let mut builder = Builder::new();
        builder.text(name, &collection.name.table);
        if collection.validated && self != Self::Delete {
            builder.flag("bypassDocumentValidation", true);
        }
        builder.begin_array(list);
        builder
    }
}

struct Open {
    builder: Builder,
    count: u32,
}

/// Gathers changes to one collection and sends them.
pub(crate) struct Sender<'a> {
    pub(crate) session: &'a mut WriteSession,
    collection: &'a KnownCollection,
    mode: Mode,
    open: [Option<Open>; 3],
    last: Verb,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(session: &'a mut WriteSession, collection: &'a KnownCollection, mode: Mode) -> Self {
        Self { session, collection, mode, open: [None, None, None], last: Verb::Delete }
    }

    /// The command that the next change goes into; what has to be done before it is sent.
    async fn room(&mut self, verb: Verb, bytes: usize) -> Result<&mut Open> {
        if self.collection.ordered && verb != self.last {
            self.send(self.last).await?;
        }
        self.last = verb;
        let is_full = |open: &Open| open.builder.len() + bytes > COMMAND_BYTES || open.count == COMMAND_COUNT;
        if self.open[verb as usize].as_ref().is_some_and(is_full) {
            self.send(verb).await?;
        }
        let collection = self.collection;
        Ok(self.open[verb as usize]
            .get_or_insert_with(|| Open { builder: verb.command(collection), count: 0 }))
    }

    async fn send(&mut self, verb: Verb) -> Result<()> {
        if verb != Verb::Delete
            && !self.collection.ordered
            && let Some(deletes) = self.open[Verb::Delete as usize].take()
        {
            // What comes anew is deleted before.
            self.send_one(Verb::Delete, deletes).await?;
        }
        match self.open[verb as usize].take() {
            Some(open) => self.send_one(verb, open).await,
            None => Ok(()),
        }
    }

    async fn send_one(&mut self, verb: Verb, open: Open) -> Result<()> {
        let name = &self.collection.name;
        let answer = self.session.run(&name.database, open.builder.finish()).await;
        let done = integer(&answer.map_err(|error| error.context(name))?, "n");
        if self.mode == Mode::Overlap || done == i64::from(open.count) {
            return Ok(());
        }
        let missing = i64::from(open.count) - done;
        let what = match verb {
            Verb::Delete => "that were to be deleted are not there",
            Verb::Update => "that were to be changed are not there",
            Verb::Insert => "were not inserted",
        };
        Err(Error::new(Code::Conflict, format!("{name}: {missing} of {} documents {what}", open.count)))
    }

    pub(crate) async fn delete(&mut self, id: (u8, &[u8])) -> Result<()> {
        let open = self.room(Verb::Delete, id.1.len()).await?;
        open.count += 1;
        open.builder
            .push_document()
            .begin_document("q")
            .value("_id", id.0, id.1)
            .end()
            .int32("limit", 1)
            .end();
        Ok(())
    }

    /// Puts the document in the place of that with its `_id`, if there is one, or in any case.
    pub(crate) async fn replace(&mut self, id: (u8, &[u8]), document: &[u8], upsert: bool) -> Result<()> {
        let collection = self.collection;
        let open = self.room(Verb::Update, id.1.len() + document.len()).await?;
        open.count += 1;
        push_replacement(&mut open.builder, collection, id, document, upsert)
    }

    /// A document that must not be there yet.
    pub(crate) async fn insert(&mut self, id: (u8, &[u8]), document: &[u8]) -> Result<()> {
        if has_empty_time(document)? {
            return self.insert_exactly(id, document).await;
        }
        let open = self.room(Verb::Insert, document.len()).await?;
        open.count += 1;
        open.builder.push(kind::DOCUMENT, document);
        Ok(())
    }

    /// Servers put their time in the place of an empty one that is inserted, but not of one that an update makes.
    async fn insert_exactly(&mut self, id: (u8, &[u8]), document: &[u8]) -> Result<()> {
        for verb in Verb::ALL {
            self.send(verb).await?;
        }
        let name = &self.collection.name;
        let found =
            self.session.find(&name.database, find_command(self.collection, std::iter::once(id), 1)).await?;
        if !found.documents()?.is_empty() {
            let what = format!("{name}: a document with _id {} is there already", shown_id(id));
            return Err(Error::new(Code::Conflict, what));
        }
        self.replace(id, document, true).await
    }

    /// For an ordered collection: sends what there is.
    pub(crate) async fn send_last(&mut self) -> Result<()> {
        self.send(self.last).await
    }

    pub(crate) async fn finish(mut self) -> Result<()> {
        if self.collection.ordered {
            return self.send(self.last).await;
        }
        for verb in Verb::ALL {
            self.send(verb).await?;
        }
        Ok(())
    }
}

/// An element of `updates`.
pub(crate) fn push_replacement(
    builder: &mut Builder,
    collection: &KnownCollection,
    id: (u8, &[u8]),
    document: &[u8],
    upsert: bool,
) -> Result<()> {
    builder.push_document().begin_document("q").value("_id", id.0, id.1);
    if upsert {
        // A router has to know where a new document belongs.
        for field in collection.shard_key.iter().filter(|field| *field != "_id") {
            if let Some(found) = find_path(document, field)? {
                builder.value(field, found.kind, found.value);
            }
        }
    }
    builder.end();
    if is_plain(document)? {
        builder.document("u", document);
    } else {
        builder
            .begin_array("u")
            .push_document()
            .begin_document("$replaceWith")
            .document("$literal", document);
        builder.end().end().end();
    }
    if upsert {
        builder.flag("upsert", true);
    }
    builder.end();
    Ok(())
}

/// Whether a server takes the document for what it is when it is to replace another.
fn is_plain(document: &[u8]) -> Result<bool> {
    for element in raw::elements(document) {
        let element = element?;
        if element.name.starts_with('$') || is_empty_time(element) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_empty_time(element: raw::Element<'_>) -> bool {
    element.kind == kind::TIMESTAMP && element.value == [0; 8] && element.name != "_id"
}

/// Whether the document has an empty time at the top, where servers fill it in.
pub(crate) fn has_empty_time(document: &[u8]) -> Result<bool> {
    for element in raw::elements(document) {
        if is_empty_time(element?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn find_path<'a>(document: &'a [u8], path: &str) -> Result<Option<raw::Element<'a>>> {
    let Some((head, rest)) = path.split_once('.') else { return raw::find(document, path) };
    match raw::find(document, head)?.and_then(|inner| inner.document()) {
        Some(inner) => find_path(inner, rest),
        None => Ok(None),
    }
}

/// Asks for the documents with these `_id`s, at once.
pub(crate) fn find_command<'a>(
    collection: &KnownCollection,
    ids: impl Iterator<Item = (u8, &'a [u8])>,
    count: usize,
) -> Vec<u8> {
    let mut builder = Builder::new();
    builder.text("find", &collection.name.table);
    builder.begin_document("filter").begin_document("_id").begin_array("$in");
    for (of_kind, value) in ids {
        builder.push(of_kind, value);
    }
    // One more: so that the server knows that there are no more.
    builder.end().end().end().int32("batchSize", count as i32 + 1);
    builder.finish()
}

/// An `_id` for a person.
pub(crate) fn shown_id(id: (u8, &[u8])) -> String {
    let mut builder = Builder::new();
    builder.value("_id", id.0, id.1);
    let shown = crate::conflict::shown(&builder.finish());
    shown.strip_prefix("{\"_id\":").and_then(|rest| rest.strip_suffix('}')).unwrap_or(&shown).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::TableName;

    fn collection(shard_key: &[&str]) -> KnownCollection {
        KnownCollection {
            name: TableName::new("a", "b"),
            ordered: false,
            capped: false,
            view: false,
            validated: false,
            shard_key: shard_key.iter().map(|field| (*field).to_owned()).collect(),
        }
    }

    fn written(document: &[u8], shard_key: &[&str]) -> bson::Document {
        let mut builder = Builder::new();
        builder.begin_array("updates");
        push_replacement(
            &mut builder,
            &collection(shard_key),
            (kind::INT32, &1_i32.to_le_bytes()),
            document,
            true,
        )
        .unwrap();
        let bytes = builder.finish();
        let all: bson::Document = bson::RawDocument::from_bytes(&bytes).unwrap().try_into().unwrap();
        all.get_array("updates").unwrap()[0].as_document().unwrap().clone()
    }

    #[test]
    fn a_document_is_written_as_what_it_is() {
        let document = |write: &dyn Fn(&mut Builder)| {
            let mut builder = Builder::new();
            builder.int32("_id", 1);
            write(&mut builder);
            builder.finish()
        };
        let plain = written(
            &document(&|builder| {
                builder.int32("x", 2);
            }),
            &["_id", "x"],
        );
        assert_eq!(
            plain,
            bson::doc! { "q": { "_id": 1, "x": 2 }, "u": { "_id": 1, "x": 2 }, "upsert": true }
        );
        let odd = written(
            &document(&|builder| {
                builder.int32("$x", 2);
            }),
            &["a.b"],
        );
        let literal = bson::doc! { "$replaceWith": { "$literal": { "_id": 1, "$x": 2 } } };
        assert_eq!(odd, bson::doc! { "q": { "_id": 1 }, "u": [literal], "upsert": true });
        let empty_time = document(&|builder| {
            builder.timestamp("t", (0, 0));
        });
        assert!(written(&empty_time, &[]).get_array("u").is_ok());
        assert!(has_empty_time(&empty_time).unwrap());
        assert_eq!(shown_id((kind::INT32, &1_i32.to_le_bytes())), "1");
    }
}
