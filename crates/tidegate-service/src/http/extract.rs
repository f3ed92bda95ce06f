//! Parts of a request, whose refusals are problems like every other.

use super::Failure;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tidegate_model::{Code, Error};
use utoipa::IntoParams;

/// The body, as JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Ok(Self(Json::from_request(request, state).await?.0))
    }
}

/// The parts of the address that a route leaves open.
pub(super) struct Place<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Place<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Ok(Self(Path::from_request_parts(parts, state).await?.0))
    }
}

/// The part of an address that says which instance is meant, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what [`Place`] takes out of the address")]
pub(super) struct OfInstance {
    /// Its id or its name
    #[param(example = "shop")]
    id: String,
}

/// What stands behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Ok(Self(Query::from_request_parts(parts, state).await?.0))
    }
}

fn misunderstood(why: String, status: u16) -> Failure {
    Failure::new(Error::new(Code::BadRequest, why), status)
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        misunderstood(rejection.body_text(), rejection.status().as_u16())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        misunderstood(rejection.body_text(), rejection.status().as_u16())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        misunderstood(rejection.body_text(), rejection.status().as_u16())
    }
}
