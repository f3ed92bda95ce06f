//! Positions in a server's history of transactions, and marks: what was read since the last one.
//!
//! A position is what a session starts from and saves; it has a text form. A mark is a few bytes that
//! travel with the transactions read, so that whoever has applied them can
//! [`advance`](MysqlPosition::advance) the saved position without knowing anything about the server.

mod mariadb;
mod mark;
mod mysql;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub(crate) use mariadb::MariadbPosition;
use mark::Entry;
pub(crate) use mark::{encode_file, encode_gtid, encode_mariadb};
pub(crate) use mysql::{GtidSet, MAX_GNO, Uuid};

/// Everything up to here has been read or applied.
///
/// The text form is `gtid:<set>`, `mariadb:<position>` or `file:<name>:<offset>`; it parses back to an
/// equal position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MysqlPosition {
    /// MySQL with `gtid_mode=ON`
    Gtid(GtidSet),
    Mariadb(MariadbPosition),
    /// No GTIDs: a binary log file and the offset of the next event in it.
    File {
        file: String,
        offset: u64,
    },
}

impl MysqlPosition {
    /// Folds a mark in, all its entries or, on error, none. A set grows, a file position is replaced, and
    /// so is the entry of a MariaDB domain. An empty mark changes nothing.
    ///
    /// # Errors
    /// The mark is damaged or of another kind than the position.
    pub(crate) fn advance(&mut self, mark: &[u8]) -> Result<(), String> {
        for entry in mark::entries(mark) {
            self.check_kind(&entry?)?;
        }
        for entry in mark::entries(mark) {
            match (&mut *self, entry?) {
                (Self::Gtid(set), Entry::Gtid { uuid, tag, first, last }) => {
                    set.add_range(uuid, tag, first, last)
                }
                (Self::Mariadb(position), Entry::Mariadb { domain, server, seq }) => {
                    position.advance(domain, server, seq);
                }
                (Self::File { file, offset }, Entry::File { name, offset: new }) => {
                    // Nearly always the same file: keep the allocation.
                    if file != name {
                        name.clone_into(file);
                    }
                    *offset = new;
                }
                // Ruled out above.
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether everything up to `other` is inside; positions of two kinds never are.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Gtid(own), Self::Gtid(other)) => own.contains_set(other),
            (Self::Mariadb(own), Self::Mariadb(other)) => own.contains(other),
            (Self::File { file, offset }, Self::File { file: other, offset: reached }) => {
                (file, offset) >= (other, reached)
            }
            _ => false,
        }
    }

    /// True if everything in the mark's last entry is inside the position; true for an empty mark. Files
    /// compare by the number their name ends in, then by offset.
    ///
    /// # Errors
    /// The mark is damaged or of another kind than the position, or a file name does not end in a number.
    pub(crate) fn covers(&self, mark: &[u8]) -> Result<bool, String> {
        let mut last_entry = None;
        for entry in mark::entries(mark) {
            last_entry = Some(entry?);
        }
        let Some(entry) = last_entry else { return Ok(true) };
        self.check_kind(&entry)?;
        match (self, entry) {
            (Self::Gtid(set), Entry::Gtid { uuid, tag, first, last }) => {
                Ok(set.contains_range(uuid, tag, first, last))
            }
            (Self::Mariadb(position), Entry::Mariadb { domain, seq, .. }) => Ok(position.covers(domain, seq)),
            (Self::File { file, offset }, Entry::File { name, offset: reached }) => {
                if file == name {
                    return Ok(reached <= *offset);
                }
                Ok((file_number(name)?, reached) <= (file_number(file)?, *offset))
            }
            _ => Ok(false),
        }
    }

    fn check_kind(&self, entry: &Entry<'_>) -> Result<(), String> {
        let (own, other) = match (self, entry) {
            (Self::Gtid(_), Entry::Gtid { .. })
            | (Self::Mariadb(_), Entry::Mariadb { .. })
            | (Self::File { .. }, Entry::File { .. }) => return Ok(()),
            _ => (self.kind(), entry.kind()),
        };
        Err(format!("a {other} mark does not fit a {own} position"))
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Gtid(_) => "gtid",
            Self::Mariadb(_) => "mariadb",
            Self::File { .. } => "file",
        }
    }
}

/// The sequence number of a binary log file: 7 of `binlog.000007`.
fn file_number(name: &str) -> Result<u64, String> {
    let digits = name.len() - name.trim_end_matches(|last: char| last.is_ascii_digit()).len();
    let number = name.get(name.len() - digits..).unwrap_or_default();
    number.parse().map_err(|_| format!("binary log file name {name:?} does not end in a sequence number"))
}

impl fmt::Display for MysqlPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gtid(set) => write!(f, "gtid:{set}"),
            Self::Mariadb(position) => write!(f, "mariadb:{position}"),
            Self::File { file, offset } => write!(f, "file:{file}:{offset}"),
        }
    }
}

impl FromStr for MysqlPosition {
    type Err = String;

    /// # Errors
    /// Says what is wrong with the text, quoting the part.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.trim().split_once(':').unwrap_or((text, ""));
        match kind {
            "gtid" => Ok(Self::Gtid(rest.parse()?)),
            "mariadb" => Ok(Self::Mariadb(rest.parse()?)),
            "file" => {
                let parts = rest.rsplit_once(':').filter(|(file, _)| !file.is_empty());
                let (file, number) =
                    parts.ok_or_else(|| format!("position {text:?} is not file:<name>:<offset>"))?;
                let offset =
                    decimal(number).ok_or_else(|| format!("bad offset {number:?} in position {text:?}"))?;
                Ok(Self::File { file: file.to_owned(), offset })
            }
            _ => Err(format!("position {text:?} begins with none of gtid:, mariadb:, file:")),
        }
    }
}

/// A number of digits only: `parse` alone would take a plus sign.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
