//! Collation ids of MySQL 5.7–9.x and MariaDB 10.x–11.x to character sets.

/// A character set as literals need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charset {
    /// Lower case.
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
/// MySQL's one collation that neither folds nor pads.
pub(crate) const UTF8MB4_0900_BIN: u32 = 309;

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

/// The character set of a collation id; None for an id no known server has.
pub(crate) fn charset_of_collation(id: u32) -> Option<Charset> {
    let base = u16::try_from(base(id)).ok()?;
    let at = RANGES.partition_point(|&(_, last, _)| last < base);
    let &(first, _, name) = RANGES.get(at)?;
    let charset = Charset { name, quotable: !UNQUOTABLE.contains(&name), binary: name == "binary" };
    (base >= first).then_some(charset)
}

/// The introducer (`_name'…'`) for text of a character set. MySQL warns of some that it wants to drop, and no warning may
/// come from our statements: then another set in which the same bytes are the same text, or bytes that a column of the
/// set takes as they are.
pub(crate) fn introducer(charset: &str) -> &str {
    match charset {
        "utf8mb3" | "utf8" => "utf8mb4",
        "ucs2" => "utf16",
        "dec8" | "hp8" | "macce" | "macroman" => "binary",
        other => other,
    }
}

/// Whether texts of printable ASCII are equal in a collation only if they differ in nothing but case and trailing spaces.
///
/// The exceptions were found by asking MySQL 9.7 and MariaDB 10.11 for the weights of all texts of two printable
/// characters, and of three letters, in every collation: `~` is `y` in the Chinese ones, `i` is `y` in Lithuanian and
/// Latvian, `i` is `j` in Latin, `m` is `n` in macce, `ccs` is `cscs` in Hungarian.
pub(crate) fn has_plain_ascii(id: u32) -> bool {
    const ODD: [u32; 16] = [1, 10, 22, 23, 24, 28, 38, 92, 204, 207, 236, 239, 258, 268, 271, 274];
    // MariaDB's UCA-14.0.0 tailorings for Lithuanian and Latin.
    let is_odd_tailoring = (2048..3328).contains(&id) && matches!(id % 256 / 8, 12 | 15);
    charset_of_collation(id).is_some() && !ODD.contains(&base(id)) && !is_odd_tailoring
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
    fn collations_that_hold_letters_for_equal() {
        // latin1_swedish, utf8mb4_general, 0900_ai_ci, uca1400_ai_ci, sjis, utf8mb3_bin
        for id in [8, 45, 255, 2304, 13, 83] {
            assert!(has_plain_ascii(id), "{id}");
        }
        // gbk, gbk nopad, utf8mb4_lithuanian, uca1400 of Lithuanian and Latin, Hungarian, one that nobody knows
        for id in [28, 1052, 236, 2400, 2431, 274, 5000] {
            assert!(!has_plain_ascii(id), "{id}");
        }
    }

    #[test]
    fn quoting_and_binary() {
        assert!(charset_of_collation(8).is_some_and(|c| c.quotable && !c.binary));
        assert!(charset_of_collation(28).is_some_and(|c| !c.quotable));
        assert!(charset_of_collation(BINARY).is_some_and(|c| c.quotable && c.binary));
    }
}
