//! Transactions that met a document which is not what the log expects, written document by document.
//!
//! Each is looked at before it is changed. What nobody has decided about is noted in the target with all three versions
//! (as it was at the source, as it is here, as it would become), and nothing is written. What somebody has decided about goes
//! by that, in the same transaction as everything else.

mod document;
mod notes;
mod text;

pub(crate) use text::shown;

use crate::entry::{Op, entries};
use crate::writer::{LaneWriter, is_in_copy};
use bson::Document;
use document::{CarefulDocument, InTheWay, Written};
use notes::{Conflict, Noted, decision_about, note, note_command, note_in, policy};
use std::collections::{HashMap, HashSet};
use tidegate_model::{Code, Decision, Error, LaneCheckpoint, Mode, Result, Transaction, Writer};

/// So many are noted at once; what comes after them is found when they are decided.
const NOTED_MAX: usize = 100;

/// How a try to write everything ended.
enum Tried {
    Written(u64),
    /// Nobody has decided about these.
    Open(Vec<Noted>),
    /// A document cannot stand beside another one: with that known it is tried anew, because the transaction is gone.
    InTheWay((u64, u32), InTheWay),
}

/// Writes the transactions as one target transaction with the checkpoint and `last`, commands on the control database;
/// answers how many documents.
pub(crate) async fn write_carefully(
    writer: &mut LaneWriter,
    transactions: &[Transaction<'_>],
    checkpoint: &LaneCheckpoint,
    last: &[Document],
) -> Result<u64> {
    let mut taken = HashMap::new();
    loop {
        let tried = try_all(writer, transactions, checkpoint, &taken).await;
        match tried {
            Ok(Tried::Written(rows)) => {
                let ended = end(writer, last).await;
                if ended.is_err() {
                    writer.session.abort().await;
                }
                return ended.map(|()| rows);
            }
            Ok(Tried::Open(open)) => return undecided(writer, open).await,
            Ok(Tried::InTheWay(place, why)) => {
                writer.session.abort().await;
                if taken.insert(place, why).is_some() || taken.len() > NOTED_MAX {
                    let what = format!("transaction {}: other documents stay in the way", place.0);
                    return Err(Error::new(Code::Conflict, what));
                }
            }
            Err(error) => {
                writer.session.abort().await;
                return Err(error);
            }
        }
    }
}

async fn end(writer: &mut LaneWriter, last: &[Document]) -> Result<()> {
    for command in last {
        writer.session.control(command).await?;
    }
    writer.session.commit().await
}

async fn try_all(
    writer: &mut LaneWriter,
    transactions: &[Transaction<'_>],
    checkpoint: &LaneCheckpoint,
    taken: &HashMap<(u64, u32), InTheWay>,
) -> Result<Tried> {
    writer.session.abort().await;
    writer.begin(checkpoint, Mode::Exact);
    writer.opened().await?;
    let general = policy(&writer.client, &writer.instance).await?.rows;
    let (mut rows, mut open) = (0, Vec::new());
    for transaction in transactions {
        for (ordinal, entry) in entries(transaction.data).enumerate() {
            let entry = entry?;
            if entry.op == Op::Schema {
                continue;
            }
            let Some(plan) = writer.lookup.plan(entry.database, entry.collection)?.cloned() else { continue };
            if plan.target.capped || is_in_copy(plan.snapshot.as_ref(), transaction.mark)? {
                continue;
            }
            rows += 1;
            let place = (transaction.seq.0, ordinal as u32);
            let document = CarefulDocument { target: &plan.target, entry: &entry, strict: writer.strict };
            let look = document.look(&mut writer.session, taken.get(&place)).await?;
            let Some(conflict) = look.conflict.clone() else {
                if let Written::InTheWay(why) = document.write(&mut writer.session, &look).await? {
                    return Ok(Tried::InTheWay(place, why));
                }
                continue;
            };
            let noted = Noted { place, conflict };
            let decided = decision_about(&writer.client, &writer.instance, &noted).await?.or(general);
            // What is not decided goes as if the source won, so that what follows is looked at over that.
            let decision = decided.unwrap_or(Decision::Source);
            let settled = document.settle(&mut writer.session, &look, taken.get(&place), decision).await?;
            if let Written::InTheWay(why) = settled {
                return Ok(Tried::InTheWay(place, why));
            }
            if decided.is_some() {
                tracing::info!(instance = %writer.instance, seq = place.0, decision = decision.name(), "a conflict is settled");
                note_in(&mut writer.session, &writer.instance, &noted, decided).await?;
                continue;
            }
            open.push(noted);
            if open.len() == NOTED_MAX {
                return Ok(Tried::Open(open));
            }
        }
    }
    Ok(if open.is_empty() { Tried::Written(rows) } else { Tried::Open(open) })
}

/// Nothing is written but the notes.
async fn undecided(writer: &mut LaneWriter, open: Vec<Noted>) -> Result<u64> {
    writer.session.abort().await;
    let names: HashSet<&str> = open.iter().map(|noted| noted.conflict.object.as_str()).collect();
    // Without what is in them: errors travel further than documents may.
    let what = format!(
        "{} documents of {} collections; the first in {}",
        open.len(),
        names.len(),
        open[0].conflict.object
    );
    for noted in &open {
        note(&writer.client, &writer.instance, noted, None).await?;
    }
    Err(Error::new(Code::Conflict, what).with_remedy(
        "somebody else wrote to the target: put the target's right; or, for an instance of a service, see the documents with \
         tidegate conflicts list and decide with tidegate conflicts settle; then run it again",
    ))
}

/// What people want of a schema change.
pub(crate) enum Wanted {
    Done,
    /// With the command that writes down that it was left out.
    LeftOut(Document),
}

/// Whether a schema change is to be carried out; an error if nobody has decided.
pub(crate) async fn wanted(writer: &LaneWriter, place: (u64, u32), change: &str) -> Result<Wanted> {
    let general = policy(&writer.client, &writer.instance).await?.schema_changes;
    if general == Some(Decision::Source) {
        return Ok(Wanted::Done);
    }
    let conflict = Conflict {
        object: "schema change".to_owned(),
        expected: String::new(),
        found: String::new(),
        wanted: change.to_owned(),
    };
    let noted = Noted { place, conflict };
    let decided = match general {
        Some(decision) => Some(decision),
        None => decision_about(&writer.client, &writer.instance, &noted).await?,
    };
    match decided {
        Some(Decision::Source) => {
            note(&writer.client, &writer.instance, &noted, decided).await?;
            Ok(Wanted::Done)
        }
        Some(Decision::Target) => {
            let noted = note_command(&writer.client, &writer.instance, &noted, decided).await?;
            Ok(Wanted::LeftOut(noted))
        }
        None => {
            note(&writer.client, &writer.instance, &noted, None).await?;
            let shown: String = change.chars().take(200).collect();
            let what = format!("a schema change waits for somebody to decide: {shown}");
            Err(Error::new(Code::SchemaChangeAsks, what))
        }
    }
}
