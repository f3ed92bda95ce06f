//! The way back of an instance.

use super::making::{new_id, sealed_any, with_passwords};
use super::{audited, find};
use crate::http::Service;
use crate::objects;
use crate::store::{Found, NewInstance};
use crate::sync::SyncPlan;
use std::sync::atomic::Ordering;
use tidegate_api::{CreateInstance, EndpointSpec, Kind, NewReverse, Status};
use tidegate_model::Written;
use tidegate_model::{Code, Error, Result};

/// So many tables are named in an error.
const TABLES_SHOWN: usize = 5;

/// Makes the reverse of an instance that is running, its copy done.
pub(crate) async fn reverse(
    service: &Service,
    by: String,
    id: String,
    NewReverse { name, from }: NewReverse,
) -> Result<Found> {
    let found = find(service, id).await?;
    may_have_reverse(service, &found)?;
    // Where the one writes, the other reads.
    let [target, source] = with_passwords(service, &found)?;
    let spec = CreateInstance {
        name: name.unwrap_or_else(|| format!("{}-reverse", found.spec.name)),
        kind: Kind::Reverse,
        source,
        target,
        objects: objects::turned(&found.spec.objects)?,
        full_only: false,
        tuning: found.spec.tuning.clone(),
    };
    let new = sealed_any(service, new_id()?, spec)?;
    let forward = service.supervisor.plan(&found)?;
    if let Some((progress, _)) = service.supervisor.progress(&found.id)
        && progress.unmarked.load(Ordering::Relaxed)
    {
        let what = format!(
            "{} writes without marks: its reverse could not tell its writes from others'",
            found.spec.name
        );
        let remedy = "give its account at the target the rights that the manual's page on failing back lists, then pause and resume it";
        return Err(Error::new(Code::MissingGrant, what).with_remedy(remedy));
    }
    let from = begin(&forward, &found, &new, from.as_deref()).await?;
    forward.become_one_of_a_pair().await?;
    let supervisor = service.supervisor.clone();
    let object = found.id.clone();
    let make = move |store: &crate::store::Store, by: &str| {
        let made = store.create_reverse(&new, &found, &from, by);
        if let Ok(made) = &made {
            supervisor.wake(&made.id);
            // It runs anew, with its reverse's writes left out.
            supervisor.wake(&found.id);
        }
        made
    };
    audited(service, by, "create reverse", object, make).await
}

/// Where it begins in its source's log.
async fn begin(forward: &SyncPlan, found: &Found, new: &NewInstance, from: Option<&str>) -> Result<String> {
    Ok(match from {
        Some("now") => forward.target_position(&new.id).await?,
        Some(position) if !["cutover", "forward-start"].contains(&position) => {
            forward.check_reverse_start(position).await?
        }
        _ if !found.peers.is_empty() => return Err(had_one(&found.spec.name)),
        asked => {
            let before = forward.written_before(&new.id, &new.spec.objects).await?;
            match (asked, &before.start) {
                // What is written from here on is in it, whatever was written while the log was read.
                (_, None) if before.is_whole => match before.end {
                    Some(end) => end.as_str().to_owned(),
                    None => forward.target_position(&new.id).await?,
                },
                (_, None) => return Err(forgotten(&found.spec.name)),
                (None, Some(_)) => return Err(unasked(&found.spec.name, &before)),
                (Some("forward-start"), _) if !before.is_whole => {
                    return Err(forgotten(&found.spec.name));
                }
                (Some(_), Some(start)) => start.as_str().to_owned(),
            }
        }
    })
}

/// A time of a server's clock; `None` for none.
pub(crate) fn at(us: u64) -> Option<String> {
    let seconds = i64::try_from(us / 1_000_000).ok().filter(|seconds| *seconds > 0)?;
    jiff::Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}

/// What an earlier reverse has brought back must not be brought back once more.
fn had_one(name: &str) -> Error {
    let what =
        format!("{name} had a reverse before, which has brought back a part of what is in the target's log");
    Error::new(Code::NotAllowed, what)
        .with_remedy("say from where: --from now, or the position of the target's log up to which that was")
}

/// Nobody can say what applications have written in the target.
fn forgotten(name: &str) -> Error {
    let what = format!(
        "{name}: the target's log does not go back to where it began, so what applications wrote there is not known"
    );
    Error::new(Code::LogGone, what).with_remedy(
        "if nobody has written there, create it with --from now; else compare both sides with tidegate verify first",
    )
}

/// Whoever makes a reverse says what is to become of what is there already.
fn unasked(name: &str, before: &Written) -> Error {
    let at = |us| at(us).unwrap_or_else(|| "some time".to_owned());
    let rows = before.rows.iter().take(TABLES_SHOWN).map(|(table, rows)| format!("{rows} rows of {table}"));
    let schema = format!("{} schema changes", before.schema_changes);
    let more = before.rows.len().saturating_sub(TABLES_SHOWN);
    let more = (more > 0).then(|| format!("rows of {more} more tables"));
    let schema = (before.schema_changes > 0).then_some(schema);
    let what = format!(
        "{name}: applications have written in its target already: {} transactions from {} to {}: {}{}",
        before.transactions,
        at(before.first_at_us),
        at(before.last_at_us),
        rows.chain(more).chain(schema).collect::<Vec<_>>().join(", "),
        if before.is_whole { "" } else { "; and perhaps more, before its log begins" },
    );
    Error::new(Code::NotAllowed, what)
        .with_remedy("include it with --from cutover, or leave it out for good with --from now")
}

pub(crate) fn may_have_reverse(service: &Service, found: &Found) -> Result<()> {
    let refuse = |why: String, remedy: &str| {
        let what = format!("{}: {why}", found.spec.name);
        Err(Error::new(Code::NotAllowed, what).with_remedy(remedy))
    };
    match found.spec.kind {
        Kind::Sync => {}
        Kind::Migration => return refuse("a migration has no reverse".to_owned(), "make a sync instance"),
        Kind::Tracking => return refuse("change tracking has no reverse".to_owned(), "make a sync instance"),
        Kind::Reverse => {
            return refuse(
                "it is a reverse itself".to_owned(),
                "take over with the instance that it was made from",
            );
        }
    }
    if found.peer.is_some() {
        return refuse("it has a reverse already".to_owned(), "an instance has one reverse at a time");
    }
    if found.state.status != Status::Synchronizing {
        let title = found.state.status.title();
        return refuse(
            format!("it is {title}"),
            "a reverse is made of an instance that is running, its copy done",
        );
    }
    if found.wanted.is_some() {
        return refuse("its objects are changing".to_owned(), "wait until they have changed");
    }
    let border =
        |end: &EndpointSpec| end.region.as_ref().and_then(|region| service.settings.regions.get(region));
    if border(&found.spec.source) != border(&found.spec.target) {
        let why = "its two databases lie on different sides of a border".to_owned();
        return refuse(why, "a reverse is made within one border only");
    }
    Ok(())
}
