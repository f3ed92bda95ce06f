//! The service over HTTP.

mod about;
mod accounts;
mod alerts;
mod auth;
mod commands;
mod configure;
mod conflicts;
mod connection;
mod console;
mod events;
mod extract;
mod instances;
mod keys;
mod limits;
mod listen;
mod metrics;
mod once;
mod openapi;
mod precheck;
mod reverse;
mod session;
mod takeover;
mod tree;
mod verification;

use crate::alerts::Alarm;
use crate::secrets::Vault;
use crate::settings::{Limits, Settings};
use crate::store::Store;
use crate::supervisor::{Supervisor, problem};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use openapi::Document;
use std::sync::Arc;
use tidegate_api::{Command, Problem};
use tidegate_model::{Code, Error, Retry};
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A configuration with thousands of patterns has room in it.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What every request can reach.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) store: Arc<Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) failures: Arc<auth::Failures>,
    pub(crate) settings: Arc<Settings>,
}

impl Service {
    pub(crate) fn new(
        store: Arc<Store>,
        vault: Arc<Vault>,
        supervisor: Arc<Supervisor>,
        alarm: Arc<Alarm>,
        settings: &Settings,
    ) -> Self {
        let failures = Arc::new(auth::Failures::new());
        Self { store, vault, supervisor, alarm, failures, settings: Arc::new(settings.clone()) }
    }
}

/// Every route there is, and the document that describes them. All but those with `security(())` ask who is there.
fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(healthy))
        .routes(routes!(auth::ready))
        .routes(routes!(auth::login))
        .routes(routes!(session::enter, session::show, session::leave))
        .routes(routes!(about::show))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::put, accounts::remove))
        .routes(routes!(accounts::key))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::remove))
        .routes(routes!(connection::test))
        .routes(routes!(instances::list, configure::create))
        .routes(routes!(instances::show, configure::configure))
        .routes(routes!(configure::duplicate))
        .routes(routes!(reverse::create))
        .routes(routes!(reverse::preview))
        .routes(routes!(conflicts::list, conflicts::settle))
        .routes(routes!(conflicts::policy, conflicts::put_policy))
        .routes(routes!(takeover::take_over, takeover::plan))
        .routes(routes!(configure::rename))
        .routes(routes!(configure::passwords))
        .routes(routes!(instances::history))
        .routes(routes!(instances::samples))
        .routes(routes!(verification::begin, verification::show))
        .routes(routes!(configure::endpoints))
        .routes(routes!(configure::objects))
        .routes(routes!(configure::tags))
        .routes(routes!(precheck::recheck))
        .routes(routes!(precheck::skip, precheck::unskip))
        .routes(routes!(commands::preview_reset))
        .routes(routes!(commands::cleanup, commands::apply_cleanup))
        .routes(routes!(commands::command))
        .routes(routes!(commands::commands))
        .routes(routes!(accounts::audit))
        .routes(routes!(alerts::list, alerts::put))
        .routes(routes!(alerts::test))
        .routes(routes!(tree::tree))
        .routes(routes!(events::all))
        .routes(routes!(events::one))
        .routes(routes!(metrics::metrics))
}

pub(crate) fn router(service: Service, limits: &Limits) -> Router {
    let (router, _) = routes().split_for_parts();
    let no_method = || async { misplaced("this address takes other methods", 405) };
    router
        .route(
            "/api/v1/openapi.json",
            get(|| async { ([(header::CONTENT_TYPE, "application/json")], document()) }),
        )
        .fallback(console::serve)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(service.clone(), once::once))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(limits::Guard::new(limits), limits::hold))
        .layer(middleware::from_fn(console::guarded))
        .layer(middleware::from_fn(traced))
        .with_state(service)
}

/// A span for each request. What stands behind the `?` is not in it.
pub(crate) async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        path = request.uri().path(),
        status = tracing::field::Empty
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    response
}

fn misplaced(why: &str, status: u16) -> Failure {
    Failure::new(Error::new(Code::BadRequest, why), status)
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, description = "It answers", body = String)))]
async fn healthy() -> &'static str {
    "ok\n"
}

pub(crate) use auth::{first_account, reset_password};
pub(crate) use console::guarded;
pub(crate) use instances::shown;
pub(crate) use limits::Guard;
pub(crate) use listen::{call, peer, serve};
pub use openapi::document;

/// The HTTP status of an error.
pub(crate) fn status_of(code: Code) -> u16 {
    match code {
        Code::InstanceUnknown => 404,
        Code::NameTaken | Code::NotAllowed | Code::LinkInUse => 409,
        Code::GenerationChanged => 412,
        Code::NotLoggedIn => 401,
        Code::RoleTooLow => 403,
        Code::NotYet => 422,
        Code::WebhookFailed | Code::AddressDenied => 424,
        Code::StoreFailed | Code::Internal | Code::SecretKey => 500,
        // A database's failure, not the service's.
        code if code.retry() == Retry::Auto => 424,
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

    pub(crate) fn instead(error: Error, allowed: Vec<Command>) -> Self {
        Self { status: status_of(error.code()), error, allowed }
    }

    pub(crate) fn into_error(self) -> Error {
        self.error
    }

    fn problem(self) -> Problem {
        Problem { status: self.status, allowed: self.allowed, ..problem(&self.error) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status_of(error.code());
        Self::new(error, status)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::warn!(error = %self.error, status = self.status, "a request failed");
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.problem())).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
