//! Nothing panics, and no span is out of place, whatever the text.

use super::*;

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit.max(1)
    }
}

/// Scans under every option there is (in other charsets than UTF-8, some); whatever is found must lie in
/// the text, in order, and be rewritable.
fn try_everything(text: &[u8]) {
    for charset in [Charset::Utf8, Charset::Latin1, Charset::Other, Charset::Sjis, Charset::Gbk] {
        for bits in 0..8_u8 {
            if charset != Charset::Utf8 && !matches!(bits, 1 | 6) {
                continue;
            }
            let options = Options {
                default_database: (bits & 4 == 0).then_some("db0"),
                ansi_quotes: bits & 1 != 0,
                no_backslash_escapes: bits & 2 != 0,
                flavour: if bits & 4 == 0 { Flavour::Mysql } else { Flavour::Mariadb },
                charset,
            };
            match scan(text, &options) {
                Ok(scanned) => check_spans(text, &scanned),
                Err(error) => assert!(error.offset <= text.len() && !error.to_string().is_empty()),
            }
        }
    }
}

fn check_spans(text: &[u8], scanned: &Scanned) {
    let names = scanned.tables.iter().chain(&scanned.object).chain(&scanned.renamed_object);
    for name in names {
        assert!(text.get(name.table_span.clone()).is_some_and(|bytes| !bytes.is_empty()));
        assert!(!name.table.is_empty());
        assert_eq!(name.database.is_some(), name.database_span.is_some());
        if let Some(span) = &name.database_span {
            assert!(!text[span.clone()].is_empty() && span.end < name.table_span.start);
        }
        assert!(name.leading_dot.is_none_or(|dot| text[dot] == b'.' && dot < name.table_span.start));
    }
    let databases = scanned.databases.iter().map(|database| &database.span);
    let spans = [&scanned.definer_span, &scanned.event_status_span, &scanned.start_transaction_span];
    for span in spans.into_iter().flatten().chain(databases) {
        assert!(span.start <= span.end && span.end <= text.len());
        if let Ok(text) = std::str::from_utf8(text)
            && scanned.charset == Charset::Utf8
        {
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        }
    }
    assert!(scanned.body_start.is_none_or(|start| start <= text.len()));
    let mut end = 0;
    for name in &scanned.tables {
        let start = name.database_span.as_ref().unwrap_or(&name.table_span).start;
        assert!(start >= end);
        end = name.table_span.end;
    }
    let everything = |_: &str, _: &str| Some(("x".to_owned(), "y".to_owned()));
    let new = rewrite(text, scanned, &everything, &|_| Some("x".to_owned())).unwrap();
    assert!(new.len() + text.len() < 1 << 20);
}

#[test]
fn random_bytes() {
    let mut random = Random(0x7469_6465);
    for _ in 0..4_000 {
        let length = random.below(64);
        let text: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[7]).collect();
        try_everything(&text);
    }
}

#[test]
fn random_words() {
    const WORDS: [&str; 48] = [
        "CREATE",
        "ALTER",
        "DROP",
        "RENAME",
        "TABLE",
        "TO",
        "`a`",
        "b",
        ".",
        ",",
        "(",
        ")",
        "'x",
        "'y'",
        "/*!50000",
        "*/",
        "/*",
        "--",
        "\n",
        "#",
        "\\",
        "\"q\"",
        "DEFINER",
        "=",
        "@",
        "TRIGGER",
        "ON",
        "FOR EACH ROW",
        "EVENT",
        "DO",
        "REFERENCES",
        "EXCHANGE PARTITION",
        "WITH TABLE",
        "CONVERT PARTITION",
        "SELECT",
        "LIKE",
        "UNION",
        "VIEW",
        "AS",
        "XA START",
        "ONE PHASE",
        "DATABASE",
        "IF NOT EXISTS",
        "SET STATEMENT",
        "FOR",
        "WAIT",
        "1",
        "/*M!",
    ];
    let mut random = Random(0x6761_7465);
    for _ in 0..4_000 {
        let mut text = String::new();
        for _ in 0..random.below(24) {
            text.push_str(WORDS[random.below(WORDS.len())]);
            text.push_str(if random.below(4) == 0 { "" } else { " " });
        }
        try_everything(text.as_bytes());
    }
}

#[test]
fn every_truncation() {
    for (_, statement) in corpus() {
        for end in 0..statement.len() {
            try_everything(&statement.as_bytes()[..end]);
        }
    }
}

#[test]
fn random_mutations() {
    let mut random = Random(0x6464_6c21);
    for _ in 0..60 {
        for (_, statement) in corpus() {
            let mut text = statement.as_bytes().to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(text.len());
                match random.below(4) {
                    0 => text[at] = random.next().to_le_bytes()[7],
                    1 => text[at] = b"'\"`\\/*!-#.,()@ \n"[random.below(16)],
                    2 => drop(text.remove(at)),
                    _ => text.insert(at, b"'\"`\\/*!-#.,()@ \n"[random.below(16)]),
                }
            }
            try_everything(&text);
        }
    }
}

#[test]
fn long_text_takes_linear_time() {
    for unit in ["(", "`a`,", "/*!1 ", "'a' ", ".", "a REFERENCES b,", "RENAME ", "/*"] {
        for verb in ["DROP TABLE x,", "ALTER TABLE x ", "CREATE TABLE x ", "CREATE EVENT e ", "XA START "] {
            let text = format!("{verb}{}", unit.repeat(50_000));
            let _ = scan(text.as_bytes(), &options(Flavour::Mariadb));
        }
    }
}
