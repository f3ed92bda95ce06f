use crate::connect::{Endpoint, Server};
use mysql_async::{Conn, prelude::Queryable};
use tidegate_model::{Result, Selection};
pub(crate) async fn check_source(_: &mut Conn, _: Server, _: &Endpoint, _: Option<&Selection>) -> Result<()> { Ok(()) }
pub(crate) async fn check_target(_: &mut Conn, _: Server, _: &Endpoint, _: &Selection) -> Result<()> { Ok(()) }
pub(crate) async fn server_identity(_: &mut Conn, _: Server) -> Result<String> { Ok(String::new()) }
pub(crate) async fn can_load_local(conn: &mut Conn) -> Result<bool> { let x: Option<bool> = conn.query_first("SELECT @@local_infile").await.map_err(crate::connect::understand)?; Ok(x.unwrap_or(false)) }
