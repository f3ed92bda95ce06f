//! What goes over HTTP: the types of requests and answers, and a client.
//!
//! The service and the command line both stand on this crate, and on nothing of each other. Field names are the JSON's.

mod alert;
mod client;
mod conflict;
mod console;
mod endpoint;
mod instance;
mod objects;
mod pair;
mod status;

pub use alert::{Alert, AlertKind, AlertMessage, AlertSettings, Alerts};
pub use client::{Client, Refusal};
pub use conflict::{
    ConflictPlace, ConflictPolicy, Keep, OnConflict, OnSchemaChange, RowConflict, SettleConflicts,
    SettledConflicts,
};
pub use console::{
    Locked, Sample, ServiceView, SessionView, TableDifference, Verification, VerificationState, VerifiedTable,
};
pub use endpoint::EndpointParts;
pub use instance::{
    AccessKeyView, AccountView, Activity, AuditEntry, Cleanup, CleanupStep, CommandAnswer, CommandRequest,
    CommandResult, Commands, ConnectionAnswer, ConnectionRequest, CreateInstance, DroppedTable, EndpointSpec,
    Instance, InstanceList, Kind, LoggedIn, Login, NewAccessKey, NewEndpoints, NewName, NewPasswords,
    ObjectsChange, PrecheckItem, PrecheckResult, Problem, Progress, PutAccount, ResetPreview, Skip,
    TableState, Transition, TreeColumn, TreeRequest, TreeTable, Tuning, WantedObjects,
};
pub use objects::{ChangeKind, Existing, ObjectRule, Objects, SchemaChangeKind};
pub use pair::{
    CompareChoice, FenceChoice, FenceOffered, NewReverse, PreviewChange, PreviewRow, ReversePreview,
    Takeover, TakeoverPlan, TakeoverStep,
};
pub use status::{Command, Status};
