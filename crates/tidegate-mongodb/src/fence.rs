//! Keeping applications from writing while a link writes: `setUserWriteBlockMode`.
//!
//! What it does was measured on 6.0. The command waits for every transaction that has written, and everybody else waits
//! behind it, readers too: so it is asked for a moment at a time, and such transactions are ended between. Once it is on, it
//! outlives fail-overs and restarts, refuses whatever was begun before, and stops the removal of expired documents too.
//! It lets through whoever has a role with `bypassWriteBlockingMode`, and nobody who is not logged in.

use crate::check::{Deployment, Grants, Scope, ask, check_fence_version, deployment};
use crate::connect::{Endpoint, understand};
use crate::session;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use mongodb::{Client, Collection};
use std::time::Duration;
use tidegate_model::{Code, Error, Fence, FenceOffer, FenceWay, Fut, InstanceName, Result, Selection};
use tokio::time::Instant;

/// So long it is tried to close it while transactions are open.
const WAIT: Duration = Duration::from_secs(10);
/// So long everybody else may wait behind one try.
const TRY_MS: i32 = 1_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many names stand in a warning.
const NAMES_MAX: usize = 5;
/// So many accounts are looked at, to find those that may pass.
const ACCOUNTS_MAX: usize = 200;
/// What a transaction of ours is called.
const OUR_PROGRAM: &str = "tidegate";
pub(crate) const OPEN_STATEMENT: &str = "db.adminCommand({setUserWriteBlockMode: 1, global: false})";
const ROLE: &str = r#"db.getSiblingDB("admin").createRole({role: "tidegateFence", privileges: [{resource: {cluster: true}, actions: ["setUserWriteBlockMode", "bypassWriteBlockingMode", "inprog", "killAnySession"]}, {resource: {db: "config", collection: "user_writes_critical_sections"}, actions: ["find"]}], roles: []})"#;

/// A deployment that one link writes and applications do not.
pub struct MongoFence {
    endpoint: Endpoint,
    instance: InstanceName,
    selection: Selection,
}

/// Our document about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    way: FenceWay,
    /// Somebody else had closed the deployment before.
    was_blocked: bool,
    /// It is being taken away.
    is_opening: bool,
}

impl MongoFence {
    /// `instance` is the link that writes here; `selection` says by the names on this deployment what applications may not
    /// write.
    pub fn new(endpoint: Endpoint, instance: InstanceName, selection: Selection) -> Self {
        Self { endpoint, instance, selection }
    }

    fn id(&self) -> Document {
        doc! { "_id": { "instance": self.instance.as_str() } }
    }

    async fn close_it(&self, way: FenceWay) -> Result<()> {
        if way != FenceWay::ReadOnly {
            return Err(no_triggers());
        }
        let client = self.endpoint.client().await?;
        possible(&client).await?;
        if standing(&client, &self.instance).await?.is_none() {
            // Whoever else has closed it knows what was before.
            let was_blocked = match others(&client, &self.instance).await?.first() {
                Some(other) => other.was_blocked,
                None => is_blocked(&client).await?,
            };
            let standing = doc! { "way": way.name(), "was_blocked": was_blocked, "admitted": false };
            self.set(&client, doc! { "$setOnInsert": standing }, true).await?;
        }
        self.set(&client, doc! { "$unset": { "opening": "" } }, false).await?;
        // The server waits for what a run has left open that is dead. No other one writes now.
        session::end_earlier(&client, &self.instance).await?;
        block(&client).await?;
        self.look_again(&client).await
    }

    /// Somebody may have taken the fence away while it was closed: it must not stay closed for nobody.
    async fn look_again(&self, client: &Client) -> Result<()> {
        if standing(client, &self.instance).await?.is_some_and(|standing| !standing.is_opening) {
            return Ok(());
        }
        if others(client, &self.instance).await?.is_empty() {
            unblock(client).await?;
        }
        let what = format!("the fence of {} was taken away while it was closed", self.instance);
        Err(Error::new(Code::NotAllowed, what))
    }

    async fn set(&self, client: &Client, change: Document, makes_new: bool) -> Result<()> {
        let updated = fences(client).update_one(self.id(), change).upsert(makes_new).await;
        updated.map(drop).map_err(understand)
    }

    async fn keep_it(&self) -> Result<()> {
        let client = self.endpoint.client().await?;
        if standing(&client, &self.instance).await?.is_none() {
            return std::future::pending().await;
        }
        loop {
            if !is_blocked(&client).await? {
                let standing = standing(&client, &self.instance).await?;
                if standing.is_some_and(|standing| !standing.is_opening) {
                    tracing::info!(instance = %self.instance, "the deployment takes writes again: it is closed again");
                    block(&client).await?;
                    self.look_again(&client).await?;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn open_it(&self, has_ended: bool) -> Result<()> {
        let client = self.endpoint.client().await?;
        let Some(standing) = standing(&client, &self.instance).await? else { return Ok(()) };
        if !has_ended && holds_permit(&client, &self.instance).await? {
            let what = format!("{} has the right to write here: applications stay out", self.instance);
            return Err(Error::new(Code::NotAllowed, what));
        }
        self.set(&client, doc! { "$set": { "opening": true } }, false).await?;
        let opens = !standing.was_blocked && others(&client, &self.instance).await?.is_empty();
        if opens {
            unblock(&client).await?;
        }
        fences(&client).delete_one(self.id()).await.map_err(understand)?;
        // Another link may have closed it meanwhile, and believes that it is closed.
        if opens && !others(&client, &self.instance).await?.is_empty() {
            block(&client).await?;
        }
        Ok(())
    }
}

fn fences(client: &Client) -> Collection<Document> {
    client.database("tidegate").collection("fence")
}

fn no_triggers() -> Error {
    Error::new(Code::NotAllowed, "MongoDB has no triggers of its own that could refuse a write").with_remedy(
        "close it with --fence read-only, or stop the applications and say so with --fence declared",
    )
}

fn read_standing(found: &Document) -> Result<Standing> {
    let way = found.get_str("way").unwrap_or_default();
    let way = FenceWay::ALL.into_iter().find(|known| known.name() == way).ok_or_else(|| {
        Error::new(Code::CheckpointChanged, format!("tidegate.fence has a way that is not known: '{way}'"))
    })?;
    let flag = |name: &str| found.get_bool(name).unwrap_or_default();
    Ok(Standing { way, was_blocked: flag("was_blocked"), is_opening: flag("opening") })
}

/// How the link has closed the deployment, if it has.
async fn standing(client: &Client, instance: &InstanceName) -> Result<Option<Standing>> {
    let id = doc! { "_id": { "instance": instance.as_str() } };
    let found = fences(client).find_one(id).await.map_err(understand)?;
    found.as_ref().map(read_standing).transpose()
}

/// How other links have closed it.
async fn others(client: &Client, instance: &InstanceName) -> Result<Vec<Standing>> {
    let others = doc! { "_id.instance": { "$ne": instance.as_str() }, "opening": { "$ne": true } };
    let found = async { fences(client).find(others).await?.try_collect::<Vec<_>>().await };
    found.await.map_err(understand)?.iter().map(read_standing).collect()
}

async fn holds_permit(client: &Client, instance: &InstanceName) -> Result<bool> {
    let permits = client.database("tidegate").collection::<Document>("permit");
    let found =
        permits.find_one(doc! { "_id": { "instance": instance.as_str() } }).await.map_err(understand)?;
    Ok(found.is_some_and(|permit| permit.get_bool("held").unwrap_or_default()))
}

/// Whether the deployment refuses writes of those who may not pass that.
pub(crate) async fn is_blocked(client: &Client) -> Result<bool> {
    let sections = client.database("config").collection::<Document>("user_writes_critical_sections");
    match sections.find_one(doc! { "blockUserWrites": true }).await.map_err(understand) {
        Err(error) if error.code() == Code::MissingGrant => {
            let status = ask(client, "admin", doc! { "serverStatus": 1 }).await?;
            let repl = status.get_document("repl").ok();
            Ok(repl.is_some_and(|repl| repl.get_i32("userWriteBlockMode").is_ok_and(|mode| mode == ON)))
        }
        found => Ok(found?.is_some()),
    }
}

/// Of `serverStatus`: 1 is off.
const ON: i32 = 2;

async fn block(client: &Client) -> Result<()> {
    let deadline = Instant::now() + WAIT;
    loop {
        let question = doc! { "setUserWriteBlockMode": 1, "global": true, "maxTimeMS": TRY_MS };
        let error = match ask(client, "admin", question).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Code::TargetBusy => error,
            Err(error) => return Err(error),
        };
        if Instant::now() >= deadline {
            let what = format!(
                "the deployment could not be closed within {} s: a transaction is open",
                WAIT.as_secs()
            );
            return Err(Error::new(Code::NotAllowed, what).with_source(error).with_remedy(
                "end it (db.currentOp({transaction: {$exists: true}}) shows it), or give the account killAnySession and inprog",
            ));
        }
        if let Err(error) = end_transactions(client).await {
            tracing::debug!(%error, "open transactions could not be ended");
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

async fn unblock(client: &Client) -> Result<()> {
    let wait = i32::try_from(WAIT.as_millis()).expect("a wait of seconds fits");
    let question = doc! { "setUserWriteBlockMode": 1, "global": false, "maxTimeMS": wait };
    ask(client, "admin", question).await.map(drop)
}

/// Ends the transactions of applications, if we may: they could not commit anyway.
async fn end_transactions(client: &Client) -> Result<()> {
    let open = doc! { "transaction": { "$exists": true }, "appName": { "$ne": OUR_PROGRAM }, "lsid": { "$exists": true } };
    // By a command as it is: the stage takes no read concern. What the first batch has no room for comes with the next try.
    let question = doc! {
        "aggregate": 1,
        "pipeline": [
            { "$currentOp": { "allUsers": true, "idleSessions": true } },
            { "$match": open },
            { "$project": { "lsid": 1 } },
        ],
        "cursor": {},
    };
    let answer = ask(client, "admin", question).await?;
    let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).ok();
    let found = batch.into_iter().flatten().filter_map(Bson::as_document);
    let sessions: Vec<Bson> = found.filter_map(session_of).collect();
    if sessions.is_empty() {
        return Ok(());
    }
    ask(client, "admin", doc! { "killAllSessionsByPattern": sessions }).await.map(drop)
}

fn session_of(operation: &Document) -> Option<Bson> {
    let session = operation.get_document("lsid").ok()?;
    let pattern = doc! { "id": session.get("id")?.clone(), "uid": session.get("uid")?.clone() };
    Some(doc! { "lsid": pattern }.into())
}

/// Whether we may close it, and may write when it is closed.
async fn possible(client: &Client) -> Result<()> {
    check_fence_version(client).await?;
    let grants = Grants::read(client).await?;
    let Some((user, database)) = &grants.account else {
        let what = "nobody is logged in: a deployment that refuses writes lets through accounts only, so the link could not write either";
        let remedy = format!(
            "{ROLE}; make an account with that role and those of a target, and name it in the URL; a server without access control takes it too"
        );
        return Err(Error::new(Code::MissingGrant, what).with_remedy(remedy));
    };
    let needed = ["setUserWriteBlockMode", "bypassWriteBlockingMode"];
    let missing: Vec<&str> =
        needed.into_iter().filter(|action| !grants.is_given(action, &Scope::Cluster)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("the account {user} lacks {} on the deployment", missing.join(", "));
    let grant = format!(
        "db.getSiblingDB({database:?}).grantRolesToUser({user:?}, [{{role: \"tidegateFence\", db: \"admin\"}}])"
    );
    Err(Error::new(Code::MissingGrant, what).with_remedy(format!("{ROLE}; {grant}")))
}

async fn warnings(client: &Client, selection: &Selection) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut others = crate::catalog::databases(client).await?;
    others.retain(|database| !selection.touches_database(database));
    if !others.is_empty() {
        warnings.push(format!("it would close other databases of this deployment too: {}", listed(&others)));
    }
    let grants = Grants::read(client).await?;
    if !grants.are_enforced() {
        warnings.push("the server runs without access control: anybody may open it again".to_owned());
    }
    // As far as we may see them.
    let passing = passing_accounts(client, &grants).await.unwrap_or_default();
    if !passing.is_empty() {
        warnings.push(format!("accounts that may pass it: {}", listed(&passing)));
    }
    if deployment(client).await? == Deployment::Sharded {
        warnings.push("on a sharded cluster this was not tried".to_owned());
    }
    Ok(warnings)
}

/// Accounts with a right to write nevertheless, without our own, and without those with the role root, which no
/// application should have.
async fn passing_accounts(client: &Client, grants: &Grants) -> Result<Vec<String>> {
    let answer = ask(client, "admin", doc! { "usersInfo": { "forAllDBs": true } }).await?;
    let users = answer.get_array("users").cloned().unwrap_or_default();
    let mut passing = Vec::new();
    for user in users.iter().filter_map(Bson::as_document).take(ACCOUNTS_MAX) {
        let (Ok(name), Ok(database)) = (user.get_str("user"), user.get_str("db")) else { continue };
        let is_own =
            grants.account.as_ref().is_some_and(|own| (own.0.as_str(), own.1.as_str()) == (name, database));
        if is_own || has_role(user, "root") {
            continue;
        }
        let question = doc! { "usersInfo": { "user": name, "db": database }, "showPrivileges": true };
        let answer = ask(client, "admin", question).await?;
        let found =
            answer.get_array("users").ok().and_then(|users| users.first()).and_then(Bson::as_document);
        if found.is_some_and(may_pass) {
            passing.push(format!("{name}@{database}"));
        }
    }
    Ok(passing)
}

fn has_role(user: &Document, role: &str) -> bool {
    let roles = user.get_array("roles").cloned().unwrap_or_default();
    roles.iter().filter_map(Bson::as_document).any(|one| one.get_str("role").is_ok_and(|name| name == role))
}

fn may_pass(user: &Document) -> bool {
    let privileges = user.get_array("inheritedPrivileges").cloned().unwrap_or_default();
    let has = |privilege: &Document| {
        let actions = privilege.get_array("actions").cloned().unwrap_or_default();
        actions.iter().any(|action| action.as_str() == Some("bypassWriteBlockingMode"))
    };
    privileges.iter().filter_map(Bson::as_document).any(has)
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMES_MAX);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

impl Fence for MongoFence {
    fn offers(&self) -> Fut<'_, Vec<FenceOffer>> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            let possible = possible(&client).await;
            let warnings = warnings(&client, &self.selection).await?;
            let read_only = FenceOffer { way: FenceWay::ReadOnly, possible, warnings };
            let triggers =
                FenceOffer { way: FenceWay::Triggers, possible: Err(no_triggers()), warnings: Vec::new() };
            Ok(vec![read_only, triggers])
        })
    }

    fn closed(&self) -> Fut<'_, Option<FenceWay>> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            Ok(standing(&client, &self.instance).await?.map(|standing| standing.way))
        })
    }

    fn close(&self, way: FenceWay) -> Fut<'_, ()> {
        Box::pin(self.close_it(way))
    }

    /// The server has no stricter mode that would have to be lifted: it is only noted.
    fn admit(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            // Shows as well that we are let through.
            self.set(&client, doc! { "$set": { "admitted": true } }, false).await
        })
    }

    fn open(&self) -> Fut<'_, ()> {
        Box::pin(self.open_it(false))
    }

    fn give_up(&self) -> Fut<'_, ()> {
        Box::pin(self.open_it(true))
    }

    fn keep(&self) -> Fut<'_, ()> {
        Box::pin(self.keep_it())
    }
}

/// The statements that open the deployment again, for a person.
pub(crate) async fn removal(client: &Client, instance: &InstanceName) -> Result<Vec<String>> {
    let Some(standing) = standing(client, instance).await? else { return Ok(Vec::new()) };
    // While another link has closed it, it stays so.
    let opens = !standing.was_blocked && others(client, instance).await?.is_empty();
    let open = opens.then(|| OPEN_STATEMENT.to_owned());
    let forget = format!(
        "db.getSiblingDB(\"tidegate\").fence.deleteMany({{\"_id.instance\": {:?}}})",
        instance.as_str()
    );
    Ok(open.into_iter().chain([forget]).collect())
}
