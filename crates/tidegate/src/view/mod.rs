//! What a running link looks like: live on a terminal, plain lines elsewhere, JSON for machines.

mod json;
mod live;
mod plain;
mod sample;

pub(crate) use sample::{Sample, Sampler};

use indicatif::MultiProgress;
use std::io::{IsTerminal, Result, Write};
use std::time::Duration;
use tidegate_service::Outcome;

/// One way to show a link. Errors are those of writing.
pub(crate) trait View {
    /// How often it wants a sample.
    fn every(&self) -> Duration;
    fn show(&mut self, sample: &Sample) -> Result<()>;
    /// The link has ended; without an outcome by an error, which is shown elsewhere.
    fn end(&mut self, outcome: Option<&Outcome>, last: &Sample) -> Result<()>;
}

pub(crate) fn choose(json: bool, bars: &MultiProgress) -> Box<dyn View> {
    if json {
        Box::new(json::JsonLines)
    } else if std::io::stderr().is_terminal() {
        Box::new(live::Live::new(bars))
    } else {
        Box::new(plain::PlainLines::default())
    }
}

/// Tells a person something on standard error, with the live display out of the way.
pub(crate) fn say(bars: &MultiProgress, text: &str) {
    // Nobody left to read it is no reason to stop.
    let _ = bars.suspend(|| writeln!(std::io::stderr(), "{text}"));
}
