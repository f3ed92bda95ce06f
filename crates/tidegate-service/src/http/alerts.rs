//! Alerts over HTTP.

use super::auth::Caller;
use super::extract::Body;
use super::{Failure, Service};
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_api::{AlertSettings, Alerts};
use tidegate_model::Result;

/// What is wrong now, and when somebody is told.
#[utoipa::path(get, path = "/api/v1/alerts", responses((status = 200, description = "The alerts", body = Alerts), Failure))]
pub(super) async fn list(State(service): State<Service>, _: Caller) -> Result<Json<Alerts>, Failure> {
    Ok(Json(service.alarm.shown().await?))
}

/// When somebody is told, and where. Without a webhook nothing is sent.
#[utoipa::path(
    put,
    path = "/api/v1/alerts",
    request_body = AlertSettings,
    responses((status = 200, description = "As they are now", body = Alerts), Failure),
)]
pub(super) async fn put(
    State(service): State<Service>,
    caller: Caller,
    Body(settings): Body<AlertSettings>,
) -> Result<Json<Alerts>, Failure> {
    let by = caller.need(Role::Admin)?.to_owned();
    service.alarm.change(settings).await?;
    service
        .store
        .ask(move |store| {
            store.audit_done(&by, "put alert settings", "service", "accepted");
            Ok(())
        })
        .await?;
    Ok(Json(service.alarm.shown().await?))
}

/// Sends a message that nothing is wrong.
#[utoipa::path(post, path = "/api/v1/alerts/test", responses((status = 204, description = "It has arrived"), Failure))]
pub(super) async fn test(State(service): State<Service>, caller: Caller) -> Result<StatusCode, Failure> {
    let by = caller.need(Role::Admin)?.to_owned();
    service.alarm.test(&by).await?;
    Ok(StatusCode::NO_CONTENT)
}
