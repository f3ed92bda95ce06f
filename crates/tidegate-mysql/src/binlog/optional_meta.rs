//! The optional metadata at the end of a TABLE_MAP: type-length-value records that name the columns, their
//! signs, character sets, members and key. Which of them are there depends on `binlog_row_metadata` (none on
//! MySQL 5.7).

use super::bytes::{self, Bytes};
use super::table_map::{Column, Kind, TableMap};
use super::{Malformed, Origin};

const SIGNEDNESS: u8 = 1;
const DEFAULT_CHARSET: u8 = 2;
const COLUMN_CHARSET: u8 = 3;
const COLUMN_NAME: u8 = 4;
const SET_STR_VALUE: u8 = 5;
const ENUM_STR_VALUE: u8 = 6;
const GEOMETRY_TYPE: u8 = 7;
const SIMPLE_PRIMARY_KEY: u8 = 8;
const PRIMARY_KEY_WITH_PREFIX: u8 = 9;
const ENUM_AND_SET_DEFAULT_CHARSET: u8 = 10;
const ENUM_AND_SET_COLUMN_CHARSET: u8 = 11;
const COLUMN_VISIBILITY: u8 = 12;
const VECTOR_DIMENSIONALITY: u8 = 13;

/// Reads the records to the end of `b` into `map`. A record of an unknown type is skipped: the server adds
/// types freely, none changes the meaning of the row images.
pub(crate) fn apply(map: &mut TableMap, mut b: Bytes<'_>, origin: Origin) -> Result<(), Malformed> {
    let columns = &mut map.columns;
    while !b.is_empty() {
        let tag = b.u8()?;
        let value = b.lenenc_bytes()?;
        let mut v = Bytes::new(value, "TABLE_MAP optional metadata");
        match tag {
            SIGNEDNESS => {
                for (bit, column) in columns.iter_mut().filter(|c| is_numeric(c.kind)).enumerate() {
                    column.unsigned = bytes::bit_msb(value, bit);
                }
            }
            DEFAULT_CHARSET => default_charset(columns, &mut v, |k| is_character(k, origin))?,
            COLUMN_CHARSET => column_charset(columns, v, origin)?,
            ENUM_AND_SET_DEFAULT_CHARSET => default_charset(columns, &mut v, is_enum_or_set)?,
            ENUM_AND_SET_COLUMN_CHARSET => {
                for column in columns.iter_mut().filter(|c| is_enum_or_set(c.kind)) {
                    column.charset = Some(collation(&mut v)?);
                }
            }
            COLUMN_NAME => {
                for column in columns.iter_mut() {
                    column.name = Some(bytes::text(v.lenenc_bytes()?, "TABLE_MAP: column name")?);
                }
                map.has_names = true;
            }
            SET_STR_VALUE => labels(columns, v, |k| matches!(k, Kind::Set { .. }))?,
            ENUM_STR_VALUE => labels(columns, v, |k| matches!(k, Kind::Enum { .. }))?,
            GEOMETRY_TYPE => {
                for column in columns.iter_mut().filter(|c| matches!(c.kind, Kind::Geometry { .. })) {
                    column.geometry_type = Some(v.lenenc()?);
                }
            }
            SIMPLE_PRIMARY_KEY => map.primary_key = Some(primary_key(columns.len(), v, false)?),
            PRIMARY_KEY_WITH_PREFIX => map.primary_key = Some(primary_key(columns.len(), v, true)?),
            COLUMN_VISIBILITY => {
                for (bit, column) in columns.iter_mut().enumerate() {
                    column.visible = bytes::bit_msb(value, bit);
                }
            }
            VECTOR_DIMENSIONALITY => {
                for column in columns.iter_mut().filter(|c| matches!(c.kind, Kind::Vector { .. })) {
                    column.dimensions = Some(v.lenenc()?);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Columns that own a SIGNEDNESS bit. YEAR does (as `has_signedess_information_type` of the server says),
/// which many readers got wrong: every number after a YEAR column then has its neighbour's sign.
fn is_numeric(kind: Kind) -> bool {
    use Kind::{Double, Float, Int24, Long, LongLong, NewDecimal, Short, Tiny, Year};
    matches!(kind, Tiny | Short | Int24 | Long | LongLong | Float | Double | NewDecimal { .. } | Year)
}

fn is_enum_or_set(kind: Kind) -> bool {
    matches!(kind, Kind::Enum { .. } | Kind::Set { .. })
}

/// Columns counted by the character set records. MySQL counts VECTOR and not GEOMETRY, MariaDB the other way
/// round.
fn is_character(kind: Kind, origin: Origin) -> bool {
    match kind {
        Kind::Char { .. } | Kind::VarChar { .. } | Kind::Blob { .. } => true,
        Kind::BlobCompressed { .. } | Kind::VarCharCompressed { .. } => true,
        Kind::Vector { .. } => origin == Origin::MySql,
        Kind::Geometry { .. } => origin == Origin::MariaDb,
        _ => false,
    }
}

fn collation(v: &mut Bytes<'_>) -> Result<u32, Malformed> {
    let id = v.lenenc()?;
    u32::try_from(id).map_err(|_| v.bad(&format!("collation id {id}")))
}

/// The default collation, then pairs of (index among the chosen columns, collation) for the others.
fn default_charset(
    columns: &mut [Column],
    v: &mut Bytes<'_>,
    chosen: impl Fn(Kind) -> bool,
) -> Result<(), Malformed> {
    let default = collation(v)?;
    let mut chosen: Vec<_> = columns.iter_mut().filter(|c| chosen(c.kind)).collect();
    for column in &mut chosen {
        column.charset = Some(default);
    }
    while !v.is_empty() {
        let index = v.lenenc()?;
        let collation = collation(v)?;
        match usize::try_from(index).ok().and_then(|index| chosen.get_mut(index)) {
            Some(column) => column.charset = Some(collation),
            None => return Err(v.bad(&format!("character column {index} of {}", chosen.len()))),
        }
    }
    Ok(())
}

/// One collation for each character column. Here the count shows which columns the server counted, so a relay
/// that mixes the families (MySQL reading MariaDB's log) is read right too.
fn column_charset(columns: &mut [Column], mut v: Bytes<'_>, origin: Origin) -> Result<(), Malformed> {
    let mut found = Vec::new();
    while !v.is_empty() {
        found.push(collation(&mut v)?);
    }
    let other = if origin == Origin::MySql { Origin::MariaDb } else { Origin::MySql };
    for origin in [origin, other] {
        if columns.iter().filter(|c| is_character(c.kind, origin)).count() == found.len() {
            for (column, id) in columns.iter_mut().filter(|c| is_character(c.kind, origin)).zip(found) {
                column.charset = Some(id);
            }
            return Ok(());
        }
    }
    Err(v.bad(&format!("{} character sets do not fit the columns", found.len())))
}

/// For each chosen column: the count of members, then each with its length.
fn labels(columns: &mut [Column], mut v: Bytes<'_>, chosen: fn(Kind) -> bool) -> Result<(), Malformed> {
    for column in columns.iter_mut().filter(|c| chosen(c.kind)) {
        let count = v.lenenc()?;
        column.labels.clear();
        for _ in 0..count {
            column.labels.push(v.lenenc_bytes()?.to_vec());
        }
    }
    Ok(())
}

fn primary_key(columns: usize, mut v: Bytes<'_>, prefixes: bool) -> Result<Vec<(usize, u64)>, Malformed> {
    let mut key = Vec::new();
    while !v.is_empty() {
        let index = v.lenenc()?;
        let prefix = if prefixes { v.lenenc()? } else { 0 };
        match usize::try_from(index) {
            Ok(index) if index < columns => key.push((index, prefix)),
            _ => return Err(v.bad(&format!("primary key column {index} of {columns}"))),
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::super::table_map::tests::body;
    use super::*;

    fn parse(types: &[u8], meta: &[u8], optional: &[u8], origin: Origin) -> Result<TableMap, Malformed> {
        TableMap::parse(&body(types, meta, &[0; 2][..types.len().div_ceil(8)], optional), origin)
    }

    #[test]
    fn year_owns_a_sign_bit() {
        // INT UNSIGNED, YEAR, VARCHAR, INT, DECIMAL UNSIGNED: bits 1 0 0 1
        let map = parse(&[3, 13, 15, 3, 246], &[9, 0, 5, 2], &[1, 1, 0b1001_0000], Origin::MySql).unwrap();
        let unsigned: Vec<_> = map.columns.iter().map(|c| c.unsigned).collect();
        assert_eq!(unsigned, [true, false, false, false, true]);
    }

    #[test]
    fn full_metadata() {
        // VARCHAR, ENUM, TEXT, INT, SET
        let meta = [9, 0, 247, 1, 2, 248, 1];
        let mut o = vec![SIGNEDNESS, 1, 0, DEFAULT_CHARSET, 5, 0xFC, 0xFF, 0, 1, 8];
        o.extend([COLUMN_NAME, 10, 1, b'a', 1, b'b', 1, b'c', 1, b'd', 1, b'e']);
        o.extend([SET_STR_VALUE, 5, 2, 1, b'x', 1, b'y', ENUM_STR_VALUE, 4, 1, 2, b'k', b'l']);
        o.extend([PRIMARY_KEY_WITH_PREFIX, 4, 3, 0, 0, 4, ENUM_AND_SET_COLUMN_CHARSET, 2, 45, 46]);
        o.extend([COLUMN_VISIBILITY, 1, 0b1110_1000, 77, 2, 1, 2]);
        let map = parse(&[15, 254, 252, 3, 254], &meta, &o, Origin::MySql).unwrap();
        let charsets: Vec<_> = map.columns.iter().map(|c| c.charset).collect();
        assert_eq!(charsets, [Some(255), Some(45), Some(8), None, Some(46)]);
        assert!(map.has_names && map.columns[4].name.as_deref() == Some("e"));
        assert_eq!(map.columns[4].labels, [b"x", b"y"]);
        assert_eq!(map.columns[1].labels, [b"kl"]);
        assert_eq!(map.primary_key, Some(vec![(3, 0), (0, 4)]));
        assert!(!map.columns[3].visible && map.columns[4].visible);
    }

    #[test]
    fn geometry_and_vector_are_counted_by_one_family_each() {
        let default = [DEFAULT_CHARSET, 3, 8, 1, 45];
        // GEOMETRY, VARCHAR, VARCHAR
        let (types, meta) = ([255, 15, 15], [4, 9, 0, 9, 0]);
        let of = |origin, o: &[u8]| {
            let map = parse(&types, &meta, o, origin).unwrap();
            map.columns.iter().map(|c| c.charset).collect::<Vec<_>>()
        };
        assert_eq!(of(Origin::MySql, &default), [None, Some(8), Some(45)]);
        assert_eq!(of(Origin::MariaDb, &default), [Some(8), Some(45), Some(8)]);
        assert_eq!(of(Origin::MySql, &[COLUMN_CHARSET, 3, 63, 1, 2]), [Some(63), Some(1), Some(2)]);
        let vector = [DEFAULT_CHARSET, 3, 8, 0, 63, VECTOR_DIMENSIONALITY, 1, 3];
        let map = parse(&[242, 15], &[4, 9, 0], &vector, Origin::MySql).unwrap();
        assert_eq!((map.columns[0].charset, map.columns[1].charset), (Some(63), Some(8)));
        assert_eq!(map.columns[0].dimensions, Some(3));
    }

    #[test]
    fn nonsense_is_refused() {
        for o in [
            &[DEFAULT_CHARSET, 3, 8, 7, 45][..],
            &[COLUMN_CHARSET, 3, 8, 7, 45],
            &[SIMPLE_PRIMARY_KEY, 1, 2],
            &[COLUMN_NAME, 2, 1, b'a'],
            &[COLUMN_NAME, 200, 1, b'a'],
            &[ENUM_STR_VALUE, 9, 0xFE, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert!(parse(&[15, 254], &[9, 0, 247, 1], o, Origin::MySql).is_err(), "{o:?}");
        }
    }
}
