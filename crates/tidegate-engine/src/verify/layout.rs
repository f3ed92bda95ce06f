//! Which table is compared with which, and in which form.

use std::collections::HashMap;
use std::sync::Arc;
use tidegate_model::{
    Code, Comparable, ComparedKey, ComparedTable, Error, Layout, LayoutColumn, Result, RowHash, Selection,
    TableName, Wanted,
};

/// A table of the source and its image.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) source: TableName,
    pub(super) target: TableName,
    pub(super) rows_estimated: u64,
    pub(super) layout: Arc<Layout>,
    /// Whether both sides can be read in ranges of the key.
    pub(super) ordered: bool,
}

/// Every selected table with its image, and what has none.
pub(super) async fn pairs(
    source: &dyn Comparable,
    target: &dyn Comparable,
    selection: &Selection,
) -> Result<(Vec<Pair>, Vec<(TableName, String)>)> {
    let tables = source.tables(Wanted::Selected(selection)).await?;
    if tables.is_empty() {
        // To call it identical would be true and of no use.
        return Err(Error::new(Code::NothingSelected, "the source has no table to compare"));
    }
    let names: Vec<TableName> =
        tables.iter().map(|table| selection.map(&table.name.database, &table.name.table)).collect();
    let images = target.tables(Wanted::Named(&names)).await?;
    let mut pairs = Vec::new();
    let mut absent = Vec::new();
    for (table, name) in tables.iter().zip(&names) {
        match find(&images, name) {
            Some(image) => pairs.push(pair(table, image, &mut absent)),
            None => {
                absent.push((table.name.clone(), format!("the table is missing in the target (as {name})")))
            }
        }
    }
    Ok((pairs, absent))
}

/// The table of this name; if there is none, the only one whose name differs in upper and lower case only: a server may
/// keep its names in lower case.
fn find<'a>(images: &'a [ComparedTable], name: &TableName) -> Option<&'a ComparedTable> {
    let folded = |name: &TableName| (name.database.to_lowercase(), name.table.to_lowercase());
    let mut alike = images.iter().filter(|image| folded(&image.name) == folded(name));
    images
        .iter()
        .find(|image| image.name == *name)
        .or_else(|| alike.next().filter(|_| alike.next().is_none()))
}

fn pair(source: &ComparedTable, target: &ComparedTable, absent: &mut Vec<(TableName, String)>) -> Pair {
    let places: HashMap<String, usize> =
        target.columns.iter().enumerate().map(|(at, column)| (column.name.to_lowercase(), at)).collect();
    // For each column of the source its place in the target and in the layout.
    let mut common: Vec<Option<(usize, usize)>> = Vec::new();
    let mut columns = Vec::new();
    for column in &source.columns {
        let place = places.get(&column.name.to_lowercase()).copied();
        common.push(place.map(|place| (place, columns.len())));
        match place {
            Some(place) => {
                let exact = column.form == target.columns[place].form;
                columns.push(LayoutColumn { name: column.name.clone(), exact });
            }
            None => {
                absent.push((source.name.clone(), format!("column {} is missing in the target", column.name)))
            }
        }
    }
    for column in &target.columns {
        if !columns.iter().any(|known| known.name.to_lowercase() == column.name.to_lowercase()) {
            absent.push((source.name.clone(), format!("column {} is in the target only", column.name)));
        }
    }
    let usable = source.keys.iter().filter(|key| key.columns.iter().all(|place| common[*place].is_some()));
    let ordered = usable.clone().find(|key| sorts_alike(source, target, key, &common));
    let key = ordered.or_else(|| usable.clone().next());
    let in_layout = |place: &usize| common[*place].expect("usable keys have common columns only").1;
    let key = key.map(|key| key.columns.iter().map(in_layout).collect()).unwrap_or_default();
    Pair {
        source: source.name.clone(),
        target: target.name.clone(),
        rows_estimated: source.rows_estimated,
        layout: Arc::new(Layout { columns, key, hash: RowHash::default() }),
        ordered: ordered.is_some(),
    }
}

/// Whether the target has the same key, and both can be read in its order.
fn sorts_alike(
    source: &ComparedTable,
    target: &ComparedTable,
    key: &ComparedKey,
    common: &[Option<(usize, usize)>],
) -> bool {
    let images: Option<Vec<usize>> =
        key.columns.iter().map(|place| common[*place].map(|(image, _)| image)).collect();
    let Some(images) = images else { return false };
    let alike = key.columns.iter().zip(&images).all(|(place, image)| {
        let (one, other) = (&source.columns[*place], &target.columns[*image]);
        one.order == other.order && one.form == other.form
    });
    alike && key.sorted && target.keys.iter().any(|other| other.sorted && other.columns == images)
}
