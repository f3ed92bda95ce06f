//! `cargo xtask soak`: random load and random damage, and afterwards a comparison that uses nothing of ours.

mod api;
mod arena;
mod compare;
mod failback;
mod kill;
mod links;
mod model;
mod mutations;
mod random;
mod statements;
mod workload;

use std::time::Duration;

use clap::{Args, Subcommand};
use tidegate_sandbox::Flavour;

use crate::program::Program;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// `kill -9` the program again and again while rows and tables change on the source
    Kill {
        /// Of which kind both servers are: mysql or mariadb
        #[arg(long, value_parser = flavour, default_value = "mysql")]
        flavour: Flavour,
        #[command(flatten)]
        range: Range,
    },
    /// Requests that nobody thought of, made from the API's document by schemathesis: none may be answered by 5xx, or by
    /// something that the document does not say
    Api {
        /// How many requests of each kind to each operation
        #[arg(long, default_value_t = 500)]
        examples: u32,
        /// The same seed makes the same requests
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Applications move to the target and come back, under load, again and again: nothing is lost, nothing goes round in
    /// circles, and nothing is written where nobody may
    Failback {
        /// Of which kind both servers are: mysql or mariadb
        #[arg(long, value_parser = flavour, default_value = "mysql")]
        flavour: Flavour,
        /// How often applications move there and back
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
        cycles: u64,
        /// How long applications write before each move
        #[arg(long, value_name = "N", default_value_t = 6)]
        seconds: u64,
        /// End the service at every point of every move at which it can be told to, as a power cut would
        #[arg(long)]
        kill: bool,
    },
    /// Go through every state of a pair of links, and find what each guard of it is there for
    Model,
    /// Turn each guard of a pair off in a copy of the program, and see that a test notices
    Mutations {
        /// Only these, by the names that the model has for them
        names: Vec<String>,
    },
    /// Many links on one service: starting all, restarting all, and what they cost when nothing happens
    Links {
        /// How many links
        #[arg(long, default_value_t = 200)]
        count: u32,
    },
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
        Action::Links { count } => {
            tidegate_sandbox::install_flavour(Flavour::Mysql)?;
            links::run(&Program::build()?, *count)
        }
        Action::Model => model::run(),
        Action::Mutations { names } => {
            tidegate_sandbox::install()?;
            mutations::run(names)
        }
        Action::Api { examples, seed } => api(*examples, *seed),
        Action::Failback { flavour, cycles, seconds, kill } => {
            tidegate_sandbox::install_flavour(*flavour)?;
            tidegate_sandbox::sysbench()?;
            let program = if *kill { Program::build_with_crash_points()? } else { Program::build()? };
            let course =
                failback::Course { cycles: *cycles, load: Duration::from_secs(*seconds), kill: *kill };
            failback::run(&program, *flavour, &course)
        }
        Action::Kill { flavour, range } => kill(*flavour, range.first_seed, range.seeds),
    }
}

fn flavour(name: &str) -> Result<Flavour, String> {
    let known = Flavour::ALL.into_iter().find(|flavour| flavour.name() == name);
    known.ok_or_else(|| format!("there are {}", Flavour::ALL.map(Flavour::name).join(" and ")))
}

/// Runs `count` seeds from `first` on, and fails when one of them did.
pub(crate) fn kill(flavour: Flavour, first: u64, count: u64) -> Result<(), String> {
    tidegate_sandbox::install_flavour(flavour)?;
    let program = Program::build()?;
    kill::run(&program, flavour, first..first.saturating_add(count))
}

/// Walks through the whole API with random requests.
pub(crate) fn api(examples: u32, seed: u64) -> Result<(), String> {
    api::run(&Program::build()?, examples, seed)
}
