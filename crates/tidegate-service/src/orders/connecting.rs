//! Whether a database can be reached with an account, before anything is made of it.

use crate::endpoint::{EndpointUrl, Secret, Side};
use crate::http::Service;
use std::time::{Duration, Instant};
use tidegate_api::{ConnectionAnswer, EndpointSpec};
use tidegate_model::{Code, Error, Result};

const WITHIN: Duration = Duration::from_secs(15);

/// Logs in, asks the server what it is, and leaves again.
pub(crate) async fn connect(
    service: &Service,
    endpoint: EndpointSpec,
    side: Side,
) -> Result<ConnectionAnswer> {
    let endpoint = EndpointUrl {
        url: endpoint.url,
        password: endpoint.password.map(Secret::new),
        password_in_url: false,
        gate: Some(service.supervisor.gate()),
    };
    let begun = Instant::now();
    let endpoint = endpoint.read(side)?;
    let asked = tokio::time::timeout(WITHIN, endpoint.ask(endpoint.server())).await;
    let silent = |_| {
        let what = format!("{side}: no answer for {} s", WITHIN.as_secs());
        Error::new(Code::Silent, what)
    };
    let server = asked.map_err(silent)??;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(ConnectionAnswer { server, milliseconds })
}
