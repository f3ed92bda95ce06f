//! Connections: the URL's meaning, TLS, session settings, and what the server's errors mean for us.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, IoError, Opts, OptsBuilder, SslOpts};
use std::path::PathBuf;
use std::time::Duration;
use tidegate_model::{Code, Error, Gate, Result};

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// The longest statement we send stays well below it; the server's own limit is read at connect.
const PACKET_BYTES_MAX: usize = 1 << 30;

/// Where a server is and how to log in. `Debug` does not show the password.
#[derive(Clone)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<String>,
    pub tls: Tls,
    /// Whom it may connect to; `None`: whoever the host's name leads to.
    pub gate: Option<Gate>,
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    Disabled,
    /// Encrypted, but to whomever answers.
    Required,
    /// The certificate must come from this authority, or from a public one if no file is given.
    VerifyCa(Option<PathBuf>),
    /// … and must name the host.
    VerifyFull(Option<PathBuf>),
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}:{}", self.user, self.host, self.port)
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Endpoint {
    /// Reads `mysql://user@host:port/?ssl-mode=…&ssl-ca=…`. Options are an allow-list; a database in the path is refused,
    /// because objects are chosen by patterns. A password in the URL is taken: whether it may stand there is the
    /// caller's rule.
    pub fn from_url(text: &str) -> Result<Self> {
        let bad = |why: String| Error::new(Code::BadUrl, why);
        let url = url::Url::parse(text).map_err(|e| bad(format!("the URL cannot be read: {e}")))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(Error::new(
                Code::UnsupportedEngine,
                format!("'{}' is not an engine we know", url.scheme()),
            ));
        }
        let decode = |part: &str| {
            percent_decode(part).ok_or_else(|| bad("the URL has a broken %-sequence".to_owned()))
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| bad("the URL has no host".to_owned()))?;
        let user = decode(url.username())?;
        if user.is_empty() {
            return Err(bad("the URL has no user".to_owned()));
        }
        if !matches!(url.path(), "" | "/") {
            let what = format!("the URL names a database ('{}')", url.path().trim_start_matches('/'));
            return Err(
                bad(what).with_remedy("leave the path empty and choose objects with --include 'database.*'")
            );
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        Ok(Self {
            tls: read_tls(&url, loopback)?,
            port: url.port().unwrap_or(3306),
            password: url.password().map(decode).transpose()?,
            host,
            user,
            gate: None,
        })
    }

    /// A connection with the driver's defaults and the given statements run first.
    pub(crate) async fn connect(&self, setup: &[String]) -> Result<Conn> {
        self.connect_with(setup, |options| options).await
    }

    pub(crate) async fn connect_with(
        &self,
        setup: &[String],
        change: impl FnOnce(OptsBuilder) -> OptsBuilder,
    ) -> Result<Conn> {
        let host = if self.host == "localhost" { "127.0.0.1" } else { &self.host };
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(self.port)
            .user(Some(self.user.clone()))
            .pass(self.password.clone())
            .prefer_socket(false)
            .tcp_nodelay(true)
            .max_allowed_packet(Some(PACKET_BYTES_MAX))
            .ssl_opts(self.ssl_options()?)
            .setup(setup.to_vec());
        let connecting = async {
            let options = options.resolved_ips(self.permitted(host).await?);
            Conn::new(Opts::from(change(options))).await.map_err(|error| self.connect_error(error))
        };
        match tokio::time::timeout(CONNECT_DEADLINE, connecting).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let seconds = CONNECT_DEADLINE.as_secs();
                Err(Error::new(Code::Unreachable, format!("{self} does not answer within {seconds} s")))
            }
        }
    }

    /// The host's addresses, looked up and looked at once: what is connected to is what was permitted.
    async fn permitted(&self, host: &str) -> Result<Option<Vec<std::net::IpAddr>>> {
        let Some(gate) = &self.gate else { return Ok(None) };
        let unknown = |error: std::io::Error| Error::new(Code::Unreachable, format!("{self}: {error}"));
        let found = tokio::net::lookup_host((host, self.port)).await.map_err(unknown)?;
        let found: Vec<_> = found.map(|address| address.ip().to_canonical()).collect();
        let permitted: Vec<_> = found.iter().copied().filter(|address| gate(*address).is_ok()).collect();
        match (permitted.is_empty(), found.first()) {
            (false, _) => Ok(Some(permitted)),
            (true, Some(address)) => gate(*address).map(|()| None).map_err(|error| error.context(self)),
            (true, None) => Err(Error::new(Code::Unreachable, format!("{self}: its name leads nowhere"))),
        }
    }

    fn ssl_options(&self) -> Result<Option<SslOpts>> {
        let authority = |file: &Option<PathBuf>| -> Result<SslOpts> {
            let Some(file) = file else { return Ok(SslOpts::default()) };
            let unreadable =
                |e| Error::new(Code::Tls, format!("ssl-ca: {} cannot be read: {e}", file.display()));
            std::fs::File::open(file).map_err(unreadable)?;
            Ok(SslOpts::default().with_root_certs(vec![file.clone().into()]))
        };
        Ok(match &self.tls {
            Tls::Disabled => None,
            Tls::Required => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
            Tls::VerifyCa(file) => Some(authority(file)?.with_danger_skip_domain_validation(true)),
            Tls::VerifyFull(file) => Some(authority(file)?),
        })
    }

    fn connect_error(&self, error: mysql_async::Error) -> Error {
        let (code, text) = match &error {
            mysql_async::Error::Io(IoError::Io(io)) if is_tls(io) => (Code::Tls, io.to_string()),
            mysql_async::Error::Io(IoError::Io(io)) => (Code::Unreachable, io.to_string()),
            mysql_async::Error::Io(IoError::Tls(tls)) => (Code::Tls, tls.to_string()),
            mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => {
                (Code::Tls, error.to_string())
            }
            mysql_async::Error::Server(server) if matches!(server.code, 3118 | 4151) => {
                let remedy = format!(
                    "ALTER USER {}@'%' ACCOUNT UNLOCK (or with the host that the account has)",
                    quote_text(&self.user)
                );
                return understand(error).context(self).with_remedy(remedy);
            }
            _ => return understand(error).context(self),
        };
        Error::new(code, format!("{self}: {}", first_line(&text)))
    }
}

/// Whether the server was reached, and its certificate or its way to encrypt was not to our liking.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>())
}

fn read_tls(url: &url::Url, loopback: bool) -> Result<Tls> {
    let mut mode = None;
    let mut authority = None;
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "ssl-mode" => mode = Some(value.to_ascii_lowercase().replace('_', "-")),
            "ssl-ca" => authority = Some(PathBuf::from(value.as_ref())),
            other => {
                let what = format!("the URL's option '{other}' is not known");
                return Err(Error::new(Code::BadUrl, what).with_remedy("the options are ssl-mode and ssl-ca"));
            }
        }
    }
    match mode.as_deref() {
        None if authority.is_some() => Ok(Tls::VerifyFull(authority)),
        None if loopback => Ok(Tls::Disabled),
        None => Ok(Tls::Required),
        Some("disabled") => Ok(Tls::Disabled),
        Some("required") => Ok(Tls::Required),
        Some("verify-ca") => Ok(Tls::VerifyCa(authority)),
        Some("verify-full" | "verify-identity") => Ok(Tls::VerifyFull(authority)),
        Some(other) => Err(Error::new(Code::BadUrl, format!("ssl-mode '{other}' is not known"))
            .with_remedy("ssl-mode is one of disabled, required, verify-ca, verify-full")),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Which of the two families of servers, and which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) mariadb: bool,
    pub(crate) version: (u16, u16, u16),
}

impl Server {
    pub(crate) async fn of(conn: &mut Conn) -> Result<Self> {
        let text: Option<String> = conn.query_first("SELECT VERSION()").await.map_err(understand)?;
        let text = text.unwrap_or_default();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
        let mut next = || numbers.next().unwrap_or(0);
        Ok(Self { version: (next(), next(), next()), mariadb: text.to_ascii_lowercase().contains("mariadb") })
    }

    pub(crate) fn is_mysql_from(self, version: (u16, u16, u16)) -> bool {
        !self.mariadb && self.version >= version
    }
}

/// Sessions that ask about definitions and settings: text in and out as UTF-8, times in UTC.
pub(crate) fn question_setup() -> Vec<String> {
    vec!["SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = ''".to_owned()]
}

/// Sessions that read or write rows: bytes in and out as they are stored.
pub(crate) fn data_setup() -> Vec<String> {
    vec![
        "SET NAMES binary, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', \
         wait_timeout = 86400, net_write_timeout = 600, net_read_timeout = 600 \
         /*!50708 , max_execution_time = 0 */ /*M!100101 , max_statement_time = 0 */"
            .to_owned(),
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
    ]
}

/// What an error of the driver means for us. The server's own message is kept; the driver's repetition of it is not.
pub(crate) fn understand(error: mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(server) => {
            let code = code_of(server.code, &server.message);
            let error =
                Error::new(code, format!("the server says: {} (error {})", server.message, server.code));
            match read_only_option(&server.message).filter(|_| code == Code::TargetReadOnly) {
                Some(option) => error.with_remedy(writable_again(option)),
                None => error,
            }
        }
        mysql_async::Error::Io(error) => {
            Error::new(Code::ConnectionLost, first_line(&error.to_string()).to_owned())
        }
        mysql_async::Error::Driver(DriverError::ConnectionClosed) => {
            Error::new(Code::ConnectionLost, "the server closed the connection")
        }
        mysql_async::Error::Driver(error) => {
            Error::new(Code::ConnectionLost, first_line(&error.to_string()).to_owned())
        }
        other => Error::new(Code::Internal, first_line(&other.to_string()).to_owned()),
    }
}

/// The option that a server says it runs with.
fn read_only_option(message: &str) -> Option<&'static str> {
    [("--super-read-only", "super_read_only"), ("--read-only", "read_only")]
        .into_iter()
        .find_map(|(said, option)| message.contains(said).then_some(option))
}

/// What to do about an option that keeps everybody from writing.
pub(crate) fn writable_again(option: &str) -> String {
    let first = if option == "super_read_only" { "SET GLOBAL super_read_only = 0; " } else { "" };
    let option = if option == "super_read_only" { "read_only" } else { option };
    format!("{first}SET GLOBAL {option} = 0 on the target, or name the primary")
}

fn code_of(number: u16, message: &str) -> Code {
    match number {
        1045 | 1698 | 1862 | 3118 | 4151 => Code::AccessDenied,
        1044 | 1142 | 1143 | 1227 | 1370 | 3678 => Code::MissingGrant,
        1040 | 1129 | 1130 | 1203 | 1226 => Code::Unreachable,
        1205 | 1213 | 1412 | 3572 => Code::TargetBusy,
        1290 | 1836 | 1792 => Code::TargetReadOnly,
        1021 | 1114 | 3019 => Code::TargetDiskFull,
        1236 | 4052 if ["server_uuid", "server_id", "server id"].iter().any(|id| message.contains(id)) => {
            Code::ServerIdTaken
        }
        // MariaDB's words for a place that its log has never had; MySQL is asked before.
        1236 if message.contains("not in the master's binlog") => Code::SourceRewound,
        1236 => Code::LogGone,
        1062 | 1586 => Code::Conflict,
        1146 | 1049 => Code::MissingTable,
        1053 | 1077 | 1158..=1161 | 1184 | 1317 | 1927 | 4031 => Code::ConnectionLost,
        _ => Code::WriteRefused,
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Back-ticks around a name, back-ticks inside doubled.
pub(crate) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as a literal for sessions of [`question_setup`].
pub(crate) fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Bytes as a literal that means the same in every session, whatever its character set.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("x'");
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out.push('\'');
    out
}

/// `table` is quoted and has its database.
pub(crate) async fn has_rows(conn: &mut Conn, table: &str) -> Result<bool> {
    let row: Option<u8> =
        conn.query_first(format!("SELECT 1 FROM {table} LIMIT 1")).await.map_err(understand)?;
    Ok(row.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let read = |text| Endpoint::from_url(text);
        let plain = read("mysql://repl@127.0.0.1:3307/").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.tls), ("127.0.0.1", 3307, Tls::Disabled));
        let remote = read("mariadb://a%40b:p%20w@db.example").unwrap();
        assert_eq!((remote.user.as_str(), remote.password.as_deref()), ("a@b", Some("p w")));
        assert_eq!((remote.port, remote.tls), (3306, Tls::Required));
        assert_eq!(
            read("mysql://u@h/?ssl-mode=verify-ca&ssl-ca=/a/b").unwrap().tls,
            Tls::VerifyCa(Some("/a/b".into()))
        );
        assert_eq!(read("mysql://u@[::1]:1/").unwrap().host, "::1");
        for (bad, code) in [
            ("nonsense", Code::BadUrl),
            ("postgres://u@h/", Code::UnsupportedEngine),
            ("mysql://h/", Code::BadUrl),
            ("mysql://u@h/shop", Code::BadUrl),
            ("mysql://u@h/?allowLoadLocalInfile=1", Code::BadUrl),
            ("mysql://u@h/?ssl-mode=maybe", Code::BadUrl),
            ("mysql://u%zz@h/", Code::BadUrl),
            ("mysql://u@h:99999/", Code::BadUrl),
        ] {
            assert_eq!(read(bad).unwrap_err().code(), code, "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let endpoint = Endpoint::from_url("mysql://u:canary@h/").unwrap();
        assert!(!format!("{endpoint:?} {endpoint}").contains("canary"));
    }
}
