//! Many links on one service: how long all of them take to run, and what they cost when nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tidegate_sandbox::{Flavour, Options, Server, scratch};

use crate::program::Program;
use crate::service::Service;
use crate::wait;

const DEADLINE: Duration = Duration::from_secs(300);
/// So long they are watched while nothing happens.
const IDLE: Duration = Duration::from_secs(20);
const LISTS: usize = 200;

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
    until_all_run(&service, count)?;
    println!("{count} links: from start to running {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    service.process.kill();
    service = Service::start(program, &folder)?;
    until_all_run(&service, count)?;
    println!("after a kill -9: all running again in {:.1} s", started.elapsed().as_secs_f64());
    report(&service, count, before)?;
    service.process.kill();
    drop((source, target));
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))
}

fn until_all_run(service: &Service<'_>, count: u32) -> Result<(), String> {
    let look = || {
        let text = service.ask(&["list", "--json"])?;
        let list: List = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let runs = |one: &&One| {
            one.status == "Synchronizing"
                && one.progress.as_ref().is_some_and(|doing| doing.step == "streaming")
        };
        Ok((list.instances.iter().filter(runs).count() == count as usize).then_some(()))
    };
    wait::until(DEADLINE, look)?.ok_or_else(|| {
        let list = service.ask(&["list"]).unwrap_or_default();
        format!("not all run after {} s:\n{list}", DEADLINE.as_secs())
    })
}

/// What they cost when nothing happens, and how fast they are listed.
fn report(service: &Service<'_>, count: u32, before: f64) -> Result<(), String> {
    let cpu = service.process.cpu_seconds();
    std::thread::park_timeout(IDLE);
    let idle = (service.process.cpu_seconds() - cpu) / IDLE.as_secs_f64() * 100.0;
    let memory = service.process.resident_mb();
    let mut times = Vec::with_capacity(LISTS);
    for _ in 0..LISTS {
        let started = Instant::now();
        service.ask(&["list", "--json"])?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    println!(
        "memory {memory:.0} MB, of which {:.2} MB a link; {idle:.1} % of a core while nothing happens",
        (memory - before) / f64::from(count)
    );
    println!("list (the command, its start included): p50 {:.1} ms, p99 {:.1} ms", at(50), at(99));
    Ok(())
}
