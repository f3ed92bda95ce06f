//! Sizes and times as people write them.

use std::time::Duration;

/// `16GiB`, `16G` (both by 1024), `16GB` (by 1000), `4096`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let shape = || format!("'{text}' is not a size; write 512MiB or 16GiB");
    let (number, unit) = split(text.trim());
    let number: u64 = number.parse().map_err(|_| shape())?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(shape()),
    };
    number.checked_mul(factor).ok_or_else(|| format!("'{text}' is too large"))
}

/// `30s`, `15m`, `12h`, `2d`, `1h30m`, `500ms`; `0` needs no unit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let shape = || format!("'{text}' is not a time; write 30s, 15m, 12h or 1h30m");
    let too_long = || format!("'{text}' is too long");
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(shape());
    }
    let mut whole = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split(rest);
        let number: u64 = number.parse().map_err(|_| shape())?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let millis: u64 = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(shape()),
        };
        let part = Duration::from_millis(number.checked_mul(millis).ok_or_else(too_long)?);
        whole = whole.checked_add(part).ok_or_else(too_long)?;
        rest = after;
    }
    Ok(whole)
}

/// The digits at the beginning, and what follows.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("12 b", 12),
            ("1k", 1024),
            ("3KB", 3000),
            ("512MiB", 512 << 20),
            ("16GiB", 16 << 30),
            ("16 gib", 16 << 30),
            ("16GB", 16_000_000_000),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "GiB",
            "-1",
            "1.5GiB",
            "16XB",
            "16GiB3",
            "1 000",
            "99999999999999999999",
            "99999999999TiB",
            "１",
        ] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        for (text, seconds) in [("0", 0.0), ("0s", 0.0), ("30s", 30.0), ("15m", 900.0), ("12h", 43200.0)] {
            assert_eq!(parse_duration(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(parse_duration("2d 1ms").unwrap(), Duration::from_millis(172_800_001));
        for bad in ["", "s", "5", "5 weeks", "-1s", "1.5h", "h1", "9999999999999999999d", "5s6"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
