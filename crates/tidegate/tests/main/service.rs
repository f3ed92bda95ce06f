//! The service, driven as a person would: through the command line alone, between two real servers.

use crate::program::{CANARY, Ended, Scratch, assert_no_canary, tidegate};
use crate::servers::{PASSWORD, Pair, ask_until, make, sql};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use tidegate_sandbox::Flavour;

const SETTINGS: &str = "server.toml";

/// A running service, and somebody who is logged in.
pub(crate) struct Service {
    pub(crate) home: Scratch,
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) password: String,
}

impl Service {
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    /// With a settings file.
    pub(crate) fn start_with(name: &str, settings: &str) -> Self {
        let home = Scratch::new(name);
        std::fs::write(home.0.join(SETTINGS), settings).expect("a file");
        let (child, address, password) = serve(&home, None);
        let service = Self { home, child, address, password: password.expect("a first password") };
        service.log_in();
        service
    }

    /// Another service with a copy of everything that this one has.
    pub(crate) fn copied(&self, name: &str) -> Self {
        let home = Scratch::new(name);
        let from = format!("{}/.", self.home.0.display());
        let copied = std::process::Command::new("cp").args(["-a", &from]).arg(&home.0).status();
        assert!(copied.expect("a copy").success());
        let (child, address, password) = serve(&home, None);
        assert_eq!(password, None, "the account is there");
        let service = Self { home, child, address, password: self.password.clone() };
        service.log_in();
        service
    }

    fn log_in(&self) {
        let ended = self.tries_to_log_in();
        assert_eq!(ended.code, Some(0), "{ended}");
        assert!(ended.out.contains("as admin (admin)"), "{ended}");
    }

    pub(crate) fn tries_to_log_in(&self) -> Ended {
        let mut command = tidegate(&self.home);
        command.args(["login", "--server", &self.address]).env("TIDEGATE_PASSWORD", &self.password);
        Ended::of(command.output().expect("an end"))
    }

    /// The program, for anything else than instances.
    pub(crate) fn runs(&self, args: &[&str]) -> Ended {
        Ended::of(tidegate(&self.home).args(args).output().expect("an end"))
    }

    /// Ends it as a crash would, and starts it again.
    fn crash(&mut self) {
        self.child.kill().expect("a kill");
        self.start_again(None);
    }

    /// Once it has ended; it will end by itself at `point`, if one is given.
    pub(crate) fn start_again(&mut self, point: Option<&str>) {
        self.child.wait().expect("an end");
        let (child, address, password) = serve(&self.home, point);
        assert_eq!(password, None, "the account is there");
        (self.child, self.address) = (child, address);
        let said = self.tries_to_log_in();
        assert!(said.code == Some(0) || point.is_some(), "{said}");
    }

    pub(crate) fn ask(&self, args: &[&str]) -> Ended {
        let mut command = tidegate(&self.home);
        command.arg("instance").args(args);
        command.env("TIDEGATE_SOURCE_PASSWORD", PASSWORD).env("TIDEGATE_TARGET_PASSWORD", PASSWORD);
        let ended = Ended::of(command.output().expect("an end"));
        assert!(!ended.out.contains(CANARY) && !ended.err.contains(CANARY), "{ended}\n{}", ended.out);
        ended
    }

    #[track_caller]
    pub(crate) fn does(&self, args: &[&str]) -> String {
        let ended = self.ask(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended}\n{}", ended.out);
        ended.out
    }

    #[track_caller]
    pub(crate) fn gets(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.does(&args)).expect("JSON")
    }

    #[track_caller]
    pub(crate) fn create(&self, pair: &Pair, name: &str) {
        let url = |url: String| url.replace("root@", "repl@");
        let (source, target) = (url(pair.source().url()), url(pair.target().url()));
        let include = format!("{name}.*");
        self.does(&["create", name, "--source", &source, "--target", &target, "--include", &include]);
    }

    /// Both sides hold the same rows.
    #[track_caller]
    pub(crate) fn is_level(&self, pair: &Pair, name: &str) {
        self.does(&["wait", name, "--for", "caught-up"]);
        let rows = format!("SELECT COUNT(*), SUM(id), SUM(CRC32(v)) FROM {name}.t");
        let expected = sql(&pair.source(), &rows);
        ask_until(&pair.target(), &rows, |found| found == expected);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(home: &Scratch, crash_at: Option<&str>) -> (Child, String, Option<String>) {
    let mut command = tidegate(home);
    command.envs(crash_at.map(|point| ("TIDEGATE_CRASH_AT", point)));
    command.args(["server", "--json", "--listen", "127.0.0.1:0", "--log-level", "trace", "--config"]);
    command.arg(home.0.join(SETTINGS));
    let log = std::fs::File::options().create(true).append(true).open(home.0.join("server.log"));
    command.stdout(Stdio::piped()).stderr(log.expect("a log"));
    let mut child = command.spawn().expect("a server");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let password = said["first_password"].as_str().map(str::to_owned);
    (child, said["listening"].as_str().expect("an address").to_owned(), password)
}

#[test]
fn an_instance_lives_on_mysql() {
    let pair = Pair::start(Flavour::Mysql);
    a_whole_life(&pair);
}

#[test]
fn an_instance_lives_on_mariadb() {
    let pair = Pair::start(Flavour::Mariadb);
    a_whole_life(&pair);
}

fn a_whole_life(pair: &Pair) {
    let mut service = Service::start("service");
    service.create(pair, "life");
    let twice = service.ask(&["create", "life", "--source", "mysql://a@b/", "--target", "mysql://a@c/"]);
    twice.fault("TG-7002").says("there is an instance named 'life'");
    a_precheck_that_fails(&service, pair);
    service.does(&["start", "life"]);
    service.is_level(pair, "life");
    assert!(service.does(&["start", "life"]).contains("already"));
    service.does(&["pause", "life"]);
    service.does(&["wait", "life", "--for", "paused"]);
    sql(&pair.source(), "INSERT INTO life.t VALUES (100, 'while paused')");
    service.crash();
    assert_eq!(service.gets(&["show", "life"])["status"], "Paused");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM life.t WHERE id = 100"), "0");
    service.does(&["resume", "life"]);
    service.is_level(pair, "life");
    service.crash();
    sql(&pair.source(), "INSERT INTO life.t VALUES (101, 'after a crash')");
    service.is_level(pair, "life");
    names_and_passwords(&service, pair);
    an_end(&service, pair);
    let log = std::fs::read_to_string(service.home.0.join("server.log")).expect("a log");
    assert!(log.contains("learned") && !log.contains(CANARY), "{log}");
    assert!(!log.contains(" WARN ") && !log.contains(" ERROR "), "{log}");
    assert_no_canary(&service.home.0);
}

fn a_precheck_that_fails(service: &Service, pair: &Pair) {
    service.does(&["precheck", "life"]);
    service.ask(&["wait", "life", "--for", "precheckpassed"]).fault("TG-7003").says("Precheck Failed");
    let shown = service.does(&["show", "life"]);
    assert!(shown.contains("OBJECTS") && shown.contains("no table of the source fits"), "{shown}");
    make(&pair.source(), "life");
    service.does(&["precheck", "life"]);
    service.does(&["wait", "life", "--for", "precheckpassed"]);
}

fn names_and_passwords(service: &Service, pair: &Pair) {
    service.ask(&["passwords", "life"]).fault("TG-7003").advises("pause it first");
    service.does(&["duplicate", "life", "other"]);
    service.does(&["rename", "other", "double"]);
    service.ask(&["rename", "double", "life"]).fault("TG-7002");
    // The same objects a second time: the target has the first one's rows.
    service.does(&["precheck", "double"]);
    let stopped = service.ask(&["wait", "double", "--for", "precheckpassed"]).fault("TG-7003");
    stopped.says("stands in the way").says("life.t has rows");
    let url = |url: String| url.replace("root@", "repl@");
    let (source, target) = (url(pair.source().url()), url(pair.target().url()));
    let anew = ["configure", "double", "--source", &source, "--target", &target, "--include", "nothing.*"];
    service.does(&anew);
    let shown = service.gets(&["show", "double"]);
    assert_eq!(
        (&shown["status"], &shown["objects"]["include"][0]),
        (&"NotStarted".into(), &"nothing.*".into())
    );
    let mut configure = anew;
    configure[1] = "life";
    service.ask(&configure).fault("TG-7003");
    // Each is asked for itself.
    let both = service.ask(&["pause", "double", "life"]);
    both.fault("TG-7003").says("double is Not Started: it does not run");
    service.does(&["wait", "life", "--for", "paused"]);
    service.does(&["passwords", "life"]);
    service.does(&["resume", "life"]);
    service.is_level(pair, "life");
    service.does(&["release", "double"]);
}

fn an_end(service: &Service, pair: &Pair) {
    service.ask(&["cleanup", "life", "--apply"]).fault("TG-7003").says("only what is completed");
    service.ask(&["release", "life"]).fault("TG-7003").says("terminate it first").advises("terminate");
    assert!(service.does(&["terminate", "life", "--dry-run"]).contains("never be started again"));
    assert_eq!(service.gets(&["show", "life"])["status"], "Synchronizing");
    service.does(&["terminate", "life"]);
    service.does(&["wait", "life", "--for", "completed", "--timeout", "10s"]);
    let fault = service.ask(&["start", "life"]).fault("TG-7003");
    fault.says("a terminated instance never starts again").advises("release");
    let sessions = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl'";
    for server in [&pair.source(), &pair.target()] {
        ask_until(server, sessions, |count| count == "0");
    }
    let listed = service.does(&["cleanup", "life"]);
    assert!(listed.contains("DROP DATABASE tidegate") && listed.contains("DROP USER"), "{listed}");
    assert!(listed.contains("dts, DTS or tidegate") && listed.contains("127.0.0.1"), "{listed}");
    let done = service.gets(&["cleanup", "life", "--apply"]);
    let steps = done["steps"].as_array().expect("steps");
    assert_eq!(steps.iter().filter(|step| step["done"] == true).count(), 3, "{done}");
    for server in [&pair.source(), &pair.target()] {
        let left = "SELECT COUNT(*) FROM mysql.user WHERE User = 'repl'; SHOW DATABASES LIKE 'tidegate'";
        assert_eq!(sql(server, left), "0");
    }
    let id = service.gets(&["show", "life"])["id"].as_str().expect("an id").to_owned();
    service.does(&["release", "life"]);
    service.does(&["wait", &id, "--for", "released"]);
    assert_eq!(service.gets(&["list"])["total"], 0);
    service.ask(&["show", "life"]).fault("TG-7001");
    let history = service.gets(&["history", &id]);
    let events: Vec<&str> =
        history.as_array().expect("lines").iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events[..3], ["create", "precheck", "precheck failed"]);
    assert_eq!(events[events.len() - 4..], ["terminate", "stopped", "release", "stopped"]);
    assert!(!service.home.0.join(".local/state/tidegate/server/instances").join(&id).exists());
}

/// Wherever the service is killed: after the next start the instance gets to where the command leads.
#[test]
fn a_crash_at_every_point_leads_to_the_right_end() {
    let pair = Pair::start(Flavour::Mysql);
    let mut service = Service::start("points");
    for (command, points) in [
        ("start", &["decided", "prechecked", "learned", "link-begins"][..]),
        ("pause", &["decided", "stop-asked", "link-ended", "ended", "learned"]),
        ("terminate", &["decided", "stop-asked", "link-ended", "earlier-ended", "ended", "learned"]),
        ("release", &["decided", "ended", "learned"]),
    ] {
        for point in points {
            let name = format!("{command}-{point}").replace('-', "_");
            make(&pair.source(), &name);
            service.create(&pair, &name);
            let id = service.gets(&["show", &name])["id"].as_str().expect("an id").to_owned();
            if matches!(command, "pause" | "terminate") {
                service.does(&["start", &name]);
                service.does(&["wait", &name, "--for", "caught-up"]);
            }
            crashes(&mut service, &id, command, point);
            let goal = match command {
                "start" => "caught-up",
                "pause" => "paused",
                "terminate" => "completed",
                _ => "released",
            };
            service.does(&["wait", &id, "--for", goal, "--timeout", "30s"]);
            retire(&service, &name, command);
        }
    }
}

/// Asks for something, and the service ends on the way. It may not live to answer.
fn crashes(service: &mut Service, id: &str, command: &str, point: &str) {
    service.child.kill().expect("a kill");
    // Running instances go on at once, which may be at the point already.
    service.start_again(Some(point));
    let ended = service.ask(&[command, id, "--server", &service.address]);
    let is_away = ended.err.contains("TG-7011") || ended.err.contains("TG-7004");
    assert!(ended.code == Some(0) || is_away, "{command} {point}: {ended}");
    service.start_again(None);
    // Who got no answer asks again; what was done already stays so.
    service.does(&[command, id]);
}

/// So that the next case's service has nothing to do but that case.
fn retire(service: &Service, name: &str, command: &str) {
    match command {
        "start" => service.does(&["terminate", name]),
        "pause" => service.does(&["terminate", name]),
        _ => return,
    };
    service.does(&["wait", name, "--for", "completed"]);
}
