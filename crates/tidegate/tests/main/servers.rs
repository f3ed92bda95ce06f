//! A pair of servers with an account for the program on each.

use crate::link::DEADLINE;
use crate::program::CANARY;
use std::cell::{Ref, RefCell, RefMut};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;
use tidegate_sandbox::{Flavour, Options, Server, scratch};

/// The account's password.
pub(crate) const PASSWORD: &str = CANARY;

/// Links hold on to the pair, also while one of its servers is started again.
pub(crate) struct Pair {
    source: RefCell<Server>,
    target: RefCell<Server>,
}

impl Pair {
    pub(crate) fn start(flavour: Flavour) -> Self {
        std::thread::scope(|scope| {
            let source = scope.spawn(move || start(flavour, 1));
            let target = start(flavour, 2);
            let source = source.join().expect("a source");
            Self { source: RefCell::new(source), target: RefCell::new(target) }
        })
    }

    pub(crate) fn source(&self) -> Ref<'_, Server> {
        self.source.borrow()
    }

    pub(crate) fn target(&self) -> Ref<'_, Server> {
        self.target.borrow()
    }

    pub(crate) fn source_mut(&self) -> RefMut<'_, Server> {
        self.source.borrow_mut()
    }

    /// The arguments hold for this run of the server only.
    pub(crate) fn restart_source(&self, arguments: &[&str]) {
        self.source.borrow_mut().restart(arguments).expect("a running server");
    }

    /// Ends the source as a crash would, and starts it again.
    pub(crate) fn crash_source(&self) {
        self.source.borrow_mut().kill();
        self.restart_source(&[]);
    }

    pub(crate) fn restart_target(&self) {
        self.target.borrow_mut().restart(&[]).expect("a running server");
    }
}

fn start(flavour: Flavour, number: u32) -> Server {
    let size = match flavour {
        Flavour::Mysql => "--innodb-redo-log-capacity=64M",
        Flavour::Mariadb => "--innodb-log-file-size=64M",
    };
    // Nobody cuts the power in these tests, so nothing need reach the disk.
    let options = Options::new(flavour, number).arg(size).arg("--innodb-flush-method=nosync");
    let server = Server::start(options, &scratch("bad").expect("a folder")).expect("a running server");
    sql(
        &server,
        &format!("CREATE USER repl@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL PRIVILEGES ON *.* TO repl@'%'"),
    );
    server
}

/// Runs statements as root that must succeed.
#[track_caller]
pub(crate) fn sql(server: &Server, statements: &str) -> String {
    server.sql(statements).unwrap_or_else(|why| panic!("{why}"))
}

/// Asks until the answer is as it should be.
#[track_caller]
pub(crate) fn ask_until(server: &Server, question: &str, fits: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let answer = sql(server, question);
        if fits(&answer) {
            return answer;
        }
        assert!(began.elapsed() < DEADLINE, "{question}: {answer}");
    }
}

/// Waits until the copy stands before a locked table whose LOAD DATA statement has this in it.
#[track_caller]
pub(crate) fn until_loading_waits(target: &Server, part: &str) {
    let waiting = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'repl' \
         AND INFO LIKE 'LOAD DATA%{part}%' AND STATE LIKE '%metadata lock%'"
    );
    ask_until(target, &waiting, |count| count == "1");
}

/// Makes a database with a table of three rows.
#[track_caller]
pub(crate) fn make(server: &Server, database: &str) {
    let rows = "(1, 'one'), (2, 'two'), (3, 'three')";
    sql(
        server,
        &format!(
            "CREATE DATABASE {database}; CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(20)); \
             INSERT INTO {database}.t VALUES {rows}"
        ),
    );
}

/// A session of root that stays open.
pub(crate) struct Session {
    client: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn open(server: &Server) -> Self {
        let mut command = server.client("mysql").expect("a client");
        command.args(["-N", "-B", "--unbuffered"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = command.spawn().expect("a running client");
        let input = client.stdin.take().expect("a pipe");
        let output = BufReader::new(client.stdout.take().expect("a pipe"));
        Self { client, input, output }
    }

    /// Runs statements and waits until the last is done.
    pub(crate) fn run(&mut self, statements: &str) {
        writeln!(self.input, "{statements};\nSELECT 'done';").expect("a client that reads");
        let mut line = String::new();
        while line.trim_end() != "done" {
            line.clear();
            assert!(self.output.read_line(&mut line).expect("an answer") > 0, "the client has ended");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
