//! What a deployment has: databases, collections with their options, indexes. All of it as the server says it.

use crate::connect::{command, raw_document, understand};
use crate::raw;
use bson::Binary;
use bson::spec::BinarySubtype;
use futures_util::StreamExt;
use mongodb::Client;
use tidegate_model::{Code, Error, Result, TableName};

/// Databases of the server, and ours.
pub(crate) const OWN_DATABASES: [&str; 4] = ["admin", "config", "local", "tidegate"];

/// So the server names collections of its own.
pub(crate) const SYSTEM: &str = "system.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Collection,
    View,
    TimeSeries,
}

/// A collection as `listCollections` and `listIndexes` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) name: TableName,
    pub(crate) kind: Kind,
    /// `options`, a document.
    pub(crate) options: Vec<u8>,
    /// A value of the kind binary: another one after the collection was dropped and made anew. Empty for a view.
    pub(crate) uuid: Vec<u8>,
    /// Documents, without the one of `_id`.
    pub(crate) indexes: Vec<Vec<u8>>,
}

impl Collection {
    pub(crate) fn option(&self, name: &str) -> Result<Option<raw::Element<'_>>> {
        raw::find(&self.options, name)
    }

    pub(crate) fn is_capped(&self) -> bool {
        self.option("capped").is_ok_and(|found| found.is_some_and(|one| one.is_true()))
    }

    /// Its identity for a command; none for a view.
    pub(crate) fn identity(&self) -> Option<Binary> {
        // Before the bytes stand their count and the subtype.
        let bytes = self.uuid.get(5..)?.to_vec();
        Some(Binary { subtype: BinarySubtype::Uuid, bytes })
    }

    /// Whether texts that differ may be equal in it.
    pub(crate) fn has_collation(&self) -> bool {
        self.option("collation").is_ok_and(|found| found.is_some())
    }

    /// Whether another index than that of `_id` refuses documents.
    pub(crate) fn has_unique_index(&self) -> bool {
        let is_set =
            |index: &[u8], name| raw::find(index, name).is_ok_and(|one| one.is_some_and(|one| one.is_true()));
        self.indexes.iter().any(|index| is_set(index, "unique") || is_set(index, "prepareUnique"))
    }
}

/// The databases with anything of a person's in them.
pub(crate) async fn databases(client: &Client) -> Result<Vec<String>> {
    let names = client.list_database_names().await.map_err(understand)?;
    Ok(names.into_iter().filter(|name| !OWN_DATABASES.contains(&name.as_str())).collect())
}

/// The wanted collections of these databases, by name. Collections of the server's own (`system.…`) are left out.
pub(crate) async fn read(
    client: &Client,
    databases: &[String],
    wanted: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Result<Vec<Collection>> {
    let mut found = Vec::new();
    for database in databases {
        for one in answers(client, database, command("listCollections")).await? {
            let name = raw::find(&one, "name")?.and_then(|name| name.text()).unwrap_or_default();
            if name.starts_with(SYSTEM) || !wanted(database, name) {
                continue;
            }
            let kind = match raw::find(&one, "type")?.and_then(|kind| kind.text()) {
                Some("view") => Kind::View,
                Some("timeseries") => Kind::TimeSeries,
                _ => Kind::Collection,
            };
            let uuid =
                raw::document(&one, "info").ok().map(|info| raw::find(info, "uuid")).transpose()?.flatten();
            found.push(Collection {
                name: TableName::new(database.as_str(), name),
                kind,
                options: raw::document(&one, "options").unwrap_or(raw::EMPTY).to_vec(),
                uuid: uuid.map(|uuid| uuid.value.to_vec()).unwrap_or_default(),
                indexes: if kind == Kind::Collection {
                    indexes(client, database, name).await?
                } else {
                    Vec::new()
                },
            });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The indexes beside that of `_id`; none if the collection has gone meanwhile.
pub(crate) async fn indexes(client: &Client, database: &str, collection: &str) -> Result<Vec<Vec<u8>>> {
    let mut question = raw::Builder::new();
    question.text("listIndexes", collection);
    let mut found = match answers(client, database, question.finish()).await {
        Err(error) if error.code() == Code::MissingTable => Vec::new(),
        found => found?,
    };
    found.retain(|index| {
        let is_text =
            |name, text| raw::find(index, name).is_ok_and(|one| one.and_then(|one| one.text()) == Some(text));
        !is_text("name", "_id_") && raw::find(index, "clustered").is_ok_and(|one| one.is_none())
    });
    Ok(found)
}

/// All documents that a command answers with a cursor.
pub(crate) async fn answers(client: &Client, database: &str, question: Vec<u8>) -> Result<Vec<Vec<u8>>> {
    let database = client.database(database);
    let mut batches =
        database.run_raw_cursor_command(raw_document(question)?).batch().await.map_err(understand)?;
    let mut found = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(understand)?;
        for document in batch.doc_slices().map_err(understand)? {
            let document = document.ok().and_then(|one| one.as_document());
            let document =
                document.ok_or_else(|| Error::new(Code::MalformedLog, "an answer holds no document"))?;
            found.push(document.as_bytes().to_vec());
        }
    }
    Ok(found)
}
