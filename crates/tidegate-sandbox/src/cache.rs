//! Where things are kept on disk: unpacked packages, data-directory templates, scratch folders.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process;

/// Names the variable that moves the cache, for machines that share one cache between checkouts.
const CACHE_VARIABLE: &str = "TIDEGATE_SANDBOX_CACHE";

/// Part of every cached folder's name: raise it when the recipe changes, and old folders are ignored.
pub(crate) const RECIPE: u32 = 1;

/// The root of the checkout this crate was built from.
pub fn workspace_root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

/// The folder of unpacked packages and templates. It may be deleted whenever no server runs.
pub fn cache_folder() -> PathBuf {
    match env::var_os(CACHE_VARIABLE) {
        Some(folder) if !folder.is_empty() => absolute(Path::new(&folder)),
        _ => workspace_root().join(".sandbox").join("cache"),
    }
}

/// A folder that does not exist yet, for one server or one test: `<root>/.sandbox/tmp/LABEL-PID-N`.
///
/// Folders left by processes that were killed are removed on the way, since each may hold most of a
/// gigabyte and nobody else would ever delete them.
pub fn scratch(label: &str) -> Result<PathBuf, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = workspace_root().join(".sandbox").join("tmp");
    create(&base)?;
    sweep(&base);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(base.join(format!("{label}-{}-{number}", std::process::id())))
}

/// Removes the scratch folders whose process is gone. Failures are ignored: another process may be
/// sweeping the same folder.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.rsplit('-').nth(1).and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !process::alive(pid)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The cached folder of that name. If it is not there, `fill` is given an empty folder and answers what of it is to be
/// kept: that is renamed into place once it is complete, so that nobody ever takes a half made one.
pub(crate) fn once(
    name: &str,
    fill: impl FnOnce(&Path) -> Result<PathBuf, String>,
) -> Result<PathBuf, String> {
    let folder = cache_folder().join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let lock = lock()?;
    // Another process may have installed it while this one waited for the lock.
    if folder.is_dir() {
        return Ok(folder);
    }
    let temporary = temporary(&lock, name)?;
    publish(&fill(&temporary)?, &folder)?;
    let _ = fs::remove_dir_all(&temporary);
    Ok(folder)
}

/// Holds the cache for one installer at a time, across processes and threads; released on drop.
struct Lock {
    _file: File,
}

/// Takes the installation lock. The file lies beside the cache folder, so that deleting the cache does
/// not delete a lock somebody holds.
fn lock() -> Result<Lock, String> {
    let cache = cache_folder();
    create(&cache)?;
    let mut path = cache.into_os_string();
    path.push(".lock");
    let shown = PathBuf::from(path);
    let file = File::create(&shown)
        .map_err(|error| format!("cannot create {}: {error}; check its permissions", shown.display()))?;
    file.lock().map_err(|error| format!("cannot lock {}: {error}", shown.display()))?;
    Ok(Lock { _file: file })
}

/// An empty folder inside the cache, to be renamed into place once it is complete. Call it with the lock
/// held: whatever older temporary folders lie there belong to nobody.
fn temporary(_lock: &Lock, label: &str) -> Result<PathBuf, String> {
    let cache = cache_folder();
    if let Ok(entries) = fs::read_dir(&cache) {
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("tmp-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
    let folder = cache.join(format!("tmp-{label}-{}", std::process::id()));
    create(&folder)?;
    Ok(folder)
}

/// Creates a folder and its parents.
pub(crate) fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| {
        format!("cannot create the folder {}: {error}; check permissions and free space", folder.display())
    })
}

/// Makes a finished folder visible under its final name in one step.
fn publish(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to)
        .map_err(|error| format!("cannot rename {} to {}: {error}", from.display(), to.display()))
}

/// The path as servers need it: they change their working folder, so a relative path would move.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
