//! Answers to requests that may be asked again.

use super::{Store, failed};
use rusqlite::{OptionalExtension, params};
use tidegate_model::Result;

const KEPT_SECONDS: i64 = 24 * 3600;

/// An answer as it was given.
pub struct Answered {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What is known of a request's key.
pub enum Claimed {
    /// Nothing: it is this request's from now on.
    New,
    Answered(Answered),
    UnderWay,
    /// It belongs to another request.
    Other,
}

impl Store {
    pub(crate) fn claim_answer(&self, owner: &[u8], asked: &[u8]) -> Result<Claimed> {
        self.within(|within| {
            let now = jiff::Timestamp::now().as_second();
            within.execute("DELETE FROM answer WHERE at < ?1", [now - KEPT_SECONDS]).map_err(failed)?;
            type Row = (Vec<u8>, Option<u16>, Option<Vec<u8>>);
            let question = "SELECT asked, status, body FROM answer WHERE owner = ?1";
            let found: Option<Row> = within
                .query_row(question, [owner], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
                .map_err(failed)?;
            match found {
                Some((before, ..)) if before != asked => Ok(Claimed::Other),
                Some((_, Some(status), body)) => {
                    Ok(Claimed::Answered(Answered { status, body: body.unwrap_or_default() }))
                }
                Some(_) => Ok(Claimed::UnderWay),
                None => {
                    let entry = params![owner, asked, now];
                    within
                        .execute("INSERT INTO answer VALUES (?1, ?2, NULL, NULL, ?3)", entry)
                        .map(|_| Claimed::New)
                        .map_err(failed)
                }
            }
        })
    }

    /// Without an answer it may be asked anew.
    pub(crate) fn put_answer(&self, owner: &[u8], answered: Option<Answered>) -> Result<()> {
        self.within(|within| {
            let done = match answered {
                Some(answered) => within.execute(
                    "UPDATE answer SET status = ?2, body = ?3 WHERE owner = ?1",
                    params![owner, answered.status, answered.body],
                ),
                None => within.execute("DELETE FROM answer WHERE owner = ?1", [owner]),
            };
            done.map(|_| ()).map_err(failed)
        })
    }

    /// What was under way when the service ended was cut off: nobody knows whether it was done, and commands say so
    /// themselves when they are asked again.
    pub(crate) fn forget_cut_off(&self) -> Result<()> {
        self.within(|within| {
            within.execute("DELETE FROM answer WHERE status IS NULL", []).map(|_| ()).map_err(failed)
        })
    }
}
