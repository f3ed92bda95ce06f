/// Whose version of a row stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The source's: what the log says is written over what is there.
    Source,
    /// The target's: the change is left out.
    Target,
}

impl Decision {
    pub const ALL: [Self; 2] = [Self::Source, Self::Target];

    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// What is done without asking anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Rows that are not what the log expects; `None`: the link stops.
    pub rows: Option<Decision>,
    /// Schema changes of the source; `None`: the link stops before each.
    pub schema_changes: Option<Decision>,
}

impl Policy {
    /// Without a word of anybody: rows stop the link, schema changes are carried out.
    pub const USUAL: Self = Self { rows: None, schema_changes: Some(Decision::Source) };
}

/// A conflict for a person.
#[derive(Clone, Debug)]
pub struct FoundConflict {
    pub seq: u64,
    pub ordinal: u32,
    pub object: String,
    pub expected: String,
    pub found: String,
    pub wanted: String,
    pub decision: Option<Decision>,
    pub decided_by: Option<String>,
    /// The decision was carried out.
    pub settled: bool,
    /// By the target's clock, UTC.
    pub seen_at: String,
}
