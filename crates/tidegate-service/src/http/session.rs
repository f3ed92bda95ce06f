//! A browser's session: a cookie that no script can read, and that only our own page can use.

use super::auth::{Caller, SESSION, log_in};
use super::extract::Body;
use super::{Failure, Service};
use crate::secrets::token_hash;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidegate_api::{Login, SessionView};
use tidegate_model::{Code, Error, Result};

const COOKIE: &str = "tidegate_session";
/// Another site's page cannot send it: its browser would ask us first whether it may, and gets no yes.
const OF_OUR_PAGE: &str = "x-tidegate-console";

/// The token in a browser's cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

/// Refuses what another site's page may have made a browser send with our cookie.
pub(super) fn of_our_page(method: &Method, headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_same_site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text("host").unwrap_or_default();
    let is_same_origin = text("origin")
        .is_none_or(|origin| origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host)));
    let only_looks = matches!(*method, Method::GET | Method::HEAD);
    if is_same_site && is_same_origin && (only_looks || headers.contains_key(OF_OUR_PAGE)) {
        return Ok(());
    }
    let what = "a session's cookie is for the console's own page; this request comes from elsewhere";
    Err(Error::new(Code::RoleTooLow, what).with_remedy("use a token: Authorization: Bearer …"))
}

/// Logs a browser in: the answer's cookie is its session.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    request_body = Login,
    security(()),
    responses((status = 200, description = "Logged in", body = SessionView), Failure),
)]
pub(super) async fn enter(
    State(service): State<Service>,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> Result<Response, Failure> {
    // Another site must not log its reader in as somebody else.
    of_our_page(&Method::POST, &headers)?;
    let session = log_in(&service, login).await?;
    let view = SessionView { account: session.account.name, role: session.account.role.name().to_owned() };
    let cookie = written(&headers, &session.token, SESSION.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Json(view)).into_response())
}

/// Who is logged in.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    responses((status = 200, description = "Who asks", body = SessionView), Failure),
)]
pub(super) async fn show(Caller(account): Caller) -> Json<SessionView> {
    Json(SessionView { account: account.name, role: account.role.name().to_owned() })
}

/// Logs a browser out: its session ends. A token in the header is no session; it ends with its time or its account.
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    responses((status = 204, description = "Logged out"), Failure),
)]
pub(super) async fn leave(
    State(service): State<Service>,
    _: Caller,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Some(token) = cookie(&headers) else {
        let what = "the request has no session's cookie: only a browser's session is ended here";
        return Err(Error::new(Code::BadRequest, what).into());
    };
    let hash = token_hash(token);
    service.store.ask(move |store| store.remove_token(&hash)).await?;
    let gone = written(&headers, "", 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

/// `Secure` where a proxy says that the browser came by TLS: without TLS no cookie would be kept with it.
fn written(headers: &HeaderMap, token: &str, seconds: u64) -> HeaderValue {
    let is_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).expect("a token is letters and digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_cookie_among_others() {
        for (value, token) in [
            ("tidegate_session=abc", Some("abc")),
            ("a=b; tidegate_session=abc; c=d", Some("abc")),
            ("xtidegate_session=abc", None),
            ("tidegate_session", None),
        ] {
            assert_eq!(cookie(&headers(&[("cookie", value)])), token, "{value}");
        }
    }

    #[test]
    fn only_our_own_page() {
        let ours = ("x-tidegate-console", "1");
        let host = ("host", "gate:7370");
        for (method, given, passes) in [
            (Method::GET, vec![host], true),
            (Method::POST, vec![host], false),
            (Method::POST, vec![host, ours], true),
            (Method::POST, vec![host, ours, ("origin", "http://gate:7370")], true),
            (Method::POST, vec![host, ours, ("origin", "https://gate:7370")], true),
            (Method::POST, vec![host, ours, ("origin", "http://evil")], false),
            (Method::POST, vec![host, ours, ("origin", "null")], false),
            (Method::POST, vec![host, ours, ("sec-fetch-site", "cross-site")], false),
            (Method::POST, vec![host, ours, ("sec-fetch-site", "same-site")], false),
            (Method::GET, vec![host, ("sec-fetch-site", "cross-site")], false),
            (Method::DELETE, vec![host, ours, ("sec-fetch-site", "same-origin")], true),
        ] {
            let passed = of_our_page(&method, &headers(&given)).is_ok();
            assert_eq!(passed, passes, "{method} {given:?}");
        }
    }
}
