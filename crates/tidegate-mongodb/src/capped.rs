//! Capped collections take no writes in a transaction: their changes are written by themselves, each so that writing it once
//! more changes nothing.

use crate::catalog;
use crate::connect::run;
use crate::diff::apply;
use crate::entry::{Entry, Op, entries};
use crate::knowledge::KnownCollection;
use crate::raw::{self, Builder, kind};
use crate::send::{COMMAND_BYTES, find_command, push_replacement};
use crate::state;
use crate::writer::{LaneWriter, id_of, is_in_copy};
use mongodb::Client;
use std::collections::HashSet;
use tidegate_model::{Code, Error, LaneCheckpoint, Result, Transaction};

/// Writes a transaction's changes of capped collections; answers how many. Nothing is written once the lane's checkpoint
/// has moved on: then another run has taken over.
pub(crate) async fn write(
    writer: &mut LaneWriter,
    transaction: Transaction<'_>,
    checkpoint: &LaneCheckpoint,
) -> Result<u64> {
    writer.lookup.refresh();
    let mut rows = 0;
    for entry in entries(transaction.data) {
        let entry = entry?;
        if entry.op == Op::Schema {
            continue;
        }
        let Some(plan) = writer.lookup.plan(entry.database, entry.collection)? else { continue };
        if plan.target.capped && !is_in_copy(plan.snapshot.as_ref(), transaction.mark)? {
            if writer.strict {
                return Err(unmarked(entry.database, entry.collection));
            }
            // No transaction holds the proof and the write together, so the proof is asked for before each of them.
            let version = state::lane_version(&writer.client, &writer.instance, writer.lane).await?;
            if !precedes(version, checkpoint) {
                return Err(state::moved(writer.lane));
            }
            rows += 1;
            write_one(&writer.client, &plan.target, &entry).await?;
        }
    }
    Ok(rows)
}

fn precedes(version: u64, checkpoint: &LaneCheckpoint) -> bool {
    version.checked_add(1) == Some(checkpoint.version)
}

/// What is written outside of a transaction bears no marker: the other link would take it for news.
fn unmarked(database: &str, collection: &str) -> Error {
    let what =
        format!("{database}.{collection} is a capped collection, which a pair of links cannot carry over");
    Error::new(Code::UnsupportedColumn, what)
        .with_remedy(format!("leave it out of both links with --exclude '{database}.{collection}'"))
}

async fn write_one(client: &Client, target: &KnownCollection, entry: &Entry<'_>) -> Result<()> {
    let id = entry.id()?;
    match entry.op {
        Op::Insert => insert(client, target, entry.body).await,
        Op::Replace => replace(client, target, id, entry.body).await,
        Op::Update => {
            let found =
                catalog::answers(client, &target.name.database, find_command(target, std::iter::once(id), 1))
                    .await?;
            let Some(found) = found.first() else { return Ok(()) };
            let mut document = Vec::new();
            apply(found, entry.body, true, &mut document)?;
            replace(client, target, id, &document).await
        }
        Op::Delete | Op::Schema => {
            let mut builder = Builder::new();
            builder.text("delete", &target.name.table).begin_array("deletes").push_document();
            builder.begin_document("q").value("_id", id.0, id.1).end().int32("limit", 1).end().end();
            send(client, target, builder).await
        }
    }
}

/// With its list open.
fn begin_insert(target: &KnownCollection) -> Builder {
    let mut builder = Builder::new();
    builder.text("insert", &target.name.table).begin_array("documents");
    builder
}

async fn insert(client: &Client, target: &KnownCollection, document: &[u8]) -> Result<()> {
    let mut builder = begin_insert(target);
    builder.push(kind::DOCUMENT, document).end();
    match send(client, target, builder).await {
        // It came before.
        Err(error) if error.code() == Code::Conflict => Ok(()),
        sent => sent,
    }
}

async fn replace(client: &Client, target: &KnownCollection, id: (u8, &[u8]), document: &[u8]) -> Result<()> {
    let mut builder = Builder::new();
    builder.text("update", &target.name.table).begin_array("updates");
    push_replacement(&mut builder, target, id, document, false)?;
    builder.end();
    send(client, target, builder).await
}

async fn send(client: &Client, target: &KnownCollection, mut builder: Builder) -> Result<()> {
    if target.validated {
        builder.flag("bypassDocumentValidation", true);
    }
    builder.begin_document("writeConcern").text("w", "majority").end();
    let sent = run(client, &target.name.database, &builder.finish()).await;
    sent.map(|_| ()).map_err(|error| error.context(&target.name))
}

/// Inserts those of the documents that are not there, in their order.
pub(crate) async fn load(client: &Client, target: &KnownCollection, documents: &[&[u8]]) -> Result<()> {
    for some in documents.chunks(1_000) {
        let ids = some.iter().map(|document| id_of(document)).collect::<Result<Vec<_>>>()?;
        let question = find_command(target, ids.into_iter(), some.len());
        let mut there = HashSet::new();
        for found in catalog::answers(client, &target.name.database, question).await? {
            let (of_kind, value) = id_of(&found)?;
            there.insert((of_kind, value.to_vec()));
        }
        let (mut builder, mut count) = (begin_insert(target), 0);
        for document in some {
            let (of_kind, value) = id_of(document)?;
            if there.contains(&(of_kind, value.to_vec())) {
                continue;
            }
            if count > 0 && builder.len() + document.len() > COMMAND_BYTES {
                builder.end();
                send(client, target, std::mem::replace(&mut builder, begin_insert(target))).await?;
                count = 0;
            }
            builder.push(kind::DOCUMENT, document);
            count += 1;
        }
        if count > 0 {
            builder.end();
            send(client, target, builder).await?;
        }
    }
    Ok(())
}

/// The documents that lie one after the other in a chunk.
pub(crate) fn documents(mut bytes: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    std::iter::from_fn(move || {
        let (head, _) = bytes.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*head) as usize;
        let split = bytes.split_at_checked(length).filter(|_| length >= raw::EMPTY.len());
        let (document, rest) = split.unwrap_or((&[], &[]));
        bytes = rest;
        Some(if document.is_empty() { Err(raw::malformed()) } else { Ok(document) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{Checkpoint, Position, Seq, SeqSet};

    #[test]
    fn only_the_checkpoint_before_admits_a_write() {
        let low = Checkpoint { seq: Seq(0), position: Position::new("") };
        let checkpoint = LaneCheckpoint { lane: 0, version: 5, low, done: SeqSet::default() };
        let admitted = (0..8).filter(|version| precedes(*version, &checkpoint)).collect::<Vec<u64>>();
        assert_eq!(admitted, [4]);
        assert!(!precedes(u64::MAX, &checkpoint));
    }

    #[test]
    fn a_pair_is_told_which_collection_to_leave_out() {
        let error = unmarked("shop", "log");
        assert_eq!(error.code(), Code::UnsupportedColumn);
        assert!(error.message().contains("shop.log") && error.remedy().contains("--exclude 'shop.log'"));
    }

    #[test]
    fn a_chunk_falls_into_its_documents() {
        let chunk = [raw::EMPTY, raw::EMPTY].concat();
        assert_eq!(documents(&chunk).collect::<Result<Vec<_>>>().unwrap(), [raw::EMPTY, raw::EMPTY]);
        assert!(documents(&chunk[..9]).last().unwrap().is_err());
        assert!(documents(&[1, 0, 0, 0, 0]).next().unwrap().is_err());
    }
}
