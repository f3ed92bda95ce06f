//! What a deployment has, for somebody who chooses.

use crate::catalog::{self, Kind};
use crate::check::{ask, number, version};
use crate::connect::Endpoint;
use crate::raw;
use bson::{Bson, Document, doc};
use mongodb::Client;
use tidegate_model::{Code, FoundTable, Result, TableName};

/// So many documents are looked at for their fields.
const SAMPLE: i32 = 100;

impl Endpoint {
    /// What answers here: `MongoDB 6.0.5`.
    pub(crate) async fn version_text(&self) -> Result<String> {
        let client = self.client().await?;
        Ok(format!("MongoDB {}", version(&client).await?))
    }

    /// All collections, by name; of one database with the fields that some of their documents have.
    pub(crate) async fn find_tables(&self, database: Option<&str>) -> Result<Vec<FoundTable>> {
        let client = self.client().await?;
        let mut databases = catalog::databases(&client).await?;
        databases.retain(|name| database.is_none_or(|wanted| wanted == name));
        let mut tables = Vec::new();
        for name in databases {
            for collection in collections(&client, &name).await? {
                let (rows_estimated, bytes_estimated) = size(&client, &name, &collection).await?;
                let detail = match database {
                    Some(_) => Some((true, fields(&client, &name, &collection).await?)),
                    None => None,
                };
                tables.push(FoundTable {
                    name: TableName::new(name.as_str(), collection),
                    rows_estimated,
                    bytes_estimated,
                    detail,
                });
            }
        }
        tables.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(tables)
    }
}

/// Without indexes, which take a question each.
async fn collections(client: &Client, database: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for one in catalog::answers(client, database, doc_bytes(&doc! { "listCollections": 1 })?).await? {
        let name = raw::find(&one, "name")?.and_then(|name| name.text()).unwrap_or_default();
        if kind_of(&one)? == Kind::Collection && !name.starts_with(catalog::SYSTEM) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn kind_of(one: &[u8]) -> Result<Kind> {
    Ok(match raw::find(one, "type")?.and_then(|kind| kind.text()) {
        Some("view") => Kind::View,
        Some("timeseries") => Kind::TimeSeries,
        _ => Kind::Collection,
    })
}

fn doc_bytes(document: &Document) -> Result<Vec<u8>> {
    document.to_vec().map_err(|_| raw::malformed())
}

/// Documents, and bytes with indexes. Nothing where we may not ask, or where it has gone meanwhile.
async fn size(client: &Client, database: &str, collection: &str) -> Result<(u64, u64)> {
    let stats = match ask(client, database, doc! { "collStats": collection }).await {
        Err(error) if matches!(error.code(), Code::MissingGrant | Code::MissingTable) => return Ok((0, 0)),
        stats => stats?,
    };
    let value =
        |name: &str| number(&stats, name).and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
    Ok((value("count"), value("size") + value("totalIndexSize")))
}

/// The fields at the top of some documents, with the types that they have there.
async fn fields(client: &Client, database: &str, collection: &str) -> Result<Vec<(String, String)>> {
    let stages = [
        doc! { "$limit": SAMPLE },
        doc! { "$project": { "fields": { "$map": {
            "input": { "$objectToArray": "$$ROOT" },
            "in": { "k": "$$this.k", "t": { "$type": "$$this.v" } },
        } } } },
        doc! { "$unwind": { "path": "$fields", "includeArrayIndex": "at" } },
        doc! { "$group": { "_id": "$fields.k", "types": { "$addToSet": "$fields.t" }, "at": { "$min": "$at" } } },
        doc! { "$sort": { "at": 1, "_id": 1 } },
    ];
    let stages: Vec<Bson> = stages.into_iter().map(Bson::from).collect();
    let question = doc_bytes(&doc! { "aggregate": collection, "pipeline": stages, "cursor": {} })?;
    let mut found = Vec::new();
    for one in catalog::answers(client, database, question).await? {
        let field = Document::from_reader(one.as_slice()).map_err(|_| raw::malformed())?;
        let types = field.get_array("types").cloned().unwrap_or_default();
        let mut types: Vec<&str> = types.iter().filter_map(Bson::as_str).collect();
        types.sort_unstable();
        found.push((field.get_str("_id").unwrap_or_default().to_owned(), types.join(" | ")));
    }
    Ok(found)
}
