//! Two instances that are each other's way back.

use super::instances::{
    NewInstance, Step, find, happened, kind_name, move_on, named, record, to_json, transitions,
};
use super::{Found, Moved, Store, failed, now};
use crate::lifecycle::{Decision, Event, Fact, State, hand_over};
use rusqlite::params;
use tidegate_api::{Command, Problem, Status, Takeover};
use tidegate_model::{Code, Error, Result};

impl Store {
    /// Stores the reverse of an instance, which prechecks and then collects from `start_at` on.
    pub fn create_reverse(&self, new: &NewInstance, of: &Found, start_at: &str, by: &str) -> Result<Found> {
        self.within(|within| {
            let now_is = find(within, &of.id)?;
            if let Some(peer) = &now_is.peer {
                let what =
                    format!("{} has a reverse already: {}", of.spec.name, find(within, peer)?.spec.name);
                return Err(
                    Error::new(Code::NotAllowed, what).with_remedy("an instance has one reverse at a time")
                );
            }
            if now_is.wanted.is_some() || now_is.spec.objects != of.spec.objects {
                let what = format!("{}: its objects are changing", of.spec.name);
                return Err(Error::new(Code::GenerationChanged, what));
            }
            if now_is.state.status != Status::Synchronizing {
                let what = format!("{} is {}", of.spec.name, now_is.state.status.title());
                return Err(Error::new(Code::NotAllowed, what)
                    .with_remedy("a reverse is made of an instance that is running, its copy done"));
            }
            let State { initialized, may_write, .. } = State::NEW_REVERSE;
            let made = within.execute(
                "INSERT INTO instance (id, name, kind, status, initialized, start_after, generation, spec, \
                 source_password, target_password, created_at, changed_at, may_write, reverse_of, start_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12)",
                params![
                    new.id,
                    new.spec.name,
                    kind_name(new.spec.kind),
                    Status::Prechecking.name(),
                    initialized,
                    to_json(&new.spec)?,
                    new.source_password,
                    new.target_password,
                    now(),
                    may_write,
                    of.id,
                    start_at
                ],
            );
            named(made, &new.spec.name)?;
            let step = Step { id: &new.id, generation: 1, by, event: "create reverse", why: None };
            record(within, &step, Status::NotConfigured, Status::Prechecking)?;
            find(within, &new.id)
        })
    }

    /// Asks one of a pair to take over, in the way that is said.
    pub fn take_over(&self, id_or_name: &str, how: &Takeover, by: &str) -> Result<Moved> {
        self.within(|within| {
            let found = find(within, id_or_name)?;
            if how.generation.is_some_and(|expected| expected != found.generation) {
                let what = format!("it is at generation {}", found.generation);
                return Err(Error::new(Code::GenerationChanged, what));
            }
            let moved = move_on(within, found, Event::Command(Command::Takeover), by, None)?;
            if let Decision::Move(_) = moved.decision {
                let how = to_json(&Takeover { generation: None, ..*how })?;
                let change = "UPDATE instance SET takeover = ?2 WHERE id = ?1";
                within.execute(change, params![moved.instance.id, how]).map_err(failed)?;
            }
            Ok(moved)
        })
    }

    /// A step of a takeover is done.
    pub fn note(&self, id: &str, event: &str, what: Option<&str>, by: &str) -> Result<()> {
        self.within(|within| happened(within, &find(within, id)?, by, event, what))
    }

    /// One does not take over after all, if it was to; the other goes on, if it rests because it was asked to for that.
    pub fn decline(&self, id: &str, why: Problem, by: &str) -> Result<()> {
        self.within(|within| {
            let found = find(within, id)?;
            move_on(within, found, Event::Fact(Fact::Declined), by, Some(why))?;
            let Some(peer) = find(within, id)?.peer else { return Ok(()) };
            let asked = transitions(within, &peer, 0)?.into_iter().rev();
            let asked = asked.filter(|line| line.event == Command::Pause.name()).map(|line| line.by).next();
            let other = find(within, &peer)?;
            if other.state.status == Status::Paused && asked.as_deref() == Some(by) {
                move_on(within, other, Event::Command(Command::Resume), by, None)?;
            }
            Ok(())
        })
    }

    /// The point of no return: the right to write goes from the other instance, which rests, to this one, which takes
    /// over. Answers whether it has gone; `false` if this one does not take over any more, or the other does not rest.
    pub fn hand_over(&self, id: &str, by: &str) -> Result<bool> {
        self.within(|within| {
            let found = find(within, id)?;
            let Some(peer) = &found.peer else { return Ok(false) };
            let other = find(within, peer)?;
            let Some((after, other_after)) = hand_over(found.state, other.spec.kind, other.state) else {
                return Ok(false);
            };
            for (one, after, event) in [
                (&other, other_after, "gave up the right to write"),
                (&found, after, "got the right to write"),
            ] {
                let generation = one.generation + 1;
                let change = "UPDATE instance SET may_write = ?2, status = ?3, generation = ?4, changed_at = ?5 \
                              WHERE id = ?1";
                let values = params![one.id, after.may_write, after.status.name(), generation, now()];
                within.execute(change, values).map_err(failed)?;
                let step = Step { id: &one.id, generation, by, event, why: None };
                record(within, &step, one.state.status, after.status)?;
            }
            Ok(true)
        })
    }
}
