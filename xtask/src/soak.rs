//! `cargo xtask soak`: random load and random damage, and afterwards a comparison that uses nothing of ours.

mod compare;
mod kill;
mod random;
mod statements;
mod workload;

use clap::{Args, Subcommand};

use crate::program::Program;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// `kill -9` the program again and again while rows and tables change on the source
    Kill(Range),
}

/// Which seeds are run. The same seed gives the same statements and the same moments.
#[derive(Args)]
pub(crate) struct Range {
    /// How many seeds to run
    #[arg(long, value_name = "N")]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "K", default_value_t = 1)]
    first_seed: u64,
}

pub(crate) fn run(action: &Action) -> Result<(), String> {
    match action {
        Action::Kill(range) => kill(range.first_seed, range.seeds),
    }
}

/// Runs `count` seeds from `first` on, and fails when one of them did.
pub(crate) fn kill(first: u64, count: u64) -> Result<(), String> {
    tidegate_sandbox::install_flavour(tidegate_sandbox::Flavour::Mysql)?;
    let program = Program::build()?;
    kill::run(&program, first..first.saturating_add(count))
}
