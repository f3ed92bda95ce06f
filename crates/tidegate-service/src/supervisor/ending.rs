//! How a link ends, and what goes with it.

use super::owner::Owner;
use super::problem;
use crate::crash;
use crate::lifecycle::Fact;
use crate::store::Found;
use std::time::Duration;
use tidegate_api::Status;
use tidegate_model::{Code, Error, Result};

/// So long is tried to keep an earlier run of a terminated link from writing.
const END_WITHIN: Duration = Duration::from_secs(3);
/// Triggers go when the transactions that hold their tables have ended.
const OPEN_WITHIN: Duration = Duration::from_secs(15);

impl Owner {
    /// Nothing of this process runs for the instance here; what an earlier one may have left is kept from writing.
    pub(super) async fn end(&self, found: &Found) -> Result<()> {
        let terminating = found.state.status == Status::Terminating;
        let not_ended = match terminating {
            true => self.end_earlier_runs(found).await.err().or(self.let_applications_in(found).await.err()),
            false => None,
        };
        crash::point("earlier-ended");
        if found.state.status == Status::Releasing {
            self.supervisor.verifications.forget(&self.id);
            if let Err(error) = self.drop_folders(found) {
                tracing::warn!(%error, "the folder stays");
            }
        }
        crash::point("ended");
        self.supervisor.learn(&self.id, Fact::Stopped, not_ended.as_ref()).await.map(|_| ())
    }

    /// The change logs of the instance and of the link that adds to it, and whose folders they are.
    fn drop_folders(&self, found: &Found) -> Result<()> {
        for link in self.supervisor.plan(found)?.links() {
            let folder = self.supervisor.folder.join(link.as_str());
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::new(Code::ChangeLogIo, format!("{}: {error}", folder.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Drops what the link made in the target, then its change log: in this order, so that it can be repeated.
    pub(super) async fn reset(&mut self, found: &Found) -> Result<()> {
        let dropped = {
            let dropping = self.drop_all(found);
            tokio::pin!(dropping);
            loop {
                tokio::select! {
                    dropped = &mut dropping => break dropped,
                    () = self.woken.notified() => {
                        if !self.goes_on(found).await {
                            return Ok(());
                        }
                    }
                    () = self.supervisor.stop.cancelled() => return Ok(()),
                }
            }
        };
        match dropped {
            Ok(true) => self.supervisor.learn(&self.id, Fact::Stopped, None).await.map(|_| ()),
            // Something else was settled first.
            Ok(false) => Ok(()),
            Err(error) => {
                self.supervisor.show_trouble(&self.id, Some(problem(&error)));
                self.failed(found, error).await
            }
        }
    }

    async fn drop_all(&self, found: &Found) -> Result<bool> {
        if self.settles(found).await? {
            return Ok(false);
        }
        self.take_objects_back(found).await?;
        self.supervisor.plan(found)?.reset().await?;
        crash::point("dropped");
        self.drop_folders(found).map(|()| true)
    }

    /// Whoever is terminated stays so, also where the target cannot be asked: that is said then.
    async fn end_earlier_runs(&self, found: &Found) -> Result<()> {
        let ending = async { self.supervisor.plan(found)?.end_earlier_runs().await };
        let silent = || Error::new(Code::Silent, "the target does not answer");
        let ended = tokio::time::timeout(END_WITHIN, ending).await;
        ended.unwrap_or_else(|_| Err(silent())).map_err(|error| {
            tracing::info!(instance = self.id, %error, "not asked to end; nothing of ours runs any more");
            error.context("nothing of ours runs any more, but the target could not be asked to end what it may have under way")
                .with_remedy("see that no statement of the account is under way on the target (SHOW PROCESSLIST) before others write there")
        })
    }

    /// A link that has ended keeps nobody out.
    async fn let_applications_in(&self, found: &Found) -> Result<()> {
        let opening = async { self.supervisor.plan(found)?.let_applications_in().await };
        let silent = || Error::new(Code::Silent, "the target does not answer");
        let opened = tokio::time::timeout(OPEN_WITHIN, opening).await;
        opened.unwrap_or_else(|_| Err(silent())).map_err(|error| {
            tracing::info!(instance = self.id, %error, "applications are not let in again");
            error.context("applications may still be kept out of the target").with_remedy(
                "tidegate instance cleanup lists the statements that let them in, and carries them out",
            )
        })
    }
}
