//! A MySQL or MariaDB server as a target.

use crate::catalog::{self, TableInfo};
use crate::connect::{Endpoint, Server, has_rows, question_setup, quote};
use crate::footprint::Footprints;
use crate::gtid::MysqlPosition;
use crate::loader::{RowsBefore, TableLoader};
use crate::session::{self, Marker};
use crate::source::{parse, selects};
use crate::state::{self, MadeFor};
use crate::writer::LaneWriter;
use crate::{check, definitions};
use mysql_async::Conn;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use tidegate_model::{
    Code, CopyProgress, Definition, Error, FootprintReader, Fut, InstanceName, LinkState, Loader, Permit,
    Permits, Phase, Reselection, Result, Selection, Table, TableName, Target, Writer,
};

/// A server that is written.
pub struct MysqlTarget {
    endpoint: Endpoint,
    instance: InstanceName,
    selection: Selection,
    knowledge: Arc<Knowledge>,
}

/// What the target's tables are, shared by everything that writes. Renewed when a schema change was carried out.
pub(crate) struct Knowledge {
    pub(crate) selection: Selection,
    inner: RwLock<Arc<Known>>,
    /// Whether the log that is applied overlaps with the copy.
    overlaps: AtomicBool,
}

/// One state of the knowledge.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// Counts up with every change, so that what was derived from it can be thrown away.
    pub(crate) generation: u64,
    /// By the names in the target.
    pub(crate) tables: HashMap<TableName, Arc<TableInfo>>,
    /// By the names in the source: changes up to there are in the copy already.
    pub(crate) snapshots: HashMap<TableName, MysqlPosition>,
    /// By the names in the source: tables whose counterparts had rows before.
    pub(crate) kept: HashSet<TableName>,
    /// By the names in the source, while the log overlaps with the copy: tables that the link has copied, or made by the
    /// log. `None` after that.
    with_copy: Option<HashSet<TableName>>,
}

impl Known {
    /// Whether the table was gone before the copy came to it, although the log begins before that. `source` is its name
    /// there, `target` that of its counterpart.
    pub(crate) fn was_gone(&self, source: &TableName, target: &TableName) -> bool {
        let with_copy = self.with_copy.as_ref();
        with_copy.is_some_and(|with_copy| !with_copy.contains(source)) && !self.tables.contains_key(target)
    }

    /// Lists of columns by which other tables refer to this one.
    pub(crate) fn referred_columns(&self, parent: &TableName) -> HashSet<Vec<String>> {
        let keys = self.tables.values().flat_map(|table| &table.parents);
        keys.filter(|key| &key.parent == parent).map(|key| key.parent_columns.clone()).collect()
    }

    /// Columns of the table by whose values foreign keys of other tables (or its own) act on their rows.
    pub(crate) fn cascading_columns(&self, parent: &TableName) -> HashSet<String> {
        let keys = self.tables.values().flat_map(|table| &table.parents);
        keys.filter(|key| key.cascades && &key.parent == parent)
            .flat_map(|key| key.parent_columns.clone())
            .collect()
    }
}

impl Knowledge {
    pub(crate) fn current(&self) -> Arc<Known> {
        self.inner.read().expect("no holder panics").clone()
    }

    /// Everything of the overlap is applied. The definitions are what they were.
    fn end_overlap(&self) {
        self.overlaps.store(false, Ordering::Relaxed);
        let mut inner = self.inner.write().expect("no holder panics");
        let known = Known { generation: inner.generation + 1, with_copy: None, ..Known::clone(&inner) };
        *inner = Arc::new(known);
    }

    /// Reads the definitions of all selected tables anew.
    pub(crate) async fn renew(&self, conn: &mut Conn, instance: &InstanceName) -> Result<()> {
        let databases = catalog::databases(conn).await?;
        // Names are the target's: which source table stands behind one is not asked here, so all are read.
        let found = catalog::read(conn, &databases, &|_, _| true).await?;
        let (mut snapshots, mut with_copy) = (HashMap::new(), HashSet::new());
        for progress in state::read_copied(conn, &state::of_instance(instance)).await? {
            if progress.is_begun() {
                with_copy.insert(progress.table.clone());
            }
            if let Some(position) = progress.snapshot {
                snapshots.insert(progress.table, parse(&position)?);
            }
        }
        let kept = state::kept_tables(conn, instance).await?;
        let mut inner = self.inner.write().expect("no holder panics");
        *inner = Arc::new(Known {
            generation: inner.generation + 1,
            tables: found.into_iter().map(|info| (info.name.clone(), Arc::new(info))).collect(),
            snapshots,
            kept,
            with_copy: self.overlaps.load(Ordering::Relaxed).then_some(with_copy),
        });
        Ok(())
    }
}

impl MysqlTarget {
    pub fn new(endpoint: Endpoint, instance: InstanceName, selection: Selection) -> Self {
        let overlaps = AtomicBool::new(false);
        let knowledge = Knowledge { selection: selection.clone(), inner: RwLock::default(), overlaps };
        Self { endpoint, instance, selection, knowledge: Arc::new(knowledge) }
    }

    fn marker(&self) -> Marker {
        Marker::new(self.instance.clone())
    }

    async fn question(&self) -> Result<(Conn, Server)> {
        let mut conn = self.endpoint.connect(&question_setup()).await?;
        let server = Server::of(&mut conn).await?;
        Ok((conn, server))
    }

    /// A session that writes, but speaks UTF-8.
    async fn administer(&self) -> Result<(Conn, Server)> {
        let (mut conn, server) = session::open(&self.endpoint, &self.marker()).await?;
        session::run(&mut conn, &question_setup()[0]).await?;
        Ok((conn, server))
    }

    async fn make(&self, definitions: &[Definition], selection: &Selection) -> Result<Vec<String>> {
        let (mut conn, server) = self.administer().await?;
        session::claim_definitions(&mut conn, &self.instance).await?;
        let copied = state::read_copied(&mut conn, &state::of_instance(&self.instance)).await?;
        let in_target = |one: &CopyProgress| selection.map(&one.table.database, &one.table.table);
        let own = definitions::Own {
            copies: copied.into_iter().map(|one| (in_target(&one), one)).collect(),
            record: &|table| state::made_statement(&self.instance, table, MadeFor::Copy),
        };
        definitions::make(&mut conn, server, definitions, selection, &own).await
    }

    async fn open_loader(&self, table: &Table) -> Result<TableLoader> {
        let name = self.selection.map(&table.name.database, &table.name.table);
        let info = self.knowledge.current().tables.get(&name).cloned();
        let info =
            info.ok_or_else(|| Error::new(Code::MissingTable, format!("{name} is not in the target")))?;
        let rows_before = match self.selection.keeps_rows() {
            true if self.knowledge.current().kept.contains(&table.name) => RowsBefore::Kept,
            true => RowsBefore::MayBe,
            false => RowsBefore::None,
        };
        TableLoader::open(&self.endpoint, self.instance.clone(), table.name.clone(), info, rows_before).await
    }

    async fn end_earlier(&self) -> Result<()> {
        let (mut conn, _) = self.administer().await?;
        session::end_definitions(&mut conn, &self.instance).await?;
        session::run(&mut conn, "SET SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1")
            .await?;
        match state::take_over(&mut conn, &self.instance).await {
            // It never came as far as to have a state.
            Err(error) if error.code() == Code::MissingTable => Ok(()),
            // Without the right to write nothing of it is committed.
            Err(error) if error.code() == Code::NotItsTurn => Ok(()),
            settled => settled.map(|_| ()),
        }
    }

    /// The selection that the link was begun with, if it is another than now: under that, other tables bear the names.
    async fn other_selection(&self, conn: &mut Conn) -> Result<Option<String>> {
        let begun_with = state::selection(conn, &self.instance).await?;
        Ok(begun_with.filter(|begun_with| *begun_with != self.selection.fingerprint()))
    }

    /// An earlier run was forgetting the link and was killed at it.
    async fn end_reset(&self, conn: &mut Conn) -> Result<()> {
        if let Some(begun_with) = self.other_selection(conn).await? {
            let now = self.selection.fingerprint();
            let what =
                format!("it was begun with {begun_with}, now it is {now}, and its tables are being dropped");
            let remedy = "run once more with the selection and the renames that it had";
            return Err(Error::new(Code::SelectionChanged, what).with_remedy(remedy));
        }
        self.start_over().await
    }

    /// Drops what this link made and copied, then forgets the link: in this order, so that it can be repeated.
    /// Nothing is dropped under another selection.
    async fn start_over(&self) -> Result<()> {
        let (mut conn, _) = self.administer().await?;
        session::claim_definitions(&mut conn, &self.instance).await?;
        if self.other_selection(&mut conn).await?.is_some() {
            return state::forget(&mut conn, &self.instance).await;
        }
        state::begin_reset(&mut conn, &self.instance).await?;
        let kept = state::kept_tables(&mut conn, &self.instance).await?;
        for progress in state::read_copied(&mut conn, &state::of_instance(&self.instance)).await? {
            let name = self.selection.map(&progress.table.database, &progress.table.table);
            let name = format!("{}.{}", quote(&name.database), quote(&name.table));
            if kept.contains(&progress.table) {
                continue;
            }
            // Rows in a table whose copy was not begun are somebody else's.
            let awaits_copy = !progress.is_begun();
            if awaits_copy && !is_empty(has_rows(&mut conn, &name).await)? {
                continue;
            }
            session::run(&mut conn, &format!("DROP TABLE IF EXISTS {name}")).await?;
        }
        state::forget(&mut conn, &self.instance).await
    }
}

impl Permits for MysqlTarget {
    fn permit(&self) -> Fut<'_, Option<Permit>> {
        Box::pin(async {
            let (mut conn, _) = self.question().await?;
            match state::permit::read(&mut conn, &self.instance, "").await {
                // No link was ever begun here.
                Err(error) if error.code() == Code::MissingTable => Ok(None),
                found => found,
            }
        })
    }

    fn change_permit(&self, before: Option<Permit>, held: bool) -> Fut<'_, Permit> {
        Box::pin(async move {
            let (mut conn, _) = self.administer().await?;
            state::prepare(&mut conn).await?;
            if before.is_none() && held {
                return state::permit::change(&mut conn, &self.instance, before, held).await;
            }
            // A schema change that is being carried out is ended, and none begins before this is done.
            session::end_definitions(&mut conn, &self.instance).await?;
            session::claim_definitions(&mut conn, &self.instance).await?;
            state::permit::change(&mut conn, &self.instance, before, held).await
        })
    }
}

impl Target for MysqlTarget {
    fn check(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let (mut conn, server) = self.question().await?;
            check::check_target(&mut conn, server, &self.endpoint, &self.selection).await
        })
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async {
            let (mut conn, server) = self.question().await?;
            check::server_identity(&mut conn, server).await
        })
    }

    fn prepare(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let (mut conn, _) = self.administer().await?;
            state::prepare(&mut conn).await?;
            if state::is_resetting(&mut conn, &self.instance).await? {
                self.end_reset(&mut conn).await?;
            }
            Ok(())
        })
    }

    fn state(&self) -> Fut<'_, Option<LinkState>> {
        Box::pin(async {
            let (mut conn, _) = self.question().await?;
            let found = async {
                if state::is_resetting(&mut conn, &self.instance).await? {
                    return Ok(None);
                }
                state::read(&mut conn, &self.instance).await
            };
            match found.await {
                // No link was ever begun here.
                Err(error) if error.code() == Code::MissingTable => Ok(None),
                found => found,
            }
        })
    }

    fn take_over(&self) -> Fut<'_, Option<LinkState>> {
        Box::pin(async {
            let (mut conn, _) = self.administer().await?;
            state::take_over(&mut conn, &self.instance).await
        })
    }

    fn end_earlier_run(&self) -> Fut<'_, ()> {
        Box::pin(self.end_earlier())
    }

    fn reselect<'a>(&'a self, change: Reselection<'a>) -> Fut<'a, ()> {
        Box::pin(async move {
            let (mut conn, _) = self.administer().await?;
            let before = self.selection.fingerprint();
            state::reselect(&mut conn, &self.instance, &before, change).await
        })
    }

    fn begin<'a>(&'a self, state: &'a LinkState) -> Fut<'a, ()> {
        Box::pin(async {
            let (mut conn, _) = self.administer().await?;
            state::begin(&mut conn, &self.instance, state).await
        })
    }

    fn enter<'a>(&'a self, phase: Phase) -> Fut<'a, ()> {
        Box::pin(async move {
            let (mut conn, _) = self.administer().await?;
            state::enter(&mut conn, &self.instance, phase).await
        })
    }

    fn reset(&self) -> Fut<'_, ()> {
        Box::pin(self.start_over())
    }

    fn define<'a>(&'a self, definitions: &'a [Definition], selection: &'a Selection) -> Fut<'a, Vec<String>> {
        Box::pin(self.make(definitions, selection))
    }

    fn settle(&self) -> Fut<'_, ()> {
        // Every constraint is there from the beginning: what stands in an overlap's way is overwritten.
        self.knowledge.end_overlap();
        Box::pin(std::future::ready(Ok(())))
    }

    fn learn<'a>(&'a self, _selection: &'a Selection) -> Fut<'a, ()> {
        Box::pin(async {
            self.knowledge.overlaps.store(true, Ordering::Relaxed);
            let (mut conn, _) = self.question().await?;
            self.knowledge.renew(&mut conn, &self.instance).await
        })
    }

    fn loader<'a>(&'a self, table: &'a Table, _selection: &'a Selection) -> Fut<'a, Box<dyn Loader>> {
        Box::pin(async { Ok(Box::new(self.open_loader(table).await?) as Box<dyn Loader>) })
    }

    fn writer(&self, lane: u16) -> Fut<'_, Box<dyn Writer>> {
        Box::pin(async move {
            let writer =
                LaneWriter::open(self.endpoint.clone(), self.instance.clone(), lane, self.knowledge.clone())
                    .await?;
            Ok(Box::new(writer) as Box<dyn Writer>)
        })
    }

    fn footprints(&self) -> Box<dyn FootprintReader> {
        Box::new(Footprints::new(self.knowledge.clone()))
    }
}

/// A table that is not there is empty too.
fn is_empty(has_rows: Result<bool>) -> Result<bool> {
    match has_rows {
        Err(error) if error.code() == Code::MissingTable => Ok(true),
        other => other.map(|has_rows| !has_rows),
    }
}

/// The log has something of it, and the copy has not.
pub(crate) fn gone(what: &str) -> Error {
    Error::new(Code::SchemaChangedWhileCopying, format!("{what} was gone before it was copied"))
}

/// Whether a source table takes part and what is known of its counterpart.
pub(crate) fn counterpart(
    knowledge: &Knowledge,
    known: &Known,
    database: &str,
    table: &str,
) -> Result<Option<Arc<TableInfo>>> {
    if !selects(&knowledge.selection, database, table) {
        return Ok(None);
    }
    let name = knowledge.selection.map(database, table);
    match known.tables.get(&name) {
        Some(info) => Ok(Some(info.clone())),
        None if known.was_gone(&TableName::new(database, table), &name) => {
            Err(gone(&format!("{database}.{table}")))
        }
        None => Err(Error::new(Code::MissingTable, format!("{name} is not in the target"))),
    }
}
