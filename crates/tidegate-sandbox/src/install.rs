//! Unpacks the servers and tools into the cache folder and runs programs from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::apt::Apt;
use crate::cache::{self, RECIPE};
use crate::flavour::Flavour;
use crate::{browser, mirror, mongo, template};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: (&str, &str) = ("x86_64-linux-gnu", "ld-linux-x86-64.so.2");
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: (&str, &str) = ("aarch64-linux-gnu", "ld-linux-aarch64.so.1");

/// Packages apt wants as dependencies but no program we start uses; leaving Perl out saves a quarter of
/// the unpacking time.
const NOT_UNPACKED: [&str; 3] = ["perl", "libperl", "debianutils"];

/// A set of packages unpacked together into one folder.
pub(crate) struct Bundle {
    pub(crate) name: &'static str,
    title: &'static str,
    /// The suite the packages come from; none means the machine's own.
    suite: Option<&'static str>,
    packages: &'static [&'static str],
    /// Packages taken without their dependencies, which only their scripts need.
    alone: &'static [&'static str],
    /// A program of it, whose `--version` must name `release`.
    probe: fn(&Unpacked) -> Result<Command, String>,
    release: &'static str,
}

const MYSQL: Bundle = Bundle {
    name: "mysql",
    title: "MySQL 9.7",
    suite: Some("sid"),
    packages: &["mysql-server-core", "mysql-client-core"],
    alone: &[],
    probe: |unpacked| unpacked.command("mysqld"),
    release: "9.7",
};

const MARIADB: Bundle = Bundle {
    name: "mariadb",
    title: "MariaDB 10.11",
    suite: None,
    packages: &["mariadb-server-core", "mariadb-client-core"],
    alone: &["mariadb-server", "mariadb-client"],
    probe: |unpacked| unpacked.command("mariadbd"),
    release: "10.11",
};

pub(crate) const SYSBENCH: Bundle = Bundle {
    name: "sysbench",
    title: "sysbench",
    suite: None,
    packages: &["sysbench"],
    alone: &[],
    probe: |unpacked| unpacked.command("sysbench"),
    release: "1.",
};

pub(crate) const CHROMIUM: Bundle = Bundle {
    name: "chromium",
    title: "Chromium",
    suite: None,
    packages: &["chromium", "fonts-dejavu-core", "fonts-wqy-microhei"],
    alone: &[],
    probe: |unpacked| browser::wrapped(unpacked).map(Command::new),
    release: "1",
};

/// Installs everything: the servers, what they need to start, and sysbench. Does nothing when all is there.
pub fn install() -> Result<(), String> {
    for flavour in Flavour::ALL {
        install_flavour(flavour)?;
    }
    mongo::install()?;
    SYSBENCH.unpacked().map(drop)
}

/// Installs one flavour's server and client programs and its data-directory template.
pub fn install_flavour(flavour: Flavour) -> Result<(), String> {
    template::folder(flavour).map(drop)
}

impl Bundle {
    pub(crate) fn of(flavour: Flavour) -> &'static Bundle {
        match flavour {
            Flavour::Mysql => &MYSQL,
            Flavour::Mariadb => &MARIADB,
        }
    }

    /// The unpacked bundle, installed now if it is not there yet.
    pub(crate) fn unpacked(&self) -> Result<Unpacked, String> {
        let name = format!("{}-{RECIPE}", self.name);
        cache::once(&name, |temporary| self.unpack(temporary)).map(|folder| Unpacked { folder })
    }

    fn unpack(&self, temporary: &Path) -> Result<PathBuf, String> {
        let mirror = mirror::find()?;
        let suite = self.suite.unwrap_or(&mirror.codename);
        let started = Instant::now();
        eprintln!("sandbox: installing {} (Debian {suite}) …", self.title);
        let apt = Apt::open(&cache::cache_folder().join("apt"), &mirror, suite)?;
        let files = apt.fetch(temporary, self.packages, self.alone)?;
        eprintln!("sandbox: unpacking {} packages of {} …", files.len(), self.title);
        let root = temporary.join("root");
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !NOT_UNPACKED.iter().any(|prefix| name.starts_with(prefix)) {
                extract(file, &root)?;
            }
        }
        Unpacked { folder: root.clone() }.check_release(self)?;
        eprintln!("sandbox: {} is installed ({:.1} s)", self.title, started.elapsed().as_secs_f64());
        Ok(root)
    }
}

fn extract(package: &Path, root: &Path) -> Result<(), String> {
    let output = Command::new("dpkg")
        .arg("-x")
        .args([package, root])
        .output()
        .map_err(|error| format!("cannot run dpkg: {error}; the sandbox needs a Debian machine"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "dpkg -x {} failed: {}; check the free space of the cache folder",
        package.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// A folder of unpacked packages.
pub(crate) struct Unpacked {
    pub(crate) folder: PathBuf,
}

impl Unpacked {
    /// The `usr` folder inside, which servers take as their base.
    pub(crate) fn usr(&self) -> PathBuf {
        self.folder.join("usr")
    }

    /// The folder of architecture-dependent libraries.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.usr().join("lib").join(ARCHITECTURE.0)
    }

    /// A command that runs one of the unpacked programs through the unpacked loader and C library: the
    /// packages may come from a newer Debian than the machine's.
    pub(crate) fn command(&self, program: &str) -> Result<Command, String> {
        let places = ["bin", "sbin"].map(|place| self.usr().join(place).join(program));
        // Resolved, since MariaDB's programs look at the name they were called by.
        let found = places.iter().find_map(|path| fs::canonicalize(path).ok()).ok_or_else(|| {
            format!(
                "{program} is not among the programs in {}; if that folder looks incomplete, delete it and \
                 it will be installed again",
                self.folder.display()
            )
        })?;
        let libraries: Vec<PathBuf> = [
            self.libraries(),
            self.folder.join("lib").join(ARCHITECTURE.0),
            self.usr().join("lib").join("mysql").join("private"),
        ]
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
        let loader = libraries.iter().map(|path| path.join(ARCHITECTURE.1)).find(|path| path.exists());
        let loader = loader.ok_or_else(|| {
            format!(
                "{} holds no {}; delete the folder to install it again",
                self.folder.display(),
                ARCHITECTURE.1
            )
        })?;
        let path = libraries.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
        let mut command = Command::new(loader);
        command.arg("--library-path").arg(path).arg(found);
        Ok(command)
    }

    /// Runs the bundle's probe. A suite that has moved on to another release is an error here, not a
    /// puzzling test failure later.
    fn check_release(&self, bundle: &Bundle) -> Result<(), String> {
        let output = (bundle.probe)(self)?
            .arg("--version")
            .output()
            .map_err(|error| format!("cannot run the unpacked {}: {error}", bundle.title))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let prefix = format!(" {}", bundle.release);
        if output.status.success() && text.contains(&prefix) {
            return Ok(());
        }
        Err(format!(
            "the packages hold \"{text}\" where {} is needed {}; set TIDEGATE_SANDBOX_MIRROR to a mirror that \
             still has it (a dated Debian snapshot works)",
            bundle.title,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}
