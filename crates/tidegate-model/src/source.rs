use crate::{Fut, Position, Result, Selection, TableName};

/// A database that is read: its tables, its definitions, its log.
pub trait Source: Send + Sync {
    /// Refuses, with a remedy each, what would make the link lose something: log off or in the wrong form, missing
    /// rights, an unsupported version. Asks the server every time; changes nothing.
    fn check(&self) -> Fut<'_, ()>;

    /// Text that stays the same for this server over restarts, and differs for every other server.
    fn identity(&self) -> Fut<'_, String>;

    /// Text that is the same for all servers on which a position of this one means the same place: for GTIDs any server,
    /// for places in log files this server alone.
    fn lineage(&self) -> Fut<'_, String>;

    /// How long the source keeps its log; `None` if it says no time.
    fn retention(&self) -> Fut<'_, Option<std::time::Duration>>;

    /// The selected tables with what the copy must know of each.
    fn tables<'a>(&'a self, selection: &'a Selection) -> Fut<'a, Vec<Table>>;

    /// The definitions that a target needs for the selected objects, in the order in which they can be made.
    fn definitions<'a>(&'a self, selection: &'a Selection) -> Fut<'a, Vec<Definition>>;

    /// The end of the log as it is now. Everything committed before the call lies before it.
    fn position(&self) -> Fut<'_, Position>;

    /// A position that a person gives, in the form in which this source has them. Refuses what is none.
    fn plain(&self, position: &Position) -> Result<Position>;

    /// Reads the log from `from` on. A definite error if the log no longer goes back so far.
    fn capture<'a>(&'a self, from: &'a Position, selection: &'a Selection) -> Fut<'a, Box<dyn Capture>>;

    /// Reads a table without a group in key order from after `after` (a `last_key` of an earlier chunk), or from its
    /// beginning.
    fn read<'a>(&'a self, table: &'a Table, after: Option<&'a [u8]>) -> Fut<'a, Box<dyn TableReader>>;

    /// Reads all tables of a group as they are at one place in the log, which the readers know
    /// ([`TableReader::snapshot`]). They come in the tables' order and are to be read one after the other.
    fn snapshot<'a>(&'a self, tables: &'a [Table]) -> Fut<'a, Vec<Box<dyn TableReader>>>;

    /// A cursor that starts at `from`, to fold marks into positions.
    fn cursor(&self, from: &Position) -> Result<Box<dyn Cursor>>;
}

/// A selected table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: TableName,
    /// The server's estimate: for progress bars only.
    pub rows_estimated: u64,
    /// Bytes of rows and indexes, an estimate too.
    pub bytes_estimated: u64,
    /// `None` if changes in the log may be applied over rows that are newer: a key tells the rows apart, and nothing
    /// changes them that is not in the log. Else the tables that have to be read at the same place in the log bear the
    /// same name here; their copy cannot go on in the middle.
    pub group: Option<TableName>,
    /// Its columns as they were looked at, as text: the same as long as they are.
    pub columns: String,
}

/// A definition in the source's own words (for SQL: a CREATE statement).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub stage: Stage,
    pub name: TableName,
    pub text: String,
    /// Further facts for the target adapter, in its own form.
    pub detail: String,
}

/// When a definition is made in the target, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Before the copy: what holds rows.
    Database,
    Sequence,
    Table,
    /// After the copy: what only reads rows, or would act on our writes.
    Routine,
    View,
    Trigger,
    Event,
}

/// Rows of one table in the adapter's own encoding, on the way from a reader to a loader of the same adapter.
#[derive(Debug, Default)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    pub rows: u64,
    /// The key of the last row, in the adapter's own encoding: where reading goes on.
    pub last_key: Vec<u8>,
}

impl Chunk {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows = 0;
        self.last_key.clear();
    }
}

/// Reads one table.
pub trait TableReader: Send {
    /// Fills `chunk`, up to a size that the adapter chooses. Answers `false` when the table has no more rows;
    /// the chunk may then still hold some.
    fn next<'a>(&'a mut self, chunk: &'a mut Chunk) -> Fut<'a, bool>;

    /// For a reader that reads at one place in the log: that place. Changes up to it must not be applied again.
    fn snapshot(&self) -> Option<Position>;
}

/// Reads a log.
pub trait Capture: Send {
    /// Waits until the source has sent something, then hands over everything that has already arrived, up to the
    /// sink's limit. Not cancel-safe: after a cancelled call the capture must be dropped.
    fn next<'a>(&'a mut self, sink: &'a mut dyn CaptureSink) -> Fut<'a, ()>;
}

/// Where a capture puts what it reads. Nothing counts before its commit.
pub trait CaptureSink: Send {
    /// Appends one piece (whole events of the adapter's own encoding) to the open transaction.
    fn data(&mut self, piece: &[u8]);

    /// Ends the open transaction. Without data before it, it stands for traffic that is not selected: only its mark
    /// counts.
    fn commit(&mut self, commit: Commit<'_>);

    /// Forgets the open transaction: the connection broke in its middle, and it will be sent again.
    fn rollback(&mut self);

    /// Whether it is time to hand over.
    fn is_full(&self) -> bool;
}

/// The end of a transaction in the log.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// What the position gains by this transaction, and by the unselected ones since the last mark.
    pub mark: &'a [u8],
    /// When the source committed, in microseconds since 1970 by the source's clock; 0 if unknown.
    pub committed_at_us: u64,
}

/// Folds marks into a position.
pub trait Cursor: Send {
    fn advance(&mut self, mark: &[u8]) -> Result<()>;
    fn position(&self) -> Position;
    /// Whether everything up to `other` lies within the cursor's position.
    fn covers(&self, other: &Position) -> Result<bool>;
}
