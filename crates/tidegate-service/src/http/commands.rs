//! What is asked of instances.

use super::auth::Caller;
use super::extract::{Body, OfInstance, Place};
use super::{Failure, Service};
use crate::cleanup;
use crate::orders::commanding::decide;
use crate::orders::refused;
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use tidegate_api::{
    Cleanup, Command, CommandAnswer, CommandRequest, CommandResult, Commands, DroppedTable, ResetPreview,
    Status,
};
use tidegate_model::{Code, Error, Result};

/// Asks an instance for something.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/{command}",
    params(OfInstance, ("command" = Command, Path, description = "What is asked of it; to configure it has a request of its own")),
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
    decide(&service, by, id, command, request.generation).await.map(Json)
}

/// Asks several instances for the same. Each is asked for itself, whatever becomes of the others.
#[utoipa::path(
    post,
    path = "/api/v1/commands",
    request_body = Commands,
    responses((status = 200, description = "What became of it, for each", body = Vec<CommandResult>), Failure),
)]
pub(super) async fn commands(
    State(service): State<Service>,
    caller: Caller,
    Body(Commands { command, instances }): Body<Commands>,
) -> Result<Json<Vec<CommandResult>>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    if command == Command::Configure {
        return Err(Error::new(Code::BadRequest, "command: to configure takes values; use PUT").into());
    }
    let mut results = Vec::with_capacity(instances.len());
    for instance in instances {
        let decided = decide(&service, by.clone(), instance.clone(), command, None).await;
        let (answer, problem) = match decided {
            Ok(answer) => (Some(answer), None),
            Err(failure) => (None, Some(failure.problem())),
        };
        results.push(CommandResult { instance, answer, problem });
    }
    Ok(Json(results))
}

/// What the command reset would drop. Nothing is changed.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/reset",
    params(OfInstance),
    responses((status = 200, description = "The tables", body = ResetPreview), Failure),
)]
pub(super) async fn preview_reset(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<ResetPreview>, Failure> {
    let found = service.store.ask(move |store| store.find(&id)).await?;
    let main = service.supervisor.plan(&found)?;
    let mut tables = main.would_drop().await?;
    if let Some(wanted) = &found.wanted {
        let adding = main.adding(&service.supervisor.plan_with(&found, &wanted.objects)?)?;
        tables.extend(adding.would_drop().await?);
    }
    let tables = tables.into_iter().map(|(name, rows_copied)| DroppedTable { name, rows_copied });
    Ok(Json(ResetPreview { tables: tables.collect() }))
}

/// What to remove so that nothing of ours can reach the databases any more.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/cleanup",
    params(OfInstance),
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
    params(OfInstance),
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
    let (found, others) = service.store.ask(move |store| Ok((store.find(&id)?, store.list()?))).await?;
    if apply && found.state.status != Status::Completed {
        return Err(refused(&found, "only what is completed is cleaned up"));
    }
    let plan = service.supervisor.plan(&found)?;
    let others = others.iter().filter(|other| {
        other.id != found.id && !matches!(other.state.status, Status::NotConfigured | Status::Completed)
    });
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
