//! The recorded statements: what is found in each, written down by hand.

mod extra;
mod hostile;
mod rewriting;

use super::*;

/// Statements as servers accept and log them, separated by lines `@@`.
pub(super) const MYSQL: &str = include_str!("../../../testdata/ddl/mysql.sql");
pub(super) const MARIADB: &str = include_str!("../../../testdata/ddl/mariadb.sql");

/// All recorded statements with their flavour.
pub(super) fn corpus() -> Vec<(Flavour, &'static str)> {
    let split = |flavour, text: &'static str| {
        text.split("\n@@\n").map(move |statement| (flavour, statement.trim_end_matches('\n')))
    };
    split(Flavour::Mysql, MYSQL).chain(split(Flavour::Mariadb, MARIADB)).collect()
}

pub(super) fn options(flavour: Flavour) -> Options<'static> {
    Options::new(flavour, Some("db0"))
}

/// Scans with the default options of MySQL.
pub(super) fn read(statement: &str) -> Scanned {
    match scan(statement.as_bytes(), &options(Flavour::Mysql)) {
        Ok(scanned) => scanned,
        Err(error) => panic!("{error}: {statement}"),
    }
}

/// What was found as one line: the kind, then names with a letter for the role (T target, N new name, L
/// like, F foreign key, X exchange, + convert to, - convert from, U union), `db` for databases and `o` for
/// the object. Fails unless every span holds exactly the name it is said to hold.
pub(super) fn describe(statement: &str, scanned: &Scanned) -> String {
    let mut line = match &scanned.kind {
        Kind::CreateTable { temporary, like, as_select } => {
            let flag = |on: bool, word: &'static str| if on { word } else { "" };
            let words = [flag(*temporary, " temporary"), flag(*like, " like"), flag(*as_select, " select")];
            format!("CreateTable{}", words.concat())
        }
        Kind::DropTable { temporary } => format!("DropTable{}", if *temporary { " temporary" } else { "" }),
        kind => format!("{kind:?}"),
    };
    let letter = |role| match role {
        Role::Target => 'T',
        Role::RenameTo => 'N',
        Role::Like => 'L',
        Role::Reference => 'F',
        Role::Exchange => 'X',
        Role::ConvertTo => '+',
        Role::ConvertFrom => '-',
        Role::Union => 'U',
    };
    for name in &scanned.tables {
        line.push_str(&format!(" {}:{}", letter(name.role), spelled(statement, name)));
    }
    for database in &scanned.databases {
        line.push_str(&format!(" db:{}", database.name));
        if !database.span.is_empty() {
            check(statement, &database.span, &database.name);
        }
    }
    for object in scanned.object.iter().chain(&scanned.renamed_object) {
        line.push_str(&format!(" o:{}", spelled(statement, object)));
    }
    let flags = [(scanned.moves_rows, " moves"), (scanned.truncates_partition, " truncates")];
    line.extend(flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word));
    line
}

fn spelled(statement: &str, name: &Name) -> String {
    check(statement, &name.table_span, &name.table);
    if let Some(dot) = name.leading_dot {
        assert_eq!(&statement[dot..=dot], ".");
    }
    match (&name.database, &name.database_span) {
        (Some(database), Some(span)) => {
            check(statement, span, database);
            format!("{database}.{}", name.table)
        }
        (None, None) => name.table.clone(),
        other => panic!("database without span or the other way round: {other:?}"),
    }
}

fn check(statement: &str, span: &Range<usize>, name: &str) {
    let text = &statement[span.clone()];
    assert!(
        text == name
            || text == names::quote_identifier(name)
            || text == format!("\"{}\"", name.replace('"', "\"\"")),
        "span {span:?} holds {text}, not {name}: {statement}"
    );
}

const EXPECTED_MYSQL: [&str; 38] = [
    "CreateTable T:order",
    "CreateTable T:pt",
    "CreateTable T:pl",
    "CreateTable T:t_ctas",
    "CreateTable like T:db2.t2 L:db1.t1",
    "CreateTable T:t5",
    "CreateTable temporary T:tmp1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "RenameTable T:db1.a N:db1.b T:c N:db2.d",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1 X:t2 moves",
    "AlterTable T:t1 truncates",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1 F:db2.t2",
    "AlterTable T:t1",
    "CreateIndex T:db1.t1 o:i1",
    "DropIndex T:db1.t1 o:i1",
    "DropTable T:a T:db2.b",
    "TruncateTable T:db1.t1",
    "CreateDatabase db:db3",
    "AlterDatabase db:db3",
    "CreateView T:v o:v",
    "CreateTrigger T:t1 o:trg",
    "CreateRoutine o:p1",
    "CreateRoutine o:f1",
    "CreateEvent o:ev",
    "AlterTable T:t1 moves",
    "AlterTable T:t1",
    "CreateTable T:t7 F:t2",
];

const EXPECTED_MARIADB: [&str; 9] = [
    "CreateTable T:t1",
    "AlterTable T:t1",
    "AlterTable T:t1",
    "CreateTable T:pp",
    "CreateSequence T:sq",
    "RenameTable T:a N:b",
    "AlterTable T:t1 +:t9",
    "CreateTable T:t_v",
    "DropTable T:t1",
];

#[test]
fn reads_every_recorded_statement() {
    let corpus = corpus();
    assert_eq!(corpus.len(), 47);
    let expected = EXPECTED_MYSQL.iter().chain(&EXPECTED_MARIADB);
    for ((flavour, statement), expected) in corpus.iter().zip(expected) {
        let scanned = scan(statement.as_bytes(), &options(*flavour)).unwrap();
        assert_eq!(describe(statement, &scanned), *expected, "{statement}");
    }
}

#[test]
fn finds_the_parts_of_recorded_statements() {
    let find =
        |part: &str| corpus().into_iter().map(|(_, text)| text).find(|text| text.contains(part)).unwrap();
    let text = find("trg0");
    let scanned = read(text);
    assert_eq!(&text[scanned.definer_span.unwrap()], "DEFINER=`root`@`localhost`");
    assert!(text[scanned.body_start.unwrap()..].starts_with("BEGIN IF NEW.a IS NULL"));
    let text = find("`p1`");
    assert_eq!(&text[read(text).definer_span.unwrap()], "DEFINER=`root`@`%`");
    let text = find("EVENT ev");
    let scanned = read(text);
    assert_eq!(&text[scanned.event_status_span.unwrap()], "DISABLE ON SLAVE");
    assert_eq!(&text[scanned.body_start.unwrap()..], "DELETE FROM t1 WHERE a < 5");
    let text = find("VIEW");
    let scanned = read(text);
    assert_eq!(&text[scanned.definer_span.unwrap()], "DEFINER=`u`@`%`");
    assert!(text[scanned.body_start.unwrap()..].starts_with("select `t`.`a` AS"));
    let text = find("t_ctas");
    assert_eq!(&text[read(text).start_transaction_span.unwrap()], "START TRANSACTION");
}
