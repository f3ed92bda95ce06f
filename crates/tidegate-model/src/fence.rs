use crate::{Fut, Result};

/// A way to keep applications from writing to a database while a link goes on writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FenceWay {
    /// The whole server is read-only for everybody who has no right to pass that.
    ReadOnly,
    /// A trigger on each table of the link refuses every row that is not the link's.
    Triggers,
}

impl FenceWay {
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::Triggers];

    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Triggers => "triggers",
        }
    }
}

/// What a way would do here.
#[derive(Debug)]
pub struct FenceOffer {
    pub way: FenceWay,
    /// What it lacks, with a remedy.
    pub possible: Result<()>,
    /// What else it would stop, or what it would let through; empty if it is as tight and as narrow as can be.
    pub warnings: Vec<String>,
}

/// Keeps applications from writing to the database of one side of a pair: closed as soon as a link is to take over that
/// writes there, open as soon as that has given the right to write away.
pub trait Fence: Send + Sync {
    /// All ways, the tightest first. Changes nothing.
    fn offers(&self) -> Fut<'_, Vec<FenceOffer>>;

    /// How it is closed; `None` if it is open, or if this link has not closed it.
    fn closed(&self) -> Fut<'_, Option<FenceWay>>;

    /// Closes it. When this has succeeded nobody but the link commits a row any more, also not one who began before; where
    /// the way can, not even the link does, until [`Fence::admit`]. Safe to repeat.
    fn close(&self, way: FenceWay) -> Fut<'_, ()>;

    /// Lets the link write to what is closed. Nothing to do where it is open.
    fn admit(&self) -> Fut<'_, ()>;

    /// Makes everything as it was before it was closed. Refused while the link has the right to write here. Nothing to do
    /// where it is open.
    fn open(&self) -> Fut<'_, ()>;

    /// The same for a link that has ended, whatever right it had.
    fn give_up(&self) -> Fut<'_, ()>;

    /// Keeps it closed for as long as it is waited for: closes it again whenever it is found open, after a restart of the
    /// server for one. Ends only with an error; where it is open, it never ends.
    fn keep(&self) -> Fut<'_, ()>;
}
