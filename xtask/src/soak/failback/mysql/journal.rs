//! Who wrote what, by the server's own log: every transaction there says who committed it, and nothing of ours is asked.

use tidegate_sandbox::{Flavour, Server};

use crate::soak::failback::stage::Written;

/// Reads one server's log file by file, each part once.
pub(super) struct Journal {
    /// The first log file that was not counted yet.
    next: String,
    /// The server's own number, which MariaDB notes with every transaction that no link marks.
    server_id: String,
}

impl Journal {
    /// From now on.
    pub(super) fn begin(server: &Server) -> Result<Journal, String> {
        let server_id = server.sql("SELECT @@GLOBAL.server_id")?;
        Ok(Journal { next: turned(server)?, server_id })
    }

    /// What was written since this was last asked. Nobody may be writing now: what stands open is not counted.
    pub(super) fn read(&mut self, server: &Server, database: &str) -> Result<Written, String> {
        let end = turned(server)?;
        let from = std::mem::replace(&mut self.next, end);
        let files = log_files(server)?;
        let mut written = Written::default();
        for file in files.iter().filter(|file| **file >= from && **file < self.next) {
            let events = server.sql(&format!("SHOW BINLOG EVENTS IN '{file}'"))?;
            let found = count(&events, server.flavour(), &self.server_id, database);
            written.by_applications += found.by_applications;
            written.by_links += found.by_links;
        }
        Ok(written)
    }
}

/// Begins a new log file, and answers its name.
fn turned(server: &Server) -> Result<String, String> {
    server.sql("FLUSH BINARY LOGS")?;
    log_files(server)?.pop().ok_or_else(|| "the server has no log".to_owned())
}

/// Their numbers are of one length, so that their names are in order.
fn log_files(server: &Server) -> Result<Vec<String>, String> {
    let logs = server.sql("SHOW BINARY LOGS")?;
    Ok(logs.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect())
}

/// Goes through `Log_name, Pos, Event_type, Server_id, End_log_pos, Info`. A transaction touches a database if one of its
/// table maps or statements names it.
fn count(events: &str, flavour: Flavour, server_id: &str, database: &str) -> Written {
    let mut written = Written::default();
    // Of the transaction that is read: whether it has a link's mark, and whether it was counted.
    let (mut marked, mut counted) = (false, true);
    for line in events.lines() {
        let fields: Vec<&str> = line.splitn(6, '\t').collect();
        let &[_, _, kind, writer, _, info] = fields.as_slice() else { continue };
        if kind.starts_with("Gtid") && kind != "Gtid_list" {
            marked = match flavour {
                Flavour::Mysql => has_tag(info),
                Flavour::Mariadb => writer != server_id,
            };
            counted = false;
        } else if !counted && matches!(kind, "Table_map" | "Query") && info.contains(database) {
            counted = true;
            *if marked { &mut written.by_links } else { &mut written.by_applications } += 1;
        }
    }
    written
}

/// `SET @@SESSION.GTID_NEXT= 'uuid:tag:number'`, where the tag may be missing.
fn has_tag(info: &str) -> bool {
    info.split('\'').nth(1).is_some_and(|gtid| gtid.matches(':').count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mysql_marks_by_tag() {
        let events = "binlog.000002\t4\tFormat_desc\t1\t127\tServer ver\n\
            binlog.000002\t158\tGtid\t1\t237\tSET @@SESSION.GTID_NEXT= '3e11fa47-71ca-11e1-9e33-c80aa9429562:23'\n\
            binlog.000002\t237\tQuery\t1\t312\tBEGIN\n\
            binlog.000002\t312\tTable_map\t1\t372\ttable_id: 99 (load.t)\n\
            binlog.000002\t312\tTable_map\t1\t372\ttable_id: 98 (load.u)\n\
            binlog.000002\t446\tXid\t1\t477\tCOMMIT /* xid=58 */\n\
            binlog.000002\t477\tGtid_tagged\t1\t560\tSET @@SESSION.GTID_NEXT= '3e11fa47-71ca-11e1-9e33-c80aa9429562:tidegate_1:5'\n\
            binlog.000002\t560\tQuery\t1\t690\tuse `load`; CREATE TABLE made (id INT)\n\
            binlog.000002\t690\tGtid_tagged\t1\t760\tSET @@SESSION.GTID_NEXT= '3e11fa47-71ca-11e1-9e33-c80aa9429562:tidegate_1:6'\n\
            binlog.000002\t760\tTable_map\t1\t820\ttable_id: 90 (tidegate.permit)";
        let found = count(events, Flavour::Mysql, "1", "load");
        assert_eq!(found, Written { by_applications: 1, by_links: 1 });
    }

    #[test]
    fn mariadb_marks_by_server_id() {
        let events = "binlog.000002\t256\tGtid_list\t1\t299\t[0-1-9]\n\
            binlog.000002\t299\tGtid\t1\t341\tBEGIN GTID 0-1-10\n\
            binlog.000002\t341\tTable_map\t1\t390\ttable_id: 30 (load.t)\n\
            binlog.000002\t390\tGtid\t3400000000\t441\tBEGIN GTID 0-3400000000-11\n\
            binlog.000002\t441\tTable_map\t3400000000\t490\ttable_id: 30 (load.t)";
        let found = count(events, Flavour::Mariadb, "1", "load");
        assert_eq!(found, Written { by_applications: 1, by_links: 1 });
    }
}
