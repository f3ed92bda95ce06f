//! What happens, as it happens: server-sent events.

use super::auth::{Caller, holder};
use super::extract::{OfInstance, Place};
use super::instances::shown;
use super::{Failure, Service};
use crate::stable_hash;
use crate::store::Happened;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;
use tidegate_api::Instance;
use tidegate_model::Result;
use tokio::sync::{broadcast, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

/// Between two looks at what runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many events wait for a slow reader; one that is slower still misses some, and is told so.
const WAITING: usize = 64;

/// An event as it stands in a stream.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is written by the stream itself; this describes it")]
pub(super) struct EventMessage {
    /// `status`, `instances` or `missed`.
    event: Option<String>,
    /// A transition, or a list of instances, as JSON.
    data: Option<String>,
}

type Stream = Sse<axum::response::sse::KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>>;

/// Every transition of every instance as it happens (`status`), and once a second what has changed of those that run
/// (`instances`; at first all of them).
/// `missed` says that some transitions were not sent, because they were not read fast enough: look again.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    responses((status = 200, description = "A stream of events", body = EventMessage, content_type = "text/event-stream"), Failure),
)]
pub(super) async fn all(
    State(service): State<Service>,
    _: Caller,
    headers: HeaderMap,
) -> Result<Stream, Failure> {
    Ok(stream(service, headers, None))
}

/// The same of one instance.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/events",
    params(OfInstance),
    responses((status = 200, description = "A stream of events", body = EventMessage, content_type = "text/event-stream"), Failure),
)]
pub(super) async fn one(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Result<Stream, Failure> {
    let found = service.store.ask(move |store| store.find(&id)).await?;
    Ok(stream(service, headers, Some(found.id)))
}

fn stream(service: Service, headers: HeaderMap, of: Option<String>) -> Stream {
    let (events, waiting) = mpsc::channel(WAITING);
    let happened = service.store.happened();
    tokio::spawn(feed(service, headers, of, happened, events));
    Sse::new(ReceiverStream::new(waiting)).keep_alive(KeepAlive::default())
}

/// An instance as JSON, if that is not what was told last.
fn news(told: &mut HashMap<String, u64>, instance: &Instance) -> Option<String> {
    let text = serde_json::to_string(instance).unwrap_or_default();
    let hash = stable_hash(&text);
    (told.insert(instance.id.clone(), hash) != Some(hash)).then_some(text)
}

/// Until nobody listens any more, whoever listens may not any more, or the service ends.
async fn feed(
    service: Service,
    headers: HeaderMap,
    of: Option<String>,
    mut happened: broadcast::Receiver<Happened>,
    events: mpsc::Sender<Result<Event, Infallible>>,
) {
    let stopped = service.supervisor.stopped();
    let concerns = |id: &str| of.as_deref().is_none_or(|of| of == id);
    // A clock of its own: transitions must not put it off.
    let mut clock = tokio::time::interval(LOOK_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What was told of each, so that only news is told.
    let mut told: Option<HashMap<String, u64>> = None;
    loop {
        let event = tokio::select! {
            happened = happened.recv() => match happened {
                Ok(happened) if concerns(&happened.id) => Event::default().event("status").json_data(&happened),
                Ok(_) => continue,
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(Event::default().event("missed").data("look again")),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            _ = clock.tick() => {
                if !matches!(holder(&service, &headers).await, Ok(Some(_))) {
                    return;
                }
                let Ok(found) = service.store.ask(|store| store.active()).await else { continue };
                let found = found.into_iter().filter(|one| concerns(&one.id));
                let is_first = told.is_none();
                let told = told.get_or_insert_default();
                let texts: Vec<String> = found.filter_map(|one| news(told, &shown(&service, one))).collect();
                if texts.is_empty() && !is_first {
                    continue;
                }
                Ok(Event::default().event("instances").data(format!("[{}]", texts.join(","))))
            }
            () = stopped.cancelled() => return,
        };
        let Ok(event) = event else { continue };
        if events.send(Ok(event)).await.is_err() {
            return;
        }
    }
}
