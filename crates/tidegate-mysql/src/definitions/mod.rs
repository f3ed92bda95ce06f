use crate::connect::Server;
use mysql_async::Conn;
use tidegate_model::{Definition, Result, Selection, TableName};
pub(crate) fn guarded(body: &str) -> String { body.to_owned() }
pub(crate) async fn read(_: &mut Conn, _: Server, _: &Selection) -> Result<Vec<Definition>> { Ok(vec![]) }
pub(crate) async fn make(_: &mut Conn, _: Server, _: &[Definition], _: &Selection, _: &(dyn Fn(&TableName) -> bool + Sync)) -> Result<Vec<String>> { Ok(vec![]) }
