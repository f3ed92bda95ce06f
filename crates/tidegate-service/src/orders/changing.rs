//! What can be changed about an instance that is there.

use super::making::{check_name, draft, sealed};
use super::{audited, find, refused};
use crate::folder;
use crate::http::{Failure, Service};
use crate::store::{Found, NewInstance, Texts};
use crate::supervisor::password_place;
use tidegate_api::{
    CreateInstance, EndpointSpec, NewEndpoints, NewPasswords, Objects, ObjectsChange, Status, WantedObjects,
};
use tidegate_model::{Code, Error, Result};

/// As many as the hosted service allows.
const TAGS_MAX: usize = 20;
const TAG_CHARS_MAX: usize = 128;

pub(crate) async fn rename(service: &Service, by: String, id: String, name: String) -> Result<Found> {
    check_name(&name)?;
    audited(service, by, "rename", id.clone(), move |store, _| store.rename(&id, &name)).await
}

/// Changes an instance's tags.
pub(crate) async fn tag(
    service: &Service,
    by: String,
    id: String,
    change: impl FnOnce(&mut Texts) + Send + 'static,
) -> Result<Found> {
    let change = |tags: &mut Texts| {
        change(tags);
        check_tags(tags)
    };
    audited(service, by, "tags", id.clone(), move |store, _| store.change_tags(&id, change)).await
}

fn check_tags(tags: &Texts) -> Result<()> {
    let bad = |what: String| Err(Error::new(Code::BadRequest, format!("tags: {what}")));
    if tags.len() > TAGS_MAX {
        return bad(format!("an instance has at most {TAGS_MAX}"));
    }
    let fits = |text: &str| {
        text.chars().count() <= TAG_CHARS_MAX && !text.chars().any(char::is_control) && !text.contains(':')
    };
    match tags.iter().find(|(key, value)| {
        key.is_empty()
            || !fits(key)
            || value.contains(char::is_control)
            || value.chars().count() > TAG_CHARS_MAX
    }) {
        Some((key, _)) => bad(format!(
            "'{key}': write 1 to {TAG_CHARS_MAX} characters without ':' as a key, and at most {TAG_CHARS_MAX} as a value"
        )),
        None => Ok(()),
    }
}

/// Other passwords for the accounts at the two databases.
pub(crate) async fn passwords(
    service: &Service,
    by: String,
    id: String,
    NewPasswords { source, target }: NewPasswords,
) -> Result<Found> {
    let found = find(service, id.clone()).await?.id;
    let seal = |side: &str, password: Option<String>| {
        password.map(|text| service.vault.seal(&password_place(&found, side), &text)).transpose()
    };
    let (source, target) = (seal("source", source)?, seal("target", target)?);
    let supervisor = service.supervisor.clone();
    let change = move |store: &crate::store::Store, _: &str| {
        let changed = store.put_passwords(&found, source.as_deref(), target.as_deref());
        // Whatever reads the log with the old one begins anew.
        supervisor.wake(&found);
        changed
    };
    audited(service, by, "passwords", id, change).await
}

/// Other addresses or accounts of the same two servers, for an instance that is paused or has failed.
pub(crate) async fn endpoints(
    service: &Service,
    by: String,
    id: String,
    endpoints: NewEndpoints,
) -> Result<Found, Failure> {
    let (before, new) = checked(service, id, endpoints).await?;
    let (supervisor, object) = (service.supervisor.clone(), before.id.clone());
    let change = move |store: &crate::store::Store, _: &str| {
        let changed = store.put_endpoints(&new, &before);
        supervisor.wake(&before.id);
        changed
    };
    Ok(audited(service, by, "endpoints", object, change).await?)
}

/// Whether an instance could have other endpoints: everything but the change.
pub(crate) async fn try_endpoints(
    service: &Service,
    id: String,
    endpoints: NewEndpoints,
) -> Result<(), Failure> {
    checked(service, id, endpoints).await.map(|_| ())
}

async fn checked(
    service: &Service,
    id: String,
    NewEndpoints { source, target }: NewEndpoints,
) -> Result<(Found, NewInstance), Failure> {
    let before = find(service, id).await?;
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
    let new = sealed(service, before.id.clone(), spec)?;
    same_servers(service, &new).await?;
    Ok((before, new))
}

/// Other objects for an instance that runs. The objects that it has take back what is wanted and not done yet. With
/// `dry_run` nothing is changed.
pub(crate) async fn objects(
    service: &Service,
    by: String,
    id: String,
    objects: Objects,
    dry_run: bool,
) -> Result<ObjectsChange, Failure> {
    let found = find(service, id).await?;
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
    let Some(wanted) = wanted(&found, objects, takes_back)? else { return Ok(ObjectsChange::default()) };
    let change = match takes_back {
        true => ObjectsChange::default(),
        false => service.supervisor.plan(&found)?.change_to(&goal).await?,
    };
    if !dry_run {
        let (supervisor, object) = (service.supervisor.clone(), found.id.clone());
        audited(service, by, "objects", object, move |store, by| {
            let wanted = store.want(&found, Some(&wanted), by);
            supervisor.wake(&found.id);
            wanted
        })
        .await?;
    }
    Ok(change)
}

/// What is to be wanted from now on; `None` if nothing changes.
fn wanted(found: &Found, objects: Objects, takes_back: bool) -> Result<Option<WantedObjects>, Failure> {
    Ok(Some(match (&found.wanted, takes_back) {
        (None, true) => return Ok(None),
        (Some(wanted), true) if wanted.cancelled => return Ok(None),
        (Some(wanted), true) => WantedObjects { cancelled: true, why: None, ..wanted.clone() },
        (Some(wanted), _) if wanted.cancelled => {
            return Err(refused(found, "what was wanted before is being taken back; ask again in a moment"));
        }
        (Some(wanted), false) if wanted.objects == objects && wanted.why.is_none() => wanted.clone(),
        (Some(wanted), false) if wanted.objects != objects => {
            let why = "other objects are wanted already; give it the objects that it has to take them back";
            return Err(refused(found, why));
        }
        (_, false) => WantedObjects { objects, cancelled: false, why: None },
    }))
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
