//! `cargo xtask sandbox`: a source and a target of each kind, kept running between commands.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tidegate_sandbox::mongo::{self, RunningSet};
use tidegate_sandbox::{Flavour, Options, Running, workspace_root};

use crate::engine::Engine;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Install the servers if needed and start a source and a target: of MySQL and of MariaDB, unless one is named
    Up {
        /// Only of this kind: mysql, mariadb or mongodb
        #[arg(long)]
        engine: Option<Engine>,
        /// How many members each replica set of MongoDB has
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=7))]
        members: u8,
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

/// The servers that a sandbox may have: folder name, kind, server id.
const ROLES: [(&str, Engine, u32); 6] = [
    ("mysql-source", Engine::Mysql, 11),
    ("mysql-target", Engine::Mysql, 12),
    ("mariadb-source", Engine::Mariadb, 21),
    ("mariadb-target", Engine::Mariadb, 22),
    ("mongodb-source", Engine::Mongodb, 0),
    ("mongodb-target", Engine::Mongodb, 0),
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
    server: Started,
}

/// What runs for a role.
#[derive(Serialize)]
#[serde(untagged)]
enum Started {
    Server(Running),
    Set(RunningSet),
}

impl Started {
    fn start(engine: Engine, server_id: u32, members: u8, home: &Path) -> Result<Started, String> {
        let server = |flavour| Running::start(Options::new(flavour, server_id), home).map(Started::Server);
        match engine {
            Engine::Mysql => server(Flavour::Mysql),
            Engine::Mariadb => server(Flavour::Mariadb),
            Engine::Mongodb => RunningSet::start(mongo::Options::new(members.into()), home).map(Started::Set),
        }
    }

    fn find(engine: Engine, home: &Path) -> Result<Option<Started>, String> {
        Ok(match engine {
            Engine::Mysql | Engine::Mariadb => Running::find(home)?.map(Started::Server),
            Engine::Mongodb => RunningSet::find(home)?.map(Started::Set),
        })
    }

    fn is_alive(&self) -> bool {
        match self {
            Started::Server(server) => server.is_alive(),
            Started::Set(set) => set.is_alive(),
        }
    }

    fn remove(&self) -> Result<(), String> {
        match self {
            Started::Server(server) => server.remove(),
            Started::Set(set) => set.remove(),
        }
    }

    fn url(&self) -> &str {
        match self {
            Started::Server(server) => &server.url,
            Started::Set(set) => &set.url,
        }
    }

    /// Of a set, its first member's.
    fn pid(&self) -> u32 {
        match self {
            Started::Server(server) => server.pid,
            Started::Set(set) => set.pids.first().copied().unwrap_or(0),
        }
    }
}

pub(crate) fn run(action: &Action) -> Result<(), String> {
    match action {
        Action::Up { engine, members, name, json } => {
            let sandbox = up(name, *engine, *members)?;
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

/// Starts what the sandbox lacks; what is already up is left as it is.
fn up(name: &str, engine: Option<Engine>, members: u8) -> Result<Sandbox, String> {
    let folder = folder(name)?;
    let wanted = |kind: Engine| engine.map_or(kind != Engine::Mongodb, |engine| engine == kind);
    let roles: Vec<_> = ROLES.into_iter().filter(|(_, kind, _)| wanted(*kind)).collect();
    let running = |role: &str, kind| {
        Started::find(kind, &folder.join(role)).map(|found| found.is_some_and(|server| server.is_alive()))
    };
    let alive: Result<Vec<bool>, String> = roles.iter().map(|(role, kind, _)| running(role, *kind)).collect();
    if alive?.into_iter().all(|alive| alive) {
        return read(name);
    }
    if roles.iter().any(|(role, ..)| folder.join(role).exists()) {
        return Err(format!(
            "the sandbox {name} is there but not all its servers run; `cargo xtask sandbox down --name {name}` \
             removes it"
        ));
    }
    match engine {
        Some(engine) => engine.install()?,
        None => [Engine::Mysql, Engine::Mariadb].into_iter().try_for_each(Engine::install)?,
    }
    let mut started: Vec<Started> = Vec::new();
    for (role, kind, server_id) in roles {
        match Started::start(kind, server_id, members, &folder.join(role)) {
            Ok(server) => started.push(server),
            Err(text) => {
                // Half a sandbox is of no use; the failed server's folder stays, for its log.
                let removed: Result<Vec<()>, String> = started.iter().map(Started::remove).collect();
                return Err(removed.err().map_or(text.clone(), |more| format!("{text}\n{more}")));
            }
        }
    }
    read(name)
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
    for (role, engine, _) in ROLES {
        if let Some(server) = Started::find(engine, &folder.join(role))? {
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
            println!(
                "{:<12} {:<15} {state:<8} {:>8} {}",
                sandbox.name,
                entry.role,
                server.pid(),
                server.url()
            );
        }
    }
    Ok(())
}
