//! From a URL to an adapter: the one place that names adapters.

use std::fmt;
use std::sync::Arc;
use tidegate_model::{
    Code, Comparable, Decision, Error, Fence, Finding, FoundConflict, Gate, InstanceName, Policy, Position,
    Result, Selection, Source, Target,
};
use tidegate_mysql::{FoundTable, MysqlComparable, MysqlFence, MysqlSource, MysqlTarget, Remain};
pub(crate) use tidegate_mysql::{Raised, Written};

/// Text that must not be seen. `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For whoever has to show it to somebody: a server, or the service.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}

/// Where a database is, as a person gives it. Not `Debug`: the URL may hold a password.
#[derive(Clone)]
pub struct EndpointUrl {
    pub url: String,
    /// Wins over a password in the URL.
    pub password: Option<Secret>,
    /// Whether a password may stand in the URL, where shells and process lists show it.
    pub password_in_url: bool,
    /// Whom the service may connect to.
    pub gate: Option<Gate>,
}

/// Where a database is, read and understood.
#[derive(Clone, Debug)]
pub struct Endpoint {
    side: Side,
    engine: Engine,
}

/// The engines; `mariadb://` and `mysql://` are one, for the server says itself which it is.
#[derive(Clone, Debug)]
enum Engine {
    Mysql(tidegate_mysql::Endpoint),
}

impl EndpointUrl {
    /// Understands the URL without asking the server. No error holds a part of the URL that might be a password.
    pub fn read(&self, side: Side) -> Result<Endpoint> {
        self.read_mysql().map(|at| Endpoint { side, engine: Engine::Mysql(at) }).map_err(|e| e.context(side))
    }

    fn read_mysql(&self) -> Result<tidegate_mysql::Endpoint> {
        let after_engine = self.url.split_once("://").map_or(self.url.as_str(), |parts| parts.1);
        let authority_end = after_engine.find(['/', '?', '#']).unwrap_or(after_engine.len());
        if after_engine[authority_end..].contains('@') {
            // A password with a slash in it makes the rest of the password look like a path.
            let what = "the URL has an @ after one of / ? #";
            return Err(Error::new(Code::BadUrl, what)
                .with_remedy("in a user name or a password, write / as %2F, ? as %3F, # as %23, @ as %40"));
        }
        let mut at = tidegate_mysql::Endpoint::from_url(&self.url)?;
        if at.password.is_some() && !self.password_in_url {
            return Err(Error::new(Code::PasswordInUrl, "a password stands in the URL"));
        }
        if let Some(password) = &self.password {
            at.password = Some(password.reveal().to_owned());
        }
        at.password = at.password.filter(|password| !password.is_empty());
        at.gate.clone_from(&self.gate);
        Ok(at)
    }
}

impl Endpoint {
    pub fn side(&self) -> Side {
        self.side
    }

    pub fn has_password(&self) -> bool {
        match &self.engine {
            Engine::Mysql(at) => at.password.is_some(),
        }
    }

    /// `user@host:port`, for a person.
    pub fn account(&self) -> String {
        match &self.engine {
            Engine::Mysql(at) => format!("{}@{at}", at.user),
        }
    }

    pub(crate) fn user(&self) -> String {
        match &self.engine {
            Engine::Mysql(at) => at.user.clone(),
        }
    }

    /// Host and port, written the same way whenever they are the same.
    pub fn address(&self) -> String {
        match &self.engine {
            Engine::Mysql(at) => at.to_string().to_lowercase(),
        }
    }

    /// Logs in and leaves again: says whether the server is there and takes the account.
    pub async fn try_login(&self) -> Result<()> {
        self.identity().await.map(|_| ())
    }

    /// What tells this server from every other.
    pub(crate) async fn identity(&self) -> Result<String> {
        let nothing = Selection::default();
        self.source(0, &nothing, &[]).identity().await.map_err(|e| e.context(self.side))
    }

    /// What is here to choose from; of one database with its columns.
    pub(crate) async fn tree(&self, database: Option<&str>) -> Result<Vec<FoundTable>> {
        match &self.engine {
            Engine::Mysql(at) => at.tree(database).await.map_err(|e| e.context(self.side)),
        }
    }

    /// What a link has left here, and how it is removed.
    pub(crate) async fn remains(&self, target_of: &[InstanceName]) -> Result<Vec<Remain>> {
        match &self.engine {
            Engine::Mysql(at) => at.remains(target_of).await.map_err(|e| e.context(self.side)),
        }
    }

    pub(crate) async fn run_statements(&self, own: &[InstanceName], statements: &[String]) -> Result<()> {
        match &self.engine {
            Engine::Mysql(at) => at.run_statements(own, statements).await.map_err(|e| e.context(self.side)),
        }
    }

    /// Everything that should be known of the two before a link begins.
    pub(crate) async fn look(&self, target: &Self, selection: &Selection) -> Vec<Finding> {
        match (&self.engine, &target.engine) {
            (Engine::Mysql(source), Engine::Mysql(target)) => {
                tidegate_mysql::look(source, target, selection).await
            }
        }
    }

    /// What others than a link have written here: since it began, or from a position on.
    pub(crate) async fn written_by_others(
        &self,
        server_id: u32,
        selection: &Selection,
        links: &[InstanceName],
        from: Option<&Position>,
    ) -> Result<Written> {
        match &self.engine {
            Engine::Mysql(at) => tidegate_mysql::written_by_others(at, server_id, selection, links, from)
                .await
                .map_err(|e| e.context(self.side)),
        }
    }

    /// What the link has met here that its log did not expect.
    pub(crate) async fn conflicts(&self, link: &InstanceName, settled: bool) -> Result<Vec<FoundConflict>> {
        match &self.engine {
            Engine::Mysql(at) => at.conflicts(link, settled).await.map_err(|e| e.context(self.side)),
        }
    }

    pub(crate) async fn decide_conflicts(
        &self,
        link: &InstanceName,
        place: Option<(u64, u32)>,
        decision: Decision,
        by: &str,
    ) -> Result<u64> {
        match &self.engine {
            Engine::Mysql(at) => {
                at.decide_conflicts(link, place, decision, by).await.map_err(|e| e.context(self.side))
            }
        }
    }

    pub(crate) async fn policy(&self, link: &InstanceName) -> Result<Policy> {
        match &self.engine {
            Engine::Mysql(at) => at.policy(link).await.map_err(|e| e.context(self.side)),
        }
    }

    pub(crate) async fn put_policy(&self, link: &InstanceName, policy: Policy) -> Result<()> {
        match &self.engine {
            Engine::Mysql(at) => at.put_policy(link, policy).await.map_err(|e| e.context(self.side)),
        }
    }

    /// Whether what we write here can be told from what others write.
    pub(crate) async fn check_marks(&self) -> Result<()> {
        match &self.engine {
            Engine::Mysql(at) => tidegate_mysql::check_marks(at).await.map_err(|e| e.context(self.side)),
        }
    }

    /// Sees to it that the target gives out no number that the source has given out.
    pub(crate) async fn raise_counters(
        &self,
        target: &Self,
        link: &InstanceName,
        selection: &Selection,
    ) -> Result<Raised> {
        match (&self.engine, &target.engine) {
            (Engine::Mysql(source), Engine::Mysql(target)) => {
                tidegate_mysql::raise_counters(source, target, link, selection).await
            }
        }
    }

    /// Whether rules can be understood at all: the server is not asked.
    pub(crate) fn read_rules(&self, selection: &Selection) -> Result<()> {
        match &self.engine {
            Engine::Mysql(_) => tidegate_mysql::read_rules(selection),
        }
    }

    /// Whether this server can carry the rules out.
    pub(crate) async fn check_rules(&self, selection: &Selection) -> Result<()> {
        match &self.engine {
            Engine::Mysql(at) => {
                tidegate_mysql::check_rules(at, selection).await.map_err(|e| e.context(self.side))
            }
        }
    }

    /// `peers`: links of the other direction, whose writes here are no news.
    pub(crate) fn source(
        &self,
        server_id: u32,
        selection: &Selection,
        peers: &[InstanceName],
    ) -> Arc<dyn Source> {
        match &self.engine {
            Engine::Mysql(at) => Arc::new(MysqlSource::new(at.clone(), server_id, selection.clone(), peers)),
        }
    }

    pub(crate) fn target(&self, instance: &InstanceName, selection: &Selection) -> Arc<dyn Target> {
        match &self.engine {
            Engine::Mysql(at) => Arc::new(MysqlTarget::new(at.clone(), instance.clone(), selection.clone())),
        }
    }

    /// Keeps applications out of what is selected here by the names that it has here, for the link that writes here.
    pub(crate) fn fence(&self, instance: &InstanceName, selection: &Selection) -> Arc<dyn Fence> {
        match &self.engine {
            Engine::Mysql(at) => Arc::new(MysqlFence::new(at.clone(), instance.clone(), selection.clone())),
        }
    }

    pub(crate) fn comparable(&self) -> Arc<dyn Comparable> {
        match &self.engine {
            Engine::Mysql(at) => Arc::new(MysqlComparable::new(at.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, password: Option<&str>, password_in_url: bool) -> Result<Endpoint> {
        EndpointUrl { url: url.to_owned(), password: password.map(Secret::new), password_in_url, gate: None }
            .read(Side::Source)
    }

    fn password(endpoint: &Endpoint) -> Option<&str> {
        match &endpoint.engine {
            Engine::Mysql(at) => at.password.as_deref(),
        }
    }

    #[test]
    fn a_password_in_the_url_must_be_allowed() {
        let with = "mysql://u:canary@h/";
        assert_eq!(read(with, None, false).unwrap_err().code(), Code::PasswordInUrl);
        assert_eq!(read(with, Some("other"), false).unwrap_err().code(), Code::PasswordInUrl);
        assert_eq!(password(&read(with, None, true).unwrap()), Some("canary"));
        assert_eq!(password(&read(with, Some("other"), true).unwrap()), Some("other"));
        assert_eq!(password(&read("mysql://u@h/", Some("other"), false).unwrap()), Some("other"));
        assert_eq!(password(&read("mysql://u@h/", Some(""), false).unwrap()), None);
        assert_eq!(password(&read("mysql://u@h/", None, false).unwrap()), None);
    }

    #[test]
    fn no_error_and_no_debug_shows_a_password() {
        for url in [
            "mysql://u:canary@h/",
            "mysql://u:can/ary@h/",
            "mysql://u:1/canary@h/",
            "mysql://u:1?canary@h/",
            "mysql://u@x:1/canary@h/",
            "mysql://u:canary#@h/",
            "mysql://u:canary@h:99999/",
            "mysql://u:canary%zz@h/",
            "mysql://u:canary@h/shop",
            "mysql://:canary@h/",
            "postgres://u:canary@h/",
            "mysql://u:canary@/",
            "mysql://u:canary@h/?ssl-mode=maybe",
        ] {
            let error = read(url, None, false).expect_err(url);
            let shown = format!("{error} {error:?} {}", error.remedy());
            assert!(!shown.contains("canary"), "{url}: {shown}");
        }
        let endpoint = read("mysql://u@h/", Some("canary"), false).unwrap();
        assert!(!format!("{endpoint:?} {:?}", Secret::new("canary")).contains("canary"));
    }

    #[test]
    fn addresses() {
        for (url, address, account) in [
            ("mysql://repl@DB1/", "db1:3306", "repl@DB1:3306"),
            ("mariadb://a%40b@10.0.0.1:3307", "10.0.0.1:3307", "a@b@10.0.0.1:3307"),
        ] {
            let endpoint = read(url, None, false).unwrap();
            assert_eq!((endpoint.address().as_str(), endpoint.account().as_str()), (address, account));
        }
    }
}
