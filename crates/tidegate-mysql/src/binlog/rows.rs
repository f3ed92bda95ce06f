//! Row events: one statement's changed rows of one table, cut into cells without copying.
//!
//! An image is: a null bitmap with one bit for each column *present* in the image, then the present non-NULL
//! values in column order. Which columns are present is said once for the whole event.

use super::Malformed;
use super::bytes::{Bytes, bit};
use super::event::code;
use super::table_map::{Column, Kind, TableMap, Width};

/// The `table_id` of an event without rows that only ends a statement. No TABLE_MAP announces it: skip the
/// event.
pub(crate) const DUMMY_TABLE_ID: u64 = 0xFF_FFFF;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Insert,
    Update,
    Delete,
}

/// One cell of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// The image does not hold the column (`binlog_row_image` other than FULL).
    Absent,
    Null,
    /// The value's bytes as they lie in the image; a variable-length value without its length prefix.
    Bytes(&'a [u8]),
    /// The changes from the before-image's JSON value, for [`json_diff`](super::json_diff). Empty: unchanged.
    Partial(&'a [u8]),
}

/// A row event before its rows are read. Borrows from the event's body.
#[derive(Debug, Clone)]
pub(crate) struct RowsEvent<'a> {
    pub(crate) op: Op,
    pub(crate) table_id: u64,
    pub(crate) flags: u16,
    /// Columns of the table when the event was written; [`RowReader::new`] checks it against the table map.
    pub(crate) columns: usize,
    /// After-images start with value options and may hold JSON diffs.
    partial: bool,
    /// Bitmaps of the columns present; empty for the image that the operation lacks.
    before: &'a [u8],
    after: &'a [u8],
    rows: &'a [u8],
}

/// The table id of a row event of any version.
pub(crate) fn peek_table_id(body: &[u8]) -> Result<u64, Malformed> {
    Bytes::new(body, "row event").uint(6)
}

impl<'a> RowsEvent<'a> {
    /// Parses the event's data (after the 19-byte header, without checksum). MariaDB's compressed row events
    /// must go through [`mariadb::uncompress_rows`](super::mariadb::uncompress_rows) first.
    pub(crate) fn parse(event_type: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut b = Bytes::new(body, "row event");
        let op = match event_type {
            code::WRITE_ROWS_V1 | code::WRITE_ROWS => Op::Insert,
            code::UPDATE_ROWS_V1 | code::UPDATE_ROWS | code::PARTIAL_UPDATE_ROWS => Op::Update,
            code::DELETE_ROWS_V1 | code::DELETE_ROWS => Op::Delete,
            other => return Err(b.bad(&format!("event type {other} holds no rows"))),
        };
        let table_id = b.uint(6)?;
        let flags = b.u16()?;
        if event_type >= code::WRITE_ROWS {
            // v2: extra data (NDB, partition ids); its length counts its own two bytes
            let length = usize::from(b.u16()?);
            b.take(length.checked_sub(2).ok_or_else(|| b.bad("extra data of less than 2 bytes"))?)?;
        }
        let columns = b.lenenc()?;
        let columns = usize::try_from(columns).map_err(|_| b.bad(&format!("{columns} columns")))?;
        let bitmap = columns.div_ceil(8);
        let before = if op == Op::Insert { &[][..] } else { b.take(bitmap)? };
        let after = if op == Op::Delete { &[][..] } else { b.take(bitmap)? };
        let partial = event_type == code::PARTIAL_UPDATE_ROWS;
        Ok(RowsEvent { op, table_id, flags, columns, partial, before, after, rows: b.rest() })
    }
}

/// One image's layout within the event.
#[derive(Debug, Clone, Copy)]
struct Image<'a> {
    present: &'a [u8],
    /// Columns present: bits of a row's null bitmap.
    count: usize,
}

impl<'a> Image<'a> {
    fn new(present: &'a [u8], columns: usize) -> Self {
        Image { present, count: (0..columns).filter(|&index| bit(present, index)).count() }
    }
}

/// Reads the rows of one event in order. `'e` is the event's body, `'t` the table map.
#[derive(Debug)]
pub(crate) struct RowReader<'e, 't> {
    op: Op,
    columns: &'t [Column],
    before: Image<'e>,
    after: Image<'e>,
    /// Bytes of JSON partial bits in an after-image with partial values; None outside PARTIAL_UPDATE_ROWS.
    partial_bytes: Option<usize>,
    rows: Bytes<'e>,
}

impl<'e, 't> RowReader<'e, 't> {
    pub(crate) fn new(event: &RowsEvent<'e>, table: &'t TableMap) -> Result<Self, Malformed> {
        let refuse = |why: String| {
            Err(Malformed::new(format!("row event of table {}.{}: {why}", table.schema, table.table)))
        };
        if event.table_id != table.table_id {
            return refuse(format!("table id {} for a map of id {}", event.table_id, table.table_id));
        }
        if event.columns != table.columns.len() {
            return refuse(format!("{} columns, the table map has {}", event.columns, table.columns.len()));
        }
        let before = Image::new(event.before, event.columns);
        let after = Image::new(event.after, event.columns);
        let counts = match event.op {
            Op::Insert => after.count,
            Op::Update | Op::Delete => before.count,
        };
        if counts == 0 {
            // A row then takes no bytes, and how many there are cannot be known.
            return refuse("its rows hold no column at all".to_owned());
        }
        let json = table.columns.iter().filter(|c| matches!(c.kind, Kind::Json { .. })).count();
        Ok(RowReader {
            op: event.op,
            columns: &table.columns,
            before,
            after,
            partial_bytes: event.partial.then_some(json.div_ceil(8)),
            rows: Bytes::new(event.rows, "row image"),
        })
    }

    /// Reads the next row into the two buffers, one cell for each column of the table. An image that the
    /// operation lacks leaves its buffer empty. False: no row left, buffers empty. The buffers are the
    /// caller's so that reading a row allocates nothing once they have grown.
    pub(crate) fn next(
        &mut self,
        before: &mut Vec<Cell<'e>>,
        after: &mut Vec<Cell<'e>>,
    ) -> Result<bool, Malformed> {
        before.clear();
        after.clear();
        if self.rows.is_empty() {
            return Ok(false);
        }
        if self.op != Op::Insert {
            self.image(self.before, &[], before)?;
        }
        if self.op != Op::Delete {
            let partial = self.partial_bits()?;
            self.image(self.after, partial, after)?;
        }
        Ok(true)
    }

    /// The value options that precede an after-image of PARTIAL_UPDATE_ROWS: bit 0 says that a bitmap follows
    /// with one bit for each JSON column of the table, present or not, set where the value is a diff.
    fn partial_bits(&mut self) -> Result<&'e [u8], Malformed> {
        let Some(size) = self.partial_bytes else { return Ok(&[]) };
        match self.rows.lenenc()? {
            0 => Ok(&[]),
            1 => self.rows.take(size),
            options => Err(self.rows.bad(&format!("row value options {options:#x}"))),
        }
    }

    fn image(
        &mut self,
        image: Image<'e>,
        partial: &[u8],
        cells: &mut Vec<Cell<'e>>,
    ) -> Result<(), Malformed> {
        let nulls = self.rows.take(image.count.div_ceil(8))?;
        let all = image.count == self.columns.len();
        let (mut seen, mut json) = (0, 0);
        cells.reserve(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            let mut is_partial = false;
            if !partial.is_empty() && matches!(column.kind, Kind::Json { .. }) {
                is_partial = bit(partial, json);
                json += 1;
            }
            if !all && !bit(image.present, index) {
                cells.push(Cell::Absent);
                continue;
            }
            let is_null = bit(nulls, seen);
            seen += 1;
            if is_null {
                cells.push(Cell::Null);
                continue;
            }
            let size = match column.width {
                Width::Fixed(size) => usize::from(size),
                Width::Prefixed(1) => usize::from(self.rows.u8()?),
                Width::Prefixed(2) => usize::from(self.rows.u16()?),
                Width::Prefixed(bytes) => self.rows.uint(usize::from(bytes))? as usize,
            };
            let value = self.rows.take(size)?;
            cells.push(if is_partial { Cell::Partial(value) } else { Cell::Bytes(value) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::super::table_map::tests::body;
    use super::*;

    fn table(types: &[u8], meta: &[u8]) -> TableMap {
        TableMap::parse(&body(types, meta, &[0xFF], &[]), Origin::MySql).unwrap()
    }

    fn event(head: &[u8], rows: &[u8]) -> Vec<u8> {
        [&[9, 0, 0, 0, 0, 0, 1, 0][..], head, rows].concat()
    }

    type Rows<'a> = Vec<(Vec<Cell<'a>>, Vec<Cell<'a>>)>;

    fn read<'a>(code: u8, body: &'a [u8], table: &TableMap) -> Result<Rows<'a>, Malformed> {
        let event = RowsEvent::parse(code, body)?;
        let mut reader = RowReader::new(&event, table)?;
        let (mut before, mut after, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        while reader.next(&mut before, &mut after)? {
            rows.push((before.clone(), after.clone()));
        }
        Ok(rows)
    }

    use Cell::{Absent, Bytes as B, Null, Partial};

    #[test]
    fn inserts_of_both_versions() {
        let table = table(&[3, 15, 252], &[9, 0, 2]);
        let rows = [0, 1, 0, 0, 0, 2, b'h', b'i', 1, 0, b'x', 0b010, 2, 0, 0, 0, 0, 0];
        let expected = vec![
            (vec![], vec![B(&[1, 0, 0, 0]), B(b"hi"), B(b"x")]),
            (vec![], vec![B(&[2, 0, 0, 0]), Null, B(b"")]),
        ];
        let v1 = event(&[3, 0b111], &rows);
        assert_eq!(read(23, &v1, &table).unwrap(), expected);
        let v2 = event(&[5, 0, 1, 2, 3, 3, 0b111], &rows);
        assert_eq!(read(30, &v2, &table).unwrap(), expected);
        assert_eq!(peek_table_id(&v2).unwrap(), 9);
    }

    #[test]
    fn minimal_update() {
        let table = table(&[3, 1, 1], &[]);
        // before: column 0; after: columns 1 and 2, of which 2 is NULL
        let bytes = event(&[2, 0, 3, 0b001, 0b110], &[0, 7, 0, 0, 0, 0b10, 5]);
        let expected = vec![(vec![B(&[7, 0, 0, 0]), Absent, Absent], vec![Absent, B(&[5]), Null])];
        assert_eq!(read(31, &bytes, &table).unwrap(), expected);
    }

    #[test]
    fn deletes() {
        let table = table(&[1], &[]);
        assert_eq!(
            read(25, &event(&[1, 1], &[0, 5, 1]), &table).unwrap(),
            [(vec![B(&[5])], vec![]), (vec![Null], vec![])]
        );
        assert_eq!(read(25, &event(&[1, 1], &[]), &table).unwrap(), []);
    }

    #[test]
    fn partial_bits_count_absent_json_columns() {
        let table = table(&[245, 3, 245], &[4, 4]);
        // the after-image lacks JSON column 0, holds a diff of column 2
        let rows = [0, 9, 0, 0, 0, 1, 0b10, 0, 2, 0, 0, 0, b'd', b'f'];
        let bytes = event(&[2, 0, 3, 0b010, 0b100], &rows);
        let expected = vec![(vec![Absent, B(&[9, 0, 0, 0]), Absent], vec![Absent, Absent, Partial(b"df")])];
        assert_eq!(read(39, &bytes, &table).unwrap(), expected);
        let whole = event(&[2, 0, 3, 0b010, 0b100], &[0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'j']);
        assert_eq!(read(39, &whole, &table).unwrap()[0].1, [Absent, Absent, B(b"j")]);
        let unknown = event(&[2, 0, 3, 0b010, 0b100], &[0, 9, 0, 0, 0, 2, 0]);
        assert!(read(39, &unknown, &table).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        let table = table(&[3, 252], &[4]);
        for (code, bytes) in [
            (23, event(&[3, 7], &[0])),                                 // another column count
            (23, event(&[2, 3], &[0, 1, 0, 0])),                        // cut short
            (23, event(&[2, 3], &[0, 1, 0, 0, 0, 255, 255, 255, 255])), // false length
            (23, event(&[2, 0], &[1])),                                 // no column
            (30, event(&[1, 0, 2, 3], &[])),                            // extra data shorter than its length
            (30, event(&[2, 0, 0xFE, 255, 255, 255, 255, 255, 255, 255, 255], &[])),
            (19, event(&[2, 3], &[])),
        ] {
            assert!(read(code, &bytes, &table).is_err(), "{bytes:?}");
        }
        let mut other = event(&[2, 3], &[]);
        other[0] = 8;
        assert!(read(23, &other, &table).is_err(), "another table id");
    }
}
