//! One line that tells how the link fares: drawn over itself on a terminal, one after the other elsewhere.

use std::io::{IsTerminal, Write, stdout};

use crate::program::Line;

pub(super) struct LiveLine {
    terminal: bool,
    /// The last line shown where lines stay: it is not said twice.
    last: String,
}

impl LiveLine {
    pub(super) fn new() -> LiveLine {
        LiveLine { terminal: stdout().is_terminal(), last: String::new() }
    }

    pub(super) fn show(&mut self, line: &Line) {
        let text = text(line);
        let mut out = stdout().lock();
        // A line that cannot be shown is no reason to stop.
        let _ = if self.terminal {
            write!(out, "\r\x1b[2K    {text}").and_then(|()| out.flush())
        } else if text != self.last {
            writeln!(out, "    {text}")
        } else {
            Ok(())
        };
        self.last = text;
    }

    /// Leaves the last line standing.
    pub(super) fn end(&self) {
        if self.terminal && !self.last.is_empty() {
            println!();
        }
    }
}

fn text(line: &Line) -> String {
    let step = line.step.as_deref().unwrap_or("starting").replace('_', " ");
    let mut text = format!("{step:<11} copied {:>9}  applied {:>9}", line.rows_copied, line.rows_applied);
    text.push_str(&format!("  {:>8.0} rows/s  {:>6.1} MB/s", line.rows_per_second, line.mb_per_second));
    if let (Some(p50), Some(p99)) = (line.lag_ms_p50, line.lag_ms_p99) {
        text.push_str(&format!("  lag p50 {p50:.1} ms p99 {p99:.1} ms"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_shown_where_there_is_one() {
        let mut line = Line { step: Some("catching_up".to_owned()), rows_copied: 12, ..Line::default() };
        assert!(text(&line).starts_with("catching up copied        12  applied"));
        assert!(!text(&line).contains("lag"));
        (line.lag_ms_p50, line.lag_ms_p99) = (Some(3.2), Some(9.0));
        assert!(text(&line).ends_with("lag p50 3.2 ms p99 9.0 ms"));
    }
}
