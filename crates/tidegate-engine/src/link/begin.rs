//! A link's first state in the target.

use super::{Link, at_source, at_target};
use crate::apply;
use tidegate_model::{
    Checkpoint, Code, Error, LaneCheckpoint, LinkState, Phase, Position, Result, Selection, Seq, SeqSet,
    Source, Target,
};

impl Link {
    /// Begins with a copy, and with what the source's log has from now on.
    pub(super) async fn begin(&self) -> Result<LinkState> {
        let start = self.source.position().await.map_err(at_source)?;
        if self.source.tables(&self.selection).await.map_err(at_source)?.is_empty() {
            return Err(Error::new(Code::NothingSelected, self.selection.fingerprint()));
        }
        let state = first_state(self.source.as_ref(), &self.selection, Phase::Copying, start).await?;
        self.target.begin(&state).await.map_err(at_target)?;
        Ok(state)
    }
}

/// Begins a link whose target has everything already that its source had at `start`: nothing is copied. The target
/// must be prepared; a link that was begun already stays as it is.
pub async fn begin_at(
    source: &dyn Source,
    target: &dyn Target,
    selection: &Selection,
    start: Position,
) -> Result<()> {
    if target.state().await.map_err(at_target)?.is_some() {
        return Ok(());
    }
    let state = first_state(source, selection, Phase::CatchingUp { until: Seq(0) }, start).await?;
    target.begin(&state).await.map_err(at_target)
}

async fn first_state(
    source: &dyn Source,
    selection: &Selection,
    phase: Phase,
    start: Position,
) -> Result<LinkState> {
    let low = Checkpoint { seq: Seq(0), position: start.clone() };
    let lane = |lane| LaneCheckpoint { lane, version: 0, low: low.clone(), done: SeqSet::default() };
    Ok(LinkState {
        phase,
        start,
        source: source.lineage().await.map_err(at_source)?,
        selection: selection.fingerprint(),
        lanes: (0..apply::LANES_MAX as u16).map(lane).collect(),
        copied: Vec::new(),
    })
}
