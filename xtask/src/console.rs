//! The web console: building what the program has in it, and driving it with a real browser.

mod browser;
mod many;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Subcommand;
use flate2::Compression;
use flate2::write::GzEncoder;
use tidegate_sandbox::{scratch, workspace_root};

use crate::program::Program;

/// All files together, packed: what a browser loads at most.
const BUNDLE_BYTES_MAX: u64 = 700_000;
/// The one file that the program changes before it gives it out.
const PAGE: &str = "index.html";

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Build the pages, which the next build of the program has in it
    Build,
    /// Drive the pages with a real browser, on real databases; screenshots are kept in target/console
    Test(browser::Arguments),
    /// Measure the list with thousands of tasks, and how fast the console is there
    Many(many::Arguments),
}

pub(crate) fn run(action: &Action) -> Result<(), String> {
    match action {
        Action::Build => build(),
        Action::Test(arguments) => browser::run_with(&Program::build()?, arguments),
        Action::Many(arguments) => many::run(arguments),
    }
}

/// All tests in the browser.
pub(crate) fn test(program: &Program) -> Result<(), String> {
    browser::run_with(program, &browser::Arguments::default())
}

/// Builds the pages if anything they are made of has changed.
pub(crate) fn build() -> Result<(), String> {
    let folder = folder();
    let (stamp, built) = (stamp(&folder)?, folder.join("build").join(".stamp"));
    if fs::read_to_string(&built).is_ok_and(|before| before == stamp)
        && folder.join("dist").join(PAGE).exists()
    {
        return Ok(());
    }
    println!("building the console …");
    install(&folder)?;
    npm(&folder, &["run", "--silent", "build"])?;
    let bytes = pack(&folder.join("build"), &folder.join("dist"))?;
    println!("the console has {} KB, packed", bytes / 1000);
    if bytes > BUNDLE_BYTES_MAX {
        return Err(format!(
            "the console has {bytes} bytes packed, and {BUNDLE_BYTES_MAX} is the most it may have"
        ));
    }
    fs::write(&built, stamp).map_err(|error| format!("cannot write {}: {error}", built.display()))
}

/// Does `work` with a browser and a folder that goes afterwards.
fn with_browser(name: &str, work: impl FnOnce(&Path, &Path) -> Result<(), String>) -> Result<(), String> {
    build()?;
    install(&folder())?;
    let chromium = tidegate_sandbox::browser()?;
    let home = scratch(name)?;
    let result = work(&chromium, &home);
    let _ = fs::remove_dir_all(&home);
    result
}

pub(crate) fn folder() -> PathBuf {
    workspace_root().join("console")
}

/// The packages that a folder's lock file names, unless they are there.
pub(crate) fn install(folder: &Path) -> Result<(), String> {
    let lock = folder.join("package-lock.json");
    let wanted =
        fs::read_to_string(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    let there = folder.join("node_modules").join(".installed");
    if fs::read_to_string(&there).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    npm(folder, &["ci", "--silent", "--no-audit", "--no-fund"])?;
    fs::write(&there, wanted).map_err(|error| format!("cannot write {}: {error}", there.display()))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("npm")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run npm: {error}; install Node.js 20 or later, with npm"))?;
    if output.status.success() {
        return Ok(());
    }
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("npm {} in {} failed:\n{said}{failed}", arguments.join(" "), folder.display()))
}

/// Says what the pages are made of.
fn stamp(folder: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    for part in ["src", "public"] {
        files_in(&folder.join(part), &mut files)?;
    }
    let alone = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];
    files.extend(alone.map(|name| folder.join(name)));
    files.push(workspace_root().join("docs").join("openapi.json"));
    // Made by the build itself.
    files.retain(|file| !file.ends_with("schema.d.ts"));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let text = fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        (file.strip_prefix(folder).unwrap_or(&file), text).hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn files_in(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_in(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Packs every file but the page; answers how many bytes there are.
fn pack(from: &Path, to: &Path) -> Result<u64, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut before = Vec::new();
    files_in(to, &mut before)?;
    for file in before.iter().filter(|file| !file.ends_with(".gitignore")) {
        fs::remove_file(file).map_err(|error| failed(file, error))?;
    }
    let mut files = Vec::new();
    files_in(from, &mut files)?;
    let mut bytes = 0;
    for file in files.iter().filter(|file| !file.ends_with(".stamp")) {
        let name = file.strip_prefix(from).unwrap_or(file).display().to_string();
        let is_page = name == PAGE;
        let packed = to.join(if is_page { name } else { format!("{name}.gz") });
        let parent = packed.parent().unwrap_or(to);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        let plain = fs::read(file).map_err(|error| failed(file, error))?;
        let content = if is_page { plain } else { gzip(&plain).map_err(|error| failed(file, error))? };
        bytes += content.len() as u64;
        fs::write(&packed, content).map_err(|error| failed(&packed, error))?;
    }
    Ok(bytes)
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}
