//! A lane's session: one target transaction at a time.

mod definitions;

use crate::batch::{Batch, Change, Step, Steps, Taken};
use crate::conflict;
use crate::diff::{Applied, apply};
use crate::entry::{Entry, Op, entries};
use crate::knowledge::{Knowledge, Lookup, Plan};
use crate::position::{self, MongoPosition};
use crate::raw;
use crate::send::{Sender, find_command, shown_id};
use crate::session::WriteSession;
use crate::turn::Turn;
use crate::{capped, state};
use bson::Document;
use mongodb::Client;
use std::collections::HashMap;
use std::sync::Arc;
use tidegate_model::{
    Code, Error, Fut, InstanceName, LaneCheckpoint, Mode, Position, Result, Transaction, Writer,
};

/// A batch is sent when it has grown to this, its transaction still open.
const FLUSH_BYTES: usize = 4 << 20;

const FLUSH_COUNT: usize = 20_000;

/// So many documents are looked at together, unless they are too large for one answer.
const WINDOW: usize = 1_000;

pub(crate) struct LaneWriter {
    pub(crate) turn: Turn,
    pub(crate) client: Client,
    pub(crate) instance: InstanceName,
    pub(crate) lane: u16,
    pub(crate) knowledge: Arc<Knowledge>,
    pub(crate) session: WriteSession,
    pub(crate) lookup: Lookup,
    batch: Batch,
    /// The command that the target transaction begins with; none once it was sent.
    opening: Option<Document>,
    /// The command that ends the journal of the definitions that pieces have brought, for the end of the transaction.
    end: Option<Document>,
    /// How many definitions pieces have brought.
    defined: u32,
    mode: Mode,
    /// Of a pair: there are others who write, and nothing of theirs may be overwritten.
    pub(crate) strict: bool,
    window: usize,
}

impl LaneWriter {
    pub(crate) async fn open(turn: Turn, lane: u16, knowledge: Arc<Knowledge>) -> Result<Self> {
        let (client, instance) = (turn.client.clone(), turn.instance.clone());
        let session = WriteSession::open(&client, &instance, format!("lane {lane}")).await?;
        let strict = state::permit::read(&client, &instance).await?.is_some();
        Ok(Self {
            turn,
            client,
            instance,
            lane,
            lookup: Lookup::new(knowledge.clone()),
            knowledge,
            session,
            batch: Batch::new(strict),
            opening: None,
            end: None,
            defined: 0,
            mode: Mode::Overlap,
            strict,
            window: WINDOW,
        })
    }

    /// Writes the document changes of a transaction and the checkpoint as one, with `last`, commands on the control
    /// database. Changes of capped collections are written before that, by themselves; definitions
    /// are left out.
    pub(crate) async fn write_entries(
        &mut self,
        transaction: Transaction<'_>,
        checkpoint: &LaneCheckpoint,
        mode: Mode,
        last: &[Document],
    ) -> Result<u64> {
        let capped = capped::write(self, transaction, checkpoint).await?;
        self.begin(checkpoint, mode);
        let written = async {
            let rows = self.take_in(transaction, true).await?;
            self.flush().await?;
            for command in last {
                self.session.control(command).await?;
            }
            self.session.commit().await.map(|()| rows + capped)
        };
        let written = written.await;
        if written.is_err() {
            self.session.abort().await;
        }
        written
    }

    async fn write_alone(
        &mut self,
        transaction: Transaction<'_>,
        checkpoint: &LaneCheckpoint,
        mode: Mode,
    ) -> Result<u64> {
        for entry in entries(transaction.data) {
            if entry?.op == Op::Schema {
                return Box::pin(self.write_definitions(transaction, checkpoint, mode)).await;
            }
        }
        self.write_with(transaction, checkpoint, mode, &[]).await
    }

    /// As [`Self::write_entries`]; documents that are not what the log expects are noted, and go by what is decided.
    async fn write_with(
        &mut self,
        transaction: Transaction<'_>,
        checkpoint: &LaneCheckpoint,
        mode: Mode,
        last: &[Document],
    ) -> Result<u64> {
        match self.write_entries(transaction, checkpoint, mode, last).await {
            Err(error) if error.code() == Code::Conflict && mode == Mode::Exact => {
                conflict::write_carefully(self, &[transaction], checkpoint, last).await
            }
            written => written,
        }
    }

    /// `alone`: what cannot be written in a transaction was written before, and definitions are somebody else's. Else the
    /// definitions are those of a transaction that comes in pieces.
    async fn take_in(&mut self, transaction: Transaction<'_>, alone: bool) -> Result<u64> {
        let (mut rows, mut is_defined) = (0, alone);
        for entry in entries(transaction.data) {
            let entry = entry?;
            if entry.op == Op::Schema {
                if !std::mem::replace(&mut is_defined, true) {
                    Box::pin(self.define_piece(transaction)).await?;
                }
                continue;
            }
            let Some(plan) = self.lookup.plan(entry.database, entry.collection)?.cloned() else { continue };
            if is_in_copy(plan.snapshot.as_ref(), transaction.mark)? || plan.target.capped && alone {
                continue;
            }
            if plan.target.capped {
                return Err(Error::new(
                    Code::Internal,
                    format!("{}: a capped collection among others", plan.target.name),
                ));
            }
            rows += 1;
            self.take_one(&plan, &entry).await?;
        }
        Ok(rows)
    }

    async fn take_one(&mut self, plan: &Arc<Plan>, entry: &Entry<'_>) -> Result<()> {
        if self.batch.add(plan, entry, self.mode)? == Taken::Not {
            self.flush().await?;
            self.batch.add(plan, entry, self.mode)?;
        }
        if self.batch.size() >= FLUSH_BYTES || self.batch.count() >= FLUSH_COUNT {
            self.flush().await?;
        }
        Ok(())
    }

    /// Opens the transaction, unless it is open.
    pub(crate) async fn opened(&mut self) -> Result<()> {
        if let Some(opening) = self.opening.take() {
            self.session.begin().await?;
            if self.session.control(&opening).await? != 1 {
                return Err(state::moved(self.lane));
            }
        }
        Ok(())
    }

    /// Sends what is there; the transaction stays open.
    async fn flush(&mut self) -> Result<()> {
        self.opened().await?;
        let mut batch = std::mem::take(&mut self.batch);
        let mut sent = Ok(());
        for steps in batch.collections() {
            sent = self.send(&batch, steps).await;
            if sent.is_err() {
                break;
            }
        }
        batch.clear();
        self.batch = batch;
        sent
    }

    async fn send(&mut self, batch: &Batch, steps: &Steps) -> Result<()> {
        let target = &steps.plan.target;
        let mut writing = Writing {
            sender: Sender::new(&mut self.session, target, self.mode),
            batch,
            steps,
            mode: self.mode,
            bases: HashMap::new(),
            out: Vec::new(),
        };
        let mut left = steps.steps.as_slice();
        while !left.is_empty() {
            let window = &left[..left.len().min(self.window)];
            if !writing.look(window).await? {
                self.window = (window.len() / 2).max(1);
                continue;
            }
            for step in window {
                writing.write(step).await?;
            }
            left = &left[window.len()..];
            self.window = (self.window * 2).min(WINDOW);
        }
        writing.sender.finish().await
    }

    async fn connect_again(&mut self) -> Result<u64> {
        self.session.renew().await?;
        self.batch.clear();
        (self.opening, self.end) = (None, None);
        self.strict = state::permit::read(&self.client, &self.instance).await?.is_some();
        let version = state::lane_version(&self.client, &self.instance, self.lane).await?;
        self.knowledge.renew(&self.client).await?;
        Ok(version)
    }
}

/// The changes to one collection on their way.
struct Writing<'a> {
    sender: Sender<'a>,
    batch: &'a Batch,
    steps: &'a Steps,
    mode: Mode,
    /// Documents as they are now, by their hashes; without those that are not there.
    bases: HashMap<u64, Vec<u8>>,
    out: Vec<u8>,
}

impl Writing<'_> {
    /// Reads what these steps have to know; `false` if it is too much for one answer.
    async fn look(&mut self, window: &[Step]) -> Result<bool> {
        let target = &self.steps.plan.target;
        self.bases.clear();
        let wanted: Vec<&Step> = window.iter().filter(|step| step.needs_base()).collect();
        if wanted.is_empty() {
            return Ok(true);
        }
        if target.ordered {
            // What was changed before in this batch is to be seen.
            self.sender.send_last().await?;
        }
        let ids = wanted.iter().map(|step| self.batch.id(step));
        let question = find_command(target, ids, wanted.len());
        let found = self.sender.session.find(&target.name.database, question).await;
        let found = found.map_err(|error| error.context(&target.name))?;
        if !found.whole && window.len() > 1 {
            return Ok(false);
        }
        for document in found.documents()? {
            let id = raw::find(document, "_id")?.ok_or_else(raw::malformed)?;
            let hash = self.steps.plan.hash.with_id((id.kind, id.value))?.value();
            self.bases.insert(hash, document.to_vec());
        }
        Ok(true)
    }

    async fn write(&mut self, step: &Step) -> Result<()> {
        let (batch, overlaps) = (self.batch, self.mode == Mode::Overlap);
        let id = batch.id(step);
        let base = if step.needs_base() { self.bases.remove(&step.hash) } else { None };
        let is_missing = step.needs_base() && base.is_none();
        if let (Some(before), Some(base)) = (&step.before, &base)
            && batch.bytes(before) != base.as_slice()
        {
            return Err(self.conflict(id, "is not what it was at the source"));
        }
        let becomes = match &step.change {
            Change::Nothing if is_missing => return Ok(()),
            Change::Nothing => return Err(self.conflict(id, "is there already")),
            _ if is_missing && !overlaps => return Err(self.conflict(id, "is not there")),
            Change::Update(..) if is_missing => return Ok(()),
            Change::Insert(range) if overlaps => {
                self.sender.replace(id, batch.bytes(range), true).await?;
                Some(batch.bytes(range))
            }
            Change::Insert(range) => {
                self.sender.insert(id, batch.bytes(range)).await?;
                Some(batch.bytes(range))
            }
            Change::Replace(range) => {
                self.sender.replace(id, batch.bytes(range), false).await?;
                Some(batch.bytes(range))
            }
            Change::Delete => {
                self.sender.delete(id).await?;
                None
            }
            Change::Reborn(range) => return self.bear(id, batch.bytes(range)).await,
            Change::Update(first, _) => {
                let base = base.unwrap_or_default();
                self.update(id, base, *first).await?;
                Some(self.out.as_slice())
            }
        };
        if self.steps.plan.target.ordered {
            match becomes {
                Some(document) => drop(self.bases.insert(step.hash, document.to_vec())),
                None => drop(self.bases.remove(&step.hash)),
            }
        }
        Ok(())
    }

    async fn bear(&mut self, id: (u8, &[u8]), document: &[u8]) -> Result<()> {
        self.sender.delete(id).await?;
        match self.mode {
            Mode::Overlap => self.sender.replace(id_of(document)?, document, true).await,
            Mode::Exact => self.sender.insert(id_of(document)?, document).await,
        }
    }

    async fn update(&mut self, id: (u8, &[u8]), mut base: Vec<u8>, first: u32) -> Result<()> {
        for diff in self.batch.diffs(first) {
            self.out.clear();
            let applied = apply(&base, diff, self.mode == Mode::Overlap, &mut self.out)?;
            if !matches!(applied, Applied::Fits) {
                return Err(self.conflict(id, "is not what its change was made for"));
            }
            std::mem::swap(&mut base, &mut self.out);
        }
        self.out = base;
        self.sender.replace(id, &self.out, false).await
    }

    fn conflict(&self, id: (u8, &[u8]), what: &str) -> Error {
        let name = &self.steps.plan.target.name;
        Error::new(Code::Conflict, format!("{name}: the document with _id {} {what}", shown_id(id)))
    }
}

pub(crate) fn id_of(document: &[u8]) -> Result<(u8, &[u8])> {
    let id = raw::find(document, "_id")?.ok_or_else(raw::malformed)?;
    Ok((id.kind, id.value))
}

/// Whether the collection's copy was made after the transaction.
pub(crate) fn is_in_copy(snapshot: Option<&MongoPosition>, mark: &[u8]) -> Result<bool> {
    let Some(snapshot) = snapshot else { return Ok(false) };
    let mark =
        std::str::from_utf8(mark).map_err(|_| Error::new(Code::ChangeLogDamaged, "a mark is no text"))?;
    Ok(snapshot.covers(&position::parse(&Position::new(mark))?))
}

impl Writer for LaneWriter {
    fn begin(&mut self, checkpoint: &LaneCheckpoint, mode: Mode) {
        self.lookup.refresh();
        self.batch = Batch::new(self.strict);
        self.mode = mode;
        self.opening = Some(state::checkpoint_command(&self.instance, checkpoint));
        (self.end, self.defined) = (None, 0);
    }

    fn add<'a>(&'a mut self, transaction: Transaction<'a>) -> Fut<'a, u64> {
        Box::pin(self.take_in(transaction, false))
    }

    fn commit(&mut self) -> Fut<'_, ()> {
        Box::pin(async {
            self.flush().await?;
            if let Some(end) = self.end.take()
                && self.session.control(&end).await? != 1
            {
                return Err(definitions::begun_before());
            }
            self.session.commit().await
        })
    }

    fn alone<'a>(
        &'a mut self,
        transaction: Transaction<'a>,
        checkpoint: &'a LaneCheckpoint,
        mode: Mode,
    ) -> Fut<'a, u64> {
        Box::pin(self.write_alone(transaction, checkpoint, mode))
    }

    fn write_carefully<'a>(
        &'a mut self,
        transactions: Vec<Transaction<'a>>,
        checkpoint: &'a LaneCheckpoint,
    ) -> Fut<'a, u64> {
        Box::pin(self.write_whole(transactions, checkpoint))
    }

    fn is_marked(&self) -> bool {
        true
    }

    fn recover(&mut self) -> Fut<'_, u64> {
        Box::pin(self.connect_again())
    }
}
