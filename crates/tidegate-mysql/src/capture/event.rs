//! Single events: are they whole, do they matter, what is packed in them.

use super::malformed;
use crate::binlog::event::code;
use crate::binlog::{mariadb, query::Query};
use mysql_common::binlog::events::Event;
use tidegate_model::{Code, Error, Result};

/// A compressed event may become so big in memory.
pub(super) const INFLATED_BYTES_MAX: usize = 1 << 30;

pub(super) fn verify_checksum(event: &Event) -> Result<()> {
    let (Some(expected), Ok(Some(algorithm))) = (event.checksum(), event.footer().get_checksum_alg()) else {
        return Ok(());
    };
    if algorithm == mysql_common::binlog::consts::BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32
        && event.calc_checksum(algorithm) != u32::from_le_bytes(expected)
    {
        return Err(malformed("an event's checksum is wrong"));
    }
    Ok(())
}

/// Events that say nothing about data.
pub(super) fn is_harmless(kind: u8) -> bool {
    matches!(
        kind,
        code::STOP
            | code::INTVAR
            | code::RAND
            | code::USER_VAR
            | code::HEARTBEAT
            | code::HEARTBEAT_V2
            | code::IGNORABLE
            | code::ROWS_QUERY
            | code::PREVIOUS_GTIDS
            | code::TRANSACTION_CONTEXT
            | code::VIEW_CHANGE
            | code::MARIA_ANNOTATE_ROWS
            | code::MARIA_BINLOG_CHECKPOINT
            | code::MARIA_GTID_LIST
            | code::MARIA_START_ENCRYPTION
    )
}

/// MariaDB leaves its checksum behind the name in the first ROTATE of a stream. Log files end in a dot and digits.
pub(super) fn without_stray_checksum(body: &[u8]) -> &[u8] {
    let is_file = |bytes: &[u8]| {
        let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && bytes.iter().rev().nth(digits) == Some(&b'.')
    };
    match body.len().checked_sub(4) {
        Some(shorter) if !is_file(body) && is_file(&body[..shorter]) => &body[..shorter],
        _ => body,
    }
}

/// A compressed QUERY event with its statement unpacked.
pub(super) fn plain_query(body: &[u8]) -> Result<Vec<u8>> {
    let packed = Query::parse(body)?.statement;
    let head = body.len() - packed.len();
    let mut plain = body[..head].to_vec();
    plain.extend_from_slice(&mariadb::uncompress(packed, INFLATED_BYTES_MAX)?);
    Ok(plain)
}

pub(super) fn unreadable(statement: &[u8], why: &str) -> Error {
    Error::new(Code::MalformedLog, format!("a statement cannot be understood: {why}: {}", excerpt(statement)))
}

/// The beginning of a statement, for messages.
pub(crate) fn excerpt(statement: &[u8]) -> String {
    const CHARS_MAX: usize = 200;
    let text = String::from_utf8_lossy(statement);
    let mut short: String =
        text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > CHARS_MAX {
        short.push('…');
    }
    short
}
