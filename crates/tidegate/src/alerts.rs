//! `tidegate alerts …`: what is wrong, and who is told.

use crate::figures;
use crate::quantity::{parse_bytes, parse_duration};
use crate::remote::{RemoteArgs, call};
use clap::{Args, Subcommand};
use std::process::ExitCode;
use std::time::Duration;
use tidegate_api::{AlertSettings, Alerts};
use tidegate_service::Result;

#[derive(Subcommand)]
pub(crate) enum AlertsCommand {
    /// What is wrong now, and when somebody is told.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// When somebody is told, and where. What is left out has its default again.
    Set(SetArgs),
    /// Send a message that nothing is wrong, and say whether it arrived.
    Test {
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Args)]
pub(crate) struct SetArgs {
    /// Where a POST with JSON goes, with every alert and its end; it has a subject and a text for a mail.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// An instance is behind by more than this …
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5m")]
    lag: Duration,
    /// … for so long.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5m")]
    lag_for: Duration,
    /// A source that is not read keeps its log for less than this.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "24h")]
    keeps: Duration,
    /// The disk with the change logs has less room than this.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "10GiB")]
    free: u64,
    #[command(flatten)]
    remote: RemoteArgs,
}

impl AlertsCommand {
    fn remote(&self) -> &RemoteArgs {
        match self {
            Self::List { remote } | Self::Test { remote } => remote,
            Self::Set(args) => &args.remote,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.remote().json
    }
}

pub(crate) async fn run(command: AlertsCommand) -> Result<ExitCode> {
    let client = command.remote().client()?;
    let json = command.json();
    match command {
        AlertsCommand::List { .. } => {
            let alerts = call(move || client.alerts()).await?;
            figures::say(json, &alerts, &table(&alerts));
        }
        AlertsCommand::Set(args) => {
            let settings = AlertSettings {
                webhook: args.webhook,
                lag_seconds: args.lag.as_secs(),
                lag_minutes: args.lag_for.as_secs().div_ceil(60),
                keeps_hours: args.keeps.as_secs().div_ceil(3600),
                free_bytes: args.free,
            };
            let alerts = call(move || client.put_alerts(&settings)).await?;
            figures::say(json, &alerts, &table(&alerts));
        }
        AlertsCommand::Test { .. } => {
            call(move || client.test_alerts()).await?;
            figures::say(json, &serde_json::json!({ "arrived": true }), "it has arrived\n");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(alerts: &Alerts) -> String {
    let mut out = String::new();
    for alert in &alerts.firing {
        out.push_str(&format!(
            "{}, since {}\n    {}\n",
            alert.subject,
            alert.since,
            figures::one_line(&alert.text)
        ));
    }
    if alerts.firing.is_empty() {
        out.push_str("nothing is wrong\n");
    }
    let settings = &alerts.settings;
    match &settings.webhook {
        Some(webhook) => out.push_str(&format!("told to {webhook}\n")),
        None => out.push_str("nobody is told: tidegate alerts set --webhook URL\n"),
    }
    out.push_str(&format!(
        "when an instance fails or is stuck, is behind by {} s for {} min, a source that is not read keeps its log for less \
         than {} h, or less than {} MiB are free\n",
        settings.lag_seconds,
        settings.lag_minutes,
        settings.keeps_hours,
        settings.free_bytes >> 20
    ));
    if let Some(why) = &alerts.undelivered {
        out.push_str(&format!("the last message did not arrive: {}\n", figures::one_line(why)));
    }
    out
}
