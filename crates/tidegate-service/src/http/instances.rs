//! Instances over HTTP.

use super::auth::Caller;
use super::extract::{Asked, OfInstance, Place};
use super::{Failure, Service};
use crate::lifecycle::allowed;
use crate::store::Found;
use crate::supervisor::watch::told;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tidegate_api::{Instance, InstanceList, Kind, Status, Transition};
use tidegate_model::{Code, Error, Result};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those that are there.
    status: Option<Status>,
    kind: Option<Kind>,
    /// Only those with an end in this region.
    region: Option<String>,
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

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Name,
    Status,
    CreatedAt,
    ChangedAt,
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
    fn fits(&self, found: &Found) -> bool {
        let ends = [&found.spec.source, &found.spec.target];
        let has = |text: &str| {
            let texts = [&found.id, &found.spec.name, &ends[0].url, &ends[1].url];
            texts.into_iter().any(|one| one.to_lowercase().contains(&text.to_lowercase()))
        };
        self.kind.is_none_or(|kind| kind == found.spec.kind)
            && self
                .region
                .as_ref()
                .is_none_or(|region| ends.iter().any(|end| end.region.as_ref() == Some(region)))
            && self.search.as_deref().is_none_or(has)
    }

    fn sort(&self, found: &mut [Found]) {
        match self.sort {
            Sort::Name => found.sort_by(|one, two| one.spec.name.cmp(&two.spec.name)),
            Sort::Status => found.sort_by_key(|one| one.state.status),
            Sort::CreatedAt => found.sort_by(|one, two| one.created_at.cmp(&two.created_at)),
            Sort::ChangedAt => found.sort_by(|one, two| one.changed_at.cmp(&two.changed_at)),
        }
        if self.order == Order::Descending {
            found.reverse();
        }
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
    let limit = filter.limit.unwrap_or(LIMIT_MAX);
    if limit > LIMIT_MAX {
        return Err(Error::new(Code::BadRequest, format!("limit: {LIMIT_MAX} at most")).into());
    }
    let status = filter.status;
    let mut found = service.store.ask(move |store| store.list(status)).await?;
    found.retain(|one| filter.fits(one));
    filter.sort(&mut found);
    let total = found.len() as u64;
    let page = found.into_iter().skip(filter.offset).take(limit);
    Ok(Json(InstanceList { instances: page.map(|found| shown(&service, found)).collect(), total }))
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
    let mut found = service.store.ask(move |store| store.find(&id)).await?;
    let precheck = found.precheck.take().unwrap_or_default();
    Ok(Json(Instance { precheck, ..shown(&service, found) }))
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

pub(super) fn shown(service: &Service, found: Found) -> Instance {
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
        may_write: found.state.may_write,
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
        precheck: Vec::new(),
        id,
    }
}
