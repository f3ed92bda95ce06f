//! Taking over under fire: crashes at every point, a frozen process that comes back, many callers at once.

use crate::failback::{a_pair, are_level, only_one_may_write, runs, writes};
use crate::link::DEADLINE;
use crate::servers::{Pair, ask_until, sql};
use crate::service::Service;
use std::collections::HashSet;
use std::process::Command as Process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tidegate_api::{Client, Command, Commands, Login, Status};
use tidegate_sandbox::{Flavour, Server};

/// Wherever the service is killed while it takes over: after the next start it comes to the end, and only one may write.
#[test]
fn a_crash_at_every_point_of_a_takeover() {
    let pair = Pair::start(Flavour::Mysql);
    let mut service = Service::start("takeover-crash");
    a_pair(&pair, &service);
    let points = [
        "closed",
        "brought",
        "other-pausing",
        "drained",
        "compared",
        "handed-over",
        "admitted",
        "permit-taken",
        "permits-moved",
        "opened",
        "learned",
    ];
    let mut turn = 20;
    for point in points {
        for (command, writer, side) in
            [("switchover", "home-reverse", pair.target()), ("failback", "home", pair.source())]
        {
            service.child.kill().expect("a kill");
            service.start_again(Some(point));
            // It may die before it answers.
            service.runs(&[command, "home", "--server", &service.address, "--timeout", "20s"]);
            service.start_again(None);
            let until = Instant::now() + DEADLINE;
            while service.gets(&["show", writer])["status"] != "Synchronizing" {
                assert!(Instant::now() < until, "{command} {point}: {}", service.gets(&["show", writer]));
                if service.gets(&["show", writer])["commands"].to_string().contains("takeover") {
                    // It died before it was asked, or was declined: whoever got no answer asks again.
                    service.runs(&[command, "home"]);
                }
            }
            only_one_may_write(&pair, writer, &service);
            writes(&side, turn);
            are_level(&pair, &side);
            turn += 1;
        }
    }
}

fn signal(service: &Service, signal: &str) {
    let sent = Process::new("kill").args([signal, &service.child.id().to_string()]).status();
    assert!(sent.expect("a signal").success());
}

/// A second service with a copy of the data folder takes over while the first is frozen. The first wakes up and has
/// something to write: the database refuses it.
#[test]
fn a_frozen_service_comes_back_too_late() {
    let pair = Pair::start(Flavour::Mysql);
    let first = Service::start("frozen");
    a_pair(&pair, &first);
    signal(&first, "-STOP");
    let second = first.copied("thawed");
    second.does(&["wait", "home", "--for", "caught-up"]);
    runs(&second, &["switchover", "home"]);
    // Nobody may bring this to the target any more.
    sql(&pair.source(), "INSERT INTO home.t (id, v) VALUES (999, 'too late')");
    signal(&first, "-CONT");
    let until = Instant::now() + DEADLINE;
    loop {
        let shown = first.gets(&["show", "home"]);
        let code = shown["why"]["code"].as_str().unwrap_or_default().to_owned();
        if shown["status"] == "Failed" {
            // The source ends its reading as soon as the second reads, if the target has not refused it before.
            assert!(["TG-4012", "TG-4007", "TG-3005"].contains(&code.as_str()), "{code}");
            break;
        }
        assert!(Instant::now() < until, "{shown}");
    }
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM home.t WHERE id = 999"), "0");
    // Its person cannot make it write either: not by resuming it, and a takeover goes through both databases.
    first.ask(&["resume", "home"]);
    let until = Instant::now() + DEADLINE;
    while first.gets(&["show", "home"])["why"]["code"] != "TG-4012" {
        assert!(Instant::now() < until, "{}", first.gets(&["show", "home"]));
    }
    only_one_may_write(&pair, "home-reverse", &second);
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM home.t WHERE id = 999"), "0");
}

/// What both databases say at one moment: nobody has changed the one while the other was asked.
fn permits(pair: &Pair) -> (bool, bool) {
    let ask = |server: &Server| {
        let found = sql(server, "SELECT held, epoch FROM tidegate.permit ORDER BY epoch DESC LIMIT 1");
        let (held, epoch) = found.split_once('\t').unwrap_or(("0", "0"));
        (held == "1", epoch.to_owned())
    };
    loop {
        let (there, here, again) = (ask(&pair.target()), ask(&pair.source()), ask(&pair.target()));
        if there == again {
            return (there.0, here.0);
        }
    }
}

/// Where both are, and what has happened to them last.
fn told(client: &Client) -> String {
    let of = |name: &str| {
        let shown = client.show(name).expect("an instance");
        let history = client.history(name).expect("a history");
        let last: Vec<String> = history
            .iter()
            .rev()
            .take(12)
            .map(|line| format!("{} {} {}->{} {:?}", line.at, line.event, line.from, line.to, line.why))
            .collect();
        let why = shown.why.map(|why| why.detail);
        format!("{name} {} may_write {} {why:?}\n{}\n", shown.status, shown.may_write, last.join("\n"))
    };
    of("home") + &of("home-reverse")
}

/// At least a thousand calls from ten clients: never may both directions write.
#[test]
fn many_callers_at_once() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start_with("callers", "[limits]\nrequests_per_second = 100000");
    a_pair(&pair, &service);
    let login = Login { account: "admin".to_owned(), password: service.password.clone() };
    let token = Client::new(&service.address, None).log_in(&login).expect("a token").token;
    let (mut seen, enough) = (HashSet::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..10u64)
            .map(|caller| {
                let (token, address, enough) = (token.clone(), service.address.clone(), &enough);
                scope.spawn(move || {
                    let client = Client::new(&address, Some(token));
                    let mut random = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(caller + 1);
                    let (mut calls, until) = (0, Instant::now() + DEADLINE);
                    while calls < 100 || !enough.load(Ordering::Relaxed) {
                        assert!(
                            Instant::now() < until,
                            "not both directions have written: {}",
                            told(&client)
                        );
                        calls += 1;
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let (command, name) = match random % 16 {
                            0..=4 => (Command::Takeover, "home"),
                            5..=9 => (Command::Takeover, "home-reverse"),
                            10 => (Command::Start, "home-reverse"),
                            11 => (Command::Pause, "home"),
                            12 => (Command::Pause, "home-reverse"),
                            13 => (Command::Resume, "home-reverse"),
                            _ => (Command::Resume, "home"),
                        };
                        let request = Commands { command, instances: vec![name.to_owned()] };
                        let results = client.commands(&request).expect("an answer");
                        // Who takes over sees how it ends, so that not every takeover is called off at once.
                        let taken = command == Command::Takeover && results[0].answer.is_some();
                        while taken && client.show(name).expect("an instance").status == Status::Switching {}
                    }
                })
            })
            .collect();
        while !callers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let both = permits(&pair);
            assert_ne!(both, (true, true));
            seen.insert(both);
            enough.store(seen.contains(&(false, true)) && seen.contains(&(true, false)), Ordering::Relaxed);
        }
    });
    // Whatever was left comes to rest, and can be brought to a good end.
    let until = Instant::now() + DEADLINE;
    loop {
        assert_ne!(permits(&pair), (true, true));
        let shown = service.gets(&["show", "home"]);
        if shown["status"] == Status::Synchronizing.name() && shown["may_write"] == true {
            break;
        }
        assert!(Instant::now() < until, "{shown}\n{}", service.gets(&["show", "home-reverse"]));
        let commands = shown["commands"].to_string();
        let next = if commands.contains("takeover") {
            vec!["failback", "home"]
        } else {
            vec!["instance", "resume", "home"]
        };
        service.runs(&next);
        if service.gets(&["show", "home-reverse"])["status"] == "Paused" {
            service.ask(&["resume", "home-reverse"]);
        }
    }
    writes(&pair.source(), 50);
    are_level(&pair, &pair.source());
    only_one_may_write(&pair, "home", &service);
    ask_until(&pair.target(), "SELECT COUNT(*) FROM home.made_50", |count| count == "1");
}
