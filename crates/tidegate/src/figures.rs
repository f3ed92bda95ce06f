//! Numbers and places as people read them, and the way to standard output.

use serde::Serialize;
use std::io::Write;

/// Prints to standard output. A reader that has gone away is not an error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An answer, for a script or for a person.
pub(crate) fn say(json: bool, value: &impl Serialize, text: &str) {
    if json {
        let line = serde_json::to_string(value).expect("our own types can be written");
        print(&format!("{line}\n"));
    } else {
        print(text);
    }
}

/// Servers write line breaks, and names and rows may hold terminal controls: neither may shape what is shown.
pub(crate) fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim_end().to_owned()
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 row`, `1,234 rows`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {what}{end}", grouped(number))
}

/// A lag: `3.1 ms`, `740 ms`, `12.0 s`, `7 min`, `5.2 h`.
pub(crate) fn lag(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms if ms < 7_200_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms => format!("{:.1} h", ms / 3_600_000.0),
    }
}

/// A position's beginning and end: a GTID set can be long, and its end is what moves.
pub(crate) fn shortened(position: &str) -> String {
    const FIRST: usize = 13;
    const LAST: usize = 26;
    let count = position.chars().count();
    if count <= FIRST + LAST + 1 {
        return position.to_owned();
    }
    let first: String = position.chars().take(FIRST).collect();
    let last: String = position.chars().skip(count - LAST).collect();
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lags() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((count(1, "row"), count(0, "row")), ("1 row".to_owned(), "0 rows".to_owned()));
        for (ms, text) in [
            (0.42, "0.4 ms"),
            (31.2, "31 ms"),
            (1500.0, "1.5 s"),
            (420_000.0, "7 min"),
            (18_720_000.0, "5.2 h"),
        ] {
            assert_eq!(lag(ms), text);
        }
    }

    #[test]
    fn positions() {
        assert_eq!(shortened("mariadb:0-1-55"), "mariadb:0-1-55");
        let long = "gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-23456";
        assert_eq!(shortened(long), "gtid:3e11fa47…-9e33-c80aa9429562:1-23456");
        assert_eq!(shortened(&"ö".repeat(100)).chars().count(), 40);
    }
}
