//! One scenario, and something going wrong at each of its steps in turn, until it runs through: before and after every
//! message to a server.

use super::{Ended, Plan, World, finish, options, run};
use crate::support::Folder;
use std::path::Path;
use std::sync::Arc;
use tidegate_model::{Code, Retry};

/// The scenario with what `plan` makes go wrong at step 1, 2, 3 …, and with what `damage` then does to the link's folder.
fn at_every_step(plan: impl Fn(u64) -> Plan, damage: impl Fn(&World, &Path, u64)) {
    for step in 1.. {
        let world = Arc::new(World::new(4, 30, 5));
        let folder = Folder::new();
        let ended = run(&world, options(folder.path()), plan(step));
        if world.steps() < step {
            assert!(step > 100, "there are only {step} steps");
            return finish(&world, folder.path());
        }
        match ended {
            Ended::Crashed | Ended::Itself(Ok(_)) => {}
            Ended::Itself(Err(error)) if error.retry() == Retry::Auto => {
                let who = world.failed().expect("something failed");
                assert!(["source", "target"].contains(&who.as_str()), "{who} is not tried again: {error}");
            }
            Ended::Itself(Err(error)) if error.code() == Code::SchemaChangedWhileCopying => {
                world.db().reset()
            }
            Ended::Itself(Err(error)) => panic!("step {step}: {error}"),
        }
        damage(&world, folder.path(), step);
        finish(&world, folder.path());
    }
}

fn crash(step: u64) -> Plan {
    Plan { crash_at: Some(step), ..Plan::default() }
}

#[test]
fn a_crash_at_every_step() {
    at_every_step(crash, |_, _, _| {});
}

#[test]
fn a_crash_at_every_step_and_the_log_is_gone() {
    at_every_step(crash, |world, folder, _| {
        world.keep(Some(0));
        let _ = std::fs::remove_dir_all(folder.join("log"));
    });
}

#[test]
fn a_crash_at_every_step_and_the_log_lost_its_end() {
    at_every_step(crash, |world, folder, step| {
        world.keep(Some(0));
        let Ok(files) = std::fs::read_dir(folder.join("log")) else { return };
        let Some(last) = files.map(|entry| entry.unwrap().path()).max() else { return };
        let length = std::fs::metadata(&last).unwrap().len();
        let left = length * (step % 7) / 7;
        std::fs::File::options().write(true).open(&last).unwrap().set_len(left).unwrap();
    });
}

#[test]
fn an_error_at_every_step() {
    at_every_step(|step| Plan { fail_at: Some(step), ..Plan::default() }, |_, _, _| {});
}

#[test]
fn a_stop_at_every_step() {
    at_every_step(|step| Plan { stop_at: Some(step), ..Plan::default() }, |_, _, _| {});
}
