//! Transactions that met a row which is not what the log expects, written row by row.
//!
//! Each row is looked at before it is changed. What nobody has decided about is noted in the target with all three versions
//! (as it was at the source, as it is here, as it would become), and nothing is written. What somebody has decided about goes
//! by that, in the same transaction as everything else.

mod notes;
mod row;

use crate::binlog::event::code;
use crate::capture::excerpt;
use crate::decode::{entries, is_rows};
use crate::session::run;
use crate::state;
use crate::writer::{LaneWriter, is_in_copy};
use notes::{Conflict, Noted, decision_about, note, note_statement, policy};
use row::CarefulRow;
use std::collections::HashSet;
use tidegate_model::{Code, Decision, Error, LaneCheckpoint, Result, Transaction};

/// So many are noted at once; what comes after them is found when they are decided.
const NOTED_MAX: usize = 100;

/// Writes the transactions as one target transaction with the checkpoint; answers how many rows.
pub(crate) async fn write_carefully(
    writer: &mut LaneWriter,
    transactions: &[Transaction<'_>],
    checkpoint: &LaneCheckpoint,
) -> Result<u64> {
    // What was tried before is still open, and may have ended where foreign keys act.
    run(&mut writer.conn, "ROLLBACK").await?;
    run(&mut writer.conn, "SET foreign_key_checks=0").await?;
    writer.decoder.refresh();
    run(&mut writer.conn, "BEGIN").await?;
    let statement = state::checkpoint_statement(&writer.instance, checkpoint);
    if run(&mut writer.conn, &statement).await?.affected_rows != 1 {
        return Err(state::moved(writer.lane));
    }
    let general = policy(&mut writer.conn, &writer.instance).await?.rows;
    let (mut rows, mut open) = (0, Vec::new());
    for transaction in transactions {
        for (ordinal, row) in careful_rows(writer, transaction)?.into_iter().enumerate() {
            rows += 1;
            let Some(conflict) = row.look(&mut writer.conn).await? else {
                row.write(&mut writer.conn).await?;
                continue;
            };
            let noted = Noted { place: (transaction.seq.0, ordinal as u32), conflict };
            let decided = decision_about(&mut writer.conn, &writer.instance, &noted).await?.or(general);
            match decided {
                Some(decision) => {
                    tracing::info!(instance = %writer.instance, seq = noted.place.0, decision = decision.name(), "a conflict is settled");
                    row.settle(&mut writer.conn, decision).await?;
                    note(&mut writer.conn, &writer.instance, &noted, Some(decision)).await?;
                }
                None => {
                    // As if the source won, so that what follows is looked at over that. It is rolled back.
                    row.settle(&mut writer.conn, Decision::Source).await?;
                    open.push(noted);
                    if open.len() == NOTED_MAX {
                        return undecided(writer, open).await;
                    }
                }
            }
        }
    }
    if !open.is_empty() {
        return undecided(writer, open).await;
    }
    run(&mut writer.conn, "COMMIT").await.map(|_| rows)
}

/// Whether a schema change is to be carried out, by what people want. If not, the checkpoint has moved past it.
pub(crate) async fn admits_schema_change(
    writer: &mut LaneWriter,
    seq: u64,
    statement: &[u8],
    checkpoint: &LaneCheckpoint,
) -> Result<bool> {
    let general = policy(&mut writer.conn, &writer.instance).await?.schema_changes;
    if general == Some(Decision::Source) {
        return Ok(true);
    }
    let text = String::from_utf8_lossy(statement).into_owned();
    let conflict = Conflict {
        object: "schema change".to_owned(),
        expected: String::new(),
        found: String::new(),
        wanted: text,
    };
    let noted = Noted { place: (seq, 0), conflict };
    let decided = match general {
        Some(decision) => Some(decision),
        None => decision_about(&mut writer.conn, &writer.instance, &noted).await?,
    };
    match decided {
        Some(Decision::Source) => {
            note(&mut writer.conn, &writer.instance, &noted, decided).await?;
            Ok(true)
        }
        Some(Decision::Target) => {
            tracing::info!(instance = %writer.instance, seq, "a schema change is left out, as was decided");
            writer.settle(checkpoint, &note_statement(&writer.instance, &noted, decided)).await?;
            Ok(false)
        }
        None => {
            note(&mut writer.conn, &writer.instance, &noted, None).await?;
            let what = format!("a schema change waits for somebody to decide: {}", excerpt(statement));
            Err(Error::new(Code::SchemaChangeAsks, what))
        }
    }
}

/// Nothing is written but the notes.
async fn undecided(writer: &mut LaneWriter, open: Vec<Noted>) -> Result<u64> {
    run(&mut writer.conn, "ROLLBACK").await?;
    let tables: HashSet<&str> = open.iter().map(|noted| noted.conflict.object.as_str()).collect();
    // Without what is in them: errors travel further than rows may.
    let what =
        format!("{} rows of {} tables; the first in {}", open.len(), tables.len(), open[0].conflict.object);
    for noted in &open {
        note(&mut writer.conn, &writer.instance, noted, None).await?;
    }
    Err(Error::new(Code::Conflict, what).with_remedy(
        "somebody else wrote to the target: put the target's right; or, for an instance of a service, see the rows with tidegate \
         conflicts list and decide with tidegate conflicts settle; then run it again",
    ))
}

/// Every row of a transaction that takes part, with the statements about it.
fn careful_rows(writer: &mut LaneWriter, transaction: &Transaction<'_>) -> Result<Vec<CarefulRow>> {
    let (mut rows, strict) = (Vec::new(), writer.strict);
    for entry in entries(transaction.data) {
        let entry = entry?;
        match entry.kind {
            code::TABLE_MAP => writer.decoder.table_map(&entry)?,
            kind if is_rows(kind) => writer.decoder.rows(&entry, |change| {
                if !is_in_copy(change.plan.snapshot.as_ref(), transaction.mark)? {
                    rows.push(CarefulRow::of(&change, strict)?);
                }
                Ok(())
            })?,
            other => {
                return Err(Error::new(Code::Internal, format!("an entry of kind {other} among rows")));
            }
        }
    }
    Ok(rows)
}
