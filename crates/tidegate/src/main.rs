//! The `tidegate` program. It only wires: what a person types goes to tidegate-service, what comes back is shown.

mod account;
mod alerts;
mod args;
mod conflicts;
mod explain;
mod failure;
mod figures;
mod instance;
mod logging;
mod login;
mod pair;
mod quantity;
mod remote;
mod server;
mod signals;
mod status;
mod store;
mod sync;
mod traces;
mod verify;
mod view;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::future::Future;
use std::process::ExitCode;
use tidegate_service::{Code, Error, Result};

fn main() -> ExitCode {
    // Fails only if there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
    let traces = logging::start(&cli.logs, &bars);
    let code = run(cli.command, &bars);
    if let Some(traces) = traces {
        traces.end();
    }
    code
}

fn run(command: Command, bars: &MultiProgress) -> ExitCode {
    match command {
        Command::Sync(args) => {
            let json = args.json;
            finish(json, bars, sync::run(*args, bars.clone()))
        }
        Command::Verify(args) => {
            let json = args.json;
            finish(json, bars, verify::run(*args, bars.clone()))
        }
        Command::Server(args) => {
            let json = args.json;
            finish(json, bars, server::run(args))
        }
        Command::Config(command) => {
            let json = command.json();
            finish(json, bars, async { command.run() })
        }
        Command::Store(command) => {
            let json = command.json();
            finish(json, bars, async { command.run() })
        }
        Command::Login(args) => finish(false, bars, remote::log_in(args)),
        Command::Status(args) => {
            let json = args.remote.json;
            finish(json, bars, status::run(args))
        }
        Command::Alerts(command) => {
            let json = command.json();
            finish(json, bars, alerts::run(command))
        }
        Command::Account(command) => {
            let json = command.json();
            finish(json, bars, account::run(command))
        }
        Command::Instance(command) => {
            let json = command.json();
            finish(json, bars, instance::run(command))
        }
        Command::Reverse(command) => {
            let json = command.json();
            finish(json, bars, pair::reverse(command))
        }
        Command::Conflicts(command) => {
            let json = command.json();
            finish(json, bars, conflicts::conflicts(command))
        }
        Command::Switchover(args) => {
            let json = args.remote.json;
            finish(json, bars, pair::take_over(args, pair::Direction::Reverse))
        }
        Command::Failback(args) => {
            let json = args.remote.json;
            finish(json, bars, pair::take_over(args, pair::Direction::Forward))
        }
        Command::Explain { code } => explain::run(code),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tidegate", &mut script);
            figures::print(&String::from_utf8_lossy(&script));
            ExitCode::SUCCESS
        }
    }
}

/// Runs a command to its end and shows the error, if it has one.
fn finish(json: bool, bars: &MultiProgress, command: impl Future<Output = Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(command);
            // What is left is a look-up of a host name at most: nothing that a database would miss.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::new(Code::Internal, format!("the runtime cannot start: {error}"))),
    };
    ended.unwrap_or_else(|error| {
        failure::log_causes(&error);
        if json {
            figures::print(&failure::json_line(&error));
        }
        view::say(bars, &failure::lines(&error));
        ExitCode::from(failure::EXIT_ERROR)
    })
}
