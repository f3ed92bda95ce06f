use crate::{Position, Seq};

/// How far a target is: everything up to `seq` is in it, and `position` is the place in the source's log after
/// transaction `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: Seq,
    pub position: Position,
}

/// What one lane (one writing connection) stores in the target, in the same transaction as its rows.
///
/// Lanes commit out of order, so each row says two things, both true when it was written: everything up to
/// `low.seq` is durable, whoever wrote it, and beyond that this lane wrote the transactions in `done`. After a crash
/// the union over the lanes says exactly which transactions are in the target: none is applied twice, also not
/// to a table without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCheckpoint {
    pub lane: u16,
    /// Counts this lane's commits. A commit is valid only on top of `version - 1`: a compare-and-set.
    pub version: u64,
    pub low: Checkpoint,
    pub done: SeqSet,
}

/// A set of transaction numbers as sorted, disjoint, inclusive ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeqSet {
    ranges: Vec<(u64, u64)>,
}

impl SeqSet {
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers are in it.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub fn contains(&self, seq: Seq) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < seq.0);
        self.ranges.get(at).is_some_and(|range| range.0 <= seq.0)
    }

    /// The largest member.
    pub fn last(&self) -> Option<Seq> {
        self.ranges.last().map(|range| Seq(range.1))
    }

    pub fn insert(&mut self, seq: Seq) {
        self.insert_range(seq.0, seq.0);
    }

    fn insert_range(&mut self, first: u64, last: u64) {
        if let Some(tail) = self.ranges.last_mut()
            && first == tail.1 + 1
        {
            tail.1 = last;
            return;
        }
        let from = self.ranges.partition_point(|range| range.1 + 1 < first);
        let to = self.ranges.partition_point(|range| range.0 <= last + 1);
        if from == to {
            self.ranges.insert(from, (first, last));
            return;
        }
        let merged = (first.min(self.ranges[from].0), last.max(self.ranges[to - 1].1));
        self.ranges.splice(from..to, [merged]);
    }

    pub fn union(&mut self, other: &SeqSet) {
        for &(first, last) in &other.ranges {
            self.insert_range(first, last);
        }
    }

    /// Forgets every member up to and including `low`.
    pub fn prune(&mut self, low: Seq) {
        self.ranges.retain(|range| range.1 > low.0);
        if let Some(first) = self.ranges.first_mut()
            && first.0 <= low.0
        {
            first.0 = low.0 + 1;
        }
    }

    /// The largest number such that everything above `low` up to it is a member; `low` itself if there is none.
    pub fn contiguous_from(&self, low: Seq) -> Seq {
        match self.ranges.iter().find(|range| range.1 > low.0) {
            Some(range) if range.0 <= low.0 + 1 => Seq(range.1),
            _ => low,
        }
    }

    /// Bytes for a column of the target: the gaps and lengths of the ranges as LEB128 numbers.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ranges.len() * 3);
        let mut previous = 0;
        for &(first, last) in &self.ranges {
            push_varint(&mut out, first - previous);
            push_varint(&mut out, last - first);
            previous = last;
        }
        out
    }

    /// Reads what [`SeqSet::encode`] wrote; `None` for bytes that it cannot have written.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut set = SeqSet::default();
        let mut previous = 0u64;
        while !bytes.is_empty() {
            let first = previous.checked_add(pull_varint(&mut bytes)?)?;
            let last = first.checked_add(pull_varint(&mut bytes)?)?;
            last.checked_add(1)?;
            if !set.is_empty() && first <= previous {
                return None;
            }
            set.ranges.push((first, last));
            previous = last;
        }
        Some(set)
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn pull_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn behaves_like_a_plain_set() {
        let mut random = 7u64;
        for _ in 0..300 {
            let mut set = SeqSet::default();
            let mut plain = BTreeSet::new();
            for _ in 0..60 {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let seq = (random >> 33) % 50 + 1;
                if random & 0x1f == 0 {
                    set.prune(Seq(seq));
                    plain.retain(|&member| member > seq);
                } else {
                    set.insert(Seq(seq));
                    plain.insert(seq);
                }
                for probe in 0..55 {
                    assert_eq!(set.contains(Seq(probe)), plain.contains(&probe));
                    let mut reached = probe;
                    while plain.contains(&(reached + 1)) {
                        reached += 1;
                    }
                    assert_eq!(set.contiguous_from(Seq(probe)), Seq(reached), "{set:?} from {probe}");
                }
                assert_eq!(SeqSet::decode(&set.encode()), Some(set.clone()));
            }
        }
    }

    #[test]
    fn refuses_bytes_it_did_not_write() {
        assert_eq!(SeqSet::decode(&[0x80]), None);
        assert_eq!(SeqSet::decode(&[0xff; 20]), None);
        assert_eq!(SeqSet::decode(&[5, 1, 0, 0]), None);
    }
}
