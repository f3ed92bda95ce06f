//! Whether a deployment can be a source.

use super::findings::{List, first_error};
use super::grants::{Grants, Missing, Scope};
use super::rules::read_rules;
use super::{
    Deployment, SOURCE_FIRST, ask, ask_in, check_deployment, check_features, check_version, deployment,
    number, version,
};
use crate::connect::{Endpoint, understand};
use bson::{Bson, Document, doc};
use mongodb::Client;
use std::time::Duration;
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Selection};

/// A name that no pattern but one for everything fits.
pub(super) const ANY_DATABASE: &str = "\u{1}any";
/// What the server's role `read` has, of what is used.
const FOR_READING: [&str; 4] = ["find", "changeStream", "listCollections", "listIndexes"];

/// Refuses what would make the link lose something: no log, missing rights, an old version.
pub(crate) async fn check_source(client: &Client, endpoint: &Endpoint, selection: &Selection) -> Result<()> {
    first_error(source_findings(client, endpoint, selection).await)
}

/// The same, all of it.
pub(super) async fn source_findings(
    client: &Client,
    endpoint: &Endpoint,
    selection: &Selection,
) -> Vec<Finding> {
    let mut list = List::new(FindingSide::Source);
    let supported = async { check_version(&version(client).await?, SOURCE_FIRST, endpoint) };
    list.need("SOURCE_VERSION", "The source's version is supported", supported.await);
    let kind = deployment(client).await;
    let has_log = kind.and_then(|kind| check_deployment(kind, endpoint).map(|()| kind));
    let is_standalone = has_log.as_ref().is_err_and(|error| error.code() == Code::LogOff);
    list.need("SOURCE_LOG", "The source is a replica set or a sharded cluster", has_log.map(drop));
    let features = seen(check_features(client, SOURCE_FIRST, endpoint).await);
    list.need("SOURCE_FEATURES", "The source's feature compatibility is high enough", features);
    let rights = check_rights(client).await.map_err(|error| error.context(endpoint));
    let may_read = rights.is_ok();
    list.need("SOURCE_RIGHTS", "The account may read", rights);
    if may_read && !is_standalone {
        let opened = check_stream(client).await.map_err(|error| error.context(endpoint));
        list.need("CHANGE_STREAM", "The source gives out its changes", opened);
    }
    if !selection.rules().is_empty() {
        list.need("RULES", "The collections can be carried over as their rules say", read_rules(selection));
    }
    list.findings
}

/// What we may not ask is no reason to refuse: another finding says that rights are missing.
pub(super) fn seen(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.code() == Code::MissingGrant => Ok(()),
        outcome => outcome,
    }
}

/// The one stream is over all databases, whatever is selected: so are the rights.
async fn check_rights(client: &Client) -> Result<()> {
    let grants = Grants::read(client).await?;
    let mut missing = Missing::of(&grants);
    missing.need(&FOR_READING, &Scope::Everything, ("readAnyDatabase", "admin"));
    missing.need(&["listDatabases"], &Scope::Cluster, ("readAnyDatabase", "admin"));
    let oplog = Scope::Collection("local".to_owned(), "oplog.rs".to_owned());
    if deployment(client).await? == Deployment::ReplicaSet {
        missing.need(&["find"], &oplog, ("clusterMonitor", "admin"));
        missing.need(&["getParameter", "replSetGetStatus"], &Scope::Cluster, ("clusterMonitor", "admin"));
    }
    missing.into_result()
}

/// Opens the stream that capture reads.
async fn check_stream(client: &Client) -> Result<()> {
    let stage = doc! {
        "allChangesForCluster": true,
        "showExpandedEvents": true,
        "showRawUpdateDescription": true,
        "showSystemEvents": true,
        "fullDocumentBeforeChange": "whenAvailable",
    };
    let question =
        doc! { "aggregate": 1, "pipeline": [{ "$changeStream": stage }], "cursor": { "batchSize": 0 } };
    let mut reader = client.start_session().await.map_err(understand)?;
    let answer = ask_in(&mut reader, "admin", question).await?;
    if let Ok(id) = answer.get_document("cursor").and_then(|cursor| cursor.get_i64("id")) {
        let close = doc! { "killCursors": "$cmd.aggregate", "cursors": [id] };
        // It ends by itself too.
        let _ = ask_in(&mut reader, "admin", close).await;
    }
    Ok(())
}

/// What the oplog holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OplogWindow {
    pub(crate) goes_back: Duration,
    /// So long it keeps what is written, at the rate of all that it has: as long as it has room it discards nothing.
    pub(crate) keeps: Duration,
    /// In bytes.
    pub(crate) largest: u64,
}

impl OplogWindow {
    fn of(goes_back: Duration, size: u64, largest: u64) -> Self {
        let times = largest.checked_div(size).unwrap_or(1).max(1);
        let keeps = goes_back.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX));
        Self { goes_back, keeps, largest }
    }
}

/// `None` on a sharded cluster, which has an oplog for each shard.
pub(crate) async fn oplog_window(client: &Client) -> Result<Option<OplogWindow>> {
    if deployment(client).await? != Deployment::ReplicaSet {
        return Ok(None);
    }
    let first = seconds_of(client, 1).await?;
    let last = seconds_of(client, -1).await?;
    let stats = ask(client, "local", doc! { "collStats": "oplog.rs" }).await?;
    let bytes = |name| number(&stats, name).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    let goes_back = Duration::from_secs(last.saturating_sub(first).into());
    Ok(Some(OplogWindow::of(goes_back, bytes("size"), bytes("maxSize"))))
}

/// The time of the first entry in this order.
async fn seconds_of(client: &Client, order: i32) -> Result<u32> {
    let question = doc! {
        "find": "oplog.rs", "sort": { "$natural": order }, "limit": 1, "singleBatch": true, "projection": { "ts": 1 },
    };
    let answer = ask(client, "local", question).await?;
    let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).ok();
    let entry = batch.and_then(|batch| batch.first()).and_then(Bson::as_document);
    let time = entry.and_then(|entry| entry.get_timestamp("ts").ok()).map(|time| time.time);
    time.ok_or_else(|| Error::new(Code::LogOff, "the oplog is empty"))
}

/// Whether enough members are there to make writes last: what a majority does not have never comes out of the log.
pub(super) async fn check_majority(client: &Client) -> Result<()> {
    if deployment(client).await? != Deployment::ReplicaSet {
        return Ok(());
    }
    let status = ask(client, "admin", doc! { "replSetGetStatus": 1 }).await?;
    majority(&status)
}

fn majority(status: &Document) -> Result<()> {
    let members = status.get_array("members").cloned().unwrap_or_default();
    let members = members.iter().filter_map(Bson::as_document);
    let (good, away): (Vec<&Document>, Vec<&Document>) = members
        .filter(|member| number(member, "state") != Some(ARBITER))
        .partition(|member| matches!(number(member, "state"), Some(PRIMARY | SECONDARY)));
    let needed =
        number(status, "writeMajorityCount").and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    let names = away.iter().filter_map(|member| member.get_str("name").ok()).collect::<Vec<_>>().join(", ");
    let remedy =
        "bring the members back that rs.status() shows, or take them out of the set with rs.remove()";
    if good.len() < needed {
        let what = format!(
            "{} members with data are there and {needed} are needed to make a write last: {names} is away",
            good.len()
        );
        return Err(Error::new(Code::BadSetting, what).with_remedy(remedy));
    }
    if away.is_empty() {
        return Ok(());
    }
    let what = format!("{names} is away: if one more member goes, the link waits or the set has no primary");
    Err(Error::new(Code::BadSetting, what).with_remedy(remedy))
}

/// States of members. Numbers: <https://www.mongodb.com/docs/manual/reference/replica-states/>
const PRIMARY: i64 = 1;
const SECONDARY: i64 = 2;
const ARBITER: i64 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_with_room_keeps_longer_than_it_goes_back() {
        let hour = Duration::from_secs(3600);
        let keeps = |size, largest| OplogWindow::of(hour, size, largest).keeps;
        assert_eq!(keeps(1_000, 24_500), hour * 24);
        // The server lets it become somewhat larger than it may be.
        assert_eq!(keeps(1_100, 1_000), hour);
        assert_eq!([keeps(0, 1_000), keeps(5, 0)], [hour; 2]);
    }

    #[test]
    fn members_that_are_away_are_named() {
        let status = |states: &[i32], needed: i32| {
            let member =
                |(at, state): (usize, &i32)| Bson::from(doc! { "name": format!("m{at}"), "state": *state });
            let members: Vec<Bson> = states.iter().enumerate().map(member).collect();
            doc! { "members": members, "writeMajorityCount": needed }
        };
        assert!(majority(&status(&[1], 1)).is_ok());
        assert!(majority(&status(&[1, 2, 2], 2)).is_ok());
        assert!(majority(&status(&[1, 2, 7], 2)).is_ok());
        let psa = majority(&status(&[1, 8, 7], 2)).unwrap_err();
        assert!(
            psa.message().contains("1 members with data") && psa.message().contains("m1 is away"),
            "{psa}"
        );
        let one = majority(&status(&[1, 2, 8], 2)).unwrap_err();
        assert!(one.message().starts_with("m2 is away"), "{one}");
    }
}
