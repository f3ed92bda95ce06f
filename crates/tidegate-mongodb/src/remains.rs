//! What a link leaves in a deployment, and how it is removed.
//!
//! Statements are texts for mongosh. Those that we run ourselves are of a few forms, which are read back from the text:
//! whatever else somebody sends is refused.

mod statement;

use crate::check::{Grants, Scope, ask};
use crate::connect::{Endpoint, understand};
use crate::definitions::server::{self, number};
use crate::fence;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use mongodb::{Client, Collection};
use statement::{COLLECTIONS, Statement};
use tidegate_model::{Code, Error, InstanceName, Remain, Result};

impl Endpoint {
    /// What the links have left here: of a target their state, of every deployment the account. For a source, name none.
    pub(crate) async fn find_remains(&self, target_of: &[InstanceName]) -> Result<Vec<Remain>> {
        let client = self.client().await?;
        let mut remains = Vec::new();
        if !target_of.is_empty() {
            for link in target_of {
                let what = "applications are kept out".to_owned();
                let statements = fence::removal(&client, link).await?;
                remains.extend((!statements.is_empty()).then_some(Remain { what, statements }));
            }
            remains.extend(put_off(&client, target_of).await?);
            remains.extend(state(&client, target_of).await?);
        }
        remains.extend(account(&client).await?);
        Ok(remains)
    }

    /// Runs statements one after the other, up to the first that fails. Our database stays if another link than `own` has
    /// come into it meanwhile.
    pub(crate) async fn remove(&self, own: &[InstanceName], statements: &[String]) -> Result<()> {
        let read: Vec<Statement> =
            statements.iter().map(|text| Statement::parse(text)).collect::<Result<_>>()?;
        let client = self.client().await?;
        for statement in read {
            run(&client, own, statement).await?;
        }
        Ok(())
    }
}

async fn run(client: &Client, own: &[InstanceName], statement: Statement) -> Result<()> {
    match statement {
        Statement::DropOurs => {
            refuse_if_needed(client, own).await?;
            ask(client, "tidegate", doc! { "dropDatabase": 1 }).await.map(drop)
        }
        Statement::DropUser { database, user } => {
            ask(client, &database, doc! { "dropUser": user }).await.map(drop)
        }
        Statement::OpenFence => {
            ask(client, "admin", doc! { "setUserWriteBlockMode": 1, "global": false }).await.map(drop)
        }
        Statement::Forget { collection, instance } => {
            let rows: Collection<Document> = client.database("tidegate").collection(&collection);
            rows.delete_many(doc! { "_id.instance": instance }).await.map(drop).map_err(understand)
        }
        Statement::Index { database, collection, index, change } => {
            let mut question = doc! { "collMod": collection };
            if index.is_empty() {
                question.extend(change);
            } else {
                let mut wanted = doc! { "name": index };
                wanted.extend(change);
                question.insert("index", wanted);
            }
            match server::change(client, &database, question).await {
                // The collection, or the index, has gone since.
                Err(refused)
                    if matches!(refused.number, number::NAMESPACE_NOT_FOUND | number::INDEX_NOT_FOUND) =>
                {
                    Ok(())
                }
                done => done.map(drop).map_err(Error::from),
            }
        }
    }
}

/// The account that we are logged in with. One that can make accounts is a person's, and not ours to drop.
async fn account(client: &Client) -> Result<Option<Remain>> {
    let grants = Grants::read(client).await?;
    let Some((user, database)) = &grants.account else { return Ok(None) };
    let scopes = [Scope::Everything, Scope::Database("admin".to_owned()), Scope::Database(database.clone())];
    let administers = ["createUser", "grantRole"];
    if scopes.iter().any(|scope| administers.iter().any(|action| grants.is_given(action, scope))) {
        let what = format!(
            "the account {user} administers this deployment, so it stays; give a link one of its own"
        );
        return Ok(Some(Remain { what, statements: Vec::new() }));
    }
    let statement = Statement::DropUser { database: database.clone(), user: user.clone() };
    let what = format!("the account {user} and its rights");
    Ok(Some(Remain { what, statements: vec![statement.to_string()] }))
}

fn ours(client: &Client, collection: &str) -> Collection<Document> {
    client.database("tidegate").collection(collection)
}

fn names(links: &[InstanceName]) -> Vec<&str> {
    links.iter().map(InstanceName::as_str).collect()
}

async fn refuse_if_needed(client: &Client, own: &[InstanceName]) -> Result<()> {
    let other = doc! { "_id.instance": { "$nin": names(own) } };
    let Some(other) = ours(client, "link").find_one(other).await.map_err(understand)? else { return Ok(()) };
    let name = other.get_document("_id").ok().and_then(|id| id.get_str("instance").ok()).unwrap_or_default();
    Err(Error::new(Code::NotAllowed, format!("the link {name} uses the database tidegate")))
}

/// Our database, or our documents in it if other links have theirs there too.
async fn state(client: &Client, own: &[InstanceName]) -> Result<Option<Remain>> {
    let links = ours(client, "link");
    let count = |filter: Document| async { links.count_documents(filter).await.map_err(understand) };
    let mine = count(doc! { "_id.instance": { "$in": names(own) } }).await?;
    let others = count(doc! { "_id.instance": { "$nin": names(own) } }).await?;
    if mine == 0 {
        return Ok(None);
    }
    if others == 0 {
        let statements = vec![Statement::DropOurs.to_string()];
        return Ok(Some(Remain { what: "the database tidegate".to_owned(), statements }));
    }
    let forget = |collection: &'static str| {
        let statement = |instance: &InstanceName| Statement::Forget {
            collection: collection.to_owned(),
            instance: instance.as_str().to_owned(),
        };
        own.iter().map(statement).map(|statement| statement.to_string()).collect::<Vec<_>>()
    };
    let what = format!("documents in the database tidegate, which {others} more link(s) use");
    Ok(Some(Remain { what, statements: COLLECTIONS.into_iter().flat_map(forget).collect() }))
}

/// Indexes that were to become what they are in the source when applications are handed over.
async fn put_off(client: &Client, own: &[InstanceName]) -> Result<Option<Remain>> {
    let filter = doc! { "_id.instance": { "$in": names(own) } };
    let found = async { ours(client, "put_off").find(filter).await?.try_collect::<Vec<_>>().await };
    let found = found.await.map_err(understand)?;
    let statements: Vec<String> =
        found.iter().flat_map(restoring).map(|statement| statement.to_string()).collect();
    let what = "indexes that remove or refuse nothing yet".to_owned();
    Ok((!statements.is_empty()).then_some(Remain { what, statements }))
}

/// One `collMod` for each change: the server takes no two of them at once.
fn restoring(found: &Document) -> Vec<Statement> {
    let Ok(id) = found.get_document("_id") else { return Vec::new() };
    let text = |name: &str| id.get_str(name).unwrap_or_default().to_owned();
    let one = |change: Document| Statement::Index {
        database: text("database"),
        collection: text("collection"),
        index: text("index"),
        change,
    };
    let mut changes = Vec::new();
    if found.get_bool("unique").unwrap_or_default() {
        changes.push(one(doc! { "prepareUnique": true }));
        changes.push(one(doc! { "unique": true }));
    }
    // What the source has turned off meanwhile is a person's to decide.
    let is_off = found.get_bool("off").unwrap_or_default();
    let expires = found.get("expireAfterSeconds").and_then(whole_number).filter(|_| !is_off);
    changes.extend(expires.map(|seconds| one(doc! { "expireAfterSeconds": seconds })));
    changes
}

fn whole_number(value: &Bson) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_i32().map(i64::from))
        .or_else(|| value.as_f64().map(|number| number as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_become_what_they_were_meant_to_be() {
        let found = doc! {
            "_id": { "instance": "shop", "database": "shop", "collection": "a", "index": "x_1" },
            "unique": true,
            "expireAfterSeconds": 60,
        };
        let texts: Vec<String> = restoring(&found).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                r#"db.getSiblingDB("shop").runCommand({collMod: "a", index: {name: "x_1", prepareUnique: true}})"#,
                r#"db.getSiblingDB("shop").runCommand({collMod: "a", index: {name: "x_1", unique: true}})"#,
                r#"db.getSiblingDB("shop").runCommand({collMod: "a", index: {name: "x_1", expireAfterSeconds: 60}})"#,
            ]
        );
        let mut clustered = doc! {
            "_id": { "instance": "shop", "database": "shop", "collection": "c", "index": "" },
            "expireAfterSeconds": 60_i64,
        };
        let texts: Vec<String> = restoring(&clustered).iter().map(ToString::to_string).collect();
        assert_eq!(texts, [r#"db.getSiblingDB("shop").runCommand({collMod: "c", expireAfterSeconds: 60})"#]);
        clustered.insert("off", true);
        assert!(restoring(&clustered).is_empty());
    }
}
