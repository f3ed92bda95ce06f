//! `cargo xtask quickstart`: everything from nothing, in one command: two servers, data, load, a link, and the proof
//! that both sides are the same.

mod failback;
mod load;
mod shop;
mod view;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tidegate_sandbox::{Flavour, Options, Server, scratch};

use crate::program::{Ended, Line, Link, Program, Route};
use crate::wait;
use failback::Failback;
use load::Load;
use view::LiveLine;

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
    /// How many rows the sample shop has
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..))]
    rows: u64,
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

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let started = Instant::now();
    say("installing MySQL and sysbench into the cache folder (once)");
    tidegate_sandbox::install_flavour(Flavour::Mysql)?;
    tidegate_sandbox::sysbench()?;
    say("building tidegate");
    let program = Program::build()?;
    let folder = scratch("quickstart")?;
    let result = demonstrate(arguments, &program, &folder, started);
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

/// The same in little, to see that all of it works.
pub(crate) fn short() -> Result<(), String> {
    run(&Arguments { json: None, seconds: 4, rows: 20_000, cycles: 1 })
}

/// The whole demonstration; answers the report, and what verify said if it found differences.
fn demonstrate(
    arguments: &Arguments,
    program: &Program,
    folder: &Path,
    started: Instant,
) -> Result<(Report, Option<String>), String> {
    say("starting a source and a target server");
    let source = Server::start(Options::new(Flavour::Mysql, 1), &folder.join("source"))?;
    let target = Server::start(Options::new(Flavour::Mysql, 2), &folder.join("target"))?;
    say(&format!("filling the source: a shop of {} rows and tables for sysbench", arguments.rows));
    source.sql(&shop::schema(arguments.rows))?;
    load::prepare(&source)?;
    let route = Route {
        source: source.url(),
        target: target.url(),
        include: vec!["shop.*".to_owned(), format!("{}.*", load::DATABASE)],
        name: "quickstart".to_owned(),
        folder: folder.join("tidegate"),
    };
    say("starting the load, then the link: it copies while rows change");
    let load = Load::start(&source, folder)?;
    let mut link = program.sync(&route, &[])?;
    follow(&link, &load, Duration::from_secs(arguments.seconds))
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
    let failback = failback::run(program, folder, &source, &target, arguments.cycles)?;
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
fn follow(link: &Link, load: &Load, time: Duration) -> Result<(), String> {
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
