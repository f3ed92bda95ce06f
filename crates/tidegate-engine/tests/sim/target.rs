//! A target in memory, and what must be true of it after every commit.

use super::loader::SimLoader;
use super::script::{BAG, CHILD, Op, PARENT, PARENTS, Rows, Script, decode, table_number};
use super::world::World;
use super::writer::SimWriter;
use crate::support::Place;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate_model::{
    Code, ConflictKey, CopyProgress, Definition, Error, Footprint, FootprintReader, Fut, LaneCheckpoint,
    LinkState, Loader, Mode, Permit, Permits, Phase, Reselection, Result, Selection, Seq, SeqSet, Table,
    TableName, Target, Writer,
};

#[derive(Default)]
pub(crate) struct Db {
    pub(crate) rows: Rows,
    pub(crate) link: Option<LinkState>,
    defined: bool,
    /// What had to wait for the end of the overlap is in force.
    settled: bool,
    /// The schema change that was carried out, its checkpoint perhaps not yet.
    pub(crate) journal: Option<Seq>,
    /// Numbers of the transactions that are in the target.
    pub(crate) applied: BTreeSet<u64>,
    /// The last source transaction that changed a row.
    touched: BTreeMap<(u8, u64), u64>,
    /// What the open transactions of the connections hold.
    pub(crate) locks: BTreeMap<u16, Vec<ConflictKey>>,
}

impl Db {
    pub(crate) fn connections_are_gone(&mut self) {
        self.locks.clear();
    }

    pub(crate) fn link(&mut self) -> &mut LinkState {
        self.link.as_mut().expect("the link was begun")
    }

    pub(crate) fn start(&self) -> u64 {
        Place::read(&self.link.as_ref().expect("the link was begun").start).unwrap().upto
    }

    pub(crate) fn copy(&mut self, table: &TableName) -> Option<&mut CopyProgress> {
        self.link.as_mut()?.copied.iter_mut().find(|one| one.table == *table)
    }

    /// The overlap is over: all of it is there, and, the first time, nothing else.
    fn settle(&mut self) {
        let Phase::CatchingUp { until } = self.link().phase else { panic!("nothing is applied yet") };
        let overlap = self.applied.range(..=until.0).count() as u64;
        assert_eq!(overlap, until.0, "a transaction of the overlap is missing");
        assert!(self.settled || self.applied.len() as u64 == until.0, "something beyond {until} is there");
        self.settled = true;
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { locks: std::mem::take(&mut self.locks), ..Self::default() };
    }

    /// Two connections must never want the same thing: a real database would let them wait in an order of its own.
    pub(crate) fn lock(&mut self, lane: u16, keys: &[ConflictKey]) {
        for (other, held) in &self.locks {
            let meets = |key: &ConflictKey| {
                held.iter().any(|held| held.hash == key.hash && !(held.shared && key.shared))
            };
            assert!(
                *other == lane || !keys.iter().any(meets),
                "lanes {lane} and {other} are at the same row"
            );
        }
        self.locks.entry(lane).or_default().extend_from_slice(keys);
    }

    /// Writes whole transactions with a checkpoint, all or nothing, and checks everything that can be checked.
    pub(crate) fn commit(
        &mut self,
        script: &Script,
        checkpoint: &LaneCheckpoint,
        transactions: &[(Seq, Vec<Op>)],
        mode: Mode,
    ) -> Result<()> {
        let lane = usize::from(checkpoint.lane);
        if self.link().lanes[lane].version + 1 != checkpoint.version {
            return Err(Error::new(
                Code::TargetBusy,
                format!("lane {lane}'s checkpoint is not where it was"),
            ));
        }
        let Phase::CatchingUp { until } = self.link().phase else {
            panic!("nothing is applied while copying")
        };
        let start = self.start();
        let is_past = transactions.iter().all(|(seq, _)| *seq > until);
        assert!(!is_past || mode == Mode::Exact, "beyond the overlap until {until} every row counts");
        let is_within = transactions.iter().all(|(seq, _)| *seq <= until);
        assert!(is_within || self.settled, "a transaction beyond {until} before the target has settled");
        for (seq, ops) in transactions {
            let id = script.nth_selected(start, seq.0);
            assert_eq!(*ops, script.tx(id).ops, "transaction {seq} is not whole");
            assert!(self.applied.insert(seq.0), "transaction {seq} is applied a second time");
            assert!(
                *seq > until || mode == Mode::Overlap,
                "transaction {seq} is of the overlap until {until}"
            );
            ops.iter().for_each(|op| self.change(op, id, mode));
        }
        self.link().lanes[lane] = checkpoint.clone();
        self.check(script, &checkpoint.low.position, checkpoint.low.seq);
        Ok(())
    }

    fn change(&mut self, op: &Op, id: u64, mode: Mode) {
        // They are copied as one, at one place of the log.
        let places = [PARENT, BAG].map(|table| {
            self.copy(&super::script::table_name(table)).expect("a copy").snapshot.clone().expect("its place")
        });
        assert_eq!(places[0], places[1], "a group is copied at one place");
        let is_in_copy = Place::read(&places[0]).unwrap().contains(id);
        match *op {
            Op::Set { table: PARENT, .. } | Op::Bag { .. } if is_in_copy => {}
            Op::Set { table, key, before, after } => {
                let touched = self.touched.insert((table, key), id).unwrap_or(0);
                assert!(touched <= id, "row {table}/{key} is changed by {id} after {touched}");
                let now = self.rows.keyed.get(&(table, key)).copied();
                assert!(
                    mode == Mode::Overlap || now == before,
                    "row {table}/{key} is {now:?}, {id} expects {before:?}"
                );
                self.rows.put(table, key, after);
            }
            Op::Bag { value, change } => self.rows.change_bag(value, change),
            Op::Schema { .. } => {}
        }
    }

    /// The checkpoints together say exactly what is in the target, and the position is that of the watermark.
    fn check(&mut self, script: &Script, position: &tidegate_model::Position, low: Seq) {
        let start = self.start();
        let place = Place::read(position).unwrap();
        assert!(place.beyond.is_empty(), "the checkpoint's position has a gap: {position}");
        assert_eq!(
            script.count_selected(start, place.upto),
            low.0,
            "position {position} is not that of transaction {low}"
        );
        let lanes = &self.link().lanes;
        let low = lanes.iter().map(|lane| lane.low.seq.0).max().unwrap_or(0);
        let mut done = SeqSet::default();
        lanes.iter().for_each(|lane| done.union(&lane.done));
        let last = done.last().map_or(low, |last| last.0.max(low));
        let said: BTreeSet<u64> = (1..=last).filter(|seq| *seq <= low || done.contains(Seq(*seq))).collect();
        assert_eq!(said, self.applied, "what the checkpoints say, and what was applied");
    }
}

pub(crate) struct SimTarget(pub(crate) Arc<World>);

impl SimTarget {
    /// Something that happens at once; its answer may be lost.
    async fn ask<T>(&self, act: impl FnOnce(&mut Db) -> Result<T> + Send) -> Result<T> {
        self.0.step("target").await?;
        let answer = act(&mut self.0.db())?;
        self.0.step("target").await?;
        Ok(answer)
    }
}

impl Permits for SimTarget {
    fn permit(&self) -> Fut<'_, Option<Permit>> {
        Box::pin(self.ask(|_| Ok(None)))
    }

    fn change_permit(&self, _: Option<Permit>, _: bool) -> Fut<'_, Permit> {
        Box::pin(async { Err(Error::new(Code::Internal, "no link of the simulation is one of a pair")) })
    }
}

impl Target for SimTarget {
    fn check(&self) -> Fut<'_, ()> {
        Box::pin(self.0.step("target"))
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async { Ok("the target".to_owned()) })
    }

    fn prepare(&self) -> Fut<'_, ()> {
        Box::pin(self.0.step("target"))
    }

    fn state(&self) -> Fut<'_, Option<LinkState>> {
        Box::pin(self.ask(|db| Ok(db.link.clone())))
    }

    fn end_earlier_run(&self) -> Fut<'_, ()> {
        Box::pin(async { self.take_over().await.map(|_| ()) })
    }

    fn take_over(&self) -> Fut<'_, Option<LinkState>> {
        Box::pin(self.ask(|db| {
            if let Some(link) = &mut db.link {
                link.lanes.iter_mut().for_each(|lane| lane.version += 1);
                link.copied.iter_mut().for_each(|copy| copy.version += 1);
            }
            Ok(db.link.clone())
        }))
    }

    fn reselect<'a>(&'a self, change: Reselection<'a>) -> Fut<'a, ()> {
        Box::pin(self.ask(move |db| {
            let link = db.link();
            link.selection = change.selection.fingerprint();
            for lane in &mut link.lanes {
                lane.version += 1;
                lane.low = change.at.clone();
                lane.done = SeqSet::default();
            }
            Ok(())
        }))
    }

    fn begin<'a>(&'a self, state: &'a LinkState) -> Fut<'a, ()> {
        Box::pin(self.ask(|db| {
            assert!(db.link.is_none(), "the link was begun already");
            db.link = Some(state.clone());
            Ok(())
        }))
    }

    fn enter<'a>(&'a self, phase: Phase) -> Fut<'a, ()> {
        Box::pin(self.ask(move |db| {
            assert!(
                db.link().copied.len() == 3 && db.link().copied.iter().all(|one| one.done),
                "not all is copied"
            );
            db.link().phase = phase;
            Ok(())
        }))
    }

    fn reset(&self) -> Fut<'_, ()> {
        Box::pin(self.ask(|db| {
            db.reset();
            Ok(())
        }))
    }

    fn define<'a>(&'a self, definitions: &'a [Definition], _: &'a Selection) -> Fut<'a, Vec<String>> {
        Box::pin(self.ask(move |db| {
            for definition in definitions {
                let version: u64 = definition.text.parse().unwrap();
                if db.defined && db.rows.version != version {
                    return Err(Error::new(Code::SchemaChangedWhileCopying, "it is defined differently"));
                }
                (db.defined, db.rows.version) = (true, version);
            }
            Ok(Vec::new())
        }))
    }

    fn settle(&self) -> Fut<'_, ()> {
        Box::pin(self.ask(|db| {
            db.settle();
            Ok(())
        }))
    }

    fn learn<'a>(&'a self, _: &'a Selection) -> Fut<'a, ()> {
        Box::pin(self.0.step("target"))
    }

    fn loader<'a>(&'a self, table: &'a Table, _: &'a Selection) -> Fut<'a, Box<dyn Loader>> {
        Box::pin(async move {
            self.0.step("target").await?;
            assert_eq!(table.columns, self.0.db().rows.version.to_string(), "what is read is what was made");
            Ok(Box::new(SimLoader::new(self.0.clone(), table_number(&table.name))) as Box<dyn Loader>)
        })
    }

    fn writer(&self, lane: u16) -> Fut<'_, Box<dyn Writer>> {
        Box::pin(async move {
            self.0.step("target").await?;
            Ok(Box::new(SimWriter::new(self.0.clone(), lane)) as Box<dyn Writer>)
        })
    }

    fn footprints(&self) -> Box<dyn FootprintReader> {
        Box::new(SimFootprints)
    }
}

struct SimFootprints;

impl FootprintReader for SimFootprints {
    fn read(&mut self, data: &[u8], keys: &mut Vec<ConflictKey>) -> Result<Footprint> {
        let ops = decode(data);
        if ops.iter().any(|op| matches!(op, Op::Schema { .. })) {
            return Ok(Footprint::Alone);
        }
        keys.extend(ops.iter().flat_map(conflict_keys));
        Ok(Footprint::Rows(ops.len() as u64))
    }
}

/// A row, and for a child its parent too.
pub(crate) fn conflict_keys(op: &Op) -> Vec<ConflictKey> {
    let key = |table: u8, key: u64, shared| ConflictKey { hash: u64::from(table) * 1000 + key, shared };
    match *op {
        Op::Set { table: CHILD, key: row, .. } => vec![key(CHILD, row, false), key(0, row % PARENTS, true)],
        Op::Set { table, key: row, .. } => vec![key(table, row, false)],
        Op::Bag { value, .. } => vec![key(BAG, value, false)],
        Op::Schema { .. } => Vec::new(),
    }
}
