//! Tags, by instances' ids.

use super::answer::Refusal;
use super::asked::{Asked, instance_id, job_of};
use super::parameters::invalid;
use crate::orders::changing;
use crate::store::{Found, Texts};
use serde_json::{Value, json};

const RESOURCE: &str = "ALIYUN::DTS::INSTANCE";
const RESOURCES_MAX: usize = 50;

async fn named(asked: &Asked) -> Result<Vec<Found>, Refusal> {
    let ids = asked.given.list("ResourceId");
    if ids.is_empty() {
        return Err(Refusal::new(400, "MissingResourceId", "ResourceId is mandatory for this action."));
    }
    if ids.len() > RESOURCES_MAX {
        return Err(invalid("ResourceId", &format!("{RESOURCES_MAX} at most")));
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.push(asked.find(job_of(&id).to_owned()).await?);
    }
    Ok(found)
}

/// As `Tag.1.Key` and `Tag.1.Value`.
fn tags_of(asked: &Asked) -> Result<Vec<(String, String)>, Refusal> {
    let tags = asked.given.maps("Tag").into_iter().map(|mut tag| {
        let key = tag.remove("key").filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| invalid("Tag", "a tag has no key"))?;
        Ok((key, tag.remove("value").unwrap_or_default()))
    });
    tags.collect()
}

pub(super) async fn tag(asked: &Asked) -> Result<Value, Refusal> {
    let tags = tags_of(asked)?;
    if tags.is_empty() {
        return Err(Refusal::new(400, "MissingTag", "Tag is mandatory for this action."));
    }
    for found in named(asked).await? {
        let tags = tags.clone();
        changing::tag(&asked.service, asked.by(), found.id, move |all| all.extend(tags)).await?;
    }
    Ok(json!({ "Success": true }))
}

pub(super) async fn untag(asked: &Asked) -> Result<Value, Refusal> {
    let (keys, all) = (asked.given.list("TagKey"), asked.given.flag("All")? == Some(true));
    if keys.is_empty() && !all {
        return Err(Refusal::new(400, "MissingTagKey", "TagKey is mandatory for this action."));
    }
    for found in named(asked).await? {
        let keys = keys.clone();
        let take = move |tags: &mut Texts| match keys.is_empty() {
            true => tags.clear(),
            false => tags.retain(|key, _| !keys.contains(key)),
        };
        changing::tag(&asked.service, asked.by(), found.id, take).await?;
    }
    Ok(json!({ "Success": true }))
}

/// All at once: there is no next page.
pub(super) async fn list(asked: &Asked) -> Result<Value, Refusal> {
    if asked.given.get("ResourceType").is_some_and(|kind| kind != RESOURCE) {
        return Err(invalid("ResourceType", &format!("write {RESOURCE}")));
    }
    let wanted = tags_of(asked)?;
    let ids = asked.given.list("ResourceId");
    let all = asked.service.store.ask(|store| store.list()).await?;
    let found =
        all.iter().filter(|one| ids.is_empty() || ids.iter().any(|id| job_of(id) == one.id)).filter(|one| {
            wanted
                .iter()
                .all(|(key, value)| one.tags.get(key).is_some_and(|has| value.is_empty() || has == value))
        });
    let tags: Vec<Value> = found
        .flat_map(|one| one.tags.iter().map(|(key, value)| {
            json!({
                "ResourceId": instance_id(&one.id), "ResourceType": RESOURCE, "TagKey": key, "TagValue": value,
            })
        }))
        .collect();
    Ok(json!({ "Success": true, "TagResources": { "TagResource": tags } }))
}
