//! Making instances, and what can be changed about them.

use super::auth::Caller;
use super::extract::{Asked, Body, OfInstance, Place};
use super::instances::shown;
use super::{Failure, Service};
use crate::orders::{changing, making};
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use tidegate_api::{CreateInstance, Instance, NewEndpoints, NewName, NewPasswords, Objects, ObjectsChange};
use utoipa::IntoParams;

/// A new instance. It does nothing before it is started.
#[utoipa::path(
    post,
    path = "/api/v1/instances",
    request_body = CreateInstance,
    responses((status = 201, description = "It is made", body = Instance), Failure),
)]
pub(super) async fn create(
    State(service): State<Service>,
    caller: Caller,
    Body(spec): Body<CreateInstance>,
) -> Result<(StatusCode, Json<Instance>), Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let made = making::make(&service, by, spec).await?;
    Ok((StatusCode::CREATED, Json(shown(&service, made))))
}

/// Another configuration for an instance that was not started.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}",
    params(OfInstance),
    request_body = CreateInstance,
    responses((status = 200, description = "It is configured", body = Instance), Failure),
)]
pub(super) async fn configure(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(spec): Body<CreateInstance>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    Ok(Json(shown(&service, making::configure(&service, by, id, spec).await?)))
}

/// A new instance with the configuration of another, which may be completed.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/duplicate",
    params(OfInstance),
    request_body = NewName,
    responses((status = 201, description = "It is made", body = Instance), Failure),
)]
pub(super) async fn duplicate(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(NewName { name }): Body<NewName>,
) -> Result<(StatusCode, Json<Instance>), Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let made = making::duplicate(&service, by, id, name).await?;
    Ok((StatusCode::CREATED, Json(shown(&service, made))))
}

/// Another name.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/rename",
    params(OfInstance),
    request_body = NewName,
    responses((status = 200, description = "It has that name", body = Instance), Failure),
)]
pub(super) async fn rename(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(NewName { name }): Body<NewName>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    Ok(Json(shown(&service, changing::rename(&service, by, id, name).await?)))
}

/// Other passwords for the accounts at the two databases.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/passwords",
    params(OfInstance),
    request_body = NewPasswords,
    responses((status = 200, description = "It has them", body = Instance), Failure),
)]
pub(super) async fn passwords(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(passwords): Body<NewPasswords>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    Ok(Json(shown(&service, changing::passwords(&service, by, id, passwords).await?)))
}

/// Other addresses or accounts of the same two servers, for an instance that is paused or has failed.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/endpoints",
    params(OfInstance),
    request_body = NewEndpoints,
    responses((status = 200, description = "It has them", body = Instance), Failure),
)]
pub(super) async fn endpoints(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(endpoints): Body<NewEndpoints>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    Ok(Json(shown(&service, changing::endpoints(&service, by, id, endpoints).await?)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Say what it would mean, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Other objects for an instance that runs. What is added is copied while the rest goes on; what is removed is not
/// followed any more, and stays in the target. The objects that it has take back what is wanted and not done yet.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/objects",
    params(OfInstance, DryRun),
    request_body = Objects,
    responses((status = 200, description = "What it means", body = ObjectsChange), Failure),
)]
pub(super) async fn objects(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Asked(DryRun { dry_run }): Asked<DryRun>,
    Body(objects): Body<Objects>,
) -> Result<Json<ObjectsChange>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    Ok(Json(changing::objects(&service, by, id, objects, dry_run).await?))
}

/// Other tags in place of those that it has.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/tags",
    params(OfInstance),
    request_body = BTreeMap<String, String>,
    responses((status = 200, description = "It has them", body = Instance), Failure),
)]
pub(super) async fn tags(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(tags): Body<BTreeMap<String, String>>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    Ok(Json(shown(&service, changing::tag(&service, by, id, move |all| *all = tags).await?)))
}
