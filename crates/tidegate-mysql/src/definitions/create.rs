//! One definition made in the target: what is added to its statement, and what the server's refusal means.

use super::account::Account;
use super::compare::{difference_in_print, folded};
use super::detail::{
    AFTER, COLLATION, DATABASE_COLLATION, Detail, EVENT, NEXT, ROUND, SQL_MODE, TABLE, TIME_ZONE, label,
};
use super::make::{Item, Maker};
use super::map::{renamed_in_body, scan};
use super::read::{self, Wanted};
use super::text::{replaced, words};
use super::{guard, session};
use crate::connect::{quote, understand};
use crate::ddl::{self, Role, Scanned};
use mysql_async::prelude::Queryable;
use std::collections::BTreeSet;
use tidegate_model::{Code, Error, Result, Stage};

/// Errors of a view whose tables, columns or functions are not there (yet).
const INCOMPLETE: [u16; 6] = [1049, 1054, 1146, 1305, 1356, 1449];

/// Why a definition was not made.
pub(super) enum Failure {
    Server(mysql_async::Error),
    Ours(Error),
}

impl From<mysql_async::Error> for Failure {
    fn from(error: mysql_async::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Maker<'_> {
    /// Makes the database of an object if no definition of the plan does: its options are those of the database that the
    /// object comes from.
    pub(super) async fn need_database(&mut self, plan: &[Item<'_>], item: &Item<'_>) -> Result<()> {
        if !self.databases.insert(folded(&item.name.database, self.fold)) || item.stage() == Stage::Database {
            return Ok(());
        }
        let origin = &item.definition.name.database;
        let model =
            plan.iter().find(|one| one.stage() == Stage::Database && one.definition.name.database == *origin);
        let statement = match model {
            None => format!("CREATE DATABASE IF NOT EXISTS {}", quote(&item.name.database)),
            Some(model) => {
                let scanned = scan(model.definition, &model.definition.text)?;
                let name = |_: &str| Some(item.name.database.clone());
                let text = ddl::rewrite(model.definition.text.as_bytes(), &scanned, &|_, _| None, &name);
                String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
            }
        };
        self.conn.query_drop(statement).await.map_err(|error| self.explain(error.into(), item))
    }

    pub(super) async fn make(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.need_collations(item).await?;
        let scanned = scan(item.definition, &item.statement)?;
        let statement = self.finished(item, &scanned);
        if item.stage() > Stage::Table {
            self.as_it_was_made(item).await?;
        }
        match self.conn.query_drop(statement).await {
            Err(mysql_async::Error::Server(error)) if self.learn_absence(item, &scanned, &error.message) => {
                let statement = self.finished(item, &scanned);
                self.conn.query_drop(statement).await?;
            }
            result => result?,
        }
        match item.stage() {
            Stage::Table => self.note_parents(item)?,
            Stage::Sequence => self.advance(item).await?,
            Stage::Database => {}
            _ => self.note_program(item, &scanned).await?,
        }
        Ok(())
    }

    /// From 8.2 on MySQL says by itself that a definer does not exist.
    fn learn_absence(&mut self, item: &Item<'_>, scanned: &Scanned, message: &str) -> bool {
        let definer =
            scanned.definer_span.as_ref().and_then(|span| Account::of_definer(&item.statement[span.clone()]));
        message.contains("ALLOW_NONEXISTENT_DEFINER")
            && definer.is_some_and(|definer| self.accounts.note_absent(definer))
    }

    /// The statement with what the target needs: another definer, a trigger's guard and place, an event's rest.
    fn finished(&mut self, item: &Item<'_>, scanned: &Scanned) -> String {
        let text = &item.statement;
        let mut edits = Vec::new();
        if let Some(span) = &scanned.definer_span
            && let Some(account) = Account::of_definer(&text[span.clone()])
            && self.accounts.lack(&account)
        {
            edits.push((span.clone(), "DEFINER=CURRENT_USER".to_owned()));
            let what = format!("definer {account} does not exist in the target; made with the current user");
            self.notices.push(format!("{}: {what}", item.label()));
        }
        if item.stage() == Stage::Trigger {
            let from = scanned.body_start.unwrap_or(text.len());
            let body = format!("{}{}", self.place(item), guard::guarded(&text[from..]));
            edits.push((from..text.len(), body));
        }
        if let Some(span) = &scanned.event_status_span {
            // An event that the source runs can be told from one that it does not.
            let status = match (&text[span.clone()], self.server.is_mysql_from((8, 2, 0))) {
                ("ENABLE", true) => "DISABLE ON REPLICA",
                ("ENABLE", false) => "DISABLE ON SLAVE",
                _ => "DISABLE",
            };
            edits.push((span.clone(), status.to_owned()));
        }
        replaced(text, edits)
    }

    /// Where among the triggers for the same event this one runs.
    fn place(&self, item: &Item<'_>) -> String {
        let after = item.detail.get(AFTER);
        if !after.is_empty() {
            return format!("FOLLOWS {} ", quote(after));
        }
        let table = self.selection.map(&item.definition.name.database, item.detail.get(TABLE));
        let next = self.existing.iter().find(|found| {
            let detail = Detail::of(found);
            found.stage == Stage::Trigger
                && found.name.database == table.database
                && detail.get(TABLE) == table.table
                && detail.get(EVENT) == item.detail.get(EVENT)
                && detail.get(AFTER).is_empty()
                && found.name.table != item.name.table
        });
        next.map(|found| format!("PRECEDES {} ", quote(&found.name.table))).unwrap_or_default()
    }

    /// Sets the session as it was when the source made the program.
    async fn as_it_was_made(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        let mut collation = item.detail.get(COLLATION).to_owned();
        if !collation.is_empty() && !self.has_collation(&collation).await? {
            let what =
                format!("the target has no collation {collation}; literals in it have the target's own");
            self.notices.push(format!("{}: {what}", item.label()));
            collation.clear();
        }
        let modes = session::modes_for(item.detail.get(SQL_MODE), self.server.mariadb);
        let zone = item.detail.get(TIME_ZONE);
        for statement in session::for_program(&item.name.database, &modes, &collation, zone) {
            self.conn.query_drop(statement).await?;
        }
        Ok(())
    }

    /// A collation that the target lacks must not be replaced silently.
    async fn need_collations(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        if !matches!(item.stage(), Stage::Database | Stage::Table) {
            return Ok(());
        }
        let found = words(&item.statement);
        let after = |at: usize| {
            found.get(at + 1 + usize::from(found.get(at + 1)?.is("="))).map(|word| word.text.to_owned())
        };
        let places = (0..found.len()).filter(|&at| found[at].is("COLLATE"));
        let names: BTreeSet<String> = places.filter_map(after).collect();
        for name in names {
            if !self.has_collation(&name).await? {
                let what = format!("{}: the target has no collation {name}", item.label());
                let remedy = match item.stage() {
                    Stage::Table => format!(
                        "choose one that both have, as in ALTER TABLE {}.{} CONVERT TO CHARACTER SET utf8mb4 COLLATE \
                         utf8mb4_unicode_ci on the source; or make the table in the target by hand",
                        quote(&item.definition.name.database),
                        quote(&item.definition.name.table)
                    ),
                    _ => format!(
                        "CREATE DATABASE {} with a collation of your choice on the target, or ALTER it on the source",
                        quote(&item.name.database)
                    ),
                };
                return Err(Error::new(Code::DefinitionDiffers, what).with_remedy(remedy).into());
            }
        }
        Ok(())
    }

    async fn has_collation(&mut self, name: &str) -> Result<bool, Failure> {
        if let Some(&known) = self.collations.get(name) {
            return Ok(known);
        }
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let charset = name.split('_').next().unwrap_or_default();
        let answer =
            match self.conn.query_drop(format!("DO CONVERT('' USING {charset}) COLLATE {name}")).await {
                Ok(()) => true,
                Err(mysql_async::Error::Server(error))
                    if plain && matches!(error.code, 1115 | 1253 | 1273) =>
                {
                    false
                }
                Err(error) => return Err(error.into()),
            };
        self.collations.insert(name.to_owned(), answer);
        Ok(answer)
    }

    /// Moves a sequence to where the source's is. The server never moves one back.
    pub(super) async fn advance(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        let (next, round) = (item.detail.get(NEXT), item.detail.get(ROUND));
        if next.parse::<i128>().is_ok() && round.parse::<i64>().is_ok() {
            let question = format!("DO SETVAL({}, {next}, 0, {round})", item.full_name());
            self.conn.query_drop(question).await?;
        }
        Ok(())
    }

    fn note_parents(&mut self, item: &Item<'_>) -> Result<()> {
        let scanned = scan(item.definition, &item.definition.text)?;
        for parent in scanned.tables.iter().filter(|name| name.role == Role::Reference) {
            let database = scanned.database_of(parent).unwrap_or_default().to_owned();
            let there = self.selection.map(&database, &parent.table);
            let selected = self.selection.selects(&database, &parent.table);
            let known = self.existing.iter().any(|found| found.stage == Stage::Table && found.name == there);
            if !selected && !known && there != item.name {
                let what = format!("its foreign key needs {there}, which is not selected");
                self.notices.push(format!("{}: {what}", item.label()));
            }
        }
        Ok(())
    }

    /// What may work differently in the target.
    async fn note_program(&mut self, item: &Item<'_>, scanned: &Scanned) -> Result<(), Failure> {
        if scanned.definer_span.is_some() {
            let warnings: Vec<(String, u16, String)> = self.conn.query("SHOW WARNINGS").await?;
            if warnings.iter().any(|warning| warning.1 == 1449) {
                let what =
                    "its definer does not exist in the target: make that account there before it is used";
                self.notices.push(format!("{}: {what}", item.label()));
            }
        }
        if let Some(name) = renamed_in_body(item.definition, self.selection) {
            let what = format!(
                "its body names {name}, which has another name in the target; the body was not changed"
            );
            self.notices.push(format!("{}: {what}", item.label()));
        }
        let was = item.detail.get(DATABASE_COLLATION);
        if item.stage() == Stage::Routine && !was.is_empty() {
            let is: Option<String> = self.conn.query_first("SELECT @@collation_database").await?;
            if is.is_some_and(|is| is.replace("utf8mb3_", "utf8_") != was.replace("utf8mb3_", "utf8_")) {
                let what = format!(
                    "it was made when its database had {was}; texts in it without a character set may differ"
                );
                self.notices.push(format!("{}: {what}", item.label()));
            }
        }
        Ok(())
    }

    /// Views need each other in any order: as long as one more can be made, the others are tried again.
    pub(super) async fn make_views(&mut self, plan: &[Item<'_>], mut left: Vec<&Item<'_>>) -> Result<()> {
        loop {
            let mut failed = Vec::new();
            let before = left.len();
            for item in left {
                self.need_database(plan, item).await?;
                let notices = self.notices.len();
                match self.make(item).await {
                    Ok(()) => {}
                    Err(Failure::Server(mysql_async::Error::Server(error)))
                        if INCOMPLETE.contains(&error.code) =>
                    {
                        self.notices.truncate(notices);
                        failed.push((item, error.message));
                    }
                    Err(failure) => return Err(self.explain(failure, item)),
                }
            }
            if failed.len() == before || failed.is_empty() {
                let notice =
                    |(item, why): (&Item<'_>, String)| format!("{} was not made: {why}", item.label());
                self.notices.extend(failed.into_iter().map(notice));
                return Ok(());
            }
            left = failed.into_iter().map(|(item, _)| item).collect();
        }
    }

    /// Between the two families much is printed differently and some of it is different: this is told, not hidden.
    pub(super) async fn note_strangers(&mut self, made: &[&Item<'_>]) -> Result<()> {
        let made: Vec<_> =
            made.iter().filter(|item| item.detail.is_mariadb() != self.server.mariadb).collect();
        if made.is_empty() {
            return Ok(());
        }
        let wanted = Wanted {
            database: &|database| made.iter().any(|item| item.name.database == database),
            whole: &|_| false,
            object: &|database, table| {
                made.iter().any(|item| item.name.database == database && item.name.table == table)
            },
        };
        let found = read::read_wanted(self.conn, self.server, &wanted).await?;
        for item in made {
            let same = found.iter().find(|one| one.stage == Stage::Table && one.name == item.name);
            if let Some(one) = same
                && let Some(difference) = difference_in_print(&item.statement, one)?
            {
                self.notices.push(format!("{}: made by another kind of server: {difference}", item.label()));
            }
        }
        Ok(())
    }

    /// Triggers that only the target has fire for what we write.
    pub(super) fn note_triggers(&mut self, plan: &[Item<'_>]) {
        let planned: BTreeSet<_> =
            plan.iter().filter(|item| item.stage() == Stage::Trigger).map(|item| &item.name).collect();
        let mut notices = Vec::new();
        for found in self.existing.iter().filter(|found| found.stage == Stage::Trigger) {
            if !planned.contains(&found.name) && Detail::of(found).get(super::detail::GUARDED) != "1" {
                let what = "it is in the target only and fires for replicated rows too";
                notices.push(format!("{}: {what}", label(found, &found.name)));
            }
        }
        self.notices.append(&mut notices);
    }

    pub(super) fn explain(&self, failure: Failure, item: &Item<'_>) -> Error {
        let label = item.label();
        let error = match failure {
            Failure::Ours(error) => return error,
            Failure::Server(mysql_async::Error::Server(error)) => error,
            Failure::Server(error) => return understand(error).context(label),
        };
        let what = format!("{label}: the server says: {} (error {})", error.message, error.code);
        let account = &self.account;
        match error.code {
            1227 => {
                let right = self.right_to_set_definers(&error.message);
                Error::new(Code::MissingGrant, what).with_remedy(format!("GRANT {right} ON *.* TO {account}"))
            }
            1418 | 1419 => Error::new(Code::MissingGrant, what)
                .with_remedy("SET GLOBAL log_bin_trust_function_creators = 1 on the target, then run again"),
            1298 => Error::new(Code::SchemaChangeFailed, what).with_remedy(
                "load the time zones on the target: mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql; then run again",
            ),
            _ => {
                let known = understand(mysql_async::Error::Server(error));
                match known.code() {
                    Code::WriteRefused | Code::MissingTable | Code::Conflict => Error::new(Code::SchemaChangeFailed, what),
                    Code::MissingGrant => Error::new(Code::MissingGrant, what).with_remedy(format!(
                        "GRANT ALL PRIVILEGES ON {}.* TO {account}",
                        quote(&item.name.database)
                    )),
                    _ => known.context(label),
                }
            }
        }
    }

    fn right_to_set_definers(&self, message: &str) -> &'static str {
        match self.server {
            // For definers that have it themselves.
            _ if message.contains("SYSTEM_USER") => "SYSTEM_USER",
            server if server.mariadb => "SET USER",
            server if server.is_mysql_from((8, 2, 0)) => "SET_ANY_DEFINER",
            server if server.is_mysql_from((8, 0, 0)) => "SET_USER_ID",
            _ => "SUPER",
        }
    }
}
