//! Rows that were not what the log expects, and what is decided about them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whose version stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The source's: what the log says is written over what is there. A schema change is carried out.
    Source,
    /// The target's: the change is left out.
    Target,
}

/// One that an instance has met.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RowConflict {
    /// The transaction's number in the change log, and the row's place in it: together they name it.
    pub seq: u64,
    pub ordinal: u32,
    /// The table in the target; `schema change` for a statement that waits.
    pub object: String,
    /// The row at the source before the change, in the target now, and after the change; for a statement only the last.
    pub expected: String,
    pub found: String,
    pub wanted: String,
    pub decision: Option<Keep>,
    pub decided_by: Option<String>,
    /// The decision was carried out.
    pub settled: bool,
    pub seen_at: String,
}

/// A decision about one conflict, or about all that are open.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleConflicts {
    pub keep: Keep,
    /// The one; all that are open, if it is left out.
    #[serde(default)]
    pub conflict: Option<ConflictPlace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictPlace {
    pub seq: u64,
    pub ordinal: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct SettledConflicts {
    /// About how many was decided.
    pub decided: u64,
}

/// What an instance does about rows that are not what the log expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// It stops.
    Ask,
    Source,
    Target,
}

/// What an instance does about schema changes of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnSchemaChange {
    Apply,
    /// It leaves them out, and keeps them in the list of conflicts.
    Skip,
    /// It stops before each.
    Ask,
}

/// What an instance does without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictPolicy {
    pub rows: OnConflict,
    pub schema_changes: OnSchemaChange,
}
