//! A lane: one writing connection and the task that drives it. It tries again what may pass by itself, and finds out
//! from the target's checkpoint what became of a commit whose answer was lost.

use crate::changelog::{Reader, Record, RecordKind};
use crate::retry::Backoff;
use std::sync::Arc;
use tidegate_model::{Code, Error, LaneCheckpoint, Mode, Result, Retry, Seq, Target, Transaction, Writer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a lane is asked to write, each as one target transaction.
pub(crate) enum Work {
    /// Whole transactions of the log, in its order.
    Batch(Vec<Record>),
    /// One transaction that lies in the log in pieces: `start` stands before its first. The lane leaves `after` behind it,
    /// with its last record.
    Big { start: Box<Reader>, after: Option<Box<(Reader, Record)>> },
    /// One transaction that nothing may run beside.
    Alone(Record),
    /// Nothing but the checkpoint: the source's log went on without selected changes.
    Idle,
}

pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) checkpoint: LaneCheckpoint,
    pub(crate) mode: Mode,
}

pub(crate) struct Done {
    pub(crate) lane: usize,
    /// `None` if the link was stopped while the job was to be tried again.
    pub(crate) outcome: Result<Option<Settled>>,
}

/// A job whose target transaction is there.
pub(crate) struct Settled {
    /// The job's work comes back.
    pub(crate) work: Work,
    /// Rows written.
    pub(crate) rows: u64,
    /// The low watermark that the target now has from this job.
    pub(crate) low: Seq,
}

pub(crate) struct Lane {
    pub(crate) number: usize,
    pub(crate) writer: Box<dyn Writer>,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) retries: Backoff,
    pub(crate) stop: CancellationToken,
}

impl Lane {
    /// Runs jobs until the channel closes or one is not settled.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, done: mpsc::Sender<Done>) {
        while let Some(job) = jobs.recv().await {
            let outcome = self.write_until_settled(job).await;
            let settled = matches!(outcome, Ok(Some(_)));
            if done.send(Done { lane: self.number, outcome }).await.is_err() || !settled {
                return;
            }
        }
    }

    async fn write_until_settled(&mut self, mut job: Job) -> Result<Option<Settled>> {
        let low = job.checkpoint.low.seq;
        let mut backoff = self.retries.clone();
        let mut rows = 0;
        loop {
            let error = match write(self.writer.as_mut(), &mut job, &mut rows).await {
                Ok(()) => return Ok(Some(Settled { work: job.work, rows, low })),
                Err(error) => error,
            };
            if error.retry() != Retry::Auto {
                return Err(error);
            }
            tracing::info!(lane = job.checkpoint.lane, %error, "writing again");
            let committed = loop {
                tokio::select! {
                    waited = backoff.wait(&error) => waited?,
                    () = self.stop.cancelled() => return Ok(None),
                }
                match self.is_committed(&job.checkpoint).await {
                    Ok(committed) => break committed,
                    Err(again) if again.retry() == Retry::Auto => {}
                    Err(definite) => return Err(definite),
                }
            };
            if committed {
                return Ok(Some(Settled { work: finish_committed(job.work).await?, rows, low }));
            }
        }
    }

    /// Whether the target transaction with this checkpoint is there. The version alone does not tell: another process may
    /// have made it.
    async fn is_committed(&mut self, checkpoint: &LaneCheckpoint) -> Result<bool> {
        let version = self.writer.recover().await?;
        if version + 1 == checkpoint.version {
            return Ok(false);
        }
        let state = self.target.state().await?;
        if state.is_some_and(|state| state.lanes.contains(checkpoint)) {
            return Ok(true);
        }
        let what = format!("lane {} is at a version {version} that is not ours", checkpoint.lane);
        Err(Error::new(Code::CheckpointChanged, what))
    }
}

/// The commit went through although its answer was lost.
async fn finish_committed(work: Work) -> Result<Work> {
    let Work::Big { start, .. } = work else { return Ok(work) };
    let after = end_of_big(&start).await?;
    Ok(Work::Big { start, after: Some(Box::new(after)) })
}

/// The last record of a big transaction, and a reader after it.
async fn end_of_big(start: &Reader) -> Result<(Reader, Record)> {
    let mut reader = start.clone();
    loop {
        let record = reader.next().await?;
        if record.kind != RecordKind::Piece {
            return Ok((reader, record));
        }
    }
}

async fn write(writer: &mut dyn Writer, job: &mut Job, rows: &mut u64) -> Result<()> {
    *rows = 0;
    match &mut job.work {
        Work::Batch(records) => {
            writer.begin(&job.checkpoint, job.mode);
            let written = async {
                for record in records.iter() {
                    *rows += writer.add(transaction(record)).await?;
                }
                writer.commit().await
            };
            match written.await {
                Err(error) if error.code() == Code::Conflict && job.mode == Mode::Exact => {
                    let transactions = records.iter().map(transaction).collect();
                    *rows = writer.write_carefully(transactions, &job.checkpoint).await?;
                    Ok(())
                }
                written => written,
            }
        }
        Work::Big { start, after } => {
            // Only the last record knows the transaction's number and mark, and every piece is to have them.
            let (end_reader, end) = end_of_big(start).await?;
            let written = write_big(writer, start, &end, (&job.checkpoint, job.mode)).await;
            *rows = match written {
                Err(error) if error.code() == Code::Conflict && job.mode == Mode::Exact => {
                    let data = whole_if_small(start).await?.ok_or(error)?;
                    let whole = Transaction { data: &data, ..transaction(&end) };
                    writer.write_carefully(vec![whole], &job.checkpoint).await?
                }
                written => written?,
            };
            *after = Some(Box::new((end_reader, end)));
            Ok(())
        }
        Work::Alone(record) => {
            *rows = writer.alone(transaction(record), &job.checkpoint, job.mode).await?;
            Ok(())
        }
        Work::Idle => {
            writer.begin(&job.checkpoint, job.mode);
            writer.commit().await
        }
    }
}

/// Piece by piece. Every piece has the number and the mark of the last.
async fn write_big(
    writer: &mut dyn Writer,
    start: &Reader,
    end: &Record,
    (checkpoint, mode): (&LaneCheckpoint, Mode),
) -> Result<u64> {
    let (mut reader, mut rows) = (start.clone(), 0);
    writer.begin(checkpoint, mode);
    loop {
        let record = reader.next().await?;
        rows += writer.add(Transaction { data: record.data(), ..transaction(end) }).await?;
        if record.kind != RecordKind::Piece {
            break;
        }
    }
    writer.commit().await?;
    Ok(rows)
}

/// A big transaction that is to be written row by row is held whole, up to this.
const CAREFUL_BYTES_MAX: usize = 16 << 20;

/// All pieces in one; `None` if that is too much.
async fn whole_if_small(start: &Reader) -> Result<Option<Vec<u8>>> {
    let (mut reader, mut data) = (start.clone(), Vec::new());
    loop {
        let record = reader.next().await?;
        data.extend_from_slice(record.data());
        if data.len() > CAREFUL_BYTES_MAX {
            return Ok(None);
        }
        if record.kind != RecordKind::Piece {
            return Ok(Some(data));
        }
    }
}

fn transaction(record: &Record) -> Transaction<'_> {
    Transaction { seq: record.seq, mark: record.mark(), data: record.data() }
}
