//! Whether a deployment can be a source or a target: version, settings, rights. Asks every time, changes nothing, and says
//! what to change.

mod findings;
mod grants;
mod marks;
mod objects;
mod rules;
mod source;
mod target;

pub(crate) use findings::look;
pub(crate) use grants::{Grants, Scope};
pub(crate) use marks::check_marks;
pub(crate) use objects::refuse_capped;
pub(crate) use rules::{check_rules, read_rules};
pub(crate) use source::{check_source, oplog_window};
pub(crate) use target::check_target;

use crate::connect::{Endpoint, understand};
use bson::{Document, doc};
use mongodb::{Client, ClientSession};
use tidegate_model::{Code, Error, Result};

/// Its change log names definitions (`showExpandedEvents`), and applications can be kept out of it.
const SOURCE_FIRST: (i32, i32) = (6, 0);
/// From it on an index can be made unique where it stands (`prepareUnique`), and the way back needs what a source needs.
const TARGET_FIRST: (i32, i32) = (6, 0);

/// Runs a command, and gives the answer with which the server took it.
pub(crate) async fn ask(client: &Client, database: &str, question: Document) -> Result<Document> {
    client.database(database).run_command(question).await.map_err(understand)
}

/// The same in a session: a cursor is read on by the session that has opened it.
pub(crate) async fn ask_in(
    session: &mut ClientSession,
    database: &str,
    question: Document,
) -> Result<Document> {
    let database = session.client().database(database);
    database.run_command(question).session(session).await.map_err(understand)
}

/// A number of any type.
pub(crate) fn number(document: &Document, name: &str) -> Option<i64> {
    let value = document.get(name)?;
    value
        .as_i64()
        .or_else(|| value.as_i32().map(i64::from))
        .or_else(|| value.as_f64().map(|number| number as i64))
}

/// The server's version, as `6.0.5`.
pub(crate) async fn version(client: &Client) -> Result<String> {
    let answer = ask(client, "admin", doc! { "buildInfo": 1 }).await?;
    let version = answer.get_str("version").map(str::to_owned);
    version.map_err(|_| Error::new(Code::UnsupportedServer, "the server does not say its version"))
}

/// The first two numbers of a version; zeros for what is none.
pub(super) fn parse_version(text: &str) -> (i32, i32) {
    let mut parts = text.split(['.', '-']).map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn check_version(text: &str, first: (i32, i32), endpoint: &Endpoint) -> Result<()> {
    if parse_version(text) >= first {
        return Ok(());
    }
    let what = format!("{endpoint} runs MongoDB {text}");
    Err(Error::new(Code::UnsupportedServer, what)
        .with_remedy(format!("use MongoDB {}.{} or later", first.0, first.1)))
}

/// Refuses a deployment that was upgraded in its programs only.
async fn check_features(client: &Client, first: (i32, i32), endpoint: &Endpoint) -> Result<()> {
    let answer = parameter(client, "featureCompatibilityVersion").await?;
    let found = answer.get_document("featureCompatibilityVersion").ok();
    // A mongos has none of its own.
    let Some(text) = found.and_then(|found| found.get_str("version").ok()) else { return Ok(()) };
    if parse_version(text) >= first {
        return Ok(());
    }
    let what = format!("{endpoint} has the featureCompatibilityVersion {text}");
    Err(Error::new(Code::UnsupportedServer, what).with_remedy(format!(
        "db.adminCommand({{setFeatureCompatibilityVersion: \"{}.{}\"}}) on that deployment",
        first.0, first.1
    )))
}

/// Whether the server has `setUserWriteBlockMode`.
pub(crate) async fn check_fence_version(client: &Client) -> Result<()> {
    let text = version(client).await?;
    if parse_version(&text) >= SOURCE_FIRST {
        return Ok(());
    }
    let what = format!("MongoDB {text} cannot refuse the writes of applications");
    Err(Error::new(Code::UnsupportedServer, what).with_remedy("use MongoDB 6.0 or later"))
}

/// A server parameter, in the document that the server answers.
pub(super) async fn parameter(client: &Client, name: &str) -> Result<Document> {
    let mut question = doc! { "getParameter": 1 };
    question.insert(name, 1);
    ask(client, "admin", question).await
}

/// What kind of deployment answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployment {
    ReplicaSet,
    Sharded,
    Standalone,
}

pub(crate) async fn deployment(client: &Client) -> Result<Deployment> {
    let hello = ask(client, "admin", doc! { "hello": 1 }).await?;
    Ok(kind_of(&hello))
}

fn kind_of(hello: &Document) -> Deployment {
    match (hello.contains_key("setName"), hello.get_str("msg").ok()) {
        (true, _) => Deployment::ReplicaSet,
        (false, Some("isdbgrid")) => Deployment::Sharded,
        _ => Deployment::Standalone,
    }
}

/// Refuses a server by itself: it has neither a log nor transactions.
fn check_deployment(deployment: Deployment, endpoint: &Endpoint) -> Result<()> {
    if deployment != Deployment::Standalone {
        return Ok(());
    }
    let what = format!("{endpoint} is a server by itself, without a log and without transactions");
    Err(Error::new(Code::LogOff, what).with_remedy(
        "restart it with --replSet rs0, then run rs.initiate() there once: a set of one member will do",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_deployments() {
        let endpoint = Endpoint::from_url("mongodb://u@h/").unwrap();
        for (text, good) in
            [("5.0.14", false), ("6.0.5", true), ("6.0.0-rc1", true), ("8.2", true), ("", false)]
        {
            let checked = check_version(text, SOURCE_FIRST, &endpoint);
            assert_eq!(checked.is_ok(), good, "{text}");
            if let Err(error) = checked {
                assert_eq!(error.code(), Code::UnsupportedServer);
            }
        }
        for (hello, kind) in [
            (doc! { "setName": "rs0" }, Deployment::ReplicaSet),
            (doc! { "msg": "isdbgrid" }, Deployment::Sharded),
            (doc! { "isWritablePrimary": true }, Deployment::Standalone),
        ] {
            assert_eq!(kind_of(&hello), kind);
            let checked = check_deployment(kind, &endpoint);
            assert_eq!(checked.is_err(), kind == Deployment::Standalone);
        }
    }
}
