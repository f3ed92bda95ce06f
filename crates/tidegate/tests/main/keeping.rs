//! A server's settings and its folder: what holds, copies, keys, lost passwords. No database is there.

use crate::program::{CANARY, Ended, NOWHERE, Scratch, tidegate};
use crate::service::Service;

const FOLDER: &str = ".local/state/tidegate/server";

#[test]
fn settings_are_shown_as_they_hold() {
    let home = Scratch::new("settings");
    let file = home.0.join("tidegate.toml");
    std::fs::write(&file, "listen = '127.0.0.1:1'\n[network]\nallow = ['loopback']\n").expect("a file");
    let run = |args: &[&str], listen: Option<&str>| {
        let mut command = tidegate(&home);
        command.args(["config", "check"]).args(args).envs(listen.map(|value| ("TIDEGATE_LISTEN", value)));
        Ended::of(command.output().expect("an end"))
    };
    let file = file.display().to_string();
    for (args, listen, port) in [
        (&[][..], None, 7370),
        (&["--config", &file], None, 1),
        (&["--config", &file], Some("127.0.0.1:2"), 2),
        (&["--config", &file, "--listen", "127.0.0.1:3"], Some("127.0.0.1:2"), 3),
    ] {
        let ended = run(args, listen);
        assert!(ended.out.contains(&format!("listen = \"127.0.0.1:{port}\"")), "{args:?}: {ended}");
    }
    std::fs::write(&file, "[network]\nallow = ['home']\n").expect("a file");
    run(&["--config", &file], None).fault("TG-1007").says("network.allow: 'home'").advises("loopback");
    std::fs::write(&file, "[limits]\ncolour = 1\n").expect("a file");
    run(&["--config", &file], None).fault("TG-1007").says("line 2").says("colour");
}

#[test]
fn a_store_is_copied_and_sealed_anew() {
    let mut service = Service::start("keeping");
    let url = NOWHERE;
    service.does(&["create", "kept", "--source", url, "--target", "mysql://other@127.0.0.1:1/"]);
    let copy = service.home.0.join("copy.sqlite");
    let place = copy.display().to_string();
    let copied = service.runs(&["store", "backup", &place]);
    assert_eq!(copied.code, Some(0), "{copied}");
    service.runs(&["store", "backup", &place]).fault("TG-1007").advises("not there");
    let bytes = std::fs::read(&copy).expect("a copy");
    assert!(bytes.windows(4).any(|part| part == b"kept"));
    assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()));
    service.runs(&["store", "rotate-key"]).fault("TG-5004").says("another server uses");
    service.child.kill().expect("a kill");
    service.child.wait().expect("an end");
    let folder = service.home.0.join(FOLDER);
    let key = folder.join("key");
    let before = std::fs::read(&key).expect("a key");
    let sealed = service.runs(&["store", "rotate-key"]);
    assert!(sealed.code == Some(0) && sealed.out.contains("2 passwords"), "{sealed}");
    let after = std::fs::read(&key).expect("a key");
    assert_ne!(before, after);
    service.start_again(None);
    assert!(opens(&service), "with the new key");
    // As if it had been killed before the new key was put into its place.
    service.child.kill().expect("a kill");
    std::fs::write(&key, &before).expect("the old key");
    std::fs::copy(folder.join("lock"), folder.join("key.next")).expect("a file of the right rights");
    std::fs::write(folder.join("key.next"), &after).expect("the new key");
    set_mode(&folder.join("key.next"));
    service.start_again(None);
    assert!(opens(&service), "with the key that was to come");
    service.child.kill().expect("a kill");
    service.child.wait().expect("an end");
    std::fs::write(&key, &before).expect("a wrong key");
    let server = service.runs(&["server", "--listen", "127.0.0.1:0"]);
    server.fault("TG-7010").says("does not open").advises("put the key back");
    std::fs::write(&key, &after).expect("the key");
    let reset = service.runs(&["store", "reset-password"]);
    let password = reset.out.trim().rsplit(' ').next().expect("a password").to_owned();
    service.runs(&["store", "reset-password", "nobody"]).fault("TG-1007").says("no account 'nobody'");
    service.password = password;
    service.start_again(None);
    assert_eq!(service.gets(&["list"])["total"], 1);
}

fn set_mode(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("rights");
}

/// Both stored passwords are opened for a precheck, which then finds nobody there.
fn opens(service: &Service) -> bool {
    service.does(&["precheck", "kept"]);
    service.ask(&["wait", "kept", "--for", "precheckpassed"]).fault("TG-7003");
    let shown = service.does(&["show", "kept"]);
    shown.contains("TG-7012") && shown.contains("127.0.0.1:1") && !shown.contains("does not open")
}

/// The service knocks at no door that its settings do not name.
#[test]
fn only_some_addresses_are_connected_to() {
    let service = Service::start("doors");
    for (name, url) in [("metadata", "mysql://u@169.254.169.254/"), ("public", "mysql://u@192.0.2.1:3306/")] {
        service.does(&["create", name, "--source", url, "--target", NOWHERE]);
        service.does(&["precheck", name]);
        let refused = service.ask(&["wait", name, "--for", "precheckpassed"]).fault("TG-7003");
        refused.says("may not be connected to");
    }
}
