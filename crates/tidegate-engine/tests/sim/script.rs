//! What happens on the source: a list of transactions, made by chance, and the rows that they lead to.

use crate::support::Random;
use std::collections::BTreeMap;
use tidegate_model::TableName;

pub(crate) const PARENT: u8 = 0;
pub(crate) const CHILD: u8 = 1;
pub(crate) const BAG: u8 = 2;
pub(crate) const PARENTS: u64 = 3;

pub(crate) fn table_name(table: u8) -> TableName {
    TableName::new("shop", ["parent", "child", "bag"][usize::from(table)])
}

pub(crate) fn table_number(name: &TableName) -> u8 {
    (0..3).find(|table| table_name(*table) == *name).expect("a table of ours")
}

/// A row's change. Tables with a key say what the row was before and is then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Set {
        table: u8,
        key: u64,
        before: Option<u64>,
        after: Option<u64>,
    },
    /// A table without a key: so many rows of a value more or less.
    Bag {
        value: u64,
        change: i64,
    },
    Schema {
        version: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Tx {
    /// Without any, it is not selected.
    pub(crate) ops: Vec<Op>,
    /// Bytes beside each change, so that some transactions are big.
    pub(crate) padding: usize,
}

impl Tx {
    pub(crate) fn is_selected(&self) -> bool {
        !self.ops.is_empty()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) keyed: BTreeMap<(u8, u64), u64>,
    pub(crate) bag: BTreeMap<u64, i64>,
    pub(crate) version: u64,
}

impl Rows {
    pub(crate) fn put(&mut self, table: u8, key: u64, value: Option<u64>) {
        match value {
            Some(value) => self.keyed.insert((table, key), value),
            None => self.keyed.remove(&(table, key)),
        };
    }

    pub(crate) fn change_bag(&mut self, value: u64, change: i64) {
        let count = self.bag.entry(value).or_default();
        *count += change;
        assert!(*count >= 0, "a row {value} is deleted that is not there");
        if *count == 0 {
            self.bag.remove(&value);
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Set { table, key, after, .. } => self.put(table, key, after),
            Op::Bag { value, change } => self.change_bag(value, change),
            Op::Schema { version } => self.version = version,
        }
    }
}

pub(crate) struct Script {
    pub(crate) txs: Vec<Tx>,
}

impl Script {
    pub(crate) fn new(random: &mut Random, count: usize, schema_share: u64) -> Self {
        let mut rows = Rows::default();
        let mut txs = Vec::new();
        let mut schema_changes = 0;
        while txs.len() < count {
            let mut ops = Vec::new();
            let mut padding = 0;
            match random.below(100) {
                0..20 => {}
                share if share < 20 + schema_share && schema_changes < 3 => {
                    schema_changes += 1;
                    ops.push(Op::Schema { version: rows.version + 1 });
                    rows.version += 1;
                }
                share => {
                    let big = share >= 92;
                    padding = if big { 150 + random.below(200) as usize } else { 0 };
                    for _ in 0..1 + random.below(if big { 10 } else { 4 }) {
                        let op = change(random, &rows);
                        rows.apply(&op);
                        ops.push(op);
                    }
                }
            }
            txs.push(Tx { ops, padding });
        }
        Self { txs }
    }

    /// The rows after the first `count` transactions.
    pub(crate) fn rows(&self, count: u64) -> Rows {
        let mut rows = Rows::default();
        self.txs[..count as usize].iter().flat_map(|tx| &tx.ops).for_each(|op| rows.apply(op));
        rows
    }

    pub(crate) fn tx(&self, id: u64) -> &Tx {
        &self.txs[id as usize - 1]
    }

    /// The transaction that has the number `seq` in a log that begins after `start`.
    pub(crate) fn nth_selected(&self, start: u64, seq: u64) -> u64 {
        let mut ids = (start + 1..=self.txs.len() as u64).filter(|id| self.tx(*id).is_selected());
        ids.nth(seq as usize - 1).expect("no such transaction")
    }

    pub(crate) fn count_selected(&self, start: u64, end: u64) -> u64 {
        (start + 1..=end).filter(|id| self.tx(*id).is_selected()).count() as u64
    }
}

fn change(random: &mut Random, rows: &Rows) -> Op {
    let share = random.below(100);
    if share < 20 {
        let value = random.below(4);
        let there = rows.bag.get(&value).copied().unwrap_or(0);
        return Op::Bag { value, change: if there > 0 && random.percent(40) { -1 } else { 1 } };
    }
    let (table, key) = if share < 35 { (PARENT, random.below(PARENTS)) } else { (CHILD, random.below(12)) };
    let before = rows.keyed.get(&(table, key)).copied();
    // Counted up, so that twice is not the same as once.
    let after =
        if before.is_some() && random.percent(20) { None } else { Some(before.unwrap_or(key * 1000) + 1) };
    Op::Set { table, key, before, after }
}

/// One entry of the data: `padding u32 | padding | kind u8 | four u64`.
pub(crate) fn encode(op: &Op, padding: usize) -> Vec<u8> {
    let mut out = (padding as u32).to_le_bytes().to_vec();
    out.resize(4 + padding, 0xa5);
    let plus_one = |value: Option<u64>| value.map_or(0, |value| value + 1);
    let (kind, numbers) = match *op {
        Op::Set { table, key, before, after } => (table, [key, plus_one(before), plus_one(after), 0]),
        Op::Bag { value, change } => (BAG, [value, change as u64, 0, 0]),
        Op::Schema { version } => (9, [version, 0, 0, 0]),
    };
    out.push(kind);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    out
}

pub(crate) fn decode(mut data: &[u8]) -> Vec<Op> {
    let mut ops = Vec::new();
    while !data.is_empty() {
        let padding = u32::from_le_bytes(data[..4].try_into().unwrap()) as usize;
        let entry = &data[4 + padding..];
        let number = |at: usize| u64::from_le_bytes(entry[1 + at * 8..9 + at * 8].try_into().unwrap());
        ops.push(match entry[0] {
            BAG => Op::Bag { value: number(0), change: number(1) as i64 },
            9 => Op::Schema { version: number(0) },
            table => {
                let (before, after) = (number(1).checked_sub(1), number(2).checked_sub(1));
                Op::Set { table, key: number(0), before, after }
            }
        });
        data = &entry[33..];
    }
    ops
}
