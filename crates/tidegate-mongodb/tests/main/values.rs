//! Values of every BSON type as bytes, also those that no library would write.

/// A value: its type's number and its bytes.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) kind: u8,
    pub(crate) bytes: Vec<u8>,
}

fn value(name: impl Into<String>, kind: u8, bytes: impl Into<Vec<u8>>) -> Value {
    Value { name: name.into(), kind, bytes: bytes.into() }
}

pub(crate) fn document<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for (name, value) in fields {
        bytes.push(value.kind);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&value.bytes);
    }
    bytes.push(0);
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes
}

pub(crate) fn nested<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Value {
    value("document", 0x03, document(fields))
}

pub(crate) fn array(values: &[Value]) -> Value {
    let names: Vec<String> = (0..values.len()).map(|at| at.to_string()).collect();
    value("array", 0x04, document(names.iter().map(String::as_str).zip(values)))
}

fn length_and(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn text_bytes(text: &str) -> Vec<u8> {
    length_and(&[text.as_bytes(), &[0]].concat())
}

pub(crate) fn text(text: &str) -> Value {
    value(format!("string {text:.20?}"), 0x02, text_bytes(text))
}

pub(crate) fn int32(number: i32) -> Value {
    value(format!("int32 {number}"), 0x10, number.to_le_bytes())
}

pub(crate) fn int64(number: i64) -> Value {
    value(format!("int64 {number}"), 0x12, number.to_le_bytes())
}

pub(crate) fn double(bits: u64) -> Value {
    value(format!("double {bits:016x}"), 0x01, bits.to_le_bytes())
}

pub(crate) fn timestamp(bits: u64) -> Value {
    value(format!("timestamp {bits}"), 0x11, bits.to_le_bytes())
}

pub(crate) fn decimal(bits: u128) -> Value {
    value(format!("decimal {bits:032x}"), 0x13, bits.to_le_bytes())
}

fn binary(subtype: u8, bytes: &[u8]) -> Value {
    // The old form has its length once more.
    let inner = if subtype == 2 { length_and(bytes) } else { bytes.to_vec() };
    let mut whole = (inner.len() as u32).to_le_bytes().to_vec();
    whole.push(subtype);
    whole.extend_from_slice(&inner);
    value(format!("binary {subtype} of {} bytes", bytes.len()), 0x05, whole)
}

fn regex(pattern: &str, options: &str) -> Value {
    value(format!("regex /{pattern}/{options}"), 0x0b, format!("{pattern}\0{options}\0"))
}

fn code_with_scope(code: &str, scope: &[u8]) -> Value {
    let inner = [text_bytes(code), scope.to_vec()].concat();
    let whole = [((inner.len() + 4) as u32).to_le_bytes().to_vec(), inner].concat();
    value("code with scope", 0x0f, whole)
}

pub(crate) fn deep(levels: usize) -> Value {
    (0..levels).fold(
        int32(1),
        |within, level| {
            if level % 3 == 2 { array(&[within]) } else { nested([("d", &within)]) }
        },
    )
}

fn numbers() -> Vec<Value> {
    let mut values: Vec<Value> = [
        0.0f64.to_bits(),
        (-0.0f64).to_bits(),
        1.5f64.to_bits(),
        1.0f64.to_bits(),
        9_007_199_254_740_993.0f64.to_bits(),
        f64::MIN_POSITIVE.to_bits(),
        1,
        f64::MAX.to_bits(),
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        f64::NAN.to_bits(),
        0xfff8_0000_0000_0000,
        // Payloads, of quiet and of signalling ones.
        0x7ff8_dead_beef_cafe,
        0x7ff0_0000_0000_0001,
        0xfff0_1234_5678_9abc,
    ]
    .map(double)
    .to_vec();
    values.extend([0, 1, -1, i32::MIN, i32::MAX].map(int32));
    values.extend([0, 1, -1, i64::MIN, i64::MAX, (1 << 53) + 1].map(int64));
    values.extend(
        [
            // 0, -0, 0E+3, 1, 1.5 and 1.50.
            0x3040 << 112,
            0xb040 << 112,
            0x3046 << 112,
            0x3040 << 112 | 1,
            0x303e << 112 | 15,
            0x303c << 112 | 150,
            // Infinity, -Infinity, NaN, -NaN, a signalling NaN, a NaN with a payload.
            0x7800 << 112,
            0xf800 << 112,
            0x7c00 << 112,
            0xfc00 << 112,
            0x7e00 << 112,
            0x7c00 << 112 | 0xdead_beef,
            // The largest, and the smallest above zero.
            0x5fff << 112 | 0x0001_ed09_bead_87c0_378d_8e63_ffff_ffff,
            1,
            // More digits than there are: zero by the standard.
            0x6c10 << 112 | 0xffff,
        ]
        .map(decimal),
    );
    values
}

fn texts() -> Vec<Value> {
    let mut values: Vec<Value> =
        ["", "plain", "a\0b", "\0", "😀𝔘𝄞", "e\u{301} é", "$x.y", "\u{feff}\u{10ffff}"].map(text).to_vec();
    values.push(text(&"long ".repeat(10_000)));
    values.extend([
        regex("", ""),
        regex("^a.*[\\/b]$", "imsx"),
        regex("ä😀", "i"),
        value("javascript", 0x0d, text_bytes("function () { return 'a\u{e9}'; }")),
        value("javascript with NUL", 0x0d, text_bytes("a\0b")),
        value("symbol", 0x0e, text_bytes("a symbol")),
        code_with_scope("x + y", &document([("x", &int32(1)), ("y", &text("é"))])),
        code_with_scope("", &document([])),
    ]);
    values
}

fn composed() -> Vec<Value> {
    let named = [int32(1), text("x"), double(f64::NAN.to_bits())];
    vec![
        nested([]),
        nested([("b", &named[0]), ("a", &named[1]), ("", &named[2])]),
        nested([("0", &named[0]), ("00", &named[1]), ("1", &named[2]), ("01", &named[0])]),
        nested([("a.b", &named[0]), (".", &named[1]), ("a", &named[2]), ("x$", &named[0])]),
        nested([("t", &timestamp(0)), ("z", &double((-0.0f64).to_bits()))]),
        deep(100),
        array(&[]),
        array(&[int32(1), int64(1), double(1.0f64.to_bits()), decimal(0x3040 << 112 | 1)]),
        array(&[array(&[]), nested([]), array(&[array(&[timestamp(0)])]), text("")]),
    ]
}

/// Every type, with its edges.
pub(crate) fn all() -> Vec<Value> {
    let mut values = [numbers(), texts(), composed()].concat();
    for subtype in [0, 1, 2, 5, 6, 8, 9, 0x80, 0xff] {
        values.push(binary(subtype, &[0, 1, 0xff]));
        values.push(binary(subtype, &[]));
    }
    // Identities, by the old order and by the new one.
    values.extend([binary(3, &[3; 16]), binary(4, &[4; 16]), binary(7, &[0x09, 1, 2, 3])]);
    values.extend([
        value("undefined", 0x06, []),
        value("object id", 0x07, [0; 12]),
        value("object id", 0x07, [0xff; 12]),
        value("false", 0x08, [0]),
        value("true", 0x08, [1]),
        value("null", 0x0a, []),
        value("pointer", 0x0c, [text_bytes("shop.item"), vec![7; 12]].concat()),
        value("least", 0xff, []),
        value("greatest", 0x7f, []),
    ]);
    let dates = [0, -1, 1_700_000_000_123, i64::MIN, i64::MAX];
    values.extend(dates.map(|date| value(format!("date {date}"), 0x09, date.to_le_bytes())));
    values.extend([0, 1, 1 << 32, u64::MAX, (1_700_000_000 << 32) | 7].map(timestamp));
    values
}
