//! Applying the difference that an update leaves in the server's log (`{$v: 2, diff: …}`), on raw BSON.
//!
//! A difference of a document: `d` names fields that go, `u` has fields that change where they stand, `i` fields that come
//! at the end (one that was there leaves its place), `s<name>` the difference of a field that is a document or an array.
//! A difference of an array: `a: true`, `l` its new length, `u<index>` a value, `s<index>` a difference. The bytes that come
//! out are those that the server's own log application makes.

#[cfg(test)]
mod tests;

use crate::raw::{self, Element, kind};
use tidegate_model::{Code, Error, Result};

/// Deeper documents are refused by the servers: 180 levels for clients, 200 within.
const DEPTH_MAX: usize = 200;
/// So much a document may grow by the nulls that fill an array up. Servers have nothing longer than 16 MiB.
const PADDED_BYTES_MAX: usize = 17 << 20;
/// From so many changed fields on, they are sorted to be found.
const SORTED_FROM: usize = 12;

/// Whether a difference was made from the document that it was applied to, as far as that can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Fits,
    Misfit,
}

/// Appends to `out` what `document` is after the update. A tolerant one never answers [`Applied::Misfit`]: it does what
/// servers do when they apply their log over documents that are newer (a later entry puts right what comes out odd). After
/// a misfit or an error `out` is as it was. Fails if one of the two is no BSON or `diff` no difference.
pub(crate) fn apply(document: &[u8], diff: &[u8], tolerant: bool, out: &mut Vec<u8>) -> Result<Applied> {
    let start = out.len();
    let mut applier = Applier { out, tolerant, fits: true, padded_bytes: 0 };
    let outcome = applier.document(document, diff, 0);
    let fits = applier.fits;
    if outcome.is_err() || !fits {
        out.truncate(start);
    }
    outcome.map(|()| if fits { Applied::Fits } else { Applied::Misfit })
}

/// What is to become of one field.
#[derive(Clone, Copy, Debug)]
enum Change<'a> {
    Delete,
    Update(Element<'a>),
    Insert,
    Within(&'a [u8]),
}

struct Field<'a> {
    name: &'a str,
    change: Change<'a>,
    met: bool,
}

/// The difference of a document, understood.
struct Fields<'a> {
    /// Sorted by name if there are many.
    fields: Vec<Field<'a>>,
    /// `u`, then `i`: in this order fields come at the end.
    updates: &'a [u8],
    inserts: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(diff: &'a [u8]) -> Result<Self> {
        let mut found = Self { fields: Vec::new(), updates: raw::EMPTY, inserts: raw::EMPTY };
        for section in raw::elements(diff) {
            let section = section?;
            let document =
                section.document().filter(|_| section.kind == kind::DOCUMENT).ok_or_else(strange)?;
            match section.name {
                "d" => found.add(document, |_| Change::Delete)?,
                "u" => {
                    found.updates = document;
                    found.add(document, Change::Update)?;
                }
                "i" => {
                    found.inserts = document;
                    found.add(document, |_| Change::Insert)?;
                }
                name => {
                    let name = name.strip_prefix('s').ok_or_else(strange)?;
                    found.fields.push(Field { name, change: Change::Within(document), met: false });
                }
            }
        }
        if found.fields.len() >= SORTED_FROM {
            found.fields.sort_unstable_by_key(|field| field.name);
        }
        Ok(found)
    }

    fn add(&mut self, section: &'a [u8], change: impl Fn(Element<'a>) -> Change<'a>) -> Result<()> {
        for element in raw::elements(section) {
            let element = element?;
            self.fields.push(Field { name: element.name, change: change(element), met: false });
        }
        Ok(())
    }

    fn find(&mut self, name: &str) -> Option<&mut Field<'a>> {
        if self.fields.len() < SORTED_FROM {
            return self.fields.iter_mut().find(|field| field.name == name);
        }
        let at = self.fields.binary_search_by_key(&name, |field| field.name).ok()?;
        self.fields.get_mut(at)
    }
}

struct Applier<'o> {
    out: &'o mut Vec<u8>,
    tolerant: bool,
    fits: bool,
    padded_bytes: usize,
}

impl Applier<'_> {
    fn document(&mut self, document: &[u8], diff: &[u8], depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::new(Code::MalformedLog, "a difference is nested too deeply"));
        }
        let mut fields = Fields::of(diff)?;
        let start = self.begin();
        for element in raw::elements(document) {
            let element = element?;
            let Some(field) = fields.find(element.name) else {
                self.out.extend_from_slice(element.whole);
                continue;
            };
            field.met = true;
            match field.change {
                Change::Delete | Change::Insert => {}
                Change::Update(new) => self.out.extend_from_slice(new.whole),
                Change::Within(diff) => self.within(element, diff, depth, |out, kind| {
                    out.push(kind);
                    out.extend_from_slice(element.name.as_bytes());
                    out.push(0);
                })?,
            }
        }
        let missed = |field: &Field<'_>| !field.met && !matches!(field.change, Change::Insert);
        if fields.fields.iter().any(missed) {
            self.misfit();
        }
        for element in raw::elements(fields.updates) {
            let element = element?;
            if fields.find(element.name).is_some_and(|field| !field.met) {
                self.out.extend_from_slice(element.whole);
            }
        }
        self.out.extend_from_slice(fields.inserts.get(raw::inner(fields.inserts)).unwrap_or_default());
        self.end(start);
        Ok(())
    }

    /// A value that is a document or an array, or was one when the difference was made.
    fn within(
        &mut self,
        old: Element<'_>,
        diff: &[u8],
        depth: usize,
        head: impl FnOnce(&mut Vec<u8>, u8),
    ) -> Result<()> {
        let wanted = if is_of_array(diff)? { kind::ARRAY } else { kind::DOCUMENT };
        if old.kind != wanted {
            // A later entry of the log has made another thing of it already, and will do so again.
            self.misfit();
            head(self.out, kind::NULL);
            return Ok(());
        }
        head(self.out, wanted);
        if wanted == kind::ARRAY {
            self.array(old.value, diff, depth + 1)
        } else {
            self.document(old.value, diff, depth + 1)
        }
    }

    fn array(&mut self, array: &[u8], diff: &[u8], depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::new(Code::MalformedLog, "a difference is nested too deeply"));
        }
        let (length, mut changes) = items(diff)?;
        let mut next = changes.next().transpose()?;
        let start = self.begin();
        let mut at = 0;
        for old in raw::elements(array) {
            let old = old?;
            if length.is_some_and(|length| at >= length) {
                break;
            }
            match next.take_if(|item| item.at == at) {
                None => self.item(at, old.kind, old.value),
                Some(item) => {
                    match item.difference {
                        None => self.item(at, item.value.kind, item.value.value),
                        Some(diff) => self.within(old, diff, depth, |out, kind| push_index(out, kind, at))?,
                    }
                    next = following(&mut changes, at)?;
                }
            }
            at += 1;
        }
        if length.is_some_and(|length| at < length) {
            self.misfit();
        }
        while next.is_some() || length.is_some_and(|length| at < length) {
            match next.take_if(|item| item.at == at) {
                Some(item) if item.difference.is_none() => {
                    self.item(at, item.value.kind, item.value.value);
                    next = following(&mut changes, at)?;
                }
                Some(_) => {
                    self.misfit();
                    self.pad(at)?;
                    next = following(&mut changes, at)?;
                }
                None => self.pad(at)?,
            }
            at += 1;
        }
        self.end(start);
        Ok(())
    }

    fn item(&mut self, at: usize, kind: u8, value: &[u8]) {
        push_index(self.out, kind, at);
        self.out.extend_from_slice(value);
    }

    /// An index far beyond the end is not believed.
    fn pad(&mut self, at: usize) -> Result<()> {
        let before = self.out.len();
        self.item(at, kind::NULL, &[]);
        self.padded_bytes += self.out.len() - before;
        if self.padded_bytes > PADDED_BYTES_MAX { Err(strange()) } else { Ok(()) }
    }

    fn misfit(&mut self) {
        self.fits &= self.tolerant;
    }

    fn begin(&mut self) -> usize {
        self.out.extend_from_slice(&[0; 4]);
        self.out.len() - 4
    }

    fn end(&mut self, start: usize) {
        self.out.push(0);
        let length = (self.out.len() - start) as u32;
        self.out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

fn is_of_array(diff: &[u8]) -> Result<bool> {
    Ok(raw::elements(diff).next().transpose()?.is_some_and(|first| first.name == "a"))
}

/// A change of one element of an array.
struct Item<'a> {
    at: usize,
    value: Element<'a>,
    difference: Option<&'a [u8]>,
}

/// The array's new length, if it is said, and the changes of its elements.
fn items(diff: &[u8]) -> Result<(Option<usize>, impl Iterator<Item = Result<Item<'_>>>)> {
    let mut sections = raw::elements(diff).peekable();
    let is_array = sections.next().transpose()?.is_some_and(|first| first.name == "a" && first.is_true());
    if !is_array {
        return Err(strange());
    }
    let length = sections.next_if(|section| section.as_ref().is_ok_and(|section| section.name == "l"));
    let length = length.transpose()?.map(|section| {
        let length = section.integer().and_then(|length| usize::try_from(length).ok());
        length.ok_or_else(strange)
    });
    Ok((length.transpose()?, sections.map(|section| section.and_then(item))))
}

fn item(section: Element<'_>) -> Result<Item<'_>> {
    let (word, digits) = section.name.split_at_checked(1).ok_or_else(strange)?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let at = digits.parse().ok().filter(|_| is_plain).ok_or_else(strange)?;
    match word {
        "u" => Ok(Item { at, value: section, difference: None }),
        "s" if section.kind == kind::DOCUMENT => {
            Ok(Item { at, value: section, difference: Some(section.value) })
        }
        _ => Err(strange()),
    }
}

/// The next change. They stand in the order of the array.
fn following<'a>(
    changes: &mut impl Iterator<Item = Result<Item<'a>>>,
    at: usize,
) -> Result<Option<Item<'a>>> {
    match changes.next().transpose()? {
        Some(item) if item.at <= at => Err(strange()),
        item => Ok(item),
    }
}

fn push_index(out: &mut Vec<u8>, kind: u8, at: usize) {
    out.push(kind);
    let mut digits = [0; 20];
    let (mut start, mut left) = (digits.len(), at);
    loop {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
    out.push(0);
}

fn strange() -> Error {
    Error::new(Code::MalformedLog, "an update's difference is not of a known form")
}
