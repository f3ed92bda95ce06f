//! Somebody who is told: a listener that takes one POST after the other.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use crate::link::DEADLINE;

pub(crate) struct Webhook {
    pub(crate) url: String,
    told: Receiver<Value>,
}

impl Webhook {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/canary-path", listener.local_addr().expect("an address"));
        let (sender, told) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.expect("a connection"));
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).expect("a header") > 2 {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                reader.get_mut().write_all(answer).expect("an answer");
                if sender.send(serde_json::from_slice(&body).expect("JSON")).is_err() {
                    return;
                }
            }
        });
        Self { url, told }
    }

    /// Waits for a message that fits.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let said = self.told.recv_timeout(left).unwrap_or_else(|_| panic!("nobody said {what}"));
            if fits(&said) {
                return;
            }
        }
    }

    /// Waits for a message of this kind about this instance; others may come before.
    #[track_caller]
    pub(crate) fn hears(&self, state: &str, kind: &str, name: Option<&str>) -> Value {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let said =
                self.told.recv_timeout(left).unwrap_or_else(|_| panic!("no {state} {kind} of {name:?}"));
            if said["state"] == state && said["kind"] == kind && said["name"].as_str() == name {
                return said;
            }
        }
    }
}
