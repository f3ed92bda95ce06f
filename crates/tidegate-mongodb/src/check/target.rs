//! Whether a deployment can be a target.

use super::findings::{List, first_error};
use super::grants::{Grants, Missing, Scope};
use super::source::{ANY_DATABASE, seen};
use super::{
    TARGET_FIRST, ask, check_deployment, check_features, check_version, deployment, number, parameter,
    version,
};
use crate::connect::{Endpoint, understand};
use crate::fence;
use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::Client;
use std::collections::BTreeSet;
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Selection};

/// Our own database.
pub(crate) const OURS: &str = "tidegate";
/// What the server's role `readWrite` has, of what is used.
const FOR_DOCUMENTS: [&str; 10] = [
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "dropCollection",
    "createIndex",
    "dropIndex",
    "listCollections",
    "listIndexes",
];
/// The same of `dbAdmin`.
const FOR_DEFINITIONS: [&str; 4] =
    ["collMod", "bypassDocumentValidation", "dropDatabase", "renameCollectionSameDB"];
/// Transactions of a link take seconds; one that waits for a lock takes longer.
const LIFETIME_SECONDS: i64 = 60;

/// Refuses what would make writing fail. Of the databases that will be written only those of a link that was begun are
/// known here.
pub(crate) async fn check_target(client: &Client, endpoint: &Endpoint, selection: &Selection) -> Result<()> {
    let databases = written_before(client, selection).await?;
    first_error(target_findings(client, endpoint, selection, &databases).await)
}

/// The same, all of it. `databases`: those that will be written, as far as they are known.
pub(super) async fn target_findings(
    client: &Client,
    endpoint: &Endpoint,
    selection: &Selection,
    databases: &[String],
) -> Vec<Finding> {
    let mut list = List::new(FindingSide::Target);
    let supported = async { check_version(&version(client).await?, TARGET_FIRST, endpoint) };
    list.need("TARGET_VERSION", "The target's version is supported", supported.await);
    let kind = deployment(client).await.and_then(|kind| check_deployment(kind, endpoint));
    list.need("TARGET_TRANSACTIONS", "The target is a replica set or a sharded cluster", kind);
    let features = seen(check_features(client, TARGET_FIRST, endpoint).await);
    list.need("TARGET_FEATURES", "The target's feature compatibility is high enough", features);
    let rights = check_rights(client, selection, databases).await.map_err(|error| error.context(endpoint));
    list.need("TARGET_RIGHTS", "The account may write", rights);
    list.need("TARGET_WRITABLE", "The target can be written", check_writable(client, endpoint).await);
    list.findings
}

async fn check_rights(client: &Client, selection: &Selection, databases: &[String]) -> Result<()> {
    let grants = Grants::read(client).await?;
    let mut missing = Missing::of(&grants);
    let ours = Scope::Database(OURS.to_owned());
    missing.need(&FOR_DOCUMENTS, &ours, ("readWrite", OURS));
    missing.need(&["dropDatabase"], &ours, ("dbAdmin", OURS));
    if selection.selects_database(ANY_DATABASE) {
        missing.need(&FOR_DOCUMENTS, &Scope::Everything, ("readWriteAnyDatabase", "admin"));
        missing.need(&FOR_DEFINITIONS, &Scope::Everything, ("dbAdminAnyDatabase", "admin"));
    }
    for database in databases.iter().filter(|_| !selection.selects_database(ANY_DATABASE)) {
        let scope = Scope::Database(database.clone());
        missing.need(&FOR_DOCUMENTS, &scope, ("readWrite", database));
        missing.need(&FOR_DEFINITIONS, &scope, ("dbAdmin", database));
    }
    missing.into_result()
}

async fn check_writable(client: &Client, endpoint: &Endpoint) -> Result<()> {
    let hello = ask(client, "admin", doc! { "hello": 1 }).await?;
    if !hello.get_bool("isWritablePrimary").unwrap_or_default() {
        return Err(Error::new(Code::TargetReadOnly, format!("{endpoint} has no primary that takes writes"))
            .with_remedy("see rs.status() on the target"));
    }
    let grants = Grants::read(client).await?;
    if grants.is_given("bypassWriteBlockingMode", &Scope::Cluster) {
        return Ok(());
    }
    let is_blocked = match fence::is_blocked(client).await {
        Err(error) if error.code() == Code::MissingGrant => return Ok(()),
        is_blocked => is_blocked?,
    };
    if !is_blocked {
        return Ok(());
    }
    let what = format!("{endpoint} refuses writes (setUserWriteBlockMode)");
    Err(Error::new(Code::TargetReadOnly, what).with_remedy(
        "db.adminCommand({setUserWriteBlockMode: 1, global: false}) on the target, if no link keeps applications out of it",
    ))
}

/// The databases that were copied into before; none if no link was begun, or if we may not look.
async fn written_before(client: &Client, selection: &Selection) -> Result<Vec<String>> {
    let copies = client.database(OURS).collection::<Document>("copy");
    let found =
        async { copies.find(doc! {}).projection(doc! { "_id": 1 }).await?.try_collect::<Vec<_>>().await };
    let found = match found.await.map_err(understand) {
        Err(error) if matches!(error.code(), Code::MissingGrant | Code::MissingTable) => Vec::new(),
        found => found?,
    };
    let name = |copy: &Document| {
        let id = copy.get_document("_id").ok()?;
        let (database, collection) = (id.get_str("database").ok()?, id.get_str("collection").ok()?);
        selection.selects(database, collection).then(|| selection.map(database, collection).database)
    };
    let databases: BTreeSet<String> = found.iter().filter_map(name).collect();
    Ok(databases.into_iter().collect())
}

/// A server that ends transactions early ends ours too.
pub(super) async fn check_lifetime(client: &Client) -> Result<()> {
    let answer = parameter(client, "transactionLifetimeLimitSeconds").await?;
    match number(&answer, "transactionLifetimeLimitSeconds").filter(|seconds| *seconds < LIFETIME_SECONDS) {
        None => Ok(()),
        Some(seconds) => {
            let what = format!(
                "transactionLifetimeLimitSeconds is {seconds} s: a large transaction may never fit into it"
            );
            let remedy = format!(
                "db.adminCommand({{setParameter: 1, transactionLifetimeLimitSeconds: {LIFETIME_SECONDS}}}) on every member of the target"
            );
            Err(Error::new(Code::BadSetting, what).with_remedy(remedy))
        }
    }
}
