//! Which lane a transaction goes to: a pure table of who holds which conflict key.
//!
//! Two transactions that conflict must be written in the log's order. They are, if they go to the same lane, because a
//! lane writes in the order in which it was given them. So a transaction goes to the one lane that holds a key it needs;
//! to the preferred lane if none does; and it has to wait if two lanes do.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use tidegate_model::ConflictKey;

pub const LANES_MAX: usize = 8;

/// Pending transactions that hold one key, by lane.
#[derive(Clone, Copy, Debug, Default)]
struct Holders {
    exclusive: [u32; LANES_MAX],
    shared: [u32; LANES_MAX],
}

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    holders: HashMap<u64, Holders, BuildHasherDefault<AlreadyHashed>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// No lane holds any of the keys.
    Anywhere,
    /// Exactly this lane does.
    Lane(usize),
    /// More than one lane does: wait until all but one are done.
    Wait,
}

impl Schedule {
    pub(crate) fn place(&self, keys: &[ConflictKey]) -> Placement {
        let mut found: Option<usize> = None;
        for key in keys {
            let Some(holders) = self.holders.get(&key.hash) else { continue };
            for lane in 0..LANES_MAX {
                let conflicts = holders.exclusive[lane] > 0 || (!key.shared && holders.shared[lane] > 0);
                match found {
                    _ if !conflicts => {}
                    None => found = Some(lane),
                    Some(other) if other == lane => {}
                    Some(_) => return Placement::Wait,
                }
            }
        }
        found.map_or(Placement::Anywhere, Placement::Lane)
    }

    pub(crate) fn hold(&mut self, lane: usize, keys: &[ConflictKey]) {
        for key in keys {
            let holders = self.holders.entry(key.hash).or_default();
            let counts = if key.shared { &mut holders.shared } else { &mut holders.exclusive };
            counts[lane] += 1;
        }
    }

    pub(crate) fn release(&mut self, lane: usize, keys: &[ConflictKey]) {
        for key in keys {
            let Some(holders) = self.holders.get_mut(&key.hash) else { continue };
            let counts = if key.shared { &mut holders.shared } else { &mut holders.exclusive };
            counts[lane] -= 1;
            if counts[lane] == 0 && holders.shared == [0; LANES_MAX] && holders.exclusive == [0; LANES_MAX] {
                self.holders.remove(&key.hash);
            }
        }
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

    #[test]
    fn conflicting_transactions_follow_each_other_in_one_lane() {
        let mut schedule = Schedule::default();
        let (a, b, both) = ([key(1, false)], [key(2, false)], [key(1, false), key(2, false)]);
        assert_eq!(schedule.place(&both), Placement::Anywhere);
        schedule.hold(0, &a);
        assert_eq!(schedule.place(&both), Placement::Lane(0));
        schedule.hold(1, &b);
        assert_eq!(schedule.place(&both), Placement::Wait);
        schedule.hold(0, &a);
        schedule.release(0, &a);
        assert_eq!(schedule.place(&both), Placement::Wait);
        schedule.release(0, &a);
        assert_eq!(schedule.place(&both), Placement::Lane(1));
        schedule.release(1, &b);
        assert_eq!(schedule.place(&both), Placement::Anywhere);
        assert!(schedule.holders.is_empty());
    }

    #[test]
    fn children_share_their_parent_and_the_parent_waits_for_them() {
        let mut schedule = Schedule::default();
        schedule.hold(0, &[key(9, true)]);
        schedule.hold(1, &[key(9, true)]);
        assert_eq!(schedule.place(&[key(9, true)]), Placement::Anywhere);
        assert_eq!(schedule.place(&[key(9, false)]), Placement::Wait);
        schedule.release(1, &[key(9, true)]);
        assert_eq!(schedule.place(&[key(9, false)]), Placement::Lane(0));
        schedule.hold(0, &[key(9, false)]);
        assert_eq!(schedule.place(&[key(9, true)]), Placement::Lane(0));
    }
}
