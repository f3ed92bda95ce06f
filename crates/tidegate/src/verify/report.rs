//! A comparison's result, for a person and for a machine.

use crate::figures::{self, grouped, one_line};
use serde::Serialize;
use std::fmt::Write;
use tidegate_service::verify::{Difference, Kind, Report, TableReport};

/// The differences, or one line that there are none.
pub(super) fn lines(report: &Report) -> String {
    if report.identical {
        return format!("identical: {} in {:.1} s\n", extent(report), report.seconds);
    }
    let mut out = String::new();
    for (name, what) in &report.definitions {
        let _ = writeln!(out, "{}: {}", one_line(&name.to_string()), one_line(what));
    }
    for table in report.tables.iter().filter(|table| table.difference_count > 0) {
        let _ = writeln!(
            out,
            "{}: {} {} ({} in the source, {} in the target)",
            one_line(&name(table)),
            count(table.difference_count, table.at_least, "row"),
            if table.difference_count == 1 { "differs" } else { "differ" },
            grouped(table.rows_source),
            grouped(table.rows_target),
        );
        for difference in &table.differences {
            let _ = writeln!(out, "  {}", row(difference));
        }
        let unlisted = table.difference_count.saturating_sub(table.differences.len() as u64);
        if unlisted > 0 {
            let _ = writeln!(out, "  … and {} more", count(unlisted, table.at_least, "row"));
        }
    }
    out
}

/// What differs, in a few words.
pub(super) fn summary(report: &Report) -> String {
    let differ: Vec<_> = report.tables.iter().filter(|table| table.difference_count > 0).collect();
    let rows = differ.iter().map(|table| table.difference_count).sum();
    let at_least = differ.iter().any(|table| table.at_least);
    let definitions = report.definitions.len() as u64;
    let mut parts = Vec::new();
    if !differ.is_empty() {
        let tables = count(report.tables.len() as u64, false, "table");
        parts.push(format!("{} in {} of {tables}", count(rows, at_least, "row"), differ.len()));
    }
    if definitions > 0 {
        parts.push(count(definitions, false, "definition"));
    }
    format!("source and target differ: {}", parts.join(", "))
}

fn extent(report: &Report) -> String {
    let rows = report.tables.iter().map(|table| table.rows_source).sum();
    format!("{}, {}", count(report.tables.len() as u64, false, "table"), count(rows, false, "row"))
}

fn name(table: &TableReport) -> String {
    if table.name == table.target {
        table.name.to_string()
    } else {
        format!("{} -> {}", table.name, table.target)
    }
}

fn row(difference: &Difference) -> String {
    let key = one_line(&difference.key);
    match &difference.kind {
        Kind::Missing => format!("missing    {key}"),
        Kind::Extra => format!("extra      {key}"),
        Kind::Different { columns } => format!("different  {key}: {}", one_line(&columns.join(", "))),
    }
}

fn count(number: u64, at_least: bool, what: &str) -> String {
    let begin = if at_least { "at least " } else { "" };
    format!("{begin}{}", figures::count(number, what))
}

#[derive(Serialize)]
struct ReportLine<'a> {
    outcome: &'static str,
    seconds: f64,
    tables: Vec<TableLine<'a>>,
    definitions: Vec<DefinitionLine<'a>>,
}

#[derive(Serialize)]
struct TableLine<'a> {
    name: String,
    target: String,
    rows_source: u64,
    rows_target: u64,
    difference_count: u64,
    at_least: bool,
    differences: Vec<DifferenceLine<'a>>,
}

#[derive(Serialize)]
struct DifferenceLine<'a> {
    kind: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<&'a [String]>,
}

#[derive(Serialize)]
struct DefinitionLine<'a> {
    name: String,
    difference: &'a str,
}

pub(super) fn json_line(report: &Report) -> String {
    let line = ReportLine {
        outcome: if report.identical { "identical" } else { "different" },
        seconds: (report.seconds * 1000.0).round() / 1000.0,
        tables: report.tables.iter().map(table_line).collect(),
        definitions: report
            .definitions
            .iter()
            .map(|(name, difference)| DefinitionLine { name: name.to_string(), difference })
            .collect(),
    };
    serde_json::to_string(&line).expect("strings and numbers can always be written as JSON") + "\n"
}

fn table_line(table: &TableReport) -> TableLine<'_> {
    let differences = table.differences.iter().map(|one| {
        let (kind, columns) = match &one.kind {
            Kind::Missing => ("missing", None),
            Kind::Extra => ("extra", None),
            Kind::Different { columns } => ("different", Some(columns.as_slice())),
        };
        DifferenceLine { kind, key: &one.key, columns }
    });
    TableLine {
        name: table.name.to_string(),
        target: table.target.to_string(),
        rows_source: table.rows_source,
        rows_target: table.rows_target,
        difference_count: table.difference_count,
        at_least: table.at_least,
        differences: differences.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service::TableName;

    fn table(name: &str, differences: Vec<Difference>) -> TableReport {
        TableReport {
            name: TableName::new("shop", name),
            target: TableName::new("store", name),
            rows_source: 1000,
            rows_target: 999,
            difference_count: differences.len() as u64,
            differences,
            at_least: false,
        }
    }

    fn report() -> Report {
        let difference = |key: &str, kind| Difference { key: key.to_owned(), kind };
        let differences = vec![
            difference("id=1", Kind::Missing),
            difference("id=\n2", Kind::Extra),
            difference("id=3", Kind::Different { columns: vec!["a".to_owned(), "b".to_owned()] }),
        ];
        let mut many = table("many", vec![difference("id=1", Kind::Missing)]);
        (many.difference_count, many.at_least) = (2000, true);
        Report {
            tables: vec![table("a", differences), table("b", Vec::new()), many],
            definitions: vec![(TableName::new("shop", "v"), "the view is missing".to_owned())],
            identical: false,
            seconds: 1.25,
        }
    }

    #[test]
    fn differences_are_listed() {
        assert_eq!(
            lines(&report()),
            "shop.v: the view is missing\n\
             shop.a -> store.a: 3 rows differ (1,000 in the source, 999 in the target)\n\
             \x20 missing    id=1\n\
             \x20 extra      id= 2\n\
             \x20 different  id=3: a, b\n\
             shop.many -> store.many: at least 2,000 rows differ (1,000 in the source, 999 in the target)\n\
             \x20 missing    id=1\n\
             \x20 … and at least 1,999 rows more\n"
        );
        assert_eq!(
            summary(&report()),
            "source and target differ: at least 2,003 rows in 2 of 3 tables, 1 definition"
        );
    }

    #[test]
    fn nothing_differs() {
        let mut report = report();
        report.tables.truncate(2);
        report.tables.remove(0);
        assert_eq!(summary(&report), "source and target differ: 1 definition");
        report.definitions.clear();
        report.identical = true;
        assert_eq!(lines(&report), "identical: 1 table, 1,000 rows in 1.2 s\n");
    }

    #[test]
    fn json() {
        let mut report = report();
        report.tables.truncate(1);
        assert_eq!(
            json_line(&report),
            "{\"outcome\":\"different\",\"seconds\":1.25,\"tables\":[{\"name\":\"shop.a\",\"target\":\"store.a\",\
             \"rows_source\":1000,\"rows_target\":999,\"difference_count\":3,\"at_least\":false,\"differences\":[\
             {\"kind\":\"missing\",\"key\":\"id=1\"},{\"kind\":\"extra\",\"key\":\"id=\\n2\"},\
             {\"kind\":\"different\",\"key\":\"id=3\",\"columns\":[\"a\",\"b\"]}]}],\
             \"definitions\":[{\"name\":\"shop.v\",\"difference\":\"the view is missing\"}]}\n"
        );
    }
}
