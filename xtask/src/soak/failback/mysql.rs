//! MySQL and MariaDB: sysbench on either side.

mod journal;
mod traffic;

use std::path::{Path, PathBuf};

use tidegate_sandbox::{Flavour, Server};

use super::stage::{Load, Stage, Written};
use super::{DATABASE, Side};
use crate::soak::arena::Arena;
use crate::soak::compare;
use journal::Journal;
use traffic::Traffic;

pub(super) struct Mysql {
    arena: Arena,
    journals: [Option<Journal>; 2],
}

impl Mysql {
    pub(super) fn open(flavour: Flavour) -> Result<Self, String> {
        tidegate_sandbox::sysbench()?;
        let arena = Arena::open(flavour)?;
        traffic::admit(&arena.source)?;
        traffic::admit(&arena.target)?;
        traffic::prepare(&arena.source)?;
        Ok(Self { arena, journals: [None, None] })
    }

    fn server(&self, side: Side) -> &Server {
        if side == Side::A { &self.arena.source } else { &self.arena.target }
    }
}

impl Stage for Mysql {
    fn name(&self) -> &'static str {
        self.arena.flavour.name()
    }

    fn folder(&self) -> &Path {
        &self.arena.folder
    }

    fn url(&self, side: Side) -> String {
        self.server(side).url()
    }

    fn password(&self) -> Option<&'static str> {
        None
    }

    fn load(&self, side: Side, number: Option<u64>) -> Result<Box<dyn Load + '_>, String> {
        Ok(Box::new(Traffic::start(self.server(side), &self.arena.folder, number)?))
    }

    fn write_last(&self, side: Side, name: &str) -> Result<(), String> {
        self.server(side).sql(&format!("CREATE TABLE {DATABASE}.{name} (id INT PRIMARY KEY)")).map(drop)
    }

    fn has_last(&self, side: Side, name: &str) -> Result<bool, String> {
        let tables = format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{DATABASE}' AND table_name = '{name}'"
        );
        Ok(self.server(side).sql(&tables)? == "1")
    }

    fn begin_journal(&mut self, side: Side) -> Result<(), String> {
        let journal = Journal::begin(self.server(side))?;
        self.journals[side.at()] = Some(journal);
        Ok(())
    }

    fn written(&mut self, side: Side) -> Result<Written, String> {
        let server = if side == Side::A { &self.arena.source } else { &self.arena.target };
        let journal = self.journals[side.at()].as_mut().ok_or("nobody has begun to count")?;
        journal.read(server, DATABASE)
    }

    fn difference(&self) -> Result<Option<String>, String> {
        compare::difference(&self.arena.source, &self.arena.target, DATABASE, &self.arena.folder)
    }

    fn keep(&mut self) -> Result<PathBuf, String> {
        self.arena.keep()
    }
}
