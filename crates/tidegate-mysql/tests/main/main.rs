//! Tests against real servers.

mod before;
mod cascades;
mod cases;
mod charsets;
mod compare;
mod conflict;
mod fence;
mod keys;
mod link;
mod matrix;
mod overlap;
mod permit;
mod servers;
