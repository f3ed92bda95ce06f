//! Taking over: of a pair, one direction gets the right to write and the other loses it.
//!
//! Before [`Store::hand_over`](crate::store::Store::hand_over) everything can be taken back, and the other still may
//! write. After it there is only one way: the other's permit is taken away in its target, then this one's is given in
//! its own. Whatever happens between, and whoever else tries at the same time: never have both.

use super::owner::Owner;
use super::{SERVICE, problem};
use crate::crash;
use crate::lifecycle::{Event, Fact};
use crate::store::Found;
use crate::sync::{self, SyncPlan};
use std::time::Duration;
use tidegate_api::{Command, Kind, Status};
use tidegate_engine::progress::Step;
use tidegate_model::{Code, Error, Position, Result};
use tokio::time::Instant;

/// So long the other direction may take to bring what is not there yet.
const BRING_WITHIN: Duration = Duration::from_secs(120);
/// So long it may take to read its source's log up to now.
const READ_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Owner {
    /// The first state of a reverse, before it collects for the first time.
    pub(super) async fn begin_reverse(&self, found: &Found, plan: &SyncPlan) -> Result<()> {
        match &found.start_at {
            Some(start) if found.spec.kind == Kind::Reverse => plan.begin_reverse(start).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn switch(&mut self, found: &Found) -> Result<()> {
        let switched = {
            let switching = Box::pin(self.take_over(found));
            tokio::pin!(switching);
            loop {
                tokio::select! {
                    switched = &mut switching => break switched,
                    () = self.woken.notified() => {
                        if self.find().await?.state.status != Status::Switching {
                            break Err(Error::new(Code::NotAllowed, "it was called off"));
                        }
                    }
                    () = self.supervisor.stop.cancelled() => return Ok(()),
                }
            }
        };
        match switched {
            Ok(()) => {
                crash::point("permits-moved");
                self.supervisor.learn(&self.id, Fact::TookOver, None).await.map(|_| ())
            }
            Err(error) => {
                let now = self.find().await?;
                if !now.state.may_write {
                    return self.decline(&now, &error).await;
                }
                // Past the point of no return it is tried until it is done.
                tracing::info!(instance = self.id, %error, "it has not taken over yet");
                self.supervisor.show_trouble(&self.id, Some(problem(&error)));
                let (_, wait) = self.next_wait();
                self.rest(wait).await;
                Ok(())
            }
        }
    }

    async fn take_over(&self, found: &Found) -> Result<()> {
        let alone = || Error::new(Code::NotAllowed, "it is not one of a pair");
        let peer = found.peer.clone().ok_or_else(alone)?;
        let other = self.look_at(&peer).await?;
        let (own_plan, other_plan) = (self.supervisor.plan(found)?, self.supervisor.plan(&other)?);
        if !found.state.may_write {
            if found.state.start_after && other.state.status == Status::Synchronizing {
                self.bring_to_rest(&peer, &other_plan).await?;
            }
            self.hand_over(&peer, &other_plan).await?;
            crash::point("handed-over");
        }
        sync::move_permit(&other_plan, &own_plan).await
    }

    async fn hand_over(&self, peer: &str, other_plan: &SyncPlan) -> Result<()> {
        let other = self.look_at(peer).await?;
        match other.state.status {
            Status::Paused => self.has_brought_everything(&other, other_plan).await?,
            Status::Completed => has_left_nothing(&other, other_plan).await?,
            // Whoever runs again is met at the point of no return.
            _ => {}
        }
        crash::point("drained");
        let id = self.id.clone();
        if self.supervisor.store.ask(move |store| store.hand_over(&id, SERVICE)).await? {
            return Ok(());
        }
        Err(Error::new(Code::GenerationChanged, "the other direction runs again"))
    }

    /// Takes back, as one, that this takes over and that the other rests for it.
    async fn decline(&self, found: &Found, error: &Error) -> Result<()> {
        let Some(peer) = found.peer.clone() else {
            return self.supervisor.learn(&self.id, Fact::Declined, Some(error)).await.map(|_| ());
        };
        // Who is on the way to its rest cannot turn back before it is there.
        while self.look_at(&peer).await?.state.status == Status::Pausing {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.supervisor.stop.cancelled() => return Ok(()),
            }
        }
        self.supervisor.count_fault(error);
        let (id, why) = (self.id.clone(), problem(error));
        self.supervisor.store.ask(move |store| store.decline(&id, why, SERVICE)).await?;
        crash::point("learned");
        self.supervisor.wake(&peer);
        Ok(())
    }

    async fn ask_other(&self, peer: &str, command: Command) -> Result<()> {
        let (id, event) = (peer.to_owned(), Event::Command(command));
        let moved =
            self.supervisor.store.ask(move |store| store.decide(&id, event, SERVICE, None, None)).await?;
        self.supervisor.wake(&moved.instance.id);
        Ok(())
    }

    async fn look_at(&self, id: &str) -> Result<Found> {
        let id = id.to_owned();
        self.supervisor.store.ask(move |store| store.find(&id)).await
    }

    /// Waits until the other direction has applied everything that its source has now, and pauses it. If it comes to rest
    /// before that, there is nothing to wait for.
    async fn bring_to_rest(&self, peer: &str, plan: &SyncPlan) -> Result<()> {
        let goal = plan.source_position().await?;
        let deadline = Instant::now() + BRING_WITHIN;
        while self.look_at(peer).await?.state.is_running() {
            let left = self.left_to_bring(peer, plan, &goal)?;
            if left == Some(0) {
                break;
            }
            if Instant::now() > deadline {
                let left = left
                    .map_or("it does not stream".to_owned(), |left| format!("{left} transactions are left"));
                let seconds = BRING_WITHIN.as_secs();
                let what =
                    format!("the other direction has not brought everything within {seconds} s: {left}");
                return Err(Error::new(Code::NotAllowed, what).with_remedy(
                    "stop the applications that write there, wait until it has caught up, then ask again",
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.ask_other(peer, Command::Pause).await?;
        crash::point("other-pausing");
        while self.look_at(peer).await?.state.status == Status::Pausing {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// How many transactions a running link has read and not applied; at least one if it has not read up to the goal.
    /// `None` while it does not stream.
    fn left_to_bring(&self, peer: &str, plan: &SyncPlan, goal: &Position) -> Result<Option<u64>> {
        let Some((progress, _)) = self.supervisor.progress(peer) else { return Ok(None) };
        if *progress.step().borrow() != Step::Streaming {
            return Ok(None);
        }
        let captured = progress.captured().borrow().clone();
        let applied = progress.applied_up_to().borrow().seq;
        let left = captured.seq.0.saturating_sub(applied.0);
        Ok(Some(if plan.covers(&captured.position, goal)? { left } else { left.max(1) }))
    }

    /// Refuses if the other direction, which rests, has not applied everything that its source has now.
    async fn has_brought_everything(&self, other: &Found, plan: &SyncPlan) -> Result<()> {
        let goal = plan.source_position().await?;
        let deadline = Instant::now() + READ_WITHIN;
        let captured = loop {
            let captured = self.supervisor.progress(&other.id).map(|(progress, _)| {
                let end = progress.captured().borrow().clone();
                (*progress.step().borrow(), end)
            });
            if let Some((Step::Collecting, captured)) = captured
                && plan.covers(&captured.position, &goal)?
            {
                break captured;
            }
            if Instant::now() > deadline {
                let what = format!("{}: its source's log cannot be read up to now", other.spec.name);
                return Err(Error::new(Code::NotAllowed, what).with_remedy(
                    "see tidegate instance show for what is wrong with it; nothing has changed",
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let left = plan.left_of(captured.seq).await?;
        if left == 0 {
            return Ok(());
        }
        let name = &other.spec.name;
        let what = format!("{name} has not applied {left} transactions that were committed at its source");
        Err(Error::new(Code::NotAllowed, what).with_remedy(format!(
            "stop the applications that write there, tidegate instance resume {name}, wait until it has caught up, pause it, and \
             start again; or let tidegate switchover or failback do all of that"
        )))
    }
}

/// Refuses if the other direction was terminated before it had brought everything: nobody brings it any more.
async fn has_left_nothing(other: &Found, plan: &SyncPlan) -> Result<()> {
    let left = plan.never_brought().await?;
    if left == 0 {
        return Ok(());
    }
    let name = &other.spec.name;
    let what = format!("{name} was terminated before it had applied {left} transactions of its source");
    Err(Error::new(Code::NotAllowed, what).with_remedy(
        "these changes are on one side only: compare both with tidegate verify, and make a new instance in the direction \
         in which they are to flow (tidegate instance duplicate)",
    ))
}
