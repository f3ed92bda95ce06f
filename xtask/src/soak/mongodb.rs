//! The same with MongoDB: the program is killed at random moments, and if wanted members step down or die meanwhile.

mod arena;
mod lost_log;
mod workload;

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tidegate_sandbox::mongo::ReplicaSet;

use super::random::Random;
use crate::program::{Program, Route};
use crate::wait::{self, Stop};
use arena::Arena;
pub(super) use arena::keep;
pub(super) use lost_log::run as lost_log;
use workload::{Done, Load};

const KILLS: u32 = 5;
/// A kill comes at most so long after the start.
const LIFE_MS_MAX: u64 = 2500;
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(180);
/// The random stream of the moments, apart from those of the load.
const MOMENTS: u64 = 1000;
/// Between two kills of a member.
const MEMBER_PAUSE: Duration = Duration::from_secs(3);
const COMPARE: &str = include_str!("mongodb/compare.py");

const APPLYING: &str = "applying";
/// A copy begins anew when a collection changes under it, but not for ever: the next start tries again.
const GIVEN_UP_COPYING: &str = "TG-4010";

/// What happens to the servers meanwhile.
#[derive(Clone, Copy, Default)]
pub(super) struct Trouble {
    /// The source's and the target's primary step down in turn, with such a pause.
    pub(super) step_down: Option<Duration>,
    /// A member of the source and one of the target die in turn, and come back.
    pub(super) kill_member: bool,
}

impl Trouble {
    fn members(self) -> usize {
        if self.step_down.is_some() || self.kill_member { 3 } else { 1 }
    }

    fn words(self) -> String {
        let step_down = self.step_down.map(|pause| format!(" --stepdown {}", pause.as_secs()));
        step_down.unwrap_or_default() + if self.kill_member { " --kill-member" } else { "" }
    }
}

pub(super) fn run(program: &Program, seeds: Range<u64>, trouble: Trouble) -> Result<(), String> {
    let mut arena = Arena::open(trouble.members())?;
    let (mut passed, mut failed) = (0_u64, Vec::new());
    for seed in seeds {
        let started = Instant::now();
        let seconds = || started.elapsed().as_secs_f64();
        match one_seed(program, &arena, seed, trouble) {
            Ok(summary) => {
                passed += 1;
                clear(&arena, seed, failed.is_empty())?;
                println!("seed {seed}: {summary} ({:.1} s)", seconds());
            }
            Err(text) => {
                failed.push(seed);
                println!("seed {seed}: FAILED ({:.1} s): {text}", seconds());
            }
        }
    }
    if let Some(first) = failed.first() {
        let kept = arena.keep()?;
        println!("what the failed seeds left is in {}; run one again with", kept.display());
        let words = trouble.words();
        println!("  cargo xtask soak kill --engine mongodb --seeds 1 --first-seed {first}{words}");
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(format!("these seeds failed: {failed:?}")) }
}

fn folder_of(arena: &Arena, seed: u64) -> PathBuf {
    arena.folder.join(format!("seed-{seed}"))
}

/// The databases of a seed. The second one is dropped as a whole at times.
fn databases(seed: u64) -> [String; 2] {
    [format!("soak_{seed}"), format!("soak_{seed}_side")]
}

fn one_seed(program: &Program, arena: &Arena, seed: u64, trouble: Trouble) -> Result<String, String> {
    let databases = databases(seed);
    let route = Route {
        source: arena.source.url(),
        target: arena.target.url(),
        include: databases.iter().map(|name| format!("{name}.*")).collect(),
        name: format!("soak-{seed}"),
        folder: folder_of(arena, seed),
    };
    fs::create_dir_all(&route.folder)
        .map_err(|error| format!("cannot create {}: {error}", route.folder.display()))?;
    let load = Load { seed, set: &arena.source, database: &databases[0], folder: &route.folder };
    load.prepare()?;
    let (steps, done) = under_load(program, arena, &route, &load, trouble)?;
    let mut last = program.sync(&route, &["--until-caught-up"])?;
    let ended = last.finish(CATCH_UP_DEADLINE).map_err(|text| format!("{text}; {}", route.last_words()))?;
    ended.expect_success(&route)?;
    if let Some(difference) = difference(&arena.source, &arena.target, &databases)? {
        return Err(difference);
    }
    check_counters(&arena.target, &databases[0], &done)?;
    let turns: u64 = done.iter().map(|done| done.turns).sum();
    let refused: u64 = done.iter().map(|done| done.refused).sum();
    Ok(format!("identical after {turns} turns ({refused} refused); killed while {}", steps.join(", ")))
}

/// The load, and above it one life of the program after the other. Answers what each was at when it was killed.
/// With even seeds definitions change during the copy too, with odd ones once it is done.
fn under_load(
    program: &Program,
    arena: &Arena,
    route: &Route,
    load: &Load<'_>,
    trouble: Trouble,
) -> Result<(Vec<&'static str>, Vec<Done>), String> {
    let mut running = load.start()?;
    let stop = Stop::default();
    let mut random = Random::new(load.seed, MOMENTS);
    let lives = thread::scope(|scope| {
        let trouble = scope.spawn(|| make_trouble(arena, load.seed, trouble, &stop));
        let lives: Result<Vec<&str>, String> = (0..KILLS)
            .map(|_| {
                let phase = one_life(program, &arena.target, route, &mut random)?;
                if phase == APPLYING {
                    running.copied();
                }
                Ok(phase)
            })
            .collect();
        stop.ask();
        trouble.join().map_err(|_| "the thread that makes trouble panicked".to_owned())??;
        lives
    })?;
    Ok((lives, running.stop()?))
}

fn make_trouble(arena: &Arena, seed: u64, trouble: Trouble, stop: &Stop) -> Result<(), String> {
    let mut random = Random::new(seed, MOMENTS + 1);
    let pause = match (trouble.step_down, trouble.kill_member) {
        (Some(pause), _) => pause,
        (None, true) => MEMBER_PAUSE,
        (None, false) => return Ok(()),
    };
    for set in [&arena.source, &arena.target].into_iter().cycle() {
        if stop.within(pause) {
            break;
        }
        if trouble.step_down.is_some() {
            set.step_down()?;
        }
        if trouble.kill_member {
            let member = usize::try_from(random.below(3)).unwrap_or(0);
            set.kill(member);
            stop.within(MEMBER_PAUSE);
            set.restart(member)?;
        }
    }
    Ok(())
}

/// Starts the link and kills it at a random moment. It must not have ended by itself before.
fn one_life(
    program: &Program,
    target: &ReplicaSet,
    route: &Route,
    random: &mut Random,
) -> Result<&'static str, String> {
    let lanes = (1 + random.below(4)).to_string();
    let life = Duration::from_millis(random.below(LIFE_MS_MAX));
    let mut link = program.sync(route, &["--lanes", &lanes])?;
    let ended = wait::until(life, || Ok(link.process.has_ended().then_some(())))?;
    if ended.is_none() {
        link.process.kill();
        return Ok(phase(target, &route.name));
    }
    let ended = link.finish(CATCH_UP_DEADLINE)?;
    let why = ended.last.error.unwrap_or_default();
    if why.code == GIVEN_UP_COPYING {
        return Ok("giving up the copy");
    }
    Err(format!("the link ended by itself: {}: {}; {}", why.code, why.message, route.last_words()))
}

/// How far the link is, as the target has it.
fn phase(target: &ReplicaSet, name: &str) -> &'static str {
    let script =
        format!("print((client.tidegate.link.find_one({{'_id.instance': '{name}'}}) or {{}}).get('phase'))");
    match target.python(&script).as_deref() {
        Ok("copying") => "copying",
        Ok("catching-up") => APPLYING,
        _ => "starting",
    }
}

/// The first difference between both sides, found by a program that has nothing of ours.
pub(super) fn difference(
    source: &ReplicaSet,
    target: &ReplicaSet,
    databases: &[String],
) -> Result<Option<String>, String> {
    let mut command = source.python_command()?;
    command.env("MONGO_TARGET_URL", target.known_url()).args(["-c", COMPARE]).args(databases);
    let output = command.output().map_err(|error| format!("cannot run python3: {error}"))?;
    if !output.status.success() {
        return Err(format!("the comparison failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((!text.is_empty()).then_some(text))
}

fn check_counters(target: &ReplicaSet, database: &str, done: &[Done]) -> Result<(), String> {
    let counters = done.first().map_or(0, |done| done.increments.len());
    let sum = |at: usize| done.iter().filter_map(|done| done.increments.get(at)).sum::<u64>();
    let expected: Vec<String> = (0..counters).map(|at| sum(at).to_string()).collect();
    let expected = expected.join(" ");
    let found =
        target.python(&format!("print(*(c['n'] for c in client.{database}.counter.find().sort('_id')))"))?;
    if found == expected {
        return Ok(());
    }
    Err(format!("the counters are {found}, but were raised {expected} times"))
}

/// Removes what a seed that passed has left. Our own database goes too, unless a failed seed's state is in it.
fn clear(arena: &Arena, seed: u64, all_of_it: bool) -> Result<(), String> {
    let [database, side] = databases(seed);
    let drop = format!("client.drop_database('{database}'); client.drop_database('{side}')");
    arena.source.python(&drop)?;
    arena.target.python(&drop)?;
    if all_of_it {
        arena.target.python("client.drop_database('tidegate')")?;
    }
    let folder = folder_of(arena, seed);
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))
}
