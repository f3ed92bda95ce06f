//! A client of the service. It blocks: whoever is asynchronous calls it from a thread.

use crate::{
    AccessKeyView, AccountView, AlertSettings, Alerts, AuditEntry, Cleanup, CommandAnswer, CommandRequest,
    CommandResult, Commands, ConflictPolicy, ConnectionAnswer, ConnectionRequest, CreateInstance, Instance,
    InstanceList, LoggedIn, Login, NewAccessKey, NewEndpoints, NewName, NewPasswords, NewReverse, Objects,
    ObjectsChange, PrecheckItem, Problem, PutAccount, ResetPreview, ReversePreview, RowConflict,
    SettleConflicts, SettledConflicts, Skip, Status, Takeover, TakeoverPlan, Transition, TreeRequest,
    TreeTable,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::time::Duration;
use ureq::http::Method;

const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// The service says what is wrong.
    Problem(Box<Problem>),
    /// Nobody answers, or not in our words.
    Away(String),
}

pub struct Client {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Client {
    /// `base` as `http://127.0.0.1:7370`.
    pub fn new(base: &str, token: Option<String>) -> Self {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { base: base.trim_end_matches('/').to_owned(), token, agent: config.into() }
    }

    pub fn log_in(&self, login: &Login) -> Result<LoggedIn, Refusal> {
        self.ask(Method::POST, "login", Some(login))
    }

    pub fn accounts(&self) -> Result<Vec<AccountView>, Refusal> {
        self.get("accounts")
    }

    pub fn put_account(&self, name: &str, account: &PutAccount) -> Result<AccountView, Refusal> {
        self.ask(Method::PUT, &format!("accounts/{}", escaped(name)), Some(account))
    }

    pub fn remove_account(&self, name: &str) -> Result<(), Refusal> {
        self.ask::<(), ()>(Method::DELETE, &format!("accounts/{}", escaped(name)), None)
    }

    /// A token that does not expire.
    pub fn key(&self) -> Result<LoggedIn, Refusal> {
        self.ask::<(), _>(Method::POST, "keys", None)
    }

    /// One's own; all accounts' for an admin.
    pub fn access_keys(&self) -> Result<Vec<AccessKeyView>, Refusal> {
        self.get("access-keys")
    }

    pub fn make_access_key(&self) -> Result<NewAccessKey, Refusal> {
        self.ask::<(), _>(Method::POST, "access-keys", None)
    }

    pub fn remove_access_key(&self, id: &str) -> Result<(), Refusal> {
        self.ask::<(), ()>(Method::DELETE, &format!("access-keys/{}", escaped(id)), None)
    }

    /// Whether a server can be reached with an account.
    pub fn connection(&self, request: &ConnectionRequest) -> Result<ConnectionAnswer, Refusal> {
        self.ask(Method::POST, "connection", Some(request))
    }

    /// Tags in place of those that it has.
    pub fn put_tags(&self, id: &str, tags: &BTreeMap<String, String>) -> Result<Instance, Refusal> {
        self.ask(Method::PUT, &format!("instances/{}/tags", escaped(id)), Some(tags))
    }

    pub fn create(&self, instance: &CreateInstance) -> Result<Instance, Refusal> {
        self.ask(Method::POST, "instances", Some(instance))
    }

    /// Another configuration for an instance that was not started.
    pub fn configure(&self, id: &str, instance: &CreateInstance) -> Result<Instance, Refusal> {
        self.ask(Method::PUT, &format!("instances/{}", escaped(id)), Some(instance))
    }

    pub fn duplicate(&self, id: &str, name: &str) -> Result<Instance, Refusal> {
        let name = NewName { name: name.to_owned() };
        self.ask(Method::POST, &format!("instances/{}/duplicate", escaped(id)), Some(&name))
    }

    pub fn reverse_preview(&self, id: &str) -> Result<ReversePreview, Refusal> {
        self.get(&format!("instances/{}/reverse/preview", escaped(id)))
    }

    /// Conflicts that are open; with `settled` those that were settled, too.
    pub fn conflicts(&self, id: &str, settled: bool) -> Result<Vec<RowConflict>, Refusal> {
        self.get(&format!("instances/{}/conflicts?settled={settled}", escaped(id)))
    }

    pub fn settle_conflicts(&self, id: &str, settle: &SettleConflicts) -> Result<SettledConflicts, Refusal> {
        self.ask(Method::POST, &format!("instances/{}/conflicts", escaped(id)), Some(settle))
    }

    pub fn policy(&self, id: &str) -> Result<ConflictPolicy, Refusal> {
        self.get(&format!("instances/{}/policy", escaped(id)))
    }

    pub fn put_policy(&self, id: &str, policy: &ConflictPolicy) -> Result<ConflictPolicy, Refusal> {
        self.ask(Method::PUT, &format!("instances/{}/policy", escaped(id)), Some(policy))
    }

    /// What a takeover would do.
    pub fn takeover_plan(&self, id: &str, takeover: &Takeover) -> Result<TakeoverPlan, Refusal> {
        let Takeover { fence, compare, .. } = takeover;
        self.get(&format!(
            "instances/{}/takeover?fence={}&compare={}",
            escaped(id),
            fence.name(),
            compare.name()
        ))
    }

    pub fn take_over(&self, id: &str, takeover: &Takeover) -> Result<CommandAnswer, Refusal> {
        self.ask(Method::POST, &format!("instances/{}/takeover", escaped(id)), Some(takeover))
    }

    pub fn create_reverse(&self, id: &str, reverse: &NewReverse) -> Result<Instance, Refusal> {
        self.ask(Method::POST, &format!("instances/{}/reverse", escaped(id)), Some(reverse))
    }

    pub fn rename(&self, id: &str, name: &str) -> Result<Instance, Refusal> {
        let name = NewName { name: name.to_owned() };
        self.ask(Method::POST, &format!("instances/{}/rename", escaped(id)), Some(&name))
    }

    pub fn passwords(&self, id: &str, passwords: &NewPasswords) -> Result<Instance, Refusal> {
        self.ask(Method::POST, &format!("instances/{}/passwords", escaped(id)), Some(passwords))
    }

    pub fn endpoints(&self, id: &str, endpoints: &NewEndpoints) -> Result<Instance, Refusal> {
        self.ask(Method::PUT, &format!("instances/{}/endpoints", escaped(id)), Some(endpoints))
    }

    /// With `dry_run` nothing is changed.
    pub fn objects(&self, id: &str, objects: &Objects, dry_run: bool) -> Result<ObjectsChange, Refusal> {
        self.ask(Method::PUT, &format!("instances/{}/objects?dry_run={dry_run}", escaped(id)), Some(objects))
    }

    pub fn list(&self, status: Option<Status>, search: Option<&str>) -> Result<InstanceList, Refusal> {
        let status = status.map(|status| format!("status={status}"));
        let search = search.map(|text| format!("search={}", escaped(text)));
        let filter: Vec<String> = status.into_iter().chain(search).collect();
        self.get(&format!("instances?{}", filter.join("&")))
    }

    pub fn recheck(&self, id: &str, item: &str) -> Result<PrecheckItem, Refusal> {
        self.ask::<(), _>(
            Method::POST,
            &format!("instances/{}/precheck/{}", escaped(id), escaped(item)),
            None,
        )
    }

    /// Without a reason it is looked at again.
    pub fn skip(&self, id: &str, item: &str, reason: Option<String>) -> Result<(), Refusal> {
        let path = format!("instances/{}/precheck/{}/skip", escaped(id), escaped(item));
        let method = if reason.is_some() { Method::PUT } else { Method::DELETE };
        self.ask(method, &path, reason.map(|reason| Skip { reason }).as_ref())
    }

    pub fn reset_preview(&self, id: &str) -> Result<ResetPreview, Refusal> {
        self.get(&format!("instances/{}/reset", escaped(id)))
    }

    pub fn show(&self, id: &str) -> Result<Instance, Refusal> {
        self.get(&format!("instances/{}", escaped(id)))
    }

    pub fn history(&self, id: &str) -> Result<Vec<Transition>, Refusal> {
        self.get(&format!("instances/{}/history", escaped(id)))
    }

    pub fn commands(&self, commands: &Commands) -> Result<Vec<CommandResult>, Refusal> {
        self.ask(Method::POST, "commands", Some(commands))
    }

    /// What is to be removed; with `apply`, removes what it may.
    pub fn cleanup(&self, id: &str, apply: bool) -> Result<Cleanup, Refusal> {
        let path = format!("instances/{}/cleanup", escaped(id));
        if apply { self.ask(Method::POST, &path, Some(&CommandRequest::default())) } else { self.get(&path) }
    }

    pub fn tree(&self, request: &TreeRequest) -> Result<Vec<TreeTable>, Refusal> {
        self.ask(Method::POST, "tree", Some(request))
    }

    pub fn alerts(&self) -> Result<Alerts, Refusal> {
        self.get("alerts")
    }

    pub fn put_alerts(&self, settings: &AlertSettings) -> Result<Alerts, Refusal> {
        self.ask(Method::PUT, "alerts", Some(settings))
    }

    pub fn test_alerts(&self) -> Result<(), Refusal> {
        self.ask::<(), ()>(Method::POST, "alerts/test", None)
    }

    pub fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, Refusal> {
        self.get(&format!("audit?limit={limit}"))
    }

    /// What happens from now on, of one instance or of all: each event's name and its data. Ends when the service does,
    /// or when `each` answers `false`.
    pub fn events(&self, of: Option<&str>, mut each: impl FnMut(&str, &str) -> bool) -> Result<(), Refusal> {
        let path = of.map_or("events".to_owned(), |id| format!("instances/{}/events", escaped(id)));
        let away = |why: String| Refusal::Away(format!("{}: {why}", self.base));
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = ureq::Agent::from(config).get(format!("{}/api/v1/{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().map_err(|error| away(error.to_string()))?;
        if !answer.status().is_success() {
            let text = answer.body_mut().read_to_vec().map_err(|error| away(error.to_string()))?;
            return Err(self.refusal(answer.status(), &text));
        }
        let mut name = String::new();
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.map_err(|error| away(error.to_string()))?;
            if let Some(said) = line.strip_prefix("event: ") {
                said.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ")
                && !each(&name, data)
            {
                return Ok(());
            }
        }
        Ok(())
    }

    fn refusal(&self, status: ureq::http::StatusCode, text: &[u8]) -> Refusal {
        match serde_json::from_slice(text) {
            Ok(problem) => Refusal::Problem(Box::new(problem)),
            Err(_) => Refusal::Away(format!("{}: it answers {status}, and is no Tidegate server", self.base)),
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.ask::<(), T>(Method::GET, path, None)
    }

    fn ask<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, Refusal> {
        let away = |why: String| Refusal::Away(format!("{}: {why}", self.base));
        let url = format!("{}/api/v1/{path}", self.base);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let body = body.map(serde_json::to_vec).transpose().map_err(|error| away(error.to_string()))?;
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let request = request.body(body.unwrap_or_default()).map_err(|error| away(error.to_string()))?;
        let mut answer = self.agent.run(request).map_err(|error| away(error.to_string()))?;
        let status = answer.status();
        let text = answer.body_mut().read_to_vec().map_err(|error| away(error.to_string()))?;
        if status.is_success() {
            let text = if text.is_empty() { b"null".to_vec() } else { text };
            return serde_json::from_slice(&text)
                .map_err(|error| away(format!("the answer is not understood: {error}")));
        }
        Err(self.refusal(status, &text))
    }
}

/// Names have no such characters; what a person types may.
fn escaped(id: &str) -> String {
    id.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
