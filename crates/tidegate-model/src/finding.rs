use crate::Result;

/// What was found out about one thing before a link begins.
#[derive(Debug)]
pub struct Finding {
    /// Stays the same over versions, as `BINLOG_FORMAT`.
    pub item: &'static str,
    /// What is as it should be, in a few words.
    pub title: &'static str,
    pub side: FindingSide,
    /// Whether a link must not begin with it.
    pub blocks: bool,
    /// An error that may pass by itself means that it could not be found out.
    pub outcome: Result<()>,
}

/// Where something was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingSide {
    Source,
    Target,
    /// The one was held against the other.
    Both,
}
