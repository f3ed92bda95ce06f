//! Views under the target's names: what they read, and what their pipelines name, may be called otherwise there.

use bson::{Bson, Document};
use tidegate_model::{Code, Error, Result, Selection, TableName};

/// `viewOn` and `pipeline` as the target calls what they name. Refuses a view that would read another database.
pub(crate) fn renamed(view: &TableName, options: &Document, selection: &Selection) -> Result<Document> {
    let names = Names { view, selection, database: selection.map(&view.database, &view.table).database };
    let mut options = options.clone();
    for (name, value) in options.iter_mut() {
        match (name.as_str(), value) {
            ("viewOn", Bson::String(on)) => *on = names.map(on)?,
            ("pipeline", value) => names.pipeline(value)?,
            _ => {}
        }
    }
    Ok(options)
}

struct Names<'a> {
    view: &'a TableName,
    selection: &'a Selection,
    /// Where the view will be.
    database: String,
}

impl Names<'_> {
    fn map(&self, name: &str) -> Result<String> {
        let to = self.selection.map(&self.view.database, name);
        if to.database == self.database {
            return Ok(to.table);
        }
        let what = format!("view {}: it reads {name}, which will be {to}, in another database", self.view);
        Err(Error::new(Code::BadPattern, what)
            .with_remedy("rename the view into the same database as what it reads, or exclude it"))
    }

    fn pipeline(&self, value: &mut Bson) -> Result<()> {
        let Bson::Array(stages) = value else { return Ok(()) };
        for stage in stages {
            let Bson::Document(stage) = stage else { continue };
            for (name, value) in stage.iter_mut() {
                self.stage(name, value)?;
            }
        }
        Ok(())
    }

    fn stage(&self, name: &str, value: &mut Bson) -> Result<()> {
        match (name, value) {
            ("$unionWith", Bson::String(other)) => *other = self.map(other)?,
            ("$lookup" | "$graphLookup" | "$unionWith", Bson::Document(stage)) => {
                for (name, value) in stage.iter_mut() {
                    match (name.as_str(), value) {
                        ("from" | "coll", Bson::String(other)) => *other = self.map(other)?,
                        ("pipeline", value) => self.pipeline(value)?,
                        _ => {}
                    }
                }
            }
            ("$facet", Bson::Document(facets)) => {
                for (_, value) in facets.iter_mut() {
                    self.pipeline(value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    #[test]
    fn names_in_views_follow_the_renames() {
        let renames = ["shop.orders=shop.sales".to_owned(), "shop.gone=other.gone".to_owned()];
        let selection = Selection::new(&[], &[], &renames).unwrap();
        let view = TableName::new("shop", "v");
        let options = |on: &str, name: &str| {
            doc! { "viewOn": on, "pipeline": [
                { "$lookup": { "from": name, "as": "orders", "pipeline": [{ "$unionWith": name }] } },
                { "$facet": { "a": [{ "$graphLookup": { "from": name } }, { "$unionWith": { "coll": name } }] } },
                { "$match": { "from": "orders" } },
            ] }
        };
        assert_eq!(
            renamed(&view, &options("orders", "orders"), &selection).unwrap(),
            options("sales", "sales")
        );
        assert_eq!(
            renamed(&view, &options("items", "items"), &selection).unwrap(),
            options("items", "items")
        );
        let error = renamed(&view, &options("items", "gone"), &selection).unwrap_err();
        assert_eq!(error.code(), Code::BadPattern);
    }
}
