//! Two servers for a campaign, and what becomes of them when it has failed.

use std::fs;
use std::path::PathBuf;

use tidegate_sandbox::{Flavour, Options, Server, scratch, workspace_root};

/// Two servers and the folder that holds everything of one run.
pub(super) struct Arena {
    pub(super) flavour: Flavour,
    pub(super) folder: PathBuf,
    pub(super) source: Server,
    pub(super) target: Server,
}

impl Arena {
    pub(super) fn open(flavour: Flavour) -> Result<Arena, String> {
        let folder = scratch("soak")?;
        let start = |name: &str, id| Server::start(Options::new(flavour, id), &folder.join(name));
        let (source, target) = (start("source", 1)?, start("target", 2)?);
        Ok(Arena { flavour, source, target, folder })
    }

    /// Ends the servers and moves everything to where no later run sweeps it away.
    pub(super) fn keep(&mut self) -> Result<PathBuf, String> {
        for server in [&mut self.source, &mut self.target] {
            server.stop();
            server.keep();
        }
        let kept = workspace_root().join(".sandbox").join("failed");
        fs::create_dir_all(&kept).map_err(|error| format!("cannot create {}: {error}", kept.display()))?;
        let kept = kept.join(self.folder.file_name().unwrap_or_default());
        fs::rename(&self.folder, &kept).map_err(|error| {
            format!("cannot move {} to {}: {error}", self.folder.display(), kept.display())
        })?;
        Ok(kept)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for server in [&mut self.source, &mut self.target] {
            server.kill();
        }
        // Gone already when it was kept.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
