//! TABLE_MAP events: which table a row event's `table_id` means, and what is needed to cut its rows into
//! cells.

use super::bytes::{self, Bytes};
use super::{Malformed, Origin, decimal, optional_meta};

/// A column's storage type, closed: with it and nothing else a cell's length and meaning are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 1 byte integer.
    Tiny,
    /// 2 byte integer.
    Short,
    /// 3 byte integer; its sign is in bit 23.
    Int24,
    /// 4 byte integer.
    Long,
    /// 8 byte integer.
    LongLong,
    Float,
    Double,
    /// Packed decimal, see [`decimal`]. `precision` counts all digits.
    NewDecimal {
        precision: u8,
        scale: u8,
    },
    /// Big-endian bit string of `bits` 1–64.
    Bit {
        bits: u8,
    },
    /// One byte: 0 is year 0000, else the year less 1900.
    Year,
    /// 3 bytes (both the DATE and the NEWDATE type code).
    Date,
    /// 3 bytes, decimal digits hhmmss: tables made before MySQL 5.6, or MariaDB's
    /// `mysql56_temporal_format=OFF`.
    OldTime,
    /// 8 bytes, decimal digits YYYYMMDDhhmmss.
    OldDateTime,
    /// 4 bytes, little-endian seconds.
    OldTimestamp,
    Time2 {
        fsp: u8,
    },
    DateTime2 {
        fsp: u8,
    },
    Timestamp2 {
        fsp: u8,
    },
    /// VARCHAR or VARBINARY; `max_len` in bytes decides whether one or two bytes of length precede a cell.
    VarChar {
        max_len: u16,
    },
    /// CHAR or BINARY; `max_len` in bytes. The image holds it without trailing spaces (or 0x00 for BINARY).
    Char {
        max_len: u16,
    },
    /// Index of the member, 1-based, in 1 or 2 bytes; 0 is the error value ''.
    Enum {
        bytes: u8,
    },
    /// Bit mask of members in 1, 2, 3, 4 or 8 bytes.
    Set {
        bytes: u8,
    },
    /// Any BLOB or TEXT.
    Blob {
        length_bytes: u8,
    },
    Json {
        length_bytes: u8,
    },
    /// 4 bytes SRID, then WKB.
    Geometry {
        length_bytes: u8,
    },
    /// Little-endian f32s.
    Vector {
        length_bytes: u8,
    },
    /// MariaDB `BLOB COMPRESSED`, type 140; cells need [`column_zip`](super::column_zip).
    BlobCompressed {
        length_bytes: u8,
    },
    /// MariaDB `VARCHAR COMPRESSED`, type 141; cells need [`column_zip`](super::column_zip).
    VarCharCompressed {
        max_len: u16,
    },
}

/// How many bytes of an image a cell takes; worked out once per table map because rows ask millions of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// So many bytes.
    Fixed(u8),
    /// So many bytes (1–4) of little-endian length, then the value.
    Prefixed(u8),
}

impl Kind {
    pub(crate) fn width(self) -> Width {
        let frac = |fsp: u8| fsp.div_ceil(2);
        match self {
            Kind::Tiny | Kind::Year => Width::Fixed(1),
            Kind::Short => Width::Fixed(2),
            Kind::Int24 | Kind::Date | Kind::OldTime => Width::Fixed(3),
            Kind::Long | Kind::Float | Kind::OldTimestamp => Width::Fixed(4),
            Kind::LongLong | Kind::Double | Kind::OldDateTime => Width::Fixed(8),
            Kind::NewDecimal { precision, scale } => Width::Fixed(decimal::bytes(precision, scale)),
            Kind::Bit { bits } => Width::Fixed(bits.div_ceil(8)),
            Kind::Time2 { fsp } => Width::Fixed(3 + frac(fsp)),
            Kind::DateTime2 { fsp } => Width::Fixed(5 + frac(fsp)),
            Kind::Timestamp2 { fsp } => Width::Fixed(4 + frac(fsp)),
            Kind::VarChar { max_len } | Kind::Char { max_len } | Kind::VarCharCompressed { max_len } => {
                Width::Prefixed(if max_len > 255 { 2 } else { 1 })
            }
            Kind::Enum { bytes } | Kind::Set { bytes } => Width::Fixed(bytes),
            Kind::Blob { length_bytes }
            | Kind::Json { length_bytes }
            | Kind::Geometry { length_bytes }
            | Kind::Vector { length_bytes }
            | Kind::BlobCompressed { length_bytes } => Width::Prefixed(length_bytes),
        }
    }

    /// The type `code` of a TABLE_MAP event with its metadata; `meta` moves past what the type uses.
    fn parse(code: u8, meta: &mut Bytes<'_>) -> Result<Kind, Malformed> {
        Ok(match code {
            1 => Kind::Tiny,
            2 => Kind::Short,
            3 => Kind::Long,
            4 | 5 => {
                meta.u8()?; // the size, 4 or 8, which the type says already
                if code == 4 { Kind::Float } else { Kind::Double }
            }
            7 => Kind::OldTimestamp,
            8 => Kind::LongLong,
            9 => Kind::Int24,
            10 | 14 => Kind::Date,
            11 => Kind::OldTime,
            12 => Kind::OldDateTime,
            13 => Kind::Year,
            15 | 253 => Kind::VarChar { max_len: meta.u16()? },
            16 => {
                let [odd, whole] = meta.array()?;
                let bits = u16::from(whole) * 8 + u16::from(odd);
                Kind::Bit { bits: within(bits, 1, 64, "BIT length", meta)? as u8 }
            }
            17 => Kind::Timestamp2 { fsp: fsp(meta)? },
            18 => Kind::DateTime2 { fsp: fsp(meta)? },
            19 => Kind::Time2 { fsp: fsp(meta)? },
            140 => Kind::BlobCompressed { length_bytes: length_bytes(meta)? },
            141 => Kind::VarCharCompressed { max_len: meta.u16()? },
            242 => Kind::Vector { length_bytes: length_bytes(meta)? },
            245 => Kind::Json { length_bytes: length_bytes(meta)? },
            246 => {
                let [precision, scale] = meta.array()?;
                within(u16::from(precision), 1, 65, "DECIMAL precision", meta)?;
                within(u16::from(scale), 0, u16::from(precision), "DECIMAL scale", meta)?;
                Kind::NewDecimal { precision, scale }
            }
            247 | 248 | 254 => string_kind(code, meta)?,
            249..=252 => Kind::Blob { length_bytes: length_bytes(meta)? },
            255 => Kind::Geometry { length_bytes: length_bytes(meta)? },
            20 => return Err(meta.bad("column type 20 (typed array) has no row image")),
            other => return Err(meta.bad(&format!("column type {other} is unknown"))),
        })
    }
}

/// Types 254, 247 and 248: the first metadata byte is the real type. A CHAR longer than 255 bytes hides the
/// two high bits of its length, inverted, in bits 4 and 5 of that byte (which all three real types have set).
fn string_kind(code: u8, meta: &mut Bytes<'_>) -> Result<Kind, Malformed> {
    let [real, low] = meta.array()?;
    let bytes = |max: u16| Ok(within(u16::from(low), 1, max, "ENUM or SET size", meta)? as u8);
    match if code == 254 { real } else { code } {
        247 => Ok(Kind::Enum { bytes: bytes(2)? }),
        248 => Ok(Kind::Set { bytes: bytes(8)? }),
        0 => Ok(Kind::Char { max_len: u16::from(low) }),
        real if real | 0x30 == 254 || real | 0x30 == 253 => {
            let high = u16::from(!real & 0x30) << 4;
            Ok(Kind::Char { max_len: high | u16::from(low) })
        }
        real => Err(meta.bad(&format!("real type {real} of a string column is unknown"))),
    }
}

fn fsp(meta: &mut Bytes<'_>) -> Result<u8, Malformed> {
    let digits = meta.u8()?;
    Ok(within(u16::from(digits), 0, 6, "fractional digits", meta)? as u8)
}

fn length_bytes(meta: &mut Bytes<'_>) -> Result<u8, Malformed> {
    let bytes = meta.u8()?;
    Ok(within(u16::from(bytes), 1, 4, "length bytes", meta)? as u8)
}

fn within(value: u16, low: u16, high: u16, what: &str, meta: &Bytes<'_>) -> Result<u16, Malformed> {
    if (low..=high).contains(&value) { Ok(value) } else { Err(meta.bad(&format!("{what} {value}"))) }
}

/// A column as the event describes it. All but `kind`, `width` and `nullable` come from optional metadata and
/// have the values of [`Column::new`] where the server wrote none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) kind: Kind,
    pub(crate) width: Width,
    /// Only with `binlog_row_metadata=FULL`.
    pub(crate) name: Option<String>,
    /// Integers, decimals, floats and YEAR. False when unknown: then fill it in from the schema.
    pub(crate) unsigned: bool,
    pub(crate) nullable: bool,
    /// Collation id of a character column (63: binary) or of an ENUM or SET.
    pub(crate) charset: Option<u32>,
    /// False for an INVISIBLE column; its cells are in the images all the same.
    pub(crate) visible: bool,
    /// Members of an ENUM or SET in order, bytes of `charset`; empty when unknown.
    pub(crate) labels: Vec<Vec<u8>>,
    /// 0 geometry, 1 point, 2 linestring, 3 polygon, 4–6 the multi kinds, 7 collection.
    pub(crate) geometry_type: Option<u64>,
    /// Declared dimensions (not bytes) of a VECTOR.
    pub(crate) dimensions: Option<u64>,
}

impl Column {
    /// A nullable, signed, visible column without name or character set.
    pub(crate) fn new(kind: Kind) -> Self {
        Column {
            kind,
            width: kind.width(),
            name: None,
            unsigned: false,
            nullable: true,
            charset: None,
            visible: true,
            labels: Vec::new(),
            geometry_type: None,
            dimensions: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableMap {
    pub(crate) table_id: u64,
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    /// Column indexes of the primary key in key order, each with its prefix length in characters (0: whole).
    /// None: no primary key, or no FULL metadata (`has_names` tells which).
    pub(crate) primary_key: Option<Vec<(usize, u64)>>,
    /// The event had FULL metadata.
    pub(crate) has_names: bool,
}

impl TableMap {
    /// Parses the event's data: after the 19-byte header, without checksum.
    pub(crate) fn parse(body: &[u8], origin: Origin) -> Result<TableMap, Malformed> {
        let mut b = Bytes::new(body, "TABLE_MAP");
        let (table_id, schema, table) = names(&mut b)?;
        let schema = bytes::text(schema, "TABLE_MAP: schema name")?;
        let table = bytes::text(table, "TABLE_MAP: table name")?;
        let count = b.lenenc()?;
        let types = b.take_u64(count)?;
        let mut meta = Bytes::new(b.lenenc_bytes()?, "TABLE_MAP column metadata");
        let nulls = b.take(types.len().div_ceil(8))?;
        let mut columns = Vec::with_capacity(types.len());
        for (index, &code) in types.iter().enumerate() {
            let kind = Kind::parse(code, &mut meta).map_err(|e| {
                Malformed::new(format!("table {schema}.{table}, column {index}, type {code}: {}", e.0))
            })?;
            columns.push(Column { nullable: bytes::bit(nulls, index), ..Column::new(kind) });
        }
        let mut map = TableMap { table_id, schema, table, columns, primary_key: None, has_names: false };
        optional_meta::apply(&mut map, b, origin)
            .map_err(|e| Malformed::new(format!("table {}.{}: {}", map.schema, map.table, e.0)))?;
        Ok(map)
    }
}

/// Table id, schema and table of a TABLE_MAP body, without looking at its columns: to drop or to find a map
/// that was parsed before.
pub(crate) fn peek(body: &[u8]) -> Result<(u64, &[u8], &[u8]), Malformed> {
    names(&mut Bytes::new(body, "TABLE_MAP"))
}

fn names<'a>(b: &mut Bytes<'a>) -> Result<(u64, &'a [u8], &'a [u8]), Malformed> {
    let table_id = b.uint(6)?;
    b.u16()?; // flags
    let schema = b.short_bytes()?;
    b.u8()?; // NUL
    let table = b.short_bytes()?;
    b.u8()?; // NUL
    Ok((table_id, schema, table))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The body of a TABLE_MAP for `db.t`, id 9, from type codes, metadata and optional metadata.
    pub(crate) fn body(types: &[u8], meta: &[u8], nulls: &[u8], optional: &[u8]) -> Vec<u8> {
        let mut body = vec![9, 0, 0, 0, 0, 0, 1, 0, 2, b'd', b'b', 0, 1, b't', 0, types.len() as u8];
        body.extend_from_slice(types);
        body.push(meta.len() as u8);
        body.extend_from_slice(meta);
        body.extend_from_slice(nulls);
        body.extend_from_slice(optional);
        body
    }

    fn kinds(types: &[u8], meta: &[u8]) -> Vec<Kind> {
        let map = TableMap::parse(&body(types, meta, &[0xFF], &[]), Origin::MySql).unwrap();
        map.columns.iter().map(|c| c.kind).collect()
    }

    #[test]
    fn names_and_nulls() {
        let body = body(&[3, 8], &[], &[0b10], &[]);
        assert_eq!(peek(&body).unwrap(), (9, &b"db"[..], &b"t"[..]));
        let map = TableMap::parse(&body, Origin::MySql).unwrap();
        assert_eq!((map.table_id, map.schema.as_str(), map.table.as_str()), (9, "db", "t"));
        assert!(!map.columns[0].nullable && map.columns[1].nullable && !map.has_names);
    }

    #[test]
    fn string_metadata_hides_real_types_and_long_lengths() {
        // CHAR(10) latin1, CHAR(255) utf8mb4 = 1020 bytes, ENUM 2 bytes, SET 8 bytes
        let meta = [254, 10, 0xCE, 0xFC, 247, 2, 248, 8];
        assert_eq!(
            kinds(&[254, 254, 254, 254], &meta),
            [
                Kind::Char { max_len: 10 },
                Kind::Char { max_len: 1020 },
                Kind::Enum { bytes: 2 },
                Kind::Set { bytes: 8 }
            ]
        );
        assert_eq!(Kind::Char { max_len: 1020 }.width(), Width::Prefixed(2));
        assert_eq!(Kind::Char { max_len: 255 }.width(), Width::Prefixed(1));
    }

    #[test]
    fn widths() {
        let meta = [5, 1, 65, 30, 6, 3, 1, 4, 0xFF, 0, 0, 1, 1, 4];
        let found = kinds(&[16, 246, 18, 19, 17, 252, 15, 15], &meta);
        let widths: Vec<_> = found.iter().map(|k| k.width()).collect();
        use Width::{Fixed, Prefixed};
        let expected =
            [Fixed(2), Fixed(30), Fixed(8), Fixed(5), Fixed(5), Prefixed(4), Prefixed(1), Prefixed(2)];
        assert_eq!(widths, expected, "the last metadata byte is not used");
        assert_eq!(found[0], Kind::Bit { bits: 13 });
    }

    #[test]
    fn an_unknown_type_names_itself_and_its_table() {
        let e = TableMap::parse(&body(&[3, 99], &[], &[0], &[]), Origin::MySql).unwrap_err();
        assert!(e.0.contains("table db.t, column 1, type 99"), "{e}");
        for (types, meta) in
            [(&[20][..], &[0][..]), (&[246], &[70, 0]), (&[17], &[7]), (&[252], &[5]), (&[16], &[1])]
        {
            assert!(TableMap::parse(&body(types, meta, &[0], &[]), Origin::MySql).is_err(), "{types:?}");
        }
    }
}
