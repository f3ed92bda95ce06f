//! Documents as people read them: extended JSON, relaxed, of bounded length.

use crate::raw::{self, kind};
use std::fmt::Write;
use tidegate_model::Result;

/// So much of a document is shown.
const SHOWN_BYTES: usize = 4 << 10;

/// A document as text; what is beyond the limit is left out, and so said.
pub(crate) fn shown(document: &[u8]) -> String {
    let mut text = String::new();
    if push_document(&mut text, document, false, 0).is_err() {
        text.push_str(" (not BSON)");
    }
    if text.len() > SHOWN_BYTES {
        let end = (0..=SHOWN_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

fn push_document(text: &mut String, document: &[u8], is_array: bool, depth: u32) -> Result<()> {
    text.push(if is_array { '[' } else { '{' });
    for (at, element) in raw::elements(document).enumerate() {
        // Enough is enough, and documents nest deeply.
        if text.len() > SHOWN_BYTES || depth > 100 {
            break;
        }
        let element = element?;
        if at > 0 {
            text.push(',');
        }
        if !is_array {
            push_text(text, element.name);
            text.push(':');
        }
        push_value(text, element, depth)?;
    }
    text.push(if is_array { ']' } else { '}' });
    Ok(())
}

fn push_value(text: &mut String, element: raw::Element<'_>, depth: u32) -> Result<()> {
    let value = element.value;
    // A string takes what is written.
    let _ = match element.kind {
        kind::DOCUMENT | kind::ARRAY => {
            return push_document(text, value, element.kind == kind::ARRAY, depth + 1);
        }
        kind::STRING => return push_string(text, value),
        kind::DOUBLE => match f64::from_le_bytes(sized(value)?) {
            number if number.is_finite() => write!(text, "{number:?}"),
            number => write!(text, "{{\"$numberDouble\":\"{number}\"}}"),
        },
        kind::INT32 => write!(text, "{}", i32::from_le_bytes(sized(value)?)),
        kind::INT64 => write!(text, "{}", i64::from_le_bytes(sized(value)?)),
        kind::BOOLEAN => write!(text, "{}", value == [1]),
        kind::NULL => write!(text, "null"),
        kind::DECIMAL => {
            write!(text, "{{\"$numberDecimal\":\"{}\"}}", bson::Decimal128::from_bytes(sized(value)?))
        }
        kind::DATE => {
            let date = bson::DateTime::from_millis(i64::from_le_bytes(sized(value)?));
            match date.try_to_rfc3339_string() {
                Ok(date) => write!(text, "{{\"$date\":\"{date}\"}}"),
                Err(_) => write!(text, "{{\"$date\":{}}}", date.timestamp_millis()),
            }
        }
        kind::OBJECT_ID => write!(text, "{{\"$oid\":\"{}\"}}", hex(value)),
        kind::TIMESTAMP => {
            let (seconds, increment) = element.timestamp().unwrap_or_default();
            write!(text, "{{\"$timestamp\":{{\"t\":{seconds},\"i\":{increment}}}}}")
        }
        kind::BINARY => {
            let subtype = value.get(4).copied().unwrap_or_default();
            let bytes = value.get(5..).unwrap_or_default();
            write!(text, "{{\"$binary\":{{\"hex\":\"{}\",\"subType\":\"{subtype:02x}\"}}}}", hex(bytes))
        }
        other => write!(text, "{{\"$type\":{other},\"hex\":\"{}\"}}", hex(value)),
    };
    Ok(())
}

fn sized<const N: usize>(value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| raw::malformed())
}

fn push_string(text: &mut String, value: &[u8]) -> Result<()> {
    let bytes = value.get(4..value.len().saturating_sub(1)).ok_or_else(raw::malformed)?;
    push_text(text, &String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES)]));
    Ok(())
}

fn push_text(text: &mut String, value: &str) {
    text.push('"');
    for one in value.chars() {
        match one {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            one if one.is_control() => {
                let _ = write!(text, "\\u{:04x}", one as u32);
            }
            one => text.push(one),
        }
    }
    text.push('"');
}

fn hex(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(SHOWN_BYTES / 2)].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_shown() {
        let document = bson::doc! {
            "_id": bson::oid::ObjectId::from_bytes([1; 12]), "a": [1, 2_i64, 1.5, f64::NAN], "t": "x\"\n", "n": null, "b": true,
            "d": bson::DateTime::from_millis(0), "s": { "x": bson::Timestamp { time: 1, increment: 2 } },
        };
        let bytes = crate::state::bytes_of(&document).unwrap();
        assert_eq!(
            shown(&bytes),
            "{\"_id\":{\"$oid\":\"010101010101010101010101\"},\"a\":[1,2,1.5,{\"$numberDouble\":\"NaN\"}],\"t\":\"x\\\"\\u000a\",\
             \"n\":null,\"b\":true,\"d\":{\"$date\":\"1970-01-01T00:00:00Z\"},\"s\":{\"x\":{\"$timestamp\":{\"t\":1,\"i\":2}}}}"
        );
        let large = crate::state::bytes_of(&bson::doc! { "x": "ä".repeat(10_000) }).unwrap();
        assert!(shown(&large).len() <= SHOWN_BYTES + 3 && shown(&large).ends_with('…'));
        assert!(shown(&bytes[..20]).ends_with("(not BSON)"));
    }
}
