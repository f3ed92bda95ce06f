//! Keys that sign requests, and the requests that were signed lately.

use super::{Account, Role, Store, failed, now};
use rusqlite::{OptionalExtension, params};
use tidegate_api::AccessKeyView;
use tidegate_model::{Code, Error, Result};

/// As many as one account may have.
const KEYS_MAX: u32 = 20;

/// A key with what signs, sealed.
pub struct AccessKey {
    pub account: Account,
    pub secret: Vec<u8>,
}

impl Store {
    pub fn put_access_key(&self, id: &str, account: &str, secret: &[u8]) -> Result<AccessKeyView> {
        self.within(|within| {
            let count = "SELECT COUNT(*) FROM access_key WHERE account = ?1";
            let count: u32 = within.query_row(count, [account], |row| row.get(0)).map_err(failed)?;
            if count >= KEYS_MAX {
                let what = format!("{account} has {KEYS_MAX} access keys already");
                return Err(Error::new(Code::NotAllowed, what).with_remedy("remove one that is not used"));
            }
            let created_at = now();
            let values = params![id, account, secret, created_at];
            within.execute("INSERT INTO access_key VALUES (?1, ?2, ?3, ?4)", values).map_err(failed)?;
            Ok(AccessKeyView { id: id.to_owned(), account: account.to_owned(), created_at })
        })
    }

    /// The keys of one account, or all.
    pub fn access_keys(&self, account: Option<&str>) -> Result<Vec<AccessKeyView>> {
        self.within(|within| {
            let question = "SELECT id, account, created_at FROM access_key \
                 WHERE ?1 IS NULL OR account = ?1 ORDER BY account, created_at, id";
            let mut question = within.prepare(question).map_err(failed)?;
            let rows = question.query_map([account], |row| {
                Ok(AccessKeyView { id: row.get(0)?, account: row.get(1)?, created_at: row.get(2)? })
            });
            rows.map_err(failed)?.map(|row| row.map_err(failed)).collect()
        })
    }

    pub fn access_key(&self, id: &str) -> Result<Option<AccessKey>> {
        let found: Option<(String, String, Vec<u8>)> = self.within(|within| {
            let question = "SELECT name, role, secret FROM access_key JOIN account ON account.name = account \
                 WHERE id = ?1";
            within
                .query_row(question, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
                .map_err(failed)
        })?;
        found
            .map(|(name, role, secret)| {
                Ok(AccessKey { account: Account { name, role: Role::parse(&role)? }, secret })
            })
            .transpose()
    }

    /// Removes a key of an account, or of any account.
    pub fn remove_access_key(&self, id: &str, of: Option<&str>) -> Result<()> {
        self.within(|within| {
            let remove = "DELETE FROM access_key WHERE id = ?1 AND (?2 IS NULL OR account = ?2)";
            let gone = within.execute(remove, params![id, of]).map_err(failed)?;
            if gone == 0 {
                return Err(Error::new(Code::BadRequest, format!("there is no access key '{id}'")));
            }
            Ok(())
        })
    }

    /// Takes a nonce at `now`, in seconds since 1970; answers whether it is new. Those from before `forget` are forgotten.
    pub fn take_nonce(&self, hash: &[u8], now: i64, forget: i64) -> Result<bool> {
        self.within(|within| {
            within.execute("DELETE FROM nonce WHERE at < ?1", [forget]).map_err(failed)?;
            let taken = within.execute("INSERT OR IGNORE INTO nonce VALUES (?1, ?2)", params![hash, now]);
            taken.map(|count| count > 0).map_err(failed)
        })
    }
}
