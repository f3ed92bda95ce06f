//! JSON scalars as the server prints them.

use std::fmt::Write;

use super::Malformed;
use super::literal::push_u64;
use super::{decimal, temporal};

/// Appends `text` in double quotes, escaped as the server does: `"`, `\`, the short escapes, and `\u00xx` for
/// other control characters. Everything from 0x20 on is left as it is (`/` and 0x7F too).
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\') {
        let byte = rest[at];
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        match byte {
            b'"' | b'\\' => out.push(byte),
            0x08 => out.push(b'b'),
            b'\t' => out.push(b't'),
            b'\n' => out.push(b'n'),
            0x0C => out.push(b'f'),
            b'\r' => out.push(b'r'),
            _ => {
                out.extend_from_slice(b"u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

pub(crate) fn push_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(out, value.unsigned_abs());
}

/// Text of at most `N` bytes without allocation.
struct Short<const N: usize> {
    text: [u8; N],
    len: usize,
}

impl<const N: usize> Write for Short<N> {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let to = self.text.get_mut(self.len..self.len + s.len()).ok_or(std::fmt::Error)?;
        to.copy_from_slice(s.as_bytes());
        self.len += s.len();
        Ok(())
    }
}

/// A double with the shortest digits that read back the same, in the server's choice of forms (`my_gcvt`):
/// plain while the point lies at most 15 places from the digits' start (or within them), else `d.ddde[-]x`. A
/// whole number in plain form gets `.0`, or it would read back as an integer.
pub(crate) fn push_double(out: &mut Vec<u8>, value: f64) -> Result<(), Malformed> {
    let bad = || Malformed::new(format!("JSON: double {value}"));
    if !value.is_finite() {
        return Err(bad());
    }
    let mut buffer = Short { text: [0u8; 32], len: 0 };
    write!(buffer, "{:e}", value.abs()).map_err(|_| bad())?;
    let text = &buffer.text[..buffer.len];
    let e = text.iter().position(|&b| b == b'e').ok_or_else(bad)?;
    let exponent: i32 =
        std::str::from_utf8(&text[e + 1..]).ok().and_then(|s| s.parse().ok()).ok_or_else(bad)?;
    let mut digits = [0u8; 32];
    let mut len = 0;
    for &digit in text[..e].iter().filter(|b| b.is_ascii_digit()) {
        digits[len] = digit;
        len += 1;
    }
    // The point stands after so many digits; ≤ 0: before leading zeros.
    let point = exponent + 1;
    half_to_even(value, &mut digits[..len], point)?;
    let digits = &digits[..len];
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if point < -14 || (point > 15 && len as i32 <= point) {
        out.push(digits[0]);
        if len > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        push_i64(out, i64::from(exponent));
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', point.unsigned_abs() as usize));
        out.extend_from_slice(digits);
    } else if len as i32 > point {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', point as usize - len));
        out.extend_from_slice(b".0");
    }
    Ok(())
}

/// Where a double lies exactly between the two shortest texts, the server takes the even last digit and Rust
/// the upper one. An odd number over 2ᵏ has exactly `k` digits after the point, of which the last is a 5: the
/// double is such a half if that is one digit more than the text has.
fn half_to_even(value: f64, digits: &mut [u8], point: i32) -> Result<(), Malformed> {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7FF) as i32, bits & ((1 << 52) - 1));
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    let k = 1075 - exponent.max(1) - mantissa.trailing_zeros() as i32;
    let len = digits.len();
    if k <= 0 || point + k != len as i32 + 1 {
        return Ok(());
    }
    let mut exact = Short { text: [0u8; 32], len: 0 };
    write!(exact, "{:.len$e}", value.abs()).map_err(|_| Malformed::new(format!("JSON: double {value}")))?;
    let lower = exact.text.iter().filter(|b| b.is_ascii_digit()).nth(len - 1);
    if let (Some(lower), Some(digit)) = (lower, digits.last_mut())
        && lower % 2 == 0
    {
        *digit = *lower;
    }
    Ok(())
}

/// A value that JSON itself has no type for, by the column type it had: DECIMAL as a number, times as strings
/// with six digits of fraction, all others as `"base64:type<n>:…"`.
pub(crate) fn push_opaque(out: &mut Vec<u8>, field_type: u8, data: &[u8]) -> Result<(), Malformed> {
    match field_type {
        246 => match data {
            [precision, scale, value @ ..] => decimal::write(out, value, *precision, *scale),
            _ => Err(Malformed::new("JSON: DECIMAL of less than 2 bytes")),
        },
        7 | 10 | 11 | 12 => {
            let moment = temporal::packed(data, field_type == 11)?;
            out.push(b'"');
            match field_type {
                10 => moment.push_date(out),
                11 => moment.push_time(out, 6),
                _ => moment.push_datetime(out, 6),
            }
            out.push(b'"');
            Ok(())
        }
        _ => {
            out.extend_from_slice(b"\"base64:type");
            push_u64(out, u64::from(field_type));
            out.push(b':');
            push_base64(out, data);
            out.push(b'"');
            Ok(())
        }
    }
}

/// The server breaks base64 after 76 characters; inside a JSON string the line feed is escaped.
fn push_base64(out: &mut Vec<u8>, data: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (index, group) in data.chunks(3).enumerate() {
        if index > 0 && index % 19 == 0 {
            out.extend_from_slice(b"\\n");
        }
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at > group.len() { b'=' } else { digit });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(value: f64) -> String {
        let mut out = Vec::new();
        push_double(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_as_the_server_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (100.0, "100.0"),
            (1e14, "100000000000000.0"),
            (1e15, "1e15"),
            (123_456_789_012_345.0, "123456789012345.0"),
            (1_234_567_890_123_456.5, "1234567890123456.5"),
            (1e100, "1e100"),
            (-1.5e-20, "-1.5e-20"),
            (1e-15, "0.000000000000001"),
            (1.5e-15, "0.0000000000000015"),
            (1e-16, "1e-16"),
            (0.1, "0.1"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (2_264_254_956_268_837.0 / 4.0, "566063739067209.2"),
            (-8_940_678_255_574_985.0 / 4.0, "-2235169563893746.2"),
            (2_264_254_956_268_839.0 / 4.0, "566063739067209.8"),
            (94_178_762_401_385.0 / 32.0, "2943086325043.2812"),
        ] {
            assert_eq!(double(value), text);
        }
        assert!(push_double(&mut Vec::new(), f64::INFINITY).is_err());
    }

    #[test]
    fn doubles_read_back_the_same() {
        let mut bits = 0x9E37_79B9_7F4A_7C15u64;
        for _ in 0..100_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let text = double(value);
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits, "{text}");
                assert!(text.contains(['.', 'e']), "{text} reads as an integer");
            }
        }
    }

    #[test]
    fn strings() {
        let mut out = Vec::new();
        push_string(&mut out, "a\"b\\c/\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}ż".as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c/\\b\\t\\n\\f\\r\\u0001\\u001f\u{7f}ż\"");
    }

    #[test]
    fn opaque() {
        let text = |field_type, data: &[u8]| {
            let mut out = Vec::new();
            push_opaque(&mut out, field_type, data).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(15, b"This is a test"), "\"base64:type15:VGhpcyBpcyBhIHRlc3Q=\"");
        assert_eq!(text(252, &[0; 57]).matches("\\n").count(), 0);
        assert_eq!(text(252, &[0; 58]), format!("\"base64:type252:{}\\nAA==\"", "A".repeat(76)));
        assert_eq!(text(246, &[5, 2, 0x80, 0x0C, 0x22]), "12.34");
        let packed = |v: i64| v.to_le_bytes();
        let ymd = |y: i64, m: i64, d: i64| ((y * 13 + m) << 5 | d) << 17;
        let hms = |h: i64, m: i64, s: i64| h << 12 | m << 6 | s;
        let datetime = (ymd(2015, 1, 15) | hms(23, 24, 25)) << 24 | 120_000;
        assert_eq!(text(12, &packed(datetime)), "\"2015-01-15 23:24:25.120000\"");
        assert_eq!(text(7, &packed(datetime)), "\"2015-01-15 23:24:25.120000\"");
        assert_eq!(text(10, &packed(ymd(2015, 1, 15) << 24)), "\"2015-01-15\"");
        assert_eq!(text(11, &packed(-(hms(838, 59, 59) << 24))), "\"-838:59:59.000000\"");
        assert_eq!(text(11, &packed(-500_000)), "\"-00:00:00.500000\"");
        for (field_type, data) in [(246, &[5u8][..]), (246, &[66, 0, 1]), (12, &[1]), (12, &[0xFF; 8])] {
            assert!(push_opaque(&mut Vec::new(), field_type, data).is_err());
        }
    }
}
