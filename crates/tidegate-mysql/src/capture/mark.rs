//! What the position gains by a transaction.

use super::BinlogCapture;
use crate::gtid::{Uuid, encode_file, encode_gtid, encode_mariadb};
use std::time::Instant;
use tidegate_model::{CaptureSink, Commit};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gtid {
    Mysql { uuid: Uuid, tag: String, gno: u64 },
    Mariadb { domain: u32, server: u32, seq: u64 },
    None,
}

/// GTIDs in sequence that are not in `mark` yet.
pub(super) struct Skipped {
    uuid: Uuid,
    tag: String,
    first: u64,
    last: u64,
}

impl BinlogCapture {
    /// Adds a transaction to the mark; GTIDs in sequence become one range.
    pub(super) fn push_mark(&mut self, id: &Gtid) {
        match id {
            Gtid::Mysql { uuid, tag, gno } => {
                if let Some(skipped) = &mut self.skipped
                    && skipped.uuid == *uuid
                    && skipped.tag == *tag
                    && skipped.last + 1 == *gno
                {
                    skipped.last = *gno;
                    return;
                }
                self.settle_skipped();
                self.skipped = Some(Skipped { uuid: *uuid, tag: tag.clone(), first: *gno, last: *gno });
            }
            Gtid::Mariadb { domain, server, seq } => encode_mariadb(&mut self.mark, *domain, *server, *seq),
            Gtid::None => {
                self.mark.clear();
                encode_file(&mut self.mark, &self.file, self.offset);
            }
        }
    }

    pub(super) fn settle_skipped(&mut self) {
        if let Some(skipped) = self.skipped.take() {
            encode_gtid(&mut self.mark, &skipped.uuid, &skipped.tag, skipped.first, skipped.last);
        }
    }

    pub(super) fn flush_idle(&mut self, sink: &mut dyn CaptureSink) {
        self.settle_skipped();
        if !self.mark.is_empty() {
            sink.commit(Commit { mark: &self.mark, committed_at_us: 0 });
            self.mark.clear();
        }
        self.marked_at = Instant::now();
    }
}
