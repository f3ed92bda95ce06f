//! Collation ids of MySQL 5.7–9.x and MariaDB 10.x–11.x to character sets.

/// A character set as literals need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charset {
    /// The name for an introducer (`_name'…'`), lower case.
    pub(crate) name: &'static str,
    /// Whether quoted text is safe: 0x27 and 0x5C are always a quote and a backslash. False for sets whose
    /// multi-byte characters may end in such a byte or whose units are wider than a byte; those go out as
    /// hex.
    pub(crate) quotable: bool,
    /// The `binary` set: bytes without meaning.
    pub(crate) binary: bool,
}

/// Collation 63.
pub(crate) const BINARY: u32 = 63;

/// Ranges (first id, last id, set) of base collations, ascending. The gaps belong to no server.
const RANGES: [(u16, u16, &str); 105] = [
    (1, 1, "big5"),
    (2, 2, "latin2"),
    (3, 3, "dec8"),
    (4, 4, "cp850"),
    (5, 5, "latin1"),
    (6, 6, "hp8"),
    (7, 7, "koi8r"),
    (8, 8, "latin1"),
    (9, 9, "latin2"),
    (10, 10, "swe7"),
    (11, 11, "ascii"),
    (12, 12, "ujis"),
    (13, 13, "sjis"),
    (14, 14, "cp1251"),
    (15, 15, "latin1"),
    (16, 16, "hebrew"),
    (18, 18, "tis620"),
    (19, 19, "euckr"),
    (20, 20, "latin7"),
    (21, 21, "latin2"),
    (22, 22, "koi8u"),
    (23, 23, "cp1251"),
    (24, 24, "gb2312"),
    (25, 25, "greek"),
    (26, 26, "cp1250"),
    (27, 27, "latin2"),
    (28, 28, "gbk"),
    (29, 29, "cp1257"),
    (30, 30, "latin5"),
    (31, 31, "latin1"),
    (32, 32, "armscii8"),
    (33, 33, "utf8mb3"),
    (34, 34, "cp1250"),
    (35, 35, "ucs2"),
    (36, 36, "cp866"),
    (37, 37, "keybcs2"),
    (38, 38, "macce"),
    (39, 39, "macroman"),
    (40, 40, "cp852"),
    (41, 42, "latin7"),
    (43, 43, "macce"),
    (44, 44, "cp1250"),
    (45, 46, "utf8mb4"),
    (47, 49, "latin1"),
    (50, 52, "cp1251"),
    (53, 53, "macroman"),
    (54, 55, "utf16"),
    (56, 56, "utf16le"),
    (57, 57, "cp1256"),
    (58, 59, "cp1257"),
    (60, 61, "utf32"),
    (62, 62, "utf16le"),
    (63, 63, "binary"),
    (64, 64, "armscii8"),
    (65, 65, "ascii"),
    (66, 66, "cp1250"),
    (67, 67, "cp1256"),
    (68, 68, "cp866"),
    (69, 69, "dec8"),
    (70, 70, "greek"),
    (71, 71, "hebrew"),
    (72, 72, "hp8"),
    (73, 73, "keybcs2"),
    (74, 74, "koi8r"),
    (75, 75, "koi8u"),
    (76, 76, "utf8mb3"),
    (77, 77, "latin2"),
    (78, 78, "latin5"),
    (79, 79, "latin7"),
    (80, 80, "cp850"),
    (81, 81, "cp852"),
    (82, 82, "swe7"),
    (83, 83, "utf8mb3"),
    (84, 84, "big5"),
    (85, 85, "euckr"),
    (86, 86, "gb2312"),
    (87, 87, "gbk"),
    (88, 88, "sjis"),
    (89, 89, "tis620"),
    (90, 90, "ucs2"),
    (91, 91, "ujis"),
    (92, 93, "geostd8"),
    (94, 94, "latin1"),
    (95, 96, "cp932"),
    (97, 98, "eucjpms"),
    (99, 99, "cp1250"),
    (101, 124, "utf16"),
    (128, 151, "ucs2"),
    (159, 159, "ucs2"),
    (160, 183, "utf32"),
    (192, 215, "utf8mb3"),
    (223, 223, "utf8mb3"),
    (224, 247, "utf8mb4"),
    (248, 250, "gb18030"),
    (255, 323, "utf8mb4"),
    // MariaDB only, from here on.
    (576, 607, "utf8mb3"),
    (608, 639, "utf8mb4"),
    (640, 671, "ucs2"),
    (672, 703, "utf16"),
    (736, 767, "utf32"),
    // MariaDB's UCA-14.0.0 collations: 2048 + 256 · encoding + 8 · tailoring + flags.
    (2048, 2303, "utf8mb3"),
    (2304, 2559, "utf8mb4"),
    (2560, 2815, "ucs2"),
    (2816, 3071, "utf16"),
    (3072, 3327, "utf32"),
];

/// MariaDB gives the NO PAD variant of collation `n` the id `n + 1024`.
const NO_PAD: std::ops::Range<u32> = 1025..2048;

/// Sets for which quoted text is not safe; see [`Charset::quotable`]. swe7 is here because 0x5C is a letter
/// in it.
const UNQUOTABLE: [&str; 10] =
    ["big5", "cp932", "gb18030", "gbk", "sjis", "swe7", "ucs2", "utf16", "utf16le", "utf32"];

/// Ids of the `_bin` collations (and 63), without MariaDB's NO PAD ones.
const BIN: [u16; 42] = [
    43, 46, 47, 50, 53, 55, 58, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 77, 78, 79, 80,
    81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 93, 96, 98, 249, 309,
];

/// The character set of a collation id; None for an id no known server has.
pub(crate) fn charset_of_collation(id: u32) -> Option<Charset> {
    let base = u16::try_from(base(id)).ok()?;
    let at = RANGES.partition_point(|&(_, last, _)| last < base);
    let &(first, _, name) = RANGES.get(at)?;
    let charset = Charset { name, quotable: !UNQUOTABLE.contains(&name), binary: name == "binary" };
    (base >= first).then_some(charset)
}

/// Whether a collation compares by bytes or code points (`binary` or any `_bin`), so equal means identical.
pub(crate) fn is_binary_collation(id: u32) -> bool {
    u16::try_from(base(id)).is_ok_and(|base| BIN.binary_search(&base).is_ok())
}

fn base(id: u32) -> u32 {
    if NO_PAD.contains(&id) { id - 1024 } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: u32) -> Option<&'static str> {
        charset_of_collation(id).map(|c| c.name)
    }

    #[test]
    fn ranges_ascend() {
        for pair in RANGES.windows(2) {
            assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0, "{pair:?}");
        }
        assert!(BIN.is_sorted());
    }

    #[test]
    fn known_ids() {
        for (id, expected) in [
            (8, "latin1"),
            (28, "gbk"),
            (33, "utf8mb3"),
            (45, "utf8mb4"),
            (63, "binary"),
            (255, "utf8mb4"),
            (248, "gb18030"),
            (309, "utf8mb4"),
            (1070, "utf8mb4"), // utf8mb4_nopad_bin
            (1216, "utf8mb3"), // utf8mb3_unicode_nopad_ci
            (608, "utf8mb4"),  // utf8mb4_croatian_ci
            (2304, "utf8mb4"), // utf8mb4_uca1400_ai_ci
        ] {
            assert_eq!(name(id), Some(expected), "{id}");
        }
        for id in [0, 17, 100, 500, 5000, 65_534, 65_535, 65_536, u32::MAX] {
            assert_eq!(name(id), None, "{id}");
        }
    }

    #[test]
    fn quoting_and_binary() {
        assert!(charset_of_collation(8).is_some_and(|c| c.quotable && !c.binary));
        assert!(charset_of_collation(28).is_some_and(|c| !c.quotable));
        assert!(charset_of_collation(BINARY).is_some_and(|c| c.quotable && c.binary));
        assert!(is_binary_collation(46) && is_binary_collation(63) && is_binary_collation(1070));
        assert!(!is_binary_collation(45) && !is_binary_collation(u32::MAX));
    }
}
