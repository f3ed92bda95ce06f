//! What can be typed after `tidegate instance`.

use super::wait::{Goal, parse_goal, parse_status};
use crate::args::{EndArgs, ObjectArgs};
use crate::login::given_password;
use crate::quantity::{parse_bytes, parse_duration};
use crate::remote::RemoteArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tidegate_api::{CreateInstance, EndpointSpec, Kind, Status, TreeRequest, Tuning};
use tidegate_service::Result;
use tidegate_service::endpoint::{EndpointUrl, Side};

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
    /// Tag it, or take tags away.
    Tag(TagArgs),
    /// Give it other passwords, of the accounts that are named; those of a running instance are in use.
    Passwords(PasswordsArgs),
    /// Give it other addresses or accounts of the same two servers, while it is paused or has failed.
    Endpoints(EndpointsArgs),
    /// Other objects for an instance that runs: what is added is copied while the rest goes on. Give all that it is to
    /// have; what it has takes back what is not done yet.
    Objects(ObjectsArgs),
    /// List what a source has, and which of it a choice selects.
    Tree(TreeArgs),
    /// List instances.
    List(ListArgs),
    /// Show one instance: its status, what it does, what it allows, its precheck.
    Show(OneArgs),
    /// What happened to an instance, when, and who asked for it.
    History(OneArgs),
    /// Print what happens, as it happens, until Ctrl-C: every transition of one instance or of all.
    Events(EventsArgs),
    /// Look at everything that would stop it, and start nothing.
    Precheck(ManyArgs),
    /// Look at one item of the precheck again.
    Recheck(ItemArgs),
    /// Pass a warning of the precheck over from now on, or look at it again.
    Skip(SkipArgs),
    /// Start it; the precheck comes first.
    Start(ManyArgs),
    /// Stop writing at a commit; 'resume' goes on there.
    Pause(ManyArgs),
    /// Go on after a pause or a failure.
    Resume(ManyArgs),
    /// Drop what it copied in the target, so that it can begin anew. It must be paused, or have failed.
    Reset(SureArgs),
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
    /// Print its configuration, without passwords, as TOML for 'import'.
    Export(OneArgs),
    /// Make an instance with the configuration in a file. Passwords as with 'passwords'.
    Import(ImportArgs),
    /// Wait until it is so.
    Wait(WaitArgs),
}

#[derive(Args)]
pub(crate) struct OneArgs {
    /// The instance's name or id.
    pub(super) name: String,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct ManyArgs {
    /// Names or ids; each is asked for itself.
    #[arg(required = true, value_name = "NAME")]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct NewNameArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// What it is to be called.
    pub(super) new_name: String,
}

/// Passwords are taken from the files, else from TIDEGATE_SOURCE_PASSWORD and TIDEGATE_TARGET_PASSWORD.
#[derive(Args)]
pub(crate) struct PasswordArgs {
    /// File with the source's password.
    #[arg(long, value_name = "FILE")]
    source_password_file: Option<PathBuf>,
    /// File with the target's password.
    #[arg(long, value_name = "FILE")]
    target_password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// Of the source and of the target, as far as they are given.
    pub(super) fn given(&self) -> Result<[Option<String>; 2]> {
        let source = given_password(Side::Source, None, self.source_password_file.as_deref())?;
        let target = given_password(Side::Target, None, self.target_password_file.as_deref())?;
        Ok([source, target])
    }
}

#[derive(Args)]
pub(crate) struct PasswordsArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    #[command(flatten)]
    pub(super) passwords: PasswordArgs,
}

/// A password that was given for the same URL stays; for another it is given again.
#[derive(Args)]
pub(crate) struct EndpointsArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// The source's new URL.
    #[arg(long, value_name = "URL", required_unless_present = "target")]
    pub(super) source: Option<String>,
    /// The target's new URL.
    #[arg(long, value_name = "URL")]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) passwords: PasswordArgs,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// What 'export' has printed.
    pub(super) file: PathBuf,
    /// Another name than the one in the file.
    #[arg(long)]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) passwords: PasswordArgs,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Only those that are there, as Paused.
    #[arg(long, value_parser = parse_status)]
    pub(super) status: Option<Status>,
    /// Only those with this in their id, their name or the address of an end.
    #[arg(long, value_name = "TEXT")]
    pub(super) search: Option<String>,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct ObjectsArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    #[command(flatten)]
    pub(super) objects: ObjectArgs,
    /// Say what would be added and removed, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// The password is taken from the file, else from TIDEGATE_SOURCE_PASSWORD.
#[derive(Args)]
pub(crate) struct TreeArgs {
    /// The source, as mysql://user@host:port/.
    #[arg(long, value_name = "URL")]
    pub(super) source: String,
    /// File with its password.
    #[arg(long, value_name = "FILE")]
    pub(super) source_password_file: Option<PathBuf>,
    /// Only this database, and with its columns.
    #[arg(long)]
    pub(super) database: Option<String>,
    #[command(flatten)]
    pub(super) objects: ObjectArgs,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

impl TreeArgs {
    pub(super) fn request(&self) -> Result<TreeRequest> {
        let password = given_password(Side::Source, None, self.source_password_file.as_deref())?;
        let endpoint = EndpointSpec { url: self.source.clone(), region: None, password };
        Ok(TreeRequest { endpoint, database: self.database.clone(), objects: self.objects.given()? })
    }
}

#[derive(Args)]
pub(crate) struct EventsArgs {
    /// The instance's name or id; all if it is left out.
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Args)]
pub(crate) struct ItemArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// The item's code, as LOG_RETENTION.
    pub(super) item: String,
}

#[derive(Args)]
pub(crate) struct SkipArgs {
    #[command(flatten)]
    pub(super) item: ItemArgs,
    /// Why that is right here; it is shown with the item.
    #[arg(long, required_unless_present = "undo")]
    pub(super) reason: Option<String>,
    /// Look at it again.
    #[arg(long)]
    pub(super) undo: bool,
}

#[derive(Args)]
pub(crate) struct TagArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// Tags that it is to have beside those that it has.
    #[arg(value_name = "KEY=VALUE", value_parser = parse_tag)]
    pub(super) tags: Vec<(String, String)>,
    /// Take this tag away.
    #[arg(long, value_name = "KEY")]
    pub(super) remove: Vec<String>,
}

fn parse_tag(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Args)]
pub(crate) struct SureArgs {
    #[command(flatten)]
    pub(super) many: ManyArgs,
    /// Say what would happen, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Args)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// A status, as Paused, or 'caught-up': running, and everything captured is applied.
    #[arg(long = "for", value_name = "WHAT", value_parser = parse_goal)]
    pub(super) goal: Goal,
    /// How long at most.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    pub(super) timeout: Duration,
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
    pub(super) name: String,
    #[arg(long, value_enum, default_value = "sync")]
    kind: KindArg,
    /// End after the copy (of a migration).
    #[arg(long)]
    pub(super) full_only: bool,
    #[command(flatten)]
    pub(super) ends: EndArgs,
    #[command(flatten)]
    pub(super) objects: ObjectArgs,
    /// Connections that write changes at the same time, 1 to 8 [default: 2].
    #[arg(long, value_name = "N", help_heading = "Link")]
    pub(super) lanes: Option<u16>,
    /// Chunks of the copy that are loaded at the same time, 1 to 64 [default: 2].
    #[arg(long, value_name = "N", help_heading = "Link")]
    pub(super) copy_workers: Option<u16>,
    /// Room for changes that are captured and not yet applied [default: 16GiB].
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, help_heading = "Link")]
    pub(super) log_limit: Option<u64>,
    /// How long what may pass by itself is tried again [default: 12h].
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Link")]
    pub(super) retry_for: Option<Duration>,
    /// The id under which the source's log is read.
    #[arg(long, value_name = "ID", help_heading = "Link")]
    pub(super) server_id: Option<u32>,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

impl InstanceCommand {
    pub(super) fn remote(&self) -> &RemoteArgs {
        match self {
            Self::Create(args) | Self::Configure(args) => &args.remote,
            Self::List(args) => &args.remote,
            Self::Import(args) => &args.remote,
            Self::Events(args) => &args.remote,
            Self::Tree(args) => &args.remote,
            Self::Endpoints(args) => &args.one.remote,
            Self::Objects(args) => &args.one.remote,
            Self::Recheck(item) => &item.one.remote,
            Self::Skip(skip) => &skip.item.one.remote,
            Self::Show(one) | Self::History(one) | Self::Export(one) | Self::Cleanup { one, .. } => {
                &one.remote
            }
            Self::Precheck(many) | Self::Start(many) | Self::Pause(many) | Self::Resume(many) => &many.remote,
            Self::Duplicate(args) | Self::Rename(args) => &args.one.remote,
            Self::Tag(args) => &args.one.remote,
            Self::Passwords(args) => &args.one.remote,
            Self::Reset(sure) | Self::Terminate(sure) | Self::Release(sure) => &sure.many.remote,
            Self::Wait(args) => &args.one.remote,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.remote().json
    }
}

impl CreateArgs {
    pub(super) fn request(&self) -> Result<CreateInstance> {
        let (source, target) = self.ends.given()?;
        let end = |given: EndpointUrl| EndpointSpec {
            url: given.url,
            region: None,
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
            objects: self.objects.given()?,
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
