//! Python programs that speak with a set.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use super::install;

/// Fed with a script: runs it with `client` connected to the set.
const RUNNER: &str = "import os, sys, pymongo\n\
    client = pymongo.MongoClient(os.environ['MONGO_URL'])\n\
    exec(compile(sys.stdin.read(), 'script', 'exec'))\n";
/// What is done with a set through its own commands.
const ACTIONS: &str = include_str!("set.py");

/// How a set is reached.
pub(super) struct Address {
    pub(super) set: String,
    pub(super) ports: Vec<u16>,
    pub(super) password: Option<&'static str>,
}

impl Address {
    /// As programs take it; without the password.
    pub(super) fn url(&self) -> String {
        self.url_with(if self.password.is_some() { "root@" } else { "" })
    }

    /// The same with the password.
    pub(super) fn known_url(&self) -> String {
        self.url_with(&self.password.map_or_else(String::new, |password| format!("root:{password}@")))
    }

    fn url_with(&self, user: &str) -> String {
        let hosts: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let hosts = hosts.join(",");
        let source = if user.is_empty() { "" } else { "&authSource=admin" };
        format!("mongodb://{user}{hosts}/?replicaSet={}{source}", self.set)
    }

    /// A Python that finds the set's address, with the password, in MONGO_URL. The caller adds what it runs.
    pub(super) fn command(&self) -> Result<Command, String> {
        let mut command = install::python()?;
        command.env("MONGO_URL", self.known_url());
        Ok(command)
    }

    /// Runs a script that finds `client` connected to the set; answers what it prints, without the last line's end.
    pub(super) fn script(&self, script: &str) -> Result<String, String> {
        let mut command = self.command()?;
        command.args(["-c", RUNNER]);
        output(command, script)
    }

    /// One of the actions.
    pub(super) fn action(&self, words: &[&str]) -> Result<String, String> {
        let mut command = install::python()?;
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        command.env("MONGO_PORTS", ports.join(",")).env("MONGO_SET", &self.set);
        command.envs(self.password.map(|password| ("MONGO_PASSWORD", password)));
        command.args(["-c", ACTIONS]).args(words);
        output(command, "")
            .map_err(|text| format!("the replica set {}: {}: {text}", self.set, words.join(" ")))
    }
}

fn output(mut command: Command, input: &str) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot start python3: {error}"))?;
    let pipe = child.stdin.take();
    let output = thread::scope(|scope| {
        // Fed from a second thread: a long script and a long answer would block each other otherwise.
        scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(input.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("cannot wait for python3: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned());
    }
    Err(format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_names_the_user_only_where_there_is_one() {
        let address = |password| Address { set: "rs".to_owned(), ports: vec![1, 2], password };
        assert_eq!(address(None).url(), "mongodb://127.0.0.1:1,127.0.0.1:2/?replicaSet=rs");
        let known = "mongodb://root@127.0.0.1:1,127.0.0.1:2/?replicaSet=rs&authSource=admin";
        assert_eq!(address(Some("secret")).url(), known);
    }
}
