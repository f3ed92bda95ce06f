//! The live display on a terminal: a bar per table while copying, one status line always.

use super::{Sample, View};
use crate::figures::grouped;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::HashMap;
use std::fmt::Write;
use std::io::Result;
use std::time::{Duration, Instant};
use tidegate_service::{Outcome, TableProgress};

/// More bars than this would push the status line out of a small window: then only the tables in work are shown.
const BARS_MAX: usize = 10;
/// So long a measured lag stays on display when nothing new is applied.
const LAG_STAYS: Duration = Duration::from_secs(5);

pub(super) struct Live {
    bars: MultiProgress,
    status: ProgressBar,
    tables: HashMap<String, ProgressBar>,
    lag: Option<(Instant, f64, f64)>,
}

impl Live {
    pub(super) fn new(bars: &MultiProgress) -> Self {
        bars.set_draw_target(ProgressDrawTarget::stderr());
        let status = bars.add(ProgressBar::new_spinner());
        status.set_style(style("{spinner} {wide_msg}"));
        status.set_message("preparing");
        Self { bars: bars.clone(), status, tables: HashMap::new(), lag: None }
    }

    fn show_tables(&mut self, tables: &[TableProgress]) {
        let all = tables.len() <= BARS_MAX;
        let in_work = |table: &&TableProgress| all || (table.rows > 0 && !table.done);
        let shown: Vec<_> = tables.iter().filter(in_work).take(BARS_MAX).collect();
        let names: Vec<String> = shown.iter().map(|table| table.name.to_string()).collect();
        self.tables.retain(|name, bar| {
            let stays = names.contains(name);
            if !stays {
                self.bars.remove(bar);
            }
            stays
        });
        for (table, name) in shown.iter().zip(names) {
            let bar = self.tables.entry(name).or_insert_with_key(|name| {
                let bar = self.bars.insert_before(&self.status, table_bar(name));
                bar.set_position(table.rows);
                bar.reset_eta();
                bar
            });
            show_table(bar, table);
        }
    }

    /// Keeps the lag readable when transactions are rare.
    fn hold_lag(&mut self, sample: &Sample) -> Sample {
        let mut sample = sample.clone();
        match (sample.lag_ms_p50, sample.lag_ms_p99, self.lag) {
            (Some(p50), Some(p99), _) => self.lag = Some((Instant::now(), p50, p99)),
            (_, _, Some((at, p50, p99))) if at.elapsed() < LAG_STAYS => {
                (sample.lag_ms_p50, sample.lag_ms_p99) = (Some(p50), Some(p99));
            }
            _ => self.lag = None,
        }
        sample
    }
}

impl View for Live {
    fn every(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn show(&mut self, sample: &Sample) -> Result<()> {
        self.show_tables(&sample.tables);
        let line = self.hold_lag(sample).line();
        self.status.set_message(line);
        self.status.tick();
        Ok(())
    }

    fn end(&mut self, _: Option<&Outcome>, _: &Sample) -> Result<()> {
        self.tables.values().for_each(ProgressBar::finish_and_clear);
        self.status.finish_and_clear();
        Ok(())
    }
}

fn table_bar(name: &str) -> ProgressBar {
    let rows = |state: &ProgressState, out: &mut dyn Write| {
        let _ = write!(out, "{}/{}", grouped(state.pos()), grouped(state.len().unwrap_or(0)));
    };
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // Of a table that was done before the first look there is no rate.
        let _ = match state.is_finished() {
            true => Ok(()),
            false => write!(out, "{} rows/s", grouped(state.per_sec().round() as u64)),
        };
    };
    let left = |state: &ProgressState, out: &mut dyn Write| {
        let _ = match state.is_finished() {
            true => write!(out, "done"),
            false if state.per_sec() < 1.0 => Ok(()),
            false => write!(out, "eta {}", indicatif::HumanDuration(state.eta())),
        };
    };
    // Hidden until it is among the others: by itself it would draw where the cursor happens to be.
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden());
    bar.set_style(
        style("  {prefix:28!} {bar:20} {rows:>23} {rate:>16}  {left}")
            .with_key("rows", rows)
            .with_key("rate", rate)
            .with_key("left", left),
    );
    bar.set_prefix(name.to_owned());
    bar
}

fn show_table(bar: &ProgressBar, table: &TableProgress) {
    if bar.is_finished() {
        return;
    }
    // The estimate may be too small; a bar beyond its end would say nothing.
    let whole = if table.done { table.rows } else { table.rows_estimated.max(table.rows) };
    bar.set_length(whole.max(1));
    bar.set_position(table.rows);
    if table.done {
        bar.set_length(table.rows);
        bar.abandon();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Sampler;
    use std::sync::Arc;
    use tidegate_service::Progress;

    #[test]
    fn templates_are_sound() {
        let _ = table_bar("shop.order");
        let _ = Live::new(&MultiProgress::with_draw_target(ProgressDrawTarget::hidden()));
    }

    #[test]
    fn a_lag_stays_for_a_while() {
        let mut live = Live::new(&MultiProgress::with_draw_target(ProgressDrawTarget::hidden()));
        let mut sample = Sampler::new(Arc::new(Progress::new())).take();
        (sample.lag_ms_p50, sample.lag_ms_p99) = (Some(1.0), Some(2.0));
        live.hold_lag(&sample);
        (sample.lag_ms_p50, sample.lag_ms_p99) = (None, None);
        assert_eq!(live.hold_lag(&sample).lag_ms_p99, Some(2.0));
    }
}
