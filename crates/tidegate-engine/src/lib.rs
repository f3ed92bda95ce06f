//! The data plane: copy, capture, change log, apply. It moves bytes between a source and a target that it knows by
//! their traits only: no driver, no query language.

mod apply;
mod capture;
pub mod changelog;
mod copy;
pub mod link;
pub mod pair;
pub mod progress;
mod retry;
pub mod verify;

pub use apply::LANES_MAX;
