//! A MySQL or MariaDB server as a source.

use crate::capture::BinlogCapture;
use crate::catalog::{self, OWN_SCHEMAS, TableInfo};
use crate::connect::{Endpoint, Server, question_setup, understand};
use crate::filter::Filter;
use crate::gtid::MysqlPosition;
use crate::read::{KeyedReader, SnapshotReader};
use crate::session::Marker;
use crate::{cascade, check, definitions};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use std::collections::HashMap;
use std::sync::Mutex;
use tidegate_model::{
    Capture, Code, Cursor, Definition, Error, Fut, InstanceName, Position, Result, Selection, Source, Table,
    TableName, TableReader,
};

/// A server that is read.
pub struct MysqlSource {
    endpoint: Endpoint,
    server_id: u32,
    selection: Selection,
    /// Links of the other direction: what they have written here is no news.
    peers: Vec<Marker>,
    /// What [`Source::tables`] found, for the readers.
    tables: Mutex<HashMap<TableName, TableInfo>>,
}

impl MysqlSource {
    /// `server_id` is what we call ourselves towards the server when we read its log: it must be ours alone there.
    pub fn new(endpoint: Endpoint, server_id: u32, selection: Selection, peers: &[InstanceName]) -> Self {
        Self {
            endpoint,
            server_id,
            selection,
            peers: peers.iter().cloned().map(Marker::new).collect(),
            tables: Mutex::default(),
        }
    }

    async fn connect(&self) -> Result<(Conn, Server)> {
        let mut conn = self.endpoint.connect(&question_setup()).await?;
        let server = Server::of(&mut conn).await?;
        Ok((conn, server))
    }

    async fn find_tables(&self, selection: &Selection) -> Result<Vec<Table>> {
        let (mut conn, server) = self.connect().await?;
        let found = selected_tables(&mut conn, selection).await?;
        let groups = cascade::groups_of(&mut conn, server, &found).await?;
        let alone = |info: &TableInfo| info.key().is_none().then(|| info.name.clone());
        let tables = found.iter().map(|info| Table {
            name: info.name.clone(),
            rows_estimated: info.rows_estimated,
            bytes_estimated: info.bytes_estimated,
            group: groups.get(&info.name).cloned().or_else(|| alone(info)),
            columns: format!("{:?}", info.columns),
        });
        let tables = tables.collect();
        let mut known = self.tables.lock().expect("no holder panics");
        *known = found.into_iter().map(|info| (info.name.clone(), info)).collect();
        Ok(tables)
    }

    async fn open_reader(&self, table: &Table, after: Option<&[u8]>) -> Result<Box<dyn TableReader>> {
        Ok(Box::new(KeyedReader::open(&self.endpoint, &self.info(table)?, after).await?))
    }

    async fn open_snapshot(&self, tables: &[Table]) -> Result<Vec<Box<dyn TableReader>>> {
        let tables = tables.iter().map(|table| self.info(table)).collect::<Result<Vec<_>>>()?;
        let readers = SnapshotReader::open(&self.endpoint, &tables).await?;
        Ok(readers.into_iter().map(|reader| Box::new(reader) as Box<dyn TableReader>).collect())
    }

    fn info(&self, table: &Table) -> Result<TableInfo> {
        let known = self.tables.lock().expect("no holder panics").get(&table.name).cloned();
        known.ok_or_else(|| Error::new(Code::Internal, format!("{} was not looked at", table.name)))
    }
}

/// Every selected base table.
pub(crate) async fn selected_tables(conn: &mut Conn, selection: &Selection) -> Result<Vec<TableInfo>> {
    let mut databases = catalog::databases(conn).await?;
    databases.retain(|database| selection.touches_database(database));
    let mut tables =
        catalog::read(conn, &databases, &|database, table| selects(selection, database, table)).await?;
    tables.retain(|table| !table.sequence);
    for table in &mut tables {
        let Some(rule) = selection.rule(&table.name.database, &table.name.table) else { continue };
        table.filter = rule.filter.as_deref().map(Filter::parse).transpose()?.map(|filter| filter.sql());
        for column in &mut table.columns {
            column.chosen = rule.columns.target_name(&column.name).is_some();
        }
        // A key that does not take part tells nothing apart in the target.
        let columns = &table.columns;
        table.unique.retain(|key| key.columns.iter().all(|place| columns[*place].chosen));
    }
    Ok(tables)
}

/// The question for the file that the server logs to, and how long it is.
pub(crate) fn binlog_status(server: Server) -> &'static str {
    if server.is_mysql_from((8, 2, 0)) { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }
}

/// The selection, without what belongs to the server or to us.
pub(crate) fn selects(selection: &Selection, database: &str, table: &str) -> bool {
    !OWN_SCHEMAS.contains(&database.to_lowercase().as_str()) && selection.selects(database, table)
}

impl Source for MysqlSource {
    fn check(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let (mut conn, server) = self.connect().await?;
            check::check_source(&mut conn, server, &self.endpoint, Some(&self.selection)).await
        })
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async {
            let (mut conn, server) = self.connect().await?;
            check::server_identity(&mut conn, server).await
        })
    }

    fn retention(&self) -> Fut<'_, Option<std::time::Duration>> {
        Box::pin(async {
            let (mut conn, _) = self.connect().await?;
            check::log_kept_for(&mut conn).await
        })
    }

    fn lineage(&self) -> Fut<'_, String> {
        Box::pin(async {
            let (mut conn, server) = self.connect().await?;
            Ok(match parse(&position_of(&mut conn).await?)? {
                MysqlPosition::Gtid(_) => "GTIDs of MySQL".to_owned(),
                MysqlPosition::Mariadb(_) => "GTIDs of MariaDB".to_owned(),
                MysqlPosition::File { .. } => check::server_identity(&mut conn, server).await?,
            })
        })
    }

    fn tables<'a>(&'a self, selection: &'a Selection) -> Fut<'a, Vec<Table>> {
        Box::pin(self.find_tables(selection))
    }

    fn definitions<'a>(&'a self, selection: &'a Selection) -> Fut<'a, Vec<Definition>> {
        Box::pin(async {
            let (mut conn, server) = self.connect().await?;
            definitions::read(&mut conn, server, selection).await
        })
    }

    fn position(&self) -> Fut<'_, Position> {
        Box::pin(async {
            let (mut conn, _) = self.connect().await?;
            without_marks(&position_of(&mut conn).await?, &self.peers)
        })
    }

    fn plain(&self, position: &Position) -> Result<Position> {
        without_marks(position, &self.peers)
    }

    fn capture<'a>(&'a self, from: &'a Position, selection: &'a Selection) -> Fut<'a, Box<dyn Capture>> {
        Box::pin(async {
            let (from, peers) = (parse(from)?, self.peers.clone());
            let capture = BinlogCapture::open(&self.endpoint, self.server_id, from, selection, peers).await?;
            Ok(Box::new(capture) as Box<dyn Capture>)
        })
    }

    fn read<'a>(&'a self, table: &'a Table, after: Option<&'a [u8]>) -> Fut<'a, Box<dyn TableReader>> {
        Box::pin(self.open_reader(table, after))
    }

    fn snapshot<'a>(&'a self, tables: &'a [Table]) -> Fut<'a, Vec<Box<dyn TableReader>>> {
        Box::pin(self.open_snapshot(tables))
    }

    fn cursor(&self, from: &Position) -> Result<Box<dyn Cursor>> {
        Ok(Box::new(MysqlCursor(parse(from)?)))
    }
}

/// The position as links with these peers have it: positions of MySQL say nothing of what a peer has written.
pub(crate) fn without_marks(position: &Position, peers: &[Marker]) -> Result<Position> {
    Ok(match parse(position)? {
        MysqlPosition::Gtid(set) => {
            let plain = peers.iter().fold(set, |set, peer| set.without_tag(&peer.tag()));
            Position::new(MysqlPosition::Gtid(plain).to_string())
        }
        _ => position.clone(),
    })
}

pub(crate) fn parse(position: &Position) -> Result<MysqlPosition> {
    position.as_str().parse().map_err(|why| {
        Error::new(Code::CheckpointChanged, format!("position '{position}' is not readable: {why}"))
    })
}

struct MysqlCursor(MysqlPosition);

impl Cursor for MysqlCursor {
    fn advance(&mut self, mark: &[u8]) -> Result<()> {
        self.0
            .advance(mark)
            .map_err(|why| Error::new(Code::ChangeLogDamaged, format!("a mark is not readable: {why}")))
    }

    fn position(&self) -> Position {
        Position::new(self.0.to_string())
    }

    fn covers(&self, other: &Position) -> Result<bool> {
        Ok(match (&self.0, parse(other)?) {
            (MysqlPosition::Gtid(own), MysqlPosition::Gtid(other)) => own.contains_set(&other),
            (MysqlPosition::Mariadb(own), MysqlPosition::Mariadb(other)) => own.contains(&other),
            (own, MysqlPosition::File { file, offset }) => {
                let mut mark = Vec::new();
                crate::gtid::encode_file(&mut mark, &file, offset);
                own.covers(&mark).map_err(|why| Error::new(Code::Internal, why))?
            }
            _ => return Err(Error::new(Code::SourceRewound, "the source has changed its kind of positions")),
        })
    }
}

/// The end of the server's log: a GTID set where the server has them, else a file and an offset.
pub(crate) async fn position_of(conn: &mut Conn) -> Result<Position> {
    let server = Server::of(conn).await?;
    if server.mariadb {
        let text: Option<String> =
            conn.query_first("SELECT @@GLOBAL.gtid_binlog_pos").await.map_err(understand)?;
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            return Ok(Position::new(format!("mariadb:{text}")));
        }
    } else {
        let mode: Option<String> = conn.query_first("SELECT @@GLOBAL.gtid_mode").await.map_err(understand)?;
        if mode.as_deref() == Some("ON") {
            let text: Option<String> =
                conn.query_first("SELECT @@GLOBAL.gtid_executed").await.map_err(understand)?;
            let text = text.unwrap_or_default().replace(['\n', ' '], "");
            return Ok(Position::new(format!("gtid:{text}")));
        }
    }
    let statement = binlog_status(server);
    let row: Option<Row> = conn.query_first(statement).await.map_err(understand)?;
    let named = row.and_then(|row| Some((row.get::<String, _>(0)?, row.get::<u64, _>(1)?)));
    let Some((file, offset)) = named else {
        return Err(Error::new(Code::LogOff, "the server has no binary log"));
    };
    Ok(Position::new(MysqlPosition::File { file, offset }.to_string()))
}
