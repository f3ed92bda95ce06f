//! Tests against real servers.

mod changes;
mod compare;
mod definitions;
mod fence;
mod link;
mod matrix;
mod overlap;
mod servers;
mod stops;
mod turns;
mod updates;
mod values;
