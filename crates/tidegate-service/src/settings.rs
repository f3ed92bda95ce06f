//! How a server is to run: what a file says, what the command line and the environment say over it, and the defaults.

use crate::folder::Surroundings;
use crate::network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tidegate_model::{Code, Error, Result};

/// A settings file: every field may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsFile {
    pub listen: Option<SocketAddr>,
    pub data_dir: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub network: Network,
    pub limits: Limits,
    /// Regions that endpoints may name, each with its border: two of different borders need a person's word.
    pub regions: BTreeMap<String, String>,
    pub official_api: OfficialApi,
}

/// The API of the hosted service, for its SDKs and scripts. Off unless it has an address or a host.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfficialApi {
    /// Address and port of its own that it is answered on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Requests for this host are answered so on the main address, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Networks that the service connects from, for DescribeDTSIP; found out if there are none.
    pub addresses: Vec<String>,
    /// Whether ResetDtsJob drops the tables that the job has made in its target; otherwise it is refused.
    pub reset_drops_tables: bool,
    /// Where the databases are that requests name by an instance id, as `host:port`.
    pub instances: BTreeMap<String, String>,
}

impl OfficialApi {
    fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::new(Code::BadSetting, format!("official_api.{what}")));
        if let Some(one) = self.addresses.iter().find(|one| one.parse::<ipnet::IpNet>().is_err()) {
            return bad(format!("addresses: '{one}' is no network; write 203.0.113.0/28"));
        }
        let has_port = |place: &str| {
            place.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        match self.instances.iter().find(|(_, place)| !has_port(place)) {
            Some((id, place)) => bad(format!("instances: {id} = '{place}' is no place; write host:port")),
            None => Ok(()),
        }
    }
}

/// Addresses that the service may connect to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self { allow: network::ALLOW_DEFAULT.map(str::to_owned).to_vec(), deny: Vec::new() }
    }
}

/// What clients may use up.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// A request's header must be there so long after its connection, and its answer so long after that.
    pub header_seconds: u64,
    pub request_seconds: u64,
    /// Requests a second from one address, on the average; ten times as many in one go.
    pub requests_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, header_seconds: 10, request_seconds: 120, requests_per_second: 200 }
    }
}

/// What the command line and the environment say.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub listen: Option<SocketAddr>,
    pub data_dir: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub official_listen: Option<SocketAddr>,
}

/// Everything decided.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub listen: SocketAddr,
    /// The store, the key and a folder for each instance.
    pub data_dir: PathBuf,
    /// The key of the stored passwords.
    pub key_file: PathBuf,
    pub network: Network,
    pub limits: Limits,
    pub regions: BTreeMap<String, String>,
    pub official_api: OfficialApi,
}

pub const LISTEN_DEFAULT: &str = "127.0.0.1:7370";

impl SettingsFile {
    /// Errors name the file, the line and what is wrong there.
    pub fn read(file: &Path) -> Result<Self> {
        let bad = |why: String| Error::new(Code::BadSetting, format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
        toml::from_str(&text).map_err(|error| bad(error.to_string().trim_end().replace('\n', " ")))
    }
}

impl Settings {
    /// The command line wins over the environment, that over the file, that over the defaults.
    pub fn resolve(given: Given, file: SettingsFile, surroundings: &Surroundings) -> Result<Self> {
        let data_dir = match given.data_dir.or(file.data_dir) {
            Some(folder) => folder,
            None => surroundings.server_folder()?,
        };
        let settings = Self {
            listen: given.listen.or(file.listen).unwrap_or(LISTEN_DEFAULT.parse().expect("an address")),
            key_file: given.key_file.or(file.key_file).unwrap_or_else(|| data_dir.join("key")),
            data_dir,
            network: file.network,
            limits: file.limits,
            regions: file.regions,
            official_api: OfficialApi {
                listen: given.official_listen.or(file.official_api.listen),
                ..file.official_api
            },
        };
        network::gate(&settings.network.allow, &settings.network.deny)?;
        settings.official_api.check()?;
        let limits = &settings.limits;
        let named = [
            ("limits.connections", limits.connections as u64),
            ("limits.header_seconds", limits.header_seconds),
            ("limits.request_seconds", limits.request_seconds),
            ("limits.requests_per_second", u64::from(limits.requests_per_second)),
        ];
        match named.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => {
                Err(Error::new(Code::BadSetting, format!("{name}: nothing would get through with 0")))
            }
            None => Ok(settings),
        }
    }

    /// As a settings file that says the same.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("plain values are TOML")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<SettingsFile> {
        let path = std::env::temp_dir().join(format!(
            "tidegate-settings-{}-{}.toml",
            std::process::id(),
            text.len()
        ));
        std::fs::write(&path, text).unwrap();
        let read = SettingsFile::read(&path);
        std::fs::remove_file(&path).unwrap();
        read
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_that_over_the_defaults() {
        let text =
            "listen = '127.0.0.1:1'\ndata_dir = '/d'\n[limits]\nconnections = 7\n[regions]\nlocal = 'here'";
        let around = Surroundings { home: Some("/h".into()), state_home: None };
        let given = Given { data_dir: Some("/given".into()), ..Given::default() };
        let settings = Settings::resolve(given, file(text).unwrap(), &around).unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(
            (settings.data_dir.as_path(), settings.key_file.as_path()),
            (Path::new("/given"), Path::new("/given/key"))
        );
        assert_eq!((settings.limits.connections, settings.limits.header_seconds), (7, 10));
        let again = Settings::resolve(Given::default(), file(&settings.to_toml()).unwrap(), &around).unwrap();
        assert_eq!(again.to_toml(), settings.to_toml());
        let none = Settings::resolve(Given::default(), SettingsFile::default(), &around).unwrap();
        assert_eq!(none.data_dir, Path::new("/h/.local/state/tidegate/server"));
        assert_eq!(none.listen.to_string(), LISTEN_DEFAULT);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let around = Surroundings { home: Some("/h".into()), state_home: None };
        for (text, says) in [
            ("listen = 'here'", "line 1"),
            ("colour = 1", "colour"),
            ("[limits]\nconnections = -1", "line 2"),
            ("[limits]\nconnections = 0", "limits.connections"),
            ("[network]\nallow = ['home']", "network.allow"),
            ("[official_api]\naddresses = ['here']", "official_api.addresses"),
            ("[official_api.instances]\nrm-1 = 'db1'", "official_api.instances"),
            ("[official_api]\nport = 1", "port"),
        ] {
            let outcome = file(text).and_then(|file| Settings::resolve(Given::default(), file, &around));
            let error = outcome.err().unwrap();
            assert!(error.message().contains(says) && error.code() == Code::BadSetting, "{text}: {error}");
        }
    }
}
