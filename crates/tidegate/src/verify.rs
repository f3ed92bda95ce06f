//! `tidegate verify`: the full comparison.

mod report;

use crate::args::VerifyArgs;
use crate::failure::{self, EXIT_DIFFERENT, EXIT_INTERRUPTED};
use crate::figures::{self, grouped};
use crate::signals::Signals;
use crate::{login, view};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate_service::verify::{Progress, Report, VerifyRequest};
use tidegate_service::{Code, Error, Result};
use tokio::task::JoinHandle;

pub(crate) async fn run(args: VerifyArgs, bars: MultiProgress) -> Result<ExitCode> {
    let (source, target) = args.ends.endpoints().await?;
    let request = VerifyRequest {
        source,
        target,
        objects: args.objects.given()?,
        tables_parallel: args.tables_parallel,
        recheck_for: args.recheck_for,
    };
    let plan = request.resolve()?;
    let ends = (plan.source().clone(), plan.target().clone());
    tracing::info!(source = ends.0.account(), target = ends.1.account(), "comparing");
    let signals = Signals::listen()?;
    let latest = Arc::new(Mutex::new(Progress::default()));
    let written = latest.clone();
    let running =
        tokio::spawn(async move { plan.run(&|now| *written.lock().expect("no holder panics") = now).await });
    let display = Display::choose(args.json, &bars);
    let report = follow(running, signals, &latest, display, &bars).await;
    let report = report.map_err(|e| login::hint(e, [&ends.0, &ends.1]))?;
    figures::print(&if args.json { report::json_line(&report) } else { report::lines(&report) });
    if report.identical {
        return Ok(ExitCode::SUCCESS);
    }
    let verdict = Error::new(Code::NotIdentical, report::summary(&report));
    view::say(&bars, &failure::lines(&verdict));
    Ok(ExitCode::from(EXIT_DIFFERENT))
}

/// Shows how far the comparison is until it ends.
async fn follow(
    mut running: JoinHandle<Result<Report>>,
    mut signals: Signals,
    latest: &Mutex<Progress>,
    mut display: Display,
    bars: &MultiProgress,
) -> Result<Report> {
    let mut ticks = tokio::time::interval(display.every());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            _ = signals.next() => {
                // It only reads: nothing has to be brought to an end.
                display.end();
                view::say(bars, "interrupted: there is no verdict");
                std::process::exit(EXIT_INTERRUPTED);
            }
            _ = ticks.tick() => {
                let now = *latest.lock().expect("no holder panics");
                display.show(&now);
            }
        }
    };
    display.end();
    ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the comparing task panicked")))
}

enum Display {
    Live(ProgressBar),
    Plain(MultiProgress),
    Json { at: Instant, rows: u64 },
}

#[derive(Serialize)]
struct ProgressLine {
    step: &'static str,
    tables: u64,
    tables_done: u64,
    rows: u64,
    rows_estimated: u64,
    rows_per_second: f64,
    differences: u64,
}

impl Display {
    fn choose(json: bool, bars: &MultiProgress) -> Self {
        if json {
            return Display::Json { at: Instant::now(), rows: 0 };
        }
        if !std::io::stderr().is_terminal() {
            return Display::Plain(bars.clone());
        }
        bars.set_draw_target(ProgressDrawTarget::stderr());
        let bar = bars.add(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden()));
        let style = ProgressStyle::with_template("{spinner} {bar:30} {percent:>3} %  {wide_msg}");
        bar.set_style(style.expect("the template is a constant"));
        Display::Live(bar)
    }

    fn every(&self) -> Duration {
        match self {
            Display::Live(_) => Duration::from_millis(500),
            Display::Plain(_) => Duration::from_secs(5),
            Display::Json { .. } => Duration::from_secs(1),
        }
    }

    fn show(&mut self, now: &Progress) {
        match self {
            Display::Live(bar) => {
                bar.set_length(now.rows_estimated.max(now.rows).max(1));
                bar.set_position(now.rows);
                bar.set_message(format!("{}  {} rows/s", line(now), grouped(bar.per_sec().round() as u64)));
            }
            Display::Plain(bars) if now.tables > 0 => view::say(bars, &format!("comparing  {}", line(now))),
            Display::Plain(_) => {}
            Display::Json { at, rows } => {
                let seconds = at.elapsed().as_secs_f64().max(0.001);
                let rate = now.rows.saturating_sub(*rows) as f64 / seconds;
                (*at, *rows) = (Instant::now(), now.rows);
                figures::print(&progress_line(now, rate));
            }
        }
    }

    fn end(&self) {
        if let Display::Live(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(now: &Progress) -> String {
    let tables = figures::count(now.tables, "table");
    let rows = figures::count(now.rows, "row");
    let differences = figures::count(now.differences, "difference");
    format!("{} of {tables}  {rows}  {differences}", now.tables_done)
}

fn progress_line(now: &Progress, rows_per_second: f64) -> String {
    let line = ProgressLine {
        step: "comparing",
        tables: now.tables,
        tables_done: now.tables_done,
        rows: now.rows,
        rows_estimated: now.rows_estimated,
        rows_per_second: (rows_per_second * 10.0).round() / 10.0,
        differences: now.differences,
    };
    serde_json::to_string(&line).expect("numbers can always be written as JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_as_json() {
        let now = Progress { tables: 3, tables_done: 1, rows: 1500, rows_estimated: 2000, differences: 2 };
        assert_eq!(
            progress_line(&now, 10.04),
            "{\"step\":\"comparing\",\"tables\":3,\"tables_done\":1,\"rows\":1500,\"rows_estimated\":2000,\
             \"rows_per_second\":10.0,\"differences\":2}\n"
        );
        assert_eq!(line(&now), "1 of 3 tables  1,500 rows  2 differences");
    }
}
