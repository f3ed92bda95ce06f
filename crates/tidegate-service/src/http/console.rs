//! The web console: files that are in the program, and a policy for browsers that lets nothing else in.

use super::misplaced;
use crate::secrets::token;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::io::Read;

/// What `cargo xtask console build` made. All but the page itself is stored as gzip.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Files;

const PAGE: &str = "index.html";
/// Stands in the page where each answer has a nonce of its own.
const NONCE_PLACE: &str = "CSP_NONCE";
/// Names in this folder have a hash of their contents in them.
const HASHED: &str = "assets/";
const NOT_BUILT: &str =
    "this program was built without its console: cargo xtask console build, then build it again\n";

/// A file of the console, or its page for an address that the page itself understands.
pub(super) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let nowhere = || misplaced("there is no such address", 404).into_response();
    let only_looks = matches!(*request.method(), Method::GET | Method::HEAD);
    if !only_looks || path.starts_with("api/") {
        return nowhere();
    }
    let accepts = |name, what: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains(what))
    };
    if path != PAGE
        && let Some(file) = Files::get(&format!("{path}.gz"))
    {
        return asset(path, file.data, accepts(header::ACCEPT_ENCODING, "gzip"));
    }
    if path.starts_with(HASHED) || !accepts(header::ACCEPT, "text/html") {
        return nowhere();
    }
    match Files::get(PAGE) {
        Some(page) => shown(&String::from_utf8_lossy(&page.data)),
        None => (StatusCode::NOT_FOUND, NOT_BUILT).into_response(),
    }
}

fn asset(path: &str, packed: Cow<'static, [u8]>, takes_gzip: bool) -> Response {
    let kind = match path.rsplit_once('.').map(|(_, kind)| kind) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let kept = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept), (header::VARY, "Accept-Encoding")];
    if takes_gzip {
        return (headers, [(header::CONTENT_ENCODING, "gzip")], packed).into_response();
    }
    let mut plain = Vec::new();
    match GzDecoder::new(&*packed).read_to_end(&mut plain) {
        Ok(_) => (headers, plain).into_response(),
        Err(error) => misplaced(&format!("{path} is damaged in this program: {error}"), 500).into_response(),
    }
}

/// The page, whose styles made at run time are known by a nonce.
fn shown(page: &str) -> Response {
    let nonce = match token() {
        Ok(nonce) => nonce,
        Err(error) => return super::Failure::from(error).into_response(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&policy).expect("a nonce is letters and digits"),
        ),
    ];
    (headers, Body::from(page.replace(NONCE_PLACE, &nonce))).into_response()
}

/// What every answer tells browsers: not to guess, not to frame, not to keep, not to tell others.
pub(crate) async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in
        [("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
