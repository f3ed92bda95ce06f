//! `tidegate instance …`: what a person asks of a service.

mod table;

use crate::args::{EndArgs, ObjectArgs};
use crate::failure::EXIT_LATE;
use crate::figures;
use crate::login::read_file;
use crate::quantity::{parse_bytes, parse_duration};
use crate::remote::{RemoteArgs, call};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::{
    Client, Command, CommandAnswer, CommandRequest, CreateInstance, EndpointSpec, Instance, Kind,
    NewPasswords, Objects, Status, Tuning,
};
use tidegate_service::endpoint::EndpointUrl;
use tidegate_service::{Code, Error, Result};
use tokio::time::Instant;

/// How often `wait` looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Subcommand)]
pub(crate) enum InstanceCommand {
    /// Make an instance; it does nothing before it is started.
    Create(Box<CreateArgs>),
    /// Give an instance that was not started another configuration.
    Configure(Box<CreateArgs>),
    /// Make a new instance with the configuration of another, which may be completed.
    Duplicate(NewNameArgs),
    /// Call it something else.
    Rename(NewNameArgs),
    /// Give it other passwords, of the accounts that are named; those of a running instance are in use.
    Passwords(PasswordsArgs),
    /// List all instances.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Show one instance: its status, what it does, what it allows, its precheck.
    Show(OneArgs),
    /// What happened to an instance, when, and who asked for it.
    History(OneArgs),
    /// Look at everything that would stop it, and start nothing.
    Precheck(ManyArgs),
    /// Start it; the precheck comes first.
    Start(ManyArgs),
    /// Stop writing at a commit; 'resume' goes on there.
    Pause(ManyArgs),
    /// Go on after a pause or a failure.
    Resume(ManyArgs),
    /// End it for ever. It stops writing, keeps its history, and can never be started again.
    Terminate(SureArgs),
    /// Remove it from the service. Only its history is left.
    Release(SureArgs),
    /// What to remove so that nothing of ours can reach the databases any more.
    Cleanup {
        #[command(flatten)]
        one: OneArgs,
        /// Carry out in the databases what the accounts may. Drops accounts: see the list first.
        #[arg(long)]
        apply: bool,
    },
    /// Wait until it is so.
    Wait(WaitArgs),
}

#[derive(Args)]
pub(crate) struct OneArgs {
    /// The instance's name or id.
    name: String,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct ManyArgs {
    /// Names or ids; each is asked for itself.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct NewNameArgs {
    #[command(flatten)]
    one: OneArgs,
    /// What it is to be called.
    new_name: String,
}

/// Passwords are taken from the files, else from TIDEGATE_SOURCE_PASSWORD and TIDEGATE_TARGET_PASSWORD.
#[derive(Args)]
pub(crate) struct PasswordsArgs {
    #[command(flatten)]
    one: OneArgs,
    /// File with the source's password.
    #[arg(long, value_name = "FILE")]
    source_password_file: Option<PathBuf>,
    /// File with the target's password.
    #[arg(long, value_name = "FILE")]
    target_password_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SureArgs {
    #[command(flatten)]
    many: ManyArgs,
    /// Say what would happen, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    one: OneArgs,
    /// A status, as Paused, or 'caught-up': running, and everything captured is applied.
    #[arg(long = "for", value_name = "WHAT", value_parser = parse_goal)]
    goal: Goal,
    /// How long at most.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Status(Status),
    CaughtUp,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArg {
    Sync,
    Migration,
    Tracking,
}

#[derive(Args)]
pub(crate) struct CreateArgs {
    /// What it is called.
    name: String,
    #[arg(long, value_enum, default_value = "sync")]
    kind: KindArg,
    /// End after the copy (of a migration).
    #[arg(long)]
    full_only: bool,
    #[command(flatten)]
    ends: EndArgs,
    #[command(flatten)]
    objects: ObjectArgs,
    /// Connections that write changes at the same time, 1 to 8 [default: 2].
    #[arg(long, value_name = "N", help_heading = "Link")]
    lanes: Option<u16>,
    /// Chunks of the copy that are loaded at the same time, 1 to 64 [default: 2].
    #[arg(long, value_name = "N", help_heading = "Link")]
    copy_workers: Option<u16>,
    /// Room for changes that are captured and not yet applied [default: 16GiB].
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, help_heading = "Link")]
    log_limit: Option<u64>,
    /// How long what may pass by itself is tried again [default: 12h].
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Link")]
    retry_for: Option<Duration>,
    /// The id under which the source's log is read.
    #[arg(long, value_name = "ID", help_heading = "Link")]
    server_id: Option<u32>,
    #[command(flatten)]
    remote: RemoteArgs,
}

fn parse_goal(text: &str) -> Result<Goal, String> {
    if text == "caught-up" {
        return Ok(Goal::CaughtUp);
    }
    let known = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
    known.map(Goal::Status).ok_or_else(|| {
        let names = Status::ALL.map(Status::name).join(", ");
        format!("write caught-up, or one of {names}")
    })
}

impl InstanceCommand {
    fn remote(&self) -> &RemoteArgs {
        match self {
            Self::Create(args) | Self::Configure(args) => &args.remote,
            Self::List { remote } => remote,
            Self::Show(one) | Self::History(one) | Self::Cleanup { one, .. } => &one.remote,
            Self::Precheck(many) | Self::Start(many) | Self::Pause(many) | Self::Resume(many) => &many.remote,
            Self::Duplicate(args) | Self::Rename(args) => &args.one.remote,
            Self::Passwords(args) => &args.one.remote,
            Self::Terminate(sure) | Self::Release(sure) => &sure.many.remote,
            Self::Wait(args) => &args.one.remote,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.remote().json
    }
}

pub(crate) async fn run(command: InstanceCommand) -> Result<ExitCode> {
    let client = Arc::new(command.remote().client()?);
    let json = command.json();
    match command {
        InstanceCommand::Create(args) => {
            let request = args.request()?;
            let made = call(move || client.create(&request)).await?;
            let text =
                format!("{} is made ({}): tidegate instance start {}\n", made.name, made.id, made.name);
            figures::say(json, &made, &text);
        }
        InstanceCommand::Configure(args) => {
            let request = args.request()?;
            let made = call(move || client.configure(&args.name, &request)).await?;
            figures::say(json, &made, &format!("{} is configured anew\n", made.name));
        }
        InstanceCommand::Duplicate(args) => {
            let made = call(move || client.duplicate(&args.one.name, &args.new_name)).await?;
            let text =
                format!("{} is made ({}): tidegate instance start {}\n", made.name, made.id, made.name);
            figures::say(json, &made, &text);
        }
        InstanceCommand::Rename(args) => {
            let made = call(move || client.rename(&args.one.name, &args.new_name)).await?;
            figures::say(json, &made, &format!("it is called {} now\n", made.name));
        }
        InstanceCommand::Passwords(args) => {
            let passwords = args.passwords()?;
            let made = call(move || client.passwords(&args.one.name, &passwords)).await?;
            figures::say(
                json,
                &made,
                &format!("{} has other passwords, from its next start on\n", made.name),
            );
        }
        InstanceCommand::List { .. } => {
            let list = call(move || client.list(None)).await?;
            figures::say(json, &list, &table::list(&list));
        }
        InstanceCommand::Show(one) => {
            let shown = call(move || client.show(&one.name)).await?;
            figures::say(json, &shown, &table::one(&shown));
        }
        InstanceCommand::History(one) => {
            let lines = call(move || client.history(&one.name)).await?;
            figures::say(json, &lines, &table::history(&lines));
        }
        InstanceCommand::Precheck(many) => return ask(client, many, Command::Precheck, json).await,
        InstanceCommand::Start(many) => return ask(client, many, Command::Start, json).await,
        InstanceCommand::Pause(many) => return ask(client, many, Command::Pause, json).await,
        InstanceCommand::Resume(many) => return ask(client, many, Command::Resume, json).await,
        InstanceCommand::Terminate(sure) => return ask_surely(client, sure, Command::Terminate, json).await,
        InstanceCommand::Release(sure) => return ask_surely(client, sure, Command::Release, json).await,
        InstanceCommand::Cleanup { one, apply } => {
            let cleanup = call(move || client.cleanup(&one.name, apply)).await?;
            figures::say(json, &cleanup, &table::cleanup(&cleanup));
        }
        InstanceCommand::Wait(args) => return wait(client, args, json).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for the same of several instances, whatever becomes of the others. The first refusal is the error.
async fn ask(client: Arc<Client>, many: ManyArgs, command: Command, json: bool) -> Result<ExitCode> {
    let mut refused = None;
    for name in many.names {
        let (asker, asked) = (client.clone(), name.clone());
        let answer = call(move || asker.command(&asked, command, &CommandRequest::default())).await;
        match answer {
            Ok(answer) => {
                let text = match &answer {
                    CommandAnswer::Accepted { status, .. } => {
                        format!("{name}: {command} accepted, now {}\n", status.title())
                    }
                    CommandAnswer::Already { status, .. } => {
                        format!("{name} is {} already\n", status.title())
                    }
                };
                figures::say(json, &answer, &text);
            }
            Err(error) if refused.is_none() => refused = Some(error),
            Err(error) => tracing::error!(%error, "refused"),
        }
    }
    refused.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// What cannot be taken back can be looked at first.
async fn ask_surely(client: Arc<Client>, sure: SureArgs, command: Command, json: bool) -> Result<ExitCode> {
    if !sure.dry_run {
        return ask(client, sure.many, command, json).await;
    }
    for name in sure.many.names {
        let asker = client.clone();
        let shown = call(move || asker.show(&name)).await?;
        let what = outlook(&shown, command);
        figures::say(json, &serde_json::json!({ "dry_run": what }), &format!("{what}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the command would do.
fn outlook(shown: &Instance, command: Command) -> String {
    match (shown.commands.contains(&command), command) {
        (false, _) => format!("{command} would be refused: {} is {}", shown.name, shown.title),
        (true, Command::Terminate) => format!(
            "{} would stop writing within 10 seconds and be completed for ever. {} keeps all rows that are there. It \
             could never be started again",
            shown.name, shown.target.url
        ),
        (true, _) => format!(
            "{} would be removed, with its change log. Its history would stay; nothing in the databases would change",
            shown.name
        ),
    }
}

async fn wait(client: Arc<Client>, args: WaitArgs, json: bool) -> Result<ExitCode> {
    let began = Instant::now();
    loop {
        let (asker, name) = (client.clone(), args.one.name.clone());
        let shown = call(move || asker.show(&name)).await?;
        if reached(&shown, args.goal) {
            figures::say(json, &shown, &format!("{} is {}\n", shown.name, shown.title));
            return Ok(ExitCode::SUCCESS);
        }
        if never(&shown, args.goal) {
            let why = shown.why.map(|why| format!(": {}", why.detail)).unwrap_or_default();
            let what = format!("{} is {}{why}", shown.name, shown.title);
            return Err(Error::new(Code::NotAllowed, what).with_remedy("see tidegate instance show"));
        }
        if began.elapsed() >= args.timeout {
            figures::say(json, &shown, &format!("{} is {} still\n", shown.name, shown.title));
            return Ok(ExitCode::from(EXIT_LATE));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn reached(shown: &Instance, goal: Goal) -> bool {
    match goal {
        Goal::Status(status) => shown.status == status,
        Goal::CaughtUp => {
            let is_level =
                |one: &tidegate_api::Progress| one.step == "streaming" && one.seq_applied >= one.seq_captured;
            shown.status == Status::Synchronizing && shown.progress.as_ref().is_some_and(is_level)
        }
    }
}

/// Nothing leads there any more without a person.
fn never(shown: &Instance, goal: Goal) -> bool {
    let at_rest = matches!(
        shown.status,
        Status::PrecheckFailed | Status::Failed | Status::Completed | Status::Released
    );
    at_rest && goal != Goal::Status(Status::Released)
}

impl PasswordsArgs {
    fn passwords(&self) -> Result<NewPasswords> {
        let given = |side: &str, file: &Option<PathBuf>| match file {
            Some(file) => read_file(file).map(Some).map_err(|error| {
                Error::new(Code::BadSetting, format!("--{side}-password-file {}: {error}", file.display()))
            }),
            None => Ok(std::env::var(format!("TIDEGATE_{}_PASSWORD", side.to_uppercase())).ok()),
        };
        let source = given("source", &self.source_password_file)?;
        let target = given("target", &self.target_password_file)?;
        if source.is_none() && target.is_none() {
            return Err(Error::new(Code::BadSetting, "no password is given")
                .with_remedy("set TIDEGATE_SOURCE_PASSWORD or TIDEGATE_TARGET_PASSWORD, or name a file"));
        }
        Ok(NewPasswords { source, target })
    }
}

impl CreateArgs {
    fn request(&self) -> Result<CreateInstance> {
        let (source, target) = self.ends.given()?;
        let end = |given: EndpointUrl| EndpointSpec {
            url: given.url,
            password: given.password.map(|password| password.reveal().to_owned()),
        };
        Ok(CreateInstance {
            name: self.name.clone(),
            kind: match self.kind {
                KindArg::Sync => Kind::Sync,
                KindArg::Migration => Kind::Migration,
                KindArg::Tracking => Kind::Tracking,
            },
            source: end(source),
            target: end(target),
            objects: Objects {
                include: self.objects.include.clone(),
                exclude: self.objects.exclude.clone(),
                rename: self.objects.rename.clone(),
            },
            full_only: self.full_only,
            tuning: Tuning {
                lanes: self.lanes,
                copy_workers: self.copy_workers,
                log_bytes_max: self.log_limit,
                retry_seconds: self.retry_for.map(|time| time.as_secs()),
                server_id: self.server_id,
            },
        })
    }
}
