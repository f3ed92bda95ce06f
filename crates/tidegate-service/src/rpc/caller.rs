//! Who has signed a request.

use super::answer::Refusal;
use super::signature::Claim;
use crate::http::Service;
use crate::secrets::{access_key_place, token_hash};
use crate::store::Account;

/// A request's time may be off by so much, in either direction.
const CLOCK_SECONDS: i64 = 15 * 60;
const NONCE_BYTES_MAX: usize = 200;

fn unknown() -> Refusal {
    Refusal::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
}

/// Whether there is such a key: asked before anything is done for its sake.
pub(super) async fn is_there(service: &Service, key: &str) -> Result<(), Refusal> {
    let id = key.to_owned();
    service.store.ask(move |store| store.access_key(&id)).await?.map(|_| ()).ok_or_else(unknown)
}

/// The account whose key has signed it: now, and for the first time.
pub(super) async fn known(service: &Service, claim: &Claim) -> Result<Account, Refusal> {
    let id = claim.key.clone();
    let key = service.store.ask(move |store| store.access_key(&id)).await?.ok_or_else(unknown)?;
    let now = jiff::Timestamp::now().as_second();
    let at: jiff::Timestamp = claim.date.parse().map_err(|_| {
        let why = "Specified time stamp or date value is not well formatted.";
        Refusal::new(400, "InvalidTimeStamp.Format", why)
    })?;
    if (now - at.as_second()).abs() > CLOCK_SECONDS {
        let why = "Specified time stamp or date value is expired.";
        return Err(Refusal::new(400, "InvalidTimeStamp.Expired", why));
    }
    claim.holds(&service.vault.unseal(&access_key_place(&claim.key), &key.secret)?)?;
    // Last: only who has the secret uses nonces up.
    let used = |why: &str| Refusal::new(400, "SignatureNonceUsed", why);
    if claim.nonce.is_empty() || claim.nonce.len() > NONCE_BYTES_MAX {
        return Err(used("Specified signature nonce is empty or too long."));
    }
    let hash = token_hash(&format!("{} {}", claim.key, claim.nonce));
    // One that comes from a clock ahead of ours is good for twice as long.
    let forget = now - 2 * CLOCK_SECONDS;
    let is_new = service.store.ask(move |store| store.take_nonce(&hash, now, forget)).await?;
    if is_new { Ok(key.account) } else { Err(used("Specified signature nonce was used already.")) }
}
