//! The built program, as far as it goes without a database.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const CANARY: &str = "canary-7f3a";
/// Nothing listens on port 1, and nothing may be started there without being root.
const NOWHERE: &str = "mysql://repl@127.0.0.1:1/";

/// A folder of one test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tidegate(scratch: &Scratch) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env_clear().env("HOME", &scratch.0).stdin(Stdio::null());
    command
}

fn run(name: &str, args: &[&str]) -> Output {
    let scratch = Scratch::new(name);
    // The program must not show it, not even at the highest log level.
    tidegate(&scratch).env("TIDEGATE_SOURCE_PASSWORD", CANARY).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// An error is shown once, as one line and its remedy, and nothing else is on standard error but logs.
#[track_caller]
fn assert_error(output: &Output, code: &str) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    let [.., error, fix] = lines.as_slice() else { panic!("{err}") };
    assert!(error.starts_with("error: ") && error.ends_with(&format!(" [{code}]")), "{err}");
    assert!(fix.starts_with("  fix: ") && fix.len() > 10, "{err}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("error: ")).count(), 1, "{err}");
    for unwanted in [CANARY, "panicked", "RUST_BACKTRACE"] {
        assert!(!out.contains(unwanted) && !err.contains(unwanted), "{unwanted}: {out}{err}");
    }
}

#[test]
fn bad_input_is_one_error_and_its_remedy() {
    let with_password = format!("mysql://repl:{CANARY}@127.0.0.1:1/");
    let slash_in_password = format!("mysql://repl:1/{CANARY}@127.0.0.1:1/");
    let file = format!("--source-password-file=/nonexistent/{}", std::process::id());
    for (number, (args, code)) in [
        (&["--source", "db1", "--target", NOWHERE][..], "TG-1001"),
        (&["--source", NOWHERE, "--target", "mysql://127.0.0.1:1/"], "TG-1001"),
        (&["--source", NOWHERE, "--target", "mysql://u@127.0.0.1:1/shop"], "TG-1001"),
        (&["--source", &slash_in_password, "--target", NOWHERE], "TG-1001"),
        (&["--source", "postgres://u@127.0.0.1:1/", "--target", NOWHERE], "TG-1002"),
        (&["--source", NOWHERE, "--target", &with_password], "TG-1003"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--include", "shop"], "TG-1004"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--exclude", "`shop.*"], "TG-1004"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--rename", "shop.a=b"], "TG-1004"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--name", "a/../b"], "TG-1007"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--log-limit", "1KiB"], "TG-1007"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--source-password-env", "NOT_SET"], "TG-1007"),
        (&["--source", NOWHERE, "--target", NOWHERE, &file], "TG-1007"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--retry-for", "0s"], "TG-2001"),
        (&["--source", NOWHERE, "--target", &with_password, "--insecure-url"], "TG-2001"),
    ]
    .into_iter()
    .enumerate()
    {
        let all = [&["sync", "--log-level", "trace"], args].concat();
        assert_error(&run(&format!("bad-{number}"), &all), code);
    }
}

#[test]
fn verify_refuses_the_same_input() {
    let with_password = format!("mysql://repl:{CANARY}@127.0.0.1:1/");
    for (number, (args, code)) in [
        (&["--source", "db1", "--target", NOWHERE][..], "TG-1001"),
        (&["--source", NOWHERE, "--target", &with_password], "TG-1003"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--include", "shop"], "TG-1004"),
        (&["--source", NOWHERE, "--target", NOWHERE, "--json"], "TG-2001"),
    ]
    .into_iter()
    .enumerate()
    {
        let all = [&["verify", "--log-level", "trace"], args].concat();
        assert_error(&run(&format!("verify-{number}"), &all), code);
    }
}

#[test]
fn the_source_is_asked_first_and_named() {
    let output = run("first", &["sync", "--source", NOWHERE, "--target", NOWHERE]);
    assert_error(&output, "TG-2001");
    assert!(text(&output.stderr).contains("error: source: 127.0.0.1:1: "), "{}", text(&output.stderr));
}

#[test]
fn json_holds_the_error() {
    let output =
        run("json", &["sync", "--json", "--source", NOWHERE, "--target", NOWHERE, "--retry-for", "0s"]);
    assert_error(&output, "TG-2001");
    let out = text(&output.stdout);
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "TG-2001");
    assert!(last["error"]["message"].is_string() && last["error"]["remedy"].is_string());
    for line in out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn what_the_command_line_cannot_hold_is_a_usage_error() {
    let ends = ["sync", "--source", NOWHERE, "--target", NOWHERE];
    for (number, args) in [
        &[][..],
        &["sync"],
        &["no-such-command"],
        &["sync", "--source", NOWHERE],
        &[&ends[..], &["--lanes", "9"]].concat(),
        &[&ends[..], &["--lanes", "0"]].concat(),
        &[&ends[..], &["--copy-workers", "0"]].concat(),
        &[&ends[..], &["--log-limit", "much"]].concat(),
        &[&ends[..], &["--retry-for", "5 moons"]].concat(),
        &[&ends[..], &["--server-id", "0"]].concat(),
        &[&ends[..], &["--log-level", "tidegate=loud"]].concat(),
        &[&ends[..], &["--source-password-env", "A", "--source-password-file", "b"]].concat(),
        &["verify", "--source", NOWHERE, "--target", NOWHERE, "--tables-parallel", "0"],
        &["explain", "TG-0000"],
    ]
    .into_iter()
    .enumerate()
    {
        let output = run(&format!("usage-{number}"), args);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{err}");
    }
}

#[test]
fn words_for_people() {
    for (number, (args, part)) in [
        (&["--version"][..], env!("CARGO_PKG_VERSION")),
        (&["--help"], "Exit codes:"),
        (&["sync", "--help"], "Examples:"),
        (&["verify", "--help"], "Examples:"),
        (&["explain", "tg-3004"], "TG-3004: the source no longer has the log that is needed\n  fix: "),
        (&["explain"], "TG-9001  "),
        (&["completions", "bash"], "complete -F _tidegate"),
        (&["completions", "zsh"], "#compdef tidegate"),
    ]
    .into_iter()
    .enumerate()
    {
        let output = run(&format!("words-{number}"), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let out = text(&output.stdout);
        assert!(out.contains(part), "{args:?}: {out}");
        assert!(output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    }
}

/// Starts a command whose source takes the connection and never says a word, sends the signal once it is there, and
/// answers what the process said on standard error.
fn signalled(name: &str, signal: &str, command: &str) -> (Option<i32>, String, String) {
    let scratch = Scratch::new(name);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mysql://repl@{}/", silent.local_addr().unwrap());
    let mut child = tidegate(&scratch)
        .args([command, "--json", "--source", &url, "--target", NOWHERE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever connects already listens to signals.
    let _held = silent.accept().unwrap();
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let err: Vec<String> = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    (child.wait().unwrap().code(), out, err.join("\n"))
}

#[test]
fn a_signal_ends_it_in_order() {
    for (name, signal) in [("interrupt", "-INT"), ("terminate", "-TERM")] {
        let (code, out, err) = signalled(name, signal, "sync");
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("stopped at a commit: ") && err.contains("run the same command again"), "{err}");
        let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        assert_eq!(last["outcome"], "stopped");
    }
}

#[test]
fn an_interrupted_comparison_has_no_verdict() {
    let (code, out, err) = signalled("verify-interrupt", "-INT", "verify");
    assert_eq!(code, Some(130), "{err}");
    assert!(err.ends_with("interrupted: there is no verdict") && !out.contains("outcome"), "{out}{err}");
}
