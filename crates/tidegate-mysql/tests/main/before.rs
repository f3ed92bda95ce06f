//! What others than a link have written in its target.

use crate::link::Link;
use crate::servers::{Pair, sql};
use tidegate_model::Selection;
use tidegate_model::Written;
use tidegate_mysql::written_by_others;
use tidegate_sandbox::Flavour;

fn ask(link: &Link, include: &str) -> Written {
    let selection = Selection::new(&[include.to_owned()], &[], &[]).expect("patterns");
    let (endpoint, own) = (link.endpoint(), [link.name().clone()]);
    link.wait_for(written_by_others(&endpoint, 7_777, &selection, &own, None)).expect("an answer")
}

/// In a target in which nobody but the link has ever written, there is nothing, and nothing is missing.
fn nobody_else(flavour: Flavour) {
    let pair = Pair::new(flavour, flavour);
    sql(
        &pair.source,
        "CREATE DATABASE alone; CREATE TABLE alone.t (id INT PRIMARY KEY); INSERT INTO alone.t VALUES (1)",
    );
    let link = Link::new(&pair, "alone", &["alone.*"]);
    link.catch_up();
    let written = ask(&link, "alone.*");
    assert!(written.is_whole && written.start.is_none() && written.transactions == 0, "{written:?}");
    sql(
        &pair.target,
        "INSERT INTO alone.t VALUES (2), (3); ALTER TABLE alone.t ADD COLUMN v INT; UPDATE alone.t SET v = 5 WHERE id = 2",
    );
    let written = ask(&link, "alone.*");
    assert!(written.is_whole && written.start.is_some(), "{written:?}");
    let told: Vec<_> = written.changes.iter().map(|one| (one.kind, one.what.as_str())).collect();
    let statement = "ALTER TABLE alone.t ADD COLUMN v INT";
    assert_eq!(told, [("insert", "id=2"), ("insert", "id=3"), ("schema", statement), ("update", "id=2")]);
    assert_eq!(written.keys.expect("not too many").len(), 2);
}

#[test]
fn nobody_else_on_mysql() {
    nobody_else(Flavour::Mysql);
}

#[test]
fn nobody_else_on_mariadb() {
    nobody_else(Flavour::Mariadb);
}
