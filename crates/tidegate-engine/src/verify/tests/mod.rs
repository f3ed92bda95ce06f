//! The comparison against databases in memory: planted corruptions, a running link, and random tables against a naive
//! model.

mod fake;
mod random;

use self::fake::{Fake, Row, Table, text};
use super::*;
use std::future::Future;

const NOW: Recheck = Recheck { times: 0, wait: Duration::ZERO };

fn wait_for<T>(future: impl Future<Output = T> + Send) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn options(recheck: Recheck) -> Options {
    Options { selection: Selection::default(), workers: 2, recheck }
}

fn name() -> TableName {
    TableName::new("shop", "t")
}

fn compare(source: Table, target: Table, recheck: Recheck) -> TableReport {
    let both = [source, target].map(|table| Arc::new(Fake::new(3, [(name(), table)])));
    let [source, target] = both;
    let report = wait_for(run(source, target, options(recheck), &|_| {})).unwrap();
    assert!(report.definitions.is_empty());
    assert_eq!(report.identical, report.tables[0].difference_count == 0);
    report.tables.into_iter().next().unwrap()
}

/// Rows `(k, v)` with keys `k00` …, in the three ways in which a table can be compared.
fn each_way(check: impl Fn(&dyn Fn(Vec<Row>) -> Table, bool)) {
    check(&|rows| Table::new(2, 1, rows), true);
    check(&|rows| Table { sorted: false, ..Table::new(2, 1, rows) }, true);
    check(&|rows| Table::new(2, 0, rows), false);
}

fn rows() -> Vec<Row> {
    (0..20).map(|at| vec![text(&format!("k{at:02}")), text(&format!("v{at}"))]).collect()
}

fn different(column: &str) -> Kind {
    Kind::Different { columns: vec![column.to_owned()] }
}

#[test]
fn the_same_is_identical() {
    each_way(|table, _| {
        let report = compare(table(rows()), table(rows().into_iter().rev().collect()), NOW);
        assert_eq!((report.rows_source, report.rows_target, report.difference_count), (20, 20, 0));
        assert!(report.differences.is_empty() && !report.at_least);
    });
}

/// Every corruption in turn is found, it alone, and by its key.
#[test]
fn planted_corruptions_are_found() {
    let pairs: [(&str, fake::Cell, fake::Cell); 7] = [
        ("a changed bit", text("value"), text("valud")),
        ("NULL and ''", None, text("")),
        ("'' and NULL", text(""), None),
        ("-0.0", text("0"), text("-0")),
        ("a trailing 0x00", text("ab"), text("ab\0")),
        ("equal for a collation", text("Straße"), text("STRASSE")),
        ("a trailing blank", text("a"), text("a ")),
    ];
    for (what, right, wrong) in pairs {
        for at in [0, 9, 19] {
            each_way(|table, keyed| {
                let (mut source, mut target) = (rows(), rows());
                source[at][1] = right.clone();
                target[at][1] = wrong.clone();
                let found = compare(table(source.clone()), table(target.clone()), NOW);
                if keyed {
                    let key = fake::show_key(format!("\u{3}k{at:02}").as_bytes());
                    assert_eq!(found.differences, [Difference { key, kind: different("c1") }], "{what}");
                } else {
                    let one = |row: &Row, kind| Difference { key: fake::show(row), kind };
                    let expected = [one(&source[at], Kind::Missing), one(&target[at], Kind::Extra)];
                    assert!(expected.iter().all(|one| found.differences.contains(one)), "{what}: {found:?}");
                    assert_eq!(found.difference_count, 2);
                }
            });
        }
    }
}

#[test]
fn missing_and_extra_rows_are_found() {
    for at in [0, 9, 19] {
        each_way(|table, keyed| {
            let mut fewer = rows();
            let row = fewer.remove(at);
            let key = if keyed { format!("\u{3}k{at:02}") } else { fake::show(&row) };
            let missing = compare(table(rows()), table(fewer.clone()), NOW);
            assert_eq!(missing.differences, [Difference { key: key.clone(), kind: Kind::Missing }]);
            assert_eq!((missing.rows_source, missing.rows_target), (20, 19));
            let extra = compare(table(fewer), table(rows()), NOW);
            assert_eq!(extra.differences, [Difference { key, kind: Kind::Extra }]);
        });
    }
}

/// Rows beyond the last of the source, also many more than a page, and an empty side.
#[test]
fn nothing_hides_beyond_the_end() {
    each_way(|table, _| {
        let all = compare(table(rows()), table(Vec::new()), NOW);
        assert_eq!((all.difference_count, all.rows_target), (20, 0));
        let all = compare(table(Vec::new()), table(rows()), NOW);
        assert_eq!((all.difference_count, all.rows_source), (20, 0));
        let tail = compare(table(rows()[..2].to_vec()), table(rows()), NOW);
        assert_eq!(tail.difference_count, 18);
    });
}

/// Keys that the server holds for equal are different rows here.
#[test]
fn keys_are_compared_bit_for_bit() {
    let mut target = rows();
    target[4][0] = text("K04");
    let found = compare(Table::new(2, 1, rows()), Table::new(2, 1, target), NOW);
    let one = |key: &str, kind| Difference { key: key.to_owned(), kind };
    let mut differences = found.differences;
    differences.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(differences, [one("\u{3}K04", Kind::Extra), one("\u{3}k04", Kind::Missing)]);
}

/// Twice on one side: sums see it, where exclusive ors would not, and so does a key that the target lacks.
#[test]
fn rows_that_are_there_more_than_once() {
    let mut target = rows();
    target.extend([rows()[3].clone(), rows()[3].clone()]);
    let found = compare(Table::new(2, 0, rows()), Table::new(2, 0, target.clone()), NOW);
    let key = format!("{} (2 times)", fake::show(&rows()[3]));
    assert_eq!((found.differences, found.difference_count), (vec![Difference { key, kind: Kind::Extra }], 2));
    let unkeyed = Table { key: Vec::new(), ..Table::new(2, 1, target) };
    let found = compare(Table::new(2, 1, rows()), unkeyed, NOW);
    assert_eq!(found.differences, [Difference { key: "\u{3}k03".to_owned(), kind: Kind::Extra }]);
}

#[test]
fn many_differences_are_counted_and_few_listed() {
    let rows = |text_of: &str| {
        (0..12_000).map(|at| vec![text(&format!("{at:06}")), text(text_of)]).collect::<Vec<Row>>()
    };
    for sorted in [true, false] {
        let table = |rows| Table { sorted, ..Table::new(2, 1, rows) };
        let source = Arc::new(Fake::new(3000, [(name(), table(rows("a")))]));
        let target = Arc::new(Fake::new(2500, [(name(), table(rows("b")))]));
        let report = wait_for(run(source, target, options(NOW), &|_| {})).unwrap();
        let table = &report.tables[0];
        assert_eq!(
            (table.difference_count, table.differences.len(), table.at_least),
            (12_000, LISTED_MAX, false)
        );
    }
}

/// A link that runs: what is on its way when it is first seen is no difference, what stays is.
#[test]
fn rows_on_their_way_are_no_difference() {
    each_way(|table, keyed| {
        let mut behind = rows();
        behind[3][1] = text("old");
        let late = behind.remove(7);
        behind[11][1] = text("wrong");
        let mut target = table(behind);
        target.changes.push_back(Box::new(|_| {}));
        target.changes.push_back(Box::new(|rows| rows[3][1] = text("v3")));
        target.changes.push_back(Box::new(move |rows| rows.push(late)));
        let patient = Recheck { times: 4, wait: Duration::from_millis(1) };
        let found = compare(table(rows()), target, patient);
        let count = if keyed { 1 } else { 2 };
        assert_eq!(found.difference_count, count, "{found:?}");
        assert!(
            found.differences.iter().all(|one| one.key.contains("k12")
                || one.key == fake::show(&rows()[12])
                || one.key.contains("119, 114, 111, 110, 103")),
            "{found:?}"
        );
    });
}

/// A row that is written all the time is never the same on both sides at once; a lost update of it is found.
#[test]
fn hot_rows_agree_if_the_target_follows() {
    let set = |value: u32| -> fake::Change { Box::new(move |rows| rows[5][1] = text(&format!("w{value}"))) };
    for follows in [true, false] {
        let mut source = Table::new(2, 1, rows());
        source.rows[5][1] = text("w1");
        source.changes = (2..9).map(set).collect();
        let mut target = Table::new(2, 1, rows());
        if follows {
            target.changes = (1..8).map(set).collect();
        }
        let found = compare(source, target, Recheck { times: 3, wait: Duration::from_millis(1) });
        assert_eq!(found.difference_count, u64::from(!follows), "{found:?}");
    }
}

#[test]
fn broken_connections_do_not_change_the_outcome() {
    each_way(|table, _| {
        let mut target = rows();
        target.remove(5);
        let source = Fake { fails_every: 3, ..Fake::new(3, [(name(), table(rows()))]) };
        let target = Fake { fails_every: 4, ..Fake::new(4, [(name(), table(target))]) };
        let report = wait_for(run(Arc::new(source), Arc::new(target), options(NOW), &|_| {})).unwrap();
        assert_eq!((report.tables[0].difference_count, report.tables[0].rows_source), (1, 20));
    });
}

#[test]
fn definitions_and_absent_objects() {
    let other = TableName::new("shop", "other");
    let mut source_table = Table::new(3, 1, Vec::new());
    source_table.rows = rows()
        .into_iter()
        .map(|mut row| {
            row.push(text("x"));
            row
        })
        .collect();
    let source =
        Fake::new(3, [(name(), source_table), (other.clone(), Table::new(1, 1, vec![vec![text("a")]]))]);
    let mut target_table = Table::new(2, 1, rows());
    target_table.columns.swap(0, 1);
    target_table.key = vec![1];
    target_table.rows.iter_mut().for_each(|row| row.swap(0, 1));
    let target = Fake::new(4, [(TableName::new("shop", "T"), target_table)]);
    let report = wait_for(run(Arc::new(source), Arc::new(target), options(NOW), &|_| {})).unwrap();
    assert!(!report.identical);
    let expected = [
        (other, "the table is missing in the target (as shop.other)".to_owned()),
        (name(), "column c2 is missing in the target".to_owned()),
    ];
    assert_eq!(report.definitions, expected);
    assert_eq!((report.tables.len(), report.tables[0].difference_count), (1, 0));
    assert_eq!(report.tables[0].target, TableName::new("shop", "T"));
}

#[test]
fn nothing_to_compare_is_an_error() {
    let (source, target) = (Fake::new(3, []), Fake::new(3, []));
    let error = wait_for(run(Arc::new(source), Arc::new(target), options(NOW), &|_| {})).unwrap_err();
    assert_eq!(error.code(), Code::NothingSelected);
}

#[test]
fn progress_ends_at_the_end() {
    let tables = (0..5).map(|at| (TableName::new("shop", format!("t{at}")), rows()));
    let tables: Vec<(TableName, Vec<Row>)> = tables.collect();
    let fake = || {
        Arc::new(Fake::new(
            3,
            tables.iter().map(|(name, rows)| (name.clone(), Table::new(2, 1, rows.clone()))),
        ))
    };
    let last = Mutex::new(Progress::default());
    let report =
        wait_for(run(fake(), fake(), options(NOW), &|progress| *last.lock().unwrap() = progress)).unwrap();
    assert!(report.identical);
    let expected = Progress { tables: 5, tables_done: 5, rows: 100, rows_estimated: 100, differences: 0 };
    assert_eq!(*last.lock().unwrap(), expected);
}
