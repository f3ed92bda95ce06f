//! A deployment for `tidegate verify`. It has its own reader, apart from that of the copy, so that a fault there is not
//! repeated here.
//!
//! A collection is a table of two columns: `_id`, the key, and `document`, all of it byte for byte, so that the order of
//! fields and the types of numbers count.

mod definitions;
mod reader;

use self::reader::MongoReader;
use crate::catalog::{self, Collection, Kind};
use crate::connect::{Endpoint, run};
use crate::definitions::server::decoded;
use crate::raw;
use mongodb::Client;
use std::any::Any;
use std::collections::HashSet;
use tidegate_model::{
    Code, Comparable, ComparedColumn, ComparedKey, ComparedTable, Error, Fut, Layout, Result, RowReader,
    Selection, TableName, Wanted,
};

const KEY: &str = "_id";
const DOCUMENT: &str = "document";

/// A deployment that is compared.
pub struct MongoComparable {
    endpoint: Endpoint,
}

impl MongoComparable {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    async fn find_tables(&self, wanted: Wanted<'_>) -> Result<Vec<ComparedTable>> {
        let client = self.endpoint.client().await?;
        let folded = |database: &str, name: &str| (database.to_lowercase(), name.to_lowercase());
        let named: HashSet<(String, String)> = match wanted {
            Wanted::Named(names) => names.iter().map(|name| folded(&name.database, &name.table)).collect(),
            Wanted::Selected(_) => HashSet::new(),
        };
        let mut databases = catalog::databases(&client).await?;
        databases.retain(|database| match wanted {
            Wanted::Selected(selection) => selection.touches_database(database),
            Wanted::Named(_) => named.iter().any(|name| name.0 == database.to_lowercase()),
        });
        let is_wanted = |database: &str, name: &str| match wanted {
            Wanted::Selected(selection) => selection.selects(database, name),
            Wanted::Named(_) => named.contains(&folded(database, name)),
        };
        let mut tables = Vec::new();
        for found in catalog::read(&client, &databases, &is_wanted).await? {
            if found.kind == Kind::Collection {
                tables.push(table(&client, found).await?);
            }
        }
        Ok(tables)
    }

    async fn differences(
        &self,
        target: &dyn Comparable,
        selection: &Selection,
    ) -> Result<Vec<(TableName, String)>> {
        let target: &dyn Any = target;
        let target = target.downcast_ref::<Self>().ok_or_else(|| {
            Error::new(Code::UnsupportedEngine, "source and target are of different engines")
        })?;
        let (source, target) = (self.endpoint.client().await?, target.endpoint.client().await?);
        definitions::list_differences(&source, &target, selection).await
    }
}

async fn table(client: &Client, found: Collection) -> Result<ComparedTable> {
    let mut question = raw::Builder::new();
    question.text("count", &found.name.table);
    let answer = run(client, &found.name.database, &question.finish()).await?;
    let rows_estimated = answer.get("n").and_then(crate::definitions::server::whole).unwrap_or(0);
    // Texts sort by the collection's own collation, and another version of it may sort otherwise.
    let collation = decoded(&found.options)?.get("collation").map(ToString::to_string).unwrap_or_default();
    let column = |name: &str, order: &str| ComparedColumn {
        name: name.to_owned(),
        form: "bson".to_owned(),
        order: order.to_owned(),
    };
    Ok(ComparedTable {
        name: found.name,
        rows_estimated: u64::try_from(rows_estimated).unwrap_or(0),
        columns: vec![column(KEY, &collation), column(DOCUMENT, "")],
        keys: vec![ComparedKey { columns: vec![0], sorted: true }],
    })
}

impl Comparable for MongoComparable {
    fn tables<'a>(&'a self, wanted: Wanted<'a>) -> Fut<'a, Vec<ComparedTable>> {
        Box::pin(self.find_tables(wanted))
    }

    fn definition_differences<'a>(
        &'a self,
        target: &'a dyn Comparable,
        selection: &'a Selection,
    ) -> Fut<'a, Vec<(TableName, String)>> {
        Box::pin(self.differences(target, selection))
    }

    fn open<'a>(&'a self, table: &'a TableName, layout: &'a Layout) -> Fut<'a, Box<dyn RowReader>> {
        Box::pin(async move {
            let client = self.endpoint.client().await?;
            let reader: Box<dyn RowReader> = Box::new(MongoReader::new(client, table.clone(), layout)?);
            Ok(reader)
        })
    }
}
