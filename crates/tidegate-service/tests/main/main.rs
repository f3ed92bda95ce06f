//! The service's store and edges as a whole, without a database server.

mod concurrent;
mod official;
mod openapi;
mod routes;
