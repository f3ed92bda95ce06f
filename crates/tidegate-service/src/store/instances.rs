//! Instances and their history.

use super::{Happened, Listing, Store, Texts, Within, failed, now};
use crate::lifecycle::{Decision, Event, State, next, objection};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;
use tidegate_api::{
    Command, CreateInstance, Kind, PrecheckItem, Problem, Status, Takeover, Transition, WantedObjects,
};
use tidegate_model::{Code, Error, Result};

/// An instance to be.
pub struct NewInstance {
    pub id: String,
    /// Without passwords.
    pub spec: CreateInstance,
    /// Sealed.
    pub source_password: Option<Vec<u8>>,
    pub target_password: Option<Vec<u8>>,
}

/// An instance as it is stored.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: String,
    pub spec: CreateInstance,
    pub state: State,
    pub generation: u64,
    pub source_password: Option<Vec<u8>>,
    pub target_password: Option<Vec<u8>>,
    pub why: Option<Problem>,
    pub precheck: Option<Vec<PrecheckItem>>,
    /// Items that prechecks pass over, each with its reason.
    pub skips: BTreeMap<String, String>,
    /// Objects that it is to have and does not have yet.
    pub wanted: Option<WantedObjects>,
    /// The instance that this one is the reverse of.
    pub reverse_of: Option<String>,
    /// For a reverse: where it begins in its source's log.
    pub start_at: Option<String>,
    /// The other instance of its pair.
    pub peer: Option<String>,
    /// All that were ever that, released ones too: what they have written is no news for ever.
    pub peers: Vec<String>,
    /// How it takes over: as it was asked for last.
    pub takeover: Option<Takeover>,
    /// What people have tagged it with.
    pub tags: Texts,
    /// What was given in the words of the official API, without passwords.
    pub submitted: Texts,
    /// Up to when the source keeps what was not read when the last run ended: seconds since 1970.
    pub kept_until: Option<i64>,
    pub created_at: String,
    pub changed_at: String,
}

impl Found {
    /// Whether a run that was begun with one is what the other asks for.
    pub fn runs_alike(&self, other: &Self) -> bool {
        let of = |found: &Self| (found.source_password.clone(), found.target_password.clone());
        let (one, two) = (&self.spec, &other.spec);
        one.source == two.source
            && one.target == two.target
            && one.objects == two.objects
            && one.tuning == two.tuning
            && self.wanted == other.wanted
            && self.peers == other.peers
            && of(self) == of(other)
    }
}

/// What became of an event, and the instance after it.
#[derive(Debug)]
pub struct Moved {
    pub decision: Decision,
    pub instance: Found,
}

pub(super) const COLUMNS: &str = "id, name, spec, status, initialized, start_after, generation, source_password, \
     target_password, why, precheck, skips, kept_until, wanted, created_at, changed_at, \
     takeover, tags, submitted, may_write, reverse_of, start_at, COALESCE(reverse_of, (SELECT other.id FROM instance AS other \
     WHERE other.reverse_of = instance.id AND other.status <> 'Released')) AS peer, \
     COALESCE(reverse_of, (SELECT GROUP_CONCAT(other.id) FROM instance AS other \
     WHERE other.reverse_of = instance.id)) AS peers";

impl Store {
    /// Stores a configured instance; `by` is who made it.
    pub fn create(&self, new: &NewInstance, by: &str) -> Result<Found> {
        self.create_as(new, Status::NotStarted, by)
    }

    /// Stores a place for an instance that is configured later.
    pub fn create_unconfigured(&self, new: &NewInstance, by: &str) -> Result<Found> {
        self.create_as(new, Status::NotConfigured, by)
    }

    fn create_as(&self, new: &NewInstance, status: Status, by: &str) -> Result<Found> {
        self.within(|within| {
            let at = now();
            let spec = to_json(&new.spec)?;
            let made = within.execute(
                "INSERT INTO instance (id, name, kind, status, initialized, start_after, generation, spec, \
                 source_password, target_password, created_at, changed_at) \
                 VALUES (?1, ?2, ?3, ?4, 0, 0, 1, ?5, ?6, ?7, ?8, ?8)",
                params![
                    new.id,
                    new.spec.name,
                    kind_name(new.spec.kind),
                    status.name(),
                    spec,
                    new.source_password,
                    new.target_password,
                    at
                ],
            );
            named(made, &new.spec.name)?;
            let first = Step { id: &new.id, generation: 1, by, event: "create", why: None };
            record(within, &first, Status::NotConfigured, status)?;
            find(within, &new.id)
        })
    }

    /// By id, or by name if it is not released.
    pub fn find(&self, id_or_name: &str) -> Result<Found> {
        self.within(|within| find(within, id_or_name))
    }

    /// All that are not released, by name.
    pub fn list(&self) -> Result<Vec<Found>> {
        Ok(self.page(&Listing { limit: usize::MAX, ..Listing::default() })?.0)
    }

    /// Decides an event and writes what it leads to, as one. With `expected`, only if that is the generation still.
    pub fn decide(
        &self,
        id_or_name: &str,
        event: Event,
        by: &str,
        why: Option<Problem>,
        expected: Option<u64>,
    ) -> Result<Moved> {
        self.within(|within| {
            let found = find(within, id_or_name)?;
            if expected.is_some_and(|expected| expected != found.generation) {
                let what = format!("it is at generation {}", found.generation);
                return Err(Error::new(Code::GenerationChanged, what));
            }
            move_on(within, found, event, by, why)
        })
    }

    /// Gives an instance that was not started another configuration.
    pub fn configure(&self, new: &NewInstance, by: &str) -> Result<Moved> {
        self.within(|within| {
            let found = find(within, &new.id)?;
            let moved = move_on(within, found, Event::Command(Command::Configure), by, None)?;
            if let Decision::Move(_) = moved.decision {
                let values = params![
                    moved.instance.id,
                    new.spec.name,
                    kind_name(new.spec.kind),
                    to_json(&new.spec)?,
                    new.source_password,
                    new.target_password
                ];
                let changed = within.execute(
                    "UPDATE instance SET name = ?2, kind = ?3, spec = ?4, precheck = NULL, \
                     source_password = ?5, target_password = ?6 WHERE id = ?1",
                    values,
                );
                named(changed, &new.spec.name)?;
            }
            let instance = find(within, &moved.instance.id)?;
            Ok(Moved { instance, ..moved })
        })
    }

    pub fn rename(&self, id_or_name: &str, name: &str) -> Result<Found> {
        self.within(|within| {
            let found = find(within, id_or_name)?;
            refuse_released(&found)?;
            let changed =
                within.execute("UPDATE instance SET name = ?2 WHERE id = ?1", params![found.id, name]);
            named(changed, name)?;
            find(within, &found.id)
        })
    }

    /// Sealed passwords; what is `None` stays. Refused while something may be using the old ones.
    pub fn put_passwords(
        &self,
        id_or_name: &str,
        source: Option<&[u8]>,
        target: Option<&[u8]>,
    ) -> Result<Found> {
        self.within(|within| {
            let found = find(within, id_or_name)?;
            refuse_released(&found)?;
            if found.state.is_running() {
                let what = format!("{} is {}: it uses them", found.spec.name, found.state.status.title());
                return Err(Error::new(Code::NotAllowed, what).with_remedy("pause it first, then resume it"));
            }
            within
                .execute(
                    "UPDATE instance SET source_password = COALESCE(?2, source_password), \
                     target_password = COALESCE(?3, target_password) WHERE id = ?1",
                    params![found.id, source, target],
                )
                .map_err(failed)?;
            find(within, &found.id)
        })
    }

    /// Other addresses or accounts of the same servers, for an instance that does not write. `before` is what was looked
    /// at when that was decided.
    pub fn put_endpoints(&self, new: &NewInstance, before: &Found) -> Result<Found> {
        self.within(|within| {
            let found = find(within, &new.id)?;
            if found.generation != before.generation || !found.runs_alike(before) {
                return Err(Error::new(Code::GenerationChanged, "it was changed at this moment"));
            }
            let values = params![found.id, to_json(&new.spec)?, new.source_password, new.target_password];
            let change =
                "UPDATE instance SET spec = ?2, source_password = ?3, target_password = ?4 WHERE id = ?1";
            within.execute(change, values).map_err(failed)?;
            find(within, &found.id)
        })
    }

    pub fn put_kept_until(&self, id: &str, kept_until: Option<i64>) -> Result<()> {
        self.within(|within| {
            let change = "UPDATE instance SET kept_until = ?2 WHERE id = ?1";
            within.execute(change, params![id, kept_until]).map(|_| ()).map_err(failed)
        })
    }

    /// Passes an item of prechecks over from now on, or looks at it again.
    pub fn skip(&self, id: &str, item: &str, reason: Option<&str>) -> Result<()> {
        self.within(|within| {
            let mut skips = find(within, id)?.skips;
            match reason {
                Some(reason) => skips.insert(item.to_owned(), reason.to_owned()),
                None => skips.remove(item),
            };
            let change = "UPDATE instance SET skips = ?2 WHERE id = ?1";
            within.execute(change, params![id, to_json(&skips)?]).map(|_| ()).map_err(failed)
        })
    }

    /// One item of the last precheck as it is now.
    pub fn replace_item(&self, id: &str, item: &PrecheckItem) -> Result<()> {
        self.within(|within| {
            let mut items = find(within, id)?.precheck.unwrap_or_default();
            for one in items.iter_mut().filter(|one| one.code == item.code) {
                one.clone_from(item);
            }
            let change = "UPDATE instance SET precheck = ?2 WHERE id = ?1";
            within.execute(change, params![id, to_json(&items)?]).map(|_| ()).map_err(failed)
        })
    }

    pub fn store_precheck(&self, id: &str, items: &[PrecheckItem]) -> Result<()> {
        self.within(|within| {
            within
                .execute("UPDATE instance SET precheck = ?2 WHERE id = ?1", params![id, to_json(&items)?])
                .map(|_| ())
                .map_err(failed)
        })
    }

    /// The history, the oldest first.
    pub fn transitions(&self, id_or_name: &str) -> Result<Vec<Transition>> {
        self.within(|within| {
            let id = find(within, id_or_name)?.id;
            transitions(within, &id, 0)
        })
    }
}

/// The history from a generation on, the oldest first.
pub(super) fn transitions(within: &Transaction<'_>, id: &str, from: u64) -> Result<Vec<Transition>> {
    let mut question = within
        .prepare(
            "SELECT generation, at, by, event, from_status, to_status, why FROM transition \
             WHERE instance = ?1 AND generation >= ?2 ORDER BY generation",
        )
        .map_err(failed)?;
    let rows = question
        .query_map(params![id, from], |row| {
            Ok(Transition {
                generation: row.get(0)?,
                at: row.get(1)?,
                by: row.get(2)?,
                event: row.get(3)?,
                from: status(row, 4)?,
                to: status(row, 5)?,
                why: row.get(6)?,
            })
        })
        .map_err(failed)?;
    rows.map(|row| row.map_err(failed)).collect()
}

pub(super) fn refuse_released(found: &Found) -> Result<()> {
    if matches!(found.state.status, Status::Releasing | Status::Released) {
        return Err(Error::new(Code::NotAllowed, format!("{} is released", found.spec.name)));
    }
    Ok(())
}

/// A name that another has is the one thing that can be wrong with writing an instance.
pub(super) fn named(written: rusqlite::Result<usize>, name: &str) -> Result<()> {
    match written {
        Ok(_) => Ok(()),
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.code == rusqlite::ErrorCode::ConstraintViolation =>
        {
            Err(Error::new(Code::NameTaken, format!("there is an instance named '{name}'")))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Decides, and writes what it leads to.
pub(super) fn move_on(
    within: &Within<'_>,
    found: Found,
    event: Event,
    by: &str,
    why: Option<Problem>,
) -> Result<Moved> {
    let mut decision = next(found.spec.kind, found.state, event);
    if let (Event::Command(command), Some(peer)) = (event, &found.peer) {
        let other = find(within, peer)?.state;
        if let Some(why) = objection(found.spec.kind, found.state, other, command) {
            decision = Decision::Refuse(why);
        }
    }
    let Decision::Move(state) = decision else { return Ok(Moved { decision, instance: found }) };
    let generation = found.generation + 1;
    let values = params![
        found.id,
        state.status.name(),
        state.initialized,
        state.start_after,
        generation,
        why.as_ref().map(to_json).transpose()?,
        now(),
        state.may_write
    ];
    within
        .execute(
            "UPDATE instance SET status = ?2, initialized = ?3, start_after = ?4, generation = ?5, why = ?6, \
             changed_at = ?7, may_write = ?8 WHERE id = ?1",
            values,
        )
        .map_err(failed)?;
    let detail = why.as_ref().map(|why| why.detail.as_str());
    let step = Step { id: &found.id, generation, by, event: event.name(), why: detail };
    record(within, &step, found.state.status, state.status)?;
    Ok(Moved { decision, instance: find(within, &found.id)? })
}

/// A line of the history.
pub(super) struct Step<'a> {
    pub(super) id: &'a str,
    pub(super) generation: u64,
    pub(super) by: &'a str,
    pub(super) event: &'a str,
    pub(super) why: Option<&'a str>,
}

/// A line of the history, which those who listen hear of, too.
pub(super) fn record(within: &Within<'_>, step: &Step<'_>, from: Status, to: Status) -> Result<()> {
    let at = now();
    let line = params![step.id, step.generation, at, step.by, step.event, from.name(), to.name(), step.why];
    within.execute("INSERT INTO transition VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", line).map_err(failed)?;
    let name = "SELECT name FROM instance WHERE id = ?1";
    let name = within.query_row(name, [step.id], |row| row.get(0)).map_err(failed)?;
    let transition = Transition {
        generation: step.generation,
        at,
        by: step.by.to_owned(),
        event: step.event.to_owned(),
        from,
        to,
        why: step.why.map(str::to_owned),
    };
    within.happened.borrow_mut().push(Happened { id: step.id.to_owned(), name, transition });
    Ok(())
}

/// A line of the history that leads nowhere else.
pub(super) fn happened(
    within: &Within<'_>,
    found: &Found,
    by: &str,
    event: &str,
    why: Option<&str>,
) -> Result<()> {
    let generation = found.generation + 1;
    let change = "UPDATE instance SET generation = ?2, changed_at = ?3 WHERE id = ?1";
    within.execute(change, params![found.id, generation, now()]).map_err(failed)?;
    let status = found.state.status;
    record(within, &Step { id: &found.id, generation, by, event, why }, status, status)
}

pub(super) fn find(within: &Transaction<'_>, id_or_name: &str) -> Result<Found> {
    let question = format!(
        "SELECT {COLUMNS} FROM instance WHERE id = ?1 OR (name = ?1 AND status <> 'Released') ORDER BY id = ?1 DESC LIMIT 1"
    );
    let found = within.query_row(&question, [id_or_name], |row| Ok(read(row))).optional().map_err(failed)?;
    found.unwrap_or_else(|| {
        Err(Error::new(Code::InstanceUnknown, format!("there is no instance '{id_or_name}'")))
    })
}

pub(super) fn read(row: &Row<'_>) -> Result<Found> {
    let spec: String = row.get("spec").map_err(failed)?;
    let json = |column: &str| -> Result<Option<String>> { row.get(column).map_err(failed) };
    Ok(Found {
        id: row.get("id").map_err(failed)?,
        spec: CreateInstance { name: row.get("name").map_err(failed)?, ..from_json(&spec)? },
        state: State {
            status: status(row, 3).map_err(failed)?,
            initialized: row.get("initialized").map_err(failed)?,
            start_after: row.get("start_after").map_err(failed)?,
            may_write: row.get("may_write").map_err(failed)?,
        },
        reverse_of: json("reverse_of")?,
        start_at: json("start_at")?,
        peer: json("peer")?,
        peers: json("peers")?.map_or_else(Vec::new, |ids| ids.split(',').map(str::to_owned).collect()),
        generation: row.get("generation").map_err(failed)?,
        source_password: row.get("source_password").map_err(failed)?,
        target_password: row.get("target_password").map_err(failed)?,
        why: json("why")?.map(|text| from_json(&text)).transpose()?,
        precheck: json("precheck")?.map(|text| from_json(&text)).transpose()?,
        skips: from_json(&row.get::<_, String>("skips").map_err(failed)?)?,
        tags: from_json(&row.get::<_, String>("tags").map_err(failed)?)?,
        submitted: from_json(&row.get::<_, String>("submitted").map_err(failed)?)?,
        takeover: json("takeover")?.map(|text| from_json(&text)).transpose()?,
        wanted: json("wanted")?.map(|text| from_json(&text)).transpose()?,
        kept_until: row.get("kept_until").map_err(failed)?,
        created_at: row.get("created_at").map_err(failed)?,
        changed_at: row.get("changed_at").map_err(failed)?,
    })
}

fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let name: String = row.get(column)?;
    Status::parse(&name).ok_or_else(|| {
        let why = format!("there is no status '{name}'");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into())
    })
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Sync => "sync",
        Kind::Migration => "migration",
        Kind::Tracking => "tracking",
        Kind::Reverse => "reverse",
    }
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(Code::Internal, error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::new(Code::StoreFailed, format!("a stored text is not readable: {error}")))
}
