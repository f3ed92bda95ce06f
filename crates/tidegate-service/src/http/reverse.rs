//! The way back of an instance.

use super::auth::Caller;
use super::extract::{Body, OfInstance, Place};
use super::instances::shown;
use super::{Failure, Service};
use crate::orders::reversing::{self, at};
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_api::{Instance, Kind, NewReverse, PreviewChange, PreviewRow, ReversePreview, Status};
use tidegate_model::Written;
use tidegate_model::{Code, Error, Result};

/// For the estimate of a preview.
const ROWS_PER_SECOND: u64 = 20_000;

/// Makes the reverse of an instance that is running, its copy done. It prechecks at once; then it collects what is
/// written in the target, and writes nothing until it is started.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/reverse",
    params(OfInstance),
    request_body = NewReverse,
    responses((status = 201, description = "It is made", body = Instance), Failure),
)]
pub(super) async fn create(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(reverse): Body<NewReverse>,
) -> Result<(StatusCode, Json<Instance>), Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let made = reversing::reverse(&service, by, id, reverse).await?;
    Ok((StatusCode::CREATED, Json(shown(&service, made))))
}

/// What a reverse would write if it were started now, by its source's log. Nothing is written.
#[utoipa::path(
    get,
    path = "/api/v1/instances/{id}/reverse/preview",
    params(OfInstance),
    responses((status = 200, description = "What it would write", body = ReversePreview), Failure),
)]
pub(super) async fn preview(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<ReversePreview>, Failure> {
    // Keys of rows are data.
    caller.need(Role::Operator)?;
    let (found, other) = service
        .store
        .ask(move |store| {
            let found = store.find(&id)?;
            if found.spec.kind != Kind::Reverse {
                let what = format!("{} is no reverse", found.spec.name);
                return Err(Error::new(Code::NotAllowed, what).with_remedy("name the reverse instance"));
            }
            let other = found.peer.as_ref().map(|peer| store.find(peer)).transpose()?;
            Ok((found, other))
        })
        .await?;
    let plan = service.supervisor.plan(&found)?;
    let written = plan.would_write(found.start_at.as_deref()).await?;
    let on_both_sides = match other {
        Some(other) if other.state.status != Status::Released => {
            let other = service.supervisor.plan(&other)?.would_write(None).await?;
            on_both_sides(&written, &other)
        }
        _ => Some(Vec::new()),
    };
    let rows: u64 = written.rows.values().sum();
    let changes = written.changes.into_iter().map(|change| PreviewChange {
        kind: change.kind.to_owned(),
        table: change.table,
        what: change.what,
    });
    Ok(Json(ReversePreview {
        transactions: written.transactions,
        first_at: at(written.first_at_us),
        last_at: at(written.last_at_us),
        rows: written.rows,
        schema_changes: written.schema_changes,
        changes: changes.collect(),
        on_both_sides,
        estimated_seconds: rows.div_ceil(ROWS_PER_SECOND),
    }))
}

/// Rows that both directions have yet to bring, as far as they have keys and the same names on both sides.
fn on_both_sides(one: &Written, other: &Written) -> Option<Vec<PreviewRow>> {
    let (one, other) = (one.keys.as_ref()?, other.keys.as_ref()?);
    let both = one.intersection(other).filter(|(_, key)| !key.is_empty());
    let mut rows: Vec<_> =
        both.map(|(table, key)| PreviewRow { table: table.clone(), key: key.clone() }).collect();
    rows.sort();
    Some(rows)
}
