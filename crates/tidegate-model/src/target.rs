use crate::{
    Checkpoint, Chunk, Definition, Fut, InstanceName, LaneCheckpoint, Position, Result, Selection, Seq,
    SeqSet, Table, TableName,
};

/// Another selection for a link.
#[derive(Clone, Copy, Debug)]
pub struct Reselection<'a> {
    pub selection: &'a Selection,
    /// Where the link rests.
    pub at: &'a Checkpoint,
    /// A link that rests at the same place of the same source: what it has copied belongs to this one from now on, and it
    /// is forgotten.
    pub joined: Option<&'a InstanceName>,
}

/// Whether a link that is one of a pair may write to its target, as the target itself has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permit {
    pub held: bool,
    /// Counts the changes.
    pub epoch: u64,
}

/// Where it stands whether a link may write.
pub trait Permits: Send + Sync {
    /// Whether this link may write here; `None` if it is not one of a pair, and always may.
    fn permit(&self) -> Fut<'_, Option<Permit>>;

    /// Gives the link the right to write, or takes it away, if the permit is as it was `before`; `None`: there is none.
    /// Answers the new one. A link that has none and gets one goes on undisturbed. Once it is taken away, nothing of the link is committed any more, whoever runs it:
    /// [`Target::take_over`] is refused, and every version has moved on.
    fn change_permit(&self, before: Option<Permit>, held: bool) -> Fut<'_, Permit>;
}

/// A database that is written.
pub trait Target: Permits {
    /// Refuses, with a remedy each, what would make writing fail or go wrong. Changes nothing.
    fn check(&self) -> Fut<'_, ()>;

    /// As [`crate::Source::identity`].
    fn identity(&self) -> Fut<'_, String>;

    /// Makes our own schema if it is not there, and brings a [`Target::reset`] that was interrupted to its end.
    fn prepare(&self) -> Fut<'_, ()>;

    /// What the target knows of this link; `None` if it was never begun here, or is being forgotten. Changes nothing.
    fn state(&self) -> Fut<'_, Option<LinkState>>;

    /// Takes the link over: moves every version on, so that nothing goes through any more that an earlier run of it, dead
    /// or merely slow, has under way. Answers the state after that. Refused without the right to write.
    fn take_over(&self) -> Fut<'_, Option<LinkState>>;

    /// For a link that has ended: ends what an earlier run may still have under way. Nothing of it is committed once this
    /// has succeeded. Without anything of the link's in the target there is nothing to do.
    fn end_earlier_run(&self) -> Fut<'_, ()>;

    /// Records the link's beginning: its lanes at version 0 with `state.start`. Refuses if it is there already.
    fn begin<'a>(&'a self, state: &'a LinkState) -> Fut<'a, ()>;

    /// Gives the link another selection. It must rest: nothing is under way, and everything up to `change.at` is in the
    /// target, nothing beyond it. Refused if the link has another selection than this target was made with.
    fn reselect<'a>(&'a self, change: Reselection<'a>) -> Fut<'a, ()>;

    /// Moves the link to another phase.
    fn enter<'a>(&'a self, phase: Phase) -> Fut<'a, ()>;

    /// Forgets the link and removes the tables that it copied: the next run begins anew.
    fn reset(&self) -> Fut<'_, ()>;

    /// Makes what is missing. What is there already must be the same and, for a table that has not been copied by this
    /// link, empty. Safe to repeat. Answers what it changed on the way and a person should know.
    fn define<'a>(&'a self, definitions: &'a [Definition], selection: &'a Selection) -> Fut<'a, Vec<String>>;

    /// Puts into force what had to wait until rows are only changed as the log has it: the log has been applied up to the end
    /// of the overlap ([`Phase::CatchingUp`]), nothing beyond it is under way, and what comes is applied in
    /// [`Mode::Exact`]. Safe to repeat.
    fn settle(&self) -> Fut<'_, ()>;

    /// Learns the tables' definitions anew: before applying begins and after definitions were changed by hand. From here until
    /// [`Target::settle`] the log may speak of tables that were gone before the copy came to them: the target has no such
    /// table, and the link neither copied nor made it. Then the copy begins anew
    /// ([`crate::Code::SchemaChangedWhileCopying`]): nothing is left out.
    fn learn<'a>(&'a self, selection: &'a Selection) -> Fut<'a, ()>;

    fn loader<'a>(&'a self, table: &'a Table, selection: &'a Selection) -> Fut<'a, Box<dyn Loader>>;

    fn writer(&self, lane: u16) -> Fut<'_, Box<dyn Writer>>;

    /// Reads conflict keys out of transactions, by what [`Target::learn`] found.
    fn footprints(&self) -> Box<dyn FootprintReader>;
}

/// A link's state as its target has it.
#[derive(Clone, Debug)]
pub struct LinkState {
    pub phase: Phase,
    /// Where the log is read from at the very beginning.
    pub start: Position,
    /// [`crate::Source::lineage`] of the source that it was begun with.
    pub source: String,
    /// [`Selection::fingerprint`] that it was begun with.
    pub selection: String,
    pub lanes: Vec<LaneCheckpoint>,
    pub copied: Vec<CopyProgress>,
}

impl LinkState {
    /// The highest low watermark that any lane stored: each was true when it was written.
    pub fn low(&self) -> Checkpoint {
        let highest = self.lanes.iter().map(|lane| &lane.low).max_by_key(|low| low.seq);
        highest.cloned().unwrap_or(Checkpoint { seq: Seq(0), position: self.start.clone() })
    }

    /// What is in the target of all that comes after `seq`, whichever lane wrote it.
    pub fn done_after(&self, seq: Seq) -> SeqSet {
        let mut done = SeqSet::default();
        self.lanes.iter().for_each(|lane| done.union(&lane.done));
        done.prune(seq);
        done
    }
}

/// The steps of a link's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Definitions are made and tables are copied; the log is captured meanwhile.
    Copying,
    /// The log is applied over a copy that holds a part of its changes already: [`Mode::Overlap`] up to and including
    /// `until`, which is where the log ended once the copy was done.
    CatchingUp { until: Seq },
}

/// How far one table's copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    pub table: TableName,
    /// Counts the commits that moved it. Whoever moves it on names the version that it is to be at. 0 if the copy was not
    /// begun: the table is made for it, or, if it is `done`, by a schema change of the log.
    pub version: u64,
    pub rows: u64,
    pub last_key: Option<Vec<u8>>,
    pub done: bool,
    /// Changes to the table up to here are in the copy: [`crate::TableReader::snapshot`].
    pub snapshot: Option<Position>,
}

impl CopyProgress {
    /// Whether there is something of it: a part of the copy, or a table that the log has made.
    pub fn is_begun(&self) -> bool {
        self.version > 0 || self.done
    }
}

/// What a chunk's commit says about its table's copy.
#[derive(Clone, Copy, Debug)]
pub struct CopyStep<'a> {
    /// The version before it; the commit makes it one more.
    pub version: u64,
    pub rows: u64,
    /// Key of the last row; empty if there is none.
    pub last_key: &'a [u8],
    /// Whether the copy is complete.
    pub done: bool,
}

/// One connection that loads a table. Several may load chunks of one table at the same time; their commits come in the
/// chunks' order, so that all up to the last key is there.
pub trait Loader: Send {
    /// Empties the table and records that its copy begins anew, at `version` + 1.
    fn restart(&mut self, version: u64, snapshot: Option<Position>) -> Fut<'_, ()>;

    /// Writes the rows in a transaction that stays open.
    fn load<'a>(&'a mut self, chunk: &'a Chunk) -> Fut<'a, ()>;

    /// Commits them, and how far the copy is now, as one. After an error the transaction is not there, or it is and
    /// [`Loader::recover`] says so.
    fn commit<'a>(&'a mut self, step: CopyStep<'a>) -> Fut<'a, ()>;

    /// Connects anew; answers the progress that is durable. Nothing that the connection before had under way comes after
    /// that.
    fn recover(&mut self) -> Fut<'_, Option<CopyProgress>>;
}

/// How strictly the target's rows must be what the log says they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The target may be ahead of the log: overwrite, tolerate missing rows.
    Overlap,
    /// A row that is missing, or there already, is a conflict and stops the link.
    Exact,
}

/// A captured transaction on its way to a lane.
#[derive(Clone, Copy, Debug)]
pub struct Transaction<'a> {
    pub seq: Seq,
    pub mark: &'a [u8],
    /// The adapter's own encoding; for a piece of a big transaction, whole events of it.
    pub data: &'a [u8],
}

/// One writing connection: one target transaction at a time, each `begin`, some `add`, `commit`.
pub trait Writer: Send {
    /// Opens a target transaction that will say `checkpoint` about itself: the marker comes before every row.
    fn begin(&mut self, checkpoint: &LaneCheckpoint, mode: Mode);

    /// Takes in a transaction, or the next piece of one; answers how many rows it changes. May write to the target already.
    fn add<'a>(&'a mut self, transaction: Transaction<'a>) -> Fut<'a, u64>;

    /// Writes the rest, verifies that every statement did what it should, and commits. On an error the outcome may be
    /// unknown: [`Writer::recover`] finds it out.
    fn commit(&mut self) -> Fut<'_, ()>;

    /// Carries out a [`Footprint::Alone`] transaction exactly once, with its checkpoint: a schema change, journaled
    /// around, or anything else that bears no company. Safe to repeat after a crash or an error at any point. Answers
    /// how many rows it changed.
    ///
    /// In [`Mode::Overlap`] a change to something that was copied is refused ([`crate::Code::SchemaChangedWhileCopying`]):
    /// nobody can say on which side of it the copied rows are.
    fn alone<'a>(
        &'a mut self,
        transaction: Transaction<'a>,
        checkpoint: &'a LaneCheckpoint,
        mode: Mode,
    ) -> Fut<'a, u64>;

    /// Writes transactions that met a row which is not what the log expects ([`crate::Code::Conflict`]), whole and with their
    /// checkpoint as one, row by row: rows about which somebody has decided go by that. All others are noted in the target
    /// for a person, with what the log expects, what is there and what would become of it, and the error says so. Answers
    /// how many rows it took in.
    fn write_carefully<'a>(
        &'a mut self,
        transactions: Vec<Transaction<'a>>,
        checkpoint: &'a LaneCheckpoint,
    ) -> Fut<'a, u64>;

    /// Whether the log of the target tells what this connection writes from what others write.
    fn is_marked(&self) -> bool;

    /// Connects anew and answers the version of this lane's checkpoint that is durable in the target.
    fn recover(&mut self) -> Fut<'_, u64>;
}

/// Something that two transactions must not both touch at once; equal hashes count as equal things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictKey {
    pub hash: u64,
    /// Shared keys conflict with exclusive ones only: a child row holds its parent's key so.
    pub shared: bool,
}

/// What a transaction needs of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Footprint {
    /// So many rows, with the conflict keys that were pushed.
    Rows(u64),
    /// Everything before it is done first, nothing after it begins earlier: a schema change, for one. Goes to
    /// [`Writer::alone`].
    Alone,
}

/// Reads conflict keys.
pub trait FootprintReader: Send {
    /// Pushes the transaction's conflict keys to `keys`. The data is whole, never a piece.
    fn read(&mut self, data: &[u8], keys: &mut Vec<ConflictKey>) -> Result<Footprint>;
}
