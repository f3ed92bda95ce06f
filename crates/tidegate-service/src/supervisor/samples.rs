//! What running instances did lately: a short memory for charts.

use super::watch::{Watched, told};
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tidegate_api::Sample;
use tidegate_engine::progress::Progress;

/// Between two samples of an instance.
const EVERY: Duration = Duration::from_secs(5);
/// An hour of them.
const KEPT: usize = 720;
/// Two minutes, for a list.
const RATES: usize = 24;

#[derive(Default)]
pub(super) struct Samples {
    of: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    samples: VecDeque<Sample>,
    taken_at: Instant,
    bytes_captured: u64,
}

impl Samples {
    /// Takes a sample if it is time for one.
    pub(super) fn look(&self, id: &str, progress: &Progress, watched: &Watched, now: Instant) {
        let mut of = self.of.lock().expect("no holder panics");
        let due = of.get(id).is_none_or(|kept| now.duration_since(kept.taken_at) >= EVERY);
        if !due {
            return;
        }
        let told = told(progress, Some(watched));
        let bytes = told.bytes_captured;
        let kept = of.entry(id.to_owned()).or_insert_with(|| Kept {
            samples: VecDeque::new(),
            taken_at: now,
            bytes_captured: bytes,
        });
        let passed = now.duration_since(kept.taken_at).as_secs_f64();
        // Another run counts from the beginning.
        let captured = bytes.checked_sub(kept.bytes_captured).unwrap_or(bytes);
        if kept.samples.len() == KEPT {
            kept.samples.pop_front();
        }
        kept.samples.push_back(Sample {
            at: jiff::Timestamp::now().to_string(),
            step: told.step,
            rows_per_second: told.rows_per_second,
            captured_bytes_per_second: if passed > 0.0 { captured as f64 / passed } else { 0.0 },
            behind_seconds: told.behind_seconds,
            lag_ms_p50: told.lag_ms_p50,
            lag_ms_p99: told.lag_ms_p99,
            lag_capture_ms_p99: told.lag_capture_ms_p99,
            backlog: told.seq_captured.saturating_sub(told.seq_applied),
            log_bytes: told.log_bytes,
        });
        (kept.taken_at, kept.bytes_captured) = (now, bytes);
    }

    /// Forgets what has not run for as long as is remembered.
    pub(super) fn forget_old(&self, now: Instant) {
        let window = EVERY * u32::try_from(KEPT).unwrap_or(u32::MAX);
        let mut of = self.of.lock().expect("no holder panics");
        of.retain(|_, kept| now.duration_since(kept.taken_at) < window);
    }

    /// The oldest first.
    pub(super) fn all(&self, id: &str) -> Vec<Sample> {
        let of = self.of.lock().expect("no holder panics");
        of.get(id).map(|kept| kept.samples.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn rates(&self, id: &str) -> Vec<f64> {
        let of = self.of.lock().expect("no holder panics");
        let Some(kept) = of.get(id) else { return Vec::new() };
        let newest = kept.samples.iter().rev().take(RATES).map(|sample| sample.rows_per_second);
        let mut rates: Vec<f64> = newest.collect();
        rates.reverse();
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn an_hour_is_kept() {
        let (samples, progress) = (Samples::default(), Progress::new());
        let begun = Instant::now();
        let watched = Watched::new(&progress, begun);
        for second in 0..2 * 3600 {
            progress.bytes_captured.store(second * 10, Ordering::Relaxed);
            samples.look("a", &progress, &watched, begun + Duration::from_secs(second));
        }
        let all = samples.all("a");
        assert_eq!((all.len(), samples.rates("a").len(), samples.rates("b").len()), (KEPT, RATES, 0));
        assert_eq!(all.last().unwrap().captured_bytes_per_second, 10.0);
        // A run that begins anew has captured less than the one before.
        progress.bytes_captured.store(50, Ordering::Relaxed);
        samples.look("a", &progress, &watched, begun + Duration::from_secs(2 * 3600));
        assert_eq!(samples.all("a").last().unwrap().captured_bytes_per_second, 10.0);
        samples.forget_old(begun + Duration::from_secs(3 * 3600 - 1));
        assert!(!samples.all("a").is_empty());
        samples.forget_old(begun + Duration::from_secs(3 * 3600));
        assert!(samples.all("a").is_empty());
    }
}
