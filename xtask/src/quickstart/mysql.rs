//! The demonstration with MySQL: the shop, and sysbench beside it.

use std::path::Path;

use tidegate_sandbox::{Flavour, Options, Server};

use super::failback::End;
use super::load::{self, Load};
use super::{Stage, Traffic, say, shop};

pub(super) struct Shop {
    source: Server,
    target: Server,
}

impl Stage for Shop {
    fn open(folder: &Path, rows: u64) -> Result<Self, String> {
        say("starting a source and a target server");
        let source = Server::start(Options::new(Flavour::Mysql, 1), &folder.join("source"))?;
        let target = Server::start(Options::new(Flavour::Mysql, 2), &folder.join("target"))?;
        say(&format!("filling the source: a shop of {rows} rows and tables for sysbench"));
        source.sql(&shop::schema(rows))?;
        load::prepare(&source)?;
        Ok(Self { source, target })
    }

    fn databases(&self) -> Vec<&'static str> {
        vec!["shop", load::DATABASE]
    }

    fn load(&self, folder: &Path) -> Result<Box<dyn Traffic>, String> {
        Ok(Box::new(Load::start(&self.source, folder)?))
    }

    fn source(&self) -> &dyn End {
        &self.source
    }

    fn target(&self) -> &dyn End {
        &self.target
    }
}

impl Traffic for Load {
    fn check(&self) -> Result<(), String> {
        Load::check(self)
    }

    fn stop(self: Box<Self>) -> Result<u64, String> {
        Load::stop(*self)
    }
}

impl End for Server {
    fn url(&self) -> String {
        Server::url(self)
    }

    fn create_ledger(&self, database: &str) -> Result<(), String> {
        let table = format!("CREATE TABLE {database}.entry (id BIGINT PRIMARY KEY, turn INT)");
        self.sql(&format!("CREATE DATABASE {database}; {table}")).map(drop)
    }

    fn write(&self, database: &str, ids: std::ops::Range<u64>, turn: u64) -> Result<(), String> {
        let rows = ids.map(|id| format!("INSERT INTO {database}.entry VALUES ({id}, {turn})"));
        self.sql(&rows.collect::<Vec<_>>().join(";\n")).map(drop)
    }

    fn rows(&self, database: &str) -> Result<u64, String> {
        let found = self.sql(&format!("SELECT COUNT(DISTINCT id) FROM {database}.entry"))?;
        found.trim().parse().map_err(|error| format!("{found}: {error}"))
    }
}
