//! Waiting for something outside this process, always with a deadline.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the thread rests between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Calls `look` until it returns a value or an error; `Ok(None)` when the deadline passes first.
pub(crate) fn until<T>(
    deadline: Duration,
    mut look: impl FnMut() -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    let started = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if started.elapsed() >= deadline {
            return Ok(None);
        }
        thread::park_timeout(PAUSE);
    }
}

/// Asks threads to end, and lets them pace themselves without missing it.
#[derive(Default)]
pub(crate) struct Stop {
    asked: Mutex<bool>,
    bell: Condvar,
}

impl Stop {
    pub(crate) fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Whether it is asked for now, or within the next `pause`.
    pub(crate) fn within(&self, pause: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(asked, pause, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
