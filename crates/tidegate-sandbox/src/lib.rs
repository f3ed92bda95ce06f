//! Real database servers for tests, benchmarks and the quickstart.
//!
//! Tidegate is judged by what two real servers hold, so nothing here imitates a database: the crate
//! unpacks Debian's own MySQL 9.7, MariaDB 10.11 and sysbench, and MongoDB 6.0, into a cache folder (the machine's
//! installed packages stay untouched) and starts servers from there, each with its own folder, on 127.0.0.1 only.
//!
//! ```no_run
//! use tidegate_sandbox::{Flavour, Options, Server};
//!
//! let home = tidegate_sandbox::scratch("example")?;
//! let server = Server::start(Options::new(Flavour::Mysql, 1), &home)?;
//! println!("{} runs {}", server.url(), server.sql("SELECT VERSION()")?);
//! # Ok::<(), String>(())
//! ```

mod apt;
mod boot;
mod browser;
mod cache;
mod client;
mod flavour;
mod install;
mod mirror;
pub mod mongo;
mod packages;
mod process;
mod running;
mod server;
mod template;
mod wait;

pub use browser::browser;
pub use cache::{cache_folder, scratch, workspace_root};
pub use client::{client, sysbench};
pub use flavour::Flavour;
pub use install::{install, install_flavour};
pub use packages::{once, pip};
pub use running::Running;
pub use server::{Options, Server};
