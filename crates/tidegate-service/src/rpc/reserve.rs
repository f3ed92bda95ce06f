//! What stands in `Reserve`: settings of a whole job, as JSON in a text.

use super::answer::Refusal;
use super::parameters::{flag, invalid};
use serde_json::{Map, Value};
use tidegate_api::Existing;

/// Up to here a number of `maxRetryTime` is minutes; scripts send seconds, too.
const MINUTES_MAX: u64 = 1440;

/// Read, as far as it means something here. The rest is kept and told again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reserve {
    pub(super) existing: Existing,
    /// Whether the job is started as soon as it is configured.
    pub(super) starts: Option<bool>,
    pub(super) without_schema_changes: bool,
    pub(super) retry_seconds: Option<u64>,
    /// `ssl-mode` of source and target.
    pub(super) encryption: [Option<&'static str>; 2],
}

/// An object; empty if there is none.
pub(super) fn fields(name: &str, text: Option<&str>) -> Result<Map<String, Value>, Refusal> {
    let Some(text) = text else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|error| invalid(name, &error.to_string()))
}

pub(super) fn read(fields: &Map<String, Value>) -> Result<Reserve, Refusal> {
    let text = |name: &str| -> Option<String> {
        match fields.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    };
    let bad = |name: &str, why: &str| Err(invalid(&format!("Reserve.{name}"), why));
    let mut read = Reserve::default();
    match text("targetTableMode").as_deref() {
        None | Some("0") => {}
        Some("2") => read.existing = Existing::Keep,
        Some(_) => return bad("targetTableMode", "write 0 or 2"),
    }
    read.starts = match text("autoStartModulesAfterConfig").as_deref() {
        None => None,
        Some("auto" | "all") => Some(true),
        Some("none") => Some(false),
        Some(_) => return bad("autoStartModulesAfterConfig", "write auto or none"),
    };
    if text("syncArchitecture").is_some_and(|text| text != "oneway") {
        return bad("syncArchitecture", "there are no two-way jobs here; see CreateReverseDtsJob");
    }
    if text("dbListCaseChangeMode").is_some_and(|text| !matches!(text.as_str(), "default" | "source")) {
        return bad("dbListCaseChangeMode", "names stay as the source has them");
    }
    if text("etlOperatorCtl").is_some_and(|text| flag(&text) == Some(true)) {
        return bad("etlOperatorCtl", "rows are not changed on their way here");
    }
    read.without_schema_changes = text("filterDDL").is_some_and(|text| flag(&text) == Some(true));
    if let Some(number) = text("maxRetryTime") {
        let Ok(number) = number.parse::<u64>() else { return bad("maxRetryTime", "write a number") };
        read.retry_seconds = Some(if number <= MINUTES_MAX { number * 60 } else { number });
    }
    for (at, name) in ["srcSSL", "destSSL"].into_iter().enumerate() {
        read.encryption[at] = match text(name).as_deref() {
            None => None,
            Some("0") => Some("disabled"),
            Some("1") => Some("required"),
            Some(_) => return bad(name, "write 0 or 1"),
        };
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Reserve, Refusal> {
        read(&fields("Reserve", Some(text))?)
    }

    #[test]
    fn texts_and_numbers() {
        assert_eq!(of("{}").unwrap(), Reserve::default());
        let read = of(
            r#"{"targetTableMode":"2","autoStartModulesAfterConfig":"none","maxRetryTime":43200,"srcSSL":"1",
               "destSSL":0,"filterDDL":true,"whitelist.ghost.online.ddl.enable":"false"}"#,
        );
        let expected = Reserve {
            existing: Existing::Keep,
            starts: Some(false),
            without_schema_changes: true,
            retry_seconds: Some(43_200),
            encryption: [Some("required"), Some("disabled")],
        };
        assert_eq!(read.unwrap(), expected);
        assert_eq!(of(r#"{"maxRetryTime":"720"}"#).unwrap().retry_seconds, Some(43_200));
        assert_eq!(of(r#"{"autoStartModulesAfterConfig":"all"}"#).unwrap().starts, Some(true));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for text in [
            "[]",
            r#"{"targetTableMode":"1"}"#,
            r#"{"syncArchitecture":"bidirectional"}"#,
            r#"{"dbListCaseChangeMode":"upper"}"#,
            r#"{"etlOperatorCtl":"Y"}"#,
            r#"{"srcSSL":"3"}"#,
            r#"{"maxRetryTime":"long"}"#,
        ] {
            assert_eq!(of(text).unwrap_err().code, "InvalidParameter", "{text}");
        }
    }
}
