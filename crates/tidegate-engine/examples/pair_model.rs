//! The large explorations of the model of a pair; `cargo xtask soak model` runs them.

#[path = "../tests/pair/mod.rs"]
mod pair;

fn main() {
    for (name, limits) in pair::run::quick() {
        println!("{}", pair::run::explore(name, limits));
    }
    for mutation in pair::mutation::Mutation::ALL {
        println!("{}", pair::run::weaken(mutation));
    }
}
