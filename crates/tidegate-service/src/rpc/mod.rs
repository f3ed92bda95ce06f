//! The official API, version 2020-01-01, wire-compatible: the same commands in the words that the hosted service's SDKs and
//! scripts use. It reads requests and writes answers; everything is decided where `http` has it decided, too.

mod answer;
mod asked;
mod caller;
mod configure;
mod connection;
mod dblist;
mod describe;
mod endpoint;
mod instances;
mod lifecycle;
mod modify;
mod monitor;
mod operations;
mod parameters;
mod precheck;
mod reserve;
mod reverse;
mod signature;
mod status;
mod steps;
mod tags;
mod view;

use crate::http::{Guard, Service};
use crate::settings::Limits;
use answer::{Refusal, succeed};
use asked::Asked;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use parameters::{Pair, Parameters, decode};
use signature::Signed;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

/// Objects of 1 MB, each byte of them written as three, have room in it.
const BODY_BYTES_MAX: usize = 8 << 20;
/// What needs no more has room for everybody, known or not.
const SMALL_BYTES_MAX: usize = 64 << 10;
/// Larger bodies that are read and answered at a time.
const LARGE_MAX: usize = 8;
const VERSION: &str = "2020-01-01";

/// What every request can reach.
#[derive(Clone)]
struct Edge {
    service: Service,
    guard: Arc<Guard>,
    large: Arc<Semaphore>,
}

/// Answers at `/`, for a listener of its own or for one host of another.
pub(crate) fn router(service: Service, limits: &Limits) -> Router {
    let edge = Edge { service, guard: Guard::new(limits), large: Arc::new(Semaphore::new(LARGE_MAX)) };
    Router::new()
        .fallback(receive)
        .layer(middleware::from_fn(crate::http::traced))
        .layer(middleware::from_fn(crate::http::guarded))
        .with_state(edge)
}

/// Sends requests for `host` to `official`, and all others on.
pub(crate) fn beside(main: Router, host: String, official: Router) -> Router {
    main.layer(middleware::from_fn(move |request: Request, next: Next| {
        let (official, is_meant) = (official.clone(), is_for(&request, &host));
        async move { if is_meant { crate::http::call(official, request).await } else { next.run(request).await } }
    }))
}

fn is_for(request: &Request, host: &str) -> bool {
    let asked = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named =
        if host.contains(':') { asked } else { asked.rsplit_once(':').map_or(asked, |parts| parts.0) };
    named.eq_ignore_ascii_case(host)
}

async fn receive(State(edge): State<Edge>, request: Request) -> Response {
    let id = request_id();
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.unwrap_or_default().to_owned();
    let who = crate::http::peer(&request);
    let answered = async {
        edge.hold(who)?;
        let late = || {
            let why = "The request has failed due to a temporary failure of the server: no answer in time.";
            Refusal::new(503, "ServiceUnavailable", why)
        };
        let answering = answer(&edge, request);
        tokio::time::timeout(edge.guard.within(), answering).await.unwrap_or_else(|_| Err(late()))
    };
    match answered.await {
        Ok(answer) => succeed(answer, &id),
        Err(refusal) => {
            if refusal.status >= 500 {
                tracing::warn!(code = refusal.code, message = refusal.message, "a request failed");
            }
            refusal.into_response(&id, &host)
        }
    }
}

impl Edge {
    fn hold(&self, who: Option<IpAddr>) -> Result<(), Refusal> {
        let slow = || Refusal::new(400, "Throttling.User", "Request was denied due to user flow control.");
        who.map_or(Ok(()), |who| self.guard.take(who, std::time::Instant::now()).map_err(|_| slow()))
    }
}

async fn answer(edge: &Edge, request: Request) -> Result<serde_json::Value, Refusal> {
    if request.uri().path() != "/" || !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(not_found());
    }
    let (parts, body) = request.into_parts();
    let query = decode(parts.uri.query().unwrap_or_default().as_bytes());
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let (body, _room) = taken(edge, &parts.headers, &query, body).await?;
    let is_form = headers.iter().any(|(name, value)| {
        name == "content-type" && value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    });
    let form = if is_form { decode(&body) } else { Vec::new() };
    let signed = Signed {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        headers: &headers,
        query: &query,
        form: &form,
        body: &body,
    };
    let account = caller::known(&edge.service, &signed.claim()?).await?;
    let given = Parameters::of(&query, &form);
    let (action, version) = signed.action();
    let action = action.ok_or_else(not_found)?;
    if version.as_deref() != Some(VERSION) && !operations::is_old(&action) {
        return Err(not_found());
    }
    let asked = Asked { service: edge.service.clone(), account, given };
    if operations::only_looks(&action) {
        return operations::run(&asked, &action).await;
    }
    // In a task of its own: what is begun is done to its end, whether or not somebody still waits for the answer.
    let running = async move { operations::run(&asked, &action).await };
    let panicked = |_| Err(Refusal::new(500, "InternalError", "The request's task panicked."));
    tokio::spawn(running.in_current_span()).await.unwrap_or_else(panicked)
}

fn not_found() -> Refusal {
    Refusal::new(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
}

/// The body; a large one only for a key that is there, and only a few at a time, until they are answered.
async fn taken(
    edge: &Edge,
    headers: &HeaderMap,
    query: &[Pair],
    body: Body,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let key = signature::named_key(text(header::AUTHORIZATION), query);
    if let Some(key) = &key {
        caller::is_there(&edge.service, key).await?;
    }
    let length = text(header::CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
    let is_small = key.is_none() || length.is_some_and(|length| length <= SMALL_BYTES_MAX);
    let (room, bytes_max) = if is_small {
        (None, SMALL_BYTES_MAX)
    } else {
        let closed = |_| Refusal::new(503, "ServiceUnavailable", "The service is ending.");
        (Some(edge.large.clone().acquire_owned().await.map_err(closed)?), BODY_BYTES_MAX)
    };
    let body = to_bytes(body, bytes_max).await.map_err(|_| {
        let why = format!("The request's body is cut off or has more than {} KiB.", bytes_max >> 10);
        Refusal::new(400, "InvalidParameter", &why)
    })?;
    Ok((body, room))
}

/// As clients expect it: an UUID in capitals.
fn request_id() -> String {
    let bytes: [u8; 16] = crate::secrets::random().unwrap_or_default();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
