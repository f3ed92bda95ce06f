//! Schema changes of the source's log: whether they belong to the link, and carrying them out exactly once.
//!
//! A schema change is no part of a transaction, so a journal stands around it: first what is about to run; then the
//! statement; then, with the checkpoint, that it is done.

use crate::binlog::Origin;
use crate::binlog::charset::charset_of_collation;
use crate::binlog::event::code;
use crate::binlog::query::Query;
use crate::capture::excerpt;
use crate::cascade::{self, NewKeys};
use crate::catalog::OWN_SCHEMAS;
use crate::conflict::admits_schema_change;
use crate::connect::{Server, quote, quote_text, understand};
use crate::ddl::{self, Charset, Flavour, Kind, Role, Scanned};
use crate::decode::entries;
use crate::definitions::guarded;
use crate::fence::OWN_TRIGGERS;
use crate::journal::{self, Before, Touched};
use crate::session::{self, Marker, run};
use crate::source::selects;
use crate::state::{self, MadeFor};
use crate::target::gone;
use crate::writer::LaneWriter;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{
    Code, Error, InstanceName, LaneCheckpoint, Mode, Result, Retry, Rule, Selection, TableName, Transaction,
};

const ANSI_QUOTES: u64 = 1 << 2;
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// How a logged statement is to be read.
pub(crate) fn scan_options<'a>(query: &'a Query<'_>, server: Server) -> ddl::Options<'a> {
    let flavour = if server.mariadb { Flavour::Mariadb } else { Flavour::Mysql };
    options(query, flavour)
}

fn options<'a>(query: &'a Query<'_>, flavour: Flavour) -> ddl::Options<'a> {
    let mode = query.sql_mode.unwrap_or(0);
    let client = query.charset.and_then(|charset| charset_of_collation(charset.client.into()));
    ddl::Options {
        default_database: Some(query.database.as_str()).filter(|database| !database.is_empty()),
        ansi_quotes: mode & ANSI_QUOTES != 0,
        no_backslash_escapes: mode & NO_BACKSLASH_ESCAPES != 0,
        flavour,
        charset: client.map_or(Charset::Utf8, |charset| Charset::named(charset.name)),
    }
}

/// Whether a schema change belongs to the link. One that does so in part is refused, unless it is a DROP TABLE, which can
/// be cut down.
pub(crate) fn is_selected(scanned: &Scanned, selection: &Selection) -> Result<bool> {
    // Who is kept out of the source is let in to the target.
    if scanned.object.as_ref().is_some_and(|object| object.table.starts_with(OWN_TRIGGERS)) {
        return Ok(false);
    }
    match scanned.kind {
        Kind::Account | Kind::Maintenance | Kind::Other => Ok(false),
        Kind::CreateTable { temporary: true, .. } | Kind::DropTable { temporary: true } => Ok(false),
        Kind::CreateDatabase | Kind::AlterDatabase | Kind::DropDatabase => {
            Ok(scanned.databases.iter().any(|database| selects_database(selection, &database.name)))
        }
        Kind::CreateRoutine
        | Kind::AlterRoutine
        | Kind::DropRoutine
        | Kind::CreateEvent
        | Kind::AlterEvent
        | Kind::DropEvent
        | Kind::DropTrigger => {
            let database = scanned.object.as_ref().and_then(|name| scanned.database_of(name));
            Ok(database.is_some_and(|database| selects_database(selection, database)))
        }
        _ => tables_selected(scanned, selection),
    }
}

fn selects_database(selection: &Selection, database: &str) -> bool {
    !OWN_SCHEMAS.contains(&database.to_lowercase().as_str()) && selection.selects_database(database)
}

fn tables_selected(scanned: &Scanned, selection: &Selection) -> Result<bool> {
    let written = scanned.tables.iter().filter(|name| !matches!(name.role, Role::Like | Role::Reference));
    let chosen: Vec<bool> = written
        .map(|name| {
            scanned.database_of(name).is_some_and(|database| selects(selection, database, &name.table))
        })
        .collect();
    let any = chosen.contains(&true);
    if any && chosen.contains(&false) && !matches!(scanned.kind, Kind::DropTable { .. } | Kind::DropView) {
        let names: Vec<&str> = scanned.tables.iter().map(|name| name.table.as_str()).collect();
        let what = format!("a schema change moves tables into or out of the selection: {}", names.join(", "));
        return Err(Error::new(Code::SchemaChangeFailed, what).with_remedy(
            "select all of the tables that the statement names, or none; then begin a new link",
        ));
    }
    Ok(any)
}

/// Everything about one schema change.
struct Change {
    seq: u64,
    default_database: String,
    /// As it will run in the target.
    statement: Vec<u8>,
    scanned: Scanned,
    settings: Vec<String>,
    touched: Touched,
    /// Tables that begin to be, as the source calls them.
    makes: Vec<TableName>,
    /// Foreign keys that it may bring.
    keys: NewKeys,
    wanted: Wanted,
}

impl Change {
    /// The tables that it names, as the source calls them.
    fn named(&self) -> impl Iterator<Item = TableName> {
        let name = |name| Some(TableName::new(self.scanned.database_of(name)?, &name.table));
        self.scanned.tables.iter().filter_map(name)
    }
}

/// Runs the schema change and moves the checkpoint; safe to repeat at any point.
pub(crate) async fn carry_out(
    writer: &mut LaneWriter,
    transaction: Transaction<'_>,
    checkpoint: &LaneCheckpoint,
    mode: Mode,
) -> Result<()> {
    let change = read(writer, &transaction)?;
    if change.wanted == Wanted::No {
        tracing::info!(
            statement = excerpt(&change.statement),
            "a schema change is left out, as its rule says"
        );
        writer.settle(checkpoint, "DO 0").await?;
        return Ok(());
    }
    if !admits_schema_change(writer, change.seq, &change.statement, checkpoint).await? {
        return Ok(());
    }
    if mode == Mode::Overlap {
        refuse_copied(writer, &change).await?;
    }
    let (mut conn, _) = session::open(&writer.endpoint, &Marker::new(writer.instance.clone())).await?;
    session::claim_definitions(&mut conn, &writer.instance).await?;
    // Whoever has waited may find that another run has taken over, and carried it out.
    if state::lane_version(&mut conn, &writer.instance, writer.lane).await? + 1 != checkpoint.version {
        return Err(state::moved(writer.lane));
    }
    let (instance, seq) = (&writer.instance, change.seq);
    let before = journal::begin(&mut conn, instance, seq, &change.statement, &change.touched).await?;
    if before != Before::Ran {
        for table in &change.makes {
            run(&mut conn, &state::made_statement(instance, table, MadeFor::Change)).await?;
        }
        let may_be_there = mode == Mode::Overlap || before == Before::Begun;
        if let Err(error) = execute(writer, &mut conn, &change, may_be_there).await {
            if error.code() != Code::SchemaChangeFailed {
                return Err(error);
            }
            journal::refuse(&mut conn, instance, seq).await?;
            return Err(error.with_remedy(by_hand(instance, seq)));
        }
    }
    cascade::refuse_strangers(&mut conn, &change.keys, &writer.knowledge.selection).await?;
    conn.disconnect().await.map_err(understand)?;
    writer.settle(checkpoint, &journal::end_statement(&writer.instance, change.seq)).await?;
    writer.knowledge.renew(&mut writer.conn, &writer.instance).await
}

fn by_hand(instance: &InstanceName, seq: u64) -> String {
    format!(
        "remove the cause and run again; or carry the change out by hand in the target, say so with UPDATE tidegate.ddl \
         SET fingerprint = 'done' WHERE instance = '{instance}' AND seq = {seq}, and run again"
    )
}

fn read(writer: &LaneWriter, transaction: &Transaction<'_>) -> Result<Change> {
    let broken = || Error::new(Code::ChangeLogDamaged, "a schema change without a statement");
    let entry = entries(transaction.data).next().ok_or_else(broken)??;
    if entry.kind != code::QUERY {
        return Err(broken());
    }
    let query = Query::parse(entry.body)?;
    let flavour = if entry.origin == Origin::MariaDb { Flavour::Mariadb } else { Flavour::Mysql };
    let unreadable = |why: ddl::ScanError| {
        Error::new(
            Code::MalformedLog,
            format!("a statement cannot be read: {why}: {}", excerpt(query.statement)),
        )
    };
    let mut text = query.statement.to_vec();
    let mut scanned = ddl::scan(&text, &options(&query, flavour)).map_err(unreadable)?;
    if let Some(span) = scanned.start_transaction_span.clone() {
        text.drain(span);
        scanned = ddl::scan(&text, &options(&query, flavour)).map_err(unreadable)?;
    }
    let selection = &writer.knowledge.selection;
    let mapped = |database: &str, table: &str| {
        let to = selection.map(database, table);
        (to != TableName::new(database, table)).then_some((to.database, to.table))
    };
    let mapped_database = |database: &str| {
        let to = selection.map_database(database);
        (to != database).then_some(to)
    };
    let ours = |database: &str, table: &str| {
        selects(selection, database, table).then(|| selection.map(database, table))
    };
    let touched =
        Touched::of(&scanned, &writer.instance, &ours, &|database| selection.map_database(database));
    let mut statement = match cut_down(&scanned, selection) {
        Some(statement) => statement,
        None => dressed(&text, &scanned, &mapped, &mapped_database).map_err(unreadable)?,
    };
    if let Some(token) = &touched.token {
        statement = token.put_into(&statement, &options(&query, flavour)).map_err(unreadable)?;
    }
    Ok(Change {
        seq: transaction.seq.0,
        default_database: selection.map_database(&query.database),
        settings: settings(&query),
        statement,
        makes: makes(&scanned, selection),
        wanted: wanted(&scanned, selection),
        keys: NewKeys::of(&scanned, selection, entry.silent_cascades),
        scanned,
        touched,
    })
}

/// What the tables' rules say to a schema change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
    /// It must not be carried out as it is.
    Refused(&'static str),
}

fn wanted(scanned: &Scanned, selection: &Selection) -> Wanted {
    let rules = scanned.tables.iter().filter_map(|name| {
        let database = scanned.database_of(name)?;
        let is_ours =
            selects(selection, database, &name.table) && !matches!(name.role, Role::Like | Role::Reference);
        is_ours.then(|| selection.rule(database, &name.table))
    });
    let rules: Vec<Option<&Rule>> = rules.collect();
    let carries = |rule: &&Option<&Rule>| {
        rule.is_none_or(|rule| match scanned.kind {
            Kind::CreateTable { .. } | Kind::CreateView | Kind::CreateSequence => rule.schema_changes.create,
            Kind::DropTable { .. } | Kind::DropView | Kind::DropSequence => rule.schema_changes.drop,
            Kind::RenameTable => rule.schema_changes.rename,
            Kind::TruncateTable => rule.schema_changes.truncate,
            Kind::AlterTable if scanned.truncates_partition => rule.schema_changes.truncate,
            _ => rule.schema_changes.alter,
        })
    };
    let left_out = rules.iter().filter(|rule| !carries(rule)).count();
    if left_out > 0 && left_out == rules.len() {
        return Wanted::No;
    }
    if left_out > 0 {
        return Wanted::Refused("some of its tables are under a rule that leaves it out, others are not");
    }
    let moves = scanned.tables.iter().any(|name| {
        matches!(name.role, Role::RenameTo | Role::Exchange | Role::ConvertTo | Role::ConvertFrom)
    });
    let other_rule = |rule: &Option<&Rule>| rules.first().is_some_and(|first| first != rule);
    if moves && rules.iter().flatten().any(|rule| rule.reads_names()) && rules.iter().any(other_rule) {
        return Wanted::Refused("rows or columns would come under another rule");
    }
    let names_columns = matches!(
        scanned.kind,
        Kind::CreateTable { .. }
            | Kind::AlterTable
            | Kind::CreateIndex
            | Kind::DropIndex
            | Kind::CreateTrigger
    );
    let is_reshaped = |rule: &Option<&Rule>| rule.is_some_and(|rule| !rule.columns.are_all());
    if names_columns && rules.iter().any(is_reshaped) {
        return Wanted::Refused("in the target the table has other columns, by its rule");
    }
    Wanted::Yes
}

/// The selected tables that are there after the statement and were not before.
fn makes(scanned: &Scanned, selection: &Selection) -> Vec<TableName> {
    let is_made = |role: Role| match role {
        Role::Target => matches!(scanned.kind, Kind::CreateTable { .. }),
        role => matches!(role, Role::RenameTo | Role::ConvertTo),
    };
    let made = scanned.tables.iter().filter(|name| is_made(name.role)).filter_map(|name| {
        let database = scanned.database_of(name)?;
        selects(selection, database, &name.table).then(|| TableName::new(database, &name.table))
    });
    made.collect()
}

/// A DROP that names tables which are not ours: the same for those that are.
fn cut_down(scanned: &Scanned, selection: &Selection) -> Option<Vec<u8>> {
    let word = match scanned.kind {
        Kind::DropTable { .. } => "TABLE",
        Kind::DropView => "VIEW",
        _ => return None,
    };
    let names = scanned.tables.iter().filter_map(|name| {
        let database = scanned.database_of(name)?;
        let to = selection.map(database, &name.table);
        selects(selection, database, &name.table)
            .then(|| format!("{}.{}", quote(&to.database), quote(&to.table)))
    });
    Some(format!("DROP {word} IF EXISTS {}", names.collect::<Vec<_>>().join(", ")).into_bytes())
}

/// The statement under the target's names; a trigger with a guard, so that it does not act on our writes.
fn dressed(
    text: &[u8],
    scanned: &Scanned,
    map: &ddl::TableMap<'_>,
    map_database: &ddl::DatabaseMap<'_>,
) -> Result<Vec<u8>, ddl::ScanError> {
    if let (Kind::CreateTrigger, Some(body)) = (&scanned.kind, scanned.body_start) {
        let mut guarded_text = text[..body].to_vec();
        guarded_text.extend_from_slice(guarded(&String::from_utf8_lossy(&text[body..])).as_bytes());
        return ddl::rewrite(&guarded_text, scanned, map, map_database);
    }
    ddl::rewrite(text, scanned, map, map_database)
}

/// The session state that the statement ran under.
fn settings(query: &Query<'_>) -> Vec<String> {
    let mut settings = Vec::new();
    if let Some(charset) = query.charset {
        if let Some(client) = charset_of_collation(charset.client.into()) {
            settings.push(format!("SET NAMES {}", client.name));
        }
        settings.push(format!("SET collation_connection = {}", charset.connection));
    }
    if let Some(mode) = query.sql_mode {
        // What one family of servers knows and the other does not is left out by the low 32 bits.
        settings.push(format!("SET sql_mode = {}", mode & 0xffff_ffff));
    }
    if let Some(zone) = &query.time_zone {
        settings.push(format!("SET time_zone = {}", quote_text(zone)));
    }
    settings
}

/// Nobody could say on which side of the change the copied rows are.
async fn refuse_copied(writer: &mut LaneWriter, change: &Change) -> Result<()> {
    let copied = state::read_copied(&mut writer.conn, &state::of_instance(&writer.instance)).await?;
    let is_copied = |name: &TableName| copied.iter().any(|one| one.version > 0 && one.table == *name);
    match change.named().find(is_copied) {
        None => Ok(()),
        Some(name) => {
            let what = format!("{name} was changed while it was copied: {}", excerpt(&change.statement));
            Err(Error::new(Code::SchemaChangedWhileCopying, what))
        }
    }
}

/// Whether something that the change names was gone before the copy came to it. What it makes itself is not there either.
fn names_the_gone(writer: &LaneWriter, change: &Change) -> bool {
    let known = writer.knowledge.current();
    let selection = &writer.knowledge.selection;
    let mut named = change.named().filter(|name| !change.makes.contains(name));
    named.any(|name| known.was_gone(&name, &selection.map(&name.database, &name.table)))
}

async fn execute(writer: &LaneWriter, conn: &mut Conn, change: &Change, may_be_there: bool) -> Result<()> {
    if let Wanted::Refused(why) = &change.wanted {
        let what = format!("{}: {why}", excerpt(&change.statement));
        return Err(Error::new(Code::SchemaChangeFailed, what));
    }
    if !change.default_database.is_empty() {
        // The database may be gone by now: then the statement does not need it.
        let used = run(conn, &format!("USE {}", quote(&change.default_database))).await;
        if let Err(error) = used
            && error.retry() == Retry::Auto
        {
            return Err(error);
        }
    }
    for setting in &change.settings {
        if let Err(error) = run(conn, setting).await {
            if error.retry() == Retry::Auto {
                return Err(error);
            }
            tracing::debug!(%error, setting, "done without");
        }
    }
    let done = conn.query_drop(change.statement.as_slice()).await;
    match done {
        Ok(()) => {}
        Err(mysql_async::Error::Server(server)) if may_be_there && is_repeatable(change, server.code) => {
            tracing::debug!(
                message = server.message,
                seq = change.seq,
                "the schema change was there already"
            );
        }
        Err(error) => {
            let error = understand(error);
            if error.retry() == Retry::Auto {
                return Err(error);
            }
            if names_the_gone(writer, change) {
                return Err(gone(&format!("what {} is about", excerpt(&change.statement))));
            }
            let what = format!("{}: {}", excerpt(&change.statement), error.message());
            return Err(Error::new(Code::SchemaChangeFailed, what));
        }
    }
    if matches!(change.scanned.kind, Kind::CreateEvent | Kind::AlterEvent) {
        disable_event(writer, conn, change).await?;
    }
    Ok(())
}

/// Events run in the target only once it is written by applications.
async fn disable_event(writer: &LaneWriter, conn: &mut Conn, change: &Change) -> Result<()> {
    let Some(event) = change.scanned.renamed_object.as_ref().or(change.scanned.object.as_ref()) else {
        return Ok(());
    };
    let database =
        change.scanned.database_of(event).map(|name| writer.knowledge.selection.map_database(name));
    let database = database.unwrap_or_else(|| change.default_database.clone());
    run(conn, &format!("ALTER EVENT {}.{} DISABLE", quote(&database), quote(&event.table))).await.map(|_| ())
}

/// Whether an error says that the target has already what the statement makes. Views, routines and the like are copied
/// after the tables, so their changes from before may come again; a database may be made by hand before; and the
/// fingerprint does not show whether a statement about one was run.
fn is_repeatable(change: &Change, number: u16) -> bool {
    const EXISTS: [u16; 5] = [1050, 1304, 1359, 1537, 1007];
    const ABSENT: [u16; 7] = [1051, 1146, 1305, 1360, 1539, 1008, 4092];
    let program = matches!(
        change.scanned.kind,
        Kind::CreateView
            | Kind::AlterView
            | Kind::CreateTrigger
            | Kind::DropTrigger
            | Kind::CreateRoutine
            | Kind::AlterRoutine
            | Kind::DropRoutine
            | Kind::CreateEvent
            | Kind::AlterEvent
            | Kind::DropEvent
            | Kind::CreateDatabase
            | Kind::DropDatabase
    );
    program && (EXISTS.contains(&number) || ABSENT.contains(&number))
}
