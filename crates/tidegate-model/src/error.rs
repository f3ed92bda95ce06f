use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller may do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The cause may pass by itself: try again with back-off.
    Auto,
    /// A person has to change something; then it can go on where it stopped.
    Operator,
    /// Going on would lose or damage data: begin anew.
    Never,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $retry:ident, $title:literal, $remedy:literal;)*) => {
        /// The kinds of error, each with a page in docs/errors. The one table of code, title, remedy and retry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// `TG-` and four digits.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// What it is, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// What to do when the error itself does not say it more exactly.
            pub fn remedy(self) -> &'static str {
                match self { $(Code::$name => $remedy,)* }
            }

            pub fn retry(self) -> Retry {
                match self { $(Code::$name => Retry::$retry,)* }
            }
        }
    };
}

codes! {
    BadUrl = "TG-1001", Operator, "the URL is not understood", "write engine://user@host:port/, as in mysql://repl@db1:3306/";
    UnsupportedEngine = "TG-1002", Operator, "the engine is not supported", "use mysql:// or mariadb:// on both sides, or mongodb:// on both";
    PasswordInUrl = "TG-1003", Operator, "a password stands in the URL", "leave it out and use an environment variable, a file or the prompt; or accept the risk with --insecure-url";
    BadPattern = "TG-1004", Operator, "a pattern or a rename is not understood", "write database.table with * and ?, as in shop.*";
    NothingSelected = "TG-1005", Operator, "no table is selected", "check --include and --exclude against the tables that the account can see";
    SelectionChanged = "TG-1006", Operator, "the selection is not the one this link was begun with", "go on with the selection it had, or begin a new link under another --name";
    BadSetting = "TG-1007", Operator, "a setting is not usable", "change the setting that the message names";

    Unreachable = "TG-2001", Auto, "the server cannot be reached", "check host, port, firewall and that the server runs";
    AccessDenied = "TG-2002", Operator, "the server refuses the account", "check user name and password, and from which hosts the account may connect";
    MissingGrant = "TG-2003", Operator, "the account lacks a right", "give the right that the message names";
    UnsupportedServer = "TG-2004", Operator, "this server version is not supported", "use MySQL 5.7, MariaDB 10.5 or MongoDB 6.0, or later ones";
    Tls = "TG-2005", Operator, "the encrypted connection cannot be made", "check ?ssl-mode and ?ssl-ca in the URL against the server's certificate";
    ConnectionLost = "TG-2006", Auto, "the connection was lost", "it is tried again by itself; check the network and the server's error log if it goes on";
    Silent = "TG-2007", Auto, "the server has been silent for too long", "it is tried again by itself; check the network and the server if it goes on";
    AddressDenied = "TG-2009", Operator, "the service may not connect to this address", "if it is right, add it to [network] allow in the service's settings";
    SameServer = "TG-2008", Operator, "source and target are the same server", "name two servers, or rename the databases on the way with --rename";

    LogOff = "TG-3001", Operator, "the source writes no binary log", "start the source with --log-bin";
    LogFormat = "TG-3002", Operator, "the source's binary log does not hold whole rows", "SET GLOBAL binlog_format='ROW'; sessions that are open keep the old format until they reconnect";
    RowImage = "TG-3003", Operator, "the source logs rows in part only", "SET GLOBAL binlog_row_image='FULL'; sessions that are open keep the old setting until they reconnect";
    LogGone = "TG-3004", Never, "the source no longer has the log that is needed", "begin a new link with a new copy, and keep the source's log longer (binlog_expire_logs_seconds)";
    ServerIdTaken = "TG-3005", Operator, "another reader uses our server id on the source", "stop the other reader, or choose another id with --server-id";
    SourceRewound = "TG-3006", Never, "the source is not where it was: restored, failed over with loss, or another server", "compare both sides with tidegate verify, then begin a new link";
    MalformedLog = "TG-3007", Operator, "an event of the source's log cannot be read", "keep the log file, report the event, and upgrade or exclude the table";
    StatementInLog = "TG-3008", Operator, "the source logged a statement in place of rows", "set binlog_format=ROW for every session, then begin the link anew with a new copy";
    XaUnknown = "TG-3010", Never, "a prepared XA transaction was committed that began before the link", "begin a new link when XA RECOVER on the source shows nothing";
    UnloggedCascade = "TG-3011", Operator, "a foreign key changes rows, and the source's log does not say so", "select the parent table too, or exclude the child";
    CascadeCutOff = "TG-3012", Never, "the source's log may have changes that the source took back", "begin the link anew with a new copy; start the source with --innodb-native-foreign-keys=ON";
    UnsupportedColumn = "TG-3009", Operator, "a column's type is not supported", "exclude the table, or change the column";

    TargetReadOnly = "TG-4001", Operator, "the target is read-only", "SET GLOBAL super_read_only=0; SET GLOBAL read_only=0 on the target (MariaDB: the second only), or name the primary";
    TargetNotEmpty = "TG-4002", Operator, "the target already has rows of its own", "empty or drop the table there, exclude it here, or rename it on the way with --rename";
    MissingTable = "TG-4003", Operator, "a table is missing in the target", "put it back with its rows, then run again; if they are lost, begin the link anew with a new copy";
    DefinitionDiffers = "TG-4004", Operator, "a table is defined differently in the target", "make both definitions the same, or drop the table in the target, then run again";
    Conflict = "TG-4005", Operator, "a row in the target is not what the source's log expects", "somebody else wrote to the target: compare the row on both sides, put the target's right, then run again";
    WriteRefused = "TG-4006", Operator, "the target refuses a row", "the message has the server's reason and the row's key: remove the cause, then run again";
    CheckpointChanged = "TG-4007", Never, "somebody else moved this link's checkpoint in the target", "see which other process runs this link; do not run two";
    SchemaChangeFailed = "TG-4008", Operator, "a schema change cannot be carried out in the target", "remove the cause that the message names, then run again: the statement is tried again";
    TargetBusy = "TG-4009", Auto, "a conflicting lock is held", "it is tried again by itself; look for long transactions on that server if it goes on";
    SchemaChangedWhileCopying = "TG-4010", Never, "a table was changed while it was copied", "begin the link anew when no schema change runs";
    TargetDiskFull = "TG-4011", Auto, "the target has no room", "make room on the target's disk; it is tried again by itself";
    NotItsTurn = "TG-4012", Operator, "the other direction has the right to write", "see tidegate instance show which one writes; tidegate failback or tidegate switchover turns it around";
    SchemaChangeAsks = "TG-4013", Operator, "a schema change waits for a decision", "see it with tidegate conflicts list; tidegate conflicts settle --keep source carries it out, --keep target leaves it out; then resume";

    ChangeLogIo = "TG-5001", Operator, "the change log cannot be read or written", "check the disk and the rights of the data folder, then run again";
    ChangeLogFull = "TG-5002", Operator, "there is no room for the change log", "make room on its disk or raise the limit; nothing is lost, run again to go on";
    ChangeLogDamaged = "TG-5003", Operator, "the change log is damaged", "move the link's folder away and run again: what is missing is read from the source once more, if it still has it";
    LinkInUse = "TG-5004", Operator, "another process runs this link", "stop the other process, or choose another --name";
    DataDirMismatch = "TG-5005", Operator, "the data folder belongs to another link", "choose another --name or another --data-dir";

    InstanceUnknown = "TG-7001", Operator, "there is no such instance", "see tidegate instance list";
    NameTaken = "TG-7002", Operator, "another instance has this name", "choose another name, or release that instance";
    NotAllowed = "TG-7003", Operator, "the instance does not allow this now", "the message says why, and what is allowed instead";
    NotLoggedIn = "TG-7004", Operator, "the service does not know who asks", "tidegate login";
    RoleTooLow = "TG-7005", Operator, "the account may not do this", "ask an account with the role operator or admin";
    StoreFailed = "TG-7006", Operator, "the service's store cannot be used", "check the disk and the rights of the data folder, then start the service again";
    BadRequest = "TG-7007", Operator, "the request is not understood", "change the field that the message names";
    GenerationChanged = "TG-7008", Operator, "the instance has changed meanwhile", "look at it again, then decide again";
    NotYet = "TG-7009", Operator, "this is not there yet", "see the changelog of later versions";
    SecretKey = "TG-7010", Operator, "the key of the stored passwords cannot be used", "put the key file back, with mode 0600";
    ServiceAway = "TG-7011", Operator, "the service does not answer", "start it with tidegate server, or name its address with --server";
    WebhookFailed = "TG-7013", Operator, "an alert did not arrive", "check the webhook's address and what answers there, then tidegate alerts test";
    PrecheckFailed = "TG-7012", Operator, "the precheck has found something", "see tidegate instance show for the items and what to do";

    NotIdentical = "TG-6001", Operator, "source and target differ", "see the list of differences";
    Internal = "TG-9001", Operator, "a fault of Tidegate itself", "please report it with the log";
}

/// The one error type: a code from the table, what happened here, and what to do about it.
///
/// `Display` prints one line without the remedy and without the source; [`Error::remedy`] gives the remedy.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: String,
    remedy: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// `message` is lower-case, without a full stop, and names the object at hand.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None, source: None }
    }

    /// A remedy for this very case, such as the exact GRANT.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts the object or the step in front of the message.
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    pub fn code(&self) -> Code {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or(self.code.remedy())
    }

    pub fn retry(&self) -> Retry {
        self.code.retry()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code.as_str())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_words_are_plain() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{} is used twice", code.as_str());
            for text in [code.title(), code.remedy()] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", code.as_str());
            }
        }
    }
}
