//! Links between the sets, run in this process.

use crate::servers::{Pair, Site};
use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_engine::link::{self, Options, Outcome, Task};
use tidegate_engine::progress::{Progress, Step};
use tidegate_model::{Error, InstanceName, Phase, Result, Selection, Source, Target};
use tidegate_mongodb::{Endpoint, MongoSource, MongoTarget};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

thread_local! {
    /// Where a link's threads log to.
    static LOGS: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// What a link has logged as a warning or an error.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<u8>>>);

impl Write for Warnings {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no holder panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Warnings {
    fn dispatch(&self) -> Dispatch {
        let own = self.clone();
        let logs = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::WARN)
            .with_ansi(false)
            .with_writer(move || own.clone());
        Dispatch::new(logs.finish())
    }

    #[track_caller]
    fn assert_none(&self) {
        let found = std::mem::take(&mut *self.0.lock().expect("no holder panics"));
        assert!(found.is_empty(), "the link logged\n{}", String::from_utf8_lossy(&found));
    }
}

/// A link that can be run several times.
pub(crate) struct Link {
    pair: Pair,
    name: InstanceName,
    selection: Selection,
    folder: PathBuf,
    runtime: Runtime,
    warnings: Warnings,
}

/// A link that is running.
pub(crate) struct Running<'a> {
    link: &'a Link,
    source: Arc<MongoSource>,
    progress: Arc<Progress>,
    stop: CancellationToken,
    task: JoinHandle<Result<Outcome>>,
}

impl Link {
    /// `database` goes as a whole, and names the link.
    pub(crate) fn of(pair: &Pair, database: &str) -> Self {
        let warnings = Warnings::default();
        let dispatch = warnings.dispatch();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || {
                LOGS.set(Some(tracing::dispatcher::set_default(&dispatch)));
            })
            .build();
        Self {
            pair: pair.clone(),
            name: InstanceName::parse(&database.replace('_', "-")).expect("a name"),
            selection: Selection::new(&[format!("{database}.*")], &[], &[]).expect("patterns"),
            folder: tidegate_sandbox::scratch("link").expect("a scratch folder"),
            runtime: runtime.expect("a runtime"),
            warnings,
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
        match self.end() {
            Ok(outcome) => assert_eq!(outcome, Outcome::CaughtUp),
            Err(error) => panic!("link {}: {error}\n  fix: {}", self.name, error.remedy()),
        }
        self.warnings.assert_none();
    }

    /// Runs until it stops with an error.
    #[track_caller]
    pub(crate) fn fails(&self) -> Error {
        match self.end() {
            Ok(outcome) => panic!("link {} met nothing: {outcome:?}", self.name),
            Err(error) => error,
        }
    }

    #[track_caller]
    fn end(&self) -> Result<Outcome> {
        let running = self.start(true);
        let ended = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, running.task).await });
        ended.expect("it ends in time").expect("no panic")
    }

    /// Runs what a test asks of the adapter itself.
    pub(crate) fn wait_for<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    pub(crate) fn name(&self) -> &InstanceName {
        &self.name
    }

    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    pub(crate) fn source(&self) -> MongoSource {
        MongoSource::new(endpoint(&self.pair.source), self.selection.clone(), &[])
    }

    pub(crate) fn target(&self) -> MongoTarget {
        MongoTarget::new(endpoint(&self.pair.target), self.name.clone(), self.selection.clone())
    }

    /// Runs until it is stopped.
    pub(crate) fn stream(&self) -> Running<'_> {
        self.start(false)
    }

    fn start(&self, until_caught_up: bool) -> Running<'_> {
        let source = Arc::new(self.source());
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
        let run = link::run(source.clone(), Arc::new(self.target()), options, progress.clone(), stop.clone());
        Running { link: self, source, progress, stop, task: self.runtime.spawn(run) }
    }
}

pub(crate) fn endpoint(site: &Site) -> Endpoint {
    Endpoint::from_url(&site.set.url()).expect("an address")
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
        self.link.warnings.assert_none();
    }
}
