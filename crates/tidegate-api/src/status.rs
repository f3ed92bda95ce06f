use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Where an instance is in its life. The one list of them; what leads from one to another is the service's lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Status {
    NotConfigured,
    NotStarted,
    Prechecking,
    PrecheckFailed,
    PrecheckPassed,
    /// The full copy runs, or what was committed meanwhile is being applied.
    Initializing,
    /// A reverse instance captures and does not write.
    Collecting,
    Synchronizing,
    /// One of a pair is taking over from the other.
    Switching,
    Pausing,
    Paused,
    Retrying,
    Failed,
    /// What it copied is being dropped in the target, so that it can begin anew.
    Resetting,
    Terminating,
    /// Terminated, or a full-only migration that is done. Nothing leads on from here but its release.
    Completed,
    Releasing,
    /// Gone. Only its history is left.
    Released,
}

impl Status {
    pub const ALL: [Self; 18] = [
        Self::NotConfigured,
        Self::NotStarted,
        Self::Prechecking,
        Self::PrecheckFailed,
        Self::PrecheckPassed,
        Self::Initializing,
        Self::Collecting,
        Self::Synchronizing,
        Self::Switching,
        Self::Pausing,
        Self::Paused,
        Self::Retrying,
        Self::Failed,
        Self::Resetting,
        Self::Terminating,
        Self::Completed,
        Self::Releasing,
        Self::Released,
    ];

    /// As in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConfigured => "NotConfigured",
            Self::NotStarted => "NotStarted",
            Self::Prechecking => "Prechecking",
            Self::PrecheckFailed => "PrecheckFailed",
            Self::PrecheckPassed => "PrecheckPassed",
            Self::Initializing => "Initializing",
            Self::Collecting => "Collecting",
            Self::Synchronizing => "Synchronizing",
            Self::Switching => "Switching",
            Self::Pausing => "Pausing",
            Self::Paused => "Paused",
            Self::Retrying => "Retrying",
            Self::Failed => "Failed",
            Self::Resetting => "Resetting",
            Self::Terminating => "Terminating",
            Self::Completed => "Completed",
            Self::Releasing => "Releasing",
            Self::Released => "Released",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// As a person reads it.
    pub fn title(self) -> &'static str {
        match self {
            Self::NotConfigured => "Not Configured",
            Self::NotStarted => "Not Started",
            Self::PrecheckFailed => "Precheck Failed",
            Self::PrecheckPassed => "Precheck Passed",
            Self::Initializing => "Performing Initial Synchronization",
            Self::Collecting => "Performing Initial Synchronization · collecting, ready to start",
            Self::Synchronizing => "Running",
            Self::Switching => "Taking Over",
            other => other.name(),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a person may ask of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    Configure,
    Precheck,
    Start,
    Pause,
    Resume,
    /// Takes over from the other instance of its pair: waits until that has brought everything, pauses it, and writes in
    /// its place.
    Takeover,
    Reset,
    Terminate,
    Release,
}

impl Command {
    pub const ALL: [Self; 9] = [
        Self::Configure,
        Self::Precheck,
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::Takeover,
        Self::Reset,
        Self::Terminate,
        Self::Release,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Precheck => "precheck",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Takeover => "takeover",
            Self::Reset => "reset",
            Self::Terminate => "terminate",
            Self::Release => "release",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
