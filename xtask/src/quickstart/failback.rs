//! The way there and back: applications move to the target, write there, and come back, without a new copy.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::program::{Program, Route};
use crate::service::Service;
use crate::wait;

const DATABASE: &str = "ledger";
const ROWS_EACH: u64 = 300;
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Failback {
    pub(super) cycles: u64,
    /// Transactions that one direction has read back from what the other wrote.
    pub(super) looped: u64,
    /// Rows that an application wrote and one side does not have.
    pub(super) lost: u64,
    pub(super) identical: bool,
}

#[derive(Deserialize)]
struct Shown {
    progress: Option<Progress>,
}

#[derive(Deserialize)]
struct Progress {
    seq_captured: u64,
}

/// One of the two databases, as an application sees it.
pub(super) trait End {
    fn url(&self) -> String;
    /// Makes the table `entry` in a new database.
    fn create_ledger(&self, database: &str) -> Result<(), String>;
    /// Writes rows as an application would, a transaction for each.
    fn write(&self, database: &str, ids: Range<u64>, turn: u64) -> Result<(), String>;
    /// How many rows there are.
    fn rows(&self, database: &str) -> Result<u64, String>;
}

fn write(end: &dyn End, turn: &mut u64) -> Result<(), String> {
    let first = *turn * ROWS_EACH;
    end.write(DATABASE, first..first + ROWS_EACH, *turn)?;
    *turn += 1;
    Ok(())
}

pub(super) fn run(
    program: &Program,
    folder: &Path,
    source: &dyn End,
    target: &dyn End,
    cycles: u64,
) -> Result<Failback, String> {
    let home = folder.join("service");
    std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    let service = Service::start(program, &home)?;
    source.create_ledger(DATABASE)?;
    let mut turn = 0;
    write(source, &mut turn)?;
    let include = format!("{DATABASE}.*");
    service.ask(&[
        "create",
        DATABASE,
        "--source",
        &source.url(),
        "--target",
        &target.url(),
        "--include",
        &include,
    ])?;
    service.ask(&["start", DATABASE])?;
    service.ask(&["wait", DATABASE, "--for", "caught-up"])?;
    let reverse = format!("{DATABASE}-reverse");
    service.run(&["reverse", "create", DATABASE])?;
    service.ask(&["wait", &reverse, "--for", "Collecting"])?;
    for _ in 0..cycles {
        service.run(&["switchover", DATABASE])?;
        write(target, &mut turn)?;
        service.run(&["failback", DATABASE])?;
        write(source, &mut turn)?;
    }
    let written = turn * ROWS_EACH;
    let level = wait::until(DEADLINE, || Ok((target.rows(DATABASE)? >= written).then_some(())))?;
    let captured = |name: &str| -> Result<u64, String> {
        let shown: Shown = serde_json::from_str(&service.ask(&["show", name, "--json"])?)
            .map_err(|error| error.to_string())?;
        Ok(shown.progress.map_or(0, |progress| progress.seq_captured))
    };
    let looped = captured(DATABASE)?.saturating_sub(cycles * ROWS_EACH)
        + captured(&reverse)?.saturating_sub(cycles * ROWS_EACH);
    let route = Route {
        source: source.url(),
        target: target.url(),
        include: vec![include],
        name: DATABASE.to_owned(),
        folder: folder.join(DATABASE),
    };
    let identical = level.is_some() && program.verify(&route)?.is_none();
    let lost = 2 * written - source.rows(DATABASE)?.min(written) - target.rows(DATABASE)?.min(written);
    Ok(Failback { cycles, looped, lost, identical })
}
