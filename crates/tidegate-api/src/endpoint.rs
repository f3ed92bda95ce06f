use crate::EndpointSpec;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A database server as it may be given: its `url`, or `host`, `user` and what else there is to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointParts {
    /// `mysql://user@host:port/?options`, without a password.
    #[schema(example = "mysql://repl@127.0.0.1:1/")]
    url: Option<String>,
    /// `mysql` or `mariadb` [default: mysql].
    engine: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    /// What else a URL may say: `ssl-mode`, `ssl-ca`.
    #[serde(default)]
    options: BTreeMap<String, String>,
    /// Where it is, if the service's settings have regions.
    region: Option<String>,
    /// Taken in, never given out.
    password: Option<String>,
}

impl TryFrom<EndpointParts> for EndpointSpec {
    type Error = String;

    fn try_from(parts: EndpointParts) -> Result<Self, String> {
        let EndpointParts { url, engine, host, port, user, options, region, password } = parts;
        let has_parts = engine.is_some() || port.is_some() || user.is_some() || !options.is_empty();
        let url = match (url, host) {
            (Some(url), None) if !has_parts => url,
            (None, Some(host)) => {
                let engine = engine.unwrap_or_else(|| "mysql".to_owned());
                joined(&engine, &host, port, user.as_deref().unwrap_or_default(), &options)?
            }
            (None, None) => return Err("an endpoint needs a url, or a host and a user".to_owned()),
            _ => return Err("an endpoint has a url, or host, port, user and options, not both".to_owned()),
        };
        Ok(Self { url, region, password })
    }
}

/// The parts as a URL, in which whatever they contain means only itself.
fn joined(
    engine: &str,
    host: &str,
    port: Option<u16>,
    user: &str,
    options: &BTreeMap<String, String>,
) -> Result<String, String> {
    let bad = |field: &str, value: &str| format!("endpoint: '{value}' is no {field}");
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain(engine) {
        return Err(bad("engine", engine));
    }
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut url = Url::parse(&format!("{engine}://host/")).map_err(|_| bad("engine", engine))?;
    url.set_host(Some(&bracketed)).map_err(|_| bad("host", host))?;
    url.set_port(port).map_err(|()| bad("port", &port.unwrap_or_default().to_string()))?;
    url.set_username(user).map_err(|()| bad("user", user))?;
    if !options.is_empty() {
        url.query_pairs_mut().extend_pairs(options);
    }
    Ok(url.into())
}

/// As [`EndpointParts`].
impl PartialSchema for EndpointSpec {
    fn schema() -> RefOr<Schema> {
        EndpointParts::schema()
    }
}

impl ToSchema for EndpointSpec {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, String> {
        serde_json::from_str::<EndpointSpec>(json).map(|spec| spec.url).map_err(|error| error.to_string())
    }

    #[test]
    fn parts_become_a_url() {
        for (json, url) in [
            (r#"{"url": "mysql://u@h/"}"#, "mysql://u@h/"),
            (r#"{"host": "db1", "user": "repl"}"#, "mysql://repl@db1/"),
            (
                r#"{"engine": "mariadb", "host": "10.0.0.1", "port": 3307, "user": "a@b:c/d"}"#,
                "mariadb://a%40b%3Ac%2Fd@10.0.0.1:3307/",
            ),
            (
                r#"{"host": "::1", "user": "u", "options": {"ssl-mode": "required", "ssl-ca": "/a b&c"}}"#,
                "mysql://u@[::1]/?ssl-ca=%2Fa+b%26c&ssl-mode=required",
            ),
        ] {
            assert_eq!(read(json).as_deref(), Ok(url), "{json}");
        }
        for (json, why) in [
            ("{}", "needs a url"),
            (r#"{"url": "mysql://u@h/", "port": 1}"#, "not both"),
            (r#"{"url": "mysql://u@h/", "host": "h"}"#, "not both"),
            (r#"{"host": "a/b", "user": "u"}"#, "is no host"),
            (r#"{"host": "h", "user": "u", "engine": "my sql"}"#, "is no engine"),
            (r#"{"host": "h", "colour": 1}"#, "colour"),
        ] {
            assert!(read(json).unwrap_err().contains(why), "{json}: {:?}", read(json));
        }
    }
}
