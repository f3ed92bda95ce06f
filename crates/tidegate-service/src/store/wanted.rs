//! Other objects for an instance that runs.

use super::instances::{find, happened, to_json};
use super::{Found, Store, failed};
use rusqlite::params;
use tidegate_api::{CreateInstance, WantedObjects};
use tidegate_model::{Code, Error, Result};

impl Store {
    /// Wants other objects, or none any more. `before` is what was looked at when that was decided: what is wanted must be
    /// the same still.
    pub fn want(&self, before: &Found, wanted: Option<&WantedObjects>, by: &str) -> Result<Found> {
        self.within(|within| {
            let found = find(within, &before.id)?;
            if found.wanted != before.wanted || (wanted.is_some() && found.peer != before.peer) {
                return Err(Error::new(Code::GenerationChanged, "it was changed at this moment"));
            }
            let text = wanted.map(to_json).transpose()?;
            let change = "UPDATE instance SET wanted = ?2 WHERE id = ?1";
            within.execute(change, params![found.id, text]).map_err(failed)?;
            let event = match wanted {
                Some(wanted) if wanted.cancelled => "objects taken back",
                Some(wanted) if wanted.why.is_some() => "objects cannot change",
                Some(_) => "objects wanted",
                None => "objects as before",
            };
            let why = wanted.and_then(|wanted| wanted.why.as_ref()).map(|why| why.detail.as_str());
            happened(within, &found, by, event, why)?;
            find(within, &found.id)
        })
    }

    /// The objects that were wanted are the instance's own now.
    pub fn has_objects(&self, before: &Found, by: &str) -> Result<()> {
        self.within(|within| {
            let found = find(within, &before.id)?;
            let Some(wanted) = found.wanted.clone() else { return Ok(()) };
            let spec = CreateInstance { objects: wanted.objects, ..found.spec.clone() };
            let change = "UPDATE instance SET spec = ?2, wanted = NULL WHERE id = ?1";
            within.execute(change, params![found.id, to_json(&spec)?]).map_err(failed)?;
            happened(within, &found, by, "objects changed", None)
        })
    }
}
