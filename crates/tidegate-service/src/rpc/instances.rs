//! Instances as the official API has them: bought, and given a job later. Here both are one.

use super::answer::{Refusal, done_in_words, with};
use super::asked::{Asked, instance_id, job_of};
use super::{endpoint, lifecycle, status, view};
use crate::http::Service;
use crate::orders::{audited, making};
use crate::secrets::token_hash;
use crate::store::{Answered, Claimed, Found, Store};
use serde_json::{Value, json};
use tidegate_api::Kind;

pub(super) async fn create(asked: &Asked) -> Result<Value, Refusal> {
    let Some(token) = asked.given.get("ClientToken") else { return make(asked).await };
    let owner = token_hash(&format!("{} CreateDtsInstance {token}", asked.account.name));
    let said: Vec<String> = asked.without_secrets().map(|(name, value)| format!("{name}={value}")).collect();
    let (owned, said) = (owner.clone(), token_hash(&said.join("&")));
    let store = &asked.service.store;
    match store.ask(move |store| store.claim_answer(&owned, &said)).await? {
        Claimed::Answered(answered) => {
            return serde_json::from_slice(&answered.body)
                .map_err(|error| Refusal::new(500, "InternalError", &error.to_string()));
        }
        Claimed::Other => {
            let why = "ClientToken was used for another request already.";
            return Err(Refusal::new(400, "IdempotentParameterMismatch", why));
        }
        Claimed::UnderWay => {
            return Err(Refusal::denied("The first request with this ClientToken is under way."));
        }
        Claimed::New => {}
    }
    let made = make(asked).await;
    let kept =
        made.as_ref().ok().map(|answer| Answered { status: 200, body: answer.to_string().into_bytes() });
    store.ask(move |store| store.put_answer(&owner, kept)).await?;
    made
}

/// What is said of an instance when it is bought, and of no job.
const BOUGHT: [&str; 6] = ["instanceclass", "paytype", "period", "usedtime", "quantity", "resourcegroupid"];

async fn make(asked: &Asked) -> Result<Value, Refusal> {
    if asked.given.get("SyncArchitecture").is_some_and(|text| !text.eq_ignore_ascii_case("oneway")) {
        let why = "SyncArchitecture: there are no two-way instances here; see CreateReverseDtsJob.";
        return Err(Refusal::new(403, "UnSupportedTaskType", why));
    }
    let found = match asked.given.get("JobId") {
        // It was configured first.
        Some(job) => {
            let found = asked.find(job.to_owned()).await?;
            if asked.given.flag("AutoStart")? == Some(true) {
                lifecycle::start_one(asked, found.id.clone()).await?;
            }
            found
        }
        None => {
            let kind = kind(asked)?;
            making::make_unconfigured(&asked.service, asked.by(), kind).await?
        }
    };
    let mut given: Vec<_> = asked.without_secrets().collect();
    if asked.given.get("JobId").is_some() {
        // What the job is was said when it was configured.
        given.retain(|(name, _)| BOUGHT.contains(&name.as_str()));
    }
    let put = move |store: &Store, id: &str| store.change_submitted(id, |submitted| submitted.extend(given));
    let id = found.id.clone();
    let found = audited(&asked.service, asked.by(), "buy", found.id, move |store, _| put(store, &id)).await?;
    Ok(with(done_in_words(), json!({ "InstanceId": instance_id(&found.id), "JobId": found.id })))
}

fn kind(asked: &Asked) -> Result<Kind, Refusal> {
    let unsupported = |what: &str| Refusal::new(403, "UnSupportedTaskType", what);
    for name in ["SourceEndpointEngineName", "DestinationEndpointEngineName"] {
        let engine = asked.given.get(name).unwrap_or("MySQL");
        if endpoint::engine(engine).is_none() {
            return Err(unsupported(&format!("{name}: {}, not {engine}.", endpoint::KNOWN_ENGINES)));
        }
    }
    match asked.given.need("Type")?.to_uppercase().as_str() {
        "SYNC" => Ok(Kind::Sync),
        "MIGRATION" => Ok(Kind::Migration),
        other => Err(unsupported(&format!("Type {other} is not there; SYNC and MIGRATION are."))),
    }
}

const PAGE_MAX: usize = 1000;

pub(super) async fn list(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.service.store.ask(|store| store.list()).await?;
    let size = asked.given.number("PageSize")?.unwrap_or(50).clamp(1, PAGE_MAX);
    let page: usize = asked.given.number("PageNum")?.unwrap_or(1).max(1);
    let total = found.len();
    let shown: Vec<Value> = found
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size)
        .map(|found| instance(&asked.service, found))
        .collect();
    Ok(json!({
        "Success": true, "HttpStatusCode": 200, "PageNum": page, "PageSize": size, "TotalCount": total,
        "DtsInstanceStatusList": shown,
    }))
}

pub(super) async fn detail(asked: &Asked) -> Result<Value, Refusal> {
    let id = asked.given.need("DtsInstanceId")?;
    let found = asked.find(job_of(id).to_owned()).await?;
    Ok(json!({
        "Success": true, "HttpStatusCode": 200, "DtsInstanceStatus": instance(&asked.service, &found),
    }))
}

fn instance(service: &Service, found: &Found) -> Value {
    let said = |name: &str| found.submitted.get(name).cloned();
    let pay = said("paytype").unwrap_or_else(|| "PostPaid".to_owned()).to_lowercase();
    let ends = view::ends(service, found);
    let of = |end: &Value, field: &str| end.get(field).cloned().unwrap_or(Value::Null);
    json!({
        "DtsInstanceId": instance_id(&found.id),
        "InstanceName": view::name(found),
        "InstanceClass": said("instanceclass"),
        "CreateTime": view::time(&found.created_at),
        "PayType": if pay == "prepaid" { "PREPAY" } else { "POSTPAY" },
        "ResourceGroupId": said("resourcegroupid"),
        "SourceEndpointEngineType": of(&ends[0], "EngineName"),
        "DestEndpointEngineType": of(&ends[1], "EngineName"),
        "SourceEndpointRegion": of(&ends[0], "Region"),
        "DestEndpointRegion": of(&ends[1], "Region"),
        // Terraform takes "finished" for deleted.
        "Status": match status::of(found) { "Finished" => "finished", _ => "created" },
        "Type": if found.spec.kind == Kind::Migration { "migration" } else { "sync" },
        "Tags": tags(found),
    })
}

pub(super) fn tags(found: &Found) -> Vec<Value> {
    found.tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect()
}
