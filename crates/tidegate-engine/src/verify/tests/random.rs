//! Random tables with random damage against a model of three lines.

use super::fake::{Cell, Fake, Row, Table, show};
use super::{Difference, Kind, NOW, name, options};
use crate::verify::{TableReport, run};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % limit) as usize
    }

    fn cell(&mut self) -> Cell {
        match self.below(6) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![0]),
            3 => Some(b"-0".to_vec()),
            _ => Some(vec![b'a' + self.below(3) as u8; self.below(3)]),
        }
    }
}

type Plain = BTreeMap<Row, Row>;

fn plain_table(random: &mut Random, key: usize) -> Plain {
    let mut rows = Plain::new();
    for _ in 0..random.below(40) {
        let key: Row =
            (0..key).map(|_| Some(vec![b'a' + random.below(7) as u8; 1 + random.below(3)])).collect();
        rows.insert(key, vec![random.cell(), random.cell()]);
    }
    rows
}

fn damage(random: &mut Random, rows: &Plain, key: usize) -> Plain {
    let mut damaged = rows.clone();
    if random.below(4) == 0 {
        return damaged;
    }
    for _ in 0..random.below(4) {
        damaged.retain(|_, _| random.below(12) > 0);
        damaged.extend(plain_table(random, key).into_iter().take(random.below(3)));
        for row in damaged.values_mut() {
            if random.below(9) == 0 {
                row[random.below(2)] = random.cell();
            }
        }
    }
    damaged
}

fn flat(rows: &Plain) -> Vec<Row> {
    rows.iter().map(|(key, row)| key.iter().chain(row).cloned().collect()).collect()
}

fn model(source: &Plain, target: &Plain) -> Vec<(Row, Kind)> {
    let missing =
        source.keys().filter(|key| !target.contains_key(*key)).map(|key| (key.clone(), Kind::Missing));
    let extra = target.keys().filter(|key| !source.contains_key(*key)).map(|key| (key.clone(), Kind::Extra));
    let different = source.iter().filter_map(|(key, row)| {
        let other = target.get(key)?;
        let columns = (0..2).filter(|at| row[*at] != other[*at]).map(|at| format!("c{}", key.len() + at));
        let columns: Vec<String> = columns.collect();
        (!columns.is_empty()).then(|| (key.clone(), Kind::Different { columns }))
    });
    missing.chain(extra).chain(different).collect()
}

fn sorted(mut differences: Vec<Difference>) -> Vec<Difference> {
    differences.sort_by_key(|one| format!("{one:?}"));
    differences
}

async fn compare(random: &mut Random, source: Table, target: Table) -> TableReport {
    let [source, target] =
        [source, target].map(|table| Arc::new(Fake::new(1 + random.below(9), [(name(), table)])));
    let report = run(source, target, options(NOW), &|_| {}).await.unwrap();
    report.tables.into_iter().next().unwrap()
}

async fn keyed(random: &mut Random) {
    let key = 1 + random.below(2);
    let source = plain_table(random, key);
    let target = damage(random, &source, key);
    let mut tables = [&source, &target].map(|rows| Table::new(key + 2, key, flat(rows)));
    match random.below(5) {
        0 => tables[0].sorted = false,
        1 => tables[1].key = Vec::new(),
        2 => tables[1].columns[0].order = "other".to_owned(),
        _ => {}
    }
    let [one, other] = tables;
    let found = compare(random, one, other).await;
    let encode = |key: &Row| {
        let cells = key.iter().map(|cell| cell.as_deref().unwrap());
        super::fake::show_key(
            &cells.flat_map(|cell| [&[cell.len() as u8], cell].concat()).collect::<Vec<_>>(),
        )
    };
    let expected = model(&source, &target);
    let expected = expected.into_iter().map(|(key, kind)| Difference { key: encode(&key), kind }).collect();
    assert_eq!(sorted(found.differences), sorted(expected));
    assert_eq!((found.rows_source, found.rows_target), (source.len() as u64, target.len() as u64));
}

async fn keyless(random: &mut Random) {
    let row = |random: &mut Random| (0..2).map(|_| random.cell()).collect::<Row>();
    let source: Vec<Row> = (0..random.below(40)).map(|_| row(random)).collect();
    let mut target: Vec<Row> = source.iter().rev().filter(|_| random.below(20) > 0).cloned().collect();
    target.extend((0..random.below(3)).map(|_| row(random)));
    let mut counts: BTreeMap<Row, i64> = BTreeMap::new();
    source.iter().for_each(|row| *counts.entry(row.clone()).or_default() += 1);
    target.iter().for_each(|row| *counts.entry(row.clone()).or_default() -= 1);
    counts.retain(|_, more| *more != 0);
    let expected = counts.iter().map(|(row, more)| {
        let times = if more.abs() == 1 { String::new() } else { format!(" ({} times)", more.abs()) };
        Difference { key: show(row) + &times, kind: if *more > 0 { Kind::Missing } else { Kind::Extra } }
    });
    let expected = sorted(expected.collect());
    let found = compare(random, Table::new(2, 0, source), Table::new(2, 0, target)).await;
    assert_eq!(sorted(found.differences), expected);
    assert_eq!(found.difference_count as i64, counts.values().map(|more| more.abs()).sum::<i64>());
}

#[test]
fn finds_what_a_naive_model_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for seed in 0..600 {
        let mut random = Random(seed);
        let one = async { if seed % 4 == 0 { keyless(&mut random).await } else { keyed(&mut random).await } };
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(one)));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
