//! How much one may ask, and how long an answer may take.

use super::Failure;
use super::listen::Peer;
use crate::settings::Limits;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate_model::{Code, Error};

/// So many seconds' worth of requests may come in one go.
const BURST_SECONDS: u32 = 10;
/// So many who asked are remembered; the ones with nothing on their account are forgotten beyond that.
const REMEMBERED: usize = 10_000;

pub(crate) struct Guard {
    per_second: f64,
    within: Duration,
    /// By address, what may still be asked and since when that is so.
    left: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            per_second: f64::from(limits.requests_per_second),
            within: Duration::from_secs(limits.request_seconds),
            left: Mutex::default(),
        })
    }

    /// So long an answer may take.
    pub(crate) fn within(&self) -> Duration {
        self.within
    }

    /// Takes one request off; answers how long to wait if there is none left.
    pub(crate) fn take(&self, who: IpAddr, now: Instant) -> Result<(), Duration> {
        let most = self.per_second * f64::from(BURST_SECONDS);
        let mut left = self.left.lock().expect("no holder panics");
        if left.len() > REMEMBERED {
            left.retain(|_, (_, since)| {
                now.duration_since(*since) < Duration::from_secs(u64::from(BURST_SECONDS))
            });
        }
        let (count, since) = left.entry(who).or_insert((most, now));
        *count = (*count + now.duration_since(*since).as_secs_f64() * self.per_second).min(most);
        *since = now;
        if *count < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - *count) / self.per_second));
        }
        *count -= 1.0;
        Ok(())
    }
}

pub(super) async fn hold(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let who = request.extensions().get::<Peer>().map(|peer| peer.0);
    if let Some(Err(wait)) = who.map(|who| guard.take(who, Instant::now())) {
        let error = Error::new(Code::BadRequest, "too many requests").with_remedy("ask less often");
        let seconds = wait.as_secs() + 1;
        return ([(header::RETRY_AFTER, seconds.to_string())], Failure::new(error, 429)).into_response();
    }
    let late = || {
        let what = format!("there is no answer within {} s", guard.within.as_secs());
        Failure::new(Error::new(Code::Silent, what), 504).into_response()
    };
    tokio::time::timeout(guard.within, next.run(request)).await.unwrap_or_else(|_| late())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_much_waits() {
        let guard = Guard::new(&Limits { requests_per_second: 2, ..Limits::default() });
        let now = Instant::now();
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        assert!((0..20).all(|_| guard.take(a, now).is_ok()));
        assert!(guard.take(a, now).is_err());
        assert!(guard.take(b, now).is_ok(), "another is another");
        let later = now + Duration::from_millis(500);
        assert!(guard.take(a, later).is_ok() && guard.take(a, later).is_err());
    }
}
