//! One row change, looked at before it is made.

use super::notes::Conflict;
use crate::batch::Statements;
use crate::binlog::rows::{Cell, Op};
use crate::connect::understand;
use crate::decode::RowChange;
use crate::row_sql::{names, push_row, push_row_as_it_was, push_same_row};
use crate::session::{Outcome, run, run_all, warnings};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use tidegate_model::{Code, Decision, Error, Result};

/// A value longer than this is cut in what a person sees.
const SHOWN_BYTES: usize = 200;

/// The statements about one change, each of which can be run by itself.
pub(super) struct CarefulRow {
    object: String,
    op: Op,
    columns: Vec<String>,
    /// Finds the row that must be there; for an insert, the one that must not.
    find: Vec<u8>,
    /// Whether what `find` found is as the log says it was; empty for an insert.
    same: Vec<u8>,
    /// Both answer one row, whose values are the log's.
    show_before: Option<Vec<u8>>,
    show_after: Option<Vec<u8>>,
    write: Vec<u8>,
    /// Makes the log's version be there, whatever was.
    overwrite: Vec<Vec<u8>>,
    /// Makes the version from before the change be there.
    restore: Vec<Vec<u8>>,
    /// Cells of the change that cost a warning.
    zeros: u64,
    kind: RowKind,
}

/// How strictly the row must be what the log says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowKind {
    Exact,
    /// The target may have other rows than the source: the log's version is written over what is there.
    Lenient,
    /// A row that nothing tells apart, or a sequence's: it is written as it comes.
    Any,
    /// Foreign keys of the target act on child rows.
    Cascades,
}

impl CarefulRow {
    /// `strict`: every column of a row must be what the log says it was, not its key alone.
    pub(super) fn of(change: &RowChange<'_, '_>, strict: bool) -> Result<Self> {
        let plan = change.plan.as_ref();
        let found = if change.op == Op::Insert { change.after } else { change.before };
        let list = names(plan);
        let mut statements = Statements::default();
        let change = &match plan.info.sequence {
            true => RowChange { op: Op::Insert, ..*change },
            false => *change,
        };
        let zeros = u64::from(statements.push_change(change)?);
        let keyless = plan.key.is_empty();
        let mut find = format!("SELECT {list} FROM {} WHERE ", plan.target).into_bytes();
        let mut same = format!("SELECT 1 FROM {} WHERE ", plan.target).into_bytes();
        push_same_row(&mut find, plan, found)?;
        find.extend_from_slice(b" LIMIT 1 FOR UPDATE");
        if change.op != Op::Insert {
            push_row_as_it_was(&mut same, plan, change.before)?;
        }
        let mut overwrite = Vec::new();
        for row in [change.before, change.after] {
            // Without a key, one of equal rows is as good as another: there is nothing to make room for.
            if !row.is_empty() && !keyless {
                let mut delete = format!("DELETE FROM {} WHERE ", plan.target).into_bytes();
                push_same_row(&mut delete, plan, row)?;
                overwrite.push(delete);
            }
        }
        let replace = |before: &[Cell<'_>], row: &[Cell<'_>]| -> Result<Vec<u8>> {
            let mut replace = format!("REPLACE INTO {} ({list}) VALUES ", plan.target).into_bytes();
            push_row(&mut replace, plan, before, row)?;
            Ok(replace)
        };
        if change.op != Op::Delete {
            overwrite.push(replace(change.before, change.after)?);
        }
        let restore = match change.cascades() {
            true => vec![replace(&[], change.before)?],
            false => Vec::new(),
        };
        let show = |before: &[Cell<'_>], row: &[Cell<'_>]| -> Result<Option<Vec<u8>>> {
            if row.is_empty() {
                return Ok(None);
            }
            let mut values = Vec::new();
            push_row(&mut values, plan, before, row)?;
            // Without the brackets it is a list of answers.
            Ok(Some([b"SELECT ".as_slice(), &values[1..values.len() - 1]].concat()))
        };
        let is_insert = change.op == Op::Insert;
        Ok(Self {
            object: plan.target.clone(),
            op: change.op,
            columns: plan.written.iter().map(|(_, name)| name.clone()).collect(),
            find,
            same: if is_insert || keyless || !strict { Vec::new() } else { same },
            show_before: if is_insert { None } else { show(&[], change.before)? },
            show_after: show(change.before, change.after)?,
            write: statements.sql,
            overwrite,
            restore,
            zeros,
            kind: match () {
                () if plan.lenient => RowKind::Lenient,
                () if is_insert && keyless => RowKind::Any,
                () if change.cascades() => RowKind::Cascades,
                () => RowKind::Exact,
            },
        })
    }

    /// What is in the way of the change; `None` if it may be made. Holds the row.
    pub(super) async fn look(&self, conn: &mut Conn) -> Result<Option<Conflict>> {
        if self.kind == RowKind::Lenient {
            return Ok(None);
        }
        let found: Option<Row> = match self.kind {
            RowKind::Any => None,
            _ => conn.query_first(self.find.as_slice()).await.map_err(understand)?,
        };
        let fits = match (&found, self.op) {
            (None, Op::Insert) => true,
            (Some(_), Op::Insert) | (None, _) => false,
            (Some(_), _) if self.same.is_empty() => true,
            (Some(_), _) => {
                let same: Option<u8> = conn.query_first(self.same.as_slice()).await.map_err(understand)?;
                same.is_some()
            }
        };
        // Another row may have one of the unique values that this one is to get.
        let taken = if fits && self.op != Op::Delete { self.is_taken(conn).await? } else { None };
        if fits && taken.is_none() {
            return Ok(None);
        }
        let found = found.map_or_else(|| "not there".to_owned(), |row| self.shown(&row));
        let found =
            taken.map_or(found.clone(), |why| format!("{found}, and another row is in the way: {why}"));
        let expected = self.asked(conn, self.show_before.as_ref()).await?;
        let wanted = self.asked(conn, self.show_after.as_ref()).await?;
        Ok(Some(Conflict { object: self.object.clone(), expected, found, wanted }))
    }

    /// What the server has against the change for the sake of another row. Trying tells.
    async fn is_taken(&self, conn: &mut Conn) -> Result<Option<String>> {
        conn.query_drop("SAVEPOINT tidegate_try").await.map_err(understand)?;
        let tried = conn.query_drop(self.write.as_slice()).await.map_err(understand);
        conn.query_drop("ROLLBACK TO tidegate_try").await.map_err(understand)?;
        match tried {
            Ok(()) => Ok(None),
            Err(error) if error.code() == Code::Conflict => Ok(Some(error.message().to_owned())),
            Err(error) => Err(error),
        }
    }

    async fn asked(&self, conn: &mut Conn, question: Option<&Vec<u8>>) -> Result<String> {
        let Some(question) = question else { return Ok("not there".to_owned()) };
        let row: Option<Row> = conn.query_first(question.as_slice()).await.map_err(understand)?;
        Ok(row.map_or_else(String::new, |row| self.shown(&row)))
    }

    /// `id=1, v='a'`.
    fn shown(&self, row: &Row) -> String {
        let cells = self.columns.iter().enumerate().map(|(at, name)| {
            let value = match row.as_ref(at) {
                None | Some(Value::NULL) => "NULL".to_owned(),
                Some(Value::Bytes(bytes)) if row.columns_ref()[at].column_type().is_numeric_type() => {
                    String::from_utf8_lossy(bytes).into_owned()
                }
                Some(Value::Bytes(bytes)) => shown_bytes(bytes),
                Some(other) => other.as_sql(true),
            };
            format!("{}={value}", name.trim_matches('`'))
        });
        format!("({})", cells.collect::<Vec<_>>().join(", "))
    }

    pub(super) async fn write(&self, conn: &mut Conn) -> Result<()> {
        if self.kind == RowKind::Lenient {
            return self.run_each(conn, &self.overwrite).await;
        }
        let acts = self.kind == RowKind::Cascades;
        if acts {
            run(conn, "SET foreign_key_checks=1").await?;
        }
        let written = run_all(conn, &self.write, 1).await.map_err(|error| error.context(&self.object));
        if acts {
            run(conn, "SET foreign_key_checks=0").await?;
        }
        let outcome = written?[0];
        self.refuse_changed(conn, outcome).await?;
        // An update may leave everything as it was.
        if outcome.affected_rows == 1 || self.op == Op::Update || self.kind == RowKind::Any {
            return Ok(());
        }
        let what = format!("{}: {} rows were changed in place of one", self.object, outcome.affected_rows);
        Err(Error::new(Code::Conflict, what))
    }

    /// The row is made what it was at the source; then the change is made, and foreign keys do to its children what they
    /// did there.
    async fn settle_with_children(&self, conn: &mut Conn) -> Result<()> {
        self.run_each(conn, &self.restore).await?;
        self.write(conn).await
    }

    async fn refuse_changed(&self, conn: &mut Conn, outcome: Outcome) -> Result<()> {
        if outcome.warnings <= 2 * self.zeros {
            return Ok(());
        }
        let what = format!("{}: the target would change a value: {}", self.object, warnings(conn).await?);
        Err(Error::new(Code::WriteRefused, what))
    }

    pub(super) async fn settle(&self, conn: &mut Conn, decision: Decision) -> Result<()> {
        if decision == Decision::Target {
            return Ok(());
        }
        if self.kind == RowKind::Cascades {
            return self.settle_with_children(conn).await;
        }
        self.run_each(conn, &self.overwrite).await
    }

    async fn run_each(&self, conn: &mut Conn, statements: &[Vec<u8>]) -> Result<()> {
        for statement in statements {
            let outcome = run_all(conn, statement, 1).await.map_err(|error| error.context(&self.object))?[0];
            self.refuse_changed(conn, outcome).await?;
        }
        Ok(())
    }
}

fn shown_bytes(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let more = if bytes.len() > SHOWN_BYTES { "…" } else { "" };
    match std::str::from_utf8(cut) {
        Ok(text) if !text.chars().any(char::is_control) => format!("'{text}'{more}"),
        _ => format!("0x{}{more}", cut.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}
