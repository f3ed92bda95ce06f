//! Every guard of a pair is turned off in a copy of the program, one at a time: a test must notice each.
//!
//! The model of a pair finds what each guard is there for; this finds whether the guard that was built is the one that the
//! tests look at. A guard that can be taken out without any test failing can be lost by anybody's change.

mod list;
mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use tidegate_sandbox::workspace_root;

use list::{MUTATIONS, Mutation, Test};
use tree::Tree;

/// So much of an assertion is shown.
const SHOWN_LINES: usize = 3;
const SHOWN_CHARS: usize = 160;

pub(super) fn run(names: &[String]) -> Result<(), String> {
    let chosen = choose(names)?;
    let tree = Tree::copy(&workspace_root(), &workspace_root().join("target").join("mutations"))?;
    let tests: BTreeSet<Test> = chosen.iter().map(|mutation| mutation.test).collect();
    for test in tests {
        passes(&tree, test)?;
    }
    let mut uncaught = Vec::new();
    for mutation in &chosen {
        let began = Instant::now();
        match caught(&tree, mutation) {
            Ok(assertion) => println!(
                "{:<16} {}: {} fails, {assertion} ({})",
                mutation.name,
                mutation.guard,
                mutation.test,
                seconds(began.elapsed())
            ),
            Err(why) => {
                println!("{:<16} {}: NOT CAUGHT, {why}", mutation.name, mutation.guard);
                uncaught.push(mutation.name);
            }
        }
    }
    println!("{} of {} caught", chosen.len() - uncaught.len(), chosen.len());
    if uncaught.is_empty() { Ok(()) } else { Err(format!("not caught: {}", uncaught.join(", "))) }
}

fn choose(names: &[String]) -> Result<Vec<&'static Mutation>, String> {
    if names.is_empty() {
        return Ok(MUTATIONS.iter().collect());
    }
    let find = |name: &String| {
        let found = MUTATIONS.iter().find(|mutation| mutation.name.eq_ignore_ascii_case(name));
        let known: Vec<&str> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
        found.ok_or_else(|| format!("no mutation is called {name}; there are {}", known.join(", ")))
    };
    names.iter().map(find).collect()
}

/// A test that fails anyway says nothing about a guard.
fn passes(tree: &Tree, test: Test) -> Result<(), String> {
    let began = Instant::now();
    let log = tree.log(&format!("unchanged-{}", test.name.replace("::", "-")));
    build(tree, test, &log)?;
    let ended = run_test(tree, test, &log)?;
    if !ended.status.success() {
        let assertion = first_panic(&text_of(&ended)).unwrap_or_else(|| ended.status.to_string());
        return Err(format!("{test} fails without any mutation: {assertion}; see {}", log.display()));
    }
    println!("{:<16} {test} passes ({})", "unchanged", seconds(began.elapsed()));
    Ok(())
}

/// The assertion that noticed the mutation, or why none did. The copy is as it was after this.
fn caught(tree: &Tree, mutation: &Mutation) -> Result<String, String> {
    let log = tree.log(mutation.name);
    let mutated = tree.change(mutation.edits)?;
    let noticed = build(tree, mutation.test, &log).and_then(|()| {
        let ended = run_test(tree, mutation.test, &log)?;
        if ended.status.success() {
            return Err(format!("{} passes", mutation.test));
        }
        // A test that does not come to an end, or that the guard's absence keeps from beginning, has noticed nothing.
        first_panic(&text_of(&ended)).ok_or_else(|| {
            format!("{} ended without an assertion ({}); see {}", mutation.test, ended.status, log.display())
        })
    });
    drop(mutated);
    noticed
}

fn build(tree: &Tree, test: Test, log: &Path) -> Result<(), String> {
    let ended = tree.cargo(&["nextest", "run", "--no-run", "--package", test.package])?;
    write(log, &ended)?;
    if ended.status.success() { Ok(()) } else { Err(format!("it does not compile; see {}", log.display())) }
}

fn run_test(tree: &Tree, test: Test, log: &Path) -> Result<Output, String> {
    let filter = format!("test(={})", test.name);
    let ended = tree.cargo(&["nextest", "run", "--package", test.package, "--filterset", &filter])?;
    write(log, &ended)?;
    Ok(ended)
}

fn text_of(ended: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr))
}

fn write(log: &Path, ended: &Output) -> Result<(), String> {
    fs::write(log, text_of(ended)).map_err(|error| format!("cannot write {}: {error}", log.display()))
}

/// Where the first assertion of a test's output is, and the beginning of what it says. A panic of the program is none.
fn first_panic(text: &str) -> Option<String> {
    let place = |line: &str| line.split_once("panicked at ").map(|(_, place)| place.to_owned());
    let is_of_a_test = |line: &&str| place(line).is_some_and(|place| place.contains("tests/"));
    let mut lines = text.lines().skip_while(|line| !is_of_a_test(line));
    let place = place(lines.next()?)?;
    let said = lines.map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<&str> = said.take_while(|line| !line.starts_with("note: ")).take(SHOWN_LINES).collect();
    let shown: String = said.join(" ").chars().take(SHOWN_CHARS).collect();
    Some(format!("{place} {shown}"))
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guard that was rewritten needs its mutation rewritten.
    #[test]
    fn every_guard_is_where_the_list_says() {
        let root = workspace_root();
        for mutation in MUTATIONS {
            assert!(!mutation.edits.is_empty(), "{} changes nothing", mutation.name);
            for edit in mutation.edits {
                let text = fs::read_to_string(root.join(edit.file)).expect("a file of the workspace");
                let count = text.matches(edit.find).count();
                assert_eq!(count, 1, "{} in {}: {:?}", mutation.name, edit.file, edit.find);
                assert_ne!(edit.find, edit.replace, "{}", mutation.name);
            }
        }
    }

    #[test]
    fn every_test_of_the_list_exists() {
        for mutation in MUTATIONS {
            let Test { package, name } = mutation.test;
            let (module, function) = name.split_once("::").expect("a module and a function");
            let file = format!("crates/{package}/tests/main/{module}.rs");
            let text = fs::read_to_string(workspace_root().join(&file)).expect("a file of tests");
            let begin = format!("#[test]\nfn {function}()");
            assert_eq!(text.matches(&begin).count(), 1, "{name} of {}", mutation.name);
        }
    }

    /// The guards are those that the model turns off under the same names.
    #[test]
    fn the_model_knows_every_name() {
        let model = "crates/tidegate-engine/tests/pair/mutation.rs";
        let text = fs::read_to_string(workspace_root().join(model)).expect("the model's list");
        for mutation in MUTATIONS {
            assert!(text.contains(&format!("    {},\n", mutation.name)), "{}", mutation.name);
        }
        assert_eq!(MUTATIONS.len(), 12);
    }

    #[test]
    fn the_first_panic_is_found() {
        let text = "running\nthread 'a' (7) panicked at tests/a.rs:3:5:\nassertion failed\n  left: 1\n right: 2\nnote: x\n";
        let found = first_panic(text).expect("a panic");
        assert_eq!(found, "tests/a.rs:3:5: assertion failed left: 1 right: 2");
        assert_eq!(first_panic("TIMEOUT"), None);
        assert_eq!(first_panic("thread 'b' (8) panicked at crates/b/src/lib.rs:1:1:\noverflow"), None);
    }
}
