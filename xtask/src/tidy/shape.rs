//! Sizes and names: what keeps a file readable at one sitting.

use super::Source;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Names that say nothing about what a module holds, and so collect everything.
const REFUSED_NAMES: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "manager", "types"];

pub(crate) fn check(source: &Source, violations: &mut Vec<String>) {
    if !source.is_rust() {
        return;
    }
    let path = &source.path;
    for part in path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if REFUSED_NAMES.contains(&name) {
            violations.push(format!("{path}: \"{name}\" does not say what the module holds"));
        }
    }
    for (at, name) in named_after(&source.code, "mod") {
        if REFUSED_NAMES.contains(&name) {
            let line = line_of(&source.code, at);
            violations.push(format!("{path}:{line}: \"{name}\" does not say what the module holds"));
        }
    }
    for (line, name) in default_bodies(&source.code) {
        violations.push(format!("{path}:{line}: the trait method {name} has a default body"));
    }
    if source.is_test() {
        return;
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        violations.push(format!("{path}: {lines} lines, at most {FILE_LINES}; split it by subject"));
    }
    for (start, name) in named_after(&source.code, "fn") {
        if let Some((_, end)) = body(&source.code, start) {
            let first = line_of(&source.code, start);
            let length = line_of(&source.code, end) - first + 1;
            if length > FUNCTION_LINES {
                let text = format!("the function {name} has {length} lines, at most {FUNCTION_LINES}");
                violations.push(format!("{path}:{first}: {text}"));
            }
        }
    }
}

/// The methods with a body inside traits: line and name. Our traits are seams between crates; a default
/// body hides from an implementor that there is something to decide.
fn default_bodies(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in named_after(code, "trait") {
        let Some((open, close)) = body(code, at) else { continue };
        for (method, name) in named_after(&code[open..close], "fn") {
            if body(code, open + method).is_some() {
                found.push((line_of(code, open + method), name.to_owned()));
            }
        }
    }
    found
}

/// Every place where `keyword` introduces a name: the keyword's position and the name. Function pointer
/// types (`fn(`) have no name and are not found.
fn named_after<'a>(code: &'a str, keyword: &str) -> Vec<(usize, &'a str)> {
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices(keyword) {
        let rest = &code[at + keyword.len()..];
        if code[..at].ends_with(in_word) || !rest.starts_with(char::is_whitespace) {
            continue;
        }
        let rest = rest.trim_start();
        let name = &rest[..rest.find(|letter| !in_word(letter)).unwrap_or(rest.len())];
        if !name.is_empty() {
            found.push((at, name));
        }
    }
    found
}

/// The block of the item that begins at `from`: positions of its braces. None when the item ends with a
/// semicolon first.
fn body(code: &str, from: usize) -> Option<(usize, usize)> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    let mut open = None;
    for (offset, letter) in code[from..].char_indices() {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && open.is_none() => return None,
            '{' => {
                braces += 1;
                open = open.or(Some(from + offset));
            }
            '}' => {
                braces -= 1;
                if braces <= 0 {
                    return open.map(|open| (open, from + offset));
                }
            }
            _ => {}
        }
    }
    None
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&Source::new(path, text.to_owned()), &mut found);
        found
    }

    #[test]
    fn long_functions_and_files_are_found_outside_tests() {
        let long = format!("fn short() {{}}\nfn long(a: [u8; 2]) {{\n{}}}\n", "    g();\n".repeat(70));
        let found = violations("crates/a/src/lib.rs", &long);
        assert_eq!(found, ["crates/a/src/lib.rs:2: the function long has 72 lines, at most 70"]);
        assert!(violations("crates/a/tests/main.rs", &long).is_empty());
        assert!(violations("crates/a/src/lib.rs", &long.replacen("    g();\n", "", 2)).is_empty());
        assert_eq!(violations("crates/a/src/lib.rs", &"//\n".repeat(501)).len(), 1);
    }

    #[test]
    fn empty_names_are_refused() {
        assert_eq!(violations("crates/a/src/utils.rs", "").len(), 1);
        assert_eq!(violations("crates/a/src/common/sort.rs", "").len(), 1);
        assert_eq!(violations("crates/a/src/lib.rs", "mod helpers;\nmod model;\n").len(), 1);
        assert!(violations("crates/a/src/lib.rs", "// mod helpers;\n").is_empty());
    }

    #[test]
    fn only_trait_methods_with_a_body_are_found() {
        let text = "trait A {\n    fn a(&self) -> [u8; 2];\n    fn b(&self) {}\n}\nimpl A for B { fn a(&self) {} }\n";
        assert_eq!(
            violations("crates/a/src/lib.rs", text),
            ["crates/a/src/lib.rs:3: the trait method b has a default body"]
        );
    }
}
