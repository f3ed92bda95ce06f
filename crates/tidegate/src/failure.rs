//! How an error is shown, and what the process answers.

use crate::figures::one_line;
use serde::Serialize;
use std::error::Error as _;
use tidegate_service::Error;

/// A definite error. 2 is clap's own, for a command line that it does not understand.
pub(crate) const EXIT_ERROR: u8 = 1;
/// `verify` found differences.
pub(crate) const EXIT_DIFFERENT: u8 = 3;
/// `instance wait` ran out of time.
pub(crate) const EXIT_LATE: u8 = 4;
pub(crate) const EXIT_INTERRUPTED: i32 = 130;

/// Two lines: what is wrong, what to do.
pub(crate) fn lines(error: &Error) -> String {
    format!("error: {}\n  fix: {}", one_line(&error.to_string()), one_line(error.remedy()))
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    error: ErrorFields<'a>,
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    code: &'a str,
    message: &'a str,
    remedy: &'a str,
}

/// The same as JSON, with the line's end.
pub(crate) fn json_line(error: &Error) -> String {
    let fields =
        ErrorFields { code: error.code().as_str(), message: error.message(), remedy: error.remedy() };
    let line = serde_json::to_string(&ErrorLine { error: fields });
    line.expect("strings can always be written as JSON") + "\n"
}

/// Logs what lies beneath an error, for whoever looks closer.
pub(crate) fn log_causes(error: &Error) {
    let mut cause = error.source();
    while let Some(beneath) = cause {
        tracing::debug!(code = error.code().as_str(), cause = %one_line(&beneath.to_string()), "caused by");
        cause = beneath.source();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service::Code;

    #[test]
    fn an_error_is_two_lines() {
        let error = Error::new(Code::MissingGrant, "source: no right to\nread \u{1b}[31mshop.a")
            .with_remedy("GRANT it");
        assert_eq!(lines(&error), "error: source: no right to read  [31mshop.a [TG-2003]\n  fix: GRANT it");
        let plain = Error::new(Code::LogOff, "db1:3306 has no log");
        assert_eq!(
            lines(&plain),
            "error: db1:3306 has no log [TG-3001]\n  fix: start the source with --log-bin"
        );
    }

    #[test]
    fn an_error_is_one_json_line() {
        let error = Error::new(Code::LogOff, "no \"log\"\n");
        assert_eq!(
            json_line(&error),
            "{\"error\":{\"code\":\"TG-3001\",\"message\":\"no \\\"log\\\"\\n\",\
             \"remedy\":\"start the source with --log-bin\"}}\n"
        );
    }
}
