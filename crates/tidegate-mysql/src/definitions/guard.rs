//! Triggers that spare our own writes.
//!
//! The source's triggers have fired already, and what they did is in its log. In the target the same triggers must
//! stay still while we write, and work for everybody else: the body goes into an IF. Sessions that apply set
//! `@tidegate_apply`.

const OPEN: &str = "BEGIN IF @tidegate_apply IS NULL THEN\n";
const CLOSE: &str = "\n; END IF; END";

/// The body of a trigger with the guard around it; one that has it stays as it is.
pub(crate) fn guarded(body: &str) -> String {
    if unguarded(body).is_some() {
        return body.to_owned();
    }
    // A newline before the semicolon: the body may end in a comment.
    format!("{OPEN}{}{CLOSE}", body.trim_end_matches(|c: char| c.is_whitespace() || c == ';'))
}

/// Whether a trigger's body spares our own writes.
pub(crate) fn is_guarded(body: &str) -> bool {
    unguarded(body).is_some()
}

/// The body without its guard; `None` if it has none.
pub(super) fn unguarded(body: &str) -> Option<&str> {
    body.trim().strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_comes_off_as_it_went_on() {
        for body in ["SET NEW.a = 1", "l: BEGIN LEAVE l; END l", "SET @x = 1 -- why", "BEGIN END"] {
            let with = guarded(body);
            assert_eq!(unguarded(&with), Some(body));
            assert_eq!(guarded(&with), with);
            assert_eq!(unguarded(body), None);
        }
        assert_eq!(unguarded(&guarded("SET @x = 1 ; ")), Some("SET @x = 1"));
    }
}
