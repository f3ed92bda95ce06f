//! For how long nobody can write while the right to write moves, at 1,000 transactions a second, beside MySQL's own
//! replication turned around by a script.
//!
//! A window begins with the last commit on the side that is left and ends with the first commit on the other. Whoever turns
//! around has by then also the way back: what is committed there flows to the side that was left.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tidegate_sandbox::Server;

use super::Bench;
use super::application::{self, Application, Session};
use super::report::{Measure, Measured, Sample};
use super::servers;
use crate::program::Program;
use crate::service::Service;
use crate::wait;

const PEER: &str = "native replication, turned around by a script";
/// Windows in one run, there and back in turn.
const WINDOWS: u64 = 20;
/// So long the load runs before each.
const LOAD: Duration = Duration::from_secs(3);
/// The goal for the slowest hundredth.
const GOAL_MS: f64 = 2000.0;
/// So long both sides may take to hold the same once nothing more is written.
const LEVEL_DEADLINE: Duration = Duration::from_secs(60);
/// So long the replica may take for what it does not have yet.
const REPLICA_SECONDS: u64 = 60;

const INSTANCE: &str = "shop";
/// What a takeover is asked with beyond the instance's name.
const TAKEOVER_ARGUMENTS: &[&str] = &[];

pub(super) fn run(bench: &Bench) -> Result<Vec<Measured>, String> {
    let home = bench.folder.join("service");
    fs::create_dir_all(&home).map_err(|error| format!("cannot create {}: {error}", home.display()))?;
    let mut ours = Ours::open(&bench.program, &bench.folder, &home)?;
    let mut script = Script::open(&bench.folder)?;
    // An even number ends where it began.
    let windows = (WINDOWS * bench.percent / 100).max(2).next_multiple_of(2);
    let (mut of_ours, mut of_script) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        of_ours.push(ours.measure(windows)?);
        of_script.push(script.measure(windows)?);
    }
    let all: Vec<f64> = of_ours.iter().flat_map(|run: &Windows| run.ms.iter().copied()).collect();
    let all = Quantiles::of(all);
    let verdict = if all.p99 <= GOAL_MS { "met" } else { "MISSED" };
    println!(
        "    of all runs: p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms; the goal, p99 of at most {GOAL_MS:.0} ms, is {verdict}",
        all.p50, all.p99, all.longest
    );
    let measure = |scenario| Measure { scenario, unit: "ms", peer_name: PEER, higher_is_better: false };
    let pick = |runs: &[Windows], value: fn(&Quantiles) -> f64| -> Vec<Sample> {
        let one = |run: &Windows| Sample { value: value(&Quantiles::of(run.ms.clone())), ..run.used };
        runs.iter().map(one).collect()
    };
    let [p50, p99]: [fn(&Quantiles) -> f64; 2] = [|of| of.p50, |of| of.p99];
    Ok(vec![
        Measured::new(measure("mysql-switchover-p50"), &pick(&of_ours, p50), &pick(&of_script, p50)),
        Measured::new(measure("mysql-switchover-p99"), &pick(&of_ours, p99), &pick(&of_script, p99)),
    ])
}

/// One run of one contestant.
struct Windows {
    ms: Vec<f64>,
    /// What was used meanwhile, the load included.
    used: Sample,
}

struct Quantiles {
    p50: f64,
    p99: f64,
    longest: f64,
}

impl Quantiles {
    /// With fewer than a hundred values the slowest hundredth is the slowest.
    fn of(mut values: Vec<f64>) -> Quantiles {
        values.sort_by(f64::total_cmp);
        let at = |share: usize| values.get((values.len() * share / 100).min(values.len().saturating_sub(1)));
        let value = |share| at(share).copied().unwrap_or(0.0);
        Quantiles { p50: value(50), p99: value(99), longest: value(100) }
    }
}

/// Two servers, and the application that writes to one of them.
struct Sides {
    servers: [Server; 2],
    application: Application,
    /// Which of the two it writes to.
    in_use: usize,
}

impl Sides {
    /// `make_level` is called between the table's creation on the first and the application's first connection.
    fn open(
        servers: [Server; 2],
        make_level: impl FnOnce(&Server, &Server) -> Result<(), String>,
    ) -> Result<Sides, String> {
        let [first, second] = &servers;
        first.sql(&application::schema())?;
        make_level(first, second)?;
        let application = Application::open([first, second])?;
        Ok(Sides { servers, application, in_use: 0 })
    }

    /// Puts load on the side in use, stops it, lets `turn` move the right to write from the one server to the other, and
    /// commits there. Answers the milliseconds between the last commit and the first.
    fn window(&mut self, turn: impl FnOnce(&Server, &Server) -> Result<(), String>) -> Result<f64, String> {
        let (old, new) = (self.in_use, 1 - self.in_use);
        let last = self.application.write_for(old, LOAD)?;
        turn(&self.servers[old], &self.servers[new])?;
        let first = self.application.commit(new)?;
        self.in_use = new;
        self.has_lost_nothing()?;
        Ok(first.duration_since(last).as_secs_f64() * 1000.0)
    }

    /// The side in use holds at once whatever the application was told is committed; the other one does soon, and the same.
    fn has_lost_nothing(&self) -> Result<(), String> {
        let expected = self.application.written();
        let found = self.servers[self.in_use].sql(&application::question())?;
        if found != expected {
            return Err(format!("committed were {expected:?} (rows, changes), but there are {found:?}"));
        }
        let [one, other] = &self.servers;
        let checksum = |server: &Server| server.sql(&application::checksum());
        let same = wait::until(LEVEL_DEADLINE, || Ok((checksum(one)? == checksum(other)?).then_some(())))?;
        same.ok_or_else(|| {
            format!(
                "the two sides differ after {} s: {:?}, {:?}",
                LEVEL_DEADLINE.as_secs(),
                checksum(one),
                checksum(other)
            )
        })
    }

    /// `engine` answers the processor time and the memory of what stands between the two.
    fn measure(
        &mut self,
        name: &str,
        count: u64,
        engine: impl Fn() -> (f64, f64),
        mut turn: impl FnMut(&Server, &Server) -> Result<(), String>,
    ) -> Result<Windows, String> {
        let used = |sides: &Sides| sides.servers.each_ref().map(Server::cpu_seconds);
        let (before, engine_before, written) = (used(self), engine().0, self.application.transactions());
        let started = Instant::now();
        let ms: Vec<f64> = (0..count).map(|_| self.window(&mut turn)).collect::<Result<_, String>>()?;
        let after = used(self);
        let rows = self.application.transactions() - written;
        let quantiles = Quantiles::of(ms.clone());
        println!(
            "    {name}: {count} windows, p50 {:.0} ms, longest {:.0} ms; {:.0} transactions/s",
            quantiles.p50,
            quantiles.longest,
            rows as f64 / (LOAD.as_secs_f64() * count as f64)
        );
        let used = Sample {
            engine_cpu: engine().0 - engine_before,
            source_cpu: after[0] - before[0],
            target_cpu: after[1] - before[1],
            rss_mb: engine().1,
            rows,
            seconds: started.elapsed().as_secs_f64(),
            ..Sample::default()
        };
        Ok(Windows { ms, used })
    }
}

/// The service with an instance and its reverse, asked on the command line.
struct Ours<'a> {
    service: Service<'a>,
    sides: Sides,
}

impl<'a> Ours<'a> {
    fn open(program: &'a Program, folder: &Path, home: &'a Path) -> Result<Ours<'a>, String> {
        let service = Service::start(program, home)?;
        let servers = [servers::target(folder, "first", 1)?, servers::target(folder, "second", 2)?];
        let sides = Sides::open(servers, |first, second| {
            let (source, target) = (first.url(), second.url());
            let include = format!("{}.*", application::DATABASE);
            service.ask(&[
                "create",
                INSTANCE,
                "--source",
                &source,
                "--target",
                &target,
                "--include",
                &include,
            ])?;
            service.ask(&["start", INSTANCE])?;
            service.ask(&["wait", INSTANCE, "--for", "caught-up"])?;
            service.run(&["reverse", "create", INSTANCE, "--from", "now"])?;
            service.ask(&["wait", &format!("{INSTANCE}-reverse"), "--for", "Collecting"]).map(drop)
        })?;
        Ok(Ours { service, sides })
    }

    fn measure(&mut self, count: u64) -> Result<Windows, String> {
        let (service, home) = (&self.service, self.sides.servers[0].port());
        let engine = || (service.process.cpu_seconds(), service.process.resident_mb());
        let turn = |old: &Server, _: &Server| {
            let verb = if old.port() == home { "switchover" } else { "failback" };
            service.run(&[&[verb, INSTANCE], TAKEOVER_ARGUMENTS].concat()).map(drop)
        };
        self.sides.measure("Tidegate", count, engine, turn)
    }
}

/// Two servers that replicate natively, and an administrator who is logged in to both: the script's time is the servers'.
struct Script {
    sides: Sides,
    administrator: [Session; 2],
}

impl Script {
    fn open(folder: &Path) -> Result<Script, String> {
        let servers = [servers::target(folder, "peer-first", 3)?, servers::target(folder, "peer-second", 4)?];
        let sides = Sides::open(servers, |first, second| {
            servers::seed_replica(first, second, application::DATABASE)?;
            second.sql("START REPLICA; SET GLOBAL super_read_only = ON").map(drop)
        })?;
        let [first, second] = sides.servers.each_ref().map(Session::open);
        Ok(Script { sides, administrator: [first?, second?] })
    }

    fn measure(&mut self, count: u64) -> Result<Windows, String> {
        let (home, [first, second]) = (self.sides.servers[0].port(), &mut self.administrator);
        let turn = |old: &Server, new: &Server| {
            if old.port() == home { turn_around(first, second, new) } else { turn_around(second, first, new) }
        };
        self.sides.measure("the script", count, || (0.0, 0.0), turn)
    }
}

/// The application has been stopped. Closes the one side, lets the other have everything, opens it, and makes the first its
/// replica.
fn turn_around(old: &mut Session, new: &mut Session, server: &Server) -> Result<(), String> {
    let goal = old.ask("SET GLOBAL super_read_only = ON; SELECT @@GLOBAL.gtid_executed")?.concat();
    let goal = goal.replace("\\n", "");
    let answer = new.ask(&format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{goal}', {REPLICA_SECONDS})"))?;
    if answer != ["0"] {
        return Err(format!("the replica does not have everything after {REPLICA_SECONDS} s: {answer:?}"));
    }
    new.run("STOP REPLICA; RESET REPLICA ALL; SET GLOBAL super_read_only = OFF")?;
    old.run(&format!("{}; START REPLICA", servers::replica_of(server))).map(drop)
}

#[cfg(test)]
mod tests {
    use super::Quantiles;

    #[test]
    fn the_slowest_hundredth_of_few_is_the_slowest() {
        let few = Quantiles::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((few.p50, few.p99, few.longest), (2.0, 3.0, 3.0));
        let many = Quantiles::of((0..200).map(f64::from).collect());
        assert_eq!((many.p50, many.p99, many.longest), (100.0, 198.0, 199.0));
    }
}
