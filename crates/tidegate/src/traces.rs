//! Traces for an OpenTelemetry collector: a span for each request, each command and each run of a link.

use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// A collector that takes longer loses what it did not take.
const WITHIN: Duration = Duration::from_secs(5);

/// Checked while the command line is read.
pub(crate) fn parse_endpoint(text: &str) -> Result<String, String> {
    let uri: Option<ureq::http::Uri> = text.parse().ok();
    let is_http =
        uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if is_http {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write http://127.0.0.1:4318".to_owned())
    }
}

/// What sends spans, until it is ended.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    pub(crate) fn start(endpoint: &str) -> Self {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Agent::new())
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(WITHIN)
            .build()
            .expect("a client and an address that was checked are all that it needs");
        let resource = Resource::builder().with_service_name("tidegate").build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Self { provider }
    }

    /// Takes the spans of our own crates.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let own = Targets::new().with_target("tidegate", tracing::Level::INFO);
        tracing_opentelemetry::layer().with_tracer(self.provider.tracer("tidegate")).with_filter(own)
    }

    /// Sends what is left.
    pub(crate) fn end(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces were not taken");
        }
    }
}

#[derive(Debug)]
struct Agent(ureq::Agent);

impl Agent {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(WITHIN))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self(config.into())
    }
}

/// Blocks: spans are sent from a thread of their own.
#[async_trait::async_trait]
impl HttpClient for Agent {
    async fn send_bytes(&self, request: Request<bytes::Bytes>) -> Result<Response<bytes::Bytes>, HttpError> {
        let answer = self.0.run(request.map(|body| body.to_vec()))?;
        let (head, mut body) = answer.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }
}
