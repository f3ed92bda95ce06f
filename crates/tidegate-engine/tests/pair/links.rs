//! A link: it captures its source's log at all times, and applies it while it has the right to write.

use super::mutation::Mutation;
use super::state::{Captured, Entry, Failed, Flight, Session, Side, Status, What, World};
use super::world::Pair;

/// What of one link may be under way in a database; more only if nothing guards it.
const FLIGHTS_MAX: usize = 2;

/// What capture finds at the place where it goes on.
pub(crate) enum Found {
    News(usize),
    End,
    /// The source's log has not got what was read from it.
    Rewound,
}

impl Pair {
    /// After a crash. One that is to run takes over before it captures, so that nothing old is under way by then.
    pub(crate) fn start(&self, world: &mut World, side: Side) -> Option<()> {
        let link = &world.links[side];
        if link.status == Status::Stops || (link.status == Status::Runs && world.store.right == side) {
            return None;
        }
        world.links[side].up = true;
        self.open_log(world, side);
        Some(())
    }

    /// A run begins if the service's record asks for it.
    pub(crate) fn take_over(&self, world: &mut World, side: Side) -> Option<()> {
        let link = &world.links[side];
        let asked = link.status == Status::Runs && world.store.right == side;
        if asked || self.is(Mutation::BothRun) { self.begin_run(world, side) } else { None }
    }

    /// It moves the version on: refused without the permit.
    pub(crate) fn begin_run(&self, world: &mut World, side: Side) -> Option<()> {
        let database = &mut world.databases[side];
        if database.permit.is_some_and(|permit| !permit.held) && !self.is(Mutation::BothRun) {
            return None;
        }
        database.version += 1;
        database.settled = database.log.len() as u8;
        let version = database.version;
        let link = &mut world.links[side];
        link.up = true;
        link.run = Some(version);
        self.open_log(world, side);
        Some(())
    }

    /// The log as it was left, unless the target is ahead of it or has another transaction at the checkpoint: then it is
    /// begun anew there.
    fn open_log(&self, world: &mut World, side: Side) {
        let (link, database) = (&mut world.links[side], &world.databases[side]);
        let Some(at) = database.applied.checked_sub(1).map(usize::from) else { return };
        if link.log.get(at).is_none_or(|captured| captured.version != database.last) && link.log.len() >= at {
            link.log.truncate(at);
            link.log.push(Captured { version: database.last, before: 0 });
            link.synced = link.synced.min(link.log.len() as u8);
        }
        if let Found::Rewound = self.look(world, side) {
            self.fail(world, side, Failed::Rewound);
        }
    }

    /// Where capture goes on follows from the last transaction in the log.
    pub(crate) fn look(&self, world: &World, side: Side) -> Found {
        let link = &world.links[side];
        let source = &world.databases[side.other()].log;
        let from = match link.log.last() {
            _ if self.is(Mutation::AckBeforeFsync) => usize::from(link.acknowledged),
            None => usize::from(link.start),
            Some(last) => match source.iter().rposition(|entry| entry.version == last.version) {
                Some(at) => at + 1,
                None => return Found::Rewound,
            },
        };
        let news = (from..source.len()).find(|at| self.is_news(world, side, *at));
        news.map_or(Found::End, Found::News)
    }

    pub(crate) fn capture(&self, world: &mut World, side: Side) -> Option<()> {
        let link = &world.links[side];
        if link.run.is_none() && (link.status == Status::Runs || world.store.takeover == Some(side)) {
            return None;
        }
        match self.look(world, side) {
            Found::End => None,
            Found::Rewound => {
                self.fail(world, side, Failed::Rewound);
                Some(())
            }
            Found::News(at) => {
                let source = side.other();
                let version = world.databases[source].log[at].version;
                let before = match world.what(version) {
                    What::Row(key) => world.row_at(source, key, at),
                    What::Keyless | What::Schema => 0,
                };
                let link = &mut world.links[side];
                link.log.push(Captured { version, before });
                if self.is(Mutation::AckBeforeFsync) {
                    link.acknowledged = at as u8 + 1;
                }
                Some(())
            }
        }
    }

    /// Loudly: it neither runs nor collects from here on.
    fn fail(&self, world: &mut World, side: Side, why: Failed) {
        let link = &mut world.links[side];
        super::world::lose_process(link, &mut world.databases[side]);
        link.failed = Some(why);
    }

    /// What the run would do next, if its target has nothing of it under way.
    fn upcoming(&self, world: &World, side: Side) -> Option<(u8, Captured)> {
        let (link, database) = (&world.links[side], &world.databases[side]);
        let version = link.run?;
        let waits = database.flights.iter().any(|flight| flight.expect == version);
        let shut = database.closed && !database.admits;
        if waits
            || shut
            || link.unsaved
            || database.session.is_some()
            || database.flights.len() >= FLIGHTS_MAX
        {
            return None;
        }
        link.log.get(usize::from(database.applied)).map(|change| (version, *change))
    }

    pub(crate) fn send(&self, world: &mut World, side: Side) -> Option<()> {
        let (expect, change) = self.upcoming(world, side)?;
        if world.what(change.version) == What::Schema {
            return None;
        }
        let (seq, by) = (world.databases[side].applied, world.mark(side));
        world.databases[side].flights.push(Flight { expect, seq, change, by });
        Some(())
    }

    /// The first statement compares the version and moves it, the next looks at the row before it, the last commits.
    pub(crate) fn land(&self, world: &mut World, side: Side, at: usize) -> Option<()> {
        let shut = world.databases[side].closed && !world.databases[side].admits;
        if shut {
            return None;
        }
        let flight = world.databases[side].flights.remove(at);
        let is_owned = world.links[side].run == Some(flight.expect);
        if let What::Row(key) = world.what(flight.change.version)
            && world.row(side, key) != flight.change.before
        {
            if is_owned {
                self.fail(world, side, Failed::Conflict);
            }
            return Some(());
        }
        let (link, database) = (&mut world.links[side], &mut world.databases[side]);
        database.log.push(Entry { version: flight.change.version, by: flight.by });
        database.version += 1;
        if self.is(Mutation::AsyncCkpt) {
            link.unsaved = is_owned;
        } else {
            database.applied = flight.seq + 1;
            database.last = flight.change.version;
        }
        if is_owned {
            link.run = Some(database.version);
        }
        Some(())
    }

    pub(crate) fn save_checkpoint(&self, world: &mut World, side: Side) -> Option<()> {
        let (link, database) = (&mut world.links[side], &mut world.databases[side]);
        database.last = link.log.get(usize::from(database.applied))?.version;
        database.applied += 1;
        link.unsaved = false;
        Some(())
    }

    /// A schema change is written down, with a comparison of the version, before its statement is sent.
    pub(crate) fn journal(&self, world: &mut World, side: Side) -> Option<()> {
        let (_, change) = self.upcoming(world, side)?;
        let database = &world.databases[side];
        if world.what(change.version) != What::Schema || database.journal.is_some() {
            return None;
        }
        let by = world.mark(side);
        let (link, database) = (&mut world.links[side], &mut world.databases[side]);
        database.version += 1;
        database.journal = Some(database.applied);
        database.session = Some(Session { change, by, awaited: true });
        link.run = Some(database.version);
        Some(())
    }

    /// Outside of any transaction: the version is not compared.
    pub(crate) fn run_statement(&self, world: &mut World, side: Side) -> Option<()> {
        let database = &mut world.databases[side];
        if database.closed && !database.admits {
            return None;
        }
        let session = database.session.take()?;
        database.log.push(Entry { version: session.change.version, by: session.by });
        Some(())
    }

    /// A session of an earlier run is ended first. Then the fingerprint says whether the statement ran: either the journal
    /// is closed with the checkpoint, or the statement is sent once more.
    pub(crate) fn finish_statement(&self, world: &mut World, side: Side) -> Option<()> {
        let by = world.mark(side);
        let (link, database) = (&mut world.links[side], &mut world.databases[side]);
        let seq = database.journal?;
        let shut = database.closed && !database.admits;
        if link.run != Some(database.version) || shut {
            return None;
        }
        if let Some(session) = &database.session {
            if session.awaited || self.is(Mutation::NoEpoch) {
                return None;
            }
            database.session = None;
            return Some(());
        }
        let change = *link.log.get(usize::from(seq))?;
        if !database.log.iter().any(|entry| entry.version == change.version && entry.by == by) {
            database.session = Some(Session { change, by, awaited: true });
            return Some(());
        }
        database.journal = None;
        database.applied = seq + 1;
        database.last = change.version;
        database.version += 1;
        link.run = Some(database.version);
        Some(())
    }

    /// The run ends at a commit. Where there is no run to end, because its process died, whatever it has under way is ended as
    /// it is for a link that is terminated.
    pub(crate) fn rest(&self, world: &mut World, side: Side) -> Option<()> {
        let (link, database) = (&mut world.links[side], &mut world.databases[side]);
        if link.unsaved {
            return None;
        }
        if let Some(version) = link.run.take() {
            database.flights.retain(|flight| flight.expect != version);
        } else if !self.is(Mutation::UnfencedRest) {
            database.version += 1;
            database.session = None;
            database.settled = database.log.len() as u8;
        }
        link.status = Status::Rests;
        Some(())
    }
}
