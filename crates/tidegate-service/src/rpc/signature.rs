//! The two ways in which requests are signed: in a header over everything (ACS3-HMAC-SHA256), or in a parameter over the
//! parameters (RPC v1, HMAC-SHA1). Pure: what was asked goes in, what it claims and whether that is true comes out.

use super::answer::Refusal;
use super::parameters::{Pair, encode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const ACS3: &str = "ACS3-HMAC-SHA256";
/// Without these a signature would say nothing about what is asked, of whom and when.
const MUST_BE_SIGNED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"];

/// Names of headers that are signed. Clients sign about ten; what is signed is built only of so many.
const SIGNED_MAX: usize = 64;

/// The key that a request's header or query names, before anything else of it is read; it may stand in the form, too.
pub(super) fn named_key(authorization: Option<&str>, query: &[Pair]) -> Option<String> {
    match authorization {
        Some(text) => part(text.trim().strip_prefix(ACS3)?, "Credential"),
        None => query.iter().rev().find(|(name, _)| name == "AccessKeyId").map(|(_, value)| value.clone()),
    }
}

fn part(parts: &str, name: &str) -> Option<String> {
    let found = parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    found.map(str::to_owned)
}

/// A request, as far as signatures go over it.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Names in lower case, in the order in which they came.
    pub(super) headers: &'a [(String, String)],
    pub(super) query: &'a [Pair],
    pub(super) form: &'a [Pair],
    pub(super) body: &'a [u8],
}

/// What a request says about who has signed it, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) key: String,
    /// As `2026-11-21T22:50:51Z`.
    pub(super) date: String,
    pub(super) nonce: String,
    proof: Proof,
}

#[derive(Debug, PartialEq, Eq)]
enum Proof {
    Header { to_sign: String, signature: String },
    Parameter { to_sign: String, signature: String },
}

impl Signed<'_> {
    /// Reads the claim; nothing of it is believed before [`Claim::holds`].
    pub(super) fn claim(&self) -> Result<Claim, Refusal> {
        match self.header("authorization") {
            Some(text) => self.of_header(&text),
            None => self.of_parameters(),
        }
    }

    /// The action and its version, from where the signature goes over them: whoever signs by parameters may send headers of
    /// these names, too, and nobody has signed those.
    pub(super) fn action(&self) -> (Option<String>, Option<String>) {
        let parameter = |name: &str| {
            let found = self.form.iter().rev().chain(self.query.iter().rev()).find(|(one, _)| one == name);
            found.map(|(_, value)| value.clone())
        };
        match self.header("authorization") {
            Some(_) => (self.header("x-acs-action"), self.header("x-acs-version")),
            None => (parameter("Action"), parameter("Version")),
        }
    }

    /// A header's value; of several with the same name all of them, in their order.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut found: Vec<&str> =
            self.headers.iter().filter(|(one, _)| one == name).map(|(_, value)| value.trim()).collect();
        found.sort_unstable();
        (!found.is_empty()).then(|| found.join(","))
    }

    fn of_header(&self, text: &str) -> Result<Claim, Refusal> {
        let parts = text.trim().strip_prefix(ACS3).ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidSignatureMethod",
                "This service takes ACS3-HMAC-SHA256 and HMAC-SHA1 only.",
            )
        })?;
        let part = |name: &str| {
            part(parts, name).ok_or_else(|| incomplete(&format!("{name} in the header Authorization")))
        };
        let (key, names, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        // Each once: otherwise a short request has a long text built.
        let names: Vec<&str> = names.split(';').take(SIGNED_MAX + 1).collect();
        if names.len() > SIGNED_MAX || names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            return Err(incomplete(&format!("at most {SIGNED_MAX} signed headers, each named once")));
        }
        if let Some(missing) = MUST_BE_SIGNED.iter().find(|name| !names.contains(name)) {
            return Err(incomplete(&format!("{missing} among the signed headers")));
        }
        // Without its type a body says nothing.
        if !self.body.is_empty() && !names.contains(&"content-type") {
            return Err(incomplete("content-type among the signed headers"));
        }
        let payload = hex(digest(&SHA256, self.body).as_ref());
        let needed = |name: &str| self.header(name).ok_or_else(|| incomplete(&format!("the header {name}")));
        if needed("x-acs-content-sha256")? != payload {
            return Err(mismatch());
        }
        let mut headers = String::new();
        for name in &names {
            let _ = writeln!(headers, "{name}:{}", needed(name)?);
        }
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload}",
            self.method,
            self.path,
            joined(self.query.iter()),
            names.join(";")
        );
        Ok(Claim {
            key,
            date: needed("x-acs-date")?,
            nonce: needed("x-acs-signature-nonce")?,
            proof: Proof::Header {
                to_sign: format!("{ACS3}\n{}", hex(digest(&SHA256, canonical.as_bytes()).as_ref())),
                signature,
            },
        })
    }

    fn of_parameters(&self) -> Result<Claim, Refusal> {
        let all = || self.query.iter().chain(self.form);
        // Whoever has signed by parameters has written their names so.
        let needed = |name: &str| {
            let found = self.form.iter().rev().chain(self.query.iter().rev()).find(|(one, _)| one == name);
            found.map(|(_, value)| value.clone()).ok_or_else(|| missing(name))
        };
        let key = needed("AccessKeyId")?;
        let method = needed("SignatureMethod")?;
        if !method.eq_ignore_ascii_case("HMAC-SHA1") || needed("SignatureVersion")? != "1.0" {
            let why = "This service takes ACS3-HMAC-SHA256, and HMAC-SHA1 with SignatureVersion 1.0, only.";
            return Err(Refusal::new(400, "InvalidSignatureMethod", why));
        }
        let canonical = joined(merged(all().filter(|(name, _)| name != "Signature")).iter());
        Ok(Claim {
            key,
            date: needed("Timestamp")?,
            nonce: needed("SignatureNonce")?,
            proof: Proof::Parameter {
                to_sign: format!("{}&%2F&{}", self.method, encode(&canonical)),
                signature: needed("Signature")?,
            },
        })
    }
}

impl Claim {
    /// Whether it was made with this secret. Compared in the same time whatever is wrong with it.
    pub(super) fn holds(&self, secret: &str) -> Result<(), Refusal> {
        let (key, to_sign, signature) = match &self.proof {
            Proof::Header { to_sign, signature } => {
                (hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), to_sign, unhex(signature))
            }
            Proof::Parameter { to_sign, signature } => {
                let key =
                    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{secret}&").as_bytes());
                (key, to_sign, STANDARD.decode(signature).ok())
            }
        };
        let signature = signature.ok_or_else(mismatch)?;
        hmac::verify(&key, to_sign.as_bytes(), &signature).map_err(|_| mismatch())
    }
}

/// The later of two with the same name wins: the body's.
fn merged<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Vec<Pair> {
    pairs.cloned().collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn joined<'a>(pairs: impl Iterator<Item = &'a Pair>) -> String {
    let mut sorted: Vec<&Pair> = pairs.collect();
    sorted.sort();
    let texts = sorted.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    texts.collect::<Vec<_>>().join("&")
}

fn missing(name: &str) -> Refusal {
    Refusal::new(400, &format!("Missing{name}"), &format!("{name} is mandatory for this action."))
}

fn incomplete(what: &str) -> Refusal {
    Refusal::new(
        400,
        "IncompleteSignature",
        &format!("The request signature does not conform: it lacks {what}."),
    )
}

/// What was signed holds passwords, so it is not said. Clients read what stands behind the colon.
fn mismatch() -> Refusal {
    let why = "Specified signature is not matched with our calculation. server string to sign is:not shown, because \
               it may hold passwords; check the secret of the access key";
    Refusal::new(400, "SignatureDoesNotMatch", why)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
