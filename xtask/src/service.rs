//! A running `tidegate server`, and the command line that asks it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::process::{Process, tied};
use crate::program::Program;

pub(crate) struct Service<'a> {
    program: &'a Program,
    home: &'a Path,
    /// As `http://127.0.0.1:7370`.
    pub(crate) address: String,
    pub(crate) process: Process,
}

#[derive(Deserialize)]
struct Listening {
    listening: String,
    first_password: Option<String>,
}

#[derive(Deserialize)]
struct Key {
    token: String,
}

impl<'a> Service<'a> {
    /// Starts it and logs in as admin. The first start says a password; later ones find it in the folder.
    pub(crate) fn start(program: &'a Program, home: &'a Path) -> Result<Self, String> {
        let mut command = program.plain();
        command
            .args(["server", "--json", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .env("HOME", home);
        let mut command = tied(&command);
        command.stdout(Stdio::piped());
        let mut process = Process::start("tidegate server", command)?;
        let output = process.child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let said: Listening = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let file = home.join("password");
        if let Some(password) = &said.first_password {
            fs::write(&file, password).map_err(|error| error.to_string())?;
        }
        let service = Self { program, home, address: said.listening, process };
        let file = file.display().to_string();
        service.run(&["login", "--server", &service.address, "--password-file", &file])?;
        Ok(service)
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
