//! Every character set that a server has, with every character that it has, byte for byte: as text, as a key, and to find
//! rows of a table without a key.

use crate::compare::assert_same;
use crate::link::{Link, copy_with_insert};
use crate::servers::{Pair, sql};
use tidegate_sandbox::Flavour::{self, Mariadb, Mysql};

/// Characters in one value.
const RUN: usize = 100;

/// A table with all of Unicode that the sets may have, in runs.
fn seeds(database: &str) -> String {
    let planes = (1..0x1_0000).chain(0x1_f600..0x1_f650).chain(0x2_0000..0x2_0400);
    let all: Vec<char> = planes.filter_map(char::from_u32).collect();
    let values = all.chunks(RUN).enumerate().map(|(at, run)| {
        let hex: String = run.iter().collect::<String>().bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("({at}, x'{hex}')")
    });
    format!(
        "CREATE DATABASE {database}; CREATE TABLE {database}.seed (id INT PRIMARY KEY, v VARCHAR({RUN}) CHARACTER SET utf8mb4);\n\
         INSERT INTO {database}.seed VALUES {};\n",
        values.collect::<Vec<_>>().join(",")
    )
}

fn create(charset: &str) -> String {
    // CHAR is wide enough for a run, but not to need an empty end.
    let columns = |key: &str| {
        format!(
            "k VARCHAR({}) CHARACTER SET {charset} NOT NULL {key}, id INT, c CHAR({RUN}) CHARACTER SET {charset}, \
             t TEXT CHARACTER SET {charset}",
            RUN + 10
        )
    };
    format!(
        "CREATE TABLE {charset} ({});\nCREATE TABLE {charset}_nokey ({});\n",
        columns("PRIMARY KEY"),
        columns("")
    )
}

/// Fills in the runs of which the set has something; the server puts a question mark for what it has not.
fn fill(charset: &str, seeds: &str, odd: bool) -> String {
    let converted = format!("CONVERT(v USING {charset})");
    let rows = format!(
        "SELECT {converted}, id, {converted}, {converted} FROM {seeds}.seed \
         WHERE id % 2 = {} AND REPLACE(CONVERT({converted} USING utf8mb4), '?', '') <> ''",
        u8::from(odd)
    );
    // Some runs are equal to others in the set's collation.
    format!(
        "INSERT IGNORE INTO {charset} {rows};\nINSERT INTO {charset}_nokey {rows} ORDER BY id LIMIT 12;\n"
    )
}

fn change(charset: &str) -> String {
    let mut script = String::new();
    for table in [charset.to_owned(), format!("{charset}_nokey")] {
        script.push_str(&format!(
            "UPDATE {table} SET c = RIGHT(c, 9), t = CONCAT(t, CONVERT('\\\\\\\'' USING {charset}), t) WHERE id % 3 = 0;\n\
             UPDATE IGNORE {table} SET k = CONCAT('Key ', k) WHERE id % 5 = 0;\n\
             UPDATE IGNORE {table} SET k = LOWER(k) WHERE id % 5 = 1;\n\
             DELETE FROM {table} WHERE id % 7 = 0;\n"
        ));
    }
    script
}

fn run(flavour: Flavour) {
    let pair = Pair::new(flavour, flavour);
    let (database, seed) = (format!("charsets_{flavour}"), format!("seeds_{flavour}"));
    let all = "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary'";
    let names = sql(&pair.source, all);
    let names: Vec<&str> = names.lines().collect();
    assert!(names.len() > 30 && names.contains(&"gbk"), "{names:?}");
    let script = |part: &dyn Fn(&str) -> String| {
        format!("USE {database};\n{}", names.iter().map(|name| part(name)).collect::<String>())
    };
    sql(&pair.source, &format!("{}CREATE DATABASE {database};\n", seeds(&seed)));
    sql(&pair.source, &script(&create));
    sql(&pair.source, &script(&|name| fill(name, &seed, false)));
    let link = Link::new(&pair, &format!("charsets-{flavour}"), &[&format!("{database}.*")]);
    link.catch_up();
    assert_same(&pair, &database, "copied");

    sql(&pair.source, &script(&|name| fill(name, &seed, true) + &change(name)));
    link.catch_up();
    assert_same(&pair, &database, "changed");
    copy_with_insert(&pair, &database);
}

#[test]
fn mysql() {
    run(Mysql);
}

#[test]
fn mariadb() {
    run(Mariadb);
}
