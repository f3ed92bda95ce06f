//! Tests against real servers.

mod compare;
mod link;
mod servers;
mod types;
