//! What has happened to a job, its figures, and who is told what.

use super::answer::{Refusal, done, with};
use super::asked::{Asked, job_of};
use super::parameters::invalid;
use crate::alerts::rules;
use crate::http::{Service, shown};
use crate::orders::audited;
use crate::store::{Found, Store};
use serde_json::{Value, json};
use tidegate_api::{Sample, Status, Transition};

/// From its history, the newest first.
pub(super) async fn log(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let lines = asked.service.store.ask(move |store| store.transitions(&found.id)).await?;
    let states = asked.given.names("Status")?;
    let keyword = asked.given.get("Keyword").unwrap_or_default();
    let from: Option<i64> = asked.given.number("StartTime")?;
    let until: Option<i64> = asked.given.number("EndTime")?;
    let contexts: Vec<Value> = lines
        .iter()
        .rev()
        .filter(|line| {
            let at = line.at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
            from.is_none_or(|from| at >= from) && until.is_none_or(|until| at <= until)
        })
        .map(|line| (state(line), said(line), line.at.replace('Z', "+00:00")))
        .filter(|(state, said, _)| {
            said.contains(keyword)
                && (states.is_empty() || states.iter().any(|one| one.eq_ignore_ascii_case(state)))
        })
        .map(|(state, said, at)| json!({ "Context": said, "State": state, "Time": at }))
        .collect();
    let page: usize = asked.given.number("PageNumber")?.unwrap_or(1).max(1);
    let size: usize = asked.given.number("PageSize")?.unwrap_or(20).clamp(1, 1000);
    let total = contexts.len();
    let contexts: Vec<Value> =
        contexts.into_iter().skip((page - 1).saturating_mul(size)).take(size).collect();
    Ok(with(
        done(),
        json!({
            "PageNumber": page, "PageRecordCount": contexts.len(), "TotalRecordCount": total,
            "ServiceLogContexts": contexts,
        }),
    ))
}

fn state(line: &Transition) -> &'static str {
    match line.to {
        Status::Failed | Status::PrecheckFailed => "ERROR",
        Status::Retrying => "WARN",
        _ if line.why.is_some() => "WARN",
        _ => "NORMAL",
    }
}

fn said(line: &Transition) -> String {
    let why = line.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} by {}, from {} to {}{why}", line.event, line.by, line.from, line.to)
}

/// Figures of a job: of the last hour, and as they are now.
const FIGURES: [&str; 5] = ["delay", "rps", "captured_bytes", "backlog", "change_log_bytes"];

/// What a figure was, with its time in milliseconds since 1970.
fn samples(service: &Service, found: &Found, figure: &str) -> Vec<(i64, f64)> {
    let of = |sample: &Sample| match figure {
        "delay" => sample.behind_seconds * 1000.0,
        "rps" => sample.rows_per_second,
        "captured_bytes" => sample.captured_bytes_per_second,
        "backlog" => sample.backlog as f64,
        _ => sample.log_bytes as f64,
    };
    let at = |sample: &Sample| Some(sample.at.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    let kept = service.supervisor.samples(&found.id);
    let mut points: Vec<(i64, f64)> =
        kept.iter().filter_map(|sample| Some((at(sample)?, of(sample)))).collect();
    // What began a moment ago has none yet.
    if points.is_empty()
        && let Some(progress) = shown(service, found.clone()).progress
    {
        let value = match figure {
            "delay" => Some(progress.behind_seconds * 1000.0),
            "rps" => Some(progress.rows_per_second),
            "backlog" => Some(progress.seq_captured.saturating_sub(progress.seq_applied) as f64),
            "change_log_bytes" => Some(progress.log_bytes as f64),
            _ => None,
        };
        points.extend(value.map(|value| (jiff::Timestamp::now().as_millisecond(), value)));
    }
    points
}

/// From one point to the next, in seconds, whatever is asked for: so often a run is looked at.
const PERIOD_SECONDS: u32 = 5;

/// The official figures are those of machines that run nothing but jobs; here they are a job's.
pub(super) async fn metrics(asked: &Asked) -> Result<Value, Refusal> {
    let name = asked.given.need("MetricName")?;
    let job = asked.given.one_of(&["DtsJobId", "Param"]);
    let job = job.ok_or_else(|| Refusal::new(400, "MissingParam", "Param is mandatory for this action."))?;
    let found = asked.find(job_of(job).to_owned()).await?;
    let figure = name.to_lowercase();
    if !FIGURES.contains(&figure.as_str()) {
        let why = format!("a job has {}; figures of machines are the machines' own", FIGURES.join(", "));
        return Err(Refusal { status: 403, ..invalid("MetricName", &why) });
    }
    let from: i64 = asked.given.number("StartTime")?.unwrap_or(0);
    let until: i64 = asked.given.number("EndTime")?.unwrap_or(i64::MAX);
    let points = samples(&asked.service, &found, &figure).into_iter();
    let points = points.filter(|(at, _)| (from..=until).contains(at));
    let points: Vec<Value> =
        points.map(|(at, value)| json!({ "Timestamp": at, "Statistics": value })).collect();
    Ok(with(
        done(),
        json!({
            "MetricName": name, "MetricType": asked.given.get("MetricType").unwrap_or("NODE"), "Param": job,
            "Period": PERIOD_SECONDS, "DataPoints": points,
        }),
    ))
}

/// A rule for one job, in place of what the service's settings say for all.
pub(super) async fn put_rule(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let kind = asked.given.get("Type").unwrap_or("error").to_lowercase();
    if !rules::KINDS.contains(&kind.as_str()) {
        let why = "delay and error are there; nobody is told how long a copy takes";
        return Err(Refusal { status: 403, ..invalid("Type", why) });
    }
    let state = asked.given.get("State").unwrap_or("Y").to_uppercase();
    if !["Y", "N"].contains(&state.as_str()) {
        return Err(invalid("State", "write Y or N"));
    }
    let seconds: Option<u64> = asked.given.number("DelayRuleTime")?;
    if kind == "delay" && state == "Y" && seconds.is_none() {
        return Err(Refusal::new(400, "MissingDelayRuleTime", "DelayRuleTime is mandatory for this action."));
    }
    let rule = json!({
        "Type": kind, "State": state, "DelayRuleTime": seconds, "Phone": asked.given.get("Phone"),
        "NoticeValue": asked.given.number::<i64>("NoticeValue")?, "Period": asked.given.number::<i64>("Period")?,
        "Times": asked.given.number::<i64>("Times")?,
    });
    let (id, rule) = (found.id.clone(), (rules::place(&kind), rule.to_string()));
    let put = move |store: &Store, _: &str| store.change_submitted(&id, |submitted| submitted.extend([rule]));
    let found = audited(&asked.service, asked.by(), "alert rule", found.id, put).await?;
    Ok(with(done(), json!({ "DtsJobId": found.id })))
}

pub(super) async fn rules(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.job().await?;
    let rules: Vec<Value> = rules::KINDS
        .iter()
        .filter_map(|kind| serde_json::from_str(found.submitted.get(&rules::place(kind))?).ok())
        .map(|rule| with(rule, json!({ "JobId": found.id, "JobType": "normal" })))
        .collect();
    Ok(with(done(), json!({ "DtsJobId": found.id, "MonitorRules": rules, "Topics": [] })))
}
