//! The servers that the tests of this program share: one source and one target of each flavour.

use std::sync::{Arc, Mutex, Weak};
use tidegate_sandbox::{Flavour, Options, Server, scratch};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Source,
    Target,
}

const SLOTS: [(Flavour, Role); 4] = [
    (Flavour::Mysql, Role::Source),
    (Flavour::Mysql, Role::Target),
    (Flavour::Mariadb, Role::Source),
    (Flavour::Mariadb, Role::Target),
];

/// A server lives as long as any test uses it: a static value would never be dropped, nor its folder removed.
static SERVERS: Mutex<[Weak<Server>; SLOTS.len()]> = Mutex::new([const { Weak::new() }; SLOTS.len()]);

/// Where a link goes from and to.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) source: Arc<Server>,
    pub(crate) target: Arc<Server>,
}

impl Pair {
    pub(crate) fn new(source: Flavour, target: Flavour) -> Self {
        Self { source: server(source, Role::Source), target: server(target, Role::Target) }
    }

    pub(crate) fn is_one_flavour(&self) -> bool {
        self.source.flavour() == self.target.flavour()
    }
}

fn server(flavour: Flavour, role: Role) -> Arc<Server> {
    let slot = SLOTS.iter().position(|slot| *slot == (flavour, role)).expect("every server has a slot");
    // A test that failed to start a server leaves the others as they were.
    let mut servers = SERVERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(server) = servers[slot].upgrade() {
        return server;
    }
    let size = match flavour {
        Flavour::Mysql => "--innodb-redo-log-capacity=128M",
        Flavour::Mariadb => "--innodb-log-file-size=128M",
    };
    // Nobody cuts the power in these tests, so nothing need reach the disk.
    let options = Options::new(flavour, slot as u32 + 1).arg(size).arg("--innodb-flush-method=nosync");
    let home = scratch("types").expect("a scratch folder");
    let server = Arc::new(Server::start(options, &home).expect("a running server"));
    servers[slot] = Arc::downgrade(&server);
    server
}

/// Runs statements that must succeed, as an application would: in the lenient SQL mode that lets every value in that a
/// column can hold.
#[track_caller]
pub(crate) fn sql(server: &Server, statements: &str) -> String {
    let text = format!(
        "SET NAMES utf8mb4; SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = '+00:00';\n{statements}"
    );
    server.sql(&text).unwrap_or_else(|why| panic!("{why}"))
}
