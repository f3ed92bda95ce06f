//! Conflict keys of transactions: a document is its collection and its `_id`.

use crate::entry::{Op, entries};
use crate::knowledge::{Knowledge, Lookup};
use crate::raw::{self, kind};
use std::sync::Arc;
use tidegate_model::{ConflictKey, Footprint, FootprintReader, Result, TableName};

pub(crate) struct Footprints {
    lookup: Lookup,
}

impl Footprints {
    pub(crate) fn new(knowledge: Arc<Knowledge>) -> Self {
        Self { lookup: Lookup::new(knowledge) }
    }
}

impl FootprintReader for Footprints {
    fn read(&mut self, data: &[u8], keys: &mut Vec<ConflictKey>) -> Result<Footprint> {
        self.lookup.refresh();
        let mut rows = 0;
        for entry in entries(data) {
            let entry = entry?;
            if entry.op == Op::Schema {
                return Ok(Footprint::Alone);
            }
            let Some(plan) = self.lookup.plan(entry.database, entry.collection)? else { continue };
            if plan.target.capped {
                return Ok(Footprint::Alone);
            }
            rows += 1;
            // Every change to an ordered collection bears the same key: the scheduler takes them one after the other.
            let hash = if plan.target.ordered { plan.hash } else { plan.hash.with_id(entry.id()?)? };
            keys.push(ConflictKey { hash: hash.value(), shared: false });
        }
        Ok(Footprint::Rows(rows))
    }
}

/// FNV-1a over what values mean to the server: those that it takes for equal have equal hashes, whatever their types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn of_collection(name: &TableName) -> Self {
        Self(0xcbf2_9ce4_8422_2325)
            .with(name.database.as_bytes())
            .with(&[0])
            .with(name.table.as_bytes())
            .with(&[0])
    }

    fn with(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(self.0, step))
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }

    pub(crate) fn with_id(self, (of_kind, value): (u8, &[u8])) -> Result<Self> {
        let number = |value: f64| {
            // There is one NaN to the server, and one zero.
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            self.with(&[kind::DOUBLE]).with(&value.to_bits().to_le_bytes())
        };
        Ok(match of_kind {
            kind::DOUBLE => number(f64::from_le_bytes(sized(value)?)),
            kind::INT32 => number(f64::from(i32::from_le_bytes(sized(value)?))),
            kind::INT64 => number(i64::from_le_bytes(sized(value)?) as f64),
            kind::DECIMAL => number(nearest(u128::from_le_bytes(sized(value)?))),
            kind::SYMBOL => self.with(&[kind::STRING]).with(value),
            kind::DOCUMENT | kind::ARRAY => {
                let mut hash = self.with(&[of_kind]);
                for element in raw::elements(value) {
                    let element = element?;
                    hash = hash
                        .with(element.name.as_bytes())
                        .with(&[0])
                        .with_id((element.kind, element.value))?;
                }
                hash
            }
            _ => self.with(&[of_kind]).with(value),
        })
    }
}

fn sized<const N: usize>(value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| raw::malformed())
}

/// The double next to a decimal. Format: IEEE 754-2008 decimal128 in binary integer form.
fn nearest(bits: u128) -> f64 {
    let sign = if bits >> 127 == 1 { "-" } else { "" };
    match (bits >> 122) & 0x1f {
        0x1f => return f64::NAN,
        0x1e => return if sign.is_empty() { f64::INFINITY } else { f64::NEG_INFINITY },
        _ => {}
    }
    // Two leading ones stand for a coefficient that no decimal has: the value is zero.
    let (exponent, coefficient) = match (bits >> 125) & 3 {
        3 => (0, 0),
        _ => ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1)),
    };
    let coefficient = if coefficient < 10_u128.pow(34) { coefficient } else { 0 };
    format!("{sign}{coefficient}e{}", exponent as i32 - 6176).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(coefficient: u128, exponent: u128) -> [u8; 16] {
        (coefficient | (exponent + 6176) << 113).to_le_bytes()
    }

    #[test]
    fn equal_values_have_equal_hashes() {
        let base = Hash::of_collection(&TableName::new("a", "b"));
        let of = |of_kind, value: &[u8]| base.with_id((of_kind, value)).unwrap();
        let seven = of(kind::INT32, &7_i32.to_le_bytes());
        assert_eq!(seven, of(kind::INT64, &7_i64.to_le_bytes()));
        assert_eq!(seven, of(kind::DOUBLE, &7_f64.to_le_bytes()));
        assert_eq!(seven, of(kind::DECIMAL, &decimal(7, 0)));
        assert_eq!(of(kind::INT32, &70_i32.to_le_bytes()), of(kind::DECIMAL, &decimal(7, 1)));
        assert_eq!(
            of(kind::INT64, &i64::MAX.to_le_bytes()),
            of(kind::DECIMAL, &decimal(i64::MAX as u128, 0))
        );
        assert_eq!(of(kind::DOUBLE, &0_f64.to_le_bytes()), of(kind::DOUBLE, &(-0_f64).to_le_bytes()));
        assert_eq!(
            of(kind::DECIMAL, &(0x1f_u128 << 122).to_le_bytes()),
            of(kind::DOUBLE, &f64::NAN.to_le_bytes())
        );
        assert_ne!(seven, of(kind::INT32, &8_i32.to_le_bytes()));
        assert_ne!(
            seven,
            Hash::of_collection(&TableName::new("a", "c"))
                .with_id((kind::INT32, &7_i32.to_le_bytes()))
                .unwrap()
        );

        let nested = |write: &dyn Fn(&mut raw::Builder)| {
            let mut builder = raw::Builder::new();
            write(&mut builder);
            of(kind::DOCUMENT, &builder.finish())
        };
        let one = nested(&|builder| {
            builder.int32("x", 1).text("y", "z");
        });
        assert_eq!(
            one,
            nested(&|builder| {
                builder.int64("x", 1).text("y", "z");
            })
        );
        assert_ne!(
            one,
            nested(&|builder| {
                builder.text("y", "z").int32("x", 1);
            })
        );
        assert!(base.with_id((kind::INT32, &[1])).is_err());
    }
}
