//! The project's own tasks: `cargo xtask TASK`.

mod bench;
mod clients;
mod console;
mod engine;
mod process;
mod program;
mod quickstart;
mod sandbox;
mod service;
mod soak;
mod test;
mod tidy;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start, stop or show real database servers on this machine
    #[command(subcommand)]
    Sandbox(sandbox::Action),
    /// Measure Tidegate beside MySQL's own tools
    Bench(bench::Arguments),
    /// Lead jobs through their lives with the hosted service's own clients, unchanged
    Clients(clients::Arguments),
    /// Show everything at once: servers, data, load, a link, and that both sides are identical
    Quickstart(quickstart::Arguments),
    /// Put random load and random damage on the program, then compare both sides
    #[command(subcommand)]
    Soak(soak::Action),
    /// Build the web console, or drive it with a real browser
    #[command(subcommand)]
    Console(console::Action),
    /// Check the rules about the source that no compiler checks
    Tidy,
    /// Run every check and every test, as CI does
    Test,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Sandbox(action) => sandbox::run(&action),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Clients(arguments) => clients::run(&arguments),
        Task::Quickstart(arguments) => quickstart::run(&arguments),
        Task::Soak(action) => soak::run(&action),
        Task::Console(action) => console::run(&action),
        Task::Tidy => tidy::run(),
        Task::Test => test::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}
