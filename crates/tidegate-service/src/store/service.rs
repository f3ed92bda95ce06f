//! What belongs to the service itself: what its passwords are sealed with, and copies of the whole store.

use super::{Store, failed};
use crate::alerts::WEBHOOK_PLACE;
use crate::secrets::access_key_place;
use crate::supervisor::password_place;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;
use tidegate_model::{Code, Error, Result};

const BUSY: Duration = Duration::from_secs(5);
const PROOF: &str = "key proof";

/// Opens what is sealed for a place, and seals it again.
pub(crate) type SealAgain<'a> = dyn Fn(&str, &[u8]) -> Result<Vec<u8>> + 'a;

impl Store {
    /// A text that only the right key opens.
    pub(crate) fn proof(&self) -> Result<Option<Vec<u8>>> {
        self.named(PROOF)
    }

    pub(crate) fn put_proof(&self, proof: &[u8]) -> Result<()> {
        self.put_named(PROOF, proof)
    }

    /// What is kept under a name.
    pub(crate) fn named(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.within(|within| named(within, name))
    }

    pub(crate) fn put_named(&self, name: &str, value: &[u8]) -> Result<()> {
        self.within(|within| put_named(within, name, value))
    }

    pub(crate) fn remove_named(&self, name: &str) -> Result<()> {
        self.within(|within| {
            within.execute("DELETE FROM service WHERE name = ?1", [name]).map(|_| ()).map_err(failed)
        })
    }

    /// Seals every password anew, all or none; answers how many there are.
    pub(crate) fn seal_again(&self, again: &SealAgain<'_>, proof: &[u8]) -> Result<usize> {
        self.within(|within| {
            let mut count = 0;
            for side in ["source", "target"] {
                let column = format!("{side}_password");
                let mut question = within
                    .prepare(&format!("SELECT id, {column} FROM instance WHERE {column} IS NOT NULL"))
                    .map_err(failed)?;
                let rows = question.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
                let sealed: Vec<(String, Vec<u8>)> = rows.collect::<Result<_, _>>().map_err(failed)?;
                for (id, before) in sealed {
                    let after = again(&password_place(&id, side), &before)?;
                    let change = format!("UPDATE instance SET {column} = ?2 WHERE id = ?1");
                    within.execute(&change, params![id, after]).map_err(failed)?;
                    count += 1;
                }
            }
            count += seal_keys_again(within, again)?;
            if let Some(before) = named(within, WEBHOOK_PLACE)? {
                put_named(within, WEBHOOK_PLACE, &again(WEBHOOK_PLACE, &before)?)?;
            }
            put_named(within, PROOF, proof)?;
            Ok(count)
        })
    }

    /// A copy of a store's file as it is at one moment, also while a server uses it. `to` must not be there. The store stays
    /// of the version that it is.
    pub fn back_up(file: &Path, to: &Path) -> Result<()> {
        // An empty file of our own: never, not even for a moment, for others to read.
        let made = File::options().write(true).create_new(true).mode(0o600).open(to);
        made.map_err(|error| {
            Error::new(Code::BadSetting, format!("{}: {error}", to.display()))
                .with_remedy("name a file that is not there, in a folder that may be written")
        })?;
        let connection = Connection::open(file).map_err(|error| failed(error).context(file.display()))?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let copied = connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]);
        copied.map(|_| ()).map_err(|error| failed(error).context(to.display()))
    }
}

fn seal_keys_again(within: &rusqlite::Transaction<'_>, again: &SealAgain<'_>) -> Result<usize> {
    let mut question = within.prepare("SELECT id, secret FROM access_key").map_err(failed)?;
    let rows = question.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    let sealed: Vec<(String, Vec<u8>)> = rows.collect::<Result<_, _>>().map_err(failed)?;
    for (id, before) in &sealed {
        let after = again(&access_key_place(id), before)?;
        within
            .execute("UPDATE access_key SET secret = ?2 WHERE id = ?1", params![id, after])
            .map_err(failed)?;
    }
    Ok(sealed.len())
}

fn named(within: &rusqlite::Transaction<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    let question = "SELECT value FROM service WHERE name = ?1";
    within.query_row(question, [name], |row| row.get(0)).optional().map_err(failed)
}

fn put_named(within: &rusqlite::Transaction<'_>, name: &str, value: &[u8]) -> Result<()> {
    within
        .execute("INSERT OR REPLACE INTO service VALUES (?1, ?2)", params![name, value])
        .map(|_| ())
        .map_err(failed)
}
