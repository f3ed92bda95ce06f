//! The official clients, as they come from their registries, against a running server: each leads a job through its whole
//! life between two real databases.

mod installed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate_sandbox::{Flavour, Options, Server, scratch, workspace_root};

use crate::program::Program;
use crate::service::Service;

/// What is hard to sign, to encode and to write into a URL.
const PASSWORD: &str = "p@ss w+rd&=%/é";
/// How a part of it looks in a query.
const ENCODED: &str = "%2Brd%26%3D%25";
const ACCOUNT: &str = "dts";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these clients
    names: Vec<String>,
    /// Print what each has called as JSON
    #[arg(long)]
    json: bool,
    /// The program as cargo builds it for tests, which is built sooner
    #[arg(long)]
    debug: bool,
}

/// A client: its name, and the script that leads it.
const CLIENTS: [(&str, Language, &str); 6] = [
    ("tea", Language::Python, "tea.py"),
    ("tea_async", Language::Python, "tea.py"),
    ("tea_v1", Language::Python, "tea.py"),
    ("core", Language::Python, "core.py"),
    ("pop_core", Language::Node, "pop_core.mjs"),
    ("openapi_client", Language::Node, "openapi_client.mjs"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Node,
}

/// What a client has called, and how often.
#[derive(Deserialize, Serialize)]
struct Called {
    client: String,
    operations: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct AccessKey {
    id: String,
    secret: String,
}

/// All clients, one after the other.
pub(crate) fn all(program: &Program) -> Result<(), String> {
    run_with(program, &Arguments { names: Vec::new(), json: false, debug: true })
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let program = if arguments.debug { Program::build_for_tests()? } else { Program::build()? };
    run_with(&program, arguments)
}

fn run_with(program: &Program, arguments: &Arguments) -> Result<(), String> {
    tidegate_sandbox::install_flavour(Flavour::Mysql)?;
    let chosen: Vec<_> = CLIENTS
        .into_iter()
        .filter(|(name, ..)| arguments.names.is_empty() || arguments.names.iter().any(|one| one == name))
        .collect();
    if chosen.is_empty() {
        return Err(format!("there are {}", CLIENTS.map(|(name, ..)| name).join(", ")));
    }
    let folder = scratch("clients")?;
    fs::create_dir_all(folder.join("home"))
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let [source, target] = [("source", 1), ("target", 2)].map(|(name, id)| server(&folder.join(name), id));
    let (source, target) = (source?, target?);
    let home = folder.join("home");
    let settings = home.join("server.toml");
    let text = format!(
        "[official_api]\nreset_drops_tables = true\n\n[official_api.instances]\nrm-source = \"127.0.0.1:{}\"\n",
        source.port()
    );
    fs::write(&settings, text).map_err(|error| format!("cannot write {}: {error}", settings.display()))?;
    let service = Service::start_official(program, &home, &settings)?;
    let key: AccessKey =
        serde_json::from_str(&service.run(&["account", "access-key", "create", "--json"])?)
            .map_err(|error| error.to_string())?;
    let told = json!({
        "endpoint": service.official()?, "key": key.id, "secret": key.secret, "source": end(&source)?,
        "target": end(&target)?,
    });
    let mut called = Vec::new();
    for (name, language, script) in chosen {
        eprintln!("{name} …");
        called.push(lead(&folder, name, language, script, &told.to_string())?);
        look(name, &source, &target)?;
    }
    let left = service.ask(&["list", "--json"])?;
    if left.contains("\"id\"") {
        return Err(format!("jobs are left: {left}"));
    }
    nothing_is_told(&home, &key.secret)?;
    say(&called, arguments.json)?;
    drop(service);
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))
}

/// With the account that jobs use.
fn server(folder: &Path, id: u32) -> Result<Server, String> {
    let server = Server::start(Options::new(Flavour::Mysql, id), folder)?;
    server.sql(&format!(
        "CREATE USER {ACCOUNT}@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO {ACCOUNT}@'%'"
    ))?;
    Ok(server)
}

/// An end as the scripts need it, with the database's own client to look at rows.
fn end(server: &Server) -> Result<serde_json::Value, String> {
    let client = server.client("mysql")?;
    let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
    let variables = client
        .get_envs()
        .filter_map(|(name, value)| value.map(|value| format!("{}={}", text(name), text(value))));
    let line: Vec<String> = ["env".to_owned()]
        .into_iter()
        .chain(variables)
        .chain([text(client.get_program()), "--default-character-set=utf8mb4".to_owned()])
        .collect();
    // What keeps it from reading option files comes first.
    let arguments: Vec<String> = client.get_args().map(text).collect();
    let (charset, program) = (line.len() - 1, line.len() - 2);
    let line = [&line[..=program], &arguments[..], &line[charset..]].concat();
    Ok(json!({
        "host": "127.0.0.1", "port": server.port(), "user": ACCOUNT, "password": PASSWORD, "client": line,
    }))
}

fn lead(
    folder: &Path,
    name: &str,
    language: Language,
    script: &str,
    settings: &str,
) -> Result<Called, String> {
    let mut command = match language {
        Language::Python => {
            let scripts = scripts("python");
            let mut command = Command::new("python3");
            command.env("PYTHONPATH", installed::python(&scripts)?).env("PYTHONDONTWRITEBYTECODE", "1");
            command.arg(scripts.join(script));
            command
        }
        Language::Node => {
            let mut command = Command::new("node");
            command.arg(installed::node(&scripts("node"), &folder.join("node"))?.join(script));
            command
        }
    };
    command.arg(name).env("TIDEGATE_CLIENTS", settings).env("HOME", folder.join("home"));
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("cannot run {script}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed ({})", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| format!("{name}: {error}: {last}"))
}

fn scripts(language: &str) -> PathBuf {
    workspace_root().join("clients").join(language)
}

/// That both sides have the same rows, whatever the client says.
fn look(name: &str, source: &Server, target: &Server) -> Result<(), String> {
    let question = format!("CHECKSUM TABLE {name}_shop.item, {name}_shop.extra");
    let (one, other) = (source.sql(&question)?, target.sql(&question)?);
    if one != other || one.contains("NULL") {
        return Err(format!("{name}: the two sides differ:\n{one}\n{other}"));
    }
    Ok(())
}

/// Passwords travel in the query: neither the log, whatever its level, nor the store has one.
fn nothing_is_told(home: &Path, secret: &str) -> Result<(), String> {
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let told = [PASSWORD, ENCODED, "EndpointPassword", secret]
                .into_iter()
                .find(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()));
            if told.is_some() {
                return Err(format!("{} holds a password", path.display()));
            }
        }
    }
    Ok(())
}

/// A line for each operation, a column for each client.
fn say(called: &[Called], as_json: bool) -> Result<(), String> {
    if as_json {
        let text = serde_json::to_string_pretty(called).map_err(|error| error.to_string())?;
        println!("{text}");
        return Ok(());
    }
    let operations: BTreeSet<&String> = called.iter().flat_map(|one| one.operations.keys()).collect();
    let heads: Vec<String> = called.iter().map(|one| format!("{:>16}", one.client)).collect();
    println!("{:<26}{}", "operation", heads.concat());
    for operation in &operations {
        let counts = called.iter().map(|one| one.operations.get(*operation).copied().unwrap_or(0));
        println!("{operation:<26}{}", counts.map(|count| format!("{count:>16}")).collect::<String>());
    }
    let of = called.iter().map(|one| format!("{:>16}", one.operations.len())).collect::<String>();
    let calls = called.iter().map(|one| format!("{:>16}", one.operations.values().sum::<u64>()));
    println!("{:<26}{of}", format!("{} operations", operations.len()));
    println!("{:<26}{}", "calls", calls.collect::<String>());
    Ok(())
}
