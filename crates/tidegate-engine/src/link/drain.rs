//! Bringing a link to rest at one place of the source's log.

use super::{Link, Outcome, at_source};
use crate::capture;
use crate::changelog::{ChangeLog, Writer};
use tidegate_model::{Code, Error, LinkState, Phase, Position, Result};

impl Link {
    /// Reads up to `upto`, if it is given, and applies what the log holds. Ends when all of it is in the target.
    pub(super) async fn drain(
        &self,
        state: &LinkState,
        log: ChangeLog,
        writer: Writer,
        upto: Option<&Position>,
    ) -> Result<Outcome> {
        let Phase::CatchingUp { until } = state.phase else {
            return Err(Error::new(Code::Internal, "a link whose copy is not done cannot rest"));
        };
        let context = self.capture_context(&log);
        let writer = match upto {
            Some(upto) => tokio::select! {
                read = capture::up_to(&context, writer, upto) => read.map_err(at_source)?,
                () = self.stop.cancelled() => return Ok(Outcome::Stopped),
            },
            None => writer,
        };
        let end = writer.end();
        if !state.done_after(end.seq).is_empty() {
            let what = "the change log ends before what is in the target already: it was lost, and is being read again";
            return Err(Error::new(Code::TargetBusy, what));
        }
        self.progress.published(end.clone());
        let applying = self.apply(state, &log, until);
        tokio::pin!(applying);
        tokio::select! {
            ended = &mut applying => return ended.map(|()| Outcome::Stopped),
            done = self.applied_up_to(end.seq) => done?,
        }
        self.stop.cancel();
        applying.await.map(|()| Outcome::CaughtUp)
    }
}
