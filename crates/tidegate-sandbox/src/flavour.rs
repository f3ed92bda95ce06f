//! The two kinds of server Tidegate is tested against.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which database a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    Mysql,
    Mariadb,
}

impl Flavour {
    /// Both flavours, for tests that run a case once per flavour.
    pub const ALL: [Flavour; 2] = [Flavour::Mysql, Flavour::Mariadb];

    /// The lower-case name used in JSON, folder names and command lines.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Mysql => "mysql",
            Flavour::Mariadb => "mariadb",
        }
    }

    /// The release line the project is tested with; an unpacked server must report it.
    pub fn release(self) -> &'static str {
        match self {
            Flavour::Mysql => "9.7",
            Flavour::Mariadb => "10.11",
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
