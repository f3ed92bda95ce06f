//! One look at a link's progress, with the rates since the look before.

use crate::figures::{grouped, lag, shortened};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use tidegate_service::{Progress, Step, TableProgress};

/// What a link does, as of one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) step: Step,
    pub(crate) seq_captured: u64,
    pub(crate) seq_applied: u64,
    pub(crate) rows_copied: u64,
    pub(crate) rows_applied: u64,
    pub(crate) rows_per_second: f64,
    pub(crate) mb_per_second: f64,
    /// Of what was applied since the sample before; `None` if that is nothing.
    pub(crate) lag_ms_p50: Option<f64>,
    pub(crate) lag_ms_p99: Option<f64>,
    pub(crate) position: String,
    /// While copying only.
    pub(crate) tables: Vec<TableProgress>,
}

/// Takes samples of one link.
pub(crate) struct Sampler {
    progress: Arc<Progress>,
    at: Instant,
    rows: u64,
    bytes: u64,
    last: Sample,
}

impl Sampler {
    pub(crate) fn new(progress: Arc<Progress>) -> Self {
        let last = Sample {
            step: Step::Preparing,
            seq_captured: 0,
            seq_applied: 0,
            rows_copied: 0,
            rows_applied: 0,
            rows_per_second: 0.0,
            mb_per_second: 0.0,
            lag_ms_p50: None,
            lag_ms_p99: None,
            position: String::new(),
            tables: Vec::new(),
        };
        Self { progress, at: Instant::now(), rows: 0, bytes: 0, last }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn last(&self) -> &Sample {
        &self.last
    }

    pub(crate) fn take(&mut self) -> Sample {
        let progress = &self.progress;
        let seconds = self.at.elapsed().as_secs_f64().max(0.001);
        self.at = Instant::now();
        let (rows_copied, rows_applied) =
            (progress.rows_copied.load(Relaxed), progress.rows_applied.load(Relaxed));
        let rows = rows_copied.saturating_add(rows_applied);
        let bytes = progress.bytes_copied.load(Relaxed).saturating_add(progress.bytes_applied.load(Relaxed));
        let applied = progress.applied_up_to().borrow().clone();
        let step = *progress.step().borrow();
        self.last = Sample {
            step,
            seq_captured: progress.captured().borrow().seq.0,
            seq_applied: applied.seq.0,
            rows_copied,
            rows_applied,
            rows_per_second: rows.saturating_sub(self.rows) as f64 / seconds,
            mb_per_second: bytes.saturating_sub(self.bytes) as f64 / seconds / 1e6,
            lag_ms_p50: progress.lag.quantile_ms(0.50),
            lag_ms_p99: progress.lag.quantile_ms(0.99),
            position: applied.position.to_string(),
            tables: if step == Step::Copying { progress.tables() } else { Vec::new() },
        };
        progress.lag.clear();
        (self.rows, self.bytes) = (rows, bytes);
        self.last.clone()
    }
}

impl Sample {
    /// One line for a person.
    pub(crate) fn line(&self) -> String {
        let mut parts = vec![self.step.name().replace('_', " ")];
        if self.step == Step::Copying {
            let done = self.tables.iter().filter(|table| table.done).count();
            parts.push(format!("{done} of {} tables", self.tables.len()));
            parts.push(format!("{} rows", grouped(self.rows_copied)));
        }
        parts.push(format!("{} rows/s", grouped(self.rows_per_second.round() as u64)));
        parts.push(format!("{:.1} MB/s", self.mb_per_second));
        if let (Some(p50), Some(p99)) = (self.lag_ms_p50, self.lag_ms_p99) {
            parts.push(format!("lag p50 {} p99 {}", lag(p50), lag(p99)));
        }
        if self.step >= Step::CatchingUp {
            parts.push(format!("applied {} of {}", grouped(self.seq_applied), grouped(self.seq_captured)));
        }
        if !self.position.is_empty() {
            parts.push(format!("at {}", shortened(&self.position)));
        }
        parts.join("  ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_what_came_since() {
        let progress = Arc::new(Progress::new());
        let mut sampler = Sampler::new(progress.clone());
        progress.rows_applied.store(700, Relaxed);
        let first = sampler.take();
        assert_eq!((first.rows_applied, first.rows_per_second > 0.0), (700, true));
        let second = sampler.take();
        assert_eq!((second.rows_applied, second.rows_per_second), (700, 0.0));
        assert_eq!(second.lag_ms_p50, None);
    }

    #[test]
    fn lines() {
        let mut sample = Sampler::new(Arc::new(Progress::new())).take();
        assert_eq!(sample.line(), "preparing  0 rows/s  0.0 MB/s");
        sample.step = Step::Streaming;
        (sample.seq_applied, sample.seq_captured, sample.rows_per_second) = (1200, 1234, 5000.4);
        (sample.lag_ms_p50, sample.lag_ms_p99) = (Some(3.2), Some(41.0));
        sample.position = "mariadb:0-1-55".to_owned();
        assert_eq!(
            sample.line(),
            "streaming  5,000 rows/s  0.0 MB/s  lag p50 3.2 ms p99 41 ms  applied 1,200 of 1,234  at mariadb:0-1-55"
        );
    }
}
