//! The official names of statuses.

use crate::store::Found;
use tidegate_api::{Kind, Status};

/// What the names begin with under which this service keeps something beside what was given.
pub(super) const OWN: &str = "tidegate.";
/// Where a reset by this API leaves a job: it has to be configured before it starts.
pub(super) const RESET: &str = "tidegate.reset";

pub(super) fn of(found: &Found) -> &'static str {
    let running = |sync: &'static str, migration: &'static str| match found.spec.kind {
        Kind::Migration => migration,
        _ => sync,
    };
    let going = |initialized: bool| match initialized {
        true => running("Synchronizing", "Migrating"),
        false => running("Initializing", "Migrating"),
    };
    match found.state.status {
        Status::NotConfigured => "NotConfigured",
        Status::NotStarted if is_reset(found) => "NotConfigured",
        Status::NotStarted => "NotStarted",
        Status::Prechecking => "Prechecking",
        Status::PrecheckFailed => "PrecheckFailed",
        Status::PrecheckPassed => "PreCheckPass",
        Status::Initializing | Status::Collecting => going(false),
        Status::Synchronizing => match &found.wanted {
            Some(wanted) if wanted.why.is_some() => "ModifyFailed",
            Some(_) => "Modifying",
            None => going(true),
        },
        // The official name means that it is paused: what is still ending is not yet.
        Status::Pausing if found.spec.kind == Kind::Reverse && !found.state.may_write => going(false),
        Status::Pausing | Status::Terminating => going(found.state.initialized),
        Status::Switching if found.spec.kind == Kind::Reverse => going(false),
        Status::Switching | Status::Paused | Status::Resetting => "Suspending",
        Status::Retrying => "Retrying",
        Status::Failed => match found.state.initialized {
            true => running("Failed", "MigrationFailed"),
            false => running("InitializeFailed", "MigrationFailed"),
        },
        Status::Completed | Status::Releasing | Status::Released => "Finished",
    }
}

/// Whether it was reset by this API, and nothing has happened to it since.
pub(super) fn is_reset(found: &Found) -> bool {
    let at: Option<u64> = found.submitted.get(RESET).and_then(|text| text.parse().ok());
    found.state.status == Status::NotStarted && at.is_some_and(|at| found.generation <= at.saturating_add(1))
}
