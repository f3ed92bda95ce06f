//! The journal of schema changes: what is about to run, with a fingerprint of all that it can change. After a crash the
//! fingerprint tells whether it ran.
//!
//! A link has one entry at most: `{_id: {instance}, seq, text, names, fingerprint}`. From its insertion to its deletion the
//! reverse direction holds what happens to the names for ours.

use crate::connect::understand;
use crate::definitions::server;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use mongodb::Client;
use tidegate_model::{Code, InstanceName, Result, TableName};

const COLLECTION: &str = "ddl";
/// In place of a fingerprint: the server has refused, and nothing has changed, whatever changes until the next try.
const REFUSED: &str = "refused";
/// In place of a fingerprint: somebody has carried it out by hand.
const DONE: &str = "done";

/// What an earlier try may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing.
    New,
    /// It may have been sent, and nothing shows that it was carried out.
    Begun,
    /// Something shows that it was carried out, in part at least.
    Ran,
    /// A person says that it is done.
    Done,
}

fn id_of(instance: &InstanceName) -> Document {
    doc! { "instance": instance.as_str() }
}

fn texts(names: &[TableName]) -> Vec<String> {
    let mut texts: Vec<String> = names.iter().map(ToString::to_string).collect();
    texts.sort();
    texts.dedup();
    texts
}

/// Writes that the change `seq` is about to run, and answers what became of it before.
pub(crate) async fn begin(
    client: &Client,
    instance: &InstanceName,
    seq: u64,
    text: &str,
    names: &[TableName],
) -> Result<Before> {
    let now = fingerprint(client, names).await?;
    let found = server::control(client, COLLECTION, doc! { "_id": id_of(instance) }).await?;
    if let Some(found) =
        found.first().filter(|found| found.get("seq").and_then(server::whole) == Some(seq as i64))
    {
        if found.get("fingerprint").and_then(Bson::as_str) == Some(DONE) {
            return Ok(Before::Done);
        }
        if let Ok(before) = found.get_binary_generic("fingerprint") {
            return Ok(if *before == now { Before::Begun } else { Before::Ran });
        }
    }
    let fingerprint = Binary { subtype: BinarySubtype::Generic, bytes: now };
    let entry = doc! { "seq": seq as i64, "text": text, "names": texts(names), "fingerprint": fingerprint };
    insert(client, instance, entry).await.map(|()| Before::New)
}

/// An entry around changes that are repeated whole after a crash.
pub(crate) async fn open(client: &Client, instance: &InstanceName, names: &[TableName]) -> Result<()> {
    insert(client, instance, doc! { "names": texts(names) }).await
}

/// What was left open is closed before: readers of the log wait for insertions.
async fn insert(client: &Client, instance: &InstanceName, mut entry: Document) -> Result<()> {
    close(client, instance).await?;
    entry.insert("_id", id_of(instance));
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    collection.insert_one(entry).await.map(|_| ()).map_err(understand)
}

pub(crate) async fn close(client: &Client, instance: &InstanceName) -> Result<()> {
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    collection.delete_one(doc! { "_id": id_of(instance) }).await.map(|_| ()).map_err(understand)
}

/// The server has refused the change.
pub(crate) async fn refuse(client: &Client, instance: &InstanceName) -> Result<()> {
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    let mark = doc! { "$set": { "fingerprint": REFUSED } };
    collection.update_one(doc! { "_id": id_of(instance) }, mark).await.map(|_| ()).map_err(understand)
}

/// The links that write here what they read in the deployment `source`, and have the right to.
pub(crate) async fn writers(client: &Client, source: &str) -> Result<Vec<InstanceName>> {
    let links = server::control(client, "link", doc! { "source": source }).await?;
    let permits = server::control(client, "permit", doc! { "held": true }).await?;
    Ok(common(&links, &permits))
}

fn common(links: &[Document], permits: &[Document]) -> Vec<InstanceName> {
    let name = |one: &Document| Some(one.get_document("_id").ok()?.get_str("instance").ok()?.to_owned());
    let held: Vec<String> = permits.iter().filter_map(name).collect();
    let names = links.iter().filter_map(name).filter(|name| held.contains(name));
    names.filter_map(|name| InstanceName::parse(&name).ok()).collect()
}

/// Entries around changes that `reader` makes in the deployment that it reads: in the names of the links that write there,
/// which it knows for its peers.
pub(crate) async fn open_for(
    client: &Client,
    writers: &[InstanceName],
    reader: &InstanceName,
    names: &[TableName],
) -> Result<()> {
    // What an earlier try has left: readers of the log wait for insertions.
    close_for(client, reader).await?;
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    for writer in writers {
        let entry = doc! { "_id": id_of(writer), "names": texts(names), "for": reader.as_str() };
        match collection.insert_one(entry).await.map_err(understand) {
            Err(error) if error.code() == Code::Conflict => widen(client, writer, names).await?,
            outcome => _ = outcome?,
        }
    }
    Ok(())
}

/// A change of the writer's own has begun and not ended: its entry stays, around more names.
async fn widen(client: &Client, writer: &InstanceName, names: &[TableName]) -> Result<()> {
    for mut entry in server::control(client, COLLECTION, doc! { "_id": id_of(writer) }).await? {
        let filter = entry.clone();
        let own = entry.get_array("names").map(Vec::as_slice).unwrap_or_default();
        let own = own.iter().filter_map(Bson::as_str).map(str::to_owned);
        let mut all: Vec<String> = own.chain(texts(names)).collect();
        all.sort();
        all.dedup();
        entry.insert("names", all);
        // Replaced as a whole: that is what readers of the log look at.
        let collection = client.database("tidegate").collection::<Document>(COLLECTION);
        collection.replace_one(filter, entry).await.map_err(understand)?;
    }
    Ok(())
}

/// Takes out what [`open_for`] has written.
pub(crate) async fn close_for(client: &Client, reader: &InstanceName) -> Result<()> {
    let collection = client.database("tidegate").collection::<Document>(COLLECTION);
    collection.delete_many(doc! { "for": reader.as_str() }).await.map(|_| ()).map_err(understand)
}

/// Whether the collections are not any more what they were when the entry was written.
pub(crate) async fn has_run(client: &Client, instance: &InstanceName, names: &[TableName]) -> Result<bool> {
    let found = server::control(client, COLLECTION, doc! { "_id": id_of(instance) }).await?;
    let Some(before) = found.first().and_then(|found| found.get_binary_generic("fingerprint").ok()) else {
        return Ok(false);
    };
    Ok(*before != fingerprint(client, names).await?)
}

/// The command that takes the entry out, for the transaction of the checkpoint after the change: whether it was carried
/// out, or was refused and is left out. Harmless where there is no entry.
pub(crate) fn end_command(instance: &InstanceName) -> Document {
    doc! { "delete": COLLECTION, "deletes": [{ "q": { "_id": id_of(instance) }, "limit": 1 }] }
}

/// Everything about the collections that a schema change can change.
async fn fingerprint(client: &Client, names: &[TableName]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, found) in server::existing(client, names).await? {
        bytes.extend_from_slice(format!("{name}\0{:?}\0", found.kind).as_bytes());
        bytes.extend_from_slice(&found.uuid);
        bytes.extend_from_slice(&found.options);
        found.indexes.iter().for_each(|index| bytes.extend_from_slice(index));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_here_has_a_link_and_the_right() {
        let of = |name: &str| doc! { "_id": { "instance": name } };
        let found = common(&[of("one"), of("two"), doc! {}], &[of("two"), of("three")]);
        assert_eq!(found, [InstanceName::parse("two").unwrap()]);
    }

    #[test]
    fn names_are_written_once() {
        let (a, b) = (TableName::new("shop", "a"), TableName::new("shop", "b"));
        assert_eq!(texts(&[b.clone(), a, b]), ["shop.a", "shop.b"]);
    }
}
