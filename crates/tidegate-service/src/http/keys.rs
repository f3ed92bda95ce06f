//! Keys that sign requests of the official API.

use super::auth::Caller;
use super::extract::Place;
use super::{Failure, Service};
use crate::secrets::{access_key_place, random, token};
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_api::{AccessKeyView, NewAccessKey};
use tidegate_model::Result;

/// What keys' ids begin with.
const PREFIX: &str = "TG";

/// The caller's access keys, without their secrets; all accounts' for an admin.
#[utoipa::path(
    get,
    path = "/api/v1/access-keys",
    responses((status = 200, description = "The keys", body = Vec<AccessKeyView>), Failure),
)]
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Json<Vec<AccessKeyView>>, Failure> {
    let of = whose(&caller);
    Ok(Json(service.store.ask(move |store| store.access_keys(of.as_deref())).await?))
}

/// A key of the caller's own for the official API. Its secret is not shown again.
#[utoipa::path(
    post,
    path = "/api/v1/access-keys",
    responses((status = 200, description = "The key", body = NewAccessKey), Failure),
)]
pub(super) async fn make(
    State(service): State<Service>,
    Caller(account): Caller,
) -> Result<Json<NewAccessKey>, Failure> {
    let (id, secret) = (new_id()?, token()?);
    let sealed = service.vault.seal(&access_key_place(&id), &secret)?;
    let key = NewAccessKey { id, secret };
    let id = key.id.clone();
    service
        .store
        .ask(move |store| {
            store.put_access_key(&id, &account.name, &sealed)?;
            store.audit_done(&account.name, "make access key", &id, "accepted");
            Ok(())
        })
        .await?;
    Ok(Json(key))
}

/// Ends a key of the caller's; an admin ends anybody's.
#[utoipa::path(
    delete,
    path = "/api/v1/access-keys/{key}",
    params(("key" = String, Path, description = "The key's id")),
    responses((status = 204, description = "It is gone"), Failure),
)]
pub(super) async fn remove(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Failure> {
    let (of, by) = (whose(&caller), caller.0.name);
    service
        .store
        .ask(move |store| {
            store.remove_access_key(&id, of.as_deref())?;
            store.audit_done(&by, "remove access key", &id, "accepted");
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose keys the caller may see and end: its own, or everybody's.
fn whose(caller: &Caller) -> Option<String> {
    (caller.0.role < Role::Admin).then(|| caller.0.name.clone())
}

fn new_id() -> Result<String> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bytes = random::<22>()?;
    let letters = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    Ok(PREFIX.chars().chain(letters).collect())
}
