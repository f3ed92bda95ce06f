//! How the service is set up, for whoever uses it.

use super::auth::Caller;
use super::{Failure, Service};
use axum::Json;
use axum::extract::State;
use tidegate_api::ServiceView;
use tidegate_model::Result;

/// How the service is set up.
#[utoipa::path(
    get,
    path = "/api/v1/service",
    responses((status = 200, description = "How it is set up", body = ServiceView), Failure),
)]
pub(super) async fn show(State(service): State<Service>, _: Caller) -> Result<Json<ServiceView>, Failure> {
    let settings = &service.settings;
    Ok(Json(ServiceView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        listen: settings.listen.to_string(),
        official_listen: settings.official_api.listen.map(|address| address.to_string()),
        requests_per_second: settings.limits.requests_per_second,
        regions: settings.regions.clone(),
        allow: settings.network.allow.clone(),
        deny: settings.network.deny.clone(),
    }))
}
