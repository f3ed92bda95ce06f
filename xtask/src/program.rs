//! The program under test: building it, and running its links and comparisons as a user would.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Deserialize;
use tidegate_sandbox::workspace_root;

use crate::console;
use crate::process::{Process, Usage, tied};
use crate::wait;

/// Names a built `tidegate` to use in place of building one, as for a released binary.
const PROGRAM_VARIABLE: &str = "TIDEGATE_PROGRAM";
const NAME: &str = "tidegate";
const EXECUTABLE: &[&str] = &["-p", "tidegate", "--bin", NAME];
/// So many of the log's last lines go into a message.
const LOG_LINES: usize = 12;
/// A link that is asked to end does so at its next commit.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Builds one executable with all its optimisations and answers where it is. Cargo's own progress is shown.
pub(crate) fn build(arguments: &[&str], name: &str) -> Result<PathBuf, String> {
    build_with(&[&["--release"], arguments].concat(), name)
}

fn build_with(arguments: &[&str], name: &str) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo build {} failed ({})", arguments.join(" "), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let built = text.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let found =
        built.filter(|artifact| artifact.target.name == name).find_map(|artifact| artifact.executable);
    found.ok_or_else(|| format!("cargo built no executable {name}"))
}

/// What the environment names.
fn named() -> Option<Program> {
    let path = env::var_os(PROGRAM_VARIABLE).filter(|path| !path.is_empty())?;
    Some(Program { path: path.into() })
}

/// One of cargo's messages, as far as it matters here.
#[derive(Deserialize)]
struct Artifact {
    target: ArtifactTarget,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

/// The built `tidegate`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
}

/// From where to where a link goes, and under which name.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) include: Vec<String>,
    pub(crate) name: String,
    /// Holds the link's own folder and the program's messages.
    pub(crate) folder: PathBuf,
}

/// One line of `tidegate sync --json`: a sample, the outcome or an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    pub(crate) step: Option<String>,
    pub(crate) seq_captured: u64,
    pub(crate) seq_applied: u64,
    pub(crate) rows_copied: u64,
    pub(crate) rows_applied: u64,
    pub(crate) rows_per_second: f64,
    pub(crate) mb_per_second: f64,
    pub(crate) lag_ms_p50: Option<f64>,
    pub(crate) lag_ms_p99: Option<f64>,
    pub(crate) outcome: Option<String>,
    pub(crate) error: Option<Failure>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Program {
    /// Built now, unless the environment names one that is to be used as it is.
    pub(crate) fn build() -> Result<Program, String> {
        match named() {
            Some(program) => Ok(program),
            None => {
                console::build()?;
                Ok(Program { path: build(EXECUTABLE, NAME)? })
            }
        }
    }

    /// The same as tests run it: built without optimisations, which is soon done, with its assertions, and with the points
    /// at which it can be told to crash.
    pub(crate) fn build_for_tests() -> Result<Program, String> {
        match named() {
            Some(program) => Ok(program),
            None => Ok(Program { path: build_with(EXECUTABLE, NAME)? }),
        }
    }

    /// Starts `tidegate sync`; `extra` are further arguments.
    pub(crate) fn sync(&self, route: &Route, extra: &[&str]) -> Result<Link, String> {
        let mut command = self.command("sync", route);
        command.args(["--json", "--name", &route.name]).arg("--data-dir").arg(route.folder.join("link"));
        command.args(extra);
        Link::start(command, &route.log())
    }

    /// `tidegate verify`: nothing if both sides are identical, else where they differ.
    pub(crate) fn verify(&self, route: &Route) -> Result<Option<String>, String> {
        let mut command = self.command("verify", route);
        command.arg("--json").stdin(Stdio::null()).stderr(append(&route.log())?);
        let output = command.output().map_err(|error| format!("cannot run tidegate verify: {error}"))?;
        match output.status.code() {
            Some(0) => Ok(None),
            Some(EXIT_DIFFERENT) => Ok(Some(differences(&String::from_utf8_lossy(&output.stdout)))),
            _ => Err(format!("tidegate verify failed ({}): {}", output.status, route.last_words())),
        }
    }

    /// The program, and nothing of this process's surroundings that would change what it does.
    pub(crate) fn plain(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_remove("RUST_LOG");
        command
    }

    fn command(&self, verb: &str, route: &Route) -> Command {
        let mut command = Command::new(&self.path);
        command.args([verb, "--source", &route.source, "--target", &route.target]);
        for pattern in &route.include {
            command.args(["--include", pattern]);
        }
        // Its own surroundings would make one machine's run differ from another's.
        command.env_remove("RUST_LOG");
        tied(&command)
    }
}

/// What `tidegate verify` exits with when it found differences.
const EXIT_DIFFERENT: i32 = 3;

/// The last line of `tidegate verify --json`, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Compared {
    tables: Vec<ComparedTable>,
    definitions: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct ComparedTable {
    name: String,
    difference_count: u64,
    differences: Vec<serde_json::Value>,
}

/// The differing tables, each with its first difference, and the differing definitions.
fn differences(report: &str) -> String {
    let compared: Compared =
        report.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let tables = compared.tables.iter().filter(|table| table.difference_count > 0).map(|table| {
        let first = table.differences.first().map_or_else(String::new, |first| format!(", as {first}"));
        format!("{} in {} rows{first}", table.name, table.difference_count)
    });
    let definitions = compared.definitions.iter().map(serde_json::Value::to_string);
    tables.chain(definitions).collect::<Vec<_>>().join("; ")
}

impl Route {
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("tidegate.log")
    }

    /// The end of what the program said, for messages.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        format!("{}:\n  {}", self.log().display(), last.join("\n  "))
    }
}

/// A running `tidegate sync`. It is killed when this value is dropped.
pub(crate) struct Link {
    pub(crate) process: Process,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<JoinHandle<()>>,
}

/// How a link ended.
pub(crate) struct Ended {
    pub(crate) usage: Usage,
    /// The outcome or the error, if it came to say one.
    pub(crate) last: Line,
    pub(crate) lines: Vec<Line>,
}

impl Link {
    fn start(mut command: Command, log: &Path) -> Result<Link, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(append(log)?);
        let mut process = Process::start("tidegate sync", command)?;
        let out = process.child.stdout.take();
        let lines: Arc<Mutex<Vec<Line>>> = Arc::default();
        let heard = lines.clone();
        let reader = thread::spawn(move || {
            let texts = out.into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok);
            for line in texts.filter_map(|text| serde_json::from_str(&text).ok()) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Link { process, lines, reader: Some(reader) })
    }

    /// The newest line, if there is one yet.
    pub(crate) fn last(&self) -> Option<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the copy is done and what was changed meanwhile is in.
    pub(crate) fn wait_until_streaming(&self, deadline: Duration) -> Result<(), String> {
        let streams = wait::until(deadline, || {
            if self.process.has_ended() {
                return Err("tidegate sync ended before it was streaming".to_owned());
            }
            let last = self.last().and_then(|line| line.step);
            Ok(last.filter(|step| step == "streaming"))
        })?;
        streams.map(drop).ok_or_else(|| format!("not streaming after {} s", deadline.as_secs()))
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(&mut self, deadline: Duration) -> Result<Ended, String> {
        let usage = self.process.finish(deadline)?;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let lines = self.lines();
        Ok(Ended { usage, last: lines.last().cloned().unwrap_or_default(), lines })
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn stop(&mut self) -> Result<Ended, String> {
        self.process.signal("INT")?;
        self.finish(STOP_DEADLINE)
    }
}

impl Ended {
    /// An error unless the program ended well; `route` knows its last words.
    pub(crate) fn expect_success(self, route: &Route) -> Result<Ended, String> {
        if self.usage.status.success() {
            return Ok(self);
        }
        let why = self
            .last
            .error
            .map_or_else(|| self.usage.status.to_string(), |e| format!("{}: {}", e.code, e.message));
        Err(format!("tidegate sync failed: {why}; {}", route.last_words()))
    }
}

/// Opens a log for a process to write to, behind what is there.
fn append(path: &Path) -> Result<File, String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    }
    let file = File::options().create(true).append(true).open(path);
    file.map_err(|error| format!("cannot open {}: {error}", path.display()))
}
