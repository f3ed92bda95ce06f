//! What instances met that their log did not expect, and what people decide about it.

use super::auth::Caller;
use super::extract::{Asked, Body, OfInstance, Place};
use super::{Failure, Service};
use crate::endpoint::Endpoint;
use crate::store::{Role, Store};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tidegate_api::{
    ConflictPolicy, Keep, OnConflict, OnSchemaChange, RowConflict, SettleConflicts, SettledConflicts,
};
use tidegate_model::{Code, Decision, Error, FoundConflict, InstanceName, Policy, Result};
use utoipa::IntoParams;

#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those that were settled, too.
    settled: bool,
}

/// The target of an instance, and what its link is called there.
async fn target(service: &Service, id: String) -> Result<(Endpoint, InstanceName)> {
    let found = service.store.ask(move |store| store.find(&id)).await?;
    let plan = service.supervisor.plan(&found)?;
    let link = InstanceName::parse(&found.id).map_err(|why| Error::new(Code::Internal, why))?;
    Ok((plan.target().clone(), link))
}

/// A line of the audit about what was asked of a target.
async fn done(
    service: &Service,
    by: String,
    action: &'static str,
    link: InstanceName,
    outcome: String,
) -> Result<()> {
    let write = move |store: &Store| {
        store.audit_done(&by, action, link.as_str(), &outcome);
        Ok(())
    };
    service.store.ask(write).await
}

/// Rows that were not what the log expects, and schema changes that wait, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/conflicts",
    params(OfInstance, Which),
    responses((status = 200, description = "The conflicts", body = Vec<RowConflict>), Failure),
)]
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<RowConflict>>, Failure> {
    // Rows are data.
    caller.need(Role::Operator)?;
    let (target, link) = target(&service, id).await?;
    let found = target.ask(target.conflicts(&link, which.settled)).await?;
    Ok(Json(found.into_iter().map(told).collect()))
}

/// Decides about one conflict, or about all that are open. The instance goes by that when it is resumed.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/conflicts",
    params(OfInstance),
    request_body = SettleConflicts,
    responses((status = 200, description = "What was decided", body = SettledConflicts), Failure),
)]
pub(super) async fn settle(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(SettleConflicts { keep, conflict }): Body<SettleConflicts>,
) -> Result<Json<SettledConflicts>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let (target, link) = target(&service, id).await?;
    let decision = match keep {
        Keep::Source => Decision::Source,
        Keep::Target => Decision::Target,
    };
    let place = conflict.map(|place| (place.seq, place.ordinal));
    let decided = target.ask(target.decide_conflicts(&link, place, decision, &by)).await;
    let which = place.map_or("all".to_owned(), |(seq, ordinal)| format!("{seq}/{ordinal}"));
    let outcome = match &decided {
        Ok(count) => format!("keep {} of {which}: {count} decided", decision.name()),
        Err(error) => error.to_string(),
    };
    done(&service, by, "settle conflicts", link, outcome).await?;
    let decided = decided?;
    if decided == 0 && place.is_some() {
        let what = format!("conflict: {which} is not open, or was decided so already");
        return Err(Error::new(Code::BadRequest, what)
            .with_remedy("tidegate conflicts list shows what is open")
            .into());
    }
    Ok(Json(SettledConflicts { decided }))
}

/// What an instance does without asking.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/policy",
    params(OfInstance),
    responses((status = 200, description = "The policy", body = ConflictPolicy), Failure),
)]
pub(super) async fn policy(
    State(service): State<Service>,
    _: Caller,
    Place(id): Place<String>,
) -> Result<Json<ConflictPolicy>, Failure> {
    let (target, link) = target(&service, id).await?;
    let Policy { rows, schema_changes } = target.ask(target.policy(&link)).await?;
    Ok(Json(ConflictPolicy {
        rows: match rows {
            None => OnConflict::Ask,
            Some(Decision::Source) => OnConflict::Source,
            Some(Decision::Target) => OnConflict::Target,
        },
        schema_changes: match schema_changes {
            None => OnSchemaChange::Ask,
            Some(Decision::Source) => OnSchemaChange::Apply,
            Some(Decision::Target) => OnSchemaChange::Skip,
        },
    }))
}

/// Changes that. It holds from the next conflict, and the next schema change, on.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/policy",
    params(OfInstance),
    request_body = ConflictPolicy,
    responses((status = 200, description = "The policy", body = ConflictPolicy), Failure),
)]
pub(super) async fn put_policy(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(wanted): Body<ConflictPolicy>,
) -> Result<Json<ConflictPolicy>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let (target, link) = target(&service, id).await?;
    let policy = Policy {
        rows: match wanted.rows {
            OnConflict::Ask => None,
            OnConflict::Source => Some(Decision::Source),
            OnConflict::Target => Some(Decision::Target),
        },
        schema_changes: match wanted.schema_changes {
            OnSchemaChange::Ask => None,
            OnSchemaChange::Apply => Some(Decision::Source),
            OnSchemaChange::Skip => Some(Decision::Target),
        },
    };
    let put = target.ask(target.put_policy(&link, policy)).await;
    let outcome = match &put {
        Ok(()) => {
            format!("rows {:?}, schema changes {:?}", wanted.rows, wanted.schema_changes).to_lowercase()
        }
        Err(error) => error.to_string(),
    };
    done(&service, by, "policy", link, outcome).await?;
    put?;
    Ok(Json(wanted))
}

fn told(found: FoundConflict) -> RowConflict {
    RowConflict {
        seq: found.seq,
        ordinal: found.ordinal,
        object: found.object,
        expected: found.expected,
        found: found.found,
        wanted: found.wanted,
        decision: found.decision.map(|decision| match decision {
            Decision::Source => Keep::Source,
            Decision::Target => Keep::Target,
        }),
        decided_by: found.decided_by,
        settled: found.settled,
        seen_at: found.seen_at,
    }
}
