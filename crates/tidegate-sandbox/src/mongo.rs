//! MongoDB 6.0: replica sets of one or of several members, and Python with its driver to speak with them.
//!
//! ```no_run
//! use tidegate_sandbox::mongo::{Options, ReplicaSet};
//!
//! let home = tidegate_sandbox::scratch("example")?;
//! let set = ReplicaSet::start(Options::new(3), &home)?;
//! set.python("client.shop.item.insert_one({'_id': 1})")?;
//! println!("{} has member {} as its primary", set.url(), set.primary()?);
//! # Ok::<(), String>(())
//! ```

mod install;
mod member;
mod python;
mod running;
mod set;

pub use install::{install, python};
pub use running::RunningSet;
pub use set::{Options, ReplicaSet};
