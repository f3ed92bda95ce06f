//! The service is killed at one named point after the other of a takeover, and each time the next one goes on.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use super::pair::Pair;
use crate::wait;

/// Points that a running link passes, under load.
const UNDER_LOAD: [&str; 2] = ["link-begins", "link-ended"];
/// Points of a takeover, in the order in which it passes them: the next crash comes where the last one's takeover goes on.
const TAKING_OVER: [&str; 12] = [
    "stop-asked",
    "closed",
    "brought",
    "other-pausing",
    "drained",
    "compared",
    "handed-over",
    "admitted",
    "permit-taken",
    "permits-moved",
    "opened",
    "learned",
];
/// It is aborted there.
const ABORTED: i32 = 6;
const DEADLINE: Duration = Duration::from_secs(90);

/// How often each point was passed and ended the service.
pub(super) struct Hits(Vec<(&'static str, u64)>);

impl Hits {
    pub(super) fn none() -> Hits {
        Hits(UNDER_LOAD.into_iter().chain(TAKING_OVER).map(|point| (point, 0)).collect())
    }

    fn add(&mut self, point: &str) {
        for (_, hits) in self.0.iter_mut().filter(|(name, _)| *name == point) {
            *hits += 1;
        }
    }

    /// Those that were not hit as often as there were turns.
    pub(super) fn lacking(&self, turns: u64) -> Vec<&'static str> {
        self.0.iter().filter(|(_, hits)| *hits < turns).map(|(name, _)| *name).collect()
    }

    pub(super) fn text(&self) -> String {
        let each: Vec<String> = self.0.iter().map(|(name, hits)| format!("{name} {hits}")).collect();
        each.join(", ")
    }
}

/// While applications write: as a link begins, and as one ends because the service is asked to end in order.
pub(super) fn under_load(pair: &mut Pair<'_>, writes: &str, hits: &mut Hits) -> Result<(), String> {
    let [begins, ended] = UNDER_LOAD;
    pair.restart(Some(begins))?;
    if ends_at(pair, begins)? {
        hits.add(begins);
    }
    pair.restart(Some(ended))?;
    pair.wait_until_streams(writes)?;
    pair.service.process.signal("TERM")?;
    if ends_at(pair, ended)? {
        hits.add(ended);
    }
    pair.restart(None)
}

/// A takeover by `gains`, with a crash at each of its points. Answers how often it was declined on the way.
pub(super) fn through_a_takeover(
    pair: &mut Pair<'_>,
    gains: &str,
    verb: &str,
    hits: &mut Hits,
) -> Result<u64, String> {
    let mut declined = 0;
    for point in TAKING_OVER {
        pair.restart(Some(point))?;
        // It may end before it answers; whether it was asked is seen then.
        let _ = pair.take_over(verb, "1s");
        let ended = wait::until(DEADLINE, || {
            if pair.service.process.has_ended() {
                return Ok(Some(true));
            }
            // It may end between this question and its answer.
            let Ok(shown) = pair.show(gains) else { return Ok(None) };
            if shown.has_taken_over() {
                return Ok(Some(false));
            }
            if shown.may_be_asked() {
                declined += 1;
                let _ = pair.take_over(verb, "1s");
            }
            Ok(None)
        })?;
        match ended {
            Some(true) if ends_at(pair, point)? => hits.add(point),
            Some(_) => println!("    {verb}: passed without a crash at {point}"),
            None => {
                return Err(format!(
                    "{verb}: neither at its end nor at {point} after {} s",
                    DEADLINE.as_secs()
                ));
            }
        }
    }
    pair.restart(None)?;
    let done = wait::until(DEADLINE, || {
        let shown = pair.show(gains)?;
        if shown.may_be_asked() {
            declined += 1;
            let _ = pair.take_over(verb, "1s");
        }
        Ok(shown.has_taken_over().then_some(()))
    })?;
    done.ok_or_else(|| format!("{verb}: not at its end {} s after the last crash", DEADLINE.as_secs()))?;
    Ok(declined)
}

/// Waits until the service has ended, and answers whether it crashed: else it came to its end in order.
fn ends_at(pair: &mut Pair<'_>, point: &str) -> Result<bool, String> {
    let usage = pair.service.process.finish(DEADLINE);
    let usage = usage.map_err(|text| format!("it did not crash at {point} ({text}); has it such points?"))?;
    Ok(usage.status.signal() == Some(ABORTED))
}
