//! Commands about definitions, and what they answer.

use crate::catalog::{self, Collection};
use crate::connect::understand;
use bson::{Bson, Document, RawDocument, doc};
use mongodb::Client;
use mongodb::error::ErrorKind;
use std::collections::{BTreeMap, HashSet};
use tidegate_model::{Code, Error, Result, TableName};

/// Numbers of the server's errors that have a meaning of their own here.
/// <https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/base/error_codes.yml>
pub(crate) mod number {
    pub(crate) const NAMESPACE_NOT_FOUND: i32 = 26;
    pub(crate) const INDEX_NOT_FOUND: i32 = 27;
    pub(crate) const NAMESPACE_EXISTS: i32 = 48;
    pub(crate) const INDEX_ALREADY_EXISTS: i32 = 68;
    pub(crate) const INDEX_OPTIONS_CONFLICT: i32 = 85;
    pub(crate) const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    pub(crate) const CANNOT_CONVERT_TO_UNIQUE: i32 = 359;
    pub(crate) const COLLECTION_UUID_MISMATCH: i32 = 361;
    pub(crate) const DUPLICATE_KEY: i32 = 11000;
    /// What a server says to an option that it does not know, or that its compatibility version does not admit.
    pub(crate) const UNKNOWN_OPTION: [i32; 3] = [9, 72, 40415];
}

/// A command that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// 0 if it is no answer of the server.
    pub(crate) number: i32,
    pub(crate) error: Error,
}

impl Refused {
    /// Whether the server does not know an option of the command.
    pub(crate) fn is_about_the_option(&self, name: &str) -> bool {
        number::UNKNOWN_OPTION.contains(&self.number) && self.error.message().contains(name)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { number: 0, error }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

/// Runs a command that changes definitions, and waits until most members have it.
pub(crate) async fn change(
    client: &Client,
    database: &str,
    mut command: Document,
) -> Result<Document, Refused> {
    command.insert("writeConcern", doc! { "w": "majority" });
    let answer = client.database(database).run_command(command).await.map_err(|error| {
        let number = if let ErrorKind::Command(command) = error.kind.as_ref() { command.code } else { 0 };
        Refused { number, error: understand(error) }
    })?;
    let writes =
        answer.get_array("writeErrors").ok().and_then(|errors| errors.first()).and_then(Bson::as_document);
    match answer.get_document("writeConcernError").ok().or(writes) {
        None => Ok(answer),
        Some(found) => {
            let text = found.get_str("errmsg").unwrap_or("a command was not carried out everywhere");
            Err(Refused { number: 0, error: Error::new(Code::TargetBusy, text) })
        }
    }
}

/// The documents of a collection of the control database.
pub(crate) async fn control(client: &Client, collection: &str, filter: Document) -> Result<Vec<Document>> {
    let collection = client.database("tidegate").collection::<Document>(collection);
    let cursor = collection.find(filter).await.map_err(understand)?;
    futures_util::TryStreamExt::try_collect(cursor).await.map_err(understand)
}

pub(crate) fn decoded(bytes: &[u8]) -> Result<Document> {
    let raw = RawDocument::from_bytes(bytes).map_err(|_| crate::raw::malformed())?;
    Document::try_from(raw).map_err(|_| crate::raw::malformed())
}

/// What there is of these names.
pub(crate) async fn existing(
    client: &Client,
    names: &[TableName],
) -> Result<BTreeMap<TableName, Collection>> {
    let mut databases: Vec<String> = names.iter().map(|name| name.database.clone()).collect();
    databases.sort();
    databases.dedup();
    let names: HashSet<(&str, &str)> =
        names.iter().map(|name| (name.database.as_str(), name.table.as_str())).collect();
    let wanted = |database: &str, name: &str| names.contains(&(database, name));
    let found = catalog::read(client, &databases, &wanted).await?;
    Ok(found.into_iter().map(|one| (one.name.clone(), one)).collect())
}

pub(crate) async fn has_documents(client: &Client, name: &TableName) -> Result<bool> {
    let collection = client.database(&name.database).collection::<Document>(&name.table);
    Ok(collection.find_one(doc! {}).await.map_err(understand)?.is_some())
}

/// A whole number of any type.
pub(crate) fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(value) => Some(i64::from(*value)),
        Bson::Int64(value) => Some(*value),
        Bson::Double(value) if value.fract() == 0.0 && value.abs() < 9.0e15 => Some(*value as i64),
        _ => None,
    }
}
