//! Whether a database can be reached, before anything is made of it.

use super::auth::Caller;
use super::extract::Body;
use super::{Failure, Service};
use crate::endpoint::Side;
use crate::orders::connecting;
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use tidegate_api::{ConnectionAnswer, ConnectionRequest};

/// Logs in to a server and leaves again.
#[utoipa::path(
    post,
    path = "/api/v1/connection",
    request_body = ConnectionRequest,
    responses((status = 200, description = "Who answered", body = ConnectionAnswer), Failure),
)]
pub(super) async fn test(
    State(service): State<Service>,
    caller: Caller,
    Body(ConnectionRequest { endpoint }): Body<ConnectionRequest>,
) -> Result<Json<ConnectionAnswer>, Failure> {
    caller.need(Role::Operator)?;
    Ok(Json(connecting::connect(&service, endpoint, Side::Source).await?))
}
