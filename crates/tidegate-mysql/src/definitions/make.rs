//! Making definitions in the target.

use super::account::Accounts;
use super::compare::{difference, folded, folds_names};
use super::create::Failure;
use super::detail::{Detail, GUARDED, Key, TABLE, kind_of, label};
use super::map::{target_name, target_statement};
use super::read::{self, Wanted};
use super::session;
use crate::check::{check_databases, current_account};
use crate::connect::{Server, has_rows, quote, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{HashMap, HashSet};
use tidegate_model::{Code, CopyProgress, Definition, Error, Result, Selection, Stage, TableName};

/// What the link has made in the target before.
pub(crate) struct Own<'a> {
    /// Its copies, by the table's name in the target.
    pub(crate) copies: HashMap<TableName, CopyProgress>,
    /// The statement that records that it makes a table, by the name in the source.
    pub(crate) record: &'a (dyn Fn(&TableName) -> String + Sync),
}

/// Makes what is missing in the target. What is there already must be defined alike and, if it is a table whose copy was
/// not begun, be empty. Safe to repeat. Answers what a person should know.
pub(crate) async fn make(
    conn: &mut Conn,
    server: Server,
    definitions: &[Definition],
    selection: &Selection,
    own: &Own<'_>,
) -> Result<Vec<String>> {
    let fold = folds_names(conn).await?;
    let plan = plan(definitions, selection, fold)?;
    let mut written: Vec<String> = plan.iter().map(|item| item.name.database.clone()).collect();
    written.sort();
    written.dedup();
    check_databases(conn, server, &written).await?;
    let mut maker = Maker::new(conn, server, selection, own, &plan, fold).await?;
    session::for_making(maker.conn, server).await?;
    let outcome = maker.run(&plan).await;
    let restored = session::restore(maker.conn).await;
    let notices = maker.notices;
    outcome.and(restored).map(|()| notices)
}

/// Whether something in the target stands in the way of a new link. Changes nothing.
pub(crate) async fn vet(
    conn: &mut Conn,
    server: Server,
    definitions: &[Definition],
    selection: &Selection,
) -> Result<()> {
    let fold = folds_names(conn).await?;
    let plan = plan(definitions, selection, fold)?;
    let own = Own { copies: HashMap::new(), record: &|_| String::new() };
    let mut maker = Maker::new(conn, server, selection, &own, &plan, fold).await?;
    let there = maker.there();
    maker.vet(&plan, &there).await
}

fn plan<'a>(definitions: &'a [Definition], selection: &Selection, fold: bool) -> Result<Vec<Item<'a>>> {
    definitions.iter().map(|one| Item::new(one, selection, fold)).collect()
}

/// A definition on its way.
pub(super) struct Item<'a> {
    pub(super) definition: &'a Definition,
    pub(super) detail: Detail,
    /// In the target, as everything below.
    pub(super) name: TableName,
    pub(super) key: Key,
    pub(super) statement: String,
}

impl<'a> Item<'a> {
    fn new(definition: &'a Definition, selection: &Selection, fold: bool) -> Result<Self> {
        let name = target_name(definition, selection);
        if crate::catalog::OWN_SCHEMAS.contains(&name.database.to_lowercase().as_str()) {
            let what = format!("{} would go into {}", label(definition, &definition.name), name.database);
            return Err(Error::new(Code::BadPattern, what).with_remedy("rename it to a database of your own"));
        }
        let key = Key::new(definition, &name, fold);
        let statement = target_statement(definition, selection)?;
        Ok(Self { definition, detail: Detail::of(definition), name, key, statement })
    }

    pub(super) fn label(&self) -> String {
        label(self.definition, &self.name)
    }

    pub(super) fn stage(&self) -> Stage {
        self.definition.stage
    }

    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", quote(&self.name.database), quote(&self.name.table))
    }
}

/// What the target has under the names of the plan, and the triggers of its tables.
async fn existing(
    conn: &mut Conn,
    server: Server,
    plan: &[Item<'_>],
    selection: &Selection,
    fold: bool,
) -> Result<Vec<Definition>> {
    let key = |database: &str, name: &str| (folded(database, fold), name.to_lowercase());
    let mut names = HashSet::new();
    for item in plan {
        names.insert(key(&item.name.database, &item.name.table));
        if item.stage() == Stage::Trigger {
            let table = selection.map(&item.definition.name.database, item.detail.get(TABLE));
            names.insert(key(&table.database, &table.table));
        }
    }
    let databases: HashSet<String> = names.iter().map(|name| name.0.clone()).collect();
    let wanted = Wanted {
        database: &|database| databases.contains(&folded(database, fold)),
        whole: &|_| true,
        object: &|database, name| names.contains(&key(database, name)),
    };
    read::read_wanted(conn, server, &wanted).await
}

pub(super) struct Maker<'a> {
    pub(super) conn: &'a mut Conn,
    pub(super) server: Server,
    pub(super) selection: &'a Selection,
    pub(super) fold: bool,
    pub(super) account: String,
    pub(super) accounts: Accounts,
    pub(super) databases: HashSet<String>,
    /// Whether the target has a collation, as far as it was asked.
    pub(super) collations: HashMap<String, bool>,
    pub(super) existing: Vec<Definition>,
    pub(super) notices: Vec<String>,
    own: &'a Own<'a>,
}

impl<'a> Maker<'a> {
    async fn new(
        conn: &'a mut Conn,
        server: Server,
        selection: &'a Selection,
        own: &'a Own<'a>,
        plan: &[Item<'_>],
        fold: bool,
    ) -> Result<Self> {
        let account = current_account(conn).await?;
        let existing = existing(conn, server, plan, selection, fold).await?;
        let databases: Vec<String> =
            conn.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA").await.map_err(understand)?;
        let accounts = Accounts::read(conn).await;
        Ok(Self {
            server,
            selection,
            fold,
            account,
            accounts,
            databases: databases.iter().map(|name| folded(name, fold)).collect(),
            collations: HashMap::new(),
            existing,
            notices: Vec::new(),
            own,
            conn,
        })
    }

    /// Where in `existing` something is.
    fn there(&self) -> HashMap<Key, usize> {
        let existing = self.existing.iter().enumerate();
        existing.map(|(at, found)| (Key::new(found, &found.name, self.fold), at)).collect()
    }

    async fn run(&mut self, plan: &[Item<'_>]) -> Result<()> {
        let there = self.there();
        self.vet(plan, &there).await?;
        let mut ordered: Vec<&Item<'_>> = plan.iter().collect();
        ordered.sort_by_key(|item| item.stage());
        let (mut views, mut tables) = (Vec::new(), Vec::new());
        for item in ordered {
            if item.stage() > Stage::View && !views.is_empty() {
                self.make_views(plan, std::mem::take(&mut views)).await?;
            }
            match there.get(&item.key) {
                Some(&at) => self.settle(item, at).await?,
                None if item.stage() == Stage::View => views.push(item),
                None => {
                    self.need_database(plan, item).await?;
                    if item.stage() == Stage::Table {
                        let record = (self.own.record)(&item.definition.name);
                        self.conn.query_drop(record).await.map_err(understand)?;
                        tables.push(item);
                    }
                    self.make(item).await.map_err(|failure| self.explain(failure, item))?;
                }
            }
        }
        self.make_views(plan, views).await?;
        self.note_triggers(plan);
        self.note_strangers(&tables).await
    }

    /// Looks at what is there before anything is changed.
    async fn vet(&mut self, plan: &[Item<'_>], there: &HashMap<Key, usize>) -> Result<()> {
        let mut first = None;
        let mut further = 0;
        for item in plan {
            let objection = match there.get(&item.key) {
                Some(&at) => self.object_to(item, at).await?,
                None => self.lost(item).or_else(|| self.other_kind(item)),
            };
            match (objection, &first) {
                (Some(error), None) => first = Some(error),
                (Some(_), Some(_)) => further += 1,
                (None, _) => {}
            }
        }
        match first {
            None => Ok(()),
            Some(error) if further > 0 => Err(error.context(format!("this and {further} more"))),
            Some(error) => Err(error),
        }
    }

    async fn object_to(&mut self, item: &Item<'_>, at: usize) -> Result<Option<Error>> {
        let partly = item.stage() == Stage::Database
            && !self.selection.selects_database(&item.definition.name.database);
        if partly {
            return Ok(None);
        }
        let copy = self.own.copies.get(&item.name).filter(|_| item.stage() == Stage::Table);
        let is_begun = copy.is_some_and(|copy| copy.version > 0);
        let is_strange = item.stage() == Stage::Table
            && !is_begun
            && has_rows(self.conn, &item.full_name()).await.map_err(|error| error.context(item.label()))?;
        if let Some(difference) = difference(item.definition, &item.statement, &self.existing[at])? {
            if copy.is_some() && !is_strange {
                let what = format!("{} was made as the source had it, but {difference}", item.label());
                return Ok(Some(Error::new(Code::SchemaChangedWhileCopying, what)));
            }
            let error = Error::new(Code::DefinitionDiffers, format!("{}: {difference}", item.label()));
            return Ok(Some(error.with_remedy(self.reconcile(item))));
        }
        if is_strange && !self.selection.keeps_rows() {
            let what = format!("{} has rows that this link did not copy", item.label());
            let remedy = format!(
                "TRUNCATE TABLE {}; or exclude it here, or rename it on the way, or keep its rows (--existing keep)",
                item.full_name()
            );
            return Ok(Some(Error::new(Code::TargetNotEmpty, what).with_remedy(remedy)));
        }
        Ok(None)
    }

    fn reconcile(&self, item: &Item<'_>) -> String {
        let name = item.full_name();
        match item.stage() {
            Stage::Database => {
                format!("{} on the target", item.statement.replacen("CREATE", "ALTER", 1))
            }
            Stage::Table => format!(
                "make both definitions the same, or DROP TABLE {name} on the target if it is not needed; then run again"
            ),
            _ => {
                let kind = kind_of(item.definition).to_uppercase();
                format!("DROP {kind} {name} on the target, then run again: it is made as the source has it")
            }
        }
    }

    /// A table whose copied rows are gone: made anew it would stay without them.
    fn lost(&self, item: &Item<'_>) -> Option<Error> {
        let copy = self.own.copies.get(&item.name).filter(|_| item.stage() == Stage::Table)?;
        let what = format!("{} was copied and is not in the target any more", item.label());
        (copy.rows > 0).then(|| Error::new(Code::MissingTable, what))
    }

    /// Tables, views and sequences share their names.
    fn other_kind(&self, item: &Item<'_>) -> Option<Error> {
        let alike = |stage: Stage| matches!(stage, Stage::Table | Stage::View | Stage::Sequence);
        if !alike(item.stage()) {
            return None;
        }
        let name = |name: &TableName| (folded(&name.database, self.fold), folded(&name.table, self.fold));
        let found =
            self.existing.iter().find(|one| alike(one.stage) && name(&one.name) == name(&item.name))?;
        let what = format!("{}: the target has a {} of this name", item.label(), kind_of(found));
        Some(
            Error::new(Code::DefinitionDiffers, what)
                .with_remedy("rename or drop one of them, then run again"),
        )
    }

    /// What is there already and fits: a sequence is moved on, a trigger gets its guard.
    async fn settle(&mut self, item: &Item<'_>, at: usize) -> Result<()> {
        match item.stage() {
            Stage::Sequence => self.advance(item).await.map_err(|failure| self.explain(failure, item)),
            Stage::Trigger if Detail::of(&self.existing[at]).get(GUARDED) != "1" => {
                let drop = format!("DROP TRIGGER IF EXISTS {}", item.full_name());
                self.conn
                    .query_drop(drop)
                    .await
                    .map_err(|error| self.explain(Failure::Server(error), item))?;
                self.make(item).await.map_err(|failure| self.explain(failure, item))?;
                self.notices.push(format!(
                    "{}: made again so that it does not fire for replicated rows",
                    item.label()
                ));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
