//! JSON diffs of PARTIAL_UPDATE_ROWS (`binlog_row_value_options=PARTIAL_JSON`): applied to the before-image's
//! value. (The capture refuses logs whose images lack it.)

use super::Malformed;
use super::bytes::Bytes;
use super::json;
use super::json_dom::{Json, Leg, parse_path};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Replace,
    Insert,
    Remove,
}

/// One change: operation, path text, and the new value as binary JSON (empty for a removal).
struct Diff<'a> {
    change: Change,
    path: &'a [u8],
    value: &'a [u8],
}

/// The next diff of a cell: a byte of operation, then path and value, each with a length-encoded length.
fn next<'a>(b: &mut Bytes<'a>) -> Result<Option<Diff<'a>>, Malformed> {
    if b.is_empty() {
        return Ok(None);
    }
    let change = match b.u8()? {
        0 => Change::Replace,
        1 => Change::Insert,
        2 => Change::Remove,
        other => return Err(b.bad(&format!("operation {other}"))),
    };
    let path = b.lenenc_bytes()?;
    let value = if change == Change::Remove { &[][..] } else { b.lenenc_bytes()? };
    Ok(Some(Diff { change, path, value }))
}

/// Appends the text of the document that `diffs` (a [`Cell::Partial`](super::rows::Cell)) make of `before`
/// (the before-image's cell). A diff that does not fit `before` is an error: the two are not of the same row.
/// On error `out` is as before. For a literal, call it in [`json_text`](super::literal::json_text).
pub(crate) fn apply(out: &mut Vec<u8>, before: &[u8], diffs: &[u8]) -> Result<(), Malformed> {
    let start = out.len();
    let written = apply_all(out, before, diffs);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn apply_all(out: &mut Vec<u8>, before: &[u8], diffs: &[u8]) -> Result<(), Malformed> {
    let mut b = Bytes::new(diffs, "JSON diffs");
    if b.is_empty() {
        return json::write_text(out, before);
    }
    let mut document = Json::parse(before)?;
    while let Some(diff) = next(&mut b)? {
        let legs = parse_path(diff.path)?;
        if !apply_one(&mut document, &diff, &legs)? {
            let path = String::from_utf8_lossy(diff.path);
            return Err(Malformed::new(format!(
                "JSON diff: {:?} at {path} does not fit the value",
                diff.change
            )));
        }
    }
    document.write(out)
}

fn apply_one<'a>(document: &mut Json<'a>, diff: &Diff<'a>, legs: &[Leg]) -> Result<bool, Malformed> {
    match (diff.change, legs.split_last()) {
        (Change::Replace, _) => {
            let value = Json::parse(diff.value)?;
            Ok(document.seek(legs).map(|at| *at = value).is_some())
        }
        (Change::Insert, Some((last, parent))) => {
            let value = Json::parse(diff.value)?;
            Ok(document.seek(parent).is_some_and(|at| at.insert(last, value)))
        }
        (Change::Remove, Some((last, parent))) => Ok(document.seek(parent).is_some_and(|at| at.remove(last))),
        (_, None) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"a": 1, "b": [true, "x"]}`
    const BEFORE: [u8; 33] = [
        0, 2, 0, 32, 0, 18, 0, 1, 0, 19, 0, 1, 0, 5, 1, 0, 2, 20, 0, b'a', b'b', 2, 0, 12, 0, 4, 1, 0, 12,
        10, 0, 1, b'x',
    ];

    fn diff(op: u8, path: &str, value: &[u8]) -> Vec<u8> {
        let mut diff = vec![op, path.len() as u8];
        diff.extend_from_slice(path.as_bytes());
        if op != 2 {
            diff.push(value.len() as u8);
            diff.extend_from_slice(value);
        }
        diff
    }

    fn applied(diffs: &[Vec<u8>]) -> Result<String, Malformed> {
        let mut out = Vec::new();
        apply(&mut out, &BEFORE, &diffs.concat())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn changes() {
        let seven = [5, 7, 0];
        assert_eq!(applied(&[]).unwrap(), r#"{"a": 1, "b": [true, "x"]}"#);
        assert_eq!(applied(&[diff(0, "$.b[1]", &seven)]).unwrap(), r#"{"a": 1, "b": [true, 7]}"#);
        assert_eq!(applied(&[diff(0, "$", &BEFORE)]).unwrap(), r#"{"a": 1, "b": [true, "x"]}"#);
        assert_eq!(applied(&[diff(1, "$.b[1]", &seven)]).unwrap(), r#"{"a": 1, "b": [true, 7, "x"]}"#);
        assert_eq!(applied(&[diff(1, "$.b[9]", &seven)]).unwrap(), r#"{"a": 1, "b": [true, "x", 7]}"#);
        let members = [diff(1, "$.aa", &seven), diff(1, "$.\"Z\"", &[4, 0]), diff(2, "$.a", &[])];
        assert_eq!(applied(&members).unwrap(), r#"{"Z": null, "b": [true, "x"], "aa": 7}"#);
        assert_eq!(applied(&[diff(2, "$.b[last-1]", &[])]).unwrap(), r#"{"a": 1, "b": ["x"]}"#);
        assert_eq!(applied(&[diff(0, "$.a[0]", &seven)]).unwrap(), r#"{"a": 7, "b": [true, "x"]}"#);
    }

    #[test]
    fn changes_that_do_not_fit_are_refused() {
        for diffs in [
            diff(0, "$.c", &[4, 0]),
            diff(1, "$.a", &[4, 0]),
            diff(1, "$.a[1]", &[4, 0]),
            diff(2, "$.b[2]", &[]),
            diff(2, "$", &[]),
            diff(0, "$.a", &[4, 9]),
            diff(3, "$.a", &[4, 0]),
            vec![0, 3, b'$'],
        ] {
            assert!(applied(std::slice::from_ref(&diffs)).is_err(), "{diffs:?}");
        }
    }
}
