//! All items of a precheck: what would end a link, and what a person should know before it begins.

use super::grants::Grants;
use super::source::{check_majority, oplog_window, source_findings};
use super::target::{check_lifetime, target_findings};
use super::{Deployment, deployment, objects, parse_version, version};
use crate::catalog::Collection;
use crate::connect::Endpoint;
use mongodb::Client;
use std::collections::BTreeSet;
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Selection};

/// An oplog that is shorter than this may be gone before a long stop ends.
const OPLOG_HOURS: u64 = 24;
const COLLECTIONS_MANY: usize = 1_000;
/// So many names are enough to see what is meant.
pub(super) const NAMES_MAX: usize = 3;

/// Findings in the order in which they are looked at.
pub(super) struct List {
    side: FindingSide,
    pub(super) findings: Vec<Finding>,
}

impl List {
    pub(super) fn new(side: FindingSide) -> Self {
        Self { side, findings: Vec::new() }
    }

    /// Something without which a link must not begin.
    pub(super) fn need(&mut self, item: &'static str, title: &'static str, outcome: Result<()>) {
        self.findings.push(Finding { item, title, side: self.side, blocks: true, outcome });
    }

    /// Something that a person should know. What we may not look at is said in words of ours.
    pub(super) fn note(&mut self, item: &'static str, title: &'static str, outcome: Result<()>) {
        let outcome = outcome.map_err(|error| match error.code() {
            Code::MissingGrant => unseen(error),
            _ => error,
        });
        self.findings.push(Finding { item, title, side: self.side, blocks: false, outcome });
    }
}

fn unseen(error: Error) -> Error {
    Error::new(Code::MissingGrant, "the account may not look at this")
        .with_source(error)
        .with_remedy("give the account the role clusterMonitor in admin, or pass it over")
}

/// The first finding that a link must not begin with.
pub(super) fn first_error(findings: Vec<Finding>) -> Result<()> {
    findings.into_iter().filter(|finding| finding.blocks).try_for_each(|finding| finding.outcome)
}

pub(super) fn some(names: &[String], what: &str, advice: &str) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    Err(Error::new(Code::BadSetting, format!("{first}{more}: {what}")).with_remedy(advice))
}

/// Looks at both deployments, and at the one beside the other.
pub(crate) async fn look(source: &Endpoint, target: &Endpoint, selection: &Selection) -> Vec<Finding> {
    let (mut findings, seen) = look_at_source(source, selection).await;
    let collections = seen.as_ref().and_then(|(_, collections)| collections.as_deref());
    let (at_target, target) = look_at_target(target, selection, collections).await;
    findings.extend(at_target);
    let (Some((source, Some(collections))), Some(target)) = (&seen, &target) else { return findings };
    let mut list = List::new(FindingSide::Target);
    let way = objects::in_the_way(collections, target, selection).await;
    list.need("TARGET_OBJECTS", "Nothing in the target stands in the way", way);
    findings.extend(list.findings);
    let mut list = List::new(FindingSide::Both);
    let order = async {
        let (here, there) = (version(source).await?, version(target).await?);
        if parse_version(&there) >= parse_version(&here) {
            return Ok(());
        }
        let what = format!(
            "the target's version {there} is older than the source's {here}: it may not know all that the source has"
        );
        Err(Error::new(Code::BadSetting, what).with_remedy("use a target of the same or a newer version"))
    };
    list.note("VERSION_ORDER", "The target is not older than the source", order.await);
    findings.extend(list.findings);
    findings
}

/// The source, and what is selected of it, as far as it could be seen.
type Seen = (Client, Option<Vec<Collection>>);

async fn look_at_source(endpoint: &Endpoint, selection: &Selection) -> (Vec<Finding>, Option<Seen>) {
    let mut list = List::new(FindingSide::Source);
    let title = "The source is there and takes the account";
    let client = match open(endpoint).await {
        Ok(client) => client,
        Err(error) => {
            list.need("SOURCE_CONNECT", title, Err(error));
            return (list.findings, None);
        }
    };
    list.need("SOURCE_CONNECT", title, Ok(()));
    list.findings.extend(source_findings(&client, endpoint, selection).await);
    list.note("SOURCE_ACCESS", "The source asks for a login", access(&client).await);
    list.note("LOG_RETENTION", "The log is kept long enough", retention(&client).await);
    list.note("SOURCE_MAJORITY", "All members of the source are there", check_majority(&client).await);
    list.note("ORPHANS", "Every document is read once", orphans(&client).await);
    let collections = match objects::selected(&client, selection).await {
        Ok(collections) => Some(collections),
        Err(error) => {
            list.need("OBJECTS", "Something is selected", Err(error));
            None
        }
    };
    if let Some(collections) = &collections {
        look_at_collections(collections, selection, &mut list);
    }
    (list.findings, Some((client, collections)))
}

fn look_at_collections(collections: &[Collection], selection: &Selection, list: &mut List) {
    let found = if collections.is_empty() {
        let what = format!("no collection of the source fits {}", selection.fingerprint());
        Err(Error::new(Code::NothingSelected, what))
    } else {
        Ok(())
    };
    list.need("OBJECTS", "Something is selected", found);
    list.need(
        "TIME_SERIES",
        "No time-series collection is selected",
        objects::refuse_time_series(collections),
    );
    list.need("ENCRYPTED", "No encrypted collection is selected", objects::refuse_encrypted(collections));
    list.need("NAMES", "The target takes the names", objects::check_names(collections, selection));
    let capped = some(
        &objects::capped(collections),
        "capped: documents are written one by one, and there is no way back for them",
        "nothing need be done for one direction; exclude them where a way back is wanted",
    );
    list.note("CAPPED", "No capped collection is selected", capped);
    let expiring = some(
        &objects::expiring(collections),
        "TTL: the target removes nothing by itself until applications are handed over",
        "nothing need be done: what the source removes is removed in the target too",
    );
    list.note("TTL", "No document goes by itself", expiring);
    let many = if collections.len() <= COLLECTIONS_MANY {
        Ok(())
    } else {
        let what = format!(
            "{} collections are selected: beginning takes long, and each of them costs memory",
            collections.len()
        );
        Err(Error::new(Code::BadSetting, what)
            .with_remedy("divide them over several instances, by databases"))
    };
    list.note("COLLECTIONS", "There are not too many collections", many);
}

async fn look_at_target(
    endpoint: &Endpoint,
    selection: &Selection,
    collections: Option<&[Collection]>,
) -> (Vec<Finding>, Option<Client>) {
    let mut list = List::new(FindingSide::Target);
    let title = "The target is there and takes the account";
    let client = match open(endpoint).await {
        Ok(client) => client,
        Err(error) => {
            list.need("TARGET_CONNECT", title, Err(error));
            return (list.findings, None);
        }
    };
    list.need("TARGET_CONNECT", title, Ok(()));
    let names =
        collections.unwrap_or_default().iter().map(|one| selection.map(&one.name.database, &one.name.table));
    let databases: BTreeSet<String> = names.map(|name| name.database).collect();
    let databases: Vec<String> = databases.into_iter().collect();
    list.findings.extend(target_findings(&client, endpoint, selection, &databases).await);
    list.note("TARGET_ACCESS", "The target asks for a login", access(&client).await);
    list.note("TARGET_MAJORITY", "All members of the target are there", check_majority(&client).await);
    list.note("TARGET_LIFETIME", "The target gives transactions enough time", check_lifetime(&client).await);
    (list.findings, Some(client))
}

/// A connection that the server has answered.
async fn open(endpoint: &Endpoint) -> Result<Client> {
    let client = endpoint.client().await?;
    version(&client).await.map_err(|error| error.context(endpoint))?;
    Ok(client)
}

async fn access(client: &Client) -> Result<()> {
    if Grants::read(client).await?.are_enforced() {
        return Ok(());
    }
    let what = "the server runs without access control: whoever reaches it may do everything, so no right was looked at";
    Err(Error::new(Code::BadSetting, what)
        .with_remedy("turn access control on (security.authorization, or --keyFile)"))
}

async fn retention(client: &Client) -> Result<()> {
    let Some(window) = oplog_window(client).await? else { return Ok(()) };
    if window.keeps.as_secs() / 3600 >= OPLOG_HOURS {
        return Ok(());
    }
    let what = format!(
        "the oplog goes back {} and may have {} MiB: at this rate it keeps {}, and a link that stops for longer cannot go on",
        span(window.goes_back.as_secs()),
        window.largest >> 20,
        span(window.keeps.as_secs())
    );
    let remedy = "db.adminCommand({replSetResizeOplog: 1, minRetentionHours: 24}) on every member of the source, with room on its disk";
    Err(Error::new(Code::LogGone, what).with_remedy(remedy))
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// A shard may have documents that belong to another one by now.
async fn orphans(client: &Client) -> Result<()> {
    if deployment(client).await? != Deployment::Sharded {
        return Ok(());
    }
    let what = "the source is sharded: this is written for, and was not tried; moved chunks may leave documents behind";
    Err(Error::new(Code::BadSetting, what)
        .with_remedy("stop the balancer with sh.stopBalancer(), run cleanupOrphaned on every shard, and verify after the copy"))
}
