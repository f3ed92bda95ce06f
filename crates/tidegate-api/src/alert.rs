use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When somebody is told, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Where a POST goes with every alert and its end; none: nowhere. Given out without its path.
    pub webhook: Option<String>,
    /// An instance is behind by more than this …
    pub lag_seconds: u64,
    /// … for so long.
    pub lag_minutes: u64,
    /// The source keeps what was not read for less than this, and is not being read.
    pub keeps_hours: u64,
    /// The disk with the change logs has less room than this.
    pub free_bytes: u64,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self { webhook: None, lag_seconds: 300, lag_minutes: 5, keeps_hours: 24, free_bytes: 10 << 30 }
    }
}

/// What somebody is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    Failed,
    Stuck,
    Lag,
    /// The source does not keep its log for long.
    Retention,
    Disk,
    /// Nothing is wrong: somebody asked whether it arrives.
    Test,
}

/// Something that is so, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    pub kind: AlertKind,
    /// The instance's id; none if it is about the service.
    pub instance: Option<String>,
    /// Its name.
    pub name: Option<String>,
    pub since: String,
    /// A line for a mail's subject.
    pub subject: String,
    /// What to do about it.
    pub text: String,
}

/// What is posted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertMessage {
    /// `firing` or `resolved`.
    pub state: String,
    #[serde(flatten)]
    pub alert: Alert,
}

/// What is so now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alerts {
    pub settings: AlertSettings,
    pub firing: Vec<Alert>,
    /// Why the last message did not arrive, if it did not.
    pub undelivered: Option<String>,
}
