//! One JSON object per line on standard output.

use super::{Sample, View};
use serde::Serialize;
use std::io::{Result, Write};
use std::time::Duration;
use tidegate_service::{Outcome, Step};

pub(super) struct JsonLines;

#[derive(Serialize)]
struct SampleLine<'a> {
    step: &'static str,
    seq_captured: u64,
    seq_applied: u64,
    rows_copied: u64,
    rows_applied: u64,
    rows_per_second: f64,
    mb_per_second: f64,
    lag_ms_p50: Option<f64>,
    lag_ms_p99: Option<f64>,
    position: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Vec<TableLine>>,
}

#[derive(Serialize)]
struct TableLine {
    name: String,
    rows: u64,
    rows_estimated: u64,
    done: bool,
}

#[derive(Serialize)]
struct OutcomeLine<'a> {
    outcome: &'static str,
    seq_applied: u64,
    rows_copied: u64,
    rows_applied: u64,
    position: &'a str,
}

impl View for JsonLines {
    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn show(&mut self, sample: &Sample) -> Result<()> {
        write_line(&sample_line(sample))
    }

    fn end(&mut self, outcome: Option<&Outcome>, last: &Sample) -> Result<()> {
        match outcome {
            Some(outcome) => write_line(&outcome_line(*outcome, last)),
            None => Ok(()),
        }
    }
}

fn sample_line(sample: &Sample) -> SampleLine<'_> {
    let tables = sample.tables.iter().map(|table| TableLine {
        name: table.name.to_string(),
        rows: table.rows,
        rows_estimated: table.rows_estimated,
        done: table.done,
    });
    SampleLine {
        step: sample.step.name(),
        seq_captured: sample.seq_captured,
        seq_applied: sample.seq_applied,
        rows_copied: sample.rows_copied,
        rows_applied: sample.rows_applied,
        rows_per_second: rounded(sample.rows_per_second, 10.0),
        mb_per_second: rounded(sample.mb_per_second, 1000.0),
        lag_ms_p50: sample.lag_ms_p50,
        lag_ms_p99: sample.lag_ms_p99,
        position: &sample.position,
        tables: (sample.step == Step::Copying).then(|| tables.collect()),
    }
}

fn outcome_line(outcome: Outcome, last: &Sample) -> OutcomeLine<'_> {
    OutcomeLine {
        outcome: match outcome {
            Outcome::Stopped => "stopped",
            Outcome::CaughtUp => "caught_up",
        },
        seq_applied: last.seq_applied,
        rows_copied: last.rows_copied,
        rows_applied: last.rows_applied,
        position: &last.position,
    }
}

fn write_line(line: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Sampler;
    use std::sync::Arc;
    use tidegate_service::Progress;

    #[test]
    fn keys() {
        let mut sample = Sampler::new(Arc::new(Progress::new())).take();
        (sample.rows_per_second, sample.lag_ms_p99) = (12.345, Some(7.5));
        let plain = "\"seq_captured\":0,\"seq_applied\":0,\"rows_copied\":0,\"rows_applied\":0,\
                     \"rows_per_second\":12.3,\"mb_per_second\":0.0,\"lag_ms_p50\":null,\"lag_ms_p99\":7.5,\
                     \"position\":\"\"";
        let line = |sample: &Sample| serde_json::to_string(&sample_line(sample)).unwrap();
        assert_eq!(line(&sample), format!("{{\"step\":\"preparing\",{plain}}}"));
        sample.step = Step::Copying;
        assert_eq!(line(&sample), format!("{{\"step\":\"copying\",{plain},\"tables\":[]}}"));
        assert_eq!(
            serde_json::to_string(&outcome_line(Outcome::CaughtUp, &sample)).unwrap(),
            "{\"outcome\":\"caught_up\",\"seq_applied\":0,\"rows_copied\":0,\"rows_applied\":0,\"position\":\"\"}"
        );
    }
}
