//! The large explorations of the model of a pair; `cargo xtask soak model` runs them, after the small ones. A part of a
//! name as argument: only those.

#[path = "../tests/pair/mod.rs"]
mod pair;

use pair::mutation::Mutation;
use pair::run::{explore, quick, weaken};
use pair::world::{Fence, Limits};
use std::process::ExitCode;

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    let safe = quick().into_iter().chain(large()).filter(|(name, _)| wanted(name));
    let weakened = Mutation::ALL.into_iter().filter(|mutation| wanted(&format!("{mutation:?}")));
    let explored = safe.map(|(name, limits)| explore(name, limits));
    let (mut states, mut good) = (0, true);
    for outcome in explored.chain(weakened.map(weaken)) {
        println!("{outcome}");
        states += outcome.states;
        good &= outcome.is_as_it_should_be();
    }
    println!(
        "{states} states in all; {}",
        if good { "all is as it should be" } else { "something is not as it should be" }
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A minute each, and memory for millions of states.
fn large() -> Vec<(&'static str, Limits)> {
    let base = Limits { keyless: true, writes: 3, takeovers: 2, ..Limits::NONE };
    vec![
        ("crashes, more writes", Limits { crashes: 2, drops: 1, ..base }),
        ("crash, called off", Limits { crashes: 1, drops: 1, cancels: 1, ..base }),
        ("frozen, called off", Limits { freezes: 1, cancels: 1, drops: 1, ..base }),
        ("frozen, crash", Limits { freezes: 1, crashes: 1, ..base }),
        ("frozen, stray runs", Limits { strays: 2, freezes: 1, drops: 1, ..base }),
        ("failover, crash", Limits { failovers: 1, crashes: 1, drops: 1, ..base }),
        ("paused, failover, crash", Limits { pauses: 1, failovers: 1, crashes: 1, ..base }),
        ("two failovers", Limits { failovers: 2, drops: 1, ..base }),
        ("schema changes, crash", Limits { schema_changes: 1, crashes: 1, drops: 1, ..base }),
        ("schema changes, frozen", Limits { schema_changes: 1, freezes: 1, drops: 1, ..base }),
        ("two keys, crash", Limits { keys: 2, writes: 4, crashes: 1, keyless: false, ..base }),
        ("four takeovers", Limits { takeovers: 4, writes: 4, drops: 1, ..base }),
        ("second reverse, crash", Limits { reverses: 2, takeovers: 3, crashes: 1, drops: 1, ..base }),
        ("second reverse, alone", Limits { reverses: 2, takeovers: 3, begins_alone: true, drops: 1, ..base }),
        ("second reverse, failover", Limits { reverses: 2, takeovers: 3, failovers: 1, ..base }),
        ("declared, crash", Limits { fence: Fence::Declared, crashes: 1, drops: 1, ..base }),
        ("declared, schema changes", Limits { fence: Fence::Declared, schema_changes: 1, drops: 1, ..base }),
        ("declared, failover", Limits { fence: Fence::Declared, failovers: 1, ..base }),
    ]
}
