//! The list with thousands of tasks, most of them ended: how long the first page takes, how it scrolls, how fast a filter is.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{folder, with_browser};
use crate::program::Program;
use crate::service::Service;
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many tasks there are
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Copies the one task that there is. Python's SQLite is on every machine that runs the tests.
const FILL: &str = r#"
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
columns = [row[1] for row in store.execute("PRAGMA table_info(instance)")]
of_its_own = {"id": "'tg' || printf('%013d', n)", "name": "printf('task-%05d', n)",
              "status": "CASE WHEN n % 50 = 0 THEN 'Failed' WHEN n % 50 = 1 THEN 'NotStarted' ELSE 'Completed' END",
              "created_at": "strftime('%Y-%m-%dT%H:%M:%S.000Z', 'now', '-' || n || ' minutes')"}
values = ", ".join(of_its_own.get(name, name) for name in columns)
store.execute(f"""WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
    INSERT INTO instance ({", ".join(columns)}) SELECT {values} FROM instance, number""", (int(sys.argv[2]),))
store.commit()
"#;

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let program = Program::build()?;
    with_browser("many", |chromium, home| measured(arguments, &program, chromium, home))
}

fn measured(arguments: &Arguments, program: &Program, chromium: &Path, home: &Path) -> Result<(), String> {
    fs::create_dir_all(home).map_err(|error| format!("cannot create {}: {error}", home.display()))?;
    let mut service = Service::start(program, home)?;
    // Nobody listens there, and nothing of it is started.
    let end = "mysql://repl@127.0.0.1:1/";
    service.ask(&["create", "first", "--source", end, "--target", end, "--include", "shop.*"])?;
    service.process.kill();
    let store = service.store();
    let filled = Command::new("python3")
        .args(["-c", FILL])
        .arg(&store)
        .arg(arguments.count.to_string())
        .output()
        .map_err(|error| format!("cannot run python3: {error}"))?;
    if !filled.status.success() {
        return Err(format!("python3: {}", String::from_utf8_lossy(&filled.stderr)));
    }
    let service = Service::start(program, home)?;
    let stage = serde_json::json!({
        "url": service.address,
        "password": service.password()?,
        "chromium": chromium,
        "count": arguments.count,
        "json": arguments.json,
    });
    let status = Command::new("node")
        .arg("tests/many.mjs")
        .current_dir(folder())
        .env("TIDEGATE_STAGE", stage.to_string())
        .env("HOME", home)
        .status()
        .map_err(|error| format!("cannot run node: {error}; install Node.js 20 or later"))?;
    if status.success() { Ok(()) } else { Err(format!("the list could not be measured ({status})")) }
}
