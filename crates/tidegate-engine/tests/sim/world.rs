//! Everything that outlives a crash of the link: the source, the target's rows, and chance.

use super::script::Script;
use super::target::Db;
use crate::support::Random;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use tidegate_model::{Code, Error, Phase, Result};
use tokio::sync::watch;

/// What is to go wrong in one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    /// The run is dropped as it stands at this step.
    pub(crate) crash_at: Option<u64>,
    /// Asked to stop at this step.
    pub(crate) stop_at: Option<u64>,
    /// This step fails.
    pub(crate) fail_at: Option<u64>,
    /// So many steps of a hundred fail.
    pub(crate) fail_share: u64,
    /// Of this actor's steps (and of those whose names begin so) every so many-th fails.
    pub(crate) fail_every: Option<(&'static str, u64)>,
    /// The task of the actor whose name begins so panics.
    pub(crate) panic_of: Option<&'static str>,
    /// Whether steps take time, so that they come in another order.
    pub(crate) jitter: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    None,
    Stop,
    Crash,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) script: Script,
    /// How many transactions the source has committed.
    pub(crate) committed: watch::Sender<u64>,
    /// How many it commits at most for now.
    limit: watch::Sender<u64>,
    pub(crate) signal: watch::Sender<Signal>,
    /// What the change log surely holds, if that is to be watched: the source is never asked for it again.
    pub(crate) kept: Mutex<Option<u64>>,
    /// The position that the source named last.
    pub(crate) goal: watch::Sender<u64>,
    db: Mutex<Db>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    plan: Plan,
    run: u64,
    steps: u64,
    /// Who was at the step that was to fail.
    failed: Option<String>,
    /// Steps of the actors that fail ever so often.
    counted: u64,
    drawn: BTreeMap<String, u64>,
}

impl World {
    pub(crate) fn new(seed: u64, count: usize, schema_share: u64) -> Self {
        let mut random = Random(seed);
        let script = Script::new(&mut random, count, schema_share);
        let committed = random.below(count as u64 / 2);
        Self::with_script(seed, script, committed)
    }

    pub(crate) fn with_script(seed: u64, script: Script, committed: u64) -> Self {
        Self {
            seed,
            limit: watch::channel(script.txs.len() as u64).0,
            script,
            committed: watch::channel(committed).0,
            signal: watch::channel(Signal::None).0,
            kept: Mutex::new(Some(0)),
            goal: watch::channel(0).0,
            db: Mutex::default(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn begin_run(&self, plan: Plan) {
        let mut state = self.state.lock().unwrap();
        *state = State { plan, run: state.run + 1, ..State::default() };
        self.signal.send_replace(Signal::None);
        self.db().connections_are_gone();
    }

    pub(crate) fn keep(&self, kept: Option<u64>) {
        *self.kept.lock().unwrap() = kept;
    }

    pub(crate) fn db(&self) -> std::sync::MutexGuard<'_, Db> {
        self.db.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn committed(&self) -> u64 {
        *self.committed.borrow()
    }

    /// Whether the source has committed everything, and the target has it all.
    pub(crate) fn is_done(&self) -> bool {
        let all = self.script.txs.len() as u64;
        let db = self.db();
        let selected = db.link.as_ref().map(|_| self.script.count_selected(db.start(), all));
        self.committed() == all && selected == Some(db.applied.len() as u64)
    }

    /// Who has caught up has everything up to the position that he asked for.
    pub(crate) fn assert_caught_up(&self) {
        let db = self.db();
        let selected = self.script.count_selected(db.start(), *self.goal.borrow());
        assert!((1..=selected).all(|seq| db.applied.contains(&seq)), "it has not caught up");
    }

    pub(crate) fn limit(&self, count: u64) {
        self.limit.send_replace(count);
    }

    /// Whether the copy is done.
    pub(crate) fn is_streaming(&self) -> bool {
        self.db().link.as_ref().is_some_and(|link| link.phase != Phase::Copying)
    }

    /// Waits until the source has committed what it will.
    pub(crate) async fn settled(&self) {
        let mut committed = self.committed.subscribe();
        committed.wait_for(|committed| *committed >= *self.limit.borrow()).await.expect("the world goes on");
    }

    /// The source goes on by itself.
    pub(crate) async fn live(&self) {
        let mut limit = self.limit.subscribe();
        loop {
            limit.wait_for(|limit| self.committed() < *limit).await.expect("the world goes on");
            tokio::time::sleep(Duration::from_millis(7)).await;
            self.advance(1);
        }
    }

    pub(crate) fn advance(&self, by: u64) {
        let all = *self.limit.borrow();
        self.committed.send_if_modified(|count| {
            let before = *count;
            *count = (before + by).min(all).max(before);
            *count != before
        });
    }

    /// The next number of an actor's own series: it does not matter to it who else draws meanwhile.
    pub(crate) fn draw(&self, actor: &str, limit: u64) -> u64 {
        let mut state = self.state.lock().unwrap();
        let run = state.run;
        let count = state.drawn.entry(actor.to_owned()).or_default();
        *count += 1;
        let name = actor.bytes().fold(0, |hash: u64, byte| hash.wrapping_mul(131) + u64::from(byte));
        Random(self.seed ^ (run << 48) ^ name.rotate_left(17) ^ (*count << 24)).below(limit)
    }

    pub(crate) fn percent(&self, actor: &str, share: u64) -> bool {
        self.draw(actor, 100) < share
    }

    pub(crate) fn failed(&self) -> Option<String> {
        self.state.lock().unwrap().failed.clone()
    }

    pub(crate) fn steps(&self) -> u64 {
        self.state.lock().unwrap().steps
    }

    /// A place where something may go wrong: a message to a server, or its answer.
    pub(crate) async fn step(&self, actor: &str) -> Result<()> {
        let (plan, step, is_turn) = {
            let mut state = self.state.lock().unwrap();
            state.steps += 1;
            if state.plan.fail_at == Some(state.steps) {
                state.failed = Some(actor.to_owned());
            }
            let every = state.plan.fail_every.filter(|(name, _)| actor.starts_with(name));
            state.counted += u64::from(every.is_some());
            (state.plan, state.steps, every.is_some_and(|(_, every)| state.counted.is_multiple_of(every)))
        };
        if plan.crash_at == Some(step) {
            self.signal.send_replace(Signal::Crash);
            std::future::pending::<()>().await;
        }
        assert!(!plan.panic_of.is_some_and(|name| actor.starts_with(name)), "as planned");
        if plan.stop_at == Some(step) {
            self.signal.send_replace(Signal::Stop);
        }
        let slow = if actor.starts_with("lane") { 90 } else { 40 };
        if plan.jitter && self.percent(actor, slow) {
            tokio::time::sleep(Duration::from_millis(self.draw(actor, 30))).await;
        }
        if self.percent(actor, 30) {
            self.advance(1 + self.draw(actor, 3));
        }
        let fails = is_turn
            || plan.fail_at == Some(step)
            || (plan.fail_share > 0 && self.percent(actor, plan.fail_share));
        if fails {
            Err(Error::new(Code::ConnectionLost, format!("{actor}: the connection is lost")))
        } else {
            Ok(())
        }
    }
}
