//! The service over HTTP.

mod accounts;
mod auth;
mod configure;
mod instances;

use crate::secrets::Vault;
use crate::store::Store;
use crate::supervisor::{Supervisor, problem};
use axum::Router;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use std::sync::Arc;
use tidegate_api::Command;
use tidegate_model::{Code, Error, Retry};

/// What every request can reach.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) store: Arc<Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) failures: Arc<auth::Failures>,
}

impl Service {
    pub(crate) fn new(store: Arc<Store>, vault: Arc<Vault>, supervisor: Arc<Supervisor>) -> Self {
        Self { store, vault, supervisor, failures: Arc::new(auth::Failures::new()) }
    }
}

/// Every route there is. All but these three ask who is there.
pub(crate) fn router(service: Service) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(auth::ready))
        .route("/api/v1/login", post(auth::login))
        .route("/api/v1/accounts", get(accounts::list))
        .route("/api/v1/accounts/{name}", put(accounts::put).delete(accounts::remove))
        .route("/api/v1/keys", post(accounts::key))
        .route("/api/v1/instances", get(instances::list).post(configure::create))
        .route("/api/v1/instances/{id}", get(instances::show).put(configure::configure))
        .route("/api/v1/instances/{id}/duplicate", post(configure::duplicate))
        .route("/api/v1/instances/{id}/rename", post(configure::rename))
        .route("/api/v1/instances/{id}/passwords", post(configure::passwords))
        .route("/api/v1/instances/{id}/history", get(instances::history))
        .route("/api/v1/instances/{id}/cleanup", get(instances::cleanup).post(instances::apply_cleanup))
        .route("/api/v1/instances/{id}/{command}", post(instances::command))
        .fallback(|| async { Failure::new(Error::new(Code::BadRequest, "there is no such address"), 404) })
        .with_state(service)
}

pub(crate) use auth::first_account;

/// The HTTP status of an error.
pub(crate) fn status_of(code: Code) -> u16 {
    match code {
        Code::InstanceUnknown => 404,
        Code::NameTaken | Code::NotAllowed | Code::LinkInUse => 409,
        Code::GenerationChanged => 412,
        Code::NotLoggedIn => 401,
        Code::RoleTooLow => 403,
        Code::NotYet => 501,
        Code::StoreFailed | Code::Internal | Code::SecretKey => 500,
        code if code.retry() == Retry::Auto => 503,
        _ => 400,
    }
}

/// An error on its way to a client.
pub(crate) struct Failure {
    error: Error,
    status: u16,
    allowed: Vec<Command>,
}

impl Failure {
    fn new(error: Error, status: u16) -> Self {
        Self { error, status, allowed: Vec::new() }
    }

    fn instead(error: Error, allowed: Vec<Command>) -> Self {
        Self { status: status_of(error.code()), error, allowed }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status_of(error.code());
        Self::new(error, status)
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(Error::new(Code::BadRequest, rejection.body_text()), rejection.status().as_u16())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(Error::new(Code::BadRequest, rejection.body_text()), rejection.status().as_u16())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::warn!(error = %self.error, status = self.status, "a request failed");
        }
        let mut problem = problem(&self.error);
        problem.status = self.status;
        problem.allowed = self.allowed;
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(problem)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
