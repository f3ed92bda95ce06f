//! A pair of links, every state of it within bounds.
//!
//! Who takes over does what `pair::takeover::next` and `pair::mover::Mover` say, as the service does; the databases, the
//! links, the service's record and the applications are modelled. Not modelled: the initial copy, several lanes of one
//! link, transactions of several rows, rules and selections, and a failover that loses a fence or a permit.

mod actions;
mod controller;
mod links;
pub(crate) mod mutation;
mod properties;
pub(crate) mod run;
mod state;
mod world;
