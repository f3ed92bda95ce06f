//! Logs go to standard error, above the live display if there is one.

use crate::args::LogArgs;
use crate::traces::Traces;
use indicatif::MultiProgress;
use std::io::{IsTerminal, Write};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Our own words, and of libraries only what is wrong.
const FILTER_DEFAULT: &str = "warn,tidegate=info";

/// A filter that `tracing` understands, checked while the command line is read.
pub(crate) fn parse_filter(text: &str) -> Result<String, String> {
    match text.parse::<EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; write info, or info,tidegate_engine=debug")),
    }
}

pub(crate) fn start(args: &LogArgs, bars: &MultiProgress) -> Option<Traces> {
    let asked =
        args.log_level.clone().or_else(|| std::env::var("RUST_LOG").ok()).filter(|text| !text.is_empty());
    let filter = EnvFilter::new(asked.as_deref().unwrap_or(FILTER_DEFAULT));
    let bars = bars.clone();
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let logs = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(move || AboveBars { bars: bars.clone() });
    let logs = if args.log_json { logs.json().boxed() } else { logs.boxed() };
    let traces = args.otlp_endpoint.as_deref().map(Traces::start);
    let spans = traces.as_ref().map(Traces::layer);
    tracing_subscriber::registry().with(spans).with(logs.with_filter(filter)).init();
    traces
}

/// Writes to standard error with the live display out of the way.
struct AboveBars {
    bars: MultiProgress,
}

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bars.suspend(|| std::io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
