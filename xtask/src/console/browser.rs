//! The console in a real browser, on real databases: `console/tests`, which node runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Args;
use serde::Serialize;
use tidegate_sandbox::mongo::{self, ReplicaSet};
use tidegate_sandbox::{Flavour, Options, Server, workspace_root};

use super::{folder, with_browser};
use crate::program::Program;
use crate::service::Service;

/// Screenshots stay there, for people to look at.
const PICTURES: &str = "target/console";

#[derive(Args, Default)]
pub(crate) struct Arguments {
    /// Only tests with this in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// What the tests are told.
#[derive(Serialize)]
struct Stage<'a> {
    /// The service's address.
    url: &'a str,
    password: String,
    chromium: String,
    pictures: String,
    source: Database,
    target: Database,
    mongodb: Deployments,
}

#[derive(Serialize)]
struct Deployments {
    source: Deployment,
    target: Deployment,
}

#[derive(Serialize)]
struct Deployment {
    /// As a URL has them.
    hosts: String,
    set: String,
    password: Option<&'static str>,
    /// Runs Python from its input, which finds the address in MONGO_URL.
    client: Vec<String>,
    environment: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Database {
    host: &'static str,
    port: u16,
    /// Runs SQL from its input, one row a line.
    client: Vec<String>,
    environment: BTreeMap<String, String>,
}

pub(super) fn run_with(program: &Program, arguments: &Arguments) -> Result<(), String> {
    with_browser("console", |chromium, home| on_servers(arguments, program, chromium, home))
}

fn on_servers(arguments: &Arguments, program: &Program, chromium: &Path, home: &Path) -> Result<(), String> {
    let source = Server::start(Options::new(Flavour::Mysql, 1), &home.join("source"))?;
    let target = Server::start(Options::new(Flavour::Mysql, 2), &home.join("target"))?;
    let deployment = |name: &str| ReplicaSet::start(mongo::Options::new(1).auth(true), &home.join(name));
    let (source_set, target_set) = (deployment("source-set")?, deployment("target-set")?);
    let place = home.join("service");
    fs::create_dir_all(&place).map_err(|error| format!("cannot create {}: {error}", place.display()))?;
    let service = Service::start_logged(program, &place, None)?;
    let pictures = workspace_root().join(PICTURES);
    let _ = fs::remove_dir_all(&pictures);
    fs::create_dir_all(&pictures)
        .map_err(|error| format!("cannot create {}: {error}", pictures.display()))?;
    let stage = Stage {
        url: &service.address,
        password: service.password()?,
        chromium: chromium.display().to_string(),
        pictures: pictures.display().to_string(),
        source: database(&source)?,
        target: database(&target)?,
        mongodb: Deployments { source: deployed(&source_set)?, target: deployed(&target_set)? },
    };
    let text = serde_json::to_string(&stage).map_err(|error| error.to_string())?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]);
    if let Some(only) = &arguments.only {
        node.args(["--test-name-pattern", only]);
    }
    let status = node
        .args(tests()?)
        .current_dir(folder())
        .env("TIDEGATE_STAGE", text)
        // A browser of the machine's settings is another browser.
        .env("HOME", home)
        .status()
        .map_err(|error| format!("cannot run node: {error}; install Node.js 20 or later"))?;
    if !status.success() {
        return Err(format!("the console's tests failed ({status}); pictures are in {PICTURES}"));
    }
    println!("pictures are in {PICTURES}");
    service.said_nothing_unexpected()
}

fn tests() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder().join("tests")).map_err(|error| format!("console/tests: {error}"))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".test.mjs")).collect();
    names.sort();
    Ok(names.into_iter().map(|name| format!("tests/{name}")).collect())
}

fn database(server: &Server) -> Result<Database, String> {
    let mut command = server.client("mysql")?;
    command.args(["-N", "-B", "--default-character-set=utf8mb4"]);
    let (client, environment) = words(&command);
    Ok(Database { host: "127.0.0.1", port: server.port(), client, environment })
}

fn deployed(set: &ReplicaSet) -> Result<Deployment, String> {
    let mut command = set.python_command()?;
    command.arg("-");
    let (client, environment) = words(&command);
    let hosts: Vec<String> = set.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let (hosts, set, password) = (hosts.join(","), set.name().to_owned(), set.password());
    Ok(Deployment { hosts, set, password, client, environment })
}

/// A command as another language takes it.
fn words(command: &Command) -> (Vec<String>, BTreeMap<String, String>) {
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let client = std::iter::once(command.get_program()).chain(command.get_args()).map(text).collect();
    let environment =
        command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect();
    (client, environment)
}
