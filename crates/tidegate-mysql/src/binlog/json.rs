//! MySQL's binary JSON, read as nodes, and its text form.
//!
//! A value is a type byte and its data. Containers hold a count, their size, entries of fixed size and after
//! them the values; entries point by offsets from the container's start, of 2 bytes ("small") or 4 ("large").
//! Small values lie in the entry itself.

use super::Malformed;
use super::bytes::{Bytes, le};
use super::json_text::{push_double, push_i64, push_opaque, push_string};
use super::literal::push_u64;

/// The server refuses documents deeper than 100; deeper ones come from damaged bytes.
pub(crate) const MAX_DEPTH: usize = 128;

const OBJECT_SMALL: u8 = 0;
const OBJECT_LARGE: u8 = 1;
const ARRAY_SMALL: u8 = 2;
const ARRAY_LARGE: u8 = 3;
const LITERAL: u8 = 4;
const INT16: u8 = 5;
const UINT16: u8 = 6;
const INT32: u8 = 7;
const UINT32: u8 = 8;
const INT64: u8 = 9;
const UINT64: u8 = 10;
const DOUBLE: u8 = 11;
const STRING: u8 = 12;
const OPAQUE: u8 = 15;

/// Bytes that may still be visited. The parts of a true document do not overlap, so visiting all of it costs
/// at most its size; offsets that lead to the same part again and again (2¹⁰⁰ times, with nesting) run out of
/// budget.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    pub(crate) fn new(document: &[u8]) -> Self {
        Budget(document.len())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.0 = self.0.checked_sub(bytes).ok_or_else(|| Malformed::new("JSON: parts overlap"))?;
        Ok(())
    }
}

/// One value. Strings and keys are UTF-8 as the server checked it; nothing here depends on that.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'a> {
    Object(Container<'a>),
    Array(Container<'a>),
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(&'a [u8]),
    /// A value of a column type that JSON has not, with the type's code.
    Opaque(u8, &'a [u8]),
}

/// An object or array whose entries have been checked to lie inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'a> {
    /// From the container's start to its end.
    data: &'a [u8],
    is_object: bool,
    is_large: bool,
    count: usize,
}

/// The root of a document. A column that was never given a value in non-strict mode is empty and reads as
/// null.
pub(crate) fn root<'a>(document: &'a [u8], budget: &mut Budget) -> Result<Node<'a>, Malformed> {
    match document.split_first() {
        Some((&kind, data)) => {
            budget.spend(1)?;
            node(kind, data, budget)
        }
        None => Ok(Node::Null),
    }
}

fn node<'a>(kind: u8, data: &'a [u8], budget: &mut Budget) -> Result<Node<'a>, Malformed> {
    let mut b = Bytes::new(data, "JSON");
    let node = match kind {
        OBJECT_SMALL | OBJECT_LARGE | ARRAY_SMALL | ARRAY_LARGE => {
            return Container::parse(kind, data, budget);
        }
        LITERAL => literal(u64::from(b.u8()?))?,
        INT16 => Node::Int(i64::from(b.u16()? as i16)),
        UINT16 => Node::Uint(u64::from(b.u16()?)),
        INT32 => Node::Int(i64::from(b.u32()? as i32)),
        UINT32 => Node::Uint(u64::from(b.u32()?)),
        INT64 => Node::Int(b.u64()? as i64),
        UINT64 => Node::Uint(b.u64()?),
        DOUBLE => Node::Double(f64::from_bits(b.u64()?)),
        STRING => Node::String(sized(&mut b)?),
        OPAQUE => {
            let field_type = b.u8()?;
            Node::Opaque(field_type, sized(&mut b)?)
        }
        other => return Err(b.bad(&format!("value type {other:#04x}"))),
    };
    budget.spend(b.at())?;
    Ok(node)
}

fn literal(value: u64) -> Result<Node<'static>, Malformed> {
    match value {
        0 => Ok(Node::Null),
        1 => Ok(Node::Bool(true)),
        2 => Ok(Node::Bool(false)),
        other => Err(Malformed::new(format!("JSON: literal {other}"))),
    }
}

/// A length of seven bits in each byte, lowest first, the high bit set on all but the last; then that many
/// bytes.
fn sized<'a>(b: &mut Bytes<'a>) -> Result<&'a [u8], Malformed> {
    let mut length = 0u64;
    for shift in [0, 7, 14, 21, 28] {
        let byte = b.u8()?;
        length |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return b.take_u64(length);
        }
    }
    Err(b.bad("a length of more than 5 bytes"))
}

impl<'a> Container<'a> {
    fn parse(kind: u8, data: &'a [u8], budget: &mut Budget) -> Result<Node<'a>, Malformed> {
        let is_object = matches!(kind, OBJECT_SMALL | OBJECT_LARGE);
        let is_large = matches!(kind, OBJECT_LARGE | ARRAY_LARGE);
        let word = if is_large { 4 } else { 2 };
        let mut b = Bytes::new(data, "JSON container");
        let count = b.uint(word)? as usize;
        let size = b.uint(word)? as usize;
        let data = data.get(..size).ok_or_else(|| b.bad(&format!("size {size}")))?;
        let mut container = Container { data, is_object, is_large, count };
        let entries = count
            .checked_mul(container.key_entry() + container.value_entry())
            .and_then(|entries| entries.checked_add(2 * word))
            .filter(|&entries| entries <= size)
            .ok_or_else(|| b.bad(&format!("{count} elements in {size} bytes")))?;
        budget.spend(entries)?;
        container.count = count;
        Ok(if is_object { Node::Object(container) } else { Node::Array(container) })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    fn word(&self) -> usize {
        if self.is_large { 4 } else { 2 }
    }

    /// Bytes of a key entry: offset, 2 bytes of length. Arrays have none.
    fn key_entry(&self) -> usize {
        if self.is_object { self.word() + 2 } else { 0 }
    }

    /// Bytes of a value entry: type, offset or value.
    fn value_entry(&self) -> usize {
        1 + self.word()
    }

    /// Key `index` of an object; empty in an array.
    pub(crate) fn key(&self, index: usize, budget: &mut Budget) -> Result<&'a [u8], Malformed> {
        if !self.is_object {
            return Ok(&[]);
        }
        let entry = self.slice(2 * self.word() + index * self.key_entry(), self.key_entry())?;
        let (offset, length) = entry.split_at(self.word());
        let length = le(length) as usize;
        budget.spend(length)?;
        self.slice(le(offset) as usize, length)
    }

    pub(crate) fn value(&self, index: usize, budget: &mut Budget) -> Result<Node<'a>, Malformed> {
        let at = 2 * self.word() + self.count * self.key_entry() + index * self.value_entry();
        let entry = self.slice(at, self.value_entry())?;
        let (kind, inline) = (entry[0], le(&entry[1..]));
        match kind {
            LITERAL => literal(inline & 0xFF),
            INT16 => Ok(Node::Int(i64::from(inline as i16))),
            UINT16 => Ok(Node::Uint(inline & 0xFFFF)),
            INT32 if self.is_large => Ok(Node::Int(i64::from(inline as i32))),
            UINT32 if self.is_large => Ok(Node::Uint(inline)),
            _ => {
                let offset = inline as usize;
                let data = self.data.get(offset..).ok_or_else(|| self.outside(offset))?;
                node(kind, data, budget)
            }
        }
    }

    fn slice(&self, at: usize, length: usize) -> Result<&'a [u8], Malformed> {
        let end = at.checked_add(length).ok_or_else(|| self.outside(at))?;
        self.data.get(at..end).ok_or_else(|| self.outside(at))
    }

    #[cold]
    fn outside(&self, at: usize) -> Malformed {
        Malformed::new(format!("JSON: offset {at} in a container of {} bytes", self.data.len()))
    }
}

/// Appends the document's text as the server prints it: `{"a": 1, "b": [true, null]}`.
pub(crate) fn write_text(out: &mut Vec<u8>, document: &[u8]) -> Result<(), Malformed> {
    let mut budget = Budget::new(document);
    let root = root(document, &mut budget)?;
    write_node(out, &root, &mut budget, 0)
}

fn write_node(
    out: &mut Vec<u8>,
    node: &Node<'_>,
    budget: &mut Budget,
    depth: usize,
) -> Result<(), Malformed> {
    let (container, open, close) = match node {
        Node::Object(container) => (container, b'{', b'}'),
        Node::Array(container) => (container, b'[', b']'),
        scalar => return write_scalar(out, scalar),
    };
    if depth == MAX_DEPTH {
        return Err(Malformed::new("JSON: nested too deep"));
    }
    out.push(open);
    for index in 0..container.len() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        if container.is_object {
            push_string(out, container.key(index, budget)?);
            out.extend_from_slice(b": ");
        }
        let value = container.value(index, budget)?;
        write_node(out, &value, budget, depth + 1)?;
    }
    out.push(close);
    Ok(())
}

/// The text of a node that is no container.
pub(crate) fn write_scalar(out: &mut Vec<u8>, node: &Node<'_>) -> Result<(), Malformed> {
    match *node {
        Node::Null | Node::Object(_) | Node::Array(_) => out.extend_from_slice(b"null"),
        Node::Bool(true) => out.extend_from_slice(b"true"),
        Node::Bool(false) => out.extend_from_slice(b"false"),
        Node::Int(value) => push_i64(out, value),
        Node::Uint(value) => push_u64(out, value),
        Node::Double(value) => push_double(out, value)?,
        Node::String(text) => push_string(out, text),
        Node::Opaque(field_type, data) => push_opaque(out, field_type, data)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &[u8]) -> String {
        let mut out = Vec::new();
        write_text(&mut out, document).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn scalars() {
        assert_eq!(text(&[4, 0]), "null");
        assert_eq!(text(&[4, 2]), "false");
        assert_eq!(text(&[5, 0xFF, 0xFF]), "-1");
        assert_eq!(text(&[6, 0xFF, 0xFF]), "65535");
        assert_eq!(text(&[7, 0, 0, 0, 0x80]), "-2147483648");
        assert_eq!(text(&[10, 255, 255, 255, 255, 255, 255, 255, 255]), "18446744073709551615");
        assert_eq!(text(&[&[11][..], &1f64.to_le_bytes()].concat()), "1.0");
        assert_eq!(text(&[&[12, 0x80, 1][..], &[b'x'; 128]].concat()), format!("\"{}\"", "x".repeat(128)));
        assert_eq!(text(&[]), "null");
    }

    #[test]
    fn containers() {
        // {"a": 1, "b": [true, "x"]} as the server stores it
        let document = [
            0, 2, 0, 32, 0, // object, 2 members, 32 bytes
            18, 0, 1, 0, 19, 0, 1, 0, // keys
            5, 1, 0, 2, 20, 0, // int16 1 inline; array at 20
            b'a', b'b', //
            2, 0, 12, 0, 4, 1, 0, 12, 10, 0, 1, b'x', // array: true inline, string at 10
        ];
        assert_eq!(text(&document), r#"{"a": 1, "b": [true, "x"]}"#);
        assert_eq!(text(&[0, 0, 0, 4, 0]), "{}");
        assert_eq!(text(&[2, 0, 0, 4, 0]), "[]");
        // large array with an inlined int32
        assert_eq!(text(&[3, 1, 0, 0, 0, 13, 0, 0, 0, 7, 0, 0, 1, 0]), "[65536]");
    }

    #[test]
    fn overlaps_and_depth_do_not_explode() {
        // 60 arrays of two elements, both the next array: 2⁶⁰ leaves
        let mut document = vec![2];
        for _ in 0..60 {
            document.extend([2, 0, 0, 0, 2, 10, 0, 2, 10, 0]);
        }
        document.extend([0, 0, 4, 0]);
        let total = document.len() - 1;
        for index in 0..60 {
            let size = (total - index * 10) as u16;
            document[1 + index * 10 + 2..][..2].copy_from_slice(&size.to_le_bytes());
        }
        assert!(write_text(&mut Vec::new(), &document).unwrap_err().0.contains("overlap"));
        let nested = |depth: usize| {
            let mut document = vec![2];
            for index in 0..depth {
                let size = (7 * (depth - index) + 4) as u16;
                document.extend([1, 0]);
                document.extend(size.to_le_bytes());
                document.extend([2, 7, 0]);
            }
            document.extend([0, 0, 4, 0]);
            document
        };
        assert_eq!(text(&nested(99)), format!("{}{}", "[".repeat(100), "]".repeat(100)));
        assert!(write_text(&mut Vec::new(), &nested(128)).unwrap_err().0.contains("deep"));
    }

    #[test]
    fn nonsense_is_refused() {
        for document in [
            &[2u8, 1, 0, 200, 0, 4, 1, 0][..],
            &[2, 255, 255, 8, 0, 4, 1, 0],
            &[0, 1, 0, 11, 0, 90, 0, 1, 0, 4, 1, 0],
            &[2, 1, 0, 7, 0, 12, 90, 0],
            &[12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
            &[4, 3],
            &[13],
            &[15, 246],
            &[3, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert!(write_text(&mut Vec::new(), document).is_err(), "{document:?}");
        }
    }
}
