//! Every route, without and with somebody who may.

use std::net::SocketAddr;
use std::path::PathBuf;
use tidegate_service::folder::Surroundings;
use tidegate_service::server::Server;
use tidegate_service::settings::{Given, Limits, Settings, SettingsFile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Whoever asks may have these.
const OPEN: [(&str, &str); 5] = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/v1/login"),
    ("POST", "/api/v1/session"),
    ("GET", "/api/v1/openapi.json"),
];

/// All others, as the document has them: the routes are made together with it.
fn guarded() -> Vec<(String, String)> {
    let document: serde_json::Value = serde_json::from_str(&tidegate_service::http::document()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path
                .replace("{command}", "start")
                .replace("{id}", "x")
                .replace("{name}", "x")
                .replace("{item}", "X")
                .replace("{key}", "X");
            assert!(!path.contains('{'), "{path}: say what stands there");
            found.push((method.to_uppercase(), path));
        }
    }
    found.retain(|(method, path)| !OPEN.contains(&(method, path)));
    found
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Of the official API, if it has one.
    pub(crate) official: Option<SocketAddr>,
    pub(crate) password: String,
    pub(crate) folder: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) stop: CancellationToken,
}

impl Running {
    async fn start(name: &str) -> Self {
        Self::with(name, Limits::default()).await
    }

    async fn with(name: &str, limits: Limits) -> Self {
        Self::with_settings(name, SettingsFile { limits, ..SettingsFile::default() }, None).await
    }

    pub(crate) async fn with_settings(
        name: &str,
        file: SettingsFile,
        official_listen: Option<SocketAddr>,
    ) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-routes-{name}-{}", std::process::id()));
        let given = Given {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            data_dir: Some(folder.clone()),
            key_file: None,
            official_listen,
        };
        let settings = Settings::resolve(given, file, &Surroundings::default()).unwrap();
        let server = Server::open(&settings).await.unwrap();
        assert!(Server::open(&settings).await.is_err(), "one process a folder");
        let (address, password) = (server.address().unwrap(), server.first_password.clone().unwrap());
        let official = server.official_address().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(stop.clone()));
        Self { address, official, password, folder, settings, stop }
    }

    /// Status and body.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> (u16, String) {
        self.ask_with(method, path, token, body, "").await
    }

    /// With a header line more.
    async fn ask_with(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
        header: &str,
    ) -> (u16, String) {
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{token}{header}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    pub(crate) async fn log_in(&self, password: &str) -> (u16, serde_json::Value) {
        let body = serde_json::json!({ "account": "admin", "password": password }).to_string();
        let (status, text) = self.ask("POST", "/api/v1/login", None, &body).await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let running = Running::start("auth").await;
    let guarded = guarded();
    assert!(guarded.len() > 10);
    for (method, path) in &guarded {
        for token in [None, Some("guessed")] {
            let (status, text) = running.ask(method, path, token, "{}").await;
            assert_eq!(status, 401, "{method} {path}: {text}");
            assert!(text.contains("TG-7004"), "{text}");
        }
    }
    for (method, path) in OPEN.into_iter().filter(|(method, _)| *method == "GET") {
        assert_eq!(running.ask(method, path, None, "").await.0, 200, "{path}");
    }
    assert_eq!(running.ask("GET", "/nothing", None, "").await.0, 404);
    let (status, got) = running.log_in(&running.password).await;
    assert_eq!((status, &got["role"]), (200, &"admin".into()), "{got}");
    let token = got["token"].as_str().unwrap();
    // A stream of events has no end.
    for (method, path) in guarded.iter().filter(|(_, path)| path != "/api/v1/events") {
        let (status, text) = running.ask(method, path, Some(token), "{}").await;
        assert!(matches!(status, 200 | 204 | 400 | 404 | 422), "{method} {path}: {status} {text}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let running = Running::start("wrong").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let end = r#"{"url": "mysql://u@127.0.0.1:1/"}"#;
    for (method, path, body, status, says) in [
        ("POST", "/api/v1/instances", "{", 400, "EOF"),
        ("POST", "/api/v1/instances", r#"{"name": "a"}"#, 422, "missing field `kind`"),
        (
            "POST",
            "/api/v1/instances",
            &format!(r#"{{"name":"a b","kind":"sync","source":{end},"target":{end}}}"#),
            400,
            "name: ",
        ),
        (
            "POST",
            "/api/v1/instances",
            &format!(r#"{{"name":"a","kind":"tracking","source":{end},"target":{end}}}"#),
            422,
            "tracking",
        ),
        (
            "POST",
            "/api/v1/instances",
            &format!(r#"{{"name":"a","kind":"sync","full_only":true,"source":{end},"target":{end}}}"#),
            400,
            "full_only",
        ),
        (
            "POST",
            "/api/v1/instances",
            &format!(r#"{{"name":"a","kind":"sync","color":1,"source":{end},"target":{end}}}"#),
            422,
            "color",
        ),
        (
            "POST",
            "/api/v1/instances",
            r#"{"name":"a","kind":"sync","source":{"url":"mysql://u:canary@h/"},"target":{"url":"x"}}"#,
            400,
            "password",
        ),
        ("GET", "/api/v1/instances?status=Sleeping", "", 400, "Sleeping"),
        ("GET", "/api/v1/instances?colour=1", "", 400, "colour"),
        ("POST", "/api/v1/instances/x/dance", "{}", 404, "dance"),
        ("POST", "/api/v1/instances/x/start", r#"{"generation": "one"}"#, 422, "generation"),
        ("GET", "/api/v1/instances/x", "", 404, "TG-7001"),
    ] {
        let (found, text) = running.ask(method, path, Some(&token), body).await;
        assert_eq!(found, status, "{path} {body}: {text}");
        assert!(text.contains(says) && !text.contains("canary"), "{path} {body}: {text}");
    }
}

#[tokio::test]
async fn guessing_is_slow() {
    let running = Running::start("guess").await;
    // Side by side, too.
    let tries = (0..12).map(|_| running.log_in("wrong"));
    let answers: Vec<u16> =
        futures_util::future::join_all(tries).await.into_iter().map(|one| one.0).collect();
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5, "{answers:?}");
    let (status, got) = running.log_in(&running.password).await;
    assert_eq!(status, 429, "{got}");
}

#[tokio::test]
async fn roles_hold() {
    let running = Running::start("roles").await;
    let admin = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    for (name, role, password, status) in [
        ("eve", "viewer", "long-enough-1", 200),
        ("otto", "operator", "long-enough-2", 200),
        ("short", "viewer", "short", 400),
        ("a b", "viewer", "long-enough-3", 400),
        ("max", "king", "long-enough-4", 400),
    ] {
        let body = serde_json::json!({ "role": role, "password": password }).to_string();
        let path = format!("/api/v1/accounts/{}", name.replace(' ', "%20"));
        let (found, text) = running.ask("PUT", &path, Some(&admin), &body).await;
        assert_eq!(found, status, "{name}: {text}");
        assert!(!text.contains(password), "{text}");
    }
    let mut tokens = Vec::new();
    for (name, password) in [("eve", "long-enough-1"), ("otto", "long-enough-2")] {
        let body = serde_json::json!({ "account": name, "password": password }).to_string();
        let (status, text) = running.ask("POST", "/api/v1/login", None, &body).await;
        assert_eq!(status, 200, "{text}");
        let got: serde_json::Value = serde_json::from_str(&text).unwrap();
        tokens.push(got["token"].as_str().unwrap().to_owned());
    }
    let (viewer, operator) = (tokens[0].as_str(), tokens[1].as_str());
    for (method, path, body, token, status) in [
        ("GET", "/api/v1/instances", "", viewer, 200),
        ("POST", "/api/v1/instances/x/start", "{}", viewer, 403),
        ("POST", "/api/v1/instances/x/start", "{}", operator, 404),
        ("GET", "/api/v1/accounts", "", operator, 403),
        ("PUT", "/api/v1/accounts/eve", r#"{"role":"admin","password":"long-enough-9"}"#, operator, 403),
        ("DELETE", "/api/v1/accounts/admin", "", operator, 403),
        ("DELETE", "/api/v1/accounts/admin", "", &admin, 409),
        ("DELETE", "/api/v1/accounts/eve", "", &admin, 204),
        ("GET", "/api/v1/instances", "", viewer, 401),
    ] {
        let (found, text) = running.ask(method, path, Some(token), body).await;
        assert_eq!(found, status, "{method} {path}: {text}");
    }
    let (status, text) = running.ask("POST", "/api/v1/keys", Some(operator), "").await;
    let key: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &key["expires_at"]), (200, &serde_json::Value::Null));
    assert_eq!(running.ask("GET", "/api/v1/instances", key["token"].as_str(), "").await.0, 200);
}

/// A stored password is not sent to another server than the one it was given for.
#[tokio::test]
async fn a_password_stays_with_its_url() {
    let running = Running::start("url").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let spec = |name: &str, url: &str, password: Option<&str>| {
        let mut end = serde_json::json!({ "url": url });
        if let Some(password) = password {
            end["password"] = password.into();
        }
        serde_json::json!({ "name": name, "kind": "sync", "source": end, "target": end }).to_string()
    };
    let first = "mysql://u@127.0.0.1:1/";
    let body = spec("a", first, Some("secret"));
    assert_eq!(running.ask("POST", "/api/v1/instances", Some(&token), &body).await.0, 201);
    let kept = || passwords(&running.folder);
    assert_eq!(kept(), 1);
    let body = spec("a", first, None);
    assert_eq!(running.ask("PUT", "/api/v1/instances/a", Some(&token), &body).await.0, 200);
    assert_eq!(kept(), 1, "the same URL keeps it");
    let body = spec("a", "mysql://u@127.0.0.1:2/", None);
    assert_eq!(running.ask("PUT", "/api/v1/instances/a", Some(&token), &body).await.0, 200);
    assert_eq!(kept(), 0, "another URL does not");
}

/// Instances that have both passwords.
fn passwords(folder: &std::path::Path) -> i64 {
    let store = rusqlite::Connection::open(folder.join("store.sqlite")).unwrap();
    let question =
        "SELECT COUNT(*) FROM instance WHERE source_password IS NOT NULL AND target_password IS NOT NULL";
    store.query_row(question, [], |row| row.get(0)).unwrap()
}

/// Whoever takes up a connection and says nothing is let go, and who finds no place gets one then.
#[tokio::test]
async fn a_silent_client_is_let_go() {
    let limits = Limits { connections: 1, header_seconds: 1, ..Limits::default() };
    let running = Running::with("silent", limits).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    assert_eq!(running.ask("GET", "/healthz", None, "").await.0, 200);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn asking_too_often_is_refused() {
    let limits = Limits { requests_per_second: 1, ..Limits::default() };
    let running = Running::with("often", limits).await;
    let mut answers = Vec::new();
    for _ in 0..15 {
        answers.push(running.ask("GET", "/healthz", None, "").await.0);
    }
    assert_eq!((answers[0], answers[14]), (200, 429), "{answers:?}");
}

/// The answer got lost, so it is asked again: it is done once, and answered the same.
#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    let running = Running::start("once").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let body = |name: &str| {
        let end = serde_json::json!({ "url": "mysql://u@127.0.0.1:1/" });
        serde_json::json!({ "name": name, "kind": "sync", "source": end, "target": end }).to_string()
    };
    let make = async |name: &str, key: &str| {
        let header = format!("Idempotency-Key: {key}\r\n");
        running.ask_with("POST", "/api/v1/instances", Some(&token), &body(name), &header).await
    };
    let first = make("a", "one").await;
    assert_eq!(first.0, 201, "{}", first.1);
    assert_eq!(make("a", "one").await, first);
    assert_eq!(make("a", "two").await.0, 409, "another key is another request");
    assert_eq!(make("b", "one").await.0, 422, "one key, two requests");
    assert_eq!(make("c", &"k".repeat(201)).await.0, 400);
    // Side by side there is one that does it.
    let answers = futures_util::future::join_all((0..8).map(|_| make("d-1", "four"))).await;
    let statuses: Vec<u16> = answers.iter().map(|one| one.0).collect();
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    let (_, list) = running.ask("GET", "/api/v1/instances?search=d-1&limit=1", Some(&token), "").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["instances"][0]["name"], "d-1", "{list}");
}

/// Whoever goes away before the answer finds it when asking again; and nothing is kept for somebody unknown.
#[tokio::test]
async fn an_answer_waits_for_who_went_away() {
    let running = Running::start("away").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let end = serde_json::json!({ "url": "mysql://u@127.0.0.1:1/" });
    let body = serde_json::json!({ "name": "a", "kind": "sync", "source": end, "target": end }).to_string();
    let header = "Idempotency-Key: one\r\n";
    for _ in 0..5 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request = format!(
            "POST /api/v1/instances HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\n{header}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let (status, text) = running.ask_with("POST", "/api/v1/instances", Some(&token), &body, header).await;
        if status == 201 {
            break;
        }
        assert!(
            status == 409 && text.contains("under way") && std::time::Instant::now() < deadline,
            "{text}"
        );
    }
    let kept = || {
        let store = rusqlite::Connection::open(running.folder.join("store.sqlite")).unwrap();
        store.query_row("SELECT COUNT(*) FROM answer", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(kept(), 1);
    let unknown = running.ask_with("POST", "/api/v1/instances/x/y/z", None, "{}", header).await;
    assert_eq!((unknown.0, kept()), (404, 1));
}

#[tokio::test]
async fn lists_are_sorted_and_cut() {
    let running = Running::start("lists").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    for (name, kind) in [("b", "sync"), ("a", "migration"), ("c-1", "sync")] {
        let end = serde_json::json!({ "url": "mysql://u@127.0.0.1:1/" });
        let body =
            serde_json::json!({ "name": name, "kind": kind, "source": end, "target": end }).to_string();
        assert_eq!(running.ask("POST", "/api/v1/instances", Some(&token), &body).await.0, 201);
    }
    for (query, names, total) in [
        ("", "a b c-1", 3),
        ("?order=descending", "c-1 b a", 3),
        ("?sort=created_at", "b a c-1", 3),
        ("?limit=1&offset=1", "b", 3),
        ("?kind=sync", "b c-1", 2),
        ("?search=C-", "c-1", 1),
        ("?status=Paused", "", 0),
        ("?region=local", "", 0),
    ] {
        let (status, text) = running.ask("GET", &format!("/api/v1/instances{query}"), Some(&token), "").await;
        assert_eq!(status, 200, "{query}: {text}");
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let found: Vec<&str> =
            list["instances"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!((found.join(" ").as_str(), &list["total"]), (names, &total.into()), "{query}");
    }
    assert_eq!(running.ask("GET", "/api/v1/instances?limit=2000", Some(&token), "").await.0, 400);
}

#[tokio::test]
async fn figures_and_events_are_told() {
    let running = Running::start("told").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let (status, text) = running.ask("GET", "/metrics", Some(&token), "").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("tidegate_instances{status=\"Paused\"} 0") && text.ends_with("# EOF\n"), "{text}");
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    hears(&mut stream, &mut heard, "event-stream").await;
    let end = serde_json::json!({ "url": "mysql://u@127.0.0.1:1/" });
    let body = serde_json::json!({ "name": "a", "kind": "sync", "source": end, "target": end }).to_string();
    assert_eq!(running.ask("POST", "/api/v1/instances", Some(&token), &body).await.0, 201);
    assert_eq!(running.ask("POST", "/api/v1/instances/a/precheck", Some(&token), "{}").await.0, 200);
    hears(&mut stream, &mut heard, "\"event\":\"precheck failed\"").await;
    hears(&mut stream, &mut heard, "event: instances").await;
}

/// Transitions do not put off what is told once a second.
#[tokio::test]
async fn a_busy_stream_tells_what_runs() {
    let running = Running::start("busy").await;
    let token = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let end = serde_json::json!({ "url": "mysql://u@127.0.0.1:1/" });
    let made = async {
        for number in 0.. {
            let name = format!("n{number}");
            let body = serde_json::json!({ "name": name, "kind": "sync", "source": end, "target": end });
            let (status, text) =
                running.ask("POST", "/api/v1/instances", Some(&token), &body.to_string()).await;
            assert_eq!(status, 201, "{text}");
            let path = format!("/api/v1/instances/{name}/precheck");
            assert_eq!(running.ask("POST", &path, Some(&token), "{}").await.0, 200);
        }
    };
    let heard = async {
        for _ in 0..3 {
            hears(&mut stream, &mut String::new(), "event: instances").await;
        }
    };
    tokio::select! {
        () = made => unreachable!("it goes on for ever"),
        () = heard => {}
    }
}

/// A stream ends with the right to listen.
#[tokio::test]
async fn who_is_removed_hears_no_more() {
    let running = Running::start("removed").await;
    let admin = running.log_in(&running.password).await.1["token"].as_str().unwrap().to_owned();
    let body = r#"{"role":"viewer","password":"long-enough-1"}"#;
    assert_eq!(running.ask("PUT", "/api/v1/accounts/eve", Some(&admin), body).await.0, 200);
    let body = r#"{"account":"eve","password":"long-enough-1"}"#;
    let (_, text) = running.ask("POST", "/api/v1/login", None, body).await;
    let got: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let token = got["token"].as_str().unwrap();
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    hears(&mut stream, &mut heard, "event: instances").await;
    assert_eq!(running.ask("DELETE", "/api/v1/accounts/eve", Some(&admin), "").await.0, 204);
    hears(&mut stream, &mut heard, "\r\n0\r\n\r\n").await;
}

async fn hears(stream: &mut TcpStream, heard: &mut String, part: &str) {
    let listening = async {
        while !heard.contains(part) {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "it ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    let heard_it = tokio::time::timeout(std::time::Duration::from_secs(30), listening).await;
    assert!(heard_it.is_ok(), "no '{part}'");
}
