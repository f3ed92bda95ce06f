//! `kill -9` at random moments: whatever the program was at, the next one goes on and nothing is lost or done twice.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_sandbox::{Flavour, Server};

use super::arena::Arena;
use super::compare;
use super::random::Random;
use super::statements::{COUNTERS, schema_of};
use super::workload::{self, Done, Load, Stream};
use crate::program::{Program, Route};
use crate::wait::{self, Stop};

const KILLS: u32 = 5;
/// A kill comes at most so long after the start.
const LIFE_MS_MAX: u64 = 1500;
const CATCH_UP_DEADLINE: Duration = Duration::from_secs(120);
/// The random stream of the moments, apart from those of the load.
const MOMENTS: u64 = 1000;

/// The phase that follows the copy.
const APPLYING: &str = "applying";
/// A copy begins anew when a table changes under it, but not for ever: the next start tries again.
const GIVEN_UP_COPYING: &str = "TG-4010";

const STREAMS: [Stream; 3] = [
    Stream { number: 1, schema_percent: 0, burst: 10, pause: Duration::from_millis(10) },
    Stream { number: 2, schema_percent: 0, burst: 10, pause: Duration::from_millis(10) },
    Stream { number: 3, schema_percent: 50, burst: 2, pause: Duration::from_millis(40) },
];

pub(super) fn run(program: &Program, flavour: Flavour, seeds: Range<u64>) -> Result<(), String> {
    let mut arena = Arena::open(flavour)?;
    let (mut passed, mut failed) = (0_u64, Vec::new());
    for seed in seeds {
        let started = Instant::now();
        let seconds = || started.elapsed().as_secs_f64();
        match one_seed(program, &arena, seed) {
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
    if !failed.is_empty() {
        let kept = arena.keep()?;
        println!("what the failed seeds left is in {}; run one again with", kept.display());
        println!(
            "  cargo xtask soak kill --engine {} --seeds 1 --first-seed {}",
            arena.flavour.name(),
            failed[0]
        );
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(format!("these seeds failed: {failed:?}")) }
}

fn folder_of(arena: &Arena, seed: u64) -> PathBuf {
    arena.folder.join(format!("seed-{seed}"))
}

/// Runs one seed in databases of its own.
fn one_seed(program: &Program, arena: &Arena, seed: u64) -> Result<String, String> {
    let database = format!("soak_{seed}");
    let route = Route {
        source: arena.source.url(),
        target: arena.target.url(),
        include: vec![format!("{database}.*")],
        name: format!("soak-{seed}"),
        folder: folder_of(arena, seed),
    };
    fs::create_dir_all(&route.folder)
        .map_err(|error| format!("cannot create {}: {error}", route.folder.display()))?;
    let schema = schema_of(arena.flavour);
    arena
        .source
        .sql(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4; USE {database}; {schema}"))?;
    let (steps, done) = under_load(program, arena, &route, &database, seed)?;
    let mut last = program.sync(&route, &["--until-caught-up"])?;
    let ended = last.finish(CATCH_UP_DEADLINE).map_err(|text| format!("{text}; {}", route.last_words()))?;
    ended.expect_success(&route)?;
    if let Some(difference) = compare::difference(&arena.source, &arena.target, &database, &route.folder)? {
        return Err(difference);
    }
    check_counters(&arena.target, &database, &done)?;
    let turns: u64 = done.iter().map(|done| done.turns).sum();
    Ok(format!("identical after {turns} turns; killed while {}", steps.join(", ")))
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
        let lives: Result<Vec<&str>, String> =
            (0..KILLS).map(|_| one_life(program, &arena.target, route, load, &mut random)).collect();
        load.stop.ask();
        let ends =
            streams.into_iter().map(|one| one.join().map_err(|_| "a load's thread panicked".to_owned())?);
        let done: Result<Vec<Done>, String> = ends.collect();
        Ok((lives?, done?))
    })
}

/// Starts the link and kills it at a random moment. It must not have ended by itself before.
fn one_life(
    program: &Program,
    target: &Server,
    route: &Route,
    load: &Load<'_>,
    random: &mut Random,
) -> Result<&'static str, String> {
    let lanes = (1 + random.below(4)).to_string();
    let life = Duration::from_millis(random.below(LIFE_MS_MAX));
    let mut link = program.sync(route, &["--lanes", &lanes])?;
    let ended = wait::until(life, || Ok(link.process.has_ended().then_some(())))?;
    if ended.is_none() {
        link.process.kill();
        let phase = phase(target, &route.name);
        if phase == APPLYING {
            load.copied.store(true, Ordering::Relaxed);
        }
        return Ok(phase);
    }
    let ended = link.finish(CATCH_UP_DEADLINE)?;
    let why = ended.last.error.unwrap_or_default();
    if why.code == GIVEN_UP_COPYING {
        return Ok("giving up the copy");
    }
    Err(format!("the link ended by itself: {}: {}; {}", why.code, why.message, route.last_words()))
}

/// How far the link is, as the target has it.
fn phase(target: &Server, name: &str) -> &'static str {
    let sql = format!("SELECT phase FROM tidegate.link WHERE instance = '{name}'");
    match target.sql(&sql).as_deref() {
        Ok("copying") => "copying",
        Ok("catching-up") => APPLYING,
        _ => "starting",
    }
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

/// Removes what a seed that passed has left. Our own schema goes too, unless a failed seed's state is in it.
fn clear(arena: &Arena, seed: u64, all_of_it: bool) -> Result<(), String> {
    let drop = format!("DROP DATABASE soak_{seed}");
    arena.source.sql(&drop)?;
    arena.target.sql(&drop)?;
    if all_of_it {
        arena.target.sql("DROP DATABASE tidegate")?;
    }
    let folder = folder_of(arena, seed);
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))
}
