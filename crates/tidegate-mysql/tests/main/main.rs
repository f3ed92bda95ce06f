//! Tests against real servers.

mod charsets;
mod compare;
mod keys;
mod link;
mod matrix;
mod servers;
