//! `tidegate conflicts`: rows that are not what the log expects, and what is decided about them.

use crate::figures;
use crate::remote::{RemoteArgs, call};
use clap::{Args, Subcommand, ValueEnum};
use std::process::ExitCode;
use std::sync::Arc;
use tidegate_api::{
    Client, ConflictPlace, ConflictPolicy, Keep, OnConflict, OnSchemaChange, RowConflict, SettleConflicts,
};
use tidegate_service::{Code, Error, Result};

#[derive(Subcommand)]
pub(crate) enum ConflictsCommand {
    /// What an instance has met, each row in three versions: at the source before the change, in the target, after it.
    List {
        name: String,
        /// Those that were settled, too.
        #[arg(long)]
        settled: bool,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Decide whose version stays. Then resume the instance.
    Settle(SettleArgs),
    /// What an instance does without asking; without options, says what that is.
    Policy {
        name: String,
        /// About rows that are not what the log expects: stop and ask (the usual), or keep one side's.
        #[arg(long, value_name = "WHAT")]
        rows: Option<Rows>,
        /// About schema changes of the source: apply (the usual), skip, or ask.
        #[arg(long, value_name = "WHAT")]
        schema_changes: Option<SchemaChanges>,
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Args)]
pub(crate) struct SettleArgs {
    name: String,
    /// Whose version stays.
    #[arg(long, value_name = "SIDE")]
    keep: Kept,
    /// All that are open.
    #[arg(long, conflicts_with = "one", required_unless_present = "one")]
    all: bool,
    /// One of them, as SEQ/ORDINAL of the list.
    #[arg(long, value_name = "SEQ/ORDINAL", value_parser = place)]
    one: Option<ConflictPlace>,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kept {
    Source,
    Target,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Rows {
    Ask,
    Source,
    Target,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SchemaChanges {
    Apply,
    Skip,
    Ask,
}

fn place(text: &str) -> Result<ConflictPlace, String> {
    let read = || {
        let (seq, ordinal) = text.split_once('/')?;
        Some(ConflictPlace { seq: seq.parse().ok()?, ordinal: ordinal.parse().ok()? })
    };
    read().ok_or_else(|| "write it as in the list, SEQ/ORDINAL, as in 17/0".to_owned())
}

impl ConflictsCommand {
    fn remote(&self) -> &RemoteArgs {
        match self {
            Self::List { remote, .. } | Self::Policy { remote, .. } => remote,
            Self::Settle(args) => &args.remote,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.remote().json
    }
}

pub(crate) async fn conflicts(command: ConflictsCommand) -> Result<ExitCode> {
    let json = command.json();
    let client = Arc::new(command.remote().client()?);
    match command {
        ConflictsCommand::List { name, settled, .. } => {
            let found = call(move || client.conflicts(&name, settled)).await?;
            figures::say(json, &found, &listed(&found));
        }
        ConflictsCommand::Settle(args) => {
            let keep = match args.keep {
                Kept::Source => Keep::Source,
                Kept::Target => Keep::Target,
            };
            let (name, settle) = (args.name.clone(), SettleConflicts { keep, conflict: args.one });
            let settled = call(move || client.settle_conflicts(&name, &settle)).await?;
            let text = format!("{} decided; now: tidegate instance resume {}\n", settled.decided, args.name);
            figures::say(json, &settled, &text);
        }
        ConflictsCommand::Policy { name, rows, schema_changes, .. } => {
            let policy = policy(client, name, rows, schema_changes).await?;
            let text =
                format!("rows: {}\nschema changes: {}\n", word(&policy.rows)?, word(&policy.schema_changes)?);
            figures::say(json, &policy, &text);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn word(value: &impl serde::Serialize) -> Result<String> {
    let value = serde_json::to_value(value).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

async fn policy(
    client: Arc<Client>,
    name: String,
    rows: Option<Rows>,
    schema_changes: Option<SchemaChanges>,
) -> Result<ConflictPolicy> {
    let (asker, id) = (client.clone(), name.clone());
    let mut policy = call(move || asker.policy(&id)).await?;
    if rows.is_none() && schema_changes.is_none() {
        return Ok(policy);
    }
    if let Some(rows) = rows {
        policy.rows = match rows {
            Rows::Ask => OnConflict::Ask,
            Rows::Source => OnConflict::Source,
            Rows::Target => OnConflict::Target,
        };
    }
    if let Some(schema_changes) = schema_changes {
        policy.schema_changes = match schema_changes {
            SchemaChanges::Apply => OnSchemaChange::Apply,
            SchemaChanges::Skip => OnSchemaChange::Skip,
            SchemaChanges::Ask => OnSchemaChange::Ask,
        };
    }
    call(move || client.put_policy(&name, &policy)).await
}

fn listed(found: &[RowConflict]) -> String {
    if found.is_empty() {
        return "no conflict is open\n".to_owned();
    }
    let mut text = String::new();
    for one in found {
        let decided = match (&one.decision, one.settled) {
            (None, _) => "open".to_owned(),
            (Some(keep), settled) => {
                let by = one.decided_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let done = if settled { ", done" } else { "" };
                let side = if *keep == Keep::Source { "source" } else { "target" };
                format!("keep {side}{by}{done}")
            }
        };
        text.push_str(&format!("{}/{}  {}  {}  {decided}\n", one.seq, one.ordinal, one.object, one.seen_at));
        for (what, version) in [
            ("at the source it was", &one.expected),
            ("in the target it is", &one.found),
            ("it would become", &one.wanted),
        ] {
            if !version.is_empty() {
                text.push_str(&format!("    {what:<21} {version}\n"));
            }
        }
    }
    text
}
