//! Rules for single collections: which of them this engine can carry out.

use tidegate_model::{Changes, Code, Error, Result, Rule, SchemaChanges, Selection};

use crate::connect::Endpoint;

/// Whether the rules can be carried out at all: no server is asked.
pub(crate) fn read_rules(selection: &Selection) -> Result<()> {
    selection.rules().iter().try_for_each(read_rule)
}

/// The same: nothing about them depends on a server.
pub(crate) fn check_rules(_: &Endpoint, selection: &Selection) -> Result<()> {
    read_rules(selection)
}

fn read_rule(rule: &Rule) -> Result<()> {
    let refused = [
        (rule.filter.is_some(), "filter", "conditions over documents"),
        (!rule.columns.are_all(), "columns", "choices of fields"),
        (rule.changes != Changes::ALL, "changes", "choices of inserts, updates and deletes"),
        (rule.schema_changes != SchemaChanges::ALL, "schema_changes", "choices of schema changes"),
    ];
    let Some((_, field, what)) = refused.into_iter().find(|(is_there, ..)| *is_there) else { return Ok(()) };
    let tables = rule.tables.as_str();
    let what = format!("the rule for {tables} has {field}: {what} are not there yet for MongoDB");
    Err(Error::new(Code::NotYet, what).with_remedy(format!(
        "take {field} out of the rule for {tables}: collections are carried over whole"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{Columns, Pattern};

    #[test]
    fn what_is_not_carried_out_is_refused_by_its_name() {
        let rule = || Rule::new(Pattern::parse("shop.orders").unwrap());
        let with = |rule: Rule| Selection::default().with_rules(vec![rule]).unwrap();
        assert!(read_rules(&with(rule())).is_ok());
        for (rule, field) in [
            (Rule { filter: Some("id > 5".to_owned()), ..rule() }, "filter"),
            (Rule { columns: Columns::parse("id").unwrap(), ..rule() }, "columns"),
            (Rule { changes: Changes { delete: false, ..Changes::ALL }, ..rule() }, "changes"),
            (
                Rule { schema_changes: SchemaChanges { drop: false, ..SchemaChanges::ALL }, ..rule() },
                "schema_changes",
            ),
        ] {
            let error = read_rules(&with(rule)).unwrap_err();
            assert_eq!(error.code(), Code::NotYet);
            assert!(error.message().contains(&format!("shop.orders has {field}")), "{error}");
        }
    }
}
