//! A position in the token stream, with the small questions the scanner asks of it.

use super::lex::{Lexer, Token, TokenKind};
use super::names;
use super::{Name, Options, Reason, Role, ScanError};

/// Tokens are read only as far as they are asked for, so that the statement kinds which are recognised by
/// their first words (a large `INSERT`, the body of a procedure) cost nothing more and cannot fail further
/// on.
///
/// A lexical error ends the stream; [`Cursor::finish`] reports it.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    options: Options<'a>,
    lexer: Lexer<'a>,
    tokens: Vec<Token>,
    position: usize,
    ended: bool,
    error: Option<ScanError>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], options: &Options<'a>) -> Self {
        Self {
            text,
            options: *options,
            lexer: Lexer::new(text, *options),
            tokens: Vec::new(),
            position: 0,
            ended: false,
            error: None,
        }
    }

    /// The lexical error met so far, if any.
    pub(super) fn finish(&mut self) -> Result<(), ScanError> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// The token `ahead` places on; 0 is the one [`Cursor::next`] returns.
    pub(super) fn peek(&mut self, ahead: usize) -> Option<Token> {
        let index = self.position.saturating_add(ahead);
        while !self.ended && self.tokens.len() <= index {
            match self.lexer.next() {
                Ok(Some(token)) => self.tokens.push(token),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.error = Some(error);
                    self.ended = true;
                }
            }
        }
        self.tokens.get(index).copied()
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek(0)?;
        self.position += 1;
        Some(token)
    }

    /// Bytes of a token.
    pub(super) fn bytes(&self, token: Token) -> &'a [u8] {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// Start of the next token, or the end of the statement.
    pub(super) fn here(&mut self) -> usize {
        self.peek(0).map_or(self.text.len(), |token| token.start)
    }

    /// End of the token taken last.
    pub(super) fn taken_end(&self) -> usize {
        self.taken().map_or(0, |token| token.end)
    }

    fn taken(&self) -> Option<Token> {
        self.position.checked_sub(1).and_then(|index| self.tokens.get(index)).copied()
    }

    /// True if the next token continues `x.` or `@`, where every word is a name.
    pub(super) fn after_qualifier(&self) -> bool {
        self.taken().is_some_and(|token| matches!(token.kind, TokenKind::Mark(b'.' | b'@')))
    }

    /// The next word in upper case; empty if it is no unquoted word, or longer than any keyword.
    pub(super) fn keyword(&mut self) -> String {
        match self.peek(0) {
            Some(token) if token.kind == TokenKind::Word && token.end - token.start <= 32 => {
                String::from_utf8_lossy(self.bytes(token)).to_ascii_uppercase()
            }
            _ => String::new(),
        }
    }

    pub(super) fn is_word(&mut self, ahead: usize, word: &str) -> bool {
        self.peek(ahead).is_some_and(|token| {
            token.kind == TokenKind::Word && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
        })
    }

    pub(super) fn is_mark(&mut self, ahead: usize, mark: u8) -> bool {
        self.peek(ahead).is_some_and(|token| token.kind == TokenKind::Mark(mark))
    }

    /// Takes the words if all of them come next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let all = words.iter().enumerate().all(|(ahead, word)| self.is_word(ahead, word));
        if all {
            self.position += words.len();
        }
        all
    }

    /// Takes one of the words if it comes next.
    pub(super) fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take(&[word]))
    }

    pub(super) fn take_mark(&mut self, mark: u8) -> bool {
        let found = self.is_mark(0, mark);
        self.position += usize::from(found);
        found
    }

    /// Takes everything up to and including the parenthesis that closes the one coming next.
    pub(super) fn take_parentheses(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            match token.kind {
                TokenKind::Mark(b'(') => depth += 1,
                TokenKind::Mark(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && token.kind != TokenKind::Mark(b')') {
                return;
            }
            self.position += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Takes tokens until `word`, which it takes too; false if it never comes.
    pub(super) fn take_until(&mut self, word: &str) -> bool {
        loop {
            if !self.after_qualifier() && self.take(&[word]) {
                return true;
            }
            if self.next().is_none() {
                return false;
            }
        }
    }

    /// The error of missing `what` here, unless the text already went wrong in a better-known way.
    pub(super) fn expected(&mut self, what: &'static str) -> ScanError {
        let offset = self.here();
        self.error.take().unwrap_or(ScanError { offset, reason: Reason::Expected(what) })
    }

    /// Takes `tbl`, `db.tbl` or `.tbl`.
    ///
    /// # Errors
    /// There is no name here, or it cannot be decoded.
    pub(super) fn name(&mut self, role: Role) -> Result<Name, ScanError> {
        let leading_dot =
            self.peek(0).filter(|token| token.kind == TokenKind::Mark(b'.')).map(|token| token.start);
        self.position += usize::from(leading_dot.is_some());
        let (first, token) = self.identifier(leading_dot.is_some())?;
        let span = token.start..token.end;
        if leading_dot.is_some() || !self.take_mark(b'.') {
            return Ok(Name {
                database: None,
                table: first,
                database_span: None,
                table_span: span,
                leading_dot,
                role,
            });
        }
        let (second, token) = self.identifier(true)?;
        Ok(Name {
            database: Some(first),
            table: second,
            database_span: Some(span),
            table_span: token.start..token.end,
            leading_dot: None,
            role,
        })
    }

    /// Takes a name without qualifier. After a dot it may consist of digits only, as `db.2024`.
    pub(super) fn identifier(&mut self, after_dot: bool) -> Result<(String, Token), ScanError> {
        let Some(token) = self.peek(0) else { return Err(self.expected("a name")) };
        let bytes = self.bytes(token);
        let quote = match token.kind {
            TokenKind::Word => None,
            TokenKind::Number if after_dot => None,
            TokenKind::Quoted(quote) if bytes.len() > 2 => Some(quote),
            _ => return Err(self.expected("a name")),
        };
        let name = names::decode(bytes, quote, self.options.charset)
            .ok_or(ScanError { offset: token.start, reason: Reason::NameEncoding(self.options.charset) })?;
        self.position += 1;
        Ok((name, token))
    }
}
