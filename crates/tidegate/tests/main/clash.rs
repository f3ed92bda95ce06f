//! Both sides of a pair have written to one row: seen before, met, shown, and settled.

use crate::failback::{a_pair, are_level, refused, runs};
use crate::servers::{Pair, sql};
use crate::service::Service;
use serde_json::Value;
use tidegate_sandbox::Flavour;

fn json(service: &Service, args: &[&str]) -> Value {
    serde_json::from_str(&runs(service, &[args, &["--json"]].concat())).expect("JSON")
}

#[test]
fn a_row_that_both_sides_have_changed() {
    let pair = Pair::start(Flavour::Mysql);
    let service = Service::start("clash");
    a_pair(&pair, &service);
    assert!(runs(&service, &["conflicts", "list", "home"]).contains("no conflict is open"));
    // Nobody but a person keeps the applications out, and they write on both sides.
    runs(&service, &["switchover", "home", "--fence", "declared"]);
    sql(&pair.source(), "UPDATE home.t SET v = 'left behind' WHERE id = 1");
    service.does(&["pause", "home-reverse"]);
    service.does(&["wait", "home-reverse", "--for", "Paused"]);
    sql(
        &pair.target(),
        "UPDATE home.t SET v = 'in use' WHERE id = 1; INSERT INTO home.t (id, v) VALUES (3000, 'new')",
    );

    let preview = json(&service, &["reverse", "preview", "home"]);
    assert_eq!(
        preview["on_both_sides"],
        serde_json::json!([{ "table": "home.t", "key": "id=1" }]),
        "{preview}"
    );
    assert_eq!(preview["estimated_seconds"], 1);
    let told = runs(&service, &["reverse", "preview", "home", "--rows"]);
    assert!(told.contains("update  home.t  id=1") && told.contains("insert  home.t  id=3000"), "{told}");

    service.does(&["resume", "home-reverse"]);
    service.does(&["wait", "home-reverse", "--for", "Failed"]);
    let shown = service.gets(&["show", "home-reverse"]);
    assert_eq!(shown["why"]["code"], "TG-4005", "{shown}");
    let detail = shown["why"]["detail"].as_str().expect("a reason");
    assert!(detail.contains("home`.`t") && !detail.contains("left behind"), "no rows in errors: {shown}");
    let list = json(&service, &["conflicts", "list", "home-reverse"]);
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    let (seq, ordinal) = (list[0]["seq"].clone(), list[0]["ordinal"].clone());
    let told = runs(&service, &["conflicts", "list", "home-reverse"]);
    assert!(told.contains("in the target it is   (id=1, v='left behind'"), "{told}");
    assert_eq!(sql(&pair.source(), "SELECT v FROM home.t WHERE id = 1"), "left behind");

    refused(
        service.runs(&["conflicts", "settle", "home-reverse", "--keep", "source", "--one", "1/77"]),
        "conflict: 1/77 is not open",
    );
    let one = format!("{seq}/{ordinal}");
    runs(&service, &["conflicts", "settle", "home-reverse", "--keep", "source", "--one", &one]);
    service.does(&["resume", "home-reverse"]);
    service.does(&["wait", "home-reverse", "--for", "caught-up"]);
    are_level(&pair, &pair.target());
    let settled = json(&service, &["conflicts", "list", "home-reverse", "--settled"]);
    assert!(settled[0]["settled"] == true && settled[0]["decided_by"] == "admin", "{settled}");

    // What was written on the closed side waits, and is a conflict when its turn comes: by now it is the older.
    let back = service.runs(&["failback", "home", "--fence", "declared", "--timeout", "20s"]);
    assert!(back.code == Some(0) || back.err.contains("has taken over, and has stopped since"), "{back}");
    service.does(&["wait", "home", "--for", "Failed"]);
    let policy = json(&service, &["conflicts", "policy", "home", "--rows", "target"]);
    assert_eq!((&policy["rows"], &policy["schema_changes"]), (&"target".into(), &"apply".into()));
    service.does(&["resume", "home"]);
    service.does(&["wait", "home", "--for", "caught-up"]);
    assert_eq!(sql(&pair.target(), "SELECT v FROM home.t WHERE id = 1"), "in use");
    are_level(&pair, &pair.source());
    let audit = runs(&service, &["account", "audit"]);
    assert!(audit.contains("settle conflicts") && audit.contains("keep source of"), "{audit}");
}
