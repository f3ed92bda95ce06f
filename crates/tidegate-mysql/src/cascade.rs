//! What foreign keys do to child rows, where it does not stand in the log: ON DELETE CASCADE, SET NULL and the like inside
//! InnoDB. Applying lets the target's keys do the same; that is right only where parents and children are of one moment.

use crate::catalog::{self, ForeignKey, TableInfo};
use crate::connect::{Server, understand};
use crate::ddl::{Role, Scanned};
use crate::source::selects;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{HashMap, HashSet};
use tidegate_model::{Code, Error, Result, Selection, TableName};

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

/// The groups of the selected tables, where the server's log is silent: each table with the name that stands for its
/// group. Refuses children without their parents: what happens to their rows cannot be known.
pub(crate) async fn groups_of(
    conn: &mut Conn,
    server: Server,
    tables: &[TableInfo],
) -> Result<HashMap<TableName, TableName>> {
    if are_logged(conn, server).await? {
        return Ok(HashMap::new());
    }
    refuse_orphans(tables)?;
    Ok(groups(tables))
}

/// Tables that foreign keys tie together, if one of the keys changes rows: the others would stand in its way. The first
/// by order gives its name.
fn groups(tables: &[TableInfo]) -> HashMap<TableName, TableName> {
    let mut groups: HashMap<TableName, TableName> = HashMap::new();
    let known = |name: &TableName| tables.iter().any(|table| table.name == *name);
    for (child, key) in keys(tables).filter(|(_, key)| known(&key.parent)) {
        let of = |name: &TableName| groups.get(name).unwrap_or(name).clone();
        let (one, other) = (of(child), of(&key.parent));
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        groups.values_mut().filter(|group| **group == second).for_each(|group| group.clone_from(&first));
        for name in [child, &key.parent] {
            groups.insert(name.clone(), first.clone());
        }
    }
    let acting: HashSet<TableName> =
        cascading(tables).filter_map(|(child, _)| groups.get(child).cloned()).collect();
    groups.retain(|_, group| acting.contains(group));
    groups
}

/// Children whose changes the server may log although it took them back: see `statement.rs`.
pub(crate) async fn may_be_cut_off(
    conn: &mut Conn,
    server: Server,
    tables: &[TableInfo],
) -> Result<Vec<String>> {
    if !are_logged(conn, server).await? {
        return Ok(Vec::new());
    }
    let children: HashSet<String> = cascading(tables).map(|(child, _)| child.to_string()).collect();
    let mut children: Vec<String> = children.into_iter().collect();
    children.sort();
    Ok(children)
}

fn refuse_orphans(tables: &[TableInfo]) -> Result<()> {
    let absent = |parent: &TableName| tables.iter().all(|table| table.name != *parent);
    match cascading(tables).find(|(_, parent)| absent(parent)) {
        None => Ok(()),
        Some((child, parent)) => Err(orphan(child, parent)),
    }
}

fn orphan(child: &TableName, parent: &TableName) -> Error {
    let what = format!("{child} changes with {parent}, which is not selected");
    let remedy = format!("--include '{parent}' too, or --exclude '{child}'");
    Error::new(Code::UnloggedCascade, what).with_remedy(remedy)
}

/// What a schema change says about foreign keys to tables outside of the selection.
pub(crate) struct NewKeys {
    /// As the source calls them.
    children: Vec<TableName>,
    strangers: Vec<TableName>,
}

impl NewKeys {
    /// Of a log that is not `silent` there is nothing to fear.
    pub(crate) fn of(scanned: &Scanned, selection: &Selection, silent: bool) -> Self {
        let names = |wanted: Role, is_ours: bool| -> Vec<TableName> {
            let names = scanned.tables.iter().filter(|name| silent && name.role == wanted);
            let names = names.filter_map(|name| {
                let database = scanned.database_of(name)?;
                let fits = selects(selection, database, &name.table) == is_ours;
                fits.then(|| TableName::new(database, &name.table))
            });
            names.collect()
        };
        Self { children: names(Role::Target, true), strangers: names(Role::Reference, false) }
    }
}

/// Refuses a key that came with a schema change, if it changes rows with a table that the link does not see.
pub(crate) async fn refuse_strangers(conn: &mut Conn, new: &NewKeys, selection: &Selection) -> Result<()> {
    if new.strangers.is_empty() {
        return Ok(());
    }
    for child in &new.children {
        let there = selection.map(&child.database, &child.table);
        let found =
            catalog::read(conn, std::slice::from_ref(&there.database), &|_, table| table == there.table)
                .await?;
        let parents = cascading(&found).map(|(_, parent)| parent);
        let met = parents.filter_map(|parent| {
            new.strangers.iter().find(|one| selection.map(&one.database, &one.table) == *parent)
        });
        if let Some(stranger) = met.into_iter().next() {
            return Err(orphan(child, stranger)
                .with_remedy(format!("begin a new link that selects {stranger} too, or not {child}")));
        }
    }
    Ok(())
}

/// Child and parent of every key that changes the child's rows.
fn cascading(tables: &[TableInfo]) -> impl Iterator<Item = (&TableName, &TableName)> {
    keys(tables).filter(|(_, key)| key.cascades).map(|(child, key)| (child, &key.parent))
}

fn keys(tables: &[TableInfo]) -> impl Iterator<Item = (&TableName, &ForeignKey)> {
    tables.iter().flat_map(|table| table.parents.iter().map(move |key| (&table.name, key)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            table("x", &[("y", false), ("unselected", false)]),
            table("y", &[]),
        ];
        let groups = groups(&tables);
        let of = |name: &str| groups.get(&TableName::new("d", name)).map(|group| group.table.as_str());
        // z stands in the way of what happens to b.
        for name in ["a", "b", "c", "d", "e", "z"] {
            assert_eq!(of(name), Some("a"), "{name}");
        }
        assert_eq!((of("self"), of("x"), of("y")), (Some("self"), None, None));
        refuse_orphans(&tables).unwrap();
        let error = refuse_orphans(&tables[..3]).unwrap_err();
        assert_eq!(error.code(), Code::UnloggedCascade);
        assert!(error.to_string().contains("d.e changes with d.d"), "{error}");
    }
}
