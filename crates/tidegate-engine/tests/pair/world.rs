//! The model itself: how the world begins, and what each action makes of it.

use super::actions::Action;
use super::mutation::Mutation;
use super::state::{
    Birth, Both, By, Controller, Database, Entry, Link, Side, Status, Store, Used, What, World,
};
use stateright::{Model, Property};
use tidegate_model::Permit;

/// What keeps applications from writing to a side that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// The database does.
    Real,
    /// Nothing: a person has said that they do not write, and they write all the same.
    Declared,
}

/// The bounds of one exploration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) fence: Fence,
    pub(crate) keys: u8,
    pub(crate) keyless: bool,
    /// Of applications, schema changes among them.
    pub(crate) writes: u8,
    pub(crate) schema_changes: u8,
    /// Whether applications also commit later than they write.
    pub(crate) open_transactions: bool,
    /// Begun and not called off.
    pub(crate) takeovers: u8,
    pub(crate) cancels: u8,
    pub(crate) crashes: u8,
    /// Lost connections of one link.
    pub(crate) drops: u8,
    pub(crate) freezes: u8,
    /// Runs that begin although the record does not ask for them any more.
    pub(crate) strays: u8,
    /// Of a link, asked for by somebody.
    pub(crate) pauses: u8,
    pub(crate) failovers: u8,
    /// One after the other.
    pub(crate) reverses: u8,
    /// No reverse at the beginning, and both sides open.
    pub(crate) begins_alone: bool,
}

impl Limits {
    pub(crate) const NONE: Self = Self {
        fence: Fence::Real,
        keys: 1,
        keyless: false,
        writes: 2,
        schema_changes: 0,
        open_transactions: false,
        takeovers: 1,
        cancels: 0,
        crashes: 0,
        drops: 0,
        freezes: 0,
        strays: 0,
        pauses: 0,
        failovers: 0,
        reverses: 1,
        begins_alone: false,
    };
}

/// A pair of links within bounds, as it is designed or weakened.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) mutation: Mutation,
    pub(crate) limits: Limits,
}

impl Model for Pair {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let alone = self.limits.begins_alone;
        let permit = |held| Some(Permit { held, epoch: 0 });
        let forward = Link { status: Status::Runs, up: true, ..Link::default() };
        let reverse = Link { status: Status::Rests, up: true, ..Link::default() };
        let a = Database { permit: permit(false).filter(|_| !alone), ..Database::default() };
        let b = Database {
            permit: permit(true).filter(|_| !alone),
            closed: !alone && self.limits.fence == Fence::Real,
            admits: true,
            ..Database::default()
        };
        let store =
            Store { right: Side::B, takeover: None, decided: false, declining: false, turn: 0, done: 0 };
        vec![World {
            births: Vec::new(),
            databases: Both([a, b]),
            links: Both([if alone { Link::default() } else { reverse }, forward]),
            store,
            controller: None,
            stale: None,
            used: Used::default(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.possible(world, actions);
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        self.act(&mut world, action)?;
        self.settle(&mut world);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties::all(self)
    }
}

impl Pair {
    fn act(&self, world: &mut World, action: Action) -> Option<()> {
        match action {
            Action::Write(side, what) => write(world, side, what),
            Action::Begin(side, what) => world.databases[side].open = Some(what),
            Action::Commit(side) => self.commit(world, side)?,
            Action::Start(side) => self.start(world, side)?,
            Action::TakeOver(side) => self.take_over(world, side)?,
            Action::StrayTakeOver(side) => {
                world.used.strays += 1;
                self.begin_run(world, side)?;
            }
            Action::Capture(side) => self.capture(world, side)?,
            Action::Sync(side) => {
                let link = &mut world.links[side];
                link.synced = link.log.len() as u8;
            }
            Action::Send(side) => self.send(world, side)?,
            Action::Land(side, flight) => self.land(world, side, flight)?,
            Action::SaveCheckpoint(side) => self.save_checkpoint(world, side)?,
            Action::Journal(side) => self.journal(world, side)?,
            Action::RunStatement(side) => self.run_statement(world, side)?,
            Action::FinishStatement(side) => self.finish_statement(world, side)?,
            Action::Pause(side) => {
                world.used.pauses += 1;
                world.links[side].status = Status::Stops;
            }
            Action::Resume(side) => world.links[side].status = Status::Runs,
            Action::Rest(side) => self.rest(world, side)?,
            Action::Drop(side) => {
                world.used.drops += 1;
                lose_process(&mut world.links[side], &mut world.databases[side]);
            }
            Action::Crash => crash(world),
            Action::Failover(side, lost) => failover(world, side, lost)?,
            Action::TerminateReverse => terminate_reverse(world)?,
            Action::ReleaseReverse => release_reverse(world)?,
            Action::CreateReverse => self.create_reverse(world)?,
            Action::AskTakeover(side) => ask_takeover(world, side)?,
            Action::Cancel => self.cancel(world)?,
            Action::See => {
                let controller = world.controller.take()?;
                world.controller = Some(self.see(world, controller)?);
            }
            Action::Step(_) | Action::TakeBack => {
                let controller = world.controller.take()?;
                world.controller = self.step(world, controller)?;
            }
            Action::Freeze => {
                world.used.freezes += 1;
                world.stale = world.controller.take();
            }
            Action::StaleSee => {
                let stale = world.stale.take()?;
                world.stale = Some(self.see(world, stale)?);
            }
            Action::StaleStep(_) | Action::StaleTakeBack => {
                let stale = world.stale.take()?;
                world.stale = self.step(world, stale)?;
            }
        }
        Some(())
    }

    /// The application's open transaction. A real fence refuses it, however long ago it began.
    fn commit(&self, world: &mut World, side: Side) -> Option<()> {
        let what = world.databases[side].open.take()?;
        let refused = world.databases[side].closed && !self.is(Mutation::SoftFence);
        if !refused && world.births.len() < usize::from(self.limits.writes) {
            write(world, side, what);
        }
        Some(())
    }

    /// Makes states that cannot be told apart one. A version is never less than it was and only compared, so what
    /// expects another than the one that is there is gone for good, and the number itself says nothing.
    fn settle(&self, world: &mut World) {
        for side in Side::BOTH {
            let (link, database) = (&mut world.links[side], &mut world.databases[side]);
            if !self.is(Mutation::NoEpoch) {
                database.flights.retain(|flight| flight.expect == database.version);
                database.flights.iter_mut().for_each(|flight| flight.expect = 0);
                link.run = link.run.filter(|version| *version == database.version).map(|_| 0);
                database.version = 0;
            }
            if link.run.is_none() {
                link.unsaved = false;
                if let Some(session) = &mut database.session {
                    session.awaited = false;
                }
            }
            if world.used.crashes >= self.limits.crashes {
                link.synced = 0;
            }
        }
        // Whoever comes after a crash begins with what the record says.
        if let Some(side) = world.store.takeover
            && world.controller.is_none()
        {
            world.controller = Some(Controller::new(&world.store, side, world.seen(side.other())));
        }
        if world.store.takeover.is_none() {
            world.controller = None;
        }
    }

    /// A reverse begins at the end of its source's log, unless that would leave out what an application wrote there.
    fn create_reverse(&self, world: &mut World) -> Option<()> {
        let Store { right: Side::B, takeover: None, .. } = world.store else { return None };
        if world.links[Side::A].status != Status::Absent || world.links[Side::B].status != Status::Runs {
            return None;
        }
        let written = |entry: &Entry| entry.by == By::App && !world.has(Side::A, entry.version);
        let log = &world.databases[Side::B].log;
        if !self.is(Mutation::LateCreate) && log.iter().any(written) {
            return None;
        }
        let (start, generation) = (log.len() as u8, world.links[Side::A].generation);
        world.links[Side::A] = Link { status: Status::Rests, up: true, start, generation, ..Link::default() };
        let [a, b] = &mut world.databases.0;
        b.permit = b.permit.or(Some(Permit { held: true, epoch: b.top_epoch }));
        b.settled = b.log.len() as u8;
        a.permit = Some(Permit { held: false, epoch: a.top_epoch });
        (a.applied, a.last, a.journal) = (0, 0, None);
        a.settled = a.log.len() as u8;
        Some(())
    }
}

fn write(world: &mut World, side: Side, what: What) {
    world.births.push(Birth { side, what });
    let version = world.births.len() as u8;
    world.databases[side].log.push(Entry { version, by: By::App });
}

/// The run is gone; what it sent stays under way.
pub(crate) fn lose_process(link: &mut Link, database: &mut Database) {
    link.up = false;
    link.run = None;
    link.unsaved = false;
    if let Some(session) = &mut database.session {
        session.awaited = false;
    }
}

/// What is not synced is lost, except that the target says how far it has come: up to there nothing is asked for again.
fn crash(world: &mut World) {
    world.used.crashes += 1;
    for side in Side::BOTH {
        let (link, database) = (&mut world.links[side], &mut world.databases[side]);
        lose_process(link, database);
        link.log.truncate(usize::from(link.synced.max(database.applied)));
        link.synced = link.log.len() as u8;
    }
    world.controller = None;
}

/// Another server takes the database's place. It has not got the log's end, nor what was under way; the link's
/// checkpoint goes back with the rows.
fn failover(world: &mut World, side: Side, lost: u8) -> Option<()> {
    let mark = world.mark(side);
    let database = &mut world.databases[side];
    if database.journal.is_some() || database.session.is_some() {
        return None;
    }
    let end = database.log.len() - usize::from(lost);
    let undone = database.log[end..].iter().filter(|entry| entry.by == mark).count();
    database.log.truncate(end);
    database.applied -= undone as u8;
    if undone > 0 {
        let last = database.log.iter().rev().find(|entry| entry.by == mark);
        database.last = last.map_or(0, |entry| entry.version);
    }
    database.flights.clear();
    database.open = None;
    lose_process(&mut world.links[side], &mut world.databases[side]);
    world.used.failovers += 1;
    Some(())
}

/// Nothing of the link is committed after this.
fn terminate_reverse(world: &mut World) -> Option<()> {
    let link = &mut world.links[Side::A];
    if world.store.takeover == Some(Side::A) || matches!(link.status, Status::Absent | Status::Ended) {
        return None;
    }
    link.status = Status::Ended;
    let database = &mut world.databases[Side::A];
    lose_process(link, database);
    database.version += 1;
    database.session = None;
    database.settled = database.log.len() as u8;
    Some(())
}

fn release_reverse(world: &mut World) -> Option<()> {
    let link = &mut world.links[Side::A];
    if world.store.takeover.is_some() || world.store.right != Side::B || link.status != Status::Ended {
        return None;
    }
    *link = Link { generation: link.generation + 1, ..Link::default() };
    Some(())
}

fn ask_takeover(world: &mut World, side: Side) -> Option<()> {
    let (link, other) = (&world.links[side], &world.links[side.other()]);
    let rests = link.status == Status::Rests && link.failed.is_none();
    let others =
        matches!(other.status, Status::Runs | Status::Rests | Status::Ended) && other.failed.is_none();
    if world.store.takeover.is_some() || world.store.right == side || !rests || !others {
        return None;
    }
    world.store.takeover = Some(side);
    world.store.turn += 1;
    Some(())
}
