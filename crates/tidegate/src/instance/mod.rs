//! `tidegate instance …`: what a person asks of a service.

mod args;
mod file;
mod table;
mod wait;

use crate::figures;
use crate::remote::{self, call};
use crate::signals::Signals;
pub(crate) use args::InstanceCommand;
use args::{EndpointsArgs, EventsArgs, ImportArgs, ManyArgs, PasswordArgs, SureArgs};
use std::process::ExitCode;
use std::sync::Arc;
pub(crate) use table::list as list_table;
use tidegate_api::{
    Client, Command, CommandAnswer, Commands, CreateInstance, EndpointSpec, Instance, NewEndpoints,
    NewPasswords,
};
use tidegate_service::{Code, Error, Result};

pub(crate) async fn run(command: InstanceCommand) -> Result<ExitCode> {
    let client = Arc::new(command.remote().client()?);
    let json = command.json();
    match command {
        InstanceCommand::Tree(args) => {
            let request = args.request()?;
            let tables = call(move || client.tree(&request)).await?;
            figures::say(json, &tables, &table::tree(&tables));
        }
        InstanceCommand::List(args) => {
            let list = call(move || client.list(args.status, args.search.as_deref())).await?;
            figures::say(json, &list, &table::list(&list));
        }
        InstanceCommand::Export(one) => {
            let shown = call(move || client.show(&one.name)).await?;
            let spec = file::of(shown);
            let text = file::write(&spec)?;
            figures::say(json, &spec, &text);
        }
        InstanceCommand::Recheck(args) => {
            let item = call(move || client.recheck(&args.one.name, &args.item)).await?;
            figures::say(json, &item, &table::item(&item));
        }
        InstanceCommand::Skip(args) => {
            let (name, item) = (args.item.one.name, args.item.item);
            let text = format!(
                "{item} is {} from the next precheck on\n",
                if args.undo { "looked at" } else { "passed over" }
            );
            call(move || client.skip(&name, &item, args.reason.filter(|_| !args.undo))).await?;
            figures::say(json, &serde_json::json!({ "skipped": !args.undo }), &text);
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
        InstanceCommand::Reset(sure) => return reset(client, sure, json).await,
        InstanceCommand::Terminate(sure) => return ask_surely(client, sure, Command::Terminate, json).await,
        InstanceCommand::Release(sure) => return ask_surely(client, sure, Command::Release, json).await,
        InstanceCommand::Cleanup { one, apply } => {
            let cleanup = call(move || client.cleanup(&one.name, apply)).await?;
            figures::say(json, &cleanup, &table::cleanup(&cleanup));
        }
        InstanceCommand::Objects(args) => {
            let (name, objects) = (args.one.name, args.objects.given()?);
            let change = call(move || client.objects(&name, &objects, args.dry_run)).await?;
            figures::say(json, &change, &table::change(&change, args.dry_run));
        }
        InstanceCommand::Events(args) => return events(client, args).await,
        InstanceCommand::Wait(args) => return wait::wait(client, args, json).await,
        other => return change(client, other, json).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn say_made(made: Instance) -> (Instance, String) {
    let text = format!("{} is made ({}): tidegate instance start {}\n", made.name, made.id, made.name);
    (made, text)
}

/// Makes an instance, or changes what one is.
async fn change(client: Arc<Client>, command: InstanceCommand, json: bool) -> Result<ExitCode> {
    let (made, text) = match command {
        InstanceCommand::Create(args) => {
            let request = args.request()?;
            say_made(call(move || client.create(&request)).await?)
        }
        InstanceCommand::Import(args) => {
            let request = imported(&args)?;
            say_made(call(move || client.create(&request)).await?)
        }
        InstanceCommand::Duplicate(args) => {
            say_made(call(move || client.duplicate(&args.one.name, &args.new_name)).await?)
        }
        InstanceCommand::Configure(args) => {
            let request = args.request()?;
            let made = call(move || client.configure(&args.name, &request)).await?;
            let text = format!("{} is configured anew\n", made.name);
            (made, text)
        }
        InstanceCommand::Rename(args) => {
            let made = call(move || client.rename(&args.one.name, &args.new_name)).await?;
            let text = format!("it is called {} now\n", made.name);
            (made, text)
        }
        InstanceCommand::Tag(args) => {
            let made = call(move || {
                let mut tags = client.show(&args.one.name)?.tags;
                tags.retain(|key, _| !args.remove.contains(key));
                tags.extend(args.tags);
                client.put_tags(&args.one.name, &tags)
            })
            .await?;
            let tags = made.tags.iter().map(|(key, value)| format!("{key}={value}\n"));
            let text = tags.collect::<String>();
            (made, text)
        }
        InstanceCommand::Passwords(args) => {
            let passwords = given(&args.passwords)?;
            let made = call(move || client.passwords(&args.one.name, &passwords)).await?;
            let text = format!("{} has other passwords, from its next start on\n", made.name);
            (made, text)
        }
        InstanceCommand::Endpoints(args) => {
            let endpoints = endpoints(&args)?;
            let made = call(move || client.endpoints(&args.one.name, &endpoints)).await?;
            let text = format!("{} has other endpoints\n", made.name);
            (made, text)
        }
        _ => return Err(Error::new(Code::Internal, "this command changes nothing")),
    };
    figures::say(json, &made, &text);
    Ok(ExitCode::SUCCESS)
}

/// Asks for the same of several instances, whatever becomes of the others. The first refusal is the error.
async fn ask(client: Arc<Client>, many: ManyArgs, command: Command, json: bool) -> Result<ExitCode> {
    let request = Commands { command, instances: many.names };
    let results = call(move || client.commands(&request)).await?;
    let mut refused = None;
    for result in results {
        let name = &result.instance;
        let text = match &result.answer {
            Some(CommandAnswer::Accepted { status, .. }) => {
                format!("{name}: {command} accepted, now {}\n", status.title())
            }
            Some(CommandAnswer::Already { status, .. }) => format!("{name} is {} already\n", status.title()),
            None => String::new(),
        };
        if result.answer.is_some() {
            figures::say(json, &result.answer, &text);
        }
        let Some(problem) = result.problem else { continue };
        let error = remote::of_problem(problem);
        match refused {
            None => refused = Some(error),
            Some(_) => tracing::error!(%error, "refused"),
        }
    }
    refused.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// A reset is looked at where the tables are.
async fn reset(client: Arc<Client>, sure: SureArgs, json: bool) -> Result<ExitCode> {
    if !sure.dry_run {
        return ask(client, sure.many, Command::Reset, json).await;
    }
    for name in sure.many.names {
        let (asker, asked) = (client.clone(), name.clone());
        let preview = call(move || asker.reset_preview(&asked)).await?;
        figures::say(json, &preview, &table::dropped(&name, &preview));
    }
    Ok(ExitCode::SUCCESS)
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

/// Every transition, one a line, until the service ends or somebody has had enough.
async fn events(client: Arc<Client>, args: EventsArgs) -> Result<ExitCode> {
    let json = args.remote.json;
    let mut signals = Signals::listen()?;
    let listening = call(move || {
        client.events(args.name.as_deref(), |event, data| {
            match event {
                "status" => figures::print(&if json { format!("{data}\n") } else { table::happened(data) }),
                "missed" => tracing::warn!("some events were missed: they came faster than they were read"),
                _ => {}
            }
            true
        })
    });
    tokio::select! {
        ended = listening => ended.map(|()| ExitCode::SUCCESS),
        _ = signals.next() => Ok(ExitCode::SUCCESS),
    }
}

/// The passwords that are given, of which there must be one.
fn given(args: &PasswordArgs) -> Result<NewPasswords> {
    let [source, target] = args.given()?;
    if source.is_none() && target.is_none() {
        return Err(Error::new(Code::BadSetting, "no password is given")
            .with_remedy("set TIDEGATE_SOURCE_PASSWORD or TIDEGATE_TARGET_PASSWORD, or name a file"));
    }
    Ok(NewPasswords { source, target })
}

fn endpoints(args: &EndpointsArgs) -> Result<NewEndpoints> {
    let [source, target] = args.passwords.given()?;
    let end =
        |url: &Option<String>, password| url.clone().map(|url| EndpointSpec { url, region: None, password });
    Ok(NewEndpoints { source: end(&args.source, source), target: end(&args.target, target) })
}

fn imported(args: &ImportArgs) -> Result<CreateInstance> {
    let mut spec = file::read(&args.file)?;
    [spec.source.password, spec.target.password] = args.passwords.given()?;
    if let Some(name) = &args.name {
        spec.name.clone_from(name);
    }
    Ok(spec)
}
