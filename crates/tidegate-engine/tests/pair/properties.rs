//! What must hold in every state, and what some state must reach so that it says something.

use super::links::Found;
use super::mutation::Mutation;
use super::state::{By, Failed, Side, Status, What, World};
use super::world::{Fence, Pair};
use stateright::Property;
use tidegate_engine::pair::takeover::Other;

pub(crate) fn all(pair: &Pair) -> Vec<Property<Pair>> {
    let mut properties = vec![
        Property::always("I1 no loop", |_, world| no_loop(world)),
        Property::always("I2 at most once", |_, world| at_most_once(world)),
        Property::always("I3 source order", |_, world| source_order(world)),
        Property::always("I4 single writer", single_writer),
        Property::always("I5 no stale overwrite", |_, world| no_stale_overwrite(world)),
        Property::always("I6 switch complete", switch_complete),
        Property::always("I7 nothing lost", nothing_lost),
        Property::always("I8 capture without gaps", capture_without_gaps),
        Property::always("I9 drained after the fence", drained_after_fence),
        Property::always("I10 epochs only rise", |_, world| epochs_rise(world)),
        Property::always("I11 a run has the right", run_has_right),
        Property::always("I12 nothing after what was lost", |_, world| nothing_after_loss(world)),
    ];
    if pair.mutation == Mutation::None {
        properties.extend(goals(pair));
    }
    properties
}

/// What an exploration within these bounds must come to.
fn goals(pair: &Pair) -> Vec<Property<Pair>> {
    let (limits, mut goals) = (&pair.limits, Vec::new());
    if limits.takeovers >= 1 {
        goals.push(Property::sometimes("there", |_, world: &World| {
            world.store.done >= 1 && copied(world, Side::B, By::Forward)
        }));
    }
    if limits.takeovers >= 2 && limits.writes >= 2 {
        goals.push(Property::sometimes("there and back", |_, world: &World| {
            let back = copied(world, Side::A, By::Reverse(0));
            world.store.done >= 2
                && world.store.right == Side::B
                && back
                && copied(world, Side::B, By::Forward)
        }));
    }
    if limits.schema_changes > 0 {
        goals.push(Property::sometimes("a schema change flows back", |_, world: &World| {
            let log = &world.databases[Side::A].log;
            log.iter().any(|entry| entry.by != By::App && world.what(entry.version) == What::Schema)
        }));
    }
    if limits.failovers > 0 {
        goals.push(Property::sometimes("a lost tail is noticed", |_, world: &World| {
            world.links.0.iter().any(|link| link.failed == Some(Failed::Rewound))
        }));
    }
    if limits.reverses > 1 {
        goals.push(Property::sometimes("a second reverse writes", |_, world: &World| {
            copied(world, Side::A, By::Reverse(1))
        }));
    }
    if limits.cancels > 0 {
        goals.push(Property::sometimes("a takeover after one that was called off", |_, world: &World| {
            world.used.cancels > 0 && world.store.done > 0
        }));
    }
    if limits.fence == Fence::Declared {
        goals.push(Property::sometimes("a conflict stops a link", |_, world: &World| {
            world.links.0.iter().any(|link| link.failed == Some(Failed::Conflict))
        }));
    }
    goals
}

fn copied(world: &World, side: Side, by: By) -> bool {
    world.databases[side].log.iter().any(|entry| entry.by == by)
}

/// No link brings a change back to the side where it was made.
fn no_loop(world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let log = world.databases[side].log.iter();
        log.filter(|entry| entry.by != By::App).all(|entry| world.birth(entry.version).side != side)
    })
}

/// No change is in a side's log twice.
fn at_most_once(world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let log = &world.databases[side].log;
        log.iter()
            .enumerate()
            .all(|(at, entry)| log[..at].iter().all(|before| before.version != entry.version))
    })
}

/// What the links brought to a side is there in the order of its source, and the checkpoint names the last of it.
fn source_order(world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let log = world.databases[side].log.iter();
        let brought: Vec<u8> = log.filter(|entry| entry.by != By::App).map(|entry| entry.version).collect();
        brought.is_sorted()
    })
}

/// Whether something of the side's link can still be committed, by whoever it was sent.
fn can_write(pair: &Pair, world: &World, side: Side) -> bool {
    let (link, database) = (&world.links[side], &world.databases[side]);
    let unguarded = pair.mutation == Mutation::NoEpoch;
    let flies = database.flights.iter().any(|flight| unguarded || flight.expect == database.version);
    let runs = link.run.is_some_and(|version| unguarded || version == database.version);
    flies || runs || database.session.is_some()
}

/// Never have both links the right, by the word of the databases; and never can something of both be committed.
fn single_writer(pair: &Pair, world: &World) -> bool {
    if world.databases[Side::A].permit.is_none() {
        return true;
    }
    let held = |side| world.databases[side].permit.is_none_or(|permit| permit.held);
    !Side::BOTH.into_iter().all(held) && !Side::BOTH.into_iter().all(|side| can_write(pair, world, side))
}

/// No link puts an older version of a row over a newer one.
fn no_stale_overwrite(world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let log = &world.databases[side].log;
        log.iter().enumerate().filter(|(_, entry)| entry.by != By::App).all(|(at, entry)| {
            let What::Row(key) = world.what(entry.version) else { return true };
            world.row_at(side, key, at) <= entry.version
        })
    })
}

/// With real fences: never are both sides open, and one that is open has whatever an application wrote on the other.
fn switch_complete(pair: &Pair, world: &World) -> bool {
    if pair.limits.fence == Fence::Declared || (pair.limits.begins_alone && world.store.done == 0) {
        return true;
    }
    let open = |side: Side| !world.databases[side].closed;
    let complete = |side: Side| {
        let written = world.databases[side.other()].log.iter().filter(|entry| entry.by == By::App);
        written.into_iter().all(|entry| world.has(side, entry.version))
    };
    !(open(Side::A) && open(Side::B)) && Side::BOTH.into_iter().all(|side| !open(side) || complete(side))
}

/// The link lives and has not failed, has read its source's log to the end, and has applied it.
fn is_level(pair: &Pair, world: &World, side: Side) -> bool {
    let (link, database) = (&world.links[side], &world.databases[side]);
    let quiet = database.flights.is_empty() && database.session.is_none() && database.journal.is_none();
    let read = matches!(pair.look(world, side), Found::End);
    // A log that differs from the checkpoint is noticed when it is opened the next time.
    let at = usize::from(database.applied).checked_sub(1);
    let agree =
        at.is_none_or(|at| link.log.get(at).is_some_and(|captured| captured.version == database.last));
    let applied = agree && usize::from(database.applied) >= link.log.len();
    link.up && link.failed.is_none() && !link.unsaved && quiet && read && applied
}

/// Once both links are level and nobody takes over, both sides have the same, and of every row the newest version that
/// is in any log. Whatever is not the same has stopped a link, or is still ahead of one.
fn nothing_lost(pair: &Pair, world: &World) -> bool {
    let both = world.links.0.iter().all(|link| matches!(link.status, Status::Runs | Status::Rests));
    let settled = world.store.takeover.is_none();
    if !both || !settled || !Side::BOTH.into_iter().all(|side| is_level(pair, world, side)) {
        return true;
    }
    let same = Side::BOTH
        .into_iter()
        .all(|side| world.databases[side].log.iter().all(|entry| world.has(side.other(), entry.version)));
    let newest = (0..pair.limits.keys).all(|key| {
        let of_key = |version: &u8| world.what(*version) == What::Row(key);
        let versions = world.databases[Side::A].log.iter().map(|entry| entry.version);
        let newest = versions.filter(of_key).max().unwrap_or(0);
        Side::BOTH.into_iter().all(|side| world.row(side, key) == newest)
    });
    same && newest
}

/// A link's change log is what its source's log has of news for it, from its beginning on and without gaps; only its end
/// may be what the source has lost.
fn capture_without_gaps(pair: &Pair, world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let link = &world.links[side];
        let source = &world.databases[side.other()].log;
        let news = (0..source.len()).filter(|at| pair.is_news(world, side, *at)).map(|at| source[at].version);
        let kept = link.log.iter().map(|captured| captured.version);
        let mut lost = false;
        news.chain(std::iter::repeat(0)).zip(kept).all(|(news, kept)| {
            lost |= !world.has(side.other(), kept);
            lost || news == kept
        })
    })
}

/// With real fences: between the last look and the point of no return the side that is left is closed, and all that an
/// application wrote there is on the other.
fn drained_after_fence(pair: &Pair, world: &World) -> bool {
    let Some(controller) = &world.controller else { return true };
    let (store, known, left) = (&world.store, &controller.known, controller.side);
    let looked = known.nothing_left && !known.decided && !store.declining && !controller.reopened;
    let rests = matches!(known.other, Other::Rests | Other::Ended) && known.other == world.seen(left.other());
    if pair.limits.fence == Fence::Declared || !looked || !rests || store.turn != controller.turn {
        return true;
    }
    let database = &world.databases[left];
    let written = database.log.iter().filter(|entry| entry.by == By::App);
    database.closed && written.into_iter().all(|entry| world.has(left.other(), entry.version))
}

fn epochs_rise(world: &World) -> bool {
    let mut permits =
        world.databases.0.iter().filter_map(|database| Some((database.permit?, database.top_epoch)));
    permits.all(|(permit, top)| permit.epoch == top)
}

/// What can be committed is of a link whose permit is held; and the link is the one that the record names, or its right
/// is on the way to the other. A controller that was frozen can move the right against the record, never to both.
fn run_has_right(pair: &Pair, world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let held = world.databases[side].permit.is_none_or(|permit| permit.held);
        let named = world.store.right == side || world.store.decided || world.used.freezes > 0;
        !can_write(pair, world, side) || (held && named)
    })
}

/// Nothing is captured after what the source has lost: that is noticed first.
fn nothing_after_loss(world: &World) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let is_there = |version| world.has(side.other(), version);
        let kept = &world.links[side].log;
        kept.windows(2).all(|two| is_there(two[0].version) || !is_there(two[1].version))
    })
}
