use crate::{
    Comparable, Decision, Fence, Finding, FoundConflict, Fut, InstanceName, Policy, Position, Result,
    Selection, Source, TableName, Target,
};
use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A database as one end of a link: whatever can be asked of it before, beside and after the link's own run. What takes
/// two of them fails if the other is of another engine.
pub trait Database: Any + Send + Sync {
    /// The same for two databases that can be the ends of one link.
    fn engine(&self) -> &'static str;

    /// Whether a password was given.
    fn has_password(&self) -> bool;

    /// The account's name; empty if there is none.
    fn user(&self) -> String;

    /// `user@host:port` as it was given, for a person.
    fn account(&self) -> String;

    /// Host and port, written the same way whenever they are the same.
    fn address(&self) -> String;

    /// As [`Source::identity`].
    fn identity(&self) -> Fut<'_, String>;

    /// What answers here, as a person calls it.
    fn server(&self) -> Fut<'_, String>;

    /// What is here to choose from; of one database with its columns.
    fn tree<'a>(&'a self, database: Option<&'a str>) -> Fut<'a, Vec<FoundTable>>;

    /// What links have left here: of a target their state, of every server the account. For a source, name none.
    fn remains<'a>(&'a self, target_of: &'a [InstanceName]) -> Fut<'a, Vec<Remain>>;

    /// Runs statements of [`Remain`], up to the first that fails. Our state stays if another link than `own` has come into
    /// it meanwhile.
    fn run_statements<'a>(&'a self, own: &'a [InstanceName], statements: &'a [String]) -> Fut<'a, ()>;

    /// Everything that should be known of this source and that target before a link begins. Changes nothing.
    fn look<'a>(&'a self, target: &'a dyn Database, selection: &'a Selection) -> Fut<'a, Vec<Finding>>;

    /// What others than the links have written here, of what is selected, since the links began, or from a position on.
    /// `server_id`: who we are to the server, where it wants to know.
    fn written_by_others<'a>(
        &'a self,
        server_id: u32,
        selection: &'a Selection,
        links: &'a [InstanceName],
        from: Option<&'a Position>,
    ) -> Fut<'a, Written>;

    /// What the link has met here that its log did not expect.
    fn conflicts<'a>(&'a self, link: &'a InstanceName, settled: bool) -> Fut<'a, Vec<FoundConflict>>;

    /// Decides one conflict, by its number and place, or all that are open. Answers how many.
    fn decide_conflicts<'a>(
        &'a self,
        link: &'a InstanceName,
        place: Option<(u64, u32)>,
        decision: Decision,
        by: &'a str,
    ) -> Fut<'a, u64>;

    fn policy<'a>(&'a self, link: &'a InstanceName) -> Fut<'a, Policy>;

    fn put_policy<'a>(&'a self, link: &'a InstanceName, policy: Policy) -> Fut<'a, ()>;

    /// Whether what we write here of what is selected can be told from what others write.
    fn check_marks<'a>(&'a self, selection: &'a Selection) -> Fut<'a, ()>;

    /// Makes the target ready for applications to write there, which have written here: it gives out no number that this
    /// server has given out, and does by itself what this server did by itself.
    fn hand_over<'a>(
        &'a self,
        target: &'a dyn Database,
        link: &'a InstanceName,
        selection: &'a Selection,
    ) -> Fut<'a, Raised>;

    /// Whether rules can be understood at all: the server is not asked.
    fn read_rules(&self, selection: &Selection) -> Result<()>;

    /// Whether this server can carry the rules out.
    fn check_rules<'a>(&'a self, selection: &'a Selection) -> Fut<'a, ()>;

    /// `peers`: links of the other direction, whose writes here are no news.
    fn source(&self, server_id: u32, selection: &Selection, peers: &[InstanceName]) -> Arc<dyn Source>;

    fn target(&self, instance: &InstanceName, selection: &Selection) -> Arc<dyn Target>;

    /// Keeps applications out of what is selected here by the names that it has here, for the link that writes here.
    fn fence(&self, instance: &InstanceName, selection: &Selection) -> Arc<dyn Fence>;

    fn comparable(&self) -> Arc<dyn Comparable>;
}

/// A table as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTable {
    pub name: TableName,
    pub rows_estimated: u64,
    pub bytes_estimated: u64,
    /// Whether it has a key, and its columns with their types; only where one database was asked for.
    pub detail: Option<(bool, Vec<(String, String)>)>,
}

/// One thing that is left, with the statements that remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remain {
    pub what: String,
    pub statements: Vec<String>,
}

/// What became of counters.
#[derive(Clone, Debug, Default)]
pub struct Raised {
    /// How many were behind, and are not any more.
    pub raised: u64,
    /// Tables whose counters could not be raised, each with why.
    pub behind: Vec<String>,
}

/// What applications have written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub transactions: u64,
    /// When the first and the last were committed, in microseconds since 1970.
    pub first_at_us: u64,
    pub last_at_us: u64,
    /// Changed rows by table.
    pub rows: BTreeMap<String, u64>,
    pub schema_changes: u64,
    /// The first of them, in the log's order.
    pub changes: Vec<WrittenChange>,
    /// `database.table` and the key of every row that was changed, if there are not too many of them.
    pub keys: Option<HashSet<(String, String)>>,
    /// Where the log is to be read from so that all of it is read.
    pub start: Option<Position>,
    /// Where the log ended when that was asked: everything up to there was looked at.
    pub end: Option<Position>,
    /// Whether the log goes back to where the link began: else there may be more.
    pub is_whole: bool,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct WrittenChange {
    /// `insert`, `update`, `delete` or `schema`.
    pub kind: &'static str,
    /// `database.table`; empty for a schema change.
    pub table: String,
    /// The row's key, as `id=1`, empty for a table without one; or the statement.
    pub what: String,
}
