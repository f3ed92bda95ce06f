//! What is explored, and what comes of it.

use super::mutation::Mutation;
use super::world::{Fence, Limits, Pair};
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::time::{Duration, Instant};

/// What an exploration has come to.
pub(crate) struct Outcome {
    pub(crate) name: String,
    mutation: Mutation,
    pub(crate) states: usize,
    pub(crate) depth: usize,
    pub(crate) took: Duration,
    /// Properties that do not hold in some state, with the steps that lead there.
    pub(crate) violated: Vec<(&'static str, Vec<String>)>,
    /// What was to come about and did not.
    pub(crate) missed: Vec<&'static str>,
}

impl Outcome {
    /// The protocol as it is holds everywhere and comes to all that it is for; a weakened one does not hold.
    pub(crate) fn is_as_it_should_be(&self) -> bool {
        match self.mutation {
            Mutation::None => self.violated.is_empty() && self.missed.is_empty(),
            _ => !self.violated.is_empty(),
        }
    }
}

/// Goes through all states of the protocol as it is.
pub(crate) fn explore(name: &str, limits: Limits) -> Outcome {
    check(name.to_owned(), Pair { mutation: Mutation::None, limits }, HasDiscoveries::All)
}

/// Goes through the states of a weakened protocol until something does not hold.
pub(crate) fn weaken(mutation: Mutation) -> Outcome {
    let pair = Pair { mutation, limits: limits_of(mutation) };
    check(format!("{mutation:?}"), pair, HasDiscoveries::AnyFailures)
}

fn check(name: String, pair: Pair, until: HasDiscoveries) -> Outcome {
    let begun = Instant::now();
    let threads = if pair.mutation == Mutation::None { 2 } else { 1 };
    let properties = pair.properties();
    let found = pair.checker().threads(threads).finish_when(until).spawn_bfs().join();
    let mut discoveries = found.discoveries();
    let (mut violated, mut missed) = (Vec::new(), Vec::new());
    for property in properties {
        let path = discoveries.remove(property.name);
        match (property.expectation, path) {
            (Expectation::Always, Some(path)) => {
                let steps = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
                violated.push((property.name, steps));
            }
            (Expectation::Sometimes, None) => missed.push(property.name),
            _ => {}
        }
    }
    let mutation = found.model().mutation;
    let (states, depth) = (found.unique_state_count(), found.max_depth());
    Outcome { name, mutation, states, depth, took: begun.elapsed(), violated, missed }
}

/// As small as it can be with what the guard is there for.
fn limits_of(mutation: Mutation) -> Limits {
    let small = Limits::NONE;
    match mutation {
        Mutation::None
        | Mutation::NoDrain
        | Mutation::DrainBeforeFence
        | Mutation::EarlySwitch
        | Mutation::BothRun => small,
        Mutation::NoFilter => Limits { writes: 1, keys: 0, keyless: true, ..small },
        Mutation::SoftFence => Limits { open_transactions: true, ..small },
        Mutation::NoEpoch => Limits { drops: 1, ..small },
        Mutation::AsyncCkpt => Limits { drops: 1, keys: 0, keyless: true, takeovers: 0, ..small },
        Mutation::LateCreate => Limits { begins_alone: true, takeovers: 0, ..small },
        Mutation::AckBeforeFsync => Limits { crashes: 1, takeovers: 0, ..small },
        Mutation::NoDrainB => Limits { takeovers: 2, ..small },
        Mutation::Toctou | Mutation::ReopenFirst => Limits { freezes: 1, cancels: 1, ..small },
        Mutation::ForgetfulSide => Limits { failovers: 1, writes: 1, ..small },
        Mutation::UnfencedRest => {
            Limits { pauses: 1, failovers: 1, crashes: 1, keys: 0, keyless: true, writes: 3, ..small }
        }
        Mutation::OneSidedLook => Limits { failovers: 1, writes: 1, takeovers: 2, reverses: 2, ..small },
        Mutation::BlindFence => Limits { freezes: 1, takeovers: 2, ..small },
    }
}

/// Small explorations of the protocol as it is, each for something else.
pub(crate) fn quick() -> Vec<(&'static str, Limits)> {
    let base = Limits::NONE;
    let both_ways = Limits { takeovers: 2, ..base };
    vec![
        ("there and back", Limits { writes: 4, keys: 2, drops: 1, ..both_ways }),
        ("open transactions", Limits { open_transactions: true, cancels: 1, drops: 1, ..both_ways }),
        ("crash", Limits { crashes: 1, drops: 1, ..both_ways }),
        ("called off", Limits { cancels: 1, crashes: 1, writes: 1, ..base }),
        ("frozen", Limits { freezes: 1, ..both_ways }),
        ("stray run", Limits { strays: 1, drops: 1, ..both_ways }),
        ("schema changes", Limits { schema_changes: 1, drops: 1, ..both_ways }),
        ("failover", Limits { failovers: 1, drops: 1, keyless: true, ..both_ways }),
        ("crashes", Limits { keyless: true, crashes: 2, drops: 1, ..both_ways }),
        (
            "failover of schema changes",
            Limits { schema_changes: 1, keyless: true, failovers: 1, drops: 1, writes: 3, ..both_ways },
        ),
        ("paused", Limits { pauses: 1, failovers: 1, crashes: 1, ..base }),
        ("second reverse", Limits { reverses: 2, takeovers: 3, drops: 1, begins_alone: true, ..base }),
        ("declared", Limits { fence: Fence::Declared, drops: 1, keys: 2, ..both_ways }),
    ]
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, mutation: _, states, depth, took, violated, missed } = self;
        write!(out, "{name}: {states} states, depth {depth}, {:.1} s", took.as_secs_f64())?;
        for (property, steps) in violated {
            write!(out, "; \"{property}\" does not hold after {} steps: {}", steps.len(), steps.join(" "))?;
        }
        for goal in missed {
            write!(out, "; \"{goal}\" never came about")?;
        }
        Ok(())
    }
}
