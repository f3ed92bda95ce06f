//! Changing a job that is there.

use super::answer::{Refusal, done, with};
use super::asked::Asked;
use super::endpoint::{End, Given};
use super::parameters::invalid;
use super::{configure, dblist, reserve, status};
use crate::endpoint::Side;
use crate::orders::changing;
use crate::store::Found;
use serde_json::{Value, json};
use tidegate_api::{NewEndpoints, NewPasswords, Status};

/// Other objects for a job that runs, or other settings.
pub(super) async fn objects(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let found = asked.job().await?;
    let what = asked.given.get("ModifyTypeEnum").unwrap_or_default();
    let found = match what {
        "UPDATE_RESERVED" => settings(asked, found).await?,
        "" => other_objects(asked, found).await?,
        other => return Err(Refusal::denied(&format!("ModifyTypeEnum {other} is not there."))),
    };
    Ok(json!({ "Success": true, "DtsJobId": found.id, "Status": status::of(&found) }))
}

async fn other_objects(asked: &Asked, found: Found) -> Result<Found, Refusal> {
    let list = asked.given.need("DbList")?.to_owned();
    let settings =
        reserve::read(&reserve::fields("Reserve", found.submitted.get("reserve").map(String::as_str))?)?;
    let mut objects = dblist::read(&list)?;
    objects.existing = found.spec.objects.existing;
    if settings.without_schema_changes {
        dblist::without_schema_changes(&mut objects);
    }
    let changed = changing::objects(&asked.service, asked.by(), found.id.clone(), objects, false).await;
    changed.map_err(|failure| {
        let refusal = Refusal::from(failure);
        match refusal.code.as_str() {
            "InvalidJobStatus" if found.state.status != Status::Synchronizing => {
                Refusal { code: "DTS.Msg.ModifyDenied.JobStatusNotRunning".to_owned(), ..refusal }
            }
            _ => refusal,
        }
    })?;
    configure::remember(asked, found.id, move |submitted| submitted.extend([("dblist".to_owned(), list)]))
        .await
}

/// They are merged into what is there. What a job goes by cannot change any more once it is configured.
async fn settings(asked: &Asked, found: Found) -> Result<Found, Refusal> {
    let before = found.submitted.get("reserve").map(String::as_str);
    let mut merged = reserve::fields("Reserve", before)?;
    let was = reserve::read(&merged)?;
    let text = asked.given.one_of(&["Reserved", "Reserve"]);
    merged.extend(reserve::fields("Reserved", text)?);
    let now = reserve::read(&merged)?;
    if now != (reserve::Reserve { starts: now.starts, ..was }) {
        let why = "targetTableMode, filterDDL, maxRetryTime, srcSSL and destSSL hold from ConfigureDtsJob on";
        return Err(Refusal { status: 403, ..invalid("Reserved", why) });
    }
    let merged = ("reserve".to_owned(), Value::Object(merged).to_string());
    configure::remember(asked, found.id, move |submitted| submitted.extend([merged])).await
}

pub(super) async fn name(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let name = asked.given.need("DtsJobName")?.to_owned();
    let own_name = configure::free_name(asked, &name, Some(&found.id)).await?;
    changing::rename(&asked.service, asked.by(), found.id.clone(), own_name.clone()).await?;
    let names = [(configure::NAME.to_owned(), name), (configure::OWN_NAME.to_owned(), own_name)];
    configure::remember(asked, found.id, move |submitted| submitted.extend(names)).await?;
    Ok(done())
}

fn end(asked: &Asked) -> Result<End, Refusal> {
    match asked.given.need("Endpoint")?.to_lowercase().as_str() {
        "src" | "source" => Ok(End::Source),
        "dest" | "destination" => Ok(End::Destination),
        _ => Err(invalid("Endpoint", "write src or dest")),
    }
}

pub(super) async fn password(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let (found, end) = (asked.job().await?, end(asked)?);
    let password = Some(asked.given.need("Password")?.to_owned());
    if let Some(user) = asked.given.get("UserName") {
        let told = super::endpoint::told(&asked.service, &found, end);
        if told.get("UserName").and_then(Value::as_str) != Some(user) {
            let why = "it is another account's; ModifyDtsJobEndpoint changes the account";
            return Err(Refusal { status: 403, ..invalid("UserName", why) });
        }
    }
    let passwords = match end {
        End::Source => NewPasswords { source: password, target: None },
        End::Destination => NewPasswords { source: None, target: password },
    };
    changing::passwords(&asked.service, asked.by(), found.id, passwords).await?;
    Ok(done())
}

/// Another address or account of the same server.
pub(super) async fn endpoint(asked: &Asked) -> Result<Value, Refusal> {
    let (found, end) = (asked.job().await?, end(asked)?);
    let mut submitted = found.submitted.clone();
    let before = super::endpoint::told(&asked.service, &found, end);
    let mut put = |rest: &str, value: Option<&str>| {
        let name = end.parameter(rest).to_lowercase();
        match value {
            Some(value) => submitted.insert(name, value.to_owned()),
            None => submitted.remove(&name),
        };
    };
    let was = |name: &str| before.get(name).and_then(Value::as_str);
    let moves = asked.given.one_of(&["EndpointIp", "EndpointInstanceId"]).is_some();
    // Another account does not move it.
    put("InstanceType", asked.given.get("EndpointInstanceType").or(was("InstanceType").filter(|_| !moves)));
    put("InstanceID", asked.given.get("EndpointInstanceId").or(was("InstanceID").filter(|_| !moves)));
    put("IP", asked.given.get("EndpointIp").or(was("Ip").filter(|_| !moves)));
    put("Port", asked.given.get("EndpointPort").or(was("Port").filter(|_| !moves)));
    put("Region", asked.given.get("EndpointRegionId").or(was("Region")));
    put("UserName", asked.given.get("Username").or(was("UserName")));
    put("EngineName", was("EngineName"));
    let mut given = Given::new(end, &submitted);
    given.password = asked.given.get("Password").map(str::to_owned);
    given.encryption = match was("SslSolutionEnum") {
        Some("DISABLE") => Some("disabled"),
        Some(_) => Some("required"),
        None => None,
    };
    let spec = given.spec(&asked.service)?;
    let endpoints = match end {
        End::Source => NewEndpoints { source: Some(spec), target: None },
        End::Destination => NewEndpoints { source: None, target: Some(spec) },
    };
    if asked.given.flag("DryRun")? == Some(true) {
        changing::try_endpoints(&asked.service, found.id, endpoints).await?;
    } else {
        changing::endpoints(&asked.service, asked.by(), found.id.clone(), endpoints).await?;
        let prefix = end.parameter("").to_lowercase();
        configure::remember(asked, found.id, move |all| {
            all.retain(|name, _| !name.starts_with(&prefix));
            all.extend(submitted.into_iter().filter(|(name, _)| name.starts_with(&prefix)));
        })
        .await?;
    }
    Ok(with(done(), json!({ "HttpStatusCode": "200" })))
}

pub(super) fn side(end: End) -> Side {
    match end {
        End::Source => Side::Source,
        End::Destination => Side::Target,
    }
}

/// A job goes on exactly where it was, or not at all.
pub(super) async fn checkpoint(asked: &Asked) -> Result<Value, Refusal> {
    asked.job().await?;
    Err(Refusal::denied(
        "A job goes on exactly where it was: its place is stored in the target with the rows, and cannot be moved by a \
         time without losing or repeating changes. To begin anew, create another job.",
    ))
}
