//! From what a person asks for to a link that runs. The only crate that knows which engines exist.
//!
//! A request is read once, into a plan in which everything is decided; what is wrong with it is said before any
//! server is asked. The plan then runs on the engine.

mod alerts;
pub mod cleanup;
mod crash;
pub mod endpoint;
pub mod folder;
pub mod http;
pub mod lifecycle;
mod network;
pub mod objects;
mod orders;
pub mod precheck;
mod rpc;
pub mod secrets;
pub mod server;
pub mod settings;
pub mod store;
pub mod supervisor;
pub mod sync;
pub mod verify;

pub use tidegate_engine::link::Outcome;
pub use tidegate_engine::progress::{Progress, Step, TableProgress};
pub use tidegate_model::{Code, Error, Result, Retry, TableName};

/// FNV-1a: the same on every machine and in every version, which names that are made from it need.
fn stable_hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
