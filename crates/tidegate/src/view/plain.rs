//! Plain lines on standard error, for logs of service managers and CI.

use super::{Sample, View};
use std::io::{Result, Write};
use std::time::Duration;
use tidegate_service::{Outcome, Step};

/// Samples without news that are not worth a line: an idle link says so once a minute.
const QUIET_SAMPLES: u32 = 12;

#[derive(Default)]
pub(super) struct PlainLines {
    last: Option<(Step, u64, u64)>,
    quiet: u32,
}

impl View for PlainLines {
    fn every(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn show(&mut self, sample: &Sample) -> Result<()> {
        if self.is_news(sample) {
            // As with logs: nobody left to read standard error is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{}", sample.line());
        }
        Ok(())
    }

    fn end(&mut self, _: Option<&Outcome>, _: &Sample) -> Result<()> {
        Ok(())
    }
}

impl PlainLines {
    fn is_news(&mut self, sample: &Sample) -> bool {
        let now = (sample.step, sample.rows_copied, sample.seq_applied);
        let same = self.last.replace(now) == Some(now) || sample.step == Step::Preparing;
        self.quiet = if same { self.quiet + 1 } else { 0 };
        if self.quiet < QUIET_SAMPLES {
            return !same;
        }
        self.quiet = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Sampler;
    use std::sync::Arc;
    use tidegate_service::Progress;

    #[test]
    fn an_idle_link_is_quiet() {
        let mut sample = Sampler::new(Arc::new(Progress::new())).take();
        let mut lines = PlainLines::default();
        assert!(!lines.is_news(&sample));
        sample.step = Step::Streaming;
        assert!(lines.is_news(&sample));
        let said = (0..24).filter(|_| lines.is_news(&sample)).count();
        assert_eq!(said, 2);
        sample.seq_applied += 1;
        assert!(lines.is_news(&sample));
    }
}
