//! MongoDB as source and target.
//!
//! The driver carries the bytes; what they mean is read here, as raw BSON from the source's server to the target's.

mod batch;
mod before;
mod capped;
mod capture;
mod catalog;
mod check;
mod compare;
mod conflict;
mod connect;
mod database;
mod definitions;
mod diff;
mod entry;
mod fence;
mod footprint;
mod journal;
mod knowledge;
mod loader;
mod position;
mod put_off;
mod raw;
mod read;
mod remains;
mod schema;
mod send;
mod session;
mod source;
mod state;
mod target;
mod tree;
mod turn;
mod writer;

pub use compare::MongoComparable;
pub use connect::{Endpoint, Tls};
pub use fence::MongoFence;
pub use source::MongoSource;
pub use target::MongoTarget;
