//! The project's own tasks: `cargo xtask TASK`.

mod sandbox;
mod test;
mod tidy;

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
    /// Check the rules about the source that no compiler checks
    Tidy,
    /// Run every check and every test, as CI does
    Test,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Sandbox(action) => sandbox::run(&action),
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
