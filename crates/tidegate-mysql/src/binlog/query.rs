//! QUERY events: a statement in text (DDL, BEGIN, COMMIT, XA …) with the session state that it ran under.

use super::Malformed;
use super::bytes::{self, Bytes};

/// Collation ids of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionCharset {
    /// Collation of `character_set_client`: what the statement's bytes are written in.
    pub(crate) client: u16,
    pub(crate) connection: u16,
    pub(crate) server: u16,
}

/// A QUERY event. Fields in `Option` are None when the event does not carry them: then the server's default
/// holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    pub(crate) thread_id: u32,
    /// Seconds.
    pub(crate) exec_time: u32,
    /// Default database, empty for none.
    pub(crate) database: String,
    /// The error the statement ended with on the source; 0 for success.
    pub(crate) error_code: u16,
    /// Session options, see [`flags2`].
    pub(crate) flags2: Option<u32>,
    /// Bit mask of `sql_mode`.
    pub(crate) sql_mode: Option<u64>,
    pub(crate) charset: Option<SessionCharset>,
    /// `auto_increment_increment` and `auto_increment_offset`.
    pub(crate) auto_increment: Option<(u16, u16)>,
    pub(crate) time_zone: Option<String>,
    /// Number of the locale in `lc_time_names`.
    pub(crate) lc_time_names: Option<u16>,
    /// Collation id of `collation_database`.
    pub(crate) collation_database: Option<u16>,
    /// Fraction of the header's timestamp.
    pub(crate) microseconds: Option<u32>,
    pub(crate) explicit_defaults_for_timestamp: Option<bool>,
    pub(crate) default_collation_for_utf8mb4: Option<u16>,
    pub(crate) sql_require_primary_key: Option<bool>,
    pub(crate) default_table_encryption: Option<bool>,
    /// Databases of all tables that the statement used, its triggers' included, where MySQL says so. An empty name stands
    /// for what it does not know.
    pub(crate) databases_used: Option<Vec<String>>,
    /// Engine transaction of an atomic DDL: the statement is a transaction of its own.
    pub(crate) ddl_xid: Option<u64>,
    pub(crate) statement: &'a [u8],
}

impl<'a> Query<'a> {
    /// Parses the event's data. MariaDB's QUERY_COMPRESSED has the same layout; its statement goes through
    /// [`mariadb::uncompress`](super::mariadb::uncompress) afterwards.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Query<'a>, Malformed> {
        let mut b = Bytes::new(body, "QUERY");
        let thread_id = b.u32()?;
        let exec_time = b.u32()?;
        let database = usize::from(b.u8()?);
        let error_code = b.u16()?;
        let vars = usize::from(b.u16()?);
        let mut vars = Bytes::new(b.take(vars)?, "QUERY status variables");
        let mut query = Query {
            thread_id,
            exec_time,
            database: bytes::text(b.take(database)?, "QUERY: database")?,
            error_code,
            flags2: None,
            sql_mode: None,
            charset: None,
            auto_increment: None,
            time_zone: None,
            lc_time_names: None,
            collation_database: None,
            microseconds: None,
            explicit_defaults_for_timestamp: None,
            default_collation_for_utf8mb4: None,
            sql_require_primary_key: None,
            default_table_encryption: None,
            databases_used: None,
            ddl_xid: None,
            statement: &[],
        };
        b.u8()?; // NUL after the database
        query.statement = b.rest();
        while !vars.is_empty() && query.variable(&mut vars)? {}
        Ok(query)
    }

    /// One status variable: a key byte, then a value whose length only the key tells. False at an unknown
    /// key, where reading must stop, as the servers themselves do.
    fn variable(&mut self, v: &mut Bytes<'_>) -> Result<bool, Malformed> {
        match v.u8()? {
            0 => self.flags2 = Some(v.u32()?),
            1 => self.sql_mode = Some(v.u64()?),
            2 => {
                v.short_bytes()?; // catalog
                v.u8()?;
            }
            3 => self.auto_increment = Some((v.u16()?, v.u16()?)),
            4 => {
                self.charset =
                    Some(SessionCharset { client: v.u16()?, connection: v.u16()?, server: v.u16()? })
            }
            5 => self.time_zone = Some(bytes::text(v.short_bytes()?, "QUERY: time zone")?),
            6 => drop(v.short_bytes()?), // catalog, no NUL
            7 => self.lc_time_names = Some(v.u16()?),
            8 => self.collation_database = Some(v.u16()?),
            9 => drop(v.u64()?),  // table map for update
            10 => drop(v.u32()?), // bytes written by the source
            11 => {
                v.short_bytes()?; // invoker's user
                v.short_bytes()?; // and host
            }
            12 => match v.u8()? {
                254 => {} // more databases than can be listed
                count => {
                    let name = |_| bytes::text(v.until_nul()?, "QUERY: a database used");
                    self.databases_used = Some((0..count).map(name).collect::<Result<_, _>>()?);
                }
            },
            13 | 128 => self.microseconds = Some(v.uint(3)? as u32), // 128: MariaDB's
            16 => self.explicit_defaults_for_timestamp = Some(v.u8()? != 0),
            17 | 129 => self.ddl_xid = Some(v.u64()?), // 129: MariaDB's
            18 => self.default_collation_for_utf8mb4 = Some(v.u16()?),
            19 => self.sql_require_primary_key = Some(v.u8()? != 0),
            20 => self.default_table_encryption = Some(v.u8()? != 0),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(vars: &[u8]) -> Vec<u8> {
        let mut body = vec![7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, vars.len() as u8, 0];
        body.extend_from_slice(vars);
        body.extend_from_slice(b"db\0CREATE TABLE t(a int)");
        body
    }

    #[test]
    fn a_ddl_with_its_session() {
        let mut vars = vec![0, 0, 0, 0, 4, 1, 0x20, 0, 0xA0, 0x45, 0, 0, 0, 0, 6, 3, b's', b't', b'd'];
        vars.extend([
            4, 45, 0, 46, 0, 8, 0, 5, 6, b'+', b'0', b'0', b':', b'0', b'0', 7, 3, 0, 12, 1, b'd', b'b', 0,
        ]);
        vars.extend([13, 1, 2, 0, 17, 9, 0, 0, 0, 0, 0, 0, 0, 18, 255, 0, 19, 0, 20, 1, 99, 1, 2, 3]);
        let bytes = body(&vars);
        let query = Query::parse(&bytes).unwrap();
        assert_eq!((query.thread_id, query.database.as_str()), (7, "db"));
        assert_eq!(query.statement, b"CREATE TABLE t(a int)");
        assert_eq!(query.flags2, Some(1 << 26));
        assert_eq!(query.sql_mode, Some(0x45A0_0020));
        assert_eq!(query.charset, Some(SessionCharset { client: 45, connection: 46, server: 8 }));
        assert_eq!(query.time_zone.as_deref(), Some("+00:00"));
        assert_eq!((query.lc_time_names, query.microseconds, query.ddl_xid), (Some(3), Some(513), Some(9)));
        assert_eq!(query.default_collation_for_utf8mb4, Some(255));
        assert_eq!(query.databases_used, Some(vec!["db".to_owned()]));
        assert_eq!(
            (query.sql_require_primary_key, query.default_table_encryption),
            (Some(false), Some(true))
        );
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Query::parse(&body(&[1, 2])).is_err());
        assert!(Query::parse(&body(&[12, 1, b'x'])).is_err());
        assert!(Query::parse(&[7, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, b'd']).is_err());
        assert!(Query::parse(&[]).is_err());
    }
}
