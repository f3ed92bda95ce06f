//! Changes of definitions in the source's log: whether they belong to the link, and carrying them out exactly once.
//!
//! Such a change is no part of a transaction, so a journal stands around it: first what is about to run; then the
//! commands; then, with the checkpoint, that it is done. Every command can be repeated, so a crash between costs nothing.
//! Where a transaction made collections by writing to them, they are made first; its documents come with the checkpoint.

mod actions;
mod change;
#[cfg(test)]
mod tests;

use self::actions::{Action, Setting};
use self::change::{Change, Kind, Wanted};
use crate::catalog::Collection;
use crate::connect::understand;
use crate::definitions::server::{self, Refused};
use crate::entry::{Op, entries};
use crate::journal::{self, Before};
use crate::knowledge::{Knowledge, gone};
use crate::turn::Turn;
use crate::{put_off, state};
use bson::{Bson, Document, doc};
use mongodb::Client;
use tidegate_model::{Code, Error, Mode, Result, Retry, Selection, TableName, Transaction};

/// Where changes are carried out.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) turn: &'a Turn,
    pub(crate) knowledge: &'a Knowledge,
}

impl<'a> Place<'a> {
    fn selection(self) -> &'a Selection {
        &self.knowledge.selection
    }
}

/// The changes of a transaction that the link carries out, as a person reads them; `None` if there is nothing to decide:
/// none is selected, or a transaction has only made collections by writing to them.
pub(crate) fn describe(transaction: &Transaction<'_>, selection: &Selection) -> Result<Option<String>> {
    let changes = read(transaction, selection)?;
    let by_writing = entries(transaction.data).any(|entry| entry.is_ok_and(|entry| entry.op != Op::Schema));
    if by_writing && changes.iter().all(|change| change.kind == Kind::Create) {
        return Ok(None);
    }
    let texts: Vec<String> = changes.iter().map(Change::text).collect();
    Ok((!texts.is_empty()).then(|| texts.join("; ")))
}

/// Carries out the changes of definitions in the transaction; safe to repeat at any point. Answers the command that
/// belongs into the transaction with the checkpoint. What the transaction does to documents is left to the caller.
pub(crate) async fn run_definitions(
    place: Place<'_>,
    transaction: Transaction<'_>,
    mode: Mode,
) -> Result<Option<Document>> {
    let changes = read(&transaction, place.selection())?;
    if changes.is_empty() {
        return Ok(None);
    }
    if mode == Mode::Overlap {
        refuse_copied(place, &changes).await?;
    }
    let (client, instance) = (&place.turn.client, &place.turn.instance);
    place.turn.demand().await?;
    let text = changes.iter().map(Change::text).collect::<Vec<_>>().join("; ");
    let names = touched(&changes, place.selection());
    let before = journal::begin(client, instance, transaction.seq.0, &text, &names).await?;
    if before != Before::Done {
        let setting = Setting {
            selection: place.selection(),
            instance,
            overlap: mode == Mode::Overlap,
            again: before == Before::Ran,
            sharded: is_sharded(client).await?,
        };
        for change in &changes {
            let mut outcome = carry_out(place, setting, change).await;
            // An earlier try was still under way when we looked: that the names are taken, or gone, is its doing.
            if before == Before::Begun
                && matches!(change.kind, Kind::Create | Kind::Rename)
                && outcome.as_ref().is_err_and(|error| error.retry() != Retry::Auto)
                && journal::has_run(client, instance, &names).await?
            {
                outcome = carry_out(place, Setting { again: true, ..setting }, change).await;
            }
            if let Err(error) = outcome {
                if error.code() == Code::SchemaChangeFailed {
                    journal::refuse(client, instance).await?;
                }
                return Err(error);
            }
        }
    }
    Ok(Some(journal::end_command(instance)))
}

/// The selected changes. What selection and rules leave out is left out here.
fn read(transaction: &Transaction<'_>, selection: &Selection) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for entry in entries(transaction.data) {
        let entry = entry?;
        if entry.op != Op::Schema {
            continue;
        }
        let Some(mut change) = Change::of(&server::decoded(entry.body)?)? else { continue };
        change.wanted = change.wanted(selection);
        if change.wanted != Wanted::No {
            changes.push(change);
        }
    }
    Ok(changes)
}

/// What the changes touch, as the target calls it.
fn touched(changes: &[Change], selection: &Selection) -> Vec<TableName> {
    let map = |name: &TableName| selection.map(&name.database, &name.table);
    changes
        .iter()
        .flat_map(|change| [Some(map(&change.name)), change.to.as_ref().map(map)])
        .flatten()
        .collect()
}

/// Nobody could say on which side of the change the copied documents are. Indexes and options change none of them.
async fn refuse_copied(place: Place<'_>, changes: &[Change]) -> Result<()> {
    let moving = changes.iter().filter(|change| matches!(change.kind, Kind::Drop | Kind::Rename));
    let names: Vec<&TableName> =
        moving.flat_map(|change| [Some(&change.name), change.to.as_ref()]).flatten().collect();
    if names.is_empty() {
        return Ok(());
    }
    for collection in ["copy", "copy_part"] {
        let filter = doc! { "_id.instance": place.turn.instance.as_str(), "version": { "$gt": 0 } };
        for one in server::control(&place.turn.client, collection, filter).await? {
            let id = one.get_document("_id").ok();
            let text = |name| id.and_then(|id| id.get(name)).and_then(Bson::as_str).unwrap_or_default();
            let copied = TableName::new(text("database"), text("collection"));
            if let Some(change) =
                changes.iter().find(|change| change.name == copied || change.to.as_ref() == Some(&copied))
                && names.contains(&&copied)
            {
                let what = format!("{copied} was changed while it was copied: {}", change.text());
                return Err(Error::new(Code::SchemaChangedWhileCopying, what));
            }
        }
    }
    Ok(())
}

async fn is_sharded(client: &Client) -> Result<bool> {
    let answer = client.database("admin").run_command(doc! { "hello": 1 }).await.map_err(understand)?;
    Ok(answer.get("msg").and_then(Bson::as_str) == Some("isdbgrid"))
}

async fn carry_out(place: Place<'_>, setting: Setting<'_>, change: &Change) -> Result<()> {
    let failed = |why: &str| {
        let what = format!("{}: {why}", change.text());
        Error::new(Code::SchemaChangeFailed, what).with_remedy(format!(
            "remove the cause and run again; or carry the change out by hand in the target, say so there with \
             db.getSiblingDB('tidegate').ddl.updateOne({{'_id.instance': '{}'}}, {{$set: {{fingerprint: 'done'}}}}), and \
             run again",
            place.turn.instance
        ))
    };
    if let Wanted::Refused(why) = change.wanted {
        return Err(failed(why));
    }
    let name = place.selection().map(&change.name.database, &change.name.table);
    let existing = server::existing(&place.turn.client, std::slice::from_ref(&name)).await?;
    // What is made or dropped needs not be there.
    let needs_it = matches!(change.kind, Kind::Rename | Kind::CreateIndexes | Kind::Modify);
    if needs_it && !existing.contains_key(&name) && place.knowledge.current().was_gone(&change.name, &name) {
        return Err(gone(&change.name));
    }
    let existing = existing.get(&name);
    let collated = existing.is_some_and(Collection::has_collation);
    for action in actions::of(change, setting, collated).map_err(|error| failed(error.message()))? {
        let performed = perform(place, action, existing).await;
        performed.map_err(|error| {
            let is_answer = error.retry() != Retry::Auto && error.code() != Code::CheckpointChanged;
            if is_answer { failed(error.message()) } else { error }
        })?;
    }
    Ok(())
}

/// `existing`: what there was of the collection that the change is about.
async fn perform(place: Place<'_>, action: Action, existing: Option<&Collection>) -> Result<()> {
    let (client, instance) = (&place.turn.client, &place.turn.instance);
    match action {
        Action::Run { database, command, tolerated } => {
            // What makes it anew is not about the one before.
            let is_about_it = !command.contains_key("create") && database != state::DATABASE;
            match place.turn.change(client, &database, command, existing.filter(|_| is_about_it)).await {
                Err(Refused { number, error }) if number != 0 && tolerated.contains(&number) => {
                    tracing::debug!(%error, "a change of definitions was there already");
                    Ok(())
                }
                outcome => outcome.map(|_| ()).map_err(Error::from),
            }
        }
        Action::PutOff { name, index, later } => {
            put_off::record(client, instance, &name, &index, later).await
        }
        Action::Forget { name, index } => put_off::forget(client, &name, index.as_deref()).await,
        Action::EndAge(name) => put_off::end_age(client, &name).await,
        Action::Renamed { from, to } => put_off::rename(client, &from, &to).await,
        Action::Note(text) => {
            tracing::info!(%instance, text, "a change of definitions is left out");
            Ok(())
        }
    }
}
