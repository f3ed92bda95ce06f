//! The net change of each document over the transactions that are written as one.
//!
//! In a collection where changes to different documents may get in each other's way, every change stays a step of its own.

use crate::diff::{Applied, apply};
use crate::entry::{Entry, Op};
use crate::knowledge::Plan;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tidegate_model::{Code, Error, Mode, Result};

/// What becomes of a document. Ranges lie in the batch's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is new.
    Insert(Range<usize>),
    /// It was there, and becomes this.
    Replace(Range<usize>),
    /// The first and the last of a chain of differences.
    Update(u32, u32),
    Delete,
    /// It was there and was deleted, then came anew; its `_id` may be equal without being the same.
    Reborn(Range<usize>),
    /// It came and went.
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) hash: u64,
    id_kind: u8,
    id: Range<usize>,
    pub(crate) change: Change,
    /// What the document must be before, where that is known and asked for.
    pub(crate) before: Option<Range<usize>>,
}

impl Step {
    /// Whether the document as it is in the target has to be looked at.
    pub(crate) fn needs_base(&self) -> bool {
        self.before.is_some() || matches!(self.change, Change::Update(..) | Change::Nothing)
    }
}

/// What happens in one collection.
pub(crate) struct Steps {
    pub(crate) plan: Arc<Plan>,
    pub(crate) steps: Vec<Step>,
    /// The last step of each document, by its hash.
    places: HashMap<u64, u32>,
}

struct Diff {
    range: Range<usize>,
    next: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    diffs: Vec<Diff>,
    collections: Vec<Steps>,
    by_plan: HashMap<u32, usize>,
    count: usize,
    /// Whether documents are compared with what they were at the source.
    strict: bool,
}

/// Whether a batch has taken a change in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    In,
    /// It has one that must be written before: equal in hash, and maybe to the server, but not the same.
    Not,
}

impl Batch {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// What it holds, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Empties it; the room stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.diffs.clear();
        self.collections.clear();
        self.by_plan.clear();
        self.count = 0;
    }

    pub(crate) fn collections(&self) -> &[Steps] {
        &self.collections
    }

    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    pub(crate) fn id(&self, step: &Step) -> (u8, &[u8]) {
        (step.id_kind, &self.bytes[step.id.clone()])
    }

    /// The differences of an update, in order.
    pub(crate) fn diffs(&self, first: u32) -> impl Iterator<Item = &[u8]> {
        let mut next = Some(first);
        std::iter::from_fn(move || {
            let diff = &self.diffs[next? as usize];
            next = diff.next;
            Some(&self.bytes[diff.range.clone()])
        })
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn keep_diff(&mut self, diff: &[u8]) -> u32 {
        let range = self.keep(diff);
        self.diffs.push(Diff { range, next: None });
        (self.diffs.len() - 1) as u32
    }

    pub(crate) fn add(&mut self, plan: &Arc<Plan>, entry: &Entry<'_>, mode: Mode) -> Result<Taken> {
        let id = entry.id()?;
        let hash = plan.hash.with_id(id)?.value();
        let at = match self.by_plan.get(&plan.number) {
            Some(at) => *at,
            None => {
                let at = self.collections.len();
                self.collections.push(Steps {
                    plan: plan.clone(),
                    steps: Vec::new(),
                    places: HashMap::new(),
                });
                self.by_plan.insert(plan.number, at);
                at
            }
        };
        let place = self.collections[at].places.get(&hash).map(|place| *place as usize);
        if let Some(place) = place {
            if self.id(&self.collections[at].steps[place]) != id {
                return Ok(Taken::Not);
            }
            if !plan.target.ordered {
                let change = self.collections[at].steps[place].change.clone();
                let merged = self.merge(change, entry, mode)?.ok_or_else(|| odd(plan, entry))?;
                self.collections[at].steps[place].change = merged;
                return Ok(Taken::In);
            }
        }
        let id_range = self.keep(id.1);
        let change = match entry.op {
            Op::Insert => Change::Insert(self.keep(entry.body)),
            Op::Replace => Change::Replace(self.keep(entry.body)),
            Op::Update => {
                let diff = self.keep_diff(entry.body);
                Change::Update(diff, diff)
            }
            Op::Delete => Change::Delete,
            Op::Schema => return Err(Error::new(Code::Internal, "a schema change among documents")),
        };
        let before =
            entry.before.filter(|_| self.strict && mode == Mode::Exact).map(|before| self.keep(before));
        let steps = &mut self.collections[at];
        steps.places.insert(hash, steps.steps.len() as u32);
        steps.steps.push(Step { hash, id_kind: id.0, id: id_range, change, before });
        self.count += 1;
        Ok(Taken::In)
    }

    /// What was to become of the document, and then this; `None` if the one cannot follow the other.
    fn merge(&mut self, change: Change, entry: &Entry<'_>, mode: Mode) -> Result<Option<Change>> {
        let overlaps = mode == Mode::Overlap;
        Ok(match (change, entry.op) {
            (Change::Delete, Op::Insert) => Some(Change::Reborn(self.keep(entry.body))),
            (Change::Nothing, Op::Insert) => Some(Change::Insert(self.keep(entry.body))),
            // It may have been there before, whatever the log says of it.
            (Change::Reborn(_), Op::Insert) if overlaps => Some(Change::Reborn(self.keep(entry.body))),
            (_, Op::Insert) if overlaps => Some(Change::Insert(self.keep(entry.body))),
            (_, Op::Insert) => None,
            (Change::Delete | Change::Nothing, _) => overlaps.then_some(Change::Delete),
            (Change::Insert(_), Op::Delete) if !overlaps => Some(Change::Nothing),
            (_, Op::Delete) => Some(Change::Delete),
            (Change::Insert(_), Op::Replace) => Some(Change::Insert(self.keep(entry.body))),
            (Change::Reborn(_), Op::Replace) => Some(Change::Reborn(self.keep(entry.body))),
            (_, Op::Replace) => Some(Change::Replace(self.keep(entry.body))),
            (Change::Update(first, last), Op::Update) => {
                let next = self.keep_diff(entry.body);
                self.diffs[last as usize].next = Some(next);
                Some(Change::Update(first, next))
            }
            (Change::Insert(range), Op::Update) => self.updated(range, entry, overlaps)?.map(Change::Insert),
            (Change::Replace(range), Op::Update) => {
                self.updated(range, entry, overlaps)?.map(Change::Replace)
            }
            (Change::Reborn(range), Op::Update) => self.updated(range, entry, overlaps)?.map(Change::Reborn),
            (_, Op::Schema) => None,
        })
    }

    fn updated(
        &mut self,
        range: Range<usize>,
        entry: &Entry<'_>,
        tolerant: bool,
    ) -> Result<Option<Range<usize>>> {
        let mut document = Vec::with_capacity(range.len() + entry.body.len());
        let applied = apply(&self.bytes[range], entry.body, tolerant, &mut document)?;
        Ok(matches!(applied, Applied::Fits).then(|| self.keep(&document)))
    }
}

fn odd(plan: &Plan, entry: &Entry<'_>) -> Error {
    let what = format!(
        "{}: the log has a change ({:?}) that does not follow the one before",
        plan.target.name, entry.op
    );
    Error::new(Code::Conflict, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::footprint::Hash;
    use crate::knowledge::KnownCollection;
    use bson::{Document, doc};
    use tidegate_model::TableName;

    fn plan(ordered: bool) -> Arc<Plan> {
        let name = TableName::new("a", "b");
        let hash = Hash::of_collection(&name);
        let target = KnownCollection {
            name,
            ordered,
            capped: false,
            view: false,
            validated: false,
            shard_key: Vec::new(),
        };
        Arc::new(Plan { number: 1, target: Arc::new(target), hash, snapshot: None })
    }

    fn bytes_of(document: &Document) -> Vec<u8> {
        crate::state::bytes_of(document).unwrap()
    }

    fn add(
        batch: &mut Batch,
        plan: &Arc<Plan>,
        mode: Mode,
        change: &(Op, Document, Document),
    ) -> Result<Taken> {
        let (op, key, body) = change;
        let (key, body) = (bytes_of(key), bytes_of(body));
        let entry = Entry { op: *op, database: "a", collection: "b", key: &key, before: None, body: &body };
        batch.add(plan, &entry, mode)
    }

    /// The one step that is left of these changes of one document, in words.
    fn net(mode: Mode, changes: &[(Op, Document)]) -> String {
        let (plan, mut batch) = (plan(false), Batch::new(false));
        for (op, body) in changes {
            match add(&mut batch, &plan, mode, &(*op, doc! { "_id": 1 }, body.clone())) {
                Ok(Taken::In) => {}
                Ok(Taken::Not) => return "not taken".to_owned(),
                Err(error) => return error.code().as_str().to_owned(),
            }
        }
        let steps = &batch.collections()[0].steps;
        assert_eq!(steps.len(), 1);
        let shown = |range: &Range<usize>| crate::conflict::shown(batch.bytes(range));
        match &steps[0].change {
            Change::Insert(range) => format!("insert {}", shown(range)),
            Change::Replace(range) => format!("replace {}", shown(range)),
            Change::Reborn(range) => format!("reborn {}", shown(range)),
            Change::Update(first, _) => format!("update {}", batch.diffs(*first).count()),
            Change::Delete => "delete".to_owned(),
            Change::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn changes_of_a_document_become_one() {
        let insert = || (Op::Insert, doc! { "_id": 1, "x": 1 });
        let update = || (Op::Update, doc! { "u": { "x": 2 } });
        let replace = || (Op::Replace, doc! { "_id": 1, "y": 3 });
        let delete = || (Op::Delete, doc! {});
        let exact: [(&[(Op, Document)], &str); 12] = [
            (&[insert(), update()], "insert {\"_id\":1,\"x\":2}"),
            (&[insert(), replace()], "insert {\"_id\":1,\"y\":3}"),
            (&[insert(), delete()], "nothing"),
            (&[insert(), delete(), insert()], "insert {\"_id\":1,\"x\":1}"),
            (&[insert(), insert()], "TG-4005"),
            (&[update(), update()], "update 2"),
            (&[update(), replace()], "replace {\"_id\":1,\"y\":3}"),
            (&[update(), delete()], "delete"),
            (&[delete(), insert(), update()], "reborn {\"_id\":1,\"x\":2}"),
            (&[delete(), insert(), delete()], "delete"),
            (&[delete(), update()], "TG-4005"),
            (&[delete(), delete()], "TG-4005"),
        ];
        for (changes, wanted) in exact {
            assert_eq!(net(Mode::Exact, changes), wanted, "{changes:?}");
        }
        let overlap: [(&[(Op, Document)], &str); 5] = [
            (&[insert(), insert()], "insert {\"_id\":1,\"x\":1}"),
            (&[insert(), delete()], "delete"),
            (&[delete(), update()], "delete"),
            (&[replace(), insert()], "insert {\"_id\":1,\"x\":1}"),
            (&[delete(), insert()], "reborn {\"_id\":1,\"x\":1}"),
        ];
        for (changes, wanted) in overlap {
            assert_eq!(net(Mode::Overlap, changes), wanted, "{changes:?}");
        }
    }

    #[test]
    fn what_is_equal_but_not_the_same_waits_and_ordered_changes_stay_apart() {
        let (of_numbers, mut batch) = (plan(false), Batch::new(false));
        let whole = (Op::Delete, doc! { "_id": 1 }, doc! {});
        let double = (Op::Insert, doc! { "_id": 1.0 }, doc! { "_id": 1.0 });
        assert_eq!(add(&mut batch, &of_numbers, Mode::Exact, &whole).unwrap(), Taken::In);
        assert_eq!(add(&mut batch, &of_numbers, Mode::Exact, &double).unwrap(), Taken::Not);
        batch.clear();
        assert_eq!(add(&mut batch, &of_numbers, Mode::Exact, &double).unwrap(), Taken::In);

        let (ordered, mut batch) = (plan(true), Batch::new(false));
        let insert = (Op::Insert, doc! { "_id": 1 }, doc! { "_id": 1 });
        for change in [&whole, &insert, &whole] {
            assert_eq!(add(&mut batch, &ordered, Mode::Exact, change).unwrap(), Taken::In);
        }
        assert_eq!((batch.collections()[0].steps.len(), batch.count()), (3, 3));
    }
}
