//! Whole links between a source and a target in memory, with everything going wrong that can: lost connections, lost
//! answers, crashes at any step, a change log that lost its end or is gone. Time stands still but for what is waited for.
//!
//! `TIDEGATE_SIM_SEED=n` repeats one seed of [`any_faults_by_seed`].

mod every_step;
mod loader;
pub(crate) mod script;
mod source;
mod target;
mod world;
mod writer;

use crate::support::Folder;
use source::SimSource;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use target::SimTarget;
use tidegate_engine::link::{self, Options, Outcome, Task};
use tidegate_engine::progress::Progress;
use tidegate_model::{Code, InstanceName, Result, Retry, Selection, Source, Target};
use tokio_util::sync::CancellationToken;
use world::Signal;
pub(crate) use world::{Plan, World};

/// No run takes so long, back-off and all.
const STUCK: Duration = Duration::from_secs(6 * 3600);

#[derive(Debug)]
pub(crate) enum Ended {
    Itself(Result<Outcome>),
    Crashed,
}

pub(crate) fn options(folder: &Path) -> Options {
    Options {
        instance: InstanceName::parse("sim").unwrap(),
        selection: Selection::default(),
        folder: folder.to_owned(),
        lanes: 3,
        copy_workers: 2,
        log_bytes_max: 1 << 20,
        retry_window: Duration::from_secs(3600),
        task: Task::CatchUp,
    }
}

/// A runtime whose clock jumps to the next timer when there is nothing else to do.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

/// The two ends of a link.
pub(crate) fn ends(world: &Arc<World>) -> (Arc<dyn Source>, Arc<dyn Target>) {
    (Arc::new(SimSource(world.clone())), Arc::new(SimTarget(world.clone())))
}

/// One run of the link: until it ends, or until the plan has it crash; then nothing is left of it but the target's rows
/// and the files.
pub(crate) fn run(world: &Arc<World>, options: Options, plan: Plan) -> Ended {
    let (source, target) = ends(world);
    world.begin_run(plan);
    let ended = block_on(async {
        let stop = CancellationToken::new();
        let life = world.clone();
        tokio::spawn(async move { life.live().await });
        let (mut signal, stopping) = (world.signal.subscribe(), stop.clone());
        tokio::spawn(async move {
            if signal.wait_for(|signal| *signal == Signal::Stop).await.is_ok() {
                stopping.cancel();
            }
        });
        let mut signal = world.signal.subscribe();
        let link = link::run(source, target, options, Arc::new(Progress::new()), stop);
        tokio::select! {
            ended = tokio::time::timeout(STUCK, link) => Ended::Itself(ended.expect("the link is stuck")),
            _ = signal.wait_for(|signal| *signal == Signal::Crash) => Ended::Crashed,
        }
    });
    if let Ended::Itself(Ok(Outcome::CaughtUp)) = &ended {
        world.assert_caught_up();
    }
    ended
}

/// What a crash may do to the change log; the target knows better.
fn damage_log(world: &World, folder: &Path) {
    let log = folder.join("log");
    let Ok(files) = std::fs::read_dir(&log) else { return };
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let Some(last) = files.last() else { return };
    match world.draw("crash", 10) {
        0 => {
            world.keep(Some(0));
            std::fs::remove_dir_all(&log).unwrap();
        }
        1..=4 => {
            world.keep(Some(0));
            let length = std::fs::metadata(last).unwrap().len();
            let left = world.draw("crash", length + 1);
            std::fs::File::options().write(true).open(last).unwrap().set_len(left).unwrap();
        }
        _ => {}
    }
}

/// The end: the target is what the source is, and says so.
pub(crate) fn assert_equal(world: &World) {
    let all = world.script.txs.len() as u64;
    let db = world.db();
    assert_eq!(db.rows, world.script.rows(all), "the rows of the target, and of the source");
    let selected = world.script.count_selected(db.start(), all);
    assert!(db.applied.iter().copied().eq(1..=selected), "{:?} of {selected}", db.applied);
}

/// Runs without faults until the target is what the source is.
pub(crate) fn finish(world: &Arc<World>, folder: &Path) {
    for _ in 0..20 {
        match run(world, options(folder), Plan::default()) {
            Ended::Itself(Ok(Outcome::CaughtUp)) if world.is_done() => return assert_equal(world),
            Ended::Itself(Ok(_)) => {}
            Ended::Itself(Err(error)) if error.code() == Code::SchemaChangedWhileCopying => {
                world.db().reset()
            }
            ended => panic!("{ended:?}"),
        }
    }
    panic!("it never ends");
}

fn simulate(seed: u64) {
    let world = Arc::new(World::new(seed, 100, 3));
    world.limit(40);
    let folder = Folder::new();
    let mut log_bytes_max = if world.draw("options", 3) == 0 { 20_000 } else { 1 << 20 };
    for attempt in 0.. {
        assert!(attempt < 200, "it never ends");
        let calm = attempt > 40;
        let mut plan = Plan { jitter: world.percent("plan", 80), ..Plan::default() };
        if !calm {
            plan.fail_share = [0, 2, 6, 15][world.draw("plan", 4) as usize];
            let at = 1 + world.draw("plan", 250);
            match world.draw("plan", 10) {
                0..=6 => plan.crash_at = Some(at),
                7 => plan.stop_at = Some(at),
                _ => {}
            }
        }
        let lanes = 1 + world.draw("plan", 4) as u16;
        let options = Options { lanes, log_bytes_max, ..options(folder.path()) };
        match run(&world, options, plan) {
            Ended::Itself(Ok(Outcome::CaughtUp)) if world.is_done() => break,
            Ended::Itself(Ok(_)) => world.limit(100),
            Ended::Itself(Err(error)) if error.retry() == Retry::Auto => {}
            Ended::Itself(Err(error)) if error.code() == Code::SchemaChangedWhileCopying => {
                world.db().reset()
            }
            Ended::Itself(Err(error)) if error.code() == Code::ChangeLogFull => log_bytes_max *= 4,
            Ended::Itself(Err(error)) => panic!("{error}"),
            Ended::Crashed => damage_log(&world, folder.path()),
        }
    }
    assert_equal(&world);
}

#[test]
fn any_faults_by_seed() {
    let seeds = match std::env::var("TIDEGATE_SIM_SEED") {
        Ok(seed) => vec![seed.parse().expect("TIDEGATE_SIM_SEED is a number")],
        Err(_) => (1..=300).collect::<Vec<u64>>(),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| simulate(seed));
        assert!(outcome.is_ok(), "repeat it with TIDEGATE_SIM_SEED={seed}");
    }
}
