//! The built program as a process, and what it says when something is wrong.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Stands in every password that the program is given, and must not come out of it anywhere.
pub(crate) const CANARY: &str = "canary-7f3a";
/// Nothing listens on port 1, and nothing may be started there without being root.
pub(crate) const NOWHERE: &str = "mysql://repl@127.0.0.1:1/";

/// A folder of one test's own.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("tidegate-cli-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn tidegate(home: &Scratch) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env_clear().env("HOME", &home.0).stdin(Stdio::null());
    command
}

/// A process that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What was wrong, without the code, and what to do about it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: String,
    pub(crate) fix: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// An error is shown once, as one line and its remedy, and nothing else is on standard error but logs.
    #[track_caller]
    pub(crate) fn fault(&self, code: &str) -> Fault {
        self.is_clean();
        assert_eq!(self.code, Some(1), "{self}");
        let lines: Vec<&str> = self.err.lines().collect();
        let [.., error, fix] = lines.as_slice() else { panic!("no error: {self}") };
        let error = error.strip_prefix("error: ").and_then(|error| error.strip_suffix(&format!(" [{code}]")));
        let (Some(error), Some(fix)) = (error, fix.strip_prefix("  fix: ")) else {
            panic!("not {code}: {self}")
        };
        assert!(error.len() > 10 && fix.len() > 10, "{self}");
        for begin in ["error: ", "  fix: "] {
            assert_eq!(lines.iter().filter(|line| line.starts_with(begin)).count(), 1, "{self}");
        }
        Fault { error: error.to_owned(), fix: fix.to_owned() }
    }

    /// Neither passwords nor panics, at whatever log level.
    #[track_caller]
    pub(crate) fn is_clean(&self) {
        for unwanted in [CANARY, "panicked", "RUST_BACKTRACE"] {
            assert!(!self.out.contains(unwanted) && !self.err.contains(unwanted), "{unwanted}: {self}");
        }
    }

    /// Standard output of `--json`.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }
}

/// What matters of the output; logs can be long.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LAST_LINES: usize = 12;
        let last = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
        };
        write!(f, "exit code {:?}\n{}\n{}", self.code, last(&self.out), last(&self.err))
    }
}

impl Fault {
    /// The error names what is at fault.
    #[track_caller]
    pub(crate) fn says(&self, part: &str) -> &Self {
        assert!(self.error.contains(part), "no '{part}' in {self}");
        self
    }

    #[track_caller]
    pub(crate) fn advises(&self, part: &str) -> &Self {
        assert!(self.fix.contains(part), "no '{part}' in {self}");
        self
    }

    /// The statements of the remedy, as a person would copy them: a part between semicolons, from its verb to its end
    /// or to where it says on which server.
    #[track_caller]
    pub(crate) fn statements(&self) -> String {
        const VERBS: [&str; 5] =
            ["GRANT ", "SET GLOBAL ", "TRUNCATE TABLE ", "DROP TABLE ", "ALTER DATABASE "];
        let statement = |part: &str| {
            let from = VERBS.iter().filter_map(|verb| part.find(verb)).min()?;
            let end = part.find(" on the target").unwrap_or(part.len());
            Some(part[from..end].trim().to_owned())
        };
        let found: Vec<String> = self.fix.split(';').filter_map(statement).collect();
        assert!(!found.is_empty(), "no statement in {self}");
        found.join("; ")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n  fix: {}", self.error, self.fix)
    }
}

/// No file below the folder holds a password.
#[track_caller]
pub(crate) fn assert_no_canary(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_no_canary(&path);
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "a password is in {}", path.display());
    }
}
