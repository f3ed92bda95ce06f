//! As far as it goes without a database.

use crate::program::{CANARY, Ended, NOWHERE, Scratch, tidegate};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};

fn run(name: &str, args: &[&str]) -> Ended {
    let scratch = Scratch::new(name);
    // The program must not show it, not even at the highest log level.
    Ended::of(tidegate(&scratch).env("TIDEGATE_SOURCE_PASSWORD", CANARY).args(args).output().unwrap())
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
        run(&format!("bad-{number}"), &all).fault(code);
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
        run(&format!("verify-{number}"), &all).fault(code);
    }
}

#[test]
fn the_source_is_asked_first_and_named() {
    let fault = run("first", &["sync", "--source", NOWHERE, "--target", NOWHERE]).fault("TG-2001");
    assert!(fault.error.starts_with("source: 127.0.0.1:1: "), "{fault}");
}

#[test]
fn json_holds_the_error() {
    let ended =
        run("json", &["sync", "--json", "--source", NOWHERE, "--target", NOWHERE, "--retry-for", "0s"]);
    let fault = ended.fault("TG-2001");
    let lines = ended.json();
    let last = &lines.last().unwrap()["error"];
    assert_eq!((&last["code"], &last["message"]), (&"TG-2001".into(), &fault.error.into()));
    assert_eq!(last["remedy"], fault.fix);
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
        let ended = run(&format!("usage-{number}"), args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended}");
        assert!(!ended.err.contains("panicked"), "{ended}");
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
        let ended = run(&format!("words-{number}"), args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended}");
        assert!(ended.out.contains(part), "{args:?}: {ended}");
        assert!(ended.err.is_empty(), "{args:?}: {ended}");
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
