//! Views, triggers, routines and events: everything with a definer.

use super::lex::TokenKind;
use super::scan::Scanner;
use super::{Kind, Role, ScanError};

impl Scanner<'_> {
    /// `DEFINER [=] user[@host]`, `DEFINER = CURRENT_USER[()]`. Whatever comes instead is left to the
    /// server.
    pub(super) fn definer(&mut self) {
        let start = self.cursor.here();
        self.cursor.next();
        self.cursor.take_mark(b'=');
        if self.cursor.take_any(&["CURRENT_USER", "CURRENT_ROLE"]) {
            if self.cursor.is_mark(0, b'(') {
                self.cursor.take_parentheses();
            }
        } else {
            self.cursor.next();
            if self.cursor.take_mark(b'@') {
                self.cursor.next();
            }
        }
        self.found.definer_span = Some(start..self.cursor.taken_end());
    }

    /// `[IF [NOT] EXISTS] name [(columns)] AS query`
    pub(super) fn view(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        self.if_exists();
        self.table(Role::Target)?;
        self.found.object = self.found.tables.last().cloned();
        if self.cursor.is_mark(0, b'(') {
            self.cursor.take_parentheses();
        }
        if !self.cursor.take(&["AS"]) {
            return Err(self.cursor.expected("AS"));
        }
        self.found.body_start = Some(self.cursor.here());
        Ok(kind)
    }

    /// `[IF NOT EXISTS] name time event ON table FOR EACH ROW [FOLLOWS|PRECEDES other] body`
    pub(super) fn create_trigger(&mut self) -> Result<Kind, ScanError> {
        let kind = self.named(Kind::CreateTrigger)?;
        if !self.cursor.take_until("ON") {
            return Err(self.cursor.expected("ON"));
        }
        self.table(Role::Target)?;
        if !self.cursor.take(&["FOR", "EACH", "ROW"]) {
            return Err(self.cursor.expected("FOR EACH ROW"));
        }
        if self.cursor.take_any(&["FOLLOWS", "PRECEDES"]) {
            self.cursor.identifier(false)?;
        }
        self.found.body_start = Some(self.cursor.here());
        Ok(kind)
    }

    /// `name …`; a function without parameter list is a loadable one, which belongs to no database.
    pub(super) fn routine(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        self.cursor.take(&["BODY"]);
        let kind = self.named(kind)?;
        if kind == Kind::CreateRoutine
            && self.cursor.is_word(0, "RETURNS")
            && self.cursor.is_word(2, "SONAME")
        {
            self.found.object = None;
            return Ok(Kind::Other);
        }
        Ok(kind)
    }

    /// `name [ON SCHEDULE …] [ON COMPLETION …] [RENAME TO name] [status] [COMMENT …] [DO body]`
    pub(super) fn event(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        let kind = self.named(kind)?;
        while let Some(token) = self.cursor.peek(0) {
            if token.kind == TokenKind::Mark(b'(') {
                self.cursor.take_parentheses();
            } else if self.cursor.after_qualifier() {
                self.cursor.next();
            } else if self.cursor.take(&["DO"]) {
                self.found.body_start = Some(self.cursor.here());
                break;
            } else if self.cursor.take(&["RENAME", "TO"]) {
                self.found.renamed_object = Some(self.cursor.name(Role::RenameTo)?);
            } else if self.cursor.take_any(&["ENABLE", "DISABLE"]) {
                if !self.cursor.take(&["ON", "SLAVE"]) {
                    self.cursor.take(&["ON", "REPLICA"]);
                }
                self.found.event_status_span = Some(token.start..self.cursor.taken_end());
            } else {
                self.cursor.next();
            }
        }
        Ok(kind)
    }
}
