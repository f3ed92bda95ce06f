//! One who takes over: what it does next is said by the functions that the service runs.

use super::links::Found;
use super::mutation::Mutation;
use super::state::{By, Controller, Side, Status, World};
use super::world::{Fence, Pair};
use tidegate_engine::pair::mover::{Call, Mover};
use tidegate_engine::pair::takeover::{Other, Step, next};
use tidegate_model::Permit;

/// Changes of a fence within a takeover come in this order.
const CLOSING: u8 = 0;
const OPENING: u8 = 1;

impl Pair {
    /// One step; answers what becomes of the controller. `None` if it can do nothing now.
    pub(crate) fn step(&self, world: &mut World, mut controller: Controller) -> Option<Option<Controller>> {
        let store = &world.store;
        let own = store.takeover == Some(controller.side) && store.turn == controller.turn;
        if own && store.declining && !controller.known.decided {
            return self.take_back(world, controller);
        }
        if controller.reopened {
            return None;
        }
        let (cand, other) = (controller.side, controller.side.other());
        match next(&controller.known) {
            Step::Close => {
                if self.is(Mutation::DrainBeforeFence) && controller.goal.is_none() {
                    controller.goal = Some(world.databases[cand].log.len() as u8);
                } else if self.close(world, &controller) {
                    controller.known.closed = true;
                } else {
                    return Some(None);
                }
            }
            Step::Bring => match controller.goal {
                _ if self.trusts(cand) => controller.known.brought = true,
                None => controller.goal = Some(world.databases[cand].log.len() as u8),
                Some(goal) if self.has_brought(world, other, goal)? => controller.known.brought = true,
                Some(_) => return None,
            },
            Step::Rest => {
                if own && world.links[other].status == Status::Runs && world.links[other].failed.is_none() {
                    world.links[other].status = Status::Stops;
                }
                controller.known.see(world.seen(other));
            }
            Step::Wait => return None,
            Step::Look => {
                self.look_once_more(world, &controller)?;
                controller.known.nothing_left = true;
            }
            Step::Compare => controller.known.have_compared(),
            Step::Decide => return self.decide(world, controller, own),
            Step::Admit => {
                if self.may_change_fence(world, cand, &controller, OPENING) {
                    world.databases[cand].admits = true;
                }
                controller.known.admitted = true;
            }
            Step::Move => return Some(self.go_on_moving(world, controller, own)),
            Step::Open => {
                if self.may_change_fence(world, other, &controller, OPENING) {
                    world.databases[other].closed = false;
                }
                controller.known.opened = true;
            }
            Step::Done => {
                if own && world.store.decided {
                    world.store.takeover = None;
                    world.store.decided = false;
                    world.store.done += 1;
                    world.links[cand].status = Status::Runs;
                }
                return Some(None);
            }
        }
        Some(Some(controller))
    }

    /// Nothing that was committed at the side that is left must be left to bring.
    fn look_once_more(&self, world: &mut World, controller: &Controller) -> Option<()> {
        let left = controller.side;
        let early = controller.goal.filter(|_| self.is(Mutation::DrainBeforeFence));
        let end = early.unwrap_or(world.databases[left].log.len() as u8);
        if !self.trusts(left) && !self.has_left_nothing(world, left.other(), end)? {
            return None;
        }
        if !self.is(Mutation::ForgetfulSide) {
            world.databases.0.iter_mut().for_each(|database| database.settled = database.log.len() as u8);
        }
        Some(())
    }

    /// One call of one who moves the right to write. Refused, whoever is under way begins anew, and whoever was replaced
    /// gives up.
    fn go_on_moving(&self, world: &mut World, mut controller: Controller, own: bool) -> Option<Controller> {
        let Some(call) = controller.mover.next() else {
            controller.known.moved = true;
            return Some(controller);
        };
        match self.call(world, controller.side, call) {
            Ok(answer) => controller.mover.learn(answer),
            Err(()) if own => controller.mover = Mover::default(),
            Err(()) => return None,
        }
        Some(controller)
    }

    /// Reads what the other direction does now. Nothing to do if that is known.
    pub(crate) fn see(&self, world: &World, mut controller: Controller) -> Option<Controller> {
        let seen = world.seen(controller.side.other());
        let looks = !controller.known.decided && controller.known.other != seen;
        looks.then(|| {
            controller.known.see(seen);
            controller
        })
    }

    /// Somebody calls it off. That is possible until it is decided.
    pub(crate) fn cancel(&self, world: &mut World) -> Option<()> {
        if world.store.decided || world.store.declining {
            return None;
        }
        let mut controller = world.controller?;
        if self.is(Mutation::ReopenFirst) && !controller.reopened {
            self.reopen(world, &controller);
            controller.reopened = true;
            world.controller = Some(controller);
            return Some(());
        }
        world.used.cancels += 1;
        world.store.declining = true;
        Some(())
    }

    /// The side that is left is opened, then the other direction goes on.
    fn take_back(&self, world: &mut World, mut controller: Controller) -> Option<Option<Controller>> {
        let other = controller.side.other();
        if !controller.reopened {
            self.reopen(world, &controller);
            controller.reopened = true;
            return Some(Some(controller));
        }
        // Who is on the way to its rest cannot turn back before it is there.
        if world.links[other].status == Status::Stops {
            return None;
        }
        world.store.takeover = None;
        world.store.declining = false;
        if world.links[other].status == Status::Rests {
            world.links[other].status = Status::Runs;
        }
        Some(None)
    }

    fn reopen(&self, world: &mut World, controller: &Controller) {
        if self.may_change_fence(world, controller.side, controller, OPENING) {
            world.databases[controller.side].closed = false;
        }
    }

    fn close(&self, world: &mut World, controller: &Controller) -> bool {
        let left = controller.side;
        if !self.may_change_fence(world, left, controller, CLOSING) {
            return false;
        }
        if self.limits.fence == Fence::Real {
            world.databases[left].closed = true;
            world.databases[left].admits = false;
        }
        if self.is(Mutation::EarlySwitch) {
            world.databases[left.other()].closed = false;
        }
        true
    }

    /// A fence is changed only by a takeover that is not older than the one that changed it last, and within one only
    /// forwards. A change that comes late changes nothing.
    fn may_change_fence(&self, world: &mut World, side: Side, controller: &Controller, phase: u8) -> bool {
        let mark = controller.turn * 2 + phase;
        let database = &mut world.databases[side];
        let may = mark >= database.fence_mark || self.is(Mutation::BlindFence);
        if may {
            database.fence_mark = mark;
        }
        may
    }

    fn trusts(&self, left: Side) -> bool {
        match left {
            Side::A => self.is(Mutation::NoDrain),
            Side::B => self.is(Mutation::NoDrainB),
        }
    }

    /// Whether a link that lives has read its source's log up to there, and applied all that it has read; and the source has
    /// all that was read from it.
    fn has_brought(&self, world: &World, link: Side, goal: u8) -> Option<bool> {
        let of = &world.links[link];
        let lives = of.up && (of.run.is_some() || of.status != Status::Runs);
        if !lives || of.failed.is_some() {
            return None;
        }
        if matches!(self.look(world, link), Found::Rewound) && !self.is(Mutation::OneSidedLook) {
            return None;
        }
        let source = &world.databases[link.other()].log;
        let end = source.len().min(usize::from(goal));
        let known = |version| of.log.iter().any(|captured| captured.version == version);
        let read = (0..end).all(|at| !self.is_news(world, link, at) || known(source[at].version));
        Some(read && usize::from(world.databases[link].applied) >= of.log.len())
    }

    /// The same of a link that rests; of one that has ended nobody reads the log any more, so it is read from its checkpoint.
    fn has_left_nothing(&self, world: &World, link: Side, goal: u8) -> Option<bool> {
        if world.links[link].status != Status::Ended {
            return self.has_brought(world, link, goal);
        }
        let source = &world.databases[link.other()].log;
        let last = world.databases[link].last;
        let from = match last {
            0 => 0,
            _ => source.iter().position(|entry| entry.version == last)? + 1,
        };
        Some((from..source.len()).all(|at| !self.is_news(world, link, at)))
    }

    /// The point of no return.
    fn decide(&self, world: &mut World, mut controller: Controller, own: bool) -> Option<Option<Controller>> {
        let other = controller.side.other();
        let rests = matches!(world.seen(other), Other::Rests | Other::Ended);
        if !self.is(Mutation::Toctou) {
            if !own {
                return Some(None);
            }
            if !rests || world.store.decided {
                return None;
            }
        }
        if matches!(world.links[other].status, Status::Runs | Status::Stops) {
            world.links[other].status = Status::Rests;
        }
        world.store.takeover = Some(controller.side);
        world.store.right = controller.side;
        world.store.decided = true;
        world.store.declining = false;
        controller.known.decided = true;
        Some(Some(controller))
    }

    /// A call of one who moves the right to write to `gains`' link.
    fn call(&self, world: &mut World, gains: Side, call: Call) -> Result<Option<Permit>, ()> {
        match call {
            Call::ReadGains => Ok(world.databases[gains].permit),
            Call::ReadLoses => Ok(world.databases[gains.other()].permit),
            Call::Take(before) => self.change_permit(world, gains.other(), before, false),
            Call::Give(before) => self.change_permit(world, gains, before, true),
        }
    }

    /// As the database does it: the epoch is compared, schema changes under way are ended, every version moves.
    fn change_permit(
        &self,
        world: &mut World,
        link: Side,
        before: Option<Permit>,
        held: bool,
    ) -> Result<Option<Permit>, ()> {
        let database = &mut world.databases[link];
        if database.permit.map(|permit| permit.epoch) != before.map(|permit| permit.epoch) {
            return Err(());
        }
        let after = Permit { held, epoch: before.map_or(0, |permit| permit.epoch) + 1 };
        database.permit = Some(after);
        database.top_epoch = database.top_epoch.max(after.epoch);
        database.settled = database.log.len() as u8;
        database.version += 1;
        if !self.is(Mutation::NoEpoch) {
            database.session = None;
        }
        Ok(Some(after))
    }

    /// Whether an entry of the link's source is news to it: not what the other direction has written there.
    pub(crate) fn is_news(&self, world: &World, link: Side, at: usize) -> bool {
        let echo = match world.databases[link.other()].log[at].by {
            By::App => false,
            By::Forward => link == Side::A,
            By::Reverse(_) => link == Side::B,
        };
        at >= usize::from(world.links[link].start) && (!echo || self.is(Mutation::NoFilter))
    }
}
