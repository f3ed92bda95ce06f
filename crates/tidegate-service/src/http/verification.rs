//! Comparing both sides of an instance, row by row.

use super::auth::Caller;
use super::extract::{OfInstance, Place};
use super::{Failure, Service};
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_api::Verification;
use tidegate_model::Result;

/// Begins a full comparison of both sides. Both are read; nothing is changed.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/verification",
    params(OfInstance),
    responses((status = 202, description = "It has begun", body = Verification), Failure),
)]
pub(super) async fn begin(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<(StatusCode, Json<Verification>), Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let supervisor = service.supervisor.clone();
    let begun = service
        .store
        .ask(move |store| {
            let found = store.find(&id)?;
            let begun = supervisor.verify(&found);
            let outcome = begun.as_ref().err().map_or("accepted".to_owned(), ToString::to_string);
            store.audit_done(&by, "verify", &found.id, &outcome);
            begun
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

/// The last full comparison, or the one that is under way. What differs names rows, which are data: operators see it.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/verification",
    params(OfInstance),
    responses((status = 200, description = "How far it is, or what came out", body = Verification), Failure),
)]
pub(super) async fn show(
    State(service): State<Service>,
    Caller(account): Caller,
    Place(id): Place<String>,
) -> Result<Json<Verification>, Failure> {
    let found = service.store.ask(move |store| store.find(&id)).await?;
    let mut verification = service.supervisor.verification(&found.id);
    if account.role < Role::Operator {
        for table in &mut verification.tables {
            table.differences.clear();
        }
    }
    Ok(Json(verification))
}
