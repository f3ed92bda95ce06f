//! Names between the bytes of a statement and `String`.

use super::Charset;

/// What the bytes 0x80 to 0x9F mean in the server's `latin1`: Windows-1252, its five gaps as C1 controls.
const LATIN1_HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The name in back-ticks, those inside it doubled: `` a`b `` gives `` `a``b` ``. Valid wherever a name is,
/// under every `sql_mode`.
pub(crate) fn quote_identifier(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('`');
    for character in name.chars() {
        if character == '`' {
            quoted.push('`');
        }
        quoted.push(character);
    }
    quoted.push('`');
    quoted
}

/// The name that `bytes` spell, quotes taken off and doubled ones made single; `None` if the charset does
/// not define it or cannot be decoded here.
pub(super) fn decode(bytes: &[u8], quote: Option<u8>, charset: Charset) -> Option<String> {
    let Some(quote) = quote else { return decode_plain(bytes, charset) };
    let inner = bytes.get(1..bytes.len().checked_sub(1)?)?;
    let mut plain = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        plain.push(byte);
        if byte == quote {
            rest.next();
        }
    }
    decode_plain(&plain, charset)
}

fn decode_plain(bytes: &[u8], charset: Charset) -> Option<String> {
    match charset {
        Charset::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Charset::Latin1 => Some(bytes.iter().map(|&byte| latin1(byte)).collect()),
        Charset::Other | Charset::Sjis | Charset::Gbk if bytes.is_ascii() => {
            Some(bytes.iter().map(|&byte| char::from(byte)).collect())
        }
        Charset::Other | Charset::Sjis | Charset::Gbk => None,
    }
}

fn latin1(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|index| LATIN1_HIGH.get(usize::from(index)));
    high.copied().unwrap_or(char::from(byte))
}

/// The bytes that spell `text` in the charset; `None` if they do not exist or are not known here.
pub(super) fn encode(text: &str, charset: Charset) -> Option<Vec<u8>> {
    match charset {
        Charset::Utf8 => Some(text.as_bytes().to_vec()),
        Charset::Latin1 => text.chars().map(to_latin1).collect(),
        Charset::Other | Charset::Sjis | Charset::Gbk => text.is_ascii().then(|| text.as_bytes().to_vec()),
    }
}

fn to_latin1(character: char) -> Option<u8> {
    if let Some(index) = LATIN1_HIGH.iter().position(|&high| high == character) {
        return u8::try_from(index + 0x80).ok();
    }
    u8::try_from(u32::from(character)).ok().filter(|byte| !(0x80..0xa0).contains(byte))
}
