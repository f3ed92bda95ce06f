//! A replica set that belongs to the process that started it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::member::{Member, Settings};
use super::python::Address;
use crate::boot::Tether;
use crate::cache::{absolute, create};

/// The password of `root` in a set with access control.
const PASSWORD: &str = "of-the-sandbox";
/// What members with access control show each other.
const KEY: &str = "dGlkZWdhdGUtc2FuZGJveC1rZXktb2YtbWVtYmVycw==";

const CACHE_GB: f64 = 0.25;
const OPLOG_MB: u32 = 512;

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    pub members: usize,
    /// Further server arguments, which may not name a setting again that the others make.
    pub args: Vec<String>,
    /// The size of the change log. The server keeps to it only roughly.
    pub oplog_mb: u32,
    /// The storage engine's cache, of each member; a quarter is the least.
    pub cache_gb: f64,
    /// Whether clients must log in: as `root` with `ReplicaSet::password`.
    pub auth: bool,
}

impl Options {
    pub fn new(members: usize) -> Options {
        Options { members, args: Vec::new(), oplog_mb: OPLOG_MB, cache_gb: CACHE_GB, auth: false }
    }

    /// Adds one server argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Options {
        self.args.push(argument.into());
        self
    }

    #[must_use]
    pub fn oplog_mb(mut self, oplog_mb: u32) -> Options {
        self.oplog_mb = oplog_mb;
        self
    }

    #[must_use]
    pub fn cache_gb(mut self, cache_gb: f64) -> Options {
        self.cache_gb = cache_gb;
        self
    }

    #[must_use]
    pub fn auth(mut self, auth: bool) -> Options {
        self.auth = auth;
        self
    }
}

/// A running replica set. Its members end when this value is dropped, and also when this process is killed.
#[derive(Debug)]
pub struct ReplicaSet {
    settings: Settings,
    home: PathBuf,
    members: Vec<Member>,
    kept: bool,
}

impl ReplicaSet {
    /// Installs what is missing, creates `home` (which must not exist or be empty) and starts the members there, each on
    /// a free port. Returns when there is a writable primary and every member works.
    pub fn start(options: Options, home: &Path) -> Result<ReplicaSet, String> {
        Self::tethered(options, home, Tether::Tied)
    }

    pub(super) fn tethered(options: Options, home: &Path, tether: Tether) -> Result<ReplicaSet, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let home = absolute(home);
        if fs::read_dir(&home).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(format!(
                "{} is not empty; a replica set needs a folder of its own: delete it or name another",
                home.display()
            ));
        }
        create(&home)?;
        let key = if options.auth { Some(write_key(&home)?) } else { None };
        // Unlike any other set's, so that a member is never taken for one of a set that had its port before.
        let set = format!("rs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let count = options.members;
        let settings = Settings { set, options, key, tether };
        let members: Result<Vec<Member>, String> =
            (0..count).map(|at| Member::start(&settings, folder_of(&home, at))).collect();
        let set = ReplicaSet { settings, home, members: members?, kept: false };
        set.address().action(&["initiate"])?;
        Ok(set)
    }

    /// For an administrator; without the password, if there is one.
    pub fn url(&self) -> String {
        self.address().url()
    }

    /// The same with the password, if there is one.
    pub fn known_url(&self) -> String {
        self.address().known_url()
    }

    /// The password of the user in the address, in a set with access control.
    pub fn password(&self) -> Option<&'static str> {
        self.settings.options.auth.then_some(PASSWORD)
    }

    pub fn name(&self) -> &str {
        &self.settings.set
    }

    pub fn ports(&self) -> Vec<u16> {
        self.members.iter().map(Member::port).collect()
    }

    /// The members' process numbers; of one that has ended, the number it had.
    pub fn pids(&self) -> Vec<u32> {
        self.members.iter().map(Member::pid).collect()
    }

    /// The folder given to `start`, absolute.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Which member is the primary, after waiting until one is.
    pub fn primary(&self) -> Result<usize, String> {
        let at = self.address().action(&["primary"])?;
        at.parse().map_err(|error| format!("{at}: {error}"))
    }

    /// Makes the primary step down in order, and waits for another one. The only member of a set comes back itself.
    pub fn step_down(&self) -> Result<(), String> {
        self.address().action(&["step-down"]).map(drop)
    }

    /// Whether a member's process is still there.
    pub fn is_running(&self, member: usize) -> bool {
        self.members.get(member).is_some_and(Member::is_running)
    }

    /// Ends a member as a crash would.
    pub fn kill(&self, member: usize) {
        if let Some(member) = self.members.get(member) {
            member.kill();
        }
    }

    /// Stops a member if it runs and starts it again with the same port and data; returns when it works.
    pub fn restart(&self, member: usize) -> Result<(), String> {
        self.member(member)?.restart(&self.settings)?;
        self.address().action(&["serves", &member.to_string()]).map(drop)
    }

    /// Freezes a member: connections stay open and nothing answers, as with a hanging host.
    pub fn pause(&self, member: usize) -> Result<(), String> {
        self.member(member)?.signal("STOP")
    }

    /// Lets a paused member go on.
    pub fn resume(&self, member: usize) -> Result<(), String> {
        self.member(member)?.signal("CONT")
    }

    /// Shuts all members down in order; the data stays, for `restart`.
    pub fn stop(&self) {
        for member in &self.members {
            member.stop();
        }
    }

    /// Leaves the folder in place when this value is dropped, to look at a failed test's data and logs.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Runs Python that finds `client` (of pymongo) connected to the set; answers what it prints.
    pub fn python(&self, script: &str) -> Result<String, String> {
        self.address().script(script)
    }

    /// A Python that can `import pymongo` and finds the set's address, with the password, in the variable MONGO_URL. The
    /// caller adds what it runs.
    pub fn python_command(&self) -> Result<Command, String> {
        self.address().command()
    }

    /// User plus system seconds this run of all members has used.
    pub fn cpu_seconds(&self) -> f64 {
        self.members.iter().map(Member::cpu_seconds).sum()
    }

    fn member(&self, at: usize) -> Result<&Member, String> {
        self.members.get(at).ok_or_else(|| format!("{} has no member {at}", self.settings.set))
    }

    fn address(&self) -> Address {
        Address { set: self.settings.set.clone(), ports: self.ports(), password: self.password() }
    }

    /// Lets the members go on without this value.
    pub(super) fn release(mut self) {
        self.kept = true;
        for member in &self.members {
            member.release();
        }
    }
}

impl Drop for ReplicaSet {
    fn drop(&mut self) {
        if self.kept {
            self.stop();
            return;
        }
        for member in &self.members {
            member.kill();
        }
        // The next sweep of the scratch folder tries again.
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// The folder of one member.
pub(super) fn folder_of(home: &Path, member: usize) -> PathBuf {
    home.join(format!("member-{member}"))
}

fn write_key(home: &Path) -> Result<PathBuf, String> {
    let path = home.join("key");
    // The server refuses a key that others may read.
    fs::write(&path, KEY)
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o600)))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}
