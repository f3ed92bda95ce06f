//! What can be typed.

use crate::account::AccountCommand;
use crate::alerts::AlertsCommand;
use crate::conflicts::ConflictsCommand;
use crate::instance::InstanceCommand;
use crate::pair::{ReverseCommand, TakeoverArgs};
use crate::quantity::{parse_bytes, parse_duration};
use crate::remote::LoginArgs;
use crate::server::{ConfigCommand, ServerArgs};
use crate::status::StatusArgs;
use crate::store::StoreCommand;
use crate::{explain, logging, traces};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tidegate_api::{Existing, ObjectRule, Objects};
use tidegate_service::{Code, Error, Result};

/// Keep a target database in step with a source: a full copy, then every change.
#[derive(Parser)]
#[command(name = "tidegate", version, propagate_version = false)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or stopped at a commit when asked to
  1    an error; its code, as TG-2001, is explained by 'tidegate explain TG-2001'
  2    the command line is not understood
  3    verify found differences
  4    instance wait: it did not come true in time
  130  sync: interrupted twice; verify: interrupted";

#[derive(Subcommand)]
pub(crate) enum Command {
    Sync(Box<SyncArgs>),
    Verify(Box<VerifyArgs>),
    /// Run the service: instances with a life, over HTTP.
    Server(ServerArgs),
    /// Settings of the service.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The service's store: copies, keys, lost passwords.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Log in to a service; the token is kept for the other commands.
    Login(LoginArgs),
    /// All instances of a service at a glance, as they change.
    Status(StatusArgs),
    /// What is wrong, and who is told.
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Accounts of a service.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Instances of a service.
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// The way back of an instance: collect what is written in the target, and bring it to the source.
    #[command(subcommand)]
    Reverse(ReverseCommand),
    /// Rows that are not what the log expects, and schema changes that wait: see them, and decide.
    #[command(subcommand)]
    Conflicts(ConflictsCommand),
    /// Let the reverse of an instance write in its place: wait until the instance has brought everything, pause it, then
    /// change over.
    Switchover(TakeoverArgs),
    /// Let an instance write again in place of its reverse, in the same way.
    Failback(TakeoverArgs),
    /// Explain an error code: what it is, what to do, whether it is tried again.
    #[command(after_help = "Example:\n  tidegate explain TG-3004")]
    Explain {
        /// The code, as TG-3004; all codes if it is left out.
        #[arg(value_name = "TG-CODE", value_parser = explain::parse)]
        code: Option<Code>,
    },
    /// Print the completion script for a shell.
    #[command(
        after_help = "Example:\n  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate"
    )]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
pub(crate) struct LogArgs {
    /// What is logged to standard error: error, warn, info, debug, trace or off, or a filter as in
    /// 'info,tidegate_engine=debug' [default: $RUST_LOG, else info].
    #[arg(long, global = true, value_name = "FILTER", value_parser = logging::parse_filter, help_heading = "Output")]
    pub(crate) log_level: Option<String>,
    /// Send traces to an OpenTelemetry collector (OTLP over HTTP, JSON), as http://127.0.0.1:4318.
    #[arg(long, global = true, value_name = "URL", env = "TIDEGATE_OTLP_ENDPOINT", value_parser = traces::parse_endpoint, help_heading = "Output")]
    pub(crate) otlp_endpoint: Option<String>,
    /// Log one JSON object per line.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) log_json: bool,
}

/// Copy the selected tables, then apply every change, until it is stopped.
///
/// The first run copies, later runs of the same command go on where the last one ended: the target itself says how far
/// it is. Ctrl-C or SIGTERM ends the link at a commit; a second Ctrl-C ends it at once.
#[derive(Args)]
#[command(after_help = SYNC_EXAMPLES)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) ends: EndArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    /// One JSON object per line on standard output about once a second, and one for the outcome.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

const SYNC_EXAMPLES: &str = "\
Examples:
  Keep db2 in step with db1, until Ctrl-C:
    tidegate sync --source mysql://repl@db1/ --target mysql://repl@db2/ --include 'shop.*'
  Copy and catch up once, under another name, with passwords from files:
    tidegate sync --source mysql://repl@db1/ --target mysql://repl@db2/ \\
      --include 'shop.*' --exclude 'shop.tmp_*' --rename 'shop.*=store.*' --until-caught-up \\
      --source-password-file /run/secrets/db1 --target-password-file /run/secrets/db2
  Follow it by machine:
    tidegate sync --source mysql://repl@db1/ --target mysql://repl@db2/ --json | jq .lag_ms_p99

Passwords are taken from the first of: --…-password-file or --…-password-env,
TIDEGATE_SOURCE_PASSWORD and TIDEGATE_TARGET_PASSWORD, the URL (with --insecure-url),
a question on the terminal if the server wants one.

URLs are mysql://user@host:port/ or mariadb://user@host:port/, with these options:
  ?ssl-mode=disabled|required|verify-ca|verify-full
  &ssl-ca=FILE      the authority that has signed the server's certificate
Without an option, connections to this machine are plain, all others are encrypted.";

/// Compare both databases, every row of the selected tables, and list what differs.
///
/// It reads only. It can run beside a link: rows that differ are looked at again for a while, so that what is on its way
/// does not count.
#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) ends: EndArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    /// Tables that are compared at the same time, 1 to 64 [default: 2].
    #[arg(long, help_heading = "Comparison", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) tables_parallel: Option<u16>,
    /// How long a row that differs may take to become the same; on a running link, more than its lag [default: 5s].
    #[arg(long, help_heading = "Comparison", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) recheck_for: Option<Duration>,
    /// One JSON object per line on standard output about once a second, and one for the result.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  Are both the same?
    tidegate verify --source mysql://repl@db1/ --target mysql://repl@db2/ --include 'shop.*'
  Only what differs, by machine:
    tidegate verify --source mysql://repl@db1/ --target mysql://repl@db2/ --json \\
      | jq 'select(.outcome).tables[] | select(.difference_count > 0)'

Give the same --include, --exclude and --rename as to sync. The exit code is 0 if both are
identical, 3 if they differ, 1 if that could not be found out. Passwords are given as to sync.";

/// The two databases.
#[derive(Args)]
#[command(next_help_heading = "Databases")]
pub(crate) struct EndArgs {
    /// The database that is read, as mysql://user@host:port/.
    #[arg(long, value_name = "URL")]
    pub(crate) source: String,
    /// The database that is written.
    #[arg(long, value_name = "URL")]
    pub(crate) target: String,
    /// Name of the environment variable with the source's password [default: TIDEGATE_SOURCE_PASSWORD].
    #[arg(long, value_name = "VAR", conflicts_with = "source_password_file")]
    pub(crate) source_password_env: Option<String>,
    /// File with the source's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) source_password_file: Option<PathBuf>,
    /// Name of the environment variable with the target's password [default: TIDEGATE_TARGET_PASSWORD].
    #[arg(long, value_name = "VAR", conflicts_with = "target_password_file")]
    pub(crate) target_password_env: Option<String>,
    /// File with the target's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) target_password_file: Option<PathBuf>,
    /// Accept a password in a URL, though the process list and the shell's history show it.
    #[arg(long)]
    pub(crate) insecure_url: bool,
}

/// What takes part.
#[derive(Args)]
#[command(next_help_heading = "Objects")]
pub(crate) struct ObjectArgs {
    /// Tables that take part, as 'shop.*' or 'shop.order_?'; can be given several times [default: all].
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Tables that do not, whatever --include says; can be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Another name in the target, 'a.b=c.d' for a table, 'a.*=c.*' for a database; can be given several times.
    #[arg(long, value_name = "FROM=TO")]
    pub(crate) rename: Vec<String>,
    /// Rows that take part, 'shop.order: tenant_id = 7'; can be given several times.
    #[arg(long = "where", value_name = "TABLE: CONDITION")]
    pub(crate) filters: Vec<String>,
    /// Columns that take part, with new names, 'shop.order: id, amount=total', or '*, amount=total' for all; can be
    /// given several times.
    #[arg(long, value_name = "TABLE: COLUMNS")]
    pub(crate) columns: Vec<String>,
    /// Changes of rows that are carried over, 'shop.*: insert, update'; can be given several times [default: all].
    #[arg(long, value_name = "TABLES: KINDS")]
    pub(crate) changes: Vec<String>,
    /// Changes of tables that are carried over, of create, alter, drop, rename and truncate, 'shop.*: create, alter'
    /// [default: all].
    #[arg(long, value_name = "TABLES: KINDS")]
    pub(crate) schema_changes: Vec<String>,
    /// What becomes of rows that a table of the target has already.
    #[arg(long, value_enum, default_value_t = ExistingArg::Refuse)]
    pub(crate) existing: ExistingArg,
}

/// See [`Existing`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExistingArg {
    /// The link does not begin.
    Refuse,
    /// They stay, unless the source has a row with the same key.
    Keep,
}

impl ObjectArgs {
    /// Errors name the option and the text at fault.
    pub(crate) fn given(&self) -> Result<Objects> {
        let mut rules: Vec<ObjectRule> = Vec::new();
        let mut add = |option: &str,
                       texts: &[String],
                       set: &dyn Fn(&mut ObjectRule, &str) -> Result<()>|
         -> Result<()> {
            for text in texts {
                let (tables, value) = text.split_once(':').ok_or_else(|| {
                    let what = format!("{option}: '{text}' has no colon; write shop.order: …");
                    Error::new(Code::BadPattern, what)
                })?;
                let tables = tables.trim();
                let at = rules.iter().position(|rule| rule.tables == tables).unwrap_or_else(|| {
                    rules.push(ObjectRule { tables: tables.to_owned(), ..ObjectRule::default() });
                    rules.len() - 1
                });
                set(&mut rules[at], value.trim())?;
            }
            Ok(())
        };
        add("--where", &self.filters, &|rule, text| {
            once("--where", &rule.tables, rule.filter.replace(text.to_owned()))
        })?;
        add("--columns", &self.columns, &|rule, text| {
            once("--columns", &rule.tables, rule.columns.replace(text.to_owned()))
        })?;
        add("--changes", &self.changes, &|rule, text| {
            let kinds = kinds("--changes", text)?;
            once("--changes", &rule.tables, rule.changes.replace(kinds))
        })?;
        add("--schema-changes", &self.schema_changes, &|rule, text| {
            let kinds = kinds("--schema-changes", text)?;
            once("--schema-changes", &rule.tables, rule.schema_changes.replace(kinds))
        })?;
        Ok(Objects {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            rename: self.rename.clone(),
            existing: match self.existing {
                ExistingArg::Refuse => Existing::Refuse,
                ExistingArg::Keep => Existing::Keep,
            },
            rules,
        })
    }
}

fn once<T>(option: &str, tables: &str, before: Option<T>) -> Result<()> {
    let what = format!("{option}: {tables} is there twice; keep one of them");
    before.map_or(Ok(()), |_| Err(Error::new(Code::BadPattern, what)))
}

/// `insert, update`; nothing means none.
fn kinds<T: serde::de::DeserializeOwned>(option: &str, text: &str) -> Result<Vec<T>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let read = words.map(|word| {
        serde_json::from_value(serde_json::Value::String(word.to_lowercase()))
            .map_err(|error| Error::new(Code::BadPattern, format!("{option}: '{word}': {error}")))
    });
    read.collect()
}

/// How the link runs.
#[derive(Args)]
#[command(next_help_heading = "Link")]
pub(crate) struct LinkArgs {
    /// The link's name in the target and on disk [default: made from the two addresses].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The link's own folder, for its change log [default: ~/.local/state/tidegate/NAME].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// End once everything is in the target that the source had committed when the copy was done.
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// Connections that write changes to the target at the same time, 1 to 8 [default: 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) lanes: Option<u16>,
    /// Chunks of the copy that are loaded at the same time, of one table or of several, 1 to 64 [default: 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) copy_workers: Option<u16>,
    /// Room for changes that are captured and not yet applied, as 16GiB; reading waits at the limit [default: 16GiB].
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) log_limit: Option<u64>,
    /// How long a lost connection and the like are tried again, as 30s, 15m, 12h; not at the start [default: 12h].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) retry_for: Option<Duration>,
    /// The id under which the source's log is read; no other reader may have it [default: made from the name].
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) server_id: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_says_what_the_service_does() {
        use tidegate_service::{sync, verify};
        assert_eq!((sync::LANES_DEFAULT, sync::COPY_WORKERS_DEFAULT, sync::COPY_WORKERS_MAX), (2, 2, 64));
        assert_eq!(sync::LOG_BYTES_MAX_DEFAULT, parse_bytes("16GiB").unwrap());
        assert_eq!(sync::RETRY_WINDOW_DEFAULT, parse_duration("12h").unwrap());
        assert_eq!((verify::TABLES_PARALLEL_DEFAULT, verify::TABLES_PARALLEL_MAX), (2, 64));
        assert_eq!(verify::RECHECK_FOR_DEFAULT, parse_duration("5s").unwrap());
    }
}
