//! What the log has of one statement: the tables that it opened, and those of which it changed rows.
//!
//! MySQL from 9.6 on carries out foreign keys itself. It logs the children first and the parent after them, all as one
//! statement. Where a child's row cannot be had, because of a deadlock or a wait that took too long, it says nothing: the
//! statement ends there, without the parent. After a wait the logged children did change; after a deadlock the
//! storage engine took everything back, and the log has what never was. Nothing in the log tells one from the other.

use crate::binlog::rows::{Op, RowsEvent};
use crate::plan::Plan;
use std::sync::Arc;
use tidegate_model::{Code, Error, Result, TableName};

/// Flags of row events.
const ENDS_STATEMENT: u16 = 1;
const WITHOUT_FOREIGN_KEYS: u16 = 1 << 1;
const KEYS_BY_SERVER: u16 = 1 << 4;
/// So is a change marked that a foreign key has made; and each of a session that has turned foreign keys off.
const BY_FOREIGN_KEY: u16 = WITHOUT_FOREIGN_KEYS | KEYS_BY_SERVER;

/// The statement that is being read.
#[derive(Default)]
pub(crate) struct Statement {
    /// With whether the log has rows of it.
    tables: Vec<(Arc<Plan>, bool)>,
    /// Whether foreign keys are at work: it has rows that are not marked.
    keys_act: bool,
}

impl Statement {
    pub(crate) fn clear(&mut self) {
        self.tables.clear();
        self.keys_act = false;
    }

    /// A table map stands before the rows of all tables that the statement may change.
    pub(crate) fn open(&mut self, plan: &Arc<Plan>) {
        self.tables.push((plan.clone(), false));
    }

    /// Refuses the last rows of a statement that was cut off amid what foreign keys do.
    pub(crate) fn rows(&mut self, event: &RowsEvent<'_>, plan: &Plan) -> Result<()> {
        let is_marked = event.flags & BY_FOREIGN_KEY == BY_FOREIGN_KEY;
        self.keys_act |= !is_marked;
        for (opened, has_rows) in &mut self.tables {
            *has_rows |= opened.info.name == plan.info.name;
        }
        if event.flags & ENDS_STATEMENT == 0 {
            return Ok(());
        }
        let cut_off = if is_marked && event.op != Op::Insert { self.cut_off(plan) } else { None };
        let outcome = cut_off.map_or(Ok(()), |parent| {
            let child = &plan.info.name;
            Err(Error::new(
                Code::CascadeCutOff,
                format!("{child} was changed for {parent}, and the change of {parent} is missing"),
            ))
        });
        self.clear();
        outcome
    }

    /// The parent whose change should have come after the rows of `last`.
    fn cut_off(&self, last: &Plan) -> Option<TableName> {
        let above = self.above(last);
        // Its own rows are children and parents, and all are marked if the first is.
        let own = above.contains(&last.info.name);
        let lacks_rows =
            |name: &TableName| self.tables.iter().all(|(plan, has)| plan.info.name != *name || !has);
        above.into_iter().find(|parent| lacks_rows(parent) || (self.keys_act && !own))
    }

    /// The opened tables whose changes reach the rows of `table`.
    fn above(&self, table: &Plan) -> Vec<TableName> {
        let mut above: Vec<TableName> = Vec::new();
        let mut children = vec![table.info.clone()];
        while let Some(child) = children.pop() {
            for key in child.parents.iter().filter(|key| key.cascades) {
                let parent = self.tables.iter().find(|(plan, _)| plan.info.name == key.parent);
                if let Some((plan, _)) = parent
                    && !above.contains(&key.parent)
                {
                    above.push(key.parent.clone());
                    children.push(plan.info.clone());
                }
            }
        }
        above
    }
}
