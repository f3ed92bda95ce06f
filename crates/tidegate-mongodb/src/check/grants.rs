//! What the account may do, read from `connectionStatus`.

use super::{ask, parameter};
use bson::{Bson, Document, doc};
use mongodb::Client;
use std::collections::{BTreeMap, BTreeSet};
use tidegate_model::{Code, Error, Result};

/// Where an action is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Cluster,
    /// All databases but the server's own.
    Everything,
    Database(String),
    Collection(String, String),
}

/// What a privilege is over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Resource {
    Cluster,
    /// Also what is the server's own.
    Any,
    /// An empty name stands for all.
    Named {
        database: String,
        collection: String,
    },
}

/// The account's rights, roles within roles worked out by the server.
pub(crate) struct Grants {
    /// User and database; `None` if nobody is logged in.
    pub(crate) account: Option<(String, String)>,
    /// Whether the server asks for any rights at all.
    enforced: bool,
    privileges: Vec<(Resource, BTreeSet<String>)>,
}

impl Grants {
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let answer = ask(client, "admin", doc! { "connectionStatus": 1, "showPrivileges": true }).await?;
        let info = answer.get_document("authInfo").cloned().unwrap_or_default();
        let mut grants = Self::of(&info, true);
        grants.enforced = is_enforced(client, &grants).await?;
        Ok(grants)
    }

    fn of(info: &Document, enforced: bool) -> Self {
        let documents = |name: &str| {
            let list = info.get_array(name).cloned().unwrap_or_default();
            list.into_iter().filter_map(|one| if let Bson::Document(one) = one { Some(one) } else { None })
        };
        let text = |document: &Document, name: &str| document.get_str(name).unwrap_or_default().to_owned();
        let account =
            documents("authenticatedUsers").map(|user| (text(&user, "user"), text(&user, "db"))).next();
        let privileges = documents("authenticatedUserPrivileges").filter_map(|privilege| {
            let actions = privilege.get_array("actions").ok()?.iter();
            let actions = actions.filter_map(|action| action.as_str().map(str::to_owned)).collect();
            Some((resource(privilege.get_document("resource").ok()?)?, actions))
        });
        Self { account, enforced, privileges: privileges.collect() }
    }

    /// Whether the server asks for rights: one without access control lets everybody do everything.
    pub(crate) fn are_enforced(&self) -> bool {
        self.enforced
    }

    pub(crate) fn has(&self, action: &str, scope: &Scope) -> bool {
        !self.enforced || self.is_given(action, scope)
    }

    /// Whether the account has it by a role, whether or not the server asks for that.
    pub(crate) fn is_given(&self, action: &str, scope: &Scope) -> bool {
        self.privileges.iter().any(|(resource, actions)| actions.contains(action) && covers(resource, scope))
    }
}

/// Asks something for which no right is given: who gets an answer is on a server without access control. An account that has
/// the right may ask the server how it was started.
async fn is_enforced(client: &Client, given: &Grants) -> Result<bool> {
    if given.is_given("getParameter", &Scope::Cluster) {
        return match ask(client, "admin", doc! { "getCmdLineOpts": 1 }).await {
            Ok(answer) => Ok(asks_for_login(&answer)),
            Err(error) if error.code() == Code::MissingGrant => Ok(true),
            Err(error) => Err(error),
        };
    }
    match parameter(client, "transactionLifetimeLimitSeconds").await {
        Ok(_) => Ok(false),
        Err(error) if error.code() == Code::MissingGrant => Ok(true),
        // A mongos may not know the parameter: then it did not ask for the right.
        Err(error) if error.code() == Code::WriteRefused => Ok(false),
        Err(error) => Err(error),
    }
}

fn asks_for_login(options: &Document) -> bool {
    let security = options.get_document("parsed").and_then(|parsed| parsed.get_document("security"));
    let Ok(security) = security else { return false };
    let is_on = security.get_str("authorization").is_ok_and(|value| value == "enabled");
    is_on || security.contains_key("keyFile") || security.contains_key("clusterAuthMode")
}

fn resource(found: &Document) -> Option<Resource> {
    if found.get_bool("anyResource").unwrap_or_default() {
        return Some(Resource::Any);
    }
    if found.get_bool("cluster").unwrap_or_default() {
        return Some(Resource::Cluster);
    }
    let text = |name: &str| found.get_str(name).ok().map(str::to_owned);
    Some(Resource::Named { database: text("db")?, collection: text("collection")? })
}

fn covers(resource: &Resource, scope: &Scope) -> bool {
    let (all_databases, all_collections) = match resource {
        Resource::Any => return true,
        Resource::Cluster => return *scope == Scope::Cluster,
        Resource::Named { database, collection } => (database.is_empty(), collection.is_empty()),
    };
    let Resource::Named { database: own, collection: only } = resource else { return false };
    match scope {
        Scope::Cluster => false,
        Scope::Everything => all_databases && all_collections,
        Scope::Database(database) => (all_databases || own == database) && all_collections,
        Scope::Collection(database, collection) => {
            // What is the server's own is in no right over all databases.
            let is_own = matches!(database.as_str(), "local" | "config");
            (own == database || all_databases && !is_own) && (all_collections || only == collection)
        }
    }
}

/// The actions that are missing, each once where it is missing, and the roles that have them.
pub(super) struct Missing<'a> {
    grants: &'a Grants,
    list: BTreeMap<Scope, Vec<&'static str>>,
    /// `(role, database)`.
    roles: BTreeSet<(&'static str, String)>,
}

impl<'a> Missing<'a> {
    pub(super) fn of(grants: &'a Grants) -> Self {
        Self { grants, list: BTreeMap::new(), roles: BTreeSet::new() }
    }

    /// `role` in `database` is the server's own role that has the actions.
    pub(super) fn need(&mut self, actions: &[&'static str], scope: &Scope, role: (&'static str, &str)) {
        for action in actions.iter().filter(|action| !self.grants.has(action, scope)) {
            let actions = self.list.entry(scope.clone()).or_default();
            if !actions.contains(action) {
                actions.push(action);
            }
            self.roles.insert((role.0, role.1.to_owned()));
        }
    }

    /// One error with everything that is missing and the statement that gives it.
    pub(super) fn into_result(self) -> Result<()> {
        if self.list.is_empty() {
            return Ok(());
        }
        let Some((user, database)) = &self.grants.account else {
            return Err(Error::new(Code::AccessDenied, "the server asks for a login, and the URL has none")
                .with_remedy(
                    "name the account in the URL, as mongodb://tidegate@host/, and give its password",
                ));
        };
        let listed =
            self.list.iter().map(|(scope, actions)| format!("{} on {}", actions.join(", "), name_of(scope)));
        let what = format!("the account {user} lacks {}", listed.collect::<Vec<_>>().join("; "));
        let roles = self.roles.iter().map(|(role, of)| format!("{{role: {role:?}, db: {of:?}}}"));
        let roles = roles.collect::<Vec<_>>().join(", ");
        let remedy = format!("db.getSiblingDB({database:?}).grantRolesToUser({user:?}, [{roles}])");
        Err(Error::new(Code::MissingGrant, what).with_remedy(remedy))
    }
}

fn name_of(scope: &Scope) -> String {
    match scope {
        Scope::Cluster => "the deployment".to_owned(),
        Scope::Everything => "all databases".to_owned(),
        Scope::Database(database) => format!("database {database}"),
        Scope::Collection(database, collection) => format!("{database}.{collection}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(privileges: Vec<Bson>) -> Grants {
        let info = doc! {
            "authenticatedUsers": [{ "user": "tide", "db": "admin" }],
            "authenticatedUserPrivileges": privileges,
        };
        Grants::of(&info, true)
    }

    fn over(database: &str, collection: &str, actions: &[&str]) -> Bson {
        let actions: Vec<Bson> = actions.iter().map(|action| Bson::from(*action)).collect();
        doc! { "resource": { "db": database, "collection": collection }, "actions": actions }.into()
    }

    #[test]
    fn rights_hold_where_they_are_given() {
        let database = |name: &str| Scope::Database(name.to_owned());
        let collection = |database: &str, name: &str| Scope::Collection(database.to_owned(), name.to_owned());
        let all = grants(vec![over("", "", &["find"])]);
        for (scope, expected) in [
            (Scope::Everything, true),
            (Scope::Cluster, false),
            (database("shop"), true),
            (collection("shop", "a"), true),
            (collection("local", "oplog.rs"), false),
        ] {
            assert_eq!(all.has("find", &scope), expected, "{scope:?}");
            assert!(!all.has("insert", &scope), "{scope:?}");
        }
        let some = grants(vec![over("shop", "", &["find"]), over("crm", "a", &["find"])]);
        for (scope, expected) in [
            (Scope::Everything, false),
            (database("shop"), true),
            (database("crm"), false),
            (collection("crm", "a"), true),
            (collection("crm", "b"), false),
        ] {
            assert_eq!(some.has("find", &scope), expected, "{scope:?}");
        }
        let any = doc! { "resource": { "anyResource": true }, "actions": ["find"] };
        assert!(grants(vec![any.into()]).has("find", &collection("local", "oplog.rs")));
        assert!(Grants::of(&Document::new(), false).has("find", &Scope::Everything));
        assert!(!Grants::of(&Document::new(), false).is_given("find", &Scope::Everything));
    }

    #[test]
    fn what_is_missing_is_named_with_the_statement_that_gives_it() {
        let some = grants(vec![over("shop", "", &["find"])]);
        let mut missing = Missing::of(&some);
        let shop = Scope::Database("shop".to_owned());
        missing.need(&["find", "insert", "update"], &shop, ("readWrite", "shop"));
        missing.need(&["find"], &shop, ("read", "shop"));
        let error = missing.into_result().unwrap_err();
        assert_eq!(error.code(), Code::MissingGrant);
        assert_eq!(error.message(), "the account tide lacks insert, update on database shop");
        let remedy =
            r#"db.getSiblingDB("admin").grantRolesToUser("tide", [{role: "readWrite", db: "shop"}])"#;
        assert_eq!(error.remedy(), remedy);
        let nobody = Grants::of(&Document::new(), true);
        let mut missing = Missing::of(&nobody);
        missing.need(&["find"], &shop, ("read", "shop"));
        assert_eq!(missing.into_result().unwrap_err().code(), Code::AccessDenied);
    }
}
