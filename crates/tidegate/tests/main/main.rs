//! The built program: without servers, and between two real ones with one fault at a time.

mod apart;
mod before;
mod cascades;
mod change_log;
mod clash;
mod cli;
mod failback;
mod fenced;
mod keeping;
mod left_over;
mod link;
mod meanwhile;
mod objects;
mod operating;
mod planted;
mod program;
mod rights;
mod rules;
mod servers;
mod service;
mod source_log;
mod takeover;
mod takeover_order;
mod target;
mod traces;
mod webhook;
