//! Tests against real servers.

mod charsets;
mod compare;
mod link;
mod servers;
mod types;
