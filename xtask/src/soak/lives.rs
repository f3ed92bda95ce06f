//! A campaign of seeds: each is a link that is killed again and again while its source changes. The same seed gives the same
//! statements and the same moments.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::random::Random;
use crate::program::{Program, Route};
use crate::wait;

/// The random stream of the moments, apart from those of the load.
pub(super) const MOMENTS: u64 = 1000;
/// The phase that follows the copy.
pub(super) const APPLYING: &str = "applying";
const KILLS: u32 = 5;
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(180);
/// A copy begins anew when a table changes under it, but not for ever: the next start tries again.
const GIVEN_UP_COPYING: &str = "TG-4010";

/// Two databases with what one engine needs around them.
pub(super) trait Field {
    fn folder(&self) -> &Path;

    /// Runs one seed in databases of its own; answers what came of it.
    fn one_seed(&self, seed: u64) -> Result<String, String>;

    /// Removes what a seed that passed has left in the databases. Our own goes too, unless a failed seed's state is in it.
    fn clear(&self, seed: u64, all_of_it: bool) -> Result<(), String>;

    /// Ends the servers and moves everything to where no later run sweeps it away.
    fn keep(&mut self) -> Result<PathBuf, String>;

    /// What `cargo xtask soak kill` is told beside the seeds.
    fn words(&self) -> String;
}

pub(super) fn run(field: &mut dyn Field, seeds: Range<u64>) -> Result<(), String> {
    let (mut passed, mut failed) = (0_u64, Vec::new());
    for seed in seeds {
        let started = Instant::now();
        let seconds = || started.elapsed().as_secs_f64();
        match field.one_seed(seed) {
            Ok(summary) => {
                passed += 1;
                field.clear(seed, failed.is_empty())?;
                let folder = folder_of(field, seed);
                fs::remove_dir_all(&folder)
                    .map_err(|error| format!("cannot delete {}: {error}", folder.display()))?;
                println!("seed {seed}: {summary} ({:.1} s)", seconds());
            }
            Err(text) => {
                failed.push(seed);
                println!("seed {seed}: FAILED ({:.1} s): {text}", seconds());
            }
        }
    }
    if let Some(first) = failed.first() {
        let kept = field.keep()?;
        println!("what the failed seeds left is in {}; run one again with", kept.display());
        println!("  cargo xtask soak kill {} --seeds 1 --first-seed {first}", field.words());
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(format!("these seeds failed: {failed:?}")) }
}

fn folder_of(field: &dyn Field, seed: u64) -> PathBuf {
    field.folder().join(format!("seed-{seed}"))
}

/// The link of a seed, with a folder of its own.
pub(super) fn route(
    field: &dyn Field,
    seed: u64,
    [source, target]: [String; 2],
    databases: &[String],
) -> Result<Route, String> {
    let folder = folder_of(field, seed);
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let include = databases.iter().map(|name| format!("{name}.*")).collect();
    Ok(Route { source, target, include, name: format!("soak-{seed}"), folder })
}

/// One life of the link after the other, each killed at a random moment of its first `longest_ms`. Answers what each was
/// at, which `killed` finds out, as the target has the link's phase.
pub(super) fn live(
    program: &Program,
    route: &Route,
    longest_ms: u64,
    random: &mut Random,
    mut killed: impl FnMut() -> Option<String>,
    mut copied: impl FnMut(),
) -> Result<Vec<&'static str>, String> {
    let mut lives = Vec::new();
    for _ in 0..KILLS {
        let lanes = (1 + random.below(4)).to_string();
        let life = Duration::from_millis(random.below(longest_ms));
        let mut link = program.sync(route, &["--lanes", &lanes])?;
        let ended = wait::until(life, || Ok(link.process.has_ended().then_some(())))?;
        if ended.is_none() {
            link.process.kill();
            let phase = in_words(killed().as_deref());
            if phase == APPLYING {
                copied();
            }
            lives.push(phase);
            continue;
        }
        let ended = link.finish(CATCH_UP_DEADLINE)?;
        let why = ended.last.error.unwrap_or_default();
        if why.code != GIVEN_UP_COPYING {
            let said = route.last_words();
            return Err(format!("the link ended by itself: {}: {}; {said}", why.code, why.message));
        }
        lives.push("giving up the copy");
    }
    Ok(lives)
}

/// The last life comes to its end by itself.
pub(super) fn catch_up(program: &Program, route: &Route) -> Result<(), String> {
    let mut last = program.sync(route, &["--until-caught-up"])?;
    let ended = last.finish(CATCH_UP_DEADLINE).map_err(|text| format!("{text}; {}", route.last_words()))?;
    ended.expect_success(route).map(drop)
}

fn in_words(phase: Option<&str>) -> &'static str {
    match phase {
        Some("copying") => "copying",
        Some("catching-up") => APPLYING,
        _ => "starting",
    }
}
