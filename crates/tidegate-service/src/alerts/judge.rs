//! What is wrong, by what is seen: pure.

use super::rules::Rules;
use std::collections::HashMap;
use tidegate_api::{Alert, AlertKind, AlertMessage, AlertSettings, Status};

/// What is seen of an instance.
pub(super) struct Observed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) why: Option<String>,
    pub(super) behind_seconds: f64,
    pub(super) is_stuck: bool,
    /// Whether its source is being read.
    pub(super) is_read: bool,
    pub(super) kept_until: Option<i64>,
    pub(super) rules: Rules,
}

/// Since when instances are behind.
#[derive(Default)]
pub(super) struct Seen(HashMap<String, i64>);

/// Everything that is wrong at `now`, in seconds since 1970. What was so before keeps its beginning.
pub(super) fn judge(
    settings: &AlertSettings,
    observed: &[Observed],
    free_bytes: u64,
    before: &[Alert],
    seen: &mut Seen,
    now: i64,
) -> Vec<Alert> {
    let mut found = Vec::new();
    seen.0.retain(|id, _| observed.iter().any(|one| one.id == *id && is_behind(settings, one)));
    for one in observed {
        if is_behind(settings, one) {
            seen.0.entry(one.id.clone()).or_insert(now);
        }
        let late = seen.0.get(&one.id).filter(|since| now - **since >= (settings.lag_minutes * 60) as i64);
        found.extend(of_instance(settings, one, late.is_some(), now));
    }
    if free_bytes < settings.free_bytes {
        let subject = format!("Tidegate: {} MiB are left for change logs", free_bytes >> 20);
        let text = "Make room on the disk with the data folder. Without room, capture waits, and then depends on \
                    how long the sources keep their logs.";
        found.push(alert(AlertKind::Disk, None, subject, text.to_owned()));
    }
    let since = at(now);
    for alert in &mut found {
        let earlier = before.iter().find(|one| is_same(one, alert));
        alert.since = earlier.map_or_else(|| since.clone(), |one| one.since.clone());
    }
    found
}

fn is_behind(settings: &AlertSettings, one: &Observed) -> bool {
    one.behind_seconds > lag_seconds(settings, one) as f64
}

fn lag_seconds(settings: &AlertSettings, one: &Observed) -> u64 {
    one.rules.lag_seconds.unwrap_or(settings.lag_seconds)
}

fn of_instance(settings: &AlertSettings, one: &Observed, is_late: bool, now: i64) -> Vec<Alert> {
    let name = &one.name;
    let mut found = Vec::new();
    let mut add = |kind, subject: String, text: String| found.push(alert(kind, Some(one), subject, text));
    if one.status == Status::Failed {
        add(AlertKind::Failed, format!("Tidegate: {name} has failed"), one.why.clone().unwrap_or_default());
    }
    if one.is_stuck {
        let text = format!(
            "There is something to do, and nothing has moved for a while: tidegate instance show {name}"
        );
        add(AlertKind::Stuck, format!("Tidegate: {name} is stuck"), text);
    }
    if is_late {
        let subject = format!("Tidegate: {name} is {:.0} s behind", one.behind_seconds);
        let text = format!(
            "It has been behind by more than {} s for {} minutes: tidegate instance show {name}",
            lag_seconds(settings, one),
            settings.lag_minutes
        );
        add(AlertKind::Lag, subject, text);
    }
    let may_go_on =
        matches!(one.status, Status::Paused | Status::Failed | Status::Retrying | Status::Synchronizing);
    let left = one.kept_until.map(|until| until - now);
    if may_go_on
        && !one.is_read
        && let Some(left) = left.filter(|left| *left < (settings.keeps_hours * 3600) as i64)
    {
        let subject =
            format!("Tidegate: {name} must read its source within {:.1} h", left.max(0) as f64 / 3600.0);
        let text = "Its source is not being read, and deletes what was not read then: a new copy would be needed. \
                    Remove what keeps it from reading, or have the source keep its log longer.";
        add(AlertKind::Retention, subject, text.to_owned());
    }
    found.retain(|alert| !one.rules.silences(alert.kind));
    found
}

fn alert(kind: AlertKind, of: Option<&Observed>, subject: String, text: String) -> Alert {
    Alert {
        kind,
        instance: of.map(|one| one.id.clone()),
        name: of.map(|one| one.name.clone()),
        since: String::new(),
        subject,
        text,
    }
}

fn at(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default()
}

/// Whether two are about the same, whatever figures they give.
fn is_same(one: &Alert, other: &Alert) -> bool {
    one.kind == other.kind && one.instance == other.instance
}

/// What is to be told: what is new, and what is over.
pub(super) fn changes(before: &[Alert], now: &[Alert]) -> Vec<AlertMessage> {
    let message = |state: &str, alert: &Alert| AlertMessage { state: state.to_owned(), alert: alert.clone() };
    let new = now.iter().filter(|alert| !before.iter().any(|one| is_same(one, alert)));
    let over = before.iter().filter(|alert| !now.iter().any(|one| is_same(one, alert)));
    new.map(|alert| message("firing", alert)).chain(over.map(|alert| message("resolved", alert))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well(id: &str) -> Observed {
        Observed {
            id: id.to_owned(),
            name: id.to_owned(),
            status: Status::Synchronizing,
            why: None,
            behind_seconds: 0.0,
            is_stuck: false,
            is_read: true,
            kept_until: Some(1_000_000),
            rules: Rules::default(),
        }
    }

    #[test]
    fn what_is_wrong_is_told_once_and_its_end_too() {
        let settings = AlertSettings::default();
        let mut seen = Seen::default();
        let mut before = Vec::new();
        let plenty = u64::MAX;
        let mut step = |observed: Observed, free: u64, now: i64| {
            let firing = judge(&settings, &[observed], free, &before, &mut seen, now);
            let told = changes(&before, &firing);
            before = firing;
            told.into_iter().map(|one| (one.state, one.alert.kind)).collect::<Vec<_>>()
        };
        let (firing, resolved) = ("firing".to_owned(), "resolved".to_owned());
        assert_eq!(step(well("a"), plenty, 0), []);
        let late = || Observed { behind_seconds: 301.0, ..well("a") };
        assert_eq!(step(late(), plenty, 10), []);
        assert_eq!(step(late(), plenty, 309), []);
        assert_eq!(step(late(), plenty, 310), [(firing.clone(), AlertKind::Lag)]);
        assert_eq!(step(late(), plenty, 320), []);
        assert_eq!(step(well("a"), plenty, 330), [(resolved.clone(), AlertKind::Lag)]);
        let broken = || Observed { status: Status::Failed, is_read: false, ..well("a") };
        assert_eq!(step(broken(), plenty, 340), [(firing.clone(), AlertKind::Failed)]);
        assert_eq!(
            step(broken(), 0, 1_000_000 - 100),
            [(firing.clone(), AlertKind::Retention), (firing.clone(), AlertKind::Disk)]
        );
        let stuck = || Observed { is_stuck: true, ..well("a") };
        assert_eq!(
            step(stuck(), plenty, 1_000_000),
            [
                (firing, AlertKind::Stuck),
                (resolved.clone(), AlertKind::Failed),
                (resolved.clone(), AlertKind::Retention),
                (resolved, AlertKind::Disk)
            ]
        );
    }

    #[test]
    fn one_instance_may_have_rules_of_its_own() {
        let settings = AlertSettings::default();
        let told = |rules: &[(&str, &str)], observed: Observed| {
            let given =
                rules.iter().map(|(kind, text)| (super::super::rules::place(kind), (*text).to_owned()));
            let observed = [Observed { rules: Rules::of(&given.collect()), ..observed }];
            let mut seen = Seen::default();
            judge(&settings, &observed, u64::MAX, &[], &mut seen, 0);
            let found = judge(&settings, &observed, u64::MAX, &[], &mut seen, 1000);
            found.into_iter().map(|one| one.kind).collect::<Vec<_>>()
        };
        let late = |seconds: f64| Observed { behind_seconds: seconds, ..well("a") };
        let broken = || Observed { status: Status::Failed, ..well("a") };
        let minute = ("delay", r#"{"State":"Y","DelayRuleTime":60}"#);
        assert_eq!(told(&[], late(61.0)), []);
        assert_eq!(told(&[minute], late(61.0)), [AlertKind::Lag]);
        assert_eq!(told(&[("delay", r#"{"State":"N"}"#)], late(1000.0)), []);
        assert_eq!(told(&[minute], broken()), [AlertKind::Failed]);
        assert_eq!(told(&[("error", r#"{"State":"N"}"#)], broken()), []);
    }

    #[test]
    fn it_says_since_when() {
        let settings = AlertSettings::default();
        let broken = [Observed { status: Status::Failed, ..well("a") }];
        let first = judge(&settings, &broken, u64::MAX, &[], &mut Seen::default(), 100);
        let later = judge(&settings, &broken, u64::MAX, &first, &mut Seen::default(), 200);
        assert_eq!(later[0].since, "1970-01-01T00:01:40Z");
    }
}
