//! The official API as clients of it see it: what they sign, how they ask, and what they trip over.

use crate::routes::Running;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use tidegate_service::server::{DataFolder, Server};
use tidegate_service::settings::{OfficialApi, SettingsFile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const CANARY: &str = "canary p@ss+w%rd";
/// Nobody listens there.
const NOWHERE: [(&str, &str); 10] = [
    ("SourceEndpointInstanceType", "OTHER"),
    ("SourceEndpointEngineName", "MySQL"),
    ("SourceEndpointIP", "127.0.0.1"),
    ("SourceEndpointPort", "1"),
    ("SourceEndpointUserName", "u"),
    ("SourceEndpointPassword", CANARY),
    ("DestinationEndpointInstanceType", "LocalInstance"),
    ("DestinationEndpointIP", "127.0.0.1"),
    ("DestinationEndpointPort", "2"),
    ("DestinationEndpointUserName", "u"),
];

struct Key {
    id: String,
    secret: String,
}

/// A request before it is signed.
#[derive(Clone)]
struct Request<'a> {
    action: &'a str,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    method: &'a str,
    nonce: Option<String>,
    at: i64,
    is_chunked: bool,
    host: &'a str,
    /// What stands in place of the signed bytes.
    body: Option<String>,
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl<'a> Request<'a> {
    fn new(action: &'a str, query: &[(&str, &str)]) -> Self {
        Self {
            action,
            query: pairs(query),
            form: Vec::new(),
            method: "POST",
            nonce: None,
            at: jiff::Timestamp::now().as_second(),
            is_chunked: false,
            host: "dts.example",
            body: None,
        }
    }

    fn form(mut self, form: &[(&str, &str)]) -> Self {
        self.form = pairs(form);
        self
    }

    fn nonce(&self) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let next = || format!("nonce-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.nonce.clone().unwrap_or_else(next)
    }

    fn date(&self) -> String {
        jiff::Timestamp::from_second(self.at).unwrap().to_string()
    }

    /// With ACS3-HMAC-SHA256.
    fn in_header(&self, key: &Key) -> String {
        let body = joined(&self.form);
        let payload = hex(&body);
        let mut headers = vec![
            ("host", self.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-content-sha256", payload.clone()),
            ("x-acs-date", self.date()),
            ("x-acs-signature-nonce", self.nonce()),
            ("x-acs-version", "2020-01-01".to_owned()),
        ];
        if !body.is_empty() {
            headers.insert(0, ("content-type", "application/x-www-form-urlencoded".to_owned()));
        }
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical =
            format!("{}\n/\n{}\n{lines}\n{names}\n{payload}", self.method, joined(&sorted(&self.query)));
        let to_sign = format!("ACS3-HMAC-SHA256\n{}", hex(&canonical));
        let signing = hmac::Key::new(hmac::HMAC_SHA256, key.secret.as_bytes());
        let signature = hex_of(hmac::sign(&signing, to_sign.as_bytes()).as_ref());
        let authorization =
            format!("ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}", key.id);
        headers.push(("authorization", authorization));
        self.written(&joined(&self.query), &headers, &body)
    }

    /// With RPC v1.
    fn in_parameters(&self, key: &Key) -> String {
        let mut query = self.query.clone();
        query.extend(pairs(&[
            ("Action", self.action),
            ("Version", "2020-01-01"),
            ("Format", "JSON"),
            ("AccessKeyId", &key.id),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", &self.nonce()),
            ("Timestamp", &self.date()),
        ]));
        let all: Vec<_> = query.iter().chain(&self.form).cloned().collect();
        let to_sign = format!("{}&%2F&{}", self.method, encode(&joined(&sorted(&all))));
        let signing =
            hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{}&", key.secret).as_bytes());
        let signature = STANDARD.encode(hmac::sign(&signing, to_sign.as_bytes()));
        query.push(("Signature".to_owned(), signature));
        let headers = [
            ("host", self.host.to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            // Some clients send it, and nobody has signed it.
            ("x-acs-action", "DeleteDtsJob".to_owned()),
        ];
        self.written(&joined(&query), &headers, &joined(&self.form))
    }

    fn written(&self, query: &str, headers: &[(&str, String)], body: &str) -> String {
        let body = self.body.as_deref().unwrap_or(body);
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (length, body) = match self.is_chunked {
            true => {
                let chunks = body
                    .as_bytes()
                    .chunks(7)
                    .map(|part| format!("{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap()));
                let body = chunks.collect::<String>() + "0\r\n\r\n";
                ("transfer-encoding: chunked".to_owned(), body)
            }
            false => (format!("content-length: {}", body.len()), body.to_owned()),
        };
        format!("{} /?{query} HTTP/1.1\r\n{lines}connection: close\r\n{length}\r\n\r\n{body}", self.method)
    }
}

fn sorted(of: &[(String, String)]) -> Vec<(String, String)> {
    let mut of = of.to_vec();
    of.sort();
    of
}

fn joined(of: &[(String, String)]) -> String {
    of.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn hex(text: &str) -> String {
    hex_of(digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Official {
    running: Running,
    token: String,
    key: Key,
}

impl Official {
    async fn start(name: &str) -> Self {
        Self::with(name, OfficialApi::default()).await
    }

    async fn with(name: &str, official_api: OfficialApi) -> Self {
        let running = Running::with_settings(
            &format!("official-{name}"),
            SettingsFile { official_api, ..SettingsFile::default() },
            Some("127.0.0.1:0".parse().unwrap()),
        )
        .await;
        let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
        let key = key(&running, &token).await;
        Self { running, token, key }
    }

    /// Status and answer of a request as it stands.
    async fn send(&self, request: &str) -> (u16, Value) {
        let (status, text) = answered(self.running.official.unwrap(), request).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(answer["RequestId"].as_str().is_some_and(|id| id.len() == 36), "{answer}");
        assert!(!text.contains("canary") && !text.contains("null"), "{text}");
        if status >= 400 {
            for field in ["HostId", "Code", "Message"] {
                assert!(answer[field].is_string(), "{field}: {answer}");
            }
        } else {
            // One client takes every other word under this name for an error.
            assert_eq!(answer.get("Code"), None, "{answer}");
        }
        (status, answer)
    }

    async fn call(&self, request: Request<'_>) -> (u16, Value) {
        self.send(&request.in_header(&self.key)).await
    }

    async fn ask(&self, action: &str, query: &[(&str, &str)]) -> Value {
        let (status, answer) = self.call(Request::new(action, query)).await;
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    async fn refused(&self, action: &str, query: &[(&str, &str)], status: u16, code: &str) -> Value {
        let (found, answer) = self.call(Request::new(action, query)).await;
        assert_eq!((found, answer["Code"].as_str()), (status, Some(code)), "{action} {query:?}: {answer}");
        answer
    }

    /// Made and configured, and not started.
    async fn configured(&self, name: &str, more: &[(&str, &str)]) -> String {
        let mut query = NOWHERE.to_vec();
        query.extend([("JobType", "SYNC"), ("DtsJobName", name)]);
        query.extend(more);
        let form = [
            ("DbList", r#"{"shop":  {"name":"shop","all":true} }"#),
            ("Reserve", r#"{"autoStartModulesAfterConfig": "none"}"#),
        ];
        let (status, answer) = self.call(Request::new("ConfigureDtsJob", &query).form(&form)).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["Success"], "true", "a text: {answer}");
        answer["DtsJobId"].as_str().unwrap().to_owned()
    }
}

async fn key(running: &Running, token: &str) -> Key {
    let (status, text) = running.ask("POST", "/api/v1/access-keys", Some(token), "").await;
    assert_eq!(status, 200, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Key { id: text("id"), secret: text("secret") }
}

async fn answered(address: std::net::SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn both_signatures_are_taken_and_each_request_once() {
    let official = Official::start("signed").await;
    let list =
        Request::new("DescribeDtsJobs", &[("JobType", "SYNC"), ("Params", "a b+é*~&="), ("Type", "name")]);
    for sent in [list.in_header(&official.key), list.in_parameters(&official.key)] {
        let (status, answer) = official.send(&sent).await;
        assert_eq!((status, &answer["DtsJobList"]), (200, &json!([])), "{answer}");
        let (status, answer) = official.send(&sent).await;
        assert_eq!((status, &answer["Code"]), (400, &json!("SignatureNonceUsed")), "{answer}");
    }
    let get = Request { method: "GET", ..list.clone() };
    assert_eq!(official.send(&get.in_parameters(&official.key)).await.0, 200);
    let chunked =
        Request { is_chunked: true, ..Request::new("DescribeDtsJobs", &[]).form(&[("JobType", "SYNC")]) };
    assert_eq!(official.call(chunked).await.0, 200);
    // A nonce is one key's own.
    let other = key(&official.running, &official.token).await;
    let named = Request { nonce: Some("n".to_owned()), ..list.clone() };
    for (key, status) in [(&official.key, 200), (&other, 200), (&other, 400)] {
        assert_eq!(official.send(&named.in_parameters(key)).await.0, status);
    }
}

#[tokio::test]
async fn whoever_is_not_known_is_told_so() {
    let official = Official::start("unknown").await;
    let list = Request::new("DescribeDtsJobs", &[("SourceEndpointPassword", CANARY)]);
    let wrong = Key { id: official.key.id.clone(), secret: "wrong".to_owned() };
    let nobody = Key { id: "TGNOBODY".to_owned(), secret: "wrong".to_owned() };
    let now = jiff::Timestamp::now().as_second();
    let late = Request { at: now - 16 * 60, ..list.clone() };
    let early = Request { at: now + 16 * 60, ..list.clone() };
    let changed = Request { body: Some("A=1".to_owned()), ..list.clone().form(&[("A", "2")]) };
    for (sent, status, code) in [
        (list.in_header(&wrong), 400, "SignatureDoesNotMatch"),
        (list.in_parameters(&wrong), 400, "SignatureDoesNotMatch"),
        (changed.in_header(&official.key), 400, "SignatureDoesNotMatch"),
        (changed.in_parameters(&official.key), 400, "SignatureDoesNotMatch"),
        (list.in_header(&nobody), 404, "InvalidAccessKeyId.NotFound"),
        (late.in_header(&official.key), 400, "InvalidTimeStamp.Expired"),
        (early.in_parameters(&official.key), 400, "InvalidTimeStamp.Expired"),
        (
            list.in_parameters(&official.key).replace("Timestamp=2", "Timestamp=x2"),
            400,
            "InvalidTimeStamp.Format",
        ),
        (
            "POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
            400,
            "MissingAccessKeyId",
        ),
        (list.in_header(&official.key).replace("POST /?", "POST /prefix?"), 404, "InvalidApi.NotFound"),
        (list.in_header(&official.key).replace("POST /?", "PUT /?"), 404, "InvalidApi.NotFound"),
    ] {
        let (found, answer) = official.send(&sent).await;
        assert_eq!((found, answer["Code"].as_str()), (status, Some(code)), "{answer}");
        if code == "SignatureDoesNotMatch" {
            // One client crashes without the colon.
            assert!(answer["Message"].as_str().unwrap().contains(':'), "{answer}");
        }
    }
    // With a wrong secret nobody uses up a nonce.
    let named = Request { nonce: Some("mine".to_owned()), ..list };
    assert_eq!(official.send(&named.in_header(&wrong)).await.0, 400);
    assert_eq!(official.send(&named.in_header(&official.key)).await.0, 200);
}

#[tokio::test]
async fn keys_are_their_accounts() {
    let official = Official::start("keys").await;
    let running = &official.running;
    let admin = Some(official.token.as_str());
    let put = |role: &str, password: &str| json!({ "role": role, "password": password }).to_string();
    assert_eq!(
        running.ask("PUT", "/api/v1/accounts/eve", admin, &put("viewer", "long-enough-1")).await.0,
        200
    );
    let body = json!({ "account": "eve", "password": "long-enough-1" }).to_string();
    let (_, text) = running.ask("POST", "/api/v1/login", None, &body).await;
    let login: Value = serde_json::from_str(&text).unwrap();
    let viewer = login["token"].as_str();
    let eves = key(running, viewer.unwrap()).await;
    let (_, listed) = running.ask("GET", "/api/v1/access-keys", viewer, "").await;
    assert!(
        listed.contains(&eves.id) && !listed.contains(&official.key.id) && !listed.contains("secret"),
        "{listed}"
    );
    let (_, listed) = running.ask("GET", "/api/v1/access-keys", admin, "").await;
    assert!(listed.contains(&eves.id) && listed.contains(&official.key.id), "{listed}");
    let path = format!("/api/v1/access-keys/{}", official.key.id);
    assert_eq!(running.ask("DELETE", &path, viewer, "").await.0, 400, "another's key");
    for (action, status) in [
        ("DescribeDtsJobs", 200),
        ("DescribeConnectionStatus", 403),
        ("StartDtsJob", 403),
        ("CreateDtsInstance", 403),
        ("DescribeNothing", 404),
    ] {
        let (found, answer) = official.send(&Request::new(action, &[]).in_header(&eves)).await;
        assert_eq!(found, status, "{action}: {answer}");
        assert!(status != 403 || answer["Code"] == "Forbidden.RAM", "{answer}");
    }
    // A new password ends an account's keys, and so does its end.
    assert_eq!(
        running.ask("PUT", "/api/v1/accounts/eve", admin, &put("viewer", "long-enough-2")).await.0,
        200
    );
    let gone = official.send(&Request::new("DescribeDtsJobs", &[]).in_header(&eves)).await;
    assert_eq!(gone.1["Code"], "InvalidAccessKeyId.NotFound");
    assert_eq!(running.ask("DELETE", &path, admin, "").await.0, 204);
    assert_eq!(official.call(Request::new("DescribeDtsJobs", &[])).await.0, 404);
    let (_, audit) = running.ask("GET", "/api/v1/audit", admin, "").await;
    assert!(audit.contains("make access key") && audit.contains("remove access key"), "{audit}");
}

#[tokio::test]
async fn what_was_given_is_told_again() {
    let official = Official::start("echo").await;
    let job = official.configured("my job & 订单", &[("SourceEndpointRegion", "cn-hangzhou")]).await;
    for action in ["DescribeDtsJobs", "DescribeDtsJobDetail"] {
        let answer = official.ask(action, &[("dtsjobid", job.as_str()), ("JOBTYPE", "SYNC")]).await;
        let shown = answer["DtsJobList"].get(0).unwrap_or(&answer);
        assert_eq!(shown["DbObject"], r#"{"shop":  {"name":"shop","all":true} }"#, "byte for byte");
        assert_eq!((&shown["DtsJobName"], &shown["Status"]), (&json!("my job & 订单"), &json!("NotStarted")));
        let source = json!({
            "EngineName": "MySQL", "InstanceType": "OTHER", "Ip": "127.0.0.1", "Port": "1", "UserName": "u",
            "Region": "cn-hangzhou",
        });
        assert_eq!(shown["SourceEndpoint"], source, "nothing is invented");
        assert_eq!(shown["DestinationEndpoint"]["Region"], Value::Null);
        assert_eq!(shown["ReverseJob"], json!({ "SourceEndpoint": {} }), "Terraform needs it");
        assert!(shown["TagList"].is_array() && shown["MigrationMode"].is_object(), "{shown}");
    }
    let detail = official.ask("DescribeDtsJobDetail", &[("DtsInstanceID", &format!("dts{job}"))]).await;
    assert!(detail["Checkpoint"].is_i64() && detail["Success"] == true, "{detail}");
    let (_, own) =
        official.running.ask("GET", &format!("/api/v1/instances/{job}"), Some(&official.token), "").await;
    assert!(own.contains(r#""name":"my-job""#) && !own.contains("canary"), "{own}");
    // What is changed elsewhere is told as it is.
    let end = json!({ "url": "mysql://other@db9:3307/" });
    let spec = json!({
        "name": "renamed", "kind": "sync", "source": end, "target": end,
        "objects": { "include": ["crm.*"], "rename": ["crm.*=crm2.*"] },
    });
    let path = format!("/api/v1/instances/{job}");
    let (status, text) = official.running.ask("PUT", &path, Some(&official.token), &spec.to_string()).await;
    assert_eq!(status, 200, "{text}");
    let detail = official.ask("DescribeDtsJobDetail", &[("DtsJobId", &job)]).await;
    assert_eq!(detail["DtsJobName"], "renamed");
    assert_eq!(detail["SourceEndpoint"]["Ip"], "db9", "{detail}");
    assert_eq!(detail["DbObject"], r#"{"crm":{"all":true,"name":"crm2"}}"#);
    let members = json!({ "url": "mongodb://other@m1:27018,m2:27018/?replicaSet=rs" });
    let spec = json!({ "name": "renamed", "kind": "sync", "source": members, "target": members,
        "objects": { "include": ["crm.*"] } });
    let (status, text) = official.running.ask("PUT", &path, Some(&official.token), &spec.to_string()).await;
    assert_eq!(status, 200, "{text}");
    let source = &official.ask("DescribeDtsJobDetail", &[("DtsJobId", &job)]).await["SourceEndpoint"];
    assert_eq!(
        (&source["EngineName"], &source["Ip"], &source["Port"]),
        (&json!("MONGODB"), &json!("m1"), &json!("27018"))
    );
    // Two jobs may bear the same name there.
    let [one, two] = [official.configured("same", &[]).await, official.configured("same", &[]).await];
    for id in [one, two] {
        assert_eq!(official.ask("DescribeDtsJobDetail", &[("DtsJobId", &id)]).await["DtsJobName"], "same");
    }
}

#[tokio::test]
async fn a_job_of_mongodb() {
    let official = Official::start("mongodb").await;
    let mut more = Vec::new();
    for end in ["SourceEndpoint", "DestinationEndpoint"] {
        more.extend([(format!("{end}EngineName"), "MONGODB"), (format!("{end}DatabaseName"), "accounts")]);
    }
    let mut query: Vec<(&str, &str)> = NOWHERE.to_vec();
    query.retain(|(name, _)| !name.ends_with("EngineName"));
    query.extend(more.iter().map(|(name, value)| (name.as_str(), *value)));
    query.extend([
        ("JobType", "SYNC"),
        ("DtsJobName", "documents"),
        ("DbList", r#"{"shop":{"name":"shop","all":true}}"#),
    ]);
    let none = [("Reserve", r#"{"autoStartModulesAfterConfig": "none"}"#)];
    let (status, answer) = official.call(Request::new("ConfigureDtsJob", &query).form(&none)).await;
    assert_eq!(status, 200, "{answer}");
    let job = answer["DtsJobId"].as_str().unwrap();
    let source = &official.ask("DescribeDtsJobDetail", &[("DtsJobId", job)]).await["SourceEndpoint"];
    assert_eq!((&source["EngineName"], &source["DatabaseName"]), (&json!("MONGODB"), &json!("accounts")));
    let path = format!("/api/v1/instances/{job}");
    let (_, own) = official.running.ask("GET", &path, Some(&official.token), "").await;
    assert!(own.contains("mongodb://u@127.0.0.1:1/?authSource=accounts"), "{own}");
}

#[tokio::test]
async fn lists_are_found_and_cut() {
    let official = Official::start("lists").await;
    let mut jobs = Vec::new();
    for name in ["alpha", "beta", "gamma"] {
        jobs.push(official.configured(name, &[]).await);
    }
    let instance = format!("dts{}", jobs[1]);
    let tag = [
        ("ResourceId.1", instance.as_str()),
        ("Tag.0.Key", "team"),
        ("Tag.0.Value", "blue"),
        ("Tag.1.Key", "x"),
        ("Tag.1.Value", ""),
    ];
    assert_eq!(official.ask("TagResources", &tag).await["Success"], true);
    let both = jobs[..2].join(",");
    for (query, names) in [
        (vec![("JobType", "SYNC")], "alpha beta gamma"),
        (vec![("JobType", "SYNC"), ("OrderDirection", "DESC")], "gamma beta alpha"),
        (vec![("JobType", "SYNC"), ("PageSize", "2"), ("PageNumber", "2")], "gamma"),
        (vec![("JobType", "SYNC"), ("PageSize", "200")], "alpha beta gamma"),
        (vec![("JobType", "SYNC"), ("Type", "name"), ("Params", "ET")], "beta"),
        (vec![("JobType", "SYNC"), ("Type", "instance"), ("Params", &instance)], "beta"),
        (vec![("JobType", "SYNC"), ("DtsJobId", &both)], "alpha beta"),
        (vec![("JobType", "SYNC"), ("Tags", r#"[{"key":"team","value":"blue"}]"#)], "beta"),
        (vec![("JobType", "SYNC"), ("Status", "Synchronizing")], ""),
        (vec![], ""),
    ] {
        let answer = official.ask("DescribeDtsJobs", &query).await;
        let list = answer["DtsJobList"].as_array().unwrap();
        let found: Vec<&str> = list.iter().map(|job| job["DtsJobName"].as_str().unwrap()).collect();
        assert_eq!(found.join(" "), names, "{query:?}");
        assert_eq!(answer["PageRecordCount"], found.len());
    }
    let count = official.ask("CountJobByCondition", &[("JobType", "SYNC")]).await;
    assert_eq!(count["TotalRecordCount"], 3);
    // The same tags in our own API.
    let token = Some(official.token.as_str());
    for (query, total) in
        [("tag=team", 1), ("tag=team:blue", 1), ("tag=team:red", 0), ("tag=x", 1), ("tag=y", 0)]
    {
        let (_, text) = official.running.ask("GET", &format!("/api/v1/instances?{query}"), token, "").await;
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list["total"], total, "{query}: {text}");
    }
    let path = format!("/api/v1/instances/{}/tags", jobs[0]);
    for (body, status) in [
        (r#"{"a":"1","b":""}"#.to_owned(), 200),
        (r#"{"":"1"}"#.to_owned(), 400),
        (r#"{"a:b":"1"}"#.to_owned(), 400),
        (r#"{"a":1}"#.to_owned(), 422),
        (
            json!((0..21).map(|n| (n.to_string(), "")).collect::<std::collections::BTreeMap<_, _>>())
                .to_string(),
            400,
        ),
    ] {
        let (found, text) = official.running.ask("PUT", &path, token, &body).await;
        assert_eq!(found, status, "{body}: {text}");
    }
    let all = official.ask("ListTagResources", &[]).await;
    assert_eq!(all["TagResources"]["TagResource"].as_array().unwrap().len(), 4, "{all}");
    assert_eq!(all.get("NextToken"), None);
    let untag = [("ResourceId.1", instance.as_str()), ("TagKey.1", "team")];
    official.ask("UntagResources", &untag).await;
    official.ask("UntagResources", &[("ResourceId.1", &format!("dts{}", jobs[0])), ("All", "True")]).await;
    let left = official
        .ask("ListTagResources", &[("ResourceId.1", &instance), ("ResourceType", "ALIYUN::DTS::INSTANCE")])
        .await;
    assert_eq!(left["TagResources"]["TagResource"][0]["TagKey"], "x", "{left}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_clearly() {
    let official = Official::start("refused").await;
    let job = official.configured("one", &[]).await;
    let of = |more: (&'static str, &'static str)| vec![("DtsJobId", job.as_str()), more];
    official.refused("StopDtsJob", &[], 400, "MissingDtsJobId").await;
    official
        .refused("StopDtsJob", &[("DtsJobId", "l3m1213ye7l0000")], 404, "Forbidden.InstanceNotFound")
        .await;
    official.refused("StopDtsJob", &[("DtsJobId", "one")], 404, "Forbidden.InstanceNotFound").await;
    official.refused("StopDtsJob", &of(("DtsInstanceId", "dtsother")), 400, "InvalidParameter").await;
    official.refused("StopDtsJob", &of(("RegionId", "x")), 403, "InvalidJobStatus").await;
    official
        .refused("StartDtsJob", &of(("SynchronizationDirection", "Reverse")), 403, "OperationDenied")
        .await;
    official.refused("StartReverseWriter", &of(("a", "b")), 403, "InvalidJobStatus").await;
    official.refused("CreateReverseDtsJob", &of(("a", "b")), 403, "InvalidJobStatus").await;
    official.refused("ModifyJobStepCheckpoint", &of(("NewCheckPoint", "1")), 403, "OperationDenied").await;
    official
        .refused(
            "ModifyDtsJob",
            &of(("DbList", r#"{"crm":{}}"#)),
            403,
            "DTS.Msg.ModifyDenied.JobStatusNotRunning",
        )
        .await;
    official.refused("ModifyDtsJobPassword", &of(("Endpoint", "src")), 400, "MissingPassword").await;
    official.refused("DescribeMetricList", &of(("MetricName", "cpu_total")), 403, "InvalidParameter").await;
    official.refused("CreateJobMonitorRule", &of(("Type", "full_timeout")), 403, "InvalidParameter").await;
    official.refused("UpgradeTwoWay", &[], 404, "InvalidApi.NotFound").await;
    official.refused("DescribePreCheckStatus", &of(("JobCode", "09")), 400, "InvalidParameter").await;
    official.refused("CreateDtsInstance", &[("Type", "SUBSCRIBE")], 403, "UnSupportedTaskType").await;
    official
        .refused(
            "CreateDtsInstance",
            &[("Type", "SYNC"), ("SyncArchitecture", "bidirectional")],
            403,
            "UnSupportedTaskType",
        )
        .await;
    official
        .refused(
            "CreateDtsInstance",
            &[("Type", "SYNC"), ("SourceEndpointEngineName", "oracle")],
            403,
            "UnSupportedTaskType",
        )
        .await;
    for (name, value, status, code) in [
        ("StructureInitialization", "false", 403, "InvalidParameter"),
        ("Checkpoint", "1700000000", 403, "InvalidParameter"),
        ("JobType", "CHECK", 403, "UnSupportedTaskType"),
        ("SourceEndpointIP", "", 400, "InvalidParameter"),
        ("SourceEndpointEngineName", "MSSQL", 403, "UnSupportedTaskType"),
        ("SourceEndpointPort", "many", 400, "InvalidParameter"),
        ("DbList", "{}", 400, "InvalidParameter"),
        ("DbList", r#"{"shop":{"Table":{"a":{"filter":"now() > 3"}}}}"#, 400, "InvalidParameter"),
        ("Reserve", r#"{"syncArchitecture":"bidirectional"}"#, 400, "InvalidParameter"),
    ] {
        let mut query = NOWHERE.to_vec();
        query.extend([("JobType", "SYNC"), ("DtsJobName", "two"), ("DbList", r#"{"shop":{}}"#)]);
        query.retain(|one| one.0 != name);
        query.push((name, value));
        official.refused("ConfigureDtsJob", &query, status, code).await;
    }
}

/// Terraform deletes twice; scripts ask again when an answer was lost.
#[tokio::test]
async fn what_is_asked_twice() {
    let official = Official::start("twice").await;
    let create = [("Type", "sync"), ("ClientToken", "once"), ("SourceRegion", "cn-hangzhou")];
    let made = official.ask("CreateDtsInstance", &create).await;
    let again = official.ask("CreateDtsInstance", &create).await;
    assert_eq!(made["InstanceId"], again["InstanceId"]);
    official
        .refused(
            "CreateDtsInstance",
            &[("Type", "SYNC"), ("ClientToken", "once")],
            400,
            "IdempotentParameterMismatch",
        )
        .await;
    let (job, instance) = (made["JobId"].as_str().unwrap(), made["InstanceId"].as_str().unwrap());
    assert_eq!(instance, format!("dts{job}"));
    let shown = official.ask("DescribeDtsJobDetail", &[("DtsInstanceID", instance)]).await;
    assert_eq!(
        (&shown["Status"], &shown["SourceEndpoint"]["Region"]),
        (&json!("NotConfigured"), &json!("cn-hangzhou"))
    );
    official.refused("StartDtsJob", &[("DtsJobId", job)], 403, "InvalidJobStatus").await;
    let detail = official.ask("DescribeDtsInstanceDetail", &[("DtsInstanceId", instance)]).await;
    assert_eq!(detail["DtsInstanceStatus"]["PayType"], "POSTPAY", "{detail}");
    assert_eq!(official.ask("DeleteDtsJob", &[("DtsInstanceId", instance)]).await["Success"], true);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let (status, answer) =
            official.call(Request::new("DescribeDtsJobDetail", &[("DtsJobId", job)])).await;
        if status == 404 {
            assert_eq!(answer["Code"], "Forbidden.InstanceNotFound");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
    }
    official.refused("DeleteDtsJob", &[("DtsJobId", job)], 404, "Forbidden.InstanceNotFound").await;
    official
        .refused("DeleteSynchronizationJob", &[("SynchronizationJobId", instance)], 404, "InvalidJobId")
        .await;
}

/// Nothing answers there, so the precheck fails: as far as a job gets without databases.
#[tokio::test]
async fn a_failed_precheck_is_shown() {
    let official = Official::start("precheck").await;
    let made = official.ask("CreateDtsInstance", &[("Type", "SYNC")]).await;
    let job = made["JobId"].as_str().unwrap();
    let mut query = NOWHERE.to_vec();
    query.extend([("JobType", "SYNC"), ("DtsJobName", "goes"), ("DtsJobId", job)]);
    // A job that was bought goes on by itself.
    let configure = Request::new("ConfigureDtsJob", &query).form(&[("DbList", r#"{"shop":{}}"#)]);
    assert_eq!(official.call(configure).await.0, 200);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let status = loop {
        let answer = official.ask("DescribePreCheckStatus", &[("DtsJobId", job), ("JobCode", "01")]).await;
        assert!(["Checking", "Failed"].contains(&answer["State"].as_str().unwrap()), "{answer}");
        if answer["State"] == "Failed" {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
    };
    assert!(status["ErrorItem"].as_i64().unwrap() > 0, "{status}");
    let items = status["JobProgress"].as_array().unwrap();
    let failed = items.iter().find(|item| item["State"] == "Failed").unwrap();
    assert!(
        failed["Item"].as_str().unwrap().starts_with("CHECK_") && failed["RepairMethod"].is_string(),
        "{failed}"
    );
    let detail = official.ask("DescribeDtsJobDetail", &[("DtsJobId", job)]).await;
    assert_eq!(
        (&detail["Status"], &detail["PrecheckStatus"]["Status"]),
        (&json!("PrecheckFailed"), &json!("Failed"))
    );
    if failed["CanSkip"] == false {
        let item = failed["Item"].as_str().unwrap();
        official
            .refused(
                "SkipPreCheck",
                &[("DtsJobId", job), ("Skip", "true"), ("SkipPreCheckItems", &format!("[\"{item}\"]"))],
                403,
                "InvalidJobStatus",
            )
            .await;
    }
    // What a reset does here is not what it does there, so somebody has to have said that it is right.
    let refused = official.refused("ResetDtsJob", &[("DtsJobId", job)], 403, "OperationDenied").await;
    assert!(refused["Message"].as_str().unwrap().contains("reset_drops_tables"), "{refused}");
    let tested = official.ask("DescribeConnectionStatus", &NOWHERE).await;
    assert_eq!(
        (&tested["Success"], &tested["SourceConnectionStatus"]["connectRes"]),
        (&json!("true"), &json!(false))
    );
    let body = json!({ "endpoint": { "url": "mysql://u@127.0.0.1:1/", "password": CANARY } }).to_string();
    let (status, text) =
        official.running.ask("POST", "/api/v1/connection", Some(&official.token), &body).await;
    assert!(status == 424 && !text.contains("canary"), "{status} {text}");
}

#[tokio::test]
async fn the_main_address_answers_it_for_its_host() {
    let host = OfficialApi { host: Some("dts.example".to_owned()), ..OfficialApi::default() };
    let official = Official::with("host", host).await;
    let list = Request::new("DescribeDtsJobs", &[]);
    for (host, status) in [("dts.example", 200), ("DTS.example:7370", 200), ("other.example", 404)] {
        let sent = Request { host, ..list.clone() }.in_header(&official.key);
        let (found, text) = answered(official.running.address, &sent).await;
        let is_official = text.contains("DtsJobList");
        assert_eq!(
            (is_official, is_official || found != 200),
            (status == 200, true),
            "{host}: {found} {text}"
        );
    }
    assert_eq!(
        official.running.ask("GET", "/healthz", None, "").await.0,
        200,
        "and its own API for all others"
    );
}

#[tokio::test]
async fn a_long_list_of_objects_has_room() {
    let official = Official::start("long").await;
    let tables: String =
        (0..18_000).map(|n| format!(r#","table_with_a_name_{n:05}":{{"all":true}}"#)).collect();
    let list = format!(r#"{{"shop":{{"Table":{{{}}}}}}}"#, &tables[1..]);
    assert!(list.len() > 650_000);
    let mut query = NOWHERE.to_vec();
    query.extend([("JobType", "SYNC"), ("DtsJobName", "long")]);
    let request = Request::new("ConfigureDtsJob", &query).form(&[("DbList", &list)]);
    let (status, answer) = official.call(request).await;
    assert_eq!(status, 200, "{answer}");
    let job = answer["DtsJobId"].as_str().unwrap();
    assert_eq!(official.ask("DescribeDtsJobDetail", &[("DtsJobId", job)]).await["DbObject"], list);
    let without = official.ask("DescribeDtsJobs", &[("JobType", "SYNC"), ("WithoutDbList", "True")]).await;
    assert_eq!(without["DtsJobList"][0].get("DbObject"), None);
}

/// Passwords are sealed, and nothing that was submitted holds one.
#[tokio::test]
async fn no_password_is_kept_in_the_clear() {
    let official = Official::start("clear").await;
    let job = official.configured("one", &[]).await;
    official
        .refused(
            "ModifyDtsJobEndpoint",
            &[
                ("DtsJobId", &job),
                ("Endpoint", "src"),
                ("EndpointInstanceType", "other"),
                ("Password", CANARY),
            ],
            403,
            "InvalidJobStatus",
        )
        .await;
    official
        .ask("ModifyDtsJobPassword", &[("DtsJobId", &job), ("Endpoint", "dest"), ("Password", CANARY)])
        .await;
    for file in ["store.sqlite", "store.sqlite-wal"] {
        let bytes = std::fs::read(official.running.folder.join(file)).unwrap();
        for secret in [CANARY, official.key.secret.as_str()] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{file}: {secret}");
        }
    }
}

/// What signs is sealed with the service's key, and goes on signing when that changes.
#[tokio::test]
async fn keys_outlive_a_new_key_of_the_store() {
    let official = Official::start("rotate").await;
    let settings = official.running.settings.clone();
    official.running.stop.cancel();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let folder = loop {
        match DataFolder::take(&settings) {
            Ok(folder) => break folder,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(folder.rotate_key().unwrap(), 1);
    drop(folder);
    let server = Server::open(&settings).await.unwrap();
    let address = server.official_address().unwrap().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(stop.clone()));
    let (status, text) =
        answered(address, &Request::new("DescribeDtsJobs", &[]).in_header(&official.key)).await;
    assert_eq!(status, 200, "{text}");
    stop.cancel();
    serving.await.unwrap().unwrap();
}

/// Another configuration takes the place of the one before, in what is told, too.
#[tokio::test]
async fn the_last_configuration_is_told() {
    let official = Official::start("again").await;
    let job =
        official.configured("one", &[("SourceEndpointOracleSID", "x"), ("SourceEndpointRegion", "r")]).await;
    let again = official.configured("two", &[("DtsJobId", &job)]).await;
    assert_eq!(again, job);
    let shown = official.ask("DescribeDtsJobDetail", &[("DtsJobId", &job)]).await;
    assert_eq!(shown["DtsJobName"], "two");
    let end = &shown["SourceEndpoint"];
    assert_eq!(
        (end.get("OracleSID"), end.get("Region"), &end["Ip"]),
        (None, None, &json!("127.0.0.1")),
        "{end}"
    );
}

/// Nothing large is taken in for somebody who is not known.
#[tokio::test]
async fn a_large_body_needs_a_key() {
    let official = Official::start("large").await;
    let nobody = Key { id: "TGNOBODY".to_owned(), secret: "wrong".to_owned() };
    let large = "x".repeat(100 << 10);
    let request = Request::new("ConfigureDtsJob", &[]).form(&[("DbList", &large)]);
    let (status, answer) = official.send(&request.in_header(&nobody)).await;
    assert_eq!((status, &answer["Code"]), (404, &json!("InvalidAccessKeyId.NotFound")), "{answer}");
    let sent = request.in_header(&official.key).replace("authorization: ", "x-authorization: ");
    let (status, answer) = official.send(&sent).await;
    assert_eq!((status, &answer["Code"]), (400, &json!("InvalidParameter")), "{answer}");
}

/// What the service keeps for itself nobody gives; what cannot match matches nothing.
#[tokio::test]
async fn what_is_not_in_the_contract_changes_nothing() {
    let official = Official::start("outside").await;
    let job = official.configured("one", &[("tidegate.reset", "18446744073709551615")]).await;
    let detail = official.ask("DescribeDtsJobDetail", &[("DtsJobId", &job)]).await;
    assert_eq!(detail["Status"], "NotStarted", "{detail}");
    for (engine, count) in [("MySQL", 1), ("Oracle", 0)] {
        let filter = [("JobType", "SYNC"), ("SrcDbType", engine)];
        let counted = official.ask("CountJobByCondition", &filter).await;
        assert_eq!(counted["TotalRecordCount"], count, "{engine}");
    }
    let summary = official.ask("SummaryJobDetail", &[("DtsJobId", &job), ("JobCode", "03")]).await;
    assert_eq!(summary["ProgressSummaryDetails"][0]["State"], 2, "{summary}");
    let eleven = [job.as_str(); 11].join(",");
    official.refused("DeleteDtsJobs", &[("DtsJobIds", &eleven)], 400, "InvalidParameter").await;
    official.refused("SkipPreCheck", &[("DtsJobId", &job), ("Skip", "true")], 403, "OperationDenied").await;
}
