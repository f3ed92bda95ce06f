//! Words that must not be committed.

use super::Source;

/// Refused in Rust text, comments included: unfinished work, debugging leftovers, waiting by guess.
/// Written in two pieces, so that this file does not hold them.
const IN_RUST: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unimplemen", "ted!("),
    concat!("db", "g!("),
    concat!("#[", "ignore"),
    concat!("thread", "::sleep"),
];

/// Refused everywhere.
const ANYWHERE: [&str; 1] = [concat!("FIX", "ME")];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

pub(crate) fn check(source: &Source, violations: &mut Vec<String>) {
    let in_rust: &[&str] = if source.is_rust() { &IN_RUST } else { &[] };
    for (index, line) in source.text.lines().enumerate() {
        let place = format!("{}:{}", source.path, index + 1);
        for word in in_rust.iter().chain(&ANYWHERE).filter(|word| line.contains(**word)) {
            violations.push(format!("{place}: \"{word}\" must not be committed"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| has_path(line, path)) {
            violations.push(format!("{place}: \"{path}\" is a path of one machine"));
        }
    }
}

/// Whether an absolute path begins with `path`; the same letters inside a longer path do not count.
fn has_path(line: &str, path: &str) -> bool {
    let continues =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '/' | '}' | '>' | '*');
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(continues))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        let mut found = Vec::new();
        check(&Source::new(path, text.to_owned()), &mut found);
        found.len()
    }

    #[test]
    fn words_count_where_they_are_refused() {
        for word in IN_RUST {
            assert_eq!(count("crates/a/src/lib.rs", word), 1, "{word}");
            assert_eq!(count("docs/a.md", word), 0, "{word}");
        }
        assert_eq!(count("docs/a.md", ANYWHERE[0]), 1);
    }

    #[test]
    fn only_absolute_machine_paths_count() {
        assert_eq!(count("docs/a.md", &format!("see {}x", MACHINE_PATHS[0])), 1);
        assert_eq!(count("docs/a.md", &format!("home{}x", MACHINE_PATHS[0])), 0);
    }
}
