//! Where the clients' packages are: installed into the sandbox's cache folder, once for each list of versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_sandbox::{once, pip};

/// For PYTHONPATH.
pub(super) fn python(scripts: &Path) -> Result<PathBuf, String> {
    let list = scripts.join("requirements.txt");
    once(&named("clients-python", &list)?, |draft| {
        let mut pip = pip(draft);
        // Some of them come as sources only.
        pip.args(["--prefer-binary", "--no-deps", "--requirement"]).arg(&list);
        pip
    })
}

/// A folder with the scripts beside their packages: that is where node looks.
pub(super) fn node(scripts: &Path, folder: &Path) -> Result<PathBuf, String> {
    let cannot = |what: &Path, error: std::io::Error| format!("{}: {error}", what.display());
    let name = named("clients-node", &scripts.join("package-lock.json"))?;
    let packages = once(&name, |draft| {
        let copy = ["package.json", "package-lock.json", ".npmrc"]
            .map(|name| format!("cp {}/{name} .", scripts.display()));
        let mut npm = Command::new("sh");
        let line = format!(
            "mkdir -p '{0}' && cd '{0}' && {1} && npm ci --ignore-scripts",
            draft.display(),
            copy.join(" && ")
        );
        npm.args(["-c", &line]);
        npm
    })?;
    if folder.is_dir() {
        return Ok(folder.to_owned());
    }
    fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    for entry in fs::read_dir(scripts).map_err(|error| cannot(scripts, error))?.flatten() {
        let (from, to) = (entry.path(), folder.join(entry.file_name()));
        if from.extension().is_some_and(|ending| ending == "mjs") {
            fs::copy(&from, &to).map_err(|error| cannot(&to, error))?;
        }
    }
    let modules = folder.join("node_modules");
    std::os::unix::fs::symlink(packages.join("node_modules"), &modules)
        .map_err(|error| cannot(&modules, error))?;
    Ok(folder.to_owned())
}

/// A folder's name for what a list names.
fn named(name: &str, list: &Path) -> Result<String, String> {
    let text = fs::read(list).map_err(|error| format!("cannot read {}: {error}", list.display()))?;
    // FNV-1a: the same on every machine.
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok(format!("{name}-{hash:016x}"))
}
