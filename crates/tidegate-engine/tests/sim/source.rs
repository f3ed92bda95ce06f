//! A source in memory.

use super::script::{BAG, CHILD, PARENT, encode, table_name, table_number};
use super::world::World;
use crate::support::{Place, PlaceCursor, mark, position};
use std::sync::Arc;
use tidegate_model::{
    Capture, CaptureSink, Chunk, Commit, Cursor, Definition, Fut, Position, Result, Selection, Source, Stage,
    Table, TableReader,
};
use tokio::sync::watch;

pub(crate) struct SimSource(pub(crate) Arc<World>);

/// Rows in one chunk of the copy.
const CHUNK_ROWS: usize = 2;

impl Source for SimSource {
    fn check(&self) -> Fut<'_, ()> {
        Box::pin(self.0.step("source"))
    }

    fn retention(&self) -> Fut<'_, Option<std::time::Duration>> {
        Box::pin(async { Ok(None) })
    }

    fn lineage(&self) -> Fut<'_, String> {
        Box::pin(async { Ok("simulated".to_owned()) })
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async { Ok("the source".to_owned()) })
    }

    fn tables<'a>(&'a self, _: &'a Selection) -> Fut<'a, Vec<Table>> {
        Box::pin(async move {
            self.0.step("source").await?;
            let columns = self.0.script.rows(self.0.committed()).version.to_string();
            let table = |table| Table {
                name: table_name(table),
                rows_estimated: 10,
                bytes_estimated: 10,
                group: (table != CHILD).then(|| table_name(BAG)),
                columns: columns.clone(),
            };
            Ok([PARENT, CHILD, BAG].map(table).to_vec())
        })
    }

    fn definitions<'a>(&'a self, _: &'a Selection) -> Fut<'a, Vec<Definition>> {
        Box::pin(async move {
            self.0.step("source").await?;
            let text = self.0.script.rows(self.0.committed()).version.to_string();
            let name = table_name(CHILD);
            Ok(vec![Definition { stage: Stage::Table, name, text, detail: String::new() }])
        })
    }

    fn position(&self) -> Fut<'_, Position> {
        Box::pin(async move {
            self.0.step("source").await?;
            if self.0.is_streaming() && self.0.percent("source", 80) {
                self.0.settled().await;
            }
            self.0.goal.send_replace(self.0.committed());
            Ok(position(self.0.committed()))
        })
    }

    fn plain(&self, position: &Position) -> Result<Position> {
        Ok(position.clone())
    }

    fn capture<'a>(&'a self, from: &'a Position, _: &'a Selection) -> Fut<'a, Box<dyn Capture>> {
        Box::pin(async move {
            self.0.step("capture").await?;
            let place = Place::read(from)?;
            assert!(place.beyond.is_empty(), "the log is read from a place with gaps: {from}");
            assert!(place.upto <= self.0.committed(), "the log is read from beyond its end");
            let kept = self.0.kept.lock().unwrap().unwrap_or(0);
            assert!(place.upto >= kept, "the change log had {kept}, and the source is asked from {from} on");
            let committed = self.0.committed.subscribe();
            Ok(Box::new(SimCapture {
                world: self.0.clone(),
                committed,
                place: place.upto,
                marked: place.upto,
                sure: 0,
                op: 0,
            }) as Box<dyn Capture>)
        })
    }

    fn read<'a>(&'a self, table: &'a Table, after: Option<&'a [u8]>) -> Fut<'a, Box<dyn TableReader>> {
        Box::pin(async move {
            self.0.step("reader").await?;
            let after = after.map(|key| u64::from_le_bytes(key.try_into().unwrap()));
            let (world, table) = (self.0.clone(), table_number(&table.name));
            Ok(Box::new(SimReader { world, table, after, snapshot: None }) as Box<dyn TableReader>)
        })
    }

    fn snapshot<'a>(&'a self, tables: &'a [Table]) -> Fut<'a, Vec<Box<dyn TableReader>>> {
        Box::pin(async move {
            self.0.step("reader").await?;
            let snapshot = Some(self.0.committed());
            let reader = |table: &Table| {
                let (world, table) = (self.0.clone(), table_number(&table.name));
                Box::new(SimReader { world, table, after: None, snapshot }) as Box<dyn TableReader>
            };
            Ok(tables.iter().map(reader).collect())
        })
    }

    fn cursor(&self, from: &Position) -> Result<Box<dyn Cursor>> {
        PlaceCursor::begin(from)
    }
}

struct SimReader {
    world: Arc<World>,
    table: u8,
    /// The last key read; of the table without one, how many values.
    after: Option<u64>,
    snapshot: Option<u64>,
}

impl TableReader for SimReader {
    fn next<'a>(&'a mut self, chunk: &'a mut Chunk) -> Fut<'a, bool> {
        Box::pin(async move {
            self.world.step("reader").await?;
            let rows = self.world.script.rows(self.snapshot.unwrap_or_else(|| self.world.committed()));
            let all: Vec<(u64, u64)> = if self.table == BAG {
                rows.bag.iter().map(|(value, count)| (*value, *count as u64)).collect()
            } else {
                let of_table = rows.keyed.iter().filter(|((table, _), _)| *table == self.table);
                of_table.map(|((_, key), value)| (*key, *value)).collect()
            };
            let mut left = all.into_iter().filter(|(key, _)| self.after.is_none_or(|after| *key > after));
            for (key, value) in left.by_ref().take(CHUNK_ROWS) {
                chunk.bytes.extend_from_slice(&key.to_le_bytes());
                chunk.bytes.extend_from_slice(&value.to_le_bytes());
                chunk.rows += 1;
                chunk.last_key = key.to_le_bytes().to_vec();
            }
            let more = left.next().is_some();
            if chunk.rows > 0 {
                self.after = Some(u64::from_le_bytes(chunk.last_key[..].try_into().unwrap()));
            }
            Ok(more)
        })
    }

    fn snapshot(&self) -> Option<Position> {
        self.snapshot.map(position)
    }
}

struct SimCapture {
    world: Arc<World>,
    committed: watch::Receiver<u64>,
    /// Transactions read.
    place: u64,
    /// Transactions that a mark was handed over for.
    marked: u64,
    /// Of those, what came with a call that went well.
    sure: u64,
    /// Changes of the next transaction that were handed over.
    op: usize,
}

impl Capture for SimCapture {
    fn next<'a>(&'a mut self, sink: &'a mut dyn CaptureSink) -> Fut<'a, ()> {
        Box::pin(async move {
            // What a call that went well handed over is published by now; what came before an error may not be.
            self.world.kept.lock().unwrap().iter_mut().for_each(|kept| *kept = self.sure.max(*kept));
            let handed_over = self.hand_over(sink).await;
            if handed_over.is_ok() {
                self.sure = self.marked;
            }
            handed_over
        })
    }
}

impl SimCapture {
    async fn hand_over(&mut self, sink: &mut dyn CaptureSink) -> Result<()> {
        if self.op == 0 {
            self.committed.wait_for(|committed| *committed > self.place).await.expect("the world goes on");
        }
        self.world.step("capture").await?;
        while self.place < self.world.committed() {
            let tx = self.world.script.tx(self.place + 1);
            while let Some(op) = tx.ops.get(self.op) {
                sink.data(&encode(op, tx.padding));
                self.op += 1;
                if self.world.percent("capture", 10) {
                    return self.world.step("capture").await;
                }
                if self.world.percent("capture", 3) {
                    sink.rollback();
                    self.op = 0;
                }
            }
            self.place += 1;
            if self.op > 0 || self.world.percent("capture", 30) {
                sink.commit(Commit { mark: &mark(self.marked + 1, self.place), committed_at_us: 1 });
                self.marked = self.place;
            }
            self.op = 0;
            if sink.is_full() {
                return Ok(());
            }
        }
        if self.marked < self.place {
            sink.commit(Commit { mark: &mark(self.marked + 1, self.place), committed_at_us: 0 });
            self.marked = self.place;
        }
        Ok(())
    }
}
