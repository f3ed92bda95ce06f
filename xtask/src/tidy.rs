//! `cargo xtask tidy`: the rules about the source that no compiler checks.
//!
//! Each rule is one function that takes the files and adds a line per violation; the rules themselves are
//! explained in ARCHITECTURE.md.

mod arrows;
mod mask;
mod shape;
mod words;

use std::fs;
use std::path::Path;

use tidegate_sandbox::workspace_root;

/// The folders that hold the project's own text.
const FOLDERS: [&str; 5] = ["crates", "xtask", "docs", "clients", ".ci"];
/// Folders inside them that hold other people's or generated files.
const SKIPPED: [&str; 3] = ["target", ".sandbox", "node_modules"];

/// One file of the project.
pub(crate) struct Source {
    /// Relative to the root, with forward slashes.
    path: String,
    text: String,
    /// For Rust: the text with comments and literals blanked out; otherwise empty.
    code: String,
}

impl Source {
    fn new(path: &str, text: String) -> Source {
        let code = if path.ends_with(".rs") { mask::code(&text) } else { String::new() };
        Source { path: path.to_owned(), text, code }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file lies in a `tests` folder, where long tables and stories are welcome.
    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests")
    }

    /// The crate's folder name, for files under `crates`; `xtask` for its files.
    fn crate_name(&self) -> Option<&str> {
        let mut parts = self.path.split('/');
        match parts.next()? {
            "crates" => parts.next(),
            "xtask" => Some("xtask"),
            _ => None,
        }
    }
}

pub(crate) fn run() -> Result<(), String> {
    let root = workspace_root();
    let sources = read(&root)?;
    let violations = check(&sources);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("tidy: {} files, no violation", sources.len());
        return Ok(());
    }
    Err(format!("{} violations of the project's rules (listed above; see ARCHITECTURE.md)", violations.len()))
}

fn check(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        shape::check(source, &mut violations);
        words::check(source, &mut violations);
    }
    arrows::check(sources, &mut violations);
    every_crate_is_in_the_map(sources, &mut violations);
    every_error_has_a_page(sources, &mut violations);
    violations
}

/// ARCHITECTURE.md is the map newcomers start from, so no crate may be missing there.
fn every_crate_is_in_the_map(sources: &[Source], violations: &mut Vec<String>) {
    let Some(map) = sources.iter().find(|source| source.path == "ARCHITECTURE.md") else {
        violations.push("ARCHITECTURE.md: missing".to_owned());
        return;
    };
    let in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let named: Vec<&str> = map.text.split(|letter| !in_name(letter)).collect();
    for source in sources.iter().filter(|source| source.path.ends_with("/Cargo.toml")) {
        if let Some(name) = source.crate_name()
            && !named.contains(&name)
        {
            violations.push(format!("ARCHITECTURE.md: does not name the crate {name}"));
        }
    }
}

/// An error code without a page leaves its reader alone; a page without a code misleads.
fn every_error_has_a_page(sources: &[Source], violations: &mut Vec<String>) {
    const CODES: &str = "crates/tidegate-model/src/error.rs";
    let Some(source) = sources.iter().find(|source| source.path == CODES) else {
        violations.push(format!("{CODES}: missing"));
        return;
    };
    let codes = error_codes(&source.text);
    let pages: Vec<&str> = sources
        .iter()
        .filter_map(|source| source.path.strip_prefix("docs/errors/")?.strip_suffix(".md"))
        .collect();
    for code in codes.iter().filter(|code| !pages.contains(&code.as_str())) {
        violations.push(format!("{CODES}: {code} has no page docs/errors/{code}.md"));
    }
    for page in pages.iter().filter(|page| page.starts_with("TG-")) {
        if !codes.iter().any(|code| code == page) {
            violations.push(format!("docs/errors/{page}.md: no error has this code"));
        }
    }
}

/// Every `TG-` followed by four digits, each once.
fn error_codes(text: &str) -> Vec<String> {
    let mut codes: Vec<String> = text
        .match_indices("TG-")
        .filter_map(|(at, _)| text.get(at..at + 7))
        .filter(|code| code[3..].bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

/// The project's text files: those of the folders above and those directly in the root.
fn read(root: &Path) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        if root.join(folder).is_dir() {
            walk(root, folder, &mut sources)?;
        }
    }
    for entry in entries(root)? {
        let path = root.join(&entry);
        if path.is_file() && (entry.ends_with(".md") || entry.ends_with(".toml")) {
            sources.extend(load(root, &entry)?);
        }
    }
    Ok(sources)
}

fn walk(root: &Path, folder: &str, sources: &mut Vec<Source>) -> Result<(), String> {
    for name in entries(&root.join(folder))? {
        let path = format!("{folder}/{name}");
        if root.join(&path).is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(root, &path, sources)?;
            }
        } else {
            sources.extend(load(root, &path)?);
        }
    }
    Ok(())
}

/// The sorted names in a folder, so that the report is the same everywhere.
fn entries(folder: &Path) -> Result<Vec<String>, String> {
    let list = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<String> =
        list.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Reads one file; none when it is not text.
fn load(root: &Path, path: &str) -> Result<Option<Source>, String> {
    let bytes = fs::read(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
    Ok(String::from_utf8(bytes).ok().map(|text| Source::new(path, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_matched_with_pages_both_ways() {
        assert_eq!(error_codes("\"TG-1002\" TG-12 \"TG-1001\" TG-1002"), ["TG-1001", "TG-1002"]);
        let sources = [
            Source::new("crates/tidegate-model/src/error.rs", "\"TG-1001\" \"TG-1002\"".to_owned()),
            Source::new("docs/errors/TG-1001.md", String::new()),
            Source::new("docs/errors/TG-9999.md", String::new()),
            Source::new("docs/errors/README.md", String::new()),
        ];
        let mut violations = Vec::new();
        every_error_has_a_page(&sources, &mut violations);
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(violations[0].contains("TG-1002") && violations[1].contains("TG-9999"));
    }

    #[test]
    fn a_crate_is_named_only_by_its_whole_name() {
        let toml = |path: &str| Source::new(path, String::new());
        let map = Source::new("ARCHITECTURE.md", "`tidegate-model` and xtask".to_owned());
        let sources = [
            map,
            toml("crates/tidegate-model/Cargo.toml"),
            toml("crates/tidegate/Cargo.toml"),
            toml("xtask/Cargo.toml"),
        ];
        let mut violations = Vec::new();
        every_crate_is_in_the_map(&sources, &mut violations);
        assert_eq!(violations, ["ARCHITECTURE.md: does not name the crate tidegate"]);
    }
}
