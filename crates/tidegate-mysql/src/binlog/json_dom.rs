//! A JSON document in memory, to apply changes to. Keys and scalars stay in the binary document that they
//! come from.

use std::borrow::Cow;

use super::Malformed;
use super::json::{self, Budget, MAX_DEPTH, Node};
use super::json_text::push_string;

#[derive(Debug)]
pub(crate) enum Json<'a> {
    /// Members in the server's order: shorter keys first, equal lengths by bytes. Keys are plain, not
    /// escaped.
    Object(Vec<Member<'a>>),
    Array(Vec<Json<'a>>),
    /// Any node but a container.
    Scalar(Node<'a>),
}

type Member<'a> = (Cow<'a, [u8]>, Json<'a>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leg {
    /// `.key`
    Key(Vec<u8>),
    /// `[3]`
    Cell(usize),
    /// `[last]` is 0, `[last-1]` is 1.
    FromEnd(usize),
}

impl<'a> Json<'a> {
    pub(crate) fn parse(document: &'a [u8]) -> Result<Json<'a>, Malformed> {
        let mut budget = Budget::new(document);
        let root = json::root(document, &mut budget)?;
        build(root, &mut budget, 0)
    }

    /// Appends the text as the server prints it. The depth is bounded by that of the documents and paths it
    /// was made from, both at most [`MAX_DEPTH`].
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Json::Scalar(node) => json::write_scalar(out, node)?,
            Json::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    item.write(out)?;
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    push_string(out, key);
                    out.extend_from_slice(b": ");
                    value.write(out)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }

    /// The value at the end of `path`. A scalar or object counts as an array of itself alone, as for the
    /// server's own JSON functions.
    pub(crate) fn seek(&mut self, path: &[Leg]) -> Option<&mut Json<'a>> {
        let mut at = self;
        for leg in path {
            at = match (at, leg) {
                (Json::Object(members), Leg::Key(key)) => {
                    let index = find(members, key).ok()?;
                    &mut members.get_mut(index)?.1
                }
                (Json::Array(items), Leg::Cell(_) | Leg::FromEnd(_)) => {
                    let index = cell(items.len(), leg)?;
                    items.get_mut(index)?
                }
                (Json::Array(_) | Json::Scalar(_), Leg::Key(_)) => return None,
                (single, _) => (cell(1, leg)? == 0).then_some(single)?,
            };
        }
        Some(at)
    }

    /// Adds a member that is not there yet, or an element before the given cell (at the end, if past it).
    /// False where the leg does not fit this value.
    pub(crate) fn insert(&mut self, leg: &Leg, value: Json<'a>) -> bool {
        match (self, leg) {
            (Json::Object(members), Leg::Key(key)) => match find(members, key) {
                Err(index) => {
                    members.insert(index, (Cow::Owned(key.clone()), value));
                    true
                }
                Ok(_) => false,
            },
            (Json::Array(items), Leg::Cell(index)) => {
                items.insert((*index).min(items.len()), value);
                true
            }
            (Json::Array(items), Leg::FromEnd(back)) => {
                // The server counts from the last element; further back than the first is the front.
                items.insert(items.len().saturating_sub(back.saturating_add(1)), value);
                true
            }
            _ => false,
        }
    }

    /// Takes out a member or element. False where there is none.
    pub(crate) fn remove(&mut self, leg: &Leg) -> bool {
        match (self, leg) {
            (Json::Object(members), Leg::Key(key)) => match find(members, key) {
                Ok(index) => {
                    members.remove(index);
                    true
                }
                Err(_) => false,
            },
            (Json::Array(items), Leg::Cell(_) | Leg::FromEnd(_)) => match cell(items.len(), leg) {
                Some(index) if index < items.len() => {
                    items.remove(index);
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// Where `key` is, or belongs, in the server's order.
fn find(members: &[Member<'_>], key: &[u8]) -> Result<usize, usize> {
    members.binary_search_by(|(member, _)| (member.len(), member.as_ref()).cmp(&(key.len(), key)))
}

/// The index that a cell leg means in an array of `len` elements; it may lie past the end.
fn cell(len: usize, leg: &Leg) -> Option<usize> {
    match leg {
        Leg::Cell(index) => Some(*index),
        Leg::FromEnd(back) => len.checked_sub(1)?.checked_sub(*back),
        Leg::Key(_) => None,
    }
}

fn build<'a>(node: Node<'a>, budget: &mut Budget, depth: usize) -> Result<Json<'a>, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::new("JSON: nested too deep"));
    }
    match node {
        Node::Object(container) => {
            let mut members = Vec::with_capacity(container.len());
            for index in 0..container.len() {
                let key = Cow::Borrowed(container.key(index, budget)?);
                let value = container.value(index, budget)?;
                members.push((key, build(value, budget, depth + 1)?));
            }
            Ok(Json::Object(members))
        }
        Node::Array(container) => {
            let mut items = Vec::with_capacity(container.len());
            for index in 0..container.len() {
                let value = container.value(index, budget)?;
                items.push(build(value, budget, depth + 1)?);
            }
            Ok(Json::Array(items))
        }
        scalar => Ok(Json::Scalar(scalar)),
    }
}

/// Parses a path as the server writes it: `$`, then `.key`, `."any key"`, `[n]`, `[last]` or `[last-n]`.
pub(crate) fn parse_path(path: &[u8]) -> Result<Vec<Leg>, Malformed> {
    let bad = || Malformed::new(format!("JSON path {:?}", String::from_utf8_lossy(path)));
    let mut rest = path.strip_prefix(b"$").ok_or_else(bad)?;
    let mut legs = Vec::new();
    while let Some((&first, tail)) = rest.split_first() {
        let (leg, tail) = match first {
            b'.' if tail.first() == Some(&b'"') => quoted_key(tail).ok_or_else(bad)?,
            b'.' => {
                let end = tail.iter().position(|b| matches!(b, b'.' | b'[')).unwrap_or(tail.len());
                let (key, tail) = tail.split_at(end);
                (Leg::Key(key.to_vec()), tail)
            }
            b'[' => {
                let end = tail.iter().position(|&b| b == b']').ok_or_else(bad)?;
                (cell_leg(&tail[..end]).ok_or_else(bad)?, &tail[end + 1..])
            }
            _ => return Err(bad()),
        };
        if leg == Leg::Key(Vec::new()) && tail.len() + 1 == rest.len() {
            return Err(bad()); // a bare dot
        }
        if legs.len() == MAX_DEPTH {
            return Err(bad()); // else each diff could nest a document deeper than the last
        }
        legs.push(leg);
        rest = tail;
    }
    Ok(legs)
}

fn cell_leg(text: &[u8]) -> Option<Leg> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix("last") {
        Some("") => Some(Leg::FromEnd(0)),
        Some(back) => Some(Leg::FromEnd(back.strip_prefix('-')?.parse().ok()?)),
        None => Some(Leg::Cell(text.parse().ok()?)),
    }
}

/// A JSON string at the start of `text`, unescaped, and what follows it.
fn quoted_key(text: &[u8]) -> Option<(Leg, &[u8])> {
    let mut rest = text.get(1..)?;
    let mut key = Vec::new();
    loop {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        match byte {
            b'"' => return Some((Leg::Key(key), rest)),
            b'\\' => {
                let (&escape, tail) = rest.split_first()?;
                rest = tail;
                key.push(match escape {
                    b'"' | b'\\' | b'/' => escape,
                    b'b' => 0x08,
                    b'f' => 0x0C,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        // The server writes only control characters this way.
                        let (code, tail) = rest.split_first_chunk::<4>()?;
                        rest = tail;
                        u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok().filter(u8::is_ascii)?
                    }
                    _ => return None,
                });
            }
            plain => key.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |k: &str| Leg::Key(k.as_bytes().to_vec());
        assert_eq!(parse_path(b"$").unwrap(), []);
        assert_eq!(parse_path(b"$.a[3].b").unwrap(), [key("a"), Leg::Cell(3), key("b")]);
        assert_eq!(parse_path(b"$[last][last-2]").unwrap(), [Leg::FromEnd(0), Leg::FromEnd(2)]);
        let quoted = br#"$."a.[ \"\\\n\u0001".x."""#;
        assert_eq!(parse_path(quoted).unwrap(), [key("a.[ \"\\\n\u{1}"), key("x"), key("")]);
        for bad in
            ["", "a", "$a", "$.", "$..a", "$[", "$[x]", "$[-1]", "$.\"a", "$.\"\\q\"", "$[last+1]", "$.a.[1]"]
        {
            assert!(parse_path(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
