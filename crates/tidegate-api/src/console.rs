//! What a page in a browser asks for beyond what scripts do.

use crate::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who a session's cookie is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    pub account: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
}

/// What may not be asked of an instance now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Locked {
    /// A command, or `reverse`: making its reverse.
    pub action: String,
    pub why: String,
}

/// What a running instance did at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    pub at: String,
    pub step: String,
    pub rows_per_second: f64,
    /// Bytes of the source's log.
    pub captured_bytes_per_second: f64,
    pub behind_seconds: f64,
    pub lag_ms_p50: Option<f64>,
    pub lag_ms_p99: Option<f64>,
    pub lag_capture_ms_p99: Option<f64>,
    /// Transactions in the change log that are not in the target yet.
    pub backlog: u64,
    pub log_bytes: u64,
}

/// How the service is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceView {
    pub version: String,
    /// Where it listens.
    pub listen: String,
    /// Where the hosted service's API listens, if it has an address of its own.
    pub official_listen: Option<String>,
    /// Requests a second from one address, on the average.
    pub requests_per_second: u32,
    /// Regions that endpoints may name, each with its border.
    pub regions: BTreeMap<String, String>,
    /// What it may connect to.
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

/// How far a full comparison is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerificationState {
    /// There was none since the service began.
    #[default]
    None,
    Running,
    /// There is a verdict.
    Done,
    /// There is none; `problem` says why.
    Failed,
}

/// The last full comparison of both sides of an instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    pub state: VerificationState,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub rows_compared: u64,
    pub rows_estimated: u64,
    pub tables_done: u64,
    pub tables_total: u64,
    /// Whether neither a row nor a definition differs.
    pub identical: Option<bool>,
    pub tables: Vec<VerifiedTable>,
    /// Definitions that differ, each in a line.
    pub definitions: Vec<String>,
    pub problem: Option<Problem>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VerifiedTable {
    pub name: String,
    pub rows_source: u64,
    pub rows_target: u64,
    pub difference_count: u64,
    /// `difference_count` is a lower bound.
    pub at_least: bool,
    /// The first hundred.
    pub differences: Vec<TableDifference>,
}

/// A row that is not the same on both sides.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TableDifference {
    /// The row for a person.
    pub key: String,
    /// `missing` (the target does not have it), `extra` (only the target has it) or `different`.
    pub kind: String,
    /// Columns that differ.
    pub columns: Vec<String>,
}
