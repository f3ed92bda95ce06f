//! Loads copied rows into the target in memory.

use super::script::{BAG, table_name};
use super::target::Db;
use super::world::World;
use std::sync::Arc;
use tidegate_model::{Chunk, Code, CopyProgress, Error, Fut, Loader, Position, Result};

pub(crate) struct SimLoader {
    world: Arc<World>,
    table: u8,
    version: u64,
}

impl SimLoader {
    pub(crate) fn new(world: Arc<World>, table: u8, version: u64) -> Self {
        Self { world, table, version }
    }

    /// One commit of the copy; its answer may be lost.
    async fn commit(&mut self, act: impl FnOnce(&mut Db) + Send) -> Result<()> {
        self.world.step("loader").await?;
        {
            let mut db = self.world.db();
            let version = db.copies.entry(table_name(self.table)).or_default();
            if *version != self.version {
                return Err(Error::new(Code::CheckpointChanged, "the copy was moved on by another"));
            }
            *version += 1;
            act(&mut db);
        }
        self.world.step("loader").await?;
        self.version += 1;
        Ok(())
    }
}

impl Loader for SimLoader {
    fn restart(&mut self, snapshot: Option<Position>) -> Fut<'_, ()> {
        let table = self.table;
        Box::pin(self.commit(move |db| {
            if table == BAG {
                db.rows.bag.clear();
            } else {
                db.rows.keyed.retain(|(other, _), _| *other != table);
            }
            let table = table_name(table);
            let copied = &mut db.link().copied;
            copied.retain(|one| one.table != table);
            copied.push(CopyProgress { table, rows: 0, last_key: None, done: false, snapshot });
        }))
    }

    fn load<'a>(&'a mut self, chunk: &'a Chunk, done: bool) -> Fut<'a, ()> {
        let table = self.table;
        Box::pin(self.commit(move |db| {
            for row in chunk.bytes.chunks(16) {
                let number = |at: usize| u64::from_le_bytes(row[at..at + 8].try_into().unwrap());
                let (key, value) = (number(0), number(8));
                if table == BAG {
                    db.rows.change_bag(key, value as i64);
                } else {
                    assert!(!db.rows.keyed.contains_key(&(table, key)), "row {table}/{key} is copied twice");
                    db.rows.put(table, key, Some(value));
                }
            }
            let one = db.copy(&table_name(table)).expect("the copy was begun");
            assert!(!one.done, "the copy has ended already");
            one.rows += chunk.rows;
            one.done = done;
            if chunk.rows > 0 {
                one.last_key = Some(chunk.last_key.clone());
            }
        }))
    }

    fn recover(&mut self) -> Fut<'_, Option<CopyProgress>> {
        Box::pin(async move {
            self.world.step("loader").await?;
            let mut db = self.world.db();
            let table = table_name(self.table);
            self.version = db.copies.get(&table).copied().unwrap_or(0);
            Ok(db.copy(&table).cloned())
        })
    }
}
