//! Making instances, and what can be changed about them.

use super::auth::Caller;
use super::commands::refused;
use super::extract::{Asked, Body, OfInstance, Place};
use super::instances::shown;
use super::{Failure, Service};
use crate::lifecycle::{Decision, State as LifeState};
use crate::store::{Found, NewInstance, Role};
use crate::supervisor::password_place;
use crate::{folder, secrets};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use tidegate_api::{
    CreateInstance, EndpointSpec, Instance, Kind, NewEndpoints, NewName, NewPasswords, Objects,
    ObjectsChange, Status, WantedObjects,
};
use tidegate_model::{Code, Error, InstanceName, Result};
use utoipa::IntoParams;

/// A new instance. It does nothing before it is started.
#[utoipa::path(
    post,
    path = "/api/v1/instances",
    request_body = CreateInstance,
    responses((status = 201, description = "It is made", body = Instance), Failure),
)]
pub(super) async fn create(
    State(service): State<Service>,
    caller: Caller,
    Body(spec): Body<CreateInstance>,
) -> Result<(StatusCode, Json<Instance>), Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let new = sealed(&service, new_id()?, spec)?;
    let made =
        audited(&service, by, "create", new.spec.name.clone(), move |store, by| store.create(&new, by));
    Ok((StatusCode::CREATED, Json(shown(&service, made.await?))))
}

/// Another configuration for an instance that was not started.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}",
    params(OfInstance),
    request_body = CreateInstance,
    responses((status = 200, description = "It is configured", body = Instance), Failure),
)]
pub(super) async fn configure(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(spec): Body<CreateInstance>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let asked = id.clone();
    let found = service.store.ask(move |store| store.find(&asked)).await?;
    // A password goes only where it was given for: the same server, account and encryption.
    let stays = |before: &EndpointSpec, now: &EndpointSpec, sealed: Option<Vec<u8>>| {
        sealed.filter(|_| before.url == now.url)
    };
    let source_before = stays(&found.spec.source, &spec.source, found.source_password);
    let target_before = stays(&found.spec.target, &spec.target, found.target_password);
    let mut new = sealed(&service, found.id, spec)?;
    new.source_password = new.source_password.or(source_before);
    new.target_password = new.target_password.or(target_before);
    let moved = audited(&service, by, "configure", id.clone(), move |store, by| store.configure(&new, by));
    let moved = moved.await?;
    match moved.decision {
        Decision::Refuse(why) => Err(refused(&moved.instance, why)),
        Decision::Move(_) | Decision::Already => Ok(Json(shown(&service, moved.instance))),
    }
}

/// A new instance with the configuration of another, which may be completed.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/duplicate",
    params(OfInstance),
    request_body = NewName,
    responses((status = 201, description = "It is made", body = Instance), Failure),
)]
pub(super) async fn duplicate(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(NewName { name }): Body<NewName>,
) -> Result<(StatusCode, Json<Instance>), Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let found = service.store.ask(move |store| store.find(&id)).await?;
    let [source, target] = with_passwords(&service, &found)?;
    let spec = CreateInstance { name, source, target, ..found.spec.clone() };
    let new = sealed(&service, new_id()?, spec)?;
    let made = audited(&service, by, "duplicate", found.id, move |store, by| store.create(&new, by));
    Ok((StatusCode::CREATED, Json(shown(&service, made.await?))))
}

/// Another name.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/rename",
    params(OfInstance),
    request_body = NewName,
    responses((status = 200, description = "It has that name", body = Instance), Failure),
)]
pub(super) async fn rename(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(NewName { name }): Body<NewName>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    check_name(&name)?;
    let renamed = audited(&service, by, "rename", id.clone(), move |store, _| store.rename(&id, &name));
    Ok(Json(shown(&service, renamed.await?)))
}

/// Other passwords for the accounts at the two databases.
#[utoipa::path(
    post,
    path = "/api/v1/instances/{id}/passwords",
    params(OfInstance),
    request_body = NewPasswords,
    responses((status = 200, description = "It has them", body = Instance), Failure),
)]
pub(super) async fn passwords(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(NewPasswords { source, target }): Body<NewPasswords>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let asked = id.clone();
    let found = service.store.ask(move |store| store.find(&asked)).await?.id;
    let seal = |side: &str, password: Option<String>| {
        password.map(|text| service.vault.seal(&password_place(&found, side), &text)).transpose()
    };
    let (source, target) = (seal("source", source)?, seal("target", target)?);
    let supervisor = service.supervisor.clone();
    let changed = audited(&service, by, "passwords", id, move |store, _| {
        let changed = store.put_passwords(&found, source.as_deref(), target.as_deref());
        // Whatever reads the log with the old one begins anew.
        supervisor.wake(&found);
        changed
    });
    Ok(Json(shown(&service, changed.await?)))
}

/// Other addresses or accounts of the same two servers, for an instance that is paused or has failed.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/endpoints",
    params(OfInstance),
    request_body = NewEndpoints,
    responses((status = 200, description = "It has them", body = Instance), Failure),
)]
pub(super) async fn endpoints(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Body(NewEndpoints { source, target }): Body<NewEndpoints>,
) -> Result<Json<Instance>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let before = service.store.ask(move |store| store.find(&id)).await?;
    if !matches!(before.state.status, Status::Paused | Status::Failed) {
        return Err(refused(&before, "its endpoints change while it is paused, or has failed"));
    }
    let with_password =
        |side: &str, given: Option<EndpointSpec>, end: &EndpointSpec, sealed: &Option<Vec<u8>>| {
            // A password goes only where it was given for.
            let same = given.as_ref().is_none_or(|given| given.url == end.url && given.password.is_none());
            let place = password_place(&before.id, side);
            let stored = sealed.as_ref().filter(|_| same);
            let stored = stored.map(|sealed| service.vault.unseal(&place, sealed)).transpose()?;
            let end = given.unwrap_or_else(|| end.clone());
            Ok::<_, Error>(EndpointSpec { password: end.password.or(stored), ..end })
        };
    let spec = CreateInstance {
        source: with_password("source", source, &before.spec.source, &before.source_password)?,
        target: with_password("target", target, &before.spec.target, &before.target_password)?,
        ..before.spec.clone()
    };
    let new = sealed(&service, before.id.clone(), spec)?;
    same_servers(&service, &new).await?;
    let (supervisor, object) = (service.supervisor.clone(), before.id.clone());
    let changed = audited(&service, by, "endpoints", object, move |store, _| {
        let changed = store.put_endpoints(&new, &before);
        supervisor.wake(&before.id);
        changed
    });
    Ok(Json(shown(&service, changed.await?)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Say what it would mean, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Other objects for an instance that runs. What is added is copied while the rest goes on; what is removed is not
/// followed any more, and stays in the target. The objects that it has take back what is wanted and not done yet.
#[utoipa::path(
    put,
    path = "/api/v1/instances/{id}/objects",
    params(OfInstance, DryRun),
    request_body = Objects,
    responses((status = 200, description = "What it means", body = ObjectsChange), Failure),
)]
pub(super) async fn objects(
    State(service): State<Service>,
    caller: Caller,
    Place(id): Place<String>,
    Asked(DryRun { dry_run }): Asked<DryRun>,
    Body(objects): Body<Objects>,
) -> Result<Json<ObjectsChange>, Failure> {
    let by = caller.need(Role::Operator)?.to_owned();
    let found = service.store.ask(move |store| store.find(&id)).await?;
    let goal = service.supervisor.plan_with(&found, &objects)?;
    if found.state.status != Status::Synchronizing {
        return Err(refused(&found, "its objects change while it runs; before it is started, configure it"));
    }
    if found.peer.is_some() {
        return Err(refused(
            &found,
            "it has a reverse, which has the same objects; terminate and release that first",
        ));
    }
    if found.spec.full_only {
        return Err(refused(&found, "it ends after its copy; make another instance for other objects"));
    }
    let takes_back = objects == found.spec.objects;
    let wanted = match (&found.wanted, takes_back) {
        (None, true) => return Ok(Json(ObjectsChange::default())),
        (Some(wanted), true) if wanted.cancelled => return Ok(Json(ObjectsChange::default())),
        (Some(wanted), true) => WantedObjects { cancelled: true, why: None, ..wanted.clone() },
        (Some(wanted), _) if wanted.cancelled => {
            return Err(refused(&found, "what was wanted before is being taken back; ask again in a moment"));
        }
        (Some(wanted), false) if wanted.objects == objects && wanted.why.is_none() => wanted.clone(),
        (Some(wanted), false) if wanted.objects != objects => {
            let why = "other objects are wanted already; give it the objects that it has to take them back";
            return Err(refused(&found, why));
        }
        (_, false) => WantedObjects { objects, cancelled: false, why: None },
    };
    let change = match takes_back {
        true => ObjectsChange::default(),
        false => service.supervisor.plan(&found)?.change_to(&goal).await?,
    };
    if !dry_run {
        let (supervisor, object) = (service.supervisor.clone(), found.id.clone());
        audited(&service, by, "objects", object, move |store, by| {
            let wanted = store.want(&found, Some(&wanted), by);
            supervisor.wake(&found.id);
            wanted
        })
        .await?;
    }
    Ok(Json(change))
}

/// What was read from one server's log is never applied as another's.
async fn same_servers(service: &Service, new: &NewInstance) -> Result<()> {
    let plan = service.supervisor.plan(&draft(new))?;
    let Some([source, target]) = folder::servers_of(plan.folder()) else { return Ok(()) };
    for (end, before) in [(plan.source(), source), (plan.target(), target)] {
        let now = end.identity().await?;
        if now != before {
            let what =
                format!("{}: {} is another server than the one it has run with", end.side(), end.address());
            return Err(Error::new(Code::NotAllowed, what).with_remedy(
                "terminate this instance, and duplicate it for the other server; or name another address of the same one",
            ));
        }
    }
    Ok(())
}

/// Calls the store and writes down who asked for what, and what became of it.
pub(super) async fn audited<T: Send + 'static>(
    service: &Service,
    by: String,
    action: &'static str,
    object: String,
    call: impl FnOnce(&crate::store::Store, &str) -> Result<T> + Send + 'static,
) -> Result<T> {
    service
        .store
        .ask(move |store| {
            let done = call(store, &by);
            let outcome = done.as_ref().err().map_or("accepted".to_owned(), ToString::to_string);
            store.audit_done(&by, action, &object, &outcome);
            done
        })
        .await
}

/// An instance's source and target with their passwords, for another instance.
pub(super) fn with_passwords(service: &Service, found: &Found) -> Result<[EndpointSpec; 2]> {
    let end = |side: &str, end: &EndpointSpec, sealed: &Option<Vec<u8>>| -> Result<EndpointSpec> {
        let place = password_place(&found.id, side);
        let password = sealed.as_ref().map(|sealed| service.vault.unseal(&place, sealed)).transpose()?;
        Ok(EndpointSpec { password, ..end.clone() })
    };
    Ok([
        end("source", &found.spec.source, &found.source_password)?,
        end("target", &found.spec.target, &found.target_password)?,
    ])
}

/// A configuration as it is stored, if it can be used at all.
pub(super) fn sealed(service: &Service, id: String, spec: CreateInstance) -> Result<NewInstance> {
    if spec.kind == Kind::Reverse {
        return Err(Error::new(Code::BadRequest, "kind: a reverse is made from an instance, not by itself"));
    }
    sealed_any(service, id, spec)
}

/// As [`sealed`], for every kind.
pub(super) fn sealed_any(service: &Service, id: String, mut spec: CreateInstance) -> Result<NewInstance> {
    if spec.kind == Kind::Tracking {
        return Err(Error::new(Code::NotYet, "kind: change tracking is not there yet"));
    }
    if spec.full_only && spec.kind != Kind::Migration {
        return Err(Error::new(Code::BadRequest, "full_only: only a migration ends after its copy"));
    }
    check_name(&spec.name)?;
    check_region(service, "source", &spec.source)?;
    check_region(service, "target", &spec.target)?;
    let seal = |side: &str, end: &mut EndpointSpec| -> Result<Option<Vec<u8>>> {
        let password = end.password.take().filter(|password| !password.is_empty());
        password.map(|text| service.vault.seal(&password_place(&id, side), &text)).transpose()
    };
    let source_password = seal("source", &mut spec.source)?;
    let target_password = seal("target", &mut spec.target)?;
    let new = NewInstance { id, spec, source_password, target_password };
    // What is wrong with it is said now, before it is stored.
    service.supervisor.plan(&draft(&new))?;
    Ok(new)
}

fn check_region(service: &Service, side: &str, end: &EndpointSpec) -> Result<()> {
    match &end.region {
        Some(region) if !service.regions.contains_key(region) => {
            let what = format!("{side}.region: the service's settings have no region '{region}'");
            Err(Error::new(Code::BadRequest, what).with_remedy("leave it out, or add it to [regions]"))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<()> {
    InstanceName::parse(name).map(|_| ()).map_err(|why| Error::new(Code::BadRequest, format!("name: {why}")))
}

/// The instance as it would be found.
fn draft(new: &NewInstance) -> Found {
    Found {
        id: new.id.clone(),
        spec: new.spec.clone(),
        state: LifeState::NEW,
        generation: 0,
        source_password: new.source_password.clone(),
        target_password: new.target_password.clone(),
        why: None,
        precheck: None,
        skips: BTreeMap::new(),
        kept_until: None,
        wanted: None,
        takeover: None,
        reverse_of: None,
        start_at: None,
        peer: None,
        peers: Vec::new(),
        created_at: String::new(),
        changed_at: String::new(),
    }
}

/// `tg` and 13 characters: names of folders, of rows in the target, and of sessions.
pub(super) fn new_id() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bytes = secrets::random::<13>()?;
    Ok("tg".chars().chain(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]))).collect())
}
