//! One item of a precheck: looked at again, or passed over.

use super::{audited, find};
use crate::http::Service;
use crate::precheck;
use tidegate_api::PrecheckItem;
use tidegate_model::{Code, Error, Result};

/// Looks at one item again, and at what belongs to it. The instance stays where it is.
pub(crate) async fn look_again(service: &Service, id: String, item: &str) -> Result<PrecheckItem> {
    let found = find(service, id).await?;
    let before = found.precheck.clone().unwrap_or_default();
    known(&before, item)?;
    let now = precheck::run(found.spec.kind, service.supervisor.plan(&found), &found.skips).await;
    let now = now.into_iter().find(|one| one.code == item);
    let now = now
        .ok_or_else(|| Error::new(Code::BadRequest, format!("'{item}' could not be looked at this time")))?;
    let stored = now.clone();
    service.store.ask(move |store| store.replace_item(&found.id, &stored)).await?;
    Ok(now)
}

/// Passes an item over from the next precheck on. What keeps an instance from running cannot be passed over.
pub(crate) async fn skip(
    service: &Service,
    by: String,
    id: String,
    item: String,
    reason: &str,
) -> Result<()> {
    if reason.trim().is_empty() || reason.len() > 1000 {
        return Err(Error::new(Code::BadRequest, "reason: say why, in 1000 characters at most"));
    }
    let found = find(service, id.clone()).await?;
    let items = found.precheck.clone().unwrap_or_default();
    if known(&items, &item)?.blocks {
        let what = format!("{item} keeps the instance from running, so it cannot be passed over");
        return Err(Error::new(Code::NotAllowed, what).with_remedy("do what the item says"));
    }
    let reason = format!("{reason} ({by})");
    audited(service, by, "skip", id, move |store, _| store.skip(&found.id, &item, Some(&reason))).await
}

/// Looks at an item again from the next precheck on.
pub(crate) async fn unskip(service: &Service, by: String, id: String, item: String) -> Result<()> {
    let found = find(service, id.clone()).await?;
    audited(service, by, "unskip", id, move |store, _| store.skip(&found.id, &item, None)).await
}

fn known<'a>(items: &'a [PrecheckItem], item: &str) -> Result<&'a PrecheckItem> {
    items.iter().find(|one| one.code == item).ok_or_else(|| {
        Error::new(Code::BadRequest, format!("the last precheck has no item '{item}'"))
            .with_remedy("run a precheck, and take one of its items' codes")
    })
}
