//! Many links on one service: how long all of them take to run, and what they cost when nothing happens.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tidegate_sandbox::{Flavour, Options, Server, scratch};

use crate::process::{Process, tied};
use crate::program::Program;
use crate::wait;

const DEADLINE: Duration = Duration::from_secs(300);
/// So long they are watched while nothing happens.
const IDLE: Duration = Duration::from_secs(20);
const LISTS: usize = 200;

#[derive(Deserialize)]
struct Listening {
    listening: String,
    first_password: Option<String>,
}

#[derive(Deserialize)]
struct List {
    instances: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    status: String,
    progress: Option<Doing>,
}

#[derive(Deserialize)]
struct Doing {
    step: String,
}

/// A service with a command line to ask it.
struct Service<'a> {
    program: &'a Program,
    home: &'a Path,
    process: Process,
}

pub(super) fn run(program: &Program, count: u32) -> Result<(), String> {
    let folder = scratch("links")?;
    let options = |number| Options::new(Flavour::Mysql, number).arg("--max-connections=2000");
    let source = Server::start(options(1), &folder.join("source"))?;
    let target = Server::start(options(2), &folder.join("target"))?;
    for number in 0..count {
        source.sql(&format!(
            "CREATE DATABASE many_{number}; CREATE TABLE many_{number}.t (id INT PRIMARY KEY, v VARCHAR(20)); \
             INSERT INTO many_{number}.t VALUES (1, 'one'), (2, 'two')"
        ))?;
    }
    let mut service = Service::start(program, &folder)?;
    let before = service.process.resident_mb();
    let names: Vec<String> = (0..count).map(|number| format!("many-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let include = format!("many_{number}.*");
        let (from, to) = (source.url(), target.url());
        service.ask(&["create", name, "--source", &from, "--target", &to, "--include", &include])?;
    }
    let started = Instant::now();
    let all: Vec<&str> = ["start"].into_iter().chain(names.iter().map(String::as_str)).collect();
    service.ask(&all)?;
    service.until_all_run(count)?;
    println!("{count} links: from start to running {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    service.process.kill();
    service = Service::start(program, &folder)?;
    service.until_all_run(count)?;
    println!("after a kill -9: all running again in {:.1} s", started.elapsed().as_secs_f64());
    service.report(count, before)?;
    service.process.kill();
    drop((source, target));
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))
}

impl<'a> Service<'a> {
    /// The first start says a password; later ones find it in the folder.
    fn start(program: &'a Program, home: &'a Path) -> Result<Self, String> {
        let mut command = program.plain();
        command
            .args(["server", "--json", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .env("HOME", home);
        let mut command = tied(&command);
        command.stdout(Stdio::piped());
        let mut process = Process::start("tidegate server", command)?;
        let output = process.child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let said: Listening = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let file = home.join("password");
        if let Some(password) = &said.first_password {
            fs::write(&file, password).map_err(|error| error.to_string())?;
        }
        let service = Self { program, home, process };
        let file = file.display().to_string();
        service.run(&["login", "--server", &said.listening, "--password-file", &file])?;
        Ok(service)
    }

    fn run(&self, args: &[&str]) -> Result<String, String> {
        let mut command: Command = self.program.plain();
        let output = command.args(args).env("HOME", self.home).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn ask(&self, args: &[&str]) -> Result<String, String> {
        self.run(&[&["instance"], args].concat())
    }

    fn until_all_run(&self, count: u32) -> Result<(), String> {
        let look = || {
            let text = self.ask(&["list", "--json"])?;
            let list: List = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let runs = |one: &&One| {
                one.status == "Synchronizing"
                    && one.progress.as_ref().is_some_and(|doing| doing.step == "streaming")
            };
            Ok((list.instances.iter().filter(runs).count() == count as usize).then_some(()))
        };
        wait::until(DEADLINE, look)?.ok_or_else(|| {
            let list = self.ask(&["list"]).unwrap_or_default();
            format!("not all run after {} s:\n{list}", DEADLINE.as_secs())
        })
    }

    /// What they cost when nothing happens, and how fast they are listed.
    fn report(&self, count: u32, before: f64) -> Result<(), String> {
        let cpu = self.process.cpu_seconds();
        std::thread::park_timeout(IDLE);
        let idle = (self.process.cpu_seconds() - cpu) / IDLE.as_secs_f64() * 100.0;
        let memory = self.process.resident_mb();
        let mut times = Vec::with_capacity(LISTS);
        for _ in 0..LISTS {
            let started = Instant::now();
            self.ask(&["list", "--json"])?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let at =
            |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
        println!(
            "memory {memory:.0} MB, of which {:.2} MB a link; {idle:.1} % of a core while nothing happens",
            (memory - before) / f64::from(count)
        );
        println!("list (the command, its start included): p50 {:.1} ms, p99 {:.1} ms", at(50), at(99));
        Ok(())
    }
}
