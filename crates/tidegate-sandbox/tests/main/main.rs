//! Starts real servers of all kinds; the first run installs them.

mod mongo;

use std::path::Path;
use std::process::{Command, Stdio};

use tidegate_sandbox::{Flavour, Options, Running, Server, scratch};

fn start(flavour: Flavour, label: &str) -> Server {
    let home = scratch(label).expect("a scratch folder");
    Server::start(Options::new(flavour, 7), &home).expect("a running server")
}

fn process_exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn life_of_a_server(flavour: Flavour) {
    let mut server = start(flavour, "life");
    let version = server.sql("SELECT VERSION()").expect("a version");
    assert!(version.starts_with(flavour.release()), "{version}");
    assert!(server.sql("SELECT CURRENT_USER()").expect("a user").starts_with("root@"));
    let settings = "SELECT @@server_id, @@log_bin, @@binlog_format, @@binlog_row_image, \
                    @@binlog_row_metadata, @@sync_binlog, @@local_infile";
    assert_eq!(server.sql(settings).expect("settings"), "7\t1\tROW\tFULL\tFULL\t0\t1");

    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, s VARCHAR(9))").expect("a table");
    server.sql("INSERT INTO d.t VALUES (1, 'é'), (2, NULL)").expect("rows");
    let refused = server.sql("SELECT * FROM d.absent").expect_err("no such table");
    assert!(refused.contains("d.absent"), "{refused}");

    let (port, first_pid) = (server.port(), server.pid());
    server.restart(&["--max-connections=17"]).expect("a restart");
    assert_eq!(server.port(), port);
    assert!(!process_exists(first_pid));
    assert_eq!(server.sql("SELECT @@max_connections; SELECT * FROM d.t").expect("rows"), "17\n1\té\n2\tNULL");

    server.kill();
    assert!(!server.is_running());
    server.restart(&[]).expect("recovery after a crash");
    assert_eq!(server.sql("SELECT COUNT(*) FROM d.t").expect("a count"), "2");
    assert!(server.cpu_seconds() > 0.0);

    let pid = server.pid();
    server.stop();
    assert!(!process_exists(pid));
    server.restart(&[]).expect("a start after a stop");
    let (pid, home) = (server.pid(), server.home().to_path_buf());
    drop(server);
    assert!(!process_exists(pid));
    assert!(!home.exists());
}

#[test]
fn a_mysql_server_lives_restarts_and_ends() {
    life_of_a_server(Flavour::Mysql);
}

#[test]
fn a_mariadb_server_lives_restarts_and_ends() {
    life_of_a_server(Flavour::Mariadb);
}

#[test]
fn servers_of_one_flavour_differ_in_port_and_identity() {
    let one = start(Flavour::Mysql, "pair");
    let two = start(Flavour::Mysql, "pair");
    assert_ne!(one.port(), two.port());
    let identity = |server: &Server| server.sql("SELECT @@server_uuid").expect("a uuid");
    assert_ne!(identity(&one), identity(&two));
}

#[test]
fn extra_arguments_override_and_bad_ones_are_explained() {
    let home = scratch("arguments").expect("a scratch folder");
    let options = Options::new(Flavour::Mariadb, 3).arg("--server-id=9").durable(true);
    let server = Server::start(options, &home).expect("a running server");
    assert_eq!(server.sql("SELECT @@server_id, @@sync_binlog").expect("settings"), "9\t1");
    let again = Server::start(Options::new(Flavour::Mariadb, 3), &home).expect_err("the folder is in use");
    assert!(again.contains("not empty"), "{again}");
    for flavour in Flavour::ALL {
        let home = scratch("refused").expect("a scratch folder");
        let options = Options::new(flavour, 3).arg("--no-such-setting=1");
        let refused = Server::start(options, &home).expect_err("a server that cannot start");
        assert!(refused.contains("no-such-setting"), "{refused}");
        std::fs::remove_dir_all(home).expect("the folder of the failed start");
    }
}

#[test]
fn a_detached_server_is_found_again_and_removed() {
    let home = scratch("detached").expect("a scratch folder");
    let started = Running::start(Options::new(Flavour::Mariadb, 4), &home).expect("a running server");
    let found = Running::find(&home).expect("a readable record").expect("a record");
    assert_eq!(found.pid, started.pid);
    assert!(found.is_alive());
    assert_eq!(found.sql("SELECT 1").expect("an answer"), "1");
    found.remove().expect("removal");
    assert!(!found.is_alive());
    assert!(!home.exists());
}

#[test]
fn client_programs_and_sysbench_run() {
    let server = start(Flavour::Mysql, "programs");
    server.sql("CREATE DATABASE d").expect("a database");
    for flavour in Flavour::ALL {
        for tool in ["mysql", "mysqldump", "mysqlbinlog"] {
            let mut command = tidegate_sandbox::client(flavour, tool).expect("a client program");
            let status = command.arg("--version").stdout(Stdio::null()).status().expect("a status");
            assert!(status.success(), "{flavour} {tool}");
        }
    }
    for action in ["prepare", "run"] {
        let port = format!("--mysql-port={}", server.port());
        let mut command = tidegate_sandbox::sysbench().expect("sysbench");
        command.args(["--mysql-host=127.0.0.1", "--mysql-user=root", "--mysql-db=d", "--tables=1"]);
        command.args(["--table-size=10", "--events=5", "oltp_read_write", action]).arg(port);
        let output = command.output().expect("sysbench's output");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(server.sql("SELECT COUNT(*) FROM d.sbtest1").expect("a count"), "10");
}

/// Run by the next test in a process of its own, which it then kills.
#[test]
fn tethered_child() {
    let Some(report) = std::env::var_os("TIDEGATE_SANDBOX_TEST_REPORT") else { return };
    let server = start(Flavour::Mariadb, "tethered");
    std::fs::write(report, server.pid().to_string()).expect("a report");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_server_ends_with_a_killed_test_process() {
    let report = scratch("report").expect("a scratch folder");
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["--exact", "tethered_child"])
        .env("TIDEGATE_SANDBOX_TEST_REPORT", &report)
        .stdout(Stdio::null())
        .spawn()
        .expect("a second test process");
    let started = std::time::Instant::now();
    let pid = loop {
        let text = std::fs::read_to_string(&report).unwrap_or_default();
        if let Ok(pid) = text.parse::<u32>() {
            break pid;
        }
        assert!(started.elapsed().as_secs() < 300, "the second process started no server");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    };
    assert!(process_exists(pid));
    child.kill().expect("the second process is killed");
    child.wait().expect("its end");
    let killed = std::time::Instant::now();
    while process_exists(pid) {
        assert!(killed.elapsed().as_secs() < 30, "the server outlived its process");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    let _ = std::fs::remove_file(report);
}
