//! A pair of links, every state of it within bounds.
//!
//! Who takes over does what `pair::takeover::next` and `pair::mover::Mover` say, as the service does; the databases, the
//! links, the service's record and the applications are modelled.
//!
//! Not modelled: the initial copy, several lanes of one link, transactions of several rows, rules and selections, other
//! objects for a running link, and what waits for a deadline. A failover never loses a fence, a permit, or a schema change
//! that is under way.

mod actions;
mod controller;
mod links;
pub(crate) mod mutation;
mod properties;
pub(crate) mod run;
mod state;
pub(crate) mod world;

#[cfg(test)]
mod tests {
    use super::mutation::Mutation;
    use super::run::{explore, quick, weaken};

    #[test]
    fn pair_model_holds_in_every_state() {
        let mut states = 0;
        for (name, limits) in quick() {
            let outcome = explore(name, limits);
            assert!(outcome.is_as_it_should_be(), "{outcome}");
            states += outcome.states;
        }
        assert!(states > 500_000, "{states} states");
    }

    #[test]
    fn pair_model_finds_what_each_guard_is_for() {
        for mutation in Mutation::ALL {
            let outcome = weaken(mutation);
            assert!(outcome.is_as_it_should_be(), "{outcome}");
        }
    }
}
