//! Transactions that change definitions: these first, each of them exactly once, then the documents with the checkpoint.

use super::LaneWriter;
use crate::conflict::{self, Wanted};
use crate::entry::{Entry, Op, entries, push_entry};
use crate::journal;
use crate::raw;
use crate::schema;
use crate::state;
use bson::{Bson, Document, doc};
use mongodb::Client;
use std::collections::BTreeSet;
use tidegate_model::{
    Code, Error, InstanceName, LaneCheckpoint, Mode, Result, Selection, Transaction, Writer,
};

impl LaneWriter {
    /// A transaction that is whole.
    pub(super) async fn write_definitions(
        &mut self,
        transaction: Transaction<'_>,
        checkpoint: &LaneCheckpoint,
        mode: Mode,
    ) -> Result<u64> {
        let (knowledge, seq) = (self.knowledge.clone(), transaction.seq.0);
        if let Some(change) = schema::describe(&transaction, &knowledge.selection)?
            && let Wanted::LeftOut(note) = conflict::wanted(self, (seq, 0), &change).await?
        {
            self.refuse_homeless(transaction, &change)?;
            tracing::info!(instance = %self.instance, seq, "a schema change is left out, as was decided");
            // An earlier try may have begun it, and been refused.
            let last = [note, journal::end_command(&self.instance)];
            return self.write_with(transaction, checkpoint, mode, &last).await;
        }
        let end = schema::run_definitions(self.place(), transaction, mode).await?;
        if end.is_some() {
            knowledge.renew(&self.client).await?;
        }
        self.write_with(transaction, checkpoint, mode, end.as_slice()).await
    }

    fn place(&self) -> schema::Place<'_> {
        schema::Place { turn: &self.turn, knowledge: &self.knowledge }
    }

    /// Leaving out what makes a collection must not lose the documents that the same transaction writes to it.
    fn refuse_homeless(&mut self, transaction: Transaction<'_>, change: &str) -> Result<()> {
        self.lookup.refresh();
        for entry in entries(transaction.data) {
            let entry = entry?;
            if entry.op == Op::Schema {
                continue;
            }
            match self.lookup.plan(entry.database, entry.collection) {
                Err(error) if error.code() == Code::MissingTable => {
                    let what = format!(
                        "a schema change cannot be left out, because its transaction writes documents too: {}: {}",
                        error.message(),
                        shown(change)
                    );
                    return Err(Error::new(Code::SchemaChangeFailed, what).with_remedy(
                        "make the collection in the target by hand, or let the change be carried out (tidegate conflicts \
                         settle --keep source, or the policy for schema changes); then run it again",
                    ));
                }
                found => found.map(drop)?,
            }
        }
        Ok(())
    }

    /// Carries out the definitions in a piece of a transaction. Where the target transaction is open already, it would see
    /// neither them nor their journal: it is given up, and the next try finds both there.
    pub(super) async fn define_piece(&mut self, piece: Transaction<'_>) -> Result<()> {
        let knowledge = self.knowledge.clone();
        let data = definitions_of(piece.data)?;
        let definitions = Transaction { data: &data, ..piece };
        if schema::describe(&definitions, &knowledge.selection)?.is_none() {
            return Ok(());
        }
        self.ask_about(definitions).await?;
        let names = names_of(&data, &knowledge.selection)?;
        let is_new = !is_in_journal(&self.client, &self.instance, piece.seq.0, &names).await?;
        let is_late = is_new && self.opening.is_none();
        if is_late {
            self.session.abort().await;
        }
        let end = schema::run_definitions(self.place(), definitions, self.mode).await?;
        if is_late {
            return Err(begun_before());
        }
        knowledge.renew(&self.client).await?;
        self.lookup.refresh();
        self.end = end.or(self.end.take());
        Ok(())
    }

    /// Asks about each definition by itself, so that it is the same question however the transaction falls into pieces.
    async fn ask_about(&mut self, definitions: Transaction<'_>) -> Result<()> {
        for entry in entries(definitions.data) {
            let entry = entry?;
            let place = (definitions.seq.0, ordinal_of(self.defined));
            self.defined += 1;
            if is_creation(&entry)? {
                continue;
            }
            let mut data = Vec::new();
            push_entry(&mut data, &entry);
            let one = Transaction { data: &data, ..definitions };
            let Some(change) = schema::describe(&one, &self.knowledge.selection)? else { continue };
            if let Wanted::LeftOut(_) = conflict::wanted(self, place, &change).await? {
                let what = format!(
                    "a schema change in a transaction of several pieces cannot be left out: {}",
                    shown(&change)
                );
                return Err(Error::new(Code::SchemaChangeFailed, what).with_remedy(
                    "let it be carried out (tidegate conflicts settle --keep source, or the policy for schema changes), run \
                     it again, and take the change back in the target by hand",
                ));
            }
        }
        Ok(())
    }

    /// Transactions that met a conflict. Definitions of pieces that the try before has not come to are made up for.
    pub(super) async fn write_whole(
        &mut self,
        transactions: Vec<Transaction<'_>>,
        checkpoint: &LaneCheckpoint,
    ) -> Result<u64> {
        self.session.abort().await;
        self.begin(checkpoint, Mode::Exact);
        for transaction in &transactions {
            if !definitions_of(transaction.data)?.is_empty() {
                Box::pin(self.define_piece(*transaction)).await?;
            }
        }
        let end = self.end.take();
        conflict::write_carefully(self, &transactions, checkpoint, end.as_slice()).await
    }
}

/// A target transaction sees nothing that was made after it had begun.
pub(super) fn begun_before() -> Error {
    Error::new(
        Code::TargetBusy,
        "the target transaction began before the collections that it writes to were made: it is begun again",
    )
}

fn shown(change: &str) -> String {
    change.chars().take(200).collect()
}

/// Where a definition is noted: apart from the others of its transaction, and from documents.
fn ordinal_of(defined_before: u32) -> u32 {
    if defined_before == 0 { 0 } else { u32::MAX - defined_before }
}

/// The entries of definitions alone.
fn definitions_of(data: &[u8]) -> Result<Vec<u8>> {
    let mut definitions = Vec::new();
    for entry in entries(data) {
        let entry = entry?;
        if entry.op == Op::Schema {
            push_entry(&mut definitions, &entry);
        }
    }
    Ok(definitions)
}

/// A transaction makes collections by writing to them: nobody is asked about that.
fn is_creation(entry: &Entry<'_>) -> Result<bool> {
    let operation = raw::find(entry.body, "operationType")?;
    Ok(operation.and_then(|operation| operation.text()) == Some("create"))
}

/// What the definitions touch, as the target calls it.
fn names_of(definitions: &[u8], selection: &Selection) -> Result<BTreeSet<String>> {
    let name = |entry: Result<Entry<'_>>| {
        entry.map(|entry| selection.map(entry.database, entry.collection).to_string())
    };
    entries(definitions).map(name).collect()
}

/// Whether the journal of the transaction names all of these. If there is one that does not, it does from here on: readers
/// of the target's log tell by it whose changes of definitions they see.
async fn is_in_journal(
    client: &Client,
    instance: &InstanceName,
    seq: u64,
    names: &BTreeSet<String>,
) -> Result<bool> {
    let filter = doc! { "_id": state::id_of(instance) };
    let found = state::find(client, "ddl", filter.clone()).await?.pop();
    // One that was refused is written anew.
    let is_of_this = |found: &Document| {
        state::unsigned(found, "seq") == seq && state::text(found, "fingerprint") != "refused"
    };
    let Some(found) = found.filter(is_of_this) else { return Ok(false) };
    let Some(complete) = completed(found, names) else { return Ok(true) };
    state::control(client, state::update_command("ddl", filter, complete, false)).await?;
    Ok(false)
}

/// The journal's entry with these names too; `None` if it has them.
fn completed(mut found: Document, names: &BTreeSet<String>) -> Option<Document> {
    let mut all: Vec<Bson> = found.get_array("names").cloned().unwrap_or_default();
    let count = all.len();
    for name in names {
        if !all.iter().any(|one| one.as_str() == Some(name)) {
            all.push(Bson::from(name.as_str()));
        }
    }
    if all.len() == count {
        return None;
    }
    found.insert("names", all);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(op: Op, collection: &str, operation: &str) -> Vec<u8> {
        let body = state::bytes_of(&doc! { "operationType": operation }).unwrap();
        let mut out = Vec::new();
        push_entry(
            &mut out,
            &Entry { op, database: "shop", collection, key: &[], before: None, body: &body },
        );
        out
    }

    #[test]
    fn the_definitions_of_a_piece() {
        let create = entry(Op::Schema, "a", "create");
        let index = entry(Op::Schema, "b", "createIndexes");
        let insert = entry(Op::Insert, "c", "");
        let piece = [create.as_slice(), &insert, &index].concat();
        let definitions = definitions_of(&piece).unwrap();
        assert_eq!(definitions, [create.as_slice(), &index].concat());
        assert!(definitions_of(&insert).unwrap().is_empty());
        assert!(definitions_of(&piece[..piece.len() - 1]).is_err());
        let are_creations = entries(&definitions).map(|entry| is_creation(&entry.unwrap()).unwrap());
        assert_eq!(are_creations.collect::<Vec<_>>(), [true, false]);
        let renames = Selection::new(&[], &[], &["shop.*=store.*".to_owned()]).unwrap();
        let names = names_of(&definitions, &renames).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["store.a", "store.b"]);
    }

    #[test]
    fn each_definition_is_noted_at_a_place_of_its_own() {
        assert_eq!([0, 1, 2].map(ordinal_of), [0, u32::MAX - 1, u32::MAX - 2]);
    }

    #[test]
    fn the_journal_names_what_all_pieces_make() {
        let found = doc! { "_id": { "instance": "x" }, "seq": 7_i64, "names": ["shop.a"] };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(completed(found.clone(), &names(&["shop.a"])), None);
        let complete = completed(found.clone(), &names(&["shop.a", "shop.b"])).unwrap();
        assert_eq!(complete.get_array("names").unwrap().len(), 2);
        assert_eq!(complete.get("_id"), found.get("_id"));
    }
}
