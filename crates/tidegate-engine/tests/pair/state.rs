//! What there is in the model: two databases, the links between them, the service's record, and who takes over.

use std::ops::{Index, IndexMut};
use tidegate_engine::pair::mover::Mover;
use tidegate_engine::pair::takeover::{Known, Other};
use tidegate_model::Permit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// One of each side. A link stands under the side that it writes: the forward link under B, the reverse under A.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Both<T>(pub(crate) [T; 2]);

impl<T> Index<Side> for Both<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        &self.0[side as usize]
    }
}

impl<T> IndexMut<Side> for Both<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        &mut self.0[side as usize]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A new version of the row with this key.
    Row(u8),
    /// A row more in a table without a key: nothing in the table tells whether it is there already.
    Keyless,
    Schema,
}

/// An application's change. Its version is its place among all of them, from 1 on; links copy the version along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Birth {
    pub(crate) side: Side,
    pub(crate) what: What,
}

/// Whose mark an entry of a database's log bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    App,
    Forward,
    /// Which of the reverses that there have been.
    Reverse(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) version: u8,
    pub(crate) by: By,
}

/// A transaction in a link's change log. Its seq is its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Captured {
    pub(crate) version: u8,
    /// The version of the same key before it in the source's log; 0 if there is none.
    pub(crate) before: u8,
}

/// A transaction that was sent to a database. It commits at any later time, whatever became of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    /// The version that the link's checkpoint must have.
    pub(crate) expect: u8,
    pub(crate) seq: u8,
    pub(crate) change: Captured,
    pub(crate) by: By,
}

/// A connection in which a link's schema change is about to run, outside of every transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) change: Captured,
    pub(crate) by: By,
    /// Whether the run that opened it still waits for it.
    pub(crate) awaited: bool,
}

/// A database, and in it what belongs to the link that writes there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    pub(crate) log: Vec<Entry>,
    pub(crate) permit: Option<Permit>,
    /// The highest epoch that the permit ever had.
    pub(crate) top_epoch: u64,
    /// Of the link's checkpoint: every commit of the link, taking over and changing the permit move it.
    pub(crate) version: u8,
    /// The checkpoint: so many transactions of the link's change log are here.
    pub(crate) applied: u8,
    /// The checkpoint's position: the version of the last of them.
    pub(crate) last: u8,
    /// Closed to applications.
    pub(crate) closed: bool,
    /// While closed: the link may write all the same.
    pub(crate) admits: bool,
    /// Of whoever changed the fence last: its takeover's number, and how far in it that change comes.
    pub(crate) fence_mark: u8,
    /// What an application's transaction, begun and not committed, is about to write.
    pub(crate) open: Option<What>,
    pub(crate) flights: Vec<Flight>,
    /// The seq of the schema change that is journaled.
    pub(crate) journal: Option<u8>,
    pub(crate) session: Option<Session>,
    /// A failover never loses what came before: the link's own rows changed here at that time.
    pub(crate) settled: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    #[default]
    Absent,
    Runs,
    Stops,
    Rests,
    Ended,
}

/// Why a link has stopped loudly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failed {
    /// A row was not what the log says it was.
    Conflict,
    /// The source has not what was read from it.
    Rewound,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) status: Status,
    pub(crate) failed: Option<Failed>,
    /// Its process lives: it collects.
    pub(crate) up: bool,
    /// It has taken over, and expects the checkpoint at this version.
    pub(crate) run: Option<u8>,
    pub(crate) log: Vec<Captured>,
    /// So much of the change log survives a power cut.
    pub(crate) synced: u8,
    /// Where in the source's log it began.
    pub(crate) start: u8,
    /// How many reverses came before it.
    pub(crate) generation: u8,
    /// A position stored apart from the log; only a weakened protocol uses it.
    pub(crate) acknowledged: u8,
    /// A row is committed and its checkpoint is not; only a weakened protocol knows that.
    pub(crate) unsaved: bool,
}

/// The service's durable record. Every change of it is one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    /// Which side's link has the right to write.
    pub(crate) right: Side,
    /// Which side's link takes over.
    pub(crate) takeover: Option<Side>,
    pub(crate) decided: bool,
    /// The takeover was called off, and is being taken back.
    pub(crate) declining: bool,
    /// The number of the last takeover that was begun.
    pub(crate) turn: u8,
    /// How many takeovers came to their end.
    pub(crate) done: u8,
}

/// One who takes over, in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Controller {
    pub(crate) side: Side,
    pub(crate) turn: u8,
    pub(crate) known: Known,
    pub(crate) mover: Mover,
    /// Where the log of the side that is left ended when that was asked.
    pub(crate) goal: Option<u8>,
    /// While declining: applications may write again.
    pub(crate) reopened: bool,
}

impl Controller {
    pub(crate) fn new(store: &Store, side: Side, other: Other) -> Self {
        Self {
            side,
            turn: store.turn,
            known: Known::new(store.decided, other),
            mover: Mover::default(),
            goal: None,
            reopened: false,
        }
    }
}

/// What has happened of what happens only so often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Used {
    pub(crate) crashes: u8,
    pub(crate) drops: u8,
    pub(crate) failovers: u8,
    pub(crate) freezes: u8,
    pub(crate) strays: u8,
    pub(crate) pauses: u8,
    pub(crate) cancels: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) births: Vec<Birth>,
    pub(crate) databases: Both<Database>,
    pub(crate) links: Both<Link>,
    pub(crate) store: Store,
    pub(crate) controller: Option<Controller>,
    /// A controller whose process is frozen, or was replaced, and goes on at any time.
    pub(crate) stale: Option<Controller>,
    pub(crate) used: Used,
}

impl World {
    pub(crate) fn what(&self, version: u8) -> What {
        self.birth(version).what
    }

    pub(crate) fn birth(&self, version: u8) -> Birth {
        self.births[usize::from(version) - 1]
    }

    /// The link's mark on what it writes.
    pub(crate) fn mark(&self, link: Side) -> By {
        match link {
            Side::B => By::Forward,
            Side::A => By::Reverse(self.links[Side::A].generation),
        }
    }

    /// The version of a row at a place of a side's log; 0 if it was never written.
    pub(crate) fn row_at(&self, side: Side, key: u8, end: usize) -> u8 {
        let entries = self.databases[side].log[..end].iter();
        let last = entries.rev().find(|entry| self.what(entry.version) == What::Row(key));
        last.map_or(0, |entry| entry.version)
    }

    pub(crate) fn row(&self, side: Side, key: u8) -> u8 {
        self.row_at(side, key, self.databases[side].log.len())
    }

    pub(crate) fn has(&self, side: Side, version: u8) -> bool {
        self.databases[side].log.iter().any(|entry| entry.version == version)
    }

    /// What one who takes over sees of the link. One that has failed neither rests nor has ended.
    pub(crate) fn seen(&self, link: Side) -> Other {
        let link = &self.links[link];
        match link.status {
            _ if link.failed.is_some() => Other::Runs,
            Status::Runs | Status::Absent => Other::Runs,
            Status::Stops => Other::Stops,
            Status::Rests => Other::Rests,
            Status::Ended => Other::Ended,
        }
    }
}
