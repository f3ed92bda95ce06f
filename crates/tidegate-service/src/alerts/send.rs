//! A webhook: one POST with JSON for each message.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;
use tidegate_api::AlertMessage;
use tidegate_model::{Code, Error, Gate, Result};
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

const WITHIN: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Whether an address can be one.
pub(super) fn check(webhook: &str) -> Result<()> {
    let bad = |why: &str| Error::new(Code::BadRequest, format!("webhook: {why}"));
    let uri: Uri = webhook.parse().map_err(|_| bad("this is no address"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(()),
        _ => Err(bad("write https://host/path or http://host/path")),
    }
}

/// The part of an address that may be shown.
pub(super) fn without_path(webhook: &str) -> String {
    let uri: Option<Uri> = webhook.parse().ok();
    let shown = uri.and_then(|uri| Some(format!("{}://{}/…", uri.scheme_str()?, uri.host()?)));
    shown.unwrap_or_default()
}

/// Delivers, and tries again for a short while. The answer must be a 2xx.
pub(super) async fn post(webhook: String, message: AlertMessage, gate: Gate) -> Result<()> {
    let mut tries = 1;
    loop {
        let (to, what, gate) = (webhook.clone(), message.clone(), gate.clone());
        let posted = tokio::task::spawn_blocking(move || post_once(&to, &what, gate)).await;
        match posted.unwrap_or_else(|_| Err(Error::new(Code::Internal, "a webhook's call panicked"))) {
            Err(error) if tries < TRIES && error.code() != Code::AddressDenied => {
                tracing::info!(%error, "told again");
                tries += 1;
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            told => return told,
        }
    }
}

fn post_once(webhook: &str, message: &AlertMessage, gate: Gate) -> Result<()> {
    // Without the address: there may be a secret in it.
    let lost = |why: String| Error::new(Code::WebhookFailed, format!("{}: {why}", without_path(webhook)));
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(WITHIN))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent = ureq::Agent::with_parts(config, DefaultConnector::new(), Gated(gate.clone()));
    match agent.post(webhook).send_json(message) {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(lost(format!("it answers {}", answer.status()))),
        Err(ureq::Error::HostNotFound) => match denied(webhook, &gate) {
            Some(error) => Err(error),
            None => Err(lost("its name leads nowhere".to_owned())),
        },
        Err(error) => Err(lost(error.to_string())),
    }
}

/// Why none of the host's addresses may be connected to.
fn denied(webhook: &str, gate: &Gate) -> Option<Error> {
    let uri: Uri = webhook.parse().ok()?;
    let found = addresses(&uri)?;
    found.into_iter().find_map(|address| gate(address).err())
}

fn addresses(uri: &Uri) -> Option<Vec<IpAddr>> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let found = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs().ok()?;
    Some(found.map(|address| address.ip().to_canonical()).collect())
}

/// Looks names up, and leaves only what may be connected to.
struct Gated(Gate);

impl std::fmt::Debug for Gated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gated")
    }
}

impl Resolver for Gated {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let mut permitted = self.empty();
        for address in addresses(uri).ok_or(ureq::Error::HostNotFound)? {
            if (self.0)(address).is_ok() && permitted.len() < 16 {
                permitted.push((address, port).into());
            }
        }
        if permitted.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(permitted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_webhooks() {
        for (text, fits) in [
            ("https://hooks.example/a/b", true),
            ("http://[::1]:9/", true),
            ("ftp://x/", false),
            ("hello", false),
        ] {
            assert_eq!(check(text).is_ok(), fits, "{text}");
        }
        assert_eq!(without_path("https://hooks.example/T0/secret"), "https://hooks.example/…");
    }
}
