//! The real program: started, used, ended, started again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it unwraps")]

mod program;

use std::process::Stdio;
use std::time::Duration;

use program::{BOOTSTRAP_KEY, Program, ended, serve, serve_with_key, vetd};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn healthz(address: &str) -> reqwest::StatusCode {
    reqwest::get(format!("{address}/healthz")).await.unwrap().status()
}

async fn connect(address: &str) -> std::io::Result<TcpStream> {
    TcpStream::connect(address.trim_start_matches("http://")).await
}

/// Reads up to and including `end`.
async fn read_to(client: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(tokio::time::timeout(Duration::from_secs(20), client.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(read).unwrap()
}

async fn read_to_end(client: &mut TcpStream) -> String {
    let mut read = String::new();
    tokio::time::timeout(Duration::from_secs(20), client.read_to_string(&mut read)).await.unwrap().unwrap();
    read
}

/// The error of an answer that is the envelope, with the same request id in head and body.
fn error_of(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let error = serde_json::from_str::<Value>(body).unwrap()["error"].take();
    let id = error["request_id"].as_str().unwrap();
    assert!(id.starts_with("req_") && head.contains(&format!("kyc-request-id: {id}")), "{answer}");
    error
}

async fn create_session(address: &str, key: &str) -> Value {
    let request = reqwest::Client::new().post(format!("{address}/v1/sessions")).bearer_auth(key);
    let answer = request.json(&serde_json::json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_first_start_shows_a_key_once_and_a_second_start_finds_everything() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut first = Program::start(serve(&data));
    let address = first.address();
    let key = first.read_to("ak_test_").trim().to_owned();
    assert!(first.read_to("curl").contains(&key));
    assert_eq!(healthz(&address).await, 200);
    let session = create_session(&address, &key).await;
    let (_, status) = first.end("TERM");
    assert_eq!(status.code(), Some(0));

    let mut second = Program::start(serve(&data));
    let address = second.address();
    let path = format!("{address}/v1/sessions/{}", session["id"].as_str().unwrap());
    let found = reqwest::Client::new().get(path).bearer_auth(&key).send().await.unwrap();
    assert_eq!(found.json::<Value>().await.unwrap()["id"], session["id"]);
    let (printed, status) = second.end("INT");
    assert!(!printed.contains("ak_test_"), "{printed}");
    assert_eq!(status.code(), Some(0));

    let mut audit = vetd(&["audit", "--json", "--data"]);
    audit.arg(&data);
    let report: Value = serde_json::from_slice(&audit.output().unwrap().stdout).unwrap();
    assert_eq!((&report["sound"], &report["sessions"]), (&true.into(), &1.into()), "{report}");
}

#[tokio::test]
async fn a_key_from_the_environment_is_adopted_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut program = Program::start(serve_with_key(dir.path()));
        let address = program.address();
        create_session(&address, BOOTSTRAP_KEY).await;
        let (printed, status) = program.end("TERM");
        assert!(!printed.contains(BOOTSTRAP_KEY), "{printed}");
        assert_eq!(status.code(), Some(0));
    }
}

#[tokio::test]
async fn listen_registers_itself_prints_what_arrives_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let listen = ["listen", "--port", "0", "--count", "1", "--url", &address, "--api-key", BOOTSTRAP_KEY];
    let mut listener = Program::start(vetd(&listen));
    listener.address();
    let session = create_session(&address, BOOTSTRAP_KEY).await;
    let (printed, status) = listener.wait();
    for part in ["verification.created", session["id"].as_str().unwrap(), "#1", "signature ok, chain ok"] {
        assert!(printed.contains(part), "{printed}");
    }
    assert_eq!(status.code(), Some(0));

    let endpoints = reqwest::Client::new().get(format!("{address}/v1/webhook_endpoints")).bearer_auth(BOOTSTRAP_KEY);
    let endpoints: Value = endpoints.send().await.unwrap().json().await.unwrap();
    assert_eq!(endpoints["data"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn each_kind_of_failure_has_its_exit_code_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = Program::start(serve(dir.path()));
    let address = running.address();
    let address = address.trim_start_matches("http://");
    let elsewhere = dir.path().join("elsewhere");

    let (code, said) = ended(serve(dir.path()));
    assert!(code == Some(4) && said.contains("in use by another process"), "{code:?} {said}");

    let mut taken = vetd(&["serve", "--listen", address, "--data"]);
    taken.arg(&elsewhere);
    let (code, said) = ended(taken);
    assert!(code == Some(5) && said.contains("another program uses this port"), "{code:?} {said}");
    assert!(!elsewhere.exists(), "a start that fails for its port makes nothing");

    let mut shifted = vetd(&["serve", "--listen", "0.0.0.0:0", "--data"]);
    shifted.arg(&elsewhere).env("VETD_CLOCK_OFFSET", "3600");
    let (code, said) = ended(shifted);
    assert!(code == Some(3) && said.contains("loopback"), "{code:?} {said}");

    assert_eq!(running.end("TERM").1.code(), Some(0));
    let mut other_key = serve(dir.path());
    other_key.env("VETD_MASTER_KEY", "00".repeat(32));
    let (code, said) = ended(other_key);
    assert!(code == Some(4) && said.contains("master key"), "{code:?} {said}");

    assert_eq!(ended(vetd(&["serve", "--no-such-flag"])).0, Some(2));
}

#[tokio::test]
async fn listen_verifies_the_four_events_of_a_plain_success() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let listen = ["listen", "--port", "0", "--count", "4", "--url", &address, "--api-key", BOOTSTRAP_KEY];
    let mut listener = Program::start(vetd(&listen));
    listener.address();
    let session = create_session(&address, BOOTSTRAP_KEY).await;
    let id = session["id"].as_str().unwrap();
    let simulate = reqwest::Client::new().post(format!("{address}/v1/test/sessions/{id}/simulate"));
    let simulate = simulate.bearer_auth(BOOTSTRAP_KEY).json(&json!({ "actions": ["load", "submit"] }));
    let done: Value = simulate.send().await.unwrap().json().await.unwrap();
    assert_eq!(done["status"], "completed");
    let (printed, status) = listener.wait();
    assert_eq!(status.code(), Some(0));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "{printed}");
    for (line, (kind, sequence)) in lines.iter().zip([
        ("verification.created", "#1"),
        ("verification.updated", "#2"),
        ("verification.updated", "#3"),
        ("verification.completed", "#4"),
    ]) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[1..], [kind, id, sequence, "signature", "ok,", "chain", "ok"], "{printed}");
    }
    assert_eq!(server.end("TERM").1.code(), Some(0));
}

#[tokio::test]
async fn listen_refuses_a_wrong_key_with_the_server_s_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let listen = ["listen", "--port", "0", "--url", &address, "--api-key", "ak_test_zzzzzzzzzzzzzzzzzzzzzzzz"];
    let (code, said) = ended(vetd(&listen));
    assert!(code == Some(1) && said.contains("invalid_api_key"), "{code:?} {said}");
}

#[tokio::test]
async fn probes_answer_and_what_is_not_http_gets_the_envelope() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    assert_eq!(healthz(&address).await, 200);
    let ready = reqwest::get(format!("{address}/readyz")).await.unwrap();
    assert!(ready.status() == 200 && ready.headers().contains_key("kyc-request-id"));

    let malformed: [&[u8]; 4] = [
        b"GET /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\x00b\r\n\r\n",
        b"GET /v1/sessions HTTP/1.1\r\nHost: x\r\nBad Name: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n",
    ];
    for request in malformed {
        let mut client = connect(&address).await.unwrap();
        client.write_all(request).await.unwrap();
        let answer = read_to_end(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
        assert_eq!(error_of(&answer)["code"], "validation_error");
    }
    // A path and a method that do not exist, and a body that is not JSON, over the same socket.
    let mut client = connect(&address).await.unwrap();
    let key = format!("Host: x\r\nAuthorization: Bearer {BOOTSTRAP_KEY}\r\nContent-Type: application/json\r\n");
    for (request, code) in [
        (format!("GET /v2 HTTP/1.1\r\n{key}\r\n"), "not_found"),
        (format!("PUT /v1/sessions HTTP/1.1\r\n{key}Content-Length: 2\r\n\r\n{{}}"), "method_not_allowed"),
        (format!("POST /v1/sessions HTTP/1.1\r\n{key}Content-Length: 2\r\n\r\n{{\"",), "validation_error"),
    ] {
        client.write_all(request.as_bytes()).await.unwrap();
        let head = read_to(&mut client, "\r\n\r\n").await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        client.read_exact(&mut body).await.unwrap();
        let answer = format!("{head}{}", String::from_utf8(body).unwrap());
        assert_eq!(error_of(&answer)["code"], code, "{answer}");
    }
    assert_eq!(server.end("TERM").1.code(), Some(0));
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    let mut client = connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BOOTSTRAP_KEY}\r\n\
         Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is under way.
    assert!(read_to(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
    server.signal("TERM");
    // The door is closed once nobody new is let in.
    let closed = async {
        while connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap();
    client.write_all(b"{}").await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(server.wait().1.code(), Some(0));

    let mut audit = vetd(&["audit", "--json", "--data"]);
    let report = audit.arg(dir.path()).output().unwrap();
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!((&report["sound"], &report["sessions"]), (&true.into(), &1.into()), "{report}");
}

#[tokio::test]
async fn audit_says_what_it_found_and_leaves_a_running_server_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let address = server.address();
    create_session(&address, BOOTSTRAP_KEY).await;
    let audit = || {
        let mut audit = vetd(&["audit", "--data"]);
        audit.arg(dir.path()).stdout(Stdio::piped());
        audit
    };
    let (code, said) = ended(audit());
    assert!(code == Some(4) && said.contains("in use by another process"), "{code:?} {said}");
    assert_eq!(healthz(&address).await, 200);
    assert_eq!(server.end("TERM").1.code(), Some(0));
    let output = audit().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.trim(), "1 sessions, 1 events, 0 idempotency records: everything holds");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn a_shifted_clock_moves_deadlines_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Program::start(serve_with_key(dir.path()));
    let session = create_session(&server.address(), BOOTSTRAP_KEY).await;
    assert_eq!(server.end("TERM").1.code(), Some(0));
    let mut later = serve_with_key(dir.path());
    later.env("VETD_CLOCK_OFFSET", "1800");
    let mut server = Program::start(later);
    let address = server.address();
    let path = format!("{address}/v1/sessions/{}", session["id"].as_str().unwrap());
    let expired = async {
        loop {
            let found = reqwest::Client::new().get(&path).bearer_auth(BOOTSTRAP_KEY).send().await.unwrap();
            if found.json::<Value>().await.unwrap()["status"] == "expired" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), expired).await.unwrap();
    assert_eq!(server.end("TERM").1.code(), Some(0));
}

#[tokio::test]
async fn rate_limits_are_settings() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = serve_with_key(dir.path());
    command.args(["--rate-limit-read", "1/h"]).env("VETD_RATE_LIMIT_WRITE", "2/h");
    let mut server = Program::start(command);
    let address = server.address();
    let list = || reqwest::Client::new().get(format!("{address}/v1/sessions")).bearer_auth(BOOTSTRAP_KEY).send();
    let first = list().await.unwrap();
    assert_eq!((first.status().as_u16(), &first.headers()["ratelimit-limit"]), (200, &"1".parse().unwrap()));
    assert_eq!(list().await.unwrap().status(), 429);
    create_session(&address, BOOTSTRAP_KEY).await;
    assert_eq!(server.end("TERM").1.code(), Some(0));

    let mut command = serve(dir.path());
    command.args(["--rate-limit-read", "fast"]);
    let (code, message) = ended(command);
    assert_eq!(code, Some(3));
    assert!(message.contains("rate_limit_read") && message.contains("50/s"), "{message}");
}
