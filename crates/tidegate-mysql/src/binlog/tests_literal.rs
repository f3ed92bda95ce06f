//! Golden bytes → literal, one table for all types.

use super::literal::{Style, write};
use super::table_map::{Column, Kind};

fn text(column: &Column, value: &[u8], style: Style) -> String {
    let mut out = b"=".to_vec();
    write(&mut out, column, value, style).unwrap();
    String::from_utf8(out).unwrap()[1..].to_owned()
}

fn plain(kind: Kind, value: &[u8]) -> String {
    text(&Column::new(kind), value, Style::Quoted)
}

fn unsigned(kind: Kind, value: &[u8]) -> String {
    text(&Column { unsigned: true, ..Column::new(kind) }, value, Style::Quoted)
}

fn chars(kind: Kind, charset: u32, value: &[u8]) -> String {
    text(&Column { charset: Some(charset), ..Column::new(kind) }, value, Style::Quoted)
}

#[test]
fn integers() {
    assert_eq!(plain(Kind::Tiny, &[0x80]), "-128");
    assert_eq!(unsigned(Kind::Tiny, &[0x80]), "128");
    assert_eq!(plain(Kind::Short, &[0, 0x80]), "-32768");
    assert_eq!(unsigned(Kind::Short, &[0xFF, 0xFF]), "65535");
    assert_eq!(plain(Kind::Int24, &[0xFF, 0xFF, 0xFF]), "-1");
    assert_eq!(plain(Kind::Int24, &[0x9C, 0xFF, 0xFF]), "-100");
    assert_eq!(plain(Kind::Int24, &[0, 0, 0x80]), "-8388608");
    assert_eq!(plain(Kind::Int24, &[0xFF, 0xFF, 0x7F]), "8388607");
    assert_eq!(unsigned(Kind::Int24, &[0xFF, 0xFF, 0xFF]), "16777215");
    assert_eq!(plain(Kind::Long, &i32::MIN.to_le_bytes()), "-2147483648");
    assert_eq!(unsigned(Kind::Long, &u32::MAX.to_le_bytes()), "4294967295");
    assert_eq!(plain(Kind::LongLong, &i64::MIN.to_le_bytes()), "-9223372036854775808");
    assert_eq!(plain(Kind::LongLong, &i64::MAX.to_le_bytes()), "9223372036854775807");
    assert_eq!(unsigned(Kind::LongLong, &u64::MAX.to_le_bytes()), "18446744073709551615");
    assert_eq!(plain(Kind::LongLong, &[0; 8]), "0");
}

#[test]
fn floats() {
    assert_eq!(plain(Kind::Float, &1.1f32.to_le_bytes()), "1.100000023841858e0");
    assert_eq!(plain(Kind::Float, &(-0f32).to_le_bytes()), "-0e0");
    assert_eq!(plain(Kind::Double, &(-0f64).to_le_bytes()), "-0e0");
    assert_eq!(plain(Kind::Double, &0.1f64.to_le_bytes()), "1e-1");
    assert_eq!(plain(Kind::Double, &f64::MAX.to_le_bytes()), "1.7976931348623157e308");
    assert_eq!(plain(Kind::Double, &5e-324f64.to_le_bytes()), "5e-324");
    for bits in [1.1f32, f32::MAX, f32::MIN_POSITIVE, 1e-45, 16_777_217.0, 3.4e-5] {
        let back: f64 = plain(Kind::Float, &bits.to_le_bytes()).parse().unwrap();
        assert_eq!(back as f32, bits);
        assert_eq!(back, f64::from(bits));
    }
    let mut out = Vec::new();
    assert!(write(&mut out, &Column::new(Kind::Double), &f64::NAN.to_le_bytes(), Style::Quoted).is_err());
}

#[test]
fn bits_years_members() {
    assert_eq!(plain(Kind::Bit { bits: 1 }, &[1]), "1");
    assert_eq!(plain(Kind::Bit { bits: 10 }, &[3, 0xFF]), "1023");
    assert_eq!(plain(Kind::Bit { bits: 64 }, &[0xFF; 8]), "18446744073709551615");
    assert_eq!(plain(Kind::Year, &[0]), "'0000'");
    assert_eq!(plain(Kind::Year, &[1]), "1901");
    assert_eq!(plain(Kind::Year, &[255]), "2155");
    assert_eq!(plain(Kind::Enum { bytes: 2 }, &[0x2C, 1]), "300");
    assert_eq!(plain(Kind::Set { bytes: 8 }, &[0, 0, 0, 0, 0, 0, 0, 0x80]), "9223372036854775808");
    assert_eq!(plain(Kind::Set { bytes: 3 }, &[5, 0, 1]), "65541");
}

#[test]
fn decimals() {
    let kind = Kind::NewDecimal { precision: 14, scale: 4 };
    assert_eq!(plain(kind, &[0x7E, 0xF2, 0x04, 0xC7, 0x2D, 0xFB, 0x2D]), "-1234567890.1234");
    assert_eq!(plain(Kind::NewDecimal { precision: 3, scale: 0 }, &[0x80, 0]), "0");
}

#[test]
fn times() {
    assert_eq!(plain(Kind::Time2 { fsp: 1 }, &[0x7F, 0xFF, 0xFF, 0xCE]), "'-00:00:00.5'");
    assert_eq!(plain(Kind::Time2 { fsp: 2 }, &[0x4B, 0x91, 0x05, 0x9D]), "'-838:59:58.99'");
    assert_eq!(plain(Kind::Time2 { fsp: 6 }, &[0xB4, 0x6E, 0xFB, 0, 0, 0]), "'838:59:59.000000'");
    assert_eq!(plain(Kind::Date, &[0, 0, 0]), "'0000-00-00'");
    assert_eq!(plain(Kind::Timestamp2 { fsp: 0 }, &[0; 4]), "'0000-00-00 00:00:00'");
    assert_eq!(plain(Kind::Timestamp2 { fsp: 3 }, &[0; 6]), "'0000-00-00 00:00:00.000'");
    assert_eq!(plain(Kind::Timestamp2 { fsp: 0 }, &[0xFF; 4]), "'2106-02-07 06:28:15'");
    assert_eq!(plain(Kind::DateTime2 { fsp: 2 }, &[0x80, 0, 0, 0, 0, 0]), "'0000-00-00 00:00:00.00'");
}

#[test]
fn strings() {
    let varchar = Kind::VarChar { max_len: 40 };
    assert_eq!(chars(varchar, 255, "żółw".as_bytes()), "_utf8mb4'żółw'");
    assert_eq!(chars(varchar, 8, b"it's\\\0\n\r\x1a\"%"), r#"_latin1'it\'s\\\0\n\r\Z"%'"#);
    assert_eq!(chars(varchar, 63, b""), "_binary''");
    assert_eq!(plain(varchar, b"a'b"), r"_binary'a\'b'");
    assert_eq!(chars(varchar, 999, b"x"), "_binary'x'", "an unknown collation");
    assert_eq!(chars(varchar, 28, &[0x81, 0x5C]), "_gbk x'815c'");
    assert_eq!(chars(Kind::Blob { length_bytes: 2 }, 35, &[0, 0x27]), "_utf16 x'0027'");
    assert_eq!(chars(Kind::Char { max_len: 4 }, 63, b"a"), r"_binary'a\0\0\0'");
    assert_eq!(chars(Kind::Char { max_len: 2 }, 63, b"abc"), "_binary'abc'");
    assert_eq!(chars(Kind::Char { max_len: 4 }, 8, b"a"), "_latin1'a'");
    assert_eq!(plain(Kind::Vector { length_bytes: 4 }, b"1234"), "_binary'1234'");
    assert_eq!(plain(Kind::Geometry { length_bytes: 4 }, b"\0\0\0\0"), r"_binary'\0\0\0\0'");
    assert_eq!(chars(Kind::BlobCompressed { length_bytes: 4 }, 33, b"\0hi"), "_utf8mb4'hi'");
    let column = Column { charset: Some(63), ..Column::new(Kind::Char { max_len: 3 }) };
    assert_eq!(text(&column, b"\xFFa", Style::Hex), "_binary x'ff6100'");
}

#[test]
fn json_is_escaped_twice() {
    let kind = Kind::Json { length_bytes: 4 };
    // "it's \"x\"" as a string scalar
    let mut stored = vec![0x0C, 8];
    stored.extend(b"it's \"x\"");
    assert_eq!(plain(kind, &stored), r#"_utf8mb4'"it\'s \\"x\\""'"#);
    assert_eq!(text(&Column::new(kind), &[4, 1], Style::Hex), "_utf8mb4 x'74727565'");
    assert_eq!(plain(kind, b""), "_utf8mb4'null'");
}

#[test]
fn an_error_leaves_the_output_as_it_was() {
    let mut out = b"keep".to_vec();
    for (kind, value) in [
        (Kind::Long, &[1u8, 2, 3][..]),
        (Kind::Bit { bits: 3 }, &[8]),
        (Kind::Json { length_bytes: 4 }, &[0x0C, 9, b'a']),
        (Kind::NewDecimal { precision: 10, scale: 0 }, &[0x80, 0xFF, 0xFF, 0xFF, 0xFF]),
        (Kind::Date, &[0xFF, 0xFF, 0xFF]),
        (Kind::Enum { bytes: 1 }, &[]),
    ] {
        assert!(write(&mut out, &Column::new(kind), value, Style::Quoted).is_err(), "{kind:?}");
        assert_eq!(out, b"keep");
    }
}
