//! A lane: one writing connection and the task that drives it. It tries again what may pass by itself, and finds out
//! from the target's checkpoint what became of a commit whose answer was lost.

use crate::changelog::{Reader, Record, RecordKind};
use crate::retry::Backoff;
use tidegate_model::{Code, Error, LaneCheckpoint, Mode, Result, Retry, Seq, Transaction, Writer};
use tokio::sync::mpsc;

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
    pub(crate) outcome: Result<Settled>,
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

/// Runs jobs until the channel closes or one fails for good.
pub(crate) async fn run(
    lane: usize,
    mut writer: Box<dyn Writer>,
    mut jobs: mpsc::Receiver<Job>,
    done: mpsc::Sender<Done>,
    retries: Backoff,
) {
    while let Some(job) = jobs.recv().await {
        let outcome = write_until_settled(writer.as_mut(), job, retries.clone()).await;
        let failed = outcome.is_err();
        if done.send(Done { lane, outcome }).await.is_err() || failed {
            return;
        }
    }
}

async fn write_until_settled(writer: &mut dyn Writer, mut job: Job, mut backoff: Backoff) -> Result<Settled> {
    let mut rows = 0;
    loop {
        let low = job.checkpoint.low.seq;
        let error = match write(writer, &mut job, &mut rows).await {
            Ok(()) => return Ok(Settled { work: job.work, rows, low }),
            Err(error) => error,
        };
        if error.retry() != Retry::Auto {
            return Err(error);
        }
        tracing::info!(lane = job.checkpoint.lane, %error, "writing again");
        let durable = loop {
            backoff.wait(&error).await?;
            match writer.recover().await {
                Ok(version) => break version,
                Err(again) if again.retry() == Retry::Auto => {}
                Err(definite) => return Err(definite),
            }
        };
        if durable == job.checkpoint.version {
            return Ok(Settled { work: finish_committed(job.work).await?, rows, low });
        }
        if durable + 1 != job.checkpoint.version {
            let what = format!("lane {} is at version {durable}, expected {}", job.checkpoint.lane, job.checkpoint.version - 1);
            return Err(Error::new(Code::CheckpointChanged, what));
        }
    }
}

/// The commit went through although its answer was lost.
async fn finish_committed(work: Work) -> Result<Work> {
    let Work::Big { start, .. } = work else { return Ok(work) };
    let mut reader = (*start).clone();
    loop {
        let record = reader.next().await?;
        if record.kind != RecordKind::Piece {
            return Ok(Work::Big { start, after: Some(Box::new((reader, record))) });
        }
    }
}

async fn write(writer: &mut dyn Writer, job: &mut Job, rows: &mut u64) -> Result<()> {
    *rows = 0;
    match &mut job.work {
        Work::Batch(records) => {
            writer.begin(&job.checkpoint, job.mode);
            for record in records.iter() {
                *rows += writer.add(transaction(record)).await?;
            }
            writer.commit().await
        }
        Work::Big { start, after } => {
            let mut reader = (**start).clone();
            writer.begin(&job.checkpoint, job.mode);
            loop {
                let record = reader.next().await?;
                *rows += writer.add(transaction(&record)).await?;
                if record.kind != RecordKind::Piece {
                    writer.commit().await?;
                    *after = Some(Box::new((reader, record)));
                    return Ok(());
                }
            }
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

fn transaction(record: &Record) -> Transaction<'_> {
    Transaction { seq: record.seq, mark: record.mark(), data: record.data() }
}
