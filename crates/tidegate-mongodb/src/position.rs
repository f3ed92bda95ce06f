//! Places in a deployment's log: resume tokens, and times before which nothing is missing.
//!
//! A token's `_data` is a sorted key in hexadecimal: two of one deployment compare as their bytes do, and the first nine
//! bytes are the type of a timestamp (0x82) and the cluster time of the event.
//!
//! Text: `time:<seconds>.<increment>`, or `<data>`, where needed with `:<type bits>` and `+<schema changes>` behind it, both
//! in hexadecimal.

use std::fmt;
use tidegate_model::{Code, Cursor, Error, Position, Result};

/// Seconds and increment, as the servers count them.
pub(crate) type ClusterTime = (u32, u32);

const TIME: &str = "time:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MongoPosition {
    /// Everything up to and including this time lies before it.
    Time(ClusterTime),
    /// Everything up to and including the event of this token.
    Token(Token),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Upper-case hexadecimal, as the server writes it.
    pub(crate) data: Box<str>,
    /// What a sorted key cannot say of its values; few tokens have it.
    pub(crate) type_bits: Option<Box<[u8]>>,
    /// The schema changes of peers that had begun here and not ended (BSON of `capture`): what follows may be their echo.
    pub(crate) within: Option<Box<[u8]>>,
    time: ClusterTime,
}

impl Token {
    pub(crate) fn new(data: &str, type_bits: Option<&[u8]>) -> Result<Self> {
        let time = time_of(data).ok_or_else(|| not_a_position(data))?;
        Ok(Self { data: data.into(), type_bits: type_bits.map(Into::into), within: None, time })
    }
}

/// The cluster time that a token's `_data` begins with.
pub(crate) fn time_of(data: &str) -> Option<ClusterTime> {
    let is_token = data.len() >= 18 && data.bytes().all(|byte| byte.is_ascii_hexdigit());
    let rest = is_token.then_some(data)?.strip_prefix("82")?;
    let part = |at: usize| u32::from_str_radix(&rest[at..at + 8], 16).ok();
    Some((part(0)?, part(8)?))
}

fn not_a_position(text: &str) -> Error {
    let shown: String = text.chars().take(80).collect();
    Error::new(Code::BadSetting, format!("'{shown}' is no position of a deployment of this engine"))
        .with_remedy("write a resume token's _data, or time:<seconds>.<increment>")
}

impl MongoPosition {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Some(time) = text.strip_prefix(TIME) {
            let parts = time.split_once('.').and_then(|(s, i)| Some((s.parse().ok()?, i.parse().ok()?)));
            return parts.map(Self::Time).ok_or_else(|| not_a_position(text));
        }
        let bytes = |hex: &str| from_hex(hex).ok_or_else(|| not_a_position(text));
        let (plain, within) =
            text.split_once('+').map_or((text, None), |(plain, within)| (plain, Some(within)));
        let (data, bits) = plain.split_once(':').map_or((plain, None), |(data, bits)| (data, Some(bits)));
        let mut token = Token::new(data, bits.map(bytes).transpose()?.as_deref())?;
        token.within = within.map(bytes).transpose()?.map(Into::into);
        Ok(Self::Token(token))
    }

    pub(crate) fn time(&self) -> ClusterTime {
        match self {
            Self::Time(time) => *time,
            Self::Token(token) => token.time,
        }
    }

    /// Whether everything up to `other` lies within it. A token that capture has come to covers its whole time: a time is
    /// one entry of the log, and capture takes an entry whole.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Token(own), Self::Token(other)) => own.data >= other.data,
            _ => self.time() >= other.time(),
        }
    }

    pub(crate) fn into_position(self) -> Position {
        Position::new(self.to_string())
    }
}

impl fmt::Display for MongoPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time((seconds, increment)) => write!(f, "{TIME}{seconds}.{increment}"),
            Self::Token(token) => {
                let (bits, within) = (token.type_bits.as_deref(), token.within.as_deref());
                write_token(f, &token.data, bits, within)
            }
        }
    }
}

/// The text of a token's position.
pub(crate) fn write_token(
    out: &mut impl fmt::Write,
    data: &str,
    type_bits: Option<&[u8]>,
    within: Option<&[u8]>,
) -> fmt::Result {
    out.write_str(data)?;
    for (sign, bytes) in [(":", type_bits), ("+", within)] {
        let Some(bytes) = bytes else { continue };
        out.write_str(sign)?;
        bytes.iter().try_for_each(|byte| write!(out, "{byte:02X}"))?;
    }
    Ok(())
}

/// The bytes of hexadecimal text; `None` if it is none.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let even = text.is_ascii() && text.len().is_multiple_of(2);
    even.then(|| {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
    })?
}

pub(crate) fn parse(position: &Position) -> Result<MongoPosition> {
    MongoPosition::parse(position.as_str())
}

/// A mark is the text of the position after its transaction.
pub(crate) struct MongoCursor(pub(crate) MongoPosition);

impl Cursor for MongoCursor {
    fn advance(&mut self, mark: &[u8]) -> Result<()> {
        let text =
            std::str::from_utf8(mark).map_err(|_| Error::new(Code::ChangeLogDamaged, "a mark is no text"))?;
        self.0 = MongoPosition::parse(text)?;
        Ok(())
    }

    fn position(&self) -> Position {
        self.0.clone().into_position()
    }

    fn covers(&self, other: &Position) -> Result<bool> {
        Ok(self.0.covers(&parse(other)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: &str = "826B038F29000000062B0229296E04";
    const WITHIN: &str = "826B038F29000000062B0229296E04+0500000000";
    const LATE: &str =
        "826B038F290000000B2B022C01002B026E5A1004A1FCE28202604E2EB40D0673AB3899D5461E5F6964002B160004";

    #[test]
    fn positions_are_read_written_and_compared() {
        let read = |text: &str| MongoPosition::parse(text).unwrap();
        for text in [
            EARLY,
            LATE,
            "time:1795395369.11",
            "826B038F2A000000042B04:820002",
            WITHIN,
            "826B038F2A000000042B04:82+0500000000",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read(LATE).time(), (1_795_395_369, 11));
        assert!(read(LATE).covers(&read(EARLY)) && !read(EARLY).covers(&read(LATE)));
        assert!(
            read(LATE).covers(&read("time:1795395369.11")) && !read(LATE).covers(&read("time:1795395369.12"))
        );
        for wrong in [
            "",
            "time:",
            "time:1",
            "82",
            "xx",
            "81",
            "826B038F29000000062B02zz",
            "826B038F29000000062B:0",
            "826B038F29000000062B+x",
        ] {
            assert_eq!(MongoPosition::parse(wrong).unwrap_err().code(), Code::BadSetting, "{wrong}");
        }
    }
}
