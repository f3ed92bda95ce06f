//! Links between the servers, run in this process.

use crate::compare::assert_same;
use crate::servers::{Pair, sql};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tidegate_engine::link::{self, Options, Outcome, Task};
use tidegate_engine::progress::{Progress, Step};
use tidegate_model::{Error, InstanceName, Permits, Phase, Result, Selection, Source, Target};
use tidegate_mysql::{Endpoint, MysqlSource, MysqlTarget};
use tidegate_sandbox::Server;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A link that can be run several times.
pub(crate) struct Link {
    pair: Pair,
    name: InstanceName,
    selection: Selection,
    server_id: u32,
    folder: PathBuf,
    runtime: Runtime,
}

/// A link that is running.
pub(crate) struct Running<'a> {
    link: &'a Link,
    source: Arc<MysqlSource>,
    progress: Arc<Progress>,
    stop: CancellationToken,
    task: JoinHandle<Result<Outcome>>,
}

impl Link {
    /// `include` are patterns, as in `shop.*`.
    pub(crate) fn new(pair: &Pair, name: &str, include: &[&str]) -> Self {
        static NEXT_ID: AtomicU32 = AtomicU32::new(4_000);
        let include: Vec<String> = include.iter().map(|text| (*text).to_owned()).collect();
        Self {
            pair: pair.clone(),
            name: InstanceName::parse(name).expect("a name"),
            selection: Selection::new(&include, &[], &[]).expect("patterns"),
            server_id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            folder: tidegate_sandbox::scratch("link").expect("a scratch folder"),
            runtime: Runtime::new().expect("a runtime"),
        }
    }

    /// Notes where the log is read from, as a link does that is killed before it looks at what is to be copied.
    pub(crate) fn begin(&self) {
        let (source, target) = (self.source(), self.target());
        self.runtime.block_on(async {
            target.prepare().await.expect("a prepared target");
            let start = source.position().await.expect("a position");
            link::begin_at(&source, &target, &self.selection, start).await.expect("a state");
            target.enter(Phase::Copying).await.expect("a phase");
        });
    }

    /// Runs until everything is applied that the source had committed.
    #[track_caller]
    pub(crate) fn catch_up(&self) {
        let running = self.start(true);
        let ended = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, running.task).await });
        match ended.expect("it catches up in time").expect("no panic") {
            Ok(outcome) => assert_eq!(outcome, Outcome::CaughtUp),
            Err(error) => panic!("link {}: {error}\n  fix: {}", self.name, error.remedy()),
        }
    }

    /// Runs until it stops with an error.
    #[track_caller]
    pub(crate) fn fails(&self) -> Error {
        let running = self.start(true);
        let ended = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, running.task).await });
        match ended.expect("it ends in time").expect("no panic") {
            Ok(outcome) => panic!("link {} met nothing: {outcome:?}", self.name),
            Err(error) => error,
        }
    }

    /// Gives it a permit.
    #[track_caller]
    pub(crate) fn become_one_of_a_pair(&self) {
        let permit = self.runtime.block_on(async { self.target().change_permit(None, true).await });
        assert!(permit.expect("a permit").held);
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        endpoint(&self.pair.target)
    }

    pub(crate) fn name(&self) -> &InstanceName {
        &self.name
    }

    /// Runs what a test asks of the adapter itself.
    pub(crate) fn wait_for<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    pub(crate) fn target(&self) -> MysqlTarget {
        MysqlTarget::new(self.endpoint(), self.name.clone(), self.selection.clone())
    }

    fn source(&self) -> MysqlSource {
        MysqlSource::new(endpoint(&self.pair.source), self.server_id, self.selection.clone(), &[])
    }

    /// Runs until it is stopped.
    pub(crate) fn stream(&self) -> Running<'_> {
        self.start(false)
    }

    fn start(&self, until_caught_up: bool) -> Running<'_> {
        let source = Arc::new(self.source());
        let target = self.target();
        let options = Options {
            instance: self.name.clone(),
            selection: self.selection.clone(),
            folder: self.folder.clone(),
            lanes: 4,
            copy_workers: 2,
            log_bytes_max: 4 << 30,
            retry_window: Duration::from_secs(20),
            task: if until_caught_up { Task::CatchUp } else { Task::Follow },
        };
        let (progress, stop) = (Arc::new(Progress::new()), CancellationToken::new());
        let run = link::run(source.clone(), Arc::new(target), options, progress.clone(), stop.clone());
        Running { link: self, source, progress, stop, task: self.runtime.spawn(run) }
    }
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint::from_url(&server.url()).expect("an address")
}

/// Copies a database once more, as to a target that takes no LOAD DATA.
#[track_caller]
pub(crate) fn copy_with_insert(pair: &Pair, database: &str) {
    sql(&pair.target, &format!("DROP DATABASE {database}; SET GLOBAL local_infile = OFF"));
    let name = format!("{}-insert", database.replace('_', "-"));
    Link::new(pair, &name, &[&format!("{database}.*")]).catch_up();
    sql(&pair.target, "SET GLOBAL local_infile = ON");
    assert_same(pair, database, "copied with INSERT");
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Running<'_> {
    /// Waits until everything is applied that the source has committed by now.
    #[track_caller]
    pub(crate) fn wait(&mut self) {
        let (source, progress, task) = (&self.source, &self.progress, &mut self.task);
        let reached = async {
            let mut step = progress.step();
            step.wait_for(|step| *step == Step::Streaming).await.expect("the link holds its progress");
            let goal = source.position().await.expect("a position");
            let mut captured = progress.captured();
            let seq = loop {
                let end = captured.borrow_and_update().clone();
                if !end.position.as_str().is_empty() {
                    let cursor = source.cursor(&end.position).expect("a cursor");
                    if cursor.covers(&goal).expect("two positions of one source") {
                        break end.seq;
                    }
                }
                captured.changed().await.expect("the link holds its progress");
            };
            let mut applied = progress.applied_up_to();
            while applied.borrow_and_update().seq < seq {
                applied.changed().await.expect("the link holds its progress");
            }
        };
        let ended = self.link.runtime.block_on(async {
            tokio::select! {
                ended = task => Err(ended),
                reached = tokio::time::timeout(DEADLINE, reached) => Ok(reached),
            }
        });
        match ended {
            Ok(reached) => reached.expect("it catches up in time"),
            Err(ended) => match ended.expect("no panic") {
                Ok(outcome) => panic!("link {} ended: {outcome:?}", self.link.name),
                Err(error) => panic!("link {}: {error}\n  fix: {}", self.link.name, error.remedy()),
            },
        }
    }

    /// Waits, then stops at a commit.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.wait();
        self.stop.cancel();
        let ended = self.link.runtime.block_on(async { tokio::time::timeout(DEADLINE, self.task).await });
        let outcome = ended.expect("it stops in time").expect("no panic");
        assert_eq!(outcome.expect("no error"), Outcome::Stopped);
    }
}
