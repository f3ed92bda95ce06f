//! A copy of the workspace that may be changed. It stays between campaigns, and so does what was built from it.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::list::Edit;

/// A test that does not come to its end is ended, and so are its servers.
const NEXTEST: &str = "[profile.default]\nslow-timeout = { period = \"60s\", terminate-after = 6 }\n";
/// What a copy has of its own.
const OWN: [&str; 2] = [".config", ".sandbox"];

pub(super) struct Tree {
    root: PathBuf,
    built: PathBuf,
    logs: PathBuf,
}

/// Edits that are in force until this is dropped.
pub(super) struct Changed {
    before: Vec<(PathBuf, String)>,
}

impl Tree {
    /// Only files that differ are written: whatever is as it was need not be built again.
    pub(super) fn copy(from: &Path, to: &Path) -> Result<Tree, String> {
        let tree = Tree { root: to.join("tree"), built: to.join("build"), logs: to.join("logs") };
        let files = files_of(from)?;
        for file in &files {
            let text = fs::read(from.join(file)).map_err(|error| format!("cannot read {file}: {error}"))?;
            put(&tree.root.join(file), &text)?;
        }
        remove_others(&tree.root, &tree.root, &files)?;
        put(&tree.root.join(".config").join("nextest.toml"), NEXTEST.as_bytes())?;
        fs::create_dir_all(&tree.logs)
            .map_err(|error| format!("cannot create {}: {error}", tree.logs.display()))?;
        Ok(tree)
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Makes all edits of one mutation, or none.
    pub(super) fn change(&self, edits: &[Edit]) -> Result<Changed, String> {
        let mut changed = Changed { before: Vec::new() };
        for edit in edits {
            let path = self.root.join(edit.file);
            let text =
                fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", edit.file))?;
            let count = text.matches(edit.find).count();
            if count != 1 {
                return Err(format!(
                    "{} has {count} times what is to be changed: {:?}",
                    edit.file, edit.find
                ));
            }
            let after = text.replacen(edit.find, edit.replace, 1);
            changed.before.push((path.clone(), text));
            put(&path, after.as_bytes())?;
        }
        Ok(changed)
    }

    /// Runs cargo there. What it says is answered, not shown.
    pub(super) fn cargo(&self, arguments: &[&str]) -> Result<Output, String> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.root);
        // What this process's own build was told is not for the other.
        let told = env::vars_os().map(|(name, _)| name).filter(is_of_a_build);
        told.for_each(|name| {
            command.env_remove(name);
        });
        command.env("CARGO_TARGET_DIR", &self.built).env("RUST_BACKTRACE", "0");
        command.env("TIDEGATE_SANDBOX_CACHE", tidegate_sandbox::cache_folder());
        command.output().map_err(|error| format!("cannot run cargo: {error}"))
    }
}

fn is_of_a_build(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "NEXTEST_"].iter().any(|begin| name.starts_with(begin))
}

impl Drop for Changed {
    fn drop(&mut self) {
        // The last edit of a file was made to what the one before it had left.
        for (path, text) in self.before.iter().rev() {
            if let Err(error) = put(path, text.as_bytes()) {
                eprintln!("{error}: the next campaign copies it anew");
            }
        }
    }
}

/// What git has, and what it would take in.
fn files_of(root: &Path) -> Result<HashSet<String>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let there = |name: &&str| !name.is_empty() && root.join(name).is_file();
    Ok(names.split('\0').filter(there).map(str::to_owned).collect())
}

fn put(path: &Path, text: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// A file that an earlier copy had would still be built.
fn remove_others(root: &Path, folder: &Path, files: &HashSet<String>) -> Result<(), String> {
    let failed = |error| format!("cannot tidy {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            if !OWN.contains(&name.as_str()) {
                remove_others(root, &path, files)?;
            }
        } else if !files.contains(&name) {
            fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}
