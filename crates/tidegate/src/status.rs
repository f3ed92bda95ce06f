//! `tidegate status`: all instances at a glance, and as they change.

use crate::figures;
use crate::instance::list_table;
use crate::remote::{RemoteArgs, call};
use crate::signals::Signals;
use clap::Args;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tidegate_service::Result;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// To the upper left, and nothing below.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// All instances: on a terminal as they change, until Ctrl-C; else once.
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Look once.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

pub(crate) async fn run(args: StatusArgs) -> Result<ExitCode> {
    let client = Arc::new(args.remote.client()?);
    let json = args.remote.json;
    let live = !args.once && !json && std::io::stdout().is_terminal();
    let mut signals = Signals::listen()?;
    loop {
        let asker = client.clone();
        let (list, alerts) = call(move || Ok((asker.list(None, None)?, asker.alerts()?))).await?;
        let mut text = list_table(&list);
        for alert in &alerts.firing {
            text.push_str(&format!("! {}, since {}\n", alert.subject, alert.since));
        }
        if !live {
            figures::say(json, &list, &text);
            return Ok(ExitCode::SUCCESS);
        }
        figures::print(&format!("{CLEAR}{text}"));
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = signals.next() => return Ok(ExitCode::SUCCESS),
        }
    }
}
