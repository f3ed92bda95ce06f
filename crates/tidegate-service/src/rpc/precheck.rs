//! What a precheck has found, and passing items of it over.

use super::answer::{Refusal, done, with};
use super::asked::Asked;
use super::steps;
use crate::orders::prechecking;
use crate::store::Found;
use serde_json::{Value, json};
use tidegate_api::{PrecheckItem, PrecheckResult, Status};

/// What the official names of items begin with, and what the names of their details end with.
const BEFORE: &str = "CHECK_";
const AFTER: &str = "_DETAIL";

fn official(item: &PrecheckItem) -> String {
    format!("{BEFORE}{}", item.code)
}

fn own(name: &str) -> String {
    let name = name.trim().strip_suffix(AFTER).unwrap_or(name.trim());
    name.strip_prefix(BEFORE).unwrap_or(name).to_owned()
}

fn has_failed(item: &PrecheckItem) -> bool {
    matches!(item.result, PrecheckResult::Failed | PrecheckResult::Unknown)
}

/// `PrecheckStatus` of a job.
pub(super) fn summary(found: &Found) -> Value {
    let items = found.precheck.as_deref().unwrap_or_default();
    let detail: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({
                "CheckItem": official(item),
                "CheckItemDescription": item.title,
                "CheckResult": if has_failed(item) { "Failed" } else { "Success" },
                "FailedReason": item.detail,
                "RepairMethod": item.remedy,
            })
        })
        .collect();
    let state = state(found);
    let failed: Vec<&str> =
        items.iter().filter(|one| has_failed(one)).filter_map(|one| one.detail.as_deref()).collect();
    json!({
        "Status": state,
        "Percent": if matches!(state, "Finished" | "Failed") { "100" } else { "0" },
        "ErrorMessage": (!failed.is_empty()).then(|| failed.join("; ")),
        "Detail": detail,
    })
}

fn state(found: &Found) -> &'static str {
    match found.state.status {
        Status::NotConfigured | Status::NotStarted => "NotStarted",
        Status::Prechecking => "Checking",
        Status::PrecheckFailed => "Failed",
        _ => "Finished",
    }
}

pub(super) async fn status(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    match asked.given.need("JobCode")? {
        "01" => {}
        "02" | "03" | "04" | "07" => return steps::objects(asked, &found),
        other => {
            return Err(super::parameters::invalid(
                "JobCode",
                &format!("{other} is not one of 01, 02, 03 and 04"),
            ));
        }
    }
    let items = found.precheck.as_deref().unwrap_or_default();
    let errors = items.iter().filter(|item| has_failed(item)).count();
    let progress: Vec<Value> = items.iter().enumerate().map(|(at, item)| line(&found, at, item)).collect();
    let (page, progress) = asked.given.page(progress)?;
    Ok(with(
        done(),
        json!({
            "JobId": found.id, "JobName": super::view::name(&found), "State": state(&found), "ErrorItem": errors,
            "Total": items.len(), "TotalRecordCount": items.len(), "PageNumber": page, "PageRecordCount": progress.len(),
            "JobProgress": progress, "AnalysisJobProgress": [], "ErrorAnalysisItem": 0, "FullNetCheckJobStatus": [],
            "SubDistributedJobStatus": [],
        }),
    ))
}

fn line(found: &Found, at: usize, item: &PrecheckItem) -> Value {
    let state = match item.result {
        PrecheckResult::Passed | PrecheckResult::Skipped => "Success",
        PrecheckResult::Warning => "Warning",
        PrecheckResult::Failed | PrecheckResult::Unknown => "Failed",
    };
    let is_skipped = item.result == PrecheckResult::Skipped;
    json!({
        "Id": at.to_string(),
        "JobId": found.id,
        "Item": official(item),
        "Names": format!("{}{AFTER}", official(item)),
        "State": state,
        "OrderNum": at,
        "CanSkip": !item.blocks,
        "Skip": is_skipped,
        "IgnoreFlag": if is_skipped { "Y" } else { "N" },
        "ErrMsg": item.detail,
        "ErrDetail": item.detail,
        "RepairMethod": item.remedy,
        "Sub": "[]",
        "Logs": [],
    })
}

pub(super) async fn skip(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    asked.given.need("Skip")?;
    let skips = asked.given.flag("Skip")? == Some(true);
    let mut names = asked.given.names("SkipPreCheckItems")?;
    names.extend(asked.given.names("SkipPreCheckNames")?);
    let mut items: Vec<String> = names.iter().map(|name| own(name)).collect();
    items.sort();
    items.dedup();
    if items.is_empty() {
        // None named: all that can be.
        let all = found
            .precheck
            .iter()
            .flatten()
            .filter(|item| !item.blocks && item.result != PrecheckResult::Passed);
        items.extend(all.map(|item| item.code.clone()));
    }
    pass(asked, &found, &items, skips).await?;
    let named =
        |after: &str| items.iter().map(|item| format!("{BEFORE}{item}{after}")).collect::<Vec<_>>().join(",");
    Ok(with(
        done(),
        json!({
            "MigrationJobId": found.id, "ScheduleJobId": found.id, "SkipItems": named(""), "SkipNames": named(AFTER),
        }),
    ))
}

pub(super) async fn shield(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    asked.given.need("PrecheckItems")?;
    let items: Vec<String> = asked.given.names("PrecheckItems")?.iter().map(|name| own(name)).collect();
    pass(asked, &found, &items, true).await?;
    Ok(json!({ "Success": true }))
}

async fn pass(asked: &Asked, found: &Found, items: &[String], skips: bool) -> Result<(), Refusal> {
    if items.is_empty() {
        return Err(Refusal::denied(
            "No item of the job's precheck is named, and none of them can be passed over.",
        ));
    }
    for item in items {
        let (id, item) = (found.id.clone(), item.clone());
        if skips {
            prechecking::skip(&asked.service, asked.by(), id, item, "asked for with the official API")
                .await?;
        } else {
            prechecking::unskip(&asked.service, asked.by(), id, item).await?;
        }
    }
    Ok(())
}
