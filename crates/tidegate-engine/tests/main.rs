//! The engine from outside: its change log on a real folder, and whole links between a source and a target in memory.

mod changelog;
mod link;
mod pair;
mod sim;
mod support;
