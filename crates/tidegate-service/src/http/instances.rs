//! Instances over HTTP.

use super::auth::Caller;
use super::extract::{Asked, OfInstance, Place};
use super::{Failure, Service};
use crate::lifecycle::{Decision, Event, allowed, next, objection};
use crate::orders::reversing::may_have_reverse;
use crate::store::{Found, Listing, Sort, Store};
use crate::supervisor::watch::told;
use axum::Json;
use axum::extract::State;
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use tidegate_api::{Command, Instance, InstanceList, Kind, Locked, Sample, Status, Transition};
use tidegate_model::{Code, Error, Result};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those that are there: one status, or several with commas between them.
    #[serde(default)]
    #[param(value_type = Option<Status>)]
    status: Several<Status>,
    /// Only those: one kind, or several with commas between them.
    #[serde(default)]
    #[param(value_type = Option<Kind>)]
    kind: Several<Kind>,
    /// Only those with an end in this region.
    region: Option<String>,
    /// Only those with this tag: `key`, or `key:value`.
    tag: Option<String>,
    /// Only those with this in their id, their name or the address of an end.
    search: Option<String>,
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// Passed over.
    #[serde(default)]
    offset: usize,
    /// At most so many, up to 1000.
    #[param(maximum = 1000)]
    limit: Option<usize>,
}

/// Words with commas between them.
struct Several<T>(Vec<T>);

impl<T> Default for Several<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let one = |word: &str| T::deserialize(word.into_deserializer());
        let words: Result<_, serde::de::value::Error> = text.split(',').map(one).collect();
        words.map(Self).map_err(D::Error::custom)
    }
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Ascending,
    Descending,
}

const LIMIT_MAX: usize = 1000;

impl Filter {
    fn listing(self) -> Result<Listing> {
        let limit = self.limit.unwrap_or(LIMIT_MAX);
        if limit > LIMIT_MAX {
            return Err(Error::new(Code::BadRequest, format!("limit: {LIMIT_MAX} at most")));
        }
        Ok(Listing {
            statuses: self.status.0,
            kinds: self.kind.0,
            region: self.region,
            search: self.search,
            tag: self.tag,
            sort: self.sort,
            descending: self.order == Order::Descending,
            offset: self.offset,
            limit,
        })
    }
}

/// Instances, without their prechecks.
#[utoipa::path(
    get,
    path = "/api/v1/instances",
    params(Filter),
    responses((status = 200, description = "The instances", body = InstanceList), Failure),
)]
pub(super) async fn list(
    State(service): State<Service>,
    _: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<InstanceList>, Failure> {
    let listing = filter.listing()?;
    let (page, total) = service.store.ask(move |store| store.page(&listing)).await?;
    Ok(Json(InstanceList {
        instances: page.into_iter().map(|found| shown(&service, found)).collect(),
        total,
    }))
}

/// One instance, with its last precheck.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}",
    params(OfInstance),
    responses((status = 200, description = "The instance", body = Instance), Failure),
)]
pub(super) async fn show(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<Instance>, Failure> {
    let read = move |store: &Store| {
        let found = store.find(&id)?;
        let peer = found.peer.as_ref().map(|peer| store.find(peer)).transpose()?;
        Ok((found, peer))
    };
    let (mut found, peer) = service.store.ask(read).await?;
    let precheck = found.precheck.take().unwrap_or_default();
    let locked = locked(&service, &found, peer.as_ref());
    Ok(Json(Instance { precheck, locked, ..shown(&service, found) }))
}

/// What cannot be asked of an instance now, each with the reason that asking would be answered with.
fn locked(service: &Service, found: &Found, peer: Option<&Found>) -> Vec<Locked> {
    let why_not = |command: Command| match next(found.spec.kind, found.state, Event::Command(command)) {
        Decision::Refuse(why) => Some(why.to_owned()),
        Decision::Already => Some(format!("it is {} already", found.state.status.title())),
        Decision::Move(_) => peer
            .and_then(|peer| objection(found.spec.kind, found.state, peer.state, command))
            .map(str::to_owned),
    };
    let commands = Command::ALL
        .into_iter()
        .filter_map(|command| Some(Locked { action: command.name().to_owned(), why: why_not(command)? }));
    let reverse = may_have_reverse(service, found).err();
    let reverse =
        reverse.map(|error| Locked { action: "reverse".to_owned(), why: error.message().to_owned() });
    commands.chain(reverse).collect()
}

/// What happened to an instance, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/history",
    params(OfInstance),
    responses((status = 200, description = "What happened to it", body = Vec<Transition>), Failure),
)]
pub(super) async fn history(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<Vec<Transition>>, Failure> {
    Ok(Json(service.store.ask(move |store| store.transitions(&id)).await?))
}

/// What it did in the last hour, every five seconds, the oldest first. A restart of the service forgets it.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/samples",
    params(OfInstance),
    responses((status = 200, description = "What it did", body = Vec<Sample>), Failure),
)]
pub(super) async fn samples(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<Vec<Sample>>, Failure> {
    let found = service.store.ask(move |store| store.find(&id)).await?;
    Ok(Json(service.supervisor.samples(&found.id)))
}

pub(crate) fn shown(service: &Service, found: Found) -> Instance {
    let kept_until = service.supervisor.kept_until(&found);
    let (spec, id) = (found.spec, found.id);
    let running = service.supervisor.progress(&id);
    let ended = matches!(found.state.status, Status::NotStarted | Status::Completed | Status::Released);
    let kept_until = kept_until.filter(|_| !ended);
    Instance {
        commands: allowed(spec.kind, found.state),
        title: found.state.status.title().to_owned(),
        name: spec.name,
        kind: spec.kind,
        status: found.state.status,
        generation: found.generation,
        source: spec.source,
        target: spec.target,
        objects: spec.objects,
        full_only: spec.full_only,
        tuning: spec.tuning,
        peer: found.peer,
        reverse_of: found.reverse_of,
        may_write: found.state.may_write,
        tags: found.tags,
        takeover: service.supervisor.step(&id),
        created_at: found.created_at,
        changed_at: found.changed_at,
        why: found.why.or_else(|| service.supervisor.trouble(&id)),
        wanted: found.wanted,
        adding: service.supervisor.adding(&id).map(|progress| told(&progress, None)),
        source_keeps_until: kept_until
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            .map(|at| at.to_string()),
        progress: running.map(|(progress, watched)| told(&progress, watched.as_ref())),
        recent_rates: service.supervisor.recent_rates(&id),
        precheck: Vec::new(),
        locked: Vec::new(),
        id,
    }
}
