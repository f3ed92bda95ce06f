//! What can happen next. This list may hold what turns out to be impossible: the step itself says so.

use super::mutation::Mutation;
use super::state::{Database, Link, Side, Status, What, World};
use super::world::{Fence, Pair};
use tidegate_engine::pair::takeover::{Step, next};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// An application's transaction, at once.
    Write(Side, What),
    /// The same in two steps: begun here, committed later.
    Begin(Side, What),
    Commit(Side),
    /// The link that writes this side starts again after a crash.
    Start(Side),
    /// It takes over: a run begins.
    TakeOver(Side),
    /// A process that has read the service's record long ago takes it over.
    StrayTakeOver(Side),
    Capture(Side),
    Sync(Side),
    /// It sends its next transaction.
    Send(Side),
    /// The transaction commits, or is refused.
    Land(Side, usize),
    SaveCheckpoint(Side),
    Journal(Side),
    /// The statement that a session was to run comes to run.
    RunStatement(Side),
    FinishStatement(Side),
    /// Somebody asks it to rest, or to run again.
    Pause(Side),
    Resume(Side),
    /// It comes to rest, as it was asked to.
    Rest(Side),
    /// Its connections are lost.
    Drop(Side),
    /// Power is lost: both links and the controller, and what was not synced.
    Crash,
    /// The side loses so many entries of its log's end.
    Failover(Side, u8),
    TerminateReverse,
    ReleaseReverse,
    CreateReverse,
    /// Somebody asks that this side's link takes over.
    AskTakeover(Side),
    Cancel,
    /// The controller reads what the other direction does.
    See,
    Step(Step),
    /// What was done for a takeover that was called off is undone.
    TakeBack,
    /// The controller's process freezes, and another takes its place.
    Freeze,
    StaleSee,
    StaleStep(Step),
    StaleTakeBack,
}

impl Pair {
    pub(crate) fn possible(&self, world: &World, actions: &mut Vec<Action>) {
        let limits = &self.limits;
        for side in Side::BOTH {
            self.of_applications(world, side, actions);
            self.of_link(world, side, &world.links[side], &world.databases[side], actions);
            if world.used.failovers < limits.failovers {
                let database = &world.databases[side];
                let most = (database.log.len() as u8).saturating_sub(database.settled).min(2);
                actions.extend((1..=most).map(|lost| Action::Failover(side, lost)));
            }
        }
        if world.used.crashes < limits.crashes {
            actions.push(Action::Crash);
        }
        self.of_reverse(world, actions);
        self.of_takeover(world, actions);
    }

    fn of_applications(&self, world: &World, side: Side, actions: &mut Vec<Action>) {
        let database = &world.databases[side];
        if database.open.is_some() {
            actions.push(Action::Commit(side));
        }
        if world.births.len() >= usize::from(self.limits.writes) {
            return;
        }
        if self.limits.fence == Fence::Real && database.closed {
            return;
        }
        let schema = world.births.iter().filter(|birth| birth.what == What::Schema).count();
        let rows = (0..self.limits.keys).map(What::Row);
        let keyless = self.limits.keyless.then_some(What::Keyless);
        let changes = (schema < usize::from(self.limits.schema_changes)).then_some(What::Schema);
        for what in rows.chain(keyless).chain(changes) {
            actions.push(Action::Write(side, what));
            if self.limits.open_transactions && database.open.is_none() {
                actions.push(Action::Begin(side, what));
            }
        }
    }

    fn of_link(&self, world: &World, side: Side, link: &Link, at: &Database, actions: &mut Vec<Action>) {
        if matches!(link.status, Status::Absent | Status::Ended) {
            return;
        }
        if link.failed.is_none() {
            if !link.up {
                actions.push(Action::Start(side));
            }
            if link.run.is_none() {
                actions.push(Action::TakeOver(side));
            }
            if link.run.is_none() && world.used.strays < self.limits.strays {
                actions.push(Action::StrayTakeOver(side));
            }
            if link.up {
                actions.push(Action::Capture(side));
            }
            if world.used.crashes < self.limits.crashes && usize::from(link.synced) < link.log.len() {
                actions.push(Action::Sync(side));
            }
        }
        if link.run.is_some() {
            actions.extend([Action::Send(side), Action::Journal(side), Action::FinishStatement(side)]);
            if link.unsaved {
                actions.push(Action::SaveCheckpoint(side));
            }
            if world.used.drops < self.limits.drops {
                actions.push(Action::Drop(side));
            }
        }
        actions.extend((0..at.flights.len()).map(|flight| Action::Land(side, flight)));
        if at.session.is_some() {
            actions.push(Action::RunStatement(side));
        }
        if world.store.takeover.is_none() && world.store.right == side && link.failed.is_none() {
            match link.status {
                Status::Runs if world.used.pauses < self.limits.pauses => actions.push(Action::Pause(side)),
                Status::Rests => actions.push(Action::Resume(side)),
                _ => {}
            }
        }
        if link.status == Status::Stops {
            actions.push(Action::Rest(side));
        }
    }

    fn of_reverse(&self, world: &World, actions: &mut Vec<Action>) {
        let reverse = &world.links[Side::A];
        if reverse.generation + 1 < self.limits.reverses {
            actions.extend([Action::TerminateReverse, Action::ReleaseReverse]);
        }
        if reverse.status == Status::Absent {
            actions.push(Action::CreateReverse);
        }
    }

    fn of_takeover(&self, world: &World, actions: &mut Vec<Action>) {
        match world.store.takeover {
            None => {
                if world.store.turn < self.limits.takeovers + world.used.cancels {
                    actions.extend(Side::BOTH.map(Action::AskTakeover));
                }
            }
            Some(_) => {
                if world.used.cancels < self.limits.cancels {
                    actions.push(Action::Cancel);
                }
                if world.used.freezes < self.limits.freezes && world.stale.is_none() {
                    actions.push(Action::Freeze);
                }
            }
        }
        if let Some(controller) = &world.controller {
            let step =
                if world.store.declining { Action::TakeBack } else { Action::Step(next(&controller.known)) };
            actions.extend([Action::See, step]);
        }
        if let Some(stale) = &world.stale {
            let takes_back = world.store.declining && world.store.turn == stale.turn;
            let step = if takes_back { Action::StaleTakeBack } else { Action::StaleStep(next(&stale.known)) };
            actions.extend([Action::StaleSee, step]);
        }
    }

    pub(crate) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == mutation
    }
}
