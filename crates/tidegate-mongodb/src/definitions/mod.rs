//! Definitions on their way to the target: collections before the copy, their indexes and views after it.
//!
//! A [`Definition`] of [`Stage::Table`] is a collection, made without its indexes; one of [`Stage::Routine`] the indexes of a
//! collection, built once its documents are there; one of [`Stage::View`] a view. `detail` of each is the upper-case
//! hexadecimal of a BSON document `{kind, options, indexes}`, as the source's catalogue has them.

mod make;
pub(crate) mod normal;
pub(crate) mod server;
mod standing;
pub(crate) mod views;

pub(crate) use make::make;

use crate::catalog::OWN_DATABASES;
use crate::position::from_hex;
use bson::{Bson, Document};
use tidegate_model::{Code, Definition, Error, Result, Selection, Stage, TableName};

/// A definition, understood.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) stage: Stage,
    pub(crate) source: TableName,
    /// In the target, as everything below.
    pub(crate) name: TableName,
    pub(crate) options: Document,
    /// Complete: see [`normal::complete`].
    pub(crate) indexes: Vec<Document>,
}

impl Item {
    /// `None` for what needs not be made.
    fn of(definition: &Definition, selection: &Selection) -> Result<Option<Self>> {
        if !matches!(definition.stage, Stage::Table | Stage::Routine | Stage::View) {
            return Ok(None);
        }
        let source = definition.name.clone();
        let name = selection.map(&source.database, &source.table);
        if OWN_DATABASES.contains(&name.database.as_str()) {
            let what = format!("{source} would go into {}", name.database);
            return Err(Error::new(Code::BadPattern, what).with_remedy("rename it to a database of your own"));
        }
        let broken = || Error::new(Code::Internal, format!("the definition of {source} cannot be read"));
        let detail = from_hex(&definition.detail).ok_or_else(broken)?;
        let detail = server::decoded(&detail).map_err(|_| broken())?;
        let options = detail.get_document("options").cloned().unwrap_or_default();
        let options = if definition.stage == Stage::View {
            views::renamed(&source, &options, selection)?
        } else {
            options
        };
        let collated = options.contains_key("collation");
        let indexes = detail.get_array("indexes").map(Vec::as_slice).unwrap_or_default();
        let indexes =
            indexes.iter().filter_map(Bson::as_document).map(|spec| normal::complete(spec, collated));
        Ok(Some(Self { stage: definition.stage, name, indexes: indexes.collect(), options, source }))
    }
}

/// All of them in the order in which they are made.
fn plan(definitions: &[Definition], selection: &Selection) -> Result<Vec<Item>> {
    let items = definitions.iter().map(|one| Item::of(one, selection)).collect::<Result<Vec<_>>>()?;
    let mut items: Vec<Item> = items.into_iter().flatten().collect();
    items.sort_by_key(|item| item.stage);
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    #[test]
    fn definitions_are_understood() {
        let detail = doc! { "kind": "collection", "options": { "collation": { "locale": "en" } }, "indexes": [
            { "v": 2, "key": { "a": 1 }, "name": "a_1" },
        ] };
        let hex = crate::source::hex(&detail.to_vec().unwrap());
        let definition = |stage, detail: &str| Definition {
            stage,
            name: TableName::new("shop", "orders"),
            text: String::new(),
            detail: detail.to_owned(),
        };
        let selection = Selection::new(&[], &[], &["shop.*=store.*".to_owned()]).unwrap();
        let given = [
            definition(Stage::Routine, &hex),
            definition(Stage::Database, ""),
            definition(Stage::Table, &hex),
        ];
        let plan = plan(&given, &selection).unwrap();
        assert_eq!(plan.iter().map(|item| item.stage).collect::<Vec<_>>(), [Stage::Table, Stage::Routine]);
        assert_eq!(plan[1].name, TableName::new("store", "orders"));
        assert_eq!(plan[1].indexes[0].get_document("collation").ok(), Some(&doc! { "locale": "simple" }));
        assert!(super::plan(&[definition(Stage::Table, "0")], &selection).is_err());
        let own = Selection::new(&[], &[], &["shop.*=admin.*".to_owned()]).unwrap();
        assert_eq!(super::plan(&given, &own).unwrap_err().code(), Code::BadPattern);
    }
}
