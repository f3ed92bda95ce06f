//! `cargo xtask sandbox`: a source and a target of each flavour, kept running between commands.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tidegate_sandbox::{Flavour, Options, Running, workspace_root};

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Install the servers if needed and start a source and a target of each flavour
    Up {
        /// Several sandboxes can run side by side under different names
        #[arg(long, default_value = "default")]
        name: String,
        /// Print the servers as JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a sandbox's servers and delete their data
    Down {
        #[arg(long, default_value = "default")]
        name: String,
    },
    /// Show the servers of one sandbox, or of all
    Status {
        #[arg(long)]
        name: Option<String>,
        /// Print the servers as JSON
        #[arg(long)]
        json: bool,
    },
}

/// The servers of a sandbox: folder name, flavour, server id.
const ROLES: [(&str, Flavour, u32); 4] = [
    ("mysql-source", Flavour::Mysql, 11),
    ("mysql-target", Flavour::Mysql, 12),
    ("mariadb-source", Flavour::Mariadb, 21),
    ("mariadb-target", Flavour::Mariadb, 22),
];

#[derive(Serialize)]
struct Sandbox {
    name: String,
    servers: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    role: String,
    alive: bool,
    #[serde(flatten)]
    server: Running,
}

pub(crate) fn run(action: &Action) -> Result<(), String> {
    match action {
        Action::Up { name, json } => {
            let sandbox = up(name)?;
            show(&[sandbox], *json)
        }
        Action::Down { name } => down(name),
        Action::Status { name, json } => {
            let names = name.as_ref().map_or_else(names, |name| Ok(vec![name.clone()]))?;
            let sandboxes: Result<Vec<Sandbox>, String> = names.iter().map(|name| read(name)).collect();
            show(&sandboxes?, *json)
        }
    }
}

/// Starts what the sandbox lacks; a sandbox that is already up is left as it is.
fn up(name: &str) -> Result<Sandbox, String> {
    let found = read(name)?;
    if found.servers.len() == ROLES.len() && found.servers.iter().all(|entry| entry.alive) {
        return Ok(found);
    }
    let folder = folder(name)?;
    if folder.exists() {
        return Err(format!(
            "the sandbox {name} is there but not all its servers run; `cargo xtask sandbox down --name {name}` \
             removes it"
        ));
    }
    tidegate_sandbox::install()?;
    let mut servers: Vec<Entry> = Vec::new();
    for (role, flavour, server_id) in ROLES {
        match Running::start(Options::new(flavour, server_id), &folder.join(role)) {
            Ok(server) => servers.push(Entry { role: role.to_owned(), alive: true, server }),
            Err(text) => {
                // Half a sandbox is of no use; the failed server's folder stays, for its log.
                let removed: Result<Vec<()>, String> =
                    servers.iter().map(|entry| entry.server.remove()).collect();
                return Err(removed.err().map_or(text.clone(), |more| format!("{text}\n{more}")));
            }
        }
    }
    Ok(Sandbox { name: name.to_owned(), servers })
}

fn down(name: &str) -> Result<(), String> {
    let folder = folder(name)?;
    if !folder.exists() {
        println!("there is no sandbox {name}");
        return Ok(());
    }
    for entry in read(name)?.servers {
        entry.server.remove()?;
    }
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))?;
    println!("the sandbox {name} is stopped and deleted");
    Ok(())
}

/// The servers recorded for a sandbox; none when it does not exist.
fn read(name: &str) -> Result<Sandbox, String> {
    let folder = folder(name)?;
    let mut servers = Vec::new();
    for (role, ..) in ROLES {
        if let Some(server) = Running::find(&folder.join(role))? {
            servers.push(Entry { role: role.to_owned(), alive: server.is_alive(), server });
        }
    }
    Ok(Sandbox { name: name.to_owned(), servers })
}

fn names() -> Result<Vec<String>, String> {
    let Ok(entries) = fs::read_dir(base()) else { return Ok(Vec::new()) };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| folder(name).is_ok_and(|folder| folder.is_dir()));
    names.sort();
    Ok(names)
}

fn base() -> PathBuf {
    workspace_root().join(".sandbox").join("run")
}

/// The sandbox's folder. The name becomes a path that `down` deletes, so it may not lead elsewhere.
fn folder(name: &str) -> Result<PathBuf, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(format!("\"{name}\" is no sandbox name; use letters, digits, - and _"));
    }
    Ok(Path::new(&base()).join(name))
}

fn show(sandboxes: &[Sandbox], json: bool) -> Result<(), String> {
    if json {
        let text = serde_json::to_string_pretty(sandboxes)
            .map_err(|error| format!("cannot write the servers as JSON: {error}"))?;
        println!("{text}");
        return Ok(());
    }
    if sandboxes.iter().all(|sandbox| sandbox.servers.is_empty()) {
        println!("no sandbox is up; `cargo xtask sandbox up` starts one");
        return Ok(());
    }
    println!("{:<12} {:<15} {:<8} {:>8} URL", "SANDBOX", "ROLE", "STATE", "PID");
    for sandbox in sandboxes {
        for entry in &sandbox.servers {
            let state = if entry.alive { "running" } else { "stopped" };
            let server = &entry.server;
            println!("{:<12} {:<15} {state:<8} {:>8} {}", sandbox.name, entry.role, server.pid, server.url);
        }
    }
    Ok(())
}
