use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What takes part, in the words of `tidegate sync`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Objects {
    /// `shop.*`, `shop.order_?`; none: everything.
    pub include: Vec<String>,
    /// Wins over `include`.
    pub exclude: Vec<String>,
    /// `a.b=c.d`, `a.*=c.*`
    pub rename: Vec<String>,
    #[serde(skip_serializing_if = "Existing::is_refuse")]
    pub existing: Existing,
    /// Tables that are not carried over as they are; the first rule that fits a table is its rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ObjectRule>,
}

/// What becomes of rows that a table of the target has before the link begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// The link does not begin.
    #[default]
    Refuse,
    /// They stay, unless the source has a row with the same key.
    Keep,
}

impl Existing {
    fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}

/// How some tables are carried over. What is left out is as without a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectRule {
    /// As in `include`; one table if there is a filter or a choice of columns.
    pub tables: String,
    /// Rows that take part: `tenant_id = 7 AND created >= '2024-01-01'`.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Columns that take part, with new names: `id, amount=total`, or `*, amount=total` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<ChangeKind>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_changes: Option<Vec<SchemaChangeKind>>,
}

/// A change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Insert,
    Update,
    Delete,
}

/// A change of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SchemaChangeKind {
    Create,
    /// Indexes and triggers belong to it.
    Alter,
    Drop,
    Rename,
    Truncate,
}
