//! An application that writes small transactions at a steady rate, to one of two servers, and knows what it was told is
//! committed.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_sandbox::Server;

use crate::process::{Process, tied};
use crate::wait::Stop;

pub(super) const DATABASE: &str = "shop";
/// Transactions a second, all writers together.
const RATE: u32 = 1000;
const WRITERS: u64 = 4;
/// Behind the answer to a statement.
const DONE: &str = "carried out";

pub(super) fn schema() -> String {
    format!(
        "CREATE DATABASE {DATABASE}; CREATE TABLE {DATABASE}.entry \
         (id BIGINT PRIMARY KEY, changes INT NOT NULL, body CHAR(100) NOT NULL)"
    )
}

/// What [`Application::written`] tells, asked of a server.
pub(super) fn question() -> String {
    format!("SELECT COUNT(*), COALESCE(SUM(changes), 0) FROM {DATABASE}.entry")
}

pub(super) fn checksum() -> String {
    format!("CHECKSUM TABLE {DATABASE}.entry")
}

/// It is connected to both servers all the time, as one with a pool for each would be.
pub(super) struct Application {
    writers: Vec<Writer>,
}

/// One thread's part of it.
struct Writer {
    number: u64,
    /// So many transactions of its own are committed.
    committed: u64,
    sessions: [Session; 2],
}

/// A session of the `mysql` client that stays open, and says of each statement when it was carried out.
pub(super) struct Session {
    /// Ends with this value.
    _client: Process,
    statements: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Application {
    pub(super) fn open(servers: [&Server; 2]) -> Result<Application, String> {
        let writer = |number| {
            let [first, second] = servers.map(Session::open);
            Ok(Writer { number, committed: 0, sessions: [first?, second?] })
        };
        Ok(Application { writers: (0..WRITERS).map(writer).collect::<Result<_, String>>()? })
    }

    /// Writes to a side until it is told to stop, which is after so long; answers when the last commit was known.
    pub(super) fn write_for(&mut self, side: usize, time: Duration) -> Result<Instant, String> {
        let stop = Stop::default();
        thread::scope(|scope| {
            let stop = &stop;
            let writers: Vec<_> = self
                .writers
                .iter_mut()
                .map(|writer| scope.spawn(|| writer.write_until(stop, side)))
                .collect();
            // Nobody else asks, so this is the time.
            stop.within(time);
            stop.ask();
            let ends =
                writers.into_iter().map(|one| one.join().map_err(|_| "a writer panicked".to_owned())?);
            let ends: Vec<Instant> = ends.collect::<Result<_, String>>()?;
            ends.into_iter().max().ok_or_else(|| "nobody writes".to_owned())
        })
    }

    /// One transaction; answers when its commit was known.
    pub(super) fn commit(&mut self, side: usize) -> Result<Instant, String> {
        self.writers.first_mut().ok_or("nobody writes")?.commit(side)
    }

    /// Committed so far.
    pub(super) fn transactions(&self) -> u64 {
        self.writers.iter().map(|writer| writer.committed).sum()
    }

    /// Rows and changes that every server must have, as [`question`] answers them.
    pub(super) fn written(&self) -> String {
        let rows: u64 = self.writers.iter().map(|writer| writer.committed.div_ceil(2)).sum();
        format!("{rows}\t{}", self.transactions() - rows)
    }
}

impl Writer {
    /// Keeps its pace, and makes up for what a slow server has held up.
    fn write_until(&mut self, stop: &Stop, side: usize) -> Result<Instant, String> {
        let pause = Duration::from_secs(WRITERS) / RATE;
        let (mut due, mut last) = (Instant::now(), None);
        while last.is_none() || !stop.within(due.saturating_duration_since(Instant::now())) {
            last = Some(self.commit(side)?);
            due += pause;
        }
        last.ok_or_else(|| "nothing was written".to_owned())
    }

    /// A new row, or a change of one that it has written before, on whichever side that was.
    fn commit(&mut self, side: usize) -> Result<Instant, String> {
        let turn = self.committed / 2;
        let id = |turn: u64| turn * WRITERS + self.number;
        let sql = if self.committed.is_multiple_of(2) {
            format!("INSERT INTO {DATABASE}.entry VALUES ({}, 0, REPEAT('x', 100))", id(turn))
        } else {
            let earlier = id(turn * 7 % (turn + 1));
            format!("UPDATE {DATABASE}.entry SET changes = changes + 1 WHERE id = {earlier}")
        };
        let known = self.sessions[side].run(&sql)?;
        self.committed += 1;
        Ok(known)
    }
}

impl Session {
    pub(super) fn open(server: &Server) -> Result<Session, String> {
        let mut command = tied(&server.client("mysql")?);
        command.args(["-N", "-B", "--unbuffered"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut client = Process::start("the application's mysql client", command)?;
        let statements = client.child.stdin.take().ok_or("the mysql client has no standard input")?;
        let answers = client.child.stdout.take().ok_or("the mysql client has no output")?;
        let mut session = Session { _client: client, statements, answers: BufReader::new(answers) };
        session.run("DO 0")?;
        Ok(session)
    }

    /// Answers when it was known that a statement was carried out.
    pub(super) fn run(&mut self, sql: &str) -> Result<Instant, String> {
        self.ask(sql)?;
        Ok(Instant::now())
    }

    /// The lines that the statements answer. The client answers the question behind them only if they have succeeded; else
    /// it ends.
    pub(super) fn ask(&mut self, sql: &str) -> Result<Vec<String>, String> {
        let sent = self.statements.write_all(format!("{sql}; SELECT '{DONE}';\n").as_bytes());
        sent.map_err(|error| format!("the mysql client takes nothing more: {error}"))?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.answers.read_line(&mut line).map_err(|error| format!("the mysql client: {error}"))?;
            match line.trim_end_matches('\n') {
                DONE => return Ok(lines),
                "" if line.is_empty() => return Err(format!("the mysql client did not carry out \"{sql}\"")),
                text => lines.push(text.to_owned()),
            }
        }
    }
}
