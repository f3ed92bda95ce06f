//! Units of the log: all events of one cluster time, which is one entry of the oplog and so one transaction.
//!
//! That a unit has ended is seen by the next one's first event. Where none has come yet, see [`Units::end_batch`].

use super::event::{Event, Fragments, Kind, TokenRef, namespace};
use super::window::{JOURNAL, Windows};
use super::{is_bucket, malformed};
use crate::catalog::OWN_DATABASES;
use crate::entry::{Entry, Op, push_entry};
use crate::position::{ClusterTime, Token, write_token};
use crate::raw;
use crate::source::{selects, time_series};
use std::collections::HashMap;
use tidegate_model::{CaptureSink, Code, Commit, Error, Result, Selection, TableName};

/// Our database in a target.
pub(super) const CONTROL: &str = "tidegate";
/// What is known of so many namespaces is kept.
const FATES_MAX: usize = 10_000;

/// What changes of documents in a namespace are to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Selected,
    Skipped,
    /// It may say that a peer has written the unit.
    Control,
}

/// How the server's stream shows where a unit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// A change outside of a transaction is always a unit of its own.
    Transaction,
    /// Several changes outside of a transaction may be one unit.
    Time,
    /// As before, and events of one time come from several shards, each when it can.
    LaterTime,
}

/// Turns events into the entries of transactions.
pub(super) struct Units {
    selection: Selection,
    peers: Vec<String>,
    ends: Ends,
    /// Where the stream begins, if that is a time. Its server says that it is there before that time has come.
    first: Option<ClusterTime>,
    fates: HashMap<Box<[u8]>, Fate>,
    windows: Windows,
    open: Option<Open>,
    fragments: Fragments,
    /// The text of the position after the last unit that has ended.
    mark: String,
    /// Whether the sink does not have it yet.
    is_fresh: bool,
    entry: Vec<u8>,
}

/// The unit whose events come.
struct Open {
    time: ClusterTime,
    in_transaction: bool,
    has_data: bool,
    /// A peer has written it.
    is_echo: bool,
    committed_at_us: u64,
    /// Of its last event.
    token: String,
    type_bits: Option<Box<[u8]>>,
}

impl Units {
    pub(super) fn new(
        selection: &Selection,
        peers: Vec<String>,
        ends: Ends,
        first: Option<ClusterTime>,
        windows: Windows,
    ) -> Self {
        Self {
            selection: selection.clone(),
            peers,
            ends,
            first,
            fates: HashMap::new(),
            windows,
            open: None,
            fragments: Fragments::default(),
            mark: String::new(),
            is_fresh: false,
            entry: Vec::new(),
        }
    }

    /// Takes one event of a batch.
    pub(super) fn event(&mut self, bytes: &[u8], sink: &mut dyn CaptureSink) -> Result<()> {
        let event = Event::read(bytes)?;
        let Some(split) = event.split else {
            if self.fragments.are_open() {
                return Err(malformed("a split event is not whole"));
            }
            return self.whole_event(&event, sink);
        };
        let Some(joined) = self.fragments.take(&event, split)? else { return Ok(()) };
        self.whole_event(&Event::read(&joined)?, sink)
    }

    fn whole_event(&mut self, event: &Event<'_>, sink: &mut dyn CaptureSink) -> Result<()> {
        let time = event.time.unwrap_or(event.token.time);
        if self.open.as_ref().is_some_and(|open| open.time != time) {
            self.close(sink);
        }
        let open = self.open.get_or_insert_with(|| Open {
            time,
            in_transaction: false,
            has_data: false,
            is_echo: false,
            committed_at_us: event.committed_at_us(time),
            token: String::new(),
            type_bits: None,
        });
        open.in_transaction |= event.in_transaction;
        open.token.clear();
        open.token.push_str(event.token.data);
        open.type_bits = event.token.type_bits.map(Into::into);
        match event.kind()? {
            Kind::Data(op) => self.data(op, event, sink),
            Kind::Schema | Kind::Rename | Kind::DropDatabase if self.is_echo() => Ok(()),
            Kind::Schema => self.schema(event, sink),
            Kind::Rename => self.rename(event, sink),
            Kind::DropDatabase => {
                let (database, _) = namespace(event.namespace)?;
                let selected = !is_own(database) && self.selection.touches_database(database);
                if selected && !self.windows.cover(database, "") {
                    self.push(Op::Schema, event, sink)?;
                }
                Ok(())
            }
            Kind::Nothing => Ok(()),
        }
    }

    fn is_echo(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_echo)
    }

    fn data(&mut self, op: Op, event: &Event<'_>, sink: &mut dyn CaptureSink) -> Result<()> {
        match self.fate(event.namespace)? {
            Fate::Skipped => Ok(()),
            Fate::Selected if self.is_echo() => Ok(()),
            Fate::Selected => self.push(op, event, sink),
            Fate::Control => self.control(op, event, sink),
        }
    }

    fn fate(&mut self, name: &[u8]) -> Result<Fate> {
        if let Some(fate) = self.fates.get(name) {
            return Ok(*fate);
        }
        let (database, collection) = namespace(name)?;
        let fate = if database == CONTROL {
            Fate::Control
        } else if is_own(database) {
            Fate::Skipped
        } else if let Some(series) = is_bucket(collection) {
            self.refuse_time_series(database, series)?;
            Fate::Skipped
        } else if self.takes(database, collection) {
            Fate::Selected
        } else {
            Fate::Skipped
        };
        if self.fates.len() == FATES_MAX {
            self.fates.clear();
        }
        self.fates.insert(name.into(), fate);
        Ok(fate)
    }

    fn takes(&self, database: &str, collection: &str) -> bool {
        selects(&self.selection, database, collection)
    }

    fn refuse_time_series(&self, database: &str, collection: &str) -> Result<()> {
        if !self.takes(database, collection) || self.windows.cover(database, collection) {
            return Ok(());
        }
        Err(time_series(&TableName::new(database, collection)))
    }

    /// A document of a control database. The unit of a peer's is an echo as a whole, whatever came before in it.
    fn control(&mut self, op: Op, event: &Event<'_>, sink: &mut dyn CaptureSink) -> Result<()> {
        let id = raw::find(event.key, "_id")?.and_then(|id| id.document());
        let instance = id.map(|id| raw::find(id, "instance")).transpose()?.flatten();
        let Some(instance) = instance.and_then(|instance| instance.text()) else { return Ok(()) };
        if !self.peers.iter().any(|peer| peer == instance) {
            return Ok(());
        }
        if let Some(open) = &mut self.open {
            if open.has_data {
                sink.rollback();
            }
            (open.is_echo, open.has_data) = (true, false);
        }
        if namespace(event.namespace)?.1 == JOURNAL {
            match op {
                Op::Insert | Op::Replace => self.windows.journal(instance, event.body(op)?)?,
                Op::Delete => self.windows.end(instance),
                Op::Update | Op::Schema => {}
            }
        }
        Ok(())
    }

    fn schema(&mut self, event: &Event<'_>, sink: &mut dyn CaptureSink) -> Result<()> {
        let (database, collection) = namespace(event.namespace)?;
        if is_own(database) {
            return Ok(());
        }
        if let Some(series) = is_bucket(collection) {
            return self.refuse_time_series(database, series);
        }
        if event.description.is_some_and(|one| matches!(raw::find(one, "timeseries"), Ok(Some(_)))) {
            return self.refuse_time_series(database, collection);
        }
        if self.takes(database, collection) && !self.windows.cover(database, collection) {
            self.push(Op::Schema, event, sink)?;
        }
        Ok(())
    }

    /// A collection that comes from outside of the selection, or goes there, would have to be copied or forgotten.
    fn rename(&mut self, event: &Event<'_>, sink: &mut dyn CaptureSink) -> Result<()> {
        let (database, collection) = namespace(event.namespace)?;
        let to = event.to.ok_or_else(|| malformed("a rename does not say whereto"))?;
        let (to_database, to_collection) = namespace(to)?;
        if self.windows.cover(database, collection) || self.windows.cover(to_database, to_collection) {
            return Ok(());
        }
        match (self.takes(database, collection), self.takes(to_database, to_collection)) {
            (false, false) => Ok(()),
            (true, true) => self.push(Op::Schema, event, sink),
            (comes_in, _) => {
                let way = if comes_in { "out of" } else { "into" };
                let what = format!(
                    "{database}.{collection} was renamed to {to_database}.{to_collection}, {way} what is selected"
                );
                Err(Error::new(Code::MalformedLog, what).with_remedy(
                    "begin a new link with a selection that takes both names or neither; $out renames too: let it write into a database that is selected as a whole, or use $merge",
                ))
            }
        }
    }

    fn push(&mut self, op: Op, event: &Event<'_>, sink: &mut dyn CaptureSink) -> Result<()> {
        let (database, collection) = namespace(event.namespace)?;
        let is_schema = op == Op::Schema;
        self.entry.clear();
        let entry = Entry {
            op,
            database,
            collection,
            key: if is_schema { &[] } else { event.key },
            before: if is_schema { None } else { event.before },
            body: event.body(op)?,
        };
        push_entry(&mut self.entry, &entry);
        sink.data(&self.entry);
        if let Some(open) = &mut self.open {
            open.has_data = true;
        }
        Ok(())
    }

    /// The unit is whole.
    pub(super) fn close(&mut self, sink: &mut dyn CaptureSink) {
        let Some(open) = self.open.take() else { return };
        self.set_mark(&open.token, open.type_bits.as_deref());
        if open.has_data {
            sink.commit(Commit { mark: self.mark.as_bytes(), committed_at_us: open.committed_at_us });
            self.is_fresh = false;
        }
    }

    fn set_mark(&mut self, data: &str, type_bits: Option<&[u8]>) {
        self.mark.clear();
        let within = self.windows.to_document();
        write_token(&mut self.mark, data, type_bits, within.as_deref()).expect("a text takes everything");
        self.is_fresh = true;
    }

    /// The end of a batch of `events`. The server ends one where nothing more is there, or where the next event would
    /// not fit, which may be in the middle of a unit: an empty batch says that the last one was of the first kind.
    pub(super) fn end_batch(&mut self, events: u64, after: Option<TokenRef<'_>>, sink: &mut dyn CaptureSink) {
        if self.fragments.are_open() {
            return;
        }
        let Some(open) = &self.open else {
            if let Some(after) = after
                && self.first.is_none_or(|first| after.time > first)
                && !self.mark.starts_with(after.data)
            {
                self.set_mark(after.data, after.type_bits);
            }
            return;
        };
        let is_whole = after.is_some_and(|after| after.time > open.time)
            || match self.ends {
                Ends::Transaction => events == 0 || !open.in_transaction,
                Ends::Time => events == 0,
                Ends::LaterTime => false,
            };
        if is_whole {
            self.close(sink);
            self.end_batch(events, after, sink);
        }
    }

    /// The last event of a unit that may be whole, and that somebody waits for.
    pub(super) fn doubtful(&self) -> Option<(ClusterTime, Result<Token>)> {
        let open = self.open.as_ref().filter(|open| open.has_data && self.ends != Ends::LaterTime)?;
        let is_doubtful = !self.fragments.are_open();
        is_doubtful.then(|| (open.time, Token::new(&open.token, open.type_bits.as_deref())))
    }

    /// Hands over the position that unselected traffic has led to. Where a unit is being read, its commit will.
    pub(super) fn flush_idle(&mut self, sink: &mut dyn CaptureSink) {
        let is_read = self.open.as_ref().is_some_and(|open| open.has_data);
        if self.is_fresh && !is_read {
            sink.commit(Commit { mark: self.mark.as_bytes(), committed_at_us: 0 });
            self.is_fresh = false;
        }
    }
}

fn is_own(database: &str) -> bool {
    OWN_DATABASES.contains(&database)
}
