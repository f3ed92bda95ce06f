//! A running `tidegate server`, and the command line that asks it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::process::{Process, tied};
use crate::program::Program;

/// Names a point at which the service ends itself, as a power cut would end it. A release build has no such points.
const CRASH_VARIABLE: &str = "TIDEGATE_CRASH_AT";
/// In the service's folder.
const PASSWORD_FILE: &str = "password";
const LOG_FILE: &str = "server.log";
/// Where a server keeps its store if it is not told.
const STORE: &str = ".local/state/tidegate/server/store.sqlite";

pub(crate) struct Service<'a> {
    program: &'a Program,
    home: &'a Path,
    /// As `http://127.0.0.1:7370`.
    pub(crate) address: String,
    official: Option<String>,
    pub(crate) process: Process,
}

#[derive(Deserialize)]
struct Listening {
    listening: String,
    official_api: Option<String>,
    first_password: Option<String>,
}

#[derive(Deserialize)]
struct Key {
    token: String,
}

impl<'a> Service<'a> {
    /// Starts it and logs in as admin. The first start says a password; later ones find it in the folder.
    pub(crate) fn start(program: &'a Program, home: &'a Path) -> Result<Self, String> {
        let service = Self::serve(program, home, &["--log-level", "warn"], None, Stdio::inherit())?;
        service.log_in()?;
        Ok(service)
    }

    /// The same, with the official API on an address of its own, and with everything that can be said in a log.
    pub(crate) fn start_official(
        program: &'a Program,
        home: &'a Path,
        settings: &Path,
    ) -> Result<Self, String> {
        let settings = settings.display().to_string();
        let options = ["--config", &settings, "--log-level", "trace", "--official-listen", "127.0.0.1:0"];
        let path = home.join("server.log");
        let log =
            File::create(&path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        let service = Self::serve(program, home, &options, None, log.into())?;
        service.log_in()?;
        Ok(service)
    }

    /// Host and port of the official API.
    pub(crate) fn official(&self) -> Result<&str, String> {
        let address = self.official.as_deref().and_then(|address| address.strip_prefix("http://"));
        address.ok_or_else(|| "the server does not answer the official API".to_owned())
    }

    /// The same, but what it says goes to a file in the folder. It ends by itself at `point`, if one is named, which may be
    /// before anybody can log in.
    pub(crate) fn start_logged(
        program: &'a Program,
        home: &'a Path,
        point: Option<&str>,
    ) -> Result<Self, String> {
        let path = home.join(LOG_FILE);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let service = Self::serve(program, home, &["--log-level", "info"], point, log.into())?;
        match service.log_in() {
            Err(text) if point.is_none() => Err(text),
            _ => Ok(service),
        }
    }

    fn serve(
        program: &'a Program,
        home: &'a Path,
        options: &[&str],
        point: Option<&str>,
        log: Stdio,
    ) -> Result<Self, String> {
        let mut command = program.plain();
        command.args(["server", "--json", "--listen", "127.0.0.1:0"]).args(options).env("HOME", home);
        command.envs(point.map(|point| (CRASH_VARIABLE, point)));
        let mut command = tied(&command);
        command.stdout(Stdio::piped()).stderr(log);
        let mut process = Process::start("tidegate server", command)?;
        let output = process.child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let said: Listening = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        if let Some(password) = &said.first_password {
            fs::write(home.join(PASSWORD_FILE), password).map_err(|error| error.to_string())?;
        }
        Ok(Self { program, home, address: said.listening, official: said.official_api, process })
    }

    fn log_in(&self) -> Result<(), String> {
        let file = self.home.join(PASSWORD_FILE).display().to_string();
        self.run(&["login", "--server", &self.address, "--password-file", &file]).map(drop)
    }

    /// Of the account that is logged in.
    pub(crate) fn password(&self) -> Result<String, String> {
        fs::read_to_string(self.home.join(PASSWORD_FILE)).map_err(|error| error.to_string())
    }

    /// Its store, while it does not run.
    pub(crate) fn store(&self) -> PathBuf {
        self.home.join(STORE)
    }

    /// Refuses a log, of one that was started with one, in which there is a warning or an error.
    pub(crate) fn said_nothing_unexpected(&self) -> Result<(), String> {
        let text = fs::read_to_string(self.home.join(LOG_FILE)).map_err(|error| error.to_string())?;
        let bad: Vec<&str> =
            text.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR ")).collect();
        if bad.is_empty() { Ok(()) } else { Err(format!("the service said:\n{}", bad.join("\n"))) }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Result<String, String> {
        let mut command: Command = self.program.plain();
        let output = command.args(args).env("HOME", self.home).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// `tidegate instance …`.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, String> {
        self.run(&[&["instance"], args].concat())
    }

    /// A token of the account that is logged in.
    pub(crate) fn key(&self) -> Result<String, String> {
        let key: Key =
            serde_json::from_str(&self.run(&["account", "key", "--json"])?).map_err(|e| e.to_string())?;
        Ok(key.token)
    }
}
