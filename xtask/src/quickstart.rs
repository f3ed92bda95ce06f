//! `cargo xtask quickstart`: everything from nothing, in one command: two servers, data, load, a link, and the proof
//! that both sides are the same.

mod failback;
mod load;
mod mongodb;
mod mysql;
mod shop;
mod view;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tidegate_sandbox::scratch;

use crate::engine::Engine;
use crate::program::{Ended, Line, Link, Program, Route};
use crate::wait;
use failback::{End, Failback};
use view::LiveLine;

/// What the shop has unless another number is wanted.
const ROWS: u64 = 100_000;
const DOCUMENTS: u64 = 120_000;
const COPY_DEADLINE: Duration = Duration::from_secs(600);
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(300);
/// How often the live line is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Write the result to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long changes are applied under load
    #[arg(long, value_name = "N", default_value_t = 15)]
    seconds: u64,
    /// Of which kind both sides are: mysql or mongodb
    #[arg(long, value_enum, default_value = "mysql")]
    engine: Engine,
    /// How many rows the sample shop has: 100,000 with MySQL, 120,000 documents with MongoDB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..))]
    rows: Option<u64>,
    /// How often applications move to the target and come back
    #[arg(long, value_name = "N", default_value_t = 3)]
    cycles: u64,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Report {
    rows_copied: u64,
    changes_applied: u64,
    lag_ms: Lag,
    identical: bool,
    failback: Failback,
    seconds: f64,
}

#[derive(Clone, Copy, Serialize)]
struct Lag {
    p50: f64,
    p99: f64,
}

/// Two databases with data in the first, as one kind of server has them.
trait Stage: Sized {
    /// Starts both and fills the source with about so many rows.
    fn open(folder: &Path, rows: u64) -> Result<Self, String>;
    /// The databases with the data.
    fn databases(&self) -> Vec<&'static str>;
    /// Starts the load on the source.
    fn load(&self, folder: &Path) -> Result<Box<dyn Traffic>, String>;
    fn source(&self) -> &dyn End;
    fn target(&self) -> &dyn End;
}

/// A running load.
trait Traffic {
    /// An error when it has ended by itself: the link would then have nothing to do.
    fn check(&self) -> Result<(), String>;
    /// Ends it; answers how many requests the shop had.
    fn stop(self: Box<Self>) -> Result<u64, String>;
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    say(&format!("installing what {} needs into the cache folder (once)", arguments.engine.name()));
    install(arguments.engine)?;
    say("building tidegate");
    run_with(&Program::build()?, arguments)
}

/// The same in little, to see that all of it works.
pub(crate) fn short(program: &Program, engine: Engine) -> Result<(), String> {
    install(engine)?;
    run_with(program, &Arguments { engine, json: None, seconds: 4, rows: Some(20_000), cycles: 1 })
}

fn install(engine: Engine) -> Result<(), String> {
    engine.install()?;
    if engine == Engine::Mongodb { Ok(()) } else { tidegate_sandbox::sysbench().map(drop) }
}

fn run_with(program: &Program, arguments: &Arguments) -> Result<(), String> {
    let started = Instant::now();
    let folder = scratch("quickstart")?;
    let result = match arguments.engine {
        Engine::Mysql => demonstrate::<mysql::Shop>(arguments, program, &folder, started),
        Engine::Mongodb => demonstrate::<mongodb::Shop>(arguments, program, &folder, started),
        Engine::Mariadb => Err("the quickstart knows mysql and mongodb".to_owned()),
    };
    // The servers have removed their own folders; what is left is ours. The next sweep tries again.
    let _ = fs::remove_dir_all(&folder);
    let (report, difference) = result?;
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    print(&report);
    let Failback { looped, lost, identical, .. } = report.failback;
    match difference {
        None if looped > 0 || lost > 0 || !identical => {
            Err("the way back is not what it should be".to_owned())
        }
        None => Ok(()),
        Some(text) => Err(format!("source and target differ: {text}")),
    }
}

fn rows_of(arguments: &Arguments) -> u64 {
    arguments.rows.unwrap_or(if arguments.engine == Engine::Mongodb { DOCUMENTS } else { ROWS })
}

/// The whole demonstration; answers the report, and what verify said if it found differences.
fn demonstrate<S: Stage>(
    arguments: &Arguments,
    program: &Program,
    folder: &Path,
    started: Instant,
) -> Result<(Report, Option<String>), String> {
    let stage = S::open(folder, rows_of(arguments))?;
    let route = Route {
        source: stage.source().url(),
        target: stage.target().url(),
        include: stage.databases().iter().map(|name| format!("{name}.*")).collect(),
        name: "quickstart".to_owned(),
        folder: folder.join("tidegate"),
    };
    say("starting the load, then the link: it copies while rows change");
    let load = stage.load(folder)?;
    let mut link = program.sync(&route, &[])?;
    follow(&link, load.as_ref(), Duration::from_secs(arguments.seconds))
        .map_err(|text| format!("{text}; {}", route.last_words()))?;
    let requests = load.stop()?;
    say(&format!(
        "the load has ended after {requests} shop requests; the link stops and goes on, as after a restart"
    ));
    let first = link.stop()?.expect_success(&route)?;
    let second =
        program.sync(&route, &["--until-caught-up"])?.finish(CATCH_UP_DEADLINE)?.expect_success(&route)?;
    say("comparing every row");
    let difference = program.verify(&route)?;
    say("applications move to the target and come back, each time writing where they are");
    let failback = failback::run(program, folder, stage.source(), stage.target(), arguments.cycles)?;
    let report = Report {
        rows_copied: first.last.rows_copied + second.last.rows_copied,
        changes_applied: first.last.rows_applied + second.last.rows_applied,
        lag_ms: lag(&first),
        identical: difference.is_none(),
        failback,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((report, difference))
}

/// Shows the link until it has streamed for so long.
fn follow(link: &Link, load: &dyn Traffic, time: Duration) -> Result<(), String> {
    let mut live = LiveLine::new();
    let mut streaming: Option<Instant> = None;
    let mut drawn: Option<Instant> = None;
    let done = wait::until(COPY_DEADLINE + time, || {
        if link.process.has_ended() {
            return Err("the link ended by itself".to_owned());
        }
        load.check()?;
        let Some(line) = link.last() else { return Ok(None) };
        if streaming.is_none() && line.step.as_deref() == Some("streaming") {
            streaming = Some(Instant::now());
        }
        if drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_EVERY) {
            drawn = Some(Instant::now());
            live.show(&line);
        }
        Ok(streaming.filter(|since| since.elapsed() >= time))
    });
    live.end();
    done?.map(drop).ok_or_else(|| format!("the copy has not ended after {} s", COPY_DEADLINE.as_secs()))
}

/// The lag while streaming. Each line tells of its own second: of these the middle p50 and the worst p99 are taken,
/// so that the p99 said is never better than the true one.
fn lag(ended: &Ended) -> Lag {
    let streamed: Vec<&Line> =
        ended.lines.iter().filter(|line| line.step.as_deref() == Some("streaming")).collect();
    // The first second still holds what was waiting while the copy ran.
    let settled = streamed.iter().skip(1);
    let mut p50: Vec<f64> = settled.clone().filter_map(|line| line.lag_ms_p50).collect();
    p50.sort_by(f64::total_cmp);
    let p99 = settled.filter_map(|line| line.lag_ms_p99).fold(0.0, f64::max);
    Lag { p50: p50.get(p50.len() / 2).copied().unwrap_or(0.0), p99 }
}

fn say(text: &str) {
    println!("==> {text}");
}

fn print(report: &Report) {
    println!();
    println!("copied    {} rows", report.rows_copied);
    println!("applied   {} changes", report.changes_applied);
    println!("lag       p50 {:.1} ms, p99 {:.1} ms", report.lag_ms.p50, report.lag_ms.p99);
    println!("both      {}", if report.identical { "identical" } else { "DIFFERENT" });
    let Failback { cycles, looped, lost, identical } = report.failback;
    let both = if identical { "identical" } else { "DIFFERENT" };
    println!(
        "failback  {cycles} times there and back: {lost} rows lost, {looped} transactions looped, both {both}"
    );
    println!("all in    {:.0} s", report.seconds);
}

fn write_json(path: &Path, report: &Report) -> Result<(), String> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| format!("cannot write the report as JSON: {error}"))?;
    fs::write(path, text + "\n").map_err(|error| format!("cannot write {}: {error}", path.display()))
}
