//! Loads copied rows into the target in memory.

use super::script::{BAG, table_name};
use super::target::Db;
use super::world::World;
use std::sync::Arc;
use tidegate_model::{Chunk, Code, CopyProgress, CopyStep, Error, Fut, Loader, Position, Result};

pub(crate) struct SimLoader {
    world: Arc<World>,
    table: u8,
    /// Rows of the open transaction.
    loaded: Vec<(u64, u64)>,
}

impl SimLoader {
    pub(crate) fn new(world: Arc<World>, table: u8) -> Self {
        Self { world, table, loaded: Vec::new() }
    }

    /// Moves the copy on from `version`; the answer may be lost.
    async fn commit_as(
        &self,
        version: u64,
        act: impl FnOnce(&mut Db, &mut CopyProgress) + Send,
    ) -> Result<()> {
        self.world.step("loader").await?;
        {
            let mut db = self.world.db();
            let table = table_name(self.table);
            let at = db.link().copied.iter().position(|one| one.table == table);
            let new =
                CopyProgress { table, version: 0, rows: 0, last_key: None, done: false, snapshot: None };
            let mut progress = at.map_or(new, |at| db.link().copied.remove(at));
            let is_ours = progress.version == version;
            if is_ours {
                progress.version += 1;
                act(&mut db, &mut progress);
            }
            db.link().copied.push(progress);
            if !is_ours {
                return Err(Error::new(Code::CheckpointChanged, "the copy was moved on by another"));
            }
        }
        self.world.step("loader").await
    }
}

impl Loader for SimLoader {
    fn restart(&mut self, version: u64, snapshot: Option<Position>) -> Fut<'_, ()> {
        let table = self.table;
        Box::pin(self.commit_as(version, move |db, progress| {
            if table == BAG {
                db.rows.bag.clear();
            } else {
                db.rows.keyed.retain(|(other, _), _| *other != table);
            }
            (progress.rows, progress.last_key, progress.done) = (0, None, false);
            progress.snapshot = snapshot;
        }))
    }

    fn load<'a>(&'a mut self, chunk: &'a Chunk) -> Fut<'a, ()> {
        Box::pin(async {
            self.world.step("loader").await?;
            let number = |row: &[u8], at: usize| u64::from_le_bytes(row[at..at + 8].try_into().unwrap());
            self.loaded = chunk.bytes.chunks(16).map(|row| (number(row, 0), number(row, 8))).collect();
            Ok(())
        })
    }

    fn commit<'a>(&'a mut self, step: CopyStep<'a>) -> Fut<'a, ()> {
        let rows = std::mem::take(&mut self.loaded);
        let table = self.table;
        Box::pin(self.commit_as(step.version, move |db, progress| {
            assert_eq!(rows.len() as u64, step.rows, "every row that was loaded");
            for (key, value) in rows {
                if table == BAG {
                    db.rows.change_bag(key, value as i64);
                } else {
                    assert!(!db.rows.keyed.contains_key(&(table, key)), "row {table}/{key} is copied twice");
                    db.rows.put(table, key, Some(value));
                }
            }
            assert!(!progress.done, "the copy has ended already");
            progress.rows += step.rows;
            progress.done = step.done;
            if step.rows > 0 {
                let number = |key: &[u8]| u64::from_le_bytes(key.try_into().unwrap());
                let (last, this) = (progress.last_key.as_deref().map(number), number(step.last_key));
                assert!(table == BAG || last < Some(this), "chunks are committed in the key's order");
                progress.last_key = Some(step.last_key.to_vec());
            }
        }))
    }

    fn recover(&mut self) -> Fut<'_, Option<CopyProgress>> {
        Box::pin(async move {
            self.world.step("loader").await?;
            self.loaded.clear();
            Ok(self.world.db().copy(&table_name(self.table)).cloned())
        })
    }
}
