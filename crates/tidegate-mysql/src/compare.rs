//! A MySQL or MariaDB server for `tidegate verify`. It has its own look at the catalogue and its own reader, apart from those
//! of the copy, so that a fault there is not repeated here.

mod columns;
mod reader;
mod tables;
#[cfg(test)]
mod tests;

use self::reader::MysqlReader;
use self::tables::Description;
use crate::connect::{Endpoint, Server, data_setup, question_setup};
use crate::definitions;
use mysql_async::Conn;
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tidegate_model::{
    Code, Comparable, ComparedTable, Error, Fut, Layout, Result, RowReader, Selection, TableName, Wanted,
};

/// A server that is compared.
pub(crate) struct MysqlComparable {
    pool: Arc<Pool>,
    /// What [`Comparable::tables`] found, for the readers.
    tables: Mutex<HashMap<TableName, Arc<Description>>>,
}

impl MysqlComparable {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { pool: Arc::new(Pool { endpoint, idle: Mutex::default() }), tables: Mutex::default() }
    }

    async fn ask(&self) -> Result<(Conn, Server)> {
        let mut conn = self.pool.endpoint.connect(&question_setup()).await?;
        let server = Server::of(&mut conn).await?;
        Ok((conn, server))
    }

    async fn find_tables(&self, wanted: Wanted<'_>) -> Result<Vec<ComparedTable>> {
        let (mut conn, server) = self.ask().await?;
        let found = tables::read(&mut conn, server, wanted).await?;
        let compared = found.iter().map(Description::compared).collect();
        let mut known = self.tables.lock().expect("no holder panics");
        known.extend(found.into_iter().map(|table| (table.name.clone(), Arc::new(table))));
        Ok(compared)
    }

    async fn differences(
        &self,
        target: &dyn Comparable,
        selection: &Selection,
    ) -> Result<Vec<(TableName, String)>> {
        let target: &dyn Any = target;
        let target = target.downcast_ref::<MysqlComparable>().ok_or_else(|| {
            Error::new(Code::UnsupportedEngine, "source and target are of different engines")
        })?;
        let (mut one, server) = self.ask().await?;
        let (mut other, other_server) = target.ask().await?;
        definitions::list_differences(&mut one, server, &mut other, other_server, selection).await
    }

    async fn open_reader(&self, table: &TableName, layout: &Layout) -> Result<Box<dyn RowReader>> {
        let known = self.tables.lock().expect("no holder panics").get(table).cloned();
        let known = known.ok_or_else(|| Error::new(Code::Internal, format!("{table} was not looked at")))?;
        let conn = self.pool.take().await?;
        Ok(Box::new(MysqlReader::new(self.pool.clone(), conn, &known, layout)?))
    }
}

impl Comparable for MysqlComparable {
    fn tables<'a>(&'a self, wanted: Wanted<'a>) -> Fut<'a, Vec<ComparedTable>> {
        Box::pin(self.find_tables(wanted))
    }

    fn definition_differences<'a>(
        &'a self,
        target: &'a dyn Comparable,
        selection: &'a Selection,
    ) -> Fut<'a, Vec<(TableName, String)>> {
        Box::pin(self.differences(target, selection))
    }

    fn open<'a>(&'a self, table: &'a TableName, layout: &'a Layout) -> Fut<'a, Box<dyn RowReader>> {
        Box::pin(self.open_reader(table, layout))
    }
}

/// Connections that are not in use: a server may have more tables than it likes to see logins.
struct Pool {
    endpoint: Endpoint,
    idle: Mutex<Vec<Conn>>,
}

impl Pool {
    async fn take(&self) -> Result<Conn> {
        let idle = self.idle.lock().expect("no holder panics").pop();
        match idle {
            Some(conn) => Ok(conn),
            None => self.endpoint.connect(&data_setup()).await,
        }
    }

    /// Only for a connection that waits for a question.
    fn give_back(&self, conn: Conn) {
        self.idle.lock().expect("no holder panics").push(conn);
    }
}
