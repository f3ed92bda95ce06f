//! The model of a pair of links: every state within large bounds, and every weakened protocol.

use crate::program;
use std::process::Command;

pub(super) fn run() -> Result<(), String> {
    let built = program::build(&["--package", "tidegate-engine", "--example", "pair_model"], "pair_model")?;
    let status = Command::new(built).status().map_err(|error| format!("cannot run the model: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the model has found something ({status})")) }
}
