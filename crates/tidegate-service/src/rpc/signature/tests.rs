use super::super::parameters::decode;
use super::*;
use serde_json::Value;

/// Requests as the official clients have sent them, with the secret `testSecret`.
const VECTORS: &str = include_str!("vectors.json");

struct Sent {
    name: String,
    secret: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

fn sent() -> Vec<Sent> {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let read = |vector: &Value| {
        let line = text(&vector["request_line"]);
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = vector["headers"].as_array().unwrap().iter();
        Sent {
            name: text(&vector["name"]),
            secret: text(&vector["secret"]),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.map(|pair| (text(&pair[0]).to_lowercase(), text(&pair[1]))).collect(),
            body: text(&vector["body"]),
        }
    };
    vectors.iter().map(read).collect()
}

impl Sent {
    fn verified(&self, secret: &str) -> Result<Claim, Refusal> {
        let form = decode(self.body.as_bytes());
        let signed = Signed {
            method: &self.method,
            path: &self.path,
            headers: &self.headers,
            query: &decode(self.query.as_bytes()),
            form: &form,
            body: self.body.as_bytes(),
        };
        let claim = signed.claim()?;
        claim.holds(secret)?;
        Ok(claim)
    }
}

#[test]
fn what_official_clients_have_signed_holds() {
    let all = sent();
    assert_eq!(all.len(), 16);
    for one in &all {
        let claim = one.verified(&one.secret).unwrap_or_else(|why| panic!("{}: {why:?}", one.name));
        assert!(!claim.nonce.is_empty(), "{}", one.name);
        claim.date.parse::<jiff::Timestamp>().unwrap();
    }
}

#[test]
fn another_secret_or_anything_changed_does_not() {
    for mut one in sent() {
        let name = one.name.clone();
        let refused = |one: &Sent, secret: &str, what: &str| {
            let refusal = one.verified(secret).err().unwrap_or_else(|| panic!("{name}: {what}"));
            assert_eq!(refusal.code, "SignatureDoesNotMatch", "{name}: {what}");
            // One client looks for what stands behind a colon.
            assert!(refusal.message.contains("server string to sign is:"), "{name}");
            assert!(!refusal.message.contains("p@ss"), "{name}");
        };
        refused(&one, "otherSecret", "another secret");
        let (query, body) = (one.query.clone(), one.body.clone());
        one.query = format!("{query}&DtsJobId=x2");
        refused(&one, &one.secret.clone(), "another query");
        one.query = query;
        if !one.headers.iter().any(|(name, _)| name == "authorization") || !body.is_empty() {
            one.body = format!("{body}&Added=1");
            refused(&one, &one.secret.clone(), "another body");
            one.body = body;
        }
        let acted = one.headers.iter().position(|(name, _)| name == "x-acs-action");
        if let Some(at) = acted.filter(|_| name.starts_with("acs3")) {
            let before = std::mem::replace(&mut one.headers[at].1, "DeleteDtsJob".to_owned());
            refused(&one, &one.secret.clone(), "another action");
            one.headers[at].1 = before;
        }
        one.method = if one.method == "GET" { "POST" } else { "GET" }.to_owned();
        refused(&one, &one.secret.clone(), "another method");
    }
}

/// Nobody has signed a header where the parameters are signed.
#[test]
fn the_action_is_the_signed_one() {
    for mut one in sent() {
        one.headers.retain(|(header, _)| header != "x-acs-action" || one.name.starts_with("acs3"));
        let before = action(&one);
        assert!(before.is_some(), "{}", one.name);
        if one.name.starts_with("v1") {
            one.headers.push(("x-acs-action".to_owned(), "DeleteDtsJob".to_owned()));
            assert_ne!(action(&one).as_deref(), Some("DeleteDtsJob"), "{}", one.name);
            // Of several, the signature goes over the last.
            one.query = format!("Action=DeleteDtsJob&{}", one.query);
            assert_ne!(action(&one).as_deref(), Some("DeleteDtsJob"), "{}", one.name);
        }
    }
}

fn action(one: &Sent) -> Option<String> {
    let (query, form) = (decode(one.query.as_bytes()), decode(one.body.as_bytes()));
    let (method, path) = (one.method.as_str(), one.path.as_str());
    let body = one.body.as_bytes();
    Signed { method, path, headers: &one.headers, query: &query, form: &form, body }.action().0
}

#[test]
fn what_says_too_little_is_refused() {
    let one = sent().into_iter().find(|one| one.name.contains("StopDtsJob-query-only")).unwrap();
    let at = one.headers.iter().position(|(name, _)| name == "authorization").unwrap();
    for (from, to, code) in [
        ("x-acs-date;", "", "IncompleteSignature"),
        ("ACS3-HMAC-SHA256", "ACS3-RSA-SHA256", "InvalidSignatureMethod"),
        ("Credential=testAkId,", "", "IncompleteSignature"),
        ("ACS3-HMAC-SHA256 ", "Bearer ", "InvalidSignatureMethod"),
    ] {
        let mut headers = one.headers.clone();
        headers[at].1 = headers[at].1.replace(from, to);
        let changed = Sent { headers, ..sent().remove(0) };
        assert_eq!(changed.verified("testSecret").unwrap_err().code, code, "{from}");
    }
    let nothing = Sent { headers: Vec::new(), query: "Action=StopDtsJob".to_owned(), ..sent().remove(0) };
    assert_eq!(nothing.verified("testSecret").unwrap_err().code, "MissingAccessKeyId");
}

#[test]
fn hostile_signatures_are_refused() {
    let one = sent().remove(0);
    let at = one.headers.iter().position(|(name, _)| name == "authorization").unwrap();
    let (before, _) = one.headers[at].1.rsplit_once('=').unwrap();
    for signature in ["", "0", "zz", "é0", &"0".repeat(100_000)] {
        let mut headers = one.headers.clone();
        headers[at].1 = format!("{before}={signature}");
        let changed = Sent { headers, ..sent().remove(0) };
        assert_eq!(changed.verified("testSecret").unwrap_err().code, "SignatureDoesNotMatch");
    }
}

#[test]
fn a_short_request_builds_no_long_text() {
    let mut one =
        sent().into_iter().find(|one| one.headers.iter().any(|(name, _)| name == "authorization")).unwrap();
    let at = one.headers.iter().position(|(name, _)| name == "authorization").unwrap();
    let text = one.headers[at].1.clone();
    assert_eq!(named_key(Some(&text), &[]), one.verified(&one.secret).ok().map(|claim| claim.key));
    let many: String = (0..=SIGNED_MAX).map(|number| format!("x-{number};")).collect();
    for more in ["host;", &many] {
        one.headers[at].1 = text.replace("SignedHeaders=", &format!("SignedHeaders={more}"));
        assert_eq!(one.verified(&one.secret).unwrap_err().code, "IncompleteSignature", "{more}");
    }
}
