//! Who asks.

use super::extract::Body;
use super::{Failure, Service, session};
use crate::secrets::{SALT_BYTES, password_hash, random, token, token_hash};
use crate::store::{Account, Role, Store};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderMap, header, request::Parts};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tidegate_api::{LoggedIn, Login};
use tidegate_model::{Code, Error, Result};
use tokio::sync::Semaphore;

pub(super) const SESSION: Duration = Duration::from_secs(12 * 3600);
/// After so many wrong passwords in a row an account is locked for a while.
const FAILURES_MAX: u32 = 5;
const LOCKED_FOR: Duration = Duration::from_secs(60);
const LOGIN_BYTES_MAX: usize = 1024;
const HASHES_AT_ONCE: usize = 2;
const FIRST_ACCOUNT: &str = "admin";

/// Whoever has shown a valid token.
pub(crate) struct Caller(pub(crate) Account);

impl Caller {
    /// Refuses whoever has less than the role.
    pub(crate) fn need(&self, role: Role) -> Result<&str> {
        if self.0.role >= role {
            return Ok(&self.0.name);
        }
        let what =
            format!("{} is a {}, and this needs the role {}", self.0.name, self.0.role.name(), role.name());
        Err(Error::new(Code::RoleTooLow, what))
    }
}

impl FromRequestParts<Service> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Failure> {
        let unknown = |why: &str| Error::new(Code::NotLoggedIn, why);
        if token_of(&parts.headers).is_none() {
            return Err(unknown("the request has no header Authorization: Bearer …").into());
        }
        if bearer(&parts.headers).is_none() {
            session::of_our_page(&parts.method, &parts.headers)?;
        }
        let holder = account_of(service, &parts.headers).await?;
        Ok(Self(holder.ok_or_else(|| unknown("the token is not valid, or not any more"))?))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// A script's, else a browser's.
fn token_of(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| session::cookie(headers))
}

async fn account_of(service: &Service, headers: &HeaderMap) -> Result<Option<Account>> {
    let Some(token) = token_of(headers) else { return Ok(None) };
    let (hash, now) = (token_hash(token), jiff::Timestamp::now().as_second());
    service.store.ask(move |store| store.holder(&hash, now)).await
}

/// The name of the account that asks, if its token is valid.
pub(super) async fn holder(service: &Service, headers: &HeaderMap) -> Result<Option<String>> {
    Ok(account_of(service, headers).await?.map(|account| account.name))
}

/// Tries in a row without success, by account.
pub(crate) struct Failures {
    tries: Mutex<HashMap<String, (u32, Instant)>>,
    /// How many passwords may be looked at at once.
    turns: Semaphore,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self { tries: Mutex::default(), turns: Semaphore::new(HASHES_AT_ONCE) }
    }

    fn is_locked(&self, account: &str) -> bool {
        let tries = self.tries.lock().expect("no holder panics");
        tries.get(account).is_some_and(|(count, last)| *count >= FAILURES_MAX && last.elapsed() < LOCKED_FOR)
    }

    fn count(&self, account: &str) {
        let mut tries = self.tries.lock().expect("no holder panics");
        tries.retain(|_, (_, last)| last.elapsed() < LOCKED_FOR);
        let entry = tries.entry(account.to_owned()).or_insert((0, Instant::now()));
        *entry = (entry.0 + 1, Instant::now());
    }

    fn forget(&self, account: &str) {
        self.tries.lock().expect("no holder panics").remove(account);
    }
}

/// A session: its token goes into the header of every other request.
#[utoipa::path(
    post,
    path = "/api/v1/login",
    request_body = Login,
    security(()),
    responses((status = 200, description = "Logged in", body = LoggedIn), Failure),
)]
pub(super) async fn login(
    State(service): State<Service>,
    Body(login): Body<Login>,
) -> Result<Json<LoggedIn>, Failure> {
    let Session { account, token, until } = log_in(&service, login).await?;
    let expires_at = jiff::Timestamp::from_second(until).ok().map(|until| until.to_string());
    Ok(Json(LoggedIn { token, role: account.role.name().to_owned(), expires_at }))
}

/// Somebody who has shown a password.
pub(super) struct Session {
    pub(super) account: Account,
    pub(super) token: String,
    /// Seconds since 1970.
    pub(super) until: i64,
}

pub(super) async fn log_in(
    service: &Service,
    Login { account, password }: Login,
) -> Result<Session, Failure> {
    let refused = || Error::new(Code::NotLoggedIn, "the account or the password is wrong");
    if account.len() > LOGIN_BYTES_MAX || password.len() > LOGIN_BYTES_MAX {
        return Err(refused().into());
    }
    // A hash takes memory on purpose.
    let _turn = service.failures.turns.acquire().await;
    if service.failures.is_locked(&account) {
        let what = format!("too many wrong passwords; try again in {} s", LOCKED_FOR.as_secs());
        return Err(Failure::new(Error::new(Code::NotLoggedIn, what), 429));
    }
    // Counted before it is known: tries side by side are tries.
    service.failures.count(&account);
    let asked = account.clone();
    let known = service
        .store
        .ask(move |store| {
            // An unknown account takes as long as a wrong password.
            let known = store.credentials(&asked)?;
            let nobody = (vec![0; SALT_BYTES], Vec::new());
            let (salt, stored) =
                known.as_ref().map_or(nobody, |one| (one.salt.clone(), one.password.clone()));
            let is_right = password_hash(&password, &salt)? == stored;
            Ok(known.filter(|_| is_right).map(|one| one.account))
        })
        .await?;
    let account = known.ok_or_else(refused)?;
    service.failures.forget(&account.name);
    let token = token()?;
    let until = jiff::Timestamp::now().as_second() + SESSION.as_secs() as i64;
    let (hash, name) = (token_hash(&token), account.name.clone());
    service.store.ask(move |store| store.put_token(&hash, &name, Some(until))).await?;
    Ok(Session { account, token, until })
}

/// Whether the store can be used.
#[utoipa::path(
    get,
    path = "/readyz",
    security(()),
    responses((status = 200, description = "It answers", body = String), Failure),
)]
pub(super) async fn ready(State(service): State<Service>) -> Result<&'static str, Failure> {
    service.store.ask(|store| store.has_accounts()).await?;
    Ok("ready\n")
}

/// Makes the first account. Answers its password, which nobody can see again.
pub(crate) fn first_account(store: &Store) -> Result<Option<String>> {
    if store.has_accounts()? {
        return Ok(None);
    }
    let account = Account { name: FIRST_ACCOUNT.to_owned(), role: Role::Admin };
    with_new_password(store, &account).map(Some)
}

/// A new password for an account, which keeps its role. Its sessions and keys end.
pub(crate) fn reset_password(store: &Store, name: &str) -> Result<String> {
    let known = store.credentials(name)?;
    let unknown = || Error::new(Code::BadSetting, format!("there is no account '{name}'"));
    let password = with_new_password(store, &known.ok_or_else(unknown)?.account)?;
    store.audit_done("command line", "reset password", name, "accepted");
    Ok(password)
}

fn with_new_password(store: &Store, account: &Account) -> Result<String> {
    let (password, salt) = (token()?, random::<SALT_BYTES>()?);
    store.put_account(account, &salt, &password_hash(&password, &salt)?)?;
    Ok(password)
}
