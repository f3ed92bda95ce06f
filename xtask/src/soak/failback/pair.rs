//! The service with an instance and its reverse, asked on the command line.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::DATABASE;
use crate::program::Program;
use crate::service::Service;
use crate::wait;

pub(super) const FORWARD: &str = "soak";
pub(super) const REVERSE: &str = "soak-reverse";
const DEADLINE: Duration = Duration::from_secs(120);

pub(super) struct Pair<'a> {
    program: &'a Program,
    home: &'a Path,
    pub(super) service: Service<'a>,
}

/// An instance, as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Shown {
    status: String,
    may_write: bool,
    commands: Vec<String>,
    progress: Option<Progress>,
    why: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Progress {
    step: String,
    seq_captured: u64,
    seq_applied: u64,
}

impl Shown {
    pub(super) fn streams(&self) -> bool {
        self.status == "Synchronizing" && self.progress.as_ref().is_some_and(|now| now.step == "streaming")
    }

    pub(super) fn has_taken_over(&self) -> bool {
        self.may_write && self.status == "Synchronizing"
    }

    /// Where it is and why, for messages.
    fn told(&self) -> String {
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let doing = self.progress.as_ref().map_or("nothing".to_owned(), |now| {
            format!("{}, {} of {}", now.step, now.seq_applied, now.seq_captured)
        });
        format!("it is {}{why}, doing {doing}", self.status)
    }

    /// For a takeover: nobody has asked, or it was declined.
    pub(super) fn may_be_asked(&self) -> bool {
        self.commands.iter().any(|command| command == "takeover")
    }
}

impl<'a> Pair<'a> {
    pub(super) fn open(program: &'a Program, home: &'a Path) -> Result<Pair<'a>, String> {
        Ok(Pair { program, home, service: Service::start_logged(program, home, None)? })
    }

    /// Makes the instance, and waits until it has copied everything.
    pub(super) fn begin(&self, source: &str, target: &str, password: Option<&str>) -> Result<(), String> {
        let include = format!("{DATABASE}.*");
        let file = self.home.join("database-password");
        let path = file.display().to_string();
        let mut words =
            vec!["create", FORWARD, "--source", source, "--target", target, "--include", &include];
        if let Some(password) = password {
            std::fs::write(&file, password).map_err(|error| format!("cannot write {path}: {error}"))?;
            words.extend(["--source-password-file", &path, "--target-password-file", &path]);
        }
        self.service.ask(&words)?;
        self.service.ask(&["start", FORWARD])?;
        self.wait_until_streams(FORWARD)
    }

    pub(super) fn wait_until_streams(&self, name: &str) -> Result<(), String> {
        let streams = wait::until(DEADLINE, || Ok(self.show(name)?.streams().then_some(())))?;
        streams.ok_or_else(|| format!("{name} does not stream: {}", self.told(name)))
    }

    pub(super) fn begin_reverse(&self) -> Result<(), String> {
        self.service.run(&["reverse", "create", FORWARD])?;
        self.service.ask(&["wait", REVERSE, "--for", "Collecting"]).map(drop)
    }

    /// `kill -9`, and another service with the same folder, which may end itself at a point.
    pub(super) fn restart(&mut self, point: Option<&str>) -> Result<(), String> {
        self.service.process.kill();
        self.service = Service::start_logged(self.program, self.home, point)?;
        Ok(())
    }

    pub(super) fn take_over(&self, verb: &str, timeout: &str) -> Result<(), String> {
        self.service.run(&[verb, FORWARD, "--timeout", timeout]).map(drop)
    }

    pub(super) fn show(&self, name: &str) -> Result<Shown, String> {
        let text = self.service.ask(&["show", name, "--json"])?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    pub(super) fn told(&self, name: &str) -> String {
        self.show(name).map_or_else(|error| error, |shown| shown.told())
    }

    /// How many transactions a link has captured; while it begins it does not say.
    pub(super) fn captured(&self, name: &str) -> Result<Option<u64>, String> {
        Ok(self.show(name)?.progress.map(|now| now.seq_captured))
    }

    /// Waits until the link that may write has applied all that it has captured.
    pub(super) fn wait_until_level(&self, name: &str) -> Result<(), String> {
        let is_level = |shown: &Shown| {
            let level = |now: &Progress| now.seq_applied >= now.seq_captured;
            shown.streams() && shown.progress.as_ref().is_some_and(level)
        };
        let found = wait::until(DEADLINE, || Ok(is_level(&self.show(name)?).then_some(())))?;
        found.ok_or_else(|| format!("{name} has not applied everything: {}", self.told(name)))
    }
}
