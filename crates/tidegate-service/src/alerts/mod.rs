//! Telling somebody: what is wrong, and when it is over.

mod judge;
pub(crate) mod rules;
mod send;

use crate::secrets::Vault;
use crate::store::Store;
use crate::supervisor::Supervisor;
use judge::{Observed, Seen};
use rules::Rules;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_api::{Activity, Alert, AlertKind, AlertMessage, AlertSettings, Alerts};
use tidegate_model::{Code, Error, Gate, Result};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(5);
const SETTINGS: &str = "alert settings";
const FIRING: &str = "alerts firing";
/// What the webhook's address is sealed for: there is often a secret in it.
pub(crate) const WEBHOOK_PLACE: &str = "service/webhook";

pub(crate) struct Alarm {
    store: Arc<Store>,
    vault: Arc<Vault>,
    supervisor: Arc<Supervisor>,
    gate: Gate,
    /// Whose room is watched.
    folder: PathBuf,
    undelivered: Mutex<Option<String>>,
}

impl Alarm {
    pub(crate) fn new(
        store: Arc<Store>,
        vault: Arc<Vault>,
        supervisor: Arc<Supervisor>,
        gate: Gate,
        folder: PathBuf,
    ) -> Arc<Self> {
        Arc::new(Self { store, vault, supervisor, gate, folder, undelivered: Mutex::default() })
    }

    /// Looks, and tells, until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = Seen::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.look(&mut seen).await {
                tracing::error!(%error, "alerts cannot be looked at");
            }
        }
    }

    async fn look(&self, seen: &mut Seen) -> Result<()> {
        let (settings, before) = (self.settings().await?, self.firing().await?);
        let now = jiff::Timestamp::now().as_second();
        let observed = self.observe(now).await?;
        let free = free_bytes(&self.folder)?;
        let firing = judge::judge(&settings, &observed, free, &before, seen, now);
        let messages = judge::changes(&before, &firing);
        if messages.is_empty() {
            return Ok(());
        }
        let stored =
            serde_json::to_vec(&firing).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        self.store.ask(move |store| store.put_named(FIRING, &stored)).await?;
        for message in messages {
            tracing::info!(state = message.state, subject = message.alert.subject, "alert");
            self.tell(&settings, message).await;
        }
        Ok(())
    }

    async fn observe(&self, now: i64) -> Result<Vec<Observed>> {
        let found = self.store.ask(|store| store.list()).await?;
        let observed = found.into_iter().map(|found| {
            let running = self.supervisor.progress(&found.id);
            let watched = running.as_ref().and_then(|(_, watched)| watched.as_ref());
            let kept_until = self.supervisor.kept_until(&found);
            Observed {
                rules: Rules::of(&found.submitted),
                status: found.state.status,
                why: found.why.map(|why| format!("{} [{}]. {}", why.detail, why.code, why.remedy)),
                behind_seconds: watched.map_or(0.0, |watched| watched.behind_seconds()),
                is_stuck: watched.is_some_and(|watched| watched.activity == Activity::Stuck),
                is_read: running.as_ref().is_some_and(|(progress, _)| was_heard_of(progress, now)),
                kept_until,
                id: found.id,
                name: found.spec.name,
            }
        });
        Ok(observed.collect())
    }

    /// A message that does not arrive is said where alerts are shown; the alert itself stays.
    async fn tell(&self, settings: &AlertSettings, message: AlertMessage) {
        let told = match &settings.webhook {
            Some(webhook) => send::post(webhook.clone(), message, self.gate.clone()).await,
            None => Ok(()),
        };
        if let Err(error) = &told {
            tracing::warn!(%error, "an alert did not arrive");
        }
        *self.undelivered.lock().expect("no holder panics") = told.err().map(|error| error.to_string());
    }

    /// As they hold, with the webhook's whole address.
    async fn settings(&self) -> Result<AlertSettings> {
        let (stored, sealed) =
            self.store.ask(|store| Ok((store.named(SETTINGS)?, store.named(WEBHOOK_PLACE)?))).await?;
        let mut settings: AlertSettings = stored.map_or(Ok(AlertSettings::default()), |text| read(&text))?;
        settings.webhook = sealed.map(|sealed| self.vault.unseal(WEBHOOK_PLACE, &sealed)).transpose()?;
        Ok(settings)
    }

    async fn firing(&self) -> Result<Vec<Alert>> {
        let stored = self.store.ask(|store| store.named(FIRING)).await?;
        stored.map_or(Ok(Vec::new()), |text| read(&text))
    }

    /// For somebody to look at.
    pub(crate) async fn shown(&self) -> Result<Alerts> {
        let mut settings = self.settings().await?;
        settings.webhook = settings.webhook.map(|webhook| send::without_path(&webhook));
        let undelivered = self.undelivered.lock().expect("no holder panics").clone();
        Ok(Alerts { settings, firing: self.firing().await?, undelivered })
    }

    pub(crate) async fn change(&self, mut settings: AlertSettings) -> Result<()> {
        let before = self.settings().await?.webhook;
        // Whoever sends back what was shown means the one that is there.
        let is_shown =
            settings.webhook.is_some() && settings.webhook == before.as_deref().map(send::without_path);
        let webhook = if is_shown { before } else { settings.webhook.take() };
        settings.webhook = None;
        if let Some(webhook) = &webhook {
            send::check(webhook)?;
        }
        let sealed = webhook.map(|webhook| self.vault.seal(WEBHOOK_PLACE, &webhook)).transpose()?;
        let text =
            serde_json::to_vec(&settings).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        self.store
            .ask(move |store| {
                store.put_named(SETTINGS, &text)?;
                match sealed {
                    Some(sealed) => store.put_named(WEBHOOK_PLACE, &sealed),
                    None => store.remove_named(WEBHOOK_PLACE),
                }
            })
            .await
    }

    /// Sends a message that nothing is wrong, and says whether it arrived.
    pub(crate) async fn test(&self, by: &str) -> Result<()> {
        let settings = self.settings().await?;
        let Some(webhook) = settings.webhook else {
            let what = "there is no webhook to send a test to";
            return Err(Error::new(Code::BadRequest, what).with_remedy("tidegate alerts set --webhook URL"));
        };
        let alert = Alert {
            kind: AlertKind::Test,
            instance: None,
            name: None,
            since: jiff::Timestamp::now().to_string(),
            subject: "Tidegate: a test".to_owned(),
            text: format!("{by} asked whether alerts arrive. Nothing is wrong."),
        };
        send::post(webhook, AlertMessage { state: "firing".to_owned(), alert }, self.gate.clone()).await
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T> {
    serde_json::from_slice(text)
        .map_err(|error| Error::new(Code::StoreFailed, format!("a stored text is not readable: {error}")))
}

/// Whether the source has said something in the last minute.
fn was_heard_of(progress: &tidegate_engine::progress::Progress, now: i64) -> bool {
    let heard = progress.heard_at_us.load(std::sync::atomic::Ordering::Relaxed) / 1_000_000;
    now - i64::try_from(heard).unwrap_or(i64::MAX) < 60
}

fn free_bytes(folder: &std::path::Path) -> Result<u64> {
    let room = rustix::fs::statvfs(folder)
        .map_err(|error| Error::new(Code::StoreFailed, format!("{}: {error}", folder.display())))?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}
