//! A job as the official API shows it.

use super::asked::instance_id;
use super::endpoint::{self, End};
use super::{configure, dblist, instances, precheck, reserve, status};
use crate::http::{Service, shown};
use crate::store::Found;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tidegate_api::{Instance, Kind, Progress, Status};

/// Behind by less than this is not behind.
const LEVEL_SECONDS: f64 = 1.0;

/// What both of the operations that show jobs say of one.
pub(super) fn job(service: &Service, found: &Found, with_objects: bool) -> Value {
    let shown = shown(service, found.clone());
    let [source, destination] = ends(service, found);
    let is_migration = found.spec.kind == Kind::Migration;
    let is_reverse = found.spec.kind == Kind::Reverse;
    let said = |name: &str| found.submitted.get(name).cloned();
    let [structure, data, changes] = phases(found, &shown, behind(service, &shown));
    let has_ended = status::of(found) == "Finished";
    json!({
        "DtsJobId": found.id,
        "DtsInstanceID": instance_id(&found.id),
        "DtsJobName": name(found),
        "JobType": if is_migration { "online" } else { "sync" },
        "Status": status::of(found),
        "CreateTime": time(&found.created_at),
        "LastUpdateTime": time(&found.changed_at),
        "FinishTime": has_ended.then(|| time(&found.changed_at)),
        "PayType": said("paytype").unwrap_or_else(|| "PostPaid".to_owned()),
        "DtsJobClass": said("instanceclass"),
        "DtsJobDirection": "Forward",
        "SynchronizationDirection": "Forward",
        "ResourceGroupId": said("resourcegroupid"),
        "DtsBisLabel": said("dtsbislabel"),
        "ErrorMessage": shown.why.as_ref().map(|why| format!("{} [{}]. {}", why.detail, why.code, why.remedy)),
        "ErrorDetails": shown.why.as_ref().map(|why| json!([{ "ErrorCode": why.code, "HelpUrl": why.kind }])),
        "DbObject": with_objects.then(|| objects(found)).flatten(),
        "Reserved": said("reserve").unwrap_or_else(|| "{}".to_owned()),
        "SourceEndpoint": source,
        "DestinationEndpoint": destination,
        "MigrationMode": {
            "StructureInitialization": !is_reverse,
            "DataInitialization": !is_reverse,
            "DataSynchronization": !found.spec.full_only,
            "FullDataCheck": false,
            "IncDataCheck": false,
        },
        "PrecheckStatus": precheck::summary(found),
        "StructureInitializationStatus": structure,
        "DataInitializationStatus": data,
        "DataSynchronizationStatus": changes,
        "Performance": shown.progress.as_ref().map(|progress| json!({
            "Rps": format!("{:.2}", progress.rows_per_second),
        })),
        "TagList": instances::tags(found),
        // Not in the official API, which does not say which job is another's way back.
        "ReverseOfDtsJobId": found.reverse_of,
        "PeerDtsJobId": found.peer,
        // The second leg of two-way jobs, of which there are none. Terraform needs it to be there.
        "ReverseJob": { "SourceEndpoint": {} },
    })
}

pub(super) fn ends(service: &Service, found: &Found) -> [Value; 2] {
    [End::Source, End::Destination].map(|end| endpoint::told(service, found, end))
}

/// What it was called, unless it was given another name elsewhere since.
pub(super) fn name(found: &Found) -> String {
    let is_so = found.submitted.get(configure::OWN_NAME) == Some(&found.spec.name);
    let given = found.submitted.get(configure::NAME).filter(|_| is_so);
    match found.state.status {
        Status::NotConfigured => instance_id(&found.id),
        _ => given.unwrap_or(&found.spec.name).clone(),
    }
}

/// As they were given, byte for byte, as long as that is what the job has: Terraform compares the texts.
pub(super) fn objects(found: &Found) -> Option<String> {
    let list = found.submitted.get("dblist");
    let is_so = |list: &&String| {
        let Ok(mut objects) = dblist::read(list) else { return false };
        objects.existing = found.spec.objects.existing;
        let fields = reserve::fields("Reserve", found.submitted.get("reserve").map(String::as_str));
        if fields.and_then(|fields| reserve::read(&fields)).is_ok_and(|read| read.without_schema_changes) {
            dblist::without_schema_changes(&mut objects);
        }
        objects == found.spec.objects || found.wanted.as_ref().is_some_and(|wanted| wanted.objects == objects)
    };
    if found.state.status == Status::NotConfigured {
        return None;
    }
    list.filter(is_so).cloned().or_else(|| dblist::write(&found.spec.objects))
}

/// `yyyy-MM-ddTHH:mm:ssZ`
pub(super) fn time(at: &str) -> String {
    format!("{}Z", at.get(..19).unwrap_or(at).trim_end_matches('Z'))
}

/// Seconds that the target is behind, while that is known: from when this run has applied something, or has everything
/// after its source was heard of. Until then it would seem level because nothing was read yet.
pub(super) fn behind(service: &Service, shown: &Instance) -> Option<f64> {
    let told = shown.progress.as_ref().filter(|_| shown.status == Status::Synchronizing)?;
    let is_known = told.lag_ms_p99.is_some() || level_at(service, shown).is_some();
    is_known.then_some(told.behind_seconds)
}

/// When the source was heard of last, in seconds since 1970, if everything that was read of it is in the target.
fn level_at(service: &Service, shown: &Instance) -> Option<i64> {
    let told = shown.progress.as_ref()?;
    let (progress, _) = service.supervisor.progress(&shown.id)?;
    // Whoever reads what is long past still has more to read.
    let reads_news = progress.lag_capture.quantile_ms(0.99).is_none_or(|ms| ms < LEVEL_SECONDS * 1000.0);
    let heard = i64::try_from(progress.heard_at_us.load(Ordering::Relaxed) / 1_000_000).ok()?;
    (heard > 0 && reads_news && told.seq_captured == told.seq_applied).then_some(heard)
}

/// Up to when everything is in the target, in seconds since 1970; 0 if that is not known. Terraform cannot do without.
pub(super) fn checkpoint(service: &Service, shown: &Instance) -> i64 {
    match (behind(service, shown), shown.status) {
        (Some(behind), _) => jiff::Timestamp::now().as_second() - behind.ceil() as i64,
        (None, Status::Retrying) => level_at(service, shown).unwrap_or(0),
        (None, _) => 0,
    }
}

const STOPPED: &str = "stopped before its copy was done";

/// Tables made, rows copied, changes applied.
fn phases(found: &Found, shown: &Instance, behind: Option<f64>) -> [Value; 3] {
    let progress = shown.progress.as_ref();
    if found.spec.kind == Kind::Reverse {
        return [Value::Null, Value::Null, changes(found, progress, behind)];
    }
    let stopped = was_stopped(found).then_some(STOPPED);
    let phase = |state: &str, percent: u64, progress: String| {
        json!({
            "Status": state, "Percent": percent.to_string(), "Progress": progress, "ErrorMessage": stopped,
        })
    };
    let (tables, rows, estimated) = progress.map_or((0, 0, 0), |progress| {
        let estimated: u64 = progress.tables.iter().map(|table| table.rows_estimated).sum();
        (progress.tables.len(), progress.rows_copied, estimated)
    });
    let [structure, data] = match found.state.status {
        _ if found.state.initialized => ["Finished"; 2],
        Status::Initializing | Status::Retrying if tables == 0 => ["Migrating", "NotStarted"],
        Status::Initializing | Status::Retrying => ["Finished", "Migrating"],
        Status::Failed | Status::Completed => ["Failed"; 2],
        Status::Paused | Status::Pausing | Status::Terminating => ["Suspending"; 2],
        _ => ["NotStarted"; 2],
    };
    let percent = match data {
        "Finished" => 100,
        _ => rows.saturating_mul(100).checked_div(estimated).unwrap_or(0).min(99),
    };
    [
        phase(structure, if structure == "Finished" { 100 } else { 0 }, tables.to_string()),
        phase(data, percent, rows.to_string()),
        changes(found, progress, behind),
    ]
}

/// Whether it has ended without having done its copy.
fn was_stopped(found: &Found) -> bool {
    found.spec.kind != Kind::Reverse && found.state.status == Status::Completed && !found.state.initialized
}

fn changes(found: &Found, progress: Option<&Progress>, behind: Option<f64>) -> Value {
    let state = match found.state.status {
        Status::Synchronizing if behind.is_some_and(|behind| behind < LEVEL_SECONDS) => "Catched",
        Status::Synchronizing | Status::Retrying if found.state.initialized => "Migrating",
        Status::Paused | Status::Pausing if found.state.initialized => "Suspending",
        Status::Failed if found.state.initialized => "Failed",
        Status::Completed if was_stopped(found) => "Failed",
        Status::Completed => "Finished",
        Status::Releasing if found.state.initialized => "Finished",
        _ => "NotStarted",
    };
    let rate = progress.map_or(0.0, |progress| progress.rows_per_second);
    let percent = if matches!(state, "Catched" | "Finished") { "100" } else { "0" };
    json!({
        "Status": state, "Percent": percent, "Progress": format!("{rate:.2}RPS"), "NeedUpgrade": false,
        "ErrorMessage": was_stopped(found).then_some(STOPPED),
    })
}
