//! Definers: accounts in whose name a view, routine, trigger or event works.

use super::text::words;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::HashSet;

/// A user and the host it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) host: String,
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}'@'{}'", self.user, self.host)
    }
}

impl Account {
    /// Reads `DEFINER=`a`@`b``; `None` if it names no certain account.
    pub(super) fn of_definer(clause: &str) -> Option<Self> {
        let (_, account) = clause.split_once('=')?;
        let mut parts =
            words(account).into_iter().filter(|word| word.is_quoted()).map(|word| unquoted(word.text));
        Some(Self { user: parts.next()?, host: parts.next().unwrap_or_default() })
    }
}

fn unquoted(text: &str) -> String {
    let Some(quote) = text.chars().next() else { return String::new() };
    let inside = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)).unwrap_or(text);
    inside.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// The server's accounts, if we may see them.
pub(super) struct Accounts {
    known: Option<HashSet<Account>>,
    /// What the server has told us not to be there.
    absent: HashSet<Account>,
}

impl Accounts {
    pub(super) async fn read(conn: &mut Conn) -> Self {
        let rows: Result<Vec<(String, String)>, _> =
            conn.query("SELECT CAST(User AS CHAR), CAST(Host AS CHAR) FROM mysql.user").await;
        let account = |(user, host): (String, String)| Account { user, host: host.to_lowercase() };
        let known = rows.ok().map(|rows| rows.into_iter().map(account).collect());
        Self { known, absent: HashSet::new() }
    }

    /// Whether it is certain that there is no such account.
    pub(super) fn lack(&self, account: &Account) -> bool {
        let lower = Account { user: account.user.clone(), host: account.host.to_lowercase() };
        self.absent.contains(account) || self.known.as_ref().is_some_and(|known| !known.contains(&lower))
    }

    /// Keeps in mind that there is no such account; `false` if that was known.
    pub(super) fn note_absent(&mut self, account: Account) -> bool {
        self.absent.insert(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definers() {
        let read = |text| Account::of_definer(text).map(|account| account.to_string());
        assert_eq!(read("DEFINER=`a``b@c`@`%`").unwrap(), "'a`b@c'@'%'");
        assert_eq!(read("DEFINER = \"root\"@\"localhost\"").unwrap(), "'root'@'localhost'");
        assert_eq!(read("DEFINER=`role`").unwrap(), "'role'@''");
        assert_eq!(read("DEFINER=CURRENT_USER"), None);
    }
}
