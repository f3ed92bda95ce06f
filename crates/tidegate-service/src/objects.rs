//! Which tables take part, and whether their new names can be.

use std::collections::HashMap;
use tidegate_model::{Code, Error, Pattern, Result, Selection, TableName};

/// Which tables, in a person's words.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub rename: Vec<String>,
}

impl Objects {
    /// Errors name the option and the text at fault.
    pub fn read(&self) -> Result<Selection> {
        let bad = |why: String| Error::new(Code::BadPattern, why);
        for (option, texts) in [("--include", &self.include), ("--exclude", &self.exclude)] {
            for text in texts {
                Pattern::parse(text).map_err(|why| bad(format!("{option}: {why}")))?;
            }
        }
        Selection::new(&self.include, &self.exclude, &self.rename).map_err(|why| {
            let why = why.strip_prefix("rename: ").unwrap_or(&why);
            bad(format!("--rename: {why}"))
                .with_remedy("write a.b=c.d for a table, or a.*=c.* for a whole database")
        })
    }
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
