//! The owner of one instance: looks what its status asks for, and does it, until it asks for nothing.

use super::adding::{Adding, Plan};
use super::watch::kept_until;
use super::{Duty, Supervisor};
use crate::crash;
use crate::lifecycle::Fact;
use crate::precheck;
use crate::store::Found;
use crate::sync::SyncPlan;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_api::PrecheckResult;
use tidegate_engine::link::Outcome;
use tidegate_engine::progress::{Progress, Step};
use tidegate_model::{Code, Error, Result, Retry};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// A link that is to stop ends at its next commit. If that takes longer than this, its connections are cut: what was not
/// committed is not there.
const STOP_WITHIN: Duration = Duration::from_secs(6);
/// A start that takes longer than this does not keep others from starting.
const STARTING_HELD: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The store may be locked by a backup for a moment.
const STORE_AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn own(supervisor: Arc<Supervisor>, id: String, woken: Arc<Notify>) {
    let _entry = Entry { supervisor: supervisor.clone(), id: id.clone(), woken: woken.clone() };
    let mut owner = Owner { supervisor, id, woken, trouble: None, join_not_before: None };
    while !owner.supervisor.stop.is_cancelled() {
        match Box::pin(owner.turn()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(instance = owner.id, %error, "an instance cannot be looked after");
                tokio::time::sleep(STORE_AGAIN).await;
            }
        }
    }
}

/// Whatever ends the owner, a panic too: the next wake finds nobody, and makes another.
struct Entry {
    supervisor: Arc<Supervisor>,
    id: String,
    woken: Arc<Notify>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.supervisor.forget(&self.id, &self.woken);
    }
}

pub(super) struct Owner {
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) id: String,
    pub(super) woken: Arc<Notify>,
    trouble: Option<Trouble>,
    /// Added objects did not join a moment ago.
    join_not_before: Option<Instant>,
}

/// A link that runs.
struct Run {
    running: AbortOnDropHandle<Result<Outcome>>,
    progress: Arc<Progress>,
    stop: tokio_util::sync::CancellationToken,
    starting: Option<tokio::sync::OwnedSemaphorePermit>,
    /// When other objects are to be tried again that need no copy.
    replan_at: Option<Instant>,
}

/// Never, if there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Never, if nothing is being added.
async fn ready(adding: &mut Option<Adding>, main: &Progress, not_before: Option<Instant>) -> Result<()> {
    match adding {
        Some(adding) => adding.ready(main, not_before).await,
        None => std::future::pending().await,
    }
}

/// It has been retrying, and no run since has come far.
struct Trouble {
    since: Instant,
    /// Before the next run.
    wait: Duration,
}

impl Owner {
    /// One look and what follows from it; `false` when there is nothing more to do.
    async fn turn(&mut self) -> Result<bool> {
        self.supervisor.look(&self.id);
        let found = self.find().await?;
        match Duty::of(found.state.status) {
            Duty::Nothing => return Ok(!self.supervisor.leave(&self.id)),
            Duty::Precheck => self.precheck(&found).await?,
            duty @ (Duty::Run | Duty::Collect) => self.run(&found, duty).await?,
            Duty::Switch => self.switch(&found).await?,
            Duty::Reset => self.reset(&found).await?,
            Duty::End => self.end(&found).await?,
        }
        Ok(true)
    }

    pub(super) async fn find(&self) -> Result<Found> {
        let id = self.id.clone();
        self.supervisor.store.ask(move |store| store.find(&id)).await
    }

    async fn precheck(&self, found: &Found) -> Result<()> {
        let stop = &self.supervisor.stop;
        let items = tokio::select! {
            items = precheck::run(found.spec.kind, self.supervisor.plan(found), &found.skips) => items,
            () = stop.cancelled() => return Ok(()),
        };
        let (id, stored) = (self.id.clone(), items.clone());
        self.supervisor.store.ask(move |store| store.store_precheck(&id, &stored)).await?;
        crash::point("prechecked");
        let blocks = |result| matches!(result, PrecheckResult::Failed | PrecheckResult::Unknown);
        let failed: Vec<_> = items.iter().filter(|item| blocks(item.result)).collect();
        let Some(first) = failed.first() else {
            return self.supervisor.learn(&self.id, Fact::PrecheckPassed, None).await.map(|_| ());
        };
        let detail = first.detail.clone().unwrap_or_default();
        let what =
            format!("{} of {} items failed, first {}: {detail}", failed.len(), items.len(), first.title);
        let mut error = Error::new(Code::PrecheckFailed, what);
        if let Some(remedy) = &first.remedy {
            error = error.with_remedy(remedy);
        }
        self.supervisor.learn(&self.id, Fact::PrecheckFailed, Some(&error)).await.map(|_| ())
    }

    /// Runs the link until it ends or its status asks for something else.
    async fn run(&mut self, found: &Found, duty: Duty) -> Result<()> {
        let plan = match self.supervisor.plan(found) {
            Ok(plan) if duty == Duty::Collect => plan.collecting(),
            Ok(plan) => plan,
            Err(error) => {
                return self.supervisor.learn(&self.id, Fact::Broke, Some(&error)).await.map(|_| ());
            }
        };
        if let Err(error) = self.get_ready(found, &plan, duty).await {
            return self.cannot_begin(found, duty, error).await;
        }
        let Some((starting, planned)) = self.begin(found, duty).await else { return Ok(()) };
        let mut replan_at = None;
        let mut adding = match planned {
            Ok(Plan::Settled) => return Ok(()),
            Ok(Plan::AtOnce) if self.may_join() => return self.join_up(found, None).await,
            Ok(Plan::Beside(adding)) => Some(*adding),
            Ok(Plan::AtOnce) => {
                replan_at = self.join_not_before;
                None
            }
            Ok(Plan::Nothing) => None,
            Err(error) => return self.cannot_begin(found, duty, error).await,
        };
        let progress = Arc::new(Progress::new());
        let stop = self.supervisor.stop.child_token();
        self.supervisor.show_progress(&self.id, Some(progress.clone()));
        self.supervisor.show_adding(&self.id, adding.as_ref().map(Adding::progress));
        crash::point("link-begins");
        let _kept = (duty == Duty::Run).then(|| self.go_on_keeping_fence(found, &plan)).flatten();
        let running = AbortOnDropHandle::new(tokio::spawn(plan.run(progress.clone(), stop.clone())));
        let begun = Instant::now();
        let run = Run { running, progress: progress.clone(), stop, starting, replan_at };
        let (ended, joins) = self.follow(run, found, &mut adding).await;
        self.supervisor.show_progress(&self.id, None);
        self.supervisor.show_adding(&self.id, None);
        self.keep_in_mind(&progress, begun).await?;
        if let Some(adding) = &mut adding {
            adding.end().await;
        }
        crash::point("link-ended");
        let now = self.find().await?;
        if self.supervisor.stop.is_cancelled() || Duty::of(now.state.status) != duty {
            self.trouble = None;
            return Ok(());
        }
        match ended {
            Ok(Outcome::Stopped) if joins && now.runs_alike(found) => {
                self.join_up(found, adding.as_ref()).await
            }
            Ok(Outcome::CaughtUp) => self.supervisor.learn(&self.id, Fact::Finished, None).await.map(|_| ()),
            Ok(Outcome::Stopped) => Ok(()),
            Err(error) if duty == Duty::Collect && error.retry() != Retry::Never => {
                self.wait_to_collect(&error).await;
                Ok(())
            }
            Err(error) => self.failed(found, error).await,
        }
    }

    /// What one of a pair needs before it runs.
    async fn get_ready(&self, found: &Found, plan: &SyncPlan, duty: Duty) -> Result<()> {
        // First: a server that is closed still takes nothing else.
        self.keep_fence(found, plan).await?;
        if duty == Duty::Collect {
            self.begin_reverse(found, plan).await?;
        }
        Ok(())
    }

    async fn cannot_begin(&mut self, found: &Found, duty: Duty, error: Error) -> Result<()> {
        if duty == Duty::Collect {
            self.wait_to_collect(&error).await;
            return Ok(());
        }
        self.failed(found, error).await
    }

    /// A place among those that start, and what is to be done about wanted objects. `None` if it is to be looked at again: it
    /// may not be to run any more, and nobody waits for a server then.
    async fn begin(
        &self,
        found: &Found,
        duty: Duty,
    ) -> Option<(Option<tokio::sync::OwnedSemaphorePermit>, Result<Plan>)> {
        if duty == Duty::Run {
            self.supervisor.show_trouble(&self.id, None);
        }
        let beginning = async {
            let starting = self.supervisor.starting.clone().acquire_owned().await.ok();
            (starting, self.plan_objects(found, duty).await)
        };
        tokio::select! {
            begun = beginning => Some(begun),
            () = self.woken.notified() => None,
            () = self.supervisor.stop.cancelled() => None,
        }
    }

    /// What a run leaves for later: how long the source keeps what was not read, and whether it came anywhere.
    async fn keep_in_mind(&mut self, progress: &Progress, begun: Instant) -> Result<()> {
        if begun.elapsed() > LONGEST_WAIT || has_moved(progress) {
            self.trouble = None;
        }
        let Some(until) = kept_until(progress) else { return Ok(()) };
        let id = self.id.clone();
        self.supervisor.store.ask(move |store| store.put_kept_until(&id, Some(until))).await
    }

    pub(super) async fn failed(&mut self, found: &Found, error: Error) -> Result<()> {
        if error.retry() == Retry::Auto {
            return self.wait(found, error).await;
        }
        tracing::info!(instance = self.id, %error, "it has failed");
        self.supervisor.learn(&self.id, Fact::Broke, Some(&error)).await.map(|_| ())
    }

    /// Lets both links come to rest and be one, unless something else is asked for meanwhile.
    async fn join_up(&mut self, found: &Found, adding: Option<&Adding>) -> Result<()> {
        let joined = {
            let joining = self.join(found, adding);
            tokio::pin!(joining);
            loop {
                tokio::select! {
                    joined = &mut joining => break joined,
                    () = self.woken.notified() => {
                        if !self.goes_on(found).await {
                            return Ok(());
                        }
                    }
                    () = self.supervisor.stop.cancelled() => return Ok(()),
                }
            }
        };
        match joined {
            Ok(()) => Ok(()),
            Err(error) if error.retry() == Retry::Auto => {
                // The rest goes on without; a server that is away is met there.
                tracing::info!(instance = self.id, %error, "added objects join later");
                self.join_not_before = Some(Instant::now() + LONGEST_WAIT);
                Ok(())
            }
            Err(error) => self.failed(found, error).await,
        }
    }

    fn may_join(&self) -> bool {
        self.join_not_before.is_none_or(|not_before| Instant::now() >= not_before)
    }

    /// Whatever keeps a paused instance from reading the log may be the reason why it is paused: it is tried for as long
    /// as that takes, and shown.
    pub(super) async fn wait_to_collect(&mut self, error: &Error) {
        tracing::info!(instance = self.id, %error, "the source's log is not read");
        self.supervisor.count_fault(error);
        self.supervisor.show_trouble(&self.id, Some(super::problem(error)));
        let (_, wait) = self.next_wait();
        self.rest(wait).await;
    }

    /// Tells what the link reaches, and stops it when its status says so. Answers how it ended, and whether it was stopped
    /// so that added objects can join it.
    async fn follow(
        &mut self,
        mut run: Run,
        found: &Found,
        adding: &mut Option<Adding>,
    ) -> (Result<Outcome>, bool) {
        let panicked = || Error::new(Code::Internal, "the link's task panicked");
        let mut steps = run.progress.step();
        let (mut deadline, mut joins) = (None, false);
        let (begun, mut begun_with) = (Instant::now(), found.clone());
        loop {
            tokio::select! {
                ended = &mut run.running => return (ended.unwrap_or_else(|_| Err(panicked())), joins),
                () = self.woken.notified() => {
                    if deadline.is_none() && !self.goes_on(&begun_with).await {
                        run.stop.cancel();
                        crash::point("stop-asked");
                        deadline = Some(Instant::now() + STOP_WITHIN);
                    }
                }
                () = self.supervisor.stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + STOP_WITHIN);
                }
                () = tokio::time::sleep_until(begun + STARTING_HELD), if run.starting.is_some() => {
                    drop(run.starting.take());
                }
                Ok(()) = steps.changed() => {
                    let step = *steps.borrow_and_update();
                    if step > Step::Preparing {
                        drop(run.starting.take());
                    }
                    while let Err(error) = self.reached(step).await {
                        tracing::error!(instance = self.id, %error, "what it reached is not written down");
                        tokio::time::sleep(STORE_AGAIN).await;
                    }
                }
                () = until(run.replan_at), if deadline.is_none() => {
                    run.stop.cancel();
                    deadline = Some(Instant::now() + STOP_WITHIN);
                }
                ready = ready(adding, &run.progress, self.join_not_before), if deadline.is_none() => match ready {
                    Ok(()) => {
                        run.stop.cancel();
                        joins = true;
                        deadline = Some(Instant::now() + STOP_WITHIN);
                    }
                    Err(error) => {
                        *adding = None;
                        match self.no_objects(&begun_with, error).await {
                            // What is wanted from now on is another wish, even if it is the same.
                            Ok(Some(given_up)) => begun_with.wanted = Some(given_up),
                            Ok(None) => run.stop.cancel(),
                            Err(error) => tracing::error!(instance = self.id, %error, "it is not written down"),
                        }
                    }
                },
                () = until(deadline) => {
                    run.running.abort();
                    let _ = (&mut run.running).await;
                    tracing::info!(instance = self.id, "its connections were cut: it did not stop in time");
                    return (Ok(Outcome::Stopped), joins);
                }
            }
        }
    }

    /// Whether what runs is still what is asked for. Asks until the store answers: a link that runs is not let go.
    pub(super) async fn goes_on(&self, begun: &Found) -> bool {
        loop {
            match self.find().await {
                Ok(now) => {
                    return Duty::of(now.state.status) == Duty::of(begun.state.status)
                        && now.runs_alike(begun);
                }
                Err(error) => tracing::error!(instance = self.id, %error, "its status cannot be read"),
            }
            tokio::time::sleep(STORE_AGAIN).await;
        }
    }

    async fn reached(&self, step: Step) -> Result<()> {
        match step {
            Step::Preparing => {}
            Step::Collecting => self.supervisor.show_trouble(&self.id, None),
            Step::Copying => {
                self.supervisor.learn(&self.id, Fact::Recovered, None).await?;
            }
            Step::CatchingUp | Step::Streaming => {
                self.supervisor.learn(&self.id, Fact::Recovered, None).await?;
                self.supervisor.learn(&self.id, Fact::Initialized, None).await?;
            }
        }
        Ok(())
    }

    /// Waits before the next try, or gives up when the window is over.
    async fn wait(&mut self, found: &Found, error: Error) -> Result<()> {
        let window =
            found.spec.tuning.retry_seconds.map_or(crate::sync::RETRY_WINDOW_DEFAULT, Duration::from_secs);
        let (since, wait) = self.next_wait();
        if since.elapsed() + wait > window {
            let what = format!("{}; gave up after {} s of trying", error.message(), window.as_secs());
            let given_up = Error::new(error.code(), what).with_remedy(error.remedy().to_owned());
            return self.supervisor.learn(&self.id, Fact::Broke, Some(&given_up)).await.map(|_| ());
        }
        self.supervisor.learn(&self.id, Fact::Trouble, Some(&error)).await?;
        self.rest(wait).await;
        Ok(())
    }

    /// Since when it has been retrying, and how long the next wait is.
    pub(super) fn next_wait(&mut self) -> (Instant, Duration) {
        let trouble = self.trouble.get_or_insert_with(|| Trouble { since: Instant::now(), wait: FIRST_WAIT });
        let wait = trouble.wait;
        trouble.wait = (wait * 2).min(LONGEST_WAIT);
        (trouble.since, wait)
    }

    pub(super) async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.woken.notified() => {}
            () = self.supervisor.stop.cancelled() => {}
        }
    }
}

/// Whether a run has brought anything to the target.
fn has_moved(progress: &Progress) -> bool {
    [&progress.rows_copied, &progress.transactions_applied]
        .iter()
        .any(|count| count.load(Ordering::Relaxed) > 0)
}
