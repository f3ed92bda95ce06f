//! Waiting between two tries of something that may pass by itself.

use std::time::Duration;
use tidegate_model::{Error, Result, Retry};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Doubling waits inside a window. After the window's end the last error is the outcome.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    window: Duration,
    wait: Duration,
    began: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, wait: FIRST_WAIT, began: None }
    }

    /// Begins anew: the thing worked.
    pub(crate) fn reset(&mut self) {
        self.wait = FIRST_WAIT;
        self.began = None;
    }

    /// Waits, or gives the error back when the window is over.
    pub(crate) async fn wait(&mut self, error: &Error) -> Result<()> {
        let began = *self.began.get_or_insert_with(Instant::now);
        if began.elapsed() + self.wait > self.window {
            let seconds = self.window.as_secs();
            let message = format!("{}; gave up after {seconds} s of trying", error.message());
            return Err(Error::new(error.code(), message).with_remedy(error.remedy().to_owned()));
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }
}

/// Calls until it works, as long as what is wrong may pass by itself. When it is stopped, the last error is the outcome.
pub(crate) async fn until_done<T, F>(
    window: Duration,
    stop: &CancellationToken,
    call: impl Fn() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut backoff = Backoff::new(window);
    loop {
        let error = match call().await {
            Err(error) if error.retry() == Retry::Auto => error,
            ended => return ended,
        };
        tracing::info!(%error, "asking again");
        tokio::select! {
            waited = backoff.wait(&error) => waited?,
            () = stop.cancelled() => return Err(error),
        }
    }
}
