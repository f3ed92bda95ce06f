//! The steps of a job: its precheck, its tables, their rows, and the changes.

use super::answer::{Refusal, done, with};
use super::asked::Asked;
use super::{precheck, view};
use crate::http::shown;
use crate::store::Found;
use serde_json::{Value, json};
use tidegate_api::{Kind, TableState};

pub(super) async fn list(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let job = view::job(&asked.service, &found, false);
    let instance = shown(&asked.service, found.clone());
    let behind = view::behind(&asked.service, &instance);
    let steps: Vec<Value> = [
        ("01", "Precheck", precheck::summary(&found)),
        ("02", "dts.step.struct.load", job["StructureInitializationStatus"].clone()),
        ("03", "dts.step.data.load", job["DataInitializationStatus"].clone()),
        (
            if found.spec.kind == Kind::Migration { "04" } else { "07" },
            "Incremental data service",
            job["DataSynchronizationStatus"].clone(),
        ),
    ]
    .into_iter()
    .filter(|(_, _, phase)| !phase.is_null())
    .enumerate()
    .map(|(at, (code, name, phase))| {
        let is_last = !matches!(code, "01" | "02" | "03");
        let percent: i64 = phase["Percent"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        json!({
            "JobStepId": format!("{}{code}", found.id),
            "JobStepName": name,
            "Code": code,
            "State": state(phase["Status"].as_str().unwrap_or_default()),
            "Progress": percent,
            "Serial": at + 1,
            "CreateTime": view::time(&found.created_at),
            "ErrMsg": phase["ErrorMessage"],
            "ErrorDetails": [],
            "SubJobCount": 0,
            "SubJobSteps": [],
            "IncLatencySeconds": behind.filter(|_| is_last).map(|seconds| seconds.round() as i64),
            "IncLatencyMilliseconds": behind.filter(|_| is_last).map(|seconds| (seconds * 1000.0).round() as i64),
        })
    })
    .collect();
    Ok(with(done(), json!({ "UseV2API": true, "JobSteps": steps })))
}

/// The words for steps are others than those for statuses.
fn state(status: &str) -> &'static str {
    match status {
        "Checking" | "Migrating" => "Running",
        "Catched" => "Catched",
        "Finished" => "Finished",
        "Failed" => "Failed",
        "Suspending" => "Pause",
        _ => "Init",
    }
}

fn tables(asked: &Asked, found: &Found) -> Vec<TableState> {
    shown(&asked.service, found.clone()).progress.map(|progress| progress.tables).unwrap_or_default()
}

/// Progress by table; of the changes, as a whole.
pub(super) fn objects(asked: &Asked, found: &Found) -> Result<Value, Refusal> {
    let code = asked.given.get("JobCode").unwrap_or_default();
    let job = view::job(&asked.service, found, false);
    let phase = match code {
        "02" => &job["StructureInitializationStatus"],
        "03" => &job["DataInitializationStatus"],
        _ => &job["DataSynchronizationStatus"],
    };
    let name = asked.given.get("Name").unwrap_or_default().to_lowercase();
    let tables = if matches!(code, "02" | "03") { tables(asked, found) } else { Vec::new() };
    let lines: Vec<Value> = tables
        .iter()
        .filter(|table| table.name.to_lowercase().contains(&name))
        .enumerate()
        .map(|(at, table)| {
            let (schema, item) = table.name.split_once('.').unwrap_or(("", &table.name));
            let is_done = code == "02" || table.done;
            json!({
                "Id": at.to_string(), "JobId": found.id, "OrderNum": at, "Item": item, "Names": item,
                "SourceSchema": schema, "ParentObj": schema, "CanSkip": false, "Skip": false, "IgnoreFlag": "N",
                "State": if is_done { "Success" } else { "Migrating" },
                "Current": (code == "03").then(|| table.rows.to_string()),
                "Total": (code == "03").then_some(table.rows_estimated),
                "Sub": "[]", "Logs": [],
            })
        })
        .collect();
    let total = lines.len();
    let (page, lines) = asked.given.page(lines)?;
    Ok(with(
        done(),
        json!({
            "JobId": found.id, "JobName": view::name(found), "State": phase["Status"].as_str().unwrap_or("NotStarted"),
            "ErrorItem": 0, "Total": total, "TotalRecordCount": total, "PageNumber": page,
            "PageRecordCount": lines.len(), "JobProgress": lines, "AnalysisJobProgress": [], "ErrorAnalysisItem": 0,
            "FullNetCheckJobStatus": [], "SubDistributedJobStatus": [],
        }),
    ))
}

/// How many tables there are. Other objects are made with them, and not counted.
pub(super) async fn summary(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let code = asked.given.need("JobCode")?.to_owned();
    let tables = tables(asked, &found);
    let is_done = found.state.initialized || (!tables.is_empty() && tables.iter().all(|table| table.done));
    let state = match (tables.is_empty(), is_done) {
        (true, false) => 2,
        (_, true) => 0,
        (false, false) if code == "02" => 0,
        (false, false) => 3,
    };
    Ok(with(
        done(),
        json!({
            "JobId": found.id,
            "ProgressSummaryDetails": [{ "Key": "Table", "State": state, "TotalCount": tables.len() }],
        }),
    ))
}
