//! A change of definitions as the source's log has it.

use crate::catalog::{OWN_DATABASES, SYSTEM};
use bson::{Bson, Document};
use tidegate_model::{Code, Error, Result, Selection, TableName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Drop,
    Rename,
    CreateIndexes,
    DropIndexes,
    Modify,
    Shard,
    RefineShardKey,
    /// Where documents lie, and nothing else.
    Reshard,
}

/// What selection and rules say to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    No,
    /// It must not be carried out as it is.
    Refused(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// In the source, as `to`.
    pub(super) name: TableName,
    pub(super) to: Option<TableName>,
    /// `operationDescription`.
    pub(super) description: Document,
    pub(super) wanted: Wanted,
}

impl Change {
    /// Reads a whole event; `None` for what changes nothing of its own: the end of a database comes after the end of
    /// each of its collections.
    pub(super) fn of(event: &Document) -> Result<Option<Self>> {
        let operation = event.get("operationType").and_then(Bson::as_str).unwrap_or_default();
        let kind = match operation {
            "create" => Kind::Create,
            "drop" => Kind::Drop,
            "rename" => Kind::Rename,
            "createIndexes" => Kind::CreateIndexes,
            "dropIndexes" => Kind::DropIndexes,
            "modify" => Kind::Modify,
            "shardCollection" => Kind::Shard,
            "refineCollectionShardKey" => Kind::RefineShardKey,
            "reshardCollection" | "unshardCollection" => Kind::Reshard,
            "dropDatabase" => return Ok(None),
            other => {
                let what = format!("an event of the type '{other}' is not known");
                return Err(Error::new(Code::MalformedLog, what));
            }
        };
        let namespace = |field: &str| {
            let found = event.get(field).and_then(Bson::as_document)?;
            let part = |name: &str| found.get(name).and_then(Bson::as_str);
            Some(TableName::new(part("db")?, part("coll")?))
        };
        let nameless = || Error::new(Code::MalformedLog, format!("an event '{operation}' without a name"));
        let to = namespace("to");
        if kind == Kind::Rename && to.is_none() {
            return Err(nameless());
        }
        Ok(Some(Self {
            kind,
            name: namespace("ns").ok_or_else(nameless)?,
            to: to.filter(|_| kind == Kind::Rename),
            description: event
                .get("operationDescription")
                .and_then(Bson::as_document)
                .cloned()
                .unwrap_or_default(),
            wanted: Wanted::Yes,
        }))
    }

    pub(super) fn wanted(&self, selection: &Selection) -> Wanted {
        let selects = |name: &TableName| {
            !OWN_DATABASES.contains(&name.database.as_str())
                && !name.table.starts_with(SYSTEM)
                && selection.selects(&name.database, &name.table)
        };
        let allows = |name: &TableName| {
            selection.rule(&name.database, &name.table).is_none_or(|rule| match self.kind {
                Kind::Create => rule.schema_changes.create,
                Kind::Drop => rule.schema_changes.drop,
                Kind::Rename => rule.schema_changes.rename,
                _ => rule.schema_changes.alter,
            })
        };
        let Some(to) = &self.to else {
            return if selects(&self.name) && allows(&self.name) { Wanted::Yes } else { Wanted::No };
        };
        match (selects(&self.name), selects(to)) {
            (false, false) => Wanted::No,
            (true, true) => match (allows(&self.name), allows(to)) {
                (true, true) => Wanted::Yes,
                (false, false) => Wanted::No,
                _ => Wanted::Refused("its two names are under different rules"),
            },
            _ => Wanted::Refused(
                "it moves a collection into or out of the selection; select both names, or none",
            ),
        }
    }

    pub(super) fn text(&self) -> String {
        let word = match self.kind {
            Kind::Create => "create",
            Kind::Drop => "drop",
            Kind::Rename => "rename",
            Kind::CreateIndexes => "create indexes of",
            Kind::DropIndexes => "drop indexes of",
            Kind::Modify => "modify",
            Kind::Shard => "shard",
            Kind::RefineShardKey => "refine the shard key of",
            Kind::Reshard => "reshard",
        };
        if let Some(to) = &self.to {
            return format!("{word} {} to {to}", self.name);
        }
        if self.description.is_empty() {
            return format!("{word} {}", self.name);
        }
        let shown: String = self.description.to_string().chars().take(300).collect();
        format!("{word} {}: {shown}", self.name)
    }
}
