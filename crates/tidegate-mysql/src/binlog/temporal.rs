//! Dates and times of row images and JSON to the server's text form. Fields out of range give an error: the
//! server cannot have stored them. Zero months and days are allowed (`0000-00-00`, `2024-00-00`).

use super::Malformed;
use super::bytes::{be, le};
use super::decimal::push_digits;

/// A date and time of day, or a signed time span (then `hour` goes to 838 and the date is zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) negative: bool,
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    pub(crate) micro: u32,
}

const ZERO: Moment =
    Moment { negative: false, year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0, micro: 0 };

/// DATE: 3 bytes, day in bits 0–4, month in 5–8, year above.
pub(crate) fn date(value: &[u8]) -> Result<Moment, Malformed> {
    let v = le(sized(value, 3, "DATE")?) as u32;
    checked(Moment { year: v >> 9, month: v >> 5 & 15, day: v & 31, ..ZERO }, "DATE", value)
}

/// TIME of MySQL < 5.6: 3 bytes, signed, the decimal digits hhmmss.
pub(crate) fn old_time(value: &[u8]) -> Result<Moment, Malformed> {
    let raw = (le(sized(value, 3, "old TIME")?) as i32) << 8 >> 8;
    let v = raw.unsigned_abs();
    let m = Moment { negative: raw < 0, hour: v / 10_000, minute: v / 100 % 100, second: v % 100, ..ZERO };
    checked_span(m, "old TIME", value)
}

/// DATETIME of MySQL < 5.6: 8 bytes, the decimal digits YYYYMMDDhhmmss.
pub(crate) fn old_datetime(value: &[u8]) -> Result<Moment, Malformed> {
    let v = le(sized(value, 8, "old DATETIME")?);
    let (date, time) = (v / 1_000_000, (v % 1_000_000) as u32);
    let m = Moment {
        year: u32::try_from(date / 10_000).unwrap_or(u32::MAX),
        month: (date / 100 % 100) as u32,
        day: (date % 100) as u32,
        hour: time / 10_000,
        minute: time / 100 % 100,
        second: time % 100,
        ..ZERO
    };
    checked(m, "old DATETIME", value)
}

/// TIMESTAMP of MySQL < 5.6: 4 bytes little-endian seconds.
pub(crate) fn old_timestamp(value: &[u8]) -> Result<Moment, Malformed> {
    Ok(from_epoch(le(sized(value, 4, "old TIMESTAMP")?) as u32, 0))
}

/// TIME2: 3 bytes big-endian with the sign as an offset, then the fraction. Negative times are stored as the
/// two's complement of whole and fraction together, so the fraction of −0.5 s is what is missing to the next
/// lower second.
pub(crate) fn time2(value: &[u8], fsp: u8) -> Result<Moment, Malformed> {
    let digits = fraction_bytes(fsp)?;
    let value = sized(value, 3 + digits, "TIME")?;
    let stored = be(value) as i64 - (0x80_0000_i64 << (8 * digits));
    let raw = stored.unsigned_abs();
    let whole = (raw >> (8 * digits)) as u32;
    let micro = scaled(raw & ((1 << (8 * digits)) - 1), digits);
    let m = Moment {
        negative: stored < 0,
        hour: whole >> 12 & 0x3FF,
        minute: whole >> 6 & 63,
        second: whole & 63,
        micro,
        ..ZERO
    };
    checked_span(m, "TIME", value)
}

/// DATETIME2: 5 bytes big-endian (offset, year·13+month, day, hour, minute, second), then the fraction.
pub(crate) fn datetime2(value: &[u8], fsp: u8) -> Result<Moment, Malformed> {
    let digits = fraction_bytes(fsp)?;
    let value = sized(value, 5 + digits, "DATETIME")?;
    let (whole, fraction) = value.split_at(5);
    let Some(v) = be(whole).checked_sub(0x80_0000_0000) else {
        return Err(bad("DATETIME", value));
    };
    let (months, time) = ((v >> 22) as u32, (v & 0x1_FFFF) as u32);
    let m = Moment {
        year: months / 13,
        month: months % 13,
        day: (v >> 17) as u32 & 31,
        hour: time >> 12,
        minute: time >> 6 & 63,
        second: time & 63,
        micro: scaled(be(fraction), digits),
        ..ZERO
    };
    checked(m, "DATETIME", value)
}

/// TIMESTAMP2: 4 bytes big-endian seconds, unsigned (MariaDB ≥ 11.5 goes to 2106), then the fraction.
pub(crate) fn timestamp2(value: &[u8], fsp: u8) -> Result<Moment, Malformed> {
    let digits = fraction_bytes(fsp)?;
    let value = sized(value, 4 + digits, "TIMESTAMP")?;
    let (whole, fraction) = value.split_at(4);
    checked(from_epoch(be(whole) as u32, scaled(be(fraction), digits)), "TIMESTAMP", value)
}

/// The packed 64-bit form inside JSON: microseconds in the low 24 bits, above it the layout of TIME2 or
/// DATETIME2.
pub(crate) fn packed(value: &[u8], is_time: bool) -> Result<Moment, Malformed> {
    let v = le(sized(value, 8, "packed time")?) as i64;
    let raw = v.unsigned_abs();
    let (whole, micro) = (raw >> 24, (raw & 0xFF_FFFF) as u32);
    let mut m = Moment {
        negative: v < 0,
        hour: (whole >> 12) as u32 & if is_time { 0x3FF } else { 31 },
        minute: (whole >> 6) as u32 & 63,
        second: whole as u32 & 63,
        micro,
        ..ZERO
    };
    if !is_time {
        let months = (whole >> 22) as u32;
        (m.year, m.month, m.day) = (months / 13, months % 13, (whole >> 17) as u32 & 31);
    }
    point_or_span(m, is_time, "packed time", value)
}

impl Moment {
    /// `YYYY-MM-DD`
    pub(crate) fn push_date(&self, out: &mut Vec<u8>) {
        push_digits(out, self.year, 4);
        out.push(b'-');
        push_digits(out, self.month, 2);
        out.push(b'-');
        push_digits(out, self.day, 2);
    }

    /// `[-]hh:mm:ss[.ffffff]` with `fsp` ≤ 6 digits of fraction; three digits of hour from 100 on.
    pub(crate) fn push_time(&self, out: &mut Vec<u8>, fsp: u8) {
        if self.negative {
            out.push(b'-');
        }
        push_digits(out, self.hour, if self.hour > 99 { 3 } else { 2 });
        out.push(b':');
        push_digits(out, self.minute, 2);
        out.push(b':');
        push_digits(out, self.second, 2);
        if fsp > 0 {
            out.push(b'.');
            push_digits(out, self.micro, 6);
            out.truncate(out.len() - usize::from(6 - fsp.min(6)));
        }
    }

    /// `YYYY-MM-DD hh:mm:ss[.ffffff]`
    pub(crate) fn push_datetime(&self, out: &mut Vec<u8>, fsp: u8) {
        self.push_date(out);
        out.push(b' ');
        self.push_time(out, fsp);
    }
}

/// UTC. Second zero without fraction is the zero date, which the server stores that way.
fn from_epoch(seconds: u32, micro: u32) -> Moment {
    if seconds == 0 && micro == 0 {
        return ZERO;
    }
    // Days to civil date by the 400-year cycle that starts on 0000-03-01 (719,468 days before 1970-01-01).
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (cycle, day_of_cycle) = (days / 146_097, days % 146_097);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted = (5 * day_of_year + 2) / 153; // 0 is March
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Moment {
        year: cycle * 400 + year_of_cycle + u32::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted + 2) / 5 + 1,
        hour: time / 3_600,
        minute: time / 60 % 60,
        second: time % 60,
        micro,
        ..ZERO
    }
}

fn fraction_bytes(fsp: u8) -> Result<usize, Malformed> {
    if fsp <= 6 {
        Ok(usize::from(fsp.div_ceil(2)))
    } else {
        Err(Malformed::new(format!("{fsp} fractional digits")))
    }
}

/// A stored fraction of `bytes` bytes (two digits each) in microseconds; saturates, [`checked`] refuses it
/// then.
fn scaled(fraction: u64, bytes: usize) -> u32 {
    let unit = [0, 10_000, 100, 1][bytes.min(3)];
    u32::try_from(fraction * unit).unwrap_or(u32::MAX)
}

fn sized<'a>(value: &'a [u8], size: usize, what: &str) -> Result<&'a [u8], Malformed> {
    if value.len() == size {
        Ok(value)
    } else {
        Err(Malformed::new(format!("{what} of {size} bytes has {}", value.len())))
    }
}

fn checked(m: Moment, what: &str, value: &[u8]) -> Result<Moment, Malformed> {
    point_or_span(m, false, what, value)
}

fn checked_span(m: Moment, what: &str, value: &[u8]) -> Result<Moment, Malformed> {
    point_or_span(m, true, what, value)
}

fn point_or_span(m: Moment, is_span: bool, what: &str, value: &[u8]) -> Result<Moment, Malformed> {
    let fits = m.year <= 9999
        && m.month <= 12
        && m.day <= 31
        && m.hour <= if is_span { 838 } else { 23 }
        && m.minute <= 59
        && m.second <= 59
        && m.micro <= 999_999
        && (is_span || !m.negative);
    if fits { Ok(m) } else { Err(bad(what, value)) }
}

#[cold]
fn bad(what: &str, value: &[u8]) -> Malformed {
    Malformed::new(format!("{what}: bytes {value:02x?} have a field out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(m: Result<Moment, Malformed>, fsp: u8) -> String {
        let mut out = Vec::new();
        m.unwrap().push_time(&mut out, fsp);
        String::from_utf8(out).unwrap()
    }

    fn datetime(m: Result<Moment, Malformed>, fsp: u8) -> String {
        let mut out = Vec::new();
        m.unwrap().push_datetime(&mut out, fsp);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn negative_fractions_borrow() {
        assert_eq!(time(time2(&[0x7F, 0xFF, 0xFF, 0xCE], 1), 1), "-00:00:00.5");
        assert_eq!(time(time2(&[0x4B, 0x91, 0x05, 0x9D], 2), 2), "-838:59:58.99");
        assert_eq!(time(time2(&[0x4B, 0x91, 0x05], 0), 0), "-838:59:59");
        assert_eq!(time(time2(&[0xB4, 0x6E, 0xFB, 0, 0, 0], 6), 6), "838:59:59.000000");
        assert_eq!(time(time2(&[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 6), 6), "-00:00:00.000001");
        assert_eq!(time(time2(&[0x80, 0, 1, 0x04, 0xCE], 3), 3), "00:00:01.123");
    }

    #[test]
    fn timestamps_are_unsigned() {
        assert_eq!(datetime(timestamp2(&[0, 0, 0, 0], 0), 0), "0000-00-00 00:00:00");
        assert_eq!(datetime(timestamp2(&[0, 0, 0, 0, 50], 1), 1), "1970-01-01 00:00:00.5");
        assert_eq!(datetime(timestamp2(&[0, 0, 0, 1], 0), 0), "1970-01-01 00:00:01");
        assert_eq!(datetime(timestamp2(&[0x7F, 0xFF, 0xFF, 0xFF], 0), 0), "2038-01-19 03:14:07");
        assert_eq!(datetime(timestamp2(&[0xFF, 0xFF, 0xFF, 0xFF], 0), 0), "2106-02-07 06:28:15");
        let leap = 951_782_400u32; // 2000-02-29
        assert_eq!(datetime(timestamp2(&leap.to_be_bytes(), 0), 0), "2000-02-29 00:00:00");
        assert_eq!(datetime(old_timestamp(&leap.to_le_bytes()), 0), "2000-02-29 00:00:00");
    }

    #[test]
    fn every_day_of_the_epoch_follows_its_predecessor() {
        let mut last = from_epoch(1, 0);
        for day in 1..=u32::MAX / 86_400 {
            let m = from_epoch(day * 86_400, 0);
            let next_day = m.day == last.day + 1 && m.month == last.month && m.year == last.year;
            let next_month = m.day == 1 && m.month == last.month + 1 && m.year == last.year && last.day >= 28;
            let next_year = m.day == 1 && m.month == 1 && m.year == last.year + 1 && last.day == 31;
            assert!(next_day || next_month || next_year, "{last:?} then {m:?}");
            last = m;
        }
    }

    #[test]
    fn datetimes() {
        // 2012-12-21 12:15:59.123456, from the layout: ym = 2012*13+12
        let ym = 2012u64 * 13 + 12;
        let whole = 0x80_0000_0000 | (ym << 22) | (21 << 17) | (12 << 12) | (15 << 6) | 59;
        let mut stored = whole.to_be_bytes()[3..].to_vec();
        stored.extend(&123_456u32.to_be_bytes()[1..]);
        assert_eq!(datetime(datetime2(&stored, 6), 6), "2012-12-21 12:15:59.123456");
        assert_eq!(datetime(datetime2(&[0x80, 0, 0, 0, 0], 0), 0), "0000-00-00 00:00:00");
        assert!(datetime2(&[0x7F, 0, 0, 0, 0], 0).is_err());
        assert_eq!(datetime(old_datetime(&20_121_221_121_559u64.to_le_bytes()), 0), "2012-12-21 12:15:59");
        assert!(old_datetime(&u64::MAX.to_le_bytes()).is_err());
    }

    #[test]
    fn dates_and_old_times() {
        let stored = (2024u32 << 9 | 2 << 5 | 29).to_le_bytes();
        let mut out = Vec::new();
        date(&stored[..3]).unwrap().push_date(&mut out);
        assert_eq!(out, b"2024-02-29");
        out.clear();
        date(&[0, 0, 0]).unwrap().push_date(&mut out);
        assert_eq!(out, b"0000-00-00");
        assert_eq!(time(old_time(&(-8_385_959i32).to_le_bytes()[..3]), 0), "-838:59:59");
        assert_eq!(time(old_time(&101_112u32.to_le_bytes()[..3]), 0), "10:11:12");
        assert!(date(&[0, 0]).is_err() && time2(&[0; 3], 1).is_err() && time2(&[0; 7], 7).is_err());
    }
}
