//! Who may use the service: for those who may say so.

use super::auth::Caller;
use super::extract::{Asked, Body, Place};
use super::{Failure, Service};
use crate::secrets::{SALT_BYTES, password_hash, random, token, token_hash};
use crate::store::{Account, Role};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tidegate_api::{AccountView, AuditEntry, LoggedIn, PutAccount};
use tidegate_model::{Code, Error, Result};
use utoipa::IntoParams;

/// Short ones are guessed.
const PASSWORD_CHARS_MIN: usize = 12;

/// Everybody who may use the service.
#[utoipa::path(
    get,
    path = "/api/v1/accounts",
    responses((status = 200, description = "All accounts", body = Vec<AccountView>), Failure),
)]
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Json<Vec<AccountView>>, Failure> {
    caller.need(Role::Admin)?;
    let accounts = service.store.ask(|store| store.accounts()).await?;
    Ok(Json(accounts.into_iter().map(view).collect()))
}

/// Makes an account, or gives it another role and password.
#[utoipa::path(
    put,
    path = "/api/v1/accounts/{name}",
    params(("name" = String, Path, description = "The account")),
    request_body = PutAccount,
    responses((status = 200, description = "The account", body = AccountView), Failure),
)]
pub(super) async fn put(
    State(service): State<Service>,
    caller: Caller,
    Place(name): Place<String>,
    Body(PutAccount { role, password }): Body<PutAccount>,
) -> Result<Json<AccountView>, Failure> {
    let by = caller.need(Role::Admin)?.to_owned();
    let bad = |what: String| Error::new(Code::BadRequest, what);
    let role = Role::ALL.into_iter().find(|one| one.name() == role);
    let role = role.ok_or_else(|| bad("role: write viewer, operator or admin".to_owned()))?;
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(bad(format!("password: give at least {PASSWORD_CHARS_MIN} characters")).into());
    }
    let well = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > 64 || !name.chars().all(well) {
        return Err(bad("name: write letters, digits and - _ . @, 64 at most".to_owned()).into());
    }
    if name == by && role != Role::Admin {
        let what = "nobody takes the role admin from the account that asks: let another admin do it";
        return Err(Error::new(Code::NotAllowed, what).into());
    }
    let account = Account { name, role };
    let stored = account.clone();
    service
        .store
        .ask(move |store| {
            let salt = random::<SALT_BYTES>()?;
            store.put_account(&stored, &salt, &password_hash(&password, &salt)?)?;
            store.audit_done(&by, "put account", &stored.name, stored.role.name());
            Ok(())
        })
        .await?;
    Ok(Json(view(account)))
}

/// Removes an account, and with it all its sessions and keys.
#[utoipa::path(
    delete,
    path = "/api/v1/accounts/{name}",
    params(("name" = String, Path, description = "The account")),
    responses((status = 204, description = "It is gone"), Failure),
)]
pub(super) async fn remove(
    State(service): State<Service>,
    caller: Caller,
    Place(name): Place<String>,
) -> Result<StatusCode, Failure> {
    let by = caller.need(Role::Admin)?.to_owned();
    if by == name {
        let what = "nobody removes the account that asks: let another admin do it";
        return Err(Error::new(Code::NotAllowed, what).into());
    }
    service
        .store
        .ask(move |store| {
            store.remove_account(&name)?;
            store.audit_done(&by, "remove account", &name, "accepted");
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token of the caller's own that does not expire, for scripts.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    responses((status = 200, description = "The key", body = LoggedIn), Failure),
)]
pub(super) async fn key(
    State(service): State<Service>,
    Caller(account): Caller,
) -> Result<Json<LoggedIn>, Failure> {
    let text = token()?;
    let (hash, by) = (token_hash(&text), account.name.clone());
    service
        .store
        .ask(move |store| {
            store.put_token(&hash, &by, None)?;
            store.audit_done(&by, "make key", &by, "accepted");
            Ok(())
        })
        .await?;
    Ok(Json(LoggedIn { token: text, role: account.role.name().to_owned(), expires_at: None }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilter {
    /// At most so many, up to 1000.
    #[param(maximum = 1000)]
    limit: Option<u32>,
}

const AUDIT_MAX: u32 = 1000;

/// What was asked of the service, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    params(AuditFilter),
    responses((status = 200, description = "The lines", body = Vec<AuditEntry>), Failure),
)]
pub(super) async fn audit(
    State(service): State<Service>,
    caller: Caller,
    Asked(filter): Asked<AuditFilter>,
) -> Result<Json<Vec<AuditEntry>>, Failure> {
    caller.need(Role::Admin)?;
    let limit = filter.limit.unwrap_or(AUDIT_MAX).min(AUDIT_MAX);
    Ok(Json(service.store.ask(move |store| store.audited(limit)).await?))
}

fn view(account: Account) -> AccountView {
    AccountView { name: account.name, role: account.role.name().to_owned() }
}
