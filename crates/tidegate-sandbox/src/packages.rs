//! What comes from package registries, through their own clients: installed into the cache folder, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;

/// The folder of that name in the cache, filled by what `install` answers for the folder it is given, unless it is there.
pub fn once(name: &str, install: impl FnOnce(&Path) -> Command) -> Result<PathBuf, String> {
    cache::once(name, |temporary| {
        eprintln!("sandbox: installing {name} …");
        let draft = temporary.join("root");
        let status = install(&draft).status().map_err(|error| format!("cannot install {name}: {error}"))?;
        if status.success() { Ok(draft) } else { Err(format!("{name} cannot be installed ({status})")) }
    })
}

/// What installs Python's packages into a folder, for PYTHONPATH; the caller adds which.
pub fn pip(folder: &Path) -> Command {
    let mut pip = module("install");
    pip.arg("--root-user-action=ignore").arg("--target").arg(folder);
    pip
}

/// One of pip's own commands.
pub(crate) fn module(verb: &str) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", verb, "--quiet", "--disable-pip-version-check"]);
    pip
}
