//! What is said of one instance alone about who is told what: with the official API's CreateJobMonitorRule.

use serde_json::Value;
use std::collections::BTreeMap;
use tidegate_api::AlertKind;

pub(crate) const KINDS: [&str; 2] = ["delay", "error"];

/// Where a rule stands among what was submitted.
pub(crate) fn place(kind: &str) -> String {
    format!("tidegate.rule.{kind}")
}

/// What holds for one instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// In place of the settings' seconds.
    pub(super) lag_seconds: Option<u64>,
    no_lag: bool,
    no_failure: bool,
}

impl Rules {
    pub(super) fn of(submitted: &BTreeMap<String, String>) -> Self {
        let rule = |kind: &str| -> Option<Value> { serde_json::from_str(submitted.get(&place(kind))?).ok() };
        let is_off = |rule: &Option<Value>| rule.as_ref().is_some_and(|rule| rule["State"] == "N");
        let (delay, error) = (rule("delay"), rule("error"));
        Self {
            lag_seconds: delay.as_ref().and_then(|rule| rule["DelayRuleTime"].as_u64()),
            no_lag: is_off(&delay),
            no_failure: is_off(&error),
        }
    }

    pub(super) fn silences(self, kind: AlertKind) -> bool {
        match kind {
            AlertKind::Lag => self.no_lag,
            AlertKind::Failed => self.no_failure,
            _ => false,
        }
    }
}
