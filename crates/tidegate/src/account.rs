//! `tidegate account …`: who may use a service.

use crate::figures;
use crate::login::read_file;
use crate::remote::{RemoteArgs, call};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use tidegate_api::{Client, PutAccount};
use tidegate_service::{Code, Error, Result};

#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// List all accounts.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Make an account, or give it another role and password.
    Put(PutArgs),
    /// Remove an account, and all its sessions and keys.
    Remove {
        name: String,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// What was asked of the service, by whom, and what became of it: the newest first.
    Audit {
        /// So many lines at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Keys that sign requests of the official API.
    #[command(subcommand)]
    AccessKey(AccessKeyCommand),
    /// Make a token of one's own that does not expire, for scripts: TIDEGATE_TOKEN.
    Key {
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Subcommand)]
pub(crate) enum AccessKeyCommand {
    /// Make a key of one's own. Its secret is shown once.
    Create {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// List one's own keys; all accounts', as an admin.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// End a key.
    Remove {
        id: String,
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Args)]
#[command(
    after_help = "The password is taken from --password-file, TIDEGATE_NEW_PASSWORD, or a question on the terminal."
)]
pub(crate) struct PutArgs {
    name: String,
    #[arg(long, value_enum)]
    role: RoleArg,
    /// File with the account's password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Looks.
    Viewer,
    /// Commands instances too.
    Operator,
    /// Everything.
    Admin,
}

impl AccountCommand {
    fn remote(&self) -> &RemoteArgs {
        match self {
            Self::List { remote }
            | Self::Remove { remote, .. }
            | Self::Audit { remote, .. }
            | Self::Key { remote }
            | Self::AccessKey(
                AccessKeyCommand::Create { remote }
                | AccessKeyCommand::List { remote }
                | AccessKeyCommand::Remove { remote, .. },
            ) => remote,
            Self::Put(args) => &args.remote,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.remote().json
    }
}

pub(crate) async fn run(command: AccountCommand) -> Result<ExitCode> {
    let client = command.remote().client()?;
    let json = command.json();
    match command {
        AccountCommand::List { .. } => {
            let accounts = call(move || client.accounts()).await?;
            let lines = accounts.iter().map(|one| format!("{:<20}  {}\n", one.name, one.role));
            figures::say(json, &accounts, &lines.collect::<String>());
        }
        AccountCommand::Put(args) => {
            let account = PutAccount { role: args.role().to_owned(), password: args.password()? };
            let put = call(move || client.put_account(&args.name, &account)).await?;
            figures::say(json, &put, &format!("{} is {}\n", put.name, put.role));
        }
        AccountCommand::Remove { name, .. } => {
            let removed = name.clone();
            call(move || client.remove_account(&name)).await?;
            figures::say(
                json,
                &serde_json::json!({ "removed": removed }),
                &format!("{removed} is removed\n"),
            );
        }
        AccountCommand::Audit { limit, .. } => {
            let lines = call(move || client.audit(limit)).await?;
            let text = lines.iter().map(|line| {
                let cells = [&line.at, &line.by, &line.action, &line.object, &line.outcome];
                format!("{}\n", cells.map(|cell| figures::one_line(cell)).join("  "))
            });
            figures::say(json, &lines, &text.collect::<String>());
        }
        AccountCommand::Key { .. } => {
            let key = call(move || client.key()).await?;
            figures::say(json, &key, &format!("{}\n", key.token));
        }
        AccountCommand::AccessKey(command) => return access_key(command, client, json).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn access_key(command: AccessKeyCommand, client: Client, json: bool) -> Result<ExitCode> {
    match command {
        AccessKeyCommand::Create { .. } => {
            let key = call(move || client.make_access_key()).await?;
            let text = format!("id      {}\nsecret  {}\n  it is not shown again\n", key.id, key.secret);
            figures::say(json, &key, &text);
        }
        AccessKeyCommand::List { .. } => {
            let keys = call(move || client.access_keys()).await?;
            let lines =
                keys.iter().map(|key| format!("{}  {:<20}  {}\n", key.id, key.account, key.created_at));
            figures::say(json, &keys, &lines.collect::<String>());
        }
        AccessKeyCommand::Remove { id, .. } => {
            let removed = id.clone();
            call(move || client.remove_access_key(&id)).await?;
            figures::say(
                json,
                &serde_json::json!({ "removed": removed }),
                &format!("{removed} is removed\n"),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl PutArgs {
    fn role(&self) -> &'static str {
        match self.role {
            RoleArg::Viewer => "viewer",
            RoleArg::Operator => "operator",
            RoleArg::Admin => "admin",
        }
    }

    fn password(&self) -> Result<String> {
        match (&self.password_file, std::env::var("TIDEGATE_NEW_PASSWORD")) {
            (Some(file), _) => read_file(file).map_err(|error| {
                Error::new(Code::BadSetting, format!("--password-file {}: {error}", file.display()))
            }),
            (None, Ok(password)) => Ok(password),
            (None, Err(_)) => {
                rpassword::prompt_password(format!("New password of {}: ", self.name)).map_err(|error| {
                    Error::new(Code::BadSetting, format!("the password cannot be asked for: {error}"))
                        .with_remedy("set TIDEGATE_NEW_PASSWORD or use --password-file")
                })
            }
        }
    }
}
