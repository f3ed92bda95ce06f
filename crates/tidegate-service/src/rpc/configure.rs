//! ConfigureDtsJob: what a job is to do, said once.

use super::answer::{Refusal, done_in_words, with};
use super::asked::{Asked, instance_id};
use super::endpoint::{End, Given};
use super::parameters::invalid;
use super::{dblist, reserve, status};
use crate::orders::{commanding, making};
use crate::store::{Found, Texts};
use serde_json::{Value, json};
use tidegate_api::{Command, CreateInstance, Kind, Tuning};

/// What a job is called there; ours takes fewer letters, and every name once.
pub(super) const NAME: &str = "dtsjobname";
/// What we call it, as long as it is called so.
pub(super) const OWN_NAME: &str = "tidegate.name";
const NAME_CHARS_MAX: usize = 48;

pub(super) async fn configure(asked: &Asked) -> Result<Value, Refusal> {
    asked.one_way()?;
    let before = match asked.named_job()? {
        Some(id) => Some(asked.find(id).await?),
        None => None,
    };
    let kind = kind(asked)?;
    let (list, name) = (asked.given.need("DbList")?.to_owned(), asked.given.need("DtsJobName")?.to_owned());
    let settings = reserve::read(&reserve::fields("Reserve", asked.given.get("Reserve"))?)?;
    let mut objects = dblist::read(&list)?;
    objects.existing = settings.existing;
    if settings.without_schema_changes {
        dblist::without_schema_changes(&mut objects);
    }
    let full_only = all_steps(asked, kind)?;
    let values = asked.given.all();
    let end = |end: End, encryption| {
        let password = asked.given.get(&end.parameter("Password")).map(str::to_owned);
        let mut given = Given::new(end, values);
        (given.password, given.encryption) = (password, encryption);
        given.spec(&asked.service)
    };
    let spec = CreateInstance {
        name: String::new(),
        kind,
        source: end(End::Source, settings.encryption[0])?,
        target: end(End::Destination, settings.encryption[1])?,
        objects,
        full_only,
        tuning: Tuning { retry_seconds: settings.retry_seconds, ..Tuning::default() },
    };
    let found = store(asked, before, spec, &name).await?;
    // Bought first, a job goes on by itself unless it is told not to.
    let is_bought = asked.named_job()?.is_some();
    if settings.starts.unwrap_or(is_bought) {
        commanding::decide(&asked.service, asked.by(), found.id.clone(), Command::Start, None).await?;
    }
    Ok(with(
        done_in_words(),
        json!({ "DtsJobId": found.id, "DtsInstanceId": instance_id(&found.id), "HttpStatusCode": "200" }),
    ))
}

/// Configures the job, or makes one; and keeps what was said, to tell it again.
async fn store(
    asked: &Asked,
    before: Option<Found>,
    spec: CreateInstance,
    name: &str,
) -> Result<Found, Refusal> {
    let service = &asked.service;
    let given: Texts = asked.without_secrets().collect();
    let id = before.map(|found| found.id);
    let own_name = free_name(asked, name, id.as_deref()).await?;
    let spec = CreateInstance { name: own_name.clone(), ..spec };
    let found = match id {
        Some(id) => making::configure(service, asked.by(), id, spec).await.map_err(|failure| {
            let refusal = Refusal::from(failure);
            match refusal.code.as_str() {
                "InvalidJobStatus" => {
                    Refusal { code: "DTS.Msg.UpdateJob.OperationDenied.InitStatus".to_owned(), ..refusal }
                }
                _ => refusal,
            }
        })?,
        None => making::make(service, asked.by(), spec).await?,
    };
    remember(asked, found.id, move |submitted| {
        submitted.retain(|name, _| is_kept(name));
        submitted.extend(given);
        submitted.insert(OWN_NAME.to_owned(), own_name);
    })
    .await
}

/// What an instance was bought with holds; what a job was configured with before does not.
fn is_kept(name: &str) -> bool {
    let is_of_an_end = name.starts_with("sourceendpoint") || name.starts_with("destinationendpoint");
    !matches!(name, status::RESET | "reserve" | "dblist") && (!is_of_an_end || name.ends_with("enginename"))
}

/// Keeps what was said, to tell it again.
pub(super) async fn remember(
    asked: &Asked,
    id: String,
    change: impl FnOnce(&mut Texts) + Send + 'static,
) -> Result<Found, Refusal> {
    Ok(asked.service.store.ask(move |store| store.change_submitted(&id, change)).await?)
}

fn kind(asked: &Asked) -> Result<Kind, Refusal> {
    match asked.given.need("JobType")?.to_uppercase().as_str() {
        "SYNC" => Ok(Kind::Sync),
        "MIGRATION" => Ok(Kind::Migration),
        other => Err(Refusal::new(
            403,
            "UnSupportedTaskType",
            &format!("JobType {other} is not there; SYNC and MIGRATION are."),
        )),
    }
}

/// Whether it ends after its copy. There is no copy without its tables, and none is left out.
fn all_steps(asked: &Asked, kind: Kind) -> Result<bool, Refusal> {
    for name in ["StructureInitialization", "DataInitialization"] {
        if asked.given.flag(name)? == Some(false) {
            let why = "every job makes the tables that are missing and copies them; send true";
            return Err(Refusal { status: 403, ..invalid(name, why) });
        }
    }
    if asked.given.get("Checkpoint").is_some_and(|text| text != "0") {
        let why =
            "a job begins with a copy, and with the source's log from the copy's beginning on; leave it out";
        return Err(Refusal { status: 403, ..invalid("Checkpoint", why) });
    }
    // A synchronization always has this step, whatever is sent.
    Ok(kind == Kind::Migration && asked.given.flag("DataSynchronization")? != Some(true))
}

/// A name of ours for a name of theirs, which may hold anything and be there twice.
pub(super) async fn free_name(asked: &Asked, name: &str, id: Option<&str>) -> Result<String, Refusal> {
    let plain = plain(name);
    let taken = plain.clone();
    let other = asked.service.store.ask(move |store| Ok(store.find(&taken).ok())).await?;
    match other {
        Some(other) if Some(other.id.as_str()) != id => {
            let bytes: [u8; 3] = crate::secrets::random()?;
            Ok(format!("{plain}-{:02x}{:02x}{:02x}", bytes[0], bytes[1], bytes[2]))
        }
        _ => Ok(plain),
    }
}

fn plain(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() || letter == '_' => plain.push(letter),
            _ if plain.is_empty() || plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    plain.truncate(NAME_CHARS_MAX);
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() { "job".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (theirs, ours) in [
            ("shop", "shop"),
            ("my job", "my-job"),
            ("订单", "job"),
            ("a -- b!", "a-b"),
            ("", "job"),
            ("a_b-c", "a_b-c"),
        ] {
            assert_eq!(plain(theirs), ours);
            tidegate_model::InstanceName::parse(ours).unwrap();
        }
    }
}
