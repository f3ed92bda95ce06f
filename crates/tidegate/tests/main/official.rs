//! What the command line has for the official API: an address, keys, tags.

use crate::service::Service;
use serde_json::Value;

#[test]
fn keys_and_tags_are_managed() {
    let service = Service::start("official");
    let json = |args: &[&str]| -> Value {
        let ended = service.runs(&[args, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "{ended}");
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended}"))
    };
    let made = json(&["account", "access-key", "create"]);
    let id = made["id"].as_str().expect("an id");
    assert!(made["secret"].as_str().is_some_and(|secret| secret.len() >= 30));
    let listed = json(&["account", "access-key", "list"]);
    assert_eq!((&listed[0]["id"], &listed[0]["account"]), (&made["id"], &"admin".into()));
    assert_eq!(listed[0].get("secret"), None, "it is shown once");
    json(&["account", "access-key", "remove", id]);
    assert_eq!(json(&["account", "access-key", "list"]), serde_json::json!([]));
    let again = service.runs(&["account", "access-key", "remove", id]);
    assert!(again.code == Some(1) && again.err.contains("no access key"), "{again}");

    let nowhere = "mysql://u@127.0.0.1:1/";
    json(&["instance", "create", "tagged", "--source", nowhere, "--target", nowhere, "--include", "a.*"]);
    let tagged = json(&["instance", "tag", "tagged", "team=blue", "note=a=b"]);
    assert_eq!(tagged["tags"], serde_json::json!({ "team": "blue", "note": "a=b" }));
    let tagged = json(&["instance", "tag", "tagged", "stage=test", "--remove", "team"]);
    assert_eq!(tagged["tags"], serde_json::json!({ "note": "a=b", "stage": "test" }));
    let bad = service.runs(&["instance", "tag", "tagged", "team"]);
    assert!(bad.code == Some(2) && bad.err.contains("KEY=VALUE"), "{bad}");
}
