//! The packed decimal of row images, JSON and the binary log: big-endian groups of nine digits in four bytes,
//! the first and last group shortened; the top bit is set for positive numbers and all bits are flipped for
//! negative.

use super::Malformed;

/// Bytes that hold 0–9 digits.
const GROUP: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
const POWER: [u32; 10] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// Stored size in bytes of DECIMAL(precision, scale); `scale` ≤ `precision` ≤ 65 (30 bytes).
pub(crate) fn bytes(precision: u8, scale: u8) -> u8 {
    let part = |digits: u8| digits / 9 * 4 + GROUP[usize::from(digits % 9)];
    part(precision.saturating_sub(scale)) + part(scale)
}

/// Appends the number as text: `-`, at least one integer digit, and all `scale` digits after the point.
pub(crate) fn write(out: &mut Vec<u8>, value: &[u8], precision: u8, scale: u8) -> Result<(), Malformed> {
    let size = usize::from(bytes(precision, scale));
    let (Some(&first), true) = (value.first(), value.len() == size && scale <= precision && precision <= 65)
    else {
        let len = value.len();
        return Err(Malformed::new(format!("DECIMAL({precision},{scale}) of {size} bytes has {len}")));
    };
    let flip: u8 = if first & 0x80 == 0 { 0xFF } else { 0 };
    let mut stored = [0u8; 32];
    for (to, from) in stored.iter_mut().zip(value) {
        *to = from ^ flip;
    }
    stored[0] ^= 0x80;
    if flip != 0 {
        out.push(b'-');
    }
    let mut at = 0;
    let mut group = |digits: u8| {
        let size = usize::from(GROUP[usize::from(digits)]);
        let value = stored[at..at + size].iter().fold(0u32, |v, &b| v << 8 | u32::from(b));
        at += size;
        if value < POWER[usize::from(digits)] {
            Ok(value)
        } else {
            Err(Malformed::new(format!("DECIMAL: {value} in a group of {digits} digits")))
        }
    };
    let whole = precision - scale;
    let start = out.len();
    for index in 0..=whole / 9 {
        let digits = if index == 0 { whole % 9 } else { 9 };
        let value = group(digits)?;
        if out.len() > start {
            push_digits(out, value, 9);
        } else if value > 0 {
            push_number(out, value);
        }
    }
    if out.len() == start {
        out.push(b'0');
    }
    if scale > 0 {
        out.push(b'.');
        for _ in 0..scale / 9 {
            push_digits(out, group(9)?, 9);
        }
        push_digits(out, group(scale % 9)?, scale % 9);
    }
    Ok(())
}

/// `value` in exactly `width` ≤ 9 digits.
pub(crate) fn push_digits(out: &mut Vec<u8>, mut value: u32, width: u8) {
    let mut text = [b'0'; 9];
    let width = usize::from(width);
    for digit in text[..width].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text[..width]);
}

fn push_number(out: &mut Vec<u8>, value: u32) {
    let width = POWER.iter().skip(1).take_while(|&&p| p <= value).count() as u8 + 1;
    push_digits(out, value, width.min(9));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &[u8], precision: u8, scale: u8) -> String {
        let mut out = Vec::new();
        write(&mut out, value, precision, scale).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_manuals_example() {
        // 1234567890.1234 as DECIMAL(14,4)
        let stored = [0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2];
        assert_eq!(text(&stored, 14, 4), "1234567890.1234");
        let negative: Vec<u8> = stored.iter().map(|b| !b).collect();
        assert_eq!(text(&negative, 14, 4), "-1234567890.1234");
    }

    #[test]
    fn widest() {
        assert_eq!(bytes(65, 30), 30);
        let mut max = vec![0x80 | (99_999_999u32 >> 24) as u8];
        max.extend(&99_999_999u32.to_be_bytes()[1..]);
        for _ in 0..6 {
            max.extend(999_999_999u32.to_be_bytes());
        }
        max.extend([0x03, 0xE7]); // the last three digits, 999
        assert_eq!(max.len(), 30);
        let nines = format!("{}.{}", "9".repeat(35), "9".repeat(30));
        assert_eq!(text(&max, 65, 30), nines);
        let negative: Vec<u8> = max.iter().map(|b| !b).collect();
        assert_eq!(text(&negative, 65, 30), format!("-{nines}"));
    }

    #[test]
    fn small_shapes() {
        assert_eq!(text(&[0x80], 1, 0), "0");
        assert_eq!(text(&[0x80], 2, 2), "0.00");
        assert_eq!(text(&[0x85], 2, 2), "0.05");
        assert_eq!(text(&[0x7A], 2, 2), "-0.05");
        assert_eq!(text(&[0x80, 0, 0, 1, 0, 0, 0, 0], 18, 0), "1000000000");
        assert_eq!(text(&[0x80, 0, 0, 0, 7], 11, 0), "7");
        assert_eq!(text(&[0x80, 5], 3, 2), "0.05");
    }

    #[test]
    fn wrong_sizes_and_groups_are_refused() {
        let mut out = Vec::new();
        assert!(write(&mut out, &[0x80, 0], 1, 0).is_err());
        assert!(write(&mut out, &[], 0, 0).is_err());
        assert!(write(&mut out, &[0xFF], 1, 0).is_err(), "127 is no single digit");
        assert!(write(&mut out, &[0x80], 1, 2).is_err());
    }
}
