//! MySQL and MariaDB as a source and as a target.
//!
//! `mysql_async` carries the bytes; what they mean is read here: events of the binary log, row images, JSON, GTIDs,
//! statements that change the schema.

mod batch;
mod before;
mod binlog;
mod capture;
mod cascade;
mod catalog;
mod check;
mod compare;
mod conflict;
mod connect;
mod counters;
mod database;
mod ddl;
mod decode;
mod definitions;
mod fence;
mod filter;
mod footprint;
#[allow(dead_code, reason = "a set has its whole algebra, tested against a model")]
mod gtid;
mod hash;
mod journal;
mod loader;
mod plan;
mod read;
mod remains;
mod row_sql;
mod schema;
mod session;
mod source;
mod state;
mod statement;
mod target;
mod tree;
mod writer;
mod xa;

pub use before::written_by_others;
pub use connect::{Endpoint, Tls};
pub use fence::MysqlFence;
pub use source::MysqlSource;
pub use target::MysqlTarget;
