//! MySQL's GTID sets.

use std::fmt;
use std::str::FromStr;

use super::decimal;

/// A server's UUID as it is in the binary log.
pub(crate) type Uuid = [u8; 16];

/// The highest transaction number a server gives out.
pub(crate) const MAX_GNO: u64 = i64::MAX as u64 - 1;

/// The longest tag a server accepts.
const MAX_TAG: usize = 32;

/// Numbers of one source, as disjoint intervals with both ends inside, sorted, no two of them adjacent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    uuid: Uuid,
    tag: String,
    intervals: Vec<(u64, u64)>,
}

/// A set of transactions, each known by its source (UUID, and from MySQL 8.3 on a tag, else empty) and
/// number.
///
/// [`Display`](fmt::Display) gives the server's canonical text on one line; `{:#}` breaks lines after
/// commas as `@@gtid_executed` does. Both parse back, on the server too.
#[derive(Clone, Debug, Default)]
pub(crate) struct GtidSet {
    /// Sorted by UUID and tag; none without intervals.
    sources: Vec<Source>,
    /// Index of the source added to last. In a log the next transaction is nearly always its next.
    last: usize,
}

impl PartialEq for GtidSet {
    fn eq(&self, other: &Self) -> bool {
        self.sources == other.sources
    }
}

impl Eq for GtidSet {}

impl GtidSet {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The set without the transactions of a tag.
    pub(crate) fn without_tag(&self, tag: &str) -> Self {
        let sources = self.sources.iter().filter(|source| source.tag != tag).cloned().collect();
        Self { sources, last: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Adds one transaction. The tag is taken as it is; in the log it is always in lower case.
    pub(crate) fn add(&mut self, uuid: &Uuid, tag: &str, gno: u64) {
        if let Some(source) = self.sources.get_mut(self.last)
            && let Some((_, end)) = source.intervals.last_mut()
            && gno == *end + 1
            && gno <= MAX_GNO
            && source.uuid == *uuid
            && source.tag == tag
        {
            *end = gno;
            return;
        }
        self.add_range(uuid, tag, gno, gno);
    }

    /// Adds the transactions from `first` to `last`, both included. Numbers which no transaction can have
    /// (0, or above [`MAX_GNO`]) are left out; nothing is added if `first` is above `last`.
    pub(crate) fn add_range(&mut self, uuid: &Uuid, tag: &str, first: u64, last: u64) {
        let (first, last) = (first.max(1), last.min(MAX_GNO));
        if first > last {
            return;
        }
        match self.find(uuid, tag) {
            Ok(index) => {
                self.last = index;
                if let Some(source) = self.sources.get_mut(index) {
                    insert(&mut source.intervals, first, last);
                }
            }
            Err(index) => {
                self.last = index;
                let source = Source { uuid: *uuid, tag: tag.to_owned(), intervals: vec![(first, last)] };
                self.sources.insert(index, source);
            }
        }
    }

    pub(crate) fn contains(&self, uuid: &Uuid, tag: &str, gno: u64) -> bool {
        self.contains_range(uuid, tag, gno, gno)
    }

    /// True if all transactions from `first` to `last` are in the set; also if there are none, `first >
    /// last`.
    pub(crate) fn contains_range(&self, uuid: &Uuid, tag: &str, first: u64, last: u64) -> bool {
        first > last || covers(self.intervals(uuid, tag), first, last)
    }

    /// True if every transaction of `other` is in this set.
    pub(crate) fn contains_set(&self, other: &Self) -> bool {
        other.iter().all(|(uuid, tag, intervals)| {
            let own = self.intervals(uuid, tag);
            intervals.iter().all(|&(first, last)| covers(own, first, last))
        })
    }

    /// Adds every transaction of `other`.
    pub(crate) fn union(&mut self, other: &Self) {
        for (uuid, tag, intervals) in other.iter() {
            for &(first, last) in intervals {
                self.add_range(uuid, tag, first, last);
            }
        }
    }

    /// Takes out every transaction of `other`.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for source in &mut self.sources {
            let minus = other.intervals(&source.uuid, &source.tag);
            if !minus.is_empty() {
                source.intervals = difference(&source.intervals, minus);
            }
        }
        self.sources.retain(|source| !source.intervals.is_empty());
    }

    /// The sources with their intervals, both ends inside, in the order of the text: by UUID, then tag, the
    /// empty tag first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Uuid, &str, &[(u64, u64)])> + '_ {
        self.sources.iter().map(|source| (&source.uuid, source.tag.as_str(), source.intervals.as_slice()))
    }

    fn intervals(&self, uuid: &Uuid, tag: &str) -> &[(u64, u64)] {
        let source = self.find(uuid, tag).ok().and_then(|index| self.sources.get(index));
        source.map_or(&[], |source| &source.intervals)
    }

    fn find(&self, uuid: &Uuid, tag: &str) -> Result<usize, usize> {
        self.sources.binary_search_by(|source| (&source.uuid, source.tag.as_str()).cmp(&(uuid, tag)))
    }
}

fn covers(intervals: &[(u64, u64)], first: u64, last: u64) -> bool {
    let index = intervals.partition_point(|&(_, end)| end < first);
    intervals.get(index).is_some_and(|&(start, end)| start <= first && last <= end)
}

/// Adds `first..=last`, merging every interval it meets or touches.
fn insert(intervals: &mut Vec<(u64, u64)>, first: u64, last: u64) {
    let from = intervals.partition_point(|&(_, end)| end.saturating_add(1) < first);
    let to = intervals.partition_point(|&(start, _)| start <= last.saturating_add(1));
    let touched = intervals.get(from..to).unwrap_or_default();
    let start = touched.first().map_or(first, |&(start, _)| start.min(first));
    let end = touched.last().map_or(last, |&(_, end)| end.max(last));
    intervals.splice(from..to.max(from), [(start, end)]);
}

fn difference(intervals: &[(u64, u64)], minus: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut rest = Vec::with_capacity(intervals.len());
    let mut cuts = minus;
    for &(first, last) in intervals {
        let mut next = first;
        while let Some((&(start, end), later)) = cuts.split_first() {
            if start > last {
                break;
            }
            if next < start {
                rest.push((next, start - 1));
            }
            next = next.max(end.saturating_add(1));
            if end > last {
                break;
            }
            cuts = later;
        }
        if next <= last {
            rest.push((next, last));
        }
    }
    rest
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<&Uuid> = None;
        for (uuid, tag, intervals) in self.iter() {
            if before != Some(uuid) {
                if before.is_some() {
                    f.write_str(if f.alternate() { ",\n" } else { "," })?;
                }
                write_uuid(f, uuid)?;
            }
            before = Some(uuid);
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            for (first, last) in intervals {
                write!(f, ":{first}")?;
                if first < last {
                    write!(f, "-{last}")?;
                }
            }
        }
        Ok(())
    }
}

fn write_uuid(f: &mut fmt::Formatter<'_>, uuid: &Uuid) -> fmt::Result {
    for (index, byte) in uuid.iter().enumerate() {
        let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(f, "{dash}{byte:02x}")?;
    }
    Ok(())
}

impl FromStr for GtidSet {
    type Err = String;

    /// Reads the server's text, with blanks and line breaks around any part and letters in any case. Within
    /// the group of one UUID, intervals before the first tag have none. Empty groups (`a:1,,b:1`) are
    /// allowed, as the server allows them.
    ///
    /// # Errors
    /// Says which UUID, tag or interval is wrong.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut set = Self::new();
        for group in text.split(',').map(str::trim).filter(|group| !group.is_empty()) {
            let mut parts = group.split(':').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let uuid = parse_uuid(name).ok_or_else(|| format!("bad UUID {name:?} in GTID set"))?;
            let mut tag = String::new();
            let mut intervals = 0_usize;
            for part in parts {
                if part.starts_with(|first: char| first.is_ascii_digit()) {
                    let (first, last) =
                        parse_interval(part).ok_or_else(|| format!("bad interval {part:?} of {name}"))?;
                    set.add_range(&uuid, &tag, first, last);
                    intervals += 1;
                } else {
                    if !tag.is_empty() && intervals == 0 {
                        return Err(format!("no interval after tag {tag:?} of {name}"));
                    }
                    tag = parse_tag(part).ok_or_else(|| format!("bad tag or interval {part:?} of {name}"))?;
                    intervals = 0;
                }
            }
            if intervals == 0 {
                return Err(format!("no interval at the end of {group:?} in GTID set"));
            }
        }
        Ok(set)
    }
}

/// 32 hexadecimal digits, with the usual dashes or none, in braces or not.
fn parse_uuid(text: &str) -> Option<Uuid> {
    let bare = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?.as_bytes();
    let dashes = match bare.len() {
        32 => false,
        36 if [8, 13, 18, 23].iter().all(|&at| bare.get(at) == Some(&b'-')) => true,
        _ => return None,
    };
    let mut uuid = [0; 16];
    for (index, byte) in uuid.iter_mut().enumerate() {
        let skipped = if dashes { [4, 6, 8, 10].iter().filter(|&&group| index >= group).count() } else { 0 };
        let digit = |at: usize| char::from(*bare.get(at + skipped)?).to_digit(16);
        *byte = u8::try_from(digit(index * 2)? * 16 + digit(index * 2 + 1)?).ok()?;
    }
    Some(uuid)
}

fn parse_interval(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (decimal(first.trim())?, decimal(last.trim())?);
    (1 <= first && first <= last && last <= MAX_GNO).then_some((first, last))
}

fn parse_tag(text: &str) -> Option<String> {
    Some(text.to_ascii_lowercase()).filter(|tag| is_tag(tag))
}

/// True for a small letter or underscore, then up to 31 of these or digits.
pub(super) fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len())
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}
