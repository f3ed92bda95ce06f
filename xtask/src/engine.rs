//! The kinds of database that tasks can be done with.

use clap::ValueEnum;
use tidegate_sandbox::{Flavour, mongo};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Mysql,
    Mariadb,
    Mongodb,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Mysql => Flavour::Mysql.name(),
            Engine::Mariadb => Flavour::Mariadb.name(),
            Engine::Mongodb => "mongodb",
        }
    }

    /// Installs its server, and what is needed to speak with it.
    pub(crate) fn install(self) -> Result<(), String> {
        match self {
            Engine::Mysql => tidegate_sandbox::install_flavour(Flavour::Mysql),
            Engine::Mariadb => tidegate_sandbox::install_flavour(Flavour::Mariadb),
            Engine::Mongodb => mongo::install(),
        }
    }
}
