//! Waiting for something outside this process, always with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long the thread rests between two looks. Short, because a server start is about a second.
const PAUSE: Duration = Duration::from_millis(10);

/// Calls `look` until it returns a value or an error; `Ok(None)` when the deadline passes first.
pub(crate) fn until<T, E>(
    deadline: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
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
