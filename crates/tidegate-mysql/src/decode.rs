//! Walking through a transaction's entries: table maps become plans, row events become rows.

use crate::binlog::event::code;
use crate::binlog::rows::{Cell, Op, RowReader, RowsEvent};
use crate::binlog::table_map::{TableMap, peek};
use crate::binlog::{Malformed, Origin};
use crate::plan::Plan;
use crate::statement::Statement;
use crate::target::{Knowledge, Known, counterpart};
use std::collections::HashMap;
use std::sync::Arc;
use tidegate_model::{Code, Error, Result};

/// Set in an entry's kind when a MariaDB server wrote the event.
pub(crate) const MARIADB: u8 = 0x80;
/// Set when the source does not log what its foreign keys do to child rows.
pub(crate) const SILENT_CASCADES: u8 = 0x40;
const HEAD: usize = 5;

/// Appends an entry.
pub(crate) fn push_entry(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
}

/// One entry of a transaction.
pub(crate) struct Entry<'a> {
    pub(crate) kind: u8,
    pub(crate) origin: Origin,
    pub(crate) silent_cascades: bool,
    pub(crate) body: &'a [u8],
}

/// The entries of a transaction, or of a piece of one.
pub(crate) fn entries(mut data: &[u8]) -> impl Iterator<Item = Result<Entry<'_>>> {
    std::iter::from_fn(move || {
        if data.is_empty() {
            return None;
        }
        let entry = take_entry(&mut data);
        if entry.is_none() {
            data = &[];
        }
        Some(entry.ok_or_else(|| Error::new(Code::ChangeLogDamaged, "a transaction's entries are not whole")))
    })
}

fn take_entry<'a>(data: &mut &'a [u8]) -> Option<Entry<'a>> {
    let head = data.first_chunk::<HEAD>()?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let body = data.get(HEAD..HEAD + length)?;
    *data = &data[HEAD + length..];
    let origin = if head[0] & MARIADB != 0 { Origin::MariaDb } else { Origin::MySql };
    let kind = head[0] & !(MARIADB | SILENT_CASCADES);
    Some(Entry { kind, origin, silent_cascades: head[0] & SILENT_CASCADES != 0, body })
}

/// Plans of the table maps seen, and buffers for rows.
pub(crate) struct Decoder {
    knowledge: Arc<Knowledge>,
    known: Arc<Known>,
    /// By table id, with the map's bytes: the same map comes with every transaction.
    plans: HashMap<u64, (Vec<u8>, Option<Arc<Plan>>)>,
    statement: Statement,
}

/// A row of a table that takes part.
#[derive(Clone, Copy)]
pub(crate) struct RowChange<'a, 'e> {
    pub(crate) plan: &'a Arc<Plan>,
    pub(crate) op: Op,
    /// The old row. An insert has one where a row begins to take part: its JSON may be changes of that.
    pub(crate) before: &'a [Cell<'e>],
    pub(crate) after: &'a [Cell<'e>],
    pub(crate) silent_cascades: bool,
}

impl RowChange<'_, '_> {
    /// Whether foreign keys change child rows because of it, and the log does not say so.
    pub(crate) fn cascades(&self) -> bool {
        self.silent_cascades && self.op != Op::Insert && self.plan.cascades(self.before, self.after)
    }

    /// What is left of it under the table's rule.
    fn narrowed(self) -> Result<Option<Self>> {
        let Some(narrowing) = &self.plan.narrowing else { return Ok(Some(self)) };
        let op = narrowing.narrow(&self.plan.map, self.op, self.before, self.after)?;
        Ok(op.map(|op| match op {
            Op::Delete => Self { op, after: &[], ..self },
            Op::Insert | Op::Update => Self { op, ..self },
        }))
    }
}

impl Decoder {
    pub(crate) fn new(knowledge: Arc<Knowledge>) -> Self {
        let known = knowledge.current();
        Self { knowledge, known, plans: HashMap::new(), statement: Statement::default() }
    }

    /// Before the first entry of a transaction: takes notice of definitions that were renewed.
    pub(crate) fn refresh(&mut self) {
        self.statement.clear();
        let known = self.knowledge.current();
        if known.generation != self.known.generation {
            self.known = known;
            self.plans.clear();
        }
    }

    pub(crate) fn table_map(&mut self, entry: &Entry<'_>) -> Result<()> {
        let (id, _, _) = peek(entry.body)?;
        if let Some((_, plan)) = self.plans.get(&id).filter(|(body, _)| body == entry.body) {
            plan.iter().for_each(|plan| self.statement.open(plan));
            return Ok(());
        }
        let map = TableMap::parse(entry.body, entry.origin)?;
        let rule = self.knowledge.selection.rule(&map.schema, &map.table);
        let plan = match counterpart(&self.knowledge, &self.known, &map.schema, &map.table)? {
            Some(info) => Some(Arc::new(Plan::make(map, info, &self.known, rule)?)),
            None => None,
        };
        plan.iter().for_each(|plan| self.statement.open(plan));
        self.plans.insert(id, (entry.body.to_vec(), plan));
        Ok(())
    }

    /// Calls `each` for every row of a row event.
    pub(crate) fn rows<'e>(
        &mut self,
        entry: &Entry<'e>,
        mut each: impl FnMut(RowChange<'_, 'e>) -> Result<()>,
    ) -> Result<()> {
        let event = RowsEvent::parse(entry.kind, entry.body)?;
        let plan = match self.plans.get(&event.table_id) {
            Some((_, Some(plan))) => plan,
            Some((_, None)) => return Ok(()),
            None => return Err(Malformed::new("rows of a table without a table map").into()),
        };
        self.statement.rows(&event, plan)?;
        let mut reader = RowReader::new(&event, &plan.map)?;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        while reader.next(&mut before, &mut after)? {
            if before.contains(&Cell::Absent) || after.contains(&Cell::Absent) {
                let what = format!("{}: a row was logged in part", plan.source_name());
                return Err(Error::new(Code::RowImage, what));
            }
            let silent_cascades = entry.silent_cascades;
            let change = RowChange { plan, op: event.op, before: &before, after: &after, silent_cascades };
            if let Some(change) = change.narrowed()? {
                each(change)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn is_rows(kind: u8) -> bool {
    matches!(
        kind,
        code::WRITE_ROWS_V1..=code::DELETE_ROWS_V1 | code::WRITE_ROWS..=code::DELETE_ROWS | code::PARTIAL_UPDATE_ROWS
    )
}
