//! Who may use the service.

use super::{Store, failed, now};
use rusqlite::{OptionalExtension, params};
use tidegate_model::{Code, Error, Result};

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Commands instances too.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub(super) fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|role| role.name() == name);
        known.ok_or_else(|| Error::new(Code::StoreFailed, format!("there is no role '{name}'")))
    }
}

/// An account without its secrets.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub role: Role,
}

/// What a password is compared with.
pub struct Credentials {
    pub account: Account,
    pub salt: Vec<u8>,
    /// Hashed.
    pub password: Vec<u8>,
}

impl Store {
    pub fn has_accounts(&self) -> Result<bool> {
        self.within(|within| {
            let found = within.query_row("SELECT 1 FROM account LIMIT 1", [], |_| Ok(())).optional();
            found.map(|found| found.is_some()).map_err(failed)
        })
    }

    /// Makes an account, or gives it another role and password.
    pub fn put_account(&self, account: &Account, salt: &[u8], password: &[u8]) -> Result<()> {
        self.within(|within| {
            within
                .execute(
                    "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE \
                     SET role = excluded.role, salt = excluded.salt, password = excluded.password",
                    params![account.name, account.role.name(), salt, password, now()],
                )
                .map_err(failed)?;
            // Whoever had the old password is out.
            for table in ["token", "access_key"] {
                within
                    .execute(&format!("DELETE FROM {table} WHERE account = ?1"), [&account.name])
                    .map_err(failed)?;
            }
            Ok(())
        })
    }

    pub fn accounts(&self) -> Result<Vec<Account>> {
        let found: Vec<(String, String)> = self.within(|within| {
            let mut question =
                within.prepare("SELECT name, role FROM account ORDER BY name").map_err(failed)?;
            let rows = question.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
            rows.map(|row| row.map_err(failed)).collect()
        })?;
        found.into_iter().map(|(name, role)| Ok(Account { name, role: Role::parse(&role)? })).collect()
    }

    /// Its tokens and access keys go with it.
    pub fn remove_account(&self, name: &str) -> Result<()> {
        self.within(|within| {
            let gone = within.execute("DELETE FROM account WHERE name = ?1", [name]).map_err(failed)?;
            if gone == 0 {
                return Err(Error::new(Code::BadRequest, format!("there is no account '{name}'")));
            }
            Ok(())
        })
    }

    pub fn credentials(&self, name: &str) -> Result<Option<Credentials>> {
        let found: Option<(String, Vec<u8>, Vec<u8>)> = self.within(|within| {
            let question = "SELECT role, salt, password FROM account WHERE name = ?1";
            within
                .query_row(question, [name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
                .map_err(failed)
        })?;
        found
            .map(|(role, salt, password)| {
                let account = Account { name: name.to_owned(), role: Role::parse(&role)? };
                Ok(Credentials { account, salt, password })
            })
            .transpose()
    }

    pub fn put_token(&self, hash: &[u8], account: &str, expires_at: Option<i64>) -> Result<()> {
        self.within(|within| {
            let made =
                within.execute("INSERT INTO token VALUES (?1, ?2, ?3)", params![hash, account, expires_at]);
            made.map(|_| ()).map_err(failed)
        })
    }

    pub fn remove_token(&self, hash: &[u8]) -> Result<()> {
        self.within(|within| {
            within.execute("DELETE FROM token WHERE hash = ?1", [hash]).map(|_| ()).map_err(failed)
        })
    }

    /// Whose token it is, if it has not expired.
    pub fn holder(&self, hash: &[u8], now: i64) -> Result<Option<Account>> {
        let found: Option<(String, String)> = self.within(|within| {
            let question = "SELECT name, role FROM token JOIN account ON account.name = token.account \
                 WHERE hash = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
            within
                .query_row(question, params![hash, now], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .map_err(failed)
        })?;
        found.map(|(name, role)| Ok(Account { name, role: Role::parse(&role)? })).transpose()
    }
}
