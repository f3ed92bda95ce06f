//! One link, run as a person would: the same command again and again.

use crate::program::{CANARY, Ended, Fault, Scratch, assert_no_canary, tidegate};
use crate::servers::{PASSWORD, Pair, sql};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tidegate_sandbox::Server;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A link of the database that it is named after, which `servers::make` makes.
#[derive(Clone)]
pub(crate) struct Link<'a> {
    pair: &'a Pair,
    home: Rc<Scratch>,
    /// What it takes part of, and what it is called.
    database: String,
    name: String,
    source: String,
    target: String,
    /// Passwords of the source's and the target's account.
    passwords: [Option<String>; 2],
    objects: Vec<String>,
    args: Vec<String>,
}

fn url(server: &Server) -> String {
    server.url().replace("root@", "repl@")
}

impl<'a> Link<'a> {
    pub(crate) fn new(pair: &'a Pair, name: &str) -> Self {
        Self {
            pair,
            home: Rc::new(Scratch::new(name)),
            database: name.to_owned(),
            name: name.to_owned(),
            source: url(&pair.source()),
            target: url(&pair.target()),
            passwords: [Some(PASSWORD.to_owned()), Some(PASSWORD.to_owned())],
            objects: vec!["--include".to_owned(), format!("{name}.*")],
            args: Vec::new(),
        }
    }

    /// The same with more arguments of `sync`.
    pub(crate) fn with(&self, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned());
        Self { args: self.args.iter().cloned().chain(args).collect(), ..self.clone() }
    }

    /// The same with other objects.
    pub(crate) fn of(&self, objects: &[&str]) -> Self {
        Self { objects: objects.iter().map(|object| (*object).to_owned()).collect(), ..self.clone() }
    }

    /// The same from another URL.
    pub(crate) fn from(&self, source: &str) -> Self {
        Self { source: source.to_owned(), ..self.clone() }
    }

    /// The same to another URL.
    pub(crate) fn to(&self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self.clone() }
    }

    /// The same with other passwords of the source's and the target's account.
    pub(crate) fn knowing(&self, passwords: [Option<&str>; 2]) -> Self {
        Self { passwords: passwords.map(|password| password.map(str::to_owned)), ..self.clone() }
    }

    pub(crate) fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// Its default folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.0.join(".local/state/tidegate").join(&self.name)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = tidegate(&self.home);
        command
            .args([verb, "--json", "--source", &self.source, "--target", &self.target])
            .args(&self.objects);
        if verb == "sync" {
            command.args(["--name", &self.name]).args(&self.args);
        }
        for (name, password) in
            ["TIDEGATE_SOURCE_PASSWORD", "TIDEGATE_TARGET_PASSWORD"].iter().zip(&self.passwords)
        {
            command.envs(password.as_ref().map(|password| (name, password)));
        }
        command
    }

    /// Starts it, to run until it is stopped.
    pub(crate) fn start(&self) -> Running {
        Running::new(&mut self.command("sync"))
    }

    /// Runs it until it has caught up.
    pub(crate) fn run(&self) -> Ended {
        let mut command = self.command("sync");
        // What is logged at the highest level is looked through for passwords.
        command.args(["--until-caught-up", "--log-level", "trace"]);
        Running::new(&mut command).ends()
    }

    #[track_caller]
    pub(crate) fn catches_up(&self) {
        let ended = self.run();
        ended.is_clean();
        assert_eq!(ended.code, Some(0), "{ended}");
        assert_eq!(ended.json().last().expect("an outcome")["outcome"], "caught_up", "{ended}");
    }

    /// Catches up, and both databases hold the same.
    #[track_caller]
    pub(crate) fn goes_on(&self) {
        self.catches_up();
        self.is_identical();
    }

    #[track_caller]
    pub(crate) fn is_identical(&self) {
        let ended = Running::new(&mut self.command("verify")).ends();
        ended.is_clean();
        assert_eq!(ended.code, Some(0), "{ended}\n{}", ended.out);
        let tables =
            sql(&self.pair.target(), "SELECT * FROM tidegate.link; SELECT * FROM tidegate.checkpoint");
        assert!(!tables.contains(CANARY), "{tables}");
        assert_no_canary(&self.home.0);
    }

    /// Ends with an error, and nothing has happened on either side.
    #[track_caller]
    pub(crate) fn refuses(&self, code: &str) -> Fault {
        let before = self.sides();
        let fault = self.run().fault(code);
        assert_eq!(self.sides(), before, "{fault}");
        fault
    }

    /// What the source and the target hold of its table.
    pub(crate) fn sides(&self) -> [String; 2] {
        let name = &self.database;
        let tables = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA";
        let held = format!("SHOW DATABASES LIKE '{name}'; {tables} = '{name}'; CHECKSUM TABLE {name}.t");
        [sql(&self.pair.source(), &held), sql(&self.pair.target(), &held)]
    }

    /// What the manual says about beginning anew, word by word.
    #[track_caller]
    pub(crate) fn forget(&self) {
        let name = &self.name;
        let tables = ["xa", "ddl", "kept", "copy", "checkpoint", "link"];
        let forget =
            tables.map(|table| format!("DELETE FROM tidegate.{table} WHERE instance = '{name}'")).join("; ");
        sql(&self.pair.target(), &format!("DROP DATABASE `{}`; {forget}", self.database));
        std::fs::remove_dir_all(self.folder()).expect("a folder");
    }
}

/// A process that runs. It is killed when this value is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Option<JoinHandle<String>>,
    began: Instant,
}

impl Running {
    fn new(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut pipe = child.stderr.take().expect("a pipe");
        let errors = thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).expect("UTF-8");
            text
        });
        Self { child, lines, seen: Vec::new(), errors: Some(errors), began: Instant::now() }
    }

    /// The next line; `None` at the end.
    #[track_caller]
    fn line(&mut self) -> Option<String> {
        let left = DEADLINE.saturating_sub(self.began.elapsed());
        match self.lines.recv_timeout(left) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                panic!("it takes too long: {}", self.collect());
            }
        }
    }

    /// Waits for a line that fits.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) {
        loop {
            let Some(line) = self.line() else { panic!("it ended before {what}: {}", self.collect()) };
            if fits(&serde_json::from_str(&line).expect("a JSON object a line")) {
                return;
            }
        }
    }

    #[track_caller]
    pub(crate) fn streams(&mut self) {
        self.until("streaming", |line| line["step"] == "streaming");
    }

    /// Waits until this process has applied so many rows.
    #[track_caller]
    pub(crate) fn applies(&mut self, rows: u64) {
        self.until("applying", |line| line["rows_applied"].as_u64() >= Some(rows));
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(mut self) -> Ended {
        while self.line().is_some() {}
        self.collect()
    }

    fn collect(&mut self) -> Ended {
        let status = self.child.wait().expect("a status");
        let errors = self.errors.take().expect("collected once").join();
        Ended { code: status.code(), out: self.seen.join("\n"), err: errors.expect("standard error") }
    }

    /// Stops it as a service manager does.
    #[track_caller]
    pub(crate) fn stop(self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("a signal").success());
        let ended = self.ends();
        ended.is_clean();
        assert_eq!(ended.code, Some(0), "{ended}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
