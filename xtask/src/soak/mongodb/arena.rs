//! Two replica sets for a campaign, and what becomes of them when it has failed.

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_sandbox::mongo::{Options, ReplicaSet};
use tidegate_sandbox::{scratch, workspace_root};

pub(super) struct Arena {
    pub(super) folder: PathBuf,
    pub(super) source: ReplicaSet,
    pub(super) target: ReplicaSet,
}

impl Arena {
    pub(super) fn open(members: usize) -> Result<Arena, String> {
        let folder = scratch("soak")?;
        let start = |name: &str| ReplicaSet::start(Options::new(members), &folder.join(name));
        let (source, target) = (start("source")?, start("target")?);
        Ok(Arena { source, target, folder })
    }

    /// Ends the servers and moves everything to where no later run sweeps it away.
    pub(super) fn keep(&mut self) -> Result<PathBuf, String> {
        keep(&self.folder, [&mut self.source, &mut self.target])
    }
}

/// Ends the sets, whose folders are in this one, and moves it to where no later run sweeps it away.
pub(in crate::soak) fn keep(folder: &Path, sets: [&mut ReplicaSet; 2]) -> Result<PathBuf, String> {
    for set in sets {
        set.stop();
        set.keep();
    }
    let kept = workspace_root().join(".sandbox").join("failed");
    fs::create_dir_all(&kept).map_err(|error| format!("cannot create {}: {error}", kept.display()))?;
    let kept = kept.join(folder.file_name().unwrap_or_default());
    fs::rename(folder, &kept)
        .map_err(|error| format!("cannot move {} to {}: {error}", folder.display(), kept.display()))?;
    Ok(kept)
}

impl Drop for Arena {
    fn drop(&mut self) {
        for set in [&self.source, &self.target] {
            (0..set.ports().len()).for_each(|member| set.kill(member));
        }
        // Gone already when it was kept.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
