//! Other objects for an instance that runs. What is added is copied and followed by a link of its own beside the
//! instance's; when both are level, both come to rest at one place of the source's log, and become one.

use super::owner::Owner;
use super::{Duty, SERVICE, problem};
use crate::crash;
use crate::store::Found;
use crate::sync::SyncPlan;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::WantedObjects;
use tidegate_engine::link::Outcome;
use tidegate_engine::progress::{Progress, Step};
use tidegate_model::{Checkpoint, Code, Error, Result, Retry, Stage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Before the adding link is started again after an error that may pass.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The link that adds, while it runs.
pub(super) struct Adding {
    plan: SyncPlan,
    progress: Arc<Progress>,
    running: Option<AbortOnDropHandle<Result<Outcome>>>,
    stop: CancellationToken,
}

/// What is to be done about wanted objects before the instance's link runs.
pub(super) enum Plan {
    /// None are wanted, or they cannot be had now.
    Nothing,
    /// They are to be copied beside it.
    Beside(Box<Adding>),
    /// There is nothing to copy.
    AtOnce,
    /// Something was settled: look again.
    Settled,
}

impl Adding {
    fn begin(plan: SyncPlan, parent: &CancellationToken) -> Self {
        let mut adding =
            Self { plan, progress: Arc::new(Progress::new()), running: None, stop: parent.child_token() };
        adding.start();
        adding
    }

    pub(super) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    fn start(&mut self) {
        let run = self.plan.clone().run(self.progress.clone(), self.stop.clone());
        self.running = Some(AbortOnDropHandle::new(tokio::spawn(run)));
    }

    /// Waits until both are level, and this one has stopped at a place that the other has passed. Safe to call again.
    pub(super) async fn ready(&mut self, main: &Progress, not_before: Option<Instant>) -> Result<()> {
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before).await;
        }
        self.until_both_stream(main).await?;
        self.stop.cancel();
        if let Some(running) = &mut self.running {
            let ended = running.await;
            self.running = None;
            ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the adding link's task panicked")))?;
        }
        let mut captured = main.captured();
        loop {
            let reached = captured.borrow_and_update().position.clone();
            let own = self.progress.captured().borrow().position.clone();
            if self.plan.covers(&reached, &own)? {
                return Ok(());
            }
            captured.changed().await.map_err(|_| Error::new(Code::Internal, "no progress"))?;
        }
    }

    /// Nothing of it runs after this.
    pub(super) async fn end(&mut self) {
        self.stop.cancel();
        if let Some(mut running) = self.running.take() {
            running.abort();
            let _ = (&mut running).await;
        }
    }

    async fn until_both_stream(&mut self, main: &Progress) -> Result<()> {
        if self.stop.is_cancelled() {
            return Ok(());
        }
        let (mut own, mut main) = (self.progress.step(), main.step());
        loop {
            if *own.borrow_and_update() == Step::Streaming && *main.borrow_and_update() == Step::Streaming {
                return Ok(());
            }
            let Some(running) = &mut self.running else {
                tokio::time::sleep(AGAIN_AFTER).await;
                self.start();
                continue;
            };
            tokio::select! {
                ended = running => {
                    self.running = None;
                    match ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the adding link's task panicked"))) {
                        Err(error) if error.retry() == Retry::Auto => {
                            tracing::info!(%error, "objects are added again in a moment");
                        }
                        Err(error) => return Err(error),
                        Ok(_) => return Ok(()),
                    }
                }
                Ok(()) = own.changed() => {}
                Ok(()) = main.changed() => {}
            }
        }
    }
}

impl Owner {
    /// What the wanted objects ask for before a run. An error is one of a server, which a run would have met as well.
    pub(super) async fn plan_objects(&self, found: &Found, duty: Duty) -> Result<Plan> {
        let Some(wanted) = &found.wanted else { return Ok(Plan::Nothing) };
        let main = self.supervisor.plan(found)?;
        let goal = self.supervisor.plan_with(found, &wanted.objects)?;
        if goal.is_selected().await? {
            // It was cut off before it was written down.
            self.settled(found, &main, &goal).await?;
            return Ok(Plan::Settled);
        }
        if wanted.why.is_some() || duty != Duty::Run || !found.state.initialized {
            return Ok(Plan::Nothing);
        }
        if wanted.cancelled {
            self.take_objects_back(found).await?;
            return Ok(Plan::Settled);
        }
        match main.change_to(&goal).await {
            Ok(change) if change.added.is_empty() => Ok(Plan::AtOnce),
            Ok(_) => {
                let adding = Adding::begin(main.adding(&goal)?, &self.supervisor.stop);
                Ok(Plan::Beside(Box::new(adding)))
            }
            Err(error) if error.retry() == Retry::Auto => Err(error),
            Err(error) => self.no_objects(found, error).await.map(|_| Plan::Nothing),
        }
    }

    /// Brings both links to rest at one place, and makes them one.
    pub(super) async fn join(&self, found: &Found, adding: Option<&Adding>) -> Result<()> {
        let Some(wanted) = &found.wanted else { return Ok(()) };
        let main = self.supervisor.plan(found)?;
        let goal = self.supervisor.plan_with(found, &wanted.objects)?;
        let stop = self.supervisor.stop.child_token();
        let progress = Arc::new(Progress::new());
        // Without a copy there are definitions only, as they are at one place.
        let defined = match adding {
            Some(_) => None,
            None => Some(main.adding(&goal)?.definitions_at().await?),
        };
        let upto = defined.as_ref().map(|(_, at)| at.clone());
        if main.clone().draining(upto).run(progress.clone(), stop.clone()).await? != Outcome::CaughtUp {
            return Ok(());
        }
        let end = progress.captured().borrow().clone();
        crash::point("main-rests");
        if let Some(adding) = adding {
            let upto = Some(end.position.clone());
            match adding.plan.clone().draining(upto).run(Arc::default(), stop).await {
                Ok(Outcome::CaughtUp) => {}
                Ok(Outcome::Stopped) => return Ok(()),
                Err(error) if error.retry() == Retry::Auto => return Err(error),
                Err(error) => return self.no_objects(found, error).await.map(|_| ()),
            }
        }
        if let Some((definitions, _)) = defined {
            if definitions.iter().any(|one| one.stage == Stage::Table) {
                // A table that came meanwhile has to be copied first.
                return Ok(());
            }
            match main.adding(&goal)?.define(&definitions).await {
                Ok(()) => {}
                Err(error) if error.retry() == Retry::Auto => return Err(error),
                Err(error) => return self.no_objects(found, error).await.map(|_| ()),
            }
        }
        crash::point("both-rest");
        let at = Checkpoint { seq: end.seq, position: end.position };
        main.reselect(&goal, &at, adding.map(|adding| &adding.plan)).await?;
        crash::point("reselected");
        self.settled(found, &main, &goal).await
    }

    /// Drops what was copied of wanted objects.
    pub(super) async fn take_objects_back(&self, found: &Found) -> Result<()> {
        let Some(wanted) = &found.wanted else { return Ok(()) };
        let goal = self.supervisor.plan_with(found, &wanted.objects)?;
        let adding = self.supervisor.plan(found)?.adding(&goal)?;
        adding.reset().await?;
        remove(adding.folder())?;
        self.want(found, None).await.map(|_| ())
    }

    /// Whether the objects that are wanted are the link's own already; then that is written down.
    pub(super) async fn settles(&self, found: &Found) -> Result<bool> {
        let Some(wanted) = &found.wanted else { return Ok(false) };
        let goal = self.supervisor.plan_with(found, &wanted.objects)?;
        if !goal.is_selected().await? {
            return Ok(false);
        }
        self.settled(found, &self.supervisor.plan(found)?, &goal).await.map(|()| true)
    }

    /// The link's change log goes: somebody may have read into it with the old selection since. It is read again from where
    /// the link rests.
    async fn settled(&self, found: &Found, main: &SyncPlan, goal: &SyncPlan) -> Result<()> {
        remove(&main.folder().join("log"))?;
        let before = found.clone();
        self.supervisor.store.ask(move |store| store.has_objects(&before, SERVICE)).await?;
        tracing::info!(instance = self.id, "it has other objects");
        remove(main.adding(goal)?.folder())
    }

    /// What may pass is tried again with the next run; anything else is said, and the rest goes on without.
    /// Answers what was written down.
    pub(super) async fn no_objects(&self, found: &Found, error: Error) -> Result<Option<WantedObjects>> {
        tracing::info!(instance = self.id, %error, "its objects do not change");
        if error.retry() == Retry::Auto {
            return Ok(None);
        }
        let Some(wanted) = &found.wanted else { return Ok(None) };
        let wanted = WantedObjects { why: Some(problem(&error)), ..wanted.clone() };
        let written = self.want(found, Some(wanted.clone())).await?;
        Ok(written.then_some(wanted))
    }

    /// Answers `false` if somebody has decided otherwise meanwhile.
    async fn want(&self, found: &Found, wanted: Option<WantedObjects>) -> Result<bool> {
        let before = found.clone();
        let done =
            self.supervisor.store.ask(move |store| store.want(&before, wanted.as_ref(), SERVICE)).await;
        match done {
            Err(error) if error.code() == Code::GenerationChanged => Ok(false),
            done => done.map(|_| true),
        }
    }
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new(Code::ChangeLogIo, format!("{}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}
