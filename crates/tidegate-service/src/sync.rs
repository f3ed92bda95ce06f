//! One link in the foreground: what `tidegate sync` asks for, and how it runs.

use crate::endpoint::{Endpoint, EndpointUrl, Side};
use crate::folder::{Owner, Surroundings, claim};
use crate::objects;
use crate::stable_hash;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::{Objects, ObjectsChange};
use tidegate_engine::LANES_MAX;
use tidegate_engine::link::{self, Options, Outcome, Task};
use tidegate_engine::progress::Progress;
use tidegate_model::{
    Checkpoint, Code, Definition, Error, Finding, FindingSide, InstanceName, Position, Reselection, Result,
    Selection, Source, TableName, Target,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub const LANES_DEFAULT: u16 = 2;
pub const COPY_WORKERS_DEFAULT: u16 = 2;
pub const COPY_WORKERS_MAX: u16 = 64;
pub const LOG_BYTES_MAX_DEFAULT: u64 = 16 << 30;
/// The log's last segment stays until the next is begun: below a few segments capture would wait for ever.
pub const LOG_BYTES_MAX_LEAST: u64 = 256 << 20;
pub const RETRY_WINDOW_DEFAULT: Duration = Duration::from_secs(12 * 3600);

mod fence;
mod pair;

pub(crate) use fence::{choose_fence, offered_fences};
pub(crate) use pair::{move_permit, peers_of};

/// Where the ids lie that we choose ourselves: above the small ones that people give to their servers.
const SERVER_IDS: std::ops::RangeInclusive<u32> = 1_000_000..=4_000_000_000;

/// What a person asks for. What is `None` is chosen: the same again for the same two servers.
#[derive(Clone)]
pub struct SyncRequest {
    pub source: EndpointUrl,
    pub target: EndpointUrl,
    pub objects: Objects,
    pub name: Option<String>,
    /// The link's own folder.
    pub data_dir: Option<PathBuf>,
    pub lanes: Option<u16>,
    pub copy_workers: Option<u16>,
    pub log_bytes_max: Option<u64>,
    pub retry_window: Option<Duration>,
    pub until_caught_up: bool,
    pub server_id: Option<u32>,
    /// Links of the other direction, now and before, whose writes in the source are no news.
    pub peers: Vec<InstanceName>,
}

/// A request with everything decided.
#[derive(Clone, Debug)]
pub struct SyncPlan {
    source: Endpoint,
    target: Endpoint,
    server_id: u32,
    renames: bool,
    /// Links of the other direction, now and before, if it is one of a pair.
    peers: Vec<InstanceName>,
    options: Options,
}

impl SyncRequest {
    /// Decides everything that can be decided without asking a server.
    pub fn resolve(&self, surroundings: &Surroundings) -> Result<SyncPlan> {
        let source = self.source.read(Side::Source)?;
        let target = self.target.read(Side::Target)?;
        source.refuse_other_engine(&target)?;
        let selection = objects::read(&self.objects)?;
        source.read_rules(&selection)?;
        let bad = |why: String| Error::new(Code::BadSetting, why);
        let instance = match &self.name {
            Some(name) => InstanceName::parse(name).map_err(|why| bad(format!("--name: {why}")))?,
            None => default_name(&source, &target)?,
        };
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => surroundings.link_folder(&instance)?,
        };
        let lanes = self.lanes.unwrap_or(LANES_DEFAULT);
        if lanes == 0 || usize::from(lanes) > LANES_MAX {
            return Err(bad(format!("--lanes: {lanes} is not within 1 to {LANES_MAX}")));
        }
        let copy_workers = self.copy_workers.unwrap_or(COPY_WORKERS_DEFAULT);
        if copy_workers == 0 || copy_workers > COPY_WORKERS_MAX {
            return Err(bad(format!("--copy-workers: {copy_workers} is not within 1 to {COPY_WORKERS_MAX}")));
        }
        let log_bytes_max = self.log_bytes_max.unwrap_or(LOG_BYTES_MAX_DEFAULT);
        if log_bytes_max < LOG_BYTES_MAX_LEAST {
            let least = LOG_BYTES_MAX_LEAST >> 20;
            return Err(bad(format!(
                "--log-limit: {log_bytes_max} bytes are too few; give at least {least}MiB"
            )));
        }
        let server_id = self.server_id.unwrap_or_else(|| default_server_id(&instance));
        if server_id == 0 {
            return Err(bad("--server-id: 0 is not an id; give 1 to 4294967295".to_owned()));
        }
        let options = Options {
            instance,
            selection,
            folder,
            lanes,
            copy_workers: usize::from(copy_workers),
            log_bytes_max,
            retry_window: self.retry_window.unwrap_or(RETRY_WINDOW_DEFAULT),
            task: if self.until_caught_up { Task::CatchUp } else { Task::Follow },
        };
        let renames = !self.objects.rename.is_empty();
        Ok(SyncPlan { source, target, server_id, renames, peers: self.peers.clone(), options })
    }
}

fn default_name(source: &Endpoint, target: &Endpoint) -> Result<InstanceName> {
    let hash = stable_hash(&format!("{} {}", source.address(), target.address()));
    let name = format!("sync-{:08x}", (hash >> 32) as u32 ^ hash as u32);
    InstanceName::parse(&name).map_err(|why| Error::new(Code::Internal, why))
}

/// The link that adds objects to another.
fn adding_name(own: &InstanceName) -> Result<InstanceName> {
    InstanceName::parse(&format!("{own}-add")).map_err(|why| Error::new(Code::Internal, why))
}

fn default_server_id(name: &InstanceName) -> u32 {
    let span = u64::from(SERVER_IDS.end() - SERVER_IDS.start()) + 1;
    SERVER_IDS.start() + (stable_hash(name.as_str()) % span) as u32
}

impl SyncPlan {
    pub fn name(&self) -> &str {
        self.options.instance.as_str()
    }

    pub(crate) fn log_bytes_max(&self) -> u64 {
        self.options.log_bytes_max
    }

    pub fn folder(&self) -> &std::path::Path {
        &self.options.folder
    }

    pub fn source(&self) -> &Endpoint {
        &self.source
    }

    pub fn target(&self) -> &Endpoint {
        &self.target
    }

    fn open_source(&self) -> Arc<dyn Source> {
        self.source.source(self.server_id, &self.options.selection, &self.peers)
    }

    fn open_target(&self) -> Arc<dyn Target> {
        self.target.target(&self.options.instance, &self.options.selection)
    }

    /// The same link, which writes nothing to the target and goes on reading the source's log.
    pub(crate) fn collecting(mut self) -> Self {
        self.options.task = Task::Collect;
        self
    }

    /// Runs the link until `stop`, until it has caught up if asked so, or until an error that needs a person.
    pub async fn run(self, progress: Arc<Progress>, stop: CancellationToken) -> Result<Outcome> {
        let (source, target) = (self.open_source(), self.open_target());
        tokio::select! {
            met = self.meet(source.as_ref(), target.as_ref()) => met?,
            () = stop.cancelled() => return Ok(Outcome::Stopped),
        }
        let span = tracing::info_span!("link", instance = %self.options.instance);
        link::run(source, target, self.options, progress, stop).instrument(span).await
    }

    /// Sees to it that the two servers and the folder fit together.
    async fn meet(&self, source: &dyn Source, target: &dyn Target) -> Result<()> {
        let (source_identity, target_identity) = self.fit(source, target).await?;
        let owner =
            Owner { name: &self.options.instance, source: &source_identity, target: &target_identity };
        claim(&self.options.folder, &owner)
    }

    /// Asks both servers who they are, and whether this pair of them and the names in the target fit together.
    async fn fit(&self, source: &dyn Source, target: &dyn Target) -> Result<(String, String)> {
        let source_identity = source.identity().await.map_err(|e| e.context(Side::Source))?;
        let target_identity = target.identity().await.map_err(|e| e.context(Side::Target))?;
        let same_server = source_identity == target_identity;
        if same_server && !self.renames {
            return Err(self.same_server("nothing is renamed on the way"));
        }
        if self.renames {
            let selection = &self.options.selection;
            let tables = source.tables(selection).await.map_err(|e| e.context(Side::Source))?;
            let names: Vec<_> = tables.iter().map(|table| &table.name).collect();
            if same_server && let Some(why) = objects::stays_within(selection, &names) {
                return Err(self.same_server(&why));
            }
            objects::collisions(selection, &names)?;
        }
        Ok((source_identity, target_identity))
    }

    /// Every link that an instance may have: its own, and the one that adds objects to it.
    pub(crate) fn links(&self) -> Vec<InstanceName> {
        let own = &self.options.instance;
        [Some(own.clone()), adding_name(own).ok()].into_iter().flatten().collect()
    }

    /// The link that copies what `wanted` selects beyond this one, and follows it: under a name, in a folder and with an
    /// id of its own.
    pub(crate) fn adding(&self, wanted: &Self) -> Result<Self> {
        let mut adding = wanted.clone();
        let own = &self.options.instance;
        adding.options.instance = adding_name(own)?;
        adding.options.folder = self.options.folder.with_file_name(adding.options.instance.as_str());
        adding.server_id = default_server_id(&adding.options.instance);
        adding.options.selection = wanted.options.selection.clone().beyond(self.options.selection.clone());
        Ok(adding)
    }

    /// The same link, which applies what was read, up to a place if one is given, and rests there.
    pub(crate) fn draining(mut self, upto: Option<Position>) -> Self {
        self.options.task = Task::Drain { upto };
        self
    }

    /// What becomes of the objects if this link got the selection of `wanted`. Refuses what cannot be.
    pub(crate) async fn change_to(&self, wanted: &Self) -> Result<ObjectsChange> {
        let source = self.open_source();
        let (before, after) = (&self.options.selection, &wanted.options.selection);
        let (had, has) = (source.tables(before).await, source.tables(after).await);
        let names = |tables: Result<Vec<tidegate_model::Table>>| -> Result<Vec<TableName>> {
            let tables = tables.map_err(|e| e.context(Side::Source))?;
            Ok(tables.into_iter().map(|table| table.name).collect())
        };
        let (had, has) = (names(had)?, names(has)?);
        for name in had.iter().filter(|name| has.contains(name)) {
            let of = |selection: &Selection| selection.map(&name.database, &name.table);
            if of(before) != of(after) {
                let what = format!(
                    "{name} is called {} in the target, and would be called {}",
                    of(before),
                    of(after)
                );
                return Err(Error::new(Code::BadPattern, what).with_remedy(
                    "what is copied keeps its name: leave it out, or make another instance for it",
                ));
            }
            let rule = |selection: &Selection| {
                selection.rule(&name.database, &name.table).cloned().map(|rule| (rule.filter, rule.columns))
            };
            if rule(before) != rule(after) {
                let what = format!("{name} would have another filter or other columns");
                return Err(Error::new(Code::BadPattern, what).with_remedy(
                    "take the table out first; then drop it in the target, and add it again under the new rule",
                ));
            }
        }
        self.source.ask(self.source.check_rules(after)).await?;
        let all: Vec<&TableName> = has.iter().collect();
        objects::collisions(after, &all)?;
        if self.source.identity().await? == self.target.identity().await?
            && let Some(why) = objects::stays_within(after, &all)
        {
            return Err(self.same_server(&why));
        }
        let without = |all: &[TableName], others: &[TableName]| -> Vec<String> {
            all.iter().filter(|name| !others.contains(name)).map(ToString::to_string).collect()
        };
        Ok(ObjectsChange { added: without(&has, &had), removed: without(&had, &has) })
    }

    /// Whether one position of the source has everything that another has.
    pub(crate) fn covers(&self, position: &Position, other: &Position) -> Result<bool> {
        self.open_source().cursor(position)?.covers(other)
    }

    /// Whether the target has the link with this plan's selection.
    pub(crate) async fn is_selected(&self) -> Result<bool> {
        let target = self.open_target();
        let state = target.state().await.map_err(|e| e.context(Side::Target))?;
        Ok(state.is_some_and(|state| state.selection == self.options.selection.fingerprint()))
    }

    /// What the source has of the selection, and a place of its log at which that is so: whatever changes it lies beyond.
    pub(crate) async fn definitions_at(&self) -> Result<(Vec<Definition>, Position)> {
        let selection = &self.options.selection;
        let source = self.open_source();
        let read = async || source.definitions(selection).await.map_err(|e| e.context(Side::Source));
        let before = read().await?;
        let at = source.position().await.map_err(|e| e.context(Side::Source))?;
        if read().await? == before {
            return Ok((before, at));
        }
        Err(Error::new(Code::TargetBusy, "the objects that are added are being changed at this moment"))
    }

    /// Makes in the target what no table needs: views, routines, empty databases.
    pub(crate) async fn define(&self, definitions: &[Definition]) -> Result<()> {
        let selection = &self.options.selection;
        let target = self.open_target();
        target.define(definitions, selection).await.map(|_| ()).map_err(|e| e.context(Side::Target))
    }

    /// Gives the link, which rests at `at`, the selection of `wanted`, and what `joined` has copied.
    pub(crate) async fn reselect(&self, wanted: &Self, at: &Checkpoint, joined: Option<&Self>) -> Result<()> {
        let target = self.open_target();
        let joined = joined.map(|joined| &joined.options.instance);
        let change = Reselection { selection: &wanted.options.selection, at, joined };
        target.reselect(change).await.map_err(|e| e.context(Side::Target))
    }

    /// What is found at the two servers, and held against each other.
    pub(crate) async fn look(&self) -> Vec<Finding> {
        let found = self.source.look(&*self.target, &self.options.selection).await;
        found.unwrap_or_else(|error| {
            let (item, title) = ("LOOK", "Both sides can be looked at");
            vec![Finding { item, title, side: FindingSide::Both, blocks: true, outcome: Err(error) }]
        })
    }

    /// Everything that [`SyncPlan::run`] asks of the two together, without claiming anything.
    pub(crate) async fn check_topology(&self) -> Result<()> {
        let (source, target) = (self.open_source(), self.open_target());
        self.fit(source.as_ref(), target.as_ref()).await.map(|_| ())
    }

    /// The tables that [`SyncPlan::reset`] would drop, by their names in the target, each with the rows copied into it.
    pub(crate) async fn would_drop(&self) -> Result<Vec<(String, u64)>> {
        let selection = &self.options.selection;
        let target = self.open_target();
        let state = target.state().await.map_err(|e| e.context(Side::Target))?;
        let copied = state.map(|state| state.copied).unwrap_or_default();
        let named = copied
            .into_iter()
            .map(|one| (selection.map(&one.table.database, &one.table.table).to_string(), one.rows));
        Ok(named.collect())
    }

    /// Drops the tables that the link made, with all that is in them, and forgets how far it was.
    pub(crate) async fn reset(&self) -> Result<()> {
        let target = self.open_target();
        match target.reset().await {
            // It never came as far as to have a state.
            Err(error) if error.code() == Code::MissingTable => Ok(()),
            done => done.map_err(|e| e.context(Side::Target)),
        }
    }

    /// Keeps what an earlier run may have under way in the target from going through.
    pub(crate) async fn end_earlier_runs(&self) -> Result<()> {
        for link in self.links() {
            let target = self.target.target(&link, &self.options.selection);
            target.end_earlier_run().await.map_err(|e| e.context(Side::Target))?;
        }
        Ok(())
    }

    fn same_server(&self, why: &str) -> Error {
        let what =
            format!("{} and {} are one server, and {why}", self.source.address(), self.target.address());
        Error::new(Code::SameServer, what)
    }
}

#[cfg(test)]
mod tests;
