//! What foreign keys do to child rows, where it does not stand in the log: ON DELETE CASCADE, SET NULL and the like inside
//! InnoDB. Applying lets the target's keys do the same; that is right only where parents and children are of one moment.

use crate::catalog::TableInfo;
use crate::connect::{Server, understand};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::HashMap;
use tidegate_model::{Code, Error, Result, TableName};

/// Whether the server's log has it: from MySQL 9.6 on, unless InnoDB does it itself.
pub(crate) async fn are_logged(conn: &mut Conn, server: Server) -> Result<bool> {
    if !server.is_mysql_from((9, 6, 0)) {
        return Ok(false);
    }
    let native: Option<(String, String)> = conn
        .query_first("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'")
        .await
        .map_err(understand)?;
    Ok(native.is_none_or(|(_, value)| value == "OFF"))
}

/// Tables that such keys tie together, each with the name that stands for all of them: the first by order.
pub(crate) fn groups(tables: &[TableInfo]) -> HashMap<TableName, TableName> {
    let mut groups: HashMap<TableName, TableName> = HashMap::new();
    for (child, parent) in pairs(tables) {
        let of = |name: &TableName| groups.get(name).unwrap_or(name).clone();
        let (one, other) = (of(child), of(parent));
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        groups.values_mut().filter(|group| **group == second).for_each(|group| group.clone_from(&first));
        for name in [child, parent] {
            groups.insert(name.clone(), first.clone());
        }
    }
    groups
}

/// Refuses children without their parents: what happens to their rows cannot be known.
pub(crate) fn refuse_orphans(tables: &[TableInfo]) -> Result<()> {
    let absent = |parent: &TableName| tables.iter().all(|table| table.name != *parent);
    let Some((child, parent)) = pairs(tables).find(|(_, parent)| absent(parent)) else { return Ok(()) };
    let what = format!("{child} changes with {parent}, which is not selected");
    let remedy = format!("--include '{parent}' too, or --exclude '{child}'");
    Err(Error::new(Code::UnloggedCascade, what).with_remedy(remedy))
}

/// Child and parent of every key that changes the child's rows.
fn pairs(tables: &[TableInfo]) -> impl Iterator<Item = (&TableName, &TableName)> {
    let keys = tables.iter().flat_map(|table| table.parents.iter().map(move |key| (table, key)));
    keys.filter(|(_, key)| key.cascades).map(|(table, key)| (&table.name, &key.parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ForeignKey;

    fn table(name: &str, parents: &[(&str, bool)]) -> TableInfo {
        let key = |(parent, cascades): &(&str, bool)| ForeignKey {
            columns: vec![0],
            parent: TableName::new("d", *parent),
            parent_columns: vec!["id".to_owned()],
            cascades: *cascades,
        };
        TableInfo {
            parents: parents.iter().map(key).collect(),
            ..TableInfo::named(TableName::new("d", name))
        }
    }

    #[test]
    fn tables_that_change_each_other_are_one_group() {
        let tables = [
            table("e", &[("d", true)]),
            table("b", &[("a", true), ("z", false)]),
            table("c", &[("d", true), ("b", true)]),
            table("a", &[]),
            table("d", &[]),
            table("self", &[("self", true)]),
            table("z", &[]),
        ];
        let groups = groups(&tables);
        let of = |name: &str| groups.get(&TableName::new("d", name)).map(|group| group.table.as_str());
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(of(name), Some("a"), "{name}");
        }
        assert_eq!((of("self"), of("z")), (Some("self"), None));
        refuse_orphans(&tables).unwrap();
        let error = refuse_orphans(&tables[..3]).unwrap_err();
        assert_eq!(error.code(), Code::UnloggedCascade);
        assert!(error.to_string().contains("d.e changes with d.d"), "{error}");
    }
}
