//! `CREATE TABLE` and `ALTER TABLE`: names hidden among definitions.

use super::lex::TokenKind;
use super::scan::Scanner;
use super::{Kind, Role, ScanError};

impl Scanner<'_> {
    /// `[IF NOT EXISTS] name {LIKE other | (LIKE other) | definition [query]}`
    pub(super) fn create_table(&mut self, temporary: bool) -> Result<Kind, ScanError> {
        self.if_exists();
        self.table(Role::Target)?;
        let parenthesis = self.cursor.is_mark(0, b'(') && self.cursor.is_word(1, "LIKE");
        if parenthesis || self.cursor.is_word(0, "LIKE") {
            self.cursor.take_mark(b'(');
            self.cursor.take(&["LIKE"]);
            self.table(Role::Like)?;
            return Ok(Kind::CreateTable { temporary, like: true, as_select: false });
        }
        let as_select = self.definition()?;
        Ok(Kind::CreateTable { temporary, like: false, as_select })
    }

    /// Goes through columns, keys, options and partitions; true (and stops) if a query begins.
    fn definition(&mut self) -> Result<bool, ScanError> {
        let mut depth = 0_usize;
        let mut opened = false;
        while let Some(token) = self.cursor.peek(0) {
            let top = depth == 0;
            let begins = std::mem::replace(&mut opened, token.kind == TokenKind::Mark(b'('));
            let keyword = token.kind == TokenKind::Word && !self.cursor.after_qualifier();
            if token.kind == TokenKind::Mark(b'(') {
                depth += 1;
            } else if token.kind == TokenKind::Mark(b')') {
                depth = depth.saturating_sub(1);
            }
            if !keyword {
                self.cursor.next();
            } else if self.begins_query(top, begins) {
                return Ok(true);
            } else if top && self.cursor.take(&["START", "TRANSACTION"]) {
                self.found.start_transaction_span = Some(token.start..self.cursor.taken_end());
            } else {
                self.word_of_definition(top)?;
            }
        }
        Ok(false)
    }

    /// True if the query of the statement comes next. Definitions hold no subqueries, and generated columns
    /// with their `AS` and partitions with their `VALUES` are inside parentheses.
    fn begins_query(&mut self, top: bool, after_parenthesis: bool) -> bool {
        ["SELECT", "TABLE"].iter().any(|word| self.cursor.is_word(0, word))
            || (top && self.cursor.is_word(0, "AS"))
            || ((top || after_parenthesis) && self.cursor.is_word(0, "VALUES"))
    }

    /// Takes one word, and the names after it if it is one that names tables. `REFERENCES` is reserved, so
    /// unquoted it is never a column.
    fn word_of_definition(&mut self, top: bool) -> Result<(), ScanError> {
        if self.cursor.take(&["REFERENCES"]) {
            return self.table(Role::Reference);
        }
        let union = top && self.cursor.is_word(0, "UNION");
        self.cursor.next();
        if union {
            self.cursor.take_mark(b'=');
            self.union()?;
        }
        Ok(())
    }

    /// `(a, b)` of a `MERGE` table; may be empty.
    fn union(&mut self) -> Result<(), ScanError> {
        if !self.cursor.take_mark(b'(') || self.cursor.take_mark(b')') {
            return Ok(());
        }
        loop {
            self.table(Role::Union)?;
            if !self.cursor.take_mark(b',') {
                self.cursor.take_mark(b')');
                return Ok(());
            }
        }
    }

    /// `[IF EXISTS] name [WAIT n] specification, …`
    pub(super) fn alter_table(&mut self) -> Result<Kind, ScanError> {
        self.if_exists();
        self.table(Role::Target)?;
        self.wait();
        let mut depth = 0_usize;
        let mut first = true;
        while let Some(token) = self.cursor.peek(0) {
            if first {
                first = false;
                if self.specification()? {
                    continue;
                }
            }
            match token.kind {
                TokenKind::Word if !self.cursor.after_qualifier() => {
                    self.word_of_definition(depth == 0)?;
                    continue;
                }
                TokenKind::Mark(b'(') => depth += 1,
                TokenKind::Mark(b')') => depth = depth.saturating_sub(1),
                TokenKind::Mark(b',') => first = depth == 0,
                _ => {}
            }
            self.cursor.next();
        }
        Ok(Kind::AlterTable)
    }

    /// Takes the beginning of a specification if it is one that names a table or moves rows.
    fn specification(&mut self) -> Result<bool, ScanError> {
        let cursor = &mut self.cursor;
        if cursor.is_word(0, "RENAME") {
            return self.rename_specification();
        }
        if cursor.take(&["EXCHANGE", "PARTITION"]) {
            cursor.identifier(false)?;
            if !cursor.take(&["WITH", "TABLE"]) {
                return Err(cursor.expected("WITH TABLE"));
            }
            self.found.moves_rows = true;
            self.table(Role::Exchange)?;
        } else if cursor.take(&["CONVERT", "PARTITION"]) {
            cursor.identifier(false)?;
            if !cursor.take(&["TO", "TABLE"]) {
                return Err(cursor.expected("TO TABLE"));
            }
            self.table(Role::ConvertTo)?;
        } else if cursor.take(&["CONVERT", "TABLE"]) {
            self.table(Role::ConvertFrom)?;
        } else if ["TABLESPACE", "PARTITION"].iter().any(|what| cursor.is_word(1, what))
            && cursor.take_any(&["IMPORT", "DISCARD"])
        {
            self.found.moves_rows = true;
        } else if cursor.take(&["TRUNCATE", "PARTITION"]) {
            self.found.truncates_partition = true;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// `RENAME [TO | AS | =] name`, but not of a column or index.
    fn rename_specification(&mut self) -> Result<bool, ScanError> {
        if ["COLUMN", "INDEX", "KEY"].iter().any(|what| self.cursor.is_word(1, what)) {
            return Ok(false);
        }
        self.cursor.next();
        if !self.cursor.take_any(&["TO", "AS"]) {
            self.cursor.take_mark(b'=');
        }
        self.table(Role::RenameTo)?;
        Ok(true)
    }
}
