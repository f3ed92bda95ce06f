//! One document that is written carefully: looked at, then changed by itself.

use super::notes::Conflict;
use super::text::shown;
use crate::diff::{Applied, apply};
use crate::entry::{Entry, Op};
use crate::knowledge::KnownCollection;
use crate::raw::Builder;
use crate::send::{find_command, push_replacement};
use crate::session::WriteSession;
use crate::state::integer;
use bson::{Bson, Document, doc};
use tidegate_model::{Code, Decision, Error, Result};

const NOT_THERE: &str = "not there";

/// What the server has against a document for the sake of another: its words, and the values that both have.
#[derive(Clone, Debug)]
pub(super) struct InTheWay {
    pub(super) words: String,
    values: Option<Document>,
}

/// How writing one document ended.
pub(super) enum Written {
    Done,
    /// The transaction is gone.
    InTheWay(InTheWay),
}

pub(super) struct CarefulDocument<'a> {
    pub(super) target: &'a KnownCollection,
    pub(super) entry: &'a Entry<'a>,
    pub(super) strict: bool,
}

/// A document as it is in the target, and what is in the way of its change.
pub(super) struct Look {
    current: Option<Vec<u8>>,
    pub(super) conflict: Option<Conflict>,
}

impl CarefulDocument<'_> {
    pub(super) async fn look(&self, session: &mut WriteSession, taken: Option<&InTheWay>) -> Result<Look> {
        let question = find_command(self.target, std::iter::once(self.entry.id()?), 1);
        let found = session.find(&self.target.name.database, question).await?;
        let current = found.documents()?.first().map(|document| document.to_vec());
        let fits = match (self.entry.op, &current) {
            (Op::Insert, current) => current.is_none(),
            (_, None) => false,
            (op, Some(current)) => self.is_expected(op, current)?,
        };
        if fits && taken.is_none() {
            return Ok(Look { current, conflict: None });
        }
        let mut is = current.as_deref().map_or_else(|| NOT_THERE.to_owned(), shown);
        if let Some(taken) = taken {
            is = format!("{is}, and another document is in the way: {}", taken.words);
        }
        let expected = match (self.entry.op, self.entry.before) {
            (Op::Insert, _) => NOT_THERE.to_owned(),
            (_, Some(before)) => shown(before),
            (_, None) => shown(self.entry.key),
        };
        let wanted = match self.wanted(current.as_deref())? {
            Some(wanted) => shown(&wanted),
            None if self.entry.op == Op::Delete => NOT_THERE.to_owned(),
            None => shown(self.entry.body),
        };
        let conflict = Conflict { object: self.target.name.to_string(), expected, found: is, wanted };
        Ok(Look { current, conflict: Some(conflict) })
    }

    fn is_expected(&self, op: Op, current: &[u8]) -> Result<bool> {
        if let Some(before) = self.entry.before.filter(|_| self.strict)
            && before != current
        {
            return Ok(false);
        }
        if op != Op::Update {
            return Ok(true);
        }
        Ok(matches!(apply(current, self.entry.body, false, &mut Vec::new())?, Applied::Fits))
    }

    /// What the source has after the change; `None` if it has nothing, or nobody can say.
    fn wanted(&self, current: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        let base = match self.entry.op {
            Op::Insert | Op::Replace => return Ok(Some(self.entry.body.to_vec())),
            Op::Delete | Op::Schema => return Ok(None),
            Op::Update => self.entry.before.or(current),
        };
        let Some(base) = base else { return Ok(None) };
        let mut wanted = Vec::new();
        apply(base, self.entry.body, true, &mut wanted)?;
        Ok(Some(wanted))
    }

    /// Makes the change, which fits.
    pub(super) async fn write(&self, session: &mut WriteSession, look: &Look) -> Result<Written> {
        match (self.entry.op, &look.current) {
            (Op::Delete, _) => self.delete(session).await,
            (Op::Update, Some(current)) => {
                let mut document = Vec::new();
                apply(current, self.entry.body, false, &mut document)?;
                self.put(session, &document, false).await
            }
            (op, _) => self.put(session, self.entry.body, op == Op::Insert).await,
        }
    }

    /// Writes what the source has over what is there, or leaves that.
    pub(super) async fn settle(
        &self,
        session: &mut WriteSession,
        look: &Look,
        taken: Option<&InTheWay>,
        decision: Decision,
    ) -> Result<Written> {
        if decision == Decision::Target {
            return Ok(Written::Done);
        }
        if let Some(values) = taken.and_then(|taken| taken.values.clone()) {
            let (of_kind, value) = self.entry.id()?;
            let mut others = Builder::new();
            others.begin_document("_id").value("$ne", of_kind, value).end();
            let others = bson::RawDocumentBuf::from_bytes(others.finish()).ok();
            let others = others.and_then(|others| Document::try_from(others).ok()).unwrap_or_default();
            let command = doc! { "delete": &self.target.name.table, "deletes": [{ "q": { "$and": [values, others] }, "limit": 0 }] };
            session.run(&self.target.name.database, crate::state::bytes_of(&command)?).await?;
        }
        match self.wanted(look.current.as_deref())? {
            Some(wanted) => self.put(session, &wanted, true).await,
            None if self.entry.op == Op::Delete && look.current.is_some() => self.delete(session).await,
            // It is not there, and what it was nobody knows: a later change brings it whole, or it stays away.
            None => Ok(Written::Done),
        }
    }

    async fn put(&self, session: &mut WriteSession, document: &[u8], may_be_new: bool) -> Result<Written> {
        let mut builder = Builder::new();
        builder.text("update", &self.target.name.table);
        if self.target.validated {
            builder.flag("bypassDocumentValidation", true);
        }
        builder.begin_array("updates");
        push_replacement(&mut builder, self.target, self.entry.id()?, document, may_be_new)?;
        self.send(session, builder).await
    }

    async fn delete(&self, session: &mut WriteSession) -> Result<Written> {
        let id = self.entry.id()?;
        let mut builder = Builder::new();
        builder.text("delete", &self.target.name.table).begin_array("deletes").push_document();
        builder.begin_document("q").value("_id", id.0, id.1).end().int32("limit", 1).end();
        self.send(session, builder).await
    }

    async fn send(&self, session: &mut WriteSession, builder: Builder) -> Result<Written> {
        let name = &self.target.name;
        let answer = session
            .run_loosely(&name.database, builder.finish())
            .await
            .map_err(|error| error.context(name))?;
        let failed = answer
            .get_array("writeErrors")
            .ok()
            .and_then(|errors| errors.first())
            .and_then(Bson::as_document);
        if let Some(failed) = failed.filter(|failed| integer(failed, "code") == 11000) {
            let words = crate::state::text(failed, "errmsg").chars().take(300).collect();
            let values = failed.get_document("keyValue").ok().cloned();
            return Ok(Written::InTheWay(InTheWay { words, values }));
        }
        crate::connect::refuse_write_errors(answer.clone()).map_err(|error| error.context(name))?;
        if integer(&answer, "n") == 1 {
            return Ok(Written::Done);
        }
        let what = format!("{name}: {} documents were changed in place of one", integer(&answer, "n"));
        Err(Error::new(Code::Conflict, what))
    }
}
