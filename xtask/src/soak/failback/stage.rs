//! What a campaign needs of an engine: two databases, applications on them, and what can be known of both without asking
//! anything of ours.

use std::path::{Path, PathBuf};

use super::Side;

/// Transactions of one part of a log that touch the campaign's database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// With no mark: an application's, or a person's.
    pub(super) by_applications: u64,
    /// With a link's mark.
    pub(super) by_links: u64,
}

pub(super) trait Stage {
    fn name(&self) -> &'static str;

    fn folder(&self) -> &Path;

    /// As a link takes it, without the password.
    fn url(&self, side: Side) -> String;

    /// Of the account in the address.
    fn password(&self) -> Option<&'static str>;

    /// Applications on one side. `number` tells these from every other time; without one no definition changes.
    fn load(&self, side: Side, number: Option<u64>) -> Result<Box<dyn Load + '_>, String>;

    /// Writes something of this name that is neither written again nor removed.
    fn write_last(&self, side: Side, name: &str) -> Result<(), String>;

    fn has_last(&self, side: Side, name: &str) -> Result<bool, String>;

    /// Begins to count who writes on a side.
    fn begin_journal(&mut self, side: Side) -> Result<(), String>;

    /// What was written on a side since this was last asked. Nobody may be writing now.
    fn written(&mut self, side: Side) -> Result<Written, String>;

    /// The first difference between both sides.
    fn difference(&self) -> Result<Option<String>, String>;

    /// Ends the servers and moves everything to where no later run sweeps it away.
    fn keep(&mut self) -> Result<PathBuf, String>;
}

/// Applications that write until they are stopped.
pub(super) trait Load {
    /// Ends them, and returns when the server has nothing more of theirs in hand. Answers how often a definition was changed.
    fn stop(self: Box<Self>) -> Result<u64, String>;
}
