//! One item of a precheck: looked at again, or passed over.

use super::auth::Caller;
use super::configure::audited;
use super::extract::{Body, OfInstance, Place};
use super::{Failure, Service};
use crate::precheck;
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_api::{PrecheckItem, Skip};
use tidegate_model::{Code, Error, Result};

/// Looks at one item again, and at what belongs to it. The instance stays where it is.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/precheck/{item}",
    params(
        OfInstance,
        ("item" = String, Path, description = "The item's code"),
    ),
    responses((status = 200, description = "The item now", body = PrecheckItem), Failure),
)]
pub(super) async fn recheck(
    State(service): State<Service>,
    caller: Caller,
    Place((id, item)): Place<(String, String)>,
) -> Result<Json<PrecheckItem>, Failure> {
    caller.need(Role::Operator)?;
    let found = service.store.ask(move |store| store.find(&id)).await?;
    let before = found.precheck.clone().unwrap_or_default();
    known(&before, &item)?;
    let now = precheck::run(found.spec.kind, service.supervisor.plan(&found), &found.skips).await;
    let now = now.into_iter().find(|one| one.code == item);
    let now = now
        .ok_or_else(|| Error::new(Code::BadRequest, format!("'{item}' could not be looked at this time")))?;
    let stored = now.clone();
    service.store.ask(move |store| store.replace_item(&found.id, &stored)).await?;
    Ok(Json(now))
}

/// Passes an item over from the next precheck on. What keeps an instance from running cannot be passed over.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/precheck/{item}/skip",
    params(
        OfInstance,
        ("item" = String, Path, description = "The item's code"),
    ),
    request_body = Skip,
    responses((status = 204, description = "It is passed over"), Failure),
)]
pub(super) async fn skip(
    State(service): State<Service>,
    caller: Caller,
    Place((id, item)): Place<(String, String)>,
    Body(Skip { reason }): Body<Skip>,
) -> Result<StatusCode, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    if reason.trim().is_empty() || reason.len() > 1000 {
        return Err(Error::new(Code::BadRequest, "reason: say why, in 1000 characters at most").into());
    }
    let asked = id.clone();
    let found = service.store.ask(move |store| store.find(&asked)).await?;
    let items = found.precheck.clone().unwrap_or_default();
    if known(&items, &item)?.blocks {
        let what = format!("{item} keeps the instance from running, so it cannot be passed over");
        return Err(Error::new(Code::NotAllowed, what).with_remedy("do what the item says").into());
    }
    let reason = format!("{reason} ({by})");
    audited(&service, by, "skip", id, move |store, _| store.skip(&found.id, &item, Some(&reason))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks at an item again from the next precheck on.
#[utoipa::path(
    delete,
    path = "/api/v1/instances/{id}/precheck/{item}/skip",
    params(
        OfInstance,
        ("item" = String, Path, description = "The item's code"),
    ),
    responses((status = 204, description = "It is not passed over"), Failure),
)]
pub(super) async fn unskip(
    State(service): State<Service>,
    caller: Caller,
    Place((id, item)): Place<(String, String)>,
) -> Result<StatusCode, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let asked = id.clone();
    let found = service.store.ask(move |store| store.find(&asked)).await?;
    audited(&service, by, "unskip", id, move |store, _| store.skip(&found.id, &item, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn known<'a>(items: &'a [PrecheckItem], item: &str) -> Result<&'a PrecheckItem> {
    items.iter().find(|one| one.code == item).ok_or_else(|| {
        Error::new(Code::BadRequest, format!("the last precheck has no item '{item}'"))
            .with_remedy("run a precheck, and take one of its items' codes")
    })
}
