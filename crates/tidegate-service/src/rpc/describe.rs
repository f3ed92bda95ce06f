//! Listing jobs, and looking at one.

use super::answer::{Refusal, done, with};
use super::asked::{Asked, job_of};
use super::parameters::invalid;
use super::{status, view};
use crate::http::{Service, shown};
use crate::store::Found;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tidegate_api::Kind;

const PAGE: usize = 20;
/// Terraform and scripts ask for more than is documented, and stop at a page that is shorter than they asked for.
const PAGE_MAX: usize = 10_000;

pub(super) async fn list(asked: &Asked) -> Result<Value, Refusal> {
    let mut found = asked.service.store.ask(|store| store.list()).await?;
    let filter = Filter::read(asked)?;
    found.retain(|one| filter.fits(&asked.service, one));
    let key = |one: &Found| match asked.given.get("OrderColumn") {
        Some("FinishTime") => one.changed_at.clone(),
        _ => one.created_at.clone(),
    };
    found.sort_by_key(key);
    if asked.given.get("OrderDirection").is_some_and(|text| text.eq_ignore_ascii_case("DESC")) {
        found.reverse();
    }
    let page: usize = asked.given.number("PageNumber")?.unwrap_or(1).max(1);
    let size: usize = asked.given.number("PageSize")?.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let with_objects = asked.given.flag("WithoutDbList")? != Some(true);
    let total = found.len();
    let jobs: Vec<Value> = found
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size)
        .map(|one| listed(&asked.service, one, with_objects))
        .collect();
    Ok(with(
        done(),
        json!({
            "PageNumber": page, "PageRecordCount": jobs.len(), "TotalRecordCount": total,
            "DtsJobList": jobs, "EtlDemoList": [],
        }),
    ))
}

/// Delays are seconds here, but milliseconds for migrations; the checkpoint is a text.
fn listed(service: &Service, found: &Found, with_objects: bool) -> Value {
    let instance = shown(service, found.clone());
    let unit = if found.spec.kind == Kind::Migration { 1000.0 } else { 1.0 };
    with(
        view::job(service, found, with_objects),
        json!({
            "Delay": view::behind(service, &instance).map(|seconds| (seconds * unit).round() as i64),
            "Checkpoint": view::checkpoint(service, &instance).to_string(),
        }),
    )
}

/// Delays are milliseconds here; the checkpoint is a number.
pub(super) async fn detail(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let found = asked.job().await?;
    let instance = shown(&asked.service, found.clone());
    let checkpoint = view::checkpoint(&asked.service, &instance);
    let more = json!({
        "Delay": view::behind(&asked.service, &instance).map(|seconds| (seconds * 1000.0).round() as i64),
        "Checkpoint": checkpoint,
        "JobType": "sync",
        "DemoJob": false,
        "SubSyncJob": [],
        "SubDistributedJob": [],
    });
    Ok(with(with(view::job(&asked.service, &found, true), done()), more))
}

/// There is nothing to set this way. Terraform asks at every reading.
pub(super) async fn config(asked: &Asked) -> Result<Value, Refusal> {
    asked.job().await?;
    Ok(with(done(), json!({ "Parameters": [] })))
}

pub(super) async fn count(asked: &Asked) -> Result<Value, Refusal> {
    let found = asked.service.store.ask(|store| store.list()).await?;
    let filter = Filter::read(asked)?;
    let total = found.iter().filter(|one| filter.fits(&asked.service, one)).count();
    Ok(with(done(), json!({ "TotalRecordCount": total })))
}

struct Filter {
    kind: String,
    status: Option<String>,
    jobs: Vec<String>,
    instances: Vec<String>,
    region: Option<String>,
    by: Option<(String, String)>,
    /// Engines that the source's and the destination's must be.
    engines: [Option<String>; 2],
    tags: BTreeMap<String, String>,
}

impl Filter {
    fn read(asked: &Asked) -> Result<Self, Refusal> {
        let text = |name: &str| asked.given.get(name).map(str::to_owned);
        let by = text("Params").map(|value| (text("Type").unwrap_or_default(), value));
        Ok(Self {
            kind: text("JobType").unwrap_or_else(|| "MIGRATION".to_owned()).to_uppercase(),
            status: text("Status"),
            jobs: asked.given.names("DtsJobId")?,
            instances: asked.given.names("DtsInstanceId")?,
            region: text("Region"),
            by,
            engines: [text("SrcDbType"), text("DestDbType")],
            tags: tags(asked.given.get("Tags"))?,
        })
    }

    fn fits(&self, service: &Service, found: &Found) -> bool {
        let kind = match found.spec.kind {
            Kind::Migration => "MIGRATION",
            Kind::Sync | Kind::Reverse => "SYNC",
            Kind::Tracking => "SUBSCRIBE",
        };
        let among = |ids: &[String]| ids.is_empty() || ids.iter().any(|id| job_of(id) == found.id);
        kind == self.kind
            && among(&self.jobs)
            && among(&self.instances)
            && self.status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(status::of(found)))
            && self
                .tags
                .iter()
                .all(|(key, value)| found.tags.get(key).is_some_and(|one| value.is_empty() || one == value))
            && self.is_in_region(service, found)
            && self.has_engines(service, found)
            && self.by.as_ref().is_none_or(|(by, value)| fits(service, found, by, value))
    }

    /// Whatever is neither of the two engines that there are fits nothing.
    fn has_engines(&self, service: &Service, found: &Found) -> bool {
        let ends = view::ends(service, found);
        self.engines.iter().zip(&ends).all(|(asked, end)| {
            let engine = end.get("EngineName").and_then(Value::as_str).unwrap_or("MySQL");
            asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(engine))
        })
    }

    /// Jobs whose ends have no region are everywhere.
    fn is_in_region(&self, service: &Service, found: &Found) -> bool {
        let Some(region) = &self.region else { return true };
        let ends = view::ends(service, found);
        let mut regions = ends.iter().filter_map(|end| end.get("Region")?.as_str()).peekable();
        regions.peek().is_none() || regions.any(|one| one == region)
    }
}

fn fits(service: &Service, found: &Found, by: &str, value: &str) -> bool {
    let ends = view::ends(service, found);
    let is_of = |end: &Value| end.get("InstanceID").and_then(Value::as_str) == Some(value);
    match by.to_lowercase().as_str() {
        "name" => view::name(found).to_lowercase().contains(&value.to_lowercase()),
        "srcrds" => is_of(&ends[0]),
        "rds" => ends.iter().any(is_of),
        // `instance`, and what nothing is said about: an id.
        _ => job_of(value) == found.id,
    }
}

/// `[{"key":"k","value":"v"}]`; some write `TagKey` and `TagValue`.
fn tags(text: Option<&str>) -> Result<BTreeMap<String, String>, Refusal> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    let list: Vec<BTreeMap<String, String>> =
        serde_json::from_str(text).map_err(|error| invalid("Tags", &error.to_string()))?;
    let of = |tag: &BTreeMap<String, String>, names: [&str; 2]| {
        tag.iter()
            .find(|(name, _)| names.contains(&name.to_lowercase().as_str()))
            .map(|(_, value)| value.clone())
    };
    let pairs = list.iter().filter_map(|tag| {
        Some((of(tag, ["key", "tagkey"])?, of(tag, ["value", "tagvalue"]).unwrap_or_default()))
    });
    Ok(pairs.collect())
}
