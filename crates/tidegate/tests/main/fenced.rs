//! Applications that do not stop: the fence keeps them out of one side, and lets them in to the other.

use crate::failback::{a_pair, are_level, only_one_may_write, refused, runs};
use crate::link::DEADLINE;
use crate::servers::{Pair, Session, ask_until, sql};
use crate::service::Service;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tidegate_sandbox::{Flavour, Server};

#[test]
fn behind_a_read_only_mysql() {
    applications_need_not_stop(Flavour::Mysql, "read-only");
}

#[test]
fn behind_a_read_only_mariadb() {
    applications_need_not_stop(Flavour::Mariadb, "read-only");
}

#[test]
fn behind_triggers_on_mysql() {
    applications_need_not_stop(Flavour::Mysql, "triggers");
}

#[test]
fn behind_triggers_on_mariadb() {
    applications_need_not_stop(Flavour::Mariadb, "triggers");
}

/// What was committed on either side, as the application was told.
#[derive(Default)]
struct Told {
    committed: Mutex<[BTreeSet<u32>; 2]>,
    enough: AtomicBool,
}

impl Told {
    fn count(&self, side: usize) -> usize {
        self.committed.lock().expect("no panic")[side].len()
    }

    /// Waits until the application has written some more on one side.
    #[track_caller]
    fn writes_on(&self, side: usize) {
        let (before, until) = (self.count(side), Instant::now() + DEADLINE);
        while self.count(side) < before + 5 {
            assert!(Instant::now() < until, "the application cannot write on side {side}");
        }
    }
}

fn make_account(server: &Server) {
    sql(server, "CREATE USER app@'%'; GRANT ALL ON home.* TO app@'%'");
}

/// Tries one side, and then the other, for ever. It has no special right.
fn an_application(servers: [&Server; 2], told: &Told) {
    let mut id = 1_000;
    while !told.enough.load(Ordering::Relaxed) {
        for (side, server) in servers.iter().enumerate() {
            id += 1;
            let mut client = server.client("mysql").expect("a client");
            let statement = format!("INSERT INTO home.t (id, v) VALUES ({id}, 'app')");
            client.args(["--user=app", "-e", &statement]).stderr(Stdio::null());
            if client.status().expect("a client that ran").success() {
                told.committed.lock().expect("no panic")[side].insert(id);
            }
        }
    }
}

fn applications_need_not_stop(flavour: Flavour, way: &str) {
    let pair = Pair::start(flavour);
    let service = Service::start(&format!("fenced-{way}"));
    a_pair(&pair, &service);
    make_account(&pair.source());
    make_account(&pair.target());
    let (told, source, target) = (Told::default(), pair.source(), pair.target());
    // Before the first switchover nobody has closed the target: only the source is in use.
    std::thread::scope(|scope| {
        let stop = StopAtEnd(&told);
        let (servers, told) = ([&*source, &*target], &told);
        runs(&service, &["switchover", "home", "--fence", way]);
        scope.spawn(move || an_application(servers, told));
        for _ in 0..2 {
            told.writes_on(1);
            only_one_may_write(&pair, "home-reverse", &service);
            let read = captured(&service, "home");
            told.writes_on(1);
            assert_eq!(captured(&service, "home"), read, "somebody wrote on the closed side");
            runs(&service, &["failback", "home", "--fence", way, "--compare", "rows"]);
            told.writes_on(0);
            only_one_may_write(&pair, "home", &service);
            let read = captured(&service, "home-reverse");
            told.writes_on(0);
            assert_eq!(captured(&service, "home-reverse"), read, "somebody wrote on the closed side");
            runs(&service, &["switchover", "home", "--fence", way]);
        }
        drop(stop);
    });
    // Root passes a read-only server.
    are_level(&pair, &pair.target());
    let committed: BTreeSet<u32> =
        told.committed.into_inner().expect("no panic").into_iter().flatten().collect();
    let found = sql(&pair.source(), "SELECT id FROM home.t WHERE id >= 1000 ORDER BY id");
    let found: BTreeSet<u32> = found.lines().map(|id| id.parse().expect("an id")).collect();
    // What was committed and not told is there too.
    assert!(committed.is_subset(&found), "lost: {:?}", committed.difference(&found).collect::<Vec<_>>());
    assert!(committed.len() > 20, "{} rows", committed.len());
    everything_is_given_back(&pair, &service);
}

/// However the test ends, the application does.
struct StopAtEnd<'a>(&'a Told);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.enough.store(true, Ordering::Relaxed);
    }
}

fn captured(service: &Service, name: &str) -> serde_json::Value {
    service.gets(&["show", name])["progress"]["seq_captured"].clone()
}

/// Back home, and the reverse is given up: nothing of a fence stays.
fn everything_is_given_back(pair: &Pair, service: &Service) {
    runs(service, &["failback", "home"]);
    service.does(&["terminate", "home-reverse"]);
    service.does(&["wait", "home-reverse", "--for", "Completed"]);
    service.does(&["release", "home-reverse"]);
    assert_eq!(left_of_fence(&pair.source()), "0\t0\t0");
    service.does(&["terminate", "home"]);
    service.does(&["wait", "home", "--for", "Completed"]);
    service.does(&["cleanup", "home", "--apply"]);
    let target = &pair.target();
    assert_eq!(sql(target, "SELECT @@GLOBAL.read_only"), "0");
    let triggers = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'home'";
    assert_eq!(sql(target, triggers), "0");
}

/// Rows of ours, triggers, and whether the server is read-only.
fn left_of_fence(server: &Server) -> String {
    sql(
        server,
        "SELECT (SELECT COUNT(*) FROM tidegate.fence), (SELECT COUNT(*) FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA = 'home'), @@GLOBAL.read_only",
    )
}

/// A takeover that comes to nothing lets the applications in again: declined, too late, called off, and killed meanwhile.
#[test]
fn a_takeover_that_is_not_done_opens_again() {
    let pair = Pair::start(Flavour::Mysql);
    let mut service = Service::start("fence-declined");
    a_pair(&pair, &service);
    let open = "SELECT @@GLOBAL.read_only + @@GLOBAL.super_read_only";
    let shown = runs(&service, &["switchover", "home", "--dry-run"]);
    assert!(shown.contains("* read-only") && shown.contains("point of no return"), "{shown}");
    assert!(!shown.contains("refused"), "{shown}");
    assert_eq!(sql(&pair.source(), open), "0");

    // Something is different: it is compared, and declined.
    sql(&pair.target(), "SET sql_log_bin = 0; ALTER TABLE home.t ADD COLUMN odd INT");
    let dry = runs(&service, &["switchover", "home", "--dry-run"]);
    assert!(dry.contains("would be refused now") && dry.contains("home.t"), "{dry}");
    refused(service.runs(&["switchover", "home"]), "both sides are not the same");
    ask_until(&pair.source(), open, |now| now == "0");
    sql(&pair.target(), "SET sql_log_bin = 0; ALTER TABLE home.t DROP COLUMN odd");
    service.does(&["wait", "home", "--for", "caught-up"]);

    // Rows that nobody has noticed: found where every row is compared.
    sql(&pair.target(), "SET sql_log_bin = 0; UPDATE home.t SET v = 'odd' WHERE id = 1");
    refused(service.runs(&["switchover", "home", "--compare", "rows"]), "home.t: 1 rows");
    ask_until(&pair.source(), open, |now| now == "0");
    let value = sql(&pair.source(), "SELECT v FROM home.t WHERE id = 1");
    sql(&pair.target(), &format!("SET sql_log_bin = 0; UPDATE home.t SET v = '{value}' WHERE id = 1"));
    service.does(&["wait", "home", "--for", "caught-up"]);

    // The last transactions wait for a lock in the target: not in time.
    let mut holds = Session::open(&pair.target());
    holds.run("BEGIN; UPDATE home.t SET v = 'held' WHERE id = 1");
    sql(&pair.source(), "UPDATE home.t SET v = 'waits' WHERE id = 1");
    refused(service.runs(&["switchover", "home", "--within", "2s"]), "transactions are left");
    ask_until(&pair.source(), open, |now| now == "0");

    // Called off while it waits.
    let asked = service.runs(&["switchover", "home", "--timeout", "1s"]);
    assert_eq!(asked.code, Some(4), "{asked}");
    let step = service.gets(&["show", "home-reverse"])["takeover"]["step"].clone();
    assert_eq!(step, "bring");
    assert_eq!(sql(&pair.source(), open), "2");
    service.does(&["pause", "home-reverse"]);
    ask_until(&pair.source(), open, |now| now == "0");
    service.does(&["wait", "home-reverse", "--for", "Paused"]);
    service.does(&["resume", "home-reverse"]);
    service.does(&["wait", "home-reverse", "--for", "Collecting"]);

    // Killed when it is declined, before the fence is opened.
    service.child.kill().expect("a kill");
    service.start_again(Some("learned"));
    service.runs(&["switchover", "home", "--server", &service.address, "--within", "2s"]);
    assert_eq!(sql(&pair.source(), open), "2");
    service.start_again(None);
    ask_until(&pair.source(), open, |now| now == "0");

    // Killed with the fence closed, and called off before anybody goes on.
    service.child.kill().expect("a kill");
    service.start_again(Some("closed"));
    service.runs(&["switchover", "home", "--server", &service.address, "--timeout", "20s"]);
    assert_eq!(sql(&pair.source(), open), "2");
    service.start_again(None);
    service.ask(&["pause", "home-reverse"]);
    ask_until(&pair.source(), open, |now| now == "0");
    holds.run("ROLLBACK");
    service.does(&["wait", "home-reverse", "--for", "Paused"]);
    service.does(&["resume", "home-reverse"]);
    service.does(&["wait", "home", "--for", "caught-up"]);
    are_level(&pair, &pair.source());
}

/// A server that is restarted stays closed.
#[test]
fn a_restart_does_not_open_it() {
    for flavour in [Flavour::Mysql, Flavour::Mariadb] {
        let pair = Pair::start(flavour);
        let service = Service::start("fence-restart");
        a_pair(&pair, &service);
        make_account(&pair.source());
        runs(&service, &["switchover", "home"]);
        pair.crash_source();
        sql(&pair.target(), "INSERT INTO home.t (id, v) VALUES (2000, 'after the restart')");
        // The link writes again, and whoever it is that connects now is kept out.
        ask_until(&pair.source(), "SELECT COUNT(*) FROM home.t WHERE id = 2000", |count| count == "1");
        ask_until(&pair.source(), "SELECT @@GLOBAL.read_only", |now| now == "1");
        runs(&service, &["failback", "home"]);
        assert_eq!(sql(&pair.source(), "SELECT @@GLOBAL.read_only"), "0");
        pair.crash_source();
        assert_eq!(sql(&pair.source(), "SELECT @@GLOBAL.read_only"), "0");
    }
}
