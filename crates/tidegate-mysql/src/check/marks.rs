//! Whether our sessions can mark what they write, so that the log of this server tells it from what others write.

use crate::connect::{Endpoint, understand};
use crate::session::{self, Marker};
use mysql_async::prelude::Queryable;
use tidegate_model::{Code, Error, InstanceName, Result};

/// From this version on MySQL has tags in its GTIDs.
const TAGS_SINCE: (u16, u16, u16) = (8, 3, 0);

/// Opens a session as a link does, and looks whether its mark took.
pub async fn check_marks(endpoint: &Endpoint) -> Result<()> {
    let name = InstanceName::parse("precheck").map_err(|why| Error::new(Code::Internal, why))?;
    let marker = Marker::new(name);
    let (mut conn, server) = session::open(endpoint, &marker).await?;
    let marked = session::is_marked(&mut conn, server, &marker).await?;
    if server.mariadb {
        return if marked { Ok(()) } else { Err(lacking(endpoint, "BINLOG REPLAY")) };
    }
    if !server.is_mysql_from(TAGS_SINCE) {
        let what = "a way back needs MySQL 8.3 or later on both sides: older ones cannot mark schema changes";
        return Err(Error::new(Code::NotYet, what).with_remedy("upgrade the server"));
    }
    let mode: Option<String> = conn.query_first("SELECT @@GLOBAL.gtid_mode").await.map_err(understand)?;
    if mode.as_deref() != Some("ON") {
        let what = "a way back needs GTIDs: gtid_mode is off";
        return Err(Error::new(Code::BadSetting, what)
            .with_remedy("turn enforce_gtid_consistency and gtid_mode on, step by step, on this server"));
    }
    if marked {
        return Ok(());
    }
    Err(lacking(endpoint, "TRANSACTION_GTID_TAG, REPLICATION_APPLIER"))
}

fn lacking(endpoint: &Endpoint, rights: &str) -> Error {
    let what = format!("the account {} may not mark its transactions", endpoint.user);
    Error::new(Code::MissingGrant, what).with_remedy(format!(
        "GRANT {rights} ON *.* TO the account on this server, then run the precheck again"
    ))
}
