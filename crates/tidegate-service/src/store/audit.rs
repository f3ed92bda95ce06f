//! Who asked for what.

use super::{Store, failed, now};
use rusqlite::params;
use tidegate_api::AuditEntry;
use tidegate_model::Result;

impl Store {
    /// Writes down that somebody asked for something.
    pub fn audit(&self, by: &str, action: &str, object: &str, outcome: &str) -> Result<()> {
        self.within(|within| {
            let entry = params![now(), by, action, object, outcome];
            within.execute("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5)", entry).map(|_| ()).map_err(failed)
        })
    }

    /// The same for what is done already: it stands, whether it is written down who asked or not.
    pub fn audit_done(&self, by: &str, action: &str, object: &str, outcome: &str) {
        if let Err(error) = self.audit(by, action, object, outcome) {
            tracing::error!(%error, by, action, object, outcome, "it is not in the audit");
        }
    }

    /// The newest first.
    pub fn audited(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.within(|within| {
            let question = "SELECT at, by, action, object, outcome FROM audit ORDER BY rowid DESC LIMIT ?1";
            let mut question = within.prepare(question).map_err(failed)?;
            let rows = question.query_map([limit], |row| {
                Ok(AuditEntry {
                    at: row.get(0)?,
                    by: row.get(1)?,
                    action: row.get(2)?,
                    object: row.get(3)?,
                    outcome: row.get(4)?,
                })
            });
            rows.map_err(failed)?.map(|row| row.map_err(failed)).collect()
        })
    }
}
