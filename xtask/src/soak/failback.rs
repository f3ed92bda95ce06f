//! Applications move from A to B and back, under load, again and again. After each move both sides must be identical, each
//! link must have captured exactly what applications committed on its side, and nothing may have been written to the side
//! in use by a link. With `kill` the service crashes at every point of every move.

mod crash;
mod mongodb;
mod mysql;
mod pair;
mod stage;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tidegate_sandbox::Flavour;

use crate::engine::Engine;
use crate::program::Program;
use crate::wait::{self, Stop};
use crash::Hits;
use mongodb::Mongodb;
use mysql::Mysql;
use pair::{FORWARD, Pair, REVERSE};
use stage::Stage;

const DATABASE: &str = "soak_failback";

/// A link that rests reads its source's log up to now within this time.
const READ_DEADLINE: Duration = Duration::from_secs(60);
/// For a takeover that nobody disturbs.
const TIMEOUT: &str = "120s";

/// What is to be done.
pub(super) struct Course {
    pub(super) cycles: u64,
    /// How long applications write before each move.
    pub(super) load: Duration,
    pub(super) kill: bool,
}

impl Course {
    fn turns(&self) -> u64 {
        2 * self.cycles + 1
    }
}

/// One direction, by the side that its link reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    A,
    B,
}

impl Side {
    fn other(self) -> Side {
        if self == Side::A { Side::B } else { Side::A }
    }

    fn at(self) -> usize {
        usize::from(self == Side::B)
    }

    fn name(self) -> &'static str {
        if self == Side::A { "A" } else { "B" }
    }

    /// The link that reads here, and writes while applications do so here.
    fn link(self) -> &'static str {
        if self == Side::A { FORWARD } else { REVERSE }
    }

    /// The command by which applications come to the other side.
    fn verb(self) -> &'static str {
        if self == Side::A { "switchover" } else { "failback" }
    }
}

/// What is known of one side.
#[derive(Default)]
struct Ledger {
    /// What its link must have captured by now.
    captured: u64,
    /// Committed by applications since the reverse was made.
    committed: u64,
}

struct Campaign<'a> {
    stage: &'a mut dyn Stage,
    course: &'a Course,
    pair: Pair<'a>,
    ledgers: [Ledger; 2],
    schema_changes: u64,
    comparisons: u64,
    declined: u64,
    hits: Hits,
    /// Milliseconds that a takeover took which nobody disturbed.
    takeovers: Vec<f64>,
}

pub(super) fn run(program: &Program, engine: Engine, course: &Course) -> Result<(), String> {
    engine.install()?;
    let mut stage: Box<dyn Stage> = match engine {
        Engine::Mysql => Box::new(Mysql::open(Flavour::Mysql)?),
        Engine::Mariadb => Box::new(Mysql::open(Flavour::Mariadb)?),
        Engine::Mongodb => Box::new(Mongodb::open()?),
    };
    match campaign(program, stage.as_mut(), course) {
        Ok(summary) => {
            println!("{summary}");
            Ok(())
        }
        Err(text) => {
            let kept = stage.keep()?;
            println!("what is left is in {}", kept.display());
            Err(text)
        }
    }
}

fn campaign(program: &Program, stage: &mut dyn Stage, course: &Course) -> Result<String, String> {
    let started = Instant::now();
    let home = stage.folder().join("service");
    fs::create_dir_all(&home).map_err(|error| format!("cannot create {}: {error}", home.display()))?;
    let mut campaign = Campaign::begin(program, stage, course, &home)?;
    // Once more at the end, so that the last load is on A too.
    for number in 1..=course.turns() {
        let side = if number.is_multiple_of(2) { Side::B } else { Side::A };
        let text = campaign.turn(side, number)?;
        println!("cycle {}, {} to {}: {text}", number.div_ceil(2), side.name(), side.other().name());
    }
    campaign.end()?;
    let never = campaign.hits.lacking(1);
    if course.kill && !never.is_empty() {
        return Err(format!("the service never crashed at {never:?}"));
    }
    Ok(campaign.summary(started.elapsed()))
}

impl<'a> Campaign<'a> {
    /// Until the reverse collects. The copy is made under load.
    fn begin(
        program: &'a Program,
        stage: &'a mut dyn Stage,
        course: &'a Course,
        home: &'a Path,
    ) -> Result<Campaign<'a>, String> {
        let pair = Pair::open(program, home)?;
        let load = stage.load(Side::A, None)?;
        pair.begin(&stage.url(Side::A), &stage.url(Side::B), stage.password())?;
        load.stop()?;
        make_last(stage, Side::A, "last_before_the_reverse")?;
        pair.wait_until_level(FORWARD)?;
        pair.begin_reverse()?;
        let mut ledgers = [Ledger::default(), Ledger::default()];
        for side in [Side::A, Side::B] {
            let captured = wait::until(READ_DEADLINE, || pair.captured(side.link()))?;
            let unsaid = || format!("{} does not say what it has captured", side.link());
            ledgers[side.at()].captured = captured.ok_or_else(unsaid)?;
            stage.begin_journal(side)?;
        }
        let mut campaign = Campaign {
            stage,
            course,
            pair,
            ledgers,
            schema_changes: 0,
            comparisons: 0,
            declined: 0,
            hits: Hits::none(),
            takeovers: Vec::new(),
        };
        campaign.compare()?;
        Ok(campaign)
    }

    fn ledger(&mut self, side: Side) -> &mut Ledger {
        &mut self.ledgers[side.at()]
    }

    /// Load on one side, then the move to the other.
    fn turn(&mut self, side: Side, number: u64) -> Result<String, String> {
        self.load(side, number)?;
        let (gains, verb) = (side.other().link(), side.verb());
        let how = if self.course.kill {
            let declined = crash::through_a_takeover(&mut self.pair, gains, verb, &mut self.hits)?;
            self.declined += declined;
            format!("through crashes, declined {declined} times")
        } else {
            let started = Instant::now();
            self.pair.take_over(verb, TIMEOUT)?;
            let ms = started.elapsed().as_secs_f64() * 1000.0;
            self.takeovers.push(ms);
            format!("in {ms:.0} ms")
        };
        let committed = self.check(side)?;
        Ok(format!("{committed} transactions, {verb} {how}; identical, none echoed, none on the wrong side"))
    }

    /// What one link wrote in the last turn the other has read for certain once it brings what was written after it.
    fn end(&mut self) -> Result<(), String> {
        self.pair.wait_until_streams(REVERSE)?;
        make_last(self.stage, Side::B, "last_of_all")?;
        self.check(Side::B).map(drop)
    }

    fn load(&mut self, side: Side, number: u64) -> Result<(), String> {
        let load = self.stage.load(side, Some(number))?;
        // Nobody else asks, so this is the time.
        Stop::default().within(self.course.load);
        if self.course.kill {
            crash::under_load(&mut self.pair, side.link(), &mut self.hits)?;
        }
        self.schema_changes += load.stop()?;
        Ok(())
    }

    /// Everything that must hold when `side` was in use and nobody writes any more. Answers what applications committed.
    fn check(&mut self, side: Side) -> Result<u64, String> {
        self.compare()?;
        let (used, other) = (self.stage.written(side)?, self.stage.written(side.other())?);
        if used.by_applications == 0 || other.by_links == 0 {
            return Err(format!("nothing was written: {used:?} on {}, {other:?} on the other", side.name()));
        }
        if used.by_links > 0 || other.by_applications > 0 {
            let name = side.name();
            return Err(format!(
                "on {name}, which was in use, links wrote {} transactions; on the other side somebody without a mark wrote {}",
                used.by_links, other.by_applications
            ));
        }
        let ledger = self.ledger(side);
        ledger.captured += used.by_applications;
        ledger.committed += used.by_applications;
        for side in [Side::A, Side::B] {
            let (link, expected) = (side.link(), self.ledger(side).captured);
            let mut last = None;
            let found = wait::until(READ_DEADLINE, || {
                last = self.pair.captured(link)?;
                Ok((last == Some(expected)).then_some(()))
            })?;
            found.ok_or_else(|| {
                format!(
                    "{link} has captured {last:?} transactions, but on {} applications committed what makes {expected}",
                    side.name()
                )
            })?;
        }
        Ok(used.by_applications)
    }

    fn compare(&mut self) -> Result<(), String> {
        self.comparisons += 1;
        self.stage
            .difference()?
            .map_or(Ok(()), |text| Err(format!("A (here the source) and B (the target) differ: {text}")))
    }

    fn summary(&self, took: Duration) -> String {
        let turns = self.course.turns();
        let [a, b] = &self.ledgers;
        let how = if self.course.kill {
            let lacking = self.hits.lacking(turns);
            let lacking = if lacking.is_empty() {
                String::new()
            } else {
                format!("; less than {turns} times: {lacking:?}")
            };
            format!(
                "crashes: {}{lacking}; {} takeovers declined and asked for again",
                self.hits.text(),
                self.declined
            )
        } else {
            let longest = self.takeovers.iter().copied().fold(0.0, f64::max);
            format!("the longest takeover {longest:.0} ms")
        };
        format!(
            "{}: {} cycles; {} transactions on A and {} on B captured, {} schema changes; 0 echoes, 0 on the wrong side, \
             {} comparisons identical; {how} ({:.0} s)",
            self.stage.name(),
            self.course.cycles,
            a.committed,
            b.committed,
            self.schema_changes,
            self.comparisons,
            took.as_secs_f64()
        )
    }
}

/// Writes something to the one side, and waits until it is on the other: then a link has captured all that came before it.
fn make_last(stage: &dyn Stage, side: Side, name: &str) -> Result<(), String> {
    stage.write_last(side, name)?;
    let arrived = wait::until(READ_DEADLINE, || Ok(stage.has_last(side.other(), name)?.then_some(())))?;
    arrived.ok_or_else(|| format!("{name} does not come to the other side"))
}
