//! Requests that are asked again because their answer was lost: with the same `Idempotency-Key` they are done once, and
//! answered the same.

use super::auth::holder;
use super::{Failure, Service};
use crate::secrets::token_hash;
use crate::store::{Answered, Claimed};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidegate_model::{Code, Error};

const KEY: &str = "idempotency-key";
const KEY_BYTES_MAX: usize = 200;
/// The answers to what can be asked so are not larger.
const ANSWER_BYTES_MAX: usize = 4 << 20;

pub(super) async fn once(State(service): State<Service>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(KEY).cloned() else { return next.run(request).await };
    // What only looks is safe to repeat; what hands out a secret is not kept.
    let is_kept = matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE)
        && (request.uri().path().starts_with("/api/v1/instances")
            || request.uri().path() == "/api/v1/commands");
    if !is_kept {
        return next.run(request).await;
    }
    // In a task of its own: whoever asked may be gone before there is an answer, and asks for it later.
    let answering = tokio::spawn(answer(service, key, request, next));
    let panicked = |_| Err(Error::new(Code::Internal, "the request's task panicked").into());
    answering.await.unwrap_or_else(panicked).unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    service: Service,
    key: HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let bad = |why: &str| Failure::new(Error::new(Code::BadRequest, format!("Idempotency-Key: {why}")), 400);
    let key = key.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| bad("write 1 to 200 printable characters"))?.to_owned();
    // Nothing is kept for somebody who is not known.
    let Some(account) = holder(&service, request.headers()).await? else {
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, super::BODY_BYTES_MAX).await.map_err(|_| bad("the body is too large"))?;
    let asked = format!("{} {} {}", parts.method, parts.uri, String::from_utf8_lossy(&body));
    let (owner, asked) = (token_hash(&format!("{account} {key}")), token_hash(&asked));
    let owned = owner.clone();
    match service.store.ask(move |store| store.claim_answer(&owned, &asked)).await? {
        Claimed::Answered(answered) => return Ok(again(answered)),
        Claimed::Other => {
            let what = "another request had this key";
            return Err(Failure::new(Error::new(Code::BadRequest, format!("Idempotency-Key: {what}")), 422));
        }
        Claimed::UnderWay => {
            let what = "the first request with this key is under way";
            return Err(Error::new(Code::NotAllowed, what).with_remedy("ask again in a moment").into());
        }
        Claimed::New => {}
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap_or_default();
    let status = parts.status.as_u16();
    // What may pass by itself, and what failed by our own fault, is asked anew.
    let is_kept = status < 500 && !matches!(status, 401 | 403 | 424 | 429);
    let kept = is_kept.then(|| Answered { status, body: body.to_vec() });
    service.store.ask(move |store| store.put_answer(&owner, kept)).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn again(answered: Answered) -> Response {
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    (status, [(header::CONTENT_TYPE, kind)], answered.body).into_response()
}
