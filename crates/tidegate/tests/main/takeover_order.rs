//! What a takeover waits for, and what comes only after that: with somebody at each step who would be left behind, or come
//! in too early, if it were taken in another order.

use crate::failback::{a_pair, only_one_may_write, runs};
use crate::link::DEADLINE;
use crate::servers::{Pair, Session, ask_until, sql};
use crate::service::Service;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Instant;
use tidegate_sandbox::{Flavour, Server};

/// Longer than a link is given to end by itself.
const LONGER_THAN_A_STOP: &str = "10s";

#[test]
fn everything_is_brought_on_the_way_there() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start("order-there");
    a_pair(&pair, &service);
    the_last_one_is_brought(&service, "switchover", &pair.source(), &pair.target());
    only_one_may_write(&pair, "home-reverse", &service);
}

#[test]
fn everything_is_brought_on_the_way_back() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start("order-back");
    a_pair(&pair, &service);
    runs(&service, &["switchover", "home"]);
    the_last_one_is_brought(&service, "failback", &pair.target(), &pair.source());
    only_one_may_write(&pair, "home", &service);
}

/// The last transaction at the side that is left waits for a lock on the other: for longer than a link that was asked to
/// end would wait.
fn the_last_one_is_brought(service: &Service, command: &str, left: &Server, taken: &Server) {
    let mut holds = Session::open(taken);
    holds.run("BEGIN; UPDATE home.t SET v = 'held' WHERE id = 1");
    sql(left, "UPDATE home.t SET v = 'the last' WHERE id = 1");
    let within = ["--compare", "nothing", "--within", "60s", "--timeout", LONGER_THAN_A_STOP];
    service.runs(&[&[command, "home"], &within[..]].concat());
    holds.run("ROLLBACK");
    let writer = if command == "switchover" { "home-reverse" } else { "home" };
    let until = Instant::now() + DEADLINE;
    while service.gets(&["show", writer])["status"] != "Synchronizing" {
        assert!(Instant::now() < until, "{}", service.gets(&["show", writer]));
    }
    assert_eq!(sql(taken, "SELECT v FROM home.t WHERE id = 1"), "the last", "a transaction was left behind");
}

/// An application that writes all the time, with pauses in which a link can catch up, until it is refused. Answers what
/// was committed.
fn writes_until_refused(server: &Server) -> Vec<u32> {
    let mut command = server.client("mysql").expect("a client");
    command.args(["--user=app", "-N", "-B", "--unbuffered"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut client = command.spawn().expect("a running client");
    let mut input = client.stdin.take().expect("a pipe");
    let told = BufReader::new(client.stdout.take().expect("a pipe"));
    let asking = std::thread::spawn(move || {
        for id in 10_000.. {
            let statement =
                format!("INSERT INTO home.t (id, v) VALUES ({id}, 'app'); SELECT {id}; DO SLEEP(0.01);\n");
            if input.write_all(statement.as_bytes()).is_err() {
                return;
            }
        }
    });
    let committed = told.lines().map(|line| line.expect("a line").parse().expect("an id")).collect();
    client.wait().expect("an end");
    asking.join().expect("no panic");
    committed
}

/// Where the log ends is asked when nobody can make it longer.
#[test]
fn nothing_comes_after_the_end_that_was_asked_for() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start("order-end");
    a_pair(&pair, &service);
    sql(&pair.source(), "CREATE USER app@'%'; GRANT ALL ON home.* TO app@'%'");
    let (source, target) = (pair.source(), pair.target());
    let committed = std::thread::scope(|scope| {
        let server = &*source;
        let application = scope.spawn(move || writes_until_refused(server));
        ask_until(&target, "SELECT COUNT(*) FROM home.t WHERE id >= 10000", |count| count != "0");
        runs(&service, &["switchover", "home", "--fence", "read-only"]);
        application.join().expect("no panic")
    });
    let found = sql(&target, "SELECT id FROM home.t WHERE id >= 10000 ORDER BY id");
    let found: Vec<u32> = found.lines().map(|id| id.parse().expect("an id")).collect();
    let lost = committed.iter().filter(|id| found.binary_search(id).is_err()).count();
    assert_eq!(lost, 0, "of {} committed transactions so many were left behind", committed.len());
    only_one_may_write(&pair, "home-reverse", &service);
}

/// An application on the side that is taken would write over rows that are still to come.
#[test]
fn nobody_is_let_in_before_everything_is_brought() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start("order-early");
    a_pair(&pair, &service);
    runs(&service, &["switchover", "home", "--fence", "read-only"]);
    let (source, target) = (pair.source(), pair.target());
    sql(&target, "CREATE USER app@'%'; GRANT ALL ON home.* TO app@'%'");
    sql(&source, "CREATE USER app@'%'; GRANT ALL ON home.* TO app@'%'");
    let mut holds = Session::open(&source);
    holds.run("BEGIN; UPDATE home.t SET v = 'held' WHERE id = 1");
    sql(&target, "UPDATE home.t SET v = 'still to come' WHERE id = 1");
    let asked = service.runs(&["failback", "home", "--within", "60s", "--timeout", "1s"]);
    assert_eq!(asked.code, Some(4), "{asked}");
    let told = writes(&source, 5_000);
    assert!(!told, "an application got in while transactions were still to come");
    holds.run("ROLLBACK");
    service.does(&["wait", "home", "--for", "caught-up"]);
    assert_eq!(sql(&source, "SELECT v FROM home.t WHERE id = 1"), "still to come");
    assert!(writes(&source, 5_001), "nobody is let in");
}

/// Whether an application may.
fn writes(server: &Server, id: u32) -> bool {
    let mut client = server.client("mysql").expect("a client");
    client.args(["--user=app", "-e", &format!("INSERT INTO home.t (id, v) VALUES ({id}, 'app')")]);
    client.stderr(Stdio::null()).status().expect("a client that ran").success()
}

/// A takeover is called off while it compares: whatever it finds, it does not take over any more.
#[test]
fn what_is_called_off_is_not_decided() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start("order-off");
    a_pair(&pair, &service);
    service.does(&["wait", "home", "--for", "caught-up"]);
    // Nobody writes to this table, so only the comparison waits.
    let mut holds = Session::open(&pair.target());
    holds.run("LOCK TABLES home.numbered WRITE");
    let asked = service.runs(&["switchover", "home", "--compare", "rows", "--timeout", "1s"]);
    assert_eq!(asked.code, Some(4), "{asked}");
    let until = Instant::now() + DEADLINE;
    while service.gets(&["show", "home-reverse"])["takeover"]["step"] != "compare" {
        assert!(Instant::now() < until, "{}", service.gets(&["show", "home-reverse"]));
    }
    service.does(&["pause", "home-reverse"]);
    holds.run("UNLOCK TABLES");
    service.does(&["wait", "home-reverse", "--for", "Paused"]);
    only_one_may_write(&pair, "home", &service);
    service.does(&["wait", "home", "--for", "caught-up"]);
    sql(&pair.source(), "INSERT INTO home.t (id, v) VALUES (6000, 'it goes on')");
    ask_until(&pair.target(), "SELECT COUNT(*) FROM home.t WHERE id = 6000", |count| count == "1");
}
