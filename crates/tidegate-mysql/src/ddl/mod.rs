//! Reading and rewriting the names in DDL text, without parsing it.
//!
//! A QUERY event carries the statement as the client sent it. To route it, filter it or run it on a target
//! under other names, three things have to be known: what kind of statement it is, which objects it names,
//! and at which bytes. [`scan`] finds these by tokenising the text and following just enough grammar to
//! reach the names; everything else (column types, options, bodies) is skipped over and so can be any
//! syntax of any server version. [`rewrite()`] puts other names in and leaves every other byte alone.
//!
//! Limits, on purpose: the tables a view or `CREATE TABLE … SELECT` reads from are not listed, nor is
//! anything inside the body of a trigger, routine or event ([`Scanned::body_start`] says where it begins).

mod cursor;
mod lex;
mod names;
mod objects;
mod rewrite;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

pub(crate) use rewrite::{DatabaseMap, TableMap, rewrite};
pub(crate) use scan::scan;

/// Which server wrote the statement; the two disagree about which comments are code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Mysql,
    Mariadb,
}

/// `character_set_client` of the statement, as far as it matters for finding and decoding names.
///
/// All client charsets are ASCII-compatible, but in a few a *trailing* byte can look like a backslash or
/// back-tick; those need their own lexing. Names outside ASCII are decoded for UTF-8 and latin1 only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Charset {
    /// `utf8mb4`, `utf8mb3`, `ascii`
    #[default]
    Utf8,
    /// `latin1`, which in this server is Windows-1252
    Latin1,
    /// Anything else in which bytes below 0x80 are always ASCII (`cp1251`, `ujis`, `euckr`, …)
    Other,
    /// `sjis`, `cp932`: trailing bytes from 0x40, with half-width katakana as single bytes
    Sjis,
    /// `gbk`, `gb18030`, `big5`: trailing bytes from 0x40
    Gbk,
}

impl Charset {
    /// The charset by its server name, in any case; a name that is not known is [`Charset::Other`], under
    /// which ASCII names still work and others are reported.
    pub(crate) fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf8mb3" | "utf8mb4" | "ascii" => Self::Utf8,
            "latin1" => Self::Latin1,
            "sjis" | "cp932" => Self::Sjis,
            "gbk" | "gb18030" | "big5" => Self::Gbk,
            _ => Self::Other,
        }
    }
}

/// The session state the statement was parsed under; all of it is in the QUERY event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    /// The database selected when the statement ran, `None` if there was none.
    pub(crate) default_database: Option<&'a str>,
    /// `ANSI_QUOTES` in `sql_mode`: `"x"` is a name, not a string.
    pub(crate) ansi_quotes: bool,
    /// `NO_BACKSLASH_ESCAPES` in `sql_mode`: a backslash in a string is just a backslash.
    pub(crate) no_backslash_escapes: bool,
    pub(crate) flavour: Flavour,
    pub(crate) charset: Charset,
}

impl<'a> Options<'a> {
    /// Default `sql_mode`, UTF-8.
    pub(crate) fn new(flavour: Flavour, default_database: Option<&'a str>) -> Self {
        Self {
            default_database,
            ansi_quotes: false,
            no_backslash_escapes: false,
            flavour,
            charset: Charset::Utf8,
        }
    }
}

/// What a statement is, by its leading keywords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CreateTable {
        temporary: bool,
        /// `CREATE TABLE … LIKE x`; x is listed with [`Role::Like`].
        like: bool,
        /// `CREATE TABLE … SELECT` (or `TABLE x`, `VALUES`): the statement also fills the table.
        as_select: bool,
    },
    AlterTable,
    DropTable {
        temporary: bool,
    },
    RenameTable,
    TruncateTable,
    CreateIndex,
    DropIndex,
    CreateDatabase,
    AlterDatabase,
    DropDatabase,
    CreateView,
    AlterView,
    DropView,
    CreateTrigger,
    DropTrigger,
    /// Procedure, function, aggregate function, MariaDB package; not a loadable function (that is `Other`).
    CreateRoutine,
    AlterRoutine,
    /// `DROP FUNCTION` of a loadable function looks the same and is reported as this too.
    DropRoutine,
    CreateEvent,
    AlterEvent,
    DropEvent,
    CreateSequence,
    AlterSequence,
    DropSequence,
    /// `GRANT`, `REVOKE`, users, roles, `SET PASSWORD`
    Account,
    /// `ANALYZE`, `OPTIMIZE`, `REPAIR`, `CHECK`, `CHECKSUM`, `FLUSH`, key caches
    Maintenance,
    Transaction(Transaction),
    Xa {
        verb: XaVerb,
        /// `XA COMMIT … ONE PHASE`
        one_phase: bool,
        /// The xid as written, e.g. `X'6162',X'',1`.
        xid: String,
    },
    /// Data changed by a statement: statement-format traffic, which row replication cannot follow.
    Dml,
    /// Known, and about neither a database nor its contents: tablespaces, servers, plugins, `SET`, …
    Other,
    /// Nothing but blanks and comments, such as MariaDB's `# Dummy event replacing …`.
    Empty,
    /// The leading keywords mean nothing to this module.
    Unknown,
}

/// Statements which open, close or partly undo a transaction. For savepoints [`Scanned::object`] is the
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    RollbackTo,
    Release,
}

/// The step of a distributed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XaVerb {
    Start,
    End,
    Prepare,
    Commit,
    Rollback,
}

/// What a table is to the statement that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The object the statement defines, changes, renames (its old name) or drops.
    Target,
    /// The new name of the `Target` just before it.
    RenameTo,
    /// The model in `CREATE TABLE … LIKE`.
    Like,
    /// The parent table of a foreign key.
    Reference,
    /// The table in `EXCHANGE PARTITION … WITH TABLE`.
    Exchange,
    /// MariaDB: the new table in `CONVERT PARTITION … TO TABLE`.
    ConvertTo,
    /// MariaDB: the table that disappears in `CONVERT TABLE … TO PARTITION`.
    ConvertFrom,
    /// A member of a `MERGE` table, `UNION=(…)`.
    Union,
}

/// A table-like name in the statement. All spans are byte ranges of the statement, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The qualifier as written, unquoted; `None` if there was none (see [`Scanned::database_of`]).
    pub(crate) database: Option<String>,
    pub(crate) table: String,
    pub(crate) database_span: Option<Range<usize>>,
    pub(crate) table_span: Range<usize>,
    /// Offset of the dot in the ODBC form `.tbl`, which means a table of the default database.
    pub(crate) leading_dot: Option<usize>,
    pub(crate) role: Role,
}

/// A database named by `CREATE/ALTER/DROP DATABASE`. An empty span means that the name was left out
/// (`ALTER DATABASE CHARACTER SET …`) and the default database is meant; it lies where a name could be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseName {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
}

/// What [`scan`] found. All offsets are into the statement scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) kind: Kind,
    /// Tables, views and sequences (one namespace) in the order of the text.
    pub(crate) tables: Vec<Name>,
    pub(crate) databases: Vec<DatabaseName>,
    /// Name of the view, trigger, routine, event, index or savepoint. A view is in `tables` as well.
    pub(crate) object: Option<Name>,
    /// `ALTER EVENT … RENAME TO`
    pub(crate) renamed_object: Option<Name>,
    /// Where the body begins: the action of a trigger or event, the query of a view.
    pub(crate) body_start: Option<usize>,
    /// `DEFINER = user@host` of a view, trigger, routine or event, so that it can be cut out or replaced.
    pub(crate) definer_span: Option<Range<usize>>,
    /// `ENABLE`, `DISABLE`, `DISABLE ON SLAVE` or `DISABLE ON REPLICA` of an event.
    pub(crate) event_status_span: Option<Range<usize>>,
    /// `START TRANSACTION` at the end of `CREATE TABLE`: how MySQL ≥ 8.0.21 logs `CREATE TABLE … SELECT`,
    /// with the rows following as events. A target must not be sent it outside a replication thread: cut it
    /// out.
    pub(crate) start_transaction_span: Option<Range<usize>>,
    /// `ALTER TABLE` that brings rows in or out without row events and without changing the definition:
    /// `EXCHANGE PARTITION`, `IMPORT`/`DISCARD TABLESPACE`.
    pub(crate) moves_rows: bool,
    /// `ALTER TABLE … TRUNCATE PARTITION`: rows vanish without row events.
    pub(crate) truncates_partition: bool,
    default_database: Option<String>,
    charset: Charset,
}

impl Scanned {
    fn new(options: &Options<'_>) -> Self {
        Self {
            kind: Kind::Unknown,
            tables: Vec::new(),
            databases: Vec::new(),
            object: None,
            renamed_object: None,
            body_start: None,
            definer_span: None,
            event_status_span: None,
            start_transaction_span: None,
            moves_rows: false,
            truncates_partition: false,
            default_database: options.default_database.map(str::to_owned),
            charset: options.charset,
        }
    }

    /// The database a name of this statement is in. An unqualified foreign-key parent is in the database of
    /// the table that refers to it, everything else unqualified in the default database; `None` if there is
    /// none.
    pub(crate) fn database_of<'a>(&'a self, name: &'a Name) -> Option<&'a str> {
        if let Some(database) = &name.database {
            return Some(database);
        }
        if name.role == Role::Reference
            && let Some(target) = self.target()
            && let Some(database) = &target.database
        {
            return Some(database);
        }
        self.default_database.as_deref()
    }

    /// The first table the statement is about.
    pub(crate) fn target(&self) -> Option<&Name> {
        self.tables.iter().find(|name| name.role == Role::Target)
    }
}

/// Why a statement could not be scanned, or a name not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    /// Byte of the statement at which it went wrong.
    pub(crate) offset: usize,
    pub(crate) reason: Reason,
}

/// See [`ScanError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    UnterminatedString,
    UnterminatedName,
    UnterminatedComment,
    /// The grammar wants this here, and the text has something else or ends.
    Expected(&'static str),
    /// A name holds bytes which the statement's charset does not define, or which this module cannot
    /// decode.
    NameEncoding(Charset),
    /// A new name cannot be written in the statement's charset.
    NotInCharset(String, Charset),
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::UnterminatedString => f.write_str("string without end")?,
            Reason::UnterminatedName => f.write_str("quoted name without end")?,
            Reason::UnterminatedComment => f.write_str("comment without end")?,
            Reason::Expected(what) => write!(f, "expected {what}")?,
            Reason::NameEncoding(charset) => write!(f, "name cannot be decoded (charset {charset:?})")?,
            Reason::NotInCharset(name, charset) => {
                write!(f, "name {name:?} cannot be written in the statement's charset ({charset:?})")?;
            }
        }
        write!(f, " at byte {}", self.offset)
    }
}

impl std::error::Error for ScanError {}
