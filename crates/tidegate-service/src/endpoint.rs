//! From a URL to an adapter: the one place that names adapters.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use tidegate_model::{Code, Database, Error, Fut, Gate, Result};

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

/// Where a database is, read and understood: the database, and which end of a link it is.
#[derive(Clone)]
pub struct Endpoint {
    side: Side,
    database: Arc<dyn Database>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.side, self.account())
    }
}

impl Deref for Endpoint {
    type Target = dyn Database;

    fn deref(&self) -> &Self::Target {
        self.database.as_ref()
    }
}

impl EndpointUrl {
    /// Understands the URL without asking the server. No error holds a part of the URL that might be a password.
    pub fn read(&self, side: Side) -> Result<Endpoint> {
        self.open().map(|database| Endpoint { side, database }).map_err(|e| e.context(side))
    }

    /// `mariadb://` and `mysql://` are one, for the server says itself which it is.
    fn open(&self) -> Result<Arc<dyn Database>> {
        refuse_strayed_password(&self.url)?;
        if self.url.starts_with("mongodb://") {
            let mut at = tidegate_mongodb::Endpoint::from_url(&self.url)?;
            at.password = self.password(at.password.take())?;
            at.gate.clone_from(&self.gate);
            return Ok(Arc::new(at));
        }
        let mut at = tidegate_mysql::Endpoint::from_url(&self.url)?;
        at.password = self.password(at.password.take())?;
        at.gate.clone_from(&self.gate);
        Ok(Arc::new(at))
    }

    /// The password that counts, of the one in the URL and the one beside it.
    fn password(&self, in_url: Option<String>) -> Result<Option<String>> {
        if in_url.is_some() && !self.password_in_url {
            return Err(Error::new(Code::PasswordInUrl, "a password stands in the URL"));
        }
        let given = self.password.as_ref().map(|password| password.reveal().to_owned());
        Ok(given.or(in_url).filter(|password| !password.is_empty()))
    }
}

/// A password with a slash in it makes the rest of the password look like a path.
fn refuse_strayed_password(url: &str) -> Result<()> {
    let after_engine = url.split_once("://").map_or(url, |parts| parts.1);
    let authority_end = after_engine.find(['/', '?', '#']).unwrap_or(after_engine.len());
    if !after_engine[authority_end..].contains('@') {
        return Ok(());
    }
    Err(Error::new(Code::BadUrl, "the URL has an @ after one of / ? #")
        .with_remedy("in a user name or a password, write / as %2F, ? as %3F, # as %23, @ as %40"))
}

impl Endpoint {
    pub fn side(&self) -> Side {
        self.side
    }

    /// An answer of the database; an error says on which side.
    pub(crate) async fn ask<T>(&self, answer: Fut<'_, T>) -> Result<T> {
        answer.await.map_err(|error| error.context(self.side))
    }

    /// What is carried stays what it is, so both ends are of one engine.
    pub(crate) fn refuse_other_engine(&self, other: &Self) -> Result<()> {
        if self.engine() == other.engine() {
            return Ok(());
        }
        let what =
            format!("the {} is {}, the {} is {}", self.side, self.engine(), other.side, other.engine());
        Err(Error::new(Code::UnsupportedEngine, what).with_remedy("name two databases of one engine"))
    }

    /// Logs in and leaves again: says whether the server is there and takes the account.
    pub async fn try_login(&self) -> Result<()> {
        self.ask(self.database.identity()).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, password: Option<&str>, password_in_url: bool) -> Result<Endpoint> {
        EndpointUrl { url: url.to_owned(), password: password.map(Secret::new), password_in_url, gate: None }
            .read(Side::Source)
    }

    #[test]
    fn a_password_in_the_url_must_be_allowed() {
        let with = "mysql://u:canary@h/";
        assert_eq!(read(with, None, false).unwrap_err().code(), Code::PasswordInUrl);
        assert_eq!(read(with, Some("other"), false).unwrap_err().code(), Code::PasswordInUrl);
        assert!(read(with, None, true).unwrap().has_password());
        assert!(read("mysql://u@h/", Some("other"), false).unwrap().has_password());
        assert!(!read("mysql://u@h/", Some(""), false).unwrap().has_password());
        assert!(!read("mysql://u@h/", None, false).unwrap().has_password());
    }

    #[test]
    fn the_password_beside_the_url_wins() {
        let password = |in_url: Option<&str>, beside: Option<&str>| {
            let at = EndpointUrl {
                url: String::new(),
                password: beside.map(Secret::new),
                password_in_url: true,
                gate: None,
            };
            at.password(in_url.map(str::to_owned)).unwrap()
        };
        assert_eq!(password(Some("canary"), None).as_deref(), Some("canary"));
        assert_eq!(password(Some("canary"), Some("other")).as_deref(), Some("other"));
        assert_eq!(password(None, Some("other")).as_deref(), Some("other"));
        assert_eq!(password(Some("canary"), Some("")), None);
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
