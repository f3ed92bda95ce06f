//! `tidegate explain`: the table of error codes.

use crate::figures;
use std::process::ExitCode;
use tidegate_service::{Code, Retry};

/// Reads `TG-3004`, `tg-3004` or `3004`.
pub(crate) fn parse(text: &str) -> Result<Code, String> {
    let upper = text.trim().to_ascii_uppercase();
    let number = upper.strip_prefix("TG-").unwrap_or(&upper);
    let found = Code::ALL.iter().find(|code| code.as_str().strip_prefix("TG-") == Some(number));
    found.copied().ok_or_else(|| "there is no such code; 'tidegate explain' lists them all".to_owned())
}

pub(crate) fn run(code: Option<Code>) -> ExitCode {
    let text = match code {
        Some(code) => explanation(code),
        None => Code::ALL.iter().map(|code| format!("{}  {}\n", code.as_str(), code.title())).collect(),
    };
    figures::print(&text);
    ExitCode::SUCCESS
}

fn explanation(code: Code) -> String {
    format!("{}: {}\n  fix: {}\n  retry: {}\n", code.as_str(), code.title(), code.remedy(), retry(code))
}

fn retry(code: Code) -> &'static str {
    match code.retry() {
        Retry::Auto => "by itself, for as long as --retry-for says; at the start it is shown at once",
        Retry::Operator => "run the same command again after the fix: it goes on where it stopped",
        Retry::Never => "going on would lose or damage data: begin anew",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        for text in ["TG-2001", "tg-2001", " 2001 "] {
            assert_eq!(parse(text), Ok(Code::Unreachable), "{text}");
        }
        for bad in ["", "TG-", "TG-1", "2001x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_code_is_explained() {
        for code in Code::ALL {
            assert_eq!(explanation(*code).lines().count(), 3, "{}", code.as_str());
        }
    }
}
