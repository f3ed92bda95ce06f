//! The binary log's bytes: events, table maps, row images, JSON, and the SQL literals made from them.
//!
//! Everything here is pure: slices in, values out, no I/O and no driver. The bytes come from another machine,
//! so no length in them is believed before it is checked against the slice; a wrong one gives [`Malformed`].
//!
//! The layers, lowest first: [`bytes`] (bounds-checked cursor) → [`event`], [`query`], [`gtid`], [`payload`],
//! [`mariadb`] (one event each) → [`table_map`] (what the columns are) → [`rows`] (cells as slices) →
//! [`literal`] (a cell as SQL text), which uses [`temporal`], [`decimal`], [`json`], [`charset`],
//! [`column_zip`].

pub(crate) mod bytes;
pub(crate) mod charset;
pub(crate) mod column_zip;
pub(crate) mod decimal;
pub(crate) mod event;
pub(crate) mod gtid;
pub(crate) mod json;
pub(crate) mod json_diff;
mod json_dom;
mod json_text;
pub(crate) mod literal;
pub(crate) mod mariadb;
mod optional_meta;
pub(crate) mod payload;
pub(crate) mod query;
pub(crate) mod rows;
pub(crate) mod table_map;
pub(crate) mod temporal;

#[cfg(test)]
mod tests_fuzz;
#[cfg(test)]
mod tests_golden;
#[cfg(test)]
mod tests_literal;

use std::fmt;

/// Bytes that are not what the format says: what was read, and at which offset of the event's body or cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed binary log data: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl Malformed {
    /// The error for `what`; out of line because every reader has dozens of call sites that never run.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Malformed(what.into())
    }
}

/// The server family that wrote the log. They share event layouts, but not which columns the optional
/// metadata of a table map counts as character columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    MySql,
    MariaDb,
}
