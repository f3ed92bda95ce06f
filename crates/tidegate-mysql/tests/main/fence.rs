//! The fence: applications are kept out, also those that had begun before; the link is not.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::sync::Arc;
use tidegate_model::{Code, Fence, FenceWay, InstanceName, Permits, Selection};
use tidegate_mysql::{Endpoint, MysqlFence, MysqlTarget};
use tidegate_sandbox::{Flavour, Options, Server, scratch};
use tokio::runtime::Runtime;

#[test]
fn a_read_only_mysql() {
    keeps_out(Flavour::Mysql, FenceWay::ReadOnly);
}

#[test]
fn a_read_only_mariadb() {
    keeps_out(Flavour::Mariadb, FenceWay::ReadOnly);
}

#[test]
fn triggers_on_mysql() {
    keeps_out(Flavour::Mysql, FenceWay::Triggers);
}

#[test]
fn triggers_on_mariadb() {
    keeps_out(Flavour::Mariadb, FenceWay::Triggers);
}

/// The server is this test's alone: others would be kept out too.
fn start(flavour: Flavour) -> Server {
    let home = scratch("fence").expect("a scratch folder");
    Server::start(Options::new(flavour, 1), &home).expect("a running server")
}

struct Side {
    server: Server,
    fence: MysqlFence,
    target: MysqlTarget,
}

impl Side {
    fn new(flavour: Flavour) -> Self {
        let server = start(flavour);
        server
            .sql(
                "CREATE DATABASE shut; CREATE TABLE shut.t (id INT PRIMARY KEY, v INT); INSERT INTO shut.t VALUES (1, 0); \
                 CREATE TABLE shut.`o'dd` (id INT PRIMARY KEY); \
                 CREATE USER app@'%'; GRANT ALL ON shut.* TO app@'%'; GRANT ALL ON other.* TO app@'%'",
            )
            .expect("tables");
        let endpoint = Endpoint::from_url(&server.url()).expect("an endpoint");
        let name = InstanceName::parse("shutter").expect("a name");
        let selection = Selection::new(&["shut.*".to_owned()], &[], &[]).expect("patterns");
        let fence = MysqlFence::new(endpoint.clone(), name.clone(), selection.clone());
        Self { fence, target: MysqlTarget::new(endpoint, name, selection), server }
    }

    async fn application(&self) -> Conn {
        let opts = Opts::from_url(&self.server.url()).expect("a URL");
        let opts = OptsBuilder::from_opts(opts).user(Some("app")).pass(None::<&str>);
        Conn::new(opts).await.expect("an application's session")
    }

    fn rows(&self) -> String {
        self.server.sql("SELECT COUNT(*), SUM(v) FROM shut.t").expect("a count")
    }

    fn triggers(&self) -> String {
        self.server
            .sql("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shut'")
            .expect("a count")
    }
}

fn keeps_out(flavour: Flavour, way: FenceWay) {
    let side = Side::new(flavour);
    Runtime::new().expect("a runtime").block_on(async {
        let Side { fence, target, .. } = &side;
        assert_eq!(fence.closed().await.unwrap(), None);
        // Open already, and never closed: nothing to do.
        fence.open().await.unwrap();
        fence.admit().await.unwrap();
        offered(fence, way).await;
        let (mut early, mut late) = (side.application().await, side.application().await);
        early.query_drop("BEGIN").await.unwrap();
        if way == FenceWay::ReadOnly {
            early.query_drop("UPDATE shut.t SET v = 1").await.unwrap();
        }
        fence.close(way).await.unwrap();
        fence.close(way).await.unwrap();
        assert_eq!(fence.closed().await.unwrap(), Some(way));
        // Who had begun before does not come to an end.
        if way == FenceWay::Triggers {
            assert!(early.query_drop("UPDATE shut.t SET v = 1").await.is_err());
            early.query_drop("ROLLBACK").await.unwrap();
        } else {
            assert!(early.query_drop("COMMIT").await.is_err());
        }
        for statement in [
            "INSERT INTO shut.t VALUES (2, 1)",
            "UPDATE shut.t SET v = 1",
            "DELETE FROM shut.t",
            "REPLACE INTO shut.t VALUES (1, 1)",
            "INSERT INTO shut.`o'dd` VALUES (1)",
        ] {
            let refused = late.query_drop(statement).await;
            assert!(refused.is_err(), "{statement}");
        }
        assert_eq!(side.rows(), "1\t0");
        // The link gets the right, and writes.
        fence.admit().await.unwrap();
        let held = target.change_permit(None, true).await.unwrap();
        assert!(late.query_drop("UPDATE shut.t SET v = 1").await.is_err());
        assert_eq!(fence.open().await.unwrap_err().code(), Code::NotAllowed);
        // Whoever closes it once more leaves the link in.
        fence.close(way).await.unwrap();
        let held = target.change_permit(Some(held), true).await.unwrap();
        target.change_permit(Some(held), false).await.unwrap();
        fence.open().await.unwrap();
        fence.open().await.unwrap();
        assert_eq!(fence.closed().await.unwrap(), None);
        late.query_drop("INSERT INTO shut.t VALUES (2, 1)").await.unwrap();
        assert_eq!((side.rows().as_str(), side.triggers().as_str()), ("2\t1", "0"));
    });
}

async fn offered(fence: &MysqlFence, way: FenceWay) {
    let offers = fence.offers().await.unwrap();
    let offer = offers.iter().find(|offer| offer.way == way).expect("an offer");
    offer.possible.as_ref().unwrap();
    if way == FenceWay::ReadOnly {
        assert!(offer.warnings.is_empty(), "{:?}", offer.warnings);
    }
}

/// An open transaction that holds a table keeps a trigger from being made: closing fails, and says why.
#[test]
fn who_holds_a_table_is_not_passed_over() {
    let side = Arc::new(Side::new(Flavour::Mysql));
    Runtime::new().expect("a runtime").block_on(async {
        let mut early = side.application().await;
        early.query_drop("BEGIN").await.unwrap();
        early.query_drop("UPDATE shut.t SET v = 1").await.unwrap();
        let refused = side.fence.close(FenceWay::Triggers).await.unwrap_err();
        assert_eq!(refused.code(), Code::TargetBusy, "{refused}");
        assert!(refused.message().contains("shut.t"), "{refused}");
        side.fence.open().await.unwrap();
        assert_eq!(side.triggers(), "0");
        early.query_drop("COMMIT").await.unwrap();
    });
}

/// Prepared transactions could be committed in spite of a read-only server.
#[test]
fn prepared_transactions_are_found() {
    let side = Side::new(Flavour::Mysql);
    Runtime::new().expect("a runtime").block_on(async {
        let mut early = side.application().await;
        for statement in ["XA START 'x'", "UPDATE shut.t SET v = 1", "XA END 'x'", "XA PREPARE 'x'"] {
            early.query_drop(statement).await.unwrap();
        }
        let refused = side.fence.close(FenceWay::ReadOnly).await.unwrap_err();
        assert!(refused.message().starts_with("1 XA transactions are prepared"), "{refused}");
        side.fence.open().await.unwrap();
        early.query_drop("XA COMMIT 'x'").await.unwrap();
    });
}

/// What a server has beside the link's databases, and what runs by itself there, is said before.
#[test]
fn what_else_it_would_stop_is_said() {
    let side = Side::new(Flavour::Mariadb);
    side.server
        .sql(
            "CREATE DATABASE other; SET GLOBAL event_scheduler = ON; \
             CREATE EVENT shut.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shut.t; \
             CREATE USER small@'%'; GRANT SELECT ON shut.* TO small@'%'",
        )
        .expect("objects");
    Runtime::new().expect("a runtime").block_on(async {
        let offers = side.fence.offers().await.unwrap();
        let warnings = offers[0].warnings.join("; ");
        assert!(warnings.contains("other databases of this server too: other"), "{warnings}");
        assert!(warnings.contains("shut.nightly"), "{warnings}");
        let mut endpoint = Endpoint::from_url(&side.server.url()).expect("an endpoint");
        endpoint.user = "small".to_owned();
        endpoint.password = None;
        let name = InstanceName::parse("small").expect("a name");
        let selection = Selection::new(&["shut.*".to_owned()], &[], &[]).expect("patterns");
        for offer in MysqlFence::new(endpoint, name, selection).offers().await.unwrap() {
            let lacking = offer.possible.unwrap_err();
            assert_eq!(lacking.code(), Code::MissingGrant, "{lacking}");
            let right = if offer.way == FenceWay::ReadOnly { "READ_ONLY ADMIN" } else { "TRIGGER" };
            assert!(lacking.remedy().contains(right), "{lacking} {}", lacking.remedy());
        }
    });
}
