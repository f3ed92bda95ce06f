//! A table's definition with fewer columns, or with columns under other names.

use super::text::{Word, replaced, words};
use crate::connect::quote;
use tidegate_model::{Code, Columns, Error, Result, Selection, TableName};

/// The CREATE TABLE of the source with the columns that take part, under their names in the target. Indexes and
/// constraints over a column that does not take part go with it; an index that is unique must be whole.
pub(super) fn shaped(text: &str, table: &TableName, selection: &Selection) -> Result<String> {
    let Some(rule) = selection.rule(&table.database, &table.table).filter(|rule| !rule.columns.are_all())
    else {
        return Ok(text.to_owned());
    };
    let shape = Shape { table, columns: &rule.columns, selection };
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let mut kept = Vec::new();
    let mut names = Vec::new();
    let mut tail = String::new();
    for line in lines {
        if tail.is_empty() && !line.starts_with(')') {
            let item = line.trim_end().trim_end_matches(',');
            names.extend(words(item).first().and_then(Word::name));
            kept.extend(shape.item(item)?);
        } else {
            tail.push('\n');
            tail.push_str(line);
        }
    }
    shape.need_columns(&names)?;
    shape.refuse_partitions(&tail)?;
    Ok(format!("{head}\n{}{tail}", kept.join(",\n")))
}

struct Shape<'a> {
    table: &'a TableName,
    columns: &'a Columns,
    selection: &'a Selection,
}

impl Shape<'_> {
    fn refuse(&self, what: &str) -> Error {
        Error::new(Code::BadPattern, format!("columns of {}: {what}", self.table))
            .with_remedy("change the columns of the rule, or take the table as it is")
    }

    fn need_columns(&self, names: &[String]) -> Result<()> {
        let is_there = |name: &&str| names.iter().any(|one| one.to_lowercase() == name.to_lowercase());
        match self.columns.named().find(|name| !is_there(name)) {
            Some(name) => Err(self.refuse(&format!("the source has no column {name}"))),
            None => Ok(()),
        }
    }

    fn refuse_partitions(&self, tail: &str) -> Result<()> {
        let found = words(tail);
        let Some(from) = found.iter().position(|word| word.is("PARTITION")) else { return Ok(()) };
        let name = |word: &Word<'_>| word.name().unwrap_or_else(|| word.text.to_owned());
        let changed = |word: &&Word<'_>| {
            let name = name(word);
            !word.text.starts_with(['\'', '"'])
                && self.columns.named().any(|one| one.to_lowercase() == name.to_lowercase())
                && self.columns.target_name(&name) != Some(&name)
        };
        match found[from..].iter().find(changed) {
            Some(word) => Err(self.refuse(&format!("its partitions need {} under its name", name(word)))),
            None => Ok(()),
        }
    }

    /// A column, an index or a constraint as it is in the target; `None` if it does not take part.
    fn item(&self, item: &str) -> Result<Option<String>> {
        let found = words(item);
        let is_column = found.first().is_some_and(|word| word.name().is_some());
        let is = |at: usize, word: &str| found.get(at).is_some_and(|one| one.is(word));
        let is_unique = is(0, "PRIMARY") || is(0, "UNIQUE");
        // Before its brackets stands the name of an index, which is no column.
        let brackets = || found.iter().position(|word| word.is("(")).unwrap_or(found.len());
        let from = if is_column { 0 } else { brackets() };
        let reference = found.iter().position(|word| word.is("REFERENCES")).unwrap_or(found.len());
        let mut edits = Vec::new();
        let mut left_out = Vec::new();
        let mut taken = 0;
        for word in &found[from..reference.max(from)] {
            let Some(name) = word.name() else { continue };
            match self.columns.target_name(&name) {
                None => left_out.push(name),
                Some(target) => {
                    taken += 1;
                    edits.push((word.start..word.end(), quote(target)));
                }
            }
        }
        if is_unique && !left_out.is_empty() && (taken > 0 || is(0, "PRIMARY")) {
            let what =
                format!("{} is part of a key and must be taken too: {}", left_out.join(", "), item.trim());
            return Err(self.refuse(&what));
        }
        if is_column && !left_out.is_empty() && found[0].name().as_ref() != left_out.first() {
            let what = format!("{} is made from {}: leave out both", found[0].text, left_out.join(", "));
            return Err(self.refuse(&what));
        }
        if !left_out.is_empty() {
            return Ok(None);
        }
        edits.extend(self.parent_columns(&found[reference..]));
        Ok(Some(replaced(item, edits)))
    }

    /// The columns of a foreign key's parent, as the parent's own rule has them.
    fn parent_columns(&self, found: &[Word<'_>]) -> Vec<(std::ops::Range<usize>, String)> {
        let names: Vec<String> =
            found.iter().skip(1).take_while(|word| !word.is("(")).filter_map(Word::name).collect();
        let parent = match names.as_slice() {
            [table] => TableName::new(&self.table.database, table),
            [database, table] => TableName::new(database, table),
            _ => return Vec::new(),
        };
        let Some(rule) = self.selection.rule(&parent.database, &parent.table) else { return Vec::new() };
        let inside = found.iter().skip_while(|word| !word.is("(")).take_while(|word| !word.is(")"));
        inside
            .filter_map(|word| {
                Some((word.start..word.end(), quote(rule.columns.target_name(&word.name()?)?)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::{Pattern, Rule};

    const TABLE: &str = "CREATE TABLE `order` (
  `id` bigint NOT NULL,
  `cust,omer` int DEFAULT NULL COMMENT 'a, `note`',
  `note` text,
  `twice` int GENERATED ALWAYS AS ((`cust,omer` * 2)) VIRTUAL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `note` (`cust,omer`,`id`),
  KEY `by_note` (`note`(10)),
  CONSTRAINT `c` CHECK ((`cust,omer` > 0)),
  CONSTRAINT `f` FOREIGN KEY (`cust,omer`) REFERENCES `parent` (`id`)
) ENGINE=InnoDB COMMENT='`note`'";

    fn shape(columns: &[(&str, &str)], text: &str) -> Result<String> {
        let rules = columns.iter().map(|(table, columns)| Rule {
            columns: Columns::parse(columns).unwrap(),
            ..Rule::new(Pattern::parse(table).unwrap())
        });
        let selection = Selection::default().with_rules(rules.collect()).unwrap();
        shaped(text, &TableName::new("shop", "order"), &selection)
    }

    #[test]
    fn columns_go_and_are_renamed_with_all_that_names_them() {
        let renamed = shape(&[("shop.order", "*,note=remark")], TABLE).unwrap();
        assert!(
            renamed.contains("`remark` text") && renamed.contains("KEY `by_note` (`remark`(10))"),
            "{renamed}"
        );
        assert!(
            renamed.contains("UNIQUE KEY `note` (") && renamed.contains("COMMENT 'a, `note`'"),
            "{renamed}"
        );
        let parts = [("shop.order", "id,note"), ("shop.parent", "*,id=parent_id")];
        let error = shape(&[("shop.order", "id,note,twice")], TABLE).unwrap_err();
        assert!(error.message().contains("is made from cust,omer"), "{error}");
        let without = TABLE.replace("  `twice` int GENERATED ALWAYS AS ((`cust,omer` * 2)) VIRTUAL,\n", "");
        let error = shape(&parts, &without).unwrap_err();
        assert!(error.message().contains("cust,omer is part of a key"), "{error}");
        let without = without.replace("  UNIQUE KEY `note` (`cust,omer`,`id`),\n", "");
        let expected = "CREATE TABLE `order` (\n  `id` bigint NOT NULL,\n  `note` text,\n  PRIMARY KEY (`id`),\n  \
                        KEY `by_note` (`note`(10))\n) ENGINE=InnoDB COMMENT='`note`'";
        assert_eq!(shape(&parts, &without).unwrap(), expected);
        let parent = shape(&[("shop.order", "*,note=n"), ("shop.parent", "*,id=parent_id")], TABLE).unwrap();
        assert!(parent.contains("REFERENCES `parent` (`parent_id`)"), "{parent}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (columns, why) in [("*,nothing=x", "no column nothing"), ("note", "must be taken too")] {
            let error = shape(&[("shop.order", columns)], TABLE).unwrap_err();
            assert!(error.message().contains(why), "{error}");
        }
        let parted = format!(
            "{TABLE}\n/*!50500 PARTITION BY RANGE  COLUMNS(id)\n(PARTITION p0 VALUES LESS THAN (1)) */"
        );
        let error = shape(&[("shop.order", "*,id=number")], &parted).unwrap_err();
        assert!(error.message().contains("its partitions need id"), "{error}");
        assert_eq!(shape(&[("shop.other", "id")], TABLE).unwrap(), TABLE);
    }
}
