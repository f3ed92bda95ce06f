//! From leading keywords to the kind of a statement, and for the simple kinds to its names.

use super::cursor::Cursor;
use super::lex::TokenKind;
use super::{DatabaseName, Kind, Name, Options, Role, ScanError, Scanned, Transaction, XaVerb};

/// Finds what a statement is and what it names. Never looks further into the text than it has to: the rest
/// of a statement that is recognised by its first words is not even tokenised.
///
/// # Errors
/// Text that ends inside a string, quoted name or comment; a statement of a known kind without the name
/// that must be there; a name that cannot be decoded. A statement of no known kind is [`Kind::Unknown`], no
/// error.
pub(crate) fn scan(statement: &[u8], options: &Options<'_>) -> Result<Scanned, ScanError> {
    let mut scanner = Scanner { cursor: Cursor::new(statement, options), found: Scanned::new(options) };
    if scanner.skip_set_statement() {
        scanner.found.kind = scanner.statement()?;
    }
    scanner.cursor.finish()?;
    Ok(scanner.found)
}

/// The scan in progress. Methods named after a statement take what follows the keywords that told it.
pub(super) struct Scanner<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) found: Scanned,
}

impl Scanner<'_> {
    /// MariaDB logs `SET STATEMENT variable=value, … FOR statement` whole; only the statement counts here.
    /// False if there is none.
    fn skip_set_statement(&mut self) -> bool {
        !self.cursor.take(&["SET", "STATEMENT"]) || self.cursor.take_until("FOR")
    }

    fn statement(&mut self) -> Result<Kind, ScanError> {
        if self.cursor.peek(0).is_none() {
            return Ok(Kind::Empty);
        }
        let first = self.cursor.keyword();
        if !first.is_empty() {
            self.cursor.next();
        }
        match first.as_str() {
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop(),
            "RENAME" => self.rename(),
            "TRUNCATE" => {
                self.cursor.take(&["TABLE"]);
                self.table(Role::Target)?;
                Ok(Kind::TruncateTable)
            }
            // MariaDB's anonymous block is not a transaction.
            "BEGIN" if self.cursor.is_word(0, "NOT") => Ok(Kind::Unknown),
            "BEGIN" => Ok(Kind::Transaction(Transaction::Begin)),
            "START" if self.cursor.take(&["TRANSACTION"]) => Ok(Kind::Transaction(Transaction::Begin)),
            "COMMIT" => Ok(Kind::Transaction(Transaction::Commit)),
            "ROLLBACK" => self.rollback(),
            "SAVEPOINT" => self.savepoint(Transaction::Savepoint),
            "RELEASE" if self.cursor.take(&["SAVEPOINT"]) => self.savepoint(Transaction::Release),
            "XA" => self.xa(),
            "LOAD" if self.cursor.is_word(0, "INDEX") => Ok(Kind::Maintenance),
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "CALL" | "DO" | "SELECT" | "WITH"
            | "VALUES" | "TABLE" | "HANDLER" | "EXECUTE" => Ok(Kind::Dml),
            "GRANT" | "REVOKE" => Ok(Kind::Account),
            "SET"
                if self.cursor.take_any(&["PASSWORD", "ROLE"]) || self.cursor.take(&["DEFAULT", "ROLE"]) =>
            {
                Ok(Kind::Account)
            }
            "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK" | "CHECKSUM" | "FLUSH" => self.maintenance(),
            "CACHE" => Ok(Kind::Maintenance),
            "SET" | "START" | "STOP" | "CHANGE" | "RESET" | "PURGE" | "KILL" | "USE" | "LOCK" | "UNLOCK"
            | "INSTALL" | "UNINSTALL" | "IMPORT" | "CLONE" | "RESTART" | "SHUTDOWN" | "PREPARE"
            | "DEALLOCATE" | "SIGNAL" | "RESIGNAL" | "BINLOG" | "HELP" | "SHOW" | "DESCRIBE" | "DESC"
            | "EXPLAIN" | "BACKUP" => Ok(Kind::Other),
            _ => Ok(Kind::Unknown),
        }
    }

    fn create(&mut self) -> Result<Kind, ScanError> {
        let temporary = self.modifiers();
        let noun = self.noun();
        match noun.as_str() {
            "TABLE" => self.create_table(temporary),
            "INDEX" => self.index(Kind::CreateIndex),
            "DATABASE" | "SCHEMA" => self.database(Kind::CreateDatabase),
            "VIEW" => self.view(Kind::CreateView),
            "TRIGGER" => self.create_trigger(),
            "PROCEDURE" | "FUNCTION" | "PACKAGE" => self.routine(Kind::CreateRoutine),
            "EVENT" => self.event(Kind::CreateEvent),
            "SEQUENCE" => self.sequence(Kind::CreateSequence),
            noun => Ok(without_names(noun)),
        }
    }

    fn alter(&mut self) -> Result<Kind, ScanError> {
        self.modifiers();
        let noun = self.noun();
        match noun.as_str() {
            "TABLE" => self.alter_table(),
            "DATABASE" | "SCHEMA" => self.alter_database(),
            "VIEW" => self.view(Kind::AlterView),
            "PROCEDURE" | "FUNCTION" | "PACKAGE" => self.routine(Kind::AlterRoutine),
            "EVENT" => self.event(Kind::AlterEvent),
            "SEQUENCE" => self.sequence(Kind::AlterSequence),
            noun => Ok(without_names(noun)),
        }
    }

    fn drop(&mut self) -> Result<Kind, ScanError> {
        let temporary = self.modifiers();
        let noun = self.noun();
        match noun.as_str() {
            "TABLE" | "TABLES" => {
                self.if_exists();
                self.tables()?;
                Ok(Kind::DropTable { temporary })
            }
            "INDEX" => self.index(Kind::DropIndex),
            "DATABASE" | "SCHEMA" => self.database(Kind::DropDatabase),
            "VIEW" => {
                self.if_exists();
                self.tables()?;
                self.found.object = self.found.tables.first().cloned();
                Ok(Kind::DropView)
            }
            "TRIGGER" => self.named(Kind::DropTrigger),
            "PROCEDURE" | "FUNCTION" | "PACKAGE" => {
                self.cursor.take(&["BODY"]);
                self.named(Kind::DropRoutine)
            }
            "EVENT" => self.named(Kind::DropEvent),
            "SEQUENCE" => {
                self.if_exists();
                self.tables()?;
                Ok(Kind::DropSequence)
            }
            noun => Ok(without_names(noun)),
        }
    }

    /// Takes what may stand between the verb and the noun, in any order; true if `TEMPORARY` was among it.
    fn modifiers(&mut self) -> bool {
        let mut temporary = false;
        loop {
            if self.cursor.take(&["TEMPORARY"]) {
                temporary = true;
            } else if self.cursor.is_word(0, "DEFINER") {
                self.definer();
            } else if self.cursor.take(&["ALGORITHM"]) {
                self.cursor.take_mark(b'=');
                self.cursor.next();
            } else if self.cursor.take(&["SQL", "SECURITY"]) {
                self.cursor.next();
            } else if !self.cursor.take(&["OR", "REPLACE"])
                && !self
                    .cursor
                    .take_any(&["ONLINE", "OFFLINE", "IGNORE", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"])
                && !self.cursor.take_any(&["AGGREGATE", "UNDO", "JSON", "RELATIONAL", "DUALITY"])
            {
                return temporary;
            }
        }
    }

    fn noun(&mut self) -> String {
        let noun = self.cursor.keyword();
        if !noun.is_empty() {
            self.cursor.next();
        }
        noun
    }

    pub(super) fn if_exists(&mut self) {
        if !self.cursor.take(&["IF", "NOT", "EXISTS"]) {
            self.cursor.take(&["IF", "EXISTS"]);
        }
    }

    /// MariaDB's `WAIT n` or `NOWAIT` after a table name.
    pub(super) fn wait(&mut self) {
        let number = self.cursor.peek(1).is_some_and(|token| token.kind == TokenKind::Number);
        if number && self.cursor.take(&["WAIT"]) {
            self.cursor.next();
        } else {
            self.cursor.take(&["NOWAIT"]);
        }
    }

    /// Takes one table name into the list.
    pub(super) fn table(&mut self, role: Role) -> Result<(), ScanError> {
        let name = self.cursor.name(role)?;
        self.found.tables.push(name);
        Ok(())
    }

    /// Takes one or more target names separated by commas.
    fn tables(&mut self) -> Result<(), ScanError> {
        self.table(Role::Target)?;
        while self.cursor.take_mark(b',') {
            self.table(Role::Target)?;
        }
        Ok(())
    }

    /// Takes `[IF [NOT] EXISTS] name` as the object.
    pub(super) fn named(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        self.if_exists();
        self.found.object = Some(self.cursor.name(Role::Target)?);
        Ok(kind)
    }

    fn rename(&mut self) -> Result<Kind, ScanError> {
        if self.cursor.is_word(0, "USER") {
            return Ok(Kind::Account);
        }
        if !self.cursor.take_any(&["TABLE", "TABLES"]) {
            return Ok(Kind::Unknown);
        }
        self.if_exists();
        loop {
            self.table(Role::Target)?;
            self.wait();
            if !self.cursor.take(&["TO"]) {
                return Err(self.cursor.expected("TO"));
            }
            self.table(Role::RenameTo)?;
            if !self.cursor.take_mark(b',') {
                return Ok(Kind::RenameTable);
            }
        }
    }

    /// `[IF [NOT] EXISTS] index [USING …] ON table …`
    fn index(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        self.if_exists();
        // The name may not be qualified, but reading it as one does no harm.
        self.found.object = Some(self.cursor.name(Role::Target)?);
        if !self.cursor.take_until("ON") {
            return Err(self.cursor.expected("ON"));
        }
        self.table(Role::Target)?;
        Ok(kind)
    }

    fn sequence(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        self.if_exists();
        self.table(Role::Target)?;
        Ok(kind)
    }

    fn database(&mut self, kind: Kind) -> Result<Kind, ScanError> {
        self.if_exists();
        let (name, token) = self.cursor.identifier(false)?;
        self.found.databases.push(DatabaseName { name, span: token.start..token.end });
        Ok(kind)
    }

    /// The name may be left out, and then an option comes first.
    fn alter_database(&mut self) -> Result<Kind, ScanError> {
        const RESERVED: [&str; 5] = ["DEFAULT", "CHARACTER", "CHAR", "COLLATE", "READ"];
        const UNRESERVED: [&str; 4] = ["CHARSET", "ENCRYPTION", "COMMENT", "UPGRADE"];
        let is_option = |cursor: &mut Cursor<'_>, ahead| {
            RESERVED.iter().chain(&UNRESERVED).any(|word| cursor.is_word(ahead, word))
        };
        let reserved = RESERVED.iter().any(|word| self.cursor.is_word(0, word));
        if !reserved && (!is_option(&mut self.cursor, 0) || is_option(&mut self.cursor, 1)) {
            return self.database(Kind::AlterDatabase);
        }
        let end = self.cursor.taken_end();
        if let Some(name) = self.found.default_database.clone() {
            self.found.databases.push(DatabaseName { name, span: end..end });
        }
        Ok(Kind::AlterDatabase)
    }

    fn maintenance(&mut self) -> Result<Kind, ScanError> {
        self.cursor.take_any(&["NO_WRITE_TO_BINLOG", "LOCAL"]);
        let tables = self.cursor.take_any(&["TABLE", "TABLES"]);
        // `FLUSH TABLES` may have no names at all, or `WITH READ LOCK` instead.
        if tables && self.cursor.peek(0).is_some() && !self.cursor.is_word(0, "WITH") {
            self.tables()?;
        }
        Ok(Kind::Maintenance)
    }

    fn rollback(&mut self) -> Result<Kind, ScanError> {
        self.cursor.take(&["WORK"]);
        if !self.cursor.take(&["TO"]) {
            return Ok(Kind::Transaction(Transaction::Rollback));
        }
        // A savepoint may be called `savepoint`.
        if self.cursor.peek(1).is_some() {
            self.cursor.take(&["SAVEPOINT"]);
        }
        self.savepoint(Transaction::RollbackTo)
    }

    fn savepoint(&mut self, verb: Transaction) -> Result<Kind, ScanError> {
        let (table, token) = self.cursor.identifier(false)?;
        self.found.object = Some(Name {
            database: None,
            table,
            database_span: None,
            table_span: token.start..token.end,
            leading_dot: None,
            role: Role::Target,
        });
        Ok(Kind::Transaction(verb))
    }

    /// `XA verb xid [suffix]`; the server logs the xid as `X'…',X'…',n`.
    fn xa(&mut self) -> Result<Kind, ScanError> {
        let verb = match self.noun().as_str() {
            "START" | "BEGIN" => XaVerb::Start,
            "END" => XaVerb::End,
            "PREPARE" => XaVerb::Prepare,
            "COMMIT" => XaVerb::Commit,
            "ROLLBACK" => XaVerb::Rollback,
            "RECOVER" => return Ok(Kind::Other),
            _ => return Ok(Kind::Unknown),
        };
        let mut xid = String::new();
        while !["ONE", "JOIN", "RESUME", "SUSPEND"].iter().any(|suffix| self.cursor.is_word(0, suffix))
            && let Some(token) = self.cursor.next()
        {
            xid.push_str(&String::from_utf8_lossy(self.cursor.bytes(token)));
        }
        if xid.is_empty() {
            return Err(self.cursor.expected("an xid"));
        }
        Ok(Kind::Xa { verb, one_phase: self.cursor.take(&["ONE", "PHASE"]), xid })
    }
}

/// The kind by nouns that have no names of interest.
fn without_names(noun: &str) -> Kind {
    match noun {
        "USER" | "ROLE" => Kind::Account,
        "TABLESPACE" | "LOGFILE" | "SERVER" | "RESOURCE" | "REFERENCE" | "INSTANCE" | "LIBRARY"
        | "CATALOG" | "PREPARE" => Kind::Other,
        _ => Kind::Unknown,
    }
}
