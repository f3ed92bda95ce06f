//! Spans arrive at a collector: of a link, and of requests to the service.

use crate::link::Link;
use crate::program::{Scratch, tidegate};
use crate::servers::{Pair, make};
use crate::webhook::Webhook;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tidegate_sandbox::Flavour;

/// Whether a message of OTLP has a span with this name and this value among its attributes.
fn has_span(message: &Value, name: &str, value: &str) -> bool {
    let all = |parent: &Value, key: &str| parent[key].as_array().cloned().unwrap_or_default();
    let scopes = all(message, "resourceSpans").into_iter().flat_map(|one| all(&one, "scopeSpans"));
    let mut spans = scopes.flat_map(|scope| all(&scope, "spans"));
    let is_it = |span: &Value| {
        span["name"] == name && all(span, "attributes").iter().any(|one| one["value"]["stringValue"] == value)
    };
    spans.any(|span| is_it(&span))
}

#[test]
fn a_link_and_a_request_are_traced() {
    let collector = Webhook::open();
    let endpoint = collector.url.trim_end_matches("/canary-path").to_owned();
    let pair = Pair::start(Flavour::Mysql);
    make(&pair.source(), "traced");
    Link::new(&pair, "traced").with(&["--otlp-endpoint", &endpoint]).catches_up();
    collector.until("a link", |message| has_span(message, "link", "traced"));

    let home = Scratch::new("traces");
    let mut command = tidegate(&home);
    command.args(["server", "--json", "--listen", "127.0.0.1:0"]).env("TIDEGATE_OTLP_ENDPOINT", &endpoint);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a server");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let mut login = tidegate(&home);
    login.args(["login", "--server", said["listening"].as_str().expect("an address")]);
    login.env("TIDEGATE_PASSWORD", said["first_password"].as_str().expect("a password"));
    assert!(login.output().expect("an end").status.success());
    let asked = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    assert!(asked.expect("a signal").success());
    assert!(server.wait().expect("an end").success());
    collector.until("a request", |message| has_span(message, "request", "/api/v1/login"));
}

#[test]
fn an_endpoint_that_is_none_is_refused() {
    let home = Scratch::new("no-endpoint");
    for bad in ["here", "ftp://127.0.0.1/", "http://"] {
        let output = tidegate(&home).args(["explain", "TG-1001", "--otlp-endpoint", bad]).output();
        assert_eq!(output.expect("an end").status.code(), Some(2), "{bad}");
    }
}
