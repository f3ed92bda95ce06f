//! Bodies that real servers wrote (MySQL 9.7.4, MariaDB 10.11.18), for tables made and filled with
//!
//! ```sql
//! CREATE TABLE g1(id INT PRIMARY KEY, g POINT, m MEDIUMINT, y YEAR, n INT UNSIGNED,
//!   k VARCHAR(3) CHARACTER SET gbk, v VECTOR(1), t TIME(2), s TIMESTAMP(1) NULL, b BINARY(4), d DECIMAL(6,2),
//!   e ENUM('q','r'), j JSON);                                                                     -- MySQL
//! CREATE TABLE g1(id MEDIUMINT PRIMARY KEY, g POINT, k VARCHAR(3) CHARACTER SET gbk, c VARCHAR(9)
//! COMPRESSED,
//!   y YEAR, n INT UNSIGNED, u UUID);                                                              -- MariaDB
//! ```

use super::event::{Header, code};
use super::gtid::Gtid;
use super::literal::{Style, write};
use super::payload::TransactionPayload;
use super::query::Query;
use super::rows::{Cell, Op, RowReader, RowsEvent};
use super::table_map::TableMap;
use super::{Malformed, Origin, mariadb};

const MY_TAGGED: &str = "\
    026e00000002b220929c99032822c5038902e90304f10300000002040406087461673108080a0c0c7ff748858fd360061055\
    071283120b";
const MY_TABLE_MAP: &str = "\
    1601000000000100016400026731000d03ff090d030ff21311fef6fef50d040600040201fe040602f70104fe1f0101300203\
    3f001c0701010d0101041b0269640167016d0179016e016b017601740173016201640165016a0a03fcff0006050201710172\
    0801000c02fff8";
const MY_WRITE_ROWS: &str = "\
    160100000000110002000dffff0000f9ffffff19000000000000000101000000000000000000f03f00000000000000409cff\
    ff0000286bee02d453040000000000803f4b91059d65dfd78b3201277ffecd0229000000000200280012000100130001000b\
    1400021c006162000000000000f03f02000c000400000c0a000178";
const MY_PAYLOAD: &str = "\
    0201000303fc21010101e20028b52ffd602100c50600820c2c32506d920e25c043575555555555cd9999b1d063d9c0684d17\
    64eacd835460dd3268c7f60507badacfb175466d833442b64c01ff8fe9642a47d1a2d04c78140e1ac5e336334dae48d78d5b\
    18124a122957daa846316ae7c90ab868455f3d0535548e52cd684731fae9b3c00c6b5d0b4070c3424d5b50b19260635591dd\
    9813a9462acb254460b929977be183bfde317f5c28e4340988878dc3ef1c783ad90b8156db806cd047f8fe9da523fe22859c\
    161000a004c4f52a7ca282005ac0ce0c183b32adc011a633ac527973c659ccac989169c700bc";
const MARIA_QUERY: &str = "\
    4501000000000000010000230000000000010100002054000000000603737464042100210008008115050000000000006400\
    8133789c7309f20f50087174f27155f07453708df00c0e09564848374c50d0d752484fcd4b2d4a2c494d5148aa54284e2d2a\
    4b2d52d0d2070079e80f58";
const MARIA_TABLE_MAP: &str = "\
    2e00000000000100016400026731000709ff0f8d0d03fe070406002500fe107e01016003043f1c2d3f070101040f02696401\
    67016b01630179016e0175080100";
const MARIA_WRITE_ROWS: &str = "\
    2e00000000000100077f813e789c6bf8f9ffbf240304303232c0c0077b28c381e94a30334355550d8346f63b012193b08a59\
    7b7cdf372abba677ae3efb1e00a3ff1115";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// `name=literal` of the cells present, and the operation.
fn rows(map: &TableMap, event_type: u8, body: &[u8]) -> Vec<(Op, String)> {
    let event = RowsEvent::parse(event_type, body).unwrap();
    let mut reader = RowReader::new(&event, map).unwrap();
    let (mut before, mut after, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    while reader.next(&mut before, &mut after).unwrap() {
        let mut text = Vec::new();
        for cells in [&before, &after] {
            for (cell, column) in cells.iter().zip(&map.columns) {
                if *cell == Cell::Absent {
                    continue;
                }
                text.extend_from_slice(column.name.as_deref().unwrap().as_bytes());
                text.push(b'=');
                match *cell {
                    Cell::Bytes(value) => write(&mut text, column, value, Style::Quoted).unwrap(),
                    Cell::Partial(diffs) => {
                        text.extend_from_slice(format!("{}", diffs.escape_ascii()).as_bytes())
                    }
                    Cell::Null | Cell::Absent => text.extend_from_slice(b"NULL"),
                }
                text.push(b' ');
            }
        }
        rows.push((event.op, String::from_utf8_lossy(&text).into_owned()));
    }
    rows
}

#[test]
fn mysql_insert() {
    let map = TableMap::parse(&bytes(MY_TABLE_MAP), Origin::MySql).unwrap();
    assert_eq!(
        (map.schema.as_str(), map.table.as_str(), map.primary_key.as_deref()),
        ("d", "g1", Some(&[(0, 0)][..]))
    );
    assert_eq!(map.columns[11].labels, [b"q", b"r"]);
    let expected = "id=-7 g=_binary'\\0\\0\\0\\0\u{1}\u{1}\\0\\0\\0\\0\\0\\0\\0\\0\\0\u{FFFD}?\\0\\0\\0\\0\\0\\0\\0@' m=-100 \
        y='0000' n=4000000000 k=_gbk x'd453' v=_binary'\\0\\0\u{FFFD}?' t='-838:59:58.99' s='2024-02-29 01:02:03.5' \
        b=_binary'\\'\\0\\0\\0' d=-1.50 e=2 j=_utf8mb4'{\"a\": 1.0, \"b\": [null, \"x\"]}' ";
    assert_eq!(rows(&map, code::WRITE_ROWS, &bytes(MY_WRITE_ROWS)), [(Op::Insert, expected.to_owned())]);
}

#[test]
fn mysql_partial_update_in_a_payload() {
    let body = bytes(MY_PAYLOAD);
    let (mut types, mut map, mut found) = (Vec::new(), None, Vec::new());
    let each = |header: &Header, body: &[u8]| -> Result<(), Malformed> {
        types.push(header.event_type);
        match header.event_type {
            code::TABLE_MAP => map = Some(TableMap::parse(body, Origin::MySql)?),
            code::PARTIAL_UPDATE_ROWS => found = rows(map.as_ref().unwrap(), header.event_type, body),
            _ => {}
        }
        Ok(())
    };
    TransactionPayload::parse(&body).unwrap().for_each(1 << 20, each).unwrap();
    assert_eq!(types, [code::QUERY, code::TABLE_MAP, code::PARTIAL_UPDATE_ROWS, code::XID]);
    let expected = "id=-7 y=2024 j=\\x00\\x06$.b[0]\\x03\\x05\\x05\\x00 ";
    assert_eq!(found, [(Op::Update, expected.to_owned())]);
}

#[test]
fn mysql_tagged_gtid() {
    let gtid = Gtid::parse(code::GTID_TAGGED, &bytes(MY_TAGGED)).unwrap();
    assert_eq!(
        (gtid.tag.as_str(), gtid.gno, gtid.sid[..4].to_vec()),
        ("tag1", 1, vec![0x59, 0x10, 0x49, 0x4E])
    );
    assert_eq!((gtid.last_committed, gtid.sequence_number), (2, 3));
    assert!(gtid.original_commit_timestamp_us > Some(1 << 50));
}

#[test]
fn mariadb_compressed_insert() {
    let map = TableMap::parse(&bytes(MARIA_TABLE_MAP), Origin::MariaDb).unwrap();
    let (event_type, body) =
        mariadb::uncompress_rows(code::MARIA_WRITE_ROWS_COMPRESSED_V1, &bytes(MARIA_WRITE_ROWS), 1 << 20)
            .unwrap();
    let found = rows(&map, event_type, &body);
    assert!(found[0].1.starts_with("id=-7 g=_binary'"), "{found:?}");
    assert!(
        found[0].1.contains(" k=_gbk x'd453' c=_utf8mb4'zz' y=2024 n=4000000000 u=_binary'\u{12}4Vx"),
        "{found:?}"
    );
}

#[test]
fn mariadb_compressed_query() {
    let body = bytes(MARIA_QUERY);
    let query = Query::parse(&body).unwrap();
    let statement = mariadb::uncompress(query.statement, 1000).unwrap();
    assert_eq!(query.database, "d");
    assert_eq!(statement, b"DROP TABLE IF EXISTS `g1` /* generated by server */");
}
