//! Transactions and schema changes: the cases in `tests/cases`, each a folder with `source.sql`, which is run before the
//! link begins, and `traffic.sql`. Each is run twice: with its traffic while the link is down, and while it streams. A
//! case whose name begins with a flavour is for that flavour alone.
//!
//! `{database}` stands for the case's own database; others that it makes must begin with this name.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::{Pair, sql};
use std::path::Path;
use tidegate_sandbox::Flavour::{self, Mariadb, Mysql};
use tidegate_sandbox::Server;

struct Case {
    name: String,
    source: String,
    traffic: String,
}

/// The cases for a flavour; `TIDEGATE_CASE` names the only one that is wanted.
fn cases(flavour: Flavour) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(&folder).expect("the folder of cases");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a case").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    let other = if flavour == Mysql { "mariadb_" } else { "mysql_" };
    let only = std::env::var("TIDEGATE_CASE").ok();
    names.retain(|name| !name.starts_with(other) && only.as_ref().is_none_or(|only| only == name));
    let read = |name: &str, file: &str| {
        let path = folder.join(name).join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    };
    let cases = names.into_iter();
    cases
        .map(|name| Case { source: read(&name, "source.sql"), traffic: read(&name, "traffic.sql"), name })
        .collect()
}

impl Case {
    fn database(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.name)
    }

    fn run(&self, server: &Server, prefix: &str, script: &str) {
        let database = self.database(prefix);
        sql(server, &format!("USE {database};\n{}", script.replace("{database}", &database)));
    }

    fn begin(&self, server: &Server, prefix: &str) {
        sql(server, &format!("CREATE DATABASE {} CHARACTER SET utf8mb4", self.database(prefix)));
        self.run(server, prefix, &self.source);
    }
}

fn run(flavour: Flavour) {
    let pair = Pair::new(flavour, flavour);
    let cases = cases(flavour);
    assert!(!cases.is_empty());
    let (down, live) = (format!("down_{flavour}"), format!("live_{flavour}"));
    cases.iter().for_each(|case| case.begin(&pair.source, &down));
    let link = Link::new(&pair, &format!("cases-down-{flavour}"), &[&format!("{down}_*.*")]);
    link.catch_up();
    cases.iter().for_each(|case| case.run(&pair.source, &down, &case.traffic));
    link.catch_up();
    assert_same(&pair, &format!("{down}%"), "changed while the link was down");

    cases.iter().for_each(|case| case.begin(&pair.source, &live));
    let link = Link::new(&pair, &format!("cases-live-{flavour}"), &[&format!("{live}_*.*")]);
    let mut running = link.stream();
    running.wait();
    cases.iter().for_each(|case| case.run(&pair.source, &live, &case.traffic));
    running.wait();
    assert_same(&pair, &format!("{live}%"), "changed while the link streamed");
    running.finish();
}

#[test]
fn mysql() {
    run(Mysql);
}

#[test]
fn mariadb() {
    run(Mariadb);
}
