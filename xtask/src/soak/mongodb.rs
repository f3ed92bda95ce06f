//! The same with MongoDB: the program is killed at random moments, and if wanted members step down or die meanwhile.

mod arena;
mod lost_log;
mod workload;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tidegate_sandbox::mongo::ReplicaSet;

use super::lives::{self, Field, MOMENTS};
use super::random::Random;
use crate::program::{Program, Route};
use crate::wait::Stop;
use arena::Arena;
pub(super) use arena::keep;
pub(super) use lost_log::run as lost_log;
use workload::{Done, Load};

/// A kill comes at most so long after the start.
const LIFE_MS_MAX: u64 = 2500;
/// Between two kills of a member.
const MEMBER_PAUSE: Duration = Duration::from_secs(3);
const COMPARE: &str = include_str!("mongodb/compare.py");

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

struct Sets<'a> {
    program: &'a Program,
    arena: Arena,
    trouble: Trouble,
}

pub(super) fn run(program: &Program, seeds: Range<u64>, trouble: Trouble) -> Result<(), String> {
    let arena = Arena::open(trouble.members())?;
    lives::run(&mut Sets { program, arena, trouble }, seeds)
}

impl Field for Sets<'_> {
    fn folder(&self) -> &Path {
        &self.arena.folder
    }

    fn one_seed(&self, seed: u64) -> Result<String, String> {
        let (arena, databases) = (&self.arena, databases(seed));
        let urls = [arena.source.url(), arena.target.url()];
        let route = lives::route(self, seed, urls, &databases)?;
        let load = Load { seed, set: &arena.source, database: &databases[0], folder: &route.folder };
        load.prepare()?;
        let (steps, done) = under_load(self.program, arena, &route, &load, self.trouble)?;
        lives::catch_up(self.program, &route)?;
        if let Some(difference) = difference(&arena.source, &arena.target, &databases)? {
            return Err(difference);
        }
        check_counters(&arena.target, &databases[0], &done)?;
        let turns: u64 = done.iter().map(|done| done.turns).sum();
        let refused: u64 = done.iter().map(|done| done.refused).sum();
        Ok(format!("identical after {turns} turns ({refused} refused); killed while {}", steps.join(", ")))
    }

    fn clear(&self, seed: u64, all_of_it: bool) -> Result<(), String> {
        let [database, side] = databases(seed);
        let drop = format!("client.drop_database('{database}'); client.drop_database('{side}')");
        self.arena.source.python(&drop)?;
        self.arena.target.python(&drop)?;
        if all_of_it {
            self.arena.target.python("client.drop_database('tidegate')")?;
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<PathBuf, String> {
        self.arena.keep()
    }

    fn words(&self) -> String {
        format!("--engine mongodb{}", self.trouble.words())
    }
}

/// The databases of a seed. The second one is dropped as a whole at times.
fn databases(seed: u64) -> [String; 2] {
    [format!("soak_{seed}"), format!("soak_{seed}_side")]
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
    let phase_of = format!(
        "print((client.tidegate.link.find_one({{'_id.instance': '{}'}}) or {{}}).get('phase'))",
        route.name
    );
    let lives = thread::scope(|scope| {
        let trouble = scope.spawn(|| make_trouble(arena, load.seed, trouble, &stop));
        let phase = || arena.target.python(&phase_of).ok();
        let lives = lives::live(program, route, LIFE_MS_MAX, &mut random, phase, || running.copied());
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
