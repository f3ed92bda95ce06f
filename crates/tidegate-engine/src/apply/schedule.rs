//! Which batch a transaction goes to: a pure table of which batches hold which conflict key.
//!
//! Two transactions that conflict must be written in the log's order. A lane writes one batch after the other, and a
//! batch's rows become visible at once, so that holds for two transactions of one lane. A batch that is being filled may
//! also hold a key of one that another lane is writing at the moment: then it begins only after that one has ended.
//! Nothing waits for a batch that is being filled, so no two can wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use tidegate_model::ConflictKey;

pub const LANES_MAX: usize = 8;

/// A set of batches: a bit for the one that each lane is writing and one for the one that it is filling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batches(u16);

/// What to do with a transaction, by the batches that hold keys it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Into any batch that is being filled.
    Anywhere,
    /// Into any, preferably this lane's: it is writing what the transaction has to come after, and would wait for itself.
    Preferably(usize),
    /// Into the batch that this lane is filling.
    Only(usize),
    /// Two lanes are filling batches that it has to come after: not before one of them is being written.
    Wait,
}

/// The batches that hold one key.
#[derive(Clone, Copy, Debug, Default)]
struct Holders {
    exclusive: Batches,
    shared: Batches,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    holders: HashMap<u64, Holders, BuildHasherDefault<AlreadyHashed>>,
    lanes: [Lane; LANES_MAX],
    /// One of each lane.
    filling: Batches,
}

/// A lane's two batches take turns with two bits.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    turn: bool,
    writing: bool,
    /// What the batch that is being filled has to come after.
    after: Batches,
}

impl Batches {
    fn of(lane: usize, turn: bool) -> Self {
        Self(1 << (2 * lane + usize::from(turn)))
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn first_lane(self) -> Option<usize> {
        (!self.is_empty()).then(|| self.0.trailing_zeros() as usize / 2)
    }

    /// The lane of the one batch in it; `None` if there are more or none.
    fn only_lane(self) -> Option<usize> {
        self.first_lane().filter(|_| self.0.count_ones() == 1)
    }
}

impl Schedule {
    pub(crate) fn new() -> Self {
        let lanes = [Lane::default(); LANES_MAX];
        let mut filling = Batches::default();
        (0..LANES_MAX).for_each(|lane| filling.add(Batches::of(lane, false)));
        Self { holders: HashMap::default(), lanes, filling }
    }

    /// Where a transaction may go that has to come after the batches of [`Schedule::before`].
    pub(crate) fn place(&self, before: Batches) -> Placement {
        let filling = before.and(self.filling);
        if filling.is_empty() {
            return before.first_lane().map_or(Placement::Anywhere, Placement::Preferably);
        }
        filling.only_lane().map_or(Placement::Wait, Placement::Only)
    }

    /// Puts a transaction into the batch that the lane is filling. [`Schedule::place`] must allow it.
    pub(crate) fn hold(&mut self, lane: usize, before: Batches, keys: &[ConflictKey]) {
        let own = Batches::of(lane, self.lanes[lane].turn);
        let mut after = before;
        after.remove(self.filling);
        self.lanes[lane].after.add(after);
        for key in keys {
            let holders = self.holders.entry(key.hash).or_default();
            if key.shared { holders.shared.add(own) } else { holders.exclusive.add(own) }
        }
    }

    /// Whether the lane may write the batch that it is filling.
    pub(crate) fn may_start(&self, lane: usize) -> bool {
        !self.lanes[lane].writing && self.lanes[lane].after.is_empty()
    }

    /// The lane begins to write the batch that it was filling.
    pub(crate) fn start(&mut self, lane: usize) {
        debug_assert!(self.may_start(lane), "it is to wait for another");
        self.filling.remove(Batches::of(lane, self.lanes[lane].turn));
        self.lanes[lane].writing = true;
        self.lanes[lane].turn = !self.lanes[lane].turn;
        self.filling.add(Batches::of(lane, self.lanes[lane].turn));
    }

    /// The batch that the lane was writing, which holds these keys, is written.
    pub(crate) fn end(&mut self, lane: usize, keys: &[ConflictKey]) {
        let own = Batches::of(lane, !self.lanes[lane].turn);
        self.lanes[lane].writing = false;
        for other in &mut self.lanes {
            other.after.remove(own);
        }
        for key in keys {
            let Some(holders) = self.holders.get_mut(&key.hash) else { continue };
            holders.exclusive.remove(own);
            holders.shared.remove(own);
            if holders.exclusive.is_empty() && holders.shared.is_empty() {
                self.holders.remove(&key.hash);
            }
        }
    }

    /// The batches that a transaction with these keys has to come after.
    pub(crate) fn before(&self, keys: &[ConflictKey]) -> Batches {
        let mut found = Batches::default();
        for key in keys {
            let Some(holders) = self.holders.get(&key.hash) else { continue };
            found.add(holders.exclusive);
            if !key.shared {
                found.add(holders.shared);
            }
        }
        found
    }
}

/// Conflict keys are hashes already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(hash: u64, shared: bool) -> ConflictKey {
        ConflictKey { hash, shared }
    }

    fn place(schedule: &Schedule, keys: &[ConflictKey]) -> Placement {
        schedule.place(schedule.before(keys))
    }

    fn hold(schedule: &mut Schedule, lane: usize, keys: &[ConflictKey]) {
        let before = schedule.before(keys);
        schedule.hold(lane, before, keys);
    }

    #[test]
    fn a_transaction_comes_after_all_that_it_conflicts_with() {
        let mut schedule = Schedule::new();
        let (a, b, both) = ([key(1, false)], [key(2, false)], [key(1, false), key(2, false)]);
        assert_eq!(place(&schedule, &both), Placement::Anywhere);
        hold(&mut schedule, 0, &a);
        assert_eq!(place(&schedule, &both), Placement::Only(0));
        hold(&mut schedule, 1, &b);
        assert_eq!(place(&schedule, &both), Placement::Wait, "both are being filled");
        schedule.start(0);
        assert_eq!(place(&schedule, &both), Placement::Only(1), "one of them is being written");
        hold(&mut schedule, 1, &both);
        assert!(!schedule.may_start(1), "it comes after what lane 0 is writing");
        assert_eq!(place(&schedule, &a), Placement::Only(1));
        schedule.end(0, &a);
        assert!(schedule.may_start(1));
        schedule.start(1);
        assert_eq!(place(&schedule, &a), Placement::Preferably(1));
        hold(&mut schedule, 0, &a);
        assert!(!schedule.may_start(0));
        schedule.end(1, &[key(1, false), key(2, false)]);
        assert!(schedule.may_start(0));
        schedule.start(0);
        schedule.end(0, &a);
        assert!(schedule.holders.is_empty());
    }

    #[test]
    fn a_lane_fills_the_next_batch_while_it_writes_one() {
        let mut schedule = Schedule::new();
        let a = [key(1, false)];
        hold(&mut schedule, 0, &a);
        schedule.start(0);
        assert!(!schedule.may_start(0));
        hold(&mut schedule, 0, &a);
        schedule.end(0, &a);
        assert!(schedule.may_start(0));
        assert_eq!(place(&schedule, &a), Placement::Only(0), "the second batch still holds the key");
        schedule.start(0);
        schedule.end(0, &a);
        assert_eq!(place(&schedule, &a), Placement::Anywhere);
    }

    #[test]
    fn children_share_their_parent_and_the_parent_comes_after_them() {
        let mut schedule = Schedule::new();
        hold(&mut schedule, 0, &[key(9, true)]);
        hold(&mut schedule, 1, &[key(9, true)]);
        assert_eq!(place(&schedule, &[key(9, true)]), Placement::Anywhere);
        assert_eq!(place(&schedule, &[key(9, false)]), Placement::Wait);
        schedule.start(0);
        schedule.start(1);
        assert_eq!(place(&schedule, &[key(9, false)]), Placement::Preferably(0));
        hold(&mut schedule, 0, &[key(9, false)]);
        schedule.end(0, &[key(9, true)]);
        assert!(!schedule.may_start(0), "lane 1 is still writing a child");
        assert_eq!(place(&schedule, &[key(9, true)]), Placement::Only(0));
        schedule.end(1, &[key(9, true)]);
        assert!(schedule.may_start(0));
    }
}
