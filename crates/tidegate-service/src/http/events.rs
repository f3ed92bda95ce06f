//! What happens, as it happens: server-sent events.

use super::auth::{Caller, holder};
use super::extract::{OfInstance, Place};
use super::instances::shown;
use super::{Failure, Service};
use crate::store::Happened;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use std::convert::Infallible;
use std::time::Duration;
use tidegate_api::Instance;
use tidegate_model::Result;
use tokio::sync::{broadcast, mpsc};
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

/// Every transition of every instance as it happens (`status`), and all running instances once a second (`instances`).
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
    let mut last = String::new();
    loop {
        let event = tokio::select! {
            happened = happened.recv() => match happened {
                Ok(happened) if concerns(&happened.id) => Event::default().event("status").json_data(&happened),
                Ok(_) => continue,
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(Event::default().event("missed").data("look again")),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = tokio::time::sleep(LOOK_EVERY) => {
                if !matches!(holder(&service, &headers).await, Ok(Some(_))) {
                    return;
                }
                let Ok(found) = service.store.ask(|store| store.list(None)).await else { continue };
                let found = found.into_iter().filter(|one| concerns(&one.id));
                let shown: Vec<Instance> = found.map(|one| shown(&service, one)).collect();
                let text = serde_json::to_string(&shown).unwrap_or_default();
                if text == last {
                    continue;
                }
                last.clone_from(&text);
                Ok(Event::default().event("instances").data(text))
            }
            () = stopped.cancelled() => return,
        };
        let Ok(event) = event else { continue };
        if events.send(Ok(event)).await.is_err() {
            return;
        }
    }
}
