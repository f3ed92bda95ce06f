//! `cargo xtask test`: every check and every test, in the order in which failures are cheapest.

use std::env;
use std::process::{Command, Stdio};
use std::time::Instant;

use tidegate_sandbox::workspace_root;

use crate::engine::Engine;
use crate::program::Program;
use crate::{clients, console, quickstart, soak, tidy};

/// With each kind of server. The long campaign is `cargo xtask soak kill --seeds 200`.
const KILL_SEEDS: [(Engine, u64); 3] = [(Engine::Mysql, 15), (Engine::Mariadb, 5), (Engine::Mongodb, 6)];

/// Of each kind, to each operation. The long campaign is `cargo xtask soak api`.
const API_EXAMPLES: u32 = 40;

pub(crate) fn run() -> Result<(), String> {
    let started = Instant::now();
    step("tidy", tidy::run)?;
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("the console's pages", console::build)?;
    step("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("install the database servers", tidegate_sandbox::install)?;
    // Tests start the program itself, so it is built before them.
    step("build", || cargo(&["build", "--workspace"]))?;
    if has_nextest() {
        step("tests", || cargo(&["nextest", "run", "--workspace"]))?;
        // nextest does not run the examples in the documentation.
        step("documentation tests", || cargo(&["test", "--workspace", "--doc"]))?;
    } else {
        step("tests", || cargo(&["test", "--workspace"]))?;
    }
    // What follows asks whether it works, not how fast: the program that the tests use is there already.
    let program = Program::build_for_tests()?;
    for (engine, seeds) in KILL_SEEDS {
        let title = format!("kill -9 at random moments, {}", engine.name());
        step(&title, || soak::kill(&program, engine, seeds))?;
    }
    step("failback through crashes, mongodb", || soak::failback_through_crashes(&program, Engine::Mongodb))?;
    step("the API against its document", || soak::api(&program, API_EXAMPLES, 1))?;
    step("the official clients", || clients::all(&program))?;
    step("the console in a browser", || console::test(&program))?;
    for engine in [Engine::Mysql, Engine::Mongodb] {
        let title = format!("quickstart, a short one, {}", engine.name());
        step(&title, || quickstart::short(&program, engine))?;
    }
    println!("==> all passed in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn step(title: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("==> {title}");
    let started = Instant::now();
    let result = work();
    let state = if result.is_ok() { "done" } else { "failed" };
    println!("==> {title}: {state} in {:.1} s", started.elapsed().as_secs_f64());
    result.map_err(|text| format!("{title}: {text}"))
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    let status = program()
        .args(arguments)
        .current_dir(workspace_root())
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed ({status})", arguments.join(" "))) }
}

fn has_nextest() -> bool {
    let version =
        program().args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// The cargo this task was started with, so that a pinned toolchain stays pinned.
fn program() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
