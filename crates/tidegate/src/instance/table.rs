//! Tables for people.

use crate::figures::{count, grouped, lag, one_line};
use tidegate_api::{
    Activity, Cleanup, Existing, Instance, InstanceList, ObjectRule, ObjectsChange, PrecheckItem,
    ResetPreview, Transition, TreeTable,
};

/// Lines of columns, each as wide as its widest cell.
fn columns(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(widest) => *widest = (*widest).max(width),
                None => widths.push(width),
            }
        }
    }
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| one_line(cell)).collect()
}

pub(crate) fn list(list: &InstanceList) -> String {
    if list.instances.is_empty() {
        return "there are no instances: tidegate instance create\n".to_owned();
    }
    let mut rows =
        vec![row(&["NAME", "STATUS", "DOING", "BEHIND", "LAG P99", "ROWS/S", "ROWS", "SOURCE", "TARGET"])];
    for one in &list.instances {
        let doing = one.progress.as_ref().map(|progress| {
            let doing = match progress.activity {
                Activity::Stuck => "STUCK".to_owned(),
                Activity::Idle | Activity::Working => progress.step.replace('_', " "),
            };
            let lag = progress.lag_ms_p99.map(lag).unwrap_or_default();
            let rate = grouped(progress.rows_per_second.round() as u64);
            let rows = grouped(progress.rows_copied + progress.rows_applied);
            [doing, lag_of(progress.behind_seconds), lag, rate, rows]
        });
        let [doing, behind, lag, rate, rows_done] = doing.unwrap_or_default();
        rows.push(row(&[
            &one.name,
            &one.title,
            &doing,
            &behind,
            &lag,
            &rate,
            &rows_done,
            &one.source.url,
            &one.target.url,
        ]));
    }
    columns(&rows)
}

fn lag_of(seconds: f64) -> String {
    lag(seconds * 1000.0)
}

pub(super) fn tree(tables: &[TreeTable]) -> String {
    let mut rows = vec![row(&["", "TABLE", "ROWS ABOUT", "MIB ABOUT", "KEY", "IN THE TARGET"])];
    for table in tables {
        rows.push(row(&[
            if table.selected { "+" } else { "" },
            &format!("{}.{}", table.database, table.name),
            &grouped(table.rows_estimated),
            &grouped(table.bytes_estimated >> 20),
            table.has_key.map_or("", |has_key| if has_key { "yes" } else { "none" }),
            table.target.as_deref().unwrap_or_default(),
        ]));
        for column in table.columns.iter().flatten() {
            rows.push(row(&["", &format!("  {}", column.name), "", "", &column.data_type]));
        }
    }
    columns(&rows)
}

pub(super) fn change(change: &ObjectsChange, dry_run: bool) -> String {
    let would = if dry_run { "would be" } else { "is to be" };
    let mut out = String::new();
    for name in &change.added {
        out.push_str(&format!("{name} {would} added\n"));
    }
    for name in &change.removed {
        out.push_str(&format!("{name} {would} followed no more, and stays in the target\n"));
    }
    if out.is_empty() {
        out.push_str("no table comes or goes\n");
    }
    out
}

/// A transition as it was told.
pub(super) fn happened(data: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let cell = |name: &str| one_line(line[name].as_str().unwrap_or_default());
    let why = match cell("why") {
        why if why.is_empty() => why,
        why => format!(": {why}"),
    };
    format!(
        "{}  {}  {} → {}  ({} by {}){why}\n",
        cell("at"),
        cell("name"),
        cell("from"),
        cell("to"),
        cell("event"),
        cell("by")
    )
}

pub(super) fn one(shown: &Instance) -> String {
    let commands: Vec<&str> = shown.commands.iter().map(|command| command.name()).collect();
    let mut rows = vec![
        row(&["name", &shown.name]),
        row(&["id", &shown.id]),
        row(&["status", &format!("{} since {}", shown.title, shown.changed_at)]),
        row(&["source", &shown.source.url]),
        row(&["target", &shown.target.url]),
        row(&["objects", &objects(shown)]),
        row(&["allows", &commands.join(", ")]),
    ];
    if let Some(why) = &shown.why {
        rows.push(row(&["why", &format!("{} [{}]", why.detail, why.code)]));
        rows.push(row(&["fix", &why.remedy]));
    }
    if let Some(progress) = &shown.progress {
        let what = format!(
            "{}: {} copied, {} applied",
            progress.step.replace('_', " "),
            count(progress.rows_copied, "row"),
            count(progress.rows_applied, "row")
        );
        rows.push(row(&["doing", &what]));
        let lag = match (progress.lag_ms_p50, progress.lag_ms_p99) {
            (Some(p50), Some(p99)) => format!("; lag p50 {} p99 {}", lag(p50), lag(p99)),
            _ => String::new(),
        };
        let behind = lag_of(progress.behind_seconds);
        let activity = format!("{:?}", progress.activity).to_lowercase();
        rows.push(row(&["activity", &format!("{activity}, {behind} behind{lag}")]));
        rows.push(row(&["change log", &format!("{} MiB", grouped(progress.log_bytes >> 20))]));
        rows.push(row(&["position", &progress.position]));
    }
    if let Some(wanted) = &shown.wanted {
        let what = match (&wanted.why, wanted.cancelled) {
            (Some(why), _) => format!("cannot be had: {} [{}]; fix: {}", why.detail, why.code, why.remedy),
            (None, true) => "are being taken back".to_owned(),
            (None, false) => match &shown.adding {
                Some(adding) => {
                    format!("{}, {}", adding.step.replace('_', " "), count(adding.rows_copied, "row"))
                }
                None => "are about to be copied".to_owned(),
            },
        };
        rows.push(row(&["other objects", &what]));
    }
    if let Some(until) = &shown.source_keeps_until {
        rows.push(row(&["source log", &format!("what is not read yet is kept until {until}")]));
    }
    let mut out = columns(&rows);
    if !shown.precheck.is_empty() {
        out.push_str("\nprecheck\n");
        let lines = shown.precheck.iter().map(item_row);
        out.push_str(&columns(&lines.collect::<Vec<_>>()));
    }
    out
}

fn objects(shown: &Instance) -> String {
    let objects = &shown.objects;
    let mut parts =
        vec![if objects.include.is_empty() { "all".to_owned() } else { objects.include.join(", ") }];
    if !objects.exclude.is_empty() {
        parts.push(format!("without {}", objects.exclude.join(", ")));
    }
    if !objects.rename.is_empty() {
        parts.push(format!("renamed {}", objects.rename.join(", ")));
    }
    if objects.existing == Existing::Keep {
        parts.push("rows that are there stay".to_owned());
    }
    parts.extend(objects.rules.iter().map(rule));
    parts.join("; ")
}

fn rule(rule: &ObjectRule) -> String {
    let filter = rule.filter.as_ref().map(|text| format!("where {text}"));
    let columns = rule.columns.as_ref().map(|text| format!("columns {text}"));
    let changes = rule.changes.as_ref().map(|kinds| kinds_of("changes", kinds));
    let schema = rule.schema_changes.as_ref().map(|kinds| kinds_of("schema changes", kinds));
    let parts: Vec<String> = [filter, columns, changes, schema].into_iter().flatten().collect();
    format!("{}: {}", rule.tables, parts.join(", "))
}

fn kinds_of<T: std::fmt::Debug>(what: &str, kinds: &[T]) -> String {
    let names: Vec<String> = kinds.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
    format!("{what} {}", if names.is_empty() { "none".to_owned() } else { names.join(" ") })
}

pub(super) fn history(lines: &[Transition]) -> String {
    let mut rows = vec![row(&["AT", "BY", "EVENT", "FROM", "TO", "WHY"])];
    for line in lines {
        let why = line.why.as_deref().unwrap_or_default();
        rows.push(row(&[&line.at, &line.by, &line.event, line.from.name(), line.to.name(), why]));
    }
    columns(&rows)
}

pub(super) fn item(item: &PrecheckItem) -> String {
    columns(&[item_row(item)])
}

fn item_row(item: &PrecheckItem) -> Vec<String> {
    row(&[
        &format!("{:?}", item.result),
        &item.code,
        &item.title,
        item.detail.as_deref().unwrap_or_default(),
        &item.remedy.as_ref().map(|remedy| format!("fix: {remedy}")).unwrap_or_default(),
    ])
}

pub(super) fn dropped(name: &str, preview: &ResetPreview) -> String {
    if preview.tables.is_empty() {
        return format!("{name} has made nothing in the target: a reset would drop nothing there\n");
    }
    let mut out = format!(
        "a reset of {name} would drop {} in the target, with all rows, whoever wrote them:\n",
        count(preview.tables.len() as u64, "table")
    );
    let rows = preview
        .tables
        .iter()
        .map(|table| row(&["", &table.name, &format!("{} copied", count(table.rows_copied, "row"))]));
    out.push_str(&columns(&rows.collect::<Vec<_>>()));
    out
}

pub(super) fn cleanup(cleanup: &Cleanup) -> String {
    let mut out = String::new();
    for step in &cleanup.steps {
        let state = match (step.done, &step.failed) {
            (Some(true), _) => " (done)".to_owned(),
            (_, Some(why)) => format!(" (not done: {})", one_line(why)),
            _ => String::new(),
        };
        out.push_str(&format!("{}: {}{state}\n", step.side, one_line(&step.what)));
        for statement in &step.statements {
            out.push_str(&format!("    {statement};\n"));
        }
    }
    out
}
