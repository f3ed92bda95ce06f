//! One item of a precheck: looked at again, or passed over.

use super::auth::Caller;
use super::extract::{Body, OfInstance, Place};
use super::{Failure, Service};
use crate::orders::prechecking;
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_api::{PrecheckItem, Skip};

/// Looks at one item again, and at what belongs to it. The instance stays where it is.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/precheck/{item}",
    params(
        OfInstance,
        ("item" = String, Path, description = "The item's code"),
    ),
    responses((status = 200, description = "The item now", body = PrecheckItem), Failure),
)]
pub(super) async fn recheck(
    State(service): State<Service>,
    caller: Caller,
    Place((id, item)): Place<(String, String)>,
) -> Result<Json<PrecheckItem>, Failure> {
    caller.need(Role::Operator)?;
    Ok(Json(prechecking::look_again(&service, id, &item).await?))
}

/// Passes an item over from the next precheck on. What keeps an instance from running cannot be passed over.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/precheck/{item}/skip",
    params(
        OfInstance,
        ("item" = String, Path, description = "The item's code"),
    ),
    request_body = Skip,
    responses((status = 204, description = "It is passed over"), Failure),
)]
pub(super) async fn skip(
    State(service): State<Service>,
    caller: Caller,
    Place((id, item)): Place<(String, String)>,
    Body(Skip { reason }): Body<Skip>,
) -> Result<StatusCode, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    prechecking::skip(&service, by, id, item, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks at an item again from the next precheck on.
#[utoipa::path(
    delete,
    path = "/api/v1/instances/{id}/precheck/{item}/skip",
    params(
        OfInstance,
        ("item" = String, Path, description = "The item's code"),
    ),
    responses((status = 204, description = "It is not passed over"), Failure),
)]
pub(super) async fn unskip(
    State(service): State<Service>,
    caller: Caller,
    Place((id, item)): Place<(String, String)>,
) -> Result<StatusCode, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    prechecking::unskip(&service, by, id, item).await?;
    Ok(StatusCode::NO_CONTENT)
}
