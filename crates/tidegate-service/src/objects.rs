//! Which tables take part, and whether their new names can be.

use std::collections::HashMap;
use tidegate_api::{ChangeKind, Existing, ObjectRule, Objects, SchemaChangeKind};
use tidegate_model::{
    Changes, Code, Columns, Error, Pattern, Result, Rule, SchemaChanges, Selection, TableName,
};

fn bad(why: String) -> Error {
    Error::new(Code::BadPattern, why)
}

/// Reads a person's words. Errors name the option and the text at fault.
pub(crate) fn read(objects: &Objects) -> Result<Selection> {
    for (option, texts) in [("--include", &objects.include), ("--exclude", &objects.exclude)] {
        for text in texts {
            Pattern::parse(text).map_err(|why| bad(format!("{option}: {why}")))?;
        }
    }
    let selection = Selection::new(&objects.include, &objects.exclude, &objects.rename).map_err(|why| {
        let why = why.strip_prefix("rename: ").unwrap_or(&why);
        bad(format!("--rename: {why}"))
            .with_remedy("write a.b=c.d for a table, or a.*=c.* for a whole database")
    })?;
    let rules = objects.rules.iter().map(read_rule).collect::<Result<Vec<_>>>()?;
    let selection = selection.with_rules(rules).map_err(bad)?;
    Ok(selection.keeping_rows(objects.existing == Existing::Keep))
}

fn read_rule(rule: &ObjectRule) -> Result<Rule> {
    let tables = Pattern::parse(&rule.tables).map_err(|why| bad(format!("a rule's tables: {why}")))?;
    let mut read = Rule::new(tables);
    read.filter = rule.filter.clone();
    if let Some(columns) = &rule.columns {
        read.columns =
            Columns::parse(columns).map_err(|why| bad(format!("the rule for {}: {why}", rule.tables)))?;
    }
    if let Some(kinds) = &rule.changes {
        read.changes = Changes {
            insert: kinds.contains(&ChangeKind::Insert),
            update: kinds.contains(&ChangeKind::Update),
            delete: kinds.contains(&ChangeKind::Delete),
        };
    }
    if let Some(kinds) = &rule.schema_changes {
        read.schema_changes = SchemaChanges {
            create: kinds.contains(&SchemaChangeKind::Create),
            alter: kinds.contains(&SchemaChangeKind::Alter),
            drop: kinds.contains(&SchemaChangeKind::Drop),
            rename: kinds.contains(&SchemaChangeKind::Rename),
            truncate: kinds.contains(&SchemaChangeKind::Truncate),
        };
    }
    Ok(read)
}

/// The same objects for the way back. What cannot be turned around is named.
pub(crate) fn turned(objects: &Objects) -> Result<Objects> {
    let cannot = |why: String| {
        let what = format!("the choice of objects cannot be turned around: {why}");
        Err(Error::new(Code::NotYet, what)
            .with_remedy("make an instance without that, if it is to have a reverse"))
    };
    if let Some(rule) = objects.rules.first() {
        return cannot(format!("{} has a rule", rule.tables));
    }
    if objects.existing == Existing::Keep {
        return cannot("the target has rows of its own".to_owned());
    }
    let selection = read(objects)?;
    let mut rename = Vec::new();
    for text in &objects.rename {
        let (from, to) = text.split_once('=').unwrap_or((text, text));
        rename.push(format!("{}={}", to.trim(), from.trim()));
    }
    let turn = |patterns: &[String]| -> Result<Vec<String>> {
        patterns.iter().map(|text| turned_pattern(text, &selection, !rename.is_empty())).collect()
    };
    let (mut include, exclude) = (turn(&objects.include)?, turn(&objects.exclude)?);
    // A table that has another name than its database gives it is named for itself.
    let single = rename.iter().filter_map(|text| text.split_once('=')).map(|(from, _)| from.to_owned());
    if !include.is_empty() {
        include.extend(single.filter(|from| !from.ends_with(".*")));
    }
    Ok(Objects { include, exclude, rename, ..Objects::default() })
}

fn turned_pattern(text: &str, selection: &Selection, renames: bool) -> Result<String> {
    if !renames {
        return Ok(text.to_owned());
    }
    let (database, table) = text.split_once('.').unwrap_or((text, "*"));
    if database.contains(['*', '?', '`', '\\']) || table.contains('`') {
        let what = format!("the choice of objects cannot be turned around: '{text}' with other names");
        return Err(Error::new(Code::NotYet, what).with_remedy("name the databases one by one"));
    }
    Ok(format!("{}.{table}", selection.map_database(database)))
}

/// On one server every table must get a name that does not belong to the link itself, or its changes would come back.
/// Answers what is against it.
pub(crate) fn stays_within(selection: &Selection, names: &[&TableName]) -> Option<String> {
    names.iter().find_map(|name| {
        let mapped = selection.map(&name.database, &name.table);
        if mapped == **name {
            return Some(format!("{name} keeps its name"));
        }
        let selected = selection.selects(&mapped.database, &mapped.table);
        selected.then(|| format!("{name} becomes {mapped}, which is selected itself"))
    })
}

/// Two tables must not become one.
pub(crate) fn collisions(selection: &Selection, names: &[&TableName]) -> Result<()> {
    let mut seen = HashMap::new();
    for name in names {
        let mapped = selection.map(&name.database, &name.table);
        if let Some(other) = seen.insert(mapped.clone(), *name) {
            let what = format!("--rename: {other} and {name} would both become {mapped}");
            return Err(
                Error::new(Code::BadPattern, what).with_remedy("rename one of them to something else")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: &[&str]) -> Vec<String> {
        of.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn one_server_needs_new_names_for_everything() {
        let all = [TableName::new("shop", "a"), TableName::new("shop", "b")];
        let names: Vec<_> = all.iter().collect();
        for (include, rename, fits) in [
            (&["shop.*"][..], &["shop.*=store.*"][..], true),
            (&["*.*"], &["shop.*=store.*"], false),
            (&["shop.*"], &["shop.a=shop.c"], false),
            (&["shop.*"], &["shop.a=store.a"], false),
            (&["shop.a", "shop.b"], &["shop.a=shop.c", "shop.b=shop.d"], true),
        ] {
            let selection = Selection::new(&texts(include), &[], &texts(rename)).unwrap();
            assert_eq!(stays_within(&selection, &names).is_none(), fits, "{include:?} {rename:?}");
        }
    }

    #[test]
    fn two_tables_do_not_become_one() {
        let all = [TableName::new("shop", "a"), TableName::new("crm", "a")];
        let names: Vec<_> = all.iter().collect();
        let check = |rename: &[&str]| collisions(&Selection::new(&[], &[], &texts(rename)).unwrap(), &names);
        check(&["shop.*=store.*"]).unwrap();
        for bad in [&["shop.*=crm.*"][..], &["shop.a=x.y", "crm.a=x.y"]] {
            assert_eq!(check(bad).unwrap_err().code(), Code::BadPattern);
        }
    }
}
