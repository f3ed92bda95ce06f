//! Taking over: of a pair, one direction gets the right to write and the other loses it.
//!
//! [`takeover::next`] says which step comes when; here they are done. Before
//! [`Store::hand_over`](crate::store::Store::hand_over) everything can be taken back, and the other still may write. After
//! it there is only one way: the other's permit is taken away in its target, then this one's is given in its own.
//! Whatever happens between, and whoever else tries at the same time: never have both.

mod steps;

use super::owner::Owner;
use super::{SERVICE, problem};
use crate::crash;
use crate::lifecycle::Fact;
use crate::store::Found;
use crate::sync::SyncPlan;
use std::time::Duration;
use steps::Turn;
use tidegate_api::{Kind, Status};
use tidegate_engine::pair::takeover::{self, Known, Step};
use tidegate_model::{Code, Error, Result};
use tokio_util::task::AbortOnDropHandle;

const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A server that is away keeps nobody out either, until it is back.
const KEEP_AGAIN: Duration = Duration::from_millis(500);

impl Owner {
    /// The first state of a reverse, before it collects for the first time.
    pub(super) async fn begin_reverse(&self, found: &Found, plan: &SyncPlan) -> Result<()> {
        match &found.start_at {
            Some(start) if found.spec.kind == Kind::Reverse => plan.begin_reverse(start).await,
            _ => Ok(()),
        }
    }

    /// Applications are kept out of the target of a link that may write, and let in to that of one that may not: also
    /// where a service was killed on the way, or a server has forgotten it over a restart.
    pub(super) async fn keep_fence(&self, found: &Found, plan: &SyncPlan) -> Result<()> {
        let Some(peer) = &found.peer else { return Ok(()) };
        let fence = plan.fence(&self.supervisor.plan(&self.look_at(peer).await?)?);
        if found.state.may_write {
            return match fence.closed().await? {
                Some(way) => fence.close(way).await,
                None => Ok(()),
            };
        }
        match fence.open().await {
            // The right has not been taken away yet: whoever takes over opens it after that.
            Err(error) if error.code() == Code::NotAllowed => Ok(()),
            opened => opened,
        }
    }

    /// Keeps applications out for as long as the answer lives.
    pub(super) fn go_on_keeping_fence(
        &self,
        found: &Found,
        plan: &SyncPlan,
    ) -> Option<AbortOnDropHandle<()>> {
        let (supervisor, plan, peer) = (self.supervisor.clone(), plan.clone(), found.peer.clone()?);
        let keeping = async move {
            loop {
                let kept = async {
                    let other = supervisor.store.ask({
                        let peer = peer.clone();
                        move |store| store.find(&peer)
                    });
                    plan.fence(&supervisor.plan(&other.await?)?).keep().await
                };
                if let Err(error) = kept.await {
                    tracing::debug!(%error, "nobody can say whether applications are kept out");
                }
                tokio::time::sleep(KEEP_AGAIN).await;
            }
        };
        Some(AbortOnDropHandle::new(tokio::spawn(keeping)))
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
        let Err(error) = switched else {
            self.supervisor.show_step(&self.id, None);
            return self.supervisor.learn(&self.id, Fact::TookOver, None).await.map(|_| ());
        };
        let now = self.find().await?;
        if !now.state.may_write {
            self.supervisor.show_step(&self.id, None);
            return self.decline(&now, &error).await;
        }
        // Past the point of no return it is tried until it is done.
        tracing::info!(instance = self.id, %error, "it has not taken over yet");
        self.supervisor.show_trouble(&self.id, Some(problem(&error)));
        let (_, wait) = self.next_wait();
        self.rest(wait).await;
        Ok(())
    }

    async fn take_over(&self, found: &Found) -> Result<()> {
        let mut turn = Turn::new(self, found).await?;
        let mut known = Known::new(found.state.may_write, turn.other().await?);
        loop {
            let step = takeover::next(&known);
            turn.show(step);
            match step {
                Step::Close => {
                    turn.close().await?;
                    known.closed = true;
                }
                Step::Bring => {
                    turn.bring().await?;
                    known.brought = true;
                }
                Step::Rest => turn.ask_to_rest().await?,
                Step::Wait => tokio::time::sleep(LOOK_EVERY).await,
                Step::Look => {
                    turn.look(known.other).await?;
                    known.nothing_left = true;
                }
                Step::Compare => {
                    turn.compare().await?;
                    known.have_compared();
                }
                Step::Decide => {
                    turn.decide().await?;
                    known.decided = true;
                }
                Step::Admit => {
                    turn.admit().await?;
                    known.admitted = true;
                }
                Step::Move => {
                    turn.move_permit().await?;
                    known.moved = true;
                }
                Step::Open => {
                    turn.open().await?;
                    known.opened = true;
                }
                Step::Done => return Ok(()),
            }
            if !known.decided {
                known.see(turn.other().await?);
                turn.refuse_if_late()?;
            }
        }
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
        // Only now: nobody decides any more. If this fails, it is done as soon as this one collects again.
        if let Err(error) = self.keep_fence(found, &self.supervisor.plan(found)?).await {
            tracing::info!(instance = self.id, %error, "applications are not let in again yet");
        }
        Ok(())
    }

    async fn look_at(&self, id: &str) -> Result<Found> {
        let id = id.to_owned();
        self.supervisor.store.ask(move |store| store.find(&id)).await
    }
}
