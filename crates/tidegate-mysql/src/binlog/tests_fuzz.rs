//! Random bytes into every entry point: any result, no panic. Deterministic, so a failure can be repeated.

use super::literal::{Style, write};
use super::rows::{RowReader, RowsEvent};
use super::table_map::{Column, Kind, TableMap};
use super::{Malformed, Origin, column_zip, event, gtid, json, json_diff, mariadb, payload, query};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Up to `max` bytes, half of them small so that lengths and counts are often plausible.
    fn bytes(&mut self, max: u64) -> Vec<u8> {
        let len = self.next() % (max + 1);
        (0..len)
            .map(|_| {
                let r = self.next();
                if r & 0x100 == 0 { r as u8 & 15 } else { r as u8 }
            })
            .collect()
    }

    /// `seed` with up to eight bytes changed and perhaps cut.
    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..self.next() % 8 {
            let at = self.next() as usize % bytes.len();
            bytes[at] = self.next() as u8;
        }
        if self.next().is_multiple_of(4) {
            bytes.truncate(self.next() as usize % (seed.len() + 1));
        }
        bytes
    }
}

const ROUNDS: u32 = 200_000;

const KINDS: [Kind; 26] = [
    Kind::Tiny,
    Kind::Short,
    Kind::Int24,
    Kind::Long,
    Kind::LongLong,
    Kind::Float,
    Kind::Double,
    Kind::NewDecimal { precision: 65, scale: 30 },
    Kind::NewDecimal { precision: 5, scale: 5 },
    Kind::Bit { bits: 13 },
    Kind::Year,
    Kind::Date,
    Kind::OldTime,
    Kind::OldDateTime,
    Kind::OldTimestamp,
    Kind::Time2 { fsp: 6 },
    Kind::Time2 { fsp: 1 },
    Kind::DateTime2 { fsp: 3 },
    Kind::Timestamp2 { fsp: 6 },
    Kind::VarChar { max_len: 9 },
    Kind::Char { max_len: 9 },
    Kind::Enum { bytes: 2 },
    Kind::Set { bytes: 8 },
    Kind::Json { length_bytes: 4 },
    Kind::Geometry { length_bytes: 4 },
    Kind::BlobCompressed { length_bytes: 4 },
];

#[test]
fn literals() {
    let mut random = Random(1);
    let mut out = Vec::new();
    for round in 0..ROUNDS {
        let kind = KINDS[round as usize % KINDS.len()];
        let column = Column { charset: Some(random.next() as u32 % 400), ..Column::new(kind) };
        let value = match kind.width() {
            super::table_map::Width::Fixed(size) if round % 8 != 0 => {
                (0..size).map(|_| random.next() as u8).collect()
            }
            _ => random.bytes(40),
        };
        let style = if round & 1 == 0 { Style::Quoted } else { Style::Hex };
        out.clear();
        match write(&mut out, &column, &value, style) {
            Ok(()) => assert!(!out.is_empty(), "{kind:?} {value:?}"),
            Err(_) => assert!(out.is_empty()),
        }
    }
}

#[test]
fn json_documents() {
    let seed = [
        0, 2, 0, 32, 0, 18, 0, 1, 0, 19, 0, 1, 0, 5, 1, 0, 2, 20, 0, b'a', b'b', 2, 0, 12, 0, 4, 1, 0, 12,
        10, 0, 1, b'x',
    ];
    let diffs = [0, 6, b'$', b'.', b'b', b'[', b'1', b']', 3, 5, 7, 0, 2, 3, b'$', b'.', b'a'];
    let mut random = Random(2);
    for round in 0..ROUNDS {
        let document = if round % 3 == 0 { random.bytes(60) } else { random.mutate(&seed) };
        let mut text = Vec::new();
        let _ = json::write_text(&mut text, &document);
        assert!(text.len() <= 64 + document.len() * 12, "{document:?}");
        let diffs = random.mutate(&diffs);
        let _ = json_diff::apply(&mut text, &document, &diffs);
    }
}

#[test]
fn events() {
    let mut random = Random(3);
    for _ in 0..ROUNDS {
        let body = random.bytes(80);
        let _ = event::Header::parse(&body);
        let _ = event::Rotate::parse(&body);
        let _ = event::XaPrepare::parse(&body);
        let _ = query::Query::parse(&body);
        for code in [33, 34, 42] {
            let _ = gtid::Gtid::parse(code, &body);
        }
        let mut tagged = body.clone();
        tagged.splice(..0, [2, (body.len() as u8 + 3) << 1, 16]);
        let _ = gtid::Gtid::parse(42, &tagged);
        let _ = mariadb::MariaGtid::parse(&body);
        let _ = mariadb::uncompress(&body, 1 << 20);
        let _ = mariadb::uncompress_rows(166 + body.len() as u8 % 3, &body, 1 << 20);
        let _ = column_zip::uncompress(&body);
        if let Ok(payload) = payload::TransactionPayload::parse(&body) {
            let _ = payload.for_each(1 << 20, |_, _| Ok::<_, Malformed>(()));
        }
    }
}

#[test]
fn table_maps_and_rows() {
    let types = [3, 15, 245, 252, 246, 19, 254, 255];
    let meta = [9, 0, 4, 2, 10, 2, 3, 254, 200, 4];
    let optional = [
        1, 1, 0x80, 2, 3, 45, 1, 63, 4, 16, 1, b'a', 1, b'b', 1, b'c', 1, b'd', 1, b'e', 1, b'f', 1, b'g', 1,
        b'h',
    ];
    let seed = super::table_map::tests::body(&types, &meta, &[0xFF], &optional);
    let table = TableMap::parse(&seed, Origin::MySql).unwrap();
    let mut random = Random(4);
    for round in 0..ROUNDS {
        let bytes = if round % 4 == 0 { random.bytes(80) } else { random.mutate(&seed) };
        let origin = if round & 1 == 0 { Origin::MySql } else { Origin::MariaDb };
        let _ = TableMap::parse(&bytes, origin);
        let mut body = vec![9, 0, 0, 0, 0, 0, 1, 0];
        let code = [23, 24, 25, 30, 31, 32, 39][round as usize % 7];
        if code >= 30 {
            body.extend([2, 0]);
        }
        body.push(8);
        body.extend(random.bytes(120));
        let Ok(event) = RowsEvent::parse(code, &body) else { continue };
        let Ok(mut reader) = RowReader::new(&event, &table) else { continue };
        let (mut before, mut after, mut rows) = (Vec::new(), Vec::new(), 0);
        while let Ok(true) = reader.next(&mut before, &mut after) {
            rows += 1;
            assert!(rows <= body.len(), "a row takes at least a byte");
        }
    }
}
