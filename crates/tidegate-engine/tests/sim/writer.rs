//! A writing connection to the target in memory.

use super::script::{Op, decode};
use super::target::conflict_keys;
use super::world::World;
use crate::support::read_mark;
use std::sync::Arc;
use tidegate_model::{Code, Error, Fut, LaneCheckpoint, Mode, Result, Seq, Transaction, Writer};

pub(crate) struct SimWriter {
    world: Arc<World>,
    lane: u16,
    actor: String,
    open: Option<(LaneCheckpoint, Mode)>,
    transactions: Vec<(Seq, Vec<Op>)>,
}

impl SimWriter {
    pub(crate) fn new(world: Arc<World>, lane: u16) -> Self {
        Self { world, lane, actor: format!("lane {lane}"), open: None, transactions: Vec::new() }
    }

    fn end(&mut self) {
        self.open = None;
        self.transactions.clear();
        self.world.db().locks.remove(&self.lane);
    }

    async fn take_in(&mut self, transaction: Transaction<'_>) -> Result<u64> {
        self.world.step(&self.actor).await?;
        assert!(self.open.is_some(), "a transaction was begun");
        self.check_number(&transaction);
        let ops = decode(transaction.data);
        let keys: Vec<_> = ops.iter().flat_map(conflict_keys).collect();
        self.world.db().lock(self.lane, &keys);
        let rows = ops.len() as u64;
        match self.transactions.last_mut() {
            Some((seq, before)) if *seq == transaction.seq => before.extend(ops),
            _ => self.transactions.push((transaction.seq, ops)),
        }
        Ok(rows)
    }

    fn check_number(&self, transaction: &Transaction<'_>) {
        let id = self.world.script.nth_selected(self.world.db().start(), transaction.seq.0);
        assert_eq!(
            *read_mark(transaction.mark).unwrap().end(),
            id,
            "the mark of transaction {}",
            transaction.seq
        );
    }

    async fn finish(&mut self) -> Result<()> {
        self.world.step(&self.actor).await?;
        let (checkpoint, mode) = self.open.take().expect("a transaction was begun");
        self.world.db().commit(&self.world.script, &checkpoint, &self.transactions, mode)?;
        self.end();
        self.world.step(&self.actor).await
    }

    async fn write_alone(
        &mut self,
        transaction: Transaction<'_>,
        checkpoint: &LaneCheckpoint,
        mode: Mode,
    ) -> Result<u64> {
        self.world.step(&self.actor).await?;
        self.check_number(&transaction);
        let ops = decode(transaction.data);
        let [Op::Schema { version }] = ops[..] else { panic!("{ops:?} is no schema change") };
        if mode == Mode::Overlap {
            return Err(Error::new(
                Code::SchemaChangedWhileCopying,
                format!("transaction {}", transaction.seq),
            ));
        }
        {
            let mut db = self.world.db();
            assert!(db.locks.values().all(Vec::is_empty), "somebody writes beside a schema change");
            assert!(
                db.applied.iter().copied().eq(1..transaction.seq.0),
                "everything before is done, nothing after"
            );
            if db.journal != Some(transaction.seq) {
                assert_eq!(db.rows.version + 1, version, "the schema is changed a second time");
                (db.journal, db.rows.version) = (Some(transaction.seq), version);
            }
        }
        self.world.step(&self.actor).await?;
        self.world.db().commit(&self.world.script, checkpoint, &[(transaction.seq, ops)], mode)?;
        self.world.step(&self.actor).await?;
        Ok(0)
    }
}

impl Writer for SimWriter {
    fn is_marked(&self) -> bool {
        true
    }

    fn begin(&mut self, checkpoint: &LaneCheckpoint, mode: Mode) {
        self.end();
        assert_eq!(checkpoint.lane, self.lane);
        self.open = Some((checkpoint.clone(), mode));
    }

    fn add<'a>(&'a mut self, transaction: Transaction<'a>) -> Fut<'a, u64> {
        Box::pin(self.take_in(transaction))
    }

    fn commit(&mut self) -> Fut<'_, ()> {
        Box::pin(self.finish())
    }

    fn alone<'a>(
        &'a mut self,
        transaction: Transaction<'a>,
        checkpoint: &'a LaneCheckpoint,
        mode: Mode,
    ) -> Fut<'a, u64> {
        Box::pin(self.write_alone(transaction, checkpoint, mode))
    }

    fn write_carefully<'a>(
        &'a mut self,
        transactions: Vec<Transaction<'a>>,
        checkpoint: &'a LaneCheckpoint,
    ) -> Fut<'a, u64> {
        panic!("{transactions:?} met a conflict at {checkpoint:?}, and nobody else writes here")
    }

    fn recover(&mut self) -> Fut<'_, u64> {
        Box::pin(async move {
            self.end();
            self.world.step(&self.actor).await?;
            let version = self.world.db().link().lanes[usize::from(self.lane)].version;
            Ok(version)
        })
    }
}

impl Drop for SimWriter {
    fn drop(&mut self) {
        self.world.db().locks.remove(&self.lane);
    }
}
