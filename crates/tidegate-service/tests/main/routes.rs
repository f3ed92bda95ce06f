//! Every route, without and with somebody who may.

use std::net::SocketAddr;
use std::path::PathBuf;
use tidegate_service::server::{Server, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// All of them, but those that anybody may ask: a new route has to be put down here.
const GUARDED: [(&str, &str); 12] = [
    ("GET", "/api/v1/instances"),
    ("POST", "/api/v1/instances"),
    ("GET", "/api/v1/instances/x"),
    ("GET", "/api/v1/instances/x/history"),
    ("GET", "/api/v1/instances/x/cleanup"),
    ("POST", "/api/v1/instances/x/cleanup"),
    ("PUT", "/api/v1/instances/x"),
    ("POST", "/api/v1/instances/x/duplicate"),
    ("POST", "/api/v1/instances/x/rename"),
    ("POST", "/api/v1/instances/x/passwords"),
    ("POST", "/api/v1/instances/x/start"),
    ("POST", "/api/v1/instances/x/terminate"),
];
const OPEN: [(&str, &str); 2] = [("GET", "/healthz"), ("GET", "/readyz")];

struct Running {
    address: SocketAddr,
    password: String,
    folder: PathBuf,
    stop: CancellationToken,
}

impl Running {
    async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-routes-{name}-{}", std::process::id()));
        let settings =
            Settings { listen: "127.0.0.1:0".parse().unwrap(), data_dir: folder.clone(), key_file: None };
        let server = Server::open(&settings).await.unwrap();
        assert!(Server::open(&settings).await.is_err(), "one process a folder");
        let (address, password) = (server.address().unwrap(), server.first_password.clone().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(stop.clone()));
        Self { address, password, folder, stop }
    }

    /// Status and body.
    async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{token}\
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

    async fn log_in(&self, password: &str) -> (u16, serde_json::Value) {
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
    for (method, path) in GUARDED {
        for token in [None, Some("guessed")] {
            let (status, text) = running.ask(method, path, token, "{}").await;
            assert_eq!(status, 401, "{method} {path}: {text}");
            assert!(text.contains("TG-7004"), "{text}");
        }
    }
    for (method, path) in OPEN {
        assert_eq!(running.ask(method, path, None, "").await.0, 200, "{path}");
    }
    assert_eq!(running.ask("GET", "/nothing", None, "").await.0, 404);
    let (status, got) = running.log_in(&running.password).await;
    assert_eq!((status, &got["role"]), (200, &"admin".into()), "{got}");
    let token = got["token"].as_str().unwrap();
    for (method, path) in GUARDED {
        let (status, text) = running.ask(method, path, Some(token), "{}").await;
        assert!(matches!(status, 200 | 404 | 422), "{method} {path}: {status} {text}");
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
            501,
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
    for _ in 0..5 {
        assert_eq!(running.log_in("wrong").await.0, 401);
    }
    let (status, got) = running.log_in(&running.password).await;
    assert_eq!(status, 429, "{got}");
}
