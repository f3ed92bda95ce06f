//! Cutting statement text into tokens.
//!
//! Follows the server's own lexer where it decides where a name or string begins and ends, and is careless
//! elsewhere: operators come as single bytes and `1.5e3` as several tokens, because nothing here reads
//! them.

use super::{Charset, Flavour, Options, Reason, ScanError};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Keyword or unquoted name; also a host name or variable right after `@`.
    Word,
    /// Quoted name; the byte is its quote.
    Quoted(u8),
    /// String literal, without its introducer (`_utf8mb4`, `N`, `x`), which is a `Word` before it.
    Text,
    /// Digits only.
    Number,
    /// Any other byte.
    Mark(u8),
}

/// A token and its bytes, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Yields the tokens of a statement from left to right; comments are skipped, the contents of executable
/// comments are not.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    position: usize,
    options: Options<'a>,
    /// Where the executable comment being read began.
    executable: Option<usize>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8], options: Options<'a>) -> Self {
        Self { text, position: 0, options, executable: None }
    }

    /// The next token, `None` at the end.
    ///
    /// # Errors
    /// A string, quoted name or comment without end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, ScanError> {
        loop {
            let Some(byte) = self.at(0) else {
                return match self.executable.take() {
                    Some(offset) => Err(ScanError { offset, reason: Reason::UnterminatedComment }),
                    None => Ok(None),
                };
            };
            if self.is_blank(byte) {
                self.position += 1;
            } else if !self.comment(byte)? {
                return self.token(byte).map(Some);
            }
        }
    }

    fn at(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.position.saturating_add(ahead)).copied()
    }

    fn is_blank(&self, byte: u8) -> bool {
        // The server asks the client charset what is a space, and latin1 says that 0xA0 is one.
        matches!(byte, b' ' | 0x09..=0x0d) || (byte == 0xa0 && self.options.charset == Charset::Latin1)
    }

    /// Steps over a comment, or over the opening or closing of an executable one; false if there is none
    /// here.
    fn comment(&mut self, byte: u8) -> Result<bool, ScanError> {
        match (byte, self.at(1), self.at(2)) {
            (b'#', ..) => self.skip_line(),
            // `--` is a comment only before a blank, a control character or the end: `5--3` is arithmetic.
            (b'-', Some(b'-'), next) if next.is_none_or(|next| next <= b' ' || next == 0x7f) => {
                self.skip_line()
            }
            (b'/', Some(b'*'), Some(b'!')) => self.open_executable(3, false)?,
            (b'/', Some(b'*'), Some(b'M'))
                if self.at(3) == Some(b'!') && self.options.flavour == Flavour::Mariadb =>
            {
                self.open_executable(4, true)?;
            }
            (b'/', Some(b'*'), _) => self.skip_comment(false)?,
            (b'*', Some(b'/'), _) if self.executable.is_some() => {
                self.executable = None;
                self.position += 2;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn skip_line(&mut self) {
        while self.at(0).is_some_and(|byte| byte != b'\n') {
            self.position += 1;
        }
    }

    /// Enters `/*!NNNNN` or `/*M!NNNNN`. Whether the version applied need not be asked: a server writes `/*
    /// ` over the `/*!` of what it did not run before logging the statement. The one rule that depends on
    /// the flavour is kept all the same: MariaDB never runs `/*!50700` to `/*!99999`, which is MySQL's own
    /// syntax.
    fn open_executable(&mut self, opening: usize, own: bool) -> Result<(), ScanError> {
        let digits = (0..6).take_while(|n| self.at(opening + n).is_some_and(|b| b.is_ascii_digit())).count();
        let digits = if digits < 5 { 0 } else { digits };
        let version =
            (0..digits).filter_map(|n| self.at(opening + n)).fold(0, |v, b| v * 10 + u32::from(b - b'0'));
        let foreign = self.options.flavour == Flavour::Mariadb && (50_700..=99_999).contains(&version);
        if foreign && !own {
            return self.skip_comment(true);
        }
        self.executable.get_or_insert(self.position);
        self.position += opening + digits;
        Ok(())
    }

    /// Skips from `/*` to the matching `*/`. Only an executable comment that is not run nests.
    fn skip_comment(&mut self, nests: bool) -> Result<(), ScanError> {
        let offset = self.position;
        let mut depth = 1_usize;
        self.position += 2;
        while depth > 0 {
            match (self.at(0), self.at(1)) {
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.position += 2;
                }
                (Some(b'/'), Some(b'*')) if nests => {
                    depth += 1;
                    self.position += 2;
                }
                (Some(_), _) => self.position += 1,
                (None, _) => return Err(ScanError { offset, reason: Reason::UnterminatedComment }),
            }
        }
        Ok(())
    }

    fn token(&mut self, byte: u8) -> Result<Token, ScanError> {
        let start = self.position;
        let kind = match byte {
            b'\'' => self.string(byte)?,
            b'"' if !self.options.ansi_quotes => self.string(byte)?,
            b'`' | b'"' => self.quoted(byte)?,
            _ if is_word(byte) => self.word(),
            _ => {
                self.position += 1;
                TokenKind::Mark(byte)
            }
        };
        Ok(Token { kind, start, end: self.position })
    }

    fn string(&mut self, quote: u8) -> Result<TokenKind, ScanError> {
        let offset = self.position;
        self.position += 1;
        loop {
            match self.at(0) {
                None => return Err(ScanError { offset, reason: Reason::UnterminatedString }),
                Some(b'\\') if !self.options.no_backslash_escapes => {
                    // The server skips one byte here even where a longer character follows.
                    self.position = (self.position + 2).min(self.text.len());
                }
                Some(byte) if byte == quote => {
                    self.position += 1;
                    if self.at(0) != Some(quote) {
                        return Ok(TokenKind::Text);
                    }
                    self.position += 1;
                }
                Some(_) => self.position += self.char_len(),
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<TokenKind, ScanError> {
        let offset = self.position;
        self.position += 1;
        loop {
            match self.at(0) {
                None => return Err(ScanError { offset, reason: Reason::UnterminatedName }),
                Some(byte) if byte == quote => {
                    self.position += 1;
                    if self.at(0) != Some(quote) {
                        return Ok(TokenKind::Quoted(quote));
                    }
                    self.position += 1;
                }
                Some(_) => self.position += self.char_len(),
            }
        }
    }

    fn word(&mut self) -> TokenKind {
        let start = self.position;
        // After `@` comes a host or variable, which may hold dots: `root@10.0.0.1`, `@@global.x`.
        let dots = start.checked_sub(1).and_then(|before| self.text.get(before)) == Some(&b'@');
        let mut digits = true;
        while let Some(byte) = self.at(0)
            && (is_word(byte) && !(byte == 0xa0 && self.is_blank(byte)) || (dots && byte == b'.'))
        {
            digits &= byte.is_ascii_digit();
            self.position += self.char_len();
        }
        if digits { TokenKind::Number } else { TokenKind::Word }
    }

    /// Bytes of the character here, 0 at the end. More than 1 only where a trailing byte could be mistaken.
    fn char_len(&self) -> usize {
        let Some(lead) = self.at(0) else { return 0 };
        let leads = match self.options.charset {
            Charset::Sjis => matches!(lead, 0x81..=0x9f | 0xe0..=0xfc),
            Charset::Gbk => matches!(lead, 0x81..=0xfe),
            Charset::Utf8 | Charset::Latin1 | Charset::Other => false,
        };
        let trails = self.at(1).is_some_and(|trail| matches!(trail, 0x40..=0x7e | 0x80..=0xfe));
        if leads && trails { 2 } else { 1 }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}
