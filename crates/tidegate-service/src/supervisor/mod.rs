//! Who does what the statuses say: one owner task for each instance that is not at rest. The store is the truth; an owner
//! only brings about what stands there, so a restart of the service goes on where it was.

mod adding;
mod ending;
mod owner;
mod samples;
mod switching;
mod verifying;
pub(crate) mod watch;

use crate::crash;
use crate::endpoint::{EndpointUrl, Secret};
use crate::folder::Surroundings;
use crate::lifecycle::{Decision, Event, Fact};
use crate::secrets::Vault;
use crate::store::{Found, Store};
use crate::sync::{self, SyncPlan, SyncRequest};
use samples::Samples;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_api::{Objects, Problem, Sample, Status, TakeoverStep};
use tidegate_engine::progress::Progress;
use tidegate_model::{Code, Error, Gate, Result};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use verifying::Verifications;
use watch::Watched;

/// So many instances ask their servers for the first time at once.
const STARTING_MAX: usize = 8;
/// What passes within this does not end a run.
const HICCUP: Duration = Duration::from_secs(10);
/// Who the history names for what nobody asked for.
const SERVICE: &str = "service";

pub struct Supervisor {
    store: Arc<Store>,
    vault: Arc<Vault>,
    /// A folder for each instance is in it.
    folder: PathBuf,
    gate: Gate,
    owners: Mutex<HashMap<String, Owner>>,
    starting: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// How often links had which error.
    faults: Mutex<BTreeMap<&'static str, (Code, u64)>>,
    samples: Samples,
    verifications: Verifications,
}

struct Owner {
    woken: Arc<Notify>,
    /// Woken since it has looked last.
    news: bool,
    progress: Option<Arc<Progress>>,
    watched: Option<Watched>,
    /// Of the link that adds objects.
    adding: Option<Arc<Progress>>,
    /// What keeps it from collecting.
    trouble: Option<Problem>,
    /// While it takes over.
    step: Option<TakeoverStep>,
}

impl Supervisor {
    pub fn new(store: Arc<Store>, vault: Arc<Vault>, folder: PathBuf, gate: Gate) -> Arc<Self> {
        Arc::new(Self {
            store,
            vault,
            folder,
            gate,
            owners: Mutex::default(),
            starting: Arc::new(Semaphore::new(STARTING_MAX)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            faults: Mutex::default(),
            samples: Samples::default(),
            verifications: Verifications::default(),
        })
    }

    /// Takes up what was under way when the service ended.
    pub async fn resume(self: &Arc<Self>) -> Result<()> {
        self.tasks.spawn(watch::watch(self.clone()));
        for found in self.store.ask(|store| store.list()).await? {
            self.wake(&found.id);
        }
        Ok(())
    }

    /// Sees to it that somebody looks at the instance.
    pub fn wake(self: &Arc<Self>, id: &str) {
        let mut owners = self.owners.lock().expect("no holder panics");
        if let Some(owner) = owners.get_mut(id) {
            owner.news = true;
            owner.woken.notify_one();
            return;
        }
        let woken = Arc::new(Notify::new());
        owners.insert(
            id.to_owned(),
            Owner {
                woken: woken.clone(),
                news: true,
                progress: None,
                watched: None,
                adding: None,
                trouble: None,
                step: None,
            },
        );
        self.tasks.spawn(owner::own(self.clone(), id.to_owned(), woken));
    }

    /// What a running instance tells of itself.
    pub(crate) fn progress(&self, id: &str) -> Option<(Arc<Progress>, Option<Watched>)> {
        let owners = self.owners.lock().expect("no holder panics");
        let owner = owners.get(id)?;
        Some((owner.progress.clone()?, owner.watched.clone()))
    }

    /// What it did lately, the oldest first.
    pub(crate) fn samples(&self, id: &str) -> Vec<Sample> {
        self.samples.all(id)
    }

    /// Rows a second of late, the oldest first; empty if it does not run.
    pub(crate) fn recent_rates(&self, id: &str) -> Vec<f64> {
        match self.progress(id) {
            Some(_) => self.samples.rates(id),
            None => Vec::new(),
        }
    }

    /// Up to when its source keeps what is not read yet: by what runs, else as the last run left it.
    pub(crate) fn kept_until(&self, found: &Found) -> Option<i64> {
        let running = self.progress(&found.id);
        running.and_then(|(progress, _)| watch::kept_until(&progress)).or(found.kept_until)
    }

    /// What the copy of added objects tells of itself.
    pub(crate) fn adding(&self, id: &str) -> Option<Arc<Progress>> {
        self.owners.lock().expect("no holder panics").get(id)?.adding.clone()
    }

    fn show_adding(&self, id: &str, adding: Option<Arc<Progress>>) {
        if let Some(owner) = self.owners.lock().expect("no holder panics").get_mut(id) {
            owner.adding = adding;
        }
    }

    /// Everything that runs.
    fn running(&self) -> Vec<(String, Arc<Progress>)> {
        let owners = self.owners.lock().expect("no holder panics");
        owners.iter().filter_map(|(id, owner)| Some((id.clone(), owner.progress.clone()?))).collect()
    }

    fn show_watched(&self, id: &str, watched: Watched) {
        if let Some(owner) = self.owners.lock().expect("no holder panics").get_mut(id) {
            owner.watched = Some(watched);
        }
    }

    /// Ends everything at a commit. Instances stay what they are, and go on with the next start.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn look(&self, id: &str) {
        if let Some(owner) = self.owners.lock().expect("no holder panics").get_mut(id) {
            owner.news = false;
        }
    }

    /// The owner has nothing to do: it goes, unless somebody has woken it since it looked.
    fn leave(&self, id: &str) -> bool {
        let mut owners = self.owners.lock().expect("no holder panics");
        let goes = owners.get(id).is_none_or(|owner| !owner.news);
        if goes {
            owners.remove(id);
        }
        goes
    }

    /// The owner with this bell has ended.
    fn forget(&self, id: &str, woken: &Arc<Notify>) {
        let mut owners = self.owners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if owners.get(id).is_some_and(|owner| Arc::ptr_eq(&owner.woken, woken)) {
            owners.remove(id);
        }
    }

    /// What keeps a paused instance from reading its source's log.
    pub fn trouble(&self, id: &str) -> Option<Problem> {
        self.owners.lock().expect("no holder panics").get(id)?.trouble.clone()
    }

    fn show_trouble(&self, id: &str, trouble: Option<Problem>) {
        if let Some(owner) = self.owners.lock().expect("no holder panics").get_mut(id) {
            owner.trouble = trouble;
        }
    }

    /// Where its takeover is.
    pub(crate) fn step(&self, id: &str) -> Option<TakeoverStep> {
        self.owners.lock().expect("no holder panics").get(id)?.step.clone()
    }

    fn show_step(&self, id: &str, step: Option<TakeoverStep>) {
        if let Some(owner) = self.owners.lock().expect("no holder panics").get_mut(id) {
            owner.step = step;
        }
    }

    fn show_progress(&self, id: &str, progress: Option<Arc<Progress>>) {
        if let Some(owner) = self.owners.lock().expect("no holder panics").get_mut(id) {
            owner.progress = progress;
            owner.watched = None;
        }
    }

    /// Whom the service may connect to.
    pub(crate) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Ends when the service does.
    pub(crate) fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    fn count_fault(&self, error: &Error) {
        let mut faults = self.faults.lock().expect("no holder panics");
        faults.entry(error.code().as_str()).or_insert((error.code(), 0)).1 += 1;
    }

    /// How often links had which error since the service began.
    pub(crate) fn faults(&self) -> Vec<(Code, u64)> {
        self.faults.lock().expect("no holder panics").values().copied().collect()
    }

    async fn learn(&self, id: &str, fact: Fact, why: Option<&Error>) -> Result<Decision> {
        why.inspect(|error| self.count_fault(error));
        let (id, why) = (id.to_owned(), why.map(problem));
        let moved =
            self.store.ask(move |store| store.decide(&id, Event::Fact(fact), SERVICE, why, None)).await?;
        let (instance, status) = (moved.instance.id.as_str(), moved.instance.state.status);
        tracing::info!(instance, fact = fact.name(), %status, "learned");
        crash::point("learned");
        Ok(moved.decision)
    }

    /// Everything decided that a run needs.
    pub(crate) fn plan(&self, found: &Found) -> Result<SyncPlan> {
        self.plan_with(found, &found.spec.objects)
    }

    /// The same with other objects.
    pub(crate) fn plan_with(&self, found: &Found, objects: &Objects) -> Result<SyncPlan> {
        let [source, target] = self.ends(found)?;
        let spec = &found.spec;
        SyncRequest {
            source,
            target,
            objects: objects.clone(),
            name: Some(found.id.clone()),
            data_dir: Some(self.folder.join(&found.id)),
            lanes: spec.tuning.lanes,
            copy_workers: spec.tuning.copy_workers,
            log_bytes_max: spec.tuning.log_bytes_max,
            // The owner tries again for as long as is configured, and says so; a run itself gets over hiccups only.
            retry_window: Some(HICCUP),
            until_caught_up: spec.full_only,
            server_id: spec.tuning.server_id,
            peers: sync::peers_of(&found.peers)?,
        }
        .resolve(&Surroundings::default())
    }

    /// Both databases, with what is needed to log in.
    fn ends(&self, found: &Found) -> Result<[EndpointUrl; 2]> {
        let end = |side: &str, url: &str, sealed: &Option<Vec<u8>>| -> Result<EndpointUrl> {
            let whose = password_place(&found.id, side);
            let password = sealed.as_ref().map(|sealed| self.vault.unseal(&whose, sealed)).transpose()?;
            Ok(EndpointUrl {
                url: url.to_owned(),
                password: password.map(Secret::new),
                password_in_url: false,
                gate: Some(self.gate.clone()),
            })
        };
        let spec = &found.spec;
        Ok([
            end("source", &spec.source.url, &found.source_password)?,
            end("target", &spec.target.url, &found.target_password)?,
        ])
    }
}

/// What a sealed password belongs to.
pub(crate) fn password_place(id: &str, side: &str) -> String {
    format!("{id}/{side}")
}

/// An error as it is stored and answered.
pub(crate) fn problem(error: &Error) -> Problem {
    let code = error.code();
    Problem {
        kind: format!("docs/errors/{}.md", code.as_str()),
        title: code.title().to_owned(),
        status: crate::http::status_of(code),
        detail: error.message().to_owned(),
        code: code.as_str().to_owned(),
        remedy: error.remedy().to_owned(),
        allowed: Vec::new(),
    }
}

/// What an instance's status asks of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    Nothing,
    Precheck,
    Run,
    /// Nothing is to be written, and the source's log is read on.
    Collect,
    /// It takes over from the other direction.
    Switch,
    /// What it made in the target is to go.
    Reset,
    /// Nothing of it is to run any more.
    End,
}

impl Duty {
    fn of(status: Status) -> Self {
        match status {
            Status::Prechecking => Self::Precheck,
            Status::Initializing | Status::Synchronizing | Status::Retrying => Self::Run,
            Status::Collecting | Status::Paused => Self::Collect,
            Status::Switching => Self::Switch,
            Status::Resetting => Self::Reset,
            Status::Pausing | Status::Terminating | Status::Releasing => Self::End,
            Status::NotConfigured
            | Status::NotStarted
            | Status::PrecheckFailed
            | Status::PrecheckPassed
            | Status::Failed
            | Status::Completed
            | Status::Released => Self::Nothing,
        }
    }
}
