//! A request whose sender is known.

use super::answer::Refusal;
use super::parameters::Parameters;
use super::status;
use crate::http::Service;
use crate::store::{Account, Found, Role};
use tidegate_api::Status;

pub(super) struct Asked {
    pub(super) service: Service,
    pub(super) account: Account,
    pub(super) given: Parameters,
}

/// What stands before a job's id in its instance's id. Here they are one thing.
const INSTANCE: &str = "dts";

/// So much of what was given is kept to be told again: names, their bytes, and all bytes. Lists of objects have at most
/// 1 MiB.
const KEPT_MAX: usize = 200;
const KEPT_NAME_BYTES_MAX: usize = 100;
const KEPT_BYTES_MAX: usize = 2 << 20;

pub(super) fn instance_id(job: &str) -> String {
    format!("{INSTANCE}{job}")
}

/// The job of an instance id.
pub(super) fn job_of(instance: &str) -> &str {
    instance.strip_prefix(INSTANCE).unwrap_or(instance)
}

impl Asked {
    /// Who asks, for the history.
    pub(super) fn by(&self) -> String {
        self.account.name.clone()
    }

    pub(super) fn may(&self, role: Role) -> Result<(), Refusal> {
        if self.account.role >= role {
            return Ok(());
        }
        let why = format!(
            "You are not authorized to do this action: {} is a {}, and this needs the role {}.",
            self.account.name,
            self.account.role.name(),
            role.name()
        );
        Err(Refusal::new(403, "Forbidden.RAM", &why))
    }

    /// The job that `DtsJobId` or `DtsInstanceId` names.
    pub(super) async fn job(&self) -> Result<Found, Refusal> {
        let named = self
            .named_job()?
            .ok_or_else(|| Refusal::new(400, "MissingDtsJobId", "DtsJobId is mandatory for this action."))?;
        self.find(named).await
    }

    /// The same, if one is named at all.
    pub(super) fn named_job(&self) -> Result<Option<String>, Refusal> {
        let job = self.given.get("DtsJobId");
        let instance = self.given.get("DtsInstanceId");
        if let (Some(job), Some(instance)) = (job, instance)
            && job != job_of(instance)
        {
            let why =
                "The value of input parameter DtsInstanceId is not valid: it is another job's instance.";
            return Err(Refusal::new(400, "InvalidParameter", why));
        }
        Ok(job.or(instance.map(job_of)).map(str::to_owned))
    }

    /// A job by its id alone: names may be those of other jobs' ids.
    pub(super) async fn find(&self, id: String) -> Result<Found, Refusal> {
        let asked = id.clone();
        let found = self.service.store.ask(move |store| store.find(&asked)).await?;
        if found.id != id || found.state.status == Status::Released {
            return Err(Refusal::gone());
        }
        Ok(found)
    }

    /// `Forward` is every job's only direction.
    pub(super) fn one_way(&self) -> Result<(), Refusal> {
        match self.given.get("SynchronizationDirection") {
            Some(text) if !text.eq_ignore_ascii_case("Forward") => Err(Refusal::denied(
                "SynchronizationDirection Reverse is for two-way jobs, and there are none here. The way back of a \
                 job is a job of its own: CreateReverseDtsJob, then its own DtsJobId.",
            )),
            _ => Ok(()),
        }
    }

    /// What was given, in small letters, without anything secret: to be told again. What this service keeps for itself
    /// beside it nobody gives, and no more is kept than a contract's parameters need.
    pub(super) fn without_secrets(&self) -> impl Iterator<Item = (String, String)> + '_ {
        const SYSTEM: [&str; 12] = [
            "action",
            "version",
            "format",
            "accesskeyid",
            "signature",
            "signaturemethod",
            "signatureversion",
            "signaturenonce",
            "signaturetype",
            "timestamp",
            "securitytoken",
            "clienttoken",
        ];
        let is_kept = |name: &str| {
            !name.contains("password") && !name.starts_with(status::OWN) && !SYSTEM.contains(&name)
        };
        let mut bytes = 0;
        self.given
            .all()
            .iter()
            .filter(move |(name, value)| is_kept(name) && !value.is_empty())
            .filter(|(name, _)| name.len() <= KEPT_NAME_BYTES_MAX)
            .take(KEPT_MAX)
            .take_while(move |(name, value)| {
                bytes += name.len() + value.len();
                bytes <= KEPT_BYTES_MAX
            })
            .map(|(name, value)| (name.clone(), value.clone()))
    }
}
