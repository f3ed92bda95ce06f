//! `tidegate instance wait`.

use super::args::WaitArgs;
use crate::failure::EXIT_LATE;
use crate::figures;
use crate::remote::call;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::{Client, Instance, Status};
use tidegate_service::{Code, Error, Result};
use tokio::time::Instant;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    Status(Status),
    CaughtUp,
}

pub(super) fn parse_goal(text: &str) -> Result<Goal, String> {
    if text == "caught-up" {
        return Ok(Goal::CaughtUp);
    }
    parse_status(text).map(Goal::Status).map_err(|why| format!("write caught-up, or {why}"))
}

pub(super) fn parse_status(text: &str) -> Result<Status, String> {
    let known = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("one of {}", Status::ALL.map(Status::name).join(", ")))
}

pub(super) async fn wait(client: Arc<Client>, args: WaitArgs, json: bool) -> Result<ExitCode> {
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
