//! MySQL and MariaDB as a source and as a target.

mod connect;

pub use connect::{Endpoint, Tls};
