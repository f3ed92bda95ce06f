//! A batch of row changes on its way to a few large statements.
//!
//! All changes of a batch become visible at once, so only what each row was before it and is after it counts: changes to
//! one row are folded into one. Rows that go away are deleted first, in one statement a table; then rows that changed
//! are written over, then new ones inserted. No state between can be seen, and none can break a unique key that held
//! before and holds after.

use crate::binlog::rows::{Cell, Op};
use crate::decode::RowChange;
use crate::hash::Hash;
use crate::plan::Plan;
use crate::row_sql::{
    around_keys, names, push_key, push_row, push_row_as_it_was, push_same_row, push_value, update_clause,
};
use crate::session::Outcome;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tidegate_model::{Code, Error, Mode, Result};

/// A statement is closed at this size.
const STATEMENT_BYTES: usize = 1 << 20;
/// … or at so many rows: a longer list of keys may make a server give up its index.
const STATEMENT_ROWS: u64 = 4_000;
/// The same for conditions over all columns of each row.
const ASKED_ROWS: u64 = 200;

/// What must have happened after a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) affected: Affected,
    /// Cells that the server cannot take without a warning (index 0 of an ENUM).
    pub(crate) warnings_max: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Affected {
    /// Exactly so many rows.
    Rows(u64),
    /// A question that finds so many rows.
    Found(u64),
    /// Rows that were there and changed count two, those that may have stayed equal zero or two.
    Updates {
        sure: u64,
        unsure: u64,
    },
    Any,
}

impl Affected {
    pub(crate) fn holds(self, Outcome { affected_rows: affected, rows: found, .. }: Outcome) -> bool {
        match self {
            Affected::Rows(rows) => affected == rows,
            Affected::Found(rows) => found == rows,
            Affected::Updates { sure, unsure } => {
                affected.is_multiple_of(2) && (2 * sure..=2 * (sure + unsure)).contains(&affected)
            }
            Affected::Any => true,
        }
    }
}

/// Statements ready to be sent, and what each must do.
#[derive(Default)]
pub(crate) struct Statements {
    pub(crate) sql: Vec<u8>,
    pub(crate) expected: Vec<(Expected, Arc<str>)>,
}

impl Statements {
    /// One change as one statement; answers how many of its cells cost a warning.
    pub(crate) fn push_change(&mut self, change: &RowChange<'_, '_>) -> Result<u32> {
        let plan = change.plan;
        let sql = &mut self.sql;
        let mut zeros = 0;
        match change.op {
            Op::Insert => {
                sql.extend_from_slice(
                    format!("INSERT INTO {} ({}) VALUES ", plan.target, names(plan)).as_bytes(),
                );
                return push_row(sql, plan, change.before, change.after);
            }
            Op::Delete => sql.extend_from_slice(format!("DELETE FROM {}", plan.target).as_bytes()),
            Op::Update => {
                sql.extend_from_slice(format!("UPDATE {} SET ", plan.target).as_bytes());
                for (at, (cell, name)) in plan.written.iter().enumerate() {
                    sql.extend_from_slice(if at > 0 { b", " } else { b"" });
                    sql.extend_from_slice(name.as_bytes());
                    sql.push(b'=');
                    zeros += push_value(sql, plan, *cell, change.before, change.after)?;
                }
            }
        }
        sql.extend_from_slice(b" WHERE ");
        push_same_row(sql, plan, change.before)?;
        sql.extend_from_slice(b" LIMIT 1");
        Ok(zeros)
    }

    fn close(&mut self, expected: Expected, table: &Arc<str>) {
        self.sql.push(b';');
        self.expected.push((expected, table.clone()));
    }
}

/// What stands around the rows of a statement.
#[derive(Clone, Copy)]
struct Frame<'a> {
    head: &'a str,
    between: &'a str,
    tail: &'a str,
    rows_max: u64,
}

impl<'a> Frame<'a> {
    fn of_values(head: &'a str, tail: &'a str) -> Self {
        Self { head, between: ",", tail, rows_max: STATEMENT_ROWS }
    }
}

#[derive(Default)]
pub(crate) struct Batch {
    tables: Vec<TableBatch>,
    /// SQL text of keys and rows.
    sql: Vec<u8>,
    keys: Vec<u8>,
    /// What must keep its order: changes to tables without a key, and such that cascade.
    ordered: Statements,
    /// Whether rows must be in the target as the log has them in every column, not only by their keys.
    strict: bool,
}

struct TableBatch {
    plan: Arc<Plan>,
    name: Arc<str>,
    entries: Vec<RowState>,
    /// From a key's hash to the first of its entries; more hang on `RowState::next`.
    index: HashMap<u64, u32>,
}

/// One row as it was before the batch and is after it.
struct RowState {
    key: Range<u32>,
    /// See [`Plan::place`].
    place: u128,
    next: Option<u32>,
    existed: bool,
    /// `(key, …)`, for a row that existed.
    key_sql: Range<u32>,
    /// `(value, …)`; `None` if the row is gone.
    row_sql: Option<Range<u32>>,
    /// The condition that finds it only if it is what it was, where that is asked.
    same_sql: Range<u32>,
    before_hash: u64,
    after_hash: u64,
    changes: u32,
    zeros: u32,
    /// An update in place might not store it.
    replace: bool,
}

impl Batch {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// Bytes of SQL and number of rows, to know when to flush.
    pub(crate) fn bytes(&self) -> usize {
        self.sql.len() + self.ordered.sql.len()
    }

    pub(crate) fn add(
        &mut self,
        change: &RowChange<'_, '_>,
        mode: Mode,
        values_function: bool,
    ) -> Result<()> {
        if change.cascades() {
            self.settle(mode, values_function);
            return self.add_cascading(change, mode);
        }
        if change.plan.key.is_empty() {
            return self.add_keyless(change);
        }
        let table = self.table(change.plan);
        match change.op {
            Op::Insert => self.put_moved(table, change),
            Op::Delete => self.remove(table, change.plan, change.before),
            Op::Update if same_key(change) => self.put(table, change),
            Op::Update => {
                self.remove(table, change.plan, change.before)?;
                self.put_moved(table, change)
            }
        }
    }

    /// A row under a key that it did not have before. JSON diffs are over the old row.
    fn put_moved(&mut self, table: usize, change: &RowChange<'_, '_>) -> Result<()> {
        let entry = self.entry(table, change.plan, change.after)?;
        self.set_after(table, entry, change.plan, change.before, change.after)
    }

    fn table(&mut self, plan: &Arc<Plan>) -> usize {
        if let Some(at) = self.tables.iter().position(|table| Arc::ptr_eq(&table.plan, plan)) {
            return at;
        }
        // The same table under another map (its definition changed in between) must not be reordered with this one;
        // a schema change ends the batch, so it cannot happen here.
        self.tables.push(TableBatch {
            plan: plan.clone(),
            name: plan.target.as_str().into(),
            entries: Vec::new(),
            index: HashMap::new(),
        });
        self.tables.len() - 1
    }

    fn put(&mut self, table: usize, change: &RowChange<'_, '_>) -> Result<()> {
        let entry = self.entry(table, change.plan, change.before)?;
        self.touch_before(table, entry, change.plan, change.before)?;
        self.set_after(table, entry, change.plan, change.before, change.after)
    }

    fn set_after(
        &mut self,
        table: usize,
        entry: usize,
        plan: &Plan,
        before: &[Cell<'_>],
        after: &[Cell<'_>],
    ) -> Result<()> {
        let start = self.sql.len() as u32;
        let zeros = push_row(&mut self.sql, plan, before, after)?;
        let state = &mut self.tables[table].entries[entry];
        state.row_sql = Some(start..self.sql.len() as u32);
        state.zeros = zeros;
        state.after_hash = hash_cells(after);
        state.changes += 1;
        state.replace |= plan.must_replace(before, after);
        Ok(())
    }

    fn remove(&mut self, table: usize, plan: &Plan, before: &[Cell<'_>]) -> Result<()> {
        let entry = self.entry(table, plan, before)?;
        self.touch_before(table, entry, plan, before)?;
        let state = &mut self.tables[table].entries[entry];
        state.row_sql = None;
        state.changes += 1;
        Ok(())
    }

    /// At a row's first change: what it was. Its key is kept as soon as it is known as one to be found.
    fn touch_before(&mut self, table: usize, entry: usize, plan: &Plan, before: &[Cell<'_>]) -> Result<()> {
        let state = &mut self.tables[table].entries[entry];
        if before.is_empty() {
            return Ok(());
        }
        if state.changes == 0 {
            state.existed = true;
            state.before_hash = hash_cells(before);
            if self.strict {
                let start = self.sql.len() as u32;
                push_row_as_it_was(&mut self.sql, plan, before)?;
                state.same_sql = start..self.sql.len() as u32;
            }
        }
        if !state.key_sql.is_empty() {
            return Ok(());
        }
        let start = self.sql.len() as u32;
        push_key(&mut self.sql, plan, before)?;
        self.tables[table].entries[entry].key_sql = start..self.sql.len() as u32;
        Ok(())
    }

    fn entry(&mut self, table: usize, plan: &Plan, row: &[Cell<'_>]) -> Result<usize> {
        let start = self.keys.len();
        for (cell, _) in &plan.key {
            let Cell::Bytes(bytes) = row[*cell] else {
                return Err(Error::new(Code::MalformedLog, format!("{}: a key is NULL", plan.source_name())));
            };
            self.keys.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            self.keys.extend_from_slice(bytes);
        }
        let mut hash = Hash::new(0);
        hash.write(&self.keys[start..]);
        let hash = hash.finish();
        let batch = &mut self.tables[table];
        let first = batch.index.get(&hash).copied();
        let mut at = first;
        while let Some(place) = at {
            let state = &batch.entries[place as usize];
            if self.keys[state.key.start as usize..state.key.end as usize] == self.keys[start..] {
                self.keys.truncate(start);
                return Ok(place as usize);
            }
            at = state.next;
        }
        batch.index.insert(hash, batch.entries.len() as u32);
        batch.entries.push(RowState {
            key: start as u32..self.keys.len() as u32,
            place: plan.place(row),
            next: first,
            existed: false,
            key_sql: 0..0,
            row_sql: None,
            same_sql: 0..0,
            before_hash: 0,
            after_hash: 0,
            changes: 0,
            zeros: 0,
            replace: false,
        });
        Ok(batch.entries.len() - 1)
    }

    /// Rows of a table without a key are told apart by all that they hold; one of equal rows is as good as another.
    fn add_keyless(&mut self, change: &RowChange<'_, '_>) -> Result<()> {
        if change.plan.info.sequence {
            let after = RowChange { op: Op::Insert, ..*change };
            self.ordered.push_change(&after)?;
            let expected = Expected { affected: Affected::Any, warnings_max: 0 };
            self.ordered.close(expected, &change.plan.target.as_str().into());
            return Ok(());
        }
        let zeros = self.ordered.push_change(change)?;
        let expected = Expected { affected: Affected::Rows(1), warnings_max: u64::from(zeros) };
        self.ordered.close(expected, &change.plan.target.as_str().into());
        Ok(())
    }

    /// One change with the target's foreign keys at work, after everything before it.
    fn add_cascading(&mut self, change: &RowChange<'_, '_>, mode: Mode) -> Result<()> {
        let plan = change.plan;
        let name: Arc<str> = plan.target.as_str().into();
        let free = Expected { affected: Affected::Any, warnings_max: 0 };
        let exact = Affected::Rows(1);
        let is_exact = plan.mode(mode) == Mode::Exact;
        let affected = if is_exact { exact } else { Affected::Any };
        if self.strict && is_exact {
            self.ordered.sql.extend_from_slice(format!("SELECT 1 FROM {} WHERE ", plan.target).as_bytes());
            push_row_as_it_was(&mut self.ordered.sql, plan, change.before)?;
            self.ordered.sql.extend_from_slice(b" FOR UPDATE");
            self.ordered.close(Expected { affected: Affected::Found(1), warnings_max: u64::MAX }, &name);
        }
        self.ordered.sql.extend_from_slice(b"SET foreign_key_checks=1");
        self.ordered.close(free, &name);
        let zeros = self.ordered.push_change(change)?;
        self.ordered.close(Expected { affected, warnings_max: u64::from(zeros) }, &name);
        self.ordered.sql.extend_from_slice(b"SET foreign_key_checks=0");
        self.ordered.close(free, &name);
        Ok(())
    }

    /// Turns the rows so far into statements that come before all that follows.
    fn settle(&mut self, mode: Mode, values_function: bool) {
        for table in &mut self.tables {
            let mode = table.plan.mode(mode);
            table.entries.sort_by_key(|entry| entry.place);
            if self.strict && mode == Mode::Exact {
                table.find(&self.sql, &mut self.ordered);
            }
            table.delete(&self.sql, mode, &mut self.ordered);
            table.write(&self.sql, mode, values_function, &mut self.ordered);
        }
        self.tables.clear();
        self.sql.clear();
        self.keys.clear();
    }

    /// Turns everything into statements and empties the batch.
    pub(crate) fn take(&mut self, mode: Mode, values_function: bool, out: &mut Statements) {
        self.settle(mode, values_function);
        out.sql.append(&mut self.ordered.sql);
        out.expected.append(&mut self.ordered.expected);
    }
}

impl TableBatch {
    fn is_replaced(&self, state: &RowState) -> bool {
        state.existed && state.row_sql.is_some() && (self.plan.more_unique || state.replace)
    }

    /// Asks for all rows that were there, and holds them: nobody writes them between the answer and the change.
    fn find(&self, sql: &[u8], out: &mut Statements) {
        let head = format!("SELECT 1 FROM {} WHERE ", self.plan.target);
        let rows = self.entries.iter().filter(|state| !state.same_sql.is_empty());
        let frame = Frame { head: &head, between: " OR ", tail: " FOR UPDATE", rows_max: ASKED_ROWS };
        self.statements(
            rows,
            frame,
            sql,
            |state| state.same_sql.clone(),
            out,
            |rows, _, _| Affected::Found(rows),
        );
    }

    fn delete(&self, sql: &[u8], mode: Mode, out: &mut Statements) {
        let gone = |state: &&RowState| match mode {
            Mode::Overlap => state.row_sql.is_none(),
            Mode::Exact => state.existed && (state.row_sql.is_none() || self.is_replaced(state)),
        };
        let (before, between, after) = around_keys(&self.plan);
        let head = format!("DELETE FROM {} WHERE {before}", self.plan.target);
        let rows = self.entries.iter().filter(gone).filter(|state| !state.key_sql.is_empty());
        self.statements(
            rows,
            Frame { head: &head, between, tail: after, rows_max: STATEMENT_ROWS },
            sql,
            |state| state.key_sql.clone(),
            out,
            |rows, _, _| match mode {
                Mode::Overlap => Affected::Any,
                Mode::Exact => Affected::Rows(rows),
            },
        );
    }

    fn write(&self, sql: &[u8], mode: Mode, values_function: bool, out: &mut Statements) {
        let names = names(&self.plan);
        let row = |state: &RowState| state.row_sql.clone().unwrap_or(0..0);
        let present = self.entries.iter().filter(|state| state.row_sql.is_some());
        if mode == Mode::Overlap {
            let head = format!("REPLACE INTO {} ({names}) VALUES ", self.plan.target);
            return self
                .statements(present, Frame::of_values(&head, ""), sql, row, out, |_, _, _| Affected::Any);
        }
        let in_place = |state: &&RowState| state.existed && !self.is_replaced(state);
        let head = format!("INSERT INTO {} ({names}) VALUES ", self.plan.target);
        let tail = update_clause(&self.plan, values_function);
        let updated = present.clone().filter(in_place);
        self.statements(updated, Frame::of_values(&head, &tail), sql, row, out, |_, sure, unsure| {
            Affected::Updates { sure, unsure }
        });
        let inserted = present.filter(|state| !in_place(state));
        self.statements(inserted, Frame::of_values(&head, ""), sql, row, out, |rows, _, _| {
            Affected::Rows(rows)
        });
    }

    /// As few statements as their size allows, each with its frame around the rows.
    fn statements<'a>(
        &'a self,
        rows: impl Iterator<Item = &'a RowState>,
        frame: Frame<'_>,
        sql: &[u8],
        text: impl Fn(&RowState) -> Range<u32>,
        out: &mut Statements,
        affected: impl Fn(u64, u64, u64) -> Affected,
    ) {
        let (mut count, mut unsure, mut zeros, mut start) = (0, 0, 0, 0);
        let mut rows = rows.peekable();
        while let Some(state) = rows.next() {
            if count == 0 {
                start = out.sql.len();
                out.sql.extend_from_slice(frame.head.as_bytes());
            } else {
                out.sql.extend_from_slice(frame.between.as_bytes());
            }
            let range = text(state);
            out.sql.extend_from_slice(&sql[range.start as usize..range.end as usize]);
            count += 1;
            unsure += u64::from(state.changes > 1 && state.before_hash == state.after_hash);
            zeros += u64::from(state.zeros);
            if rows.peek().is_none() || count == frame.rows_max || out.sql.len() - start >= STATEMENT_BYTES {
                out.sql.extend_from_slice(frame.tail.as_bytes());
                let affected = affected(count, count - unsure, unsure);
                // An update in place converts a value twice. A question changes no value, whatever it warns of.
                let warnings_max = if matches!(affected, Affected::Found(_)) { u64::MAX } else { 2 * zeros };
                out.close(Expected { affected, warnings_max }, &self.name);
                (count, unsure, zeros) = (0, 0, 0);
            }
        }
    }
}

fn same_key(change: &RowChange<'_, '_>) -> bool {
    change.plan.key.iter().all(|(cell, _)| change.before[*cell] == change.after[*cell])
}

fn hash_cells(cells: &[Cell<'_>]) -> u64 {
    let mut hash = Hash::new(0);
    for cell in cells {
        match cell {
            Cell::Absent | Cell::Null => hash.write(b"\xffNULL"),
            Cell::Bytes(bytes) | Cell::Partial(bytes) => hash.write(bytes),
        }
    }
    hash.finish()
}
