//! The way back of a job.

use super::answer::{Refusal, done_in_words, with};
use super::asked::{Asked, instance_id};
use super::endpoint::turned;
use super::{configure, view};
use crate::lifecycle::{Decision, Event};
use crate::orders::{commanding, reversing};
use crate::store::Moved;
use serde_json::{Value, json};
use tidegate_api::{Command, Kind, NewReverse, Status};
use tidegate_model::{Code, Error};

/// It prechecks at once, and then collects; nothing is written before StartReverseWriter. `From` is ours: `now` or
/// `cutover`, where applications have written in the target already.
pub(super) async fn create(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let given = NewReverse { name: None, from: asked.given.get("From").map(str::to_owned) };
    let theirs = format!("{}-reverse", view::name(&found));
    let own_name = configure::free_name(asked, &theirs, None).await?;
    let given = NewReverse { name: Some(own_name.clone()), ..given };
    let made =
        reversing::reverse(&asked.service, asked.by(), found.id.clone(), given).await.map_err(|error| {
            let refusal = Refusal::from(error);
            let from = "; with this API, as the parameter From";
            Refusal {
                message: refusal
                    .message
                    .replace("with --from cutover", &format!("with --from cutover{from}")),
                ..refusal
            }
        })?;
    let mut given = turned(&found.submitted);
    given.extend([(configure::NAME.to_owned(), theirs), (configure::OWN_NAME.to_owned(), own_name)]);
    let made = configure::remember(asked, made.id, move |submitted| submitted.extend(given)).await?;
    Ok(with(
        done_in_words(),
        json!({ "DtsJobId": made.id, "DtsInstanceId": instance_id(&made.id), "HttpStatusCode": "200" }),
    ))
}

/// Has a reverse write. It is refused as long as the other direction can still write.
pub(super) async fn start_writer(asked: &Asked) -> Result<Value, Refusal> {
    let id = asked.given.need("DtsJobId")?.to_owned();
    let found = asked.find(id).await?;
    if found.spec.kind != Kind::Reverse {
        let what =
            format!("{} is no reverse job: name the one that CreateReverseDtsJob has made", found.spec.name);
        return Err(Error::new(Code::NotAllowed, what).into());
    }
    if asked.given.get("CheckPoint").is_some_and(|text| text != "0") {
        return Err(Refusal::denied(
            "CheckPoint: the reverse writes everything that it has collected, from the exact place where it began; \
             places in a log are not found by a time. Leave it out.",
        ));
    }
    commanding::answer(&asked.service, asked.by(), found.id, Command::Start, |store, id, by| {
        let found = store.find(id)?;
        let is_new = matches!(
            found.state.status,
            Status::NotStarted | Status::Prechecking | Status::PrecheckFailed | Status::PrecheckPassed
        );
        if is_new {
            let why = "it does not collect yet; wait until its precheck has passed";
            return Ok(Moved { decision: Decision::Refuse(why), instance: found });
        }
        store.decide(id, Event::Command(Command::Start), by, None, Some(found.generation))
    })
    .await?;
    Ok(done_in_words())
}
