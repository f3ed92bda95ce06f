//! Replica sets of one and of three members.

use std::fs;

use tidegate_sandbox::mongo::{Options, ReplicaSet, RunningSet};
use tidegate_sandbox::scratch;

use crate::process_exists;

fn start(options: Options, label: &str) -> ReplicaSet {
    let home = scratch(label).expect("a scratch folder");
    ReplicaSet::start(options, &home).expect("a running replica set")
}

/// Writes one document with a majority, whatever the primary is, and answers how many there are.
fn write(set: &ReplicaSet) -> String {
    let script = "from pymongo.write_concern import WriteConcern\n\
        items = client.d.get_collection('t', write_concern=WriteConcern('majority'))\n\
        items.insert_one({'s': 'é'})\n\
        print(items.count_documents({}))";
    set.python(script).expect("a document")
}

#[test]
fn a_set_of_one_lives_restarts_and_ends() {
    let set = start(Options::new(1), "mongo-one");
    assert_eq!(set.python("print(client.server_info()['version'])").expect("a version"), "6.0.5");
    let url = format!("mongodb://127.0.0.1:{}/?replicaSet={}", set.ports()[0], set.name());
    assert_eq!(set.url(), url);
    assert_eq!(write(&set), "1");
    set.step_down().expect("it is primary again");
    assert_eq!(write(&set), "2");
    let refused = set.python("client.d.command('no such command')").expect_err("no such command");
    assert!(refused.contains("no such command"), "{refused}");

    let (ports, first_pid) = (set.ports(), set.pids()[0]);
    set.kill(0);
    assert!(!set.is_running(0) && !process_exists(first_pid));
    set.restart(0).expect("recovery after a crash");
    assert_eq!(set.ports(), ports);
    assert_eq!(write(&set), "3");
    assert!(set.cpu_seconds() > 0.0);
    set.stop();
    assert!(!set.is_running(0));
    set.restart(0).expect("a start after a stop");

    let (pid, home) = (set.pids()[0], set.home().to_path_buf());
    drop(set);
    assert!(!process_exists(pid));
    assert!(!home.exists());
}

#[test]
fn a_set_of_three_survives_what_happens_to_one() {
    let set = start(Options::new(3).oplog_mb(64), "mongo-three");
    let first = set.primary().expect("a primary");
    assert_eq!(write(&set), "1");
    set.step_down().expect("another primary");
    let second = set.primary().expect("a primary");
    assert_ne!(first, second);
    assert_eq!(write(&set), "2");
    set.kill(second);
    assert_ne!(set.primary().expect("a primary of the two that are left"), second);
    assert_eq!(write(&set), "3");
    set.restart(second).expect("it comes back");
    let third = set.primary().expect("a primary");
    set.pause(third).expect("it hangs");
    assert_ne!(set.primary().expect("another primary"), third);
    set.resume(third).expect("it goes on");
    assert_eq!(write(&set), "4");
    let pids = set.pids();
    drop(set);
    assert!(!pids.into_iter().any(process_exists));
}

#[test]
fn access_control_asks_for_the_password() {
    let set = start(Options::new(1).auth(true), "mongo-auth");
    assert_eq!(write(&set), "1");
    let password = set.password().expect("a password");
    assert!(set.url().contains("root@") && !set.url().contains(password));
    let stranger = "import os\n\
        stranger = pymongo.MongoClient('mongodb://' + os.environ['MONGO_URL'].split('@')[1].split('&')[0])\n\
        stranger.d.t.insert_one({})";
    let refused = set.python(stranger).expect_err("nobody is known");
    assert!(refused.contains("requires authentication"), "{refused}");
}

#[test]
fn a_set_that_cannot_start_is_explained() {
    let home = scratch("mongo-refused").expect("a scratch folder");
    let refused = ReplicaSet::start(Options::new(1).arg("--no-such-setting"), &home);
    let refused = refused.expect_err("a set that cannot start");
    assert!(refused.contains("no-such-setting"), "{refused}");
    let again = ReplicaSet::start(Options::new(1), &home).expect_err("the folder is in use");
    assert!(again.contains("not empty"), "{again}");
    fs::remove_dir_all(home).expect("the folder of the failed start");
}

#[test]
fn a_detached_set_is_found_again_and_removed() {
    let home = scratch("mongo-detached").expect("a scratch folder");
    let started = RunningSet::start(Options::new(1), &home).expect("a running set");
    let found = RunningSet::find(&home).expect("a readable record").expect("a record");
    assert_eq!(found.pids, started.pids);
    assert!(found.is_alive());
    assert_eq!(found.python("print(1)").expect("an answer"), "1");
    found.remove().expect("removal");
    assert!(!found.is_alive());
    assert!(!home.exists());
}
