//! Two links that are each other's way back.

use super::SyncPlan;
use crate::endpoint::Side;
use crate::objects;
use std::sync::Arc;
use tidegate_api::Objects;
use tidegate_engine::{link, pair};
use tidegate_model::{
    Code, Error, Finding, FindingSide, InstanceName, Position, Result, Selection, Seq, Source, TableName,
    Written,
};

impl SyncPlan {
    /// Where the source's log ends now.
    pub(crate) async fn source_position(&self) -> Result<Position> {
        self.open_source().position().await.map_err(|e| e.context(Side::Source))
    }

    /// Where the target's log ends now, for a reverse of this link. `reverse` is its id.
    pub(crate) async fn target_position(&self, reverse: &str) -> Result<String> {
        let position =
            self.target_as_source(reverse)?.position().await.map_err(|e| e.context(Side::Target))?;
        Ok(position.as_str().to_owned())
    }

    /// Makes the permit of a link that gets a reverse: from here on it stands in the target that it may write.
    pub(crate) async fn become_one_of_a_pair(&self) -> Result<()> {
        let (target, at_target) = (self.open_target(), |error: Error| error.context(Side::Target));
        if target.permit().await.map_err(at_target)?.is_none() {
            target.change_permit(None, true).await.map_err(at_target)?;
        }
        Ok(())
    }

    /// What applications have written in the target since this link began, of what a reverse would bring back.
    pub(crate) async fn written_before(&self, reverse: &str, objects: &Objects) -> Result<Written> {
        let id = InstanceName::parse(reverse).map_err(|why| Error::new(Code::Internal, why))?;
        let selection = objects::read(objects)?;
        let (server_id, links) = (super::default_server_id(&id), self.own_links()?);
        self.target.ask(self.target.written_by_others(server_id, &selection, &links, None)).await
    }

    /// What one of a pair would write if it went on now, or, if it has not begun, from `start` on.
    pub(crate) async fn would_write(&self, start: Option<&str>) -> Result<Written> {
        let state = self.open_target().state().await.map_err(|e| e.context(Side::Target))?;
        let from = state.map(|state| state.low().position).or_else(|| start.map(Position::new));
        // A reader of its own, beside the one that collects.
        let own = InstanceName::parse(&format!("{}-preview", self.options.instance))
            .map_err(|why| Error::new(Code::Internal, why))?;
        let (server_id, selection) = (super::default_server_id(&own), &self.options.selection);
        let written = self.source.written_by_others(server_id, selection, &self.peers, from.as_ref());
        self.source.ask(written).await
    }

    /// A position that a person gives, if the target's log can be read from there.
    pub(crate) async fn check_reverse_start(&self, position: &str) -> Result<String> {
        let source = self.target_as_source("reverse")?;
        let bad = |error: Error| Error::new(Code::BadRequest, format!("from: {}", error.message()));
        let given = source.plain(&Position::new(position)).map_err(bad)?;
        let now = source.position().await.map_err(|e| e.context(Side::Target))?;
        if !source.cursor(&now)?.covers(&given).map_err(bad)? {
            return Err(Error::new(
                Code::BadRequest,
                format!("from: the target's log ends at {now}, before that"),
            ));
        }
        Ok(given.as_str().to_owned())
    }

    /// This link, and the one that adds objects to it.
    fn own_links(&self) -> Result<Vec<InstanceName>> {
        peers_of(&[self.options.instance.as_str().to_owned()])
    }

    /// The target as the source of a reverse, to which what this link writes is no news.
    fn target_as_source(&self, reverse: &str) -> Result<Arc<dyn Source>> {
        let id = InstanceName::parse(reverse).map_err(|why| Error::new(Code::Internal, why))?;
        let selection = Selection::default();
        Ok(self.target.source(super::default_server_id(&id), &selection, &self.own_links()?))
    }

    /// What a way back needs beside what every link needs.
    pub(crate) async fn look_at_way_back(&self) -> Vec<Finding> {
        let finding = |item, title, side, outcome| Finding { item, title, side, blocks: true, outcome };
        let title = "Changes can be told from what the other direction writes";
        let (source, target) = (
            self.source.ask(self.source.check_marks(&self.options.selection)).await,
            self.target.ask(self.target.check_marks(&self.options.selection)).await,
        );
        let differences = async {
            let Some((_, first, count)) = self.first_difference().await? else { return Ok(()) };
            let what = format!("{first}; {count} differences in all");
            Err(Error::new(Code::DefinitionDiffers, what).with_remedy(
                "make the definitions the same on both sides: see tidegate verify for the whole list",
            ))
        };
        vec![
            finding("SOURCE_MARKS", title, FindingSide::Source, source),
            finding("TARGET_MARKS", title, FindingSide::Target, target),
            finding(
                "DEFINITIONS",
                "Both sides have the same definitions",
                FindingSide::Both,
                differences.await,
            ),
        ]
    }

    /// The first object that the two sides define differently, in which way, and how many differences there are.
    pub(super) async fn first_difference(&self) -> Result<Option<(TableName, String, usize)>> {
        let (source, target) = (self.source.comparable(), self.target.comparable());
        let found = source.definition_differences(target.as_ref(), &self.options.selection).await?;
        let count = found.len();
        Ok(found.into_iter().next().map(|(name, first)| (name, first, count)))
    }

    /// How many transactions of its source a link has not applied that does not read its log any more.
    pub(crate) async fn never_brought(&self) -> Result<u64> {
        let written = self.would_write(None).await?;
        let state = self.open_target().state().await.map_err(|e| e.context(Side::Target))?;
        let done = state.map_or(0, |state| state.done_after(state.low().seq).len());
        Ok(written.transactions.saturating_sub(done))
    }

    /// Begins a link that copies nothing, without the right to write. Safe to repeat.
    pub(crate) async fn begin_reverse(&self, start: &str) -> Result<()> {
        let (source, target) = (self.open_source(), self.open_target());
        let at_target = |error: Error| error.context(Side::Target);
        target.prepare().await.map_err(at_target)?;
        if target.permit().await.map_err(at_target)?.is_none() {
            target.change_permit(None, false).await.map_err(at_target)?;
        }
        let selection = &self.options.selection;
        link::begin_at(source.as_ref(), target.as_ref(), selection, Position::new(start)).await
    }

    /// Refuses if the target has something of the source's that its log, read up to `captured`, does not have.
    pub(crate) async fn refuse_if_elsewhere(&self, captured: &Position) -> Result<()> {
        let state = self.open_target().state().await.map_err(|e| e.context(Side::Target))?;
        let Some(low) = state.map(|state| state.low().position) else { return Ok(()) };
        if self.covers(captured, &low)? {
            return Ok(());
        }
        let what = format!(
            "the target is at {low}, and the source's log, read up to {captured}, does not have that"
        );
        Err(Error::new(Code::SourceRewound, what))
    }

    /// How many transactions up to there are not in the target.
    pub(crate) async fn left_of(&self, captured: Seq) -> Result<u64> {
        let state = self.open_target().state().await.map_err(|e| e.context(Side::Target))?;
        let Some(state) = state else { return Ok(0) };
        let low = state.low().seq;
        Ok(captured.0.saturating_sub(low.0).saturating_sub(state.done_after(low).len()))
    }
}

/// See [`pair::move_permit`].
pub(crate) async fn move_permit(from: &SyncPlan, to: &SyncPlan) -> Result<()> {
    let (from, to) = (from.open_target(), to.open_target());
    pair::move_permit(from.as_ref(), to.as_ref(), || crate::crash::point("permit-taken")).await
}

/// The links of instances: each, and the one that adds objects to it.
pub(crate) fn peers_of(ids: &[String]) -> Result<Vec<InstanceName>> {
    let mut links = Vec::new();
    for id in ids {
        let own = InstanceName::parse(id).map_err(|why| Error::new(Code::Internal, why))?;
        links.push(super::adding_name(&own)?);
        links.push(own);
    }
    Ok(links)
}
