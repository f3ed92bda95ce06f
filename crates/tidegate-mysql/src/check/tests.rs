//! Against real servers.

use super::*;
use crate::connect::question_setup;
use std::sync::OnceLock;
use tidegate_model::Selection;
use tidegate_sandbox::{Flavour, Options, Server as Sandbox, scratch};
use tokio::sync::{Mutex, MutexGuard};

/// One server of each family; settings are global, so one test at a time.
async fn sandbox(flavour: Flavour) -> MutexGuard<'static, Sandbox> {
    static MYSQL: OnceLock<Mutex<Sandbox>> = OnceLock::new();
    static MARIADB: OnceLock<Mutex<Sandbox>> = OnceLock::new();
    let cell = match flavour {
        Flavour::Mysql => &MYSQL,
        Flavour::Mariadb => &MARIADB,
    };
    let start = || {
        let options = Options::new(flavour, 21).arg("--binlog-ignore-db=unlogged");
        Mutex::new(Sandbox::start(options, &scratch("check").expect("a folder")).expect("a server"))
    };
    cell.get_or_init(start).lock().await
}

struct Session {
    conn: Conn,
    server: Server,
    endpoint: Endpoint,
}

impl Session {
    async fn open(port: u16, user: &str) -> Self {
        let endpoint = Endpoint::from_url(&format!("mysql://{user}:pw@127.0.0.1:{port}/")).expect("a URL");
        let endpoint = Endpoint { password: endpoint.password.filter(|_| user != "root"), ..endpoint };
        let mut conn = endpoint.connect(&question_setup()).await.expect("a connection");
        let server = Server::of(&mut conn).await.expect("a version");
        Self { conn, server, endpoint }
    }

    async fn source(&mut self, include: &[&str]) -> Result<()> {
        let selection = selection(include);
        check_source(&mut self.conn, self.server, &self.endpoint, Some(&selection)).await
    }

    async fn target(&mut self) -> Result<()> {
        check_target(&mut self.conn, self.server, &self.endpoint, &Selection::default()).await
    }
}

fn selection(include: &[&str]) -> Selection {
    let include: Vec<String> = include.iter().map(|text| (*text).to_owned()).collect();
    Selection::new(&include, &[], &[]).expect("a selection")
}

/// The code, and whether the message and the remedy hold the texts.
fn refused(result: Result<()>, code: Code, message: &str, remedy: &str) {
    let error = result.expect_err(message);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(message), "{error}");
    assert!(error.remedy().contains(remedy), "{}", error.remedy());
}

async fn settings(flavour: Flavour) {
    let sandbox = sandbox(flavour).await;
    let mut root = Session::open(sandbox.port(), "root").await;
    root.source(&["none.*"]).await.expect("a good source");
    root.target().await.expect("a good target");
    for (setting, undo, code, remedy) in [
        (
            "binlog_format = 'MIXED'",
            "binlog_format = 'ROW'",
            Code::LogFormat,
            "SET GLOBAL binlog_format='ROW'",
        ),
        (
            "binlog_row_image = 'MINIMAL'",
            "binlog_row_image = 'FULL'",
            Code::RowImage,
            "SET GLOBAL binlog_row_image='FULL'",
        ),
    ] {
        sandbox.sql(&format!("SET GLOBAL {setting}")).expect("a setting");
        let name = setting.split(' ').next().expect("a name");
        refused(root.source(&["none.*"]).await, code, &format!("has {name}="), remedy);
        sandbox.sql(&format!("SET GLOBAL {undo}")).expect("a setting");
    }
    if flavour == Flavour::Mysql {
        sandbox.sql("SET GLOBAL super_read_only = 1").expect("a setting");
        refused(
            root.target().await,
            Code::TargetReadOnly,
            "super_read_only",
            "SET GLOBAL super_read_only = 0",
        );
        sandbox.sql("SET GLOBAL super_read_only = 0").expect("a setting");
    }
    sandbox.sql("SET GLOBAL read_only = 1").expect("a setting");
    refused(root.target().await, Code::TargetReadOnly, "read_only", "SET GLOBAL read_only = 0");
    sandbox.sql("SET GLOBAL read_only = 0; CREATE DATABASE unlogged").expect("a setting");
    let result = root.source(&["unlogged.*"]).await;
    refused(
        result,
        Code::LogOff,
        "does not log database unlogged (binlog_ignore_db)",
        "--exclude 'unlogged.*'",
    );
    root.source(&["logged.*"]).await.expect("a good source");
    sandbox.sql("DROP DATABASE unlogged").expect("a database");
    assert!(can_load_local(&mut root.conn).await.expect("an answer"));
    sandbox.sql("SET GLOBAL local_infile = 0").expect("a setting");
    assert!(!can_load_local(&mut root.conn).await.expect("an answer"));
    sandbox.sql("SET GLOBAL local_infile = 1").expect("a setting");
}

#[tokio::test]
async fn settings_of_mysql() {
    settings(Flavour::Mysql).await;
}

#[tokio::test]
async fn settings_of_mariadb() {
    settings(Flavour::Mariadb).await;
}

/// The remedy is carried out word by word; then the check passes.
async fn rights(flavour: Flavour) {
    let sandbox = sandbox(flavour).await;
    sandbox
        .sql(
            "CREATE DATABASE sh_op; CREATE TABLE sh_op.a (id int PRIMARY KEY); CREATE TABLE sh_op.nokey (a int); \
             CREATE DATABASE crm; CREATE TABLE crm.t (id int PRIMARY KEY); \
             CREATE USER low@'127.0.0.1' IDENTIFIED BY 'pw'; CREATE USER low@localhost IDENTIFIED BY 'pw'; \
             GRANT SELECT ON sh_op.* TO low@'127.0.0.1'; GRANT SELECT ON sh_op.* TO low@localhost; \
             GRANT SELECT ON crm.t TO low@'127.0.0.1'; GRANT SELECT ON crm.t TO low@localhost",
        )
        .expect("an account");
    let mut low = Session::open(sandbox.port(), "low").await;
    let error = low.source(&["sh_op.*", "crm.t"]).await.expect_err("rights");
    println!("{error}\n{}", error.remedy());
    assert_eq!(error.code(), Code::MissingGrant);
    let status = if flavour == Flavour::Mysql { "REPLICATION CLIENT" } else { "BINLOG MONITOR" };
    for text in [
        status,
        "REPLICATION SLAVE",
        "SHOW VIEW, TRIGGER, EVENT, LOCK TABLES on `sh_op`.*",
        "TRIGGER on `crm`.`t`",
    ] {
        assert!(error.message().contains(text), "{text}: {error}");
    }
    assert!(!error.message().contains("pw"));
    sandbox.sql(error.remedy()).expect("a remedy that works");
    let mut low = Session::open(sandbox.port(), "low").await;
    low.source(&["sh_op.*", "crm.t"]).await.expect("enough rights");
    let everything = low.source(&[]).await;
    refused(everything, Code::MissingGrant, "SELECT, SHOW VIEW, TRIGGER, EVENT on *.*", "GRANT SELECT");
    let error = low.target().await.expect_err("rights");
    println!("{error}\n{}", error.remedy());
    assert!(error.message().contains("ALTER, DROP, INDEX on `tidegate`.*"), "{error}");
    sandbox.sql(error.remedy()).expect("a remedy that works");
    let mut low = Session::open(sandbox.port(), "low").await;
    low.target().await.expect("enough rights");
    let databases = ["sh_op".to_owned()];
    let error = check_databases(&mut low.conn, low.server, &databases).await.expect_err("rights");
    assert!(error.message().contains("CREATE ROUTINE, ALTER ROUTINE on `sh_op`.*"), "{error}");
    sandbox.sql(error.remedy()).expect("a remedy that works");
    let mut low = Session::open(sandbox.port(), "low").await;
    check_databases(&mut low.conn, low.server, &databases).await.expect("enough rights");
}

#[tokio::test]
async fn rights_on_mysql() {
    rights(Flavour::Mysql).await;
}

#[tokio::test]
async fn rights_on_mariadb() {
    rights(Flavour::Mariadb).await;
}

#[tokio::test]
async fn rights_by_roles_count() {
    for flavour in Flavour::ALL {
        let sandbox = sandbox(flavour).await;
        let roles =
            if flavour == Flavour::Mysql { "SET DEFAULT ROLE ALL TO" } else { "SET DEFAULT ROLE helper FOR" };
        sandbox
            .sql(
                "CREATE ROLE helper; GRANT ALL PRIVILEGES ON *.* TO helper; CREATE USER ro@'127.0.0.1' IDENTIFIED BY 'pw'; \
                 CREATE USER ro@localhost IDENTIFIED BY 'pw'; GRANT helper TO ro@'127.0.0.1'; GRANT helper TO ro@localhost"
            )
            .expect("an account");
        let mut ro = Session::open(sandbox.port(), "ro").await;
        assert_eq!(ro.source(&[]).await.expect_err("no active role").code(), Code::MissingGrant);
        sandbox.sql(&format!("{roles} ro@'127.0.0.1'; {roles} ro@localhost")).expect("a role");
        let mut ro = Session::open(sandbox.port(), "ro").await;
        ro.source(&[]).await.expect("rights by a role");
        ro.target().await.expect("rights by a role");
    }
}

#[tokio::test]
async fn servers_without_a_log_are_refused() {
    for flavour in Flavour::ALL {
        let mut sandbox = sandbox(flavour).await;
        let before =
            server_identity(&mut Session::open(sandbox.port(), "root").await.conn, version(&sandbox).await)
                .await;
        let before = before.expect("an identity");
        assert!(!before.is_empty());
        sandbox.restart(&["--skip-log-bin"]).expect("a restart");
        let mut root = Session::open(sandbox.port(), "root").await;
        refused(root.source(&[]).await, Code::LogOff, "runs without a binary log", "--log-bin");
        assert_eq!(server_identity(&mut root.conn, root.server).await.expect("an identity"), before);
        sandbox.restart(&[]).expect("a restart");
    }
    let (one, other) = (identity(Flavour::Mysql).await, identity(Flavour::Mariadb).await);
    assert_ne!(one, other);
}

async fn version(sandbox: &Sandbox) -> Server {
    Session::open(sandbox.port(), "root").await.server
}

async fn identity(flavour: Flavour) -> String {
    let port = sandbox(flavour).await.port();
    let mut root = Session::open(port, "root").await;
    server_identity(&mut root.conn, root.server).await.expect("an identity")
}

#[test]
fn old_versions_are_refused() {
    let endpoint = Endpoint::from_url("mysql://u@h/").expect("a URL");
    for (mariadb, version, good) in [
        (false, (5, 6, 51), false),
        (false, (5, 7, 1), true),
        (false, (9, 7, 0), true),
        (true, (10, 4, 30), false),
        (true, (10, 5, 0), true),
        (true, (11, 4, 2), true),
    ] {
        let checked = check_version(Server { mariadb, version }, &endpoint);
        assert_eq!(checked.is_ok(), good, "{version:?}");
        if let Err(error) = checked {
            assert_eq!(error.code(), Code::UnsupportedServer);
        }
    }
}
