//! A deployment as a source.

use crate::capture::{Server, StreamCapture, wait_until_safe};
use crate::catalog::{self, Collection, Kind, OWN_DATABASES, SYSTEM};
use crate::check;
use crate::connect::{Endpoint, command, run};
use crate::position::{MongoCursor, MongoPosition, parse};
use crate::raw::{self, Builder};
use crate::read::CollectionReader;
use bson::{Document, doc};
use mongodb::Client;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;
use tidegate_model::{
    Capture, Code, Cursor, Definition, Error, Fut, InstanceName, Position, Result, Selection, Source, Stage,
    Table, TableName, TableReader,
};

/// A replica set, or a sharded cluster through its routers, that is read.
pub struct MongoSource {
    endpoint: Endpoint,
    selection: Selection,
    /// Links of the other direction: what they have written here is no news.
    peers: Vec<InstanceName>,
    /// What [`Source::tables`] found, for the readers.
    collections: Mutex<HashMap<TableName, Collection>>,
}

impl MongoSource {
    pub fn new(endpoint: Endpoint, selection: Selection, peers: &[InstanceName]) -> Self {
        Self { endpoint, selection, peers: peers.to_vec(), collections: Mutex::default() }
    }

    async fn find_tables(&self, selection: &Selection) -> Result<Vec<Table>> {
        let client = self.endpoint.client().await?;
        let mut found = selected(&client, selection).await?;
        found.retain(|one| one.kind == Kind::Collection);
        let mut tables = Vec::with_capacity(found.len());
        for one in &found {
            let (rows_estimated, bytes_estimated) = size(&client, &one.name).await?;
            let (name, columns) = (one.name.clone(), shape(one));
            tables.push(Table { name, rows_estimated, bytes_estimated, group: None, columns });
        }
        let mut known = self.collections.lock().expect("no holder panics");
        *known = found.into_iter().map(|one| (one.name.clone(), one)).collect();
        Ok(tables)
    }

    async fn open_reader(&self, table: &Table, after: Option<&[u8]>) -> Result<Box<dyn TableReader>> {
        let known = self.collections.lock().expect("no holder panics").get(&table.name).cloned();
        let known =
            known.ok_or_else(|| Error::new(Code::Internal, format!("{} was not looked at", table.name)))?;
        Ok(Box::new(CollectionReader::open(&self.endpoint, &known, after).await?))
    }
}

/// The selection, without what belongs to the server or to us.
pub(crate) fn selects(selection: &Selection, database: &str, collection: &str) -> bool {
    !OWN_DATABASES.contains(&database)
        && !collection.starts_with(SYSTEM)
        && selection.selects(database, collection)
}

/// Every selected collection and view. Refuses what cannot take part.
pub(crate) async fn selected(client: &Client, selection: &Selection) -> Result<Vec<Collection>> {
    let mut databases = catalog::databases(client).await?;
    databases.retain(|database| selection.touches_database(database));
    let wanted = |database: &str, name: &str| selects(selection, database, name);
    let found = catalog::read(client, &databases, &wanted).await?;
    match found.iter().find(|one| one.kind == Kind::TimeSeries) {
        Some(series) => Err(time_series(&series.name)),
        None => Ok(found),
    }
}

pub(crate) fn time_series(name: &TableName) -> Error {
    Error::new(Code::UnsupportedColumn, format!("{name} is a time-series collection, which is not supported"))
        .with_remedy(format!("leave it out with --exclude '{name}'"))
}

/// Documents, and bytes with the indexes; zeros for one that has gone meanwhile.
async fn size(client: &Client, name: &TableName) -> Result<(u64, u64)> {
    let mut question = Builder::new();
    question.text("aggregate", &name.table).begin_array("pipeline");
    question.push_document().begin_document("$collStats").begin_document("storageStats").end().end().end();
    question.end().begin_document("cursor").end();
    let shards = match catalog::answers(client, &name.database, question.finish()).await {
        Err(error) if error.code() == Code::MissingTable => Vec::new(),
        shards => shards?,
    };
    let (mut rows, mut bytes) = (0, 0);
    for shard in &shards {
        let stats = raw::document(shard, "storageStats")?;
        let number =
            |name| raw::find(stats, name).map(|one| one.and_then(|one| one.integer()).unwrap_or_default());
        rows += number("count")?.max(0) as u64;
        bytes += (number("size")?.max(0) + number("totalIndexSize")?.max(0)) as u64;
    }
    Ok((rows, bytes))
}

/// Text that changes with the collection's options and indexes, and when another takes its name.
fn shape(collection: &Collection) -> String {
    let mut indexes: Vec<&[u8]> = collection.indexes.iter().map(Vec::as_slice).collect();
    indexes.sort_unstable();
    let mut text = format!("{} {}", hex(&collection.uuid), hex(&collection.options));
    for index in indexes {
        text.push(' ');
        text.push_str(&hex(index));
    }
    text
}

/// Upper-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02X}").expect("a text takes everything");
    }
    text
}

/// `text` is for people. `detail` is the hexadecimal form of BSON `{kind: "collection" | "view", options: {…}, indexes: […]}`.
fn definition(one: &Collection, stage: Stage) -> Definition {
    let is_view = stage == Stage::View;
    let mut detail = Builder::new();
    detail.text("kind", if is_view { "view" } else { "collection" });
    detail.document("options", &one.options).begin_array("indexes");
    for index in &one.indexes {
        detail.push(raw::kind::DOCUMENT, index);
    }
    detail.end();
    let plain = |document: &[u8]| match Document::from_reader(document) {
        Ok(document) => document.to_string(),
        Err(_) => hex(document),
    };
    let name = one.name.table.replace('\\', "\\\\").replace('"', "\\\"");
    let mut text = format!("db.createCollection(\"{name}\", {})", plain(&one.options));
    for index in &one.indexes {
        write!(text, "; db.runCommand({{createIndexes: \"{name}\", indexes: [{}]}})", plain(index))
            .expect("a text takes everything");
    }
    Definition { stage, name: one.name.clone(), text, detail: hex(&detail.finish()) }
}

/// Collections by name, then their indexes, which are built when the documents are there, then views.
async fn definitions(client: &Client, selection: &Selection) -> Result<Vec<Definition>> {
    let found = selected(client, selection).await?;
    let (views, collections): (Vec<&Collection>, Vec<&Collection>) =
        found.iter().partition(|one| one.kind == Kind::View);
    // The server makes a view on what is not there yet too: names are enough for an order that is always the same.
    let of = |stage: Stage| move |one: &&Collection| definition(one, stage);
    let indexed = collections.iter().filter(|one| !one.indexes.is_empty()).copied();
    let mut all: Vec<Definition> = collections.iter().map(of(Stage::Table)).collect();
    all.extend(indexed.map(|one| definition(one, Stage::Routine)));
    all.extend(views.iter().map(of(Stage::View)));
    Ok(all)
}

/// The number that a deployment was given when it began, for good.
pub(crate) async fn deployment_id(client: &Client) -> Result<String> {
    let hello = run(client, "admin", &command("hello")).await?;
    if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        let mut question = Builder::new();
        question.text("find", "version").int32("limit", 1);
        let found = catalog::answers(client, "config", question.finish()).await?;
        let id = found.first().map(|one| raw::find(one, "clusterId")).transpose()?.flatten();
        return id.map(|id| hex(id.value)).ok_or_else(|| unnamed("config.version has no clusterId"));
    }
    let answer = match run(client, "admin", &command("replSetGetConfig")).await {
        Ok(answer) => answer.get_document("config").cloned().unwrap_or_default(),
        Err(error) if error.code() == Code::MissingGrant => {
            let mut question = Builder::new();
            question.text("find", "system.replset").int32("limit", 1);
            let found = catalog::answers(client, "local", question.finish()).await?;
            let first = found.first().map(|one| Document::from_reader(one.as_slice()));
            first.and_then(Result::ok).unwrap_or_else(|| doc! {})
        }
        Err(error) => return Err(error),
    };
    let id = answer.get_document("settings").and_then(|settings| settings.get_object_id("replicaSetId"));
    id.map(|id| hex(&id.bytes())).map_err(|_| unnamed("the replica set's settings have no replicaSetId"))
}

fn unnamed(why: &str) -> Error {
    Error::new(Code::UnsupportedServer, why.to_owned())
        .with_remedy("name a replica set or a sharded cluster; a single server becomes one with --replSet and rs.initiate()")
}

impl Source for MongoSource {
    fn check(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            check::check_source(&client, &self.endpoint, &self.selection).await
        })
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async { deployment_id(&self.endpoint.client().await?).await })
    }

    fn lineage(&self) -> Fut<'_, String> {
        self.identity()
    }

    fn retention(&self) -> Fut<'_, Option<Duration>> {
        Box::pin(async {
            let window = check::oplog_window(&self.endpoint.client().await?).await?;
            Ok(window.map(|window| window.keeps))
        })
    }

    fn tables<'a>(&'a self, selection: &'a Selection) -> Fut<'a, Vec<Table>> {
        Box::pin(self.find_tables(selection))
    }

    fn definitions<'a>(&'a self, selection: &'a Selection) -> Fut<'a, Vec<Definition>> {
        Box::pin(async { definitions(&self.endpoint.client().await?, selection).await })
    }

    fn position(&self) -> Fut<'_, Position> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            let now = Server::of(&client).await?.now;
            wait_until_safe(&client, now).await?;
            Ok(MongoPosition::Time(now).into_position())
        })
    }

    fn plain(&self, position: &Position) -> Result<Position> {
        Ok(parse(position)?.into_position())
    }

    fn capture<'a>(&'a self, from: &'a Position, selection: &'a Selection) -> Fut<'a, Box<dyn Capture>> {
        Box::pin(async {
            let capture = StreamCapture::open(&self.endpoint, &parse(from)?, selection, &self.peers).await?;
            Ok(Box::new(capture) as Box<dyn Capture>)
        })
    }

    fn read<'a>(&'a self, table: &'a Table, after: Option<&'a [u8]>) -> Fut<'a, Box<dyn TableReader>> {
        Box::pin(self.open_reader(table, after))
    }

    fn snapshot<'a>(&'a self, _: &'a [Table]) -> Fut<'a, Vec<Box<dyn TableReader>>> {
        Box::pin(async { Err(Error::new(Code::Internal, "collections are not read in groups")) })
    }

    fn cursor(&self, from: &Position) -> Result<Box<dyn Cursor>> {
        Ok(Box::new(MongoCursor(parse(from)?)))
    }
}
