//! Round trips between real servers.

mod cases;

use super::*;
use crate::connect::{Endpoint, Server, question_setup};
use mysql_async::Conn;
use std::sync::OnceLock;
use tidegate_model::{CopyProgress, Definition, Error, Selection, TableName};
use tidegate_sandbox::{Flavour, Options, Server as Sandbox, scratch};

/// Two servers of each family for all tests of the process.
fn pair(flavour: Flavour) -> &'static [Sandbox; 2] {
    static MYSQL: OnceLock<[Sandbox; 2]> = OnceLock::new();
    static MARIADB: OnceLock<[Sandbox; 2]> = OnceLock::new();
    let cell = match flavour {
        Flavour::Mysql => &MYSQL,
        Flavour::Mariadb => &MARIADB,
    };
    cell.get_or_init(|| {
        [1, 2].map(|id| {
            let options = Options::new(flavour, id).arg("--log-bin-trust-function-creators=1");
            Sandbox::start(options, &scratch("definitions").expect("a folder")).expect("a server")
        })
    })
}

/// A question session on a server.
async fn open(sandbox: &Sandbox) -> (Conn, Server) {
    open_as(sandbox, "root", None).await
}

async fn open_as(sandbox: &Sandbox, user: &str, password: Option<&str>) -> (Conn, Server) {
    let mut endpoint = Endpoint::from_url(&sandbox.url()).expect("a URL");
    endpoint.user = user.to_owned();
    endpoint.password = password.map(str::to_owned);
    let mut conn = endpoint.connect(&question_setup()).await.expect("a connection");
    let server = Server::of(&mut conn).await.expect("a version");
    (conn, server)
}

fn selection(include: &[&str], renames: &[&str]) -> Selection {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Selection::new(&owned(include), &[], &owned(renames)).expect("a selection")
}

/// Everything of the fixture's databases.
fn fixture_selection(prefix: &str, renames: &[String]) -> Selection {
    let include = [format!("{prefix}*.*")];
    Selection::new(&include, &[], renames).expect("a selection")
}

fn fixture(flavour: Flavour, prefix: &str) -> String {
    let text = match flavour {
        Flavour::Mysql => include_str!("mysql.sql"),
        Flavour::Mariadb => include_str!("mariadb.sql"),
    };
    text.replace("`DB", &format!("`{prefix}"))
}

/// Source and target with what goes between them.
struct Pair {
    source: (Conn, Server),
    target: (Conn, Server),
    selection: Selection,
}

impl Pair {
    async fn new(source: &Sandbox, target: &Sandbox, selection: Selection) -> Self {
        Self { source: open(source).await, target: open(target).await, selection }
    }

    async fn read(&mut self) -> Vec<Definition> {
        read(&mut self.source.0, self.source.1, &self.selection).await.expect("definitions")
    }

    async fn make(&mut self, definitions: &[Definition]) -> Result<Vec<String>, Error> {
        self.make_beside(definitions, &[]).await
    }

    /// Makes definitions in a target where these tables' copies are so far.
    async fn make_beside(
        &mut self,
        definitions: &[Definition],
        copies: &[CopyProgress],
    ) -> Result<Vec<String>, Error> {
        let copies = copies.iter().map(|one| (one.table.clone(), one.clone())).collect();
        let own = Own { copies, record: &|_| "DO 0".to_owned() };
        make(&mut self.target.0, self.target.1, definitions, &self.selection, &own).await
    }

    async fn carry(&mut self) -> Result<Vec<String>, Error> {
        let definitions = self.read().await;
        self.make(&definitions).await
    }

    async fn differences(&mut self) -> Vec<(TableName, String)> {
        let (source, target) = (&mut self.source, &mut self.target);
        list_differences(&mut source.0, source.1, &mut target.0, target.1, &self.selection)
            .await
            .expect("a list")
    }
}
