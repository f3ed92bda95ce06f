//! The large explorations of the model of a pair; `cargo xtask soak model` runs them. A part of a name as argument: only
//! those.

#[path = "../tests/pair/mod.rs"]
mod pair;

use pair::mutation::Mutation;
use pair::run::{explore, large, quick, weaken};
use std::process::ExitCode;

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    let mut good = true;
    for (name, limits) in quick().into_iter().chain(large()) {
        if wanted(name) {
            let outcome = explore(name, limits);
            println!("{outcome}");
            good &= outcome.is_as_it_should_be();
        }
    }
    for mutation in Mutation::ALL {
        if wanted(&format!("{mutation:?}")) {
            let outcome = weaken(mutation);
            println!("{outcome}");
            good &= outcome.is_as_it_should_be();
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
