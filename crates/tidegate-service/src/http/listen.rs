//! Connections: how many, and how long one may say nothing.

use crate::settings::Limits;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

/// After an error of the listener itself: too many open files, mostly.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// So long requests that are under way may take when the service ends.
const DRAIN: Duration = Duration::from_secs(5);

/// Who is at the other end of a request's connection.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

pub(crate) fn peer<B>(request: &Request<B>) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.0)
}

/// Has another router answer.
pub(crate) async fn call(mut router: Router, request: axum::extract::Request) -> axum::response::Response {
    router.call(request).await.unwrap_or_else(|never| match never {})
}

/// Answers requests until `stop`, and what is under way then to its end, within [`DRAIN`].
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: &Limits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let patience = Duration::from_secs(limits.header_seconds);
    let open = GracefulShutdown::new();
    loop {
        let next = async {
            // Whoever finds no place waits in the listener's queue.
            let place = places.clone().acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be taken");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(patience);
        let router = router.clone();
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            router.clone().call(request)
        });
        let answering = http.serve_connection(TokioIo::new(stream), answer);
        let answering = open.watch(answering);
        tokio::spawn(async move {
            // A client that goes away in the middle is nobody's fault.
            if let Err(error) = answering.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    // Links do not wait for somebody who says nothing.
    let _ = tokio::time::timeout(DRAIN, open.shutdown()).await;
}
