//! Lists of instances, cut and sorted where they lie: there may be thousands, most of them ended.

use super::instances::{COLUMNS, kind_name, read};
use super::{Found, Store, failed};
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde::Deserialize;
use tidegate_api::{Kind, Status};
use tidegate_model::Result;
use utoipa::ToSchema;

/// Which instances, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// None: all.
    pub statuses: Vec<Status>,
    pub kinds: Vec<Kind>,
    /// Of one of the ends.
    pub region: Option<String>,
    /// Part of the id, the name or an end's URL.
    pub search: Option<String>,
    /// `key`, or `key:value`.
    pub tag: Option<String>,
    pub sort: Sort,
    pub descending: bool,
    pub offset: usize,
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    #[default]
    Name,
    Status,
    CreatedAt,
    ChangedAt,
}

/// Nothing runs for these, and nothing will by itself.
const AT_REST: [Status; 7] = [
    Status::NotConfigured,
    Status::NotStarted,
    Status::PrecheckFailed,
    Status::PrecheckPassed,
    Status::Failed,
    Status::Completed,
    Status::Released,
];

impl Store {
    /// A page of those that are not released, and how many fit in all.
    pub fn page(&self, listing: &Listing) -> Result<(Vec<Found>, u64)> {
        let (condition, mut values) = listing.condition();
        let order = match listing.sort {
            Sort::Name => "name".to_owned(),
            Sort::Status => by_status(),
            Sort::CreatedAt => "created_at".to_owned(),
            Sort::ChangedAt => "changed_at".to_owned(),
        };
        let direction = if listing.descending { "DESC" } else { "ASC" };
        self.within(|within| {
            let count = format!("SELECT COUNT(*) FROM instance WHERE {condition}");
            let total: u64 =
                within.query_row(&count, params_from_iter(&values), |row| row.get(0)).map_err(failed)?;
            let question = format!(
                "SELECT {COLUMNS} FROM instance WHERE {condition} ORDER BY {order} {direction}, id {direction} \
                 LIMIT ? OFFSET ?"
            );
            for number in [listing.limit, listing.offset] {
                values.push(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
            }
            let mut question = within.prepare(&question).map_err(failed)?;
            let rows =
                question.query_map(params_from_iter(&values), |row| Ok(read(row))).map_err(failed)?;
            let found: Result<_> = rows.map(|row| row.map_err(failed).and_then(|found| found)).collect();
            Ok((found?, total))
        })
    }

    /// Those that something runs for, or is about to.
    pub fn active(&self) -> Result<Vec<Found>> {
        let statuses = Status::ALL.into_iter().filter(|status| !AT_REST.contains(status)).collect();
        Ok(self.page(&Listing { statuses, limit: usize::MAX, ..Listing::default() })?.0)
    }
}

impl Listing {
    fn condition(&self) -> (String, Vec<Value>) {
        let mut parts = vec!["status <> 'Released'".to_owned()];
        let mut values = Vec::new();
        let mut one_of = |column: &str, names: Vec<&'static str>| {
            if !names.is_empty() {
                parts.push(format!("{column} IN ({})", vec!["?"; names.len()].join(", ")));
                values.extend(names.into_iter().map(|name| Value::Text(name.to_owned())));
            }
        };
        one_of("status", self.statuses.iter().map(|status| status.name()).collect());
        one_of("kind", self.kinds.iter().map(|kind| kind_name(*kind)).collect());
        if let Some(region) = &self.region {
            parts.push("? IN (spec ->> '$.source.region', spec ->> '$.target.region')".to_owned());
            values.push(Value::Text(region.clone()));
        }
        if let Some(search) = &self.search {
            parts.push(
                "INSTR(LOWER(id || char(10) || name || char(10) || (spec ->> '$.source.url') || char(10) || \
                 (spec ->> '$.target.url')), ?) > 0"
                    .to_owned(),
            );
            values.push(Value::Text(search.to_ascii_lowercase()));
        }
        if let Some(tag) = &self.tag {
            let (key, value) =
                tag.split_once(':').map_or((tag.as_str(), None), |(key, value)| (key, Some(value)));
            let has = "EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.key = ?";
            parts.push(format!("{has}{})", if value.is_some() { " AND tag.value = ?" } else { "" }));
            values.extend([Some(key), value].into_iter().flatten().map(|text| Value::Text(text.to_owned())));
        }
        (parts.join(" AND "), values)
    }
}

/// In the order of a life.
fn by_status() -> String {
    let places = Status::ALL.iter().enumerate();
    let places: Vec<String> =
        places.map(|(at, status)| format!("WHEN '{}' THEN {at}", status.name())).collect();
    format!("CASE status {} END", places.join(" "))
}
