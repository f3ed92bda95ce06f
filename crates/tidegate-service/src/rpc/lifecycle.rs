//! Starting, pausing, ending.

use super::answer::{Refusal, done};
use super::asked::{Asked, job_of};
use super::{configure, status};
use crate::lifecycle::{Event, State, objection};
use crate::orders::commanding;
use crate::store::Found;
use serde_json::Value;
use std::time::Duration;
use tidegate_api::{Command, CommandAnswer, Kind, Status};
use tidegate_model::{Code, Error};
use tokio::sync::broadcast::error::RecvError;

/// So long a job that is deleted while it runs may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// As many as may be asked for at once …
const SEVERAL_MAX: usize = 100;
/// … and deleted, because each may take [`ENDS_WITHIN`].
const DELETED_MAX: usize = 10;

pub(super) async fn command(asked: &Asked, command: Command) -> Result<Value, Refusal> {
    asked.one_way()?;
    let found = asked.job().await?;
    commanding::decide(&asked.service, asked.by(), found.id, command, None).await?;
    Ok(done())
}

pub(super) async fn start(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let found = asked.job().await?;
    start_one(asked, found.id).await?;
    Ok(done())
}

/// Starts what was not started, with its precheck, and resumes what rests. It never has a reverse write: that is
/// StartReverseWriter.
pub(super) async fn start_one(asked: &Asked, id: String) -> Result<(), Refusal> {
    if status::is_reset(&asked.find(id.clone()).await?) {
        let why = "The job was reset: it starts with ConfigureDtsJob.";
        return Err(Refusal::new(403, "InvalidJobStatus", why));
    }
    commanding::answer(&asked.service, asked.by(), id, Command::Start, |store, id, by| {
        let found = store.find(id)?;
        let is_new = matches!(
            found.state.status,
            Status::NotStarted | Status::Prechecking | Status::PrecheckFailed | Status::PrecheckPassed
        );
        let command =
            if found.spec.kind == Kind::Reverse && !is_new { Command::Resume } else { Command::Start };
        store.decide(id, Event::Command(command), by, None, Some(found.generation))
    })
    .await?;
    Ok(())
}

/// A reset there forgets the configuration and leaves the target as it is. Ours drops what it has copied, which whoever
/// calls this may not expect.
pub(super) async fn reset(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let found = asked.job().await?;
    if found.state.status == Status::NotConfigured {
        return Ok(done());
    }
    if !asked.service.settings.official_api.reset_drops_tables && found.state.status != Status::NotStarted {
        return Err(Refusal::denied(
            "A reset by this service drops the tables that the job has made in its target. If that is right, write \
             reset_drops_tables = true under [official_api] in its settings, or use tidegate instance reset; else \
             stop and delete the job, and create another.",
        ));
    }
    // As it was seen: what was started since keeps what it copies.
    let (id, seen) = (found.id.clone(), Some(found.generation));
    let answer = commanding::decide(&asked.service, asked.by(), id, Command::Reset, seen).await?;
    let (CommandAnswer::Accepted { generation, .. } | CommandAnswer::Already { generation, .. }) = answer;
    let reset = (status::RESET.to_owned(), generation.to_string());
    configure::remember(asked, found.id, move |submitted| submitted.extend([reset])).await?;
    Ok(done())
}

pub(super) async fn delete(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let found = asked.job().await?;
    delete_one(asked, found).await?;
    Ok(done())
}

/// Releases a job. One that runs is terminated before.
async fn delete_one(asked: &Asked, found: Found) -> Result<(), Refusal> {
    let ends_first = found.state.is_running() || found.state.status == Status::Terminating;
    if ends_first {
        may_be_released(asked, &found).await?;
        end(asked, &found).await?;
    }
    commanding::decide(&asked.service, asked.by(), found.id, Command::Release, None).await?;
    Ok(())
}

/// Once it is completed: nothing is terminated for a release that is refused then.
async fn may_be_released(asked: &Asked, found: &Found) -> Result<(), Refusal> {
    let Some(peer) = found.peer.clone() else { return Ok(()) };
    let other = asked.service.store.ask(move |store| store.find(&peer)).await?.state;
    let completed = State { status: Status::Completed, ..found.state };
    match objection(found.spec.kind, completed, other, Command::Release) {
        Some(why) => {
            let what = format!("{}: {why}", found.spec.name);
            Err(Error::new(Code::NotAllowed, what).into())
        }
        None => Ok(()),
    }
}

/// Terminates it and waits until that is done.
async fn end(asked: &Asked, found: &Found) -> Result<(), Refusal> {
    let mut happened = asked.service.store.happened();
    commanding::decide(&asked.service, asked.by(), found.id.clone(), Command::Terminate, None).await?;
    let ended = async {
        loop {
            let now = asked.find(found.id.clone()).await?;
            if now.state.status == Status::Completed {
                return Ok(());
            }
            loop {
                match happened.recv().await {
                    Ok(one) if one.id == found.id => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Err(still_ending()),
                }
            }
        }
    };
    tokio::time::timeout(ENDS_WITHIN, ended).await.unwrap_or_else(|_| Err(still_ending()))
}

fn still_ending() -> Refusal {
    Refusal::new(403, "InvalidJobStatus", "The job is being terminated; delete it again in a moment.")
}

/// Terraform deletes an instance after its job, which were one here.
pub(super) async fn delete_old(asked: &Asked, name: &str) -> Result<Value, Refusal> {
    let id = job_of(asked.given.need(name)?).to_owned();
    let found = asked.find(id).await.map_err(|refusal| match refusal.code.as_str() {
        "Forbidden.InstanceNotFound" => Refusal { code: "InvalidJobId".to_owned(), ..refusal },
        _ => refusal,
    })?;
    delete_one(asked, found).await?;
    Ok(super::answer::done_in_words())
}

/// The same for each of a list, whatever becomes of the others.
pub(super) async fn several(asked: &Asked, action: &str) -> Result<Value, Refusal> {
    asked.given.need("DtsJobIds")?;
    let ids = asked.given.names("DtsJobIds")?;
    let most = if action == "DeleteDtsJobs" { DELETED_MAX } else { SEVERAL_MAX };
    if ids.is_empty() || ids.len() > most {
        return Err(super::parameters::invalid("DtsJobIds", &format!("write 1 to {most} ids")));
    }
    let mut failed: Option<Refusal> = None;
    for id in ids {
        let outcome = one(asked, action, id.clone()).await;
        if let Err(refusal) = outcome {
            let said = format!("{id}: {}", refusal.message);
            match &mut failed {
                Some(first) => first.message = format!("{}; {said}", first.message),
                None => failed = Some(Refusal { message: said, ..refusal }),
            }
        }
    }
    failed.map_or_else(|| Ok(done()), Err)
}

async fn one(asked: &Asked, action: &str, id: String) -> Result<(), Refusal> {
    let found = asked.find(id).await?;
    let command = match action {
        "StartDtsJobs" => return start_one(asked, found.id).await,
        "DeleteDtsJobs" => return delete_one(asked, found).await,
        "SuspendDtsJobs" => Command::Pause,
        _ => Command::Terminate,
    };
    commanding::decide(&asked.service, asked.by(), found.id, command, None).await?;
    Ok(())
}
