//! Instances over HTTP.

use super::auth::Caller;
use super::extract::{Asked, Body, Place};
use super::{Failure, Service};
use crate::lifecycle::{Decision, Event, allowed};
use crate::store::{Found, Role};
use crate::{cleanup, crash};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::sync::atomic::Ordering;
use tidegate_api::{
    Cleanup, Command, CommandAnswer, CommandRequest, Instance, InstanceList, Status, TableState, Transition,
};
use tidegate_engine::progress::{Progress, Step};
use tidegate_model::{Code, Error, Result};
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those that are there.
    status: Option<String>,
}

/// Instances, without their prechecks.
#[utoipa::path(
    get,
    path = "/api/v1/instances",
    params(Filter),
    responses((status = 200, description = "The instances", body = InstanceList), Failure),
)]
pub(super) async fn list(
    State(service): State<Service>,
    _: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<InstanceList>, Failure> {
    let status =
        match filter.status {
            None => None,
            Some(name) => Some(Status::parse(&name).ok_or_else(|| {
                Error::new(Code::BadRequest, format!("status: there is no status '{name}'"))
            })?),
        };
    let found = service.store.ask(move |store| store.list(status)).await?;
    let instances: Vec<Instance> = found.into_iter().map(|found| shown(&service, found)).collect();
    Ok(Json(InstanceList { total: instances.len() as u64, instances }))
}

/// One instance, with its last precheck.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}",
    params(("id" = String, Path, description = "Its id or its name", example = "shop")),
    responses((status = 200, description = "The instance", body = Instance), Failure),
)]
pub(super) async fn show(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<Instance>, Failure> {
    let mut found = service.store.ask(move |store| store.find(&id)).await?;
    let precheck = found.precheck.take().unwrap_or_default();
    Ok(Json(Instance { precheck, ..shown(&service, found) }))
}

/// What happened to an instance, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/history",
    params(("id" = String, Path, description = "Its id or its name", example = "shop")),
    responses((status = 200, description = "What happened to it", body = Vec<Transition>), Failure),
)]
pub(super) async fn history(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<Vec<Transition>>, Failure> {
    Ok(Json(service.store.ask(move |store| store.transitions(&id)).await?))
}

/// Asks an instance for something.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/{command}",
    params(("id" = String, Path, description = "Its id or its name", example = "shop"), ("command" = Command, Path, description = "What is asked of it; to configure it has a request of its own")),
    request_body = CommandRequest,
    responses((status = 200, description = "What became of it", body = CommandAnswer), Failure),
)]
pub(super) async fn command(
    State(service): State<Service>,
    caller: Caller,
    Place((id, name)): Place<(String, String)>,
    Body(request): Body<CommandRequest>,
) -> Result<Json<CommandAnswer>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    // Configuring takes values, and has its own request.
    let command = Command::ALL.into_iter().find(|one| one.name() == name && *one != Command::Configure);
    let Some(command) = command else {
        let what = format!("'{name}' is no command of an instance");
        return Err(Failure::new(Error::new(Code::BadRequest, what), 404));
    };
    let supervisor = service.supervisor.clone();
    let moved = service
        .store
        .ask(move |store| {
            let moved = store.decide(&id, Event::Command(command), &by, None, request.generation);
            crash::point("decided");
            // Here, because whoever asked may be gone before the answer is there.
            if let Ok(moved) = &moved {
                supervisor.wake(&moved.instance.id);
            }
            let outcome = match &moved {
                Ok(moved) => match moved.decision {
                    Decision::Move(_) => "accepted".to_owned(),
                    Decision::Already => "already".to_owned(),
                    Decision::Refuse(why) => format!("refused: {why}"),
                },
                Err(error) => error.to_string(),
            };
            store.audit_done(&by, command.name(), &id, &outcome);
            moved
        })
        .await?;
    let found = moved.instance;
    let (status, generation) = (found.state.status, found.generation);
    match moved.decision {
        Decision::Move(_) => Ok(Json(CommandAnswer::Accepted { status, generation })),
        Decision::Already => Ok(Json(CommandAnswer::Already { status, generation })),
        Decision::Refuse(why) => Err(refused(&found, why)),
    }
}

/// What the instance does not allow now, and what it does.
pub(super) fn refused(found: &Found, why: &str) -> Failure {
    let instead = allowed(found.spec.kind, found.state);
    let names: Vec<&str> = instead.iter().map(|command| command.name()).collect();
    let what = format!("{} is {}: {why}", found.spec.name, found.state.status.title());
    let remedy = match names.as_slice() {
        [] => "nothing is left to be done with it".to_owned(),
        names => format!("allowed now: {}", names.join(", ")),
    };
    Failure::instead(Error::new(Code::NotAllowed, what).with_remedy(remedy), instead)
}

/// What to remove so that nothing of ours can reach the databases any more.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/cleanup",
    params(("id" = String, Path, description = "Its id or its name", example = "shop")),
    responses((status = 200, description = "What is to be removed", body = Cleanup), Failure),
)]
pub(super) async fn cleanup(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<Cleanup>, Failure> {
    clean(&service, id, false).await.map(Json)
}

/// Removes what can be removed in the databases. The instance must be completed.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/cleanup",
    params(("id" = String, Path, description = "Its id or its name", example = "shop")),
    responses((status = 200, description = "What was removed", body = Cleanup), Failure),
)]
pub(super) async fn apply_cleanup(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<Cleanup>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let object = id.clone();
    service.store.ask(move |store| store.audit(&by, "cleanup", &object, "asked")).await?;
    clean(&service, id, true).await.map(Json)
}

async fn clean(service: &Service, id: String, apply: bool) -> Result<Cleanup, Failure> {
    let (found, others) = service.store.ask(move |store| Ok((store.find(&id)?, store.list(None)?))).await?;
    if apply && found.state.status != Status::Completed {
        return Err(refused(&found, "only what is completed is cleaned up"));
    }
    let plan = service.supervisor.plan(&found)?;
    let others =
        others.iter().filter(|other| other.id != found.id && other.state.status != Status::Completed);
    let needed: Result<Vec<String>> =
        others.map(|other| service.supervisor.plan(other)).try_fold(Vec::new(), |mut all, plan| {
            let plan = plan?;
            all.extend([plan.source().user(), plan.target().user()]);
            Ok(all)
        });
    // By its name alone, because one server has many addresses; and whoever cannot be asked may need it.
    let shared =
        move |user: &str| needed.as_ref().map_or(true, |needed| needed.iter().any(|one| one == user));
    Ok(if apply { cleanup::apply(&plan, &shared).await } else { cleanup::list(&plan, &shared).await })
}

pub(super) fn shown(service: &Service, found: Found) -> Instance {
    let progress = service.supervisor.progress(&found.id).map(|progress| sample(&progress));
    let (spec, id) = (found.spec, found.id.clone());
    Instance {
        commands: allowed(spec.kind, found.state),
        title: found.state.status.title().to_owned(),
        id: found.id,
        name: spec.name,
        kind: spec.kind,
        status: found.state.status,
        generation: found.generation,
        source: spec.source,
        target: spec.target,
        objects: spec.objects,
        full_only: spec.full_only,
        tuning: spec.tuning,
        created_at: found.created_at,
        changed_at: found.changed_at,
        why: found.why.or_else(|| service.supervisor.trouble(&id)),
        progress,
        precheck: Vec::new(),
    }
}

fn sample(progress: &Progress) -> tidegate_api::Progress {
    let step = match *progress.step().borrow() {
        Step::Preparing => "preparing",
        Step::Collecting => "collecting",
        Step::Copying => "copying",
        Step::CatchingUp => "catching_up",
        Step::Streaming => "streaming",
    };
    let applied = progress.applied_up_to().borrow().clone();
    let tables = progress.tables().into_iter().map(|table| TableState {
        name: table.name.to_string(),
        rows: table.rows,
        rows_estimated: table.rows_estimated,
        done: table.done,
    });
    tidegate_api::Progress {
        step: step.to_owned(),
        rows_copied: progress.rows_copied.load(Ordering::Relaxed),
        rows_applied: progress.rows_applied.load(Ordering::Relaxed),
        transactions_applied: progress.transactions_applied.load(Ordering::Relaxed),
        bytes_captured: progress.bytes_captured.load(Ordering::Relaxed),
        seq_captured: progress.captured().borrow().seq.0,
        seq_applied: applied.seq.0,
        position: applied.position.to_string(),
        position_captured: progress.captured().borrow().position.to_string(),
        lag_ms_p50: None,
        lag_ms_p99: None,
        tables: tables.collect(),
    }
}
