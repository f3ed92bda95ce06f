//! The last word on a row that looked different: it is looked up by its key on both sides, again after a while if need
//! be, and counts only if it goes on to differ.

use super::{Difference, Job, Kind, LISTED_MAX};
use std::collections::{HashMap, HashSet};
use tidegate_model::{FoundRow, Layout, Result};

/// Keys that are kept until they are looked up.
const SUSPECTS_MAX: usize = 10_000;
/// With so many differences in a table lag is not the reason: the rest is counted as it was found.
const RECHECKED_MAX: u64 = 10_000;
/// Keys in one question.
const LOOKUP_KEYS: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Suspects {
    keys: Vec<Vec<u8>>,
    known: HashSet<Vec<u8>>,
}

impl Suspects {
    pub(super) fn add(&mut self, key: &[u8]) {
        if self.known.insert(key.to_vec()) {
            self.keys.push(key.to_vec());
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= SUSPECTS_MAX
    }
}

/// What is known of a suspect from the questions so far.
struct Suspect {
    key: Vec<u8>,
    /// What the source had, newest last.
    versions: Vec<Vec<FoundRow>>,
    /// What the target had.
    last: Vec<FoundRow>,
}

impl Suspect {
    /// Takes in what both sides have now; answers whether they agree.
    ///
    /// A row that is written all the time never agrees while the link lags. But if the target has moved, and to what
    /// the source had a moment ago, the row is on its way.
    fn agrees(&mut self, source: Vec<FoundRow>, target: Vec<FoundRow>) -> bool {
        let arrived = !self.versions.is_empty() && target != self.last && self.versions.contains(&target);
        let agrees = source == target || arrived;
        self.versions.push(source);
        self.last = target;
        agrees
    }

    fn kind(&self, layout: &Layout) -> Kind {
        let source = self.versions.last().map(Vec::as_slice).unwrap_or_default();
        match (source, self.last.as_slice()) {
            (source, target) if source.len() > target.len() => Kind::Missing,
            (source, target) if source.len() < target.len() => Kind::Extra,
            (source, target) => {
                let differ = |at: &usize| {
                    source.iter().zip(target).any(|(one, other)| one.cells[*at] != other.cells[*at])
                };
                let places = (0..layout.columns.len()).filter(differ);
                Kind::Different { columns: places.map(|at| layout.columns[at].name.clone()).collect() }
            }
        }
    }
}

impl Job {
    pub(super) fn rechecked_enough(&self) -> bool {
        self.report.difference_count >= RECHECKED_MAX
    }

    /// Looks the suspects up; those that go on to differ are reported.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let Suspects { keys, .. } = std::mem::take(&mut self.suspects);
        if self.rechecked_enough() {
            self.differs(keys.len() as u64, None);
            return Ok(());
        }
        let new = |key| Suspect { key, versions: Vec::new(), last: Vec::new() };
        let mut open: Vec<Suspect> = keys.into_iter().map(new).collect();
        for round in 0..=self.recheck.times {
            if open.is_empty() {
                return Ok(());
            }
            if round > 0 {
                tokio::time::sleep(self.recheck.wait).await;
            }
            open = self.look_up(open).await?;
        }
        for suspect in open {
            let listed = if self.report.differences.len() < LISTED_MAX {
                let kind = suspect.kind(self.source.layout());
                Some(Difference { key: self.source.describe(&suspect.key).await?, kind })
            } else {
                None
            };
            self.differs(1, listed);
        }
        Ok(())
    }

    /// Those that still differ.
    async fn look_up(&mut self, mut open: Vec<Suspect>) -> Result<Vec<Suspect>> {
        let mut still = Vec::new();
        while !open.is_empty() {
            let rest = open.split_off(open.len().min(LOOKUP_KEYS));
            let keys: Vec<Vec<u8>> = open.iter().map(|suspect| suspect.key.clone()).collect();
            let (source, target) = tokio::try_join!(self.source.lookup(&keys), self.target.lookup(&keys))?;
            let (mut source, mut target) = (by_key(source), by_key(target));
            for mut suspect in open {
                let take = |found: &mut HashMap<Vec<u8>, Vec<FoundRow>>| {
                    found.remove(&suspect.key).unwrap_or_default()
                };
                let (source, target) = (take(&mut source), take(&mut target));
                if !suspect.agrees(source, target) {
                    still.push(suspect);
                }
            }
            open = rest;
        }
        Ok(still)
    }
}

/// Rows of one key are few, and more than one only where the target lacks the key: sorted, to compare as a multiset.
fn by_key(found: Vec<FoundRow>) -> HashMap<Vec<u8>, Vec<FoundRow>> {
    let mut by_key: HashMap<Vec<u8>, Vec<FoundRow>> = HashMap::new();
    for row in found {
        by_key.entry(row.key.clone()).or_default().push(row);
    }
    for rows in by_key.values_mut() {
        rows.sort_by(|one, other| one.cells.cmp(&other.cells));
    }
    by_key
}
