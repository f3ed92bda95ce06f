//! Instances: made, and configured as long as they were not started.

use super::{audited, find, refused};
use crate::http::{Failure, Service};
use crate::lifecycle::{Decision, State};
use crate::secrets;
use crate::store::{Found, NewInstance};
use crate::supervisor::password_place;
use std::collections::BTreeMap;
use tidegate_api::{CreateInstance, EndpointSpec, Kind, Objects, Tuning};
use tidegate_model::{Code, Error, InstanceName, Result};

/// A new instance. It does nothing before it is started.
pub(crate) async fn make(service: &Service, by: String, spec: CreateInstance) -> Result<Found> {
    let new = sealed(service, new_id()?, spec)?;
    audited(service, by, "create", new.spec.name.clone(), move |store, by| store.create(&new, by)).await
}

/// A place for an instance that is configured later. It is called by its id until then.
pub(crate) async fn make_unconfigured(service: &Service, by: String, kind: Kind) -> Result<Found> {
    let id = new_id()?;
    let nowhere = EndpointSpec { url: String::new(), region: None, password: None };
    let spec = CreateInstance {
        name: id.clone(),
        kind,
        source: nowhere.clone(),
        target: nowhere,
        objects: Objects::default(),
        full_only: false,
        tuning: Tuning::default(),
    };
    let new = NewInstance { id, spec, source_password: None, target_password: None };
    let make = move |store: &crate::store::Store, by: &str| store.create_unconfigured(&new, by);
    audited(service, by, "create", "an instance without a configuration".to_owned(), make).await
}

/// Another configuration for an instance that was not started.
pub(crate) async fn configure(
    service: &Service,
    by: String,
    id: String,
    spec: CreateInstance,
) -> Result<Found, Failure> {
    let found = find(service, id.clone()).await?;
    // A password goes only where it was given for: the same server, account and encryption.
    let stays = |before: &EndpointSpec, now: &EndpointSpec, sealed: Option<Vec<u8>>| {
        sealed.filter(|_| before.url == now.url)
    };
    let source_before = stays(&found.spec.source, &spec.source, found.source_password);
    let target_before = stays(&found.spec.target, &spec.target, found.target_password);
    let mut new = sealed(service, found.id, spec)?;
    new.source_password = new.source_password.or(source_before);
    new.target_password = new.target_password.or(target_before);
    let moved = audited(service, by, "configure", id, move |store, by| store.configure(&new, by)).await?;
    match moved.decision {
        Decision::Refuse(why) => Err(refused(&moved.instance, why)),
        Decision::Move(_) | Decision::Already => Ok(moved.instance),
    }
}

/// A new instance with the configuration of another.
pub(crate) async fn duplicate(service: &Service, by: String, id: String, name: String) -> Result<Found> {
    let found = find(service, id).await?;
    let [source, target] = with_passwords(service, &found)?;
    let spec = CreateInstance { name, source, target, ..found.spec.clone() };
    let new = sealed(service, new_id()?, spec)?;
    audited(service, by, "duplicate", found.id, move |store, by| store.create(&new, by)).await
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
        Some(region) if !service.settings.regions.contains_key(region) => {
            let what = format!("{side}.region: the service's settings have no region '{region}'");
            Err(Error::new(Code::BadRequest, what).with_remedy("leave it out, or add it to [regions]"))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_name(name: &str) -> Result<()> {
    InstanceName::parse(name).map(|_| ()).map_err(|why| Error::new(Code::BadRequest, format!("name: {why}")))
}

/// The instance as it would be found.
pub(super) fn draft(new: &NewInstance) -> Found {
    Found {
        id: new.id.clone(),
        spec: new.spec.clone(),
        state: State::NEW,
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
        tags: BTreeMap::new(),
        submitted: BTreeMap::new(),
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
