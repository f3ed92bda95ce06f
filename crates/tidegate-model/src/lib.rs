//! The vocabulary and the contracts of Tidegate.
//!
//! Everything that the engine and an adapter (MySQL, …) say to each other is defined here: names, positions,
//! transaction numbers, checkpoints, errors, and the traits of a source and a target. No I/O, no driver, no
//! runtime: the standard library alone, so that adapters and engine can be built side by side.

mod checkpoint;
mod compare;
mod conflict;
mod database;
mod error;
mod fence;
mod finding;
mod name;
mod position;
mod rule;
mod selection;
mod source;
mod target;

pub use checkpoint::{Checkpoint, LaneCheckpoint, SeqSet};
pub use compare::{
    Comparable, ComparedColumn, ComparedKey, ComparedTable, FoundRow, Layout, LayoutColumn, RowHash,
    RowReader, RowSink, Rows, Wanted,
};
pub use conflict::{Decision, FoundConflict, Policy};
pub use database::{Database, FoundTable, Raised, Remain, Written, WrittenChange};
pub use error::{Code, Error, Result, Retry};
pub use fence::{Fence, FenceOffer, FenceWay};
pub use finding::{Finding, FindingSide};
pub use name::{InstanceName, TableName};
pub use position::{Position, Seq};
pub use rule::{Changes, Columns, Rule, SchemaChanges};
pub use selection::{Pattern, Selection};
pub use source::{
    Capture, CaptureSink, Chunk, Commit, Cursor, Definition, Source, Stage, Table, TableReader,
};
pub use target::{
    ConflictKey, CopyProgress, CopyStep, Footprint, FootprintReader, LinkState, Loader, Mode, Permit,
    Permits, Phase, Reselection, Target, Transaction, Writer,
};

use std::future::Future;
use std::pin::Pin;

/// A boxed future: what the traits' methods answer, because `async fn` in a trait cannot be called through `dyn`.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Says of an address whether it may be connected to, before it is.
pub type Gate = std::sync::Arc<dyn Fn(std::net::IpAddr) -> Result<()> + Send + Sync>;
