//! What a person or a service manager asks of a running process.

use tidegate_service::{Code, Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a running command answers to.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Interrupt,
    Terminate,
}

impl Signals {
    /// From now on the signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        let on = |kind| {
            signal(kind).map_err(|e| Error::new(Code::Internal, format!("signals cannot be heard: {e}")))
        };
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Cancel-safe.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
    }
}
