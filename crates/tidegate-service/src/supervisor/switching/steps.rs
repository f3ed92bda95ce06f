//! What the steps of a takeover do.

use super::super::owner::Owner;
use super::super::{SERVICE, Supervisor};
use super::LOOK_EVERY;
use crate::crash;
use crate::lifecycle::Event;
use crate::store::Found;
use crate::sync::{self, SyncPlan};
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::{Command, CompareChoice, FenceChoice, Status, Takeover, TakeoverStep};
use tidegate_engine::changelog::LogEnd;
use tidegate_engine::pair::takeover::{Other, Step};
use tidegate_engine::progress;
use tidegate_model::{Code, Error, Fence, Position, Result};
use tokio::time::Instant;

/// So long the other direction may take to read its source's log up to now, once it rests.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// One takeover, from its beginning or from a restart of the service on.
pub(super) struct Turn {
    supervisor: Arc<Supervisor>,
    id: String,
    peer: String,
    own_plan: SyncPlan,
    other_plan: SyncPlan,
    /// Of the side that applications leave, where this direction is to write.
    fence: Arc<dyn Fence>,
    how: Takeover,
    /// Whether the other direction is brought to its rest; else it must rest already.
    guided: bool,
    deadline: Instant,
    shown: Option<TakeoverStep>,
    /// It was said that nothing is left.
    drained: bool,
}

impl Turn {
    pub(super) async fn new(owner: &Owner, found: &Found) -> Result<Self> {
        let alone = || Error::new(Code::NotAllowed, "it is not one of a pair");
        let peer = found.peer.clone().ok_or_else(alone)?;
        let other = owner.look_at(&peer).await?;
        let (own_plan, other_plan) = (owner.supervisor.plan(found)?, owner.supervisor.plan(&other)?);
        let guided = found.state.start_after;
        // Who starts a reverse by hand has said that nobody writes.
        let by_hand =
            Takeover { fence: FenceChoice::Declared, compare: CompareChoice::Nothing, ..Takeover::default() };
        let how = if guided { found.takeover.unwrap_or_default() } else { by_hand };
        Ok(Self {
            supervisor: owner.supervisor.clone(),
            id: found.id.clone(),
            peer,
            fence: own_plan.fence(&other_plan),
            own_plan,
            other_plan,
            how,
            guided,
            deadline: Instant::now() + Duration::from_secs(how.within_seconds),
            shown: None,
            drained: false,
        })
    }

    /// Tells which step is being done, and until when that is waited for.
    pub(super) fn show(&mut self, step: Step) {
        let name = match step {
            Step::Close => "close",
            Step::Bring => "bring",
            Step::Rest | Step::Wait => "rest",
            Step::Look => "look",
            Step::Compare => "compare",
            Step::Decide => "decide",
            Step::Admit => "admit",
            Step::Move => "move",
            Step::Open | Step::Done => "open",
        };
        if self.shown.as_ref().is_some_and(|shown| shown.step == name) {
            return;
        }
        let now = jiff::Timestamp::now();
        let decided = matches!(step, Step::Admit | Step::Move | Step::Open | Step::Done);
        let left = self.deadline.saturating_duration_since(Instant::now());
        let until = (!decided).then(|| now.saturating_add(left).map_or(now, |until| until));
        let shown = TakeoverStep {
            step: name.to_owned(),
            since: now.to_string(),
            until: until.map(|until| until.to_string()),
            left: None,
        };
        self.supervisor.show_step(&self.id, Some(shown.clone()));
        self.shown = Some(shown);
    }

    pub(super) fn refuse_if_late(&self) -> Result<()> {
        if Instant::now() <= self.deadline {
            return Ok(());
        }
        let what = format!("the point of no return was not reached within {} s", self.how.within_seconds);
        Err(Error::new(Code::NotAllowed, what).with_remedy(
            "see which step took so long (tidegate instance history), then ask again, with a longer --within if need be",
        ))
    }

    async fn note(&self, event: &'static str, what: Option<String>) -> Result<()> {
        let id = self.id.clone();
        self.supervisor.store.ask(move |store| store.note(&id, event, what.as_deref(), SERVICE)).await
    }

    async fn look_at_other(&self) -> Result<Found> {
        let id = self.peer.clone();
        self.supervisor.store.ask(move |store| store.find(&id)).await
    }

    pub(super) async fn other(&self) -> Result<Other> {
        let other = self.look_at_other().await?;
        match other.state.status {
            Status::Paused => Ok(Other::Rests),
            Status::Pausing => Ok(Other::Stops),
            Status::Completed => Ok(Other::Ended),
            // Whoever has decided already goes on whatever the other does: it may not write.
            _ if !other.state.may_write => Ok(Other::Rests),
            _ if other.state.is_running() && self.guided => Ok(Other::Runs),
            status => {
                let what = format!("the other direction, {}, is {}", other.spec.name, status.title());
                Err(Error::new(Code::NotAllowed, what).with_remedy(
                    "it must run, or rest and have brought everything; see tidegate instance show, then ask again",
                ))
            }
        }
    }

    pub(super) async fn close(&self) -> Result<()> {
        let chosen = sync::choose_fence(self.fence.as_ref(), self.how.fence).await?;
        if let Some(way) = chosen.way {
            self.fence.close(way).await?;
        }
        crash::point("closed");
        self.note("closed to applications", Some(chosen.said)).await
    }

    /// Waits until the other direction has applied everything that its source has now. If it comes to rest before that,
    /// there is nothing to wait for.
    pub(super) async fn bring(&mut self) -> Result<()> {
        let before =
            self.supervisor.progress(&self.peer).map(|(progress, _)| progress.captured().borrow().clone());
        let goal = self.other_plan.source_position().await?;
        if let Some(before) = before {
            self.refuse_if_rewound(&before.position, &goal)?;
        }
        while self.look_at_other().await?.state.is_running() {
            let left = self.left_to_bring(&goal)?;
            if left == Some(0) {
                break;
            }
            if let Some(shown) = &mut self.shown {
                shown.left = left;
                self.supervisor.show_step(&self.id, Some(shown.clone()));
            }
            if Instant::now() > self.deadline {
                let left = left
                    .map_or("it does not stream".to_owned(), |left| format!("{left} transactions are left"));
                let seconds = self.how.within_seconds;
                let what =
                    format!("the other direction has not brought everything within {seconds} s: {left}");
                return Err(Error::new(Code::NotAllowed, what).with_remedy(
                    "stop the applications that write there, wait until it has caught up, then ask again",
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        crash::point("brought");
        Ok(())
    }

    /// What was read from the source's log before it was asked where that ends must be in it: else the source has lost what
    /// the other direction may have brought over, and nothing that is found out about it holds.
    fn refuse_if_rewound(&self, read: &Position, end: &Position) -> Result<()> {
        if read.as_str().is_empty() || self.other_plan.covers(end, read)? {
            return Ok(());
        }
        let what = format!("the source's log ends at {end}, and was read up to {read} before");
        Err(Error::new(Code::SourceRewound, what))
    }

    /// How many transactions the other direction has read and not applied; at least one if it has not read up to the goal.
    /// `None` while it does not stream.
    fn left_to_bring(&self, goal: &Position) -> Result<Option<u64>> {
        let Some((progress, _)) = self.supervisor.progress(&self.peer) else { return Ok(None) };
        if *progress.step().borrow() != progress::Step::Streaming {
            return Ok(None);
        }
        let captured = progress.captured().borrow().clone();
        let applied = progress.applied_up_to().borrow().seq;
        let left = captured.seq.0.saturating_sub(applied.0);
        Ok(Some(if self.other_plan.covers(&captured.position, goal)? { left } else { left.max(1) }))
    }

    pub(super) async fn ask_to_rest(&self) -> Result<()> {
        let (id, event) = (self.peer.clone(), Event::Command(Command::Pause));
        let decided = self.supervisor.store.ask(move |store| store.decide(&id, event, SERVICE, None, None));
        let moved = decided.await?;
        self.supervisor.wake(&moved.instance.id);
        crash::point("other-pausing");
        Ok(())
    }

    /// Refuses if the other direction, which rests or has ended, has left something.
    pub(super) async fn look(&mut self, other: Other) -> Result<()> {
        let found = self.look_at_other().await?;
        if other == Other::Ended {
            self.has_left_nothing(&found).await?;
        } else {
            self.has_brought_everything(&found).await?;
        }
        crash::point("drained");
        if self.drained {
            return Ok(());
        }
        self.drained = true;
        self.note("nothing is left to bring", None).await
    }

    async fn has_brought_everything(&self, other: &Found) -> Result<()> {
        let plan = &self.other_plan;
        // Nothing that an earlier run of it has under way comes after this: what is there stays what it is.
        plan.end_earlier_runs().await?;
        let before = self.collected(other).map(|end| end.position);
        let goal = plan.source_position().await?;
        if let Some(before) = before {
            self.refuse_if_rewound(&before, &goal)?;
        }
        let deadline = Instant::now() + READ_WITHIN;
        let captured = loop {
            if let Some(captured) = self.collected(other)
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
        plan.refuse_if_elsewhere(&captured.position).await?;
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

    /// How far the other direction, which rests, has read its source's log.
    fn collected(&self, other: &Found) -> Option<LogEnd> {
        let (progress, _) = self.supervisor.progress(&other.id)?;
        let collects = *progress.step().borrow() == progress::Step::Collecting;
        collects.then(|| progress.captured().borrow().clone())
    }

    /// Refuses if the other direction was terminated before it had brought everything: nobody brings it any more.
    async fn has_left_nothing(&self, other: &Found) -> Result<()> {
        let left = self.other_plan.never_brought().await?;
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

    pub(super) async fn compare(&self) -> Result<()> {
        let said = tokio::time::timeout_at(self.deadline, self.other_plan.compare(self.how.compare)).await;
        let said = match said {
            Ok(said) => said?,
            Err(_) => return self.refuse_if_late(),
        };
        if let Some(said) = said {
            self.note("both sides are the same", Some(said)).await?;
        }
        crash::point("compared");
        Ok(())
    }

    pub(super) async fn decide(&self) -> Result<()> {
        let id = self.id.clone();
        if !self.supervisor.store.ask(move |store| store.hand_over(&id, SERVICE)).await? {
            return Err(Error::new(Code::GenerationChanged, "the other direction runs again"));
        }
        crash::point("handed-over");
        Ok(())
    }

    pub(super) async fn admit(&self) -> Result<()> {
        self.fence.admit().await?;
        crash::point("admitted");
        Ok(())
    }

    pub(super) async fn move_permit(&self) -> Result<()> {
        sync::move_permit(&self.other_plan, &self.own_plan).await?;
        crash::point("permits-moved");
        Ok(())
    }

    /// Lets applications in on the side that they go to.
    pub(super) async fn open(&self) -> Result<()> {
        let counters = self.other_plan.hand_over().await?;
        if counters.raised > 0 {
            let what = format!("counters or expiry of {} tables", counters.raised);
            self.note("made ready for applications", Some(what)).await?;
        }
        // A number given out twice is better than nobody being let in; and somebody is told.
        if !counters.behind.is_empty() {
            self.note("not made ready for applications", Some(counters.behind.join("; "))).await?;
        }
        self.other_plan.fence(&self.own_plan).open().await?;
        crash::point("opened");
        Ok(())
    }
}
