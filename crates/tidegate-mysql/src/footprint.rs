//! Conflict keys of transactions.

use crate::binlog::event::code;
use crate::decode::{Decoder, entries, is_rows};
use crate::target::Knowledge;
use crate::xa;
use std::sync::Arc;
use tidegate_model::{ConflictKey, Footprint, FootprintReader, Result};

pub(crate) struct Footprints {
    decoder: Decoder,
}

impl Footprints {
    pub(crate) fn new(knowledge: Arc<Knowledge>) -> Self {
        Self { decoder: Decoder::new(knowledge) }
    }
}

impl FootprintReader for Footprints {
    fn read(&mut self, data: &[u8], keys: &mut Vec<ConflictKey>) -> Result<Footprint> {
        self.decoder.refresh();
        let (mut rows, mut alone) = (0, false);
        for entry in entries(data) {
            let entry = entry?;
            match entry.kind {
                code::QUERY | xa::PREPARED | xa::COMMITTED | xa::ROLLED_BACK => return Ok(Footprint::Alone),
                code::TABLE_MAP => self.decoder.table_map(&entry)?,
                kind if is_rows(kind) => self.decoder.rows(&entry, |change| {
                    rows += 1;
                    alone |= change.cascades();
                    change.plan.push_conflicts(change.before, change.after, keys);
                    Ok(())
                })?,
                _ => {}
            }
        }
        Ok(if alone { Footprint::Alone } else { Footprint::Rows(rows) })
    }
}
