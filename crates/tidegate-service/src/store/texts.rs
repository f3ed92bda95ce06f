//! Texts that belong to an instance by name: its tags, and what was given in the words of the official API.

use super::instances::{find, refuse_released, to_json};
use super::{Found, Store, failed};
use rusqlite::params;
use std::collections::BTreeMap;
use tidegate_model::Result;

/// By name.
pub type Texts = BTreeMap<String, String>;

impl Store {
    /// Changes its tags, as one.
    pub fn change_tags(
        &self,
        id_or_name: &str,
        change: impl FnOnce(&mut Texts) -> Result<()>,
    ) -> Result<Found> {
        self.change_texts(id_or_name, "tags", |found| &mut found.tags, change)
    }

    /// Changes what was given in the words of the official API, as one.
    pub fn change_submitted(&self, id_or_name: &str, change: impl FnOnce(&mut Texts)) -> Result<Found> {
        let change = |texts: &mut Texts| {
            change(texts);
            Ok(())
        };
        self.change_texts(id_or_name, "submitted", |found| &mut found.submitted, change)
    }

    fn change_texts(
        &self,
        id_or_name: &str,
        column: &str,
        of: impl FnOnce(&mut Found) -> &mut Texts,
        change: impl FnOnce(&mut Texts) -> Result<()>,
    ) -> Result<Found> {
        self.within(|within| {
            let mut found = find(within, id_or_name)?;
            refuse_released(&found)?;
            let id = found.id.clone();
            let texts = of(&mut found);
            change(texts)?;
            let statement = format!("UPDATE instance SET {column} = ?2 WHERE id = ?1");
            within.execute(&statement, params![id, to_json(texts)?]).map_err(failed)?;
            Ok(found)
        })
    }
}
