use crate::{Command, EndpointParts, Objects, Status};
use crate::{Locked, TakeoverStep};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// What an instance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A copy, then every change, until it is terminated.
    Sync,
    /// As `Sync`, or the copy alone, with [`CreateInstance::full_only`].
    Migration,
    /// Change tracking: declared, not built yet.
    Tracking,
    /// The way back of a `Sync`: made from one, changes only.
    Reverse,
}

/// A database server and how to log in. It is read from its `url` or from its parts, see [`EndpointParts`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EndpointParts")]
pub struct EndpointSpec {
    /// `mysql://user@host:port/?options`, without a password.
    pub url: String,
    /// Where it is, if the service's settings have regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Taken in, never given out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl fmt::Debug for EndpointSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "…");
        f.debug_struct("EndpointSpec")
            .field("url", &self.url)
            .field("region", &self.region)
            .field("password", &password)
            .finish()
    }
}

/// How it runs; what is left out is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tuning {
    /// Writing connections.
    pub lanes: Option<u16>,
    /// Chunks that are copied at the same time.
    pub copy_workers: Option<u16>,
    /// Bytes that the change log may have.
    pub log_bytes_max: Option<u64>,
    /// Seconds for which what may pass by itself is tried again.
    pub retry_seconds: Option<u64>,
    /// What we call ourselves towards the source.
    pub server_id: Option<u32>,
}

/// A new instance.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInstance {
    /// Letters, digits, `_` and `-`.
    #[schema(pattern = "^[a-zA-Z0-9_-]{1,64}$")]
    pub name: String,
    pub kind: Kind,
    pub source: EndpointSpec,
    pub target: EndpointSpec,
    #[serde(default)]
    pub objects: Objects,
    /// A migration that ends after the copy.
    #[serde(default)]
    pub full_only: bool,
    #[serde(default)]
    pub tuning: Tuning,
}

/// An instance as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub status: Status,
    /// The status as a person reads it.
    pub title: String,
    /// Counts the moves: a command may say which one it means.
    pub generation: u64,
    pub source: EndpointSpec,
    pub target: EndpointSpec,
    pub objects: Objects,
    pub full_only: bool,
    pub tuning: Tuning,
    /// The other instance of its pair: the one that it is the reverse of, or its reverse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The instance that it is the reverse of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_of: Option<String>,
    /// Whether it has the right to write. At most one of a pair has.
    pub may_write: bool,
    /// What people have tagged it with.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// While it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takeover: Option<TakeoverStep>,
    /// RFC 3339, as all times.
    pub created_at: String,
    pub changed_at: String,
    /// Why it is where it is, if there is more to say than the status does.
    pub why: Option<Problem>,
    /// Objects that it is to have and does not have yet.
    pub wanted: Option<WantedObjects>,
    /// What the copy of added objects does.
    pub adding: Option<Progress>,
    /// Up to when the source keeps what is not read yet, if nothing more is read from now on.
    pub source_keeps_until: Option<String>,
    /// While it runs.
    pub progress: Option<Progress>,
    /// Rows a second lately, the oldest first, one every five seconds; empty if it does not run.
    #[serde(default)]
    pub recent_rates: Vec<f64>,
    /// What it allows now.
    pub commands: Vec<Command>,
    /// What it does not allow now, and why; lists leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<Locked>,
    /// The last precheck; lists leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub precheck: Vec<PrecheckItem>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InstanceList {
    pub instances: Vec<Instance>,
    /// How many there are in all.
    pub total: u64,
}

/// What a running instance is doing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// `preparing`, `collecting`, `copying`, `catching_up` or `streaming`.
    pub step: String,
    pub rows_copied: u64,
    pub rows_applied: u64,
    pub transactions_applied: u64,
    pub bytes_captured: u64,
    pub seq_captured: u64,
    pub seq_applied: u64,
    /// The source's position up to which everything is in the target.
    pub position: String,
    /// The source's position up to which everything is in the change log.
    pub position_captured: String,
    /// From commit to commit, over the last seconds; none if nothing was applied.
    pub lag_ms_p50: Option<f64>,
    pub lag_ms_p99: Option<f64>,
    /// The part of it from the commit at the source to the change log.
    pub lag_capture_ms_p99: Option<f64>,
    /// How far the target is behind, as well as it can be said: 0 when everything captured is applied.
    pub behind_seconds: f64,
    pub rows_per_second: f64,
    pub activity: Activity,
    /// Of the change log on disk.
    pub log_bytes: u64,
    pub tables: Vec<TableState>,
}

/// What an instance does of what it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// There is nothing to do.
    #[default]
    Idle,
    Working,
    /// There is something to do, and nothing has moved for a while.
    Stuck,
}

/// One table's copy.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TableState {
    pub name: String,
    pub rows: u64,
    pub rows_estimated: u64,
    pub done: bool,
}

/// An error: RFC 9457's fields, and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The page that explains the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here.
    pub detail: String,
    pub code: String,
    /// What to do.
    pub remedy: String,
    /// What may be asked of the instance instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Command>,
}

/// Somebody who wants in.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub account: String,
    pub password: String,
}

/// Somebody who is in: the token goes into `Authorization: Bearer …`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct LoggedIn {
    pub token: String,
    pub role: String,
    /// Never, for a key.
    pub expires_at: Option<String>,
}

/// Who may use the service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    pub name: String,
    pub role: String,
}

/// A key that signs requests of the official API.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccessKeyView {
    pub id: String,
    pub account: String,
    pub created_at: String,
}

/// A new one, with what signs: it is not shown again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAccessKey {
    pub id: String,
    pub secret: String,
}

/// What is to be tried.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRequest {
    pub endpoint: EndpointSpec,
}

/// Who answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConnectionAnswer {
    /// As `MySQL 9.7.4`.
    pub server: String,
    pub milliseconds: u64,
}

/// A new account, or another role and password for one.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutAccount {
    /// `viewer`, `operator` or `admin`.
    #[schema(pattern = "^(viewer|operator|admin)$")]
    pub role: String,
    #[schema(min_length = 12)]
    pub password: String,
}

/// What it is to be called.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewName {
    #[schema(pattern = "^[a-zA-Z0-9_-]{1,64}$")]
    pub name: String,
}

/// Other passwords of the accounts; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewPasswords {
    pub source: Option<String>,
    pub target: Option<String>,
}

/// Whose objects are to be listed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TreeRequest {
    pub endpoint: EndpointSpec,
    /// Only this database, and with columns.
    #[serde(default)]
    pub database: Option<String>,
    /// Which of them are selected, and what they would be called in the target.
    #[serde(default)]
    pub objects: Objects,
}

/// A table to choose.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TreeTable {
    pub database: String,
    pub name: String,
    pub rows_estimated: u64,
    pub bytes_estimated: u64,
    pub selected: bool,
    /// `database.table` in the target, if it is selected.
    pub target: Option<String>,
    /// Where one database was asked for.
    pub has_key: Option<bool>,
    pub columns: Option<Vec<TreeColumn>>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TreeColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
}

/// What another choice of objects means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectsChange {
    /// Tables, by their names in the source, that are copied while the others go on.
    pub added: Vec<String>,
    /// Tables that are not followed any more; they stay in the target as they are then.
    pub removed: Vec<String>,
}

/// Objects that an instance is to have, and does not have yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedObjects {
    pub objects: Objects,
    /// It is being taken back.
    #[serde(default)]
    pub cancelled: bool,
    /// Why it does not go on.
    pub why: Option<Problem>,
}

/// Other addresses or accounts of the same two servers; what is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewEndpoints {
    pub source: Option<EndpointSpec>,
    pub target: Option<EndpointSpec>,
}

/// The same for several instances.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    pub command: Command,
    /// Ids or names.
    pub instances: Vec<String>,
}

/// What became of it for one of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CommandResult {
    pub instance: String,
    pub answer: Option<CommandAnswer>,
    /// Why it was not done.
    pub problem: Option<Problem>,
}

/// What a reset would drop in the target.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResetPreview {
    pub tables: Vec<DroppedTable>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DroppedTable {
    /// Its name in the target.
    pub name: String,
    /// Rows that were copied into it; whatever came since goes too.
    pub rows_copied: u64,
}

/// Why a precheck's item is to be passed over.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// One line of what was asked of the service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub at: String,
    pub by: String,
    pub action: String,
    pub object: String,
    pub outcome: String,
}

/// A command's body; empty is `{}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CommandRequest {
    /// Only if the instance is at this generation still.
    pub generation: Option<u64>,
}

/// What became of a command.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum CommandAnswer {
    /// It was done, or its doing has begun.
    Accepted { status: Status, generation: u64 },
    /// It was so before.
    Already { status: Status, generation: u64 },
}

/// One line of an instance's history.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Transition {
    pub generation: u64,
    pub at: String,
    /// The account, or `service`.
    pub by: String,
    pub event: String,
    pub from: Status,
    pub to: Status,
    pub why: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrecheckResult {
    Passed,
    Warning,
    Failed,
    Skipped,
    /// It could not be found out, which is as bad as a failure.
    Unknown,
}

/// One check.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrecheckItem {
    pub code: String,
    pub title: String,
    /// `source`, `target` or `both`.
    pub side: String,
    pub result: PrecheckResult,
    pub detail: Option<String>,
    pub remedy: Option<String>,
    /// Whether it keeps the instance from being started.
    #[serde(default)]
    pub blocks: bool,
}

/// What to remove so that nothing of ours can reach the databases any more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cleanup {
    pub steps: Vec<CleanupStep>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CleanupStep {
    pub side: String,
    pub what: String,
    /// Statements that do it; empty if it is done elsewhere than in the database.
    pub statements: Vec<String>,
    /// Whether it was carried out, if that was asked for.
    pub done: Option<bool>,
    /// Why it was not.
    pub failed: Option<String>,
}
