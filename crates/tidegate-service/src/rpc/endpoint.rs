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

    /// The database in which an account of MongoDB was made.
    fn login_database(&self, engine: &str) -> Option<(&'static str, &'a str)> {
        let database = self.value("DatabaseName").filter(|_| engine == "mongodb")?;
        Some(("authSource", database))
    }

    /// In our words.
    pub(super) fn spec(&self, service: &Service) -> Result<EndpointSpec, Refusal> {
        let refuse = |rest: &str, why: &str| Err(invalid(&self.end.parameter(rest), why));
        let engine = engine(self.value("EngineName").unwrap_or("MYSQL")).ok_or_else(|| {
            let what = self.end.parameter("EngineName");
            Refusal::new(403, "UnSupportedTaskType", &format!("{what}: {KNOWN_ENGINES}."))
        })?;
        let (host, port) = match (self.value("IP"), self.value("InstanceID")) {
            (Some(host), _) => (host.to_owned(), self.value("Port").map(str::to_owned)),
            (None, Some(instance)) => match service.settings.official_api.instances.get(instance) {
                Some(place) => {
                    let (host, port) = place
                        .rsplit_once(':')
                        .unwrap_or((place, if engine == "mongodb" { "27017" } else { "3306" }));
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
            [self.encryption.map(|mode| encryption_option(engine, mode)), self.login_database(engine)]
                .into_iter()
                .flatten()
                .collect();
        // A region has a meaning only where the settings give it one.
        let region = self.value("Region").filter(|region| service.settings.regions.contains_key(*region));
        let parts = json!({
            "engine": engine, "host": host, "port": port, "user": user, "options": options, "region": region,
            "password": self.password,
        });
        serde_json::from_value(parts).map_err(|error| invalid(&self.end.parameter("IP"), &error.to_string()))
    }
}

/// For messages.
pub(super) const KNOWN_ENGINES: &str = "this service knows MySQL, MariaDB and MongoDB only";

pub(super) fn engine(name: &str) -> Option<&'static str> {
    ["mysql", "mariadb", "mongodb"].into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

/// Neither way looks at a certificate.
fn encryption_option(engine: &str, mode: &'static str) -> (&'static str, &'static str) {
    match (engine, mode) {
        ("mongodb", "disabled") => ("tls", "false"),
        ("mongodb", _) => ("tls", "unverified"),
        _ => ("ssl-mode", mode),
    }
}

fn encryption_of(url: &str) -> Option<&'static str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|option| match option {
        "ssl-mode=disabled" | "tls=false" => Some("disabled"),
        "ssl-mode=required" | "tls=unverified" => Some("required"),
        _ => None,
    })
}

/// What a URL says of a server: its engine, the first of its hosts, the port, the account.
fn read(url: &str) -> Option<(&'static str, String, u16, String)> {
    let (name, rest) = url.split_once("://")?;
    let engine = engine(name)?;
    // Members of a replica set stand beside each other.
    let authority = rest.split(['/', '?']).next()?;
    let first = authority.split(',').next()?;
    let url = url::Url::parse(&format!("{engine}://{first}/")).ok()?;
    let usual = if engine == "mongodb" { 27_017 } else { 3306 };
    let user = super::parameters::decode(format!("u={}", url.username().replace('+', "%2B")).as_bytes());
    let user = user.first().map(|(_, user)| user.clone()).unwrap_or_default();
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((engine, host, url.port().unwrap_or(usual), user))
}

/// As it was given, as long as that is still what the job has; else as the job has it. Nothing is invented: Terraform makes
/// a job anew if it reads something that it did not send.
pub(super) fn told(service: &Service, found: &Found, end: End) -> Value {
    let spec = if end == End::Source { &found.spec.source } else { &found.spec.target };
    let mut given = Given::new(end, &found.submitted);
    given.encryption = encryption_of(&spec.url);
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
    } else if let Some((engine, host, port, user)) = read(&spec.url) {
        put("EngineName", Some(&engine.to_uppercase()));
        put("InstanceType", Some("other"));
        put("Ip", Some(&host));
        put("Port", Some(&port.to_string()));
        put("UserName", Some(&user));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says() {
        let said = |url| {
            let (engine, host, port, user) = read(url).unwrap();
            format!("{engine} {host} {port} {user}")
        };
        assert_eq!(said("mysql://a%40b+c@[::1]/?ssl-mode=required"), "mysql ::1 3306 a@b+c");
        assert_eq!(said("mariadb://u@db9:3307/"), "mariadb db9 3307 u");
        assert_eq!(said("mongodb://u@m1:1,m2:2/?replicaSet=rs"), "mongodb m1 1 u");
        assert_eq!(said("mongodb://m1"), "mongodb m1 27017 ");
        assert!(read("oracle://u@h/").is_none());
    }

    #[test]
    fn encryption_is_told_again() {
        for engine in ["mysql", "mariadb", "mongodb"] {
            for mode in ["disabled", "required"] {
                let (name, value) = encryption_option(engine, mode);
                assert_eq!(encryption_of(&format!("{engine}://h/?a=b&{name}={value}")), Some(mode));
            }
        }
        assert_eq!(encryption_of("mysql://h/?ssl-mode=verify-ca"), None);
    }
}
