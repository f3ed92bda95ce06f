//! BSON as bytes: reading a document element by element and writing one, without making values of it.
//!
//! Format: <https://bsonspec.org/spec.html>. A document is `i32 length, elements, 0`; an element `type, name, 0, value`.

use std::ops::Range;
use tidegate_model::{Code, Error, Result};

/// Types of elements that are asked for by name.
pub(crate) mod kind {
    pub(crate) const DOUBLE: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const DOCUMENT: u8 = 0x03;
    pub(crate) const ARRAY: u8 = 0x04;
    pub(crate) const BINARY: u8 = 0x05;
    pub(crate) const OBJECT_ID: u8 = 0x07;
    pub(crate) const BOOLEAN: u8 = 0x08;
    pub(crate) const DATE: u8 = 0x09;
    pub(crate) const NULL: u8 = 0x0a;
    pub(crate) const REGEX: u8 = 0x0b;
    pub(crate) const SYMBOL: u8 = 0x0e;
    pub(crate) const INT32: u8 = 0x10;
    pub(crate) const TIMESTAMP: u8 = 0x11;
    pub(crate) const INT64: u8 = 0x12;
    pub(crate) const DECIMAL: u8 = 0x13;
}

/// The smallest document: its length and the closing zero.
pub(crate) const EMPTY: &[u8] = &[5, 0, 0, 0, 0];

/// One element of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) kind: u8,
    pub(crate) name: &'a str,
    pub(crate) value: &'a [u8],
    /// All of it: type, name and value.
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The value of a document or an array.
    pub(crate) fn document(&self) -> Option<&'a [u8]> {
        matches!(self.kind, kind::DOCUMENT | kind::ARRAY).then_some(self.value)
    }

    /// The value of a string.
    pub(crate) fn text(&self) -> Option<&'a str> {
        let bytes = self.value.get(4..self.value.len().checked_sub(1)?)?;
        (self.kind == kind::STRING).then(|| std::str::from_utf8(bytes).ok()).flatten()
    }

    /// The value of a number of any type, if it is a whole one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self.kind {
            kind::INT32 => Some(i32::from_le_bytes(self.value.try_into().ok()?).into()),
            kind::INT64 => Some(i64::from_le_bytes(self.value.try_into().ok()?)),
            kind::DOUBLE => {
                let value = f64::from_le_bytes(self.value.try_into().ok()?);
                (value.fract() == 0.0 && value.abs() < 9.0e15).then_some(value as i64)
            }
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.kind == kind::BOOLEAN && self.value == [1]
    }

    /// Seconds and increment.
    pub(crate) fn timestamp(&self) -> Option<(u32, u32)> {
        let value = u64::from_le_bytes(self.value.try_into().ok()?);
        (self.kind == kind::TIMESTAMP).then_some(((value >> 32) as u32, value as u32))
    }
}

/// The elements of a document, in order. The first error ends it.
pub(crate) struct Elements<'a> {
    document: &'a [u8],
    at: usize,
}

pub(crate) fn elements(document: &[u8]) -> Elements<'_> {
    elements_from(document, 4)
}

/// From a place on that [`Elements::place`] gave.
pub(crate) fn elements_from(document: &[u8], at: usize) -> Elements<'_> {
    Elements { document, at }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.document.get(self.at) {
            Some(0) if self.at + 1 == self.document.len() => None,
            None if self.at > self.document.len() => None,
            _ => {
                let element = self.take();
                if element.is_none() {
                    self.at = self.document.len() + 1;
                }
                Some(element.ok_or_else(malformed))
            }
        }
    }
}

impl<'a> Elements<'a> {
    /// Where the next element begins.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    fn take(&mut self) -> Option<Element<'a>> {
        let rest = self.document.get(self.at..)?;
        let kind = *rest.first()?;
        let end = rest[1..].iter().position(|byte| *byte == 0)? + 1;
        let name = std::str::from_utf8(&rest[1..end]).ok()?;
        let length = value_length(kind, &rest[end + 1..])?;
        let value = rest.get(end + 1..end + 1 + length)?;
        self.at += end + 1 + length;
        Some(Element { kind, name, value, whole: &rest[..end + 1 + length] })
    }
}

fn value_length(kind: u8, bytes: &[u8]) -> Option<usize> {
    let prefix = || Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize);
    let text_end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0).map(|end| end + 1);
    Some(match kind {
        kind::DOUBLE | kind::DATE | kind::TIMESTAMP | kind::INT64 => 8,
        kind::STRING | 0x0d | kind::SYMBOL => prefix()?.checked_add(4)?,
        kind::DOCUMENT | kind::ARRAY | 0x0f => prefix()?,
        kind::BINARY => prefix()?.checked_add(5)?,
        0x06 | kind::NULL | 0x7f | 0xff => 0,
        kind::OBJECT_ID => 12,
        kind::BOOLEAN => 1,
        kind::REGEX => {
            let pattern = text_end(bytes)?;
            pattern + text_end(&bytes[pattern..])?
        }
        0x0c => prefix()?.checked_add(4 + 12)?,
        kind::INT32 => 4,
        kind::DECIMAL => 16,
        _ => return None,
    })
}

/// The element of that name at the top of a document.
pub(crate) fn find<'a>(document: &'a [u8], name: &str) -> Result<Option<Element<'a>>> {
    for element in elements(document) {
        let element = element?;
        if element.name == name {
            return Ok(Some(element));
        }
    }
    Ok(None)
}

/// The document or array of that name; an error if there is none.
pub(crate) fn document<'a>(outer: &'a [u8], name: &str) -> Result<&'a [u8]> {
    let found = find(outer, name)?.and_then(|element| element.document());
    found.ok_or_else(|| Error::new(Code::MalformedLog, format!("a document has no document '{name}'")))
}

pub(crate) fn malformed() -> Error {
    Error::new(Code::MalformedLog, "a document is not BSON")
}

/// Writes documents one after the other, or one into the other, into one buffer.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    /// Where the open documents begin, and how many elements an array has.
    open: Vec<(usize, u32)>,
}

impl Builder {
    /// With one document open.
    pub(crate) fn new() -> Self {
        let mut builder = Self::default();
        builder.begin();
        builder
    }

    /// The same, with room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        let mut builder = Self { bytes: Vec::with_capacity(bytes), open: Vec::new() };
        builder.begin();
        builder
    }

    fn begin(&mut self) {
        self.open.push((self.bytes.len(), 0));
        self.bytes.extend_from_slice(&[0; 4]);
    }

    fn head(&mut self, kind: u8, name: &str) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
    }

    /// Closes the innermost document.
    pub(crate) fn end(&mut self) -> &mut Self {
        let (start, _) = self.open.pop().expect("every end has a beginning");
        self.bytes.push(0);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self
    }

    pub(crate) fn begin_document(&mut self, name: &str) -> &mut Self {
        self.head(kind::DOCUMENT, name);
        self.begin();
        self
    }

    pub(crate) fn begin_array(&mut self, name: &str) -> &mut Self {
        self.head(kind::ARRAY, name);
        self.begin();
        self
    }

    /// A value as an element of the innermost array.
    pub(crate) fn push(&mut self, kind: u8, value: &[u8]) -> &mut Self {
        self.index(kind);
        self.bytes.extend_from_slice(value);
        self
    }

    /// A document, left open, as an element of the innermost array.
    pub(crate) fn push_document(&mut self) -> &mut Self {
        self.index(kind::DOCUMENT);
        self.begin();
        self
    }

    fn index(&mut self, kind: u8) {
        let (_, count) = self.open.last_mut().expect("an array is open");
        let at = *count;
        *count += 1;
        self.bytes.push(kind);
        let mut digits = [0; 10];
        let mut start = digits.len();
        let mut left = at;
        loop {
            start -= 1;
            digits[start] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[start..]);
        self.bytes.push(0);
    }

    /// A value as it stands in another document.
    pub(crate) fn value(&mut self, name: &str, kind: u8, value: &[u8]) -> &mut Self {
        self.head(kind, name);
        self.bytes.extend_from_slice(value);
        self
    }

    /// An element as it stands in another document, under its own name.
    pub(crate) fn element(&mut self, element: Element<'_>) -> &mut Self {
        self.bytes.extend_from_slice(element.whole);
        self
    }

    pub(crate) fn document(&mut self, name: &str, document: &[u8]) -> &mut Self {
        self.value(name, kind::DOCUMENT, document)
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.head(kind::STRING, name);
        self.bytes.extend_from_slice(&(text.len() as u32 + 1).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self
    }

    pub(crate) fn int32(&mut self, name: &str, value: i32) -> &mut Self {
        self.value(name, kind::INT32, &value.to_le_bytes())
    }

    pub(crate) fn int64(&mut self, name: &str, value: i64) -> &mut Self {
        self.value(name, kind::INT64, &value.to_le_bytes())
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.value(name, kind::BOOLEAN, &[u8::from(value)])
    }

    /// Bytes of the generic kind.
    pub(crate) fn binary(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.head(kind::BINARY, name);
        self.bytes.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.bytes.push(0);
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn timestamp(&mut self, name: &str, (seconds, increment): (u32, u32)) -> &mut Self {
        let value = u64::from(seconds) << 32 | u64::from(increment);
        self.value(name, kind::TIMESTAMP, &value.to_le_bytes())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Closes the outermost document and gives it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.end();
        }
        self.bytes
    }
}

/// The range of a document's elements, without length and closing zero.
pub(crate) fn inner(document: &[u8]) -> Range<usize> {
    4..document.len().saturating_sub(1).max(4)
}
