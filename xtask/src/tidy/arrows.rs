//! Which of our crates may depend on which, and who may name the libraries that speak with databases.

use super::Source;

/// A crate and those of ours it may depend on. A test may also use the sandbox, and an adapter's test the engine that
/// drives the adapter.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("tidegate-model", &[]),
    ("tidegate-api", &[]),
    ("tidegate-engine", &["tidegate-model"]),
    ("tidegate-mysql", &["tidegate-model"]),
    ("tidegate-mongodb", &["tidegate-model"]),
    (
        "tidegate-service",
        &["tidegate-api", "tidegate-engine", "tidegate-model", "tidegate-mongodb", "tidegate-mysql"],
    ),
    ("tidegate", &["tidegate-api", "tidegate-model", "tidegate-service"]),
    ("tidegate-sandbox", &[]),
];

/// The adapters and the libraries that stay behind each, so that one crate changes when they do.
const ADAPTERS: [(&str, &[&str]); 2] =
    [("tidegate-mysql", &["mysql_async", "mysql_common"]), ("tidegate-mongodb", &["mongodb", "bson"])];
const ENGINE_CRATE: &str = "tidegate-engine";
const SANDBOX_CRATE: &str = "tidegate-sandbox";

pub(crate) fn check(sources: &[Source], violations: &mut Vec<String>) {
    for source in sources {
        let Some(name) = source.crate_name() else { continue };
        if source.path.ends_with("Cargo.toml") {
            check_manifest(source, name, violations);
        } else if source.is_rust() && name != "xtask" {
            for (adapter, library) in
                libraries_behind_others(name).filter(|(_, library)| names(&source.code, library))
            {
                violations.push(format!("{}: only {adapter} may name {library}", source.path));
            }
        }
    }
}

/// The libraries that are not this crate's, each with the adapter that it belongs to.
fn libraries_behind_others(name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let others = ADAPTERS.into_iter().filter(move |(adapter, _)| *adapter != name);
    others.flat_map(|(adapter, libraries)| libraries.iter().map(move |library| (adapter, *library)))
}

/// As a whole word: `tidegate_mongodb` does not name `mongodb`.
fn names(code: &str, library: &str) -> bool {
    let is_word = |text: Option<char>| text.is_some_and(|one| one.is_alphanumeric() || one == '_');
    code.match_indices(library).any(|(at, _)| {
        !is_word(code[..at].chars().next_back()) && !is_word(code[at + library.len()..].chars().next())
    })
}

fn check_manifest(source: &Source, name: &str, violations: &mut Vec<String>) {
    let path = &source.path;
    let allowed = ALLOWED.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed);
    if allowed.is_none() && name != "xtask" {
        violations.push(format!("{path}: xtask/src/tidy/arrows.rs does not say what {name} may depend on"));
    }
    for (for_tests, dependency) in dependencies(&source.text) {
        for (adapter, _) in libraries_behind_others(name).filter(|(_, library)| *library == dependency) {
            violations.push(format!("{path}: only {adapter} may depend on {dependency}"));
        }
        let ours = dependency == "tidegate" || dependency.starts_with("tidegate-");
        let is_adapter = ADAPTERS.iter().any(|(adapter, _)| *adapter == name);
        let driven_in_tests = for_tests && is_adapter && dependency == ENGINE_CRATE;
        let sandbox_in_tests = for_tests && dependency == SANDBOX_CRATE;
        if let Some(allowed) = allowed
            && ours
            && !sandbox_in_tests
            && !driven_in_tests
            && !allowed.contains(&dependency.as_str())
        {
            violations.push(format!("{path}: {name} may not depend on {dependency}"));
        }
    }
}

/// The names a manifest depends on, each with whether it is for tests only.
fn dependencies(manifest: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut section: Option<bool> = None;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let for_tests = header.contains("dev-dependencies");
            section = header.ends_with("dependencies").then_some(for_tests);
            // The long form: [dependencies.name].
            if let Some((_, name)) = header.rsplit_once("dependencies.") {
                found.push((for_tests, name.trim_matches('"').to_owned()));
            }
        } else if let Some(for_tests) = section
            && let Some((name, _)) = line.split_once('=')
            && !line.starts_with('#')
        {
            let name = name.split('.').next().unwrap_or_default().trim();
            found.push((for_tests, name.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&[Source::new(path, text.to_owned())], &mut found);
        found
    }

    #[test]
    fn every_form_of_dependency_is_seen() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\nb.workspace = true\n# c = 1\n\
                        [dev-dependencies]\nd = { path = \"d\" }\n[dependencies.e]\nversion = \"1\"\n\
                        [target.'cfg(unix)'.dependencies]\nf = \"1\"\n";
        let names: Vec<(bool, String)> = dependencies(manifest);
        let expected = [(false, "a"), (false, "b"), (true, "d"), (false, "e"), (false, "f")];
        assert_eq!(names, expected.map(|(tests, name)| (tests, name.to_owned())));
    }

    #[test]
    fn arrows_point_one_way() {
        let upward = "[dependencies]\ntidegate-engine = { workspace = true }\n";
        assert_eq!(violations("crates/tidegate-mysql/Cargo.toml", upward).len(), 1);
        assert!(violations("crates/tidegate-service/Cargo.toml", upward).is_empty());
        assert!(violations("xtask/Cargo.toml", upward).is_empty());
        let sandbox = "[dev-dependencies]\ntidegate-sandbox = { workspace = true }\n";
        assert!(violations("crates/tidegate-mysql/Cargo.toml", sandbox).is_empty());
        assert_eq!(violations("crates/tidegate-mysql/Cargo.toml", &sandbox.replace("dev-", "")).len(), 1);
        assert_eq!(violations("crates/tidegate-new/Cargo.toml", "").len(), 1);
    }

    #[test]
    fn an_adapter_is_driven_by_the_engine_in_its_tests_only() {
        let driven = "[dev-dependencies]\ntidegate-engine = { workspace = true }\n";
        for (adapter, _) in ADAPTERS {
            let path = format!("crates/{adapter}/Cargo.toml");
            assert!(violations(&path, driven).is_empty(), "{adapter}");
            assert_eq!(violations(&path, &driven.replace("dev-", "")).len(), 1, "{adapter}");
        }
        assert_eq!(violations("crates/tidegate-api/Cargo.toml", driven).len(), 1);
    }

    #[test]
    fn a_library_stays_behind_its_adapter() {
        for (own, uses, depends) in [
            ("tidegate-mysql", "use mysql_async::Conn; // mysql_common\n", "mysql_async.workspace = true"),
            ("tidegate-mongodb", "use mongodb::Client; // bson\n", "mongodb.workspace = true"),
            ("tidegate-mongodb", "fn of(one: &bson::Document) {}\n", "bson = { workspace = true }"),
        ] {
            let depends = format!("[dependencies]\n{depends}\n");
            for (adapter, _) in ADAPTERS {
                let expected = usize::from(adapter != own);
                assert_eq!(
                    violations(&format!("crates/{adapter}/src/lib.rs"), uses).len(),
                    expected,
                    "{uses}"
                );
                let manifest = format!("crates/{adapter}/Cargo.toml");
                assert_eq!(violations(&manifest, &depends).len(), expected, "{depends}");
            }
            assert_eq!(violations("crates/tidegate-engine/src/lib.rs", uses).len(), 1);
            assert_eq!(violations("xtask/Cargo.toml", &depends).len(), 1);
        }
        let adapter = "use tidegate_mongodb::MongoSource;\n";
        assert!(violations("crates/tidegate-service/src/lib.rs", adapter).is_empty());
    }
}
