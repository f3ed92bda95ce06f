//! `kill -9` at random moments: whatever the program was at, the next one goes on and nothing is lost or done twice.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tidegate_sandbox::{Flavour, Server};

use super::arena::Arena;
use super::compare;
use super::lives::{self, Field, MOMENTS};
use super::random::Random;
use super::statements::{COUNTERS, schema_of};
use super::workload::{self, Done, Load, Stream};
use crate::program::{Program, Route};
use crate::wait::Stop;

/// A kill comes at most so long after the start.
const LIFE_MS_MAX: u64 = 1500;

const STREAMS: [Stream; 3] = [
    Stream { number: 1, schema_percent: 0, burst: 10, pause: Duration::from_millis(10) },
    Stream { number: 2, schema_percent: 0, burst: 10, pause: Duration::from_millis(10) },
    Stream { number: 3, schema_percent: 50, burst: 2, pause: Duration::from_millis(40) },
];

struct Servers<'a> {
    program: &'a Program,
    arena: Arena,
}

pub(super) fn run(program: &Program, flavour: Flavour, seeds: Range<u64>) -> Result<(), String> {
    lives::run(&mut Servers { program, arena: Arena::open(flavour)? }, seeds)
}

impl Field for Servers<'_> {
    fn folder(&self) -> &Path {
        &self.arena.folder
    }

    fn one_seed(&self, seed: u64) -> Result<String, String> {
        let (arena, database) = (&self.arena, format!("soak_{seed}"));
        let urls = [arena.source.url(), arena.target.url()];
        let route = lives::route(self, seed, urls, std::slice::from_ref(&database))?;
        let schema = schema_of(arena.flavour);
        arena
            .source
            .sql(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4; USE {database}; {schema}"))?;
        let (steps, done) = under_load(self.program, arena, &route, &database, seed)?;
        lives::catch_up(self.program, &route)?;
        if let Some(text) = compare::difference(&arena.source, &arena.target, &database, &route.folder)? {
            return Err(text);
        }
        check_counters(&arena.target, &database, &done)?;
        let turns: u64 = done.iter().map(|done| done.turns).sum();
        Ok(format!("identical after {turns} turns; killed while {}", steps.join(", ")))
    }

    fn clear(&self, seed: u64, all_of_it: bool) -> Result<(), String> {
        let drop = format!("DROP DATABASE soak_{seed}");
        self.arena.source.sql(&drop)?;
        self.arena.target.sql(&drop)?;
        if all_of_it {
            self.arena.target.sql("DROP DATABASE tidegate")?;
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<PathBuf, String> {
        self.arena.keep()
    }

    fn words(&self) -> String {
        format!("--engine {}", self.arena.flavour.name())
    }
}

/// The load, and above it one life of the program after the other. Answers what each was at when it was killed.
/// With even seeds tables change during the copy too, with odd ones once it is done.
fn under_load(
    program: &Program,
    arena: &Arena,
    route: &Route,
    database: &str,
    seed: u64,
) -> Result<(Vec<&'static str>, Vec<Done>), String> {
    let load = Load {
        seed,
        server: &arena.source,
        database,
        folder: &route.folder,
        stop: Stop::default(),
        changes_while_copying: seed.is_multiple_of(2),
        copied: AtomicBool::new(false),
    };
    let load = &load;
    thread::scope(|scope| {
        let streams = STREAMS.map(|stream| scope.spawn(move || workload::run(stream, load)));
        let mut random = Random::new(seed, MOMENTS);
        let phase = || arena.target.sql(&phase_question(&route.name)).ok();
        let copied = || load.copied.store(true, Ordering::Relaxed);
        let lives = lives::live(program, route, LIFE_MS_MAX, &mut random, phase, copied);
        load.stop.ask();
        let ends =
            streams.into_iter().map(|one| one.join().map_err(|_| "a load's thread panicked".to_owned())?);
        let done: Result<Vec<Done>, String> = ends.collect();
        Ok((lives?, done?))
    })
}

fn phase_question(name: &str) -> String {
    format!("SELECT phase FROM tidegate.link WHERE instance = '{name}'")
}

fn check_counters(target: &Server, database: &str, done: &[Done]) -> Result<(), String> {
    let expected = (0..COUNTERS as usize).map(|at| done.iter().map(|done| done.increments[at]).sum::<u64>());
    let expected: Vec<String> = expected.map(|n| n.to_string()).collect();
    let found = target.sql(&format!("SELECT n FROM {database}.counter ORDER BY id"))?;
    if found.lines().eq(expected.iter().map(String::as_str)) {
        return Ok(());
    }
    Err(format!(
        "the counters are {}, but were raised {} times",
        found.replace('\n', ", "),
        expected.join(", ")
    ))
}
