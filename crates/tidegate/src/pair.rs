//! `tidegate reverse`, `switchover` and `failback`: an instance and its way back.

use crate::failure::EXIT_LATE;
use crate::figures;
use crate::quantity::parse_duration;
use crate::remote::{self, RemoteArgs, call};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::{
    Client, Command, Commands, CompareChoice, FenceChoice, Instance, Kind, NewReverse, PreviewChange,
    ReversePreview, Status, Takeover, TakeoverPlan, Transition,
};
use tidegate_service::{Code, Error, Result};
use tokio::time::Instant;

/// Nobody can write meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Subcommand)]
pub(crate) enum ReverseCommand {
    /// Make the reverse of an instance that is running. It collects what is written in the target from now on, and writes
    /// nothing before it is started.
    Create {
        /// The instance.
        name: String,
        /// What the reverse is called [default: NAME-reverse].
        #[arg(long, value_name = "NAME")]
        reverse_name: Option<String>,
        /// From where on changes flow back: now; cutover, which is where applications first wrote in the target;
        /// forward-start, the same, if the target's log goes back to where the instance began; or a position of its log [default: now, if nobody has written there yet].
        #[arg(long, value_name = "WHERE")]
        from: Option<String>,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// What the reverse of an instance would write if it were started now. Nothing is written.
    Preview {
        /// The instance, or its reverse.
        name: String,
        /// Each change: its row's key, or its statement.
        #[arg(long)]
        rows: bool,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Let the reverse of an instance write. The instance must be paused, and have brought everything.
    Start {
        /// The instance, or its reverse.
        name: String,
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

/// `tidegate switchover` and `tidegate failback`.
#[derive(Args)]
pub(crate) struct TakeoverArgs {
    /// The instance, or its reverse.
    name: String,
    /// How applications are kept from writing to the side that they leave: auto, read-only, triggers, or declared, if
    /// nothing but you does that [default: auto].
    #[arg(long, value_name = "WAY", value_parser = PossibleValuesParser::new(FENCES.map(FenceChoice::name)))]
    fence: Option<String>,
    /// What is compared while nobody writes: nothing, definitions, or rows [default: definitions].
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(COMPARED.map(CompareChoice::name)))]
    compare: Option<String>,
    /// If the point of no return is not reached within this, everything is as before [default: 2m].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    within: Option<Duration>,
    /// Say what would be done and what is in its way, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// So long this command waits; the takeover goes on without it.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    timeout: Duration,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

const FENCES: [FenceChoice; 4] =
    [FenceChoice::Auto, FenceChoice::ReadOnly, FenceChoice::Triggers, FenceChoice::Declared];
const COMPARED: [CompareChoice; 3] =
    [CompareChoice::Nothing, CompareChoice::Definitions, CompareChoice::Rows];

impl TakeoverArgs {
    fn how(&self) -> Takeover {
        let usual = Takeover::default();
        let named = |name: &String| FENCES.into_iter().find(|choice| choice.name() == name);
        let fence = self.fence.as_ref().and_then(named).unwrap_or(usual.fence);
        let named = |name: &String| COMPARED.into_iter().find(|choice| choice.name() == name);
        let compare = self.compare.as_ref().and_then(named).unwrap_or(usual.compare);
        let within_seconds = self.within.map_or(usual.within_seconds, |within| within.as_secs());
        Takeover { fence, compare, within_seconds, generation: None }
    }
}

/// Which way the changes are to flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Back: the reverse writes.
    Reverse,
    /// As it was: the instance writes.
    Forward,
}

impl ReverseCommand {
    fn remote(&self) -> &RemoteArgs {
        match self {
            Self::Create { remote, .. } | Self::Preview { remote, .. } | Self::Start { remote, .. } => remote,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.remote().json
    }
}

pub(crate) async fn reverse(command: ReverseCommand) -> Result<ExitCode> {
    let json = command.json();
    let client = Arc::new(command.remote().client()?);
    match command {
        ReverseCommand::Create { name, reverse_name, from, .. } => {
            let request = NewReverse { name: reverse_name, from };
            let made = call(move || client.create_reverse(&name, &request)).await?;
            let text = format!(
                "{} is made ({}): it is checked, then it collects what is written in {}\n",
                made.name, made.id, made.source.url
            );
            figures::say(json, &made, &text);
        }
        ReverseCommand::Preview { name, rows, .. } => {
            let (_, reverse) = pair(&client, name).await?;
            let preview = call(move || client.reverse_preview(&reverse.id)).await?;
            figures::say(json, &preview, &previewed(&preview, rows));
        }
        ReverseCommand::Start { name, .. } => {
            let (_, reverse) = pair(&client, name).await?;
            ask(&client, &reverse, Command::Start).await?;
            figures::say(
                json,
                &json!({ "accepted": "start" }),
                &format!("{} is taking over\n", reverse.name),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn take_over(args: TakeoverArgs, direction: Direction) -> Result<ExitCode> {
    let (json, how) = (args.remote.json, args.how());
    let client = Arc::new(args.remote.client()?);
    let (forward, reverse) = pair(&client, args.name).await?;
    let (gains, loses) = match direction {
        Direction::Reverse => (reverse, forward),
        Direction::Forward => (forward, reverse),
    };
    if args.dry_run {
        let (asker, id) = (client.clone(), gains.id.clone());
        let plan = call(move || asker.takeover_plan(&id, &how)).await?;
        figures::say(json, &plan, &planned(&plan));
        return Ok(ExitCode::SUCCESS);
    }
    let began = Instant::now();
    let mut seen = call_history(&client, &gains).await?.len();
    let (asker, id) = (client.clone(), gains.id.clone());
    call(move || asker.take_over(&id, &how)).await?;
    let mut shown = None;
    loop {
        let history = call_history(&client, &gains).await?;
        for line in history.iter().skip(seen) {
            figures::say(json, line, &said(line));
        }
        seen = history.len();
        let (asker, id) = (client.clone(), gains.id.clone());
        let now = call(move || asker.show(&id)).await?;
        if !json {
            tell_wait(&now, &loses, &mut shown);
        }
        match now.status {
            Status::Synchronizing => {
                let text = format!(
                    "{} writes to {} now, {}\n{} collects what is written there\n",
                    now.name, now.target.url, "and nothing else does", loses.name
                );
                figures::say(json, &now, &text);
                return Ok(ExitCode::SUCCESS);
            }
            Status::Switching | Status::Retrying if began.elapsed() < args.timeout => {}
            Status::Switching | Status::Retrying => {
                figures::say(json, &now, &format!("{} is {} still\n", now.name, now.title));
                return Ok(ExitCode::from(EXIT_LATE));
            }
            _ => return Err(ended_otherwise(now)),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// It did not take over, or it did and could not go on.
fn ended_otherwise(now: Instance) -> Error {
    let (why, remedy) =
        now.why.map_or_else(|| (now.title.clone(), String::new()), |why| (why.detail, why.remedy));
    let (what, remedy) = if now.may_write {
        (format!("{} has taken over, and has stopped since: {why}", now.name), remedy)
    } else {
        let nothing = "nothing was changed, and the other direction goes on as it was";
        (format!("{} did not take over: {why}", now.name), format!("{nothing}; {remedy}"))
    };
    Error::new(Code::NotAllowed, what).with_remedy(remedy)
}

/// Says for what is being waited, when that changes.
fn tell_wait(now: &Instance, loses: &Instance, shown: &mut Option<(String, Option<u64>)>) {
    let Some(step) = &now.takeover else { return };
    let wait = (step.step.clone(), step.left);
    if shown.as_ref() == Some(&wait) {
        return;
    }
    let until = step.until.as_ref().map(|until| format!(", until {until}")).unwrap_or_default();
    let left = step.left.map(|left| format!(" ({left} transactions)")).unwrap_or_default();
    let what = match step.step.as_str() {
        "close" => format!("closing {} to applications", loses.source.url),
        "bring" => format!("{} brings the rest{left}", loses.name),
        "rest" => format!("{} comes to rest", loses.name),
        "look" => "looking once more that nothing is left".to_owned(),
        "compare" => "comparing both sides".to_owned(),
        "open" => format!("opening {} to applications", now.source.url),
        _ => "moving the right to write".to_owned(),
    };
    eprintln!("  … {what}{until}");
    *shown = Some(wait);
}

fn planned(plan: &TakeoverPlan) -> String {
    let mut text = plan.steps.join("\n");
    text.push_str("\n\nto keep applications out:\n");
    for fence in &plan.fences {
        let mark = if fence.chosen { "*" } else { " " };
        text.push_str(&format!("{mark} {:<10}", fence.way.name()));
        let lacks = fence.lacks.as_ref().map(|lacks| format!(" cannot be used: {lacks}"));
        let remedy = fence.remedy.as_ref().map(|remedy| format!(" ({remedy})"));
        let warnings = fence.warnings.iter().map(|warning| format!(" {warning};")).collect::<String>();
        text.push_str(&[lacks.unwrap_or_default(), remedy.unwrap_or_default(), warnings].concat());
        text.push('\n');
    }
    if let Some(left) = plan.left {
        text.push_str(&format!("\n{left} transactions are under way now\n"));
    }
    for obstacle in &plan.obstacles {
        text.push_str(&format!("it would be refused now: {obstacle}\n"));
    }
    text
}

async fn call_history(client: &Arc<Client>, one: &Instance) -> Result<Vec<Transition>> {
    let (asker, id) = (client.clone(), one.id.clone());
    call(move || asker.history(&id)).await
}

fn previewed(preview: &ReversePreview, each: bool) -> String {
    let mut text = format!("{} transactions", preview.transactions);
    if let (Some(first), Some(last)) = (&preview.first_at, &preview.last_at) {
        text.push_str(&format!(", from {first} to {last}"));
    }
    for (table, rows) in &preview.rows {
        text.push_str(&format!("\n{rows:>12} rows of {table}"));
    }
    text.push_str(&format!("\n{:>12} schema changes\n", preview.schema_changes));
    text.push_str(&format!("about {} s to write\n", preview.estimated_seconds));
    match &preview.on_both_sides {
        None => text.push_str("too many rows to tell which were changed on both sides\n"),
        Some(rows) if rows.is_empty() => text.push_str("no row waits to be brought in both directions\n"),
        Some(rows) => {
            text.push_str(&format!("{} rows wait to be brought in both directions:\n", rows.len()));
            rows.iter().for_each(|row| text.push_str(&format!("  {} {}\n", row.table, row.key)));
        }
    }
    if each {
        for PreviewChange { kind, table, what } in &preview.changes {
            text.push_str(&format!("{kind:>8}  {table}  {what}\n"));
        }
        let all = preview.rows.values().sum::<u64>() + preview.schema_changes;
        let more = all.saturating_sub(preview.changes.len() as u64);
        if more > 0 {
            text.push_str(&format!("     and {more} more\n"));
        }
    }
    text
}

fn said(line: &Transition) -> String {
    let why = line.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{}  {}{why}\n", line.at, line.event)
}

/// An instance and its reverse, by the name of either.
async fn pair(client: &Arc<Client>, name: String) -> Result<(Instance, Instance)> {
    let asker = client.clone();
    let one = call(move || asker.show(&name)).await?;
    let Some(peer) = one.peer.clone() else {
        let what = format!("{} has no reverse", one.name);
        let remedy = format!("tidegate reverse create {}", one.name);
        return Err(Error::new(Code::NotAllowed, what).with_remedy(remedy));
    };
    let asker = client.clone();
    let other = call(move || asker.show(&peer)).await?;
    Ok(if one.kind == Kind::Reverse { (other, one) } else { (one, other) })
}

async fn ask(client: &Arc<Client>, of: &Instance, command: Command) -> Result<()> {
    let request = Commands { command, instances: vec![of.id.clone()] };
    let asker = client.clone();
    let results = call(move || asker.commands(&request)).await?;
    let problem = results.into_iter().find_map(|result| result.problem);
    problem.map_or(Ok(()), |problem| Err(remote::of_problem(problem)))
}
