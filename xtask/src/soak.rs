//! `cargo xtask soak`: random load and random damage, and afterwards a comparison that uses nothing of ours.

mod api;
mod arena;
mod compare;
mod failback;
mod kill;
mod links;
mod lives;
mod model;
mod mongodb;
mod mutations;
mod random;
mod statements;
mod workload;

use std::time::Duration;

use clap::{Args, Subcommand};
use tidegate_sandbox::Flavour;

use crate::engine::Engine;
use crate::program::Program;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// `kill -9` the program again and again while rows and tables change on the source
    Kill {
        /// Of which kind both servers are
        #[arg(long, alias = "flavour", value_enum, default_value = "mysql")]
        engine: Engine,
        #[command(flatten)]
        range: Range,
        /// With MongoDB: the source's and the target's primary step down in turn
        #[arg(long, value_name = "SECONDS")]
        stepdown: Option<u64>,
        /// With MongoDB: a member of the source and one of the target die in turn, and come back
        #[arg(long)]
        kill_member: bool,
    },
    /// A link of MongoDB that was stopped for so long that the source has discarded changes it needs must say so
    LostLog,
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
        /// Of which kind both servers are
        #[arg(long, alias = "flavour", value_enum, default_value = "mysql")]
        engine: Engine,
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
        Action::Api { examples, seed } => api(&Program::build()?, *examples, *seed),
        Action::Failback { engine, cycles, seconds, kill } => {
            let program = if *kill { Program::build_for_tests()? } else { Program::build()? };
            let course =
                failback::Course { cycles: *cycles, load: Duration::from_secs(*seconds), kill: *kill };
            failback::run(&program, *engine, &course)
        }
        Action::Kill { engine, range, stepdown, kill_member } => {
            let trouble =
                mongodb::Trouble { step_down: stepdown.map(Duration::from_secs), kill_member: *kill_member };
            engine.install()?;
            kill_under(&Program::build()?, *engine, range.first_seed, range.seeds, trouble)
        }
        Action::LostLog => {
            Engine::Mongodb.install()?;
            mongodb::lost_log(&Program::build()?)
        }
    }
}

/// Runs `count` seeds from the first on, and fails when one of them did.
pub(crate) fn kill(program: &Program, engine: Engine, count: u64) -> Result<(), String> {
    engine.install()?;
    kill_under(program, engine, 1, count, mongodb::Trouble::default())
}

/// There and back once, with a crash at every point of every move. The long campaign is `cargo xtask soak failback --kill`.
pub(crate) fn failback_through_crashes(program: &Program, engine: Engine) -> Result<(), String> {
    let course = failback::Course { cycles: 1, load: Duration::from_secs(2), kill: true };
    failback::run(program, engine, &course)
}

fn kill_under(
    program: &Program,
    engine: Engine,
    first: u64,
    count: u64,
    trouble: mongodb::Trouble,
) -> Result<(), String> {
    let seeds = first..first.saturating_add(count);
    match engine {
        Engine::Mysql => kill::run(program, Flavour::Mysql, seeds),
        Engine::Mariadb => kill::run(program, Flavour::Mariadb, seeds),
        Engine::Mongodb => mongodb::run(program, seeds, trouble),
    }
}

/// Walks through the whole API with random requests.
pub(crate) fn api(program: &Program, examples: u32, seed: u64) -> Result<(), String> {
    api::run(program, examples, seed)
}
