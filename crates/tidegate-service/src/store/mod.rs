//! What the service remembers: instances, their history, accounts. One SQLite file; every call is one transaction.

mod accounts;
mod answers;
mod audit;
mod instances;
mod keys;
mod list;
mod pair;
mod service;
mod texts;
mod wanted;

pub use accounts::{Account, Credentials, Role};
pub use answers::{Answered, Claimed};
pub use instances::{Found, Moved, NewInstance};
pub use keys::AccessKey;
pub use list::{Listing, Sort};
pub use texts::Texts;

use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;
use std::cell::RefCell;
use std::ops::Deref;
use std::path::Path;
use std::sync::Mutex;
use tidegate_api::Transition;
use tidegate_model::{Code, Error, Result};
use tokio::sync::broadcast;

/// One entry a version; the file's `user_version` says how many it has had.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema.sql"),
    include_str!("service.sql"),
    include_str!("skips.sql"),
    include_str!("kept_until.sql"),
    include_str!("answers.sql"),
    include_str!("wanted.sql"),
    include_str!("pair.sql"),
    include_str!("takeover.sql"),
    include_str!("official.sql"),
];

/// The store. Calls are short and block; see [`Store::ask`].
pub struct Store {
    connection: Mutex<Connection>,
    happened: broadcast::Sender<Happened>,
}

/// A transition, for whoever listens.
#[derive(Clone, Debug, Serialize)]
pub struct Happened {
    pub id: String,
    pub name: String,
    #[serde(flatten)]
    pub transition: Transition,
}

/// A transaction of the store, and what is told to those who listen once it is committed.
struct Within<'a> {
    transaction: rusqlite::Transaction<'a>,
    happened: RefCell<Vec<Happened>>,
}

impl<'a> Deref for Within<'a> {
    type Target = rusqlite::Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

/// So many are kept for those who listen slowly.
const HAPPENED: usize = 1024;

impl Store {
    /// Opens the file, makes it if it is not there, and brings it to the newest version.
    pub fn open(file: &Path) -> Result<Self> {
        let named = |error: rusqlite::Error| failed(error).context(file.display());
        let mut connection = Connection::open(file).map_err(named)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA busy_timeout = 5000",
            )
            .map_err(named)?;
        let version: usize =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(named)?;
        if version > MIGRATIONS.len() {
            let what = format!("{} is of a newer version of Tidegate ({version})", file.display());
            return Err(Error::new(Code::StoreFailed, what).with_remedy("use that version, or a backup"));
        }
        for (at, migration) in MIGRATIONS.iter().enumerate().skip(version) {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named)?;
            step.execute_batch(migration).map_err(named)?;
            step.pragma_update(None, "user_version", at + 1).map_err(named)?;
            step.commit().map_err(named)?;
        }
        Ok(Self { connection: Mutex::new(connection), happened: broadcast::channel(HAPPENED).0 })
    }

    /// Runs `work` as one transaction: all of it happens, or nothing.
    fn within<T>(&self, work: impl FnOnce(&Within<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection.lock().expect("no holder panics");
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let within = Within { transaction, happened: RefCell::default() };
        let done = work(&within)?;
        let Within { transaction, happened } = within;
        transaction.commit().map_err(failed)?;
        for one in happened.into_inner() {
            // Nobody may be listening.
            let _ = self.happened.send(one);
        }
        Ok(done)
    }

    /// What happens from now on.
    pub(crate) fn happened(&self) -> broadcast::Receiver<Happened> {
        self.happened.subscribe()
    }

    /// Calls the store from a task: a commit waits for the disk.
    pub async fn ask<T, F>(self: &std::sync::Arc<Self>, call: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        let answered = tokio::task::spawn_blocking(move || call(&store)).await;
        answered.unwrap_or_else(|_| Err(Error::new(Code::Internal, "a call of the store panicked")))
    }
}

fn failed(error: rusqlite::Error) -> Error {
    Error::new(Code::StoreFailed, error.to_string()).with_source(error)
}

/// To the millisecond, always with as many digits: such texts sort as the times do.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
