//! What a link does in single situations, between a source and a target in memory.

use crate::sim::script::{CHILD, Op, PARENTS, Script, Tx};
use crate::sim::{Ended, Plan, World, assert_equal, block_on, ends, finish, options, run};
use crate::support::{Folder, Place};
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine::link::{self, Options, Outcome, Task};
use tidegate_engine::progress::{Progress, Step};
use tidegate_model::{Code, Phase, Position, Result};
use tokio_util::sync::CancellationToken;

/// The link with this plan, stopped after a minute; answers how long that took.
fn run_and_stop(world: &Arc<World>, options: Options, plan: Plan) -> (Result<Outcome>, Duration) {
    let (source, target) = ends(world);
    world.begin_run(plan);
    block_on(async {
        let life = world.clone();
        tokio::spawn(async move { life.live().await });
        let stop = CancellationToken::new();
        let running = tokio::spawn(link::run(source, target, options, Arc::default(), stop.clone()));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let asked = tokio::time::Instant::now();
        stop.cancel();
        (running.await.unwrap(), asked.elapsed())
    })
}

/// Transactions that have nothing to do with each other.
fn one_row_each(count: u64) -> Script {
    let row = |id: u64| Op::Set { table: CHILD, key: id * PARENTS, before: None, after: Some(id) };
    let txs = (1..=count).map(|id| Tx { ops: vec![row(id)], padding: 0 }).collect();
    Script { txs }
}

fn outage(of: &'static str) -> Plan {
    Plan { fail_every: Some((of, 1)), ..Plan::default() }
}

#[test]
fn a_stop_does_not_wait_for_a_server_that_is_away() {
    for away in ["capture", "loader", "reader", "lane"] {
        let world = Arc::new(World::new(1, 40, 0));
        let folder = Folder::new();
        let (ended, took) =
            run_and_stop(&world, Options { task: Task::Follow, ..options(folder.path()) }, outage(away));
        assert_eq!(ended.unwrap(), Outcome::Stopped, "{away}");
        assert!(took < Duration::from_secs(1), "{away}: it took {took:?}");
        finish(&world, folder.path());
    }
}

/// A fault of an adapter must not leave the rest waiting for it for ever.
#[test]
fn a_panic_anywhere_ends_the_link() {
    for who in ["capture", "loader", "reader", "lane"] {
        let world = Arc::new(World::new(1, 40, 0));
        let folder = Folder::new();
        match run(&world, options(folder.path()), Plan { panic_of: Some(who), ..Plan::default() }) {
            Ended::Itself(Err(error)) => assert_eq!(error.code(), Code::Internal, "{who}: {error}"),
            ended => panic!("{who}: {ended:?}"),
        }
        finish(&world, folder.path());
    }
}

/// A lane that tries again and again does not keep the others' error back.
#[test]
fn one_lane_fails_while_another_waits() {
    let world = Arc::new(World::with_script(1, one_row_each(40), 20));
    let folder = Folder::new();
    world.limit(30);
    finish_at(&world, &folder, 30);
    world.limit(40);
    let (source, target) = ends(&world);
    world.begin_run(Plan { panic_of: Some("lane 1"), ..outage("lane 0") });
    block_on(async {
        let life = world.clone();
        tokio::spawn(async move { life.live().await });
        let began = tokio::time::Instant::now();
        let link =
            link::run(source, target, options(folder.path()), Arc::default(), CancellationToken::new());
        assert_eq!(link.await.unwrap_err().code(), Code::Internal);
        assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    });
    finish(&world, folder.path());
}

/// Catching up and being stopped are not the same: a script may go on with a cut-over.
#[test]
fn who_is_stopped_has_not_caught_up() {
    let world = Arc::new(World::new(1, 40, 0));
    let folder = Folder::new();
    world.limit(30);
    finish_at(&world, &folder, 30);
    world.limit(40);
    let (ended, _) = run_and_stop(&world, options(folder.path()), outage("capture"));
    assert_eq!(ended.unwrap(), Outcome::Stopped);
    finish(&world, folder.path());
}

fn finish_at(world: &Arc<World>, folder: &Folder, count: u64) {
    let ended = run(world, options(folder.path()), Plan::default());
    assert!(matches!(ended, Ended::Itself(Ok(Outcome::CaughtUp))), "{ended:?}");
    assert_eq!(world.committed(), count);
    assert_eq!(world.db().rows, world.script.rows(count));
}

/// The window is about one outage, not about the sum of all that happens in a long copy.
#[test]
fn a_copy_survives_many_short_outages() {
    let world = Arc::new(World::with_script(1, one_row_each(60), 60));
    let folder = Folder::new();
    let options =
        Options { retry_window: Duration::from_millis(200), copy_workers: 1, ..options(folder.path()) };
    let plan = Plan { fail_every: Some(("reader", 6)), jitter: true, ..Plan::default() };
    let ended = run(&world, options, plan);
    assert!(matches!(ended, Ended::Itself(Ok(Outcome::CaughtUp))), "{ended:?}");
    assert_equal(&world);
}

/// Capture waits for room and applying waits for the copy: nobody would ever go on.
#[test]
fn a_log_that_is_full_after_the_copy_is_an_error() {
    let world = Arc::new(World::new(2, 200, 0));
    let folder = Folder::new();
    let small = Options { log_bytes_max: 1_000, ..options(folder.path()) };
    match run(&world, small, Plan { jitter: true, ..Plan::default() }) {
        Ended::Itself(Err(error)) => assert_eq!(error.code(), Code::ChangeLogFull, "{error}"),
        ended => panic!("{ended:?}"),
    }
    finish(&world, folder.path());
}

/// A limit below the size of a usual segment: old segments still go.
#[test]
fn a_small_log_makes_room_while_it_is_applied() {
    let world = Arc::new(World::new(3, 600, 0));
    let folder = Folder::new();
    world.limit(world.committed());
    finish_at(&world, &folder, world.committed());
    world.limit(600);
    let small = Options { log_bytes_max: 6_000, ..options(folder.path()) };
    let ended = run(&world, small, Plan::default());
    assert!(matches!(ended, Ended::Itself(Ok(Outcome::CaughtUp))), "{ended:?}");
    let log = std::fs::read_dir(folder.path().join("log")).unwrap();
    let bytes: u64 = log.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 20_000, "{bytes} bytes are left");
}

/// A schema change during the overlap: the copy begins anew by itself, with a log of its own.
#[test]
fn a_schema_change_while_copying_begins_the_copy_anew() {
    let mut script = one_row_each(30);
    script.txs[14].ops = vec![Op::Schema { version: 1 }];
    let world = Arc::new(World::with_script(5, script, 10));
    let folder = Folder::new();
    let (source, target) = ends(&world);
    world.begin_run(Plan::default());
    block_on(async {
        let life = world.clone();
        tokio::spawn(async move { life.live().await });
        let progress = Arc::new(Progress::new());
        let ended =
            link::run(source, target, options(folder.path()), progress.clone(), CancellationToken::new())
                .await;
        assert_eq!(ended.unwrap(), Outcome::CaughtUp);
        assert_eq!(*progress.step().borrow(), Step::Streaming);
    });
    assert!(world.db().start() > 10, "the copy did not begin anew");
    assert_equal(&world);
}

/// Where nothing selected happens, the target's position moves all the same, and without gaps.
#[test]
fn the_position_moves_with_unselected_traffic() {
    let mut txs: Vec<_> = (0..100).map(|_| Tx { ops: Vec::new(), padding: 0 }).collect();
    txs[5].ops = vec![Op::Bag { value: 1, change: 1 }];
    txs[50].ops = vec![Op::Bag { value: 2, change: 1 }];
    let world = Arc::new(World::with_script(6, Script { txs }, 1));
    let folder = Folder::new();
    for committed in [40, 45, 60, 100] {
        world.limit(committed);
        let options = Options { task: Task::Follow, ..options(folder.path()) };
        let (ended, _) = run_and_stop(&world, options, Plan::default());
        assert_eq!(ended.unwrap(), Outcome::Stopped);
        let mut db = world.db();
        let low = db.link().lanes.iter().map(|lane| lane.low.clone()).max_by_key(|low| low.seq).unwrap();
        let furthest = db.link().lanes.iter().map(|lane| Place::read(&lane.low.position).unwrap().upto).max();
        assert_eq!(furthest, Some(committed), "at {}", low.seq);
    }
}

/// Two processes with folders of their own at one link: each takes the other's commit for what it is.
#[test]
fn two_processes_at_one_link_lose_nothing() {
    for seed in 0..30 {
        let world = Arc::new(World::new(seed, 60, 0));
        let folders = [Folder::new(), Folder::new()];
        world.limit(world.committed());
        finish_at(&world, &folders[0], world.committed());
        assert!(matches!(world.db().link().phase, Phase::CatchingUp { .. }));
        world.limit(60);
        world.keep(None);
        world.begin_run(Plan { jitter: true, ..Plan::default() });
        let changed = block_on(async {
            let life = world.clone();
            tokio::spawn(async move { life.live().await });
            let links = folders.each_ref().map(|folder| {
                let (source, target) = ends(&world);
                let options = Options { lanes: 1, ..options(folder.path()) };
                tokio::spawn(link::run(source, target, options, Arc::default(), CancellationToken::new()))
            });
            let mut changed = 0;
            for link in links {
                match link.await.unwrap() {
                    Ok(outcome) => assert_eq!(outcome, Outcome::CaughtUp),
                    Err(error) => {
                        assert_eq!(error.code(), Code::CheckpointChanged, "{error}");
                        changed += 1;
                    }
                }
            }
            changed
        });
        assert!(changed <= 2);
        finish(&world, folders[0].path());
    }
}

/// Reads up to a place, if one is given, applies what was read, and ends by itself.
fn drain(world: &Arc<World>, folder: &Folder, upto: Option<u64>) {
    assert_eq!(tries_to_drain(world, folder, upto).unwrap(), Outcome::CaughtUp);
}

fn tries_to_drain(world: &Arc<World>, folder: &Folder, upto: Option<u64>) -> Result<Outcome> {
    let (source, target) = ends(world);
    world.begin_run(Plan::default());
    let upto = upto.map(|place| Position::new(place.to_string()));
    let options = Options { task: Task::Drain { upto }, ..options(folder.path()) };
    block_on(async {
        let life = world.clone();
        tokio::spawn(async move { life.live().await });
        link::run(source, target, options, Arc::default(), CancellationToken::new()).await
    })
}

/// Whoever has read beyond the place cannot rest there.
#[test]
fn a_link_does_not_rest_before_what_it_has_read() {
    let world = Arc::new(World::with_script(1, one_row_each(40), 10));
    let folder = Folder::new();
    finish_at(&world, &folder, 40);
    let refused = tries_to_drain(&world, &folder, Some(30)).unwrap_err();
    assert_eq!(refused.code(), Code::TargetBusy, "{refused}");
    drain(&world, &folder, Some(40));
}

/// Everything before the place is in the target, and nothing beyond it, wherever the marks of the log lie.
#[test]
fn a_drained_link_rests_at_one_place() {
    for seed in 0..60 {
        let world = Arc::new(World::new(seed, 80, 0));
        world.limit(40);
        let folder = Folder::new();
        let follow = Options { task: Task::Follow, ..options(folder.path()) };
        assert_eq!(run_and_stop(&world, follow, Plan::default()).0.unwrap(), Outcome::Stopped, "{seed}");
        world.limit(80);
        let place = 40 + seed % 35;
        for upto in [Some(place), None, Some(place)] {
            drain(&world, &folder, upto);
            assert_eq!(world.db().rows, world.script.rows(place), "{seed} at {place}");
        }
        finish(&world, folder.path());
    }
}
