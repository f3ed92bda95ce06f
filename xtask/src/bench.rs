//! `cargo xtask bench`: Tidegate beside what MySQL brings along for the same work, or with MongoDB beside what one would
//! write by hand, in one run, on the same servers.

mod application;
mod big;
mod capture;
mod catchup;
mod copy;
mod lag;
mod mongodb;
mod report;
mod servers;
mod switchover;

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tidegate_sandbox::scratch;

use crate::engine::Engine;
use crate::program::{Program, build};
use report::{Measured, Report};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to measure; everything when nothing is named
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The size of the data in hundredths of the full one, to try a scenario out
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    percent: u64,
    /// The size of the big transaction
    #[arg(long, value_name = "MB", default_value_t = 2048)]
    big_mb: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Full copy of a million rows of sysbench's shape
    MysqlCopy,
    /// Full copy of 200,000 rows of 1 KB
    #[value(name = "mysql-copy-1k")]
    MysqlCopy1k,
    /// Applying 300,000 transactions of one row
    MysqlCatchupSingle,
    /// Applying 3,000 transactions of a hundred rows
    MysqlCatchupBatch,
    /// Reading the source's log into the change log
    MysqlCapture,
    /// Time from commit to visibility at 500 transactions a second
    MysqlLagP50,
    /// The same, of the slowest hundredth
    MysqlLagP99,
    /// One transaction of 2 GB
    MysqlBigTransaction,
    /// Full copy of a million documents
    MongoCopy,
    /// Applying 300,000 inserts, updates, changes of arrays and deletes
    MongoCatchupMixed,
    /// Applying 300,000 inserts
    MongoCatchupInsert,
    /// Time from write to visibility at 200 writes a second: the middle and the slowest hundredth
    MongoLag,
    /// For how long nobody can write while the right to write moves, at 1,000 transactions a second
    Switchover,
}

impl Scenario {
    fn is_of_mongodb(self) -> bool {
        matches!(self, Self::MongoCopy | Self::MongoCatchupMixed | Self::MongoCatchupInsert | Self::MongoLag)
    }
}

/// What every scenario works with.
struct Bench {
    program: Program,
    runs: u16,
    percent: u64,
    big_mb: u64,
    /// The running scenario's own folder.
    folder: PathBuf,
}

impl Bench {
    /// A number of rows or transactions at the size asked for.
    fn scaled(&self, full: u64) -> u64 {
        (full * self.percent / 100).max(100)
    }

    fn example(&self, name: &str) -> Result<PathBuf, String> {
        build(&["-p", "tidegate-mysql", "--example", name], name)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let wanted = if arguments.scenarios.is_empty() {
        Scenario::value_variants()
    } else {
        arguments.scenarios.as_slice()
    };
    if wanted.iter().any(|scenario| scenario.is_of_mongodb()) {
        Engine::Mongodb.install()?;
    }
    if wanted.iter().any(|scenario| !scenario.is_of_mongodb()) {
        Engine::Mysql.install()?;
        tidegate_sandbox::sysbench()?;
    }
    let mut bench = Bench {
        program: Program::build()?,
        runs: arguments.runs,
        percent: arguments.percent,
        big_mb: arguments.big_mb,
        folder: PathBuf::new(),
    };
    let report = Report::of_this_machine();
    let mut all: Vec<Measured> = Vec::new();
    for scenario in wanted {
        if all.iter().any(|measured| measured.scenario == name(*scenario)) {
            continue;
        }
        println!("==> {}", name(*scenario));
        bench.folder = scratch("bench")?;
        let measured = measure(*scenario, &bench);
        // The servers have removed their own folders. What is left the next sweep tries again.
        let _ = fs::remove_dir_all(&bench.folder);
        for measured in measured.map_err(|text| format!("{}: {text}", name(*scenario)))? {
            report.write(&measured)?;
            println!("{}", measured.line());
            all.push(measured);
        }
    }
    report::print(&all);
    Ok(())
}

fn measure(scenario: Scenario, bench: &Bench) -> Result<Vec<Measured>, String> {
    match scenario {
        Scenario::MysqlCopy => copy::sysbench(bench),
        Scenario::MysqlCopy1k => copy::wide(bench),
        Scenario::MysqlCatchupSingle => catchup::single(bench),
        Scenario::MysqlCatchupBatch => catchup::batch(bench),
        Scenario::MysqlCapture => capture::run(bench),
        // One harness measures both.
        Scenario::MysqlLagP50 | Scenario::MysqlLagP99 => lag::run(bench),
        Scenario::MysqlBigTransaction => big::run(bench),
        Scenario::MongoCopy => mongodb::copy(bench),
        Scenario::MongoCatchupMixed => mongodb::catchup_mixed(bench),
        Scenario::MongoCatchupInsert => mongodb::catchup_insert(bench),
        Scenario::MongoLag => mongodb::lag(bench),
        Scenario::Switchover => switchover::run(bench),
    }
}

fn name(scenario: Scenario) -> String {
    scenario.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
