//! Connections: the URL's meaning, TLS, and what the server's errors mean for us.

use bson::{Document, RawDocumentBuf};
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use mongodb::options::{
    AuthMechanism, ClientOptions, ConnectionString, Credential, ReadConcern, ServerAddress, Tls as DriverTls,
    TlsOptions, WriteConcern,
};
use mongodb::{Client, ClientSession};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tidegate_model::{Code, Error, Gate, Result};
use tokio::sync::OnceCell;

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
const PORT: u16 = 27017;

/// Where a deployment is and how to log in. `Debug` does not show the password.
#[derive(Clone)]
pub struct Endpoint {
    /// Any of its members; the others are found out.
    pub hosts: Vec<(String, u16)>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Where the account lies.
    pub auth_source: Option<String>,
    pub mechanism: Option<String>,
    pub replica_set: Option<String>,
    pub tls: Tls,
    /// Whom it may connect to; `None`: whoever the hosts' names lead to.
    pub gate: Option<Gate>,
    /// One pool for all that share this endpoint.
    client: Arc<OnceCell<Client>>,
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    Disabled,
    /// The certificate must come from this authority, or from a public one if no file is given, and name the host.
    Verified(Option<PathBuf>),
    /// Encrypted, but to whomever answers.
    Unverified,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{self}", self.user.as_deref().unwrap_or_default())
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (host, port)) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}:{port}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl Endpoint {
    /// Reads `mongodb://user@host1:port,host2:port/?replicaSet=…&authSource=…&authMechanism=…&tls=…&tlsCAFile=…`. Options
    /// are an allow-list; a database in the path is refused, because objects are chosen by patterns. A password in the URL
    /// is taken: whether it may stand there is the caller's rule.
    pub fn from_url(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::new(Code::BadUrl, why.to_owned());
        let rest =
            text.strip_prefix("mongodb://").ok_or_else(|| bad("the URL does not begin with mongodb://"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (database, query) = path.split_once('?').unwrap_or((path, ""));
        if !database.is_empty() {
            return Err(bad("the URL names a database").with_remedy(
                "leave the path empty and choose objects with --include 'database.*'; the account's own database is ?authSource=",
            ));
        }
        let mut endpoint = Self {
            hosts: Vec::new(),
            user: None,
            password: None,
            auth_source: None,
            mechanism: None,
            replica_set: None,
            tls: Tls::Disabled,
            gate: None,
            client: Arc::default(),
        };
        endpoint.read_options(query)?;
        // The driver's own reader knows how users, passwords and hosts are written.
        let parsed = ConnectionString::parse(format!("mongodb://{authority}/")).map_err(|_| {
            bad("the part before the path cannot be read: it is user@host:port,host:port, with %-sequences")
        })?;
        let credential = parsed.credential.unwrap_or_default();
        endpoint.user = credential.username;
        endpoint.password = credential.password;
        if endpoint.password.is_some() && endpoint.user.as_deref().is_none_or(str::is_empty) {
            return Err(bad("the URL has no user"));
        }
        let mongodb::options::HostInfo::HostIdentifiers(addresses) = parsed.host_info else {
            return Err(bad("the URL has no host"));
        };
        for address in addresses {
            match address {
                ServerAddress::Tcp { host, port } => endpoint.hosts.push((host, port.unwrap_or(PORT))),
                _ => return Err(bad("the URL names a socket in place of a host")),
            }
        }
        Ok(endpoint)
    }

    fn read_options(&mut self, query: &str) -> Result<()> {
        let bad = |why: String| Error::new(Code::BadUrl, why);
        let mut authority = None;
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| bad(format!("the value of {name} is no text")))?;
            let value = value.as_ref();
            match name {
                "replicaSet" => self.replica_set = Some(value.to_owned()),
                "authSource" => self.auth_source = Some(value.to_owned()),
                "authMechanism" if matches!(value, "SCRAM-SHA-1" | "SCRAM-SHA-256") => {
                    self.mechanism = Some(value.to_owned());
                }
                "authMechanism" => {
                    return Err(bad("authMechanism must be SCRAM-SHA-1 or SCRAM-SHA-256".to_owned()));
                }
                "tls" if value == "true" => self.tls = Tls::Verified(None),
                "tls" if value == "false" => self.tls = Tls::Disabled,
                "tls" if value == "unverified" => self.tls = Tls::Unverified,
                "tls" => return Err(bad("tls must be true, false or unverified".to_owned())),
                "tlsCAFile" => authority = Some(PathBuf::from(value)),
                other => {
                    let what = format!(
                        "the URL's option '{}' is not known",
                        other.chars().take(40).collect::<String>()
                    );
                    return Err(bad(what).with_remedy(
                        "the options are replicaSet, authSource, authMechanism, tls and tlsCAFile",
                    ));
                }
            }
        }
        if authority.is_some() {
            self.tls = Tls::Verified(authority);
        }
        Ok(())
    }

    /// The deployment's client: made once, shared by all clones of this endpoint.
    pub(crate) async fn client(&self) -> Result<Client> {
        self.client.get_or_try_init(|| self.open()).await.cloned()
    }

    async fn open(&self) -> Result<Client> {
        self.look_at_hosts(&self.hosts).await?;
        if self.gate.is_some() {
            // Members that the deployment names are connected to as well.
            let alone = Client::with_options(self.options(true)?).map_err(understand)?;
            let hello = run(&alone, "admin", &command("hello")).await.map_err(|error| error.context(self))?;
            self.look_at_hosts(&members_of(&hello)).await?;
        }
        Client::with_options(self.options(false)?).map_err(understand)
    }

    async fn look_at_hosts(&self, hosts: &[(String, u16)]) -> Result<()> {
        let Some(gate) = &self.gate else { return Ok(()) };
        for (host, port) in hosts {
            let unknown =
                |error: std::io::Error| Error::new(Code::Unreachable, format!("{host}:{port}: {error}"));
            for address in tokio::net::lookup_host((host.as_str(), *port)).await.map_err(unknown)? {
                gate(address.ip().to_canonical()).map_err(|error| error.context(self))?;
            }
        }
        Ok(())
    }

    fn options(&self, direct: bool) -> Result<ClientOptions> {
        let hosts = self.hosts.iter().take(if direct { 1 } else { usize::MAX });
        let hosts = hosts.map(|(host, port)| ServerAddress::Tcp { host: host.clone(), port: Some(*port) });
        let mut options = ClientOptions::default();
        options.hosts = hosts.collect();
        options.app_name = Some("tidegate".to_owned());
        options.direct_connection = direct.then_some(true);
        options.repl_set_name.clone_from(if direct { &None } else { &self.replica_set });
        options.connect_timeout = Some(CONNECT_DEADLINE);
        options.server_selection_timeout = Some(CONNECT_DEADLINE);
        // What is tried again, and when, is decided above the driver.
        options.retry_reads = Some(false);
        options.retry_writes = Some(false);
        options.write_concern = Some(WriteConcern::majority());
        options.read_concern = Some(ReadConcern::majority());
        options.credential = self.credential()?;
        options.tls = Some(match &self.tls {
            Tls::Disabled => DriverTls::Disabled,
            Tls::Verified(None) => DriverTls::Enabled(TlsOptions::default()),
            Tls::Verified(Some(file)) => {
                std::fs::File::open(file).map_err(|error| {
                    Error::new(Code::Tls, format!("tlsCAFile: {} cannot be read: {error}", file.display()))
                })?;
                DriverTls::Enabled(TlsOptions::builder().ca_file_path(file.clone()).build())
            }
            Tls::Unverified => {
                DriverTls::Enabled(TlsOptions::builder().allow_invalid_certificates(true).build())
            }
        });
        Ok(options)
    }

    fn credential(&self) -> Result<Option<Credential>> {
        let Some(user) = self.user.clone().filter(|user| !user.is_empty()) else { return Ok(None) };
        let mechanism = self.mechanism.as_deref().map(|name| match name {
            "SCRAM-SHA-1" => Ok(AuthMechanism::ScramSha1),
            "SCRAM-SHA-256" => Ok(AuthMechanism::ScramSha256),
            other => Err(Error::new(Code::BadUrl, format!("authMechanism {other} is not known"))),
        });
        let mut credential = Credential::default();
        credential.username = Some(user);
        credential.password = Some(self.password.clone().unwrap_or_default());
        credential.source.clone_from(&self.auth_source);
        credential.mechanism = mechanism.transpose()?;
        Ok(Some(credential))
    }
}

/// All members that a deployment names, with those that never become primary.
fn members_of(hello: &Document) -> Vec<(String, u16)> {
    let lists = ["hosts", "passives", "arbiters"].into_iter().filter_map(|list| hello.get_array(list).ok());
    let addresses = lists.flatten().filter_map(|member| ServerAddress::parse(member.as_str()?).ok());
    let named = addresses.filter_map(|address| match address {
        ServerAddress::Tcp { host, port } => Some((host, port.unwrap_or(PORT))),
        _ => None,
    });
    named.collect()
}

/// `{name: 1}`, for commands without arguments.
pub(crate) fn command(name: &str) -> Vec<u8> {
    let mut builder = crate::raw::Builder::new();
    builder.int32(name, 1);
    builder.finish()
}

/// BSON that we wrote, for the driver.
pub(crate) fn raw_document(bytes: Vec<u8>) -> Result<RawDocumentBuf> {
    RawDocumentBuf::from_bytes(bytes).map_err(|_| Error::new(Code::Internal, "a command is not BSON"))
}

/// Runs a command outside of any transaction. Errors within the answer (`writeErrors`, `writeConcernError`) are errors.
pub(crate) async fn run(client: &Client, database: &str, command: &[u8]) -> Result<Document> {
    let command = raw_document(command.to_vec())?;
    let answer = client.database(database).run_raw_command(command).await.map_err(understand)?;
    refuse_write_errors(answer)
}

/// Runs a command in the session's transaction.
pub(crate) async fn run_in(
    session: &mut ClientSession,
    client: &Client,
    database: &str,
    command: Vec<u8>,
) -> Result<Document> {
    let command = raw_document(command)?;
    let answer = client.database(database).run_raw_command(command).session(session).await;
    refuse_write_errors(answer.map_err(understand)?)
}

pub(crate) fn refuse_write_errors(answer: Document) -> Result<Document> {
    let first = answer
        .get_array("writeErrors")
        .ok()
        .and_then(|errors| errors.first())
        .and_then(|one| one.as_document());
    let concern = answer.get_document("writeConcernError").ok();
    let Some(found) = first.or(concern) else { return Ok(answer) };
    let code = found.get_i32("code").unwrap_or_default();
    let text = found.get_str("errmsg").unwrap_or("a write failed");
    Err(of_server(code, text))
}

/// What an error of the driver means for us.
pub(crate) fn understand(error: DriverError) -> Error {
    let transient = error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR);
    let understood = match error.kind.as_ref() {
        ErrorKind::Command(command) => of_server(command.code, &command.message),
        ErrorKind::Write(WriteFailure::WriteError(one)) => of_server(one.code, &one.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(one)) => of_server(one.code, &one.message),
        ErrorKind::Authentication { message, .. } => Error::new(Code::AccessDenied, message.clone()),
        ErrorKind::ServerSelection { message, .. } => Error::new(Code::Unreachable, short(message)),
        ErrorKind::DnsResolve { message, .. } => Error::new(Code::Unreachable, short(message)),
        ErrorKind::InvalidTlsConfig { message, .. } => Error::new(Code::Tls, message.clone()),
        ErrorKind::Io(io) => Error::new(Code::ConnectionLost, io.to_string()),
        ErrorKind::ConnectionPoolCleared { message, .. } => Error::new(Code::ConnectionLost, short(message)),
        _ => Error::new(Code::Internal, short(&error.to_string())),
    };
    if transient && understood.code().retry() != tidegate_model::Retry::Auto {
        return Error::new(Code::TargetBusy, understood.message().to_owned())
            .with_remedy(understood.remedy().to_owned());
    }
    understood
}

/// The driver describes whole topologies: the first sentences are enough.
fn short(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

/// What a server's error number means for us. Numbers: <https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/base/error_codes.yml>
fn of_server(code: i32, text: &str) -> Error {
    let text = format!("{} (error {code})", short(text));
    let too_large = matches!(code, 388 | 257 | 290);
    let code = match code {
        13 => Code::MissingGrant,
        18 => Code::AccessDenied,
        // NamespaceNotFound
        26 => Code::MissingTable,
        // The primary changes, or a member goes away or is not there yet.
        6 | 7 | 89 | 91 | 189 | 262 | 9001 | 10107 | 11600 | 11602 | 13435 | 13436 => Code::ConnectionLost,
        // LockTimeout, LockBusy, MaxTimeMSExpired, WriteConflict, NoSuchTransaction, LockFailed, SnapshotUnavailable,
        // TransactionTooOld, PreparedTransactionInProgress, a write concern that was not met in time; Interrupted: a later
        // run has ended the session.
        24 | 46 | 50 | 64 | 112 | 107 | 225 | 246 | 251 | 267 | 314 | 11601 => Code::TargetBusy,
        // CappedPositionLost, CursorNotFound, QueryPlanKilled, CursorKilled
        136 | 43 | 175 | 237 => Code::ConnectionLost,
        // StaleShardVersion, FailedToSatisfyReadPreference, StaleEpoch, RetryChangeStream, StaleConfig: asked once more, the
        // server knows better.
        63 | 133 | 150 | 234 | 13388 => Code::ConnectionLost,
        // ChangeStreamFatalError, ChangeStreamHistoryLost, OplogOperationUnsupported, and a start before the oplog's.
        280 | 286 | 40615 | 40576 => Code::LogGone,
        11000 | 11001 => Code::Conflict,
        // DocumentValidationFailure, BSONObjectTooLarge
        121 | 10334 => Code::WriteRefused,
        // UserWritesBlocked
        371 => Code::TargetReadOnly,
        14031 => Code::TargetDiskFull,
        _ => Code::WriteRefused,
    };
    let error = Error::new(code, text);
    // TransactionTooLargeForCache, TransactionTooLarge, TransactionExceededLifetimeLimitSeconds
    if too_large {
        return error.with_remedy(
            "give the target's servers a larger cache, and a higher transactionLifetimeLimitSeconds: one transaction of the \
             source is one of the target",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        for number in [63, 133, 150, 234, 13388, 43, 10107] {
            assert_eq!(of_server(number, "x").code(), Code::ConnectionLost, "{number}");
        }
    }

    #[test]
    fn all_members_are_looked_at() {
        let hello = doc! { "hosts": ["a:1", "b"], "passives": ["c:2"], "arbiters": ["d:3"], "me": "a:1" };
        let members = [("a", 1), ("b", PORT), ("c", 2), ("d", 3)].map(|(host, port)| (host.to_owned(), port));
        assert_eq!(members_of(&hello), members);
        assert!(members_of(&doc! {}).is_empty());
    }

    #[test]
    fn urls() {
        let read = |text: &str| Endpoint::from_url(text);
        let one = read("mongodb://repl:a%2Fb@db1:27018,db2/?replicaSet=rs0&authSource=admin").unwrap();
        assert_eq!(one.hosts, [("db1".to_owned(), 27018), ("db2".to_owned(), 27017)]);
        assert_eq!((one.user.as_deref(), one.password.as_deref()), (Some("repl"), Some("a/b")));
        assert_eq!((one.replica_set.as_deref(), one.tls.clone()), (Some("rs0"), Tls::Disabled));
        assert_eq!(format!("{one:?} {one}"), "repl@db1:27018,db2:27017 db1:27018,db2:27017");
        assert_eq!(read("mongodb://h").unwrap().user, None);
        assert_eq!(read("mongodb://u@h/?tls=true").unwrap().tls, Tls::Verified(None));
        let escaped = read("mongodb://h/?authSource=a%2Bb+c&tlsCAFile=%2Fetc%2Fca.pem").unwrap();
        assert_eq!(escaped.auth_source.as_deref(), Some("a+b+c"));
        assert_eq!(escaped.tls, Tls::Verified(Some(PathBuf::from("/etc/ca.pem"))));
        for wrong in [
            "mysql://h/",
            "mongodb://h/?replicaSet=%ff",
            "mongodb://",
            "mongodb://u:canary@/",
            "mongodb://u:canary@h/shop",
            "mongodb://u:canary@h:99999/",
            "mongodb://u:canary%zz@h/",
            "mongodb://:canary@h/",
            "mongodb://u@h/?tls=maybe",
            "mongodb://u@h/?authMechanism=MONGODB-AWS",
            "mongodb://u@h/?proxyHost=x",
        ] {
            let error = read(wrong).expect_err(wrong);
            assert_eq!(error.code(), Code::BadUrl, "{wrong}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{wrong}: {error}");
        }
    }
}
