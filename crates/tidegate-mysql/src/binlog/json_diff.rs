//! JSON diffs of PARTIAL_UPDATE_ROWS (`binlog_row_value_options=PARTIAL_JSON`): applied to the before-image's
//! value where that is there, else as SQL functions over the stored value.

use super::Malformed;
use super::bytes::Bytes;
use super::json;
use super::json_dom::{Json, Leg, parse_path};
use super::literal::{Style, json_text};

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
/// On error `out` is as before. For a literal, call it in [`json_text`].
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

/// Appends an SQL expression for the new value: JSON functions over `column` (a quoted name, or any
/// expression of type JSON), for images that lack the value before (`binlog_row_image=MINIMAL` or NOBLOB).
pub(crate) fn write_expression(
    out: &mut Vec<u8>,
    column: &[u8],
    diffs: &[u8],
    style: Style,
) -> Result<(), Malformed> {
    let mut all = Vec::new();
    let mut b = Bytes::new(diffs, "JSON diffs");
    while let Some(diff) = next(&mut b)? {
        all.push(diff);
    }
    let start = out.len();
    let written = expression(out, column, &all, style);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn expression(out: &mut Vec<u8>, column: &[u8], diffs: &[Diff<'_>], style: Style) -> Result<(), Malformed> {
    for diff in diffs.iter().rev() {
        let is_key = matches!(parse_path(diff.path)?.last(), Some(Leg::Key(_)));
        out.extend_from_slice(match diff.change {
            Change::Replace => b"JSON_REPLACE(",
            Change::Insert if is_key => b"JSON_INSERT(",
            Change::Insert => b"JSON_ARRAY_INSERT(",
            Change::Remove => b"JSON_REMOVE(",
        });
    }
    out.extend_from_slice(column);
    for diff in diffs {
        out.push(b',');
        json_text(out, style, |out| {
            out.extend_from_slice(diff.path);
            Ok(())
        })?;
        if diff.change != Change::Remove {
            out.extend_from_slice(b",CAST(");
            json_text(out, style, |out| json::write_text(out, diff.value))?;
            out.extend_from_slice(b" AS JSON)");
        }
        out.push(b')');
    }
    Ok(())
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

    #[test]
    fn as_an_expression() {
        let diffs =
            [diff(1, "$.c", &[12, 1, b'\'']), diff(2, "$.a", &[]), diff(1, "$.b[0]", &[4, 1])].concat();
        let mut out = Vec::new();
        write_expression(&mut out, b"`j`", &diffs, Style::Quoted).unwrap();
        let expected = r#"JSON_ARRAY_INSERT(JSON_REMOVE(JSON_INSERT(`j`,_utf8mb4'$.c',CAST(_utf8mb4'"\'"' AS JSON)),_utf8mb4'$.a'),_utf8mb4'$.b[0]',CAST(_utf8mb4'true' AS JSON))"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = b"keep".to_vec();
        assert!(write_expression(&mut out, b"j", &diff(0, "x", &[4, 0]), Style::Quoted).is_err());
        assert_eq!(out, b"keep");
    }
}
