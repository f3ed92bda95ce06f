//! All items of a precheck: what would end a link, and what a person should know before it begins.

use super::programs;
use super::source::source_findings;
use super::target::target_findings;
use super::variable;
use crate::connect::{Endpoint, Server, question_setup, quote, quote_text};
use crate::source::selected_tables;
use crate::{cascade, definitions};
use mysql_async::Conn;
use std::time::Duration;
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Selection, TableName};

/// A log that is kept shorter than this may be gone before a long stop ends.
const RETENTION_SECONDS: u64 = 24 * 3600;
const PACKET_BYTES: u64 = 64 << 20;
/// So many names are enough to see what is meant.
pub(super) const NAMES_MAX: usize = 3;

/// Findings in the order in which they are looked at.
pub(super) struct List {
    side: FindingSide,
    pub(super) findings: Vec<Finding>,
}

impl List {
    pub(super) fn new(side: FindingSide) -> Self {
        Self { side, findings: Vec::new() }
    }

    /// Something without which a link must not begin.
    pub(super) fn need(&mut self, item: &'static str, title: &'static str, outcome: Result<()>) {
        self.findings.push(Finding { item, title, side: self.side, blocks: true, outcome });
    }

    /// Something that a person should know.
    fn note(&mut self, item: &'static str, title: &'static str, outcome: Result<()>) {
        self.findings.push(Finding { item, title, side: self.side, blocks: false, outcome });
    }
}

/// The first finding that a link must not begin with.
pub(super) fn first_error(findings: Vec<Finding>) -> Result<()> {
    findings.into_iter().filter(|finding| finding.blocks).try_for_each(|finding| finding.outcome)
}

/// Looks at both servers, and at the one beside the other.
pub(crate) async fn look(source: &Endpoint, target: &Endpoint, selection: &Selection) -> Vec<Finding> {
    let (at_source, at_target) =
        tokio::join!(look_at_source(source, selection), look_at_target(target, selection));
    let (mut findings, source_conn) = at_source;
    let (target_findings, target_conn) = at_target;
    findings.extend(target_findings);
    if let (Some(mut source_side), Some(mut target_side)) = (source_conn, target_conn) {
        findings.extend(compare(&mut source_side, &mut target_side).await);
        let way = in_the_way(&mut source_side, &mut target_side, selection).await;
        let mut list = List::new(FindingSide::Target);
        list.need("TARGET_OBJECTS", "Nothing in the target stands in the way", way);
        let (source, target) = (&mut source_side.0, &mut target_side.0);
        let triggers = programs::triggers(source, target, selection).await;
        list.note("TARGET_TRIGGERS", "No trigger of the target acts on replicated rows", triggers);
        let events = programs::events(source, target, selection).await;
        list.note("TARGET_EVENTS", "No event of the target writes beside the link", events);
        findings.extend(list.findings);
    }
    findings
}

type Side = (Conn, Server);

async fn open(endpoint: &Endpoint) -> Result<Side> {
    let mut conn = endpoint.connect(&question_setup()).await?;
    let server = Server::of(&mut conn).await?;
    Ok((conn, server))
}

async fn look_at_source(endpoint: &Endpoint, selection: &Selection) -> (Vec<Finding>, Option<Side>) {
    let mut list = List::new(FindingSide::Source);
    let title = "The source is there and takes the account";
    let (mut conn, server) = match open(endpoint).await {
        Ok(side) => side,
        Err(error) => {
            list.need("SOURCE_CONNECT", title, Err(error));
            return (list.findings, None);
        }
    };
    list.need("SOURCE_CONNECT", title, Ok(()));
    list.findings.extend(source_findings(&mut conn, server, endpoint, Some(selection)).await);
    list.note("LOG_RETENTION", "The log is kept long enough", retention(&mut conn).await);
    list.note("GTID", "The source may fail over to another server", gtid(&mut conn, server).await);
    list.note("ROW_METADATA", "The log names its columns", metadata(&mut conn).await);
    objects(&mut conn, server, selection, &mut list).await;
    (list.findings, Some((conn, server)))
}

async fn look_at_target(endpoint: &Endpoint, selection: &Selection) -> (Vec<Finding>, Option<Side>) {
    let mut list = List::new(FindingSide::Target);
    let title = "The target is there and takes the account";
    let (mut conn, server) = match open(endpoint).await {
        Ok(side) => side,
        Err(error) => {
            list.need("TARGET_CONNECT", title, Err(error));
            return (list.findings, None);
        }
    };
    list.need("TARGET_CONNECT", title, Ok(()));
    list.findings.extend(target_findings(&mut conn, server, endpoint, selection).await);
    list.note("LOCAL_INFILE", "The target takes the fast way to load", local_infile(&mut conn).await);
    list.note("TARGET_PACKET", "The target takes large statements", packet(&mut conn).await);
    (list.findings, Some((conn, server)))
}

async fn number(conn: &mut Conn, name: &str) -> Result<Option<u64>> {
    let text = variable(conn, name).await?;
    // MariaDB has fractions of days.
    Ok(text.and_then(|text| text.parse::<f64>().ok()).map(|number| number as u64))
}

async fn retention(conn: &mut Conn) -> Result<()> {
    match log_kept_for(conn).await?.filter(|kept| kept.as_secs() < RETENTION_SECONDS) {
        None => Ok(()),
        Some(kept) => {
            let seconds = kept.as_secs();
            let what =
                format!("the source keeps its log for {seconds} s: a link that stops longer cannot go on");
            let remedy = "SET GLOBAL binlog_expire_logs_seconds = 604800 on the source";
            Err(Error::new(Code::LogGone, what).with_remedy(remedy))
        }
    }
}

/// How long the server keeps its log, unless that is for ever.
pub(crate) async fn log_kept_for(conn: &mut Conn) -> Result<Option<Duration>> {
    let seconds = match number(conn, "binlog_expire_logs_seconds").await? {
        Some(seconds) => Some(seconds),
        None => number(conn, "expire_logs_days").await?.map(|days| days * 24 * 3600),
    };
    Ok(seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

async fn gtid(conn: &mut Conn, server: Server) -> Result<()> {
    if server.mariadb || variable(conn, "gtid_mode").await?.is_none_or(|mode| mode == "ON") {
        return Ok(());
    }
    let what =
        "gtid_mode is off: positions are places in files of this server, so the link ends if it fails over";
    Err(Error::new(Code::BadSetting, what).with_remedy("turn gtid_mode on at the source, step by step"))
}

async fn metadata(conn: &mut Conn) -> Result<()> {
    if variable(conn, "binlog_row_metadata").await?.is_none_or(|value| value.eq_ignore_ascii_case("FULL")) {
        return Ok(());
    }
    let what =
        "binlog_row_metadata is MINIMAL: columns are known by their place, so the target may have no others";
    Err(Error::new(Code::BadSetting, what)
        .with_remedy("SET GLOBAL binlog_row_metadata = 'FULL' on the source"))
}

async fn objects(conn: &mut Conn, server: Server, selection: &Selection, list: &mut List) {
    let title = "Something is selected";
    let tables = match selected_tables(conn, selection).await {
        Ok(tables) if tables.is_empty() => {
            let what = format!("no table of the source fits {}", selection.fingerprint());
            return list.need("OBJECTS", title, Err(Error::new(Code::NothingSelected, what)));
        }
        Ok(tables) => tables,
        Err(error) => return list.need("OBJECTS", title, Err(error)),
    };
    list.need("OBJECTS", title, Ok(()));
    let keyless: Vec<&TableName> =
        tables.iter().filter(|table| table.key().is_none()).map(|table| &table.name).collect();
    let names: Vec<String> = keyless.iter().map(ToString::to_string).collect();
    let key = |name: &&TableName| {
        format!(
            "ALTER TABLE {}.{} ADD COLUMN row_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY",
            quote(&name.database),
            quote(&name.table)
        )
    };
    let statements: Vec<String> = keyless.iter().take(NAMES_MAX).map(key).collect();
    let advice = format!("{} on the source, or make columns of theirs the key", statements.join("; "));
    let what = "without a key: each change of them searches the whole table";
    list.note("KEYS", "Every table has a key", some(&names, what, &advice));
    let groups = cascade::groups_of(conn, server, &tables).await;
    let tied = groups.map(|groups| groups.keys().map(ToString::to_string).collect::<Vec<_>>());
    let advice =
        "nothing need be done; their copy cannot go on in the middle, and begins under a short read lock";
    let outcome = tied.and_then(|mut tied| {
        tied.sort();
        some(&tied, "copied as one, because foreign keys change their rows without a word in the log", advice)
    });
    list.note("CASCADES", "The log has what foreign keys do", outcome);
    let cut_off = cascade::may_be_cut_off(conn, server, &tables).await;
    let what = "changed by foreign keys: where two sessions meet in a deadlock there, this server logs changes \
                that it took back, and the link stops";
    let advice = "start the source with --innodb-native-foreign-keys=ON, if sessions change the same parents";
    let outcome = cut_off.and_then(|names| some(&names, what, advice));
    list.note("CUT_OFF_CASCADES", "The log has nothing of foreign keys that was taken back", outcome);
}

pub(super) fn some(names: &[String], what: &str, advice: &str) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    Err(Error::new(Code::BadSetting, format!("{first}{more}: {what}")).with_remedy(advice))
}

async fn local_infile(conn: &mut Conn) -> Result<()> {
    if super::can_load_local(conn).await? {
        return Ok(());
    }
    let what = "local_infile is off: the copy uses INSERT, which takes about twice as long";
    Err(Error::new(Code::BadSetting, what).with_remedy("SET GLOBAL local_infile = 1 on the target"))
}

async fn packet(conn: &mut Conn) -> Result<()> {
    match number(conn, "max_allowed_packet").await?.filter(|bytes| *bytes < PACKET_BYTES) {
        None => Ok(()),
        Some(bytes) => {
            let what = format!("max_allowed_packet is {bytes} bytes: a larger row would stop the link");
            let remedy = format!("SET GLOBAL max_allowed_packet = {PACKET_BYTES} on the target");
            Err(Error::new(Code::BadSetting, what).with_remedy(remedy))
        }
    }
}

/// Tables with rows, or other definitions, under the names that the copy needs.
async fn in_the_way(source: &mut Side, target: &mut Side, selection: &Selection) -> Result<()> {
    let wanted = definitions::read(&mut source.0, source.1, selection).await?;
    definitions::vet(&mut target.0, target.1, &wanted, selection).await
}

/// What has to be, or should be, the same on both sides.
async fn compare(source: &mut Side, target: &mut Side) -> Vec<Finding> {
    let mut list = List::new(FindingSide::Both);
    let case = same(
        source,
        target,
        "lower_case_table_names",
        "the target would confuse names that differ in case, or not find them",
    );
    list.need("LOWER_CASE_TABLE_NAMES", "Both treat the case of names alike", case.await);
    for (item, title, name, why) in [
        (
            "CHARACTER_SET",
            "Both have the same default character set",
            "character_set_server",
            "tables that do not name theirs would get another when made by hand",
        ),
        (
            "COLLATION",
            "Both have the same default collation",
            "collation_server",
            "tables that do not name theirs would sort otherwise when made by hand",
        ),
        (
            "SQL_MODE",
            "Both have the same sql_mode",
            "sql_mode",
            "applications may meet other rules after they move",
        ),
        (
            "TIME_ZONE",
            "Both have the same time zone",
            "time_zone",
            "NOW() gives applications other values after they move; copied rows are not touched",
        ),
    ] {
        let outcome = same(source, target, name, why).await;
        list.note(item, title, outcome);
    }
    let versions = if source.1.mariadb == target.1.mariadb && target.1.version < source.1.version {
        let what =
            "the target is of an older version than the source: it may not know all that the source has";
        Err(Error::new(Code::BadSetting, what).with_remedy("use a target of the same or a newer version"))
    } else {
        Ok(())
    };
    list.note("VERSION_ORDER", "The target is not older than the source", versions);
    list.findings
}

async fn same(source: &mut Side, target: &mut Side, name: &str, why: &str) -> Result<()> {
    let (here, there) = (variable(&mut source.0, name).await?, variable(&mut target.0, name).await?);
    if here == there {
        return Ok(());
    }
    let text = |value: Option<String>| value.unwrap_or_else(|| "not there".to_owned());
    let what =
        format!("{name} is {} on the source and {} on the target: {why}", text(here.clone()), text(there));
    let remedy = match here.filter(|_| name != "lower_case_table_names") {
        Some(value) => {
            format!("SET GLOBAL {name} = {} on the target, and in its configuration", quote_text(&value))
        }
        None => format!("make a target with the same {name}: it cannot be changed later"),
    };
    Err(Error::new(Code::BadSetting, what).with_remedy(remedy))
}
