//! A cell of a row image as an SQL literal from which a MySQL or MariaDB server makes the same stored value.
//!
//! The session that runs it must have `SET NAMES binary` (the lexer then goes byte by byte, so escaping is
//! the same for every character set), `time_zone='+00:00'`, and a `sql_mode` without `NO_BACKSLASH_ESCAPES`,
//! `ANSI_QUOTES`, `NO_ZERO_DATE` and `NO_ZERO_IN_DATE`. What no literal can carry: the ENUM error value
//! (index 0) needs a non-strict mode, and JSON scalars that text has no form for (DECIMAL, dates, blobs) come
//! back as JSON's own.

use std::io::Write;

use super::bytes::{be, le};
use super::charset::{BINARY, charset_of_collation, introducer};
use super::table_map::{Column, Kind};
use super::temporal::{self, Moment};
use super::{Malformed, column_zip, decimal, json};

/// How byte strings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `_charset'…'` with escapes where that is safe, else as `Hex`. Shortest and fastest; may hold any byte.
    Quoted,
    /// `_charset x'…'`: ASCII only, for files that people read.
    Hex,
}

/// Appends the literal for one non-NULL cell. `value` is the cell as [`rows`](super::rows) gives it (without
/// length prefix). On error `out` is as before.
pub(crate) fn write(out: &mut Vec<u8>, column: &Column, value: &[u8], style: Style) -> Result<(), Malformed> {
    let start = out.len();
    let written = any(out, column, value, style);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn any(out: &mut Vec<u8>, column: &Column, value: &[u8], style: Style) -> Result<(), Malformed> {
    match column.kind {
        Kind::Tiny | Kind::Short | Kind::Int24 | Kind::Long | Kind::LongLong => {
            integer(out, column.kind, column.unsigned, value)
        }
        Kind::Float => float(out, f64::from(f32::from_le_bytes(sized(value, "FLOAT")?))),
        Kind::Double => float(out, f64::from_le_bytes(sized(value, "DOUBLE")?)),
        Kind::NewDecimal { precision, scale } => decimal::write(out, value, precision, scale),
        Kind::Bit { bits } => bit(out, bits, value),
        Kind::Year => {
            match sized::<1>(value, "YEAR")? {
                [0] => out.extend_from_slice(b"'0000'"),
                [years] => push_u64(out, 1900 + u64::from(years)),
            }
            Ok(())
        }
        Kind::Date => moment(out, temporal::date(value)?, |m, out| m.push_date(out)),
        Kind::OldTime => moment(out, temporal::old_time(value)?, |m, out| m.push_time(out, 0)),
        Kind::OldDateTime => moment(out, temporal::old_datetime(value)?, |m, out| m.push_datetime(out, 0)),
        Kind::OldTimestamp => moment(out, temporal::old_timestamp(value)?, |m, out| m.push_datetime(out, 0)),
        Kind::Time2 { fsp } => moment(out, temporal::time2(value, fsp)?, |m, out| m.push_time(out, fsp)),
        Kind::DateTime2 { fsp } => {
            moment(out, temporal::datetime2(value, fsp)?, |m, out| m.push_datetime(out, fsp))
        }
        Kind::Timestamp2 { fsp } => {
            moment(out, temporal::timestamp2(value, fsp)?, |m, out| m.push_datetime(out, fsp))
        }
        Kind::Enum { bytes } | Kind::Set { bytes } => {
            if value.len() != usize::from(bytes) {
                return Err(wrong_size(value, usize::from(bytes), "ENUM or SET"));
            }
            push_u64(out, le(value));
            Ok(())
        }
        Kind::Char { max_len } if column.charset == Some(BINARY) => {
            let cut = usize::from(max_len).saturating_sub(value.len());
            string(out, Some(BINARY), value, cut, style);
            Ok(())
        }
        Kind::Char { .. } | Kind::VarChar { .. } | Kind::Blob { .. } => {
            string(out, column.charset, value, 0, style);
            Ok(())
        }
        Kind::BlobCompressed { .. } | Kind::VarCharCompressed { .. } => {
            string(out, column.charset, &column_zip::uncompress(value)?, 0, style);
            Ok(())
        }
        Kind::Geometry { .. } | Kind::Vector { .. } => {
            string(out, Some(BINARY), value, 0, style);
            Ok(())
        }
        Kind::Json { .. } => json_text(out, style, |out| json::write_text(out, value)),
    }
}

/// A JSON text, written by `text`, as a literal. The escaping is done in place: JSON columns are long.
pub(crate) fn json_text(
    out: &mut Vec<u8>,
    style: Style,
    text: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    if style == Style::Hex {
        let mut plain = Vec::new();
        text(&mut plain)?;
        out.extend_from_slice(b"_utf8mb4 ");
        hex(out, &plain, 0);
        return Ok(());
    }
    out.extend_from_slice(b"_utf8mb4'");
    let start = out.len();
    text(out)?;
    escape_tail(out, start);
    out.push(b'\'');
    Ok(())
}

fn integer(out: &mut Vec<u8>, kind: Kind, unsigned: bool, value: &[u8]) -> Result<(), Malformed> {
    let (bytes, what) = match kind {
        Kind::Tiny => (1, "TINYINT"),
        Kind::Short => (2, "SMALLINT"),
        Kind::Int24 => (3, "MEDIUMINT"),
        Kind::Long => (4, "INT"),
        _ => (8, "BIGINT"),
    };
    if value.len() != bytes {
        return Err(wrong_size(value, bytes, what));
    }
    let raw = le(value);
    let spare = 64 - 8 * bytes as u32;
    let signed = (raw << spare) as i64 >> spare;
    if !unsigned && signed < 0 {
        out.push(b'-');
        push_u64(out, signed.unsigned_abs());
    } else {
        push_u64(out, raw);
    }
    Ok(())
}

/// The shortest digits that read back as the same double, always with an exponent so that the server reads a
/// double and no decimal. A FLOAT is widened first: the server narrows the double it reads to the same float.
fn float(out: &mut Vec<u8>, value: f64) -> Result<(), Malformed> {
    if !value.is_finite() {
        return Err(Malformed::new(format!("FLOAT or DOUBLE: {value} is no value of the server's")));
    }
    write!(out, "{value:e}").map_err(|e| Malformed::new(e.to_string()))
}

fn bit(out: &mut Vec<u8>, bits: u8, value: &[u8]) -> Result<(), Malformed> {
    let number = be(value);
    if value.len() != usize::from(bits.div_ceil(8)) || (bits < 64 && number >> bits != 0) {
        return Err(Malformed::new(format!("BIT({bits}): bytes {value:02x?}")));
    }
    push_u64(out, number);
    Ok(())
}

fn moment(out: &mut Vec<u8>, m: Moment, push: impl Fn(&Moment, &mut Vec<u8>)) -> Result<(), Malformed> {
    out.push(b'\'');
    push(&m, out);
    out.push(b'\'');
    Ok(())
}

/// A string with its introducer. `zeros` bytes 0x00 follow `value`: the server cut them off a BINARY(n).
/// Without a known character set the bytes go as `_binary`, which a character column takes unconverted.
fn string(out: &mut Vec<u8>, charset: Option<u32>, value: &[u8], zeros: usize, style: Style) {
    let charset = charset.and_then(charset_of_collation);
    let (name, quotable) = charset.map_or(("binary", true), |c| (introducer(c.name), c.quotable));
    out.push(b'_');
    out.extend_from_slice(name.as_bytes());
    if style == Style::Hex || !quotable {
        out.push(b' ');
        hex(out, value, zeros);
        return;
    }
    out.push(b'\'');
    push_escaped(out, value);
    for _ in 0..zeros {
        out.extend_from_slice(b"\\0");
    }
    out.push(b'\'');
}

/// What follows the backslash for a byte that must be escaped, else 0. NUL, LF, CR and Ctrl-Z need none for
/// the server, but keep logs and pipes whole.
const ESCAPE: [u8; 256] = {
    let mut table = [0; 256];
    table[0] = b'0';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[0x1A] = b'Z';
    table[b'\'' as usize] = b'\'';
    table[b'\\' as usize] = b'\\';
    table
};

fn escape_of(byte: u8) -> u8 {
    ESCAPE[usize::from(byte)]
}

/// Appends `value` escaped for a single-quoted string. Blocks without a byte to escape are copied whole; the
/// test is a fold because the compiler makes vector instructions of that (3 GB/s of text, 0.7 GB/s of random
/// bytes).
pub(crate) fn push_escaped(out: &mut Vec<u8>, value: &[u8]) {
    out.reserve(value.len());
    for block in value.chunks(32) {
        let special = block
            .iter()
            .fold(false, |found, b| found | matches!(b, 0 | b'\n' | b'\r' | 0x1A | b'\'' | b'\\'));
        if special {
            escape_block(out, block);
        } else {
            out.extend_from_slice(block);
        }
    }
}

fn escape_block(out: &mut Vec<u8>, block: &[u8]) {
    for &byte in block {
        match escape_of(byte) {
            0 => out.push(byte),
            escape => out.extend_from_slice(&[b'\\', escape]),
        }
    }
}

/// Escapes `out[start..]` where it lies, from the end backwards.
fn escape_tail(out: &mut Vec<u8>, start: usize) {
    let extra = out[start..].iter().filter(|&&byte| escape_of(byte) != 0).count();
    let mut from = out.len();
    out.resize(from + extra, 0);
    let mut to = out.len();
    while to > from {
        from -= 1;
        let byte = out[from];
        to -= 1;
        match escape_of(byte) {
            0 => out[to] = byte,
            escape => {
                out[to] = escape;
                to -= 1;
                out[to] = b'\\';
            }
        }
    }
}

fn hex(out: &mut Vec<u8>, value: &[u8], zeros: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(value.len() * 2 + 3);
    out.extend_from_slice(b"x'");
    for byte in value {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    for _ in 0..zeros {
        out.extend_from_slice(b"00");
    }
    out.push(b'\'');
}

/// Decimal digits of `value`.
pub(crate) fn push_u64(out: &mut Vec<u8>, mut value: u64) {
    let mut text = [0u8; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

fn sized<const N: usize>(value: &[u8], what: &str) -> Result<[u8; N], Malformed> {
    value.try_into().map_err(|_| wrong_size(value, N, what))
}

#[cold]
fn wrong_size(value: &[u8], size: usize, what: &str) -> Malformed {
    Malformed::new(format!("{what} of {size} bytes has {}", value.len()))
}
