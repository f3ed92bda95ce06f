//! Words of the statements that servers print, for replacing and comparing.

/// A piece of a statement between blanks. Executable comments count as what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Word<'_> {
    pub(crate) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// The name, if it is one in back-ticks.
    pub(crate) fn name(&self) -> Option<String> {
        let inside = self.text.strip_prefix('`')?.strip_suffix('`')?;
        Some(inside.replace("``", "`"))
    }

    pub(crate) fn is_quoted(&self) -> bool {
        self.text.starts_with(['`', '\'', '"'])
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Cuts a statement into words. Never fails: a quote without end reaches to the end.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.as_bytes()[0];
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'/' if rest.starts_with("/*!") || rest.starts_with("/*M!") => {
                at += comment_opening(rest);
                continue;
            }
            b'*' if rest.starts_with("*/") => {
                at += 2;
                continue;
            }
            b'\'' | b'"' | b'`' => quoted(rest.as_bytes(), first),
            _ if is_word(first) => rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len()),
            _ => 1,
        };
        found.push(Word { text: &text[at..at + length], start: at });
        at += length;
    }
    found
}

/// Bytes of `/*!80016` or `/*M!100301`.
fn comment_opening(rest: &str) -> usize {
    let mark = if rest.starts_with("/*M!") { 4 } else { 3 };
    mark + rest.bytes().skip(mark).take(6).take_while(u8::is_ascii_digit).count()
}

/// Bytes of the quoted piece at the beginning.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' && quote != b'`' {
            at += 1;
        } else if byte == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'@' | 0x80..)
}

/// Replaces pieces of a text. The spans must not overlap.
pub(super) fn replaced(text: &str, mut edits: Vec<(std::ops::Range<usize>, String)>) -> String {
    edits.sort_by_key(|edit| edit.0.start);
    let mut out = String::with_capacity(text.len() + 64);
    let mut done = 0;
    for (span, new) in edits {
        out.push_str(text.get(done..span.start).unwrap_or_default());
        out.push_str(&new);
        done = span.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// What a server printed, as text. MariaDB prints the default of a BINARY column as it is: such a literal becomes a
/// hexadecimal one.
pub(super) fn printed(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let mut rest = bytes.as_slice();
    while let Some(&byte) = rest.first() {
        let length = if matches!(byte, b'\'' | b'`') { quoted(rest, byte) } else { 1 };
        let (piece, after) = rest.split_at(length);
        if byte == b'\'' && std::str::from_utf8(piece).is_err() {
            out.extend_from_slice(b"x'");
            out.extend(literal_bytes(piece).iter().flat_map(|byte| format!("{byte:02X}").into_bytes()));
            out.push(b'\'');
        } else {
            out.extend_from_slice(piece);
        }
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The bytes that a literal with its quotes means.
fn literal_bytes(literal: &[u8]) -> Vec<u8> {
    let inside = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    let mut out = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' => out.extend(bytes.next()),
            b'\\' => out.extend(bytes.next().map(|escaped| match escaped {
                b'0' => 0,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'Z' => 26,
                other => other,
            })),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_words() {
        let text =
            "`a``b` varchar(10) /*!80023 INVISIBLE */ DEFAULT 'it''s \\' x' /*M!100301 COMPRESSED*/, x='";
        let found: Vec<&str> = words(text).iter().map(|word| word.text).collect();
        let expected = [
            "`a``b`",
            "varchar",
            "(",
            "10",
            ")",
            "INVISIBLE",
            "DEFAULT",
            "'it''s \\' x'",
            "COMPRESSED",
            ",",
            "x",
            "=",
            "'",
        ];
        assert_eq!(found, expected);
        assert_eq!(words("`a``b`")[0].name().unwrap(), "a`b");
        assert!(words(text).iter().all(|word| &text[word.start..word.end()] == word.text));
    }

    #[test]
    fn bytes_that_are_no_text_become_hexadecimal() {
        let bytes = b"`\xc3\xa9` binary(4) DEFAULT '\\0\xff\\'''', c 'x'".to_vec();
        assert_eq!(printed(bytes), "`é` binary(4) DEFAULT x'00FF2727', c 'x'");
        assert_eq!(printed(b"DEFAULT '\\0'".to_vec()), "DEFAULT '\\0'");
    }
}
