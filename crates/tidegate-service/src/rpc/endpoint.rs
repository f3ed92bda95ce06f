//! One end of a job: as it was given, and as it is told again.

use super::answer::Refusal;
use super::parameters::invalid;
use crate::http::Service;
use crate::store::Found;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tidegate_api::EndpointSpec;

/// `SourceEndpoint…` or `DestinationEndpoint…`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

impl End {
    pub(super) fn parameter(self, rest: &str) -> String {
        match self {
            Self::Source => format!("SourceEndpoint{rest}"),
            Self::Destination => format!("DestinationEndpoint{rest}"),
        }
    }
}

/// An end as requests have it, read from names in small letters.
pub(super) struct Given<'a> {
    end: End,
    values: &'a BTreeMap<String, String>,
    pub(super) password: Option<String>,
    pub(super) encryption: Option<&'static str>,
}

impl<'a> Given<'a> {
    pub(super) fn new(end: End, values: &'a BTreeMap<String, String>) -> Self {
        Self { end, values, password: None, encryption: None }
    }

    fn value(&self, rest: &str) -> Option<&'a str> {
        let name = self.end.parameter(rest).to_lowercase();
        self.values.get(&name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// In our words.
    pub(super) fn spec(&self, service: &Service) -> Result<EndpointSpec, Refusal> {
        let refuse = |rest: &str, why: &str| Err(invalid(&self.end.parameter(rest), why));
        let engine = engine(self.value("EngineName").unwrap_or("MYSQL")).ok_or_else(|| {
            let what = self.end.parameter("EngineName");
            Refusal::new(
                403,
                "UnSupportedTaskType",
                &format!("{what}: this service knows MySQL and MariaDB only."),
            )
        })?;
        let (host, port) = match (self.value("IP"), self.value("InstanceID")) {
            (Some(host), _) => (host.to_owned(), self.value("Port").map(str::to_owned)),
            (None, Some(instance)) => match service.settings.official_api.instances.get(instance) {
                Some(place) => {
                    let (host, port) = place.rsplit_once(':').unwrap_or((place, "3306"));
                    (host.to_owned(), Some(port.to_owned()))
                }
                None => {
                    let why = "this service does not know where that is: give IP and Port, or write the instance and \
                               its host:port into [official_api.instances] of its settings";
                    return refuse("InstanceID", why);
                }
            },
            (None, None) => return refuse("IP", "it is missing"),
        };
        let Some(user) = self.value("UserName") else { return refuse("UserName", "it is missing") };
        let port: Option<u16> = match port.map(|port| port.parse()) {
            Some(Ok(port)) => Some(port),
            Some(Err(_)) => return refuse("Port", "write a port's number"),
            None => None,
        };
        let options: BTreeMap<&str, &str> =
            self.encryption.map(|mode| ("ssl-mode", mode)).into_iter().collect();
        // A region has a meaning only where the settings give it one.
        let region = self.value("Region").filter(|region| service.settings.regions.contains_key(*region));
        let parts = json!({
            "engine": engine, "host": host, "port": port, "user": user, "options": options, "region": region,
            "password": self.password,
        });
        serde_json::from_value(parts).map_err(|error| invalid(&self.end.parameter("IP"), &error.to_string()))
    }
}

fn engine(name: &str) -> Option<&'static str> {
    match name.to_lowercase().as_str() {
        "mysql" => Some("mysql"),
        "mariadb" => Some("mariadb"),
        _ => None,
    }
}

/// As it was given, as long as that is still what the job has; else as the job has it. Nothing is invented: Terraform makes
/// a job anew if it reads something that it did not send.
pub(super) fn told(service: &Service, found: &Found, end: End) -> Value {
    let spec = if end == End::Source { &found.spec.source } else { &found.spec.target };
    let mut given = Given::new(end, &found.submitted);
    given.encryption = match spec.url.split_once("ssl-mode=").map(|parts| parts.1) {
        Some(mode) if mode.starts_with("disabled") => Some("disabled"),
        Some(mode) if mode.starts_with("required") => Some("required"),
        _ => None,
    };
    let is_so = spec.url.is_empty() || given.spec(service).is_ok_and(|given| given.url == spec.url);
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        fields.insert(name.to_owned(), value.map(Into::into).unwrap_or(Value::Null));
    };
    let region = if end == End::Source { "sourceregion" } else { "destinationregion" };
    let region = given.value("Region").or(found.submitted.get(region).map(String::as_str));
    if is_so {
        for (name, rest) in [
            ("InstanceID", "InstanceID"),
            ("InstanceType", "InstanceType"),
            ("EngineName", "EngineName"),
            ("Ip", "IP"),
            ("Port", "Port"),
            ("DatabaseName", "DatabaseName"),
            ("UserName", "UserName"),
            ("OracleSID", "OracleSID"),
            ("RoleName", "Role"),
            ("AliyunUid", "OwnerID"),
        ] {
            put(name, given.value(rest));
        }
        put("Region", region);
    } else if let Ok(url) = url::Url::parse(&spec.url) {
        put("EngineName", Some(if url.scheme() == "mariadb" { "MARIADB" } else { "MYSQL" }));
        put("InstanceType", Some("other"));
        put("Ip", url.host_str().map(|host| host.trim_matches(['[', ']'])));
        put("Port", Some(&url.port().unwrap_or(3306).to_string()));
        let user: Vec<_> =
            super::parameters::decode(format!("u={}", url.username().replace('+', "%2B")).as_bytes());
        put("UserName", user.first().map(|(_, user)| user.as_str()));
        put("Region", spec.region.as_deref().or(region));
    }
    put(
        "SslSolutionEnum",
        given.encryption.map(|mode| if mode == "disabled" { "DISABLE" } else { "ENABLE_WITH_CERTIFICATE" }),
    );
    Value::Object(fields)
}

/// The same values for a job that goes the other way.
pub(super) fn turned(submitted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let pairs = [("sourceendpoint", "destinationendpoint"), ("sourceregion", "destinationregion")];
    let turn = |name: &str| {
        pairs
            .iter()
            .flat_map(|(one, other)| [(one, other), (other, one)])
            .find_map(|(from, to)| name.strip_prefix(from).map(|rest| format!("{to}{rest}")))
    };
    submitted.iter().filter_map(|(name, value)| Some((turn(name)?, value.clone()))).collect()
}
