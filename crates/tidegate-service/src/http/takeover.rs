//! Taking over, asked for and looked at before.

use super::auth::Caller;
use super::extract::{Asked, Body, OfInstance, Place};
use super::{Failure, Service};
use crate::lifecycle::{Decision, Event, next, objection};
use crate::orders::commanding::answer;
use crate::store::{Found, Role};
use crate::sync::{self, SyncPlan};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tidegate_api::{
    Command, CommandAnswer, CompareChoice, FenceChoice, FenceOffered, Takeover, TakeoverPlan,
};
use tidegate_model::{Code, Error, Result};
use utoipa::IntoParams;

const WITHIN_MAX: u64 = 86_400;

/// Lets one of a pair take over from the other: applications are kept out of the side that they leave, the other direction
/// brings everything and rests, both sides are compared, and the right to write moves. Up to the point of no return it is
/// declined, and everything is as before, if any of that cannot be done.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/takeover",
    params(OfInstance),
    request_body = Takeover,
    responses((status = 200, description = "What became of it", body = CommandAnswer), Failure),
)]
pub(super) async fn take_over(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(how): Body<Takeover>,
) -> Result<Json<CommandAnswer>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    if !(1..=WITHIN_MAX).contains(&how.within_seconds) {
        let what = format!("within_seconds: {} is not within 1 to {WITHIN_MAX}", how.within_seconds);
        return Err(Error::new(Code::BadRequest, what).into());
    }
    answer(&service, by, id, Command::Takeover, move |store, id, by| store.take_over(id, &how, by))
        .await
        .map(Json)
}

/// How it is asked what a takeover would do.
#[derive(Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[derive(Default)]
pub(super) struct How {
    /// How applications would be kept out.
    fence: FenceChoice,
    /// What would be compared.
    compare: CompareChoice,
}

/// What a takeover would do, and what is in its way. Both databases are asked; nothing is changed.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/takeover",
    params(OfInstance, How),
    responses((status = 200, description = "What it would do", body = TakeoverPlan), Failure),
)]
pub(super) async fn plan(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
    Asked(how): Asked<How>,
) -> Result<Json<TakeoverPlan>, Failure> {
    let (found, other) = service
        .store
        .ask(move |store| {
            let found = store.find(&id)?;
            let Some(peer) = &found.peer else {
                let what = format!("{} is not one of a pair", found.spec.name);
                return Err(Error::new(Code::NotAllowed, what)
                    .with_remedy(format!("tidegate reverse create {}", found.spec.name)));
            };
            let other = store.find(peer)?;
            Ok((found, other))
        })
        .await?;
    let (own_plan, other_plan) = (service.supervisor.plan(&found)?, service.supervisor.plan(&other)?);
    let fences = sync::offered_fences(own_plan.fence(&other_plan).as_ref(), how.fence).await?;
    let left = service.supervisor.progress(&other.id).map(|(progress, _)| {
        let applied = progress.applied_up_to().borrow().seq;
        progress.captured().borrow().seq.0.saturating_sub(applied.0)
    });
    let obstacles = obstacles(&found, &other, &fences, &other_plan, &how).await;
    let steps = steps(&found, &other, &fences, &how);
    Ok(Json(TakeoverPlan { steps, fences, left, obstacles }))
}

async fn obstacles(
    found: &Found,
    other: &Found,
    fences: &[FenceOffered],
    other_plan: &SyncPlan,
    how: &How,
) -> Vec<String> {
    let mut obstacles = Vec::new();
    let kind = found.spec.kind;
    let against = match next(kind, found.state, Event::Command(Command::Takeover)) {
        Decision::Refuse(why) => Some(why),
        _ => objection(kind, found.state, other.state, Command::Takeover),
    };
    obstacles.extend(against.map(|why| format!("{}: {why}", found.spec.name)));
    for fence in fences.iter().filter(|fence| fence.chosen) {
        obstacles.extend(fence.lacks.as_ref().map(|lacks| format!("fence: {lacks}")));
    }
    if how.compare != CompareChoice::Nothing
        && let Err(error) = other_plan.compare(CompareChoice::Definitions).await
    {
        obstacles.push(error.message().to_owned());
    }
    obstacles
}

/// One line for each step.
fn steps(found: &Found, other: &Found, fences: &[FenceOffered], how: &How) -> Vec<String> {
    let (gains, loses) = (&found.spec.name, &other.spec.name);
    let (left, entered) = (&other.spec.source.url, &found.spec.source.url);
    let way = fences.iter().find(|fence| fence.chosen).map_or(FenceChoice::Declared, |fence| fence.way);
    let close = match way {
        FenceChoice::ReadOnly => {
            format!("close {left}: the whole server becomes read-only; open transactions cannot commit")
        }
        FenceChoice::Triggers => {
            format!("close {left}: a trigger on each table refuses rows; open transactions are waited for")
        }
        _ => format!("you: stop the applications that write to {left}; nothing else keeps them out"),
    };
    let compare = match how.compare {
        CompareChoice::Nothing => "compare nothing",
        CompareChoice::Definitions => "compare the definitions of both sides",
        CompareChoice::Rows => "compare every row of both sides; nobody writes meanwhile",
    };
    let steps = [
        close,
        format!("wait until {loses} has applied everything that {left} has"),
        format!("pause {loses}, and look again that nothing is left"),
        compare.to_owned(),
        format!("point of no return: the right to write goes from {loses} to {gains}"),
        format!("{} takes the right away from {loses}, for whoever runs it", other.spec.target.url),
        format!("{left} gives it to {gains}, which applies what it has collected"),
        format!("open {entered} to applications"),
    ];
    steps.into_iter().enumerate().map(|(at, step)| format!("{}. {step}", at + 1)).collect()
}
