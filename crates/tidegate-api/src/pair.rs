//! An instance and its reverse.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How applications are kept from writing to the side that they leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FenceChoice {
    /// The tightest way that stops nothing else and that the rights allow; else as declared.
    #[default]
    Auto,
    /// The whole server is made read-only.
    ReadOnly,
    /// A trigger on each table refuses rows.
    Triggers,
    /// By nobody: whoever asks says that no application writes there any more.
    Declared,
}

impl FenceChoice {
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ReadOnly => "read-only",
            Self::Triggers => "triggers",
            Self::Declared => "declared",
        }
    }
}

/// What is compared before the point of no return, while nobody writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CompareChoice {
    Nothing,
    /// The definitions of all objects.
    #[default]
    Definitions,
    /// Definitions and every row: as long as that takes, nobody writes.
    Rows,
}

impl CompareChoice {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Definitions => "definitions",
            Self::Rows => "rows",
        }
    }
}

/// How one direction takes over from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Takeover {
    pub fence: FenceChoice,
    pub compare: CompareChoice,
    /// If the point of no return is not reached within this, it is declined, and everything is as before.
    #[schema(minimum = 1, maximum = 86400)]
    pub within_seconds: u64,
    /// Only if that is the instance's generation still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

impl Default for Takeover {
    fn default() -> Self {
        Self {
            fence: FenceChoice::default(),
            compare: CompareChoice::default(),
            within_seconds: 120,
            generation: None,
        }
    }
}

/// A reverse for an instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewReverse {
    /// Letters, digits, `_` and `-`; the instance's with `-reverse`, if it is left out.
    #[schema(pattern = "^[a-zA-Z0-9_-]{1,64}$")]
    pub name: Option<String>,
    /// From where on what is written in the target flows back: `now`; `cutover`, which is where applications first wrote
    /// there; or a position of its log. Without it, now, and refused if applications have written there already.
    pub from: Option<String>,
}

/// What a reverse would write if it were started now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReversePreview {
    pub transactions: u64,
    /// When the first and the last of them were committed.
    pub first_at: Option<String>,
    pub last_at: Option<String>,
    /// Changed rows, by table of the database that the reverse reads.
    pub rows: BTreeMap<String, u64>,
    pub schema_changes: u64,
    /// The first of the changes, in the log's order.
    pub changes: Vec<PreviewChange>,
    /// Rows that wait to be brought in the other direction, too: whichever comes second stops as a conflict. `None` if there
    /// are too many to tell.
    pub on_both_sides: Option<Vec<PreviewRow>>,
    /// At 20,000 rows a second: a third of what two cores of ours write.
    pub estimated_seconds: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PreviewChange {
    /// `insert`, `update`, `delete` or `schema`.
    pub kind: String,
    /// `database.table`; empty for a schema change.
    pub table: String,
    /// The row's key, or the statement.
    pub what: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct PreviewRow {
    pub table: String,
    pub key: String,
}

/// Where a takeover is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakeoverStep {
    /// `close`, `bring`, `rest`, `look`, `compare`, `decide`, `admit`, `move` or `open`.
    pub step: String,
    pub since: String,
    /// When it is declined; none past the point of no return.
    pub until: Option<String>,
    /// Transactions that the other direction has yet to bring, while that is waited for.
    pub left: Option<u64>,
}

/// What a takeover would do, and what is in its way. Nothing is done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TakeoverPlan {
    pub steps: Vec<String>,
    pub fences: Vec<FenceOffered>,
    /// Transactions that the other direction has read and not brought yet; none if it does not run.
    pub left: Option<u64>,
    /// Why it would be refused or declined now; empty if it would not.
    pub obstacles: Vec<String>,
}

/// A way to keep applications out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FenceOffered {
    pub way: FenceChoice,
    /// Whether it is the one that would be used.
    pub chosen: bool,
    /// What it lacks here.
    pub lacks: Option<String>,
    pub remedy: Option<String>,
    pub warnings: Vec<String>,
}
