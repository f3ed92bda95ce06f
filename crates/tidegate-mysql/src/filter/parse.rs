//! Reading a filter's text.

use super::{Condition, Literal, Operator};

/// What can be said at all, for messages.
const LANGUAGE: &str = "a filter compares columns with values: = <> < <= > >=, IN, BETWEEN, IS NULL, AND, OR, NOT, \
                        BINARY column for text";
/// Deeper brackets are refused.
const DEPTH_MAX: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word without quotes.
    Word(String),
    /// A name in back-ticks.
    Name(String),
    Number(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 10] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ","];

/// Reads a condition. Errors say where it went wrong and what can be said.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let condition = parser.any()?;
    match parser.tokens.get(parser.at) {
        None => Ok(condition),
        Some(token) => Err(unexpected(Some(token))),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '`' | '\'' => quoted(rest, first)?,
            '0'..='9' | '-' => number(rest)?,
            _ if first.is_alphanumeric() || matches!(first, '_' | '$') => {
                let inside = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'));
                let length = rest.find(inside).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(format!("'{first}' is not understood; {LANGUAGE}")),
            },
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '\'' {
            return Err(
                "a backslash in a text is not understood; servers read it in different ways".to_owned()
            );
        }
        if c != quote {
            text.push(c);
            continue;
        }
        if chars.next_if(|(_, next)| *next == quote).is_none() {
            let token = if quote == '`' { Token::Name(text) } else { Token::Text(text) };
            return Ok((token, at + c.len_utf8()));
        }
        text.push(quote);
    }
    Err(format!("a quote {quote} is not closed"))
}

/// `-12`, `3.14`.
fn number(rest: &str) -> Result<(Token, usize), String> {
    let length = rest.len() - rest[1..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let text = &rest[..length];
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let follows = rest[length..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !is_digits(whole) || !is_digits(fraction) || follows {
        return Err(format!("the number '{text}' is not understood; write -12 or 3.14"));
    }
    Ok((Token::Number(text.to_owned()), length))
}

fn unexpected(token: Option<&Token>) -> String {
    let found = match token {
        None => "the end".to_owned(),
        Some(Token::Word(text) | Token::Name(text) | Token::Number(text) | Token::Text(text)) => {
            format!("'{text}'")
        }
        Some(Token::Sign(sign)) => format!("'{sign}'"),
    };
    format!("{found} is not understood here; {LANGUAGE}")
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        matches!(self.tokens.get(at), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(self.at, word);
        self.at += usize::from(is);
        is
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is);
        is
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), String> {
        if self.take_sign(sign) { Ok(()) } else { Err(unexpected(self.tokens.get(self.at))) }
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut list = vec![self.all()?];
        while self.take_word("OR") {
            list.push(self.all()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Condition::Any(list) })
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut list = vec![self.one()?];
        while self.take_word("AND") {
            list.push(self.one()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Condition::All(list) })
    }

    fn one(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} brackets in each other"));
        }
        let condition = if self.take_word("NOT") {
            Condition::Not(Box::new(self.one()?))
        } else if self.take_sign("(") {
            let inside = self.any()?;
            self.need_sign(")")?;
            inside
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let is_operator = matches!(self.tokens.get(self.at + 1), Some(Token::Sign(_)));
        let bytes = !is_operator && self.take_word("BINARY");
        let column = match self.next() {
            Some(Token::Name(name)) => name,
            Some(Token::Word(word)) if !is_reserved(&word) => word,
            other => return Err(unexpected(other.as_ref())),
        };
        if self.take_word("IS") {
            let negated = self.take_word("NOT");
            if !self.take_word("NULL") {
                return Err(unexpected(self.tokens.get(self.at)));
            }
            return Ok(Condition::IsNull { column, negated });
        }
        let compare = |operator, value| Condition::Compare { column: column.clone(), bytes, operator, value };
        let negated = self.take_word("NOT");
        let condition = if self.take_word("IN") {
            self.need_sign("(")?;
            let mut list = vec![compare(Operator::Equal, self.literal()?)];
            while self.take_sign(",") {
                list.push(compare(Operator::Equal, self.literal()?));
            }
            self.need_sign(")")?;
            Condition::Any(list)
        } else if self.take_word("BETWEEN") {
            let low = self.literal()?;
            if !self.take_word("AND") {
                return Err(unexpected(self.tokens.get(self.at)));
            }
            let high = self.literal()?;
            Condition::All(vec![compare(Operator::AtLeast, low), compare(Operator::AtMost, high)])
        } else if negated {
            return Err(unexpected(self.tokens.get(self.at)));
        } else {
            let operator = match self.next() {
                Some(Token::Sign("=")) => Operator::Equal,
                Some(Token::Sign("<>" | "!=")) => Operator::Different,
                Some(Token::Sign("<")) => Operator::Less,
                Some(Token::Sign("<=")) => Operator::AtMost,
                Some(Token::Sign(">")) => Operator::Greater,
                Some(Token::Sign(">=")) => Operator::AtLeast,
                other => return Err(unexpected(other.as_ref())),
            };
            compare(operator, self.literal()?)
        };
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn literal(&mut self) -> Result<Literal, String> {
        match self.next() {
            Some(Token::Number(text)) => Ok(Literal::Number(text)),
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            other => Err(unexpected(other.as_ref())),
        }
    }
}

fn is_reserved(word: &str) -> bool {
    ["and", "or", "not", "in", "is", "null", "between", "like", "binary", "exists", "select"]
        .contains(&word.to_lowercase().as_str())
}
