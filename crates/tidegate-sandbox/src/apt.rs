//! Downloads Debian packages with apt, without touching the machine's own packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cache::create;
use crate::mirror::Mirror;

/// Debian's signing keys as every Debian machine has them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt of our own: own package lists, own cache, and an empty status file, so that apt believes nothing
/// is installed and downloads the whole closure of dependencies.
pub(crate) struct Apt {
    state: PathBuf,
    suite: String,
}

impl Apt {
    /// Prepares the apt state for one suite and refreshes its package lists.
    pub(crate) fn open(folder: &Path, mirror: &Mirror, suite: &str) -> Result<Apt, String> {
        let apt = Apt { state: folder.join(suite), suite: suite.to_owned() };
        create(&apt.state.join("lists").join("partial"))?;
        apt.write("status", "")?;
        apt.write("sources.list", &format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror.uri))?;
        let output = apt.run(&apt.state, &["update"])?;
        // apt-get update reports a list it could not fetch as a warning and still succeeds.
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if text.lines().any(|line| line.starts_with("E:") || line.contains("Failed to fetch")) {
            return Err(apt.failure("update", &output));
        }
        Ok(apt)
    }

    /// Downloads `packages` with all their dependencies, and `alone` without, into `folder`; returns the
    /// package files.
    pub(crate) fn fetch(
        &self,
        folder: &Path,
        packages: &[&str],
        alone: &[&str],
    ) -> Result<Vec<PathBuf>, String> {
        let archives = folder.join("archives");
        create(&archives.join("partial"))?;
        let mut install = vec!["install", "--download-only", "--no-install-recommends", "-y"];
        install.extend_from_slice(packages);
        self.run(folder, &install)?;
        if !alone.is_empty() {
            let mut download = vec!["download"];
            download.extend_from_slice(alone);
            self.run(folder, &download)?;
        }
        let mut files = Vec::new();
        for place in [folder, archives.as_path()] {
            let entries =
                fs::read_dir(place).map_err(|error| format!("cannot read {}: {error}", place.display()))?;
            files.extend(entries.flatten().map(|entry| entry.path()));
        }
        files.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
        files.sort();
        Ok(files)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.state.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Runs apt-get in `folder`, which is also where it puts what it downloads.
    fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Output, String> {
        let state = self.state.display();
        let settings = [
            format!("Dir::State={state}"),
            format!("Dir::State::status={state}/status"),
            format!("Dir::Cache={}", folder.display()),
            format!("Dir::Etc::sourcelist={state}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            // Pins of the machine are about its own packages; they could forbid ours.
            "Dir::Etc::preferences=-".to_owned(),
            "Dir::Etc::preferencesparts=-".to_owned(),
            // Without this apt would download as another user, who may not enter our folder.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Retries=3".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ];
        let mut command = Command::new("apt-get");
        command.arg("-q").current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        for setting in &settings {
            command.args(["-o", setting]);
        }
        let output = command.args(arguments).output().map_err(|error| {
            format!(
                "cannot run apt-get: {error}; the sandbox needs a Debian machine, or TIDEGATE_SANDBOX_CACHE set \
                 to a cache folder prepared on one"
            )
        })?;
        if output.status.success() { Ok(output) } else { Err(self.failure(arguments[0], &output)) }
    }

    fn failure(&self, action: &str, output: &Output) -> String {
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(12)..].join("\n  ");
        format!(
            "apt-get {action} failed for the suite {}:\n  {last}\ncheck that the mirror can be reached, or set \
             TIDEGATE_SANDBOX_MIRROR to another one (a dated snapshot mirror also works)",
            self.suite
        )
    }
}
